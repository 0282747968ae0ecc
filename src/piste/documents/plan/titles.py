"""One line of a plan: whether it is the title of a step, of which, and in what state.

A title has a word and a number (``### Prompt 2.1: Models``, `**Step 3**`, `1단계: …`), or is a
numbered heading or list item. It knows single lines only: which of the titles of a plan
are its steps, `formats` decides from all of them.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from piste.documents.markdown import (
    DONE,
    DROPPED,
    LONGEST,
    Box,
    Ticks,
    box,
    box_state,
    heading,
    split_state,
    ticks,
    word_state,
)

_NAMES = {
    "prompt": "prompt промпт промт プロンプト 프롬프트 提示 提示词 提示詞 invite",
    "step": "step шаг paso étape etape schritt passo etapa krok stap steg "
            "ステップ 手順 步骤 步驟 단계 스텝",
    "task": "task задача задание tarea tâche tache aufgabe tarefa zadanie taak "
            "タスク 任务 任務 작업 태스크",
    "ticket": "ticket issue story",
    "phase": "phase fase фаза этап フェーズ 阶段 階段 段階 페이즈 fáze",
    "chunk": "chunk milestone iteration stage part sprint block session module increment week day "
             "bloque bloc meilenstein abschnitt checkpoint round hito веха спринт неделя "
             "마일스톤 스프린트 주차",
}  # fmt: skip
_WORDS = {word: name for name, words in _NAMES.items() for word in words.split()}
COARSE = {"phase", "chunk"}
"""Words that mostly name a group of steps, and only without better ones the steps."""
_QUALIFIERS = {
    "llm", "tdd", "ai", "code", "coding", "codegen", "generation", "implementation", "agent",
    "development", "detailed", "claude", "gpt", "the", "build", "dev", "micro", "execution",
    "project",
}  # fmt: skip

# Each of these is linear: what could match twice is possessive, the rest is short.
_BULLETS = re.compile(r"[ \t]*+(?:(?:[-*+•]|[0-9]{1,4}[.)])[ \t]++)++")
_HASHES = re.compile(r"[ \t]{0,3}(?:\\?#){1,6}[ \t]++")
_CLOSED = re.compile(r"[ \t]#+$")
_TAGS = re.compile(r"[ \t]*+(?:</?[A-Za-z][^<>]{0,80}>[ \t]*+)++")
_LAST_TAGS = re.compile(r"(?:</[A-Za-z][^<>]{0,80}>){1,4}$")
_BOLD = re.compile(r"(?:(?:\[.{0,2}\]|[^\w\s*<`\[]{1,3})\s)?(?:\*\*|__|\\\*\\\*)")
_ESCAPED = re.compile(r"\\([#*_.+>`~()\[\]-])")
_DECORATION = re.compile(r"(?:\[.{0,2}\](?=\s)|[^\w\[(])*+")
_OPTIONAL = re.compile(
    r"(?:\(optional(?:ly)?\)|\[optional\]|optional(?=[\s:]))[\s:*_–—-]*+", re.IGNORECASE
)
_LAST = re.compile(
    r"((?:final|last|closing|bonus|extra|wrap-?up|integration)) (prompt|step|task)\b"
    r"(?:\s*+[:–—-]++\s*+|$)",
    re.IGNORECASE,
)
_CAPITALS = re.compile(r"[A-Z]{3,20}(?: [A-Z]{2,20}){0,3}:[\s*_]*+")  # FUTURE: Prompt 3
_WORD = re.compile(r"[^\W\d_]{1,40}")
_DASHES = re.compile(r"[\s-]*+")
_FOR = re.compile(r"[\s*_]++(?:for|of|to|для|para|pour|für)\s++")
_NUMBER_SIGN = re.compile(r"[\s*_~]*+(?:[#№]|n[or]\.?(?=\s)|number(?=\s))?+\s*+")
_ID = re.compile(
    r"(?:[A-Z]{1,3}-?)?[0-9]{1,6}(?:[./-][0-9]{1,6})*"  # 02  1.1.3  P3  1/8  C-1.1
    r"(?:[^\W\d_](?![^\W_]))?(?:-[A-Z]{2,8}(?![^\W_]))?(?![^\W_])"  # 6a  03-MVP
    r"|[A-Z](?:/[0-9]{1,4})?(?![^\W_])"  # A  A/6
)
_COUNTED = re.compile(r"第?\s?([0-9]{1,6})\s?(단계|步|步骤|步驟|阶段|階段|フェーズ|ステップ|주차)")
_AFTER_ID = re.compile(r"([*_~)\]`]*+)(\s*+[:：.．。–—―|·•→>-]++|\s*+$|\s*+(?=\())?")
_END_OF_RANGE = re.compile(r"\s*[0-9]{1,4}\s*(?:$|[:：)–—-])")
_NUMBERED = re.compile(
    r"((?:[A-Z]{1,3}-?)?[0-9]{1,4}(?:[.-][0-9]{1,4})*[a-z]?)"
    r"(?:[.):：](?=[\s*_])|(?=\s+[–—·-]\s)|(?:(?<=[0-9][.-][0-9])|(?<=[0-9][.-][0-9][a-z]))(?=\s))"
)
_TAG = re.compile(  # <prompt id="1" title="Models">, <step_2>: a line of its own
    r"(?P<head>[ \t]{0,3}<(?P<name>(?P<word>[A-Za-z]{1,12})(?:[_-]?+(?P<id>[0-9]{1,6}))?)"
    r"(?P<marks>(?:\s++[A-Za-z_-]{1,30}\s*+=\s*+(?:\"[^\"<>]*+\"|'[^'<>]*+'))*+)\s*+>)(?P<rest>[^<>]*+)$"
)
_MARK = re.compile(r"([A-Za-z_-]{1,30})\s*+=\s*+[\"']([^\"']*+)")
_IDS = ("id", "number", "n", "index", "step")
_NAMES_OF_STEPS = ("title", "name", "summary")
_LEFT_OVER = " \t\r\v\f([|–—-"  # what stood between a title and a mark that was cut off
_STATUS = re.compile(
    r"[ \t>]{0,4}[*_]{0,3}(?:status|state|статус|estado|statut|상태|状态|状態|ステータス)"
    r"[*_]{0,3}[ \t]?[:：][*_ \t]{0,8}(\S.*)",
    re.IGNORECASE,
)


class Title(NamedTuple):
    """What a title says. `style` is h1 … h6, html, bold, plain or list; `word` is English."""

    style: str
    word: str
    id: str
    text: str
    state: str
    optional: bool = False
    parallel: bool = False


class Parts(NamedTuple):
    """A line, cut: a title could stand in `body`. `style` as in Title, or number or marker."""

    style: str
    prefix: str
    body: str
    suffix: str


def parts(line: str) -> Parts | None:
    """Return `line` cut into its parts, without white space at its end; None where none fits."""
    line = line.rstrip()
    bare = line.lstrip(" \t")
    if not bare or len(line) > LONGEST:
        return None
    if bare.startswith("<!--"):
        start = line.index("<!--") + 4
        return _cut("marker", line, start, len(line) - 3) if bare[4:].endswith("-->") else None
    if (found := _HASHES.match(line)) and (level := heading(line)):
        closed = _CLOSED.search(line, found.end() - 1)
        return _cut(f"h{level[0]}", line, found.end(), closed.start() if closed else len(line))
    if bare[0] == "<" and (found := _TAGS.match(line)):
        last = _LAST_TAGS.search(line, found.end())
        return _cut("html", line, found.end(), last.start() if last else len(line))
    if found := _BULLETS.match(line):
        return _cut("number" if bare[0].isdigit() else "list", line, found.end(), len(line))
    indent = line[: len(line) - len(bare)]
    if len(indent.expandtabs(4)) > 3:
        return None
    return Parts("bold" if _BOLD.match(bare) else "plain", indent, bare, "")


def _cut(style: str, line: str, start: int, end: int) -> Parts:
    body = line[start:end].strip()
    start += len(line[start:end]) - len(line[start:end].lstrip())
    return Parts(style, line[:start], body, line[start + len(body) :])


class _Normal(NamedTuple):
    """A line without what ticking it would change, and the state that this told."""

    line: str
    state: str
    cut: Parts | None
    item: bool  # of a list, without a word that makes a title of it


def _normal(line: str, trimmed: bool = True) -> _Normal:
    """Headings and titles lose their marks and, `trimmed`, what was left over at the end.

    Of an item of a list only a mark in front is state: "on success print ✅" is not.
    """
    if opened := _opened(line):
        body, state = split_state(opened["rest"].strip())
        line = f"{opened['head']} {body}".rstrip()
        return _Normal(line, state, parts(line), False)
    cut = None if ticks(line) else parts(line)
    if cut is None:
        return _Normal(line, "", None, False)
    listed = cut.style in ("number", "list")
    if (listed or cut.style in ("plain", "bold", "html")) and _with_word(cut) is None:
        if listed or item_box(line):
            return _normal_item(line)
        if _with_number(cut, line) is None:
            return _Normal(line, "", cut, False)
    state = ""
    while cut is not None:
        body, found = split_state(cut.body)
        shorter = cut.prefix + (body.rstrip(_LEFT_OVER) if trimmed else body) + cut.suffix
        state = state or found
        if shorter == line:
            break
        line, cut = shorter, parts(shorter)
    return _Normal(line, state, cut, False)


def item_box(line: str) -> Box | None:
    """Return the box of an item of a plan; a cross is none: it may be what the item says."""
    found = box(line)
    crossed = found and found.state == DROPPED and line[found.start] != "["
    return None if crossed else found


def _normal_item(line: str) -> _Normal:
    found = item_box(line)
    if found is None:
        cut = parts(line)
        if cut is None or not _ends_with_mark(cut.body):
            return _Normal(line, "", cut, True)
        body, state = split_state(cut.body)
        line = cut.prefix + body + cut.suffix
        return _Normal(line, state, parts(line), True)
    if line[found.start] == "[":
        line = f"{line[: found.start]}[ ]{line[found.end :]}"
        return _Normal(line, found.state, parts(line), True)
    rest = _normal(line[: found.start] + line[found.end :].lstrip())
    return _Normal(rest.line, found.state, rest.cut, True)


_MARK_AT_END = re.compile(r"(\w+)[\w)\]`'\"]*\s+[✅☑✔✓]\ufe0f?$")
# "On success print ✅" asks for the sign.
_ASKS_FOR_IT = {
    *("a", "an", "and", "as", "by", "display", "displays", "draw", "emit", "emits", "emoji", "for"),
    *("green", "icon", "is", "like", "log", "mark", "of", "or", "output", "outputs", "print"),
    *("prints", "render", "renders", "return", "returns", "says", "show", "shows", "sign", "the"),
    *("to", "use", "uses", "with", "write", "writes", "add", "adds", "symbol", "prefix", "append"),
}


def _ends_with_mark(body: str) -> bool:
    found = _MARK_AT_END.search(body) if len(body) < LONGEST else None
    return found is not None and found.group(1).lower() not in _ASKS_FOR_IT


def read(line: str) -> Title | None:
    """Return the title that `line` is, or None. Markers are not titles: see `marker`."""
    bare, state, cut, _ = _normal(line)
    if cut is None or not cut.body or cut.style == "marker" or ticks(bare):
        return None
    found = _with_word(cut) or _with_number(cut, bare)
    if found is None or (found[1] in "NnXx" and found[2][:1] == "[" and found[2][-1] == "]"):
        return None  # "Task N: [Component Name]" shows how a title is written
    if not state and cut.body.lstrip(" *_").startswith("~~"):
        state = DROPPED
    optional = bool(_OPTIONAL.match(cut.body, _after(_DECORATION, cut.body, 0)))
    return Title("list" if cut.style == "number" else cut.style, *found, state, optional)


def last(line: str) -> Title | None:
    """Return the title without a number that a line is: ``### Final Prompt - Wire it up``."""
    bare, state, cut, _ = _normal(line)
    if cut is None or cut.style not in ("h1", "h2", "h3", "h4", "h5", "h6", "bold") or ticks(bare):
        return None
    body = split_state(cut.body)[0].strip("*_ ")
    found = _LAST.match(body)
    if found is None:
        return None
    text = clean(body[found.end() :]) or found.group()
    return Title(cut.style, found.group(2).lower(), found.group(1), text, state)


