"""The three standard streams, where somebody closed them, or they cannot be written any more.

It does not know what is printed.
"""

import errno
import io
import os
import sys

from piste.system.errors import EXIT_MISTAKE

_NO_READER = 141  # as a shell says of a program that SIGPIPE has ended
_OF_A_STREAM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def reopen_closed() -> None:
    """Open what was closed (`>&-`) to nowhere, or the next file opened would be stdout."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8"))  # noqa: SIM115


def be_lenient() -> None:
    """Let a terminal that cannot show a character show another; it ends nothing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def let_go() -> None:
    """Send what cannot be written any more nowhere, or Python complains at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def is_of_stdout(error: OSError) -> bool:
    """Whether an error is stdout's: it has no name, and those of files all name their file.

    From one of doit's threads it comes as its text only.
    """
    if isinstance(error, BrokenPipeError):
        return True
    codes = (error.errno in _OF_A_STREAM, *(f"[Errno {one}]" in str(error) for one in _OF_A_STREAM))
    return error.filename is None and any(codes)


def failed(error: OSError) -> tuple[str, int]:
    """Return the line and the exit code for an error of stdout; "" where nobody is left to read."""
    if isinstance(error, BrokenPipeError):
        return "", _NO_READER
    return f"stdout cannot be written: {error.strerror or error}", EXIT_MISTAKE
