"""Where a project's caches are: with the person's own, never in the project.

What lies in a project may have been committed by anybody, so nothing in it is believed because an
earlier run could have written it. A project's caches are in the person's folder of caches, under a
name that no repository can choose: a hash of the real path, the device, the inode and the account.
The folder is open to that account alone. All of it can be deleted at the cost of time, and where
there is no such folder, or it cannot be written, there is no cache. It does not know what is in
the files.
"""

import contextlib
import hashlib
import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from piste.system import person
from piste.system.file_reader import FILE_FLAGS

_OLD = 90 * 86_400  # seconds without news after which a project's caches go


def folder(root: Path) -> Path:
    """Return where the caches of the project at `root` are; it may not be there."""
    real = os.path.realpath(root)
    parts = [real, str(_uid())]
    with contextlib.suppress(OSError):
        found = os.stat(real)
        parts += [str(found.st_dev), str(found.st_ino)]
    return _base() / hashlib.sha256(os.fsencode("\0".join(parts))).hexdigest()[:32]


def make(place: Path) -> None:
    """Make a folder of `folder`, for this account alone. Raises OSError."""
    if place.is_dir():
        return
    os.makedirs(place.parent, mode=0o700, exist_ok=True)
    _sweep(place.parent)
    place.mkdir(0o700)


@contextlib.contextmanager
def opened(place: Path, name: str) -> Iterator[int]:
    """Open a cache for reading. Raises OSError where it is not there, or not this account's own."""
    _own(os.lstat(place), stat.S_IFDIR)
    fd = os.open(place / name, FILE_FLAGS)
    try:
        _own(os.fstat(fd), stat.S_IFREG)
        yield fd
    finally:
        os.close(fd)


def read(place: Path, name: str, most: int) -> bytes:
    """Return what a cache holds; b"" where there is none, or it has more than `most` bytes."""
    try:
        with opened(place, name) as fd:
            size = os.fstat(fd).st_size
            return os.read(fd, size) if size <= most else b""
    except OSError:
        return b""


def _own(found: os.stat_result, kind: int) -> None:
    others = stat.S_IWGRP | stat.S_IWOTH if kind == stat.S_IFDIR else stat.S_IWOTH
    if stat.S_IFMT(found.st_mode) != kind or found.st_uid != _uid() or found.st_mode & others:
        raise PermissionError("not this account's own")


def _uid() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else 0  # not on Windows


def _base() -> Path:
    """Return the person's folder of caches (XDG), and ours in it."""
    under_home = "Library/Caches" if sys.platform == "darwin" else ".cache"
    return person.folder("XDG_CACHE_HOME", under_home) / "piste" / "projects"


def _sweep(base: Path) -> None:
    """Remove the caches of projects that nobody has been in for a long time."""
    import shutil

    with contextlib.suppress(OSError), os.scandir(base) as entries:
        for entry in entries:
            if len(entry.name) == 32 and entry.stat(follow_symlinks=False).st_mtime < (
                time.time() - _OLD
            ):
                shutil.rmtree(entry.path, ignore_errors=True)
