"""Showing that steps are done: boxes in the todo list, marks in the plan, and their undoing.

Which boxes belong to a step, its headings and items say: by word, number and title. Where two
places could be meant, the surer one is, and none where neither is. Every line that is changed
is remembered, so that undoing brings back just that line. It does not know whether a tick is
deserved.
"""

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from piste.documents import plan, todo
from piste.documents.markdown import DOING, DONE, DROPPED, OPEN, split, split_state
from piste.documents.plan import Plan, Step, titles
from piste.engine import hashing, records
from piste.engine.records import Record, Tick
from piste.engine.world import World
from piste.system import atomic_write, locks, paths, project_files
from piste.system.errors import UserError

_LOCAL = f"{paths.RUN}/ticked"  # what was ticked in files that git ignores


# ------------------------------------------------------------------ done, and undone


def set_done(root: Path, world: World, step: Step, record: Record, form: str = "") -> list[str]:
    """Tick a step and write its record; return the paths that were changed, project-relative.

    `root` is the folder whose files are changed: the project's own, or its place in a worktree.
    All other bytes stay as they are. Done twice it changes nothing more. Raises OSError.
    """
    ticked = set_ticks(root, world, step, form)
    changed = list(dict.fromkeys(tick.path for tick in ticked))
    known = records.load(root)
    where = _own_file(root, world, step, known, form) or records.file_of(step.id)
    if where in known and not _of_one(root, known[where], record):
        # The number was another step's, whose record must not be lost.
        second = records.second_file_of(known[where])
        atomic_write.write(paths.writable(root, second), records.dump(known[where]))
        changed.append(second)
    elif where in known:
        ticked = [*known[where].ticked, *ticked]
    data = records.dump(record._replace(ticked=tuple(ticked)))
    old = _bytes(root, where)
    if old is None or old.replace(b"\r\n", b"\n") != data:
        atomic_write.write(paths.writable(root, where), data)
        changed.append(where)
    return changed


def _own_file(root: Path, world: World, step: Step, known: Mapping[str, Record], form: str) -> str:
    steps = _plan(root, world, form).steps
    given = records.matched(
        steps, records.of_plan(root, known.values(), world.rules["plan"].target)
    )
    own = next((of for one, of in zip(steps, given, strict=True) if one.id == step.id), None)
    return next((path for path, record in known.items() if record is own), "")


def _of_one(root: Path, one: Record, other: Record) -> bool:
    if not records.of_plan(root, [one], other.plan):
        return False
    return one.prompt == other.prompt or records.same_title(one.title, other.title)


class Undone(NamedTuple):
    """What undoing has changed, and the ticks that were not found again."""

    changed: list[str]
    missed: list[Tick]


def set_open(root: Path, world: World, step: Step, record: Record | None, form: str = "") -> Undone:
    """Take back that a step is done: the record, and the ticks that it made.

    Without a record, or with one that knows of no ticks, all marks and boxes of the step go.
    Raises OSError.
    """
    known = records.load(root)
    where = next((path for path, one in known.items() if one == record), "")
    local = _local_file(record) if record else ""
    ticks = [*record.ticked, *_remembered(world.root, local)] if record else []
    changed, missed = [], []
    with locks.hold(world.root / paths.STATE / "lock", f"unticking step {step.id}"):
        for path, text in _texts(root, world):
            new, lost = restored(text, [tick for tick in ticks if tick.path == path])
            missed += lost
            if record is None:
                new = _without(path, new, step, root, world, form)
            if new != text:
                atomic_write.write(paths.writable(root, path), _encoded(new))
                changed.append(path)
    if where:
        atomic_write.remove(root / where)
        changed.append(where)
    if local:
        atomic_write.remove(world.root / local)
    return Undone(changed, missed)


def _without(path: str, text: str, step: Step, root: Path, world: World, form: str) -> str:
    if path == world.rules["plan"].target:
        return _marked(text, step, False, form)
    read = _plan(root, world, form)
    if _has_boxes(read) or not has_list(world):
        return text
    return tick(text, step, read.steps, False)


def set_ticks(root: Path, world: World, step: Step, form: str = "") -> list[Tick]:
    """Tick a step in the files of `root`; return what was changed.

    A tick goes to the todo list where that has the step, else into the plan; into a plan that is
    a check list always. No record is written. Raises OSError.
    """
    plan_path, list_path = world.rules["plan"].target, world.rules["todo"].target
    with locks.hold(world.root / paths.STATE / "lock", f"ticking step {step.id}"):
        texts = dict(_texts(root, world))
        read = _plan(root, world, form)
        path, text = list_path, texts.get(list_path, "")
        if (
            has_list(world)
            and not _has_boxes(read)
            and step.id in set(owners(text, read.steps).values())
        ):
            new = tick(text, step, read.steps, True)
        else:
            path, text = plan_path, texts.get(plan_path, "")
            new = _marked(text, step, True, form)
        if new == text:
            return []
        atomic_write.write(paths.writable(root, path), _encoded(new))
    return difference(path, text, new)


