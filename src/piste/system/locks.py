"""Locks between processes, held by the kernel, so that nobody unlocks by hand.

A lock is an flock on a small file that also says who holds it. When the holder
dies, however it dies, the kernel lets go. This module does not know what is locked.
"""

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from piste.system import atomic_write

_POLL = 0.05  # seconds between two tries; flock offers no wait with a time limit
_threads_guard = threading.Lock()
_threads: dict[str, tuple[threading.Lock, int]] = {}  # flock does not part the threads of a process


@contextlib.contextmanager
def hold(
    path: Path,
    what: str,
    waiting: Callable[[str], None] | None = None,
    stop: threading.Event | None = None,
) -> Iterator[None]:
    """Hold the lock `path` while the block runs.

    `what` is told to those who wait; `waiting` is called once with a line about
    the holder when the lock is not free. Raises OSError where no lock file can be
    made, InterruptedError when `stop` is set while waiting.
    """
    os.makedirs(path.parent, exist_ok=True)
    with _own_thread(str(path), stop):
        fd = _take(path, waiting, stop)
        try:
            _say_who(fd, what)
            yield
        finally:
            # Removed while still held: who waits sees that the path is gone and
            # opens it anew, so no two hold the same lock through different files.
            with contextlib.suppress(OSError):
                os.unlink(path)
            os.close(fd)


@contextlib.contextmanager
def _own_thread(name: str, stop: threading.Event | None) -> Iterator[None]:
    with _threads_guard:
        lock, users = _threads.get(name, (threading.Lock(), 0))
        _threads[name] = (lock, users + 1)
    try:
        while not lock.acquire(timeout=_POLL * 4):
            _not_stopped(stop)
        try:
            yield
        finally:
            lock.release()
    finally:
        with _threads_guard:
            lock, users = _threads[name]
            if users == 1:
                del _threads[name]
            else:
                _threads[name] = (lock, users - 1)


def _take(path: Path, waiting: Callable[[str], None] | None, stop: threading.Event | None) -> int:
    told = False
    while True:
        # Never through a symlink: what a lock says would overwrite what that leads to.
        fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        if atomic_write.try_lock(fd) and _is_still(fd, path):
            return fd
        if not told and waiting is not None and _is_still(fd, path):
            waiting(_who(fd))
            told = True
        os.close(fd)
        _not_stopped(stop)
        time.sleep(_POLL)


def _not_stopped(stop: threading.Event | None) -> None:
    if stop is not None and stop.is_set():
        raise InterruptedError("stopped while waiting for a lock")


def _is_still(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except OSError:
        return False


def _say_who(fd: int, what: str) -> None:
    about = {"pid": os.getpid(), "host": os.uname().nodename, "what": what}
    with contextlib.suppress(OSError):  # only told to others; the lock itself is held
        os.ftruncate(fd, 0)
        os.write(fd, json.dumps(about).encode())


def _who(fd: int) -> str:
    try:
        about: dict[str, Any] = json.loads(os.read(fd, 4096))
        return f"process {about['pid']} on {about['host']}, which is at {about['what']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another run"
