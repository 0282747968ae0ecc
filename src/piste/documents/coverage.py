"""Which requirements of a specification the steps of its plan cover, by their ids or headings.

A step covers what its part of the plan names: `Covers: R3, R5–R7`, and where there is no such line
"requirement 4", `FR-001`, or the words of a heading. That is what is claimed; whether a step does
what it claims, this module does not know, nor what a requirement is (`requirements`).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from piste.documents import plan
from piste.documents.plan import overview
from piste.documents.requirements import ID, Requirement, key, requirements


class Coverage(NamedTuple):
    """What of a specification a plan covers. `claims` tells whether it says anything of that."""

    requirements: tuple[Requirement, ...] = ()
    uncovered: tuple[Requirement, ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()  # (step, id) that the specification has not
    claims: bool = False
    by_step: tuple[tuple[str, tuple[str, ...]], ...] = ()  # (step, ids that it covers), in order


def of(spec: str, text: str, form: str | None = None) -> Coverage:
    """Return what of the requirements in `spec` the steps of the plan `text` cover."""
    wanted = tuple(requirements(spec))
    steps = plan.parse(text, form).steps
    if not wanted or not steps:
        return Coverage(wanted, by_step=tuple((step.id, ()) for step in steps))
    index = {key(one.id): one for one in wanted}
    unknown: list[tuple[str, str]] = []
    by_step: list[tuple[str, set[str]]] = []
    whole: list[set[str]] = []  # of the steps that say "Covers: all"
    for step, section in zip(steps, overview.sections(text, steps), strict=True):
        keys: set[str] = set()
        for name, sure in _claimed(section, index):
            found = _meant(name, index)
            keys |= found
            if sure and not found:
                unknown.append((step.id, name))
        by_step.append((step.id, keys))
        whole += [keys] if _ALL.search(section) else []
    if whole and not any(keys for _, keys in by_step):
        for keys in whole:
            keys.update(index)
    covered = {of for _, keys in by_step for of in keys}
    left = tuple(one for one in wanted if key(one.id) not in covered)
    rows = tuple(
        (step, tuple(index[of].id for of in index if of in keys)) for step, keys in by_step
    )
    return Coverage(wanted, left, tuple(unknown), bool(covered or unknown), rows)


def phrase(found: Coverage, path: str) -> str:
    """Return what is left out of the specification at `path` in one phrase, or ``""``."""
    if not found.claims or not found.uncovered:
        return ""
    named = ", ".join(one.id for one in found.uncovered[:_NAMED])
    more = len(found.uncovered) - _NAMED
    return f"no step covers {named}{f' and {more} more' if more > 0 else ''} of {path}"


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
_MENTION = re.compile(rf"(?<![A-Za-z0-9.-]){ID}(?![A-Za-z0-9-])")
_WIDEST = 500  # of a range
_NAMED = 10  # requirements, in one phrase


def _claimed(section: str, index: dict[str, Requirement]) -> Iterator[tuple[str, bool]]:
    """Yield what a step's part of the plan names, each with whether it can mean nothing else.

    A line `Covers:` says all of it: what else is named there is only spoken of.
    """
    at = 0
    claimed: list[tuple[str, bool]] = []
    while found := _COVERS.search(section, at):
        names, at = _list(section, found.end())
        sure = ":" in found[0] and found[0].lower().startswith("covers")
        claimed += [(name, sure) for name in names]
    if any(sure for _, sure in claimed):
        yield from (one for one in claimed if one[1])
        return
    yield from claimed
    for mention in _MENTION.finditer(section):
        if key(mention[0]) in index:
            yield mention[0], False
    lower = " ".join(section.casefold().split())
    for of, one in index.items():
        if not of[-1:].isdigit() and " ".join(one.id.casefold().split()) in lower:
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


def _meant(name: str, index: dict[str, Requirement]) -> set[str]:
    """The keys of the requirements that a name means: itself, those below it, that above it."""
    own = key(name)
    keys = {own}
    number = own.lstrip("abcdefghijklmnopqrstuvwxyz")
    if own not in index and number:
        same = {one for one in index if one.lstrip("abcdefghijklmnopqrstuvwxyz") == number}
        if len(same) == 1 and (number == own or number in same):  # "R3" for 3, "3" for FR-003
            keys |= same
    keys |= {one for one in index if one.startswith(f"{own}.")}
    parent = own.rpartition(".")[0]
    keys |= {parent} if parent else set()
    return keys & index.keys()
