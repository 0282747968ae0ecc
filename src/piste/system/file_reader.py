"""Reading a file of the tree: whole or not at all, never out of the tree, never waiting.

Every folder on the way is opened without following symlinks, so a folder that was
replaced by a link after it was listed leads nowhere. A FIFO or device is opened without
waiting for its other end, and is then seen not to be a file. It does not know what the
bytes mean.

`beginning`, `end`, `pieces` and `copy` are for files beside the tree that somebody else may have
laid there all the same: git's own, what a program of ours has printed. Links are followed there.
"""

import errno
import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

FILE, SYMLINK, SPECIAL, FOLDER, UNREADABLE, VANISHED, CHANGING, LARGE = range(8)

Stamp = tuple[int, int, int, int]
"""mtime (ns), ctime (ns), size (bytes), inode: equal stamps mean an unchanged file, unless
the file is as young as the clock is coarse (git's racy entries; see `manifest`)."""
NO_STAMP: Stamp = (-1, -1, -1, -1)

_SMALL = 1 << 16  # bytes
_PIECE = 1 << 20  # bytes that are copied at once
_ATTEMPTS = 3  # at a file that is being written
FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# O_PATH (Linux) opens a folder that may be passed through but not listed.
_FOLDER_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class FileRead(NamedTuple):
    """What was found under a name. `data` is the content, or a symlink's target."""

    kind: int
    data: bytes = b""
    stamp: Stamp = NO_STAMP
    size: int = 0
    why: str = ""


def beginning(path: str | os.PathLike[str], most: int) -> bytes:
    """Return the first `most` bytes of a plain file, links followed. Raises OSError."""
    fd = _plain(path)
    try:
        data = os.read(fd, most)
        while len(data) < most and (more := os.read(fd, most - len(data))):
            data += more
        return data
    finally:
        os.close(fd)


def end(path: str | os.PathLike[str], most: int) -> bytes:
    """Return the last `most` bytes of a plain file, links followed. Raises OSError."""
    fd = _plain(path)
    try:
        os.lseek(fd, max(0, os.fstat(fd).st_size - most), os.SEEK_SET)
        return os.read(fd, most)
    finally:
        os.close(fd)


def pieces(path: str | os.PathLike[str]) -> Iterator[bytes]:
    """Yield a plain file, as long as it is now, piece by piece. Raises OSError."""
    fd = _plain(path)
    try:
        yield from _pieces(fd)
    finally:
        os.close(fd)


