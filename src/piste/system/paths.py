"""Paths that come from outside, checked before anything is done with them.

A path in a setting, in a receipt or in a reply is text from nobody. Here it
becomes a project-relative path with `/`, or an error. This module does not know
what the path is for.
"""

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from piste.system.errors import UserError, printable

STATE = ".piste"  # piste's own folder in a project; nobody's target
RECEIPTS = f"{STATE}/receipts"  # the part of it that belongs in git
RUN = f"{STATE}/run"  # what carrying out a plan keeps: worktree, attempts, logs
_CLOSED = {".git", STATE}  # folders in which no target may lie, in any letter case
# Most paths; nothing in them can be wrong, so the rest of the questions is spared.
_DIGEST = re.compile(r"[0-9a-f]{64}").fullmatch
_SIMPLE = re.compile(r"\w(?:[\w-]|\.(?=[\w-]))*(?:/[\w](?:[\w-]|\.(?=[\w-]))*)*").fullmatch
_WINDOWS = re.compile(r"^[A-Za-z]:|[\\<>|?*\x00-\x1f\x7f]")


def is_digest(text: object) -> bool:
    """Whether `text` is a sha256 in hex: what a file of the store may be called, and no path."""
    return isinstance(text, str) and bool(_DIGEST(text))


def relative(text: str, what: str) -> str:
    """Return `text` as a normal project-relative path with `/`.

    `what` names the setting in the error. Raises UserError for anything absolute,
    above the project, empty, or with characters that are not the same path on
    every system.
    """
    if _SIMPLE(text):
        return text
    if not text.strip():
        raise UserError(f"{what}: a path is missing; name a file inside the project")
    parts = PurePosixPath(text).parts
    hidden = printable(text) != text  # zero-width or bidirectional: not the name that it shows
    first = parts[0] if parts else ""
    if hidden or first.startswith(("/", "~", "-")) or _WINDOWS.search(text):
        raise UserError(
            f"{what}: {printable(text)!r} is not a plain path; "
            "use a path relative to the project, with '/'"
        )
    if ".." in parts:
        raise UserError(
            f"{what}: {printable(text)!r} may lead out of the project; write it without '..'"
        )
    if not parts or text.endswith("/"):
        raise UserError(f"{what}: {printable(text)!r} is a folder; name a file")
    if any(part != part.strip() or part.endswith(".") for part in parts):
        raise UserError(
            f"{what}: {printable(text)!r} has a part that begins or ends in a space or a dot"
        )
    return "/".join(parts)


def output(text: str, what: str) -> str:
    """Return `text` as a path that a rule may write; see `relative`.

    Raises UserError also for what lies in `.git` or in piste's own folder.
    """
    path = relative(text, what)
    for part in path.split("/"):
        if part[0] == "." and part.lower() in _CLOSED:
            raise UserError(f"{what}: {printable(text)!r} lies in {part}, where no target may be")
    return path


def writable(root: Path, target: str) -> Path:
    """Return where `target` is written, after a look at the disk.

    Raises UserError when it is a folder or a symlink, when a folder on the way is a
    symlink out of the project, or when it cannot be written. Nothing is changed:
    this is asked before any model is.
    """
    path = root / target
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = 0
    if stat.S_ISLNK(mode):
        raise UserError(
            f"{target} is a symlink to {printable(os.readlink(path))}; replace it by a file"
        )
    if mode and not stat.S_ISREG(mode):
        raise UserError(f"{target} is not a plain file; move it away or name another target")
    inside(root, path.parent, target)
    if mode and not os.access(path, os.W_OK):
        raise UserError(f"{target} is read-only; chmod u+w {target}, or name another target")
    writable_folder(path.parent, target)
    return path


def inside(root: Path, folder: Path, what: str) -> None:
    """Raise UserError when `folder` leads out of `root` through a symlink."""
    top = os.path.realpath(root)
    real = os.path.realpath(folder)
    if real != top and not real.startswith(top.rstrip(os.sep) + os.sep):
        raise UserError(f"{what}: its folder leads out of the project, to {printable(real)}")


