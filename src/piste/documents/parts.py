"""The parts of a document that may have to stay: the steps of a plan, the sections of a todo list.

A part is the lines from its title to the last before the next, without the blank lines and rules
at its end. It is found again in a later version word for word (`changed`), and put back into one
that a model wrote anew (`put_back`). Why a part has to stay, this module does not know.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from piste.documents import markdown, plan
from piste.documents.edits import Malformed
from piste.documents.plan import Step, titles
from piste.system.errors import printable

_RULE = re.compile(r"[ \t]*+(?:([-*_])[ \t]*+(?:\1[ \t]*+){2,}+)?\r?$")
_ALIKE = 0.5  # of the words of the shorter one; less, and two parts of one number are not the same


class Part(NamedTuple):
    """A part of a document, as it stands there."""

    id: str  # of a step
    title: str
    start: int  # its first row, from 0
    lines: tuple[str, ...]  # with what ends them but LF

    @property
    def end(self) -> int:
        """The row after its last."""
        return self.start + len(self.lines)

    @property
    def name(self) -> str:
        """What it is called in a message."""
        return printable(f"step {self.id} {self.title}".strip() if self.id else self.title)


def steps(text: str, form: str = "") -> list[tuple[Step, Part]]:
    """Return the steps of a plan, each with its part. `form` as in `plan.parse`."""
    rows = text.split("\n")
    found = plan.parse(text, form or None).steps
    starts = [min(step.line, step.rows[0]) - 1 for step in found]
    ends = [*starts[1:], len(rows)][: len(starts)]
    return [
        (step, _part(rows, step.id, step.title, start, min(step.rows[1] - 1, end)))
        for step, start, end in zip(found, starts, ends, strict=True)
    ]


def form(text: str, wanted: str = "") -> str:
    """Return the form that the steps of a plan have; `wanted` as in `plan.parse`."""
    return plan.parse(text, wanted or None).form


def stray(old: str, new: str, wanted: str = "") -> str:
    """Return a heading that `new` has and `old` has not, of a step that is none in its form."""
    lines, known = markdown.split(new), {*markdown.split(old)}
    around = markdown.inside(lines, markdown.fences(lines))
    own = {step.line - 1 for step in plan.parse(new, wanted or None).steps}
    for row, line in enumerate(lines):
        if line.startswith("#") and around[row] < 0 and row not in own and line not in known:
            title = titles.read(line)
            if title is not None and title.word not in (*titles.COARSE, "number"):
                return line
    return ""


def sections(text: str) -> list[Part]:
    """Return the sections of a todo list: from each heading to the next."""
    rows, lines = text.split("\n"), markdown.split(text)
    around = markdown.inside(lines, markdown.fences(lines))
    heads = [
        (row, found[1])
        for row, line in enumerate(lines)
        if around[row] < 0 and (found := markdown.heading(line))
    ]
    ends = [*(row for row, _ in heads[1:]), len(rows)][: len(heads)]
    return [
        _part(rows, "", markdown.split_state(title)[0], row, end)
        for (row, title), end in zip(heads, ends, strict=True)
    ]


def section_of(step: Step, known: Sequence[Part]) -> Part | None:
    """Return the one section that has the number and the title of a step, or None."""
    title, number = _words(step.title), _words(step.id)
    found = []
    for part in known:
        words = _words(part.title)
        at = len(words) - len(title)
        if words[at:] == title and (not number or words[:at][-len(number) :] == number):
            found.append(part)
    return found[0] if title and len(found) == 1 else None


def changed(wanted: Sequence[Part], there: Sequence[Part]) -> Part | None:
    """Return the first of `wanted` that is not `there`, byte for byte and in their order."""
    left = iter(there)
    return next((one for one in wanted if all(one.lines != new.lines for new in left)), None)


def put_back(wanted: Sequence[Part], text: str, read: Callable[[str], Sequence[Part]]) -> str:
    """Return a document with the parts in it as they were, each in place of its like.

    `read` returns the parts of the document. One that it leaves out comes in again behind the one
    before. Raises Malformed for one whose number another part has by now.
    """
    if any(line.endswith("\r") for part in wanted for line in part.lines):
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    there = read(text)
    like = _pairs(wanted, there)
    rows = text.split("\n")
    changes: list[tuple[int, int, list[str]]] = []  # from the first row to before the last, lines
    at = there[0].start if there else len(rows)
    for part in wanted:
        if part in like:
            at = like[part].end
            changes.append((like[part].start, at, [*part.lines]))
            continue
        if part.id and any(new.id == part.id for new in there):
            raise Malformed(f"{part.name} has to stay as it is, and its number is another's by now")
        blank = part.lines[0][len(part.lines[0].rstrip("\r")) :]
        first = at == (there[0].start if there else -1)
        changes.append((at, at, [*part.lines, blank] if first else [blank, *part.lines]))
    changes.sort(key=lambda one: one[0])
    for start, end, lines in reversed(changes):
        rows[start:end] = lines
    return "\n".join(rows)


def _part(rows: Sequence[str], of: str, title: str, start: int, end: int) -> Part:
    while end > start + 1 and _RULE.match(rows[end - 1]):
        end -= 1
    return Part(of, title, start, tuple(rows[start:end]))


def _pairs(wanted: Sequence[Part], there: Sequence[Part]) -> dict[Part, Part]:
    """Of each part the one that stands for it: of its title, else of its number and like it."""
    ways: tuple[Callable[[Part, Part], bool], ...] = (
        lambda old, new: (old.id, _words(old.title)) == (new.id, _words(new.title)),
        lambda old, new: bool(old.title) and _words(old.title) == _words(new.title),
        lambda old, new: bool(old.id) and old.id == new.id and _is_like(old, new),
    )
    found: dict[Part, Part] = {}
    left = [*there]
    for same in ways:
        for old in wanted:
            one = None if old in found else next((new for new in left if same(old, new)), None)
            if one is not None:
                found[old] = one
                left.remove(one)
    return found


def _is_like(old: Part, new: Part) -> bool:
    one, other = ({*_words("\n".join(_said(part)))} for part in (old, new))
    return len(one & other) >= _ALIKE * min(len(one), len(other))


def _said(part: Part) -> list[str]:
    """Its lines without those that any part has: its title, and fences."""
    return [line for line in part.lines[1:] if not markdown.ticks(line)] or [*part.lines]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", markdown.split_state(text)[0].casefold())