def copy(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Copy a plain file to where nothing is yet. Raises OSError."""
    fd = _plain(source)
    try:
        with open(target, "xb") as file:
            file.writelines(_pieces(fd))
    finally:
        os.close(fd)


def _pieces(fd: int) -> Iterator[bytes]:
    left = os.fstat(fd).st_size
    while left > 0 and (data := os.read(fd, min(left, _PIECE))):
        left -= len(data)
        yield data


def _plain(path: str | os.PathLike[str]) -> int:
    """Open a plain file, wherever links lead, without waiting. Raises OSError."""
    fd = os.open(os.path.realpath(path), FILE_FLAGS)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a plain file", os.fspath(path))
    return fd


class Folders:
    """The open folders on the way to the last file that was read.

    Names come sorted, so the next file is mostly in the same folder or one close by.
    """

    def __init__(self, root: str) -> None:
        """Open `root`. Raises OSError."""
        self._open = [(b"", os.open(root, _FOLDER_FLAGS & ~os.O_NOFOLLOW))]

    def of(self, folder: bytes) -> int:
        """Return the descriptor of a folder below the root. Raises OSError."""
        path, fd = self._open[-1]
        if path == folder:
            return fd
        while (here := self._open[-1][0]) and here != folder and not folder.startswith(here + b"/"):
            os.close(self._open.pop()[1])
        path, fd = self._open[-1]
        if path != folder:
            for part in folder[len(path) :].strip(b"/").split(b"/"):
                path = path + b"/" + part if path else part
                fd = os.open(part, _FOLDER_FLAGS, dir_fd=fd)
                self._open.append((path, fd))
        return fd

    def close(self) -> None:
        """Close what is open."""
        while self._open:
            os.close(self._open.pop()[1])


def stamp_of(info: os.stat_result) -> Stamp:
    """Return the stamp of a stat result."""
    return (info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino)


def read(
    folders: Folders, name: bytes, limit: int, cut: bool = False, settled: int = 0
) -> FileRead:
    """Return what stands under `name`; of a file above `limit` bytes nothing, or its beginning.

    Never raises for what the tree holds: each kind of trouble is a kind of result. A file
    that was last changed before `settled` (ns), some time before it is read, was not
    changed while it was: that spares a second look.
    """
    folder, _, base = name.rpartition(b"/")
    try:
        at = folders.of(folder)
    except (FileNotFoundError, NotADirectoryError):
        return FileRead(VANISHED)
    except OSError as error:
        # A folder on the way that is a symlink now: ELOOP where there is no O_PATH.
        return FileRead(VANISHED) if error.errno == errno.ELOOP else _refused(error)
    for _ in range(_ATTEMPTS):
        try:
            fd = os.open(base, FILE_FLAGS, dir_fd=at)
        except OSError as error:
            return _not_opened(at, base, error)
        got = _read_settled(fd, limit, settled) or _read_watched(fd, limit, cut)
        os.close(fd)
        if got.kind != CHANGING:
            return got
    return got


def _read_settled(fd: int, limit: int, settled: int) -> FileRead | None:
    """Return a small file that nobody has changed for some time; most are, and one look does."""
    try:
        data = os.read(fd, _SMALL)
        info = os.fstat(fd)
        stamp = (info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino)
        if (
            len(data) == stamp[2] <= limit
            and stamp[0] < settled > stamp[1]
            and stat.S_ISREG(info.st_mode)
        ):
            return FileRead(FILE, data, stamp, stamp[2])
        os.lseek(fd, 0, os.SEEK_SET)
    except OSError:  # a folder, a FIFO
        pass
    return None


def _read_watched(fd: int, limit: int, cut: bool) -> FileRead:
    """Return what an open file is, seen not to change while it is read."""
    try:
        before = os.fstat(fd)
        size = before.st_size
        if not stat.S_ISREG(before.st_mode):
            kind = FOLDER if stat.S_ISDIR(before.st_mode) else SPECIAL
            return FileRead(kind, stamp=stamp_of(before))
        if size > limit and not cut:
            return FileRead(LARGE, b"", stamp_of(before), size)
        wanted = min(size, limit)
        data = os.read(fd, wanted)
        while len(data) < wanted and (more := os.read(fd, wanted - len(data))):
            data += more
        stamp = stamp_of(os.fstat(fd))
        if len(data) < wanted or stamp != stamp_of(before):
            return FileRead(CHANGING)
        return FileRead(FILE, data, stamp, size)
    except OSError as error:
        return _refused(error)


def _not_opened(at: int, base: bytes, error: OSError) -> FileRead:
    """Say why a name could not be opened: gone, a symlink, a socket, or no permission."""
    if isinstance(error, FileNotFoundError):
        return FileRead(VANISHED)
    try:
        info = os.stat(base, dir_fd=at, follow_symlinks=False)
        if stat.S_ISLNK(info.st_mode):
            return FileRead(SYMLINK, os.readlink(base, dir_fd=at), stamp_of(info))
        if not stat.S_ISREG(info.st_mode) and not stat.S_ISDIR(info.st_mode):
            return FileRead(SPECIAL, stamp=stamp_of(info))
        return _refused(error, stamp_of(info))
    except OSError as again:
        return _refused(again)


def _refused(error: OSError, stamp: Stamp = NO_STAMP) -> FileRead:
    return FileRead(UNREADABLE, stamp=stamp, why=error.strerror or type(error).__name__)
