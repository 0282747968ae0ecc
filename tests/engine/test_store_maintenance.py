"""What may go from the store, and what stays: by age, by receipts, by whose text it is."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Small
from hypothesis import given, settings
from hypothesis import strategies as st
from support.standin import StandIn

from piste.engine import amending, receipts, states, store_maintenance
from piste.engine.store import Record, Store
from piste.engine.store_maintenance import KEPT, REPLY, TEXT, Item, Plan
from piste.system.errors import UserError

DAY = 86_400  # seconds
NOW = time.time()


def age(store: Store, days: float) -> None:
    """Let everything have been of use so long ago."""
    for path in store.folder.rglob("*"):
        if path.is_file():
            os.utime(path, (NOW - days * DAY,) * 2)


def swept(small: Small, days: float = 90) -> Plan:
    """Plan and carry out."""
    store = small.world().store
    plan = store_maintenance.plan(store, NOW - days * DAY)
    store_maintenance.remove(store, plan.gone, NOW - days * DAY)
    return plan


def kinds(plan: Plan) -> set[str]:
    return {item.kind for item in plan.gone}


def test_what_is_young_stays(small: Small) -> None:
    small.make()
    store = small.world().store
    age(store, 89)
    assert swept(small).gone == []


def test_what_a_receipt_names_stays_however_old(small: Small) -> None:
    small.make()
    age(small.world().store, 1000)
    plan = swept(small)
    assert plan.gone == []
    assert {item.kind for item in plan.held} == {REPLY, TEXT}
    assert plan.needs.projects == (small.root,)
    (small.root / "note.md").unlink()
    assert small.make().event == "restored"


def test_what_no_receipt_names_any_more_goes(small: Small) -> None:
    small.make()
    old = small.decide()
    age(small.world().store, 91)
    small.write("in.md", "# Other\n\nWords.\n")
    small.make()
    plan = swept(small)
    assert kinds(plan) == {REPLY, TEXT}
    store = small.world().store
    assert store.replies(old.key) == []
    assert not (store.folder / "replies" / old.key).exists()
    assert small.decide().state == states.FRESH
    (small.root / "note.md").unlink()
    assert small.make().event == "restored"


@pytest.mark.parametrize("how", ["taken", "restored", "adopted"])
def test_what_is_of_use_is_young_again(small: Small, how: str) -> None:
    small.make()
    age(small.world().store, 91)
    receipt = small.root / ".piste/receipts/note.md.json"
    if how != "restored":
        receipt.unlink()
    if how != "adopted":
        (small.root / "note.md").unlink()
    if how == "taken":  # the log would bring the text back
        (small.root / ".piste/log.jsonl").unlink()
    event = small.make().event
    assert event == how
    receipt.unlink()
    used = [item for item in store_maintenance.items(small.world().store) if item.used > NOW - DAY]
    assert used


def test_a_text_of_a_person_never_goes(small: Small) -> None:
    small.make()
    small.write("note.md", "# Mine\n")
    small.make(overwrite=True)
    store = small.world().store
    (record,) = store.kept(str(small.root), "note.md")
    (small.root / ".piste/receipts/note.md.json").unlink()
    age(store, 10_000)
    assert KEPT not in kinds(swept(small))
    assert store.blob(record.blob) == b"# Mine\n"


def test_an_edited_target_is_needed_as_it_stands(small: Small) -> None:
    small.make()
    small.write("note.md", "# Mine\n")
    small.accept()
    age(small.world().store, 1000)
    swept(small)
    (small.root / "note.md").unlink()
    assert small.make().event == "restored"
    assert small.read() == "# Mine\n"


def test_marks_do_not_hide_what_is_needed(small: Small) -> None:
    """The digest of a todo is not that of its bytes."""
    small.settings(rule='kind = "todo"')
    small.make()
    text = small.read()
    age(small.world().store, 1000)
    assert swept(small).gone == []
    (small.root / "note.md").unlink()
    assert small.make().event == "restored"
    assert small.read() == text


def test_a_receipt_that_cannot_be_read_stops_it(small: Small) -> None:
    small.make()
    (small.root / ".piste/receipts/note.md.json").write_text("{")
    age(small.world().store, 1000)
    with pytest.raises(UserError, match=r"note\.md\.json is damaged"):
        store_maintenance.plan(small.world().store, NOW)


def test_a_project_that_is_gone_holds_nothing(small: Small) -> None:
    small.make()
    store = small.world().store
    age(store, 1000)
    small.root.rename(small.root.with_name("elsewhere"))
    plan = store_maintenance.plan(store, NOW)
    assert plan.needs.projects == ()
    assert len(plan.gone) == len(list(store_maintenance.items(store)))


def test_what_became_of_use_meanwhile_stays(small: Small) -> None:
    small.make()
    store = small.world().store
    (small.root / ".piste/receipts/note.md.json").unlink()
    age(store, 1000)
    plan = store_maintenance.plan(store, NOW - DAY)
    os.utime(plan.gone[0].path)
    freed = store_maintenance.remove(store, plan.gone, NOW - DAY)
    assert plan.gone[0].path.exists()
    assert freed == sum(item.size for item in plan.gone[1:])
    assert store_maintenance.remove(store, plan.gone, NOW - DAY) == 0


def test_damage_is_found_in_every_kind(small: Small) -> None:
    small.settings(rule='kind = "todo"')
    small.write("in.md", "# In\n\n- [ ] one\n")
    small.make()
    store = small.world().store
    store.keep(b"mine", Record("", "note.md", "2026-01-01T00:00:00.000Z", project="/p"))
    assert list(store_maintenance.damaged(store)) == []
    for item in list(store_maintenance.items(store)):
        data = item.path.read_bytes()
        item.path.write_bytes(data[:-2])
        assert item.path in {one.path for one in store_maintenance.damaged(store)}
        item.path.write_bytes(data)
    assert list(store_maintenance.damaged(store)) == []


@pytest.mark.parametrize("name", ["../../x", "x", "0" * 32])
def test_the_list_of_projects_believes_no_other_name(small: Small, name: str) -> None:
    small.make()
    store = small.world().store
    assert store.projects() == [small.root]
    path = store.folder / "projects" / name.replace("/", "_")
    path.write_text("/etc")
    assert store.projects() == [small.root]


def test_nothing_goes_but_what_has_a_stores_name_and_form(tmp_path: Path) -> None:
    store, digest = Store(tmp_path / "store"), "ab" * 32
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / digest).write_text("somebody's")
    (store.folder / "blobs/ab").mkdir(parents=True)
    (store.folder / "texts").symlink_to(outside)
    (store.folder / "blobs/notes.md").write_text("somebody's")
    (store.folder / "blobs/ab" / digest).symlink_to(outside / digest)
    (store.folder / "blobs/ab/notes.md").write_text("somebody's")
    assert list(store_maintenance.items(store)) == []


def test_a_digest_in_a_receipt_that_is_a_path_is_not_looked_for(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    (store.folder / "texts").mkdir(parents=True)
    (tmp_path / "key").write_text("secret")
    for digest in ("../../key", str(tmp_path / "key"), "../texts/" + "0" * 54):
        assert store.pointed(digest) == ""
        assert store.text(digest) is None


@settings(deadline=None)
@given(st.text(max_size=6), st.binary(max_size=40))
def test_strange_files_in_a_store_do_no_harm(name: str, data: bytes) -> None:
    import tempfile

    name = "".join(c for c in name if c not in "/\0") or "x"
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        for part in ("replies/k", "blobs/ab", "texts", "kept", "projects"):
            place = Path(folder, part)
            place.mkdir(parents=True)
            try:
                (place / name).write_bytes(data)
            except (OSError, ValueError):
                return
        assert list(store_maintenance.items(store)) == []
        list(store_maintenance.damaged(store))
        store_maintenance.plan(store, NOW + DAY)


# Beside a build -------------------------------------------------------------------------


def reply(store: Store, key: str, text: str = "Paid.") -> Path:
    record = store.put_reply(key, text, Record("", "note.md", "2026-01-01T00:00:00.000Z"))
    return store.folder / "replies" / key / record.file


def test_what_a_build_puts_there_meanwhile_is_not_called_damaged(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build is busy while the store is read: at each entry one more comes, and one goes."""
    store = small.world().store
    listed = store_maintenance.items
    paths = [reply(store, f"{number:064x}") for number in range(3)]

    def busy(_: Store) -> Iterator[Item]:
        for number, item in enumerate([*listed(store)]):
            yield item
            new = reply(store, f"{number + 10:064x}")
            yield from (found for found in listed(store) if found.path == new)
            store.put_text("0" * 63 + str(number), b"a text")
        paths[-1].unlink()
        yield Item(REPLY, paths[-1], "x", 1, 0.0)

    monkeypatch.setattr(store_maintenance, "items", busy)
    assert list(store_maintenance.damaged(store)) == []


