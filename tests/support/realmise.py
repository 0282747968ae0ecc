"""The real mise, shut into a test: its own home, no network, and a `piste` on its PATH.

In CI a machine without mise is a failure; elsewhere these tests are skipped, and say so.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

BINARY = os.environ.get("MISE_BIN") or shutil.which("mise")
_IN_CI = os.environ.get("CI") == "true"  # read here: no test sees it

# What stands in for piste: notes where it was called, how, and ends as it is told to.
_STAND_IN = """\
#!/bin/sh
printf '%s|%s|%s\\n' "$PWD" "$PISTE_BUNDLE" "$*" >> '{calls}'
{then}
"""


class Mise:
    """mise as a person has it, with the home of the test."""

    def __init__(self, tmp_path: Path) -> None:
        self.calls_file = tmp_path / "calls"
        self._bin = tmp_path / "bin"
        self._bin.mkdir()
        own = {name: str(tmp_path / "mise" / name) for name in ("data", "cache", "state", "tmp")}
        system = ("usr/local/bin", "usr/bin", "bin")
        path = [str(self._bin), str(Path(str(BINARY)).parent), *(f"/{name}" for name in system)]
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MISE_")},
            **{f"MISE_{name.upper()}_DIR": folder for name, folder in own.items()},
            "MISE_SYSTEM_CONFIG_DIR": str(tmp_path / "mise" / "system"),
            "MISE_OFFLINE": "1",
            "PATH": os.pathsep.join(path),
        }
        self._install("piste", f'#!/bin/sh\nexec "{sys.executable}" -m piste.cli "$@"\n')

    def __call__(self, *args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run `mise …` in a folder, to its end."""
        return subprocess.run(
            [str(BINARY), *args], cwd=cwd, env=self.env, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=60,
        )  # fmt: skip

    def task(self, *args: str, cwd: Path) -> str:
        """Run a task that must succeed; return what it printed."""
        done = self("run", "-q", *args, cwd=cwd)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def started(self, *args: str, cwd: Path) -> "subprocess.Popen[bytes]":
        """Start `mise …` in a session of its own and return at once."""
        return subprocess.Popen(
            [str(BINARY), *args], cwd=cwd, env=self.env, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def command(self, *args: str) -> Sequence[str]:
        """Return the command line of `mise …`."""
        return [str(BINARY), *args]

    def stand_in(self, then: str = "exit 0") -> None:
        """Let `piste` only note its call, and then do as told."""
        self._install("piste", _STAND_IN.format(calls=self.calls_file, then=then))

    def calls(self) -> list[tuple[str, str, str]]:
        """Return (folder, PISTE_BUNDLE, arguments) of each call of the stand-in so far."""
        lines = self.calls_file.read_text().splitlines() if self.calls_file.exists() else []
        return [(folder, given, args) for folder, given, args in (x.split("|") for x in lines)]

    def _install(self, name: str, script: str) -> None:
        (self._bin / name).write_text(script)
        (self._bin / name).chmod(0o755)


def end(running: "subprocess.Popen[bytes]") -> int:
    """Ask a program to end, as a shell's `kill` does; return its exit code."""
    running.send_signal(signal.SIGTERM)
    return running.wait(timeout=60)


def shut_in(tmp_path: Path) -> Mise:
    """Return the real mise, with the real piste on its PATH until `stand_in` is called."""
    if BINARY is None:
        why = "mise is not there: put it on PATH, or name it by MISE_BIN"
        if _IN_CI:
            pytest.fail(why)
        pytest.skip(why)
    return Mise(tmp_path)
