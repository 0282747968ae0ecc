"""The findings of a document, one section each: known again by an id that they keep.

`## F12. Title` is finding F12; in older documents `## 12. Title`, in prompts made of issues
`## Step 12: Title`. A number is given once. So that the number of a finding that has gone is not
given again, a comment at the end names the next one, where the sections do not show it. Before
that may stand how many findings the team has decided on.

Sections are told apart, numbered, moved and taken out here, text in and text out. Which of them
may change, and which the team has declined, is not known here.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from piste.documents import findings, headings
from piste.documents.findings import Place

_HEAD = re.compile(
    r"(?:(?P<step>step)\s+|(?P<bracket>\[))?(?P<prefix>[A-Z]{0,3})-?(?P<number>\d{1,6})\]?"
    r"(?P<mark>[.):]|\s*[–—-]|(?<=\]))\s+(?P<title>\S.*)",
    re.IGNORECASE,
)
_NEXT = re.compile(r"<!-- next: [A-Z]{1,3}(\d{1,6}) -->")
_DECIDED = re.compile(r"\*Decided by the team: ([^\n*]+)\.\*")
_FIELD = re.compile(r"[ \t>]*(?:[-*+•] )?[*_]{2}[^*_\n]{1,40}[*_]{2}.*")
_LIKE = 0.85  # of two titles about one file, to be about one defect
_NAME = re.compile(r"`([^`\n]{3,80})`")
_WORD = re.compile(r"[^\W\d]\w{2,}")


class Finding(NamedTuple):
    """One finding: its section, and what it names."""

    id: str  # "F12"; "" where its heading has no number
    title: str  # without the number
    heading: str  # with it
    step: bool  # whether it is a step of a plan, whose form is the plan's
    start: int  # row of its heading
    end: int  # the row after its last
    fold: int  # the row after the fields at its head
    places: tuple[Place, ...]
    quote: str  # of the code line that it is about

    @property
    def name(self) -> str:
        """Return what a message calls it."""
        return self.id or f"'{self.title}'"

    @property
    def number(self) -> int:
        """Return the number of its id, or 0."""
        return _number(self.id)


def of(text: str, files: Mapping[str, str], prefix: str) -> list[Finding]:
    """Return the findings of a document, in order; `prefix` is that of its ids."""
    lines = text.split("\n")
    titles = [one for one in headings.of(text) if one.level != headings.BOLD]
    named = findings.said(text, files)
    level = _level(titles, [one.row for one in named if not one.quote])
    if not level:
        return []
    starts = [one for one in titles if one.level <= level]
    ends = [one.row for one in starts[1:]] + [_last(lines)]
    found: list[Finding] = []
    for one, end in zip(starts, ends, strict=True):
        own = [field for field in named if one.row < field.row < end]
        head = _HEAD.fullmatch(one.text)
        if one.level != level or not (own or (head and head["step"])):
            continue
        own_id = f"{prefix}{int(head['number'])}" if head and _is_own(head, prefix) else ""
        title = head["title"] if own_id and head else one.text
        step = bool(head and head["step"])
        quote = next((field.quote for field in own if field.quote), "")
        places = tuple(place for field in own for place in field.places)
        fold = _fold(lines, one.row + 1, end)
        found.append(Finding(own_id, title, one.text, step, one.row, end, fold, places, quote))
    return found


def _is_own(head: re.Match[str], prefix: str) -> bool:
    """Whether the number in a heading is an id, and not the first word of a title."""
    if head["prefix"]:
        return head["prefix"].upper() == prefix
    return head["mark"] in (".", ")") or bool(head["step"] or head["bracket"])


def _last(lines: Sequence[str]) -> int:
    """The row after the last that is not ours, of those at the end."""
    body, tail = _parted("\n".join(lines))
    return body.count("\n") + 1 if tail else len(lines)


def _parted(text: str) -> tuple[str, list[str]]:
    """A document without the lines of ours at its end, and these, the last one first."""
    body = text.rstrip("\n")
    tail: list[str] = []
    while True:  # a merge may have left two of a kind
        before, _, last = body.rpartition("\n")
        if not (_NEXT.fullmatch(last) or _DECIDED.fullmatch(last)):
            break
        tail.append(last)
        body = before.rstrip("\n")
    return body, tail


def _level(titles: Sequence[headings.Heading], fields: Sequence[int]) -> int:
    """The level of the headings that findings stand under; 0 without any."""
    above = [
        one.level
        for row in fields
        if (one := next((title for title in reversed(titles) if title.row < row), None))
    ]
    above = [level for level in above if level > 1]
    if not above:
        above = [
            one.level for one in titles if (head := _HEAD.fullmatch(one.text)) and head["step"]
        ]
    return Counter(above).most_common(1)[0][0] if above else 0


def _fold(lines: Sequence[str], row: int, end: int) -> int:
    """The row after the fields with which a section begins."""
    after = row
    for at in range(row, end):
        if _FIELD.match(lines[at]):
            after = at + 1
        elif lines[at].strip() and not lines[at].startswith(findings.MARK):
            break
    return after


def words(text: str, found: Finding) -> set[str]:
    """Return the names of code that the section of a finding has between backticks."""
    section = "\n".join(text.split("\n")[found.start : found.end])
    return {word for name in _NAME.findall(section) for word in _WORD.findall(name)}


def section(text: str, found: Finding) -> str:
    """Return the section of a finding, without blank lines at its end."""
    return "\n".join(text.split("\n")[found.start : found.end]).rstrip()


# ------------------------------------------------------------------ numbers


def highest(text: str, found: Sequence[Finding]) -> int:
    """Return the highest number that has been given in a document."""
    said = [_NEXT.fullmatch(line) for line in _parted(text)[1]]
    return max([0, *(int(one[1]) - 1 for one in said if one), *(one.number for one in found)])


def bare(text: str) -> str:
    """Return a document without what is ours at its end."""
    body, tail = _parted(text)
    return f"{body}\n" if tail else text


def decided(text: str) -> str:
    """Return how many findings the team has decided on, as a document has it; "" for none."""
    found = [one[1] for line in _parted(text)[1] if (one := _DECIDED.fullmatch(line))]
    return found[0] if found else ""


def numbered(
    text: str,
    prefix: str,
    known: Collection[str],
    last: int,
    *,
    given: bool = False,
    decided: str = "",
) -> str:
    """Return a document whose findings have ids, with the next number where it is not shown.

    Those in `known` keep theirs; all others get one above `last`. Where numbers are `given` by
    another document, as those of issues are by a review, they stand as they are. `decided` says
    how many findings the team has decided on.
    """
    text = bare(text)
    lines = text.split("\n")
    seen: set[str] = set()
    for one in of(text, {}, prefix):
        if one.step or (given and not one.id):
            continue
        own = one.id
        if not given and (own not in known or own in seen):
            last += 1
            own = f"{prefix}{last}"
        if own not in known or own != one.id:
            lines[one.start] = _with_id(lines[one.start], one, own)
        seen.add(own)
    text = "\n".join(lines)
    shown = max((_number(one) for one in seen), default=0)
    tail = [f"*Decided by the team: {decided}.*"] if decided else []
    if last > shown and not given:
        tail.append(f"<!-- next: {prefix}{last + 1} -->")
    return "\n\n".join([text.rstrip("\n"), *tail]) + "\n" if tail else text


def _number(own: str) -> int:
    return int(re.sub(r"\D", "", own) or 0)


def _with_id(line: str, one: Finding, own: str) -> str:
    """A heading with an id in place of the number that it has."""
    return line.replace(one.heading, f"{own}. {one.title}", 1)


def alike(one: Finding, other: Finding) -> bool:
    """Whether two findings, of whatever documents, are about the same defect."""
    paths = {place.path for place in one.places} & {place.path for place in other.places}
    if not paths:
        return False
    if one.quote and _normal(one.quote) == _normal(other.quote):
        return True
    a, b = _normal(one.title), _normal(other.title)
    return a == b or SequenceMatcher(None, a, b, autojunk=False).ratio() >= _LIKE


def _normal(words: str) -> str:
    return " ".join(words.lower().replace("`", "").split())


def renamed(text: str, prefix: str, files: Mapping[str, str], old: Sequence[Finding]) -> str:
    """Return a document written anew in which the findings of before have their ids again.

    All others have the number 0: `numbered` gives them one.
    """
    text = bare(text)
    lines = text.split("\n")
    left = [one for one in old if one.id]
    for one in of(text, files, prefix):
        was = next((before for before in left if alike(one, before)), None)
        if was:
            left.remove(was)
        lines[one.start] = _with_id(lines[one.start], one, was.id if was else f"{prefix}0")
    return "\n".join(lines)


# ------------------------------------------------------------------ sections


def moved(
    text: str, found: Sequence[Finding], files: Mapping[str, str], move: Callable[[str, int], int]
) -> str:
    """Return a document whose findings name their lines by the numbers of now.

    `files` are those of before; `move` gives the number that a line of one has now, or 0.
    """
    lines = text.split("\n")
    named = [one.row for one in findings.said(text, files) if not one.quote]
    for one in found:
        for row in named:
            if one.start < row < one.fold:
                lines[row] = findings.renumbered(lines[row], files, move)
    return "\n".join(lines)


def without(text: str, gone: Sequence[Finding]) -> str:
    """Return a document without the sections of these findings."""
    lines = text.split("\n")
    for one in sorted(gone, reverse=True, key=lambda one: one.start):
        del lines[one.start : one.end]
    return "\n".join(lines).rstrip("\n") + "\n" if gone else text


def put_back(text: str, found: Sequence[Finding], old: str, held: Sequence[Finding]) -> str:
    """Return a document in which findings of an older one stand word for word.

    One that is not in it comes behind the last of them that is before it in the older one.
    """
    lines = text.rstrip("\n").split("\n")
    by_name = {one.id or one.title: one for one in found}
    places: list[tuple[int, int, int, str]] = []
    before = found[0].start if found else len(lines)
    for order, one in enumerate(held):
        there = by_name.get(one.id or one.title)
        start, end = (there.start, there.end) if there else (before, before)
        places.append((start, order, end, section(old, one)))
        before = max(before, end)
    for start, _, end, said in sorted(places, reverse=True):
        lines[start:end] = [*said.split("\n"), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def changed(old: str, held: Sequence[Finding], new: str, found: Sequence[Finding]) -> Iterator[str]:
    """Yield the names of those findings whose section is other in the new text, or gone."""
    there = {one.id or one.title: section(new, one) for one in found}
    for one in held:
        if there.get(one.id or one.title) != section(old, one):
            yield one.name
