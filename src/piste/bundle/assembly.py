"""The text of a bundle put together from pieces: copied from the old one, or made now.

Nothing is held in memory but a batch: blocks go to the descriptor as they are made, and the
kernel copies what stands already. It does not know why a block is made anew.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import NamedTuple

from piste.bundle import workers
from piste.bundle.blocks import Options
from piste.bundle.cache import ScanCache
from piste.bundle.manifest import Table
from piste.bundle.workers import Job, WorkerPool
from piste.system import atomic_write, screen

_CHUNK = 1 << 20
_COPIED = -1


class Piece(NamedTuple):
    """A stretch of a bundle: a batch to make, or `length` bytes at `offset` of the old one."""

    batch: int = _COPIED
    offset: int = 0
    length: int = 0


class Plan(NamedTuple):
    """The pieces in their order, and the names to make in batches."""

    pieces: list[Piece]
    batches: list[list[bytes]]


def plan(
    names: Sequence[bytes], kept: Sequence[int], starts: Sequence[int], lengths: Sequence[int]
) -> Plan:
    """Plan a bundle of `names`.

    `kept[i]` is the row of the old bundle that name i keeps, or -1; a row's block stands
    at `starts[row]` in it and has `lengths[row]` bytes.
    """
    pieces: list[Piece] = []
    batches: list[list[bytes]] = []
    fresh: list[bytes] = []

    def flush() -> None:
        for batch in workers.batches_of(fresh):
            pieces.append(Piece(batch=len(batches)))
            batches.append(batch)
        fresh.clear()

    for name, row in zip(names, kept, strict=True):
        if row < 0:
            fresh.append(name)
            continue
        if fresh:
            flush()
        start, length = starts[row], lengths[row]
        last = pieces[-1] if pieces else None
        if last and last.batch == _COPIED and last.offset + last.length == start:
            pieces[-1] = Piece(offset=last.offset, length=last.length + length)
        elif length:
            pieces.append(Piece(offset=start, length=length))
    flush()
    return Plan(pieces, batches)


def assemble(
    planned: Plan,
    job: Job,
    known: ScanCache,
    processes: int,
    old: int,
    out: int,
    spools: str,
    first: Callable[[], bytes],
) -> tuple[bytes, list[Table]]:
    """Write the pieces to the descriptor `out`; return the head, and a table for each batch.

    `old` is the old bundle; `out` may be -1: then everything is made and nothing written.
    `spools` is the folder for what helpers write; `first` makes the head, while they are at
    work. Raises OSError, Failed.
    """
    tables: list[Table] = []
    helpers = max(0, min(processes, len(planned.batches)) - 1)
    count = sum(map(len, planned.batches))
    # The helpers come first: with a thread beside it this process would not be forked.
    with (
        closing(WorkerPool(job, known, helpers, spools)) as at_work,
        screen.if_slow(f"packing: {count:,} files to read"),
    ):
        head = first()
        if out >= 0:
            atomic_write.write_all(out, head)
        for piece in planned.pieces:
            if piece.batch == _COPIED:
                if out >= 0:
                    copy(old, piece.offset, piece.length, out)
            elif at_work.mine():
                tables.append(workers.make(at_work.maker, planned.batches[piece.batch], out))
            else:
                done = at_work.of(piece.batch)
                tables.append(done.table)
                if out >= 0:
                    copy(at_work.spool(done.helper), done.offset, done.length, out)
    return head, tables


def job_of(root: str, options: Options, planned: Plan, known: ScanCache, now: int = 0) -> Job:
    """Return what a process needs to know to make the batches of a plan."""
    return Job(root, tuple(options), planned.batches, known.counts, known.scans, now)


def copy(source: int, offset: int, length: int, out: int) -> None:
    """Copy bytes between descriptors, inside the kernel where it can. Raises OSError."""
    try:
        while length:
            done = os.copy_file_range(source, out, length, offset)
            if not done:
                raise OSError("the old bundle is shorter than it was")
            offset, length = offset + done, length - done
        return
    except AttributeError:
        pass  # not on macOS
    except OSError:
        if not length:
            raise
    # Between two file systems, to a pipe, or where the kernel has no such call.
    while length:
        data = os.pread(source, min(length, _CHUNK), offset)
        if not data:
            raise OSError("the old bundle is shorter than it was")
        atomic_write.write_all(out, data)
        offset, length = offset + len(data), length - len(data)


@contextmanager
def scratch(folder: str) -> Iterator[int]:
    """Yield the descriptor of a file without a name in `folder`. Raises OSError."""
    fd = workers.nameless(folder)
    try:
        yield fd
    finally:
        os.close(fd)


def equal(one: int, other: int) -> bool:
    """Whether two files hold the same bytes. Raises OSError."""
    size = os.fstat(one).st_size
    if size != os.fstat(other).st_size:
        return False
    return all(
        os.pread(one, _CHUNK, at) == os.pread(other, _CHUNK, at) for at in range(0, size, _CHUNK)
    )
