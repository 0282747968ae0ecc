"""`piste status`: each target, its state and why, and what a rebuild would send and cost.

The states are `freshness`'s; this module only lays them out. It changes no byte.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from piste.commands import common
from piste.engine import project, reviewing, states
from piste.engine.states import Decision
from piste.engine.world import World
from piste.system import paths, screen
from piste.system.errors import PisteError

if TYPE_CHECKING:
    from piste.engine.estimate import Estimate
    from piste.steps.progress import Progress

_COLOURS = {"fresh": "green", "stale": "yellow", "missing": "yellow", "edited": "blue",
            "foreign": "blue", "failed": "red"}  # fmt: skip


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("status", __doc__)
    common.add_target(parser, "*")
    parser.add_argument("-a", "--all", action="store_true", help="every rule, made or not")
    args = parser.parse_args(argv)
    world = project.here()
    decisions = common.decisions(world, args.targets, args.all)
    costs = _costs(world, decisions)
    if args.json:
        shown = [_as_dict(world, one, costs.get(one.rule.target)) for one in decisions]
        common.print_json(shown)
        return 0
    screen.out("\n".join(_lines(world, decisions, costs)))
    if hidden := common.hidden_receipts(world, decisions):
        screen.say(hidden)
    for line in _of_requirements(world, decisions):
        screen.say(line)
    for decision in decisions:
        if said := reviewing.decided(world, decision.rule):
            screen.say(f"{decision.rule.target}: of its findings the team has {said}")
    pending = [decision for decision in decisions if not decision.up_to_date]
    plan = None if args.targets else _progress(world, decisions)
    if step := _next(world, decisions, pending, plan):
        screen.say(f"next: {step}")
    return 0


def _next(
    world: World,
    decisions: Sequence[Decision],
    pending: Sequence[Decision],
    plan: "Progress | None",
) -> str:
    """The step that is next: of the line, then of its plan, then what else is not as it should be.

    To make a document anew is paid for, and is not next where what it was for is done.
    """
    line = [decision for decision in pending if decision.rule.stage == common.LINE]
    sources = {name for one in decisions if one.state == states.FOREIGN
               for names in one.rule.inputs for name in names}  # fmt: skip
    # What is not there is not missed where a person has written what would be made of it.
    line = [one for one in line if one.state != states.MISSING or one.rule.target not in sources]
    if line and plan and plan.links and not plan.next and line[0].state == states.STALE:
        target = line[0].rule.target
        return (
            f"nothing: all steps of {plan.path} are done; {world.door()} {line[0].rule.name} makes "
            f"{target} for what is new, piste accept {target} lets it stand"
        )
    if not line and plan and plan.next:
        step = plan.next.step
        return f"piste next shows step {step.id}, {step.title}; piste run has it carried out"
    first = (line or pending)[:1]
    said = common.next_step(world, first[0]) if first else ""
    return f"{said.removesuffix(' it')} {first[0].rule.target}" if said.endswith(" it") else said


def _progress(world: World, decisions: Sequence[Decision]) -> "Progress | None":
    """Where the plan stands, if it is there and can be read."""
    shown = (one for one in decisions if one.rule.name == "plan" and one.state != states.MISSING)
    if not any(shown):
        return None
    from piste.steps import progress  # here: most projects of many targets have no plan

    try:
        if (world.root / paths.RUN).is_dir():  # what is not merged yet counts: git is asked
            from piste.commands import steps

            return steps.read_progress(world)
        return progress.chain(world, progress.settings(world).steps)
    except PisteError:  # `piste steps` says what is wrong with it
        return None


def _of_requirements(world: World, decisions: Sequence[Decision]) -> list[str]:
    """What of the specification no step covers, and ids that are used twice, a line each."""
    shown = {one.rule.name: one for one in decisions if one.state != states.MISSING}
    if not shown.keys() & {"spec", "plan"}:
        return []
    from piste.steps import coverage  # here: most projects of many targets have no plan

    found = coverage.look(world)
    # A plan that has to be made anew says so already.
    left = coverage.phrase(found) if "plan" in shown and shown["plan"].up_to_date else ""
    return [*coverage.twice(found), *([left] if left else [])]


def _costs(world: World, decisions: Sequence[Decision]) -> "dict[str, Estimate]":
    """What a rebuild of each target would send, where it would send anything; by target."""
    if not any(decision.todo == states.MAKE and not decision.stored for decision in decisions):
        return {}
    from piste.engine.estimate import Estimates  # a look at what is fresh needs none of it

    estimates = Estimates(world)
    found = {decision.rule.target: estimates.of(decision) for decision in decisions}
    return {target: estimate for target, estimate in found.items() if estimate}


def _as_dict(world: World, decision: Decision, found: "Estimate | None") -> dict[str, Any]:
    from piste.engine import estimate

    return {
        **common.as_dict(world, decision),
        "age_seconds": _age(world, decision),
        "rebuild": estimate.as_dict(found) if found else None,
        "decided": reviewing.decided(world, decision.rule),
    }


def _lines(
    world: World, decisions: Sequence[Decision], costs: "Mapping[str, Estimate]"
) -> list[str]:
    rows = [["TARGET", "STATE", "AGE", "REBUILD", "WHY"]]
    for decision in decisions:
        rows.append([
            decision.rule.target, decision.state, _age_said(_age(world, decision)),
            _rebuild(decision, costs.get(decision.rule.target)), decision.why(),
        ])  # fmt: skip
    head, *lines = common.table(rows, right=("AGE",))
    shown = [screen.style(head, "dim", sys.stdout)]
    for line, decision in zip(lines, decisions, strict=True):
        word = decision.state
        # Past the target's own name, which may hold the same word.
        before, after = line[: len(decision.rule.target)], line[len(decision.rule.target) :]
        coloured = screen.style(word, _COLOURS[word], sys.stdout)
        shown.append(before + after.replace(word, coloured, 1))
    return shown


def _rebuild(decision: Decision, found: "Estimate | None") -> str:
    from_store = (states.ADOPT, states.RESTORE)
    if decision.todo in from_store or (decision.todo == states.MAKE and decision.stored):
        return "free: in the store"
    if found is None:
        return ""
    from piste.engine import estimate

    return estimate.said(found)


def _age(world: World, decision: Decision) -> float | None:
    """Seconds since the target's last change, None where it is not there."""
    try:
        return max(0.0, time.time() - (world.root / decision.rule.target).stat().st_mtime)
    except OSError:
        return None


def _age_said(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for size, letter in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{letter}"
    return f"{int(seconds)}s"
