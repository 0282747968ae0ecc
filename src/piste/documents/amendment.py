"""A document amended by a model's edits: what no edit names stays as it is, byte for byte.

The model sees the document without its marks of progress (ticks, "done" in titles), which are
a person's and no content; the edits are found in that text and made in the one that stands.
They are made all or none. Rows may be frozen: an edit that changes one is refused, and what of
them a model need not read is shown as one line that stands for all of it. Nothing here knows
which model was asked, what for, and why a row is frozen.
"""

import re
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from piste.documents import edits, reasoning
from piste.documents.edits import Block, Malformed
from piste.system.errors import printable

EDITS = "edits"
NOTHING = "nothing had to change"
WHOLE = "written whole"

_NOTHING = re.compile(
    r"[*_\s]*(?:nothing (?:has|needs|had) to (?:be )?change|no (?:changes?|edits?)\b"
    r"|the document (?:still )?(?:stands|holds))",
    re.IGNORECASE,
)
_SHORT = 600  # characters; a longer reply without an edit is no "nothing has to change"


class Amended(NamedTuple):
    """What became of a document."""

    text: str
    form: str  # of the reply: EDITS, NOTHING or WHOLE


class Frozen(NamedTuple):
    """Rows of the text that stands, from 0, which no edit may change."""

    start: int
    end: int  # the row after the last
    name: str  # as a message calls them: "step 3", "F12"
    folded: int = -1  # from this row to the end one line is shown in place of all; -1: none


class _Row(NamedTuple):
    shown: str  # the line as a model sees it, without its end
    at: int  # its row in the text that stands


def shown(text: str, kind: str, frozen: Sequence[Frozen] = ()) -> str:
    """Return a document as a model sees it: LF, without the marks of progress of its kind."""
    return "\n".join(row.shown for row in _rows(text, kind, frozen))


def amend(
    text: str,
    kind: str,
    name: str,
    reply: str,
    whole: Callable[[str], str | None],
    frozen: Sequence[Frozen] = (),
) -> Amended:
    """Return the document `name` with the edits of a reply in it.

    `kind` is that of the rule, "plan" or "todo" where progress is marked in it. `whole` returns
    the document that a reply without edits is, or None; what is frozen it has to put back itself,
    since only it knows by what a passage is found again. Raises Malformed with the reason, and
    with what the model has to see, for edits that do not fit, or that change what is `frozen`.
    """
    reply = reasoning.removed(reply.replace("\r\n", "\n"))
    try:
        blocks = edits.parse(reply)
    except Malformed:
        if len(reply) <= _SHORT and _NOTHING.match(reply.strip()):
            return Amended(text, NOTHING)
        if (document := whole(reply)) is not None:
            return Amended(document, WHOLE)
        raise
    blocks = _of(name, blocks)
    files = [block for block in blocks if block.kind == "file"]
    if files and len(blocks) > 1:
        raise Malformed(f"{name} is there whole and in edits; give edits only")
    if files:
        if (document := whole(files[0].new)) is None:
            raise Malformed(f"what is given in place of {name} is no such document")
        return Amended(document, WHOLE)
    edited = _edited(text, kind, name, blocks, frozen) if blocks else text
    return Amended(edited, EDITS if blocks else NOTHING)


def _of(name: str, blocks: Sequence[Block]) -> list[Block]:
    """The blocks that change the document. Raises Malformed for any that mean another."""
    for block in blocks:
        if block.kind == "cannot":
            raise Malformed(f"it cannot be done: {printable(block.path)}")
        if block.kind in ("need", "delete"):
            raise Malformed(f"'=== {block.kind}: {printable(block.path)}' is of no use here")
        if block.kind != "nothing" and block.path.rpartition("/")[2] != name.rpartition("/")[2]:
            raise Malformed(f"{printable(block.path)} is not to be changed, only {name} is")
    return [block for block in blocks if block.kind != "nothing"]


def _rows(text: str, kind: str, frozen: Sequence[Frozen] = ()) -> list[_Row]:
    text = text.removeprefix("\ufeff")
    if kind in ("plan", "findings"):
        from piste.documents.plan import bare_rows

        rows = [_Row(line.removesuffix("\r"), at) for at, line in bare_rows(text)]
        return _folded(rows, frozen)
    if kind == "todo":
        from piste.documents.todo import strip_marks

        text = strip_marks(text)
    rows = [_Row(line.removesuffix("\r"), at) for at, line in enumerate(text.split("\n"))]
    return _folded(rows, frozen)


