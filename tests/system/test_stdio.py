"""The standard streams that fail or are closed; whole commands with them are in fire/test_disk."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from piste.system import stdio

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("error", "its"),
    [
        (FULL, True),
        (BrokenPipeError(), True),
        (OSError(f"[Errno {errno.EIO}] Input/output error"), True),  # as a thread hands it on
        (OSError(errno.ENOSPC, "No space left on device", "spec.md"), False),
        (FileNotFoundError(), False),
        (PermissionError(errno.EACCES, "Permission denied"), False),
    ],
)
def test_which_errors_are_of_stdout(error: OSError, its: bool) -> None:
    assert stdio.is_of_stdout(error) is its


def test_what_is_said_of_them() -> None:
    assert stdio.failed(FULL) == ("stdout cannot be written: No space left on device", 2)
    assert stdio.failed(BrokenPipeError()) == ("", 141)


if Path("/dev/full").exists():

    def test_what_cannot_be_written_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
        with Path("/dev/full").open("w") as full:
            monkeypatch.setattr(sys, "stdout", full)
            print("words")
            stdio.let_go()
            print("more words")
            full.flush()  # goes nowhere now


CLOSED = """
import os, sys
from piste.system import stdio
stdio.reopen_closed()
print(os.open("file", os.O_CREAT | os.O_WRONLY), *(os.fstat(n).st_rdev for n in range(3)),
      file=open("said", "w"))
print("words"), print("words", file=sys.stderr)
"""


def test_closed_streams_are_opened_to_nowhere(tmp_path: Path) -> None:
    command = f"exec {sys.executable} -c '{CLOSED}' <&- >&- 2>&-"
    assert subprocess.run(["bash", "-c", command], cwd=tmp_path, check=False).returncode == 0
    opened, *devices = map(int, (tmp_path / "said").read_text().split())
    assert opened > 2
    assert devices == [os.stat(os.devnull).st_rdev] * 3
    assert (tmp_path / "file").read_bytes() == b""