def has_list(world: World) -> bool:
    """Whether the todo list is that of the plan: not of another one, or of issues."""
    plan_path = world.rules["plan"].target
    names = [name for names in world.rules["todo"].inputs for name in names]
    real = os.path.realpath(world.root / plan_path)
    return any(os.path.realpath(world.root / name) == real for name in names)


def remember(world: World, record: Record, ticks: Sequence[Tick]) -> None:
    """Keep what was ticked in files that no commit holds. Raises OSError."""
    if ticks:
        data = json.dumps(list(ticks), indent=1).encode()
        atomic_write.write(world.root / _local_file(record), data)


def _local_file(record: Record) -> str:
    # Hashed once more: a record that somebody wrote may have anything for a digest.
    return f"{_LOCAL}/{hashing.digest(record.prompt.encode())[:32]}.json"


def _remembered(root: Path, name: str) -> list[Tick]:
    try:
        return [Tick(*row) for row in json.loads(_bytes(root, name) or b"[]")]
    except (UserError, ValueError, TypeError, RecursionError):
        return []


# ------------------------------------------------------------------ the texts


def _texts(root: Path, world: World) -> Iterator[tuple[str, str]]:
    for rule in ("todo", "plan"):
        path = world.rules[rule].target
        if (data := _bytes(root, path)) is not None:
            # surrogateescape: whatever else is in a person's file comes back byte for byte.
            yield path, data.decode("utf-8", "surrogateescape")


def _plan(root: Path, world: World, form: str) -> Plan:
    path = world.rules["plan"].target
    data = _bytes(root, path) or _bytes(world.root, path) or b""
    return plan.parse(data.decode("utf-8", "surrogateescape"), form or None)


def _has_boxes(read: Plan) -> bool:
    """Whether the steps of a plan are items with a box each: it is its own todo list."""
    return read.form.startswith("boxes")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _bytes(root: Path, name: str) -> bytes | None:
    return project_files.read_any(root, name, project_files.DOCUMENT)


def _marked(text: str, step: Step, done: bool, form: str) -> str:
    try:
        return plan.mark_done(text, step.id, done, form or None)
    except UserError:  # this version of the plan has no such step
        return text


def difference(path: str, old: str, new: str) -> list[Tick]:
    """Return the lines in which two texts of as many lines differ."""
    sections = {item.line: item.section for item in todo.parse(old)}
    pairs = zip(split(old), split(new), strict=True)
    return [
        Tick(path, line, before, after, sections.get(line, ""))
        for line, (before, after) in enumerate(pairs, 1)
        if before != after
    ]


def restored(text: str, ticks: Sequence[Tick]) -> tuple[str, list[Tick]]:
    """Return `text` with the lines of `ticks` as they were before, and the ticks not found.

    A line that was moved is found again, in its own section first. One that says something
    else by now is a person's.
    """
    raw, lines = text.split("\n"), split(text)
    sections = {item.line: item.section for item in todo.parse(text)} if ticks else {}
    rows: dict[str, set[int]] = {}
    for row, line in enumerate(lines):
        rows.setdefault(line, set()).add(row)
    missed = []
    for one in reversed(ticks):
        same = rows.get(one.after, set())
        if not same:
            missed += [one] if one.before not in rows else []
            continue
        row = min(
            same, key=lambda at: (sections.get(at + 1, "") != one.section, abs(at + 1 - one.line))
        )
        same.discard(row)
        rows.setdefault(one.before, set()).add(row)
        raw[row] = one.before + raw[row][len(one.after) :]
    return "\n".join(raw), missed


# ------------------------------------------------------------------ which boxes are a step's


class Boxes(NamedTuple):
    """How many boxes of a todo list belong to a step, and how many of them are ticked."""

    path: str
    ticked: int
    all: int


def boxes(world: World, read: Plan, known: Iterable[Record]) -> dict[str, Boxes]:
    """Return what a person has ticked in the todo list of each step that it surely has.

    A tick that one of the records made is that record's: it says nothing of another step.
    """
    path = world.rules["todo"].target
    data = _bytes(world.root, path) if has_list(world) else None
    text = (data or b"").decode("utf-8", "replace")
    own = owners(text, read.steps, surely=True) if text and not _has_boxes(read) else {}
    made = {(tick.section, tick.after) for record in known for tick in record.ticked}
    lines = split(text)
    found: dict[str, list[str]] = {}
    for item in todo.parse(text) if own else ():
        if item.line in own and item.state != DROPPED:
            by_us = (item.section, lines[item.line - 1]) in made
            found.setdefault(own[item.line], []).append(OPEN if by_us else item.state)
    return {of: Boxes(path, some.count(DONE), len(some)) for of, some in found.items()}


