"""How finished steps come into the person's branch, and what stands in the way."""

from pathlib import Path

import pytest
from support.rig import Rig

from piste.steps import merge
from piste.steps.merge import Landing
from piste.system import git


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig.make(tmp_path, monkeypatch)


def finished(rig: Rig, **files: str) -> str:
    """A commit on the branch of finished steps, which is not in the person's yet."""
    rig.git("checkout", "--quiet", "-b", "piste/main")
    for name, text in files.items():
        rig.write(name, text)
    made = rig.commit("step")
    rig.git("checkout", "--quiet", "main")
    return made


def mine(rig: Rig, **files: str) -> str:
    for name, text in files.items():
        rig.write(name, text)
    return rig.commit("mine")


def test_the_next_step_begins_from_the_person_where_nothing_waits(rig: Rig) -> None:
    assert merge.base(git.find(rig.root)) == rig.git("rev-parse", "main")
    finished(rig, a="1")
    rig.git("merge", "--quiet", "piste/main")
    last = mine(rig, b="2")
    assert merge.base(git.find(rig.root)) == last


def test_it_begins_from_what_waits(rig: Rig) -> None:
    step = finished(rig, a="1")
    assert merge.base(git.find(rig.root)) == step


def test_where_both_went_on_they_are_merged_once(rig: Rig) -> None:
    finished(rig, a="1")
    mine(rig, b="2")
    merged = merge.base(git.find(rig.root))
    assert rig.show("a", merged) + rig.show("b", merged) == "12"
    assert rig.git("rev-parse", "piste/main") == merged
    assert merge.base(git.find(rig.root)) == merged


def test_what_does_not_apply_changes_nothing(rig: Rig) -> None:
    step = finished(rig, a="1")
    mine(rig, a="2")
    with pytest.raises(git.Blocked, match="changed the same lines of a; merge them by hand"):
        merge.base(git.find(rig.root))
    assert rig.git("rev-parse", "piste/main") == step
    assert rig.git("status", "--porcelain") == ""


def test_a_transplant(rig: Rig) -> None:
    start = rig.git("rev-parse", "main")
    step = finished(rig, a="1")
    new = mine(rig, b="2")
    repo = git.find(rig.root)
    moved = merge.transplant(repo, start, step, new, "moved\n")
    assert rig.git("rev-parse", f"{moved}^") == new
    assert rig.show("a", moved) + rig.show("b", moved) == "12"
    newer = mine(rig, a="3")
    with pytest.raises(git.Blocked, match="main changed the same lines of a meanwhile"):
        merge.transplant(repo, start, step, newer, "moved\n")


HINDRANCES = {
    "": lambda rig: None,
    "want is not committed": lambda rig: rig.write("want", "x"),
    "check.sh, todo.md, want are not committed": lambda rig: [
        rig.write(name, "x") for name in ("check.sh", "todo.md", "want")
    ],
    "you are on side now": lambda rig: rig.git("checkout", "--quiet", "-b", "side"),
    "you are on a detached HEAD now": lambda rig: rig.git("checkout", "--quiet", "--detach"),
    "main has gone on meanwhile": lambda rig: mine(rig, b="2"),
}


@pytest.mark.parametrize("why", HINDRANCES)
def test_why_not_to_land(rig: Rig, why: str) -> None:
    finished(rig, a="1")
    repo = git.find(rig.root)
    HINDRANCES[why](rig)
    assert merge.why_not_land(repo) == why


def test_landing_moves_the_checkout_and_the_branch_goes(rig: Rig) -> None:
    step = finished(rig, a="1")
    repo = git.find(rig.root)
    assert merge.land(repo, Landing(repo.head, step)) == ""
    assert rig.read("a") == "1"
    assert rig.branches() == ["main"]


# A landing that git was killed in: what stands in the checkout, the index's lock, and what then.
@pytest.mark.parametrize(
    "left",
    [{}, {"a": "1"}, {"a": "1", "want": "new"}, {"want": None}],
    ids=["nothing yet", "a new file", "all files", "a file taken away"],
)
def test_a_landing_cut_off_is_taken_back(rig: Rig, left: dict[str, str | None]) -> None:
    step = finished(rig, a="1", want="new")
    repo = git.find(rig.root)
    for name, text in left.items():
        if text is None:
            (rig.root / name).unlink()
        else:
            rig.write(name, text)
    rig.git("add", "--all")
    merge.finish(repo, Landing(repo.head, step))
    assert rig.git("status", "--porcelain") == ""
    assert merge.land(repo, Landing(repo.head, step)) == ""


def test_a_lock_that_git_left_behind_goes_when_it_is_old(rig: Rig) -> None:
    import os

    step = finished(rig, a="1")
    repo = git.find(rig.root)
    lock = rig.write(".git/index.lock", "")
    os.utime(lock, (1, 1))
    merge.finish(repo, Landing(repo.head, step))
    assert not lock.exists()


def test_a_landing_that_had_come_to_its_end_is_left_alone(rig: Rig) -> None:
    start = rig.git("rev-parse", "HEAD")
    step = finished(rig, a="1")
    rig.git("merge", "--quiet", "piste/main")
    rig.write("a", "edited since")
    merge.finish(git.find(rig.root), Landing(start, step))
    assert rig.read("a") == "edited since"
