"""What was packed last time: each name with its stamp and the length of its block.

From it a run sees that nothing changed, without reading a file; or it copies the blocks that
stand out of the old bundle. Throw-away: without it the next run packs everything. It does not
know how a block is made.

Stamps are trusted as git trusts its index: an entry whose file was changed less than two
seconds before it was read may have been changed again within the same tick of the file
system's clock, so it is read again. The old bundle's own stamp is trusted when this file is
younger than it by the file system's clock.
"""

import hashlib
import json
import os
import time
from array import array
from pathlib import Path
from typing import Any, NamedTuple

from piste.system import atomic_write, caches, file_reader
from piste.system.file_reader import NO_STAMP, Stamp, stamp_of

_MAGIC = "piste bundle state 1"
RACY = 2_000_000_000  # ns within which a file may have been changed twice in one tick
_MOST = 256_000_000  # bytes of a state; two million files
_TICKS = 10  # of 2 ms, that a save waits for the file system's clock to go on

# What can be under a name: what `file_reader` finds, and what is found on a second look.
PACKED = file_reader.FILE
BINARY, BUNDLE, DROPPED = range(file_reader.LARGE + 1, file_reader.LARGE + 4)
KINDS = (
    "packed", "symlink", "special file", "submodule", "unreadable", "vanished", "changing",
    "too large", "binary", "an earlier bundle", "over the budget",
)  # fmt: skip

Note = dict[str, Any]
"""What a report says of one file: its encoding, why it is not packed, its secrets by rule."""


class Table:
    """The names that were looked at, sorted, and a column for each thing known of them."""

    def __init__(self, names: list[bytes]) -> None:
        """Begin a table; its rows are added in the order of the names."""
        self.names = names
        self.kinds = bytearray()
        self.lengths: array[int] = array("q")  # bytes of the block
        self.tokens: array[int] = array("q")
        self.stamps: array[int] = array("q")  # four a name
        self.notes: dict[int, Note] = {}  # by index; most have none

    def add(
        self, kind: int, length: int, tokens: int, stamp: Stamp, note: Note | None, now: int
    ) -> None:
        """Append what is known of the next name at the time `now` (ns)."""
        if note:
            self.notes[len(self.kinds)] = note
        self.kinds.append(kind)
        self.lengths.append(length)
        self.tokens.append(tokens)
        self.stamps.extend(trusted(stamp, now))

    def columns(self) -> tuple[bytes, bytes, bytes, bytes, dict[int, Note]]:
        """Return all but the names as plain data."""
        return (
            bytes(self.kinds),
            self.lengths.tobytes(),
            self.tokens.tobytes(),
            self.stamps.tobytes(),
            self.notes,
        )

    @staticmethod
    def of_columns(
        names: list[bytes],
        kinds: bytes,
        lengths: bytes,
        tokens: bytes,
        stamps: bytes,
        notes: dict[int, Note],
    ) -> "Table":
        """Return the table that `columns` took apart. Raises ValueError for what is none."""
        table = Table(names)
        table.kinds += kinds
        table.lengths.frombytes(lengths)
        table.tokens.frombytes(tokens)
        table.stamps.frombytes(stamps)
        table.notes = notes
        return table

    def extend(self, other: "Table") -> None:
        """Append the rows of another table."""
        here = len(self.kinds)
        self.notes |= {here + row: note for row, note in other.notes.items()}
        self.kinds += other.kinds
        self.lengths += other.lengths
        self.tokens += other.tokens
        self.stamps += other.stamps

    def take(self, other: "Table", row: int) -> None:
        """Append a row of another table as it is."""
        if row in other.notes:
            self.notes[len(self.kinds)] = other.notes[row]
        self.kinds.append(other.kinds[row])
        self.lengths.append(other.lengths[row])
        self.tokens.append(other.tokens[row])
        self.stamps.extend(other.stamps[4 * row : 4 * row + 4])


class State(NamedTuple):
    """One finished run: what it was asked, what it listed, and what it wrote."""

    key: str  # of the settings and all else that was asked
    mark: str  # of the listing
    table: Table
    left: list[tuple[str, str, list[str]]]  # by patterns: reason, pattern, names as shown
    notes: list[str]  # of the listing
    watched: dict[str, Stamp]  # files read beside those listed
    target: Stamp
    head: tuple[int, int]  # bytes and tokens before the first file's block
    tail: tuple[int, int]
    sha256: str  # of the text; "" where it was not asked for


