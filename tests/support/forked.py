"""Commands as processes of their own, without the half second in which an interpreter begins.

One process a test process has imported all that piste imports, and forks a child for each
command (see `zygote`). A test of how an interpreter begins starts one itself.
"""

import atexit
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 60.0  # seconds until a command that does not end is a failure


class Zygote:
    """The process that all commands are forked from (see `zygote`); one a test process."""

    def __init__(self, *wrapper: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="zygote-"))
        self.path = str(self.folder / "zygote")
        home = {"HOME": str(self.folder), "LLM_USER_PATH": str(self.folder / "llm")}
        self.process = subprocess.Popen(
            [*wrapper, sys.executable, str(Path(__file__).with_name("zygote.py")), self.path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**clean_env(), **home},
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", "the zygote did not begin"

    def stop(self) -> None:
        """Let it end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, order: Mapping[str, Any]) -> "Child":
        """Fork a command."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self.path)
        connection.sendall(json.dumps(order).encode() + b"\n")
        return Child(connection, Path(order["out"]), Path(order["err"]))


class Child:
    """A command that runs."""

    def __init__(self, connection: socket.socket, out: Path, err: Path) -> None:
        self._connection = connection
        self._lines = connection.makefile("r")
        self._out, self._err = out, err
        self.pid = int(self._lines.readline())

    def go(self) -> None:
        """Let a command that was held begin."""
        self._connection.sendall(b"g")

    def signal(self, number: int) -> None:
        """Send a signal to its process group, as a terminal does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    @property
    def err(self) -> str:
        """What has come on stderr so far."""
        return self._err.read_text("utf-8", "replace") if self._err.exists() else ""

    def wait(self) -> "Done":
        """Wait for its end; what does not end is killed, and fails the trial."""
        self._connection.settimeout(PATIENCE)
        try:
            status, seconds = self._lines.readline().split()
        except TimeoutError:
            self.signal(signal.SIGKILL)
            raise AssertionError(f"it did not end; stderr: {self.err}") from None
        finally:
            self._lines.close()
            self._connection.close()
        code = os.waitstatus_to_exitcode(int(status))
        out = self._out.read_text("utf-8", "replace") if self._out.exists() else ""
        return Done(code, out, self.err, float(seconds))


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int  # negative: the signal that ended it
    out: str
    err: str
    seconds: float = 0.0  # of the processor, not of the clock: the same on a busy machine

    @property
    def said(self) -> str:
        """All that a person saw."""
        return self.out + self.err


_zygote: Zygote | None = None
_zygote_lock = threading.Lock()


def zygote() -> Zygote:
    """Return this process's zygote."""
    global _zygote
    with _zygote_lock:
        if _zygote is None:
            _zygote = Zygote()
            atexit.register(_zygote.stop)
        return _zygote


def clean_env() -> dict[str, str]:
    """The environment of this process without what would tell piste, llm or git anything."""
    ours = ("PISTE_", "LLM_", "XDG_", "OPENAI_", "GIT_", "CI")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def run(
    program: str, *args: str, cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run `piste …` or `doit …` to its end, with nothing on stdin.

    `env` is laid over the environment. Where it changes how Python itself begins, an
    interpreter does begin.
    """
    where, whole = cwd or Path.cwd(), {**os.environ, **env}
    if any(name.startswith("PYTHON") for name in env):
        module = {"piste": "piste.cli", "doit": "doit"}[program]
        return subprocess.run(
            [sys.executable, "-m", module, *args], cwd=where, env=whole, text=True,
            capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE,
        )  # fmt: skip
    name = str(zygote().folder / uuid.uuid4().hex)
    order = {"argv": [program, *args], "cwd": str(where), "env": whole,
             "out": f"{name}.out", "err": f"{name}.err"}  # fmt: skip
    done = zygote().start(order).wait()
    for file in (order["out"], order["err"]):
        os.remove(str(file))
    return subprocess.CompletedProcess([program, *args], done.code, done.out, done.err)
