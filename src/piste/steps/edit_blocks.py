"""The form in which the built-in agent's model says what to change: read, checked, applied.

    === file: src/tally.py            a whole file, new or in place of the old one
    the content, line for line
    === end

    === edit: src/tally.py            one passage of a file, which must be in it exactly once
    the old lines
    === with
    the new lines
    === end

    === delete: src/old.py            one line each: a file to be removed,
    === need: tests/test_tally.py     and a file to be shown before anything is changed

A line of the content that would itself be such a mark is no trouble: more equals signs in the
opening line ask for as many in its `with` and `end`. Text around the blocks is for people.

Everything is checked before anything is written: every path, every old passage. A reply with
one fault changes nothing, and its fault is one line to be sent back. What the content means
is not known here.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from piste.system import atomic_write, paths, project_files
from piste.system.errors import Failed, UserError, printable

VERSION = "1"  # of the form; part of the built-in agent's version

FORM = """\
Answer in this form, and write no other code blocks:

=== file: path/of/file.py
the whole content of a new file, or of one to be replaced, line for line
=== end

=== edit: path/of/file.py
lines that are in the file now, exactly as they stand, enough of them to occur only once
=== with
the lines in their place
=== end

=== delete: path/of/file.py

=== need: path/of/file.py

Paths are relative to the project, with "/". There is no fence around a content. Several edits
of one file are several blocks, applied in their order. If a line of a content begins with
"=== " itself, open its block with four equals signs, and use four in its "with" and "end" too.
"need" shows you a file before you change anything: a reply that holds a "need" block holds no
other kind. Outside the blocks write at most a few sentences on what you did.
"""

_MARK = re.compile(r"(={3,})[ \t]+(file|edit|delete|need|with|end)\b[ \t]*:?[ \t]*(.*?)[ \t]*$")
_FENCE = re.compile(r"(`{3,}|~{3,})[\w.+-]*[ \t]*$")
_MARKDOWN = (".md", ".markdown", ".mdx", ".rst", ".txt", "")


class Malformed(Failed):
    """A reply that cannot be carried out; `str` is the reason, for the model."""


class Block(NamedTuple):
    """One block of a reply."""

    kind: str  # file, edit, delete or need
    path: str
    old: str = ""  # of an edit
    new: str = ""  # of an edit or a file


class Write(NamedTuple):
    """What a file is to hold afterwards; None removes it."""

    path: str
    data: bytes | None


# ------------------------------------------------------------------ reading


def parse(reply: str) -> list[Block]:
    """Return the blocks of a reply, in order. Raises Malformed, on any text in linear time."""
    lines = reply.replace("\r\n", "\n").split("\n")
    blocks: list[Block] = []
    at = 0
    while at < len(lines):
        mark = _MARK.match(lines[at])
        at += 1
        if mark is None:
            continue
        signs, kind, path = mark.groups()
        if kind in ("with", "end"):
            raise Malformed(f"line {at}: '{signs} {kind}' stands outside a block")
        path = path.strip("`\"'")
        if not path:
            raise Malformed(f"line {at}: '{signs} {kind}:' names no file")
        if kind in ("delete", "need"):
            blocks.append(Block(kind, path))
            continue
        at = _body(lines, at, signs, kind, path, blocks)
    if not blocks:
        raise Malformed(_nothing(reply))
    kinds = {block.kind for block in blocks}
    if "need" in kinds and len(kinds) > 1:
        raise Malformed("it asks for files and changes some at once; first ask, then change")
    return blocks


def _nothing(reply: str) -> str:
    last = " ".join(reply.strip().rsplit("\n", 1)[-1].split())
    if last.endswith(("?", "？")):
        return f"it asks back, and nobody can answer: {last[:200]}"
    return "it holds no '=== file:', '=== edit:', '=== delete:' or '=== need:' block"


def _body(
    lines: Sequence[str], start: int, signs: str, kind: str, path: str, blocks: list[Block]
) -> int:
    """Read a block's content from row `start` on; return the row after it."""
    middle = -1
    for at in range(start, len(lines)):
        if not lines[at].startswith(signs):
            continue
        mark = _MARK.match(lines[at])
        if mark is None or mark[1] != signs:
            continue
        if mark[2] == "with" and kind == "edit" and middle < 0 and not mark[3]:
            middle = at
        elif mark[2] == "end" and not mark[3]:
            blocks.append(_block(lines, start, middle, at, kind, path))
            return at + 1
        else:
            raise Malformed(
                f"line {at + 1}: '{lines[at][:60]}' stands within the block of {printable(path)}, "
                f"which was not ended by '{signs} end'; if it is content, use more equals signs"
            )
    raise Malformed(
        f"the block of {printable(path)}, line {start}, is never ended by '{signs} end'"
    )


def _block(lines: Sequence[str], start: int, middle: int, end: int, kind: str, path: str) -> Block:
    if kind == "file":
        content = list(lines[start:end])
        if Path(path).suffix.lower() not in _MARKDOWN:
            content = _without_fence(content)
        return Block(kind, path, new=_joined(content))
    if middle < 0:
        raise Malformed(f"the edit of {printable(path)}, line {start}, has no '=== with' line")
    old = _joined(lines[start:middle])
    if not old.strip():
        raise Malformed(f"the edit of {printable(path)}, line {start}, names no old lines")
    return Block(kind, path, old, _joined(lines[middle + 1 : end]))


