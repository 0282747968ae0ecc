"""Lines, fences, headings, boxes and marks of state, as people and models really write them.

It is a reader for two kinds of file, `prompt_plan.md` and `todo.md`, and no Markdown
parser: CommonMark decides what a fence is, except that a fence which nothing closes is no
fence (one forgotten closing line would otherwise swallow the rest of the file), and that
indentation never makes code (the fences and boxes of these files stand in lists, deep).
It does not know what a step or an item is. Nothing here raises, and every function takes
time in proportion to the length of its input.

A line ends at LF or CRLF. A lone CR, a form feed or U+2028 is a character like any other.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

# Longer lines are never a heading, a box or a title: each function that looks at one line
# more than once is bounded by this.
LONGEST = 1000

_FENCE = re.compile(r"([ \t]*)(`{3,}|~{3,})[ \t]*(.*)")
_ATX = re.compile(r"[ \t]{0,3}((?:\\?#){1,6})(?:[ \t]+(.*)|$)")
_CLOSED_ATX = re.compile(r"[ \t]#+$")


class Fence(NamedTuple):
    """A fenced block. `open` and `close` are rows (from 0); `close` is its last line."""

    open: int
    close: int
    info: str
    width: int
    """Columns of indentation before the opening line; as much is cut from its content."""


class Ticks(NamedTuple):
    """A line that opens or closes a fence: ``char`` repeated ``length`` times, then `info`."""

    width: int
    char: str
    length: int
    info: str


def split(text: str) -> list[str]:
    """Return the lines of `text` without their ends; an empty last one when it ends in LF."""
    return [line[:-1] if line.endswith("\r") else line for line in text.split("\n")]


def ticks(line: str) -> Ticks | None:
    """Return what a fence line holds, or None for any other line."""
    if "```" not in line and "~~~" not in line:
        return None
    found = _FENCE.match(line)
    if not found:
        return None
    indent, run, info = found.groups()
    if run[0] == "`" and "`" in info:  # ```code``` within a sentence
        return None
    return Ticks(len(indent.expandtabs(4)), run[0], len(run), info.strip())


def closes(line: Ticks, opened: Ticks) -> bool:
    """Tell whether `line` ends the fence that `opened` began (CommonMark 0.31, 4.5)."""
    return (
        not line.info
        and line.char == opened.char
        and line.length >= opened.length
        and line.width <= opened.width + 3
    )


def fences(lines: Sequence[str]) -> list[Fence]:
    """Return the fences that are closed, in order. They do not overlap."""
    rows = [(row, found) for row, line in enumerate(lines) if (found := ticks(line))]
    longest = _longest_closers(rows)
    result: list[Fence] = []
    opened: tuple[int, Ticks] | None = None
    for at, (row, found) in enumerate(rows):
        if opened is None:
            if longest[found.char][at + 1] >= found.length:
                opened = (row, found)
        elif closes(found, opened[1]):
            result.append(Fence(opened[0], row, opened[1].info, opened[1].width))
            opened = None
    return result


def _longest_closers(rows: Sequence[tuple[int, Ticks]]) -> dict[str, list[int]]:
    # For each position the longest run, of either character, that could still close a
    # fence from there on: with it, one pass knows which opening line is never closed.
    best = {"`": [0], "~": [0]}
    for _, found in reversed(rows):
        for char, lengths in best.items():
            here = found.length if found.char == char and not found.info else 0
            lengths.append(max(lengths[-1], here))
    return {char: lengths[::-1] for char, lengths in best.items()}


def inside(lines: Sequence[str], blocks: Sequence[Fence]) -> list[int]:
    """Return for each row the number of the fence it lies in, or -1.

    The opening and the closing line lie in it too.
    """
    result = [-1] * len(lines)
    for number, block in enumerate(blocks):
        for row in range(block.open, block.close + 1):
            result[row] = number
    return result


def heading(line: str) -> tuple[int, str] | None:
    """Return the level and the text of an ATX heading, also of one copied as ``\\#\\#``."""
    if "#" not in line[:8] or len(line) > LONGEST:
        return None
    found = _ATX.match(line)
    if not found:
        return None
    text = (found.group(2) or "").strip()
    text = "" if text.strip("#") == "" else _CLOSED_ATX.sub("", text).rstrip()
    return found.group(1).count("#"), text


# ------------------------------------------------------------------ state

OPEN, DONE, DOING, DROPPED = "open", "done", "doing", "dropped"

_EMOJI_STATES = {
    **dict.fromkeys("✅☑✔🗹", DONE),
    **dict.fromkeys("☐⬜🔲", OPEN),
    **dict.fromkeys("🔄🚧⏳⌛🟡🟠▣", DOING),
    **dict.fromkeys("❌✗✘☒🚫⛔", DROPPED),
}
_EMOJI = re.compile(f"[{''.join(_EMOJI_STATES)}]\ufe0f?")
# At the end of a heading a bare check mark is state too; in a sentence it is a word.
_TICK_AT_END = re.compile(r"(?<=\s)[✓]\ufe0f?$")

