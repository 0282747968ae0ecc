"""The processes that make blocks: this one, and as many beside it as the machine has cores.

The tokenizers hold Python's lock, so threads would not help. The files that need work stand
in batches. This process takes them from the front and writes them where they belong; the
others take them from the back and write to a spool each, from which they are copied at the
end. A pipe holds one ticket a batch: whoever takes a ticket owes a batch, so the two ends
meet without a batch made twice. Which process made a block does not show in it.

A new process is a fork where that is safe: on Linux, with no other thread alive; elsewhere a
fresh interpreter. It does not know what the blocks are for.
"""

import contextlib
import marshal
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from piste.bundle.blocks import Maker, Options, warm
from piste.bundle.cache import Findings, ScanCache
from piste.bundle.manifest import Table
from piste.system import atomic_write
from piste.system.errors import Failed

_PER_PROCESS = 400  # files that make another process worth its start
_BATCH = 64  # files; some hundred kilobytes of most trees
_MOST_BATCHES = 4096  # so that the pipes hold them all
_FLUSH = 1 << 20  # bytes gathered before they are written
_MOST_PIECES = 1000  # IOV_MAX is 1024 on Linux and macOS
_INDEX = 4  # bytes of a batch's number in the pipe


class Job(NamedTuple):
    """What a process needs to know. Plain data."""

    root: str
    options: tuple[Any, ...]
    batches: list[list[bytes]]
    counts: dict[bytes, int]
    scans: dict[bytes, Findings]
    now: int  # ns, when the run began


class Done(NamedTuple):
    """A batch that was made: its table, and where in the spool its blocks stand."""

    table: Table
    helper: int
    offset: int
    length: int


class Helper(NamedTuple):
    """A process that was started."""

    pid: int
    result: int  # a pipe
    spool: int  # -1 where nothing is written
    wait: Callable[[], int]


