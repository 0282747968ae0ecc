"""Which requirements of a specification no step of its plan covers, by their ids or headings.

A requirement is an item with a number below a heading that says so, or whatever begins with an id
(`FR-001`, `R3`), or, where there are neither, a heading there. A step covers what its part of the
plan names: `Covers: 3, 5–7`, "requirement 4", `FR-001`. That is what is claimed; whether a step
does what it claims, this module does not know. No model is asked.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from piste.documents import headings, markdown, plan
from piste.documents.plan import overview
from piste.system.errors import in_one_line


class Requirement(NamedTuple):
    """One requirement: its id as it is written, its line from 1, its first words."""

    id: str  # a heading without an id is known by its words
    line: int
    text: str


class Coverage(NamedTuple):
    """What of a specification a plan covers. `claims` tells whether it says anything of that."""

    requirements: tuple[Requirement, ...] = ()
    uncovered: tuple[Requirement, ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()  # (step, id) that the specification has not
    claims: bool = False


def of(spec: str, text: str, form: str | None = None) -> Coverage:
    """Return what of the requirements in `spec` the steps of the plan `text` cover."""
    wanted = tuple(requirements(spec))
    steps = plan.parse(text, form).steps
    if not wanted or not steps:
        return Coverage(wanted)
    index = {_key(one.id): one for one in wanted}
    covered: set[str] = set()
    unknown: list[tuple[str, str]] = []
    everything = False
    for step, section in zip(steps, overview.sections(text, steps), strict=True):
        everything = everything or bool(_ALL.search(section))
        for name, sure in _claimed(section, index):
            found = _meant(name, index)
            covered |= found
            if sure and not found:
                unknown.append((step.id, name))
    if everything and not covered:
        covered = set(index)
    left = tuple(one for one in wanted if _key(one.id) not in covered)
    return Coverage(wanted, left, tuple(unknown), bool(covered or unknown))


def phrase(found: Coverage, path: str) -> str:
    """Return what is left out of the specification at `path` in one phrase, or ``""``."""
    if not found.claims or not found.uncovered:
        return ""
    named = ", ".join(one.id for one in found.uncovered[:_NAMED])
    more = len(found.uncovered) - _NAMED
    return f"no step covers {named}{f' and {more} more' if more > 0 else ''} of {path}"


# ------------------------------------------------------------------ the specification

_HEADING = re.compile(r"\b(?:requirements?|features?|user stories|acceptance criteria)\b", re.I)
_NUMBER = re.compile(r" ?(\d{1,4}(?:\.\d{1,3})*)[.)]?\s+(.*)")
_ITEM = re.compile(r" {0,3}\d{1,4}(?:\.\d{1,3})*[.)]\s+|\s{0,3}\d{1,4}(?:\.\d{1,3})+\s+")
_ID = r"(?:[A-Z]{1,6}[-_ ]?\d{1,4}(?:\.\d{1,3})*[a-z]?)"
_LEADING_ID = re.compile(rf"[\s|>*+_`\[(-]*({_ID})(?=[\s:.)\]|*_`—–-]|$)[\s:.)\]|*_`—–-]*(.*)")
_HEADED = re.compile(r"(?:requirement|req)\s*\.?\s*#?(\d{1,4}(?:\.\d{1,3})*)\b[\s:.–—-]*(.*)", re.I)
_IDS = re.compile(r"(?:FR|NFR|REQ|RQ|R|F|UR|SR|BR|AC|US|SC)[-_ ]?\d", re.I)
_NAMED = 10  # requirements, in one phrase
_SHORTEST = 4  # characters of a heading that is looked for in a plan


def requirements(spec: str) -> Iterator[Requirement]:
    """Yield the requirements of a specification, in their order."""
    lines = markdown.split(spec)
    around = markdown.inside(lines, markdown.fences(lines))
    found = headings.of(spec)
    rows = [row for row in _rows(found, len(lines)) if around[row] < 0]
    for some in (_numbered(lines, rows), _with_ids(lines, rows), _with_ids(lines, _all(around))):
        if some:
            yield from some
            return
    inner = [one for one in found if one.row in set(rows) and not _HEADING.search(one.text)]
    level = max((one.level for one in inner), default=0)
    for one in inner:
        if one.level == level and len(one.text) >= _SHORTEST:
            yield Requirement(one.text, one.row + 1, one.text)


def _all(around: Sequence[int]) -> list[int]:
    return [row for row, fence in enumerate(around) if fence < 0]


def _rows(found: Sequence[headings.Heading], total: int) -> Iterator[int]:
    """The rows of the headings about requirements, and of what stands below them."""
    done = -1
    for at, one in enumerate(found):
        if one.row < done or one.level == 1 or not _HEADING.search(one.text):
            continue
        ends = (after.row for after in found[at + 1 :] if after.level <= one.level)
        done = next(ends, total)
        yield from range(one.row, done)


def _numbered(lines: Sequence[str], rows: Sequence[int]) -> list[Requirement]:
    """The items with a number; below headings that have numbers and begin anew, `3.1`."""
    found: list[tuple[str, Requirement]] = []  # with the number of the heading
    head = ""
    for row in rows:
        line = lines[row]
        if (heading := markdown.heading(line)) is not None:
            said = _HEADED.match(heading[1]) or _NUMBER.match(heading[1])
            head = said[1] if said else head if heading[0] > 3 else ""
        elif _ITEM.match(line) and (item := _NUMBER.match(line)):
            found.append((head, Requirement(item[1], row + 1, _words(item[2]))))
    ids = [one.id for _, one in found]
    if len(set(ids)) == len(ids):
        return [one for _, one in found]
    if all(head for head, _ in found):
        return [one._replace(id=f"{head}.{one.id}") for head, one in found]
    if set(ids) == {"1"}:  # Markdown counts such a list by itself
        return [one._replace(id=str(number)) for number, (_, one) in enumerate(found, 1)]
    return list({one.id: one for _, one in found}.values())


def _with_ids(lines: Sequence[str], rows: Sequence[int]) -> list[Requirement]:
    found: dict[str, Requirement] = {}
    for row in rows:
        heading = markdown.heading(lines[row])
        text = heading[1] if heading else lines[row]
        one = _LEADING_ID.match(text) or (_HEADED.match(text) if heading else None)
        if one and (heading or _IDS.match(one[1])):
            found.setdefault(_key(one[1]), Requirement(one[1], row + 1, _words(one[2])))
    return list(found.values())


def _words(text: str) -> str:
    text = in_one_line(text.strip("|* _"))
    return text if len(text) <= 80 else text[:79].rstrip() + "…"


# ------------------------------------------------------------------ the plan

_COVERS = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:covers?|covered|covering|implements|satisfies)(?:[*_]*\s*:[*_]*|\s+(?=req))"
    r"|(?:requirements?|reqs?)\b\.?(?:\s+(?:covered|ids?|numbers?|nos?\.))?(?:[*_]*\s*:[*_]*)?)",
    re.IGNORECASE,
)
_FILLER = re.compile(
    r"(?:[^\S\n]|[,;&*_`#\[\]]|\band\b|\bplus\b|\b(?:requirements?|reqs?|numbers?|nos?)\b\.?)+"
    r"|\([^()\n]{0,200}\)|\[[^\[\]\n]{0,200}\]\([^()\n]{0,200}\)",
    re.IGNORECASE,
)
_ONE = re.compile(r"((?:[A-Za-z]{1,6}[-_ ]?)?)(\d{1,4})((?:\.\d{1,3})*)[a-z]?(?![A-Za-z0-9/])")
_RANGE = re.compile(r"\s*(?:-|–|—|\.{2,3}|…|\bto\b|\bthrough\b)\s*(?=[A-Za-z]{0,6}[-_ ]?\d)")
_ALL = re.compile(r"\bcovers[*_]*\s*:[*_ ]*(?:all|every)\b", re.IGNORECASE)
_MENTION = re.compile(rf"(?<![A-Za-z0-9.-]){_ID}(?![A-Za-z0-9-])")
_WIDEST = 500  # of a range


def _claimed(section: str, index: dict[str, Requirement]) -> Iterator[tuple[str, bool]]:
    """Yield what a step's part of the plan names, each with whether it can mean nothing else."""
    at = 0
    while found := _COVERS.search(section, at):
        names, at = _list(section, found.end())
        sure = ":" in found[0] and found[0].lower().startswith("covers")
        yield from ((name, sure) for name in names)
    for mention in _MENTION.finditer(section):
        if _key(mention[0]) in index:
            yield mention[0], False
    lower = " ".join(section.casefold().split())
    for key, one in index.items():
        if not key[-1:].isdigit() and " ".join(one.id.casefold().split()) in lower:
            yield one.id, False


