"""The four forms of a bundle: xml, markdown, plain and json.

A bundle is a row of blocks: the head, the tree, the files, what was left out, the diff, the
log, the instruction. Each block has an opening line with marks, a body and a closing
line, and no body can hold its own closing line: xml numbers the tag (`<file-1>`),
markdown and plain lengthen the fence, until the closing line does not occur in the
body; json quotes. `parser` is the way back.

The marks of a file say what was done to it: encoding, bom, invalid, newline, escaped,
masked, cut, compressed, numbered, end. "xml" is a form with tags as models are used to
it, not well-formed XML: code stands in it as it is.

It does not know files, only names and bodies: bytes in UTF-8.
"""

import json
import re
from collections.abc import Mapping

from piste.system.invisible import UNSEEN

# The first bytes of every bundle, by which one is known again.
SIGNATURES = {
    "xml": b'<bundle by="piste">\n',
    "markdown": b'# bundle by="piste"\n',
    "plain": b'==== bundle by="piste"\n',
    "json": b'[{"kind": "bundle", "by": "piste"',
}
HEAD = "bundle"
FILE = "file"
_LANGUAGES = {
    "c": "c", "cc": "cpp", "cpp": "cpp", "cs": "csharp", "css": "css", "go": "go", "h": "c",
    "hpp": "cpp", "html": "html", "java": "java", "js": "javascript", "json": "json",
    "jsx": "jsx", "kt": "kotlin", "lua": "lua", "md": "markdown", "php": "php", "pl": "perl",
    "py": "python", "pyi": "python", "rb": "ruby", "rs": "rust", "rst": "rst", "scala": "scala",
    "sh": "bash", "sql": "sql", "swift": "swift", "toml": "toml", "ts": "typescript",
    "tsx": "tsx", "xml": "xml", "yaml": "yaml", "yml": "yaml",
}  # fmt: skip
_TICKS = rb"`{3,}"


_STARTS = tuple(SIGNATURES.values())


def is_bundle(data: bytes) -> bool:
    """Whether `data` begins as a bundle of any form does."""
    return data.startswith(_STARTS)


def block(form: str, kind: str, marks: Mapping[str, str], body: bytes) -> bytes:
    """Return one block of a bundle. It begins a line and ends one, and the head comes first.

    So no token of the o200k encoding spans two blocks: the tokens of a bundle are the sum
    of those of its blocks.
    """
    return b"".join(parts(form, kind, marks, body))


def parts(form: str, kind: str, marks: Mapping[str, str], body: bytes) -> tuple[bytes, ...]:
    """Return a block in the pieces that it is joined of: a body may be large."""
    if body and not body.endswith(b"\n") and form != "json":
        marks = {**marks, "end": "no newline"}
        return _WRITERS[form](kind, marks, body, b"\n")
    return _WRITERS[form](kind, marks, body, b"")


def closing(form: str) -> bytes:
    """Return what stands after the last block."""
    return b"]\n" if form == "json" else b""


def _attributes(marks: Mapping[str, str]) -> str:
    return "".join([f' {key}="{value}"' for key, value in marks.items()])


def _xml(kind: str, marks: Mapping[str, str], body: bytes, end: bytes) -> tuple[bytes, ...]:
    tag = kind
    # The search for one byte is ten times quicker than that for the tag, and `re` is quicker
    # at that than `in`.
    if b"<" in body:
        number = 0
        while re.search(f"</{tag}".encode(), body):
            number += 1
            tag = f"{kind}-{number}"
    opening = f"<{tag}{_attributes(marks)}>\n"
    return opening.encode(), body, end, f"</{tag}>\n".encode()


def _markdown(kind: str, marks: Mapping[str, str], body: bytes, end: bytes) -> tuple[bytes, ...]:
    ticks = 3
    if b"```" in body:
        ticks = max(map(len, re.findall(_TICKS, body))) + 1
    fence = "`" * ticks
    heading = f"# {kind}"
    language = ""
    if kind == FILE:
        marks = dict(marks)
        path = marks.pop("path")
        heading = f"## `{path}`"
        language = _LANGUAGES.get(path.rpartition(".")[2].lower(), "")
    opening = f"{heading}{_attributes(marks)}\n\n{fence}{language}\n"
    return opening.encode(), body, end, f"{fence}\n\n".encode()


def _plain(kind: str, marks: Mapping[str, str], body: bytes, end: bytes) -> tuple[bytes, ...]:
    fence = "===="
    while b"====" in body and re.search(f"{fence} (?:end|{kind})".encode(), body):
        fence += "="
    opening = f"{fence} {kind}{_attributes(marks)}\n"
    return opening.encode(), body, end, f"{fence} end\n".encode()


def _json(kind: str, marks: Mapping[str, str], body: bytes, end: bytes) -> tuple[bytes, ...]:
    # The head opens the list; every later item brings its own comma, so that an item
    # reads the same wherever it stands.
    item = {"kind": kind, **marks, "text": body.decode()}
    line = re.sub(UNSEEN, _json_escape, json.dumps(item, ensure_ascii=False))
    return f"{'[' if kind == HEAD else ','}{line}\n".encode(), end


def _json_escape(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]


_WRITERS = {"xml": _xml, "markdown": _markdown, "plain": _plain, "json": _json}
