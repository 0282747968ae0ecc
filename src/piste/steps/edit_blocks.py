"""The form in which the built-in agent's model says what to change: told, checked, applied.

How the blocks are read, and how their old lines are found, is `documents.edits`. Each block is
checked before anything is written, path and old passage; what is wrong with one of them is a
`Fault`, and the others stand. A block that is the form's own example is one that was copied, and
is refused. What the content means is not known here.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from piste.documents.edits import Block, Malformed, replaced
from piste.system import atomic_write, paths, project_files
from piste.system.errors import UserError, printable

VERSION = "2"  # of the form; part of the built-in agent's version

FORM = """\
Answer with blocks of these kinds, and with no other code blocks. A new file, or one to be
replaced, whole, line for line:

=== file: example/greeting.txt
Hello, world
=== end

One passage of a file: first lines that are in it now, exactly as they stand, with their
indentation, and enough of them to occur only once; then the lines in their place:

=== edit: example/hello.py
    return "Hello"
=== with
    return f"Hello, {name}"
=== end

A file that goes, and one that you want to see before you change anything (all of it, or lines
of it where it is long):

=== delete: example/old_hello.py

=== need: example/names.py

=== need: example/long_names.py 200-400

And where the step cannot be carried out as it stands, or a person has to decide something
first, this one line alone:

=== cannot: the step names a table "users", and there is none

Paths are relative to the project, with "/". There is no fence around a content. Several edits
of one file are several blocks, applied in their order. If a line of a content begins with
"=== " itself, open its block with four equals signs, and use four in its "with" and "end" too.
Outside the blocks write at most a few sentences on what you did; a person reads them.
"""
_NAMES_NOTHING = re.compile(r"(?:example|path/(?:of|to)|your)/")
_LONG_SENTENCE = 35  # characters of a line of the form that no content holds by chance


class Write(NamedTuple):
    """What a file is to hold afterwards; None removes it."""

    path: str
    data: bytes | None


class Fault(NamedTuple):
    """What is wrong with a block."""

    why: str  # in one line
    quote: str  # of the block and of the file, what a model has to see to mend it


class Checked(NamedTuple):
    """What of a reply can be carried out, and what cannot."""

    writes: list[Write]
    faults: list[Fault]


def check(
    root: Path, blocks: Sequence[Block], may: Callable[[str], str] = lambda path: ""
) -> Checked:
    """Return what would be written to carry the blocks out, and what is wrong with some of them.

    `may` says why a path may not be changed, or "". Nothing is written.
    """
    texts: dict[str, str | None] = {}  # None: deleted
    faults: list[Fault] = []
    for block in blocks:
        if block.kind in ("need", "cannot", "nothing"):
            continue
        try:
            path = _safe(root, block, may)
            _apply(root, block, path, texts)
        except Malformed as fault:
            faults.append(Fault(str(fault), fault.quote))
    for path in _folders_and_files(texts):
        del texts[path]
        faults.append(Fault(f"{path} cannot be a file and a folder", ""))
    writes = [
        Write(path, None if text is None else _encoded(root, path, text))
        for path, text in texts.items()
    ]
    return Checked(writes, faults)


def _folders_and_files(texts: dict[str, str | None]) -> list[str]:
    """The files that are to be where other files have a folder."""
    there = [path for path, text in texts.items() if text is not None]
    return [path for path in there if any(other.startswith(f"{path}/") for other in there)]


def apply(root: Path, writes: Sequence[Write]) -> None:
    """Write what `check` returned. Raises OSError; `worktree.ensure` takes a half of it back."""
    for write in writes:
        if write.data is None:
            atomic_write.remove(root / write.path)
        else:
            atomic_write.write(root / write.path, write.data)


def _safe(root: Path, block: Block, may: Callable[[str], str]) -> str:
    try:
        clean = paths.relative(block.path, "the reply")
        if why := may(clean):
            raise Malformed(why)
        paths.writable(root, clean)
    except UserError as mistake:
        raise Malformed(str(mistake)) from None
    old = _text_or_none(root, clean)
    if old is None and _NAMES_NOTHING.match(clean) and not (root / clean).parent.is_dir():
        raise Malformed(f"{printable(clean)} is a path of the form, and none of the project")
    if copied := next(
        (row for row in _SENTENCES if row in block.new and row not in (old or "")), ""
    ):
        raise Malformed(f"the block of {printable(clean)} holds words of the form: {copied[:60]!r}")
    return clean


# What of the form would be copied; the second line is of an older form, which models remember.
_SENTENCES = (
    *(line for line in FORM.split("\n") if len(line) >= _LONG_SENTENCE and line[:3] != "==="),
    "the whole content of a new file, or of one to be replaced",
    "lines that are in the file now, exactly as they stand",
)


def _apply(root: Path, block: Block, path: str, texts: dict[str, str | None]) -> None:
    if block.kind == "file":
        if texts.get(path, block.new) != block.new or texts.get(path, "") is None:
            raise Malformed(f"{path} is there twice; give it whole once, or edits only")
        texts[path] = block.new
        return
    old = texts[path] if path in texts else _text(root, path)
    if old is None:
        raise Malformed(f"{path} is not there, so it cannot be {_DONE[block.kind]}")
    texts[path] = None if block.kind == "delete" else replaced(path, old, block)


_DONE = {"edit": "edited", "delete": "deleted"}


def _text(root: Path, name: str) -> str | None:
    try:
        data = project_files.read_any(root, name, project_files.DOCUMENT)
    except UserError as error:
        raise Malformed(str(error)) from None
    try:
        return None if data is None else data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise Malformed(f"{name} is no UTF-8 text; it can only be replaced whole") from None


def _text_or_none(root: Path, name: str) -> str | None:
    try:
        return _text(root, name)
    except Malformed:
        return ""


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
    """Return what is asked for: names of files, some with lines after them."""
    return list(dict.fromkeys(block.path for block in blocks if block.kind == "need"))