def _list(text: str, at: int) -> tuple[list[str], int]:
    """Return the ids of the list that begins at `at`, ranges written out, and where it ends."""
    names: list[str] = []
    while True:
        filler = _FILLER.match(text, at)
        one = None if filler else _ONE.match(text, at)
        if filler:
            at = filler.end()
        elif one:
            until = _RANGE.match(text, one.end())
            last = _ONE.match(text, until.end()) if until else None
            names += [one[1] + one[2] + one[3], *(_between(one, last) if last else ())]
            at = (last or one).end()
        else:
            return names, at


def _between(one: re.Match[str], last: re.Match[str]) -> list[str]:
    """The ids of a range after its first; of two that are not of one sort, the last alone."""
    (first, head), (end, other) = _parts(one), _parts(last)
    if other not in (head, head.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_ ")):
        return [last[1] + last[2] + last[3]]
    return [f"{head}{number}" for number in range(first + 1, min(end, first + _WIDEST) + 1)]


def _parts(one: re.Match[str]) -> tuple[int, str]:
    """The last number of an id, and what is before it."""
    head, _, number = (one[2] + one[3]).rpartition(".")
    return int(number), one[1] + (f"{head}." if head else "")


def _key(name: str) -> str:
    """An id as it is compared: `FR-001` is `fr1`, `03` is `3`; words are as they are."""
    if not re.fullmatch(r"(?:[A-Za-z]{1,6}[-_ ]?)?\d+(?:\.\d+)*[a-z]?", name):
        return name.casefold()
    bare = re.sub(r"[-_ ]", "", name).casefold()
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", bare)


def _meant(name: str, index: dict[str, Requirement]) -> set[str]:
    """The keys of the requirements that a name means: itself, those below it, that above it."""
    key = _key(name)
    keys = {key}
    number = key.lstrip("abcdefghijklmnopqrstuvwxyz")
    if key not in index and number:
        same = {one for one in index if one.lstrip("abcdefghijklmnopqrstuvwxyz") == number}
        if len(same) == 1 and (number == key or number in same):  # "R3" for 3, "3" for FR-003
            keys |= same
    keys |= {one for one in index if one.startswith(f"{key}.")}
    parent = key.rpartition(".")[0]
    keys |= {parent} if parent else set()
    return keys & index.keys()