_ITEM_ID = re.compile(r"(T[0-9]{1,5}[a-z]?|[0-9]{1,4}(?:\.[0-9]{1,4}){0,4}[a-z]?)[.):]?(?=\s)\s*+")
_ITEM_MARKS = re.compile(r"\[(P|US[0-9]{1,3}|[A-Z][A-Za-z0-9-]{0,11})\](?=\s)\s*+")


def task(line: str) -> Title | None:
    """Return the task with a box and an id of its own that a line is.

    So other tools write them: ``- [ ] T012 [P] [US1] Lay the tiles`` (spec-kit), ``- [ ] 2.1 Cut``
    and, where it may be left out, ``- [ ]* 2.2 Test`` (Kiro, OpenSpec).
    """
    found = item_box(line)
    if found is None or line[found.start] != "[" or not line[: found.start].strip(" \t>"):
        return None
    rest = line[found.end :]
    optional = rest.startswith("*")
    body = rest.removeprefix("*").strip()
    plain = body.removeprefix("**") if body.startswith("**") else body
    known = _ITEM_ID.match(plain)
    if known is None:
        return None
    text, at, parallel = plain, known.end(), False
    while mark := _ITEM_MARKS.match(text, at):
        parallel = parallel or mark.group(1) == "P"
        at = mark.end()
    return Title("boxes", "item", known.group(1), clean(text[at:]), found.state, optional, parallel)