def is_linked(root: Path, name: str) -> bool:
    """Whether a name below the root is a link, or lies behind one."""
    parts = PurePosixPath(name).parts
    return any((root / Path(*parts[:end])).is_symlink() for end in range(1, len(parts) + 1))


def writable_folder(folder: Path, what: str) -> None:
    """Raise UserError when nothing can be made in `folder`, or in the nearest that is there."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if not os.path.isdir(folder):
        raise UserError(f"{what}: {folder} is not a folder; move it away")
    if not os.access(folder, os.W_OK | os.X_OK):
        ours = not hasattr(os, "geteuid") or os.stat(folder).st_uid == os.geteuid()
        way = "chmod u+w it" if ours else "it belongs to another account"
        raise UserError(f"{what}: the folder {folder} is read-only; {way}")


def folded_names(root: Path, folder: str) -> dict[str, list[str]]:
    """Return the names in a folder, by what other systems take them for; none where it is not.

    macOS and Windows fold case (`TODO.md`), macOS also the ways to write one letter in Unicode.
    """
    found: dict[str, list[str]] = {}
    try:
        names = os.listdir(root / folder)
    except OSError:
        return found
    for name in names:
        found.setdefault(folded(name), []).append(name)
    return found


def folded(name: str) -> str:
    """Return a name as file systems that fold case and Unicode compare it."""
    if name.isascii():
        return name.lower()
    import unicodedata

    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def remove_whatever(path: Path) -> None:
    """Delete what lies there, if anything does: a folder with all that is in it, locked or not.

    `shutil.rmtree` calls itself for every folder, and ends in one of a thousand: here a folder
    within a folder is moved to the top before its turn. Links are deleted, never followed.

    Raises OSError.
    """
    if not os.path.lexists(path):
        return
    if path.is_symlink() or not path.is_dir():
        path.unlink()
        return
    fd = _opened(path)
    try:
        while folders := _without_files(fd):
            for name in folders:
                below = _opened(name, fd)
                try:
                    for inner in _without_files(below):
                        os.close(_opened(inner, below))  # what we may not write does not move
                        os.rename(inner, os.urandom(16).hex(), src_dir_fd=below, dst_dir_fd=fd)
                finally:
                    os.close(below)
                os.rmdir(name, dir_fd=fd)
    finally:
        os.close(fd)
    path.rmdir()


def _opened(folder: Path | str, above: int | None = None) -> int:
    """Open a folder, after it was made one that we may list and change. Raises OSError."""
    if not stat.S_ISDIR(os.stat(folder, dir_fd=above, follow_symlinks=False).st_mode):
        raise NotADirectoryError(errno.ENOTDIR, "not a folder", os.fspath(folder))
    with contextlib.suppress(OSError):
        os.chmod(folder, stat.S_IRWXU, dir_fd=above)
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)


def _without_files(fd: int) -> list[str]:
    """Delete what is in a folder but the folders, and return their names. Raises OSError."""
    with os.scandir(fd) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if not is_folder:
            os.unlink(name, dir_fd=fd)
    return [name for name, is_folder in found if is_folder]


def walk(top: Path | str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield each folder, from the top, with the names of its folders and of all else in it.

    As `os.walk`, which before Python 3.12 calls itself for every folder, and ended in one of a
    thousand. Folders that are taken out of the list are not looked into, nor are links.
    """
    waiting = [os.fspath(top)]
    while waiting:
        here = waiting.pop()
        folders: list[str] = []
        names: list[str] = []
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    (folders if os.path.isdir(entry) else names).append(entry.name)
        except OSError:  # gone, closed to us, or of a longer path than the system takes
            continue
        yield here, folders, names
        below = [Path(here, name) for name in reversed(folders)]
        waiting += [str(path) for path in below if not path.is_symlink()]
