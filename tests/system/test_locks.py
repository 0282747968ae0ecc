"""Locks: between processes and threads, told to who waits, gone with their holder."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from piste.system import atomic_write, locks

HOLDER = """
import sys
from pathlib import Path
from piste.system import locks
with locks.hold(Path(sys.argv[1]), "a.md"):
    print("held", flush=True)
    sys.stdin.read()
"""


def _holder(path: Path) -> subprocess.Popen[str]:
    """Start a process that holds the lock until its stdin is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_lock_leaves_nothing_behind(tmp_path: Path) -> None:
    with locks.hold(tmp_path / "locks" / "a", "a.md"):
        assert (tmp_path / "locks" / "a").exists()
    assert os.listdir(tmp_path / "locks") == []
    assert locks._threads == {}


def test_who_waits_is_told_once_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "a"
    holder = _holder(path)
    told: list[str] = []

    def waiting(line: str) -> None:
        told.append(line)
        holder.communicate("")

    with locks.hold(path, "b.md", waiting):
        assert holder.returncode == 0
    assert len(told) == 1
    assert f"process {holder.pid} on " in told[0]
    assert told[0].endswith("which is at a.md")


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "a"
    holder = _holder(path)
    holder.kill()
    holder.communicate()
    assert path.exists()  # the file is left, the lock is not
    with locks.hold(path, "b.md"):
        pass
    assert not path.exists()


def test_who_waits_can_be_stopped(tmp_path: Path) -> None:
    path = tmp_path / "a"
    holder = _holder(path)
    stop = threading.Event()
    with (
        pytest.raises(InterruptedError),
        locks.hold(path, "b.md", lambda _: stop.set(), stop),
    ):
        pytest.fail("held by two")
    holder.communicate("")
    assert holder.returncode == 0


def test_one_thread_at_a_time(tmp_path: Path) -> None:
    inside = 0
    most = 0
    begin = threading.Barrier(8)

    def work() -> None:
        nonlocal inside, most
        begin.wait()
        for _ in range(20):
            with locks.hold(tmp_path / "a", "a.md"):
                inside += 1
                most = max(most, inside)
                os.listdir(tmp_path)  # lets another thread run
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, inside) == (1, 0)
    assert os.listdir(tmp_path) == []


def test_a_thread_that_waits_can_be_stopped(tmp_path: Path) -> None:
    stop = threading.Event()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            with locks.hold(tmp_path / "a", "b.md", None, stop):
                pytest.fail("held by two")
        except BaseException as error:
            errors.append(error)

    with locks.hold(tmp_path / "a", "a.md"):
        thread = threading.Thread(target=work)
        thread.start()
        stop.set()
        thread.join()
    assert [type(error) for error in errors] == [InterruptedError]


@pytest.mark.parametrize("said", [b"", b"{", b"[]", b"{}", b'{"pid": 1}', b"\xff"])
def test_a_lock_file_that_says_nothing(tmp_path: Path, said: bytes) -> None:
    path = tmp_path / "a"
    holder = _holder(path)
    path.write_bytes(said)
    told: list[str] = []

    def waiting(line: str) -> None:
        told.append(line)
        holder.communicate("")

    with locks.hold(path, "b.md", waiting):
        pass
    assert told == ["another run"]


def test_a_lock_whose_file_is_gone_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    real = atomic_write.try_lock
    left = [path]

    def try_lock(fd: int) -> bool:
        while left:  # between our opening it and locking it, its holder leaves
            left.pop().unlink()
        return real(fd)

    monkeypatch.setattr(atomic_write, "try_lock", try_lock)
    with locks.hold(path, "a.md"):
        # Whoever comes now opens this path: it has to be the file that we hold.
        assert path.exists()


def test_a_symlink_is_no_lock(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("other")
    (tmp_path / "a").symlink_to("b")
    with pytest.raises(OSError), locks.hold(tmp_path / "a", "a.md"):
        pytest.fail("held")
    assert (tmp_path / "b").read_text() == "other"


def test_no_lock_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("")
    with pytest.raises(OSError), locks.hold(tmp_path / "locks" / "a", "a.md"):
        pytest.fail("held")
    assert locks._threads == {}