def marker(line: str) -> Title | None:
    """Return what ``<!-- step 3: Title -->`` says; the id is empty for ``<!-- /step -->``."""
    _, state, cut, _ = _normal(line)
    if cut is None or cut.style != "marker":
        return None
    body = cut.body
    if body.lower().replace(" ", "") == "/step":
        return Title("marker", "step", "", "", "")
    word, _, rest = body.partition(" ")
    number, _, text = rest.strip().partition(":")
    if word.lower() != "step" or not number.strip():
        return None
    return Title("marker", "step", "-".join(number.split()), text.strip(), state)


class Tag(NamedTuple):
    """A line that opens a tag for a step: ``<prompt id="1" title="Models">``."""

    title: Title  # id and text are "" where it has none
    close: str  # the line that closes it, stripped


def tag(line: str) -> Tag | None:
    """Return the tag for a step that a line opens, or None."""
    opened = _opened(line)
    if opened is None:
        return None
    marks = {name.lower(): value.strip() for name, value in _MARK.findall(opened["marks"])}
    number = next((marks[name] for name in _IDS if marks.get(name)), opened["id"] or "")
    text = next((marks[name] for name in _NAMES_OF_STEPS if marks.get(name)), "")
    word = _WORDS[opened["word"].lower()]
    title = Title("tags", word, "-".join(number.split()), text, _normal(line).state)
    return Tag(title, f"</{opened['name']}>")


