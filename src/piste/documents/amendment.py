"""A document amended by a model's edits: what no edit names stays as it is, byte for byte.

The model sees the document without its marks of progress (ticks, "done" in titles), which are
a person's and no content; the edits are found in that text and made in the one that stands.
They are made all or none. Nothing here knows which model was asked, and what for.
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


class _Row(NamedTuple):
    shown: str  # the line as a model sees it, without its end
    at: int  # its row in the text that stands


def shown(text: str, kind: str) -> str:
    """Return a document as a model sees it: LF, without the marks of progress of its kind."""
    return "\n".join(row.shown for row in _rows(text, kind))


def amend(
    text: str, kind: str, name: str, reply: str, whole: Callable[[str], str | None]
) -> Amended:
    """Return the document `name` with the edits of a reply in it.

    `kind` is that of the rule, "plan" or "todo" where progress is marked in it. `whole` returns
    the document that a reply without edits is, or None. Raises Malformed with the reason, and
    with what the model has to see, for edits that do not fit.
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
    return Amended(_edited(text, kind, name, blocks), EDITS if blocks else NOTHING)


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


def _rows(text: str, kind: str) -> list[_Row]:
    text = text.removeprefix("\ufeff")
    if kind == "plan":
        from piste.documents.plan import bare_rows

        return [_Row(line.removesuffix("\r"), at) for at, line in bare_rows(text)]
    if kind == "todo":
        from piste.documents.todo import strip_marks

        text = strip_marks(text)
    return [_Row(line.removesuffix("\r"), at) for at, line in enumerate(text.split("\n"))]


def _edited(text: str, kind: str, name: str, blocks: Sequence[Block]) -> str:
    """The text that stands with the edits in it, one after the other, row for row."""
    raw = text.removeprefix("\ufeff").split("\n")
    crlf = sum(line.endswith("\r") for line in raw)
    end = "\r" if crlf and crlf * 2 >= len(raw) else ""
    rows = _rows(text, kind)
    lines = [row.shown for row in rows]
    # For each line what stands in the text there: its row, with those without a line after it.
    ends = [row.at for row in rows[1:]] + [len(raw)]
    stands = [raw[row.at : after] for row, after in zip(rows, ends, strict=True)]
    before = raw[: rows[0].at] if rows else raw
    for block in blocks:
        new = shown(block.new, kind)  # marks are a person's to set
        start, stop, put = edits.place(name, lines, block._replace(new=new))
        old = lines[start:stop]
        changed: list[list[str]] = []
        # Lines that an edit only quotes keep what stands there.
        for what, a, b, c, d in SequenceMatcher(None, old, put, autojunk=False).get_opcodes():
            if what == "equal":
                changed += stands[start + a : start + b]
            else:
                changed += [[line + end] for line in put[c:d]]
        lines[start:stop] = put
        stands[start:stop] = changed
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    return mark + "\n".join([*before, *(line for group in stands for line in group)])
