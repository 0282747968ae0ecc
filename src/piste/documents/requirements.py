"""The requirements of a specification: their ids, and whether each id still means what it meant.

A requirement is whatever begins with an id (`R3`, `FR-001`) below a heading that says so, or else
an item with a number there, or else such an id anywhere, or else a heading there. An id that is
written out is for good: plans, commits and people name it. So one that goes leaves a gap, and none
comes again with other words (`broken`). A number of a list is no such id: it only counts places.

Whether words mean the same is judged by the words alone, no model is asked: `_another` says how.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from piste.documents import headings, markdown
from piste.system.errors import in_one_line


class Requirement(NamedTuple):
    """One requirement: its id as it is written, its line from 1, its first words."""

    id: str  # a heading without an id is known by its words
    line: int
    text: str


ID = r"(?:[A-Z]{1,6}[-_ ]?\d{1,4}(?:\.\d{1,3})*[a-z]?)"
_HEADING = re.compile(r"\b(?:requirements?|features?|user stories|acceptance criteria)\b", re.I)
_NUMBER = re.compile(r" ?(\d{1,4}(?:\.\d{1,3})*)[.)]?\s+(.*)")
_ITEM = re.compile(r" {0,3}\d{1,4}(?:\.\d{1,3})*[.)]\s+|\s{0,3}\d{1,4}(?:\.\d{1,3})+\s+")
_LEADING_ID = re.compile(rf"[\s|>*+_`\[(-]*({ID})(?=[\s:.)\]|*_`—–-]|$)[\s:.)\]|*_`—–-]*(.*)")
_HEADED = re.compile(r"(?:requirement|req)\s*\.?\s*#?(\d{1,4}(?:\.\d{1,3})*)\b[\s:.–—-]*(.*)", re.I)
_IDS = re.compile(r"(?:FR|NFR|REQ|RQ|R|F|UR|SR|BR|AC|US|SC)[-_ ]?\d", re.I)
# Below these headings ids are named once more: what tests, shows or orders a requirement.
_MENTIONS = re.compile(r"\b(?:accept|test|trac|verif|coverage|priorit|mapping|open|depend)", re.I)
_SURELY = re.compile(r"\brequirements?\b", re.I)
_SHORTEST = 4  # characters of a heading that is looked for in a plan


def requirements(spec: str) -> Iterator[Requirement]:
    """Yield the requirements of a specification, in their order."""
    read = _read(spec)
    rows = read.rows
    there = {*rows}
    named = _once(_with_ids(read, rows))
    for some in (
        named if any(one.line in read.items for one in named) else [],
        _numbered(read.lines, rows),
        _once(_headed(read, rows)),
        _once(_with_ids(read, read.all)),
    ):
        if some:
            yield from some
            return
    inner = [one for one in read.headings if one.row in there and not _HEADING.search(one.text)]
    level = max((one.level for one in inner), default=0)
    for one in inner:
        if one.level == level and len(one.text) >= _SHORTEST:
            yield Requirement(one.text, one.row + 1, one.text)


def key(name: str) -> str:
    """Return an id as it is compared: `FR-001` is `fr1`, `03` is `3`; words are as they are."""
    if not re.fullmatch(r"(?:[A-Za-z]{1,6}[-_ ]?)?\d+(?:\.\d+)*[a-z]?", name):
        return name.casefold()
    bare = re.sub(r"[-_ ]", "", name).casefold()
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", bare)


def without_id(line: str) -> str:
    """Return the words of a requirement without the id that they may begin with."""
    found = _LEADING_ID.match(line)
    return found[2] if found and _IDS.match(found[1]) and found[2] else line


def repeated(spec: str) -> list[tuple[str, list[int]]]:
    """Return the ids that more than one requirement has, each with the lines, from 1.

    Where the tests or the order of requirements are described they are only named again.
    """
    found: dict[str, list[Requirement]] = {}
    for one in _written(spec):
        found.setdefault(key(one.id), []).append(one)
    return [(some[0].id, [one.line for one in some]) for some in found.values() if len(some) > 1]


# ------------------------------------------------------------------ ids that keep their meaning


def broken(new: str, old: str, earlier: Iterable[str] = ()) -> str:
    """Return in one phrase which id means another thing in the specification `new`, or ``""``.

    `old` is the one before it, `earlier` are those before that, the latest first.
    """
    before, now = _wordings(old), _wordings(new)
    if not before:
        return ""
    names = {key(one.id): one.id for one in _written(new)}
    known = {key(name) for name, _ in repeated(old)}
    for name, _ in repeated(new):
        if key(name) not in known:
            return f"two requirements have the id {name}"
    gone: dict[str, str] = {}
    for text in earlier if now.keys() - before.keys() else ():
        gone = {**_wordings(text), **gone}
    for of, said in now.items():
        was = before.get(of, gone.get(of, ""))
        if was and (_another(was, said) or (of in before and _moved(of, said, before, now))):
            return f"{names[of]} has the words of another now (it was: {_short(was)}); {_OWN}"
        if not was and _is_gap(of, before):
            return f"{names[of]} is an id that was left free; {_OWN}"
    return ""


_OWN = (
    "an id keeps its requirement, with its words or edited ones; what is new gets an id above all "
    "that were ever given, and the id of what goes is left free"
)


def renamed(new: str, old: str, earlier: Iterable[str] = ()) -> str:
    """Return a specification written anew, in which the requirements of `old` have their ids again.

    Those that it has not get ids above all that were ever given. Where either has no ids, or two
    requirements have one, it stays as it is.
    """
    before, now = _wordings(old), _wordings(new)
    if not before or not now or repeated(new) or max(len(before), len(now)) > _MOST:
        return new
    names = {key(one.id): one.id for one in [*_written(new), *_written(old)]}  # the old spelling
    own = _matched(now, before)
    left = [of for of in now if of not in own]
    free = used(old, earlier)[0] if left else ""
    for of in left:
        own[of] = key(free)
        names[own[of]] = free
        free = _counted_on(free)
    if all(of == other for of, other in own.items()):
        return new
    return _NAMED_ID.sub(lambda found: names.get(own.get(key(found[0]), ""), found[0]), new)


_NAMED_ID = re.compile(rf"(?<![A-Za-z0-9.-]){ID}(?![A-Za-z0-9-])")


def _matched(now: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    """The old id of each requirement that was there before: the most alike first."""
    pairs = [
        (_alike(words, said) + (of == other) / 10, of, other)
        for of, said in now.items() for other, words in before.items()
    ]  # fmt: skip
    own: dict[str, str] = {}
    for alike, of, other in sorted(pairs, key=lambda pair: -pair[0]):
        same = of == other and not _another(before[other], now[of])
        if of not in own and other not in own.values() and (alike >= _MOVED or same):
            own[of] = other
    return own


def used(old: str, earlier: Iterable[str] = ()) -> tuple[str, list[str]]:
    """Return the next free id of a specification, and the ids that have gone from it.

    The id is ``""`` where its requirements have none that are written out.
    """
    known = _written(old)
    if not known:
        return "", []
    before = {key(one.id): one.id for one in known}
    gone = {
        key(one.id): one.id
        for text in earlier for one in _written(text) if key(one.id) not in before
    }  # fmt: skip
    return _free([*known, *(Requirement(name, 0, "") for name in gone.values())]), [*gone.values()]


def _moved(of: str, said: str, before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether an id has got the words that another one had, and has no more."""
    if said == before[of] or len(before) > _MOST:
        return False
    own = max(_alike(before[of], said), _MOVED)
    return any(
        _alike(words, said) > own
        for other, words in before.items()
        if other != of and now.get(other) != words
    )