def _opened(line: str) -> re.Match[str] | None:
    if line.lstrip(" \t")[:1] != "<" or len(line) > LONGEST:
        return None
    found = _TAG.match(line.rstrip())
    return found if found and found["word"].lower() in _WORDS else None


def marked(line: str, done: bool) -> str:
    """Return the line of a title, or the opening line of a fence, with its mark set or not.

    A box is ticked; else ``✅`` stands at the end (in front for an item of a list).
    """
    blank = line[len(line.rstrip()) :]
    if (fence := ticks(line)) is not None:
        return bare_fence(line, fence) + (" ✅" if done else "") + blank
    bare, _, cut, item = _normal(line, trimmed=False)
    if not item and _normal(bare).state:  # "T ✓ -": a mark at the end once that is trimmed
        bare, _, cut, item = _normal(line)
    bare = bare.rstrip()
    found = item_box(line) if item else box(bare)
    if found and (item or bare[found.start] == "["):
        base = line if item else bare + blank
        tick = "[x]" if done else "[ ]"
        if base[found.start] != "[":  # without a bullet an emoji is a box only by its shape
            tick = ("✅" if base[: found.start].strip() else "☑") if done else "☐"
        return base[: found.start] + tick + base[found.end :]
    if cut is None or not done:
        return bare + blank
    if item:
        return f"{cut.prefix}✅ {cut.body}{blank}"
    return f"{cut.prefix}{cut.body} ✅{cut.suffix}{blank}"


