"""`brainstorm.md`: the conversation about an idea, as a file that a person can read and edit.

    # Brainstorm
    ## Idea
    …
    ## Question 1
    …
    ## Answer 1
    …

It is written whole after each turn and read back to go on. Every text in it is
normal (`normal`): LF line ends, no blank lines around it. Nothing that a person
adds is dropped: what stands before the first mark is kept as the head of the file,
a second answer joins the first. This module knows the form, and neither models nor
terminals.
"""

import re
from typing import NamedTuple

HEAD = "# Brainstorm"
_NAMES = r"(?:Idea|Question \d+|Answer \d+)[ \t]*"
_MARK = re.compile(rf"^## ({_NAMES})$", re.MULTILINE)
# A line that looks like one of our marks, said by a person or a model, gets a
# backslash, which Markdown does not show.
_PLAIN = re.compile(rf"^(\\*## {_NAMES})$", re.MULTILINE)
_ESCAPED = re.compile(rf"^\\(\\*## {_NAMES})$", re.MULTILINE)

# The line by which a model ends the conversation; the template `idea` asks for it.
ENOUGH = "I have enough to write the specification."


class Turn(NamedTuple):
    """One question and its answer; "" while it has none."""

    question: str
    answer: str = ""


class Transcript(NamedTuple):
    """The whole conversation."""

    idea: str = ""
    turns: tuple[Turn, ...] = ()
    head: str = HEAD  # what stands above the idea

    @property
    def waiting(self) -> bool:
        """Whether a question stands there without its answer."""
        return bool(self.turns) and not self.turns[-1].answer

    @property
    def answers(self) -> list[str]:
        """What has been answered so far, in order."""
        return [turn.answer for turn in self.turns if turn.answer]

    def asked(self, question: str) -> "Transcript":
        """Return the talk with one more question."""
        return self._replace(turns=(*self.turns, Turn(normal(question))))

    def answered(self, answer: str) -> "Transcript":
        """Return the talk with its last question answered."""
        last = self.turns[-1]._replace(answer=normal(answer))
        return self._replace(turns=(*self.turns[:-1], last))

    def undone(self) -> "Transcript":
        """Return the talk with its last answer taken back, and what was asked since."""
        turns = self.turns[:-1] if self.waiting else self.turns
        if not turns:
            return self
        return self._replace(turns=(*turns[:-1], turns[-1]._replace(answer="")))


def normal(text: str) -> str:
    """Return a text as the file keeps it: LF line ends, no blank lines around it.

    A lone CR is a line end as well; half a surrogate pair, which no file can hold,
    becomes "?".
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.encode("utf-8", "replace").decode().strip()


def parse(text: str) -> Transcript:
    """Return the conversation in a file; a file without our marks has no idea and no turns."""
    head, *pieces = _MARK.split(normal(text))
    idea, turns = "", []
    for name, body in zip(pieces[::2], pieces[1::2], strict=True):
        said = _ESCAPED.sub(r"\1", body).strip()
        if name.startswith("Question"):
            turns.append(Turn(said))
        elif name.startswith("Answer") and turns:
            turns[-1] = turns[-1]._replace(answer=_joined(turns[-1].answer, said))
        else:  # an answer to nothing belongs to the idea, like a second idea
            idea = _joined(idea, said)
    return Transcript(idea, tuple(turns), _ESCAPED.sub(r"\1", head).strip())


def dump(talk: Transcript) -> str:
    """Return the file of a conversation; `parse` reads it back unchanged."""
    parts = [_PLAIN.sub(r"\\\1", talk.head), "## Idea", _PLAIN.sub(r"\\\1", talk.idea)]
    for number, turn in enumerate(talk.turns, 1):
        parts += [f"## Question {number}", _PLAIN.sub(r"\\\1", turn.question)]
        if turn.answer:
            parts += [f"## Answer {number}", _PLAIN.sub(r"\\\1", turn.answer)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _joined(first: str, second: str) -> str:
    return f"{first}\n\n{second}" if first and second else first or second
