"""The edits that a model's reply asks for: read, and found in the text that they are about.

    === file: src/tally.py            a whole file, new or in place of the old one
    the content, line for line
    === end

    === edit: src/tally.py            one passage of a text, which must be in it exactly once
    the old lines
    === with
    the new lines
    === end

    === delete: src/old.py            one line each: a file to be removed,
    === need: tests/test_tally.py     a file (or lines of one) to be shown before it is changed,
    === cannot: why                   the answer that it cannot be carried out,
    === nothing: why                  and the answer that nothing has to change

A line of the content that would itself be such a mark is no trouble: more equals signs in the
opening line ask for as many in its `with` and `end`. Text around the blocks is for people.

What a model writes otherwise and can mean one thing only is taken: a fence around a content, a
missing `end`, old lines that are indented otherwise throughout. It is one form for all edits: the
built-in agent's of files (`steps.edit_blocks`), and those by which a document is amended
(`engine.amending`). This module touches no files and does not know what an edit is for.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from piste.system.errors import Failed, printable

_KINDS = "file|edit|delete|need|cannot|nothing|with|end"
_MARK = re.compile(rf"(={{3,}})[ \t]+({_KINDS})\b[ \t]*:?[ \t]*(.*?)[ \t]*$")
_FENCE = re.compile(r"(`{3,}|~{3,})[\w.+-]*[ \t]*$")
_MARKDOWN = (".md", ".markdown", ".mdx", ".rst", ".txt")
_QUOTED = 20  # lines of a file that are shown to a model, around where it may have meant


class Malformed(Failed):
    """What cannot be carried out; `str` is the reason, `quote` what the model has to see."""

    def __init__(self, reason: str, quote: str = "") -> None:
        super().__init__(reason)
        self.quote = quote


class Block(NamedTuple):
    """One block of a reply."""

    kind: str  # file, edit, delete, need, cannot or nothing
    path: str  # of `cannot` and `nothing`, the reason
    old: str = ""  # of an edit
    new: str = ""  # of an edit or a file


# ------------------------------------------------------------------ reading


def parse(reply: str) -> list[Block]:
    """Return the blocks of a reply, in order. Raises Malformed, on any text in linear time."""
    lines = reply.replace("\r\n", "\n").split("\n")
    blocks: list[Block] = []
    at = 0
    ended = False  # whether only blank lines are between here and the end of a block
    while at < len(lines):
        mark = _MARK.match(lines[at])
        at += 1
        if mark is None:
            ended = ended and not lines[at - 1].strip()
            continue
        signs, kind, path = mark.groups()
        if kind == "end" and ended:
            continue
        if kind in ("with", "end"):
            raise Malformed(f"line {at}: '{signs} {kind}' stands outside a block")
        path = path if kind in _REASONS else path.strip("`\"'")
        if not path:
            raise Malformed(
                f"line {at}: '{signs} {kind}:' names no {'reason' if kind in _REASONS else 'file'}"
            )
        ended = True
        if kind in _NO_BODY:
            blocks.append(Block(kind, path))
        else:
            at = _body(lines, at, signs, kind, path, blocks)
    if not blocks:
        raise Malformed(_nothing(reply))
    return blocks


_NO_BODY = ("delete", "need", "cannot", "nothing")
_REASONS = ("cannot", "nothing")


def whole_part(reply: str) -> str:
    """Return what of a reply that was cut off stands in whole blocks."""
    lines = reply.replace("\r\n", "\n").split("\n")
    marks = [(row, mark) for row, line in enumerate(lines) if (mark := _MARK.match(line))]
    if any(len(mark[1]) > 3 for _, mark in marks):  # its `end` could be the content of a block
        return ""
    ends = [row for row, mark in marks if mark[2] == "end"]
    return "\n".join(lines[: ends[-1] + 1]) if ends else ""


def cannot(text: str) -> str:
    """Return why the step cannot be carried out, where a text says so; else ""."""
    found = re.search(r"^={3,}[ \t]+cannot\b[ \t]*:?[ \t]*(\S.*?)[ \t]*$", text, re.MULTILINE)
    return found[1] if found else ""


def around(reply: str) -> str:
    """Return what a reply says beside its blocks, and beside a fence that stood around them."""
    lines = reply.replace("\r\n", "\n").split("\n")
    said: list[str] = []
    within = ""  # the signs of the block that we are in
    for line in lines:
        mark = _MARK.match(line)
        if mark is None:
            said += [] if within else [line]
        elif mark[2] == "end":
            within = within if mark[1] != within else ""
        elif not within or mark[1] == within:
            within = "" if mark[2] in _NO_BODY else mark[1]
    text = re.sub(r"^(`{3,}|~{3,})[^\n`]*\n\s*^\1[ \t]*$", "", "\n".join(said), flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _nothing(reply: str) -> str:
    last = " ".join(reply.strip().rsplit("\n", 1)[-1].split())
    if last.endswith(("?", "？")):
        return f"it asks back, and nobody can answer: {last[:200]}"
    return "it holds no '=== file:', '=== edit:', '=== delete:' or '=== need:' block"


def _body(
    lines: Sequence[str], start: int, signs: str, kind: str, path: str, blocks: list[Block]
) -> int:
    """Read a block's content from row `start` on; return the row after it.

    Its own `end` ends it, and where that is missing the next mark, or the reply's end.
    """
    middle = -1
    for at in range(start, len(lines)):
        if not lines[at].startswith(signs):
            continue
        mark = _MARK.match(lines[at])
        if mark is None or mark[1] != signs:
            continue
        if mark[2] == "with" and kind == "edit" and middle < 0 and not mark[3]:
            middle = at
        elif mark[2] == "end" and mark[3] in ("", kind, path):
            blocks.append(_block(lines[start:at], middle - start, kind, path))
            return at + 1
        elif mark[2] in ("with", "end") or _within_fence(lines[start:at], path):
            raise Malformed(
                f"line {at + 1}: '{lines[at][:60]}' stands within the block of {printable(path)}, "
                f"which was not ended by '{signs} end'; if it is content, use more equals signs"
            )
        else:
            blocks.append(_block(lines[start:at], middle - start, kind, path, ended=False))
            return at
    blocks.append(_block(lines[start:], middle - start, kind, path, ended=False))
    return len(lines)


def _within_fence(lines: Sequence[str], path: str) -> bool:
    """Whether a fence of a Markdown file is open: what follows is content."""
    return _is_markdown(path) and sum(bool(_FENCE.match(line)) for line in lines) % 2 == 1


def _is_markdown(path: str) -> bool:
    suffix, name = Path(path).suffix.lower(), Path(path).name
    return suffix in _MARKDOWN or (not suffix and name.isupper())  # README, LICENSE, TODO


def _block(lines: Sequence[str], middle: int, kind: str, path: str, *, ended: bool = True) -> Block:
    """Make a block of its lines; in an edit, row `middle` is between the old and the new."""
    if kind == "file":
        return Block(kind, path, new=_joined(_content(lines, path, ended)))
    if middle < 0:
        raise Malformed(f"the edit of {printable(path)} has no '=== with' line")
    old = _joined(lines[:middle])
    if not old.strip():
        raise Malformed(f"the edit of {printable(path)} names no old lines")
    new = list(lines[middle + 1 :])
    return Block(kind, path, old, _joined(new if ended else _content(new, path, ended)))


def _content(lines: Sequence[str], path: str, ended: bool) -> list[str]:
    """The content of a file, without what is around it out of habit.

    No language but Markdown has a fence of its own at the start of a line, so one is a fence
    around the content; and after it, where the block was not ended, come words for a person.
    """
    content = list(lines)
    if not _is_markdown(path):
        content = _without_fence(content)
        fences = [row for row, line in enumerate(content) if _FENCE.match(line)]
        if len(fences) == 1 and (not ended or not any(map(str.strip, content[fences[0] + 1 :]))):
            content = content[: fences[0]]
        elif content and len(fences) > 1 and fences[0] == 0 and not ended:
            content = content[1 : fences[-1]]
    while not ended and content and not content[-1].strip():
        content.pop()
    return content


def _without_fence(lines: list[str]) -> list[str]:
    rows = [row for row, line in enumerate(lines) if line.strip()]
    if len(rows) < 2:
        return lines
    first, last = _FENCE.match(lines[rows[0]]), _FENCE.match(lines[rows[-1]])
    if first and last and first[1] == last[0].strip():
        return lines[rows[0] + 1 : rows[-1]]
    return lines


def _joined(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


# ------------------------------------------------------------------ finding the old lines


class Place(NamedTuple):
    """Where an edit goes in a text: these rows make way for those lines."""

    start: int
    end: int
    lines: list[str]


def replaced(path: str, old: str, block: Block) -> str:
    """Return the text with the edit in it. Raises Malformed as `place` does."""
    text = old if old.endswith("\n") or not old else old + "\n"
    lines = text.split("\n")
    start, end, put = place(path, lines, block)
    return "\n".join([*lines[:start], *put, *lines[end:]])


def place(path: str, lines: Sequence[str], block: Block) -> Place:
    """Return where the edit goes; what stands there exactly comes before what is like.

    Raises Malformed where the old lines are not in the text, or more than once; `path` is the
    name of it.
    """
    ways = _readings(path, block.old.split("\n")[:-1], block.new.split("\n")[:-1])
    for find in (_exactly, _indented_otherwise):
        for wanted, new in ways:
            found = find(lines, wanted, new)
            if len(found) > 1:
                rows = ", ".join(str(row + 1) for row, _ in found[:4])
                raise Malformed(
                    f"the old lines of an edit are in {path} {len(found)} times (lines {rows}); "
                    "take more lines around them"
                )
            if found:
                start, put = found[0]
                return Place(start, start + len(wanted), put)
    wanted = ways[-1][0]
    raise Malformed(
        f"the old lines of an edit are not in {path}{_missing(lines, wanted)}",
        _quoted(path, lines, wanted),
    )


_Way = tuple[list[str], list[str]]  # the old lines and the new ones


def _readings(path: str, old: list[str], new: list[str]) -> list[_Way]:
    """How an edit can be meant: as it stands, without fences, without blank lines around."""
    bare = _without_fence(new)
    ways = [(old, new if _is_markdown(path) else bare), (_without_fence(old), bare)]
    ways.append((_trimmed(ways[1][0]), _trimmed(bare)))
    return [way for at, way in enumerate(ways) if way[0] and way not in ways[:at]]


def _trimmed(lines: list[str]) -> list[str]:
    rows = [row for row, line in enumerate(lines) if line.strip()]
    return lines[rows[0] : rows[-1] + 1] if rows else []


def _exactly(
    lines: Sequence[str], wanted: list[str], new: list[str]
) -> list[tuple[int, list[str]]]:
    starts = [at for at, line in enumerate(lines) if line == wanted[0]]
    return [(at, new) for at in starts if lines[at : at + len(wanted)] == wanted]


def _indented_otherwise(
    lines: Sequence[str], wanted: list[str], new: list[str]
) -> list[tuple[int, list[str]]]:
    """Where the old lines are, but for one change of all their indentation, or blanks at ends.

    The new lines get the same change. Where that does not fit them, they are found nowhere.
    """
    words = wanted[0].strip()
    starts = [at for at, line in enumerate(lines) if line.strip() == words]
    found: list[tuple[int, list[str]]] = []
    for at in starts:
        there = lines[at : at + len(wanted)]
        for change in _changes(there, wanted):
            moved = [_moved(line, change) for line in wanted]
            if moved == [line.rstrip() for line in there]:
                put = [_moved(line, change) for line in new]
                found += (
                    [(at, [line for line in put if line is not None])] if None not in put else []
                )
                break
    return found


class _Change(NamedTuple):
    """Of the indentation: what stands in front, and the unit of what follows."""

    front: str
    unit: str
    new_front: str
    new_unit: str


def _changes(there: Sequence[str], wanted: Sequence[str]) -> Iterator[_Change]:
    """The changes of indentation that could lead from the wanted lines to those that are there."""
    front, new_front = _indent(wanted), _indent(there)
    yield _Change(front, "", new_front, "")
    for unit in ("\t", "  ", "    "):
        for new_unit in ("\t", "  ", "    "):
            if unit != new_unit:
                yield _Change(front, unit, new_front, new_unit)


def _indent(lines: Sequence[str]) -> str:
    """The blanks that all lines have in front."""
    filled = [line for line in lines if line.strip()]
    shortest = min((line[: len(line) - len(line.lstrip())] for line in filled), key=len, default="")
    while not all(line.startswith(shortest) for line in filled):
        shortest = shortest[:-1]
    return shortest


def _moved(line: str, change: _Change) -> str | None:
    """The line with its indentation changed; None where it has not the one that is changed."""
    line = line.rstrip()
    if not line:
        return ""
    if not line.startswith(change.front):
        return None
    rest = line[len(change.front) :]
    deep = 0
    while change.unit and rest.startswith(change.unit):
        rest, deep = rest[len(change.unit) :], deep + 1
    return change.new_front + change.new_unit * deep + rest


def _missing(lines: Sequence[str], wanted: Sequence[str]) -> str:
    there = set(lines)
    first = next((line for line in wanted if line not in there), None)
    if first is None:
        return ", though each of them is: they do not follow each other"
    return f": {printable(first.strip())[:120]!r}"


def _quoted(path: str, lines: Sequence[str], wanted: Sequence[str]) -> str:
    """What was given as old lines, and the nearest place of the file, as both stand."""
    said = f"Not in {path}, with this indentation:\n{_joined(wanted[:_QUOTED])}"
    start = _nearest(lines, wanted)
    if start is None:
        return f"{said}Nothing in {path} is like it.\n"
    first = max(start - 1, 0)
    last = min(start + len(wanted) + 1, first + _QUOTED, len(lines))
    near = _joined(lines[first:last])
    return f"{said}The nearest that {path} has, lines {first + 1} to {last}:\n{near}"


def _nearest(lines: Sequence[str], wanted: Sequence[str]) -> int | None:
    """The row at which the wanted lines would begin, by most of those that are there."""
    import difflib

    rows: dict[str, list[int]] = {}
    for row, line in enumerate(lines):
        if line.strip():
            rows.setdefault(line.strip(), []).append(row)
    votes = Counter(
        row - at for at, line in enumerate(wanted) for row in rows.get(line.strip(), [])[:50]
    )
    if votes:
        return max(0, max(votes, key=lambda row: (votes[row], -row)))
    longest = max(range(len(wanted)), key=lambda at: len(wanted[at]))
    known = {name[:300]: of[0] for name, of in list(rows.items())[:5000]}
    near = difflib.get_close_matches(wanted[longest].strip()[:300], known, n=1)
    return max(0, known[near[0]] - longest) if near else None