def bare(line: str, fenced: bool) -> str:
    """Return a line of a plan without what ticking could change in it.

    In a fence (`fenced`) only titles and boxes count as state. At the end of a heading
    what was left over (``T -``) goes too, with or without a mark.
    """
    if line.lstrip(" \t")[:1].isalpha() and not _may_begin(line):
        return line  # most lines are prose
    if (fence := ticks(line)) is not None:
        return bare_fence(line, fence) + line[len(line.rstrip()) :]
    found = box(line)
    if found and line[found.start] == "[":
        line = f"{line[: found.start]}[ ]{line[found.end :]}"
    normal = _normal(line)
    cut = normal.cut
    if cut is None or not fenced or cut.style == "marker":
        return normal.line
    return normal.line if not normal.item and (_with_word(cut) or _with_number(cut, line)) else line


def bare_fence(line: str, fence: Ticks) -> str:
    """Return the opening line of a fence without a mark of state and white space at its end."""
    line = line.rstrip()
    return (line[: len(line) - len(fence.info)] + bare_info(fence.info)).rstrip()


def bare_info(info: str) -> str:
    """Return what follows the ticks of a fence without a mark of state."""
    while fence_state(info):
        info = info[: -len(info.split()[-1])].rstrip()
    return info


def fence_state(info: str) -> str:
    """Return the state that a mark after the language of a fence tells, or ``""``."""
    last = info.split()[-1] if info else ""
    return "" if last.isascii() else box_state(last)


def status(line: str) -> str:
    """Return the state that a line such as ``**Status:** ✅ Complete`` tells, or ``""``."""
    found = _STATUS.match(line) if len(line) <= LONGEST else None
    return word_state(found.group(1)) if found else ""


def not_started(line: str) -> str:
    """Return a line with a status, where it says done, with the status ``⬜ Not started``."""
    found = _STATUS.match(line)
    return f"{line[: found.start(1)]}⬜ Not started" if found and status(line) == DONE else line


def status_rows(lines: Sequence[str], row: int) -> list[int]:
    """Return the rows that tell the state of the step whose title is at `row`."""
    result = []
    for at in range(row + 1, min(row + 7, len(lines))):
        if ticks(lines[at]) or heading(lines[at]) or read(lines[at]):
            break
        if status(lines[at]):
            result.append(at)
    return result


def _with_word(cut: Parts) -> tuple[str, str, str] | None:
    """The word, the id and the text of a title such as ``Prompt 3 - Models``."""
    body = _ESCAPED.sub(r"\1", cut.body) if "\\" in cut.body[:12] else cut.body
    loose = cut.style[0] in "hb"  # a heading, html or a bold line needs no separator
    if not loose and not _may_begin(body):
        return None
    body = split_state(body)[0]
    return _label(body, loose, True) if len(body) <= LONGEST // 2 else None


def _may_begin(body: str) -> bool:
    """Whether a line of text can be a title at all: most are ruled out by their first word."""
    at = _after(_DECORATION, body, 0)
    word = _WORD.match(body, at)
    if word is None:
        return body[at : at + 1].isdigit()
    first = word.group().lower()
    return first in _WORDS or first in _QUALIFIERS or first[0] == "第" or first == "optional"


