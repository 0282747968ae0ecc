"""An orderly stop: what waits ends, and what has been paid for is put away first.

The first ^C or SIGTERM sets an event, at which calls to a model and waits for a lock end
within a moment, and is raised; inside `held_back`, when the block is left. The second does
nothing more, as people press twice: the first is on its way out, and what it passes puts
things away. A third is raised at once, wherever it comes. This module installs no handler, and
does not know what is put away.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import NoReturn

_depth = 0  # blocks of `held_back` that the main thread is in
_pending = 0  # number of the signal that waits for their end
_count = 0  # signals since the event was set
_AT_ONCE = 3  # the signal after which nobody waits for anything


class Interrupted(SystemExit, KeyboardInterrupt):
    """^C, which under plain doit ends the process without a traceback of thirty lines."""


def signalled(number: int, stop: threading.Event) -> None:
    """Take a signal, in the main thread. Raises Interrupted, or SystemExit for SIGTERM."""
    global _pending, _count
    _count = _count + 1 if stop.is_set() else 1
    stop.set()
    if _count == 1 and _depth:
        _pending = number
    elif _count == 1 or _count >= _AT_ONCE:
        _leave(number)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Let a signal be raised only when the block is left.

    The block has to end soon after the event is set. In another thread than the main
    one, where no signal is ever raised, it does nothing.
    """
    global _depth, _pending
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if _pending and not _depth:
            number, _pending = _pending, 0
            _leave(number)


def _leave(number: int) -> NoReturn:
    if number == signal.SIGINT:
        raise Interrupted(128 + number)
    raise SystemExit(128 + number)
