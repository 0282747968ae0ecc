"""What a document holds, counted for the one line that tells of its making.

Findings with their severities; assumptions and open questions of a specification; the steps of a
plan, the items of a todo list. It reads what
models write in whatever form they write it, and where a form says nothing it counts nothing. It
does not know how a document was made, nor whether what it says is true.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from piste.documents import findings, headings, markdown, plan, replies, todo

_RANKS = {
    "critical": "critical|blocker|blocking|p0",
    "high": "high|severe|serious|major|p1",
    "medium": "medium|moderate|mid|p2",
    "low": "low|minor|trivial|nit|p3",
    "info": "info|informational|note",
}
_RANK = re.compile(
    "|".join(rf"\b(?P<{rank}>(?:{words}))\b" for rank, words in _RANKS.items()), re.I
)
_SEVERITIES = "severity|severity level|priority|impact level|risk level"
_FILES = "files?|locations?|paths?|where|places?|affected files?"
_TAGGED = re.compile(r"[\[(]\s*(?:severity:?\s*)?([A-Za-z]+\d?)(?:\s+severity)?\s*[\])]", re.I)
_GROUP = re.compile(
    r"\W*([A-Za-z]+\d?)(?:[ -](?:severity|priority))?(?: (?:findings?|issues?|problems?))?\W*\d*\W*"
)
_ITEM = re.compile(r"([ \t]*)(?:[-*+•–]|\d+[.)])[ \t]+(.*)")
_ROW = re.compile(r"[ \t]*\|(.*)\|[ \t]*$")
_SUMS = re.compile(r"count|number|total|findings|issues|how many", re.I)
_RULE = re.compile(r"[\s|:-]+")


class Findings(NamedTuple):
    """How many findings there are, and how many of each severity that is named."""

    total: int
    severities: tuple[tuple[str, int], ...]


class Unsettled(NamedTuple):
    """What a specification leaves open; no `questions` where it has no place for them."""

    assumptions: int
    questions: int | None


def phrase(text: str, check: str) -> str:
    """Return what a document of this check holds in one phrase, or ``""``."""
    if check == "spec":
        return _unsettled_phrase(unsettled(text))
    if check == "plan":
        count = len(plan.parse(text).steps)
        return _many(count, "step") if count else ""
    if check == "todo":
        counts = todo.counts(todo.parse(text))
        ticked = f", {counts[markdown.DONE]} ticked" if counts[markdown.DONE] else ""
        return f"{_many(sum(counts.values()), 'item')}{ticked}"
    if check not in ("review", "issues", "document"):
        return ""
    noun = "issue" if check == "issues" else "finding"
    found = findings_of(text, fields_only=check == "document")
    if not found.total:
        empty = check != "document" and replies.nothing_found(text)
        return f"no {noun}s" if empty else ""
    named = ", ".join(f"{count} {rank}" for rank, count in found.severities)
    return f"{_many(found.total, noun)}{f': {named}' if named else ''}"


def _unsettled_phrase(found: Unsettled) -> str:
    said = [_many(found.assumptions, "assumption")] if found.assumptions else []
    if found.questions is not None:
        said = said or ["no assumptions"]
        said.append(_many(found.questions, "open question"))
    return ", ".join(said)


def _many(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'s' * (count != 1)}"


# ---- findings


def findings_of(text: str, fields_only: bool = False) -> Findings:
    """Count the findings of a review: by field, by table, or by the headings they stand under.

    A document may tell the same twice, in a table and in full: the form that tells most counts.
    """
    values = findings.fields("\n".join(_fields_only(text)), _SEVERITIES)
    forms = [[rank for value in values if (rank := _rank(value))]]
    total = 0
    if not fields_only:
        forms += [_in_tables(text), _in_headings(text), _under_headings(text)]
        total = _places(text)
    best = max(forms, key=len)
    counts = tuple((rank, best.count(rank)) for rank in _RANKS if rank in best)
    return Findings(max(total, len(best)), counts)


def _rank(words: str) -> str:
    found = _RANK.search(words)
    return found.lastgroup or "" if found else ""


def _in_tables(text: str) -> list[str]:
    """The column of severities in tables of findings; a table that sums them up is none."""
    found: list[str] = []
    for header, *rows in _tables(text):
        if any(_SUMS.fullmatch(cell) for cell in header):
            continue
        found += [rank for cell in _column(header, rows, _SEVERITIES) if (rank := _rank(cell))]
    return found


def _in_headings(text: str) -> list[str]:
    """`## 1. [High] Title`, `### Title (critical)`."""
    found = [
        next((rank for tag in _TAGGED.findall(one.text) if (rank := _rank(tag))), "")
        for one in headings.of(text)
    ]
    return [rank for rank in found if rank]


def _under_headings(text: str) -> list[str]:
    """`## Critical`, with a heading or an item for each finding below it."""
    lines = markdown.split(text)
    found: list[str] = []
    for at, one in enumerate(all_of := headings.of(text)):
        group = _GROUP.fullmatch(one.text)
        if group and (rank := _rank(group[1])) and _RANK.fullmatch(group[1]):
            found += [rank] * len(_entries(lines, all_of, at))
    return found


def _places(text: str) -> int:
    """How many findings name a file: sections, fields where there are none, rows of tables."""
    lines = _fields_only(text)
    rows = [one.row for one in headings.of(text) if one.level > 1]
    if len(rows) > 1:
        parts = ["\n".join(lines[a:b]) for a, b in zip(rows, [*rows[1:], len(lines)], strict=True)]
        count = sum(bool(findings.fields(part, _FILES)) for part in parts)
    else:
        count = len(findings.fields("\n".join(lines), _FILES))
    cells = [cell for header, *below in _tables(text) for cell in _column(header, below, _FILES)]
    return max(count, len(cells))


# ---- tables


def _tables(text: str) -> list[list[list[str]]]:
    """Return the tables that have a header and rows below it, as cells."""
    found: list[list[list[str]]] = [[]]
    for line in _prose(text):
        if not (row := _ROW.match(line)):
            found += [[]] if found[-1] else []
        elif not _RULE.fullmatch(line):
            found[-1].append([cell.strip(" \t*_`") for cell in row[1].split("|")])
    return [table for table in found if len(table) > 1]


def _column(header: list[str], rows: list[list[str]], names: str) -> list[str]:
    hits = [n for n, cell in enumerate(header) if re.fullmatch(names, cell, re.I)]
    if not hits or len(header) < 3:  # of two columns, each row is a field
        return []
    return [row[hits[0]] for row in rows if len(row) > hits[0] and row[hits[0]].strip("- ")]


def _fields_only(text: str) -> list[str]:
    """The lines, without the rows of tables that have more than a name and a value."""
    return ["" if _ROW.match(line) and line.count("|") > 3 else line for line in _prose(text)]


# ---- a specification

_ASSUMED = (
    "assumptions?|assumed|annahmen?|angenommen|hypoth[eè]ses?|supuestos?|suposici[oó]n|"
    "assunzion[ei]|ipotesi|suposiç(?:ão|ões)|pressupostos?|aannames?|предположение|仮定|假设|가정"
)
_MARK = re.compile(
    rf"(?:[(\[（【]\s*[*_]*|(?<![*_\w])[*_]{{1,2}})(?:{_ASSUMED})(?![^\W_])(?:\s*#?(\d+))?"
    r"(?:[*_]*\s*[)\]）】]|[*_]{1,2}|\s*[:：,;—–-])",
    re.I,
)
_LABEL = re.compile(rf"[*_\[(]*(?:{_ASSUMED})(?:\s*[A-Z]?-?\d+)?[*_\])]*\s*[:：]", re.I)
_QUOTED = re.compile(
    r"`[^`\n]*`|[\"“'‘][(\[][^\"”'’\n]*[\"”'’]|"
    r"\b(?:marked|mark|tagged|labelled|labeled)(?: as| with)? [*_]*[(\[][^)\]\n]*[)\]]",
    re.I,
)
_ASSUMPTIONS = re.compile(rf"[\d.\s]*(?:{_ASSUMED})\W*|.*\bassumptions\b.*", re.I)
_QUESTIONS = re.compile(
    r"[\d.\s]*(?:(?:open|unresolved|outstanding|remaining|unanswered) "
    r"(?:questions?|points?|issues?|items?|decisions?)|questions?|unresolved|"
    r"offene (?:fragen|punkte)|"
    r"questions (?:ouvertes|en suspens)|preguntas (?:abiertas|pendientes)|domande aperte|"
    r"questões em aberto|perguntas (?:abertas|em aberto)|open(?:staande)? vragen)\b.*"
    r"|.*\bopen questions?\b.*"
    r"|[\d.\s]*(?:открытые вопросы|未解決.*|未决问题|开放问题|待解决.*|미해결.*)",
    re.I,
)
_NONE = re.compile(
    r"(?:none|nothing|no |n/?a\b|keine?|aucune?|ningun[ao]?|nessun[ao]?|nenhum[a]?|geen|нет|なし|"
    r"无|没有|없음|-+$|–$|—$)",
    re.I,
)
_SHORT = 120  # characters of a paragraph that may say that there is none


def unsettled(text: str) -> Unsettled:
    """Count what a specification assumes, and what it leaves open."""
    lines = markdown.split(text)
    found = headings.of(text)
    questions: int | None = None
    listed: list[str] = []
    asked: set[int] = set()  # the rows of open questions
    own: set[int] = set()  # the rows of a section of assumptions
    for at, one in enumerate(found):
        if one.row in asked or one.row in own:
            continue
        if _QUESTIONS.fullmatch(one.text.strip()):
            questions = (questions or 0) + len(_entries(lines, found, at))
            asked |= set(range(one.row, _end(lines, found, at)))
        elif _ASSUMPTIONS.fullmatch(one.text.strip()):
            listed += _entries(lines, found, at)
            own |= set(range(one.row, _end(lines, found, at)))
    return Unsettled(len(listed) + _marks(lines, asked, own), questions)


def _marks(lines: Sequence[str], asked: set[int], own: set[int]) -> int:
    """How many assumptions are marked where they stand, outside a section of them."""
    around = markdown.inside(lines, markdown.fences(lines))
    count = 0
    numbered: set[str] = set()
    for row, line in enumerate(lines):
        if around[row] >= 0 or row in own or len(line) > markdown.LONGEST:
            continue
        line = _QUOTED.sub("", line)
        marks = list(_MARK.finditer(line))
        numbered |= {mark[1] for mark in marks if mark[1]}
        count += sum(not mark[1] for mark in marks)
        item = _ITEM.match(line)
        if not marks and row not in asked and _LABEL.match(item[2] if item else line):
            count += 1
    return count + (0 if own else len(numbered))  # a number refers to the section's


# ---- what stands under a heading


def _end(lines: Sequence[str], found: Sequence[headings.Heading], at: int) -> int:
    later = (one.row for one in found[at + 1 :] if one.level <= found[at].level)
    return next(later, len(lines))


def _entries(lines: Sequence[str], found: Sequence[headings.Heading], at: int) -> list[str]:
    """Return what a section lists: by headings, else items, else rows, else paragraphs."""
    first, end = found[at].row + 1, _end(lines, found, at)
    if _is_underlined(lines, first):
        first += 1
    below = [one for one in found[at + 1 :] if one.row < end]
    level = min((one.level for one in below), default=0)
    if entries := [one.text for one in below if one.level == level]:
        return [one for one in entries if _open(one)]
    around = markdown.inside(lines, markdown.fences(lines))
    prose = [lines[row] if around[row] < 0 else "" for row in range(first, end)]
    items = [item for line in prose if (item := _ITEM.match(line))]
    if items:
        least = min(len(item[1].expandtabs(4)) for item in items)
        words = [item[2] for item in items if len(item[1].expandtabs(4)) == least]
        return [one for one in words if _open(one)]
    rows = [line for line in prose if _ROW.match(line) and not _RULE.fullmatch(line)]
    if len(rows) > 1:
        return rows[1:]
    paragraphs = [one for part in "\n".join(prose).split("\n\n") if (one := part.strip())]
    asking = [one for one in paragraphs if "?" in one or "？" in one]
    return asking or [one for one in paragraphs if _open(one)]


def _is_underlined(lines: Sequence[str], row: int) -> bool:
    return row < len(lines) and bool(re.fullmatch(r" {0,3}(?:=+|-{2,})[ \t]*", lines[row]))


def _open(words: str) -> bool:
    """Whether an entry says something that is still open."""
    bare = words.strip().lstrip("*_ \t")
    if bare.startswith("~~") or re.match(r"\[[xX]\]|✅|☑", bare) or not re.search(r"\w", bare):
        return False
    return not (len(bare) <= _SHORT and "?" not in bare and _NONE.match(bare))


def _prose(text: str) -> list[str]:
    lines = markdown.split(text)
    around = markdown.inside(lines, markdown.fences(lines))
    return [
        line if around[row] < 0 and len(line) <= markdown.LONGEST else ""
        for row, line in enumerate(lines)
    ]
