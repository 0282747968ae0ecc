"""From what a model replied to what may become a target: cleaned, then checked.

A reply is stored as it came; what becomes of it is worked out here, from the text
alone, each time it is taken. So a stricter check reaches old replies too. This
module knows no models and no files.
"""

import re
from collections.abc import Callable, Mapping

from piste.documents import headings, reasoning
from piste.system.errors import in_one_line, printable

Files = Callable[[], Mapping[str, str]]
"""Gives the files that a document is about: path -> text."""

_FENCE = re.compile(r"^(`{3,}|~{3,})[ \t]*([\w+-]*)[ \t]*$")
_HEADING = re.compile(r"^#{1,6}[ \t]+\S", re.MULTILINE)
_WRAPPING = {"", "markdown", "md", "text", "txt"}  # languages of a fence around a whole document
_CHATTER = 700  # characters; more than that before or after a document is not chatter
_OPENING = re.compile(
    r"^(sure|certainly|of course|okay|ok\b|great|absolutely|here(’|')?s|here is|here are|"
    r"here it is|below is|i(’|')ve|i have|i(’|')ll|let(’|')s|this is|thank|got it|"
    r"understood|the following)",
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
_PREAMBLE = 2_000  # characters of prose before a title
# What a document may begin with before its title: front matter, HTML, pictures, tables, quotes.
_STRUCTURE = re.compile(r"\A(?:---|\+\+\+)$|^[ \t]*(?:<|!\[|\[!|\||>|#)", re.MULTILINE)
_LAYERS = 4  # of what may lie around a document: chat, tags, a fence, and chat in it
_TAG = re.compile(r"<([A-Za-z][\w:.-]*)(?:[ \t][^<>\n]*)?>")
_HTML = frozenset((
    *("a", "abbr", "article", "aside", "b", "blockquote", "body", "br", "center", "code", "dd"),
    *("details", "div", "dl", "dt", "em", "figure", "font", "footer", "h1", "h2", "h3", "h4"),
    *("h5", "h6", "head", "header", "hr", "html", "i", "img", "kbd", "li", "main", "nav", "ol"),
    *("p", "picture", "pre", "section", "small", "source", "span", "strong", "sub", "summary"),
    *("sup", "svg", "table", "tbody", "td", "th", "thead", "tr", "u", "ul", "video"),
))  # fmt: skip
_SUBSTANCE = 200  # characters; less without a heading is a remark
_STRUCTURED = re.compile(r"^[ \t]*(?:[-*+•] |\d+[.)] |\|.*\||(?:\*\*|__)\w)", re.MULTILINE)
_SECTIONS = 2
_NOTHING = re.compile(
    r"^[*_ \t]*(?:no|zero|0) (?:\w+ )?(?:findings?|issues?|problems?|defects?|tests? are missing)\b"
    r"|^[*_ \t]*nothing (?:to report|was found|found|is missing)|^[*_ \t]*none\.?[*_]*$",
    re.IGNORECASE | re.MULTILINE,
)
_ITEM = re.compile(
    r"(?P<indent>[ \t]*)(?:[-*+•–—‣▪]|\d+[.)]|\|(?=[ \t]*[\[(]))[ \t]*"
    r"(?:[*`\\]*[\[(](?P<ticked>[xX])?[ _\\]*[\])][*`]*[ \t]*\|?|[□◻◯○]|<input\b[^>]*>)?"
    r"[ \t]*(?P<words>[^|\s-].*)"
)
_NOTHING_FOUND = 2_000  # characters that a document may have which says that all is well
_REFUSAL_LENGTH = 2_000  # characters; a long text that opens so is a document after all


def finished(text: str, check: str, files: Files) -> str:
    """Return a text that has passed its check as it is written.

    What can be computed is: the lines of findings, and the boxes of a list without any. `files`
    gives the files that the document is about, for the checks that look into them.
    """
    if check == "todo":
        return _with_boxes(text)
    if check not in ("review", "issues"):
        return text
    from piste.documents.findings import marked

    return marked(text, files()).text


def clean(reply: str) -> str:
    """Return the document in a reply: no reasoning, no chat or fence around it, LF, one end."""
    text = reasoning.removed(reply.replace("\r\n", "\n").lstrip("\ufeff"))
    text = text.strip("\n").rstrip()
    for _ in range(_LAYERS):
        shorter = _without_closing(_without_fence(_without_tags(_without_opening(text))))
        shorter = shorter.strip("\n").rstrip()
        if shorter == text:
            break
        text = shorter
    return text + "\n" if text.strip() else ""


def problem(text: str, check: str) -> str | None:
    """Return in one phrase why `text` cannot be the target, or None.

    What a person could use is a document, whatever its form; see `warnings`.
    """
    if not text.strip():
        return "the reply is empty"
    if refusal := _refusal(text):
        return refusal
    if _is_open(text):
        return "it is cut off inside the fence around it"
    return CHECKS[check](text)


def warnings(text: str, check: str) -> list[str]:
    """Return what a person should know of a document that is kept, a phrase each."""
    found = [] if headings.of(text) or nothing_found(text) else ["it has no headings"]
    if check in ("review", "issues") and not nothing_found(text):
        from piste.documents.findings import count, fields

        if not count(text):
            found.append("its findings name no file in a form that can be read")
        if check == "issues" and not fields(text, "labels?|tags?"):
            found.append("its issues have no labels")
    if check == "plan":
        from piste.documents.plan import parse

        found += [f"line {one.line}: {one.text}" for one in parse(text).problems
                  if one.kind == "duplicate-id"]  # fmt: skip
    return found


def _without_opening(text: str) -> str:
    """Drop the words before the document: chat before a heading or a fence, prose before a title.

    A title that stands in the middle of a text is none: what is before it has to be plain.
    """
    lines = text.split("\n")
    starts = (n for n, line in enumerate(lines) if _begins(line))
    number = next(starts, None)
    if number is None:
        first = next((one for one in headings.of(text) if one.level == 1), None)
        number = first.row if first else None
    if not number:
        return text
    before = "\n".join(lines[:number]).strip()
    chatty = _OPENING.match(before) or before.endswith((":", "："))
    if before and chatty and len(before) <= _CHATTER and "\n\n\n" not in before:
        return "\n".join(lines[number:])
    titled = lines[number].startswith("# ") or not _begins(lines[number])
    if titled and len(before) <= _PREAMBLE and not _STRUCTURE.search(before):
        return "\n".join(lines[number:])
    return text


def _begins(line: str) -> bool:
    """Whether a document, or what is laid around one, may begin with this line."""
    tag = _TAG.fullmatch(line.rstrip())
    around = tag is not None and tag[1].lower() not in _HTML
    return around or bool(_HEADING.match(line) or _FENCE.match(line))


def _without_tags(text: str) -> str:
    """Drop a pair of tags around the whole document; one alone is content."""
    opening = _TAG.match(text)
    if not opening or opening[1].lower() in _HTML:
        return text
    closing = f"</{opening[1]}>"
    if not text.endswith(closing):
        return text
    inner = text[opening.end() : -len(closing)]
    # Two elements one after the other are no pair around the whole.
    return inner if inner.count(f"<{opening[1]}") == inner.count(closing) else text


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
    if len(text) > _REFUSAL_LENGTH or headings.of(text):
        return None
    if _REFUSAL.match(text.strip()):
        return f"the model refused: {_first_words(text)}"
    if text.rstrip().endswith(("?", "？")):
        return f"the model asked back: {_first_words(text)}"
    return None


def _first_words(text: str) -> str:
    shown = printable(in_one_line(text))
    return shown if len(shown) <= 120 else shown[:119] + "…"


def _document(text: str) -> str | None:
    if headings.of(text) or (len(text) >= _SUBSTANCE and _STRUCTURED.search(text)):
        return None
    return "the reply has no heading, so it is no document"


def _spec(text: str) -> str | None:
    if len(headings.of(text)) >= _SECTIONS or _STRUCTURED.search(text):
        return _document(text)
    return "the reply has no sections, so it is no specification"


def _plan(text: str) -> str | None:
    from piste.documents.plan import parse

    plan = parse(text)
    if not plan.steps:
        return "no step with a prompt is found in it, so it is no plan"
    for found in plan.problems:
        if found.kind in ("elision", "unclosed-fence"):
            return f"line {found.line}: {found.text}"
    return None


def _todo(text: str) -> str | None:
    from piste.documents.todo import parse

    if parse(text) or parse(_with_boxes(text)):
        return None
    return "no check box is found in it, so it is no todo list"


def _findings(text: str) -> str | None:
    return None if nothing_found(text) else _document(text)


def nothing_found(text: str) -> bool:
    """Whether a review says, in few words, that there is nothing to report."""
    return len(text) <= _NOTHING_FOUND and bool(_NOTHING.search(text))


def _with_boxes(text: str) -> str:
    """Give each item of a list its box, where a list has none that is read as one."""
    from piste.documents import markdown
    from piste.documents.todo import parse

    if parse(text):
        return text
    lines = text.split("\n")
    inside = markdown.inside(lines, markdown.fences(lines))
    for row, line in enumerate(lines):
        found = _ITEM.match(line) if inside[row] < 0 else None
        if found:
            ticked = bool(found["ticked"])
            words = found["words"].strip().removesuffix("|").rstrip()
            lines[row] = f"{found['indent']}- [{'x' if ticked else ' '}] {words}"
    return "\n".join(lines)


CHECKS: dict[str, Callable[[str], str | None]] = {
    "document": _document,
    "spec": _spec,
    "plan": _plan,
    "todo": _todo,
    "review": _findings,
    "issues": _findings,
}