_WORD_STATES = {
    "done": DONE, "complete": DONE, "completed": DONE, "finished": DONE, "implemented": DONE,
    "in progress": DOING, "in-progress": DOING, "wip": DOING, "ongoing": DOING, "partial": DOING,
    "partially done": DOING, "partially complete": DOING, "partially completed": DOING,
    "not started": OPEN, "not done": OPEN, "pending": OPEN, "todo": OPEN, "to do": OPEN,
    "planned": OPEN, "ready": OPEN, "blocked": OPEN, "on hold": OPEN, "in review": DOING,
    "incomplete": OPEN, "not complete": OPEN, "not completed": OPEN,
    "skipped": DROPPED, "dropped": DROPPED, "cancelled": DROPPED, "canceled": DROPPED,
    "abandoned": DROPPED, "obsolete": DROPPED,
    "готово": DONE, "выполнено": DONE, "сделано": DONE, "hecho": DONE, "completado": DONE,
    "terminé": DONE, "erledigt": DONE, "fertig": DONE, "feito": DONE, "concluído": DONE,
    "완료": DONE, "완료됨": DONE, "已完成": DONE, "完成": DONE, "完了": DONE,
    "в работе": DOING, "진행 중": DOING, "진행중": DOING, "进行中": DOING, "進行中": DOING,
}  # fmt: skip
_DATE = re.compile(r"[0-9]{4}-[0-9]|[0-9]{1,3} ?%|[0-9]{1,3}/[0-9]")
# "DONE" at the end of a heading is a mark, in "show a toast when DONE" it is not.
_NO_MARK_AFTER = {"a", "an", "and", "are", "as", "be", "by", "for", "get", "gets", "if", "is",
                  "mark", "not", "of", "on", "or", "set", "show", "the", "to", "until", "was",
                  "when", "with"}  # fmt: skip
_LEADING_WORD = re.compile(
    r"(?:\[{0}\]|\({0}\)|\*\*{0}:?\*\*:?|{0}:)\s+".format("(?:DONE|COMPLETED?|FINISHED)")
)
_PRIORITY = re.compile(r"[*_ ]*[A-Z]{3,20}(?: [A-Z]{2,20}){0,3}[*_]*:\s*")
_BEFORE_BOX = re.compile(r"[ \t>]*+(?:(?:[-*+•]|[0-9]{1,6}[.)])[ \t]++)*+(?:#{1,6}[ \t]++)?+")
_BOX = re.compile(r"\[(.{0,2})\](?=\s|$|\*\s)")  # [ ]* is an optional task of Kiro's
_LAST_BOX = re.compile(r"(?:\s[-–—|:])?\s\[(.{0,2})\]((?:\s\S{1,20}){0,2})\s*$")
_ID_BEFORE = re.compile(r"(?:[0-9]|\s[A-Z]|[0-9][a-z])$")
_AROUND, _SEPARATORS = " \t*_~", " \t:：.)–—-*_~"
_POINTS = "*_~.,:;!?()[]"


def word_state(words: str) -> str:
    """Return the state that `words` begin with (``✅ Complete``, ``In progress``), or ``""``."""
    words = words[:LONGEST].lstrip(" \t*_~([:")
    if found := _EMOJI.match(words):
        return _EMOJI_STATES[found.group()[0]]
    return _state_of(words[:60].split()[:2], first=True)[1]


def _state_of(words: Sequence[str], first: bool) -> tuple[int, str]:
    # How many of the (at most two) words at that end name a state, and which.
    for count in (2, 1):
        some = words[:count] if first else words[-count:]
        bare = " ".join(word.strip(_POINTS) for word in some).lower()
        if len(some) == count and bare in _WORD_STATES:
            return count, _WORD_STATES[bare]
    return 0, ""


def box_state(char: str) -> str:
    """Return the state that a box with `char` between its brackets has; ``""`` for no box."""
    char = char.strip().rstrip("\ufe0f")
    if char in ("", "x", "X", "✓", "v", "V", "~", "/", ">", "-"):
        return {"": OPEN, "~": DOING, "/": DOING, ">": DOING, "-": DROPPED}.get(char, DONE)
    return _EMOJI_STATES.get(char, "")


class Box(NamedTuple):
    """The box of an item: ``line[start:end]``, and the state it shows."""

    start: int
    end: int
    state: str


def box(line: str) -> Box | None:
    """Return the box that the text of `line` begins with, or None.

    ``- [x] T``, ``1. [ ] T``, ``- 1. [X] T``, ``[ ] T``, ``## [ ] T``, ``- ☐ T``, ``☑ T``. A date
    or a link in brackets is none; without a bullet an emoji must have the shape of a box.
    """
    if len(line) > LONGEST:
        return None
    found = _BEFORE_BOX.match(line)
    start = found.end() if found else 0
    if line[start : start + 1] == "[":
        if inner := _BOX.match(line, start):
            state = box_state(inner.group(1))
            if state and (line[:start].strip() or line[inner.end() :].strip()):
                return Box(start, inner.end(), state)
        return None
    emoji = _EMOJI.match(line, start)
    rest = line[emoji.end() :] if emoji else ""
    if not emoji or not rest[:1].isspace() or not (line[:start].strip() or rest.strip()):
        return None
    if line[:start].strip(" \t>#") or emoji.group()[0] in "☐☑☒⬜":
        return Box(start, emoji.end(), _EMOJI_STATES[emoji.group()[0]])
    return None


