import os
import shutil
import signal
import sys
from contextlib import closing
from pathlib import Path

import pytest

from piste.bundle import assembly, workers
from piste.bundle.blocks import Options
from piste.bundle.cache import ScanCache
from piste.bundle.workers import WorkerPool
from piste.system.errors import Failed

from .conftest import write

OPTIONS = Options("xml", False, 1000, False, None, True, False, False, {})


@pytest.fixture
def names(tmp_path: Path) -> list[bytes]:
    made = {f"f{n:03}.txt": f"file number {n}\n" for n in range(150)}
    write(tmp_path / "tree", made)
    return [name.encode() for name in made]


def text_with(
    tmp_path: Path, names: list[bytes], processes: int
) -> tuple[bytes, list[int], ScanCache]:
    """Assemble the names with so many processes; return the text, the tokens, what is known."""
    known = ScanCache()
    planned = assembly.plan(names, [-1] * len(names), [], [])
    job = assembly.job_of(str(tmp_path / "tree"), OPTIONS, planned, known)
    out = tmp_path / f"out-{processes}"
    with out.open("wb") as file:
        _, tables = assembly.assemble(
            planned, job, known, processes, -1, file.fileno(), str(tmp_path), lambda: b"head\n"
        )
    return out.read_bytes(), [n for table in tables for n in table.tokens], known


@pytest.mark.parametrize("fork", [True, False])
@pytest.mark.parametrize("processes", [2, 4])
def test_any_number_of_processes_gives_the_same_text(
    tmp_path: Path, names: list[bytes], processes: int, fork: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_may_fork", lambda: fork)
    monkeypatch.setattr(workers, "_BATCH", 7)

    alone, together = text_with(tmp_path, names, 1), text_with(tmp_path, names, processes)

    assert together[:2] == alone[:2]
    assert together[0].count(b"<file path=") == len(names)
    assert together[2].new_counts == alone[2].new_counts
    assert not [path for path in tmp_path.iterdir() if "piste" in path.name]


def test_batches_are_few_enough_for_a_pipe() -> None:
    batches = workers.batches_of([b"x"] * 1_000_000)

    assert len(batches) <= 4096
    assert sum(map(len, batches)) == 1_000_000


@pytest.mark.parametrize(("fork", "ending"), [(True, "signal 9"), (False, "exit code 1")])
def test_a_helper_that_dies_fails_the_run_and_hangs_nothing(
    tmp_path: Path, names: list[bytes], fork: bool, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_may_fork", lambda: fork)
    monkeypatch.setattr(workers, "_help", lambda *_: signal.pause())  # in a fork
    monkeypatch.setattr(sys, "executable", shutil.which("false"))  # in place of an interpreter
    known = ScanCache()
    planned = assembly.plan(names, [-1] * len(names), [], [])
    job = assembly.job_of(str(tmp_path / "tree"), OPTIONS, planned, known)

    with closing(WorkerPool(job, known, 1, str(tmp_path))) as at_work:
        if fork:
            os.kill(at_work._helpers[0].pid, signal.SIGKILL)
        with pytest.raises(Failed, match=f"ended early .{ending}."):
            at_work.of(len(planned.batches) - 1)


@pytest.mark.parametrize("fork", [True, False])
def test_a_helper_that_cannot_write_fails_the_run_with_its_reason(
    tmp_path: Path, names: list[bytes], fork: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_may_fork", lambda: fork)
    monkeypatch.setattr(workers, "nameless", lambda _: os.open(os.devnull, os.O_RDONLY))
    known = ScanCache()
    planned = assembly.plan(names, [-1] * len(names), [], [])
    job = assembly.job_of(str(tmp_path / "tree"), OPTIONS, planned, known)

    with (
        closing(WorkerPool(job, known, 1, str(tmp_path))) as at_work,
        pytest.raises(OSError, match="Bad file descriptor"),
    ):
        at_work.of(len(planned.batches) - 1)


def test_a_small_tree_needs_no_helper_and_a_large_one_no_more_than_cores() -> None:
    assert workers.size_for(10, 0) == 1
    assert workers.size_for(10, 3) == 3
    assert 1 <= workers.size_for(100_000, 0) <= (os.cpu_count() or 1)