def _another(was: str, said: str) -> bool:
    """Whether two wordings are of two requirements: they share hardly a word."""
    one, other = _tokens(was), _tokens(said)
    least = min(len(one), len(other))
    return least >= _FEWEST and len(one & other) < least * _SHARED


_MOVED = 0.6  # share of words, in their order, that one wording has of another
_MOST = 300  # requirements that are compared, each with each
_FEWEST = 3  # words that say enough to be compared
_SHARED = 0.2  # of the words of the shorter one, that an edited wording keeps at least
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
_SMALL = frozenset((
    *("a", "an", "and", "are", "as", "at", "be", "by", "can", "for", "from", "has", "if", "in"),
    *("is", "it", "its", "not", "of", "on", "or", "that", "the", "then", "this", "to", "when"),
    *("which", "with", "shall", "should", "must", "will", "may", "user", "system"),
))  # fmt: skip


def _tokens(text: str) -> set[str]:
    return {word for word in _TOKEN.findall(text.casefold()) if word not in _SMALL}


def _alike(one: str, other: str) -> float:
    words, others = _TOKEN.findall(one.casefold()), _TOKEN.findall(other.casefold())
    return SequenceMatcher(None, words, others, autojunk=False).ratio()


def _short(text: str) -> str:
    return f"'{text[:60].rstrip()}{'…' if len(text) > 60 else ''}'"


def _series(of: str) -> tuple[str, int]:
    """The ids that are counted on together with this one, and its number there."""
    found = re.match(r"(.*?)(\d+)[a-z]?$", of)
    return (found[1], int(found[2])) if found else (of, 0)


def _is_gap(of: str, before: Iterable[str]) -> bool:
    series, number = _series(of)
    return any(number < other for name, other in map(_series, before) if name == series)


