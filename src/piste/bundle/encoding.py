"""From a file's bytes to UTF-8 with one kind of line end, and back again.

What was done is said in marks beside the text, so that `encode` gives the bytes of the
file back, except where bytes were invalid. The guesses are our own few rules and not a
library's: a guess may not change with a library's version, or the same tree would give
other bytes on another machine.

It knows UTF-8, UTF-16, UTF-32, what a file declares of itself (PEP 263, XML, HTML),
Shift-JIS, EUC-JP, Latin-1 and Windows-1252. Any other encoding that is not declared is
shown with U+FFFD for each invalid byte sequence. A text without any sign of its encoding
can be guessed wrongly; the mark says what was guessed.
"""

import codecs
import re
from typing import NamedTuple

Marks = dict[str, str]

_WIDE = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BOMS = {encoding: bom for bom, encoding in _WIDE} | {"utf-8": codecs.BOM_UTF8}
_ASCII = bytes(range(128))
# Of Latin-1 and Windows-1252: the letters of the western languages and the apostrophe, without
# the Icelandic ones and y-diaeresis, which invalid UTF-8 is likelier to hold than a text. They
# count where they stand in a word.
_LETTERS = rb"[\x8a\x8c\x8e\x92\x9a\x9c\x9e\xc0-\xcf\xd1-\xd6\xd8-\xdd\xdf-\xef\xf1-\xf6\xf8-\xfd]"
_IN_WORD = b"(?<=[A-Za-z])" + _LETTERS + b"+|" + _LETTERS + b"+(?=[A-Za-z])"
_SIGNS = bytes.fromhex("808285919394959697a0a3a7a9abaeb0b4b7bbbf")  # quotes, dashes, signs
_LONG_RUN = rb"[\x80-\xff]{4}"
_KANA = "[\u3001\u3002\u3041-\u3096\u30a1-\u30fc]"
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\b\x1b"))
_DECLARED = rb"(?:coding|charset|encoding)\s*[:=]\s*[\"']?([A-Za-z0-9._-]+)"
# What a file may not declare: these turn ordinary ASCII text into something else.
_NOT_CHARSETS = {"utf-7", "punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined"}


class Text(NamedTuple):
    """A file's text as UTF-8 with LF line ends, and the marks that lead back to its bytes."""

    body: bytes
    marks: Marks


def decode(data: bytes) -> Text | None:
    """Return the text of a file, or None where it is binary.

    Marks: `encoding` (absent for UTF-8), `bom`, `invalid` (how many U+FFFD stand for
    invalid bytes), `newline` (crlf or cr, where the whole file has that).
    """
    marks: Marks = {}
    if b"\0" in data or data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        body = _wide(data, marks)
        if body is None:
            if b"\0" in data:
                return None
            body = _narrow(data, marks)
    elif data.isascii():
        body = data
    else:
        body = _narrow(data, marks)
    if body is None:
        return None
    return Text(_fold(body, marks) if b"\r" in body else body, marks)


def decode_start(data: bytes) -> Text | None:
    """Like `decode`, for the beginning of a file: it is cut at a line's or a character's end."""
    line = data.rfind(b"\n", max(0, len(data) - 65536)) + 1
    if line and not data.startswith(tuple(bom for bom, _ in _WIDE)):
        return decode(data[:line])
    texts = [decode(data[: len(data) - short]) for short in range(4)]
    whole = [text for text in texts if text and "invalid" not in text.marks]
    return whole[0] if whole else texts[0]


def encode(body: bytes, marks: Marks) -> bytes:
    """Return the bytes that `decode` was given (not those of a file with `invalid`)."""
    if newline := marks.get("newline"):
        body = body.replace(b"\n", b"\r\n" if newline == "crlf" else b"\r")
    encoding = marks.get("encoding", "utf-8")
    if encoding != "utf-8":
        body = body.decode().encode(encoding)
    return _BOMS[encoding] + body if "bom" in marks else body


