"""A small project under git, with a plan, tests that run at once, and agents put on PATH.

The agents are real programs under the names of real ones, so that they are found, called and
read as those are; what each does is a few lines of Python with `prompt`, `step` and `attempt_run`.
"""

import os
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from piste.commands import run as run_verb
from piste.commands.steps import read_progress
from piste.engine import project, records
from piste.engine.world import World
from piste.steps import runner
from piste.steps.attempt_run import Options
from piste.steps.progress import Settings
from piste.steps.runner import Outcome

PLAN = """\
# Tally: plan

Three steps.

## Step 1: Count words

```text
Write count.txt.
```

## Step 2: Sum them

```text
Write sum.txt.
```

## Step 3: Print

```text
Write print.txt.
```
"""
TODO = """\
# Tally: todo

## Step 1: Count words

- [ ] count.txt
- [ ] its test

## Step 2: Sum them

- [ ] sum.txt

## Step 3: Print

- [ ] print.txt
"""
# The tests: every file that is there has to say "good", and those of `want` have to be there.
CHECK = """\
for name in $(cat want); do test -f "$name" || { echo "FAILED: $name is missing"; exit 1; }; done
for name in *.txt; do
  test ! -f "$name" || grep -q good "$name" || { echo "FAILED: $name: $(cat "$name")"; exit 1; }
done
"""
TEST = "sh check.sh"
FILES = {1: "count.txt", 2: "sum.txt", 3: "print.txt"}

# -I and -S: it starts twice as fast, and needs nothing that is installed.
_AGENT = """\
#!{python} -IS
import os, pathlib, re, signal, subprocess, sys, time
if "--version" in sys.argv:
    print("{name} 1.0")
    raise SystemExit
prompt = sys.stdin.read()
step = int(re.search(r'<step[^>]* id="(\\d+)"', prompt)[1])
again = "An earlier try" in prompt
name = {{1: "count.txt", 2: "sum.txt", 3: "print.txt"}}.get(step, f"{{step}}.txt")
write = lambda path, text: (pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True),
                            pathlib.Path(path).write_text(text))
log = open({log!r}, "a")
print(step, "again" if again else "first", file=log, flush=True)
{body}
"""


@dataclass
class Rig:
    """A project, its repository, and a folder of programs."""

    root: Path
    bin: Path
    settings: Settings = field(
        default_factory=lambda: Settings(agent="gemini", test=TEST, agent_timeout=60)
    )

    @classmethod
    def make(cls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Rig":
        """Make it, committed and clean; the test stands in it."""
        rig = cls(tmp_path / "tally", tmp_path / "bin")
        rig.bin.mkdir()
        rig.write("piste.toml", 'model = "outline"\n')
        rig.write("prompt_plan.md", PLAN)
        rig.write("todo.md", TODO)
        rig.write("check.sh", CHECK)
        rig.write("want", "")
        rig.write(".gitignore", "/.piste/*\n!/.piste/receipts/\n*.ignored\n")
        rig.git("init", "--quiet")
        rig.commit("start")
        monkeypatch.chdir(rig.root)
        monkeypatch.setenv("PATH", f"{rig.bin}{os.pathsep}{os.environ['PATH']}")
        return rig

    # what is there

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def read(self, name: str) -> str:
        """Return what a file of the project says."""
        return (self.root / name).read_text()

    def git(self, *arguments: str, check: bool = True) -> str:
        """Run git in the person's checkout; return what it prints."""
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, capture_output=True, text=True, check=False
        )
        assert not check or not done.returncode, done.stderr
        return done.stdout.strip()

    def commit(self, message: str = "by hand") -> str:
        """Commit everything; return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def show(self, name: str, at: str = "HEAD") -> str:
        """Return a file as it is in a commit."""
        return self.git("show", f"{at}:{name}")

    def branches(self) -> list[str]:
        """Return the names of all branches."""
        return self.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()

    def subjects(self, branch: str = "HEAD") -> list[str]:
        """Return the first lines of a branch's commits, newest first."""
        return self.git("log", "--format=%s", branch).split("\n")

    @property
    def tree(self) -> Path:
        """The worktree of the steps."""
        return self.root / ".piste/run/tree"

    # agents

    def program(self, name: str, text: str) -> Path:
        """Put a program on PATH."""
        path = self.bin / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def agent(self, body: str, name: str = "gemini") -> None:
        """Put an agent on PATH; `body` is what it does with `prompt`, `step`, `name`, `again`."""
        log = str(self.bin / "calls")
        text = _AGENT.format(python=sys.executable, name=name, body=textwrap.dedent(body), log=log)
        self.program(name, text)

    def calls(self) -> list[str]:
        """Return for each call of an agent which step it was, and whether the first try."""
        path = self.bin / "calls"
        return path.read_text().split("\n")[:-1] if path.exists() else []

    # running

    def world(self) -> World:
        """The project as a new process sees it."""
        return project.world(self.root)

    def use(self, **changed: Any) -> None:
        """Change settings."""
        self.settings = self.settings._replace(**changed)

    def step(self, number: str = "", **options: Any) -> Outcome:
        """Carry one step out, the next one unless it is named, as a new process would."""
        world = self.world()
        chain = read_progress(world)
        link = chain.find(number) if number else chain.next
        assert link is not None
        with runner.only_one(world, "a test"):
            return runner.carry_out(world, self.settings, Options(**options), link)

    def piste(self, *words: str) -> int:
        """Run `piste run …` in this process; return its exit code."""
        return run_verb.main(["--agent", self.settings.agent, "--test", self.settings.test, *words])

    def states(self) -> list[str]:
        """Return the state of each step."""
        return [link.state for link in read_progress(self.world()).links]

    def records(self) -> list[str]:
        """Return the steps that have a record in the checkout."""
        return [record.step for record in records.load(self.root).values()]


GOOD = 'write(name, "good")'
SLOW_LEARNER = 'write(name, "good" if again else "bad")'
Killed = type("Killed", (BaseException,), {})


def killing(nth: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function, as it is until its nth call, which never comes about."""
    count = 0

    def call(*arguments: Any, **named: Any) -> Any:
        nonlocal count
        count += 1
        if count == nth:
            raise Killed
        return function(*arguments, **named)

    return call
