"""What a file says, as one hash.

Text is hashed with CRLF folded to LF, so that a checkout with other line ends is
the same text; marks of progress in plans and todos are left out, so that ticking
a box makes nothing stale. This module knows no rules and keeps nothing.
"""

import hashlib
import os
import re
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from piste.system import project_files
from piste.system.errors import UserError, printable

# A line of six other characters or of a longer row is none: git writes seven, at the margin. The
# last of the three alone counts below the middle one only: mails quote with such rows.
_MARKER = rb"(?m:^<{7}(?: |\r?$)|^={7}\r?$(?=[^\0]*?^>{7}(?: |\r?$)))"

_pack = struct.Struct("=qqqQ").pack

MOST = 50_000_000  # bytes of a file that is hashed; no model takes so much


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


def look(
    root: Path,
    name: str,
    kind: str = "",
    most: int = MOST,
    of: Callable[[bytes], str] | None = None,
) -> Seen | None:
    """Return what a file of the project says, or None where there is no such file.

    `of` hashes the content in place of `digest`.

    Raises UserError as `project_files.read` does.
    """
    now = time.time_ns()
    try:
        with project_files.opened(root, name) as fd:
            before = os.fstat(fd)
            data = project_files.read_opened(fd, name, most_of(kind, most))
    except FileNotFoundError:
        return None
    settled = _is_settled(before, now)
    return Seen(of(data) if of else digest(data, kind), settled, conflict(data))


def most_of(kind: str, most: int = MOST) -> int:
    """Return how many bytes a file may have; one whose marks are looked for is taken apart."""
    return min(most, project_files.DOCUMENT) if kind in ("plan", "todo", "findings") else most


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
    found = re.search(_MARKER, data)
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
    if kind != "todo":
        from piste.documents.plan import strip_marks
    else:
        from piste.documents.todo import strip_marks
    return strip_marks(decoded).encode("utf-8", "surrogateescape")


# The coarsest clock of a file system in common use is FAT's, of two seconds. It is
# the rule that git has for its index ("racily clean" entries), with that margin.
_TICK = 2_000_000_000


def _is_settled(st: os.stat_result, now: int) -> bool:
    return max(st.st_mtime_ns, st.st_ctime_ns) + _TICK < now
