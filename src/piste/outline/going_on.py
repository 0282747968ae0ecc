"""The outline model's plan where steps are carried out: it goes on, and does not begin anew.

Of the plan that it would have written before and the one that it would write now it takes what is
different: finished steps stay as they are, open ones say what they say now under their old numbers,
and behind the last comes what is new: steps, and what the change means for something that is built.
Which steps are finished the prompt says.
"""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from piste.documents import parts
from piste.documents.parts import Part


def plan(document: str, before: str, after: str, finished: Sequence[str]) -> str:
    """Return what becomes of the plan `document`; `finished` are names of its steps.

    `before` and `after` are what the outline model writes of the earlier and the present input.
    """
    stands, old, new = (
        [part for _, part in parts.steps(text)] for text in (document, before, after)
    )
    rows = document.split("\n")[: stands[0].start]
    more: list[tuple[str, list[str]]] = []  # title and lines of what is put behind the last
    now = {}  # of a title what stands for it, as it was and as it is
    for one, other in _pairs(old, new):
        if one is not None:
            now[one.title] = one, other
        elif other is not None:
            more.append((other.title, [*other.lines[1:]]))
    for part in stands:
        one, other = now.get(part.title, (part, part))  # a step that somebody has put in
        if part.name in finished or one.lines[1:] != part.lines[1:]:
            rows += [*part.lines, ""]
            if part.name in finished and (other is None or other.lines[1:] != one.lines[1:]):
                more.append(_put_right(part, other))
        elif other is not None:
            rows += [_title(part.id, other.title), *other.lines[1:], ""]
    number = max([int(part.id) for part in stands if part.id.isdecimal()], default=len(stands))
    for at, (title, lines) in enumerate(more, number + 1):
        rows += [_title(str(at), title), *lines, ""]
    return "\n".join([*rows[:-1], ""])


def _title(number: str, title: str) -> str:
    return f"## Step {number}: {title}"


def _put_right(one: Part, now: Part | None) -> tuple[str, list[str]]:
    """The step that follows from a change for what a finished one has built."""
    if now is None:
        said = f"Remove what step {one.id} built, and its tests: the specification has it no more."
        fence = _fence(one)
        return f"Remove what step {one.id} built", ["", f"{fence}text", said, fence]
    lines = [*now.lines[1:]]
    at = next((row for row, line in enumerate(lines) if line.startswith("```")), len(lines) - 1)
    lines[at + 1 : at + 1] = [f"Change what step {one.id} built so that this holds:", ""]
    return f"Change what step {one.id} built", lines


def _fence(part: Part) -> str:
    found = next((line for line in part.lines if line.startswith("```")), "```")
    return found[: len(found) - len(found.lstrip("`"))]


def _pairs(old: Sequence[Part], new: Sequence[Part]) -> Iterator[tuple[Part | None, Part | None]]:
    """The steps that are the same, those that came in the place of others, and those without."""
    was, now = ([part.title for part in some] for some in (old, new))
    for _, a, b, c, d in SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
        for at in range(max(b - a, d - c)):
            yield old[a + at] if a + at < b else None, new[c + at] if c + at < d else None
