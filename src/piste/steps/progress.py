"""The chain of steps: what the plan asks for, what is done, what is next.

A step is a target: that it is done is told by a record of its prompt (`records`). A record is
given to the step with that prompt, whatever its number is by now, else to the one with that
title, whose prompt was changed then. To a number alone it is never given: another step may
have it by now. A tick in `todo.md` or a mark in the plan is for people: without a record it is
taken for a person's word, never for proof.

This module knows no git, no agents and no tests, and writes nothing; `ticking` does.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from piste.documents import plan
from piste.documents.plan import Plan, Step
from piste.engine import hashing, records
from piste.engine.records import Record
from piste.engine.world import World
from piste.steps import ticking
from piste.system import project_files
from piste.system.errors import UserError, did_you_mean, printable

# ------------------------------------------------------------------ settings


class Settings(NamedTuple):
    """What is set for carrying out a plan. Times are in seconds."""

    agent: str = "llm"  # who carries a step out: a name of `piste.agents`, or of [agents.*]
    test: str = ""  # the test command, for the shell; "" is looked for (`environment.find`)
    setup: str = ""  # run once in a fresh worktree, before anything else
    steps: str = ""  # the form of the plan's steps, where the parser chooses wrongly
    attempts: int = 3  # how often an agent may try one step
    agent_timeout: int = 1800  # for one try of an agent
    test_timeout: int = 600  # for one run of the tests
    writes: tuple[str, ...] = ()  # what agents may change; () is the whole project
    allow: tuple[str, ...] = ()  # protected paths that agents may change all the same
    land: bool = True  # bring a finished step into the person's branch, where it is safe
    branches: str = "piste"  # how the names of our branches begin
    commit_subject: str = "step {id}: {title}"  # the first line of a step's commit
    commit_trailers: bool = True  # whether its message says who did it, and what it took
    commit_sign_off: bool = False  # whether it is signed off in the person's name
    notify: str = ""  # a command that is given a message when a person is needed
    agents: Mapping[str, Mapping[str, str]] = MappingProxyType({})  # [agents.NAME]


def settings(world: World) -> Settings:
    """Return what is set for steps; what the project's settings do not have is default."""
    known = (name for name in Settings._fields if hasattr(world.config, name))
    found = {name: getattr(world.config, name) for name in known}
    return Settings(**found)


# ------------------------------------------------------------------ the chain

# States of a step.
OPEN_STEP = "open"  # nothing says that it is done
DONE_STEP = "done"  # a record of this very prompt
CHANGED = "changed"  # a record, but of another prompt
TICKED = "ticked"  # marked as done in the plan, with no record: a person's word


class StepStatus(NamedTuple):
    """One step of the chain and what is true of it."""

    step: Step
    digest: str  # of its prompt
    state: str
    why: str
    record: Record | None = None

    @property
    def finished(self) -> bool:
        """Whether it is passed over when the next step is looked for."""
        return self.state != OPEN_STEP

    @property
    def waits(self) -> bool:
        """Whether it has to be carried out: an optional step has not, nor one of parts alone."""
        return not (self.finished or self.step.optional or self.step.parts)


class Progress(NamedTuple):
    """The plan, its steps in order, and where it stands."""

    plan: Plan
    path: str  # of the plan, project-relative
    links: tuple[StepStatus, ...]
    left_over: tuple[Record, ...] = ()  # records that no step of the plan has any more

    @property
    def changed(self) -> tuple[StepStatus, ...]:
        """The steps whose prompt was changed after they were done."""
        return tuple(link for link in self.links if link.state == CHANGED)

    @property
    def next(self) -> StepStatus | None:
        """The first step that waits to be carried out, or None."""
        return next((link for link in self.links if link.waits), None)

    @property
    def optional(self) -> tuple[StepStatus, ...]:
        """The steps that are open and may be left out."""
        return tuple(link for link in self.links if link.step.optional and not link.finished)

    def find(self, step_id: str) -> StepStatus:
        """Return the step a person means: ``3`` is also ``03``, or ``F3``. Raises UserError."""
        for link in self.links:
            if link.step.id == step_id:
                return link
        like = [link for link in self.links if _bare(link.step.id) == _bare(step_id)]
        if not like and step_id.isdecimal():
            like = [link for link in self.links if _number(link.step.id) == int(step_id)]
        if len(like) == 1:
            return like[0]
        known = [link.step.id for link in self.links]
        near = did_you_mean(step_id, known) or "; piste steps lists them"
        raise UserError(f"{self.path} has no step {printable(step_id)!r}{near}")

    def between(self, first: str, last: str) -> tuple[StepStatus, ...]:
        """Return the steps from `first` to `last` in the plan's order; "" is its end."""
        start = self.links.index(self.find(first)) if first else 0
        end = self.links.index(self.find(last)) if last else len(self.links) - 1
        if end < start:
            raise UserError(
                f"step {printable(last)} comes before step {printable(first)} in {self.path}"
            )
        return self.links[start : end + 1]