def _folded(rows: list[_Row], frozen: Sequence[Frozen]) -> list[_Row]:
    """The rows with one line in place of each part that is not shown."""
    folds = {one.folded: one for one in frozen if 0 <= one.folded < one.end}
    if not folds:
        return rows
    found: list[_Row] = []
    until = 0
    for row in rows:
        if row.at < until:
            continue
        if (one := folds.get(row.at)) is not None:
            until = one.end
            said = f"[{one.name} goes on unchanged; {one.end - one.folded} lines are not shown]"
            found.append(_Row(said, row.at))
        else:
            found.append(row)
    return found


def _edited(
    text: str, kind: str, name: str, blocks: Sequence[Block], frozen: Sequence[Frozen]
) -> str:
    """The text that stands with the edits in it, one after the other, row for row."""
    raw = text.removeprefix("\ufeff").split("\n")
    crlf = sum(line.endswith("\r") for line in raw)
    end = "\r" if crlf and crlf * 2 >= len(raw) else ""
    rows = _rows(text, kind, frozen)
    lines = [row.shown for row in rows]
    # For each line what stands in the text there: its row, with those without a line after it.
    ends = [row.at for row in rows[1:]] + [len(raw)]
    stands = [raw[row.at : after] for row, after in zip(rows, ends, strict=True)]
    names = [_name_of(row.at, frozen) for row in rows]  # of what is frozen there
    before = raw[: rows[0].at] if rows else raw
    for block in blocks:
        new = shown(block.new, kind)  # marks are a person's to set
        start, stop, put = edits.place(name, lines, block._replace(new=new))
        changed: list[list[str]] = []
        named: list[str] = []
        # Lines that an edit only quotes keep what stands there.
        for what, a, b, c, d in _aligned(lines, start, stop, put, names):
            if what == "equal":
                changed += stands[a:b]
                named += names[a:b]
            else:
                changed += [[line + end] for line in put[c:d]]
                named += [""] * (d - c)
        lines[start:stop] = put
        stands[start:stop] = changed
        names[start:stop] = named
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    return mark + "\n".join([*before, *(line for group in stands for line in group)])


_Rows = list[tuple[str, int, int, int, int]]  # as of SequenceMatcher.get_opcodes


def _aligned(
    lines: Sequence[str], start: int, stop: int, put: Sequence[str], names: Sequence[str]
) -> _Rows:
    """Which of the lines from `start` to `stop` an edit only quotes, and which it changes.

    Raises Malformed where it changes one that has a name in `names`.
    """
    held = ""
    for last_first in (False, True):  # lines may be put in before or behind others of their words
        rows = _compared(lines[start:stop], put, start, last_first)
        held = next((name for what, a, b, _, _ in rows if what != "equal"
                     if (name := _held(names, a, b))), "")  # fmt: skip
        if not held:
            return rows
    raise Malformed(f"an edit changes {held}, which has to stay as it is")


def _compared(old: Sequence[str], put: Sequence[str], start: int, last_first: bool) -> _Rows:
    """How `put` comes out of `old`, which begins at `start`: what both ends share is the same."""
    most = min(len(old), len(put))
    head = tail = 0
    for at_end in (last_first, not last_first):
        while not at_end and head + tail < most and old[head] == put[head]:
            head += 1
        while at_end and head + tail < most and old[-1 - tail] == put[-1 - tail]:
            tail += 1
    inner = SequenceMatcher(
        None, old[head : len(old) - tail], put[head : len(put) - tail], autojunk=False
    )
    rows: _Rows = [("equal", start, start + head, 0, head)]
    for what, a, b, c, d in inner.get_opcodes():
        rows.append((what, start + head + a, start + head + b, head + c, head + d))
    rows.append(("equal", start + len(old) - tail, start + len(old), len(put) - tail, len(put)))
    return rows


def _name_of(row: int, frozen: Sequence[Frozen]) -> str:
    return next((one.name for one in frozen if one.start <= row < one.end), "")


def _held(names: Sequence[str], start: int, stop: int) -> str:
    """The name of what is frozen in these rows, or around the place between two; else ""."""
    if start < stop:
        return next((name for name in names[start:stop] if name), "")
    within = 0 < start < len(names) and names[start - 1] == names[start]
    return names[start] if within else ""
