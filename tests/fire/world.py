"""The harness: a project under trial, commands in it, and the judge.

The judge believes the stand-in server's log and the files. "Paid" is a reply that the server
sent whole; a key is what the model was asked (model, system text, prompt), so the judge needs
no key of ours either.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.forked import PATIENCE, Child, Done, clean_env, zygote
from support.standin import Fault, Request, StandIn, llm_user_dir

from piste.engine import hashing

HERE = Path(__file__).parent
_ROOM = 32 << 20  # bytes that a file system in memory must have free to be used


def scratch() -> Path:
    """Return a new folder, in memory where there is room: a trial writes much and keeps nothing."""
    shm = Path("/dev/shm")
    usable = shm.is_dir() and os.access(shm, os.W_OK)
    if usable and shutil.disk_usage(shm).free < _ROOM:
        usable = False
    return Path(tempfile.mkdtemp(prefix="fire-", dir=shm if usable else None)).resolve()


# The model's side ---------------------------------------------------------------------------

_DOCUMENTS = {
    "spec.md": "# Tally\n\n{mark}\n\n## Overview\n\nIt counts.\n\n## Requirements\n\n1. Count.\n",
    "prompt_plan.md": (
        "# Tally: plan\n\n{mark}\n\n## Step 1: Count\n\nFirst.\n\n```text\nCount words.\n```\n\n"
        "## Step 2: Sum\n\nThen.\n\n```text\nSum them.\n```\n"
    ),
    "todo.md": "# Todo\n\n- [ ] {mark}\n- [ ] Sum them\n",
}
_OTHER = "# Document\n\n{mark}\n\n## Part\n\nWords.\n"


def target_of(request: Request) -> str:
    """Return the target that a prompt of ours asks for: its last line names it."""
    named = re.search(r"^Document: .*, for (\S+)\s*$", request.prompt, re.MULTILINE)
    return named[1] if named else ""


def document(request: Request) -> str:
    """A good reply, unlike any other."""
    form = _DOCUMENTS.get(target_of(request), _OTHER)
    return form.format(mark=f"reply {request.number} {uuid.uuid4().hex}")


# The project --------------------------------------------------------------------------------

LINE = ("spec.md", "prompt_plan.md", "todo.md")
BUILD = ("piste", "todo", "poke_holes")  # a chain of three, and one beside it
MADE = (*LINE, "spec-holes.md")
KINDS = {"prompt_plan.md": "plan", "todo.md": "todo"}  # whose ticks are no content


@dataclass
class World:
    """A project, a home, a store and a stand-in server of its own."""

    folder: Path
    server: StandIn
    root: Path = field(init=False)
    home: Path = field(init=False)
    disk: str = ""  # folder in which project and home lie
    words: str = ""  # faults of every reply, as the stand-in knows them
    unheard: set[int] = field(default_factory=set)  # requests whose caller died before the reply
    history: list[Request] = field(default_factory=list)  # replies of an earlier server
    count: int = 0  # commands so far

    def __post_init__(self) -> None:
        self.root = self.folder / self.disk / "project"
        self.home = self.folder / self.disk / "home"
        self.server.reply(lambda request: Fault(self.words, document(request)))
        if self.root.exists():  # a copy
            llm_user_dir(self.home / "llm", self.server, ["ok"])
            return
        self.root.mkdir(parents=True)
        self.home.mkdir()
        self.settings()
        (self.root / "dodo.py").write_text("from piste.tasks import *\n")
        (self.root / "idea.md").write_text(f"# Idea\n\nCount words. {uuid.uuid4().hex}\n")
        llm_user_dir(self.home / "llm", self.server, ["ok"])
        (self.home / "llm" / "logs-off").touch()  # llm's own database is not on trial

    @property
    def store(self) -> Path:
        """The person's store."""
        return self.home / "data" / "piste" / "store"

    def settings(self, *lines: str, model: str = "chat-ok") -> None:
        """Write piste.toml."""
        (self.root / "piste.toml").write_text("\n".join([f'model = "{model}"', *lines, ""]))

    def env(self, **more: str) -> dict[str, str]:
        """The environment of a command."""
        return {
            **clean_env(),
            "PISTE_TRUST": "1",
            "HOME": str(self.home),
            "XDG_DATA_HOME": str(self.home / "data"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "LLM_USER_PATH": str(self.home / "llm"),
            "GIT_CONFIG_GLOBAL": str(self.home / "gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            **more,
        }

    def order(self, argv: tuple[str, ...], cwd: Path | None, **more: Any) -> dict[str, Any]:
        """Return what the zygote is told."""
        self.count += 1
        name = self.folder / f"said-{self.count}-{uuid.uuid4().hex[:6]}"
        return {
            "argv": list(argv),
            "cwd": str(cwd or self.root),
            "env": self.env(**more.pop("env", {})),
            "out": f"{name}.out",
            "err": f"{name}.err",
            **more,
        }

    def start(self, *argv: str, cwd: Path | None = None, **more: Any) -> Child:
        """Begin `piste …` or `doit …` here."""
        return zygote().start(self.order(argv, cwd, **more))

    def run(self, *argv: str, cwd: Path | None = None, **more: Any) -> Done:
        """Run `piste …` or `doit …` to its end."""
        return self.start(*argv, cwd=cwd, **more).wait()

    def kill(self, child: Child) -> Done:
        """SIGKILL; what the server has not sent by then reaches nobody."""
        child.signal(signal.SIGKILL)
        done = child.wait()
        self.nobody_listens()
        return done

    def nobody_listens(self, seconds: float = 0) -> None:
        """What the server had not sent so many seconds ago does not count as heard by anybody."""
        since = time.monotonic() - seconds
        with self.server.lock:
            late = (one for one in self.server.requests if not one.finished or one.ended > since)
            self.unheard |= {one.number for one in late}

    def process(self, *argv: str, cwd: Path | None = None, **env: str) -> Done:
        """Run it as a new interpreter, as a person does; slower by half a second."""
        module = {"piste": "piste.cli", "doit": "doit"}[argv[0]]
        done = subprocess.run(
            [sys.executable, "-m", module, *argv[1:]], cwd=cwd or self.root, env=self.env(**env),
            capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE,
        )  # fmt: skip
        return Done(done.returncode, done.stdout.decode(errors="replace"),
                    done.stderr.decode(errors="replace"))  # fmt: skip

    def text(self, target: str) -> str | None:
        """Return what a target says, None where it is not there."""
        with contextlib.suppress(FileNotFoundError):
            return (self.root / target).read_text("utf-8")
        return None

    def receipt(self, target: str) -> dict[str, Any]:
        """Return a receipt as JSON."""
        path = self.root / ".piste" / "receipts" / f"{target}.json"
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def tree(self) -> dict[str, bytes]:
        """Return every file of the project."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and not path.is_symlink()
        }


@contextlib.contextmanager
def world(**options: Any) -> Iterator[World]:
    """A world that is gone afterwards."""
    folder = scratch()
    try:
        with StandIn(**options) as server:
            yield World(folder, server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def copy(of: World, **options: Any) -> Iterator[World]:
    """A world as another one stands, with a server of its own; gone afterwards."""
    folder = scratch()
    try:
        for part in ("project", "home"):
            shutil.copytree(of.folder / part, folder / part, symlinks=True)
        with StandIn(**options) as server:
            yield World(folder, server, history=paid(of))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# The judge ----------------------------------------------------------------------------------


def paid(here: World) -> list[Request]:
    """Return the replies that the server sent whole."""
    with here.server.lock:
        return [*here.history, *(one for one in here.server.requests if one.finished)]


def paid_twice(here: World) -> int:
    """How many replies were paid for though the same words had been answered before."""
    heard = [one for one in paid(here) if one in here.history or one.number not in here.unheard]
    asked = Counter((one.model, one.system, one.prompt) for one in heard)
    return sum(count - 1 for count in asked.values())


def complete(here: World, targets: tuple[str, ...] = MADE) -> None:
    """Assert that each target is a reply that the server sent whole, and that `check` agrees."""
    whole(here, targets)
    requests = len(here.server.requests)
    checked = here.run("piste", "check", *targets)
    assert checked.code == 0, checked.said
    assert len(here.server.requests) == requests, "check asked a model"


def whole(here: World, targets: tuple[str, ...]) -> None:
    """Assert that each target is a reply that the server sent whole, and has its receipt."""
    sent = {request.text for request in paid(here)}
    for target in targets:
        text = here.text(target)
        assert text is not None, f"{target} is missing"
        assert text in sent, f"{target} is no complete reply: {text[:300]!r}"
        kind = KINDS.get(target, "")
        assert here.receipt(target)["output"] == hashing.digest(text.encode(), kind)


def leftovers(here: World) -> list[str]:
    """Return the files that only a run that was cut off can have left."""
    found = [*here.root.rglob("*"), *here.home.rglob("*")]
    locks = {here.root / ".piste" / "lock", *(here.store / "locks").glob("*")}
    return [
        str(path.relative_to(here.folder))
        for path in found
        if (path.name.startswith(".piste-") and path.name.endswith(".tmp")) or path in locks
    ]


def ended_by(done: Done, number: int) -> bool:
    """Whether a signal ended a command as it should, unless it had come to its end before.

    Before the first task there is nothing to put away, and SIGTERM may end it by itself; a
    shell calls both 143.
    """
    begun = ".  " in done.out or "--" in done.out
    early = number == signal.SIGTERM and not begun
    return done.code in (0, 128 + number, -number if early else 0)


def no_traceback(done: Done) -> None:
    """Assert that the person got lines, and no traceback and no bug report."""
    assert "Traceback" not in done.said, done.said
    assert "a bug in piste" not in done.said, done.said


def parallel(trial: Callable[[int], Any], count: int, threads: int) -> list[Any]:
    """Run so many trials, some at once: most of each is waiting for a slow model."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(trial, range(count)))


def until(true: Callable[[], object], what: str) -> None:
    """Wait until something holds; fail when it never does."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.005)
