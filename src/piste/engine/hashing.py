"""What a file says, as one hash.

Text is hashed with CRLF folded to LF, so that a checkout with other line ends is
the same text; marks of progress in plans and todos are left out, so that ticking
a box makes nothing stale. This module knows no rules and keeps nothing.
"""

import hashlib
import os
import re
import stat
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from piste.system.errors import UserError, printable

# A line of six other characters or of a longer row is none: git writes seven, at the margin. The
# last of the three alone counts below the middle one only: mails quote with such rows.
_MARKER = re.compile(rb"^<{7}(?: |\r?$)|^={7}\r?$(?=[^\0]*?^>{7}(?: |\r?$))", re.MULTILINE)

_pack = struct.Struct("=qqqQ").pack


_AT_ONCE = getattr(os, "O_NONBLOCK", 0)  # not on Windows


class Seen(NamedTuple):
    """One look at a file."""

    digest: str  # sha256 of the content, in hex
    settled: bool  # False: changed so lately that a later change could look the same
    conflict: int = 0  # the line of a conflict marker of git's, where there is one


def digest(data: bytes, kind: str = "") -> str:
    """Return the sha256, in hex, of what `data` says; `kind` is the rule's."""
    if kind != "raw" and b"\0" not in data:  # git's own test of what is text
        data = data.replace(b"\r\n", b"\n")
        if kind:
            data = _without_marks(data, kind)
    return hashlib.sha256(data).hexdigest()


def look(path: Path | str, kind: str = "", of: Callable[[bytes], str] | None = None) -> Seen | None:
    """Return what `path` says, or None where there is no such file.

    `of` hashes the content in place of `digest`.

    Raises UserError when it is a folder or cannot be read.
    """
    now = time.time_ns()
    try:
        # Without O_NONBLOCK the opening of a pipe waits for somebody to write to it.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _AT_ONCE)) as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise UserError(f"{printable(str(path))} is not a plain file")
            data = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError:
        raise UserError(f"{printable(str(path))} is a folder; a file was expected") from None
    except OSError as error:
        raise UserError(f"{printable(str(path))} cannot be read: {error.strerror}") from None
    settled = _is_settled(before, now)
    return Seen(of(data) if of else digest(data, kind), settled, conflict(data))


def is_settled(path: Path) -> bool:
    """Whether `path` is older than the clock's tick, so that any change to it will show."""
    try:
        return _is_settled(os.stat(path), time.time_ns())
    except OSError:
        return False


def signature(st: os.stat_result) -> bytes:
    """Return what tells one version of a file from the next without reading it.

    The time of the last change of the inode is in it: unlike mtime, no program
    can set it back.
    """
    return _pack(st.st_mtime_ns, st.st_ctime_ns, st.st_size, st.st_ino)


def conflict(data: bytes) -> int:
    """Return the line of the first conflict marker that git left in a text, or 0."""
    if b"<<<<<<<" not in data and b">>>>>>>" not in data:
        return 0
    found = _MARKER.search(data)
    return data.count(b"\n", 0, found.start()) + 1 if found and b"\0" not in data else 0


def in_conflict(name: str, line: int) -> UserError:
    """Return the error of a file that holds both sides of a merge."""
    return UserError(
        f"{printable(name)}: line {line} is a conflict marker of git's; keep one side of each"
        " conflict, or indent a line that only shows a marker"
    )


def text(data: bytes, name: str, kind: str = "") -> str:
    """Return `data` as text with LF line ends.

    Raises UserError naming the bad byte, and, unless the `kind` is "raw" (a bundle may pack
    such a file), for both sides of a merge: no model is asked about that.
    """
    if kind != "raw" and (line := conflict(data)):
        raise in_conflict(name, line)
    try:
        decoded = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{printable(name)}: byte {error.start} (line {line}) is not UTF-8; save the file as"
            " UTF-8"
        ) from None
    return decoded.replace("\r\n", "\n")


def _without_marks(data: bytes, kind: str) -> bytes:
    # surrogateescape: bytes that are no UTF-8 still count as content.
    decoded = data.decode("utf-8", "surrogateescape")
    if kind == "plan":
        from piste.documents.plan import strip_marks
    else:
        from piste.documents.todo import strip_marks
    return strip_marks(decoded).encode("utf-8", "surrogateescape")


# The coarsest clock of a file system in common use is FAT's, of two seconds. It is
# the rule that git has for its index ("racily clean" entries), with that margin.
_TICK = 2_000_000_000


def _is_settled(st: os.stat_result, now: int) -> bool:
    return max(st.st_mtime_ns, st.st_ctime_ns) + _TICK < now