def test_what_was_mended_meanwhile_is_not_removed(small: Small) -> None:
    store = small.world().store
    paid = reply(store, "a" * 64)
    store.put_text("b" * 64, b"a text")  # a blob, and what points to it
    for path in [path for path in store.folder.rglob("*") if path.is_file()]:
        whole = path.read_bytes()
        path.write_bytes(whole[:-3])
        wrong = [item for item in store_maintenance.damaged(store) if item.path == path]
        assert len(wrong) == 1, path
        path.write_bytes(whole)
        assert not store_maintenance.remove_damaged(store, wrong[0])
        assert path.read_bytes() == whole
        path.write_bytes(whole[:-3])
        assert store_maintenance.remove_damaged(store, wrong[0])
        assert not path.exists()
        path.write_bytes(whole)
    assert paid.exists()


def test_the_prompt_of_what_stands_stays(small: Small) -> None:
    small.make()
    store = small.world().store
    (reply,) = store.replies(small.decide().key or "")
    assert reply.prompt
    age(store, 1000)
    swept(small)
    assert store.blob(reply.prompt) is not None


def test_the_reply_that_amended_a_target_stays_and_so_does_what_it_began_with(
    small: Small, standin: StandIn
) -> None:
    small.settings(model="chat-ok")
    standin.reply("# Note\n\nOne.\n")
    small.write("in.md", "# In\n\nWords.\n\nMore words, and many of them.\n")
    small.make()
    standin.reply("=== edit: note.md\nOne.\n=== with\nTwo.\n=== end\n")
    small.write("in.md", "# In\n\nWord.\n\nMore words, and many of them.\n")
    small.make()
    age(small.world().store, 1000)
    held = [item.path.parent.name for item in swept(small).held if item.kind == REPLY]
    receipt = receipts.read(small.root, "note.md")
    assert receipt
    assert held == [amending.key(receipt.key, receipt.base)]
