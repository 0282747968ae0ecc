"""A model's reasoning, told from its answer and taken out.

Many models, or the servers before them, put what they think into the text of a reply, between
marks of their family. It is no part of the answer: a draft in it is no document, an edit in it
is not to be carried out. Documents, interview and the built-in agent all clean replies here.

A mark counts where a model puts one: at the start of the reply, or at the start of a line.
Within a fence, a code span or a block of the built-in agent it is the text's own subject and
stays, and so it does within a sentence. It does not know what the answer is to be.
"""

import re
from typing import NamedTuple

from piste.documents import markdown

_WORD = (
    r"(?:ant)?(?:think(?:ing)?|thoughts?|reasoning|reflection|analysis|scratch_?pad|rationale|"
    r"(?:inner|internal|self)?[_-]?monologue|deliberation|planning|brainstorming|"
    r"chain[_-]of[_-]thoughts?|cot|(?:thought|thinking|reasoning)[_-]process)"
)
_CASELESS = re.IGNORECASE | re.MULTILINE


class _Family(NamedTuple):
    """The marks of one family of models; `{word}` is one of the words for reasoning."""

    opens: str
    closes: str


_FAMILIES = (
    _Family(r"<(?:\w+:)?{word}(?:[ \t][^<>\n]*)?>", r"</(?:\w+:)?{word}[ \t]*>"),
    _Family(r"\[{word}\]", r"\[/{word}\]"),
    _Family(r"◁{word}▷", r"◁/{word}▷"),
    _Family(
        r"<[|｜](?:begin[_▁]of[_▁]|start[_▁])?{word}(?:[_▁](?:start|begin))?[|｜]>",
        r"<[|｜](?:/|end[_▁]of[_▁]|end[_▁]){word}[|｜]>|<[|｜]{word}[_▁]end[|｜]>",
    ),
    _Family(r"<\|channel>{word}\b", r"<channel\|>"),
    _Family(r"<unused94>{word}\b", r"<unused95>"),
    _Family(r"<details type=\"reasoning\"[^<>\n]*>", r"</details>"),
    _Family(r"Thinking\.\.\.[ \t]*$", r"^\.\.\.done thinking\.?"),
)
_OPENS = re.compile(
    "^[ \t]*(?:" + "|".join(f"({one.opens.format(word=_WORD)})" for one in _FAMILIES) + ")",
    _CASELESS,
)
_CLOSES = [re.compile(one.closes.format(word=_WORD), _CASELESS) for one in _FAMILIES]
_EMPTY = re.compile(rf"^[ \t]*<{_WORD}[ \t]*/>[ \t]*\n?", _CASELESS)
# A closing mark alone on its line, or before what an answer begins with.
_LONE = re.compile(
    "(?:" + "|".join(one.closes.format(word=_WORD) for one in _FAMILIES[:6])
    + r")(?=[ \t]*$|\s*(?:#{1,6}[ \t]|={3,}[ \t]|```|~~~|<))",
    _CASELESS,
)  # fmt: skip

# gpt-oss: messages in channels, of which only "final" is the answer.
_CHANNEL = re.compile(
    r"(?:<\|start\|>\w*[ \t]*)?<\|channel\|>[ \t]*(\w+)[^<\n]*(?:<\|message\|>)?"
    r"((?:(?!<\|(?:end|return|call|start|channel)\|>).)*)(?:<\|(?:end|return|call)\|>)?",
    re.DOTALL,
)
# The same where the marks themselves were dropped: "analysisWe need …assistantfinal# Title".
_BARE_CHANNELS = re.compile(r"\Aanalysis(?=[A-Z\s]).*assistant[ \t]*final(?![a-z])", re.DOTALL)
# Families that mark the answer and not the thought.
_ANSWERS = (
    re.compile(r"\[BEGIN FINAL RESPONSE\](.*?)(?:\[END FINAL RESPONSE\].*)?\Z", re.DOTALL),
    re.compile(r"\AHere (?:is|'s) my thought process:.*?^Here (?:is|'s) my response:(.*)\Z",
               re.DOTALL | re.MULTILINE),
)  # fmt: skip
_RESPONSE = re.compile(
    r"<\|(?:start_response|begin_of_solution|end_response|end_of_solution)\|>", re.IGNORECASE
)
_TOKENS = (
    r"(?:<[|｜](?:im_end|endoftext|end_of_text|eot_id|end|return|end▁of▁sentence)[|｜]>|</s>|"
    r"<end_of_turn>)"
)
_LAST = re.compile(rf"(?:{_TOKENS}\s*+)++\Z")
_FIRST = re.compile(
    r"\A\s*(?:<\|im_start\|>assistant\b|<\|assistant\|>|"
    r"<\|start_header_id\|>assistant<\|end_header_id\|>|<start_of_turn>model\b)\s*"
)
_FENCED = re.compile(rf"\A(`{{3,}}|~{{3,}})[ \t]*{_WORD}[ \t]*\n", re.IGNORECASE)
# Room to think that a prompt may give: a comment before the first line.
_COMMENT = re.compile(r"\A<!--(?!.{0,40}(?:SPDX|[Cc]opyright|[Ll]icen[cs]e))(.*?)-->\s*", re.DOTALL)
_SHORT_COMMENT = 120  # characters in one line: a directive to some tool
_BLOCK = re.compile(r"^(={3,})[ \t]+(?:file|edit)\b[^\n]*\n", re.MULTILINE)
_LONGEST_MARK = 30  # characters; those with attributes are longer, and shown a moment too early
_MOST = 100  # thoughts in one reply


def _without_last(reply: str) -> str:
    """Without the tokens of a chat at the end, and the blanks before them."""
    found = _LAST.search(reply)
    return f"{reply[: found.start()].rstrip()}\n" if found else reply


