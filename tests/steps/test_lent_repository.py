"""The repository that programs see in the worktree: whatever they do to it reaches nobody."""

import subprocess
from pathlib import Path

import pytest
from support.rig import GOOD, Killed, Rig, killing

from piste.commands import attempts
from piste.steps import lent_repository, worktree
from piste.steps.commit_phases import NeedsPerson
from piste.system import git
from piste.system.errors import UserError
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
    with lent_repository.lent(repo):
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
            patch.setattr(lent_repository, "take_back", killing(nth, lent_repository.take_back))
            with pytest.raises(Killed):
                rig.step("1")
    assert rig.step("1").result == "done"
    assert rig.git("fsck", "--no-dangling") == ""


HOME = "cwd=os.environ['PISTE_ROOT'], shell=True, stdout=2"
MOVED = {
    "git stash drop": r"the stash \(put back\)",
    "git tag -d v1": r"refs/tags/v1 \(put back\)",
    "git tag v2": r"refs/tags/v2 \(new\)",
    "git branch -D other": r"refs/heads/other \(put back\)",
    "git tag -f v1 $(git commit-tree -m x HEAD^{tree})": r"refs/tags/v1 \(was [0-9a-f]{12}\)",
    "git worktree add -q ../beside -b b": r"refs/heads/b \(new\), worktree beside",
    "echo x > want; git stash -q": r"the stash \(new\)",
}


@pytest.mark.parametrize("command", MOVED)
@pytest.mark.parametrize("tries", [1, 2])
def test_what_changes_in_the_persons_repository_waits_for_their_word(
    rig: Rig, command: str, tries: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """An agent that goes out of its way reaches it; so does the person, and nobody can tell."""
    before = everything(rig)
    work = GOOD if tries == 1 else 'write(name, "good" if again else "bad")'
    rig.agent(f"{work}\nif not again: subprocess.run({command!r}, {HOME})")
    with pytest.raises(NeedsPerson, match=MOVED[command] + ".*was it you.*--put-back"):
        rig.step()
    assert rig.subjects() == ["start"]
    if "put back" in MOVED[command]:  # nobody loses anything by that
        assert ours_left_out(everything(rig)) == before
        assert "was gone, and is back" in capsys.readouterr().err
    assert attempts.main(["--put-back"]) == 0
    assert ours_left_out(everything(rig)) == before
    assert attempts.main(["--put-back"]) == 0
    assert "is as it was before" in capsys.readouterr().err


def ours_left_out(rows: list[str]) -> list[str]:
    """Without the branch of the attempt, and its worktree."""
    return [row for row in rows if "piste-attempts" not in row and ".piste/run/tree" not in row]


GUARDED = {
    "a hook": "echo evil > .git/hooks/pre-push; chmod +x .git/hooks/pre-push",
    "another hook": "echo evil > .git/hooks/pre-commit",
    "no hook": "rm .git/hooks/pre-commit",
    "a hook that is a link": "ln -sf /bin/true .git/hooks/pre-commit",
    "a setting": "git config core.fsmonitor /evil",
    "a setting and a tag": "git config alias.st '!evil'; git tag -d v1",
    "a deleted branch, with its settings": "git branch -D other",
}


@pytest.mark.parametrize("what", GUARDED)
def test_settings_and_hooks_are_put_back(rig: Rig, what: str) -> None:
    hook = rig.root / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 0\n")
    hook.chmod(0o755)
    rig.git("config", "branch.other.description", "mine")
    before = everything(rig)
    rig.agent(f"{GOOD}\nsubprocess.run({GUARDED[what]!r}, {HOME})")
    outcome = rig.step()
    assert outcome.result == "failed"
    assert "piste attempts --put-back puts it back" in outcome.said
    assert attempts.main(["--put-back"]) == 0
    assert ours_left_out(everything(rig)) == before
    assert (hook.read_text(), hook.stat().st_mode & 0o777) == ("#!/bin/sh\nexit 0\n", 0o755)
    assert not hook.is_symlink()


def test_what_was_put_aside_by_that_is_kept(rig: Rig) -> None:
    rig.agent(f"{GOOD}\nsubprocess.run('echo mine > .git/hooks/pre-push', {HOME})")
    rig.step()
    attempts.main(["--put-back"])
    (kept,) = (rig.root / ".piste/run/aside/.own").iterdir()
    assert kept.read_text() == "mine\n"


def test_a_copy_that_was_tampered_with_is_not_put_back(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "for f in .piste/run/before/[0-9]*; do echo evil > $f; done; git config a.b c"
    rig.agent(f"{GOOD}\nsubprocess.run({evil!r}, {HOME})")
    rig.step()
    assert attempts.main(["--put-back"]) == 1
    assert "config: what it was is not kept" in capsys.readouterr().out
    assert "evil" not in rig.read(".git/config")


def test_a_worktree_with_work_in_it_stays(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    command = "git worktree add -q ../beside -b b; echo mine > ../beside/new"
    rig.agent(f"{GOOD}\nsubprocess.run({command!r}, {HOME})")
    with pytest.raises(NeedsPerson):
        rig.step()
    assert attempts.main(["--put-back"]) == 1
    assert "not put back: worktree beside" in capsys.readouterr().out
    assert (rig.root / "../beside/new").read_text() == "mine\n"


def test_without_an_agent_there_is_nothing_to_put_back(rig: Rig) -> None:
    with pytest.raises(UserError, match="no agent has worked here"):
        attempts.main(["--put-back"])
