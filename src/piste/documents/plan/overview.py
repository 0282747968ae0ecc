"""What a plan says outside of its prompts: `Test command:` in the overview, and its sections.

The test command stands before the first step, bold or in a list or plain, as code or in words, or
in a fence below the line, or below a heading of that name. What is no command (`none`,
`<the command>`) is none. Nothing here knows whether the command exists; it runs nothing.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from piste.documents import markdown
from piste.documents.plan.types import Step

_LINE = re.compile(
    r"[\s>*+_-]*(?:the\s+)?(?:tests?|testing)[ -]command(?:\s*\([^()]{0,80}\))?[*_`]*"
    r"\s*(?::|=|\s[-–—](?=\s)|\bis\b)\s*[*_]*\s*(.*)",
    re.IGNORECASE,
)
_HEADING = re.compile(r"(?:the\s+)?(?:tests?|testing)[ -]command:?", re.IGNORECASE)
_CODE = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_AND = re.compile(r"[\s,;]*(?:and|then|&&|\+|,|;)+(?:\s+(?:then|also))?\s*", re.IGNORECASE)
_NONE = re.compile(
    r"(?:none\b.*|n/?a\b.*|tbd|todo|unknown|not yet\b.*|[-–—…?.]+|<.*>)\.?", re.IGNORECASE
)
_FULL_STOP = re.compile(r"(?<=\w)\.$")
_LONGEST = 500


def test_command(text: str, steps: Sequence[Step]) -> str:
    """Return the command that a plan names for its tests, or ``""``."""
    lines = markdown.split(text)
    end = min((step.line for step in steps), default=len(lines) + 1) - 1
    around = markdown.inside(lines, markdown.fences(lines))
    for row, line in enumerate(lines[:end]):
        if around[row] >= 0 or len(line) >= markdown.LONGEST:
            continue
        if (head := markdown.heading(line)) and _HEADING.fullmatch(head[1].strip(" *_`")):
            return _command(_below(lines, around, row + 1))
        if found := _LINE.match(line):
            said = found[1].strip() or _below(lines, around, row + 1)
            return _command(said)
    return ""


def sections(text: str, steps: Sequence[Step]) -> list[str]:
    """Return for each step its lines of the plan: from its title to the next step's."""
    lines = text.split("\n")
    starts = sorted(step.line for step in steps)
    result = []
    for step in steps:
        end = next((line for line in starts if line > step.line), None)
        result.append("\n".join(lines[step.line - 1 : end and end - 1]))
    return result


def _command(said: str) -> str:
    """The command in what follows the colon: code where there is some, else the words."""
    pieces = list(_CODE.finditer(said))
    if pieces:
        commands = [pieces[0][2].strip()]
        for before, after in pairwise(pieces):
            if not _AND.fullmatch(said[before.end() : after.start()]):
                break
            commands.append(after[2].strip())
        said = " && ".join(commands)
    else:
        said = _FULL_STOP.sub("", said.strip("*_ \t").removeprefix("$ ").strip())
    plain = len(said) <= _LONGEST and said.isprintable()
    return "" if not plain or _NONE.fullmatch(said) else said


def _below(lines: Sequence[str], around: Sequence[int], row: int) -> str:
    """The one line of a fence, or the code, that stands below the words."""
    while row < len(lines) and not lines[row].strip():
        row += 1
    if row == len(lines):
        return ""
    if around[row] < 0:
        found = _CODE.fullmatch(lines[row].strip(" \t-*"))
        return found[0] if found else ""
    inner = [line.strip() for at, line in enumerate(lines) if around[at] == around[row]][1:-1]
    wanted = [line.removeprefix("$ ") for line in inner if line and not line.startswith("#")]
    return " && ".join(wanted)
