"""The headings of a document in every form that models write them, outside code.

`# T`, a line over `===` or `---`, `<h2>T</h2>`, and a bold line that stands alone. It does not
know what a document is to hold.
"""

import re
from typing import NamedTuple

from piste.documents import markdown

_SETEXT = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_HTML = re.compile(r"[ \t]*<h([1-6])\b[^>]*>(.+?)</h\1>", re.IGNORECASE)
_BOLD = re.compile(r"(?:\*\*|__)([^*_\n]{1,80}?):?(?:\*\*|__):?[ \t]*$")
_NO_PARAGRAPH = ("#", "|", ">", "- ", "* ", "+ ", "```", "~~~", "<", "---", "===")
BOLD = 7  # the level of a bold line


class Heading(NamedTuple):
    """One heading: its first row (from 0), its level, its words."""

    row: int
    level: int
    text: str


def of(text: str) -> list[Heading]:
    """Return the headings of `text` in their order."""
    lines = markdown.split(text)
    inside = markdown.inside(lines, markdown.fences(lines))
    found: list[Heading] = []
    for row in range(len(lines)):
        if inside[row] < 0 and (one := _at(lines, row)):
            found.append(one)
    return found


def _at(lines: list[str], row: int) -> Heading | None:
    line = lines[row]
    if atx := markdown.heading(line):
        return Heading(row, *atx) if atx[1] else None
    if len(line) > markdown.LONGEST or not line.strip():
        return None
    if html := _HTML.match(line):
        return Heading(row, int(html[1]), html[2].strip())
    first = row == 0 or not lines[row - 1].strip()
    below = lines[row + 1] if row + 1 < len(lines) else ""
    if first and (line_below := _SETEXT.match(below)) and not line.startswith(_NO_PARAGRAPH):
        return Heading(row, 1 if line_below[1][0] == "=" else 2, line.strip())
    alone = first and not below.strip()
    if alone and (bold := _BOLD.match(line)):
        return Heading(row, BOLD, bold[1].strip())
    return None
