"""`piste steps`: the steps of the plan, which are done, which is next, and what is doubtful.

It says which form the parser chose and why. It changes no byte and asks no model.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from piste.commands import common
from piste.engine import project, records
from piste.engine.world import World
from piste.steps import attempt, coverage, progress
from piste.steps.attempt import Attempt
from piste.steps.progress import Progress, StepStatus
from piste.system import screen
from piste.system.errors import EXIT_FAILED

_COLOURS = {"done": "green", "ticked": "green", "changed": "yellow", "open": "dim",
            "failed": "red", "blocked": "red", "review": "blue", "begun": "blue"}  # fmt: skip
_WIDTH = 60  # of a title, in columns
_CODES = "0 done, 1 the plan has no steps that can be told, 2 something you can mend"


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("steps", __doc__, codes=_CODES)
    add_plan(parser)
    args = parser.parse_args(argv)
    world = progress.at(project.here(), args.plan)
    chain = read_progress(world)
    now = attempt.load(world.root)
    if args.json:
        about = {"behind": plan_behind(world), "coverage": coverage.as_dict(coverage.look(world))}
        common.print_json({**as_dict(chain, now), **about})
    else:
        screen.out("\n".join(_lines(chain, now)))
        for warning in warnings(world, chain):
            screen.say(warning)
    return 0 if chain.links else EXIT_FAILED


def add_plan(made: argparse.ArgumentParser) -> None:
    """Let the verb take another plan than the project's, or what is carried out like one."""
    made.add_argument("--plan", "--from", dest="plan", default="", metavar="FILE",
                      help="another plan, or issues: specs/001/tasks.md, missing-tests.md, …",
                      )  # fmt: skip


def read_progress(world: World) -> Progress:
    """Return the progress of the plan, with finished steps not merged yet. Raises UserError."""
    settings = progress.settings(world)
    return progress.chain(world, settings.steps, records.unlanded(world.root, settings.branches))


def state_of(link: StepStatus, now: Attempt | None, path: str) -> tuple[str, str]:
    """Return the state of a step of the plan at `path` and why, with the attempt at it."""
    if now is None or (now.plan, now.step) != (path, link.step.id):
        return link.state, link.why
    if link.state == progress.DONE_STEP and (now.over or not now.salt):  # salt: --again
        return link.state, link.why
    if now.phase in (attempt.FAILED, attempt.BLOCKED):
        return now.phase, f"{now.reason}; kept on {now.branch}"
    if now.phase == attempt.REVIEW:
        return "review", f"waits for your word: piste run {now.named} --review"
    if now.over:
        return link.state, link.why
    return "begun", f"by {now.agent}, try {now.number}; `piste run` goes on there"


def as_dict(chain: Progress, now: Attempt | None) -> dict[str, Any]:
    """Return the chain as plain data for JSON."""
    rows = []
    for link in chain.links:
        state, why = state_of(link, now, chain.path)
        rows.append({**progress.as_dict(link), "state": state, "why": why})
    return {
        "plan": chain.path,
        "form": chain.plan.form,
        "why": chain.plan.why,
        "problems": [problem._asdict() for problem in chain.plan.problems],
        "steps": rows,
        "next": chain.next.step.id if chain.next else None,
        "left_over": [{"step": one.step, "title": one.title} for one in chain.left_over],
    }


def summary(chain: Progress) -> str:
    """Return where the chain stands in one line."""
    counts = progress.counted(chain.links)
    said = [f"{len(chain.links)} steps"]
    said += [f"{count} {state}" for state, count in counts.items() if count and state != "open"]
    said += [f"{len(chain.optional)} optional and open"] if chain.optional else []
    after = chain.next
    none = "nothing else is open" if chain.optional else "none is open"
    said.append(f"next: {named(after)}" if after else none)
    return ", ".join(said)


def nothing_left(chain: Progress, behind: str) -> str:
    """Return why no step is next, in one line; `behind` is what `plan_behind` says."""
    changed = chain.changed
    said = "nothing is left: "
    if not changed and not behind:
        total = len(chain.links)
        if left := [screen.safe(link.step.id) for link in chain.optional]:
            named = f"{', '.join(left[:3])}{' …' if len(left) > 3 else ''}"
            return (
                said + f"all steps are done but {len(left)} optional: {named} (piste run {left[0]})"
            )
        return said + (f"all {total} steps are done" if total > 1 else "the one step is done")
    doubts = []
    if changed:
        names = ", ".join(link.step.id for link in changed[:5])
        more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
        some = "step" if len(changed) == 1 else "steps"
        doubts.append(f"{some} {screen.safe(names)}{more} changed after being done")
    doubts += [behind] if behind else []
    return f"no step is open, but {', and '.join(doubts)}"


def plan_behind(world: World) -> str:
    """Return that the plan is out of date, and why; "" where it is not, or is a person's own."""
    from piste.engine import makers, states

    decision = makers.decide(world, world.rules["plan"])
    behind = decision.todo in (states.MAKE, states.CONFLICT)
    if not behind or decision.state not in (states.STALE, states.EDITED):
        return ""
    target = decision.rule.target
    return f"{target} is stale: {decision.why()} (piste why plan)"


def warnings(world: World, chain: Progress) -> Iterator[str]:
    """Yield what is doubtful about a plan and its records, a line each."""
    for problem in chain.plan.problems:
        yield f"{chain.path}:{problem.line}: {screen.safe(problem.text)}"
    if chain.left_over:
        names = [f"{one.step} {one.title}".strip() for one in chain.left_over[:3]]
        more = f" and {len(chain.left_over) - 3} more" if len(chain.left_over) > 3 else ""
        yield f"done, but in the plan no more: {screen.safe(', '.join(names))}{more}"
    yield from coverage.said(coverage.look(world))
    if behind := plan_behind(world):
        yield behind


def named(link: StepStatus) -> str:
    """Return a step's id and title as they may stand in a line."""
    return screen.safe(f"{link.step.id} {link.step.title}".strip())


def _lines(chain: Progress, now: Attempt | None) -> list[str]:
    head = [f"{chain.path}: {screen.safe(chain.plan.why)}"]
    if not chain.links:
        return head
    rows = [["STEP", "STATE", "TITLE", ""]]
    found = [state_of(link, now, chain.path) for link in chain.links]
    for link, (state, why) in zip(chain.links, found, strict=True):
        title = screen.safe(link.step.title)
        short = title if len(title) <= _WIDTH else f"{title[: _WIDTH - 1]}…"
        marks = {
            "optional": link.step.optional,
            f"in {len(link.step.parts)} parts": link.step.parts and not link.finished,
            "beside others": link.step.parallel,
            why: why,
        }
        about = "; ".join(mark for mark, holds in marks.items() if holds)
        rows.append([screen.safe(link.step.id), state, short, screen.safe(about)])
    columns, *lines = common.table(rows)
    column = columns.index("STATE")
    shown = [screen.style(columns, "dim", sys.stdout)]
    for line, (state, _) in zip(lines, found, strict=True):
        word = screen.style(state, _COLOURS[state], sys.stdout)
        shown.append(line[:column] + word + line[column + len(state) :])
    return [*head, *shown, summary(chain)]
