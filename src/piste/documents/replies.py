"""From what a model replied to what may become a target: cleaned, then checked.

A reply is stored as it came; what becomes of it is worked out here, from the text
alone, each time it is taken. So a stricter check reaches old replies too. This
module knows no models and no files.
"""

import re
from collections.abc import Callable

_FENCE = re.compile(r"^(`{3,}|~{3,})[ \t]*([\w+-]*)[ \t]*$")
_HEADING = re.compile(r"^#{1,6}[ \t]+\S", re.MULTILINE)
_WRAPPING = {"", "markdown", "md", "text", "txt"}  # languages of a fence around a whole document
_CHATTER = 700  # characters; more than that before or after a document is not chatter
_OPENING = re.compile(
    r"^(sure|certainly|of course|okay|ok\b|great|absolutely|here(’|')?s|here is|here are|below is|"
    r"i(’|')ve|i have|i(’|')ll|let(’|')s|this is|thank|got it|understood|the following)",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"^(let me know|feel free|would you like|i hope|if you(’|')d like|if you would like|shall i|"
    r"do you want|please let me|just let me|happy to|want me to|hope this|is there anything)",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"^(i(’|')?m sorry|i am sorry|sorry,|i(’|')m unable|i am unable|i can(’|')?t|i cannot|"
    r"i won(’|')t|as an ai\b|unfortunately, i|i(’|')m not able|i must decline|my apologies)",
    re.IGNORECASE,
)
_NOTHING_FOUND = 2_000  # characters that a document may have which says that all is well
_REFUSAL_LENGTH = 2_000  # characters; a long text that opens so is a document after all


def usable(reply: str, check: str, source: Callable[[], str]) -> str | None:
    """Return the text that a target gets from a raw reply, or None if it is no result.

    `source` gives the first input's text, for the checks that look into it.
    """
    text = clean(reply)
    return finished(text, check, source) if problem(text, check) is None else None


def finished(text: str, check: str, source: Callable[[], str]) -> str:
    """Return a text that has passed its check as it is written: doubtful findings marked."""
    if check not in ("review", "issues"):
        return text
    from piste.documents.findings import marked

    return marked(text, source()).text


def clean(reply: str) -> str:
    """Return the document in a reply: no chat around it, no outer fence, LF, one end of line."""
    text = reply.replace("\r\n", "\n").lstrip("\ufeff").strip("\n").rstrip()
    text = _without_closing(_without_fence(_without_opening(text)))
    return text.strip("\n").rstrip() + "\n" if text.strip() else ""


def problem(text: str, check: str) -> str | None:
    """Return in one phrase why `text` cannot be the target, or None."""
    if not text.strip():
        return "the reply is empty"
    if refusal := _refusal(text):
        return refusal
    if _is_open(text):
        return "it is cut off inside the fence around it"
    return CHECKS[check](text)


def _without_opening(text: str) -> str:
    """Drop a chatty first paragraph, if a heading or a fence follows it."""
    lines = text.split("\n")
    starts = (n for n, line in enumerate(lines) if _HEADING.match(line) or _FENCE.match(line))
    number = next(starts, None)
    if number is None:
        return text
    before = "\n".join(lines[:number]).strip()
    chatty = _OPENING.match(before) or before.endswith((":", "："))
    if before and chatty and len(before) <= _CHATTER and "\n\n\n" not in before:
        return "\n".join(lines[number:])
    return text


def _without_fence(text: str) -> str:
    """Drop the one fence that holds the whole document, with the chat that follows it."""
    lines = text.split("\n")
    opening = _FENCE.match(lines[0])
    if not opening or opening[2].lower() not in _WRAPPING:
        return text
    last = _last_fence(lines, opening[1])
    if last is None or len("\n".join(lines[last + 1 :]).strip()) > _CHATTER:
        return text
    inner = "\n".join(lines[1:last])
    # A fenced document has its heading before any fence of its own. Where a fence comes
    # first, the document only begins with a block and ends with another.
    marks = (line for line in lines[1:last] if _HEADING.match(line) or _FENCE.match(line))
    headed = _HEADING.match(next(marks, ""))
    return inner if headed and _balanced(lines[1:last]) else text


def _is_open(text: str) -> bool:
    """Whether a fence around the whole document is opened and never closed."""
    lines = text.split("\n")
    opening = _FENCE.match(lines[0])
    return bool(
        opening and opening[2].lower() in _WRAPPING and _last_fence(lines, opening[1]) is None
    )


def _last_fence(lines: list[str], mark: str) -> int | None:
    for number in range(len(lines) - 1, 0, -1):
        found = _FENCE.match(lines[number])
        if found and not found[2] and found[1][0] == mark[0] and len(found[1]) >= len(mark):
            return number
    return None


def _balanced(lines: list[str]) -> bool:
    """Whether every fence in `lines` that is opened is closed in them."""
    open_mark = ""
    for line in lines:
        found = _FENCE.match(line)
        if not found:
            continue
        if not open_mark:
            open_mark = found[1]
        elif not found[2] and found[1][0] == open_mark[0] and len(found[1]) >= len(open_mark):
            open_mark = ""
    return not open_mark


def _without_closing(text: str) -> str:
    body, _, last = text.rpartition("\n\n")
    last = last.strip().lstrip("-*_ \n")
    if body and len(last) <= _CHATTER and _CLOSING.match(last):
        body = body.rstrip()
        return body[:-3].rstrip() if body.endswith("\n---") else body
    return text


def _refusal(text: str) -> str | None:
    if len(text) > _REFUSAL_LENGTH or _HEADING.search(text):
        return None
    if _REFUSAL.match(text.strip()):
        return f"the model refused: {_first_words(text)}"
    if text.rstrip().endswith(("?", "？")):
        return f"the model asked back: {_first_words(text)}"
    return None


def _first_words(text: str) -> str:
    words = " ".join(text.split())
    shown = "".join(c if c.isprintable() else "�" for c in words)
    return shown if len(shown) <= 120 else shown[:119] + "…"


def _document(text: str) -> str | None:
    return None if _HEADING.search(text) else "the reply has no heading, so it is no document"


def _spec(text: str) -> str | None:
    if len(_HEADING.findall(text)) < 2:
        return "the reply has no sections, so it is no specification"
    return None


def _plan(text: str) -> str | None:
    from piste.documents.plan import parse

    plan = parse(text)
    if not plan.steps:
        return "no step with a prompt is found in it, so it is no plan"
    for found in plan.problems:
        if found.kind in ("duplicate-id", "elision", "unclosed-fence"):
            return f"line {found.line}: {found.text}"
    return None


def _todo(text: str) -> str | None:
    from piste.documents.todo import parse

    return None if parse(text) else "no check box is found in it, so it is no todo list"


def _review(text: str) -> str | None:
    if "\n## " in text and "\n**File:**" not in text:
        return "its findings name no file"
    if "\n## " not in text and len(text) > _NOTHING_FOUND:
        return "it has no findings in the form asked for"
    return _document(text)


def _issues(text: str) -> str | None:
    if "\n## " in text and "\n**Labels:**" not in text:
        return "its issues have no labels, so they are not in the form asked for"
    if "\n## " not in text and len(text) > _NOTHING_FOUND:
        return "it has no issues in the form asked for"
    return _document(text)


CHECKS: dict[str, Callable[[str], str | None]] = {
    "document": _document,
    "spec": _spec,
    "plan": _plan,
    "todo": _todo,
    "review": _review,
    "issues": _issues,
}
