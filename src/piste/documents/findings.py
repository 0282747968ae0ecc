"""Findings that name files: are those there, and on which line is what they quote?

A model invents a path now and then, and counts lines badly. The files that it was shown are
given here as plain data; paths are matched whole, every range is read, and the number of a
line is computed from the line that a finding quotes. What is not there is marked, not dropped:
the person decides. It knows no models and no bundles.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from piste.documents import markdown

MARK = "**Not in the bundle:**"
_FIELD = (
    r"^[ \t>|]*+(?:(?:[-*+•]|\d+[.)])[ \t]++)?[^\w\s`*_<|]{{0,4}}[ \t]*+"
    r"(?:<(?:b|strong)>)?[*_]{{0,3}}"
    r"(?:{names})(?:\(s\))?(?:[*_]{{0,3}}[ \t]*[:：|]|[*_]{{2,3}}(?=[ \t]))"
    r"[ \t]*+(?:</(?:b|strong)>)?[*_]{{0,3}}[ \t]*+:?(.*)$"
)
_FILE_NAMES = "files?|locations?|paths?|where|places?|affected files?"
_FILE = re.compile(_FIELD.format(names=_FILE_NAMES), re.IGNORECASE)
_LINE = re.compile(_FIELD.format(names="lines?|quoted? line|code line"), re.IGNORECASE)
_LINK = re.compile(r"\[([^\]\n]*)\]\(([^)\n]*)\)")
_COLUMN = re.compile(r"[*_` ]*(?:files?|locations?|paths?|places?|where)[*_` ]*", re.IGNORECASE)
_NUMBERS = re.compile(
    r"[ \t]*(?:::?|#|[,;&(@]|and\b)?[ \t]*(?:lines?\b|ll?\.|ln\.?|L(?=\d))?[ \t]*[:#]?[ \t]*"
    r"(\d+)(?:[ \t]*(?:-|–|—|\bto\b|\.\.)[ \t]*L?(\d+))?(?::\d+)?\)?(?![\w./-]*\w)",
    re.IGNORECASE,
)
_NEW = re.compile(
    r"^[^,;]{0,12}\((?:[^()]*\b)?(?:new|to be (?:made|created|added)|creates?d?|missing|absent|"
    r"does not exist|proposed|planned)\b",
    re.IGNORECASE,
)
_NOWHERE = re.compile(r"(?:n/?a|none|general|various|all(?: files)?|-|–|—)\.?", re.IGNORECASE)
_PATH_LIKE = re.compile(r"(?:[^\s,;:()#]+/[^\s,;:()#]*|[\w.@+-]+\.[A-Za-z]\w{0,7})(?![\w(])")
_SEPARATOR = re.compile(r"[,;\n]|\band\b|&|→|\|")
_PRINTED = re.compile(r"^\s*\d+\s*[:|→]\s?")  # a number that the bundle printed
_SHORTEST = 8  # characters of a quoted line that may be a part of one, or stand elsewhere


class Place(NamedTuple):
    """A place that a finding names."""

    path: str
    ranges: tuple[tuple[int, int], ...]
    known: bool
    new: bool = False  # a file that is to be made

    @property
    def said(self) -> str:
        """Return it as it is written in a document."""
        spans = (str(a) if a == b else f"{a}-{b}" for a, b in self.ranges)
        return f"{self.path}:{', '.join(spans)}" if self.ranges else self.path


class Marked(NamedTuple):
    """A document whose doubtful findings are marked."""

    text: str
    doubtful: int  # findings that name what is not there
    findings: int


class Said(NamedTuple):
    """A field of a finding that names files, or quotes a line."""

    row: int
    places: tuple[Place, ...]
    quote: str = ""


def said(text: str, files: Mapping[str, str]) -> list[Said]:
    """Return each field that names files or quotes a line, in order; `files` tell what is known."""
    lines = text.split("\n")
    found: list[Said] = []
    for row, line in _prose(lines):
        if one := _FILE.match(line.rstrip(" \t|")):
            found.append(Said(row, tuple(places(_value(lines, row, one[1]), files))))
        elif one := _LINE.match(line.rstrip(" \t|")):
            found.append(Said(row, (), _quote(lines, row, one[1])))
    return found


def fields(text: str, names: str) -> list[str]:
    """Return what stands in the fields of these names (a pattern), outside code."""
    pattern = re.compile(_FIELD.format(names=names), re.IGNORECASE)
    return [
        found[1]
        for _, line in _prose(text.split("\n"))
        if (found := pattern.match(line.rstrip(" \t|")))
    ]


def count(text: str) -> int:
    """Return how many findings name a file, in fields or in a table."""
    return marked(text, {}).findings


def named(text: str, files: Mapping[str, str]) -> set[str]:
    """Return the known paths that the findings of a document name."""
    found: set[str] = set()
    lines = text.split("\n")
    for row, line in _prose(lines):
        if one := _FILE.match(line.rstrip(" \t|")):
            value = _value(lines, row, one[1])
            found |= {place.path for place in places(value, files) if place.known}
    for cells in _tables(lines).values():
        for value in cells:
            found |= {place.path for place in places(value, files) if place.known}
    return found


def marked(text: str, files: Mapping[str, str]) -> Marked:
    """Return the document with computed lines, and a mark where something is not there.

    Without `files` nothing can be told, and only the findings are counted.
    """
    lines = [line for line in text.split("\n") if not line.startswith(MARK)]  # ours, from before
    marks: dict[int, list[str]] = {}  # row -> what is doubtful in what ends there
    findings = 0
    primary: tuple[int, Place] | None = None
    for row, line in list(_prose(lines)):
        if one := _FILE.match(line.rstrip(" \t|")):
            findings += 1
            found = places(_value(lines, row, one[1]), files)
            primary = next(((row, place) for place in found if place.known), None)
            if files:
                marks.setdefault(row, []).extend(_absent(found, files))
        elif (one := _LINE.match(line.rstrip(" \t|"))) and primary and files:
            if doubt := _recount(lines, primary, _quote(lines, row, one[1]), files):
                marks.setdefault(row, []).append(doubt)
            at, primary = primary[0], None
            if again := _FILE.match(lines[at].rstrip(" \t|")):  # with the number that is right
                marks[at] = _absent(places(_value(lines, at, again[1]), files), files)
    for row, cells in _tables(lines).items():
        findings += len(cells)
        if files:
            absent = [said for cell in cells for said in _absent(places(cell, files), files)]
            marks.setdefault(row, []).extend(absent)
    marks = {row: said for row, said in marks.items() if said}
    result: list[str] = []
    for row, line in enumerate(lines):
        result.append(line)
        if row in marks:
            result += [""] * line.lstrip().startswith("|")  # or it would be a row of the table
            result.append(f"{MARK} {'; '.join(marks[row])}")
    return Marked("\n".join(result), len(marks), findings)


# ---- reading


def places(value: str, files: Mapping[str, str]) -> list[Place]:
    """Return the places that a field names, in whatever way they are written."""
    value = _LINK.sub(lambda link: link[1] if _PATH_LIKE.search(link[1]) else link[2], value)
    value = re.sub(r"[`\"“”]|\*\*|(?<![\w./])\./", "", value).replace("\\", "/")
    value = re.sub(r"(?<=\w)%20(?=\w)", " ", value)
    spans = _spans(value, files)
    found: list[tuple[int, Place]] = []
    stops = [*(start for start, _, _ in spans), len(value)][1:]
    gaps: list[tuple[int, int, bool]] = [(0, spans[0][0] if spans else len(value), True)]
    for (start, end, path), stop in zip(spans, stops, strict=True):
        ranges, at = _ranges(value, end, stop)
        new = bool(_NEW.match(value[end:stop]))
        found.append((start, Place(path, ranges, True, new)))
        gaps.append((at, stop, False))
    for start, stop, first in gaps:
        found += [(start, place) for place in _unknown(value[start:stop], first)]
    return [place for _, place in sorted(found, key=lambda one: one[0])]


def _spans(value: str, files: Mapping[str, str]) -> list[tuple[int, int, str]]:
    """Where known paths stand in a field, the longest first at each place."""
    taken: list[tuple[int, int, str]] = []
    for path in sorted((one for one in files if one in value), key=len, reverse=True):
        for found in re.finditer(re.escape(path), value):
            before, after = value[: found.start()], value[found.end() :]
            whole = not re.search(r"[\w./@-]\Z", before) and not re.match(r"[\w/]|[.-]\w", after)
            free = all(found.end() <= a or found.start() >= b for a, b, _ in taken)
            if whole and free:
                taken.append((found.start(), found.end(), path))
    return sorted(taken)


def _ranges(value: str, at: int, stop: int) -> tuple[tuple[tuple[int, int], ...], int]:
    """Read the numbers of lines behind a path; return them, and where they end."""
    found: list[tuple[int, int]] = []
    aside = re.compile(r"[ \t]*\([^()\d]*\)(?=[ \t]*[:,(#]?[ \t]*(?:lines?\b|L)?[ \t]*\d)")
    while at < stop:
        if skipped := aside.match(value, at, stop):
            at = skipped.end()
        one = _NUMBERS.match(value, at, stop)
        if one is None:
            break
        first = int(one[1][:9])
        found.append((first, int(one[2][:9]) if one[2] else first))
        at = one.end()
    return tuple(found), at


def _unknown(text: str, first: bool) -> Iterator[Place]:
    """What looks like a path in text that names no known one: at its start or after a comma."""
    text = re.sub(r"::?[A-Za-z_][\w.]*(?:\(\))?", "", text)
    bare = re.sub(r"\([^()]*\)", lambda aside: " " * len(aside[0]), text)
    at = 0
    for number, piece in enumerate(_SEPARATOR.split(bare)):
        whole = text[at : at + len(piece)]
        at += len(piece) + 1
        if number == 0 and not first:
            continue  # what is said of the place before
        words = piece.strip(" \t*_<>").removeprefix("in ").removeprefix("see ").lstrip("-• ")
        if not words or _NOWHERE.fullmatch(words) or "://" in words:
            continue
        if found := _PATH_LIKE.match(words):
            new = bool(_NEW.match(whole.strip()[found.end() :]))
            path = found[0].rstrip(".*_")
            yield Place(path, _ranges(words, found.end(), len(words))[0], False, new)


def _value(lines: Sequence[str], row: int, value: str) -> str:
    """What a field holds; where that is empty, the list below it."""
    if value.strip(" *_"):
        return value
    items: list[str] = []
    for line in lines[row + 1 :]:
        item = re.match(r"[ \t]*(?:[-*+•]|\d+[.)])[ \t]+(.*)", line)
        if item is None and (line.strip() or items):
            break
        items += [item[1]] if item else []
    return "\n".join(items)


def _quote(lines: Sequence[str], row: int, value: str) -> str:
    """The line that a finding quotes: in the field, or in the block of code below it."""
    if not value.strip(" `") and row + 2 < len(lines) and markdown.ticks(lines[row + 1]):
        value = lines[row + 2]
    return _PRINTED.sub("", value.strip().strip("`“”"))


def _prose(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    inside = markdown.inside(lines, markdown.fences(lines))
    for row, line in enumerate(lines):
        if inside[row] < 0 and len(line) <= markdown.LONGEST:
            yield row, line


def _tables(lines: Sequence[str]) -> dict[int, list[str]]:
    """The cells of each table's column of files, under the last row of the table."""
    found: dict[int, list[str]] = {}
    cells: list[str] = []
    column = -1
    for row, line in _prose([*lines, ""]):
        parts = [part.strip() for part in line.strip().strip("|").split("|")]
        if "|" not in line:
            if cells:
                found[row - 1] = cells
            cells, column = [], -1
        elif column < 0:
            hits = [n for n, part in enumerate(parts) if _COLUMN.fullmatch(part)]
            column = hits[0] if hits and len(parts) > 2 else -1
        elif column < len(parts) and parts[column].strip("-: "):
            cells.append(parts[column])
    return found