def batches_of(names: Sequence[bytes]) -> list[list[bytes]]:
    """Divide names that stand next to each other into batches."""
    size = max(_BATCH, -(-len(names) // _MOST_BATCHES))
    return [list(names[at : at + size]) for at in range(0, len(names), size)]


def make(maker: Maker, names: Sequence[bytes], out: int) -> Table:
    """Make the blocks of a batch, write them to `out` unless it is -1, and return their table.

    Raises OSError.
    """
    table = Table([])  # the names are the batch's
    pieces: list[bytes] = []
    gathered = 0
    for name in names:
        row, made = maker.file(name)
        table.add(*row, maker.now)
        if out >= 0:
            pieces += made
            gathered += row.length
            if gathered > _FLUSH or len(pieces) > _MOST_PIECES:
                _write(out, pieces)
                pieces.clear()
                gathered = 0
    _write(out, pieces)
    return table


def _write(out: int, pieces: list[bytes]) -> None:
    """Write the pieces, at once and without joining them where the system takes them all."""
    size = sum(map(len, pieces))
    done = os.writev(out, pieces) if pieces else 0
    if done < size:
        atomic_write.write_all(out, b"".join(pieces)[done:])


def size_for(files: int, asked: int) -> int:
    """Return how many processes to work with, this one included."""
    if asked:
        return asked
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        cores = os.cpu_count() or 1
    return max(1, min(cores, files // _PER_PROCESS))


class WorkerPool:
    """This process and its helpers, over one list of batches."""

    def __init__(self, job: Job, known: ScanCache, helpers: int, spools: str) -> None:
        """Start `helpers` processes on the batches of `job`. Raises OSError.

        `spools` is a folder for what they write; "" where nothing is to be written.
        """
        self.batches = job.batches
        self.maker = _maker(job, known)
        self._known = known
        self._helpers: list[Helper] = []
        self._done: dict[int, Done] = {}
        self._tickets = -1
        if helpers:
            self._start(job, helpers, spools)

    def _start(self, job: Job, helpers: int, spools: str) -> None:
        count = len(job.batches)
        self._tickets = _filled(b"t" * count)
        back = _filled(b"".join(n.to_bytes(_INDEX, "big") for n in reversed(range(count))))
        start = _spawn
        if _may_fork():
            start = _fork
            warm(self.maker.options)  # once, and the helpers share it
        try:
            for _ in range(helpers):
                spool = nameless(spools) if spools else -1
                self._helpers.append(start(job, self._tickets, back, spool))
        finally:
            os.close(back)

    def mine(self) -> bool:
        """Whether the next batch from the front is this process's to make."""
        return self._tickets < 0 or bool(os.read(self._tickets, 1))

    def of(self, batch: int) -> Done:
        """Return a batch that a helper made; waits for the helpers. Raises Failed, OSError."""
        if not self._done:
            for number in range(len(self._helpers)):
                self._collect(number)
        return self._done[batch]

    def spool(self, number: int) -> int:
        """Return the descriptor of a helper's spool."""
        return self._helpers[number].spool

    def _collect(self, number: int) -> None:
        helper = self._helpers[number]
        with open(helper.result, "rb", closefd=False) as pipe:
            data = pipe.read()
        code = helper.wait()
        self._helpers[number] = helper._replace(pid=0)
        if not data:
            raise Failed(f"a packing process ended early ({_ending(code)}); run it again")
        batches, counts, scans, trouble = marshal.loads(data)
        if trouble:
            raise OSError(*trouble)
        self._known.take(counts, scans)
        for batch, offset, length, columns in batches:
            self._done[batch] = Done(Table.of_columns([], *columns), number, offset, length)

    def close(self) -> None:
        """End what still runs and close what is open."""
        self.maker.close()
        if self._tickets >= 0:
            os.close(self._tickets)
        for helper in self._helpers:
            if helper.pid:
                with contextlib.suppress(OSError):
                    os.kill(helper.pid, 9)
                helper.wait()
            os.close(helper.result)
            if helper.spool >= 0:
                os.close(helper.spool)


def _maker(job: Job, known: ScanCache) -> Maker:
    return Maker(job.root, Options(*job.options), known, job.now)


def _may_fork() -> bool:
    threading = sys.modules.get("threading")  # where it is not loaded there is one thread
    return sys.platform == "linux" and (threading is None or threading.active_count() == 1)


def _filled(data: bytes) -> int:
    """Return the reading end of a pipe that holds `data` and no more."""
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    return reader


def nameless(folder: str) -> int:
    """Return the descriptor of a new file that is gone when it is closed. Raises OSError."""
    path = os.path.join(folder, f"{atomic_write.PREFIX}{os.getpid()}-{os.urandom(6).hex()}.spool")
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    os.unlink(path)
    return fd


def _fork(job: Job, tickets: int, back: int, spool: int) -> Helper:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return Helper(pid, reader, spool, lambda: _wait(pid))
    code = 1
    try:
        import signal

        # What the parent does with these is not for its helpers to do.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.close(reader)
        _help(job, tickets, back, spool, writer)
        code = 0
    finally:
        os._exit(code)


def _spawn(job: Job, tickets: int, back: int, spool: int) -> Helper:
    import subprocess

    reader, writer = os.pipe()
    fds = (tickets, back, spool, writer)
    code = "import sys; from piste.bundle import workers; workers.helper(sys.argv[1:])"
    try:
        process = subprocess.Popen(
            # -P: nothing is imported from the folder that is packed.
            [sys.executable, "-P", "-c", code, *map(str, fds)],
            stdin=subprocess.PIPE,
            pass_fds=[fd for fd in fds if fd >= 0],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
    finally:
        os.close(writer)
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
        pipe.write(marshal.dumps(tuple(job)))
    return Helper(process.pid, reader, spool, process.wait)


def helper(argv: Sequence[str]) -> None:
    """Be a helper in an interpreter of its own: the descriptors come as arguments."""
    tickets, back, spool, result = map(int, argv)
    job = Job(*marshal.loads(sys.stdin.buffer.read()))
    _help(job, tickets, back, spool, result)


def _help(job: Job, tickets: int, back: int, spool: int, result: int) -> None:
    """Make batches from the back until the tickets are gone; send what was found out."""
    batches: list[tuple[int, int, int, tuple[Any, ...]]] = []
    known = ScanCache(job.counts, job.scans)
    trouble: tuple[Any, ...] = ()
    try:
        with contextlib.closing(_maker(job, known)) as maker:
            for batch in _taken(tickets, back):
                offset = os.lseek(spool, 0, os.SEEK_CUR) if spool >= 0 else 0
                table = make(maker, job.batches[batch], spool)
                batches.append((batch, offset, sum(table.lengths), table.columns()))
    except OSError as error:
        trouble = (error.errno, error.strerror)
    atomic_write.write_all(
        result, marshal.dumps((batches, known.new_counts, known.new_scans, trouble))
    )


def _taken(tickets: int, back: int) -> Iterator[int]:
    while os.read(tickets, 1):
        yield int.from_bytes(os.read(back, _INDEX), "big")


def _wait(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
