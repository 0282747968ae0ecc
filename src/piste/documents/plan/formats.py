"""The forms that a plan can have: which of the lines that could be titles are its steps.

One file often lists its steps three times: as phases, as an outline, then as prompts. So
every line that could be a title is collected, in a fence or not (fences break), titles of
one kind make a family, and the family that fits best is the plan. `fit` holds the whole
judgement. It reads nothing of what a step asks for, and does not know the state of a step.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from piste.documents.markdown import (
    DOING,
    DROPPED,
    Fence,
    heading,
    inside,
    split,
    split_state,
    ticks,
)
from piste.documents.plan import fencing, titles
from piste.documents.plan.fencing import PROMPT_LANGUAGES, Block
from piste.documents.plan.titles import COARSE, Title
from piste.documents.plan.types import FINDINGS

_RANKS = {"prompt": 5.0, "step": 4.0, "task": 4.0, "item": 3.6, "ticket": 3.0, "phase": 2.0,
          "chunk": 1.9, "fences": 2.5, "number": 1.0, "boxes": 0.0}  # fmt: skip
_STYLES = {"heading": 5, "tags": 5, "html": 4, "bold": 3, "plain": 2, "list": 1, "boxes": 1}
WEAK = 1.5
"""A family that fits less than this is hardly more than a guess."""
TASKS = "boxes item"
"""The form of a check list whose items have ids, as other tools write it."""
MOST = 0.6
"""What so large a part of a family does, it does: one step in a few is always different."""


class Doc(NamedTuple):
    """A plan as it is searched. Rows count from 0."""

    lines: Sequence[str]
    blocks: Sequence[Fence]
    around: Sequence[int]
    """For each row the number of its block, or -1."""
    titles: dict[int, Title]
    headings: Sequence[tuple[int, int]]
    """Row and level of those outside of fences."""
    openers: Sequence[int]
    """The rows of all fence lines with something after the ticks."""
    tagged: Sequence[int]
    """The rows that open a fence made for a prompt, closed or not."""
    bare: Sequence[int]
    """The rows that open a closed fence without a language."""
    firsts: Sequence[int]
    """For each block the row of its first line that is not blank."""


class Entry(NamedTuple):
    """Where a step is: `row` has its title, its body goes from `start` to before `end`."""

    row: int
    start: int
    end: int
    title: Title


class Family(NamedTuple):
    """Titles of one kind. `form` is its name, such as ``h3 prompt`` or ``h2+plain step``."""

    form: str
    entries: tuple[Entry, ...]
    fit: tuple[float, ...] = ()
    fenced: bool = True
    """Whether most of them have a fence that can hold a prompt."""


def read(text: str) -> Doc:
    """Return `text` made ready for a search."""
    lines = _unwrapped(split(text))
    blocks = fencing.sound(lines)
    around = inside(lines, blocks)
    openers = {row: at for row, line in enumerate(lines) if (at := ticks(line)) and at.info}
    heads = {row: found for row, line in enumerate(lines) if (found := heading(line))}
    return Doc(
        lines,
        blocks,
        around,
        {row: title for row, line in enumerate(lines) if (title := titles.read(line))},
        [(row, found[0]) for row, found in heads.items() if around[row] < 0],
        list(openers),
        [row for row, at in openers.items() if fencing.language(at) in PROMPT_LANGUAGES],
        [block.open for block in blocks if not fencing.language(openers.get(block.open))],
        [fencing.first_row(lines, block) for block in blocks],
    )


def find(doc: Doc) -> list[Family]:
    """Return the families of `doc`, the best first; none where nothing names a step."""
    if marked := _markers(doc) or _findings(doc):
        return [marked]
    found = [*_with_words(doc), *_with_numbers(doc), *_only_fences(doc), *_check_list(doc)]
    found += [*_with_tags(doc), *_tasks(doc)]
    tasks = [entry.row for family in found for entry in family.entries if family.form == TASKS]
    found = [_fitted(doc, family, tasks) for family in found]
    found.sort(key=lambda family: family.fit, reverse=True)
    return _whole_first(found)


def _whole_first(families: list[Family]) -> list[Family]:
    """The families, the one step before all others where the best of them lies within it."""
    best = families[0] if families else None
    for family in families[1:]:
        style, word = family.form.split()[0], family.form.split()[-1]
        if (
            best is None
            or len(family.entries) != 1
            or style not in fencing.HEADED
            or word in COARSE
        ):
            continue
        only = family.entries[0]
        within = all(only.start <= at.row < only.end for at in best.entries)
        if within and word != "number" and best.form.split()[0] in ("list", "boxes"):
            return [family, *(other for other in families if other is not family)]
    return families


def _key(number: str) -> tuple[tuple[int, str], ...]:
    """What the ids of steps are ordered by: ``1.10`` comes after ``1.9``."""
    words = number.replace("-", ".").replace("/", ".").split(".")
    return tuple((int(word), "") if word.isdecimal() else (0, word) for word in words)


# ------------------------------------------------------------------ how well a family fits


def _fitted(doc: Doc, family: Family, tasks: Sequence[int]) -> Family:
    """The family with how well it fits: what decides first comes first.

    `tasks` are the rows of items with a box and an id; phases that have none of them below them
    only speak of those, whatever fences stand there.

    The figures are only an order, found by looking at some fifty plans: a prompt without
    a fence (5) is as good as a step with one (4 + 1), and both are better than phases (2).
    """
    entries = family.entries
    style, word = family.form.split()[0], family.form.split()[-1]
    tagged = _share(entries, doc.tagged)
    fenced = max(tagged, _share(entries, doc.bare))
    rank = _RANKS[word]
    if word in COARSE or word == "number":
        # What mostly groups steps is one where most have just one fence, for their prompt.
        counts = [_prompts(doc, entry) for entry in entries]
        many = sum(count > 1 for count in counts) > (1 - MOST) * len(entries)
        beside = tasks and not any(at.start <= row < at.end for at in entries for row in tasks)
        fenced = 0.0 if many or beside or sum(counts) > 1.5 * len(entries) else fenced
        rank = 3.0 if fenced >= MOST else rank
    rank += 1.0 if fenced >= MOST else 0.0
    if style == "fence":
        first = sum(entry.start < entry.row for entry in entries)
        rank -= 1.5 if first >= MOST * len(entries) else 3.0
    rank -= {"plain": 0.75, "list": 0.0 if fenced >= MOST else 1.0}.get(style, 0.0)
    if len(entries) == 1:
        rank -= 3.0
    if word == "number" and style in fencing.HEADED and _below_phases(doc, entries):
        rank = max(rank, 2.5)  # 1.1, 1.2, 2.1 below phases 1 and 2
    if len({entry.title.id for entry in entries}) < 0.5 * len(entries):
        rank -= 0.5  # numbers that begin again and again are steps within steps
    look = "heading" if style[0] == "h" and style[1:2].isdigit() else style.partition("+")[0]
    fit = (rank, float(fenced >= MOST), _STYLES.get(look, 0), len(entries), entries[-1].row)
    return family._replace(fit=fit, fenced=fenced >= MOST)


def _below_phases(doc: Doc, entries: Sequence[Entry]) -> bool:
    """Whether all ids have two parts, the first of them the number of a coarse heading above."""
    ids = [entry.title.id.partition(".") for entry in entries]
    if not all(dot for _, dot, _ in ids):
        return False
    known = {
        title.id
        for row, title in doc.titles.items()
        if title.word in COARSE and doc.around[row] < 0
    }
    return {first for first, _, _ in ids} <= known


def _share(entries: Sequence[Entry], openers: Sequence[int]) -> float:
    has = sum(
        bisect_left(openers, entry.start) < bisect_left(openers, entry.end) for entry in entries
    )
    return has / len(entries)


def _prompts(doc: Doc, entry: Entry) -> int:
    """How many fences that could hold a prompt an entry has."""
    blocks = fencing.blocks(doc.lines, entry.start, entry.end)
    return sum(not one.language or one.language in PROMPT_LANGUAGES for one in blocks)


# ------------------------------------------------------------------ titles with a word


def _with_words(doc: Doc) -> Iterator[Family]:
    groups: dict[tuple[str, str, bool], list[int]] = {}
    for row, title in doc.titles.items():
        if title.word != "number":
            groups.setdefault((title.style, title.word, doc.around[row] >= 0), []).append(row)
    seen = set()
    for (style, word, fenced), rows in groups.items():
        styles = {"fence" if fenced else style}
        if not fenced and style != "list":
            for (other, same, within), more in groups.items():
                if same == word and other != "list" and (other, within) != (style, fenced):
                    filled = _fill(doc, rows, more, within)
                    styles |= {other} if len(filled) > len(rows) else set()
                    rows = filled
        if tuple(rows) not in seen:
            seen.add(tuple(rows))
            names = sorted(styles, key=lambda name: (name[0] != "h", name))
            rows = _without_outline(doc, rows)
            last = {} if fenced else _last(doc, rows)
            known = {**doc.titles, **last}
            entries = _entries(doc, [*rows, *last], known, fenced=fenced)
            entries = _said_once(doc, _with_lines_above(doc, entries) if fenced else entries)
            yield Family(f"{'+'.join(names)} {word}", entries)


def _last(doc: Doc, rows: Sequence[int]) -> dict[int, Title]:
    """The title without a number, ``### Final Prompt - …``, that follows those at `rows`."""
    if not rows:
        return {}
    kind = doc.titles[rows[0]]
    for row in range(rows[-1] + 1, len(doc.lines)):
        if doc.around[row] < 0 and (title := titles.last(doc.lines[row])):
            return {row: title} if (title.style, title.word) == (kind.style, kind.word) else {}
    return {}