def _free(known: Sequence[Requirement]) -> str:
    """The next id of the longest series."""
    most: dict[str, list[str]] = {}
    for one in known:
        most.setdefault(_series(key(one.id))[0], []).append(one.id)
    names = max(most.values(), key=len, default=[])
    if not names:
        return ""
    return _counted_on(max(names, key=lambda name: _series(key(name))[1]))


def _counted_on(name: str) -> str:
    """The id after this one."""
    found = re.match(r"(.*?)(\d+)[a-z]?$", name)
    return f"{found[1]}{int(found[2]) + 1:0{len(found[2])}d}" if found else ""


# ------------------------------------------------------------------ reading


class _Read(NamedTuple):
    lines: Sequence[str]
    headings: Sequence[headings.Heading]
    all: list[int]  # the rows outside of fences
    rows: list[int]  # of them those about requirements
    items: set[int]  # the lines, from 1, that begin an item, a row of a table or a paragraph


def _read(spec: str) -> _Read:
    lines = markdown.split(spec)
    around = markdown.inside(lines, markdown.fences(lines))
    found = headings.of(spec)
    outside = [row for row, fence in enumerate(around) if fence < 0]
    rows = [row for row in _rows(found, len(lines)) if around[row] < 0]
    items = {
        row + 1
        for row in outside
        if _BEGINS.match(lines[row]) or (row and not lines[row - 1].strip()) or not row
    }
    return _Read(lines, found, outside, rows, items)


_BEGINS = re.compile(r" ?(?:[-*+|>•]|\*\*|#)")


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


def _with_ids(read: _Read, rows: Iterable[int]) -> list[Requirement]:
    """What begins with an id that is written out."""
    found = []
    for row in rows:
        heading = markdown.heading(read.lines[row])
        one = _LEADING_ID.match(heading[1] if heading else read.lines[row])
        if one and (heading or _IDS.match(one[1])):
            found.append(Requirement(one[1], row + 1, _words(one[2])))
    return found


def _headed(read: _Read, rows: Iterable[int]) -> list[Requirement]:
    """The same, and headings such as `Requirement 3: …`."""
    found = _with_ids(read, rows)
    for row in rows:
        heading = markdown.heading(read.lines[row])
        if heading and (one := _HEADED.match(heading[1])):
            found.append(Requirement(one[1], row + 1, _words(one[2])))
    return sorted(found, key=lambda one: one.line)


def _once(found: Iterable[Requirement]) -> list[Requirement]:
    first: dict[str, Requirement] = {}
    for one in found:
        first.setdefault(key(one.id), one)
    return list(first.values())


def _written(spec: str) -> list[Requirement]:
    """The requirements whose ids are written out, also those of one id, and no mere mentions."""
    read = _read(spec)
    tops, mentions = _marked(read)
    found = [one for one in _with_ids(read, read.rows) if one.line in read.items]
    if not found and not _numbered(read.lines, read.rows):
        whole = [one for one in _with_ids(read, read.all) if one.line in read.items]
        found = [one for one in whole if tops[one.line - 1] == tops[whole[0].line - 1]]
    return [one for one in found if one.line - 1 not in mentions] or found


def _marked(read: _Read) -> tuple[dict[int, int], set[int]]:
    """For each row the heading of the first or second level above it; the rows of mentions."""
    tops: dict[int, int] = {}
    mentions: set[int] = set()
    heads = {one.row: one for one in read.headings}
    top, level = -1, 0  # level: of the heading that says that ids are only named below it
    for row in range(len(read.lines)):
        tops[row] = top
        if level:
            mentions.add(row)
        if (head := heads.get(row)) is None:
            continue
        top = row if head.level <= 2 else top
        if not level or head.level <= level:
            named = _MENTIONS.search(head.text) and not _SURELY.search(head.text)
            level = head.level if named and head.level > 1 else 0
    return tops, mentions


def _wordings(spec: str) -> dict[str, str]:
    """What each requirement with an id says, all of it in one line, by its key."""
    lines = markdown.split(spec)
    found = _written(spec)
    rows = {one.line - 1 for one in found} | {one.row for one in headings.of(spec)}
    stops = sorted({*rows, len(lines)})
    said: dict[str, str] = {}
    for one in found:
        end = stops[bisect_right(stops, one.line - 1)]
        text = _LEADING_ID.sub(r"\2", lines[one.line - 1].lstrip("# "), count=1)
        said.setdefault(key(one.id), in_one_line(" ".join([text, *lines[one.line : end]])))
    return said


def _words(text: str) -> str:
    text = in_one_line(text.strip("|* _"))
    return text if len(text) <= 80 else text[:79].rstrip() + "…"
