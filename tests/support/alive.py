"""Whether a process that a test has started, or caused, is still there."""

import subprocess
import time


def is_alive(pid: str) -> bool:
    """Whether a process stays, or goes once a busy system gets to it; a zombie has gone."""
    command = ["ps", "-o", "stat=", "-p", pid]
    end = time.monotonic() + 20
    while (there := _state(command) not in ("", "Z")) and time.monotonic() < end:
        time.sleep(0.02)
    return there


def _state(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()[:1]
