"""The `Files:` line of a step: what it reads, what it changes, which earlier tests become wrong.

    Files: read src/a.py; change src/b.py; tests made wrong: tests/test_b.py

It stands in the step's prompt or beside it, may be bold or an item of a list, and its parts may
be items of a list below it. What has no word before it is to be changed. Nothing here knows which
files there are.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_LINE = re.compile(r"^\s*(?:[-*+]\s+)?(?:\*\*|__)?Files?(?:\*\*|__)?\s*:\s*(?:\*\*|__)?(.*)$", re.I)
_ITEM = re.compile(r"^\s*[-*+]\s+(.*)$")
_READ = re.compile(r"^\W*(?:to\s+)?(?:reads?|see|look at|uses?|context)\b", re.I)
_WRONG = re.compile(
    r"\bwrong\b|\bobsolete\b|\boutdated\b|^\W*(?:earlier |old )?tests?\b[^/]*:", re.I
)


class StepFiles(NamedTuple):
    """What the `Files:` lines of a step say, part by part, in their own words."""

    read: tuple[str, ...] = ()
    change: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()  # earlier tests that the step makes wrong


def lines(text: str) -> list[str]:
    """Return the `Files:` lines of a text, each with the items of a list below it."""
    return [line for line, _ in _found(text)]


def parse(text: str) -> StepFiles:
    """Return what the `Files:` lines of a text say."""
    read, change, wrong = [], [], []
    for _, parts in _found(text):
        for part in parts:
            if _WRONG.search(part):
                wrong.append(part)
            elif _READ.match(part):
                read.append(part)
            else:
                change.append(part)
    return StepFiles(tuple(read), tuple(change), tuple(wrong))


def without_read(text: str) -> str:
    """Return a text without what its `Files:` lines only read."""
    for part in parse(text).read:
        text = text.replace(part, "")
    return text


def _found(text: str) -> Iterator[tuple[str, list[str]]]:
    rows = text.split("\n")
    for at, row in enumerate(rows):
        if not (match := _LINE.match(row)):
            continue
        whole, parts = [row.strip()], [match[1]]
        for below in rows[at + 1 :]:
            item = _ITEM.match(below)
            if not item or _LINE.match(below):
                break
            whole.append(below.rstrip())
            parts.append(item[1])
        split = (part.strip() for one in parts for part in one.split(";"))
        yield "\n".join(whole), [part for part in split if part]
