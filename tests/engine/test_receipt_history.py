"""What git's history says of receipts that are gone."""

import subprocess
from pathlib import Path

import pytest

from piste.engine import receipt_history, receipts

MADE, MINE = "a" * 64, "b" * 64


def receipt(target: str, output: str, hand: bool = False) -> receipts.Receipt:
    action = {"prompt": "x", "prompt_sha256": "0" * 64, "model": "m"}
    return receipts.Receipt(target, "rule", action, {}, output, hand)


def git(root: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)


def commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", "x")


@pytest.fixture
def gone(tmp_path: Path, own_home: Path) -> Path:
    """A project in a folder of a repository: two receipts were there, and are deleted."""
    root = tmp_path / "top" / "project"
    root.mkdir(parents=True)
    git(root.parent, "init", "-q")
    for output, hand in ((MADE, False), (MINE, True)):
        receipts.write(root, receipt("docs/note.md", output, hand))
        receipts.write(root, receipt("plan.md", output))
        commit(root)
    receipts.path(root, "docs/note.md").unlink()
    commit(root)
    return root


def test_what_piste_made_is_known_and_what_a_person_took_over_is_not(gone: Path) -> None:
    assert receipt_history.outputs(gone, "docs/note.md") == {MADE}
    assert receipt_history.outputs(gone, "other.md") == frozenset()


def test_a_later_commit_adds_to_what_is_known(gone: Path) -> None:
    assert receipt_history.outputs(gone, "plan.md") == frozenset()
    receipts.path(gone, "plan.md").unlink()
    commit(gone)
    assert receipt_history.outputs(gone, "plan.md") == {MADE, MINE}
    assert receipt_history.outputs(gone, "docs/note.md") == {MADE}


def test_a_shallow_clone_says_that_it_cannot_tell_and_one_that_was_filled_up_can(
    gone: Path, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth", "1", (tmp_path / "top").as_uri(), str(clone))
    root = clone / "project"
    git(clone, "worktree", "add", "-q", "../tree")
    for place in (root, tmp_path / "tree/project"):
        assert receipt_history.outputs(place, "docs/note.md") == frozenset()
        assert receipt_history.is_cut(place)
    assert not receipt_history.is_cut(gone)
    git(clone, "fetch", "-q", "--unshallow")
    assert not receipt_history.is_cut(root)
    assert receipt_history.outputs(root, "docs/note.md") == {MADE}


def test_git_is_asked_once_a_commit(gone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert receipt_history.outputs(gone, "docs/note.md") == {MADE}
    monkeypatch.setenv("PATH", "")
    assert receipt_history.outputs(gone, "docs/note.md") == {MADE}
    assert receipt_history.outputs(gone, "other.md") == frozenset()


def test_a_worktree_has_the_history_of_its_repository(gone: Path) -> None:
    git(gone, "worktree", "add", "-q", "--detach", str(gone.parent.parent / "beside"))
    beside = gone.parent.parent / "beside" / "project"
    beside.mkdir(exist_ok=True)
    assert receipt_history.outputs(beside, "docs/note.md") == {MADE}


def test_without_a_repository_nothing_is_known(tmp_path: Path) -> None:
    assert receipt_history.outputs(tmp_path, "note.md") == frozenset()
    (tmp_path / ".git").write_text("gitdir: /nowhere\n")
    assert receipt_history.outputs(tmp_path, "note.md") == frozenset()
