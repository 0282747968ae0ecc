"""The repository that programs see in the worktree: whatever they do to it reaches nobody."""

import subprocess
from pathlib import Path

import pytest
from support.rig import GOOD, Killed, Rig, killing

from piste.steps import lent, worktree
from piste.steps.commit_phases import NeedsPerson
from piste.system import git
from piste.system.git import Repo

BRANCH = "piste-attempts/main/1.1"


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    made = Rig.make(tmp_path, monkeypatch)
    made.git("tag", "v1")
    made.git("branch", "other")
    made.write("want", "half")
    made.git("stash")
    return made


@pytest.fixture
def repo(rig: Rig) -> Repo:
    made = git.find(rig.root)
    worktree.ensure(made, made.head, BRANCH)
    return made


def sh(folder: Path, script: str) -> str:
    done = subprocess.run(
        script, shell=True, cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def everything(rig: Rig) -> list[str]:
    """All of the person's repository that a step's landing leaves as it is."""
    refs = rig.git("for-each-ref").split("\n")
    hooks = sorted(path.name for path in (rig.root / ".git/hooks").iterdir())
    trees = rig.git("worktree", "list", "--porcelain").split("\n")
    return [
        *(row for row in refs if not row.endswith("refs/heads/main")),
        rig.git("stash", "list", "--format=%H"),
        rig.git("symbolic-ref", "HEAD"),
        rig.read(".git/config"),
        *hooks,
        *(row for row in trees if row.startswith("worktree ")),
    ]


# What an agent may do with git where it stands; none of it is any business of the person's.
REACHES = {
    "the stash": "git stash pop || git stash; git stash clear; echo x > new; git stash -u",
    "branches": "git branch -D other; git branch -f main HEAD; git branch mine; git switch -c b",
    "a branch's commit": "git update-ref refs/heads/main $(git commit-tree -m x HEAD^{tree})",
    "tags": "git tag -d v1; git tag v2",
    "the settings": "git config user.name evil; git config core.hooksPath /evil",
    "the hooks": 'echo evil > "$(git rev-parse --git-path hooks)/pre-commit"',
    "other worktrees": "git worktree add -q ../other-tree other; git worktree prune",
    "its commits": "git commit -q --allow-empty -m x; git reset -q --hard HEAD~1 || true",
    "a repository anew": "rm -rf .git; git stash; git init -q; git commit -q --allow-empty -m x",
    "no repository": "rm -rf .git; git stash; git tag evil; git branch evil; true",
    "a file that leads home": (
        "rm -rf .git; echo gitdir: $(cd ../../.. && git rev-parse --absolute-git-dir) > .git"
    ),
}


@pytest.mark.parametrize("what", REACHES)
def test_an_agent_does_not_reach(rig: Rig, repo: Repo, what: str) -> None:
    rig.agent(GOOD + f"\nsubprocess.run({REACHES[what]!r}, shell=True, stdout=2)\n" + GOOD)
    worktree.ensure(repo, repo.head)
    rig.git("branch", "-D", BRANCH)
    before = everything(rig)
    assert rig.step().result == "done"
    assert everything(rig) == before
    assert rig.subjects() == ["step 1: Count words", "start"]


def test_it_has_history_branches_tags_and_a_clean_index(rig: Rig, repo: Repo) -> None:
    rig.git("config", "filter.x.clean", 'sed "s/a\\\\/b/"')
    with lent.lent(repo):
        assert sh(repo.tree, "git rev-parse --git-dir") == ".git"
        assert sh(repo.tree, "git status --porcelain") == ""
        assert sh(repo.tree, "git log --format=%s -1; git describe --tags").split() == [
            "start", "v1",
        ]  # fmt: skip
        assert sh(repo.tree, "git symbolic-ref --short HEAD") == BRANCH
        assert sh(repo.tree, "git branch --list other --format='%(refname:short)'") == "other"
        assert sh(repo.tree, "git config filter.x.clean") == 'sed "s/a\\\\/b/"'
        assert sh(repo.tree, "git stash list; git remote") == ""
    assert sh(repo.tree, "git rev-parse --git-common-dir") == str(repo.common)
    assert sh(repo.tree, "git status --porcelain") == ""


def test_an_attempt_that_is_killed_meanwhile_goes_on(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.agent(GOOD)
    for nth in range(1, 4):  # the tests before, the agent, the tests
        with monkeypatch.context() as patch:
            patch.setattr(lent, "take_back", killing(nth, lent.take_back))
            with pytest.raises(Killed):
                rig.step("1")
    assert rig.step("1").result == "done"
    assert rig.git("fsck", "--no-dangling") == ""


HOME = "cwd=os.environ['PISTE_ROOT'], shell=True, stdout=2"
MOVED = {
    "git stash drop": r"the stash \(git stash store [0-9a-f]{40}\)",
    "git tag -d v1": r"refs/tags/v1 \(git update-ref refs/tags/v1 [0-9a-f]{12}\)",
    "git tag v2": r"refs/tags/v2 \(git update-ref -d refs/tags/v2\)",
    "git branch -D other": r"refs/heads/other \(git update-ref refs/heads/other",
    "git worktree add -q ../beside -b b": r"refs/heads/b \(.*\), worktree beside",
}


@pytest.mark.parametrize("command", MOVED)
@pytest.mark.parametrize("tries", [1, 2])
def test_what_changes_in_the_persons_repository_waits_for_their_word(
    rig: Rig, command: str, tries: int
) -> None:
    """An agent that goes out of its way reaches it; so does the person, and nobody can tell."""
    work = GOOD if tries == 1 else 'write(name, "good" if again else "bad")'
    rig.agent(f"{work}\nif not again: subprocess.run({command!r}, {HOME})")
    with pytest.raises(NeedsPerson, match=MOVED[command] + ".*was it you"):
        rig.step()
    assert rig.subjects() == ["start"]
