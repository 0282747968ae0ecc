"""The parser of `prompt_plan.md`: which steps it has, and the prompt of each.

Plans are written by models and edited by people, in many forms. Which lines are the titles
of steps, `formats` decides, in this order:

1. comments in the plan, ``<!-- step 3: Title -->`` … ``<!-- /step -->``;
2. titles with a word and a number, ``### Prompt 2.1: T``, `**Step 3**`, `Task 4 - T`: as
   headings, bold or plain lines, list items, or as the first line of a fence; prompts
   rather than steps, steps rather than phases, titles with a fence rather than without;
3. tags, ``<prompt id="1" title="T">`` … ``</prompt>``, each on a line of its own;
4. numbered headings, each with a fence; 5. text fences, whatever stands over them;
6. headings of phases, numbered headings, the longest numbered list, a check list.

`Plan.why` says which form was taken and which were not; `Plan.problems` is what is doubtful
in it. Nothing here knows what a prompt means, or whether the steps are enough; where the
form says nothing, as in paragraphs of prose, no step is found rather than guessed.

The prompt of a step is the content of its prompt fence (```text, markdown, a bare one) as
it is, or else the text up to the next title, without the blank lines and rules around it.
Its lines are joined by LF, whatever ends them in the file, with none at the end. A mark of
state is never part of an id, a title or a prompt; a box within a prompt is.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from piste.documents.markdown import DOING, DONE, OPEN, box, fences, inside, split
from piste.documents.plan import titles
from piste.documents.plan.types import FINDINGS as FINDINGS
from piste.documents.plan.types import Plan as Plan
from piste.documents.plan.types import Problem as Problem
from piste.documents.plan.types import Step as Step
from piste.system.errors import UserError, did_you_mean, printable


@lru_cache(maxsize=4)  # one command asks for what is next, what is done and what is covered
def parse(text: str, form: str | None = None) -> Plan:
    """Return the steps of the plan in `text`; it never raises, on any text.

    `form` overrides the choice: the `form` of a plan, or words of it (``prompt``, ``h3``,
    ``bold step``). A form that the text has not gives no steps, and ``no-such-form``.
    """
    from piste.documents.plan import steps  # here: a build that only looks needs none of it

    return steps.parse(text, form)


def next_step(plan: Plan) -> Step | None:
    """Return the first step that is not done, or None."""
    return next((step for step in plan.steps if not step.done), None)


def strip_marks(text: str) -> str:
    """Return `text` without its state: what ticking a step or a box does not change.

    Marks in headings and titles go, lines such as ``**Status:** ✅ Complete`` go whole, and
    boxes become ``[ ]``. It is for telling whether two versions say the same, not for reading.
    """
    return "\n".join(line for _, line in bare_rows(text))


def bare_rows(text: str) -> list[tuple[int, str]]:
    """Return the lines of `strip_marks`, each with its row in `text`, from 0."""
    lines = split(text)
    around = inside(lines, fences(lines))
    result: list[tuple[int, str]] = []
    after_status = False
    for row, raw in enumerate(text.split("\n")):
        line = lines[row]
        if after_status and not line.strip():
            after_status = False
        elif titles.status(line):
            # With the line goes one of the blank lines around it, so that a status line that
            # was put in leaves nothing behind.
            after_status = not result or not result[-1][1].strip()
        else:
            after_status = False
            result.append((row, titles.bare(line, around[row] >= 0) + raw[len(line) :]))
    return result


def mark_done(text: str, step_id: str, done: bool = True, form: str | None = None) -> str:
    """Return `text` with the mark of one step set or removed, every other byte as it was.

    The mark is ``✅`` at the end of the title (in front, for an item of a list; after the
    language, for a fence without a title); where the title has a box, the box is ticked, and
    where the step has boxes below it, outside of fences, those are.
    When a step stops being done, a line with its status says so too, and where all of its
    boxes are ticked, which says so as well, they are open again.

    Raises UserError when there is no such step.
    """
    plan = parse(text, form)
    step = next((step for step in plan.steps if step.id == step_id), None)
    if step is None:
        near = did_you_mean(step_id, [step.id for step in plan.steps])
        raise UserError(f"the plan has no step {printable(step_id)}{near}")
    if step.done == done:
        return text
    rows, lines = text.split("\n"), split(text)
    if done and (boxes := dict(_boxes(lines, step, (OPEN, DOING), DONE))):
        new = _with_lines(rows, lines, boxes)
        if any(other.done for other in parse(new, form).steps if other.id == step_id):
            return _with_wholes(new, step_id, form)
    row = step.line - 1
    changed = {row: titles.marked(lines[row], done)}
    if not done:
        changed |= {at: titles.not_started(lines[at]) for at in titles.status_rows(lines, row)}
    new = _with_lines(rows, lines, changed)
    after = () if done else parse(new, form).steps
    if any(other.done for other in after if other.id == step_id):
        new = _with_lines(rows, lines, {**changed, **dict(_boxes(lines, step, (DONE,), OPEN))})
    return _with_wholes(new, step_id, form) if done else new


def _with_wholes(text: str, step_id: str, form: str | None) -> str:
    """The text, the tasks that a step is a part of ticked where it was their last part."""
    steps = parse(text, form).steps
    left = {step.id for step in steps if not (step.done or step.optional or step.parts)}
    rows, lines = text.split("\n"), split(text)
    changed = {
        whole.line - 1: titles.marked(lines[whole.line - 1], True)
        for whole in steps
        if step_id in whole.parts and not (whole.done or left & {*whole.parts})
    }
    return _with_lines(rows, lines, changed)


def _with_lines(rows: list[str], lines: list[str], changed: Mapping[int, str]) -> str:
    new = [
        changed[at] + row[len(lines[at]) :] if at in changed else row for at, row in enumerate(rows)
    ]
    return "\n".join(new)


def _boxes(
    lines: list[str], step: Step, before: Sequence[str], after: str
) -> Iterator[tuple[int, str]]:
    """The rows of a step's boxes that are in a state of `before`, with the box in `after`."""
    around = inside(lines, fences(lines))
    for row in range(step.rows[0] - 1, min(step.rows[1] - 1, len(lines))):
        found = box(lines[row]) if around[row] < 0 else None
        if found and found.state in before:
            signs = ("[x]", "[ ]") if lines[row][found.start] == "[" else ("☑", "☐")
            sign = signs[after != DONE]
            yield row, lines[row][: found.start] + sign + lines[row][found.end :]
