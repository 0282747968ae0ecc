"""Findings that name a file: does the bundle they were made from hold it?

A model invents a path now and then. What names a file or a line that is not in the
bundle is marked, not dropped: the person decides. Any packer's bundle will do; of
one that piste packed, line numbers are looked at too. It knows no models.
"""

import re
from typing import NamedTuple

_NAMED = re.compile(r"^\*\*Files?:\*\*[ \t]*(.+)$", re.MULTILINE)
_PLACE = re.compile(r"`?([^\s,`:]+)(?::(\d+)(?:-\d+)?)?`?")
MARK = "**Not in the bundle:**"


class Marked(NamedTuple):
    """A document whose doubtful findings are marked."""

    text: str
    doubtful: int  # findings that name what is not there
    findings: int


def marked(text: str, bundle: str) -> Marked:
    """Return the document with a line under each finding that names what is not there."""
    lines: list[str] = []
    doubtful = findings = 0
    for line in text.split("\n"):
        if line.startswith(MARK):
            continue  # ours, from an earlier look
        lines.append(line)
        named = _NAMED.match(line)
        if named is None:
            continue
        findings += 1
        absent = [place for place in _places(named[1]) if not _is_there(*place, bundle)]
        if absent:
            doubtful += 1
            said = ", ".join(f"{path}:{number}" if number else path for path, number in absent)
            lines.append(f"{MARK} {said}")
    return Marked("\n".join(lines), doubtful, findings)


def _places(said: str) -> list[tuple[str, int]]:
    return [(path, int(number or 0)) for path, number in _PLACE.findall(said)]


def _is_there(path: str, number: int, bundle: str) -> bool:
    """Whether the bundle holds a file of that path, and that many lines of it if it can be told."""
    start = _start(path, bundle)
    if start < 0:
        return False
    if not number or not bundle[:200].lstrip().startswith("<"):
        return True
    end = bundle.find("\n</file", start)
    return end < 0 or number <= bundle.count("\n", start, end) + 1


def _start(path: str, bundle: str) -> int:
    """Where a file begins in a bundle of any packer, or -1."""
    for frame in (f'path="{path}"', f"`{path}`", f"{path}\n", f'"{path}"'):
        found = bundle.find(frame)
        if found >= 0:
            return found
    return -1
