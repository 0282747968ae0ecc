"""Edits of the outline model: what it would write otherwise now, put into the text that stands.

It writes the document of the earlier input and that of the present one, and asks for what is
different between the two. So what people have added stays. The earlier input it works out from
the diff in the prompt. How documents are written it does not know.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

_AMEND = re.compile(r"^Amend: \S.*\s*\Z", re.MULTILINE)
_STANDS = re.compile(r'\n<(document(?:-\d+)?) path="([^\n]*)">\n')
_CHANGE = re.compile(r'\n<(change(?:-\d+)?) path="([^\n]*)">\n(.*?)\n</\1>', re.DOTALL)
_INPUT = re.compile(r'<(\w+(?:-\d+)?) path="([^\n]*)">\n')
_LIST = re.compile(r"\nThese steps of it have been carried out[^\n]*\n\n")
_FINISHED = re.compile(r"^- (step .*)$", re.MULTILINE)
_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")


class Asked(NamedTuple):
    """What a prompt that asks for edits says."""

    order: str  # by which the document is written whole
    before: str  # the same with the input as it was, or "" where that cannot be told
    name: str
    document: str  # as it stands
    finished: tuple[str, ...] = ()  # steps of it that are carried out


def read(prompt: str) -> Asked | None:
    """Return what a message asks for that wants edits, else None."""
    if not _AMEND.search(prompt):
        return None
    for opening in reversed([*_STANDS.finditer(prompt)]):
        end = prompt.rfind(f"\n</{opening[1]}>")
        if end >= opening.end() - 1:
            order = prompt[: opening.start()].rpartition("\n---\n")[0]
            said = prompt[end:]
            finished = tuple(_FINISHED.findall(_LIST.split(said)[-1])) if _LIST.search(said) else ()
            document = prompt[opening.end() : end]
            return Asked(order, _before(order, said), opening[2], document, finished)
    return None


def edits_between(asked: Asked, before: str, after: str) -> str:
    """Return the edits, in the form of `documents.edits`, that make in the text what changed."""
    old, new = before.rstrip("\n").split("\n"), after.rstrip("\n").split("\n")
    lines = asked.document.rstrip("\n").split("\n")
    signs = "=" * (3 + max(len(line) - len(line.lstrip("=")) for line in (*lines, *new)))
    blocks = []
    limit = len(old)
    # From the end on: what stands above a change is as it was then.
    for a, b, c, d in reversed([*_changed(old, new)]):
        found = _passage(lines, old[:limit], a, b)
        limit = a
        if found is None:
            continue  # somebody has put it otherwise
        above, below = found
        wanted = old[a - above : b + below]
        put = [*old[a - above : a], *new[c:d], *old[b : b + below]]
        at = _places(lines, wanted)[0]
        lines[at : at + len(wanted)] = put
        rows = [f"{signs} edit: {asked.name}", *wanted, f"{signs} with", *put, f"{signs} end"]
        blocks.append("\n".join([*rows, ""]))
    return "\n".join(blocks) or "=== nothing: no line of it is other by the new input\n"


def _changed(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    for what, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what != "equal":
            yield a, b, c, d


def _passage(
    lines: Sequence[str], old: Sequence[str], start: int, end: int
) -> tuple[int, int] | None:
    """How many lines above and below the old ones make a passage that the text has once."""
    for around in range(len(old) + 1):
        above, below = min(around, start), min(around, len(old) - end)
        wanted = old[start - above : end + below]
        count = len(_places(lines, wanted))
        if count == 1 and any(line.strip() for line in wanted):
            return above, below
        if count == 0 and wanted:
            return None
    return None


def _places(lines: Sequence[str], wanted: Sequence[str]) -> list[int]:
    if not wanted:
        return []
    starts = range(len(lines) - len(wanted) + 1)
    return [
        at for at in starts if lines[at] == wanted[0] and lines[at : at + len(wanted)] == wanted
    ]


def _before(order: str, changes: str) -> str:
    """The order with its input as it was, by the diff that the prompt shows; "" without one."""
    opening = _INPUT.match(order)
    end = order.rfind(f"\n</{opening[1]}>") if opening else -1
    if opening is None or end < 0:
        return ""
    for _, name, diff in _CHANGE.findall(changes):
        if name == opening[2] and diff.startswith("--- "):
            text = _undone(order[opening.end() : end].split("\n"), diff.split("\n"))
            return order[: opening.end()] + "\n".join(text) + order[end:]
    return ""


def _undone(lines: list[str], diff: Sequence[str]) -> list[str]:
    """The lines before a unified diff was made in them."""
    hunks: list[tuple[int, int, list[str]]] = []
    for row in diff:
        if found := _HUNK.match(row):
            count = int(found[2] or 1)
            hunks.append((int(found[1]) - (1 if count else 0), count, []))
        elif hunks and row[:1] != "+":
            hunks[-1][2].append(row[1:])
    for start, count, old in reversed(hunks):
        lines[start : start + count] = old
    return lines
