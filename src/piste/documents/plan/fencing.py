"""The fences of a plan as they were meant, where people and models have broken them.

CommonMark ends a fence at the first line that can. In a plan prompts quote fences of the same
sort, one line is forgotten, or is one too many; what stands around such a line, and the titles
of steps, tell more than the rule does. It knows which languages a prompt is fenced with, and
no form of a plan.
"""

from collections.abc import Sequence
from typing import NamedTuple

from piste.documents.markdown import Fence, Ticks, closes, fences, inside, ticks
from piste.documents.plan import titles

PROMPT_LANGUAGES = {"text", "txt", "plaintext", "plain", "prompt", "markdown", "md", "llm"}
HEADED = {"h1", "h2", "h3", "h4", "h5", "h6", "bold"}
"""How the titles look that are more than a line among others."""


class Block(NamedTuple):
    """A fence in the body of a step."""

    open: int
    close: int  # of the line that closes it, or of the end of the body
    info: str
    language: str
    width: int
    closed: bool
    inner: int = -1  # the row of a line that was taken for one of a fence within it, or -1


def language(fence: Ticks | None) -> str:
    """Return the language that the opening line of a fence names, or ``""``."""
    words = titles.bare_info(fence.info).split() if fence else []
    return words[0].strip("{}.").lower() if words else ""


def sound(lines: Sequence[str]) -> list[Fence]:
    """The fences; one that runs over the title of a step whose own fences are sound is none.

    One fence line too many or too few would otherwise swallow all the steps after it.
    """
    blocks = fences(lines)
    resets: list[int] = []
    while row := _first_swallowed(lines, blocks, resets[-1] if resets else 0):
        resets.append(row)
        blocks = [block for block in blocks if block.close < row]
        blocks = [block for block in blocks if not block.open <= row <= block.close]
        rest = fences(lines[row:])
        blocks += [Fence(b.open + row, b.close + row, b.info, b.width) for b in rest]
    return blocks


def _first_swallowed(lines: Sequence[str], blocks: Sequence[Fence], after: int) -> int:
    """The first title after the row `after` that lies in a fence by mistake, or 0.

    So it is when titles of its kind stand outside, and what follows it, up to the next one,
    has sound fences of its own: in a text that is quoted as a whole the last is closed once more.
    """
    around = inside(lines, blocks)
    rows: dict[tuple[str, str], list[int]] = {}
    for row, line in enumerate(lines):
        if "#" in line[:8] or "**" in line[:8]:
            title = titles.read(line)
            if title is not None and title.style in HEADED:
                rows.setdefault((title.style, title.word), []).append(row)
    found = []
    for same in rows.values():
        outside = [row for row in same if around[row] < 0]
        # Where all lie in fences, each in another, it was the first line of all that was too many.
        whole = same if len({around[row] for row in same}) == len(same) > 1 else [len(lines)]
        for row, end in zip(same, [*same[1:], len(lines)], strict=True):
            if around[row] >= 0 and row > after and (outside or whole)[0] <= row:
                begins = not outside and row == first_row(lines, blocks[around[row]])
                if not begins and _is_sound(lines, row + 1, end):
                    found.append(row)
                    break
    return min(found, default=0)


def _is_sound(lines: Sequence[str], start: int, end: int) -> bool:
    """Whether the lines have fences, each is closed, and none is empty."""
    opened: tuple[int, Ticks] | None = None
    count = 0
    for row in range(start, end):
        if (line := ticks(lines[row])) is None:
            continue
        if opened is None:
            opened = (row, line)
        elif closes(line, opened[1]):
            if not any(one.strip() for one in lines[opened[0] + 1 : row]):
                return False
            opened = None
            count += 1
    return opened is None and count > 0


def first_row(lines: Sequence[str], block: Fence) -> int:
    """Return the row of the first line of a fence that is not blank, or of its end."""
    rows = range(block.open + 1, block.close)
    return next((row for row in rows if lines[row].strip()), block.close)


def blocks(lines: Sequence[str], start: int, end: int) -> list[Block]:
    """The fences from `start` to before `end`; what `end` cuts off counts as one too."""
    found = [(row, line) for row in range(start, end) if (line := ticks(lines[row]))]
    result = []
    nesting = True
    at = 0
    while at < len(found):
        row, opened = found[at]
        last, nesting = _closing(found, at, nesting)
        inner = -1
        if last is not None and not any(found[n][1].info for n in range(at + 1, last)):
            first, last = last, _past_inner(lines, found, at, last, end)
            inner = found[first][0] if first != last else -1
        close = found[last][0] if last is not None else end
        closed = last is not None
        result.append(Block(row, close, opened.info, language(opened), opened.width, closed, inner))
        at = last + 1 if last is not None else len(found)
    return result


def _past_inner(
    lines: Sequence[str], found: Sequence[tuple[int, Ticks]], at: int, last: int, end: int
) -> int | None:
    """Which line closes the fence ``found[at]``, when ``found[last]`` may open one within it.

    Both are bare, so only what stands around them tells: text that touches two such lines from
    within, or what leads up to it (``like this:``), or an indentation. None: nothing closes it.
    """
    while last + 1 < len(found) and not found[last + 1][1].info:
        if not closes(found[last + 1][1], found[last][1]):
            break
        row, inner = found[last]
        after = found[last + 1][0]
        signs = [
            bool(lines[row + 1].strip()) and row + 1 < after,
            bool(lines[after - 1].strip()) and row + 1 < after,
            not lines[row - 1].strip() or lines[row - 1].rstrip().endswith((":", "：")),
            inner.width > found[at][1].width,
        ]
        more = any(line.strip() for line in lines[after + 1 : end])
        if sum(signs) < 2 or not more:
            break
        if last + 2 >= len(found) or found[last + 2][1].info:
            return None
        last += 2
    return last


def _closing(found: Sequence[tuple[int, Ticks]], at: int, nesting: bool) -> tuple[int | None, bool]:
    """Which of the lines in `found` closes the fence that ``found[at]`` opens.

    By CommonMark the first that can. People and models nest fences of the same length,
    though: where another one opens before, that is its end, if then there is one left for
    the outer one. When there was none once, `nesting` comes back false: another look would
    read on to the end each time.
    """
    opened = found[at][1]
    later = range(at + 1, len(found))
    first = next((n for n in later if closes(found[n][1], opened)), None)
    if first is None or not nesting or not any(found[n][1].info for n in range(at + 1, first)):
        return first, nesting
    stack = [opened]
    for n in later:
        if found[n][1].info:
            stack.append(found[n][1])
        elif closes(found[n][1], stack[-1]):
            stack.pop()
            if not stack:
                return n, True
    return first, False
