"""What an agent may change, and what it has changed all the same.

Paths are what git's diff of two commits names, so nothing rests on what the agent says. Never,
unless the settings or the command line name it: git's own folder, what makes programs run on
other people's machines or in CI, piste's own settings; a link out of the repository; a
repository within the repository. What is written outside of the worktree is not in a diff:
`worktree.guarded` and `worktree.checkout` look for some of that.
"""

import fnmatch
import posixpath
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from piste.system.errors import printable
from piste.system.git import Change

# Files and folders that make a program run unasked: on a push, a commit, a checkout, when a
# folder is entered or an editor opens it. They are compared without regard to case, as two of
# the three usual file systems do.
PROTECTED = (
    ".git", ".github/workflows", ".github/actions", ".gitlab-ci.yml", ".circleci",
    ".githooks", ".husky", ".pre-commit-config.yaml", "lefthook.yml", ".lefthook.yml",
    ".gitmodules", ".envrc", ".vscode/tasks.json", ".claude", ".cursor", ".mcp.json",
    ".piste", "piste.toml", ".config/mise", "mise.toml", ".mise.toml",
)  # fmt: skip

LINK, SUBMODULE = "120000", "160000"


class Allowed(NamedTuple):
    """What an agent may change."""

    prefix: str  # of the project: "" or "sub/dir/"
    writes: tuple[str, ...] = ()  # below the project, or "!" and what is not; () is all of it
    named: tuple[str, ...] = ()  # below the project; protected paths that are allowed by name


class Violation(NamedTuple):
    """A change that is not allowed."""

    change: Change
    why: str


def why_not(allowed: Allowed, path: str) -> str:
    """Return why a path (from the top of the repository) may not be changed, or ""."""
    if not path.startswith(allowed.prefix):
        return f"{printable(path)} is outside of the project's folder {allowed.prefix}"
    own = path[len(allowed.prefix) :]
    if _below(own, allowed.named):
        return ""
    if guard := _protected(own):
        return f"{printable(own)} may not be changed ({guard} is protected)"
    wanted = [row for row in allowed.writes if not row.startswith("!")]
    if wanted and not _below(own, wanted):
        return f"{printable(own)} is not below {', '.join(wanted)}"
    for row in allowed.writes:
        if row.startswith("!") and _is_left_out(own, row[1:]):
            return f"{printable(own)} may not be changed (writes has {row!r})"
    return ""


def in_words(writes: Sequence[str]) -> str:
    """Return what may be written to, as words after "below"; "" is the whole project."""
    wanted = ", ".join(row for row in writes if not row.startswith("!"))
    out = ", ".join(row[1:] for row in writes if row.startswith("!"))
    return f"{wanted or 'the project'}, and nothing in {out}" if out else wanted


def wrong_setting(writes: Iterable[str]) -> str:
    """Return what is wrong with the setting `writes`, in a line, or ""."""
    for row in writes:
        path = row.removeprefix("!").strip()
        parts = path.split("/")
        if not path.strip("./"):
            return f"writes has {row!r}, which names nothing"
        if path.startswith(("/", "~")) or ".." in parts or "\\" in path:
            return f'writes has {row!r}; paths are from the project\'s folder, such as "src/"'
        if not row.startswith("!") and any(one in path for one in "*?"):
            folder = "/".join(
                parts[: next(at for at, one in enumerate(parts) if set(one) & {*"*?"})]
            )
            return (
                f"writes has {row!r}; it takes files and folders, not patterns: "
                f'"{folder or "src"}/"'
            )
        if not row.startswith("!") and (guard := _protected(path)):
            return f"writes has {row!r}, but {guard} is protected; allow = [{path!r}] lets it"
    return ""


def _is_left_out(path: str, row: str) -> bool:
    """Whether an exclusion means a path: one with a slash inside from the top, else anywhere."""
    name = row.removeprefix("./").rstrip("/")
    parts = path.casefold().split("/")
    wanted = name.casefold().strip("/").split("/")
    ends = range(1, len(parts) + 1)
    if len(wanted) == 1:
        return any(fnmatch.fnmatchcase(part, wanted[0]) for part in parts)
    return any(fnmatch.fnmatchcase("/".join(parts[:end]), "/".join(wanted)) for end in ends)


def judge(
    allowed: Allowed, changed: Iterable[Change], target_of: Callable[[str], str]
) -> list[Violation]:
    """Return the changes that are not allowed. `target_of` tells where a symlink points to."""
    found = []
    for change in changed:
        why = why_not(allowed, change.path)
        if not why and SUBMODULE in (change.mode, change.old_mode):
            why = f"{printable(change.path)} is a repository of its own"
        if not why and change.mode == LINK:
            target = target_of(change.path)
            if _leads_out(change.path, target):
                why = (
                    f"{printable(change.path)} is a link out of the repository, to"
                    f" {printable(target)}"
                )
        if why:
            found.append(Violation(change, why))
    return found


def _leads_out(path: str, target: str) -> bool:
    if target.startswith("/"):
        return True
    whole = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    parts = whole.split("/")
    return parts[0] == ".." or any(part.casefold() == ".git" for part in parts)


def _protected(path: str) -> str:
    folded = path.casefold()
    parts = folded.split("/")
    if ".git" in parts:
        return ".git"
    # What protects the top of a project protects that of a part of it, too.
    for guard in PROTECTED:
        if folded == guard or folded.startswith(f"{guard}/") or f"/{guard}/" in f"/{folded}/":
            return guard
    return ""


def _below(path: str, folders: Sequence[str]) -> bool:
    names = (folder.removeprefix("./").rstrip("/") for folder in folders)
    return any(path == name or path.startswith(f"{name}/") for name in names)
