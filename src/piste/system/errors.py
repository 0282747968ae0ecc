"""What can go wrong in a way that a person can mend, and how it is said.

Each error is one line: the thing, what is wrong with it, and the next step.
This module knows nothing of terminals or of doit; `screen` and `backend` decide
where the line goes.
"""

import re
from collections.abc import Iterable

EXIT_FAILED = 1  # a model or a check said no; or `check` found something stale
EXIT_MISTAKE = 2  # something the person can mend: a file, a key, a setting
EXIT_BUDGET = 3  # it would have cost more than was allowed


class PisteError(Exception):
    """The root of every error that piste raises on purpose; exit code 2.

    `str(error)` is the whole line that the person reads; a secret in it is masked.
    """

    exit_code = EXIT_MISTAKE

    def __str__(self) -> str:
        # Only when it is said: many an error is raised, taken for an answer, and never shown.
        return redact(super().__str__())


class UserError(PisteError):
    """Something that the person can mend: the line names it and the next step."""


class Failed(PisteError):
    """Nobody's mistake: a model refused, a network was away, a check said no."""

    exit_code = EXIT_FAILED


class OverBudget(PisteError):
    """A call was not made because it could cost more than is allowed."""

    exit_code = EXIT_BUDGET


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known word, or ``""``."""
    import difflib

    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


# A run of letters and digits that is long for a word, or a password in a URL.
_SUSPICIOUS = re.compile(r"[\w+=~-]{16}|:[^/@\s]{3,}@")


def redact(text: str) -> str:
    """Return a text for a person, a log or a report, with what looks like a secret masked."""
    if not _SUSPICIOUS.search(text):
        return text
    from piste.system.secrets import find, mask

    data = text.encode("utf-8", "surrogatepass")
    found = find(data)
    return mask(data, found).decode("utf-8", "replace") if found else text


SPACES = "\u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u202f\u205f\u3000"
"""Unicode's spaces beside ASCII's: part of a text in French or Japanese, and harmless."""


# What separates lines or words for a program; the wide spaces are letters of their writer's.
_GAP = re.compile(r"[ \t-\r\x1c-\x1f\x85\u2028\u2029]+")


def in_one_line(text: str) -> str:
    """Return a text as one line, single spaces between its words; wide spaces stay as they are."""
    return _GAP.sub(" ", text).strip()


def printable(name: str) -> str:
    """Return a name from outside as it may stand in a message: nothing moves the cursor.

    Control, bidirectional and undecodable characters are shown escaped; wide spaces stay.
    """
    if name.isprintable():
        return name
    return "".join(
        c
        if c.isprintable() or c in SPACES
        else c.encode("unicode_escape", "backslashreplace").decode()
        for c in name
    )
