"""Disks that are full, closed or not there: one line, nothing half written, nothing lost.

A disk is full for real in a small tmpfs (Linux); everywhere, each call of the system that
Python makes fails once. Where nothing can be written at all, that is found before a model is
asked.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Small
from support.standin import StandIn

from fire import faults
from fire.world import (
    HERE,
    World,
    complete,
    no_traceback,
    paid_twice,
    world,
)
from piste.system.errors import PisteError

SIZES = range(20)  # pages of 4 KiB beyond what is there before
IN_CI = bool(os.environ.get("CI"))  # at import: the tests themselves see none
FULL = "No space left on device"


def unshare() -> list[str]:
    """Return the command that gives a mount namespace of our own, or [] where none does."""
    for command in (["unshare", "-m"], ["unshare", "-rm"]):
        with contextlib.suppress(FileNotFoundError):
            if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
                return command
    return []


NAMESPACE = unshare()


def test_a_full_disk_can_be_tried_here() -> None:
    """In CI this may not quietly fall away."""
    assert NAMESPACE or not IN_CI or sys.platform != "linux"


if NAMESPACE:

    @pytest.mark.parametrize("half", [0, 1])
    def test_a_small_disk(half: int) -> None:
        done = subprocess.run(
            [*NAMESPACE, sys.executable, str(HERE / "small_disk.py"), *map(str, SIZES[half::2])],
            capture_output=True, text=True, timeout=110,
        )  # fmt: skip
        trials = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(trials) == len(SIZES[half::2]), done.stderr
        for one in trials:
            judge(one)
        assert {one["code"] for one in trials} == {0, 1}, "all fitted, or none"


def judge(one: dict[str, object]) -> None:
    """One size of disk."""
    said = str(one["said"])
    assert "Traceback" not in said, said
    assert "a bug in piste" not in said, said
    assert one["lost"] == [], "a paid reply is nowhere"
    assert one["wrong"] == [], "a target is half written"
    if one["code"] != 0:
        assert sum(FULL in line for line in said.splitlines()) == 1, said
    assert (one["second"], one["check"]) == (0, 0), one["second_said"]
    # A reply that the store could not take was handed over, and is asked for again.
    assert one["twice"] == said.count("the paid reply is")


# Where stdout or stderr is a full disk ------------------------------------------------------


@pytest.fixture
def made() -> Iterator[World]:
    with world() as here:
        assert here.run("piste", "plan").code == 0
        yield here


def full(here: World, *argv: str, stream: str = "stdout") -> tuple[int, str]:
    """Run it with a stream going to a full disk; return the code, and what the other one says."""
    module = {"piste": "piste.cli", "doit": "doit"}[argv[0]]
    with Path("/dev/full").open("w") as disk:
        done = subprocess.run(
            [sys.executable, "-m", module, *argv[1:]], cwd=here.root, env=here.env(), timeout=60,
            stdin=subprocess.DEVNULL, text=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: disk},
        )  # fmt: skip
    return done.returncode, done.stdout or done.stderr or ""


if Path("/dev/full").exists():

    @pytest.mark.parametrize(
        "argv",
        [
            ["piste", "status"], ["piste", "status", "--json"], ["piste", "why", "spec"],
            ["piste", "check", "--json"], ["piste", "log"], ["piste", "list"], ["piste", "plan"],
            ["piste", "todo"], ["piste", "prompt", "spec"], ["piste", "restore", "spec", "--list"],
            ["piste", "--help"], ["piste", "help", "plan"], ["piste", "--version"],
            ["piste", "run", "-n", "4", "poke_holes"],
            ["doit", "plan"], ["doit", "todo"], ["doit", "-n", "4", "poke_holes"],
        ],
    )  # fmt: skip
    def test_stdout_on_a_full_disk(made: World, argv: list[str]) -> None:
        code, err = full(made, *argv)
        assert code == 2, err
        lines = [line for line in err.splitlines() if not line.startswith("   ")]
        assert [line for line in lines if "No space left on device" in line] == lines[-1:], err
        assert "stdout" in lines[-1]
        assert "Traceback" not in err
        assert "Exception ignored" not in err
        # What was paid for is recorded all the same.
        requests = len(made.server.requests)
        again = made.run(*argv)
        assert again.code == 0, again.said
        made_by_it = 1 if argv[-1] in ("todo", "poke_holes") else 0
        assert len(made.server.requests) - requests <= made_by_it
        assert paid_twice(made) == 0

    def test_stderr_on_a_full_disk(made: World) -> None:
        code, _ = full(made, "piste", "todo", stream="stderr")
        assert code == 0
        complete(made, ("todo.md",))
        assert full(made, "piste", "nope", stream="stderr") == (2, "")  # nobody can be told


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("door", ["piste.cli", "doit"])
def test_streams_that_are_closed(made: World, door: str, closed: str) -> None:
    """Nothing else is opened in their place, or what is printed would go into a file."""
    command = f"exec {sys.executable} -m {door} todo {closed}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=made.root, env=made.env(), capture_output=True, timeout=60
    )
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done
    complete(made, ("todo.md",))


# Where nothing can be written: found before a model is asked --------------------------------


def lock(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o555)


def file_at(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("in the way\n")


def folder_at(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir(parents=True)


def link_at(path: Path, to: str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(to)


CLOSED: dict[str, Callable[[World], object]] = {
    "a read-only project": lambda here: here.root.chmod(0o555),
    "a read-only .piste": lambda here: lock(here.root / ".piste"),
    "read-only receipts": lambda here: lock(here.root / ".piste" / "receipts"),
    "a read-only store": lambda here: lock(here.store),
    "a read-only home": lambda here: lock(here.home / "data"),
    "a read-only folder of locks": lambda here: lock(here.store / "locks"),
    "a read-only folder of blobs": lambda here: lock(here.store / "blobs"),
    "a read-only folder of replies": lambda here: lock(here.store / "replies"),
    "a target that is a folder": lambda here: folder_at(here.root / "spec.md"),
    "a target that is a broken symlink": lambda here: link_at(here.root / "spec.md", "nowhere"),
    "a .piste that is a file": lambda here: file_at(here.root / ".piste"),
    "receipts that are a file": lambda here: file_at(here.root / ".piste" / "receipts"),
    "a store that is a file": lambda here: file_at(here.store),
    "a .piste that leads out": lambda here: link_at(here.root / ".piste", str(here.home)),
}


@pytest.mark.parametrize("name", CLOSED)
def test_what_cannot_be_written_is_found_before_a_model_is_asked(name: str) -> None:
    with world() as here:
        CLOSED[name](here)
        done = here.run("piste", "spec", mortal=True)
        assert done.code == 2, done.said
        no_traceback(done)
        assert len(here.server.requests) == 0, done.said
        lines = [line for line in done.said.splitlines() if not line.startswith(".  ")]
        assert len(lines) == 1, done.said
        open_up(here.folder)


def open_up(folder: Path) -> None:
    """Let it be deleted."""
    for path in folder.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)


# An error at every call of the system that Python makes, in process -------------------------


@pytest.mark.parametrize("code", ["ENOSPC", "EIO", "EACCES", "EMFILE"])
def test_an_error_at_every_call_in_process(small: Small, standin: StandIn, code: str) -> None:
    """As SQLite's tests do it: the first call fails, then the second, … until none is left."""
    small.settings(model="chat-ok")
    place, failed = 0, 0
    while True:
        place += 1
        small.write("in.md", f"# In\n\nWords {code} {place}.\n")
        reply = f"# Note {place}\n\nWords.\n"
        standin.reply(reply)
        before = small.read() if (small.root / "note.md").exists() else None
        with faults.at(place, faults.error(code)) as counter:
            try:
                small.make()
            except PisteError as error:
                failed += 1
                assert os.strerror(getattr(__import__("errno"), code)) in str(error), error
        now = small.read() if (small.root / "note.md").exists() else None
        assert now in (before, reply)
        small.make()
        assert small.read() == reply
        assert small.decide().up_to_date
        if counter.count < place:
            break
    assert place > 20
    assert failed > 15