def removed(reply: str) -> str:
    """Return a reply without what its model thought before and between its answer.

    What is opened and never closed is all thought. A reply without such marks comes back as
    it is, byte for byte.
    """
    text = _FIRST.sub("", _without_last(reply))
    text = _of_channels(text)
    for answer in _ANSWERS:
        if found := answer.search(text):
            text = found[1].lstrip()
    for _ in range(_MOST):
        shorter = _without_one(text)
        if shorter == text:
            break
        text = shorter
    return text


def so_far(came: str) -> str:
    """Return what can be shown of a reply that is still coming."""
    bare = came.lstrip()
    if len(bare) < _LONGEST_MARK and "\n" not in bare and bare[:1] in ("<", "[", "◁", "a", "T"):
        return ""  # it may become a mark
    return removed(came)


def _of_channels(text: str) -> str:
    if found := _BARE_CHANNELS.match(text):
        return text[found.end() :].lstrip()
    first = re.search(r"^(?:<\|start\|>\w*[ \t]*)?<\|channel\|>", text, re.MULTILINE)
    if first is None or _covered(text, first.start()):
        return text
    before = text[: first.start()]
    found_all = _CHANNEL.findall(text, first.start())
    answer = "\n".join(words.strip("\n") for name, words in found_all if name == "final")
    return f"{before}{answer.lstrip()}" if before.strip() else answer.lstrip()


def _without_one(text: str) -> str:
    """Return the text without its first thought, or as it is."""
    bare = text.lstrip("\ufeff \t\r\n")
    if found := _FENCED.match(bare):
        rest = re.search(rf"^{re.escape(found[1])}[ \t]*$\n?", bare[found.end() :], re.MULTILINE)
        if rest and bare[found.end() + rest.end() :].strip():
            return bare[found.end() + rest.end() :].lstrip("\n")
    comment = _COMMENT.match(bare)
    if comment and ("\n" in comment[1] or len(comment[1]) > _SHORT_COMMENT):
        return bare[comment.end() :]
    start = len(text) - len(bare)
    for opening in _OPENS.finditer(text):
        at_start = opening.start() <= start
        if not at_start and _covered(text, opening.start()):
            continue
        end = _end(text, opening, at_start)
        if end is None and (at_start or _alone(text, opening.end())):
            return text[: opening.start()]
        if end is not None and (at_start or _alone(text, opening.end()) or _alone(text, end)):
            return _joined(text[: opening.start()], text[end:])
    if (empty := _EMPTY.search(text)) and not _covered(text, empty.start()):
        return text[: empty.start()] + text[empty.end() :]
    response = _RESPONSE.search(text)
    if response and not _covered(text, response.start()):
        return _joined(text[: response.start()], text[response.end() :])
    return _without_lone(text)


def _end(text: str, opening: re.Match[str], at_start: bool) -> int | None:
    """Where a thought ends: at its own mark; one at the start of the reply at a brother's too."""
    family = opening.lastindex or 1
    closing = [
        found for found in _CLOSES[family - 1].finditer(text, opening.end())
        if not _in_span(text, found.start())
    ]  # fmt: skip
    word = re.search(_WORD, opening[0], re.IGNORECASE)
    own = [one for one in closing if word and word[0].lower() in one[0].lower()]
    ends = own or (closing if at_start or word is None else [])
    return ends[0].end() if ends else None


def _without_lone(text: str) -> str:
    """Drop all that stands before a closing mark whose opening mark the server kept."""
    for lone in _LONE.finditer(text):
        line = text[text.rfind("\n", 0, lone.start()) + 1 : lone.start()]
        after = text[lone.end() :]
        if line.strip() and _alone(text, lone.end()) and not after.lstrip().startswith(("#", "=")):
            continue  # the end of a sentence about such a mark
        if _in_span(text, lone.start()) or _in_block(text, lone.start()) or not _balanced(after):
            continue
        return after.lstrip("\n")
    return text


def _joined(before: str, after: str) -> str:
    return before + after.lstrip() if not before.strip() else before + after.lstrip(" \t")


def _alone(text: str, end: int) -> bool:
    """Whether nothing stands behind `end` on its line."""
    return not text[end : text.find("\n", end) if "\n" in text[end:] else len(text)].strip()


def _in_span(text: str, at: int) -> bool:
    """Whether a place lies in a code span of its line."""
    start = text.rfind("\n", 0, at) + 1
    return text.count("`", start, at) % 2 == 1


def _covered(text: str, at: int) -> bool:
    """Whether a place lies in a fence, a code span or a block of edits: then it is content."""
    return _in_span(text, at) or _in_block(text, at) or _in_fence(text, at)


def _in_fence(text: str, at: int) -> bool:
    row = text.count("\n", 0, at)
    return any(one.open < row < one.close for one in markdown.fences(markdown.split(text)))


def _in_block(text: str, at: int) -> bool:
    """Whether a place lies in a block of the built-in agent's form that is ended."""
    start = 0
    while (opened := _BLOCK.search(text, start)) and opened.start() < at:
        ended = re.compile(rf"^{opened[1]}[ \t]+end\b", re.MULTILINE).search(text, opened.end())
        if ended is None:
            start = opened.end()
        elif ended.start() > at:
            return True
        else:
            start = ended.end()
    return False


def _balanced(text: str) -> bool:
    """Whether each fence of a text is opened and closed in it."""
    opened: markdown.Ticks | None = None
    for line in markdown.split(text):
        found = markdown.ticks(line)
        if found is None:
            continue
        if opened is None:
            opened = found
        elif markdown.closes(found, opened):
            opened = None
        elif found.info and found.char == opened.char and found.length == opened.length:
            return False  # what looks like an opening line within a fence: read from the inside
    return opened is None
