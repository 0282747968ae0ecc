"""The files in a bundle of any packer: by our own parser, or by the frames of the others.

For whoever looks into a bundle as a model saw it, and not to unpack one: text that cannot be
read is replaced, and a bundle in a form that nobody knows has no files. It does not know what
is asked of them.
"""

import contextlib
import re
from collections.abc import Iterator

from piste.bundle.formats import SIGNATURES
from piste.bundle.parser import parse
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
    data = text.encode("utf-8", "replace")
    for form, signature in SIGNATURES.items():
        if data.startswith(signature):
            # One that was cut off or changed may still have frames that can be found.
            with contextlib.suppress(UserError):
                return {
                    name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"):
                    content.decode("utf-8", "replace").replace("\r\n", "\n")
                    for name, content in parse(data, form)
                }  # fmt: skip
    return dict(_foreign(text))


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


_PATHS = ("xml", "markdown", "plain", "ticks", "source", "dashes")
