"""`brainstorm.md`: the conversation about an idea, as a file that a person can read and edit.

    # Brainstorm
    ## Idea
    …
    ## Question 1
    …
    ## Answer 1
    …

It is written whole after each turn and read back to go on. This module knows the
form, and neither models nor terminals.
"""

import re
from typing import NamedTuple

_MARK = re.compile(r"^## (Idea|Question \d+|Answer \d+)[ \t]*$", re.MULTILINE)


class Turn(NamedTuple):
    """One question and its answer; "" while it has none."""

    question: str
    answer: str = ""


class Talk(NamedTuple):
    """The whole conversation."""

    idea: str = ""
    turns: tuple[Turn, ...] = ()

    @property
    def waiting(self) -> bool:
        """Whether a question stands there without its answer."""
        return bool(self.turns) and not self.turns[-1].answer

    def asked(self, question: str) -> "Talk":
        """Return the talk with one more question."""
        return self._replace(turns=(*self.turns, Turn(question.strip())))

    def answered(self, answer: str) -> "Talk":
        """Return the talk with its last question answered."""
        return self._replace(
            turns=(*self.turns[:-1], self.turns[-1]._replace(answer=answer.strip()))
        )

    def undone(self) -> "Talk":
        """Return the talk with its last answer taken back, and what was asked since."""
        turns = self.turns[:-1] if self.waiting else self.turns
        if not turns:
            return self
        return self._replace(turns=(*turns[:-1], turns[-1]._replace(answer="")))


def parse(text: str) -> Talk:
    """Return the conversation in a file; what stands before the first mark is left out."""
    pieces = _MARK.split(text.replace("\r\n", "\n"))
    idea, turns = "", []
    for name, body in zip(pieces[1::2], pieces[2::2], strict=True):
        said = _unescaped(body).strip()
        if name == "Idea":
            idea = said
        elif name.startswith("Question"):
            turns.append(Turn(said))
        elif turns:
            turns[-1] = turns[-1]._replace(answer=said)
    return Talk(idea, tuple(turns))


def dump(talk: Talk) -> str:
    """Return the file of a conversation; `parse` reads it back unchanged."""
    parts = ["# Brainstorm", f"## Idea\n\n{_escaped(talk.idea)}"]
    for number, turn in enumerate(talk.turns, 1):
        parts.append(f"## Question {number}\n\n{_escaped(turn.question)}")
        if turn.answer:
            parts.append(f"## Answer {number}\n\n{_escaped(turn.answer)}")
    return "\n\n".join(parts) + "\n"


# A line that looks like one of our marks, said by a person or a model, gets a
# backslash, which Markdown does not show.
def _escaped(text: str) -> str:
    return re.sub(r"^(\\*## (?:Idea|Question \d+|Answer \d+)[ \t]*)$", r"\\\1", text, flags=re.M)


def _unescaped(text: str) -> str:
    return re.sub(r"^\\(\\*## (?:Idea|Question \d+|Answer \d+)[ \t]*)$", r"\1", text, flags=re.M)