def file_of(folder: Path, target: str) -> Path:
    """Return where the state of a target lies."""
    return folder / f"bundle-{hashlib.sha256(target.encode()).hexdigest()[:12]}.state"


def trusted(stamp: Stamp, now: int) -> Stamp:
    """Return `stamp`, or NO_STAMP where the file may have changed in the tick of `now` (ns)."""
    young = now - RACY
    return NO_STAMP if stamp[0] > young or stamp[1] > young else stamp


def stamps(root: bytes, names: list[bytes]) -> "array[int]":
    """Return the stamps of names below `root`, as a table's column has them."""
    found: array[int] = array("q")
    extend, lstat = found.extend, os.lstat
    prefix = os.path.join(root, b"")
    for name in names:
        try:
            info = lstat(prefix + name)
        except OSError:
            extend(NO_STAMP)
        else:
            extend((info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino))
    return found


def stamp(path: str | bytes) -> Stamp:
    """Return the stamp of a path; NO_STAMP where there is nothing."""
    try:
        return stamp_of(os.lstat(path))
    except OSError:
        return NO_STAMP


def save(path: Path, state: State) -> None:
    """Write the state durably enough: whole or not at all. Raises OSError."""
    table = state.table
    names = b"\0".join(table.names)
    *columns, notes = table.columns()
    head = {
        "magic": _MAGIC,
        "key": state.key,
        "mark": state.mark,
        "left": state.left,
        "listing": state.notes,
        "watched": state.watched,
        "target": state.target,
        "head": state.head,
        "tail": state.tail,
        "sha256": state.sha256,
        "notes": {str(index): note for index, note in notes.items()},
        "names": len(names),
        "count": len(table.names),
    }
    with atomic_write.stream(path, sync=False) as fd:
        atomic_write.write_all(fd, b"".join([json.dumps(head).encode(), b"\n", names, *columns]))
        # The target's stamp can be trusted when this file is younger; see `load`.
        for _ in range(_TICKS):
            if os.fstat(fd).st_mtime_ns > state.target[1]:
                break
            time.sleep(0.002)
            os.utime(fd)


def load(path: Path, key: str) -> State | None:
    """Return the state of a run that was asked the same, or None.

    `target` is NO_STAMP in it where the bundle may have changed since in the same tick.
    """
    try:
        with caches.opened(path.parent, path.name) as fd, open(fd, "rb", closefd=False) as file:
            if os.fstat(fd).st_size > _MOST:
                return None
            written = os.fstat(fd).st_mtime_ns
            head = json.loads(file.readline())
            if head["magic"] != _MAGIC or head["key"] != key:
                return None
            rest = file.read()
        table = _table(head, rest)
        target = _stamp(head["target"])
        return State(
            key=key,
            mark=str(head["mark"]),
            table=table,
            left=[(str(a), str(b), [str(n) for n in names]) for a, b, names in head["left"]],
            notes=[str(note) for note in head["listing"]],
            watched={str(name): _stamp(found) for name, found in head["watched"].items()},
            target=target if written > target[1] else NO_STAMP,
            head=(int(head["head"][0]), int(head["head"][1])),
            tail=(int(head["tail"][0]), int(head["tail"][1])),
            sha256=str(head["sha256"]),
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return None  # none, or not one of ours


def _stamp(found: list[int]) -> Stamp:
    a, b, c, d = map(int, found)
    return (a, b, c, d)


def _table(head: dict[str, Any], rest: bytes) -> Table:
    """Rebuild the columns. Raises ValueError where the file is cut off."""
    count, at = int(head["count"]), int(head["names"])
    names = rest[:at].split(b"\0") if at else []
    if len(names) != count or len(rest) != at + count * (1 + 6 * 8):
        raise ValueError("cut off")
    columns = []
    for width in (1, 8, 8, 32):
        columns.append(rest[at : at + count * width])
        at += count * width
    notes = {int(index): dict(note) for index, note in head["notes"].items()}
    kinds, lengths, tokens, stamps = columns
    return Table.of_columns(names, kinds, lengths, tokens, stamps, notes)
