"""What a person sees: the one way out to a terminal, for results (`out`) and for the rest (`say`).

Most of what is shown is somebody else's: a document, a title, a diff, what a program or a model
says. On a terminal nothing in it may move the cursor or show other text than is there, so every
such character is shown by its escape; the colours of `style` alone go through. Into a pipe or a
file everything goes as it is. Nothing moves or is coloured unless its stream is a terminal. It
knows nothing of what it says.
"""

import contextlib
import os
import re
import sys
from _thread import allocate_lock  # threading's own, without the rest of it
from collections.abc import Iterator
from typing import Any, TextIO, cast

from piste.system import invisible

_COLOURS = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "dim": 2, "bold": 1}
# A colour of ours begins so: with what nothing that was written before this process can hold.
_MARK = f"\x1b{os.urandom(8).hex()}"
_lock = allocate_lock()
_live: Any = None  # rich's Progress while something is under way
_users = 0
SLOW = 1.0  # seconds, after which a person wants to see that something goes on


class _Guarded:
    """A terminal as a stream of text, to which only what can be seen goes, and our colours."""

    def __init__(self, terminal: TextIO) -> None:
        self.terminal = terminal

    def write(self, text: str) -> int:
        self.terminal.write(_cleaned(text))
        return len(text)

    def writelines(self, lines: Iterator[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.terminal, name)


def guarded(stream: TextIO) -> TextIO:
    """Return a stream for what others print (doit, argparse, tracebacks); a pipe is itself."""
    if isinstance(stream, _Guarded) or not stream.isatty():
        return stream
    return cast("TextIO", _Guarded(stream))


def _cleaned(text: str) -> str:
    first, *coloured_ones = text.split(_MARK)
    pieces = [invisible.visible(first)]
    for piece in coloured_ones:
        code, _, after = piece.partition("m")
        pieces += [f"\x1b[{code}m", invisible.visible(after)]
    return "".join(pieces)


def out(text: str = "", end: str = "\n", *, flush: bool = False) -> None:
    """Print a result on stdout. Raises OSError where it cannot be written."""
    print(text, end=end, file=guarded(sys.stdout), flush=flush)


def say(line: str) -> None:
    """Print one line for the person on stderr, whole, whatever other threads print."""
    with _lock:
        if _live is not None:
            _live.console.print(_cleaned(line), markup=False, highlight=False, soft_wrap=True)
        else:
            with contextlib.suppress(OSError, ValueError):  # a closed terminal stops nothing
                guarded(sys.stderr).write(line + "\n")
                sys.stderr.flush()


def ask(prompt: str) -> str:
    """Ask the person something on stderr; return the line that they type, "" at the end of it."""
    with _lock:
        guarded(sys.stderr).write(prompt)
        sys.stderr.flush()
    return sys.stdin.readline()


def ring() -> None:
    """Ring the bell, on a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write("\a")
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
    """Return `text` in a colour for `out` and `say`, or as it is where colours may not go."""
    return f"{_MARK}{_COLOURS[colour]}m{text}{_MARK}0m" if coloured(stream) else text


def safe(text: str) -> str:
    """Return somebody else's text as one line with nothing hidden, for a table or a message."""
    if text.isascii() and text.isprintable():
        return text
    return re.sub(f"\n|\r|{invisible.ON_SCREEN}", lambda found: invisible.shown(found[0]), text)


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
                console=Console(file=sys.stderr), transient=True, redirect_stdout=False,
                redirect_stderr=False,
            )  # fmt: skip
            _live.start()
        _users += 1
        return _live.add_task(safe(label), total=None, came="")


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