def tick(text: str, step: Step, steps: Sequence[Step], done: bool) -> str:
    """Return the todo list with the boxes of one of `steps` ticked, or open again.

    Boxes that say something else (dropped) stay as they are.
    """
    own = owners(text, steps)
    before = (OPEN, DOING) if done else (DONE,)
    for item in todo.parse(text):
        if own.get(item.line) == step.id and item.state in before:
            text = todo.set_state(text, item.line, DONE if done else OPEN)
    return text


_Place = tuple[str, ...]  # the headings and items from the outermost to this one


def owners(text: str, steps: Sequence[Step], surely: bool = False) -> dict[int, str]:
    """Return for the line of each item of a todo list the id of the step that it belongs to.

    That is the outermost heading or item above it, or the item itself, that names a step. A step's
    number over words that its title only shares some of will do, unless it has to be `surely` so.
    """
    paths_of = _paths(text)
    named: dict[str, dict[_Place, int]] = {}
    seen: set[_Place] = set()
    index = _Index.of(steps)
    for path in paths_of.values():
        for depth in range(1, len(path) + 1):
            place = path[:depth]
            if place not in seen:
                seen.add(place)
                for step_id, sure in _names(place[-1], index).items():
                    if sure > _BY_SOME or not surely:
                        named.setdefault(step_id, {})[place] = sure
    by_place: dict[_Place, str] = {}
    groups = {step.id: step.group for step in steps}
    for step_id, found in named.items():
        for place in _sure(found, groups[step_id]):
            by_place.setdefault(place, step_id)
    result = {}
    for line, path in paths_of.items():
        places = (path[:depth] for depth in range(1, len(path) + 1))
        if owner := next((by_place[one] for one in places if one in by_place), None):
            result[line] = owner
    return result


def _paths(text: str) -> dict[int, _Place]:
    above: list[todo.Item] = []
    result: dict[int, _Place] = {}
    for item in todo.parse(text):
        while above and (above[-1].indent >= item.indent or above[-1].section != item.section):
            above.pop()
        above.append(item)
        # A line's own number keeps two items of the same words apart; headings have none.
        result[item.line] = (
            *(name for name in item.section.split(" > ") if name),
            *(f"{one.text}\0{one.line}" for one in above),
        )
    return result


_BY_TITLE, _BY_SOME, _BY_NUMBER, _BY_BOTH = 2, 1, 3, 4


def _sure(found: Mapping[_Place, int], group: str) -> Collection[_Place]:
    """Of the places that name a step, those that surely do."""
    best = max(found.values())
    places = [place for place, sure in found.items() if sure == best]
    if best == _BY_BOTH or len(places) == 1:
        return places
    within = [one for one in places if group and any(_words(p) == _words(group) for p in one[:-1])]
    if not within and best == _BY_TITLE:
        least = min(map(len, places))
        within = [place for place in places if len(place) == least]
    return within if len(within) == 1 else ()


class _Index(NamedTuple):
    """The steps by what names them."""

    by_title: Mapping[tuple[str, ...], list[Step]]
    by_id: Mapping[str, list[Step]]

    @classmethod
    def of(cls, steps: Iterable[Step]) -> "_Index":
        by_title: dict[tuple[str, ...], list[Step]] = {}
        by_id: dict[str, list[Step]] = {}
        for step in steps:
            by_title.setdefault(_words(step.title), []).append(step)
            by_id.setdefault(_bare(step.id.partition("#")[0]), []).append(step)
        return cls(by_title, by_id)


def _names(heading: str, index: _Index) -> dict[str, int]:
    """Return the steps that a heading or an item of a todo list names, and how surely."""
    heading = split_state(heading.partition("\0")[0][:400])[0].removeprefix("[ ]").strip()
    found = titles.read(f"# {heading}")
    said = _words(found.text) if found else _words(heading)
    result: dict[str, int] = {}
    for words in {said, _words(heading)} - {()}:
        for step in index.by_title.get(words, ()):
            result[step.id] = _BY_TITLE  # a todo list may number its sections in its own way
    for step in index.by_id.get(_bare(found.id), ()) if found else ():
        if step.id in result:
            result[step.id] = _BY_BOTH
        elif found and found.word not in ("number", "phase") and "#" not in step.id:
            title = _words(step.title)
            if not said or not title:
                result[step.id] = _BY_NUMBER
            elif {*said} & {*title} - _SMALL:  # over quite other words it may be of another list
                result[step.id] = _BY_SOME
    return result


_SMALL = {
    *("a", "an", "and", "as", "at", "by", "for", "from", "in", "into", "is", "it", "of", "on"),
    *("or", "the", "to", "with"),
}


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", text.casefold()))


def _bare(step_id: str) -> str:
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", step_id).casefold()
