"""A bundle read back: the files that were packed, byte for byte.

The way back through `formats`, the line numbers, `escapes` and `encoding`. What was taken out
on purpose does not come back: masked secrets, what `compress` left out, the end of a file that
was cut, bytes that were not valid. It does not know where a file belongs on a disk.
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from piste.bundle import encoding as encodings
from piste.bundle.escapes import unescape, unquote
from piste.bundle.formats import FILE, SIGNATURES
from piste.system.errors import UserError

_MARKS = rb'((?: [a-z_]+="(?:[^"\\\n]|\\[^\n])*")*)'
_MARK = re.compile(r' ([a-z_]+)="((?:[^"\\]|\\.)*)"')
_XML = re.compile(rb"<([a-z_]+)(-\d+)?" + _MARKS + rb">\n")
_MARKDOWN = re.compile(rb"#(?:# `([^`\n]+)`| ([a-z_]+))" + _MARKS + rb"\n\n(`{3,})[a-z]*\n")
_PLAIN = re.compile(rb"(={4,}) ([a-z_]+)" + _MARKS + rb"\n")
_NUMBER = re.compile(rb"\A\d+: ")


class Block(NamedTuple):
    """One block: its kind (`file`, `tree`, `left_out`, …), its marks and its body."""

    kind: str
    marks: dict[str, str]
    body: bytes


def parse(text: bytes, form: str) -> list[tuple[str, bytes]]:
    """Return the files of a bundle in the given form, as (name, content) in its order.

    A name that is not UTF-8 carries its bytes as `surrogateescape` does. Raises UserError
    where `text` is not a bundle of that form.
    """
    with _as_mistake():
        return [
            (unquote(block.marks["path"]).decode("utf-8", "surrogateescape"), content(block, form))
            for block in blocks(text, form)
            if block.kind == FILE
        ]


def content(block: Block, form: str) -> bytes:
    """Return the bytes of the file that a block was made from."""
    body, marks = block.body, block.marks
    if "end" in marks:
        body = body[:-1]
    if "numbered" in marks:
        body = _without_numbers(body, int(marks["numbered"]))
    if "escaped" in marks:
        body = unescape(body.decode()).encode()
    return encodings.encode(body, marks)


def _without_numbers(body: bytes, every: int) -> bytes:
    lines = body.split(b"\n")
    if every < 1:
        raise ValueError(f"every {every}-th line cannot have a number")
    chosen = lines[every - 1 :: every]
    lines[every - 1 :: every] = [_NUMBER.sub(b"", line, count=1) for line in chosen]
    return b"\n".join(lines)


def blocks(text: bytes, form: str) -> list[Block]:
    """Return every block of a bundle. Raises UserError where it is not one of that form."""
    if not text.startswith(SIGNATURES[form]):
        raise UserError(f"this is not a bundle in the form {form}: it does not begin as one does")
    if form == "json":
        return _json_blocks(text)
    return [block for block, _, _ in _rows(text, form)]


def without(text: bytes, form: str, unwanted: Callable[[Block], bool]) -> bytes:
    """Return a bundle less some of its blocks. Raises UserError as `blocks` does."""
    return replaced(text, form, lambda block: b"" if unwanted(block) else None)


def replaced(text: bytes, form: str, instead: Callable[[Block], bytes | None]) -> bytes:
    """Return a bundle with other text in place of blocks; None leaves one as it is.

    Raises UserError as `blocks` does.
    """
    if not text.startswith(SIGNATURES[form]):
        raise UserError(f"this is not a bundle in the form {form}: it does not begin as one does")
    if form == "json":  # an item a line, each with its own comma
        lines = text.splitlines(keepends=True)
        items: list[Block | None] = [*_json_blocks(text), None]  # the list's own end
        rows = list(zip(items, lines, strict=False))
    else:
        rows = [(block, text[start:end]) for block, start, end in _rows(text, form)]
    new = ((instead(block) if block else None, own) for block, own in rows)
    return b"".join(own if other is None else other for other, own in new)


def _rows(text: bytes, form: str) -> Iterator[tuple[Block, int, int]]:
    at = 0
    while at < len(text):
        start = at
        block, at = _READERS[form](text, at)
        yield block, start, at


def _json_blocks(text: bytes) -> list[Block]:
    with _as_mistake():
        items = json.loads(text)
        return [Block(item.pop("kind"), item, item.pop("text").encode()) for item in items]


@contextlib.contextmanager
def _as_mistake() -> Iterator[None]:
    try:
        yield
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        raise UserError(f"this bundle is cut off or was changed: {error}") from error


def _xml(text: bytes, at: int) -> tuple[Block, int]:
    opening = _opening(_XML, text, at)
    kind, number, marks = opening.groups()
    close = b"</" + kind + (number or b"") + b">\n"
    return _body(text, opening.end(), close, kind, marks)


def _markdown(text: bytes, at: int) -> tuple[Block, int]:
    opening = _opening(_MARKDOWN, text, at)
    path, kind, marks, fence = opening.groups()
    if path:
        kind, marks = FILE.encode(), b' path="' + path + b'"' + marks
    return _body(text, opening.end(), fence + b"\n\n", kind, marks)


def _plain(text: bytes, at: int) -> tuple[Block, int]:
    opening = _opening(_PLAIN, text, at)
    fence, kind, marks = opening.groups()
    return _body(text, opening.end(), fence + b" end\n", kind, marks)


_READERS = {"xml": _xml, "markdown": _markdown, "plain": _plain}


def _opening(pattern: re.Pattern[bytes], text: bytes, at: int) -> re.Match[bytes]:
    found = pattern.match(text, at)
    if not found:
        line = text.count(b"\n", 0, at) + 1
        raise UserError(f"this bundle was changed: line {line} should open a block")
    return found


def _body(text: bytes, at: int, close: bytes, kind: bytes, marks: bytes) -> tuple[Block, int]:
    end = text.find(close, at)
    if end < 0:
        line = text.count(b"\n", 0, at)
        raise UserError(f"this bundle is cut off: the block of line {line} is not closed")
    block = Block(kind.decode(), dict(_MARK.findall(marks.decode())), text[at:end])
    return block, end + len(close)
