"""The parser of `todo.md`: its items and their boxes, and how ticks outlive a new version.

An item is a line that begins with a box, bulleted or not: ``- [ ] T``, ``1. [x] T``,
``- 1. [X] T``, ``[~] T``, ``- ☐ T``. Boxes in closed fences are examples and do not count; a
date or a link in brackets is no box. An item is its one line: what is written below it
belongs to it for a reader, but not here. Nothing here knows whether a tick is deserved.
"""

import re
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

from piste.documents.markdown import (
    DOING,
    DONE,
    DROPPED,
    LONGEST,
    OPEN,
    Box,
    box,
    fences,
    heading,
    inside,
    split,
    split_state,
)
from piste.system.errors import UserError, did_you_mean

_SIGNS = {OPEN: "[ ]", DONE: "[x]", DOING: "[~]", DROPPED: "[-]"}
_BOLD = re.compile(r"\*\*[^*]+(?:\*\*:?|:\*\*)$")
_BULLET = re.compile(r"(?:[-*+•>|]|[0-9]{1,6}[.)])(?:\s|$)|[|`~<]")


class Item(NamedTuple):
    """One item of a todo list."""

    text: str
    state: str
    """open, done, doing or dropped."""
    line: int
    """From 1."""
    indent: int
    """Columns before the bullet; a tab reaches to the next fourth."""
    section: str
    """The headings above it, outermost first, joined by `` > ``."""


def parse(text: str) -> tuple[Item, ...]:
    """Return the items of `text` in order. It never raises, on any text."""
    lines = split(text)
    sections = _sections(lines)
    return tuple(
        Item(
            lines[row][found.end :].strip(),
            found.state,
            row + 1,
            len(re.sub(r"\S.*", "", lines[row]).expandtabs(4)),
            " > ".join(sections[row]),
        )
        for row, found in _boxes(lines)
    )


def counts(items: Iterable[Item]) -> dict[str, int]:
    """Return how many of `items` are in each of the four states."""
    result = dict.fromkeys(_SIGNS, 0)
    for item in items:
        result[item.state] += 1
    return result


def set_state(text: str, line: int, state: str) -> str:
    """Return `text` with the box in `line` (from 1) in another state, all else as it was.

    Raises UserError when that line has no box, or there is no such state.
    """
    if state not in _SIGNS:
        raise UserError(f"an item cannot be {state!r}{did_you_mean(state, _SIGNS)}")
    found = dict(_boxes(split(text))).get(line - 1)
    if found is None:
        raise UserError(f"line {line} of the todo list has no check box")
    return _with_signs(text, {line - 1: (found, state)} if found.state != state else {})


def strip_marks(text: str) -> str:
    """Return `text` with every box open and no done mark in a heading; nothing else changes.

    It is for telling whether two versions say the same: ticking changes nothing in it.
    """
    lines = split(text)
    rows = _with_signs(text, {row: (found, OPEN) for row, found in _boxes(lines)}).split("\n")
    around = inside(lines, fences(lines))
    for row, raw in enumerate(rows):
        found = heading(raw.removesuffix("\r")) if around[row] < 0 else None
        if found and found[1]:
            at = raw.rindex(found[1])
            rows[row] = raw[:at] + split_state(found[1])[0] + raw[at + len(found[1]) :]
    return "\n".join(rows)


def carry_ticks(old: str, new: str) -> str:
    """Return `new` with the states that its items had in `old`.

    An item is kept when its words stand in the same section below the same item; else in a
    section of the same name; else anywhere, where both have just one of it. Where it is not
    sure which is which, `new` stays as it is: no tick is ever invented.
    """
    chains: dict[tuple[int, str], int] = {}
    before, after = _places(old, chains), _places(new, chains)
    states: dict[int, str] = {}
    for level in range(3):
        pairs = list(_pairs(before, after, level))
        states |= {new.row: old.state for old, new in pairs}
        gone = {old.row for old, _ in pairs}
        before = [place for place in before if place.row not in gone]
        after = [place for place in after if place.row not in states]
    found = {row: (box, states[row]) for row, box in _boxes(split(new)) if row in states}
    return _with_signs(new, {row: some for row, some in found.items() if some[0].state != some[1]})


# ------------------------------------------------------------------ lines


def _boxes(lines: Sequence[str]) -> Iterator[tuple[int, Box]]:
    around = inside(lines, fences(lines))
    for row, line in enumerate(lines):
        if around[row] < 0 and (found := box(line)):
            yield row, found


def _with_signs(text: str, boxes: dict[int, tuple[Box, str]]) -> str:
    rows = text.split("\n")
    for row, (found, state) in boxes.items():
        rows[row] = rows[row][: found.start] + _SIGNS[state] + rows[row][found.end :]
    return "\n".join(rows)


def _sections(lines: Sequence[str]) -> list[tuple[str, ...]]:
    """For each row the headings above it.

    A line of bold alone counts as one, below all others; in a text without headings, as
    copying leaves it, so does each plain line.
    """
    around = inside(lines, fences(lines))
    found = [heading(line) if around[row] < 0 else None for row, line in enumerate(lines)]
    plain = not any(found)
    path: list[tuple[int, str]] = []
    result = []
    for row, line in enumerate(lines):
        level, name = found[row] or (0, "")
        if not level and around[row] < 0 and line[:1].strip() and not box(line):
            bare = line.strip()
            if len(bare) < LONGEST and _BOLD.match(bare):
                level, name = 7, bare
            elif plain and not _BULLET.match(bare):
                level, name = 8, bare[:LONGEST]
        if level:
            while path and path[-1][0] >= level:
                path.pop()
            name = split_state(name)[0].removeprefix("[ ]")
            path.append((level, name.strip(" \t\r\v\f*:|(–—-")))
        result.append(tuple(name for _, name in path))
    return result


# ------------------------------------------------------------------ the same item


class _Place(NamedTuple):
    row: int
    state: str
    keys: tuple[Hashable, ...]  # what it is known by, the surest first


def _places(text: str, chains: dict[tuple[int, str], int]) -> list[_Place]:
    """The items of a text with what they are known by.

    `chains` numbers each item together with the items that it stands below; two texts that
    are compared share it.
    """
    result = []
    above: list[tuple[int, int]] = []
    for item in parse(text):
        words = _words(item.text)
        while above and above[-1][0] >= item.indent:
            above.pop()
        chain = chains.setdefault((above[-1][1] if above else -1, words), len(chains))
        above.append((item.indent, chain))
        path = [_words(name) for name in item.section.split(" > ")]
        keys = ((*path, chain), (path[-1], words), words)
        result.append(_Place(item.line - 1, item.state, keys))
    return result


def _words(text: str) -> str:
    bare = split_state(text)[0].casefold()
    return " ".join(re.findall(r"\w+", bare)) or bare


def _pairs(
    before: Sequence[_Place], after: Sequence[_Place], level: int
) -> Iterator[tuple[_Place, _Place]]:
    olds, news = _by_key(before, level), _by_key(after, level)
    for name, rows in news.items():
        same = olds.get(name, [])
        states = {place.state for place in same}
        # As many as before keep their order; fewer are safe if all were in one state.
        sure = len(same) == len(rows) or (len(same) > len(rows) and len(states) == 1)
        if sure and (level < 2 or len(same) == 1):
            yield from zip(same, rows, strict=False)


def _by_key(places: Sequence[_Place], level: int) -> dict[Hashable, list[_Place]]:
    result: dict[Hashable, list[_Place]] = {}
    for place in places:
        result.setdefault(place.keys[level], []).append(place)
    return result
