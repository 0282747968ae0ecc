"""The one door to the files of a project: what is read below its root is read here.

A repository that one clones may hold anything under any name: a link to a key of one's own, to
`/proc/self/environ`, to `/dev/zero`; a pipe that never says anything; a file of gigabytes. What
is read here lies in the project and not in its `.git`, is a plain file, has no more bytes than
its reader allows, and was opened without waiting. A link that leads from one place of the
project to another is followed. The packer, which reads thousands of files and never follows a
link, asks `file_reader` itself.

It does not know what the bytes mean, nor which of them a model sees.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from piste.system.errors import UserError, printable
from piste.system.file_reader import FILE_FLAGS, Folders

# What each sort of file may have at most, in bytes: far more than any that is in use, and less
# than what is felt.
SETTINGS = 4_000_000  # a file of 10,000 rules has a third of it
TEMPLATE = 1_000_000
RECORD = 4_000_000  # a receipt of 10,000 inputs has a third of it
DOCUMENT = 8_000_000  # that is taken apart: a plan, a todo list, an idea, a transcript
LOG = 64_000_000

_PIECE = 1 << 20  # bytes that are asked for at once beyond the size that was told
_LINKED = (errno.ELOOP, errno.ENOTDIR, errno.EMLINK)  # what the opening of a link comes to


def read(root: Path | str, name: str, most: int) -> bytes:
    """Return the bytes of a file of the project at `root`.

    Raises FileNotFoundError where there is none, and UserError in one line for one that leads
    out of the project or into `.git`, is no plain file, has more than `most` bytes, or cannot be
    read.
    """
    with opened(root, name) as fd:
        return read_opened(fd, name, most)


def read_any(root: Path | str, name: str, most: int) -> bytes | None:
    """Return the bytes of a file, or None where there is none. Raises UserError as `read`."""
    try:
        return read(root, name, most)
    except FileNotFoundError:
        return None


def read_opened(fd: int, name: str, most: int) -> bytes:
    """Return the bytes of a file that `opened` has opened. Raises UserError as `read`."""
    size = os.fstat(fd).st_size
    if size > most:
        raise UserError(
            f"{printable(name)} has {size_text(size)}; "
            f"{size_text(most)} is the most that is read of its kind"
        )
    try:
        data = os.read(fd, size + 1)
        while len(data) <= most and (more := os.read(fd, min(_PIECE, most + 1 - len(data)))):
            data += more
    except OSError as error:
        raise _unreadable(name, error) from None
    if len(data) > most:
        raise UserError(f"{printable(name)} grows while it is read; try again")
    return data


def beginning(root: Path | str, name: str, size: int) -> bytes:
    """Return the first `size` bytes of a file, however long it is. Raises as `read` does."""
    with opened(root, name) as fd:
        return os.read(fd, size)


@contextlib.contextmanager
def opened(root: Path | str, name: str) -> Iterator[int]:
    """Open a plain file of the project for reading, without waiting. Raises as `read` does."""
    fd = _open(os.fspath(root), name)
    try:
        mode = os.fstat(fd).st_mode
        if stat.S_ISDIR(mode):
            raise UserError(f"{printable(name)} is a folder; a file was expected")
        if not stat.S_ISREG(mode):
            raise UserError(f"{printable(name)} is not a plain file; move it away")
        yield fd
    finally:
        os.close(fd)


def size_text(size: int) -> str:
    """Return a number of bytes for a person: "2.1 GB"."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} bytes"


def _open(root: str, name: str) -> int:
    """Open a name, links inside the project followed. Raises as `read` does."""
    _not_in_git(name, name)
    try:
        try:
            return _open_plain(root, name)
        except OSError as error:
            if error.errno not in _LINKED:
                raise
        return _open_plain(os.path.realpath(root), _real(root, name))
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(errno.ENOENT, "No such file", name) from None
    except OSError as error:
        if error.errno in _LINKED:
            raise UserError(f"{printable(name)} is a symlink that leads in a circle") from None
        if error.errno == errno.ENXIO:  # a socket
            raise UserError(f"{printable(name)} is not a plain file; move it away") from None
        raise _unreadable(name, error) from None


def _open_plain(root: str, name: str) -> int:
    """Open a name without following any link below the root. Raises OSError."""
    folder, _, base = os.fsencode(name).rpartition(b"/")
    if not folder:  # no folder on the way that could be a link
        return os.open(os.path.join(os.fsencode(root), base), FILE_FLAGS)
    with contextlib.closing(Folders(root)) as folders:
        return os.open(base, FILE_FLAGS, dir_fd=folders.of(folder))


def _real(root: str, name: str) -> str:
    """Return where links lead, from the root. Raises UserError where that is outside."""
    top = os.path.realpath(root)
    real = os.path.realpath(os.path.join(root, name))
    below = os.path.relpath(real, top)
    if below == os.pardir or below.startswith(os.pardir + os.sep):
        raise UserError(
            f"{printable(name)} leads out of the project, to {printable(real)}; copy it in"
        )
    _not_in_git(below, name)
    return below


def _not_in_git(below: str, name: str) -> None:
    """Refuse git's own folder: the person's passwords for their remotes may be in it."""
    if ".git" in below.lower() and ".git" in below.lower().split("/"):
        raise UserError(f"{printable(name)} lies in .git, which no model is shown; copy it out")


def _unreadable(name: str, error: OSError) -> UserError:
    return UserError(f"{printable(name)} cannot be read: {error.strerror}")
