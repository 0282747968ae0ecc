"""A plan as data: its steps, and what is doubtful in it. Plain types; nothing is parsed here."""

from typing import NamedTuple

FINDINGS = "h2 finding"
"""The form of findings and issues, each of which is a step."""


class Step(NamedTuple):
    """One step of a plan."""

    id: str
    """As it is written (``02``, ``1.1.3``, ``P3``, ``A/6``); a second ``3`` is ``3#2``."""
    title: str
    prompt: str
    line: int
    """Of the title, or of the opening fence when it has none; from 1."""
    done: bool
    group: str
    """The heading above it, of a phase for instance, or ``""``."""
    optional: bool = False
    """Whether the plan says that it may be left out."""
    parallel: bool = False
    """Whether the plan says that it may be done beside others (``[P]``)."""
    rows: tuple[int, int] = (0, 0)
    """The lines of its body, from 1: from the first to before the last."""
    parts: tuple[str, ...] = ()
    """The ids of the steps that it only names as a whole: it says nothing of its own."""


class Problem(NamedTuple):
    """Something in a plan that a person should look at."""

    kind: str
    """abandoned, doubtful-form, duplicate-id, elision, empty-prompt, gap, hidden-title, left-out,
    nested-fence, no-such-form, no-steps, several-prompts, stray-prompt or unclosed-fence."""
    line: int
    text: str


class Plan(NamedTuple):
    """The steps of a plan in their order, the form they stand in, and what is doubtful."""

    steps: tuple[Step, ...]
    form: str
    why: str
    problems: tuple[Problem, ...]
