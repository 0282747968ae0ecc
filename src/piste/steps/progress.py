"""The chain of steps: what the plan asks for, what is done, what is next.

A step is a target: its key is made of its own prompt (marks stripped), the agent and the
agent's version. That it is done is told by a record, a small committed file a step:

    .piste/receipts/steps/03.json    sorted keys, one field a line, as receipts are

A record is found again by its prompt, so a step keeps its record when the plan is
renumbered, and editing step 7 does not touch steps 1 to 6. A tick in `todo.md` or a mark in
the plan is for people: without a record it is taken for a person's word, never for proof.

This module knows no git, no agents and no tests; `runner` does the work, and says here
that it is done.
"""

import hashlib
import json
import os
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from piste.documents import plan, todo
from piste.documents.markdown import DOING, DONE, OPEN, split_state
from piste.documents.plan import Plan, Step
from piste.engine import hashing, receipts
from piste.engine.world import World
from piste.system import atomic_write, locks, paths
from piste.system.errors import UserError, did_you_mean, printable

SCHEMA = 1
FOLDER = f"{receipts.FOLDER}/steps"


# ------------------------------------------------------------------ settings


@dataclass(frozen=True)
class Settings:
    """What is set for carrying out a plan. Times are in seconds."""

    agent: str = "llm"  # who carries a step out: a name of `piste.agents`, or of [agents.*]
    test: str = ""  # the test command, for the shell; "" is looked for (`testing.find`)
    setup: str = ""  # run once in a fresh worktree, before anything else
    steps: str = ""  # the form of the plan's steps, where the parser chooses wrongly
    attempts: int = 3  # how often an agent may try one step
    agent_timeout: int = 1800  # for one try of an agent
    test_timeout: int = 600  # for one run of the tests
    writes: tuple[str, ...] = ()  # what agents may change; () is the whole project
    allow: tuple[str, ...] = ()  # protected paths that agents may change all the same
    land: bool = True  # bring a finished step into the person's branch, where it is safe
    notify: str = ""  # a command that is given a message when a person is needed
    agents: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # [agents.NAME]


def settings(world: World) -> Settings:
    """Return what is set for steps; what the project's settings do not have is default."""
    known = (one.name for one in fields(Settings))
    found = {name: getattr(world.config, name) for name in known if hasattr(world.config, name)}
    return Settings(**found)


# ------------------------------------------------------------------ records


class Record(NamedTuple):
    """That a step is done: which prompt, by whom, and on what evidence."""

    step: str  # its id in the plan
    title: str
    prompt: str  # digest of the prompt, marks stripped
    agent: str  # or "hand"
    version: str = ""  # of the agent
    model: str = ""
    tests: str = ""  # the command that passed; "" is a person's word

    @property
    def key(self) -> str:
        """The key of this doing: prompt, agent, version and model."""
        return key(self.prompt, self.agent, self.version, self.model)


HAND = "hand"


def key(prompt: str, agent: str, version: str, model: str) -> str:
    """Return the sha256, in hex, of what decides a step. `prompt` is its digest."""
    parts = {"schema": SCHEMA, "prompt": prompt, "agent": agent, "version": version, "model": model}
    return hashlib.sha256(receipts.canonical(parts).encode()).hexdigest()


def digest(prompt: str) -> str:
    """Return the sha256, in hex, of a step's prompt without marks and trailing blanks."""
    lines = (line.rstrip() for line in plan.strip_marks(prompt).split("\n"))
    return hashlib.sha256("\n".join(lines).strip("\n").encode("utf-8", "replace")).hexdigest()


def file_of(step_id: str) -> str:
    """Return the project-relative path of the record of a step."""
    name = urllib.parse.quote(step_id, safe="")
    if len(name) > 100:
        name = name[:60] + "-" + hashlib.sha256(step_id.encode()).hexdigest()[:16]
    return f"{FOLDER}/{name.replace('.', '_', 1) if name.startswith('.') else name}.json"