def _without_fence(lines: list[str]) -> list[str]:
    # Models put code into fences out of habit; no language but Markdown begins with one.
    rows = [row for row, line in enumerate(lines) if line.strip()]
    if len(rows) < 2:
        return lines
    first, last = _FENCE.match(lines[rows[0]]), _FENCE.match(lines[rows[-1]])
    if first and last and first[1] == last[0].strip():
        return lines[rows[0] + 1 : rows[-1]]
    return lines


def _joined(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


# ------------------------------------------------------------------ checking and applying


def check(
    root: Path, blocks: Sequence[Block], may: Callable[[str], str] = lambda path: ""
) -> list[Write]:
    """Return what would be written to carry the blocks out, having checked all of them.

    `may` says why a path may not be changed, or "". Nothing is written. Raises Malformed with
    every fault that was found, in one line.
    """
    texts: dict[str, str | None] = {}  # None: deleted
    faults: list[str] = []
    for block in blocks:
        try:
            path = _safe(root, block.path, may)
            _apply(root, block, path, texts)
        except Malformed as fault:
            faults.append(str(fault))
    faults += [
        f"{path} cannot be a file and the folder of {other}"
        for path, text in texts.items()
        for other in texts
        if text is not None and texts[other] is not None and other.startswith(f"{path}/")
    ]
    if faults:
        more = f" (and {len(faults) - 5} more)" if len(faults) > 5 else ""
        raise Malformed("; ".join(faults[:5]) + more)
    return [
        Write(path, None if text is None else _encoded(root, path, text))
        for path, text in texts.items()
    ]


def apply(root: Path, writes: Sequence[Write]) -> None:
    """Write what `check` returned. Raises OSError; `worktree.ensure` takes a half of it back."""
    for write in writes:
        if write.data is None:
            atomic_write.remove(root / write.path)
        else:
            atomic_write.write(root / write.path, write.data)


def _safe(root: Path, path: str, may: Callable[[str], str]) -> str:
    try:
        clean = paths.relative(path, "the reply")
        if why := may(clean):
            raise Malformed(why)
        paths.writable(root, clean)
    except UserError as mistake:
        raise Malformed(str(mistake)) from None
    return clean


def _apply(root: Path, block: Block, path: str, texts: dict[str, str | None]) -> None:
    old = texts[path] if path in texts else _text(root, path)
    if block.kind == "file":
        if path in texts:
            raise Malformed(f"{path} is there twice; give it whole once, or edits only")
        texts[path] = block.new
    elif old is None:
        raise Malformed(f"{path} is not there, so it cannot be {_DONE[block.kind]}")
    elif block.kind == "delete":
        texts[path] = None
    else:
        texts[path] = _replaced(path, old, block)


_DONE = {"edit": "edited", "delete": "deleted"}


def _replaced(path: str, old: str, block: Block) -> str:
    text = old if old.endswith("\n") or not old else old + "\n"
    lines, wanted = text.split("\n"), block.old.split("\n")[:-1]
    rows = [at for at in _candidates(lines, wanted[0]) if lines[at : at + len(wanted)] == wanted]
    if not rows:
        raise Malformed(f"the old lines of an edit are not in {path}{_near(lines, wanted)}")
    if len(rows) > 1:
        raise Malformed(
            f"the old lines of an edit are in {path} {len(rows)} times (lines "
            f"{', '.join(str(row + 1) for row in rows[:4])}); take more lines around them"
        )
    start = rows[0]
    return "\n".join([*lines[:start], *block.new.split("\n")[:-1], *lines[start + len(wanted) :]])


def _candidates(lines: Sequence[str], first: str) -> list[int]:
    return [at for at, line in enumerate(lines) if line == first]


def _near(lines: Sequence[str], wanted: Sequence[str]) -> str:
    """Say where the first old line that is not in the file has a like in it."""
    import difflib

    there = set(lines)
    missing = next((line for line in wanted if line not in there), None)
    if missing is None:
        return ", though each of them is: they do not follow each other"
    near = difflib.get_close_matches(missing[:300], [line[:300] for line in lines[:5000]], n=1)
    like = f"; it has {printable(near[0].strip())[:120]!r}" if near else ""
    return f": {printable(missing.strip())[:120]!r}{like}"


def _text(root: Path, name: str) -> str | None:
    try:
        data = project_files.read_any(root, name, project_files.DOCUMENT)
    except UserError as error:
        raise Malformed(str(error)) from None
    try:
        return None if data is None else data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise Malformed(f"{name} is no UTF-8 text; it can only be replaced whole") from None


def _encoded(root: Path, name: str, text: str) -> bytes:
    """The bytes of a text; a file whose lines all end in CRLF keeps that."""
    try:
        old = project_files.read_any(root, name, project_files.DOCUMENT) or b""
    except UserError:
        old = b""
    data = text.encode("utf-8", "replace")
    if b"\r\n" in old and old.count(b"\n") == old.count(b"\r\n"):
        data = data.replace(b"\n", b"\r\n")
    return data


def needs(blocks: Sequence[Block]) -> list[str]:
    """Return the files that are asked for; with any, there is nothing to carry out yet."""
    return list(dict.fromkeys(block.path for block in blocks if block.kind == "need"))
