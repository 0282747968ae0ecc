"""The way of finished steps into the person's branch, and of the person's commits into them.

The person's checkout is changed by nothing but a fast-forward, and only while nothing in it
is uncommitted. Nothing is ever stashed. Where both sides have gone on they are merged in the
worktree; what does not apply there is BLOCKED, which is never done. This module knows no
agent and no tests.
"""

import os
import time
from pathlib import Path
from typing import NamedTuple

from piste.steps.worktree import ensure
from piste.system.errors import UserError, printable
from piste.system.git import (
    Blocked,
    Change,
    Repo,
    ask,
    changes,
    commit_of,
    find,
    git,
    is_ancestor,
    move,
    tree_of,
    uncommitted,
)

_STALE = 10.0  # seconds after which a lock file of a cut-off landing is nobody's


def base(repo: Repo) -> str:
    """Return the commit that the next step begins from: the person's, with finished steps on it.

    Where both have gone on since, they are merged in the worktree, onto the branch of
    finished steps. Raises Blocked when that does not apply; nothing is changed then.
    """
    line = commit_of(repo.root, f"refs/heads/{repo.line}")
    if not line or is_ancestor(repo.root, line, repo.head):
        return repo.head
    if is_ancestor(repo.root, repo.head, line):
        return line
    ensure(repo, line)
    name = repo.branch or repo.head[:12]
    message = f"Merge {name} into {repo.line}"
    code, _, _ = ask(repo.tree, ("merge", "--no-ff", "--no-verify", "-m", message, repo.head))
    if code:
        both = _conflicts(repo)
        ask(repo.tree, ("merge", "--abort"))
        raise Blocked(
            f"BLOCKED: {repo.line} and {name} changed the same lines of {both}; "
            f"merge them by hand: git merge {repo.line}"
        )
    merged = commit_of(repo.tree, "HEAD")
    move(repo, repo.line, merged, line)
    return merged


def transplant(repo: Repo, old: str, work: str, new: str, message: str) -> str:
    """Return a commit that is to `new` what `work` is to `old`. Raises Blocked.

    The worktree is left where it was put for it: at the result, on no branch.
    """
    ensure(repo, new)
    squashed = git(repo.tree, "commit-tree", tree_of(repo.tree, work), "-p", old,
                   data=message.encode()).strip()  # fmt: skip
    code, _, _ = ask(repo.tree, ("cherry-pick", "--allow-empty", squashed))
    if code:
        both = _conflicts(repo)
        ask(repo.tree, ("cherry-pick", "--abort"))
        raise Blocked(f"{repo.branch or 'your commit'} changed the same lines of {both} meanwhile")
    return commit_of(repo.tree, "HEAD")


def _conflicts(repo: Repo) -> str:
    out = git(repo.tree, "diff", "--name-only", "-z", "--diff-filter=U")
    names = [printable(name) for name in out.split("\0") if name]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


class Landing(NamedTuple):
    """A fast-forward of the person's checkout, written down before it begins."""

    start: str
    end: str


def why_not_land(repo: Repo) -> str:
    """Return why finished steps cannot be brought into the person's checkout now, or ""."""
    now = find(repo.root, repo.branches)
    if now.branch != repo.branch:
        return f"you are on {now.branch or 'a detached HEAD'} now"
    if not is_ancestor(repo.root, now.head, repo.line):
        return f"{repo.branch or 'HEAD'} has gone on meanwhile"
    if changed := uncommitted(repo):
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        names = ", ".join(map(printable, changed[:3]))
        return f"{names}{more} {'is' if len(changed) == 1 else 'are'} not committed"
    return ""


def land(repo: Repo, landing: Landing) -> str:
    """Bring the person's checkout to the end of the landing; return "" or git's reason why not.

    Raises GitFailed where the branch of finished steps cannot be removed afterwards.
    """
    code, _, said = ask(repo.top, ("merge", "--ff-only", "--quiet", landing.end))
    if code:
        return said or "git merge --ff-only said no"
    if commit_of(repo.root, f"refs/heads/{repo.line}") == landing.end:
        move(repo, repo.line, "", landing.end)
    return ""


def finish(repo: Repo, landing: Landing) -> None:
    """Put right a landing that was cut off in the middle: the checkout is as it was before it.

    Only files that hold what they had before, or would have after, are touched. Raises
    UserError when one of them holds something else: that is a person's.
    """
    if repo.head != landing.start:
        return  # git moves the branch last: by then all files are there
    _until_unlocked(Path(git(repo.top, "rev-parse", "--absolute-git-dir").rstrip("\n")))
    rows = changes(repo.top, landing.start, landing.end)
    for row in rows:
        if _blob(repo, row.path) not in (row.old_blob, row.blob, ""):
            raise UserError(
                f"{printable(row.path)} was changed while finished steps were brought in, which was"
                f" cut off; look at git status, then: git merge {repo.line}"
            )
    git(repo.top, "reset", "--quiet", landing.start)
    for row in rows:
        _put_back(repo, landing.start, row)


def _until_unlocked(folder: Path) -> None:
    """Wait for git's lock on the index to go; one that nobody touches any more is removed."""
    lock = folder / "index.lock"
    while lock.exists():
        if time.time() - lock.stat().st_mtime > _STALE:
            lock.unlink(missing_ok=True)
        else:
            time.sleep(0.1)


def _put_back(repo: Repo, start: str, row: Change) -> None:
    if row.status != "A":
        git(repo.top, "checkout", "--quiet", start, "--", f":(top,literal){row.path}")
    elif os.path.lexists(repo.top / row.path):
        os.unlink(repo.top / row.path)


def _blob(repo: Repo, path: str) -> str:
    """The hash that git would give to what stands under `path`; "" where nothing does."""
    full = repo.top / path
    if full.is_symlink():
        target = os.fsencode(full.readlink())
        return git(repo.top, "hash-object", "--stdin", data=target).strip()
    if not full.is_file():
        return ""
    return git(repo.top, "hash-object", f"--path={path}", "--", str(full)).strip()
