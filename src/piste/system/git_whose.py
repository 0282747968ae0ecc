"""Whose history git would show in a folder: that of its own repository, or of another one.

In an archive `.git` may be a link or a file that leads to another repository of the person's, its
`commondir`, its objects or its work tree may lie there, and git believes each of them. Here one
is believed where the other side points back, which no archive can make so: a repository names its
worktrees, and the folder of a submodule its work tree. What lies in the folder itself needs none.
It does not know what is shown.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from piste.system import git_look
from piste.system.errors import UserError, printable
from piste.system.file_reader import beginning

_SHORT = 4096  # bytes of a file that holds one path
_MOST = 1 << 20  # bytes of a list of other repositories
_DEEP = 5  # repositories that take objects of each other, as git follows them


def require_own_history(root: Path) -> None:
    """Raise UserError where git would show the history, or the files, of another folder."""
    if found := _elsewhere(root):
        raise _refused(found)


def require_own_index(root: Path) -> None:
    """Raise UserError where git would list the names of another repository, or of another folder.

    git is asked only where files alone do not tell that it lists what is here.
    """
    place = _place(root)
    own = _leads(place) if place else ""
    if not place or not own:
        return  # git lists nothing there
    tree = os.path.realpath(place)
    if not _is_plainly_own(own, tree) and (found := _elsewhere(root, "index")):
        raise _refused(found)
    for name in os.listdir(own):
        if name.startswith(("index", "sharedindex")):
            real = os.path.realpath(os.path.join(own, name))
            if not _within(real, own) and not _within(real, tree):
                raise _refused(real)


def _is_plainly_own(own: str, tree: str) -> bool:
    """Whether git's folder lies in the tree and names no other, or is that of the worktree."""
    if not _within(own, tree):
        back = os.path.join(own, _line(Path(own, "gitdir")) or "-")
        return os.path.realpath(back) == os.path.join(tree, ".git")
    config = b""
    with contextlib.suppress(OSError):
        config = beginning(f"{own}/config", _MOST).lower()
    # git takes a work tree from this very file, and from none that it includes.
    names = b"worktree" in config or len(config) == _MOST
    return not names and not os.path.lexists(f"{own}/commondir")


def _refused(found: str) -> UserError:
    return UserError(
        f"the repository here takes from {printable(found)}, which does not point back: that "
        "may be another project's, which nobody has allowed: piste trust allows it"
    )


def worktree_folder(common: Path, tree: str) -> Path | None:
    """Return git's own folder, in a repository's, of the worktree at a real path, or None."""
    for file in sorted((common / "worktrees").glob("*/gitdir")):
        path = os.path.join(file.parent, _line(file))
        if os.path.join(os.path.realpath(os.path.dirname(path)), ".git") == f"{tree}/.git":
            return file.parent
    return None


def _elsewhere(root: Path, what: str = "objects") -> str:
    """Return the other place that git takes from, or ""; of objects, or of the index alone."""
    named = _asked(root, "rev-parse", "--absolute-git-dir")
    if not named:
        return ""  # no repository: git says so where it is needed
    own = os.path.realpath(named)
    common = os.path.realpath(root / _asked(root, "rev-parse", "--git-common-dir"))
    top = _asked(root, "rev-parse", "--show-toplevel")
    if top and not _within(os.path.realpath(root), os.path.realpath(top)):
        return top
    place = next((one for one in (root, *root.parents) if _leads(one) == own), None)
    if place is None:
        return own
    tree = os.path.realpath(place)
    if not _believed(tree, own, common):
        return common
    if what == "index":
        return ""
    return next(_foreign_objects(tree, common, os.path.join(common, "objects")), "")


def _believed(tree: str, own: str, common: str) -> bool:
    """Whether the repository that `tree` leads to is its own."""
    if _within(own, tree) and _within(common, tree):
        return True
    if own != common:
        folder = worktree_folder(Path(common), tree)
        return folder is not None and os.path.realpath(folder) == own
    back = _asked(Path(own), f"--git-dir={own}", "config", "--get", "core.worktree")
    return bool(back) and os.path.realpath(os.path.join(own, back)) == tree


def _foreign_objects(tree: str, common: str, objects: str, deep: int = 0) -> Iterator[str]:
    """Yield the places outside that objects come from."""
    for path in _links(objects):
        if not _within(path, tree) and not _within(path, common):
            yield path
    with contextlib.suppress(OSError):
        for line in beginning(f"{objects}/info/alternates", _MOST).splitlines():
            path = os.path.realpath(os.path.join(objects, os.fsdecode(line)))
            if not line or line.startswith(b"#"):
                continue
            if _within(path, tree) and deep < _DEEP:
                yield from _foreign_objects(tree, common, path, deep + 1)
            elif not worktree_folder(Path(path).parent, tree):
                yield path


def _links(objects: str) -> Iterator[str]:
    """Yield where the links lead that stand for objects, or for the folder of them."""
    yield os.path.realpath(objects)
    waiting = [objects]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    yield os.path.realpath(entry.path)
                elif entry.is_dir():
                    waiting.append(entry.path)


def _place(root: Path) -> Path | None:
    """Return the folder whose `.git` counts in a folder."""
    return next((one for one in (root, *root.parents) if os.path.lexists(one / ".git")), None)


def _leads(folder: Path) -> str:
    """Return the real path that a folder's `.git` leads to, as git follows it; or ""."""
    path = folder / ".git"
    if path.is_dir():
        return os.path.realpath(path)
    word, _, named = _line(path).partition(": ")
    return os.path.realpath(folder / named) if word == "gitdir" else ""


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _line(path: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        return os.fsdecode(beginning(path, _SHORT)).rstrip("\r\n")
    return ""


def _asked(folder: Path, *arguments: str) -> str:
    """Return the line that git answers with; "" where it does not, or is not there."""
    import subprocess  # here: it takes longer than what is mostly asked

    try:
        done = subprocess.run(
            ["git", *git_look.OPTIONS, *arguments], cwd=folder, env=git_look.environment(),
            capture_output=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError:
        return ""
    return "" if done.returncode else os.fsdecode(done.stdout).removesuffix("\n")
