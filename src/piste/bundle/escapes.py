"""Characters that cannot be seen, made visible, and back again.

Which they are is in `system.invisible`. In a file's text each is shown as `[U+202E]`; a file that
holds such a character and also the text `[U+` itself has that text shown as `[U+005B]U+`, so
that reading it back is exact. In a name they are shown by backslash escapes, as git shows
names.
"""

import re
from collections.abc import Sequence

from piste.system.invisible import CHARACTERS, UNSEEN

_SHOWN = r"\[U\+([0-9A-F]{4,6})\]"
_LITERAL = "[U+"

_PRINTABLE = bytes(c for c in range(127) if c in (9, 10) or c >= 32)
_HIGH = bytes(range(128, 256))
# The same set in UTF-8: a first byte, the bytes that follow it, and the rest. Looking for one
# byte takes a tenth of the time of looking for two, and that a part of looking for the rest.
_UNSEEN_BYTES = (
    (b"\xc2", b"\xc2", rb"[\x80-\x9f]"),
    (b"\xd8", b"\xd8\x9c", rb""),
    (b"\xe2", b"\xe2\x80", rb"[\x8b\x8e\x8f\xaa-\xae]"),
    (b"\xe2", b"\xe2\x81", rb"[\xa0-\xaf]"),
    (b"\xef", b"\xef\xbb", rb"\xbf"),
    (b"\xef", b"\xef\xbf", rb"[\xb9-\xbb\xbe\xbf]"),
    (b"\xf3", b"\xf3\xa0", rb"[\x80-\x87]"),
)

# Names: what is above, and what would end a name in one of the forms.
_NAME = f'[{CHARACTERS}\t\n\\\\"`<>\u2028\u2029\ud800-\udfff]'
_PLAIN_NAME = bytes(c for c in range(32, 127) if c not in b'\\"`<>')
_NAME_BACK = r"(?s)\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))"
_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\", '"': '\\"'}
_LONG = {"n": "\n", "t": "\t", "r": "\r"}


def plain(text: bytes) -> bool:
    """Whether a text is ASCII that hides nothing, with LF line ends. Most are."""
    return not text.translate(None, _PRINTABLE)


def hidden(text: bytes) -> bool:
    """Whether UTF-8 `text` holds a character that is to be shown. A lone CR is one."""
    odd = text.translate(None, _PRINTABLE)
    if not odd:
        return False
    if odd.translate(None, _HIGH):
        return True  # a control character
    # What is left is the characters beyond ASCII, mostly a few: no longer the text.
    return any(
        byte in odd and start in odd and re.search(start + rest, odd)
        for byte, start, rest in _UNSEEN_BYTES
    )


def show(text: str) -> str:
    """Return `text` with every hidden character as `[U+XXXX]`, reversibly (see `unescape`)."""
    text = text.replace(_LITERAL, "[U+005B]U+")
    return re.sub(UNSEEN, lambda found: f"[U+{ord(found[0]):04X}]", text)


def unescape(text: str) -> str:
    """Return what `show` was given."""
    return re.sub(_SHOWN, lambda found: chr(int(found[1], 16)), text)


def quote(name: bytes) -> str:
    """Return a file's name as it stands in a bundle and in messages: one line, nothing hidden.

    Bytes that are not UTF-8 are shown as `\\xff`, other characters as `\\n` or `\\u202e`.
    """
    if not name.translate(None, _PLAIN_NAME):
        return name.decode()
    text = name.decode("utf-8", "surrogateescape")
    return re.sub(_NAME, lambda found: _quoted(found[0]), text)


def quote_all(names: Sequence[bytes]) -> list[str]:
    """Return each of the names as `quote` does, many at once."""
    whole = b"\n".join(names)
    plain = not whole.translate(None, _PLAIN_NAME + b"\n")
    if names and plain and whole.count(b"\n") == len(names) - 1:
        return whole.decode().split("\n")
    return [quote(name) for name in names]


def _quoted(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return _SHORT.get(char) or (f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


def unquote(shown: str) -> bytes:
    """Return the name that `quote` was given."""

    def back(found: re.Match[str]) -> str:
        byte, short, long, char = found.groups()
        if byte:
            return chr(0xDC00 + int(byte, 16))
        if short or long:
            return chr(int(short or long, 16))
        return _LONG.get(char, char)

    return re.sub(_NAME_BACK, back, shown).encode("utf-8", "surrogateescape")
