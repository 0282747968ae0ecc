"""The embedded model `outline`: skeletons of documents, made without a language model.

It needs no key and no network, gives the same reply for the same prompt, and takes
time in proportion to the prompt. It is for the first minute, for CI and for tests: it
says in each document what it is, and it understands nothing. It knows no files.

What is wanted it takes from the prompt, by two conventions of piste's templates: the
prompt begins with the input between tags that name it, and ends with a line
`Document: KIND, for TARGET`. A prompt without that line gets a plain outline.
"""

import re
from collections.abc import Callable, Sequence

from piste.interview.transcript import ENOUGH
from piste.outline import amending, from_bundle, going_on, text
from piste.outline.text import Wanted

# (question, suggested answer) of the conversation, in order.
QUESTIONS = (
    ("Who is the first person to use it?", "One developer, on their own machine."),
    (
        "What is the one thing that this person must be able to do with it?",
        "What the first sentence of the idea says.",
    ),
    ("In which form does it run: command, web page, library or service?", "A command."),
    (
        "What is left out of the first version on purpose?",
        "Everything that the one thing above does not need.",
    ),
    ("Which data does it keep, if any?", "Plain files in the current folder, nothing elsewhere."),
    (
        "What happens when its input is missing or malformed?",
        "It stops with one line that names the input, and changes nothing.",
    ),
    ("What is the largest input that it has to cope with?", "Ten megabytes, within a second."),
    ("How is it shown that it works?", "By one automated test for each requirement."),
)
_STOP = frozenset(("enough", "that is enough", "that's enough", "done", "stop"))

_OPENING = re.compile(r'<(\w+(?:-\d+)?) path="([^\n]*)">\n')
_MARK = re.compile(r"^Document: (\w+)( \(tests first\))?, for ", re.MULTILINE)

_DOCUMENTS: dict[str, Callable[[Wanted], str]] = {
    **text.DOCUMENTS,
    **from_bundle.DOCUMENTS,
}


Turns = Sequence[tuple[str, str]]  # (role, text), oldest first; role: "user" or "assistant"


def outline(system: str, prompt: str, history: Turns = ()) -> str:
    """Return the reply of the outline model: one Markdown document, or one question.

    `history` holds the earlier messages of the conversation. The last message that
    names a document is answered; in the conversation about an idea each message after
    it is one answer.
    """
    if (asked := amending.read(prompt)) is not None:
        before = outline(system, asked.before) if asked.before else asked.document
        after = outline(system, asked.order)
        if asked.finished:
            stands = asked.document
            before, after = stands, going_on.plan(stands, before, after, asked.finished)
        return amending.edits_between(asked, before, after)
    want, later = _asked(system, [*history, ("user", prompt)])
    if want.kind == "idea":
        return _interview(want, later)
    return _DOCUMENTS.get(want.kind, text.plain)(want)


def _asked(system: str, turns: Turns) -> tuple[Wanted, Turns]:
    """Return what the conversation asks for, and the turns since then."""
    for at in reversed(range(len(turns))):
        role, text = turns[at]
        if role == "user" and (found := _wanted(text)):
            return found, turns[at + 1 :]
    # A template for llm with a system text only: the first message is the bare input.
    kind, tests_first = _mark(system)
    return Wanted(kind, tests_first, "the prompt", turns[0 if kind else -1][1]), turns[1:]


def _wanted(prompt: str) -> Wanted | None:
    """Return what a message asks for, or None if it does not say so in piste's way."""
    opening = _OPENING.match(prompt)
    if opening is None:
        return None
    # The last closing tag: templates choose a tag that the input does not hold, and
    # their own words hold none.
    end = prompt.rfind(f"\n</{opening[1]}>")
    kind, tests_first = _mark(prompt[max(end, 0) :])
    if end < opening.end() - 1 or not kind:
        return None
    source = text.line(opening[2]) or "the prompt"
    return Wanted(kind, tests_first, source, prompt[opening.end() : end], prompt[end:])


def _mark(text: str) -> tuple[str, bool]:
    """The kind of document that the last line of that form names, and if tests come first."""
    marks = _MARK.findall(text)
    return (marks[-1][0], bool(marks[-1][1])) if marks else ("", False)


def _interview(want: Wanted, later: Turns) -> str:
    """The next question; after the last one, what was decided."""
    count = sum(role == "assistant" for role, _ in later)
    answers = [text.line(said) for role, said in later if role == "user"]
    stopped = bool(answers) and _bare(answers[-1]) in _STOP
    if count < len(QUESTIONS) and not stopped:
        question, suggestion = QUESTIONS[count]
        start = "" if count else "(piste's outline model asks from a fixed list.)\n\n"
        return f"{start}{question}\n\nSuggested answer: {suggestion}\n"
    decided = [
        f"{question} {text.taken(answer, suggestion)}"
        for (question, suggestion), answer in zip(QUESTIONS, answers, strict=False)
        if _bare(answer) not in _STOP
    ]
    decisions = "\n".join(f"- {line}" for line in decided or ["Nothing was decided."])
    return f"{ENOUGH}\n\n{decisions}\n\n{want.credit}\n"


def _bare(answer: str) -> str:
    return answer.lower().strip(".! ")
