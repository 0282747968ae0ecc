"""Real git: a clone asks no model, and branches that rebuilt other targets merge."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Small
from support import forked
from support.standin import StandIn

from piste.engine import makers, project, receipts

TABLES = "".join(
    f'[rules.{name}]\ntarget = "{target}"\ninputs = ["{name} in.md"]\nprompt = "note.md.j2"\n'
    for name, target in (("one", "docs/größe 計.md"), ("two", "two.md"))
)


def _git(cwd: Path, *args: str) -> str:
    found = subprocess.run(
        ["git", *args], cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def _make(root: Path, *names: str) -> list[str]:
    """Bring targets up to date as a new process does; return what happened."""
    world = project.world(root)
    return [makers.make(world, world.rules[name]).event for name in names]


def _states(root: Path) -> list[str]:
    world = project.world(root)
    return [makers.decide(world, world.rules[name]).state for name in ("one", "two")]


def _check(root: Path) -> int:
    return forked.run("piste", "check", cwd=root).returncode


@pytest.fixture
def origin(small: Small, standin: StandIn) -> Path:
    """A repository whose path has a space and a letter beyond ASCII, with two targets made."""
    root = small.root.parent / "ein Weg ä"
    small.root.rename(root)
    os.chdir(root)
    (root / "piste.toml").write_text(f'model = "chat-ok"\nretries = 0\n{TABLES}')
    for name in ("one", "two"):
        (root / f"{name} in.md").write_text(f"# In {name}\n\nWords.\n")
    (root / ".gitignore").write_text(".piste/*\n!.piste/receipts/\n")
    standin.reply(lambda request: f"# Reply {request.number}\n\nÄ word.\n")
    assert _make(root, "one", "two") == ["made", "made"]
    _git(root, "init", "-q")
    _git(root, "add", "-A")
    _git(root, "commit", "-qm", "made")
    return root


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From here on it is another machine: nobody's store is known."""
    monkeypatch.setenv("PISTE_STORE", str(tmp_path / "another store"))


Clone = Callable[[Path, Path], None]
CLONES: dict[str, Clone] = {
    "plain": lambda origin, clone: _git(origin, "clone", "-q", ".", str(clone)),
    "depth 1": lambda origin, clone: _git(
        origin, "clone", "-q", "--depth", "1", origin.as_uri(), str(clone)
    ),
    "with CRLF": lambda origin, clone: _git(
        origin, "clone", "-q", "-c", "core.autocrlf=true", ".", str(clone)
    ),
    "worktree": lambda origin, clone: _git(origin, "worktree", "add", "-qb", "side", str(clone)),
}


@pytest.mark.parametrize("how", CLONES)
def test_a_fresh_clone_is_fresh_and_asks_no_model(
    origin: Path, standin: StandIn, elsewhere: None, tmp_path: Path, how: str
) -> None:
    clone = tmp_path / "a clone ü"
    CLONES[how](origin, clone)
    if how == "with CRLF":
        assert b"\r\n" in (clone / "two.md").read_bytes()
        assert b"\r\n" in receipts.path(clone, "two.md").read_bytes()
    assert _check(clone) == 0
    assert _make(clone, "one", "two") == ["kept", "kept"]
    assert _git(clone, "status", "--porcelain") == ""
    assert len(standin.requests) == 2


def test_without_the_receipts_the_store_answers(
    origin: Path, standin: StandIn, tmp_path: Path
) -> None:
    _git(origin, "rm", "-rq", ".piste")
    _git(origin, "commit", "-qm", "without receipts")
    clone = tmp_path / "clone"
    CLONES["plain"](origin, clone)
    assert _make(clone, "one", "two") == ["adopted", "adopted"]
    assert _states(clone) == ["fresh", "fresh"]
    assert len(standin.requests) == 2


def test_without_the_targets_they_come_back_byte_for_byte(
    origin: Path, standin: StandIn, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    CLONES["plain"](origin, clone)
    before = (clone / "two.md").read_bytes()
    (clone / "two.md").unlink()
    assert _make(clone, "two") == ["restored"]
    assert (clone / "two.md").read_bytes() == before
    assert _git(clone, "status", "--porcelain") == ""
    assert len(standin.requests) == 2


def test_targets_that_are_not_in_git_are_taken_from_the_store(
    origin: Path, standin: StandIn, tmp_path: Path
) -> None:
    before = {name: (origin / name).read_bytes() for name in ("two.md", "docs/größe 計.md")}
    _git(origin, "rm", "-rq", "--cached", "two.md", "docs")
    _git(origin, "commit", "-qm", "receipts only")
    clone = tmp_path / "clone"
    CLONES["plain"](origin, clone)
    assert _make(clone, "one", "two") == ["restored", "restored"]
    assert {name: (clone / name).read_bytes() for name in before} == before
    assert len(standin.requests) == 2


def _rebuild(root: Path, branch: str, name: str) -> None:
    """On a branch of its own, change an input and rebuild what is made from it."""
    _git(root, "checkout", "-qb", branch, "main")
    (root / f"{name} in.md").write_text(f"# In {name}\n\nOther words on {branch}.\n")
    assert _make(root, name) == ["made"]
    _git(root, "commit", "-qam", branch)


def test_branches_that_rebuilt_different_targets_merge(origin: Path, standin: StandIn) -> None:
    _rebuild(origin, "left", "one")
    _rebuild(origin, "right", "two")
    _git(origin, "merge", "-q", "left", "-m", "both")
    assert _states(origin) == ["fresh", "fresh"]
    assert _check(origin) == 0
    assert len(standin.requests) == 4


def test_branches_that_rebuilt_the_same_target_end_in_one_line(
    origin: Path, standin: StandIn
) -> None:
    _rebuild(origin, "left", "two")
    _rebuild(origin, "right", "two")
    merged = subprocess.run(
        ["git", "merge", "-q", "left"], cwd=origin, capture_output=True, stdin=subprocess.DEVNULL
    )
    assert merged.returncode == 1
    world = project.world(origin)
    decision = makers.decide(world, world.rules["two"])
    where = ".piste/receipts/two.md.json"
    assert decision.why() == (
        f"{where} holds conflict markers; keep either side whole: git checkout --ours {where}"
    )
    assert _check(origin) == 2
    # As it says; the input and the target have been settled by the person, for one side too.
    _git(origin, "checkout", "--ours", where, "two.md", "two in.md")
    assert _states(origin) == ["fresh", "fresh"]
    assert len(standin.requests) == 4


def test_another_branch_is_fresh_as_soon_as_it_is_checked_out(
    origin: Path, standin: StandIn
) -> None:
    _rebuild(origin, "left", "two")
    for branch in ("main", "left", "main"):
        _git(origin, "checkout", "-q", branch)
        assert _states(origin) == ["fresh", "fresh"]
    assert len(standin.requests) == 3


def test_a_shallow_clone_does_not_call_a_target_a_source_in_silence(
    origin: Path, elsewhere: None, tmp_path: Path
) -> None:
    """Its receipt was deleted in a commit, which the clone does not have."""
    receipts.path(origin, "two.md").unlink()
    _git(origin, "commit", "-qam", "without a receipt")
    clone = tmp_path / "clone"
    CLONES["depth 1"](origin, clone)
    said = forked.run("piste", "check", cwd=clone)
    assert "two.md: without a receipt, and this clone is shallow" in said.stderr
    assert (
        "as far as this shallow clone tells" in forked.run("piste", "why", "two", cwd=clone).stdout
    )
    _git(clone, "fetch", "-q", "--unshallow")
    assert _check(clone) == 1
    assert _states(clone)[1] == "stale"