def renumbered(line: str, files: Mapping[str, str], move: Callable[[str, int], int]) -> str:
    """Return a line with the numbers behind known paths moved; `move` gives 0 to let one stand."""
    spans = _spans(line, files)
    stops = [*(start for start, _, _ in spans), len(line)][1:]
    for (_, at, path), stop in reversed([*zip(spans, stops, strict=True)]):
        numbers: list[tuple[int, int]] = []
        while True:
            while line[at : at + 1] in ("`", "*") and at < stop:
                at += 1
            if (one := _NUMBERS.match(line, at, stop)) is None:
                break
            numbers += [one.span(group) for group in (1, 2) if one[group]]
            at = one.end()
        for start, end in reversed(numbers):
            old = int(line[start:end][:9])
            line = f"{line[:start]}{move(path, old) or old}{line[end:]}"
    return line


# ---- judging


def _absent(found: Sequence[Place], files: Mapping[str, str]) -> list[str]:
    """Say which places are not there, with the one that may be meant."""
    said: list[str] = []
    for place in found:
        if place.new:
            continue
        if not place.known:
            near = _meant(place.path, files)
            said.append(place.said + (f" (is {near} meant?)" if near else ""))
            continue
        text = files[place.path]
        last = max(1, len(text.splitlines()))
        beyond = [one for one in place.ranges if not 1 <= one[0] <= one[1] <= last]
        if beyond:
            wrong = place._replace(ranges=tuple(beyond)).said
            said.append(f"{wrong} (it has {last} line{'s' * (last != 1)})")
    return said


