"""The files in a bundle of any packer: by our own parser, or by the frames of the others.

For whoever looks into a bundle as a model saw it, and not to unpack one: text that cannot be
read is replaced, and a bundle in a form that nobody knows has no files. It does not know what
is asked of them.
"""

import contextlib
import re
from collections.abc import Callable, Collection, Iterator

from piste.bundle.escapes import unquote
from piste.bundle.formats import FILE, SIGNATURES
from piste.bundle.parser import Block, blocks, parse, without
from piste.system.errors import UserError

# How other packers announce a file. Repomix: XML, Markdown, plain; gitingest; code2prompt;
# files-to-prompt: plain, --cxml.
_FOREIGN = re.compile(
    r'^(?:<file path="(?P<xml>[^"\n]+)">|## File: (?P<markdown>[^\n]+)\n(?P<fence>`{3,})[^\n]*'
    r"|={16,}\nF(?:ile|ILE): (?P<plain>[^\n]+)\n={16,}"
    r"|`(?P<ticks>[^`\n]+)`:?\n\n?(?P<fence2>`{3,})[^\n]*"
    r"|<source>(?P<source>[^<\n]+)</source>\n<document_content>"
    r"|(?P<dashes>[^\s<>|][^\n<>|]*)\n---)\n",
    re.MULTILINE,
)


def files_of(text: str) -> dict[str, str]:
    """Return the files of a bundle, path -> text, in its order; none where it is no bundle."""
    if form := _form_of(text):
        # One that was cut off or changed may still have frames that can be found.
        with contextlib.suppress(UserError):
            return {
                name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"):
                content.decode("utf-8", "replace").replace("\r\n", "\n")
                for name, content in parse(text.encode("utf-8", "replace"), form)
            }  # fmt: skip
    return dict(_foreign(text))


def instruction_of(text: str) -> str:
    """Return the instruction that ends a bundle of ours, or ""."""
    if form := _form_of(text):
        with contextlib.suppress(UserError):
            for block in blocks(text.encode("utf-8", "replace"), form):
                if block.kind == "instruction":
                    return block.body.decode("utf-8", "replace").strip()
    return ""


def without_instruction(text: str) -> str:
    """Return a bundle of ours without its instruction, and any other text as it is."""
    return (
        _without(text, lambda block: block.kind == "instruction") if instruction_of(text) else text
    )


def narrowed(text: str, paths: Collection[str]) -> str:
    """Return a bundle of ours with these of its files alone; another one, or for none, as it is."""

    def unwanted(block: Block) -> bool:
        if block.kind != FILE:
            return False
        name = unquote(block.marks["path"]).decode("utf-8", "replace")
        return name not in paths

    return _without(text, unwanted) if paths else text


def signatures(text: str) -> str:
    """Return the files of a bundle with the lines that define something, or the text as it is.

    By patterns, in every language that has words for it: for a plan it is enough to know what
    is there.
    """
    found = files_of(text)
    parts: list[str] = []
    for path, content in found.items():
        lines = [one[0].strip("\n") for one in _DEFINITION.finditer(content)] if found else []
        parts += [path, *(f"  {line}" for line in lines[:_MOST_DEFINITIONS])]
    return "\n".join(parts) if found else text


def defined(text: str, spans: Collection[tuple[int, int]]) -> set[str]:
    """Return the names that are defined on these rows of a file (from 0), or around them.

    By the patterns of `signatures`; names of two letters are left out, since they stand everywhere.
    """
    found: set[str] = set()
    rows = {row: one[0] for one, row in _definitions(text)}
    for start, end in spans:
        above = max((row for row in rows if row <= start), default=-1)
        for row in {above, *range(start, end)} & rows.keys():
            name = _DEFINED.search(rows[row])
            if name and len(name[1]) > 2 and not name[1].startswith("__"):
                found.add(name[1])
    return found


def _definitions(text: str) -> Iterator[tuple[re.Match[str], int]]:
    row = at = 0
    for one in _DEFINITION.finditer(text):
        row += text.count("\n", at, one.start())
        at = one.start()
        yield one, row


def _without(text: str, unwanted: Callable[[Block], bool]) -> str:
    form = _form_of(text)
    if not form:
        return text
    with contextlib.suppress(UserError):
        return without(text.encode("utf-8", "replace"), form, unwanted).decode("utf-8", "replace")
    return text


def _form_of(text: str) -> str:
    start = text[:80].encode("utf-8", "replace")
    return next((form for form, mark in SIGNATURES.items() if start.startswith(mark)), "")


def _foreign(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while opening := _FOREIGN.search(text, at):
        kind = str(opening.lastgroup)
        path = next(opening[name] for name in _PATHS if opening[name])
        close = {"xml": "\n</file>", "plain": "\n================", "dashes": "\n---\n",
                 "source": "\n</document_content>"}.get(kind, "")  # fmt: skip
        fence = opening["fence"] or opening["fence2"]
        end = text.find(f"\n{fence}\n" if fence else close, opening.end() - 1)
        stop = end + 1 if end >= 0 else len(text)
        yield path, text[opening.end() : stop]
        at = stop + (len("---\n") if kind == "dashes" and end >= 0 else 0)


_MOST_DEFINITIONS = 60  # of one file
_DEFINITION = re.compile(
    r"^[ \t]*(?:(?:export|default|pub(?:\([a-z]+\))?|public|private|protected|static|async|final|"
    r"abstract|unsafe|inline|const)[ \t]+)*"
    r"(?:def|func|fn|fun|function|class|struct|enum|trait|interface|impl|type|module)[ \t]+\S.*$",
    re.MULTILINE,
)
_DEFINED = re.compile(
    r"\b(?:def|func|fn|fun|function|class|struct|enum|trait|interface|type)[ \t]+"
    r"(?:\([^()]*\)[ \t]*)?([^\W\d]\w*)"
)
_PATHS = ("xml", "markdown", "plain", "ticks", "source", "dashes")
