"""A program in a terminal of its own, as a person has it, for tests.

It knows nothing of what the program says; `see` waits for words and `type` types.
"""

import codecs
import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_PATIENCE = 30.0  # seconds for words to appear, on a busy machine
# The child makes the terminal its controlling one, so that ^C reaches it.
_LAUNCH = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """A running program. `with Terminal([...]) as terminal:`"""

    def __init__(self, command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        self._master, child = os.openpty()
        self.printable = ""  # all that has been shown
        self._seen = 0  # up to here `see` has looked
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LAUNCH, *command], cwd=cwd, env={**env, "TERM": "dumb"},
            stdin=child, stdout=child, stderr=child, start_new_session=True,
        )  # fmt: skip
        os.close(child)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        os.close(self._master)

    def see(self, words: str) -> str:
        """Wait until `words` are shown after what was seen before; return what came till then."""
        end = time.monotonic() + _PATIENCE
        while (at := self.printable.find(words, self._seen)) < 0:
            assert self._read(end), f"never saw {words!r}; the terminal shows:\n{self.printable}"
        came, self._seen = self.printable[self._seen : at], at + len(words)
        return came

    def type(self, text: str) -> None:
        """Type text, as it is."""
        os.write(self._master, text.encode())

    def enter(self, line: str = "") -> None:
        """Type a line and Enter."""
        self.type(line + "\n")

    def interrupt(self, words: str) -> int:
        """Press ^C until `words` are shown; return the exit code.

        CPython's readline does not notice a signal that comes just before it waits for a
        key; a person presses again. A program on its way out must not be pressed again.
        """
        for _ in range(6):
            self.type("\x03")
            soon = time.monotonic() + _PATIENCE / 6
            while words not in self.printable[self._seen :] and self._read(soon):
                pass
            if words in self.printable[self._seen :]:
                break
        self.see(words)
        return self.ended()

    def ended(self) -> int:
        """Wait for the end; return the exit code."""
        end = time.monotonic() + _PATIENCE
        while self._read(end):
            pass
        return self._process.wait(timeout=_PATIENCE)

    def kill(self) -> None:
        """SIGKILL, to the program and whatever it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=_PATIENCE)

    def _read(self, end: float) -> bool:
        """Take what is there; False at the end of the program, or of patience."""
        if not select.select([self._master], [], [], max(0.0, end - time.monotonic()))[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux says EIO when the other side is closed
            return False
        self.printable = (self.printable + self._decoder.decode(data)).replace("\r\n", "\n")
        return bool(data)
