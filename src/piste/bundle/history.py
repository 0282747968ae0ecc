"""What git's history adds to a bundle: what changed since a revision, the diff, the log.

git is asked in a form that no setting of a person changes, so that the same repository gives
the same bytes. It does not know how the text is framed.
"""

import contextlib
import subprocess
from collections.abc import Iterable, Sequence

from piste.system import git_look
from piste.system.errors import UserError, printable

_ARGUMENTS = 100_000  # bytes of names handed to one git
_DIFF = (
    "-c", "core.quotepath=true", "diff", "-O/dev/null", "--no-color", "--no-ext-diff",
    "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", "--unified=3", "--full-index",
    "--diff-algorithm=myers", "--no-renames", "--relative", "--ignore-submodules=dirty",
)  # fmt: skip


def revision(root: str, text: str) -> str:
    """Return the commit that a revision names. Raises UserError where it names none."""
    try:
        found = _git(
            root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}"
        )
    except UserError:
        if _git_folder(root):
            raise UserError(
                f"{printable(text)} is no revision of this repository; name a branch, tag or commit"
            ) from None
        raise
    return found.decode().strip()


def fork(root: str, text: str) -> str:
    """Return the commit at which the present branch left that of a revision.

    That is the revision's own where there is none, or it is an ancestor. Raises UserError where
    `text` names no revision.
    """
    commit = revision(root, text)
    with contextlib.suppress(UserError):
        return _git(root, "merge-base", commit, "HEAD").decode().strip() or commit
    return commit


def main_line(root: str) -> str:
    """Return the branch that others start from. Raises UserError where it cannot be told."""
    here = revision(root, "HEAD")
    for name in _MAIN_LINES:
        with contextlib.suppress(UserError):
            if revision(root, name) != here:
                return name
    raise UserError("name a branch, tag or commit to compare with: piste review --since REV")


_MAIN_LINES = ("origin/HEAD", "origin/main", "origin/master", "main", "master")


def changed(root: str, since: str) -> set[bytes]:
    """Return the files that differ from a revision, with those git does not track yet."""
    commit = revision(root, since)
    tracked = _git(root, *_DIFF, "--name-only", "-z", commit, "--")
    new = _git(root, "ls-files", "-z", "--others", "--exclude-standard")
    return {name for name in (tracked + new).split(b"\0") if name}


def diff(root: str, since: str | None, wanted: Iterable[bytes]) -> bytes:
    """Return git's diff of the files wanted against a revision (the last commit, if none)."""
    commit = revision(root, since or "HEAD")
    names = changed(root, commit)
    parts: list[bytes] = []
    for some in _portions(sorted(names & set(wanted))):
        literal = [b":(literal)" + name for name in some]
        parts.append(_git(root, *_DIFF, commit, "--", *literal))
    return b"".join(parts)


def deleted(root: str, since: str | None) -> set[bytes]:
    """Return the files that were there at a revision (the last commit, if none) and are not now."""
    commit = revision(root, since or "HEAD")
    found = _git(root, *_DIFF, "--name-only", "--diff-filter=D", "-z", commit, "--")
    return {name for name in found.split(b"\0") if name}


def log(root: str, commits: int) -> bytes:
    """Return the last commits below `root`: hash, message, files. No dates and no names."""
    return _git(
        root, "-c", "core.quotepath=true", "-c", "log.showSignature=false", "log", "-O/dev/null",
        f"--max-count={commits}", "--no-color",
        "--no-decorate", "--no-ext-diff", "--no-textconv", "--no-renames", "--name-status",
        "--no-mailmap", "--relative", "--format=commit %H%n%n%w(0,4,4)%B", "--", ".",
    )  # fmt: skip


def _portions(names: Sequence[bytes]) -> Iterable[list[bytes]]:
    portion: list[bytes] = []
    size = 0
    for name in names:
        portion.append(name)
        size += len(name) + 16
        if size > _ARGUMENTS:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _git_folder(root: str) -> bool:
    try:
        _git(root, "rev-parse", "--git-dir")
    except UserError:
        return False
    return True


def _git(root: str, *arguments: str | bytes) -> bytes:
    """Return what git prints. Raises UserError where it fails or is not there."""
    command: list[str | bytes] = ["git", *git_look.OPTIONS, *arguments]
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=git_look.without_filters(root),
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        raise UserError(
            "--since, --diff and --log need git; install it, or leave them out"
        ) from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace")
        why = git_look.complaint(said, f"git {arguments[0]!r} failed")
        raise UserError(
            f"--since, --diff and --log need a git repository with commits: {printable(why)}"
        )
    return done.stdout
