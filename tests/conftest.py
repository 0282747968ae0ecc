"""Fixtures: small worlds. No test sees the real home, the network, or another test's store."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from support import forked
from support.standin import StandIn, llm_user_dir

from piste.commands import accept
from piste.doit_graph import graph
from piste.engine import budget, gate, hashing, makers
from piste.engine import project as piste_project
from piste.engine.make import Outcome
from piste.engine.rules import Rule
from piste.engine.states import Decision
from piste.engine.world import World
from piste.system import screen

Run = Callable[..., subprocess.CompletedProcess[str]]

# A shell lets what it starts in the background ignore ^C, nohup a hangup, and our children would
# too; a signal that is handled comes back as it is by default in them.
for _number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler)


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, with nothing in it."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if (
            name.startswith(("PISTE_", "LLM_", "XDG_", "OPENAI_", "GIT_"))
            and name != "PISTE_SAMPLES"
        ) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    # People run piste without these: what is printed waits in a buffer, imports are compiled once.
    for name in ("CI", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("LLM_USER_PATH", str(home / "llm"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    # doit and piste are on the path, as where their environment is active.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PISTE_TRUST", "1")  # a test about trust takes it away
    (home / ".gitconfig").write_text(
        "[user]\n name = Test\n email = test@example.org\n[init]\n defaultBranch = main\n"
        # No cleaning up behind each commit, and no waiting for the disk.
        "[maintenance]\n auto = false\n[core]\n fsync = none\n"
    )
    return home


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test pulls the plug, and a disk takes its time."""
    monkeypatch.setattr(os, "fsync", lambda fd: None)


@pytest.fixture(autouse=True)
def own_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process shares with doit, as it is when a process begins."""
    monkeypatch.setattr(graph, "_world", None)
    monkeypatch.setattr(graph, "ours", set())
    monkeypatch.setattr(graph, "asked", set())
    monkeypatch.setattr(graph, "targets", set())
    monkeypatch.setattr(graph, "files", set())
    monkeypatch.setattr(graph, "_notes", {})
    monkeypatch.setattr(graph, "_walk", None)
    monkeypatch.setattr(graph, "_made", set())
    monkeypatch.setattr(graph, "left_out", [])
    monkeypatch.setattr(gate, "_said", set())
    monkeypatch.setattr(screen, "_named", set())
    monkeypatch.setattr(graph, "stop", threading.Event())
    monkeypatch.setattr(graph, "exit_code", 0)
    monkeypatch.setattr(budget, "_purses", {})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a spec that a person brought, and the embedded model."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "piste.toml").write_text('model = "outline"\n')
    (root / "dodo.py").write_text("from piste.tasks import *\n")
    (root / "spec.md").write_text(
        "# Tally\n\nCounts words.\n\n## Requirements\n\n1. Count.\n2. Sum.\n"
    )
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def run(project: Path) -> Run:
    """Run `piste …` or `doit …` as a process of its own in the project."""

    def call(
        program: str, *args: str, cwd: Path = project, **env: str
    ) -> subprocess.CompletedProcess[str]:
        return forked.run(program, *args, cwd=cwd, **env)

    return call


@pytest.fixture
def standin(own_home: Path) -> Iterator[StandIn]:
    """A stand-in for an OpenAI-compatible server, known to llm under its models' names."""
    with StandIn() as server:
        llm_user_dir(own_home / "llm", server.url)
        yield server


@dataclass(frozen=True)
class Small:
    """A project of one rule, `note`: in.md → note.md. Each look is that of a new process."""

    root: Path

    def write(self, name: str, text: str | bytes) -> None:
        """Write a file of the project in place."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)

    def read(self, name: str = "note.md") -> str:
        """Return what a file says."""
        return (self.root / name).read_text()

    def settings(self, *lines: str, model: str = "outline", rule: str = "") -> None:
        """Write piste.toml: the model, further settings, lines more for the rule."""
        head = [f'model = "{model}"'] if model else []
        table = '[rules.note]\ntarget = "note.md"\ninputs = ["in.md"]\nprompt = "note.md.j2"'
        self.write("piste.toml", "\n".join([*head, *lines, table, rule, ""]))

    def world(self, **command_line: str) -> World:
        """Return the world as a new process sees it."""
        return piste_project.world(self.root, command_line)

    def rule(self, world: World | None = None) -> Rule:
        """Return the rule."""
        return (world or self.world()).rules["note"]

    def decide(self, **command_line: str) -> Decision:
        """Decide anew."""
        world = self.world(**command_line)
        return makers.decide(world, world.rules["note"])

    def make(self, name: str = "note", **options: Any) -> Outcome:
        """Bring the target of a rule up to date, without doit."""
        world = self.world()
        return makers.make(world, world.rules[name], **options)

    def remember(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Remember what is fresh, as a build does once files are older than the clock's tick."""
        with monkeypatch.context() as patch:
            patch.setattr(hashing, "_TICK", -(10**12))
            world = self.world()
            for rule in world.rules.values():
                makers.decide(world, rule)
            world.stat_cache.save()

    def accept(self) -> None:
        """Let note.md stand as it is."""
        assert accept.main(["note.md"]) == 0

    def tree(self) -> dict[str, str]:
        """Return a hash of every file of the project, .piste with it."""
        files = (path for path in self.root.rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Small:
    """The smallest project: its own rule, its own prompt, the embedded model."""
    made = Small(tmp_path / "small")
    made.write("in.md", "# In\n\nWords.\n")
    made.write("dodo.py", "from piste.tasks import *\n")
    prompt = '+++\ninputs = ["text"]\nsettings = ["language"]\n+++\nNote this:\n\n{{ text }}\n'
    made.write("prompts/note.md.j2", prompt)
    made.settings()
    monkeypatch.chdir(made.root)
    return made


@pytest.fixture
def full_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A disk that takes small files, and no reply of the length that the store asks room for."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (48 << 10, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
