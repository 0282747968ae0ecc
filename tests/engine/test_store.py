"""The store: what is kept comes back, and what is damaged is a miss."""

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from piste.engine.store import Record, Store, default_folder
from piste.system import atomic_write

KEY = "k" * 64
RECORD = Record("", "a.md", "2026-01-02T03:04:05.678Z", "m", 1, 2, 0.25, 1.5)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_blobs(store: Store) -> None:
    name = store.put_blob(b"text")
    assert store.blob(name) == b"text"
    assert store.blob("0" * 64) is None


def test_a_blob_that_is_there_is_not_written_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = store.put_blob(b"text")
    with monkeypatch.context() as patch:
        patch.setattr(atomic_write, "write", lambda *_, **__: pytest.fail("written"))
        store.put_blob(b"text")
    (store.folder / "blobs" / name[:2] / name).write_bytes(b"damaged")
    assert store.blob(name) is None
    store.put_blob(b"text")
    assert store.blob(name) == b"text"


@pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 63 + "/"])
def test_a_name_that_is_no_digest_is_not_looked_for(store: Store, name: str) -> None:
    assert store.blob(name) is None
    assert store.text(name) is None


def test_texts_under_their_digest(store: Store) -> None:
    plain = store.put_blob(b"- [ ] one")
    store.put_text(plain, b"- [ ] one")
    store.put_text("0" * 64, b"- [x] one")  # the digest of a text without its marks
    assert store.text(plain) == b"- [ ] one"
    assert store.text("0" * 64) == b"- [x] one"
    (store.folder / "texts" / ("0" * 64)).write_bytes(b"\xff../../x")
    assert store.text("0" * 64) is None


def test_replies_come_newest_first(store: Store) -> None:
    assert store.replies(KEY) == []
    old = store.put_reply(KEY, "one", RECORD)
    new = store.put_reply(KEY, "two", RECORD._replace(date="2026-01-02T03:04:06.000Z"))
    store.put_reply("l" * 64, "three", RECORD)
    assert store.replies(KEY) == [new, old]
    assert (new.text, old.text) == ("two", "one")
    assert old._replace(blob="", file="", text="") == RECORD


def test_two_replies_in_the_same_millisecond(store: Store) -> None:
    store.put_reply(KEY, "one", RECORD)
    store.put_reply(KEY, "two", RECORD)
    assert {record.text for record in store.replies(KEY)} == {"one", "two"}


def test_a_reply_is_one_file(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """No kill falls between two halves of what was paid for."""
    written: list[str] = []
    monkeypatch.setattr(
        atomic_write, "write", lambda path, data, **_: written.append(path.parts[-3])
    )
    store.put_reply(KEY, "one", RECORD)
    assert written == ["replies"]


def test_the_blob_of_a_kept_text_is_there_before_its_record(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr(atomic_write, "write", lambda path, data, **_: order.append(str(path)))
    store.keep(b"mine", RECORD)
    assert ["/blobs/" in name for name in order] == [True, False]


def test_drop_forgets_a_reply(store: Store) -> None:
    record = store.put_reply(KEY, "one", RECORD)
    store.drop(KEY, record)
    store.drop(KEY, record)
    assert store.replies(KEY) == []


def test_kept_texts_are_those_of_one_target_of_one_project(store: Store) -> None:
    mine = store.keep(b"mine", RECORD._replace(project="/p"))
    store.keep(b"other", RECORD._replace(project="/p", target="b.md"))
    store.keep(b"theirs", RECORD._replace(project="/q"))
    assert store.kept("/p", "a.md") == [mine]
    assert store.blob(mine.blob) == b"mine"


def test_lone_surrogates_do_not_stop_a_paid_reply(store: Store) -> None:
    record = store.put_reply(KEY, "a\ud83d", RECORD)
    assert record.text == "a?"
    assert store.replies(KEY) == [record]


def test_cut_at_every_length_a_record_is_a_miss(store: Store) -> None:
    record = store.put_reply(KEY, "one", RECORD)
    path = store.folder / "replies" / KEY / record.file
    data = path.read_bytes()
    for length in range(len(data) - 1):
        path.write_bytes(data[:length])
        assert store.replies(KEY) == []
    path.write_bytes(data)
    assert store.replies(KEY) == [record]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_flipped_bit_gives_a_wrong_text(store: Store, data: st.DataObject) -> None:
    shutil.rmtree(store.folder, ignore_errors=True)
    kept = store.put_reply(KEY, "one", RECORD)
    store.put_text("0" * 64, b"two")
    files = sorted(path for path in store.folder.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(files))
    spoiled = bytearray(path.read_bytes())
    spoiled[data.draw(st.integers(0, len(spoiled) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(spoiled)
    assert store.replies(KEY) in ([], [kept])
    assert store.text("0" * 64) in (None, b"two")


@pytest.mark.parametrize("raw", [b"[]", b"3", b"{}", b"null", b"[" * 100_000, b'{"seal": []}'])
def test_records_that_are_something_else_are_left_out(store: Store, raw: bytes) -> None:
    record = store.put_reply(KEY, "one", RECORD)
    (store.folder / "replies" / KEY / "zzz.json").write_bytes(raw)
    assert store.replies(KEY) == [record]


def test_a_record_of_another_schema_is_left_out(store: Store) -> None:
    record = store.put_reply(KEY, "one", RECORD)
    path = store.folder / "replies" / KEY / record.file
    raw = json.loads(path.read_bytes())
    raw["schema"] = 2
    path.write_text(json.dumps(raw))
    assert store.replies(KEY) == []


def test_a_store_that_is_a_file_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    store = Store(tmp_path / "store")
    assert (store.replies(KEY), store.text("0" * 64), store.kept("p", "t")) == ([], None, [])


def test_where_a_persons_own_store_is(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_folder() == own_home / ".local/share/piste/store"
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert default_folder() == Path("/data/piste/store")
    assert not os.path.exists(own_home / ".local")