def split_state(text: str) -> tuple[str, str]:
    """Return the text of a heading without its marks of state, and the state they tell.

    ``Build it ✅ COMPLETED`` gives ``("Build it", "done")``; with no mark the text comes
    back as it is, and the state is ``""``. Marks are emoji and words where a state stands:
    at either end, or around the number of a step. A box at the start stays, as ``[ ]``.
    """
    if len(text) > LONGEST:
        return text, ""
    state = ""
    while True:  # "✅ COMPLETED (done)": some marks are made of several
        shorter, found = _cut(text)
        if shorter == text:
            return text, state
        text, state = shorter, state or found


def _cut(text: str) -> tuple[str, str]:
    for way in (_cut_box, _cut_emoji, _cut_last_box, _cut_last_word, _cut_first_word):
        shorter, state = way(text)
        if shorter != text:
            return shorter, state
    return text, ""


def _cut_box(text: str) -> tuple[str, str]:
    found = _BOX.match(text)
    if found and (state := box_state(found.group(1))):
        return "[ ]" + text[found.end() :], state if state != OPEN else ""
    return text, ""


def _cut_emoji(text: str) -> tuple[str, str]:
    marks = [*_EMOJI.finditer(text)]
    if tick := _TICK_AT_END.search(text):
        marks.append(tick)
    for mark in marks:
        before, after = text[: mark.start()], text[mark.end() :]
        state = _EMOJI_STATES.get(mark.group()[0], DONE)
        if _ends_a_title(after):
            return _close(before, text), state
        if (head := _before_a_title(before)) is not None:
            after = after.lstrip()
            if not head and (priority := _PRIORITY.match(after)):
                after = after[priority.end() :]
            space = "" if not head or after[:1] in ":：.)" or head[-1] in "*_~" else " "
            return head + space + after, state
    return text, ""


def _cut_last_box(text: str) -> tuple[str, str]:
    # "Base - [x] Done", "Roof [ ]": a box at the end, alone or with a word that says the same.
    found = _LAST_BOX.search(text)
    if not found or not text[: found.start()].strip(_AROUND):
        return text, ""
    state, word = box_state(found.group(1)), found.group(2).strip(_POINTS + " ")
    words = word.lower().split()
    known = words in ([], ["open"]) or _state_of(words, first=True)[0] == len(words)
    if not state or not known:
        return text, ""
    return _close(text[: found.start()].rstrip(" \t:："), text), state


def _ends_a_title(after: str) -> bool:
    rest = after.strip(" \t*_~)]!.,:|–—-")
    if not rest or _DATE.match(rest.lstrip("([ ")):
        return True
    return bool(_state_of(rest[:60].split()[:2], first=True)[0])


def _before_a_title(before: str) -> str | None:
    # "" at the start, or "Step 3:": what stands before a mark that comes before the title.
    head = before.rstrip()
    if not head.strip(_AROUND) or head.strip(_AROUND) == "[ ]":
        return head
    return head if _ID_BEFORE.search(head.rstrip(_SEPARATORS)) else None


def _close(before: str, whole: str) -> str:
    # What an emphasis opened before the mark and closed after it stays closed.
    head = before.rstrip(" \t\r\v\f([")
    bare = head.rstrip(" \t|–—-")
    if bare != head and head[len(bare)] in " \t|":
        head = bare
    for pair in ("**", "~~"):
        if head.count(pair) % 2 and whole.rstrip().endswith(pair):
            head = head[: -len(pair)].rstrip() if head.endswith(pair) else head + pair
    return head


def _cut_last_word(text: str) -> tuple[str, str]:
    core = text.rstrip(" \t*_)]!.")
    count, state = _state_of(core[-60:].split()[-2:], first=False)
    if not count:
        return text, ""
    word = core.rsplit(None, count)[-count:]
    at = core.rindex(word[0]) if count == 1 else core.rindex(word[0], 0, core.rindex(word[1]))
    at += len(word[0]) - len(word[0].lstrip(_POINTS))
    head = core[:at].rstrip(" \t*_")
    if not _marks(head, core[at:], core[:at]):
        return text, ""
    return _close(core[:at].rstrip(" \t:："), text), state


def _marks(head: str, word: str, before: str) -> bool:
    # Whether a state word at the end of a heading, after `head`, is a mark of its state.
    last = head[-1:]
    if last in ("(", "["):
        return True
    if last in ("-", "–", "—", "|"):
        return head[-2:-1].isspace()
    if last in (":", "："):
        return word.isupper()
    if word not in ("DONE", "COMPLETED") or before[-1:] not in (" ", "\t", "*", "_"):
        return False
    return bool(head.strip()) and head.rsplit(None, 1)[-1].lower() not in _NO_MARK_AFTER


def _cut_first_word(text: str) -> tuple[str, str]:
    found = _LEADING_WORD.match(text)
    return (text[found.end() :], DONE) if found else (text, "")
