"""The one way in which piste writes a file that matters.

A reader sees the old file or the new one, never a mix and never a part; after
power is lost, what was reported as written is there. It does not know what it
writes, nor whether it may: `paths` says where writing is allowed.

The form is the one that restic (`local.Save`), borg (`SaveFile`) and pre-commit
share: a new file in the same folder, write, fsync, rename, fsync of the folder.
"""

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

PREFIX = ".piste-"  # of the temporary files, so that a later run knows them as leftovers
SUFFIX = ".tmp"


def write(
    path: Path,
    data: bytes,
    *,
    sync: bool = True,
    sync_folder: bool = True,
    temps: Path | None = None,
) -> None:
    """Replace `path` by `data`, durably; its folder is made when it is not there.

    An existing file keeps its permission bits. A symlink at `path` is replaced
    by the file, not followed. The other arguments are as in `stream`.

    Raises OSError that names `path`; then the old file stands as it was and nothing is
    left beside it.
    """
    with stream(path, sync, temps, sync_folder) as fd:
        write_all(fd, data)


@contextlib.contextmanager
def stream(
    path: Path, sync: bool = True, temps: Path | None = None, sync_folder: bool = True
) -> Iterator[int]:
    """Yield a descriptor to write to; on leaving, what was written replaces `path`.

    For what is too large to hold in memory; otherwise as `write`. When the body raises,
    the old file stands and nothing is left beside it. Without `sync` the file is whole
    after any crash of a process, but not surely there after power is lost: only for what
    can be made again at no cost. Without `sync_folder` it is whole after power is lost, but
    may be the old one: only where that is as good. `temps` is the folder of the temporary
    file, on the same file system: it is `path`'s own where none is given.

    Raises OSError.
    """
    temp = _temp_name(temps or path.parent)
    try:
        os.makedirs(path.parent, exist_ok=True)
        os.makedirs(temp.parent, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        fd = os.open(temp, flags, 0o666)
        try:
            try_lock(fd)  # tells `sweep` that somebody is at it
            _keep_mode(fd, path)
            yield fd
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(temp, path)
        if sync and sync_folder:
            _sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temp)
        if isinstance(error, OSError):
            _name(error, path, temp)
        raise


def append(path: Path, line: bytes, *, sync: bool = True) -> None:
    """Add one line to `path` in one write, then fsync.

    A line cut short by an earlier crash is ended first, so that it cannot
    swallow this one. A symlink at `path` is not followed. `sync` is as in `stream`.

    Raises OSError that names `path`.
    """
    os.makedirs(path.parent, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    fd = os.open(path, flags | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0), 0o666)
    try:
        size = os.fstat(fd).st_size
        if size:
            os.lseek(fd, size - 1, os.SEEK_SET)
            if os.read(fd, 1) != b"\n":
                line = b"\n" + line
        write_all(fd, line + b"\n")
        if sync:
            os.fsync(fd)
    except OSError as error:
        _name(error, path)
        raise
    finally:
        os.close(fd)


def remove(path: Path) -> None:
    """Delete `path` if it is there, durably. Raises OSError other than its absence."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
        _sync_folder(path.parent)


def sweep(folder: Path, older_than: float) -> None:
    """Delete the temporary files that a killed run left in `folder`.

    Only those last changed before `older_than` (seconds since the epoch) that nobody
    writes any more, as the lock tells which the kernel lets go of with its holder.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX) and entry.name.endswith(SUFFIX):
                with contextlib.suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_mtime < older_than:
                        remove_unheld(entry.path)


def remove_unheld(path: str | Path) -> None:
    """Delete a file, unless another process holds its lock. Raises OSError."""
    fd = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        # By now another file may stand there, which somebody else holds.
        if try_lock(fd) and os.path.samestat(os.fstat(fd), os.lstat(path)):
            os.unlink(path)
    finally:
        os.close(fd)


def try_lock(fd: int) -> bool:
    """Lock an open file for this descriptor alone, if it is free; return whether it was.

    The kernel lets go when the descriptor is closed, however its process ends. A file
    system without locks says yes to everybody.
    """
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL):
            raise
    return True


def _temp_name(folder: Path) -> Path:
    # The name is bounded because the target's own may already be as long as is allowed.
    return folder / f"{PREFIX}{os.getpid()}-{os.urandom(6).hex()}{SUFFIX}"


def _name(error: OSError, path: Path, temp: Path | None = None) -> None:
    """Let an error name the file that was to be written: not the temporary one, not none."""
    if error.filename is None or error.filename == str(temp) or error.filename == temp:
        error.filename, error.filename2 = str(path), None


def _keep_mode(fd: int, path: Path) -> None:
    with contextlib.suppress(OSError, AttributeError):  # nothing there yet; or Windows
        old = os.lstat(path)
        if stat.S_ISREG(old.st_mode):
            os.fchmod(fd, stat.S_IMODE(old.st_mode) & 0o777)


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data` to a descriptor that `stream` yielded. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _sync_folder(folder: Path) -> None:
    # Windows cannot open a folder, nor may everybody who can write in one; some network
    # file systems cannot sync one.
    try:
        fd = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES):
            raise
    finally:
        os.close(fd)
