"""`.gitignore` exactly as git reads it, for a tree without git.

One line becomes one regular expression over bytes, after git's own `dir.c` and `wildmatch.c`:
`?` is a byte, a class never holds a slash, a class that is not closed matches nothing. RE2 does
the matching, in linear time on any line that a stranger wrote. It does not walk: who asks goes
from the root down, and enters no folder that is ignored.
"""

import functools
import re
from typing import Any, NamedTuple

CLASSES = {
    b"alnum": b"0-9A-Za-z", b"alpha": b"A-Za-z", b"blank": rb" \t", b"cntrl": rb"\x00-\x1f\x7f",
    b"digit": b"0-9", b"graph": rb"\x21-\x7e", b"lower": b"a-z", b"print": rb"\x20-\x7e",
    b"punct": rb"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e", b"space": rb"\t-\r ", b"upper": b"A-Z",
    b"xdigit": b"0-9A-Fa-f",
}  # fmt: skip
_NEVER = rb"[^\x00-\xff]"


class Rule(NamedTuple):
    """One line of an ignore file, and the folder whose file it stands in (b"" or with a `/`)."""

    base: bytes
    back: bool  # `!`: what it matches is not ignored
    folders_only: bool
    whole: bool  # it is held against the path from `base`, else against the last name
    regex: Any

    def matches(self, path: bytes, is_folder: bool) -> bool:
        """Whether the line is about this path (without a slash at its end)."""
        if (self.folders_only and not is_folder) or not path.startswith(self.base):
            return False
        subject = path[len(self.base) :] if self.whole else path.rpartition(b"/")[2]
        return self.regex.fullmatch(subject) is not None


def rules_of(data: bytes, base: bytes) -> list[Rule]:
    """Return the rules in the text of an ignore file in the folder `base`."""
    found = (_rule(line.removesuffix(b"\r"), base) for line in _lines(data))
    return [rule for rule in found if rule is not None]


def is_ignored(rules: list[Rule], path: bytes, is_folder: bool) -> bool:
    """Whether the last rule about the path ignores it. `rules`: the root's first."""
    for rule in reversed(rules):
        if rule.matches(path, is_folder):
            return not rule.back
    return False


def _lines(data: bytes) -> list[bytes]:
    return data.removeprefix(b"\xef\xbb\xbf").split(b"\n")


def _rule(line: bytes, base: bytes) -> Rule | None:
    if line.startswith(b"#"):
        return None
    line = _trimmed(line)
    back = line.startswith(b"!")
    pattern = line[back:]
    folders_only = pattern.endswith(b"/")
    pattern = pattern[: len(pattern) - folders_only]
    if not line or (not pattern and not folders_only):
        return None
    whole = b"/" in pattern
    regex = _compiled(pattern.removeprefix(b"/"))
    return Rule(base, back, folders_only, whole, regex)


def _trimmed(line: bytes) -> bytes:
    """Without the spaces at its end, but for one that a backslash keeps."""
    end = len(line)
    while end and line[end - 1] == 0x20:
        end -= 1
    slashes = len(line[:end]) - len(line[:end].rstrip(b"\\"))
    return line[: end + 1] if slashes % 2 and end < len(line) else line[:end]


@functools.cache
def _compiled(pattern: bytes) -> Any:
    import re2

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.dot_nl = True
    options.log_errors = False
    return re2.compile(_regex(pattern), options)


def _regex(pattern: bytes) -> bytes:
    """Return the pattern as a regular expression, as `wildmatch` with WM_PATHNAME reads it."""
    out: list[bytes] = []
    at = 0
    while at < len(pattern):
        char = pattern[at : at + 1]
        if char == b"*":
            piece, at = _stars(pattern, at)
            out.append(piece)
        elif char == b"?":
            out.append(b"[^/]")
            at += 1
        elif char == b"[":
            piece, at = _bracket(pattern, at)
            out.append(piece)
        else:
            if char == b"\\":
                at += 1
                char = pattern[at : at + 1] or b"\0"
            out.append(b"\\x%02x" % char[0])
            at += 1
    return b"".join(out)


def _stars(pattern: bytes, at: int) -> tuple[bytes, int]:
    end = at
    while pattern[end : end + 1] == b"*":
        end += 1
    before, after = pattern[at - 1 : at] if at else b"", pattern[end : end + 1]
    whole = end - at > 1 and before in (b"", b"/") and after in (b"", b"/")
    if not whole:
        return b"[^/]*", end
    # Between slashes, `**` stands for any number of folders, none included.
    return (b"(?:.*/)?", end + 1) if after else (b".*", end)


def _bracket(pattern: bytes, start: int) -> tuple[bytes, int]:
    """Return a class and where it ends; one that git cannot read matches nothing."""
    at = start + 1
    negated = pattern[at : at + 1] in (b"!", b"^") and bool(pattern[at : at + 1])
    at += negated
    members: list[bytes] = []
    first = at
    while at < len(pattern) and (pattern[at : at + 1] != b"]" or at == first):
        if pattern[at : at + 2] == b"[:":
            named = re.compile(rb"\[:([^\]]*):\]").match(pattern, at)
            if named is None or named[1] not in CLASSES:
                if named is not None or pattern.find(b"]", at) < 0:
                    return _NEVER, len(pattern)
                members.append(rb"\x5b")  # `[` and `:` for themselves
                at += 1
                continue
            members.append(CLASSES[named[1]])
            at = named.end()
            continue
        low, at = _member(pattern, at)
        if pattern[at : at + 1] == b"-" and pattern[at + 1 : at + 2] not in (b"", b"]"):
            high, at = _member(pattern, at + 1)
            if low <= high:
                members.append(b"\\x%02x-\\x%02x" % (low, high))
        else:
            members.append(b"\\x%02x" % low)
    if at >= len(pattern):
        return _NEVER, len(pattern)
    return _class(b"".join(members), negated), at + 1


def _member(pattern: bytes, at: int) -> tuple[int, int]:
    if pattern[at : at + 1] == b"\\" and at + 1 < len(pattern):
        at += 1
    return pattern[at], at + 1


def _class(members: bytes, negated: bool) -> bytes:
    """A class that never holds a slash, whatever its members are."""
    if negated:
        return b"[^/%s]" % members
    # RE2 has no intersection: what stands on each side of the slash is tried byte by byte.
    allowed = [n for n in range(256) if n != 0x2F and _holds(members, n)]
    return b"[%s]" % b"".join(b"\\x%02x" % n for n in allowed) if allowed else _NEVER


@functools.cache
def _holds(members: bytes, byte: int) -> bool:
    return bool(members) and re.match(b"[%s]" % members, bytes([byte]), re.DOTALL) is not None
