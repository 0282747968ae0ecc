"""System calls seen, and made to fail, by strace: of a command that the zygote has forked.

strace counts the calls of each thread by themselves, so a point is a call's name and its
number in its thread. It is attached before the command begins, so what Python does when it
starts is not among them.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from fire.world import Done, World

CALLS = ("openat", "write", "fsync", "rename", "unlink", "mkdir", "ftruncate")
_LINE = re.compile(r"^(\d+) +(\w+)\((.*)$")


class Point(NamedTuple):
    """A system call on one of the world's files."""

    call: str
    nth: int  # of this call in its thread, from 1
    line: str  # as strace shows it

    @property
    def changes(self) -> bool:
        """Whether another process can see a difference: not of an fsync."""
        return self.writes and self.call != "fsync"

    @property
    def writes(self) -> bool:
        """Whether it changes anything, be it on the disk alone."""
        if self.call == "openat":
            return "O_CREAT" in self.line
        return "EEXIST" not in self.line

    @property
    def counts(self) -> bool:
        """Whether it did something: it changed a file, or found the one that it looked for."""
        return self.writes or (self.call == "openat" and "ENOENT" not in self.line)


def strace() -> str:
    """Return the path of strace; where it is missing these trials fail, they are not skipped."""
    found = shutil.which("strace")
    assert found, "strace is missing: apt-get install strace"
    return found


def traced(here: World, argv: tuple[str, ...], *options: str) -> tuple[Done, str]:
    """Run a command under strace; return how it ended, and strace's lines."""
    log = here.folder / "strace"
    child = here.start(*argv, hold=True)
    tracer = subprocess.Popen(
        [strace(), "-f", "-y", "-s", "0", "-p", str(child.pid), "-o", str(log),
         "-e", f"trace={','.join(CALLS)}", *options],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with tracer:
        assert tracer.stderr is not None
        said = tracer.stderr.readline()
        assert "attached" in said, said
        child.go()
        done = child.wait()
        tracer.communicate()
    return done, log.read_text()


def points(here: World, argv: tuple[str, ...]) -> list[Point]:
    """Run a command; return its calls on the world's files, each once, in their order."""
    done, lines = traced(here, argv)
    assert done.code == 0, done.said
    # Where the path begins: Python may keep what it compiles under the same names elsewhere.
    inside = [f"{sign}{folder}" for folder in (here.root, here.home) for sign in '"<']
    counts: dict[tuple[str, str], int] = {}
    found: dict[tuple[str, int], Point] = {}
    for line in lines.splitlines():
        match = _LINE.match(line)
        if not match or match[2] not in CALLS:
            continue
        thread, call, rest = match.groups()
        counts[thread, call] = nth = counts.get((thread, call), 0) + 1
        if any(start in _short(rest) for start in inside):
            found.setdefault((call, nth), Point(call, nth, _short(line, here.folder)))
    return list(found.values())


def injected(here: World, argv: tuple[str, ...], point: Point, what: str) -> tuple[Done, str]:
    """Run a command in which this happens at a point; return also the call that it hit."""
    how = f"inject={point.call}:{what}:when={point.nth}"
    done, lines = traced(here, argv, "-e", how)
    found = [line for line in lines.splitlines() if _LINE.match(line)]
    hit = [line for line in found if "INJECTED" in line] or found[-1:]  # the last one was fatal
    return done, _short(hit[0], here.folder)


def _short(line: str, folder: Path | None = None) -> str:
    """A line without the folder that the command runs in, and with the world's as …"""
    line = re.sub(r"AT_FDCWD<[^>]*>", "", line)
    return line.replace(str(folder), "…") if folder else line
