"""The steps of a plan, once its form is known: their prompts, ids and groups, and what is doubtful.

What a plan is, and what counts as a prompt, `plan` says; which lines are titles, `formats`.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from piste.documents.markdown import DONE, DROPPED, box, heading, ticks
from piste.documents.plan import fencing, titles
from piste.documents.plan import formats as forms
from piste.documents.plan.fencing import PROMPT_LANGUAGES, Block
from piste.documents.plan.types import FINDINGS, Plan, Problem, Step

NO_STEPS = "no line of it names a step; mark each: <!-- step 1: Title --> … <!-- /step -->"
_RULE = re.compile(r"[ \t]*+(?:([-*_])[ \t]*+(?:\1[ \t]*+){2,}+|=++|[⸻―─━═]++|—{2,}+)[ \t]*+$")
_LABEL = re.compile(r"[\W_]*prompt[\W_]*$", re.IGNORECASE)
_LAST_WORDS = re.compile(
    r"(?:[0-9]{1,2}[.)] ?)?(?:how to use|conclusion|next steps|final notes|closing)\b",
    re.IGNORECASE,
)


def parse(text: str, form: str | None) -> Plan:
    """Return what `plan.parse` returns."""
    doc = forms.read(text)
    families = forms.find(doc)
    if form is not None:
        wanted = set(form.replace("+", " ").split())
        families = [some for some in families if wanted <= set(some.form.replace("+", " ").split())]
    if not families:
        kind = "no-steps" if form is None else "no-such-form"
        found = NO_STEPS if form is None else f"nothing in it has the form {form!r}"
        return Plan((), "none", found, (Problem(kind, 1, found),))
    best, *others = families
    steps, problems = _steps(doc, best)
    if best.form != FINDINGS:  # those come and go, and quote what they like
        problems += [*_doubts(doc, best), *_elisions(doc, best)]
    problems.sort(key=lambda problem: (problem.line, problem.kind))
    return Plan(tuple(steps), best.form, _why(doc, best, others), tuple(problems))


def _steps(doc: forms.Doc, family: forms.Family) -> tuple[list[Step], list[Problem]]:
    entries, cut = _without_tail(doc, family.entries)
    bodies = [fencing.blocks(doc.lines, entry.start, entry.end) for entry in entries]
    kinds = _prompt_kinds(doc, family, bodies)
    groups = _groups(doc, entries)
    used: dict[str, int] = {}
    steps: list[Step] = []
    problems: list[Problem] = []
    for entry, blocks, group in zip(entries, bodies, groups, strict=True):
        step_id = _unique(entry.title.id, used)
        whole = family.form == FINDINGS
        wanted = [] if whole else _prompt_blocks(doc, entry, blocks, kinds)
        prompt = _joined(doc, entry, wanted) if wanted else _prose(doc, entry)
        if step_id != entry.title.id:
            text = f"step {entry.title.id} is there more than once; this one is {step_id}"
            problems.append(Problem("duplicate-id", entry.row + 1, text))
        problems += _prompt_problems(step_id, entry, blocks, wanted, prompt)
        if cut and entry is entries[-1] and not wanted:
            text = f"what follows this rule is taken for no part of step {step_id}"
            problems.append(Problem("left-out", cut, text))
        title = entry.title
        steps.append(Step(
            step_id, title.text, prompt, entry.row + 1, _is_done(doc, entry), group,
            title.optional, title.parallel, (entry.start + 1, entry.end + 1),
        ))  # fmt: skip
    return _with_parts(doc, family, steps), problems


def _with_parts(doc: forms.Doc, family: forms.Family, steps: list[Step]) -> list[Step]:
    """The steps; a task that is but a line over others, "2" over "2.1" and "2.2", has its parts."""
    if family.form != forms.TASKS:
        return steps
    result: list[Step] = []
    for step in reversed(steps):
        first, end = step.rows
        bare = not any(line.strip() for line in doc.lines[first - 1 : end - 1])
        parts = [one for one in result if bare and one.id.startswith(f"{step.id}.")]
        result.insert(0, step._replace(parts=tuple(one.id for one in parts)))
    return result


def _is_done(doc: forms.Doc, entry: forms.Entry) -> bool:
    """Whether the title of a step says so, or a status below it, or all of its boxes are ticked."""
    if said := entry.title.state or _told(doc, entry):
        return said == DONE
    rows = (row for row in range(entry.start, entry.end) if doc.around[row] < 0)
    states = {found.state for row in rows if (found := box(doc.lines[row]))}
    return DONE in states and states <= {DONE, DROPPED}


def _without_tail(
    doc: forms.Doc, entries: tuple[forms.Entry, ...]
) -> tuple[tuple[forms.Entry, ...], int]:
    """The entries, the last one up to its first rule where rules stand between all of them.

    With it comes the line (from 1) of that rule, where something follows it, else 0.
    """
    found = [
        [row for row in range(entry.start, entry.end) if _is_rule(doc, row)] for entry in entries
    ]
    *before, last = found
    if not last or not before:
        return entries, 0
    for entry, rules in zip(entries, before, strict=False):
        tail = next((row for row in reversed(range(entry.start, entry.end))
                     if doc.lines[row].strip()), -1)  # fmt: skip
        if rules != [tail]:
            return entries, 0
    entry = entries[-1]
    rest = range(last[0] + 1, entry.end)
    if set(rest) & {*doc.tagged} or all(_is_frame(doc.lines[row]) for row in rest):
        return entries, 0
    return (*entries[:-1], entry._replace(end=last[0])), last[0] + 1


def _is_rule(doc: forms.Doc, row: int) -> bool:
    return doc.around[row] < 0 and _RULE.match(doc.lines[row]) is not None


def _unique(step_id: str, used: dict[str, int]) -> str:
    used[step_id] = count = used.get(step_id, 0) + 1
    name = step_id if count == 1 else f"{step_id}#{count}"
    if count > 1 and name in used:  # only a comment can hold an id such as "3#2"
        return _unique(step_id, used)
    used.setdefault(name, 1)
    return name


def _told(doc: forms.Doc, entry: forms.Entry) -> str:
    rows = titles.status_rows(doc.lines, entry.row)
    return titles.status(doc.lines[rows[0]]) if rows else ""


class _Kinds(NamedTuple):
    tagged: bool  # a fence for a prompt, by its language, holds it
    bare: bool  # a fence without a language does
    alone: bool  # so does any fence, where it is all that a step has


def _prompt_kinds(
    doc: forms.Doc, family: forms.Family, bodies: Sequence[Sequence[Block]]
) -> _Kinds:
    """What holds the prompts of most steps of a family; else a fence is an example in a text."""
    most = forms.MOST * len(bodies)
    tagged = sum(any(_is_tagged(block) for block in blocks) for blocks in bodies)
    bare = sum(any(not block.language for block in blocks) for blocks in bodies)
    pairs = zip(family.entries, bodies, strict=True)
    alone = sum(_alone(doc, entry, blocks) for entry, blocks in pairs)
    return _Kinds(tagged >= most, family.fenced and bare >= most, alone >= most)


def _is_tagged(block: Block) -> bool:
    return block.language in PROMPT_LANGUAGES


def _alone(doc: forms.Doc, entry: forms.Entry, blocks: Sequence[Block]) -> bool:
    if len(blocks) != 1:
        return False
    rows = [*range(entry.start, blocks[0].open), *range(blocks[0].close + 1, entry.end)]
    return all(_is_frame(doc.lines[row]) or _LABEL.match(doc.lines[row]) for row in rows)


def _prompt_blocks(
    doc: forms.Doc, entry: forms.Entry, blocks: Sequence[Block], kinds: _Kinds
) -> list[Block]:
    """The fences that hold the prompt of a step; none where its text is the prompt."""
    if blocks and entry.start == blocks[0].open and entry.start != entry.row + 1:
        return [blocks[0]]  # the title stands in it, or it has no title of its own
    wanted = [block for block in blocks if _is_tagged(block)]
    if not kinds.tagged and not any(_is_labelled(doc, entry, block) for block in wanted):
        wanted = []  # in a step that is told in prose, a fence is an example
    if not wanted and kinds.bare:
        wanted = [block for block in blocks if not block.language]
    if not wanted and kinds.alone and _alone(doc, entry, blocks):
        wanted = list(blocks)
    full = [block for block in wanted if any(_rows(doc, block))]
    return full or wanted[:1]


def _rows(doc: forms.Doc, block: Block) -> list[str]:
    return [line for line in doc.lines[block.open + 1 : block.close] if line.strip()]


def _is_labelled(doc: forms.Doc, entry: forms.Entry, block: Block) -> bool:
    """Whether a fence is all that there is of a step, or stands below ``Prompt:``."""
    rows = range(block.open - 1, entry.start - 1, -1)
    above = next((doc.lines[row] for row in rows if not _is_frame(doc.lines[row])), "")
    return not above or bool(_LABEL.match(above))


def _joined(doc: forms.Doc, entry: forms.Entry, wanted: Sequence[Block]) -> str:
    """What stands in the fences, with what stands between them."""
    parts = []
    before: Block | None = None
    for block in wanted:
        if before is not None:
            between = _trimmed(list(doc.lines[before.close + 1 : block.open]))
            parts += ["\n".join(between)] if between else []
        parts.append(_content(doc, entry, block))
        before = block
    return "\n\n".join(parts)


def _is_frame(line: str) -> bool:
    """Whether a line only stands around a prompt: a blank, a rule, a tag, a status."""
    bare = line.strip()
    if not bare or bare in ("...", "…") or _RULE.match(line) or titles.status(line):
        return True
    return bare.startswith("<") and (cut := titles.parts(line)) is not None and not cut.body


def _content(doc: forms.Doc, entry: forms.Entry, block: Block) -> str:
    rows = range(block.open + 1, block.close)
    lines = [_dedent(doc.lines[row], block.width) for row in rows]
    if entry.row in rows:
        lines[entry.row - block.open - 1] = titles.bare(lines[entry.row - block.open - 1], True)
    if not block.closed:
        lines = _trimmed(lines)
        last = ticks(lines[-1]) if lines else None
        if last and not last.info and sum(ticks(line) is not None for line in lines) % 2:
            lines = _trimmed(lines[:-1])  # meant to close it, and too short for that
    return "\n".join(lines)


def _dedent(line: str, width: int) -> str:
    lead = line[: len(line) - len(line.lstrip(" \t"))].expandtabs(4)
    return lead[width:] + line.lstrip(" \t") if width and lead else line


def _prose(doc: forms.Doc, entry: forms.Entry) -> str:
    told = set(titles.status_rows(doc.lines, entry.row))
    lines = [doc.lines[row] for row in range(entry.start, entry.end) if row not in told]
    if entry.title.style == "boxes" and (found := titles.item_box(doc.lines[entry.row])):
        first = doc.lines[entry.row][found.end :].removeprefix("*").strip()
        rest = (n for n, line in enumerate(lines) if line.strip() and not line[0].isspace())
        lines = [first, *lines[: next(rest, len(lines))]]
    elif entry.title.style == "list":
        rest = (n for n, line in enumerate(lines) if line.strip() and not line[0].isspace())
        lines = [entry.title.text, *lines[: next(rest, len(lines))]]
    elif entry.title.style in ("plain", "bold"):
        ends = (n for n, line in enumerate(lines) if n and _LAST_WORDS.match(line))
        lines = lines[: next(ends, len(lines))]
    lines = _trimmed(lines)
    if sum(ticks(line) is not None for line in lines) % 2 and (last := ticks(lines[-1])):
        lines = lines if last.info else _trimmed(lines[:-1])  # it closes another step's fence
    return "\n".join(lines)


def _trimmed(lines: list[str]) -> list[str]:
    start, end = 0, len(lines)
    while start < end and _is_frame(lines[start]):
        start += 1
    while end > start and _is_frame(lines[end - 1]):
        end -= 1
    return lines[start:end]


def _groups(doc: forms.Doc, entries: Sequence[forms.Entry]) -> list[str]:
    """For each entry the heading above it, unless that is the title of the whole."""
    own = {entry.row for entry in entries}
    others = [(row, level) for row, level in doc.headings if row not in own]
    tops = [row for row, level in others if level == 1]
    if others and tops == [others[0][0]]:
        others = others[1:]
    result = []
    open_headings: list[tuple[int, int]] = []
    at = 0
    for entry in entries:
        while at < len(others) and others[at][0] < entry.row:
            while open_headings and open_headings[-1][1] >= others[at][1]:
                open_headings.pop()
            open_headings.append(others[at])
            at += 1
        style = entry.title.style
        limit = int(style[1]) if style[0] == "h" and style[1].isdigit() else 7
        rows = [row for row, level in open_headings if level < limit]
        found = heading(doc.lines[rows[-1]]) if rows else None
        result.append(titles.clean(found[1]) if found else "")
    return result


# What lines of a style are called; the first word of a family's form is the style.
_CALLED = {
    "html": ("heading", "headings"), "bold": ("bold line", "bold lines"),
    "plain": ("line", "lines"), "list": ("item of a list", "items of a list"),
    "boxes": ("item with a box", "items with a box"), "tags": ("tag", "tags"),
    "markers": ("comment", "comments"), "fences": ("fenced block", "fenced blocks"),
    "fence": ("title in a fenced block", "titles in fenced blocks"),
}  # fmt: skip
_MOST_NAMED = 3  # kinds that were passed over
_SAMPLE = 40  # characters of a line that is shown


def _why(doc: forms.Doc, best: forms.Family, others: Sequence[forms.Family]) -> str:
    """Say what the steps were read from, and what else looks like steps, as a person sees it."""
    count = len(best.entries)
    kind = _lines_of(doc, best)
    taken = f"{count} steps, from {kind}" if count > 1 else f"1 step, from the {kind}"
    over = list(_passed_over(best, others))
    if not over:
        return taken
    named = [
        f"{len(one.entries)} {_lines_of(doc, one)} (line {one.entries[0].row + 1})"
        for one in over[:_MOST_NAMED]
    ]
    named += ["and more"] if len(over) > _MOST_NAMED else []
    return f"{taken}; also looks like steps and was passed over: {', '.join(named)}"


def _lines_of(doc: forms.Doc, family: forms.Family) -> str:
    """What the titles of a family are, with the first of them."""
    style = re.split(r"[+ ]", family.form)[0]
    one, many = _CALLED.get(style, ("heading", "headings"))
    only = len(family.entries) == 1
    if style == "fences":  # they have no title that could be shown
        return one if only else many
    line = doc.lines[family.entries[0].row].strip()
    shown = line if len(line) <= _SAMPLE else f"{line[: _SAMPLE - 1].rstrip()}…"
    return f"{one} '{shown}'" if only else f"{many} such as '{shown}'"


def _passed_over(best: forms.Family, others: Sequence[forms.Family]) -> Iterator[forms.Family]:
    """The others, each line once, without what is part of the steps: their titles and prompts."""
    seen = {entry.row for entry in best.entries}
    for other in others:
        rows = {entry.row for entry in other.entries}
        within = all(
            any(step.row <= row < step.end for step in best.entries) for row in rows
        ) and len(rows) <= len(best.entries)  # one fence a step holds its prompt
        if not rows <= seen and not (other.form == "fences" and within):
            yield other
        seen |= rows


# ------------------------------------------------------------------ what is doubtful

_PLACE = re.compile(r"(.*?)([0-9]{1,6})([^0-9]*)$", re.DOTALL)
# An elision gets a paid reply rejected, so it has to stand alone on its line: dots that begin
# it, or an aside in brackets that speaks of other steps.
_AND_SO_ON = re.compile(
    r"[\[(*_>\s]*+(?:\.{3}|…)[\W_]*+(?:$|and so on|continu|etc\b|repeat|same|similar|remaining)",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"[*_>\s]*+(?:\(|\[(?!.{0,99}\]\())")
_OTHERS = re.compile(
    r"omitted\b|\band so on\b|\bwould (?:follow|cover|continue|be similar)\b|\bsimilarly for\b"
    r"|\bprompts\W{1,3}for\b.{0,60}\bwould\b|\bsimilar (?:prompts|steps|tasks)\b"
    r"|\b(?:other|remaining|further|additional|subsequent) (?:prompts|steps|tasks|phases)\b",
    re.IGNORECASE,
)
_STAND_IN = re.compile(
    r"[\W_]*+(?:$|(?:same|similar) (?:as|to) |as (?:above|before)\b)", re.IGNORECASE
)
_BANNERS = tuple("#>*_!~[⚠❌🚫⛔")
_ABANDONED = re.compile(
    r"\b(?:abandoned|superseded|obsolete|deprecated|no longer (?:used|maintained|followed)"
    r"|do not (?:use|follow))\b",
    re.IGNORECASE,
)


def _prompt_problems(
    step_id: str,
    entry: forms.Entry,
    blocks: Sequence[Block],
    wanted: Sequence[Block],
    prompt: str,
) -> Iterator[Problem]:
    if not prompt.strip():
        yield Problem("empty-prompt", entry.row + 1, f"step {step_id} has no prompt")
    elif len(prompt) < 100 and _STAND_IN.match(prompt):
        yield Problem("elision", entry.row + 1, f"the prompt of step {step_id} is not written out")
    if len(wanted) > 1:
        text = f"step {step_id} has {len(wanted)} fences for a prompt; all are taken, as one"
        yield Problem("several-prompts", wanted[1].open + 1, text)
    for some in wanted:
        if some.inner >= 0:
            text = f"this line is taken for the beginning of a fence within the prompt of {step_id}"
            yield Problem("nested-fence", some.inner + 1, text)
    for some in blocks:
        if not some.closed:
            text = f"nothing closes the fence that opens here, in step {step_id}"
            yield Problem("unclosed-fence", some.open + 1, text)


def _doubts(doc: forms.Doc, family: forms.Family) -> Iterator[Problem]:
    first = family.entries[0].row
    if family.fit and family.fit[0] < forms.WEAK and len(family.entries) > 1:
        yield Problem(
            "doubtful-form", first + 1, f"these may be no steps: the {_lines_of(doc, family)}"
        )
    yield from _gaps(family)
    yield from _strays(doc, family)
    yield from _hidden(doc, family)
    yield from _untitled(doc, family)
    for entry in family.entries:
        if entry.title.state == DROPPED:
            text = f"step {entry.title.id} is struck out or called off"
            yield Problem("abandoned", entry.row + 1, text)
    for row in range(min(first, 40)):
        line = doc.lines[row]
        banner = doc.around[row] < 0 and len(line) < 500 and line.startswith(_BANNERS)
        if banner and _ABANDONED.search(line):
            yield Problem("abandoned", row + 1, "the plan says that it is not followed any more")


def _strays(doc: forms.Doc, family: forms.Family) -> Iterator[Problem]:
    """Fences made for a prompt that stand below the first step and in none."""
    starts = [entry.start for entry in family.entries]
    tagged = set(doc.tagged) if family.form != "markers" else set()
    tagged |= set(doc.bare) if family.form == "fences" else set()
    for block in doc.blocks:
        at = bisect_right(starts, block.open) - 1
        if block.open in tagged and at >= 0 and block.open >= family.entries[at].end:
            yield Problem("stray-prompt", block.open + 1, "this fence belongs to no step")


def _untitled(doc: forms.Doc, family: forms.Family) -> Iterator[Problem]:
    """The first fence that is a step without a title, where others have one with a number."""
    titled = [entry for entry in family.entries if entry.row in doc.titles]
    alone = [entry for entry in family.entries if entry.title.style == "fence"]
    if family.form == "fences" and titled and alone:
        text = "this fence has no title of its own, and is taken for a step"
        yield Problem("doubtful-form", alone[0].row + 1, text)


def _hidden(doc: forms.Doc, family: forms.Family) -> Iterator[Problem]:
    """Titles in fences that go on where those of their kind outside end: fences break."""
    known = {entry.row for entry in family.entries}
    outside: dict[tuple[str, str], tuple[str, int]] = {}  # of each kind the last one's number
    for row, title in sorted(doc.titles.items()):
        kind, number = (title.style, title.word), _place(title.id)
        if title.style not in fencing.HEADED:
            continue
        if row in known or doc.around[row] < 0:
            outside[kind] = number
        elif kind in outside and number == (outside[kind][0], outside[kind][1] + 1):
            text = f"this may be the title of step {title.id}; it stands inside a fence"
            yield Problem("hidden-title", row + 1, text)


def _gaps(family: forms.Family) -> Iterator[Problem]:
    """Numbers that are left out, in each series of ids (1.1, 1.2 … is one, A/6, B/6 … another)."""
    series: dict[str, dict[int, int]] = {}
    for entry in family.entries:
        prefix, number = _place(entry.title.id)
        series.setdefault(prefix, {}).setdefault(number, entry.row)
        if prefix[-1:] in (".", "-"):
            outer, number = _place(prefix[:-1])
            series.setdefault(outer, {}).setdefault(number, entry.row)
    for prefix, rows in series.items():
        before = 0
        for number in sorted(rows):
            if number > before + 1 and len(rows) > 1:
                missing = f"{prefix}{before + 1}"
                missing += f" to {prefix}{number - 1}" if number > before + 2 else ""
                yield Problem("gap", rows[number] + 1, f"no step {missing} before {prefix}{number}")
            before = max(before, number)


def _place(step_id: str) -> tuple[str, int]:
    """The series that an id belongs to, and its number there; -1 when it has none."""
    head, slash, total = step_id.partition("/")
    if len(head) == 1 and head.isascii() and head.isalpha():
        return slash + total, ord(head.upper()) - ord("A") + 1
    found = _PLACE.match(head)
    return (found.group(1) + slash + total, int(found.group(2))) if found else (step_id, -1)


def _elisions(doc: forms.Doc, family: forms.Family) -> Iterator[Problem]:
    """Lines between the steps that stand for steps which are not written."""
    for row in range(family.entries[0].row + 1, len(doc.lines)):
        line = doc.lines[row]
        if doc.around[row] >= 0 or not line.strip() or len(line) > 400 or row in doc.titles:
            continue
        if _AND_SO_ON.match(line) or (_ASIDE.match(line) and _OTHERS.search(line)):
            text = f"this seems to stand for steps that are not written: {line.strip()[:60]}"
            yield Problem("elision", row + 1, text)
