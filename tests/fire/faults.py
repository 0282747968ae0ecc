"""Python's calls of the system, counted, and made to fail at one of them.

For trials in process, and where there is no strace. What Python does in C by itself (`open`
for reading, importing) is not among them.
"""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from typing import Any

CALLS = ("open", "write", "fsync", "replace", "unlink", "mkdir", "ftruncate")
_real: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in CALLS}


class Counter:
    """How many calls there were."""

    count = 0


@contextlib.contextmanager
def at(place: int, act: Callable[[str], None]) -> Iterator[Counter]:
    """Call `act` with the name of the call before the call number `place` (from 1)."""
    counter = Counter()

    def wrapped(name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if name != "open" or (len(args) > 1 and args[1] & os.O_CREAT):
                counter.count += 1
                if counter.count == place:
                    act(name)
            return _real[name](*args, **kwargs)

        return call

    try:
        for name in CALLS:
            setattr(os, name, wrapped(name))
        yield counter
    finally:
        for name, call in _real.items():
            setattr(os, name, call)


class Died(BaseException):
    """Raised by every call of a process that is dead: what would tidy up does nothing any more."""


@contextlib.contextmanager
def death(place: int) -> Iterator[None]:
    """Let this process be as if killed before the call number `place`: all calls fail from then on.

    What is open then is closed on leaving, as the kernel does, and so lets go of its locks.
    """
    dead = False
    opened: set[int] = set()

    def wrapped(name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal place, dead
            makes = name == "open" and len(args) > 1 and args[1] & os.O_CREAT
            if name != "open" or makes:
                place -= 1
                dead = dead or place == 0
            if dead:
                raise Died
            found = _real[name](*args, **kwargs)
            if makes:
                opened.add(found)
            return found

        return call

    def close(fd: int) -> None:
        if dead:
            raise Died
        opened.discard(fd)
        real_close(fd)

    real_close = os.close
    try:
        for name in CALLS:
            setattr(os, name, wrapped(name))
        os.close = close
        yield
    except Died:
        pass
    finally:
        os.close = real_close
        for name, real in _real.items():
            setattr(os, name, real)
        for fd in opened:
            real_close(fd)


def error(code: str) -> Callable[[str], None]:
    """Return what raises this error."""

    def fail(_name: str) -> None:
        number = getattr(errno, code)
        raise OSError(number, os.strerror(number))

    return fail
