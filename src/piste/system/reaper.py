"""The small process between piste and a program that it runs: it ends the program, and all of it.

It starts the program in a process group of its own, and kills that whole group when the
program has ended, or when piste closes its end of a socket: on purpose (a time limit, ^C), or
by being gone, however it went. While it lives it holds a lock.

It is started anew for each program, so it imports little. It does not know why it is to end
what it watches, nor what the program prints.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from piste.system import locks

GRACE = 2.0  # seconds from the polite signal to the other one
LIFE = "PISTE_WATCHER_LIFE"  # the descriptor of the socket, for the watcher alone
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_NOT_PYTHONS = (signal.SIGPIPE, signal.SIGXFSZ)  # which Python ignores, and programs do not


def watch(argv: Sequence[str]) -> None:
    """Run a program as the watcher: `argv` is the lock's path or "", what for, the command.

    Ends the process with the program's exit code, or with 128 + the signal that killed it.
    """
    life = int(os.environ.pop(LIFE))
    os.set_inheritable(life, False)
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)  # only the socket decides when it is over
    lock, what, *command = argv
    held = locks.hold(Path(lock), what) if lock else contextlib.nullcontext()
    with held:
        code = _supervise(command, life)
    sys.stdout.flush()
    os._exit(code)


def _supervise(command: list[str], life: int) -> int:
    try:
        child = os.posix_spawnp(
            command[0], command, os.environ, setpgroup=0, setsigdef=_ENDING + _NOT_PYTHONS
        )
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127 if isinstance(error, FileNotFoundError) else 126
    threading.Thread(target=_end_with_us, args=(child, life), daemon=True).start()
    _, status = os.waitpid(child, 0)
    _signal(child, signal.SIGKILL)  # whatever else it has started
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _end_with_us(group: int, life: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(life, 1):
            pass
    _signal(group, signal.SIGTERM)
    time.sleep(GRACE)
    _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
