"""What the tests of the verbs share: a project with its documents made, and a way to call one."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from piste import cli
from piste.engine import makers
from piste.engine import project as piste_project

LINE = ("plan", "todo")  # what the project's spec.md becomes


class AgentOutput(NamedTuple):
    """What a verb said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout, read as JSON."""
        return json.loads(self.out)

    @property
    def rows(self) -> list[str]:
        """The lines of stdout, with single spaces."""
        return [" ".join(line.split()) for line in self.out.splitlines()]


Say = Callable[..., AgentOutput]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Call a verb in this process."""

    def call(*args: str) -> AgentOutput:
        capsys.readouterr()
        try:
            code = cli.main(args)
        except SystemExit as end:
            code = int(end.code or 0)
        return AgentOutput(code, *capsys.readouterr())

    return call


@pytest.fixture
def show(say: Say, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Call a verb in this process, its stdout a terminal of many colours."""

    def call(*args: str) -> AgentOutput:
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        return say(*args)

    return call


def build(root: Path, *names: str, **options: Any) -> None:
    """Bring targets up to date in this process."""
    for name in names or LINE:
        world = piste_project.world(root)
        makers.make(world, world.rules[name], **options)


@pytest.fixture
def made(project: Path) -> Path:
    """The project, with its plan and its todo made."""
    build(project)
    return project


def add(path: Path, text: str) -> None:
    """Put text at the end of a file."""
    path.write_text(path.read_text() + text)


def tree(*roots: Path) -> dict[str, str]:
    """A hash of every file's content and time below the folders, and every folder's name.

    llm's own log is left out: a call of before is put there a moment later.
    """
    found = {}
    for root in roots:
        for folder, _, files in os.walk(root):
            found[folder] = ""
            for name in (name for name in files if not name.startswith("logs.db")):
                path = Path(folder, name)
                stamp = path.lstat().st_mtime_ns
                found[str(path)] = f"{stamp} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return found