def _fold(body: bytes, marks: Marks) -> bytes:
    """Fold the line ends to LF where all are of one kind; lone CRs of a mixture stay."""
    pairs, returns, feeds = body.count(b"\r\n"), body.count(b"\r"), body.count(b"\n")
    if pairs == returns == feeds:
        marks["newline"] = "crlf"
        return body.replace(b"\r\n", b"\n")
    if not feeds:
        marks["newline"] = "cr"
        return body.replace(b"\r", b"\n")
    return body


def _wide(data: bytes, marks: Marks) -> bytes | None:
    for bom, encoding in _WIDE:
        if data.startswith(bom):
            marks |= {"encoding": encoding, "bom": "yes"}
            return _strict(data[len(bom) :], encoding, marks)
    # Without a mark: nearly every second byte is NUL, as in UTF-16 of western text.
    evens, odds = data[::2].count(0), data[1::2].count(0)
    half = len(data) // 2
    if len(data) % 2 or min(evens, odds) * 50 > half or max(evens, odds) * 2 < half:
        return None
    marks["encoding"] = "utf-16-le" if odds > evens else "utf-16-be"
    return _strict(data, marks["encoding"], marks)


def _strict(data: bytes, encoding: str, marks: Marks) -> bytes | None:
    try:
        body = data.decode(encoding).encode()
    except (UnicodeError, LookupError):
        body = b"\0"
    if b"\0" in body:
        marks.clear()
        return None
    return body


def _narrow(data: bytes, marks: Marks) -> bytes | None:
    bom = data.startswith(codecs.BOM_UTF8)
    body = data[3:] if bom else data
    try:
        body.decode()
    except UnicodeDecodeError:
        if not bom and (legacy := _legacy(data)):
            marks["encoding"] = legacy
            return data.decode(legacy).encode()
        if len(data) < 20 * (len(data) - len(data.translate(None, _CONTROLS))):
            return None  # invalid UTF-8 and one byte of twenty a control character: binary
        text = body.decode(errors="replace")
        marks["invalid"] = str(text.count("\ufffd") - body.count(b"\xef\xbf\xbd"))
        body = text.encode()
    if bom:
        marks["bom"] = "yes"
    return body


def _legacy(data: bytes) -> str | None:
    """Name the encoding of a text that is not UTF-8; None where it is best read as UTF-8."""
    declared = _declared(data)
    if declared and _reversible(data, declared):
        return declared
    high = len(data.translate(None, _ASCII))
    kept = data.decode(errors="ignore").encode()
    if len(kept.translate(None, _ASCII)) * 2 >= high:
        return None  # most of what is not ASCII is valid UTF-8: a damaged UTF-8 file
    for encoding in ("shift_jis", "cp932", "euc_jp"):
        if _reversible(data, encoding):
            text = data.decode(encoding)
            if len(re.findall(_KANA, text)) * 3 >= sum(char > "\x7f" for char in text):
                return encoding
    in_words = sum(map(len, re.findall(_IN_WORD, data)))
    signs = len(data) - len(data.translate(None, _SIGNS))
    if not in_words or (in_words + signs) * 2 < high or re.search(_LONG_RUN, data):
        return None
    if not re.search(rb"[\x80-\x9f]", data):
        return "latin-1"
    return "cp1252" if _reversible(data, "cp1252") else None


def _declared(data: bytes) -> str | None:
    """The charset that a file names in its first two lines or kilobyte, by Python's name."""
    found = re.search(_DECLARED, b"\n".join(data[:1024].split(b"\n", 4)[:4]))
    if not found:
        return None
    try:
        name = codecs.lookup(found[1].decode()).name
    except LookupError:
        return None
    if name in _NOT_CHARSETS or name.startswith("utf"):
        return None
    return "latin-1" if name == "iso8859-1" else name


def _reversible(data: bytes, encoding: str) -> bool:
    try:
        return data.decode(encoding).encode(encoding) == data
    except (UnicodeError, LookupError):  # LookupError: not a text encoding (rot13, hex)
        return False
