"""The branches that attempts have left behind: what is on them, and their removal.

An attempt that failed, was cut off or was parked stays on its branch. This module knows which
branches these are, and no plan, no agent and no tests.
"""

from collections.abc import Sequence
from typing import NamedTuple

from piste.steps import worktree
from piste.system.git import Repo, ask, changes, git, is_ancestor, move, tree_of


class Leftover(NamedTuple):
    """A branch that an attempt has left."""

    branch: str
    commit: str
    date: str  # of its last commit: 2026-01-31
    files: int  # that it changes
    said: str  # the first line of its last commit

    @property
    def step(self) -> str:
        """The step, as it stands in the branch's name."""
        return self.branch.rpartition("/")[2].rpartition(".")[0]


def found(repo: Repo) -> list[Leftover]:
    """Return what attempts at steps of this project and branch have left, oldest first."""
    form = "%(refname)%00%(objectname)%00%(committerdate:short)%00%(contents:subject)"
    out = git(
        repo.root, "for-each-ref", "--sort=committerdate", f"--format={form}",
        f"refs/heads/{repo.attempts}/",
    )  # fmt: skip
    result = []
    for row in out.splitlines():
        ref, commit, date, said = row.split("\0", 3)
        branch = ref.removeprefix("refs/heads/")
        result.append(Leftover(branch, commit, date, _files(repo, commit), said))
    return result


def _files(repo: Repo, commit: str) -> int:
    code, out, _ = ask(repo.root, ("merge-base", repo.head, commit))
    return 0 if code else len(changes(repo.root, out.strip(), commit))


def remove(repo: Repo, which: Sequence[Leftover], under_way: str = "") -> list[Leftover]:
    """Remove branches; return those that stay: one that is under way, or has unsaved work.

    Raises GitFailed where one has moved meanwhile.
    """
    stay = []
    for one in which:
        if one.branch == under_way:
            stay.append(one)
        elif worktree.stands_on(repo, one.branch):
            if worktree.rescue(repo, "left in the worktree\n", one.branch):
                stay.append(one)
                continue
            worktree.ensure(repo, repo.head)
            move(repo, one.branch, "", one.commit)
        else:
            move(repo, one.branch, "", one.commit)
    return stay


def sweep(repo: Repo, under_way: str = "") -> None:
    """Remove the branches on which there is nothing that is not elsewhere.

    That is in the person's branch, or in the same files on a later branch of the same step.
    """
    left = found(repo)
    newest = {(one.step, tree_of(repo.root, one.commit)): one.branch for one in left}
    kept = set(newest.values())
    idle = [
        one
        for one in left
        if one.branch not in kept or not one.files or is_ancestor(repo.root, one.commit, repo.head)
    ]
    remove(repo, idle, under_way)