def chain(world: World, form: str = "", more: Sequence[Record] = ()) -> Progress:
    """Return the chain of the project's plan.

    `form` overrides the form of the steps (see `plan.parse`); `more` are records that are
    not in the project's folder yet. Raises UserError when there is no plan, or a record is
    damaged.
    """
    path = world.rules["plan"].target
    read = plan.parse(read_plan(world), form or None)
    known = list(dict.fromkeys([*records.load(world.root).values(), *more]))
    known = records.of_plan(world.root, known, path)
    given = records.matched(read.steps, known)
    boxes = ticking.boxes(world, read, known)
    links = tuple(
        _status(step, record, boxes.get(step.id))
        for step, record in zip(read.steps, given, strict=True)
    )
    left = tuple(record for record in known if record not in given)
    return Progress(read, path, _with_wholes(links), left)


def _with_wholes(links: tuple[StepStatus, ...]) -> tuple[StepStatus, ...]:
    """The links; a step of parts alone is over with the last of them that has to be."""
    waiting = {link.step.id for link in links if link.waits}
    return tuple(
        link._replace(state=TICKED, why="its parts are done")
        if link.step.parts and not (link.record or waiting & {*link.step.parts})
        else link
        for link in links
    )


def at(world: World, path: str = "") -> World:
    """Return the world with the plan where it really is: at `path`, or where settings put it.

    `path` is seen from the current folder. A symlink is followed within the project, so that
    the file itself is ticked. Raises UserError for a plan that is not there, or out of it.
    """
    rule = world.rules["plan"]
    place = Path.cwd() / path if path else world.root / rule.target
    top, real = Path(os.path.realpath(world.root)), Path(os.path.realpath(place))
    if not path and not place.is_symlink():
        return world
    if not real.is_relative_to(top):
        raise UserError(f"{printable(path or rule.target)} leads out of the project; copy it in")
    if not real.is_file():
        raise UserError(f"there is no plan {printable(path or rule.target)}")
    moved = rule._replace(target=real.relative_to(top).as_posix())
    rules = {**world.rules, "plan": moved}
    return world._replace(config=world.config._replace(rules=rules))


def read_plan(world: World) -> str:
    """Return the text of the plan. Raises UserError when there is none."""
    path = world.rules["plan"].target
    try:
        return hashing.text(project_files.read(world.root, path, project_files.DOCUMENT), path)
    except FileNotFoundError:
        spec = world.rules["spec"].target
        raise UserError(f"there is no {path}; `piste plan` makes it from {spec}") from None


def _status(step: Step, record: Record | None, boxes: ticking.Boxes | None) -> StepStatus:
    of = records.digest(step.prompt)
    if record is not None and record.prompt == of:
        return StepStatus(step, of, DONE_STEP, _done_why(step, record), record)
    if record is not None:
        was = f" as step {printable(record.step)}" if record.step != step.id else ""
        why = f"its prompt was changed after it was done{was} (by {by_of(record)})"
        return StepStatus(step, of, CHANGED, why, record)
    if step.done:
        return StepStatus(step, of, TICKED, "marked as done in the plan; there is no record")
    if boxes is not None and boxes.ticked == boxes.all:
        return StepStatus(step, of, TICKED, f"all ticked in {boxes.path}; there is no record")
    some = f"{boxes.ticked} of {boxes.all} ticked in {boxes.path}" if boxes else ""
    return StepStatus(step, of, OPEN_STEP, some if boxes and boxes.ticked else "")


def by_of(record: Record) -> str:
    """Return who did what a record says, as it is shown."""
    return printable(by(record.agent, record.version))


def by(agent: str, version: str) -> str:
    """Return an agent and its version as they are shown; many versions begin with the name."""
    if version.casefold().startswith(agent.casefold()):
        return version
    return f"{agent} {version}".strip()


def _done_why(step: Step, record: Record) -> str:
    was = f", as step {printable(record.step)}" if record.step != step.id else ""
    tested = "tests passed" if record.tests else "without tests"
    return f"by {by_of(record)}, {tested}{was}"


def _bare(step_id: str) -> str:
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", step_id).casefold()


def _number(step_id: str) -> int:
    """The number of an id of letters and a number (``F12``), else -1."""
    found = re.fullmatch(r"[A-Z]{1,3}-?(\d{1,6})", step_id)
    return int(found[1]) if found else -1


def as_dict(link: StepStatus) -> dict[str, Any]:
    """Return a step as plain data for JSON."""
    return {
        "id": link.step.id,
        "title": link.step.title,
        "state": link.state,
        "why": link.why,
        "group": link.step.group,
        "line": link.step.line,
        "optional": link.step.optional,
        "parallel": link.step.parallel,
        "parts": list(link.step.parts),
        "marked": link.step.done,
        "prompt": link.step.prompt,
        "digest": link.digest,
        "record": {**link.record._asdict(), "key": link.record.key} if link.record else None,
    }


def counted(links: Iterable[StepStatus]) -> dict[str, int]:
    """Return how many steps are in each state."""
    result = dict.fromkeys((DONE_STEP, TICKED, CHANGED, OPEN_STEP), 0)
    for link in links:
        result[link.state] += 1
    return result
