"""Programs with limits: real ones, some of which would never end."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from support.alive import is_alive

from piste.system import locks, processes
from piste.system.processes import Program


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "out"


def run(out: Path, script: str, **more: object) -> processes.Ended:
    folder = out.parent.parent
    return processes.run(Program(["sh", "-c", script], folder, out, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("script", "code", "printed"),
    [
        ("echo hi", 0, "hi\n"),
        ("echo hi >&2; exit 3", 3, "hi\n"),
        ("kill -9 $$", 137, ""),
        ("kill -TERM $$", 143, ""),
        ("cat", 0, ""),  # there is nothing to read, and no waiting for it
    ],
)
def test_exit_codes_and_output(out: Path, script: str, code: int, printed: str) -> None:
    ended = run(out, script)
    assert (ended.code, ended.why) == (code, "")
    assert out.read_text() == printed


def test_a_program_that_is_not_there(out: Path, tmp_path: Path) -> None:
    ended = processes.run(Program(["no-such-program"], tmp_path, out))
    assert ended.code == 127
    assert "no-such-program: No such file" in out.read_text()


def test_its_errors_may_go_elsewhere_and_it_may_have_something_to_read(out: Path) -> None:
    given = out.parent.parent / "given"
    given.write_text("words")
    run(out, "cat; echo oops >&2", stdin=given, err=out.with_name("err"))
    assert (out.read_text(), out.with_name("err").read_text()) == ("words", "oops\n")


def test_at_its_limit_it_goes_with_all_it_has_started(out: Path) -> None:
    ended = run(out, "trap '' TERM; sleep 1000 & echo $!; wait; sleep 1000", limit=0.3)
    assert ended.why == "time"
    assert not is_alive(out.read_text().strip())


def test_what_it_leaves_running_goes_when_it_ends(out: Path) -> None:
    assert run(out, "sleep 1000 & echo $!").why == ""
    assert not is_alive(out.read_text().strip())


def test_a_stop_ends_it(out: Path) -> None:
    stop = threading.Event()
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        stop.set()

    program = Program(["sh", "-c", "echo one; sleep 1000"], out.parent.parent, out)
    assert processes.run(program, on_line, stop).why == "stopped"
    assert lines == ["one"]


def test_every_line_is_handed_on_once_and_the_last_without_an_end(out: Path) -> None:
    lines: list[str] = []
    script = "printf 'a\\nb'; sleep 0.2; printf 'c\\n\\n\\377d'"
    processes.run(Program(["sh", "-c", script], out.parent.parent, out), lines.append)
    assert lines == ["a", "bc", "�d"]


def test_output_without_end_is_ended(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "MOST_OUTPUT", 100_000)
    assert run(out, "yes").why == "output"


def test_an_exception_ends_the_program_too(out: Path) -> None:
    def on_line(line: str) -> None:
        raise KeyboardInterrupt

    program = Program(["sh", "-c", "echo $$; exec sleep 1000"], out.parent.parent, out)
    with pytest.raises(KeyboardInterrupt):
        processes.run(program, on_line)
    assert not is_alive(out.read_text().strip())


def test_a_descriptor_of_somebody_else_is_not_closed(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reap, opened = processes._reap, []

    def and_others_open(watcher: Any) -> int:
        opened.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(8))
        return reap(watcher)

    monkeypatch.setattr(processes, "_reap", and_others_open)
    assert processes.run(Program(["true"], out.parent.parent, out)).code == 0
    for number in opened:
        os.close(number)  # OSError where it was closed already


VICTIM = """
import os, signal, sys
from pathlib import Path
from typing import Any
from piste.system import processes
out, lock = map(Path, sys.argv[1:])
program = processes.Program(["sh", "-c", "echo $$; exec sleep 1000"], out.parent, out, lock=lock,
                            what="sleeping")
processes.run(program, lambda line: os.kill(os.getpid(), signal.SIGKILL))
"""


def test_when_we_are_killed_the_program_goes_and_the_lock_says_when(tmp_path: Path) -> None:
    out, lock = tmp_path / "out", tmp_path / "lock"
    done = subprocess.run([sys.executable, "-c", VICTIM, str(out), str(lock)], check=False)
    assert done.returncode == -signal.SIGKILL
    with locks.hold(lock, "a later run"):
        assert not is_alive(out.read_text().strip())


def test_what_git_sets_for_its_hooks_is_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "me")
    env = processes.environment({"MORE": "1"})
    assert "GIT_DIR" not in env
    assert (env["GIT_AUTHOR_NAME"], env["MORE"]) == ("me", "1")


def test_where_a_command_is(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("#!/bin/sh\n")
    assert processes.which("./mine", tmp_path) is None
    mine.chmod(0o755)
    assert processes.which("./mine", tmp_path) == str(tmp_path / "./mine")
    assert Path(processes.which("sh", tmp_path) or "").is_absolute()