def _said_once(doc: Doc, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries; a title that is said twice, with nothing between, is one."""
    result: list[Entry] = []
    for entry in entries:
        before = result[-1] if result else None
        if before is not None and before.title.id == entry.title.id:
            texts = {before.title.text, entry.title.text} - {""}
            between = doc.lines[before.row + 1 : min(entry.row, entry.start)]
            if len(texts) < 2 and not any(line.strip() for line in between):
                title = before.title._replace(text=next(iter(texts), ""))
                result[-1] = Entry(before.row, entry.start, entry.end, title)
                continue
        result.append(entry)
    return tuple(result)


def _with_lines_above(doc: Doc, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries; where the title in a fence is but a number, the line above names the step."""
    if any(entry.title.text for entry in entries):
        return tuple(entries)
    above = _lines_above(doc)
    result = []
    for entry in entries:
        row = above.get(entry.start, -1)
        if row < 0 or ticks(doc.lines[row]) or len(doc.lines[row]) > 200:
            return tuple(entries)
        text = (heading(doc.lines[row]) or (0, doc.lines[row]))[1]
        result.append(entry._replace(title=entry.title._replace(text=titles.clean(text))))
    return tuple(result)


def _fill(doc: Doc, rows: list[int], more: list[int], within: bool) -> list[int]:
    """`rows`, and those of `more` that fill what they lack.

    A fence that nothing closes, or one too many, hides titles from the others of their
    kind; markdown lost in copying makes plain lines of them.
    """
    ids = {doc.titles[row].id for row in rows}
    if any(doc.titles[row].id in ids for row in more):
        return rows
    if within and len(rows) > 1 and not all(_swallowed(doc, row) for row in more):
        return rows
    result: list[int] = []
    wanted = set(more)
    following = [*rows, -1]
    at = 0
    for row in sorted([*rows, *more]):
        if row not in wanted:
            result.append(row)
            at += 1
            continue
        before = _key(doc.titles[result[-1]].id) if result else None
        after = _key(doc.titles[following[at]].id) if at < len(rows) else None
        here = _key(doc.titles[row].id)
        alike = all(len(here) == len(other) for other in (before, after) if other)
        if alike and (before is None or before < here) and (after is None or here < after):
            result.append(row)
    return result


def _swallowed(doc: Doc, row: int) -> bool:
    """Whether the fence around `row` may be one by mistake: there it is no prompt's text.

    A bare opening line may be a closing one too many; an opening line within, after `row`,
    tells of a closing one too few.
    """
    block = doc.blocks[doc.around[row]]
    at = bisect_left(doc.openers, row)
    return not fencing.language(ticks(doc.lines[block.open])) or (
        at < len(doc.openers) and doc.openers[at] < block.close
    )


def _without_outline(doc: Doc, rows: list[int]) -> list[int]:
    """`rows` without a listing, free of fences, of what another one lists with prompts.

    Without that difference the same titles again may be steps below each of several tasks.
    """
    kept: list[_Run] = []
    for run in _runs(doc, rows):
        if kept and _same_steps(kept[-1], run):
            has = [some.fenced >= MOST * len(some.rows) for some in (kept[-1], run)]
            if has == [False, True] and not kept[-1].fenced:
                kept[-1] = run
                continue
            if has == [True, False] and not run.fenced:
                continue
        kept.append(run)
    return [row for run in kept for row in run.rows]


class _Run(NamedTuple):
    rows: list[int]
    names: set[tuple[str, str]]
    fenced: int


def _runs(doc: Doc, rows: list[int]) -> Iterator[_Run]:
    """The parts of `rows` in which no id comes twice."""
    run, seen = _Run([], set(), 0), set[str]()
    for entry in _entries(doc, rows):
        title = entry.title
        if title.id in seen:
            yield run
            run, seen = _Run([], set(), 0), set()
        run.rows.append(entry.row)
        run.names.add((title.id, title.text.casefold()))
        seen.add(title.id)
        has = _share([entry], doc.tagged) or _share([entry], doc.bare)
        run = run._replace(fenced=run.fenced + bool(has))
    yield run


def _same_steps(one: _Run, other: _Run) -> bool:
    more = max(len(one.rows), len(other.rows))
    return more > 1 and len(one.names & other.names) >= 0.6 * more


def _entries(
    doc: Doc, rows: Sequence[int], known: dict[int, Title] | None = None, fenced: bool = False
) -> tuple[Entry, ...]:
    """The entries with their titles at `rows`, each with the rows of its body.

    With `fenced` a title may be the first line of a fence; then the body begins there.
    """
    found = known or doc.titles
    starts = [_opening(doc, row) if fenced else row + 1 for row in rows]
    follow = [min(start, row) for start, row in zip(starts[1:], rows[1:], strict=True)]
    ends = zip([*follow, len(doc.lines)], _stops(doc, rows, found), strict=True)
    return tuple(
        Entry(row, start, max(min(end), row + 1), found[row])
        for row, start, end in zip(rows, starts, ends, strict=True)
    )


def _opening(doc: Doc, row: int) -> int:
    number = doc.around[row]
    return doc.blocks[number].open if number >= 0 and doc.firsts[number] == row else row + 1


def _stops(doc: Doc, rows: Sequence[int], known: dict[int, Title]) -> list[int]:
    """For each title the row of the heading that ends its body, or the end of the text."""
    own = set(rows)
    others = [(row, level) for row, level in doc.headings if row not in own]
    limits = {n: [row for row, level in others if level <= n] for n in range(1, 7)}
    result = []
    above, at = 0, 0
    for row in rows:
        while at < len(others) and others[at][0] < row:
            above = others[at][1]
            at += 1
        style = known[row].style
        level = int(style[1]) if style[0] == "h" and style[1].isdigit() else above or 2
        after = limits[level]
        stop = bisect_left(after, row + 1)
        result.append(after[stop] if stop < len(after) else len(doc.lines))
    return result


# ------------------------------------------------------------------ titles without a word


def _with_numbers(doc: Doc) -> Iterator[Family]:
    styles: dict[str, list[int]] = {}
    for row, title in doc.titles.items():
        if title.word == "number" and doc.around[row] < 0:
            styles.setdefault(title.style, []).append(row)
    lists = _numbered_runs(doc, styles.pop("list", []))
    for style, rows in [*styles.items(), ("list", max(lists, key=len, default=[]))]:
        if len(rows) > (2 if style == "list" else 1):
            yield Family(f"{style} number", _entries(doc, rows))


def _numbered_runs(doc: Doc, rows: Sequence[int]) -> Iterator[list[int]]:
    """The lists among the numbered items at `rows`: each item has the next number."""
    run: list[int] = []
    for row in rows:
        step = int(doc.titles[row].id) - int(doc.titles[run[-1]].id) if run else 0
        if step == 2:  # the one between may lie in a fence that is closed too late
            between = (at for at in range(run[-1] + 1, row) if _is_next(doc, run[-1], at))
            run += [*between][:1]
            step = 1 if int(doc.titles[row].id) - int(doc.titles[run[-1]].id) == 1 else 2
        if run and step != 1:
            yield run
            run = []
        run.append(row)
    yield run


def _is_next(doc: Doc, row: int, at: int) -> bool:
    title = doc.titles.get(at)
    if title is None or (title.style, title.word) != ("list", "number") or not _swallowed(doc, at):
        return False
    return int(title.id) == int(doc.titles[row].id) + 1


def _only_fences(doc: Doc) -> Iterator[Family]:
    """Fences made for a prompt; or bare ones, where each has a heading right above it."""
    titled = {row for row, _ in doc.headings}
    above = _lines_above(doc)
    bounds = [0, *(row for row, _ in doc.headings), len(doc.lines)]
    known = [
        one
        for start, end in pairwise(bounds)
        for one in fencing.blocks(doc.lines, start, end)
        if one.closed or any(line.strip() for line in doc.lines[one.open + 1 : end])
    ]
    blocks = [one for one in known if one.language in PROMPT_LANGUAGES]
    if not blocks:
        blocks = [one for one in known if not one.language and above.get(one.open) in titled]
    if len(blocks) < 2:
        return
    entries = []
    for number, block in enumerate(blocks, 1):
        row = above.get(block.open, -1)
        row = row if row in titled else block.open
        title = _fence_title(doc, row, block, number)
        entries.append(Entry(row, block.open, block.close + block.closed, title))
    yield Family("fences", tuple(entries))


def _fence_title(doc: Doc, row: int, block: Block, number: int) -> Title:
    if row == block.open:
        text = _first_words(doc.lines[block.open + 1 : block.close])
        return Title("fence", "fences", str(number), text, titles.fence_state(block.info))
    text, state = split_state((heading(doc.lines[row]) or (0, ""))[1])
    return Title("fence", "fences", str(number), titles.clean(text), state)


def _lines_above(doc: Doc) -> dict[int, int]:
    """For each opening row the row of the last line above that is not blank, or -1."""
    opened = {block.open for block in doc.blocks}
    result = {}
    last = -1
    for row, line in enumerate(doc.lines):
        if row in opened:
            result[row] = last
        if line.strip():
            last = row
    return result


def _check_list(doc: Doc) -> Iterator[Family]:
    rows = {row: found for row, line in enumerate(doc.lines) if (found := titles.item_box(line))}
    rows = {row: found for row, found in rows.items() if doc.around[row] < 0}
    outer = min((found.start for found in rows.values()), default=0)
    known: dict[int, Title] = {}
    for row, found in rows.items():
        if found.start == outer:
            text = titles.clean(doc.lines[row][found.end :])
            known[row] = Title("list", "boxes", str(len(known) + 1), text, found.state)
    if len(known) > 1:
        yield Family("boxes", _entries(doc, list(known), known))


_OF_KIRO = re.compile(r"\s*(?:[-*] )?_Requirements: .*_\s*$").match


def _findings(doc: Doc) -> Family | None:
    """Sections of findings or issues, each with its fields below the heading; any number is its id.

    Each is a step, whole: the fences in it are what it quotes.
    """
    rows = [row for row, level in doc.headings if level == 2]
    fields = {row: _fields(doc, row) for row in rows}
    if not rows or sum(names >= _OF_FINDING for names in fields.values()) < MOST * len(rows):
        return None
    known: dict[int, Title] = {}
    for number, row in enumerate((row for row in rows if fields[row] >= _OF_FINDING), 1):
        found = heading(doc.lines[row])
        words, state = split_state(found[1] if found else "")
        said = _FINDING.match(words)
        named = (said[1], said[2]) if said else (str(number), words)
        known[row] = Title("h2", "finding", named[0], named[1].strip(), state)
    entries = []
    for entry in _entries(doc, list(known), known):
        others = (row for row in rows if entry.row < row < entry.end)
        ours = (row for row in range(entry.start, entry.end) if _NEXT.match(doc.lines[row]))
        entries.append(entry._replace(end=min([entry.end, *others, *ours])))
    return Family(FINDINGS, tuple(entries), fenced=False)


def _fields(doc: Doc, row: int) -> set[str]:
    """The names of the fields that stand below a heading, before its text."""
    found: set[str] = set()
    for line in doc.lines[row + 1 : row + 1 + _MOST_FIELDS]:
        if said := _FIELD.match(line):
            found.add(_FIELDS.get(said[1].lower(), ""))
        elif line.strip():
            break
    return found


_MOST_FIELDS = 12  # lines, blank ones too
_FIELD = re.compile(r"\*\*([A-Za-z ]{2,20}):\*\*")
_NEXT = re.compile(r"<!-- next: [A-Z]{1,3}\d{1,6} -->")  # of piste, behind the last one
_FIELDS = {"file": "file", "files": "file", "labels": "sort", "severity": "sort"}
_OF_FINDING = {"file", "sort"}
_FINDING = re.compile(r"([A-Z]{0,3}-?\d{1,6})[.):][ \t]+(.*)")


def _tasks(doc: Doc) -> Iterator[Family]:
    """Items with a box and an id, as spec-kit, Kiro and OpenSpec write them."""
    known: dict[int, Title] = {}
    others, indent = 0, 0
    for row, line in enumerate(doc.lines):
        found = titles.item_box(line) if doc.around[row] < 0 and "[" in line else None
        if found and (title := titles.task(line)):
            known[row], indent = title, found.start
        elif found and not (known and found.start > indent):  # below a task it is a part of it
            others += 1
    ids = {title.id for title in known.values()}
    if len(known) < 2 or len(known) < others or len(ids) < 0.8 * len(known):
        return
    if any(map(_OF_KIRO, doc.lines)):  # there "[-]" is a task that is under way
        known = {
            row: title._replace(state=DOING) if title.state == DROPPED else title
            for row, title in known.items()
        }
    entries = []
    for entry in _entries(doc, list(known), known):
        stop = next((row for row, _ in doc.headings if entry.row < row < entry.end), entry.end)
        entries.append(entry._replace(end=stop))
    yield Family(TASKS, tuple(entries))


# ------------------------------------------------------------------ tags in the plan


def _with_tags(doc: Doc) -> Iterator[Family]:
    """``<prompt id="1" title="T">`` … ``</prompt>``, each tag on a line of its own."""
    tags = {row: tag for row, line in enumerate(doc.lines) if (tag := titles.tag(line))}
    words: dict[str, list[Entry]] = {}
    closed = {line.strip() for line in doc.lines} & {tag.close for tag in tags.values()}
    close: dict[str, int] = {}  # of each tag, the next row that closes it
    after: dict[str, int] = {}  # … and that opens it again
    for row in range(len(doc.lines) - 1, -1, -1):
        if (line := doc.lines[row].strip()) in closed:
            close[line] = row
        if found := tags.get(row):
            end = close.get(found.close, len(doc.lines))
            if end < after.get(found.close, len(doc.lines)):
                words.setdefault(found.title.word, []).append(Entry(row, row + 1, end, found.title))
            after[found.close] = row
    for word, entries in words.items():
        if len(entries) > 1:
            yield Family(f"tags {word}", _named(doc, entries[::-1]))


def _named(doc: Doc, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries, with what a tag lacks: the title above it, else its place and first words."""
    result = []
    for number, entry in enumerate(entries, 1):
        row, title = entry.row, entry.title
        above = next((at for at in range(row - 1, -1, -1) if doc.lines[at].strip()), -1)
        if not title.id and not title.text and above in doc.titles:
            row, title = above, doc.titles[above]
        text = title.text or _first_words(doc.lines[entry.start : entry.end])
        title = title._replace(id=title.id or str(number), text=text)
        result.append(Entry(row, entry.start, entry.end, title))
    return tuple(result)


def _first_words(lines: Sequence[str]) -> str:
    """The first line that is not blank, without what makes a heading or a tag of it."""
    first = next((line for line in lines if line.strip()), "")
    words = heading(first.strip()) or (0, re.sub(r"</?[A-Za-z][^<>]{0,80}>", "", first).strip())
    return split_state(words[1])[0][:80]


# ------------------------------------------------------------------ comments in the plan


def _markers(doc: Doc) -> Family | None:
    """``<!-- step 3: Title -->`` … ``<!-- /step -->``: the word of the person who wrote it."""
    found = [
        (row, title)
        for row, line in enumerate(doc.lines)
        if "<!--" in line and (title := titles.marker(line))
    ]
    ends = [*(row for row, _ in found[1:]), len(doc.lines)]
    entries = [
        Entry(row, row + 1, end, title)
        for (row, title), end in zip(found, ends, strict=False)
        if title.id
    ]
    return Family("markers", tuple(entries)) if entries else None


def _unwrapped(lines: list[str]) -> list[str]:
    """The lines without the fence that the whole text lies in, where it does (rows stay)."""
    full = [row for row, line in enumerate(lines) if line.strip()]
    opened = ticks(lines[full[0]]) if full else None
    if opened is None or len(full) < 3 or fencing.language(opened) not in ("markdown", "md", ""):
        return lines
    if not heading(lines[full[1]]) and lines[full[1]].strip() != "---":
        return lines
    inner = [found for row in full[1:] if (found := ticks(lines[row]))]
    if fencing.language(opened) in [
        fencing.language(found) for found in (inner if opened.info else inner[:-1])
    ]:
        return lines  # fences of one kind, one after the other: the file only begins with one
    last = ticks(lines[full[-1]])
    cut = {full[0]}
    if last is not None and not last.info and len(inner) % 2:
        cut.add(full[-1])
    return ["" if row in cut else line for row, line in enumerate(lines)]
