"""Running somebody else's program with limits, so that nothing of it is left behind.

Between piste and the program stands a small process of ours, the `reaper`. It ends all that
the program has started when the program has ended, when piste says so (a time limit, ^C), or
when piste itself is gone: each of the two holds one end of a socket that nobody else has, and
sees when the other's is closed. While the watcher lives it holds a lock, so a later run can
wait until nothing of an earlier one is writing any more.

What the program prints goes straight into a file, so nothing is lost and no pipe can fill up.
A program that leaves its process group (a daemon) is out of reach here. This module does not
know what is run, nor what its exit code means.
"""

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from piste.system import file_reader, git_look, reaper
from piste.system.errors import SPACES

MOST_OUTPUT = 64 << 20  # bytes that a program may print before it is stopped
_TICK = 0.05  # seconds between two looks at what it has printed
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*\x1b\\|[@-Z\\-_])"
)


class Ended(NamedTuple):
    """How a program ended."""

    code: int  # its exit code; 128 + the signal, where one killed it
    why: str  # "" of itself; else "time", "output" or "stopped": we ended it
    seconds: float


class Program(NamedTuple):
    """What is run, where, within which limits. Times are in seconds."""

    argv: Sequence[str]
    folder: Path
    out: Path  # where its standard output goes
    err: Path | None = None  # None: with its standard output, in the order it came
    stdin: Path | None = None  # None: nothing to read
    limit: float = 600
    env: Mapping[str, str] = {}  # over our own environment
    lock: Path | None = None  # held while it runs
    what: str = ""  # told to those who wait for the lock


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return our environment for another program, without what git set for a hook."""
    own = {name: value for name, value in os.environ.items() if name not in git_look.LOCAL}
    return {**own, **(more or {})}


def which(command: str, folder: Path) -> str | None:
    """Return where a command is, or None. One with a slash is looked for from `folder`."""
    if "/" in command:
        path = folder / command
        return str(path) if path.is_file() and os.access(path, os.X_OK) else None
    import shutil  # here: it loads three compressions, which the many that only look need not

    return shutil.which(command)


def run(
    program: Program,
    on_line: Callable[[str], None] | None = None,
    stop: threading.Event | None = None,
) -> Ended:
    """Run the program to its end, or to its limit; return how it ended.

    `on_line` gets each line that it prints, as it comes, with undecodable bytes replaced.
    ^C and whatever else is raised meanwhile passes on, after the program is gone. Raises
    OSError when it cannot be started.
    """
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        ours, theirs = map(stack.enter_context, socket.socketpair())
        child = _start(program, theirs.fileno(), stack)
        theirs.close()
        try:
            why = _wait(ours, program, started, on_line, stop)
        finally:
            ours.close()  # the watcher ends the program when it sees this
            code = _reap(child)
    return Ended(code, why, time.monotonic() - started)


def _start(program: Program, life: int, stack: contextlib.ExitStack) -> "subprocess.Popen[bytes]":
    os.makedirs(program.out.parent, exist_ok=True)
    out = stack.enter_context(_anew(program.out))
    err = stack.enter_context(_anew(program.err)) if program.err else subprocess.STDOUT
    stdin = stack.enter_context((program.stdin or Path(os.devnull)).open("rb"))
    lock = str(program.lock) if program.lock else ""
    # -I: nothing is imported from the folder it is started in. -S: it needs no package but ours.
    argv = [sys.executable, "-IS", "-c", _REAPER, lock, program.what, *program.argv]
    env = {**environment(program.env), reaper.LIFE: str(life)}
    return subprocess.Popen(
        argv, cwd=program.folder, env=env, stdin=stdin, stdout=out, stderr=err,
        pass_fds=(life,), start_new_session=True,
    )  # fmt: skip


def _anew(path: Path) -> BinaryIO:
    """Open a new file to write to: no link that has come along under its name leads elsewhere."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    return path.open("xb")


def printed(path: Path) -> bytes:
    """Return what a program has printed into a file; nothing where there is none."""
    try:
        return file_reader.beginning(path, MOST_OUTPUT)
    except OSError:
        return b""


_REAPER = f"""\
import sys
sys.path.append({str(Path(__file__).parents[2])!r})
from piste.system import reaper
reaper.watch(sys.argv[1:])"""


def _wait(
    life: socket.socket,
    program: Program,
    started: float,
    on_line: Callable[[str], None] | None,
    stop: threading.Event | None,
) -> str:
    tail = _Tail(program.out, on_line)
    life.settimeout(_TICK)
    while True:
        with contextlib.suppress(TimeoutError):
            life.recv(1)  # nothing is ever sent: the watcher has gone
            tail.look(last=True)
            return ""
        tail.look()
        if time.monotonic() - started > program.limit:
            return "time"
        if tail.size > MOST_OUTPUT:
            return "output"
        if stop is not None and stop.is_set():
            return "stopped"


class _Tail:
    """The lines that a growing file gets."""

    def __init__(self, path: Path, on_line: Callable[[str], None] | None) -> None:
        self.path, self.on_line = path, on_line
        self.size = 0
        self.rest = b""

    def look(self, last: bool = False) -> None:
        """Hand on the lines that have come since the last look."""
        size = self.path.stat().st_size
        if self.on_line is not None and size > self.size:
            with open(self.path, "rb") as file:
                file.seek(self.size)
                *lines, self.rest = (self.rest + file.read(size - self.size)).split(b"\n")
            for line in [*lines, self.rest] if last else lines:
                if line.strip():
                    self.on_line(line.decode("utf-8", "replace"))
        self.size = size


def _reap(child: "subprocess.Popen[bytes]") -> int:
    """Wait for the watcher; it needs no longer than it takes to kill the program."""
    try:
        code = child.wait(reaper.GRACE * 5)
    except subprocess.TimeoutExpired:  # stopped by a debugger, or on a disk that hangs
        child.kill()
        code = child.wait()
    return 128 - code if code < 0 else code


def plain(text: str) -> str:
    """Return text of a terminal without escape sequences, and with what a CR overwrote gone."""
    text = _ESCAPES.sub("", text.replace("\r\n", "\n"))
    lines = (line.rpartition("\r")[2] for line in text.split("\n"))
    kept = f"\t{SPACES}"
    return "\n".join("".join(c for c in line if c.isprintable() or c in kept) for line in lines)
