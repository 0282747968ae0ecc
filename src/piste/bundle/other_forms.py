"""A bundle that another packer wrote, without the files that piste itself makes.

Another packer knows nothing of the graph: it packs the reviews with the code, and a review that
reads reviews would never be fresh. The blocks of repomix (XML, Markdown, plain, JSON),
files-to-prompt and gitingest are known and go whole; of any other packer the very texts of those
files go, and the lines of a tree that name them. It does not know which files those are: it is
told.
"""

import json
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping

# Of one file: from the line that announces it, the path as `path`, to its end.
_BLOCKS = (
    re.compile(
        rb'^<file path="(?P<path>[^"\n]+)">\n.*?^</file>\n(?:\n|(?=</files>)|\Z)', re.M | re.S
    ),
    re.compile(
        rb"^## File: (?P<path>[^\n]+)\n(?P<fence>`{3,})[^\n]*\n.*?^(?P=fence)\n+", re.M | re.S
    ),
    re.compile(
        rb"^(?P<bar>={16,})\n(?:File|FILE): (?P<path>[^\n]+)\n(?P=bar)\n.*?(?=^(?P=bar)\n|\Z)",
        re.M | re.S,
    ),
    re.compile(
        rb"^<document(?: index=\"\d+\")?>\n<source>(?P<path>[^\n]+)</source>\n.*?^</document>\n",
        re.M | re.S,
    ),
    re.compile(rb"^(?P<path>[^\s\n][^\n]*)\n---\n.*?\n---\n+", re.M | re.S),
)
_TREE = re.compile(rb"^[\s\xe2\x94\x9c\x82\x80\x94|`+-]*(?P<name>[^\n]*?)/?\s*$")
_COUNT = re.compile(
    rb"(?i)\b(files?|tokens?|lines|chars|characters|bytes|size)\b[^\n]*\d|\d[^\n]*\b(?i:files?|tokens?|lines)\b"
)
_HEAD = 60  # lines at the top of which a count of all may stand


def blocks_out(data: bytes, made: Callable[[str], bool]) -> bytes:
    """Return `data` without the blocks, in a known form, of files for which `made` holds."""
    if data.lstrip()[:1] == b"{":
        return _json_out(data, made)
    if not any(form.search(data) for form in _BLOCKS):
        return data

    def gone(found: re.Match[bytes]) -> bytes:
        path = posixpath.normpath(found["path"].decode("utf-8", "replace").strip())
        return b"" if made(path) else found[0]

    for form in _BLOCKS:
        data = form.sub(gone, data)
    return data


def _json_out(data: bytes, made: Callable[[str], bool]) -> bytes:
    """The same for repomix's JSON: an object whose `files` are texts by path."""
    try:
        whole = json.loads(data)
        files = whole["files"]
        there = [path for path in files if made(posixpath.normpath(path))]
    except (ValueError, KeyError, TypeError, RecursionError):
        return data
    if not there or not isinstance(files, dict):
        return data
    whole["files"] = {path: text for path, text in files.items() if path not in there}
    tree = whole.get("directoryStructure")
    if isinstance(tree, str):
        names = {name for path in there for name in _names(path)}
        lines = _kept(tree.encode().split(b"\n"), names)
        whole["directoryStructure"] = b"\n".join(lines).decode()
    return json.dumps(whole, indent=2, ensure_ascii=False).encode()


def without(data: bytes, made: Callable[[str], bool], texts: Mapping[str, bytes]) -> bytes:
    """Return what `data` says beside the files that piste makes; it is for comparing only.

    `texts` holds those files as they stand, by path.
    """
    data = blocks_out(data.replace(b"\r\n", b"\n"), made)
    for text in sorted(texts.values(), key=len, reverse=True):
        if text.strip():
            data = data.replace(text.replace(b"\r\n", b"\n"), b"")
    names = {name for path in texts for name in _names(path)}
    return b"\n".join(_kept(data.split(b"\n"), names))


def _names(path: str) -> Iterable[bytes]:
    """A path and the name of each part of it that piste alone makes, as trees show them."""
    yield path.encode()
    yield posixpath.basename(path).encode()
    if path.startswith("."):
        yield from (part.encode() for part in path.split("/"))


def _kept(lines: list[bytes], names: set[bytes]) -> Iterable[bytes]:
    for row, line in enumerate(lines):
        shown = _TREE.match(line)
        if shown and shown["name"] in names:
            continue
        if row < _HEAD and _COUNT.search(line):
            line = re.sub(rb"\d+", b"", line)
        if line.strip():  # what is taken out leaves blank lines, more or fewer
            yield line.rstrip()
