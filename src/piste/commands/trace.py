"""`piste trace`: from each requirement to its steps, their commits and the tests these touched.

It names what no step covers, what is covered but not done, and steps that cover nothing. All of it
is read from the specification, the plan, the records of steps and git; no model is asked, and no
byte is changed. Whether the code does what a requirement asks for, it does not know.
"""

import sys
from collections.abc import Iterator, Sequence

from piste.commands import common
from piste.commands.steps import add_plan, named, read_progress
from piste.engine import project
from piste.steps import coverage, progress, tracing
from piste.steps.tracing import Trace, TracedRequirement, TracedStep
from piste.system import screen
from piste.system.errors import EXIT_FAILED

_CODES = (
    "0 done, 1 the specification has no requirements that can be told, 2 something you can mend"
)
_COLOURS = {tracing.DONE: "green", tracing.PARTLY: "yellow", tracing.OPEN: "dim",
            tracing.UNCOVERED: "red"}  # fmt: skip
_SHORT = 9  # digits of a commit
_MOST = 3  # commits and tests in a cell


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("trace", __doc__, codes=_CODES)
    parser.add_argument("--md", action="store_true", help="print Markdown, for a report")
    add_plan(parser)
    args = parser.parse_args(argv)
    own = progress.at(project.here())
    world = progress.at(project.here(), args.plan)
    is_main = world.rules["plan"].target == own.rules["plan"].target
    traced = tracing.trace(world, read_progress(world), is_main)
    if args.json:
        common.print_json(tracing.as_dict(traced))
    else:
        screen.out("\n".join(_markdown(traced) if args.md else _lines(traced)))
    for line in _warnings(traced):
        screen.say(line)
    return 0 if traced.requirements else EXIT_FAILED


def _warnings(traced: Trace) -> Iterator[str]:
    found = traced.found
    yield from coverage.twice(found)
    for step, name in found.of.unknown:
        yield screen.safe(f"{found.plan}: step {step} covers {name}, which {found.spec} has not")


def summary(traced: Trace) -> str:
    """Return how far the requirements are done, in one line."""
    words = {
        tracing.DONE: "done", tracing.PARTLY: "partly done", tracing.OPEN: "covered but not done",
        tracing.UNCOVERED: "that no step covers",
    }  # fmt: skip
    total = len(traced.requirements)
    said = [f"{total} requirement{'s' * (total != 1)}"]
    said += [f"{count} {words[state]}" for state, count in traced.counted().items() if count]
    return ", ".join(said)


def _lines(traced: Trace) -> Iterator[str]:
    found = traced.found
    yield f"{screen.safe(found.spec)}, by {screen.safe(found.plan)}: {summary(traced)}"
    rows = [["REQUIREMENT", "STATE", "STEPS", "COMMITS", "TESTS"]]
    rows += [[_named(one), one.state, *_cells(one.steps)] for one in traced.requirements]
    columns, *lines = common.table(rows)
    column = columns.index("STATE")
    if traced.requirements:
        yield screen.style(columns, "dim", sys.stdout)
    for line, one in zip(lines, traced.requirements, strict=True):
        word = screen.style(one.state, _COLOURS[one.state], sys.stdout)
        yield line[:column] + word + line[column + len(one.state) :]
    if traced.idle:
        yield f"steps that cover nothing: {', '.join(named(one.link) for one in traced.idle)}"


def _named(one: TracedRequirement) -> str:
    text = one.requirement.text
    short = text if len(text) <= 40 else f"{text[:39].rstrip()}…"
    return one.requirement.id if text == one.requirement.id else f"{one.requirement.id} {short}"


def _cells(steps: Sequence[TracedStep]) -> list[str]:
    made = [one.hash[:_SHORT] for step in steps for one in step.commits]
    tests = [path for step in steps for path in step.tests]
    said = ", ".join(f"{step.link.step.id} {step.link.state}" for step in steps)
    return [said, _some(made), _some(tests)]


def _some(words: Sequence[str], most: int = _MOST) -> str:
    words = [*dict.fromkeys(words)]
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def _markdown(traced: Trace) -> Iterator[str]:
    found = traced.found
    yield f"# Trace: {_cell(found.spec)}\n"
    yield f"By {_cell(found.plan)}: {summary(traced)}.\n"
    yield "| Requirement | State | Steps | Commits | Tests |"
    yield "|---|---|---|---|---|"
    for one in traced.requirements:
        steps = ", ".join(
            f"{step.link.step.id} {step.link.step.title} ({step.link.state})" for step in one.steps
        )
        made = [f"`{commit.hash[:_SHORT]}`" for step in one.steps for commit in step.commits]
        tests = [f"`{path}`" for step in one.steps for path in step.tests]
        about = f"{one.requirement.id} {one.requirement.text}"
        cells = [about, one.state, steps, _some(made, len(made)), _some(tests, len(tests))]
        yield f"| {' | '.join(map(_cell, cells))} |"
    if traced.idle:
        yield "\nSteps that cover nothing:\n"
        yield from (f"- {_cell(named(one.link))}" for one in traced.idle)


def _cell(text: str) -> str:
    return screen.safe(text).replace("|", "\\|")
