"""Sixty hostile paths, in settings, receipts, the store and replies: nothing is touched outside.

What is refused is refused in one line and before any model is asked; what is taken lies in the
project and is a name on every system.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Small
from support.standin import StandIn

from fire import scale
from piste.commands import restore
from piste.engine import freshness, makers, receipts, states
from piste.engine.stat_cache import StatCache
from piste.engine.store import Record, _seal
from piste.system.errors import PisteError

OUT = (
    *("../x", "../../x", "a/../../x", "a/../x", "./../x", "..", "../", ".", "./", "a/..", "..//x"),
    *("/etc/x", "/", "//x", "//server/share/x", "/dev/null", "/proc/self/environ", "~/.ssh/x", "~"),
    *("C:\\x", "C:x", "c:/x", "\\x", "..\\x", "a\\..\\x", "\\\\server\\x", "\\\\?\\C:\\x", "a/b/"),
    *("", " ", "\t", "\n", "a\nb", "a\rb", "a\0b", "\x1b[2Jx", "a\x7fb", "\u202ex", "a\u200bb"),
    *("-rf", "--help", "-", "a|b", "a>b", "a<b", "a*b", "a?b", " a", "a ", "a/ b", "a./b", "a."),
)
OURS = (
    *(".git/config", ".git/hooks/post-checkout", ".GIT/x", ".Git/x", "a/.git/x", ".git"),
    *(".piste/memo", ".piste/receipts/x.json", ".PISTE/x", "a/.piste/x", ".piste"),
)
# Names of files all the same: they lie in the project, and no shell ever sees them.
NAMES = (
    *("$(id)", "`id`", "a;b", "a&b", "$HOME", "%s", "{0}", "{{ 7 }}", "'", "a b", "é", "計.md"),
    "...a",
)
ALL = (*OUT, *OURS, *NAMES)


@pytest.fixture
def ready(small: Small) -> Iterator[Small]:
    """A project whose note is made, in a folder where nothing else is touched."""
    small.make()
    above = small.root.parent
    (above / "x").write_text("theirs")
    before = outside(small)
    yield small
    assert outside(small) == before


def outside(small: Small) -> dict[str, str]:
    """What lies beside the project."""
    found = {}
    for path in small.root.parent.rglob("*"):
        if path.is_file() and not path.is_relative_to(small.root):
            found[str(path)] = path.read_text("utf-8", "replace")
    return found


def quoted(value: object) -> str:
    """As TOML has it."""
    return json.dumps(value).replace("\x7f", "\\u007f")


def test_there_are_sixty_of_them() -> None:
    assert len(set(ALL)) >= 60


def settle(ready: Small, where: str, path: str) -> None:
    """Put a path into a setting."""
    table: dict[str, object] = {"target": "b.md", "inputs": ["in.md"], "prompt": "note.md.j2"}
    if where in table:
        table[where] = [path] if where == "inputs" else path
        rows = "\n".join(f"{name} = {quoted(value)}" for name, value in table.items())
        ready.settings(rule=f"[rules.b]\n{rows}")
    else:
        ready.settings(f"{where} = {quoted(path)}")


@pytest.mark.parametrize("where", ["target", "inputs", "prompt", "prompts", "store"])
def test_in_settings(ready: Small, where: str) -> None:
    for path in (*OUT, *OURS):
        settle(ready, where, path)
        before = ready.tree()
        try:
            world = ready.world()
            makers.decide(world, world.rules.get("b", world.rules["note"]))
            if where in ("target", "prompt") or (where == "inputs" and path not in OURS):
                ready.make("b")
        except PisteError as error:
            said = str(error)
            assert len(said.splitlines()) == 1
            assert said.isprintable()
            assert ready.tree() == before, path
        else:
            # Nothing that could be read, or a folder of the project's; "" is one's own store.
            assert where in ("inputs", "prompts", "store"), path
            inside = world.store.folder.resolve()
            assert where != "store" or path == "" or world.root in (inside, *inside.parents)
    scale.note("a hostile path", len((*OUT, *OURS)))


@pytest.mark.parametrize("path", NAMES)
def test_a_name_that_only_looks_hostile_is_a_name(ready: Small, path: str) -> None:
    ready.settings(rule=f"[rules.b]\ntarget = {quoted(path)}\ninputs = ['in.md']\n"
                   "prompt = 'note.md.j2'")  # fmt: skip
    ready.make("b")
    assert (ready.root / path).is_file()
    assert ready.world().root == ready.root
    assert receipts.read(ready.root, path) is not None


def test_in_a_receipt(ready: Small, standin: StandIn) -> None:
    """Somebody who can write receipts names whatever they like, with a seal that is right."""
    receipt = receipts.read(ready.root, "note.md")
    assert receipt is not None
    file = ready.root / ".piste/receipts/note.md.json"
    asked, note, world = len(standin.requests), ready.read(), ready.world()
    for path in ALL:
        for forged in (
            receipt._replace(target=path), receipt._replace(rule=path),
            receipt._replace(output=path), receipt._replace(inputs={path: "0" * 64}),
            receipt._replace(action={**receipt.action, "prompt": path, "model": path}),
        ):  # fmt: skip
            file.write_bytes(receipts.dump(forged))
            decision = makers.decide(
                world._replace(stat_cache=StatCache(ready.root)), ready.rule(world)
            )
            assert decision.state != states.FRESH, forged
            assert all(reason.said.isprintable() for reason in decision.reasons)
            if forged.output != receipt.output:
                assert freshness.restorable(world, ready.rule(world), forged) is None
    assert (len(standin.requests), ready.read()) == (asked, note)
    file.write_bytes(receipts.dump(receipt))
    assert ready.decide().state == states.FRESH
    scale.note("a hostile path", len(ALL))


def test_in_the_store(ready: Small) -> None:
    """A store that others can write to: a name in it leads nowhere."""
    world = ready.world()
    store, secret = world.store, str(ready.root.parent / "x")
    pointer = store.folder / "texts" / ("0" * 64)
    pointer.parent.mkdir(exist_ok=True)
    mine = Record("", "note.md", "2026-01-01T00:00:00.000Z", project=str(ready.root))
    kept = store.folder / "kept" / store.keep(b"mine", mine).file
    whole = json.loads(kept.read_bytes())
    del whole["seal"]
    for path in (*ALL, secret):
        pointer.write_bytes(path.encode())
        assert store.text("0" * 64) is None
        assert store.blob(path) is None
        assert store.text(path) is None
        forged = {**whole, "blob": path}
        kept.write_text(json.dumps({**forged, "seal": _seal(forged)}))
        texts = [version.data for version in restore.versions(world, ready.rule(world))]
        assert b"theirs" not in texts
    scale.note("a hostile path", len(ALL))


def test_in_a_reply(ready: Small, standin: StandIn) -> None:
    before = {name for name in ready.tree() if "/.piste/" not in name}
    ready.settings(model="chat-ok")
    for number, path in enumerate(ALL):
        standin.reply(
            f"# Note\n\nfile: {path}\n\n<file path={json.dumps(path)}>\nowned\n</file>\n\n"
            f"--- a/{path}\n+++ b/{path}\n@@ -0,0 +1 @@\n+owned\n\n"
            f"```sh {path}\ncp note.md {path}\n```\n"
        )
        ready.write("in.md", f"# In\n\nOther words: {number}.\n")
        ready.make()
        assert {name for name in ready.tree() if "/.piste/" not in name} == before
        assert ready.read("in.md") == f"# In\n\nOther words: {number}.\n"
    scale.note("a hostile path", len(ALL))


def test_a_symlink_leads_nobody_out(ready: Small, standin: StandIn) -> None:
    asked = len(standin.requests)
    away: Path = ready.root.parent / "away"
    away.mkdir()
    for name, to in (("link", away), ("b.md", away / "b.md"), ("in2.md", away.parent / "x")):
        (ready.root / name).symlink_to(to)
    for target, source in (("link/b.md", "in.md"), ("b.md", "in.md"), ("c.md", "in2.md"),
                           ("d.md", "link/../x")):  # fmt: skip
        ready.settings(
            model="chat-ok",
            rule=f"[rules.b]\ntarget = '{target}'\ninputs = ['{source}']\nprompt = 'note.md.j2'",
        )
        with pytest.raises(PisteError):
            ready.make("b")
    assert len(standin.requests) == asked
    assert list(away.iterdir()) == []
