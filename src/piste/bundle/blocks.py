"""From a name to its block: read, decode, mask, compress, show, number, frame, count.

One file at a time, in whatever process it happens to be; nothing here depends on which
other files there are, so a block is the same wherever and whenever it is made. It does not
know where a block goes.
"""

import os
from collections.abc import Callable
from typing import NamedTuple

from piste.bundle import encoding, escapes, licences, own_lines
from piste.bundle.cache import ScanCache, key_of
from piste.bundle.formats import FILE, is_bundle, parts
from piste.bundle.manifest import BINARY, BUNDLE, PACKED, RACY, Note
from piste.bundle.own_lines import Own
from piste.model import tokens
from piste.system import file_reader
from piste.system.file_reader import Folders, Stamp
from piste.system.secret_policy import Policy

ESCAPED = "[U+XXXX]"
_MARKS_TO_SAY = ("encoding", "invalid", "escaped", "cut", "newline", "bom")


class Options(NamedTuple):
    """What changes a block. Plain data: it crosses to other processes."""

    form: str
    numbered: int  # every so many-th line carries its number; 0: none
    most: int  # bytes of a file that is packed whole
    cut: bool
    secrets: tuple[tuple[str, ...], ...] | None  # the policy; None: they are not looked for
    tokens: bool
    compress: bool
    licences: bool  # whether a known licence is a line
    own: dict[str, Own]  # lines that are not packed, by the name of the file that holds them


class Row(NamedTuple):
    """What is known of a name: a row of `state.Table`. Plain data."""

    kind: int
    length: int = 0
    tokens: int = 0
    stamp: Stamp = file_reader.NO_STAMP
    note: Note | None = None


def warm(options: Options) -> None:
    """Load what counting and searching need: once, before processes are made from this one."""
    if options.secrets is not None:
        from piste.system.secrets import prepare

        prepare(Policy(*options.secrets))
    if options.tokens:
        tokens.counter()


class Maker:
    """Makes the blocks of the files below a root."""

    def __init__(self, root: str, options: Options, known: ScanCache, now: int) -> None:
        """Open `root`; what `known` holds is not worked out again. Raises OSError.

        `now` (ns) is when the run began: it says which files nobody can have changed since.
        """
        self.now = now
        self.options = options
        self.known = known
        self._folders = Folders(root)
        self._option_key = repr(options).encode()
        self._find = _finder(options.secrets) if options.secrets is not None else None

    def close(self) -> None:
        """Close the folders that are open."""
        self._folders.close()

    def file(self, name: bytes) -> tuple[Row, tuple[bytes, ...]]:
        """Return what is known of a name, and its block in pieces; none where it is not packed."""
        options = self.options
        got = file_reader.read(self._folders, name, options.most, options.cut, self.now - RACY)
        if got.kind != file_reader.FILE:
            return Row(got.kind, stamp=got.stamp, note=_why(got)), ()
        data = self._persons(name, got)
        if is_bundle(data):
            return Row(BUNDLE, stamp=got.stamp), ()
        partly = got.size > options.most
        marks = {"path": escapes.quote(name)}
        body = data
        plain = not partly and escapes.plain(data)
        if not plain:
            decoded = encoding.decode_start(data) if partly else encoding.decode(data)
            if decoded is None:
                return Row(BINARY, stamp=got.stamp, note={"size": got.size}), ()
            body = decoded.body
            marks |= decoded.marks
            if partly:
                marks["cut"] = f"{len(encoding.encode(*decoded))} of {got.size} bytes"
        note: Note = {}
        if options.licences and not partly and (name_of := self._licence(name, body)):
            note["licence"] = name_of
            marks = {"path": marks["path"], "licence": name_of}
            body = data = licences.line(name_of, body)
        content = key_of(data) if options.tokens or self._find else b""
        if self._find or options.compress:
            body = self._changed(name, content, body, marks, note)
        # What is masked or left out of a plain text leaves a plain text.
        if not plain and options.form != "json":
            body = printable(body, marks)
        if options.numbered and body.count(b"\n") + 1 >= options.numbered:
            body = numbered(body, options.numbered)
            marks["numbered"] = str(options.numbered)
        made = parts(options.form, FILE, marks, body)
        count = 0
        if options.tokens:
            key = key_of(self._option_key, name, content)
            count = self.known.count(key, lambda: b"".join(made))
        if len(marks) > 1:
            note |= {mark: marks[mark] for mark in _MARKS_TO_SAY if mark in marks}
        length = sum(map(len, made))
        return Row(PACKED, length, count, got.stamp, note or None), made

    def _persons(self, name: bytes, got: file_reader.FileRead) -> bytes:
        """Return what was read, without the lines that are not packed."""
        own = self.options.own.get(os.fsdecode(name)) if self.options.own else None
        return own_lines.rest(got.data, own) if own else got.data

    def _licence(self, name: bytes, body: bytes) -> str:
        """Return the name of the licence that the file is, or ``""``."""
        return licences.name_of(body) if licences.NAMES.search(name) else ""

    def _changed(
        self, name: bytes, content: bytes, body: bytes, marks: encoding.Marks, note: Note
    ) -> bytes:
        """Mask and compress a text, as the options are."""
        options = self.options
        if self._find and (found := self.known.scan(content, body, self._find)):
            body = masked(body, found, marks, note)
        if options.compress:
            from piste.bundle.compress import compress

            if (short := compress(name, body)) is not None:
                note["saved"] = self._size(body) - self._size(short)
                body = short
                marks["compressed"] = "signatures and docstrings"
        return body

    def _size(self, body: bytes) -> int:
        """Return the tokens of a text, or its bytes where tokens are not counted."""
        return self.known.count(key_of(body), lambda: body) if self.options.tokens else len(body)


def masked(
    body: bytes, found: tuple[tuple[int, int, str], ...], marks: encoding.Marks, note: Note
) -> bytes:
    """Return the text without its secrets, and say so in the marks and the note."""
    from piste.system.secrets import mask

    marks["masked"] = str(len(found))
    note["secrets"] = {rule: sum(rule == one[2] for one in found) for _, _, rule in found}
    return mask(body, found)


def printable(body: bytes, marks: encoding.Marks) -> bytes:
    """Return the text with what is hidden made visible, and say so in the marks."""
    if not escapes.hidden(body):
        return body
    marks["escaped"] = ESCAPED
    return escapes.show(body.decode()).encode()


def numbered(body: bytes, every: int) -> bytes:
    """Return the text with `10: ` before every so many-th line."""
    lines = body.split(b"\n")
    last = [lines.pop()] if body.endswith(b"\n") else []
    chosen = enumerate(lines[every - 1 :: every], 1)
    lines[every - 1 :: every] = [b"%d: %s" % (n * every, line) for n, line in chosen]
    return b"\n".join(lines + last)


def _why(got: file_reader.FileRead) -> Note | None:
    if got.kind == file_reader.SYMLINK:
        return {"target": escapes.quote(got.data)}
    if got.kind == file_reader.LARGE:
        return {"size": got.size}
    return {"why": got.why} if got.why else None


def _finder(
    told: tuple[tuple[str, ...], ...],
) -> "Callable[[bytes], tuple[tuple[int, int, str], ...]]":
    from piste.system.secrets import find

    policy = Policy(*told)
    return lambda body: find(body, policy)