def dump(record: Record) -> bytes:
    """Return a record as it stands in its file."""
    raw = {"schema": SCHEMA, "key": record.key, **record._asdict()}
    return (json.dumps(raw, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


def parse(data: bytes, where: str) -> Record:
    """Return the record in `data`. Raises UserError, naming the file and the way out."""
    if b"<<<<<<<" in data or b">>>>>>>" in data:
        raise UserError(f"{where} holds conflict markers; keep either side whole")
    way_out = f"restore it (git checkout {where}), or delete it and do the step again"
    try:
        raw = json.loads(data)
        schema, sealed = raw.pop("schema"), raw.pop("key")
        newer = schema > SCHEMA
        record = Record(**raw) if not newer else None
        sound = record is not None and sealed == record.key
        plain = all(isinstance(value, str) for value in raw.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{where} is damaged; {way_out}") from None
    if newer:
        raise UserError(f"{where} was written by a newer piste; update piste to read it")
    if record is None or not sound or not plain:
        raise UserError(f"{where} does not agree with its own key; {way_out}")
    return record


def records(root: Path) -> list[Record]:
    """Return the records in the project at `root`. Raises UserError for a damaged one."""
    try:
        names = sorted(n for n in os.listdir(root / FOLDER) if n.endswith(".json"))
    except OSError:
        return []
    found = []
    for name in names:
        where = f"{FOLDER}/{name}"
        try:
            found.append(parse((root / where).read_bytes(), where))
        except OSError as error:
            raise UserError(f"{where} cannot be read: {error.strerror}") from None
    return found


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


class Progress(NamedTuple):
    """The plan, its steps in order, and where it stands."""

    plan: Plan
    path: str  # of the plan, project-relative
    links: tuple[StepStatus, ...]

    @property
    def next(self) -> StepStatus | None:
        """The first step that is neither done nor ticked, or None."""
        return next((link for link in self.links if not link.finished), None)

    def find(self, step_id: str) -> StepStatus:
        """Return the step a person means: ``3`` is also ``03``. Raises UserError."""
        for link in self.links:
            if link.step.id == step_id:
                return link
        like = [link for link in self.links if _bare(link.step.id) == _bare(step_id)]
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
    return Progress(read, path, tuple(_links(read.steps, [*records(world.root), *more])))


def read_plan(world: World) -> str:
    """Return the text of the plan. Raises UserError when there is none."""
    path = world.rules["plan"].target
    try:
        return hashing.text((world.root / path).read_bytes(), path)
    except FileNotFoundError:
        spec = world.rules["spec"].target
        raise UserError(f"there is no {path}; `piste plan` makes it from {spec}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None


def _links(steps: Sequence[Step], known: Sequence[Record]) -> Iterator[StepStatus]:
    """Give each step its record: by id and prompt, else by a prompt that nobody else has.

    A record that then is left over, of a step's id, says that its prompt was changed.
    """
    digests = [digest(step.prompt) for step in steps]
    by_id = {record.step: record for record in known}
    found: dict[str, Record] = {}
    for step, of in zip(steps, digests, strict=True):
        if step.id in by_id and by_id[step.id].prompt == of:
            found[step.id] = by_id.pop(step.id)
    by_prompt = {record.prompt: record for record in by_id.values()}
    for step, of in zip(steps, digests, strict=True):
        if step.id not in found and of in by_prompt:
            found[step.id] = by_prompt.pop(of)
            del by_id[found[step.id].step]
    for step, of in zip(steps, digests, strict=True):
        if (record := found.get(step.id)) is not None:
            yield StepStatus(step, of, DONE_STEP, _done_why(step, record), record)
        elif (record := by_id.get(step.id)) is not None:
            why = f"its prompt was changed after it was done (by {_by(record)})"
            yield StepStatus(step, of, CHANGED, why, record)
        elif step.done:
            yield StepStatus(step, of, TICKED, "marked as done in the plan; there is no record")
        else:
            yield StepStatus(step, of, OPEN_STEP, "")


def _by(record: Record) -> str:
    return printable(by(record.agent, record.version))


def by(agent: str, version: str) -> str:
    """Return an agent and its version as they are shown; many versions begin with the name."""
    if version.casefold().startswith(agent.casefold()):
        return version
    return f"{agent} {version}".strip()


def _done_why(step: Step, record: Record) -> str:
    was = f", as step {printable(record.step)}" if record.step != step.id else ""
    tested = "tests passed" if record.tests else "without tests"
    return f"by {_by(record)}, {tested}{was}"


def _bare(step_id: str) -> str:
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", step_id).casefold()


# ------------------------------------------------------------------ ticking


def set_done(
    root: Path, world: World, step: Step, record: Record | None, form: str = ""
) -> list[str]:
    """Tick a step and write its record, or untick it and remove the record (None).

    `root` is the folder whose files are changed: the project's own, or its place in a
    worktree. All other bytes stay as they are. Returns the paths that were changed,
    project-relative. Done twice it changes nothing more. Raises OSError.
    """
    changed = set_ticks(root, world, step, record is not None, form)
    where = file_of(step.id)
    old = _bytes(root / where)
    if record is None:
        if old is not None:
            atomic_write.remove(root / where)
            changed.append(where)
    elif old is None or old.replace(b"\r\n", b"\n") != dump(record):
        atomic_write.write(paths.writable(root, where), dump(record))
        changed.append(where)
    return changed


def set_ticks(root: Path, world: World, step: Step, done: bool, form: str = "") -> list[str]:
    """Tick a step in the files of `root`, or untick it; return which were changed.

    No record is written: who calls this has one, or has removed it. Raises OSError.
    """
    changed = []
    with locks.hold(world.root / paths.STATE / "lock", f"ticking step {step.id}"):
        for path, data in _ticked(root, world, step, done, form):
            atomic_write.write(paths.writable(root, path), data)
            changed.append(path)
    return changed


def _ticked(
    root: Path, world: World, step: Step, done: bool, form: str
) -> Iterator[tuple[str, bytes]]:
    """Yield the files that show the step as done, changed.

    A tick goes to the todo list where that has the step, else into the plan; it is taken
    away from both.
    """
    name = world.rules["todo"].target
    items = _text(root / name)
    has = items is not None and bool(_items_of(items, step))
    if items is not None and has:
        new = tick(items, step, done)
        if new != items:
            yield name, _encoded(new)
    if not has or not done:
        name = world.rules["plan"].target
        text = _text(root / name)
        if text is not None:
            new = _marked(text, step, done, form)
            if new != text:
                yield name, _encoded(new)


def _marked(text: str, step: Step, done: bool, form: str) -> str:
    try:
        return plan.mark_done(text, step.id, done, form or None)
    except UserError:  # this version of the plan has no such step
        return text


def tick(text: str, step: Step, done: bool) -> str:
    """Return the todo list with the boxes of one step ticked, or open again.

    Boxes that say something else (dropped) stay as they are.
    """
    before = (OPEN, DOING) if done else (DONE,)
    for item in _items_of(text, step):
        if item.state in before:
            text = todo.set_state(text, item.line, DONE if done else OPEN)
    return text


def _items_of(text: str, step: Step) -> list[todo.Item]:
    """The items that belong to a step: in a section that names it, or below an item that does."""
    found = []
    below = -1  # indentation of the item that names the step, while we are below it
    for item in todo.parse(text):
        if below >= 0 and item.indent <= below:
            below = -1
        if below < 0 and _names(item.text, step):
            below = item.indent
        if below >= 0 or any(_names(part, step) for part in item.section.split(" > ")):
            found.append(item)
    return found


def _names(heading: str, step: Step) -> bool:
    """Whether a heading or an item of a todo list names the step, by title or by word and id."""
    heading = split_state(heading[:400])[0]
    title, said = _words(step.title), _words(heading)
    if title and title in (said, _words(re.sub(r"^[\W_]*[0-9][0-9.]*", "", heading))):
        return True  # a todo list may number its sections in its own way
    own_id = rf"{re.escape(_bare(step.id.partition('#')[0]))}(?!\w|[.-]\w)"
    found = re.match(rf"[\W_]*(prompt|step|task|chunk)?[\W_]*{own_id}(.*)", _bare(heading), re.S)
    if found is None:
        return False
    rest = _words(found.group(2))
    if not title or rest == title:
        return bool(found.group(1)) or rest == title != ()
    # The same word and number over other words may be of another list: a phase, say.
    return bool(found.group(1)) and "#" not in step.id and (not rest or bool({*rest} & {*title}))


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", text.casefold()))


def _text(path: Path) -> str | None:
    # surrogateescape: whatever else is in a person's file comes back byte for byte.
    data = _bytes(path)
    return None if data is None else data.decode("utf-8", "surrogateescape")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def as_dict(link: StepStatus) -> dict[str, Any]:
    """Return a step as plain data for JSON."""
    return {
        "id": link.step.id,
        "title": link.step.title,
        "state": link.state,
        "why": link.why,
        "group": link.step.group,
        "line": link.step.line,
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