def _meant(path: str, files: Mapping[str, str]) -> str:
    """Return the one known path that an unknown one may stand for, or ""."""
    ends = [
        one for one in files
        if one.endswith(f"/{path}") or path.endswith(f"/{one}") or one.lower() == path.lower()
    ]  # fmt: skip
    if len(ends) != 1:
        base = path.rpartition("/")[2]
        ends = ends or [one for one in files if one.rpartition("/")[2] == base]
    if len(ends) == 1:
        return ends[0]
    close = difflib.get_close_matches(path, files, n=1, cutoff=0.85) if not ends else []
    return close[0] if close else ""


def _recount(
    lines: list[str], primary: tuple[int, Place], quote: str, files: Mapping[str, str]
) -> str:
    """Set the number of the finding's line by the line that it quotes; say if there is none."""
    row, place = primary
    wanted = _normal(quote)
    if not wanted or wanted.isdigit():
        return ""
    rows = _rows(files[place.path], wanted)
    if not rows:
        others = [
            f"{path}:{at[0]}" for path, text in files.items()
            if len(wanted) >= _SHORTEST and (at := _rows(text, wanted, whole=True))
        ]  # fmt: skip
        where = f"; it stands in {others[0]}" if len(others) == 1 else ""
        return f"the quoted line is not in {place.path}{where}"
    first, last = place.ranges[0] if place.ranges else (0, 0)
    if not any(first <= one <= last for one in rows):
        right = min(rows, key=lambda one: abs(one - first))
        lines[row] = _with_number(lines[row], place.path, right)
    return ""


def _with_number(line: str, path: str, number: int) -> str:
    """Put the right number behind a path, in place of the one that is there."""
    behind = re.compile(
        re.escape(path) + r"([`*]*(?::|#|[ \t]*\(?)L?(?:lines? )?)\d+(?:[-–—]L?\d+)?"
    )
    if behind.search(line):
        return behind.sub(lambda found: f"{path}{found[1]}{number}", line, count=1)
    return line.replace(path, f"{path}:{number}", 1)


def _rows(text: str, wanted: str, whole: bool = False) -> list[int]:
    """The numbers of the lines that are, or else hold, what is wanted."""
    lines = [_normal(line) for line in text.split("\n")]
    exact = [number for number, line in enumerate(lines, 1) if line == wanted]
    if exact or whole or len(wanted) < _SHORTEST:
        return exact
    bare = wanted.strip(".… ")
    return [number for number, line in enumerate(lines, 1) if bare in line]


def _normal(line: str) -> str:
    return " ".join(line.split())