def _label(text: str, loose: bool, outer: bool) -> tuple[str, str, str] | None:
    at = _after(_CAPITALS, text, _after(_DECORATION, text, 0))
    at = _after(_DECORATION, text, _after(_OPTIONAL, text, at))
    for _ in range(4):
        word = _WORD.match(text, at)
        if not word or word.group().lower() not in _QUALIFIERS:
            break
        at = _after(_DASHES, text, word.end())
    found = _name_and_id(text, at)
    if found is None:
        return None
    name, number, end = found
    after = _AFTER_ID.match(text, end)
    closer, separator = after.groups() if after else ("", None)
    if not closer and separator is None and (not loose or number.isalpha()):
        return None
    rest = text[after.end() :] if after else text[end:]
    if (separator or "").strip() in ("-", "–", "—") and _END_OF_RANGE.match(rest):
        return None  # "Prompt 1 – 3" names a range of prompts
    inner = _label(rest, False, False) if outer and name in COARSE else None
    if inner and inner[0] not in COARSE:  # "Phase 2 - Step 1: Models"
        return inner[0], f"{number}.{inner[1]}", inner[2]
    return name, number, clean(rest)


def _name_and_id(text: str, at: int) -> tuple[str, str, int] | None:
    word = _WORD.match(text, at)
    name = _WORDS.get(word.group().lower()) if word else None
    if word is None or name is None:
        counted = _COUNTED.match(text, at)
        if counted is None:
            return None
        return _WORDS.get(counted.group(2), "step"), counted.group(1), counted.end()
    end = word.end()
    linked = _FOR.match(text, end)  # "Prompt for Step 1.3"
    second = _WORD.match(text, linked.end()) if linked else None
    if second and second.group().lower() in _WORDS:
        end = second.end()
    found = _ID.match(text, _after(_NUMBER_SIGN, text, end))
    return (name, found.group(), found.end()) if found else None


def _with_number(cut: Parts, line: str) -> tuple[str, str, str] | None:
    """The id and the text of ``### 2. Models``, of ``**2. Models**``, of ``2. Models``."""
    if cut.style == "number":
        if line[:1].isspace() or len(cut.prefix.split()) > 1:
            return None
        return "number", cut.prefix.strip().rstrip(".)"), clean(cut.body.removeprefix("[ ]"))
    if cut.style[0] not in "hb":
        return None
    body = split_state(cut.body)[0]
    found = _NUMBERED.match(body, _after(_DECORATION, body, 0))
    return ("number", found.group(1), clean(body[found.end() :])) if found else None


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


_CODE_OR_EMPHASIS = re.compile(
    r"(`[^`]*+`)|(?<![\w*])(\*{1,3})(?=[^\s*])([^*`]*[^\s*`])\2(?![\w*])"
    r"|(?<![\w_])_(?=[^\s_])([^_`]*[^\s_`])_(?![\w_])"
)
_SAID_AGAIN = re.compile(r"^(.{2,80}?)\s*\(`?([^()`]{2,80})`?\)$")


def clean(text: str) -> str:
    """Return the text of a title without emphasis, separators and state.

    What it says a second time in brackets, ``Base (`BASE`)``, goes as well.
    """
    text = text.strip(" \t:：–—-").removeprefix(". ")
    for pair in ("**", "__", "~~"):
        if text.count(pair) % 2:
            text = text[2:] if text.startswith(pair) else text.removesuffix(pair)
        elif text.startswith(pair) and text.endswith(pair) and text.count(pair) == 2:
            text = text[2:-2]
        text = text.strip(" \t:：–—-")
    text = split_state(text)[0].removeprefix("[ ]").strip(" \t").rstrip(_LEFT_OVER)
    if "*" in text or "_" in text:
        text = _CODE_OR_EMPHASIS.sub(lambda m: m.group(1) or m.group(3) or m.group(4), text)
    again = _SAID_AGAIN.match(text) if text.endswith(")") else None
    twice = again is not None and again.group(1).casefold() == again.group(2).casefold()
    return again.group(1) if again and twice else text
