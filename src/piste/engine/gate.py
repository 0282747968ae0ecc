"""The gate before everything that a repository's author wrote and that would run here.

A person who is at a terminal is asked once; what they say is kept (`trust`). Without a yes
piste works with its own tasks and says in one line what it left out. It does not know what a
program does: a yes is for all of a folder.
"""

import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from piste.documents import diffs
from piste.engine import config, project, trust
from piste.engine.world import World
from piste.system import project_files, screen
from piste.system.errors import UserError

_WAY = "piste trust shows and allows it"
_OF_PLAN = "the test command of"
_MOST_LINES = 40  # of a difference, in one file
_said: set[str] = set()  # what this process has said that it left out


def runs(world: World) -> dict[str, str]:
    """Return all that would run in this project: by name, what it is."""
    return {**trust.programs(world.root), **world.config.commands}


def documents(world: World) -> dict[str, str]:
    """Return the commands that documents of this project name and that would run: by name.

    That is the plan's test command, where no setting names one.
    """
    if world.config.test or "test" in world.config.commands:
        return {}
    path = world.rules["plan"].target
    command = test_of_plan(world)
    return {f"{_OF_PLAN} {path}": command} if command else {}


def test_of_plan(world: World) -> str:
    """Return the test command that the plan's overview names, or ``""``."""
    try:
        data = project_files.read_any(
            world.root, world.rules["plan"].target, project_files.DOCUMENT
        )
    except UserError:  # it is named where it is read as a plan
        return ""
    if data is None or b"ommand" not in data:
        return ""
    from piste.documents import plan  # here: a build that only looks needs none of it
    from piste.documents.plan import overview

    text = data.decode("utf-8", "replace")
    return overview.test_command(text, plan.parse(text, world.config.steps or None).steps)


def allowed(world: World) -> bool:
    """Whether what the project holds may run. Raises UserError for a wrong PISTE_TRUST."""
    strict = world.config.trust == config.CONTENT
    return trust.holds(
        world.root, strict, world.config.commands, documents(world) if strict else {}
    )


def asked(world: World) -> bool:
    """As `allowed`, after the person was asked where that can be and has not been done."""
    if allowed(world):
        return True
    found, named = runs(world), documents(world)
    before = trust.answer(world.root)
    if not _at_a_terminal() or (before and before.covers(found, named)):
        return False
    if before and (before.answer == trust.NO or world.config.trust != config.CONTENT):
        return False
    for line in _question(world.root, {**found, **named}, before):
        screen.say(line)
    yes = screen.ask("run these here, now and later? [y/N] ").strip().lower() in ("y", "yes")
    trust.remember(world.root, trust.YES if yes else trust.NO, found, named)
    return yes


def entered(world: World, *names: str) -> World:
    """Return the world in which this project's commands of these names count, if they may.

    The person may be asked for them; what stays left out is said. Other commands are not
    looked at: whoever needs them asks with `require`.
    """
    named = [name for name in names if name in world.config.commands]
    if not world.config.left_out or not named:
        return world
    if asked(world):
        return project.world(world.root)
    left_out(named)
    return world


def require(world: World, what: str) -> World:
    """Return the world in which everything of the project may run, for what cannot do without.

    Raises UserError, naming `what`, where the person has not allowed it.
    """
    if not asked(world):
        raise UserError(f"{what} runs what lies in this folder, which nobody has allowed: {_WAY}")
    return project.world(world.root) if world.config.left_out else world


def left_out(names: Collection[str]) -> None:
    """Say in one line what does not run here, once a process."""
    new = [name for name in names if name not in _said]
    _said.update(new)
    if new:
        screen.say(f"left out, since nobody has allowed it here: {', '.join(new)} ({_WAY})")


def unknown(word: str, names: Sequence[str]) -> str:
    """Return what to say of a task that may be one of the programs that do not run here."""
    what = ", ".join(names)
    return f"no task {word!r} without {what}, which nobody has allowed here: {_WAY}"


def shown(runs: Mapping[str, str]) -> list[str]:
    """Return what would run, a line each: a command as it is, a file by its size."""
    lines = []
    for name, text in sorted(runs.items()):
        size = text.count("\n") + (not text.endswith("\n"))
        is_file = "." in name and not name.startswith(("agents.", "bundle.", _OF_PLAN))
        what = f"{size:,} line{'s' * (size != 1)}" if is_file else text
        lines.append(f"  {screen.safe(name)}: {screen.safe(what)}")
    return lines


def difference(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return how what runs has changed, as a diff, cut where it is long."""
    lines: list[str] = []
    for name in sorted(before.keys() | now.keys()):
        diff = diffs.unified(before.get(name, ""), now.get(name, ""), name, name, 1)
        lines += [f"  {screen.safe(line)}" for line in diff[:_MOST_LINES]]
        if len(diff) > _MOST_LINES:
            lines.append(f"  … {len(diff) - _MOST_LINES:,} more lines; read {screen.safe(name)}")
    return lines


def _question(root: Path, found: Mapping[str, str], before: trust.Answer | None) -> Iterator[str]:
    if before is not None:
        yield f"what {root} runs has changed since you allowed it:"
        yield from difference(before.runs, found)
    else:
        yield f"{root} has programs and tests of its own, which can do all that you can:"
        yield from shown(found)


def _at_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty() and not os.environ.get("CI")
