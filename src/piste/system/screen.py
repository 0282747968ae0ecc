"""What a person sees: lines on stderr, and progress where there is a terminal.

Results that a program may want go to stdout, by whoever has them; everything else
comes through here. Nothing moves or is coloured unless stderr is a terminal. It
knows nothing of what it says.
"""

import contextlib
import os
import sys
from _thread import allocate_lock  # threading's own, without the rest of it
from collections.abc import Iterator
from typing import Any, TextIO

_COLOURS = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "dim": 2, "bold": 1}
_lock = allocate_lock()
_live: Any = None  # rich's Progress while something is under way
_users = 0
SLOW = 1.0  # seconds, after which a person wants to see that something goes on


def say(line: str) -> None:
    """Print one line for the person, whole, whatever other threads print."""
    with _lock:
        if _live is not None:
            _live.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            with contextlib.suppress(OSError, ValueError):  # a closed terminal stops nothing
                sys.stderr.write(line + "\n")
                sys.stderr.flush()


_named: set[tuple[str, str]] = set()  # commands that have been named on the screen


def runs(name: str, command: str) -> None:
    """Name a command of the settings before it runs, once a process."""
    if (name, command) not in _named:
        _named.add((name, command))
        from piste.system.errors import redact

        say(redact(f"runs {safe(name)}: {safe(command)}"))


def coloured(stream: TextIO) -> bool:
    """Whether colours may go to `stream`: a terminal, and nobody said no (no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def style(text: str, colour: str, stream: TextIO) -> str:
    """Return `text` in a colour, or as it is where colours may not go."""
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if coloured(stream) else text


def safe(text: str) -> str:
    """Return text from a model or a file with nothing in it that moves a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\t" else "�" for c in text)


class Progress:
    """One line of progress: what is under way, for how long, how much has come."""

    def __init__(self, task: Any) -> None:
        self._task = task

    def came(self, characters: int) -> None:
        """Say how much of a reply has come so far."""
        if _live is not None and self._task is not None:
            _live.update(self._task, came=f"{characters:,} characters" if characters else "")


@contextlib.contextmanager
def progress(label: str) -> Iterator[Progress]:
    """Show `label` with a clock while the block runs; only on a terminal."""
    if not sys.stderr.isatty():
        yield Progress(None)
        return
    task = _begin(label)
    try:
        yield Progress(task)
    finally:
        _end(task)


@contextlib.contextmanager
def if_slow(label: str) -> Iterator[None]:
    """Show `label` with a clock where the block takes longer than `SLOW`; only on a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    import threading

    begun: list[Any] = []
    timer = threading.Timer(SLOW, lambda: begun.append(_begin(label)))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        for task in begun:
            _end(task)


def _begin(label: str) -> Any:
    global _live, _users
    from rich.console import Console
    from rich.progress import Progress as Rich
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    with _lock:
        if _live is None:
            _live = Rich(
                SpinnerColumn(), TextColumn("{task.description}", markup=False),
                TimeElapsedColumn(), TextColumn("{task.fields[came]}", style="dim"),
                console=Console(stderr=True), transient=True, redirect_stdout=False,
                redirect_stderr=False,
            )  # fmt: skip
            _live.start()
        _users += 1
        return _live.add_task(label, total=None, came="")


def _end(task: Any) -> None:
    global _live, _users
    with _lock:
        if _live is None:
            return
        _live.remove_task(task)
        _users -= 1
        if _users == 0:
            _live.stop()
            _live = None
