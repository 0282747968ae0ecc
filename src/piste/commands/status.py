"""`piste status`: each target, its state and why, and what a rebuild would send and cost.

The states are `freshness`'s; this module only lays them out. It changes no byte.
"""

import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from piste.commands import common
from piste.engine import hashing, project, states
from piste.engine.states import Decision
from piste.engine.world import World
from piste.system import project_files, screen
from piste.system.errors import PisteError, redact

_COLOURS = {"fresh": "green", "stale": "yellow", "missing": "yellow", "edited": "blue",
            "foreign": "blue", "failed": "red"}  # fmt: skip


class Estimate(NamedTuple):
    """What a rebuild would send, and what that costs at least."""

    model: str
    tokens: int
    dollars: float | None  # None: the price is not known


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("status", __doc__)
    common.add_target(parser, "*")
    parser.add_argument("-a", "--all", action="store_true", help="every rule, made or not")
    args = parser.parse_args(argv)
    world = project.here()
    decisions = common.decisions(world, args.targets, args.all)
    if args.json:
        common.print_json([_as_dict(world, decision) for decision in decisions])
        return 0
    print("\n".join(_lines(world, decisions)))
    if left := _uncovered(world, decisions):
        print(left, file=sys.stderr)
    first = next((decision for decision in decisions if not decision.up_to_date), None)
    if first is not None:
        print(f"next: {common.next_step(world, first)}", file=sys.stderr)
    return 0


def _uncovered(world: World, decisions: Sequence[Decision]) -> str:
    """What of the specification no step covers, where the plan is there and shown; or ``""``."""
    shown = (one for one in decisions if one.rule.name == "plan" and one.state != states.MISSING)
    if not any(shown):
        return ""
    from piste.steps import coverage  # here: most projects of many targets have no plan

    return coverage.phrase(world)


def estimate(world: World, decision: Decision) -> Estimate | None:
    """Return what a rebuild would send, or None: nothing, or it cannot be told yet.

    The reply is priced at the length of the target that stands, if one does.
    """
    if decision.todo != states.MAKE or decision.stored or decision.wanted is None:
        return None
    from piste.engine import make
    from piste.model import prices, tokens

    rule = decision.rule
    try:
        system, prompt = make.rendered(world, rule, make.read_inputs(world, rule))
    except PisteError:
        return None
    sent = tokens.count(system) + tokens.count(prompt)
    standing = project_files.read_any(world.root, rule.target, hashing.most_of(rule.kind)) or b""
    model = decision.wanted.action["model"]
    dollars = prices.price(model, sent, tokens.count(standing.decode("utf-8", "replace"))).dollars
    return Estimate(redact(model), sent, dollars)


def estimate_said(found: Estimate) -> str:
    """Return an estimate as it is shown. A price is a lower bound: replies may be longer."""
    from piste.model import prices

    price = prices.said(found.dollars)
    return f"{found.tokens:,} tokens, {'≥ ' if found.dollars else ''}{price} ({found.model})"


def _as_dict(world: World, decision: Decision) -> dict[str, Any]:
    found = estimate(world, decision)
    return {
        **common.as_dict(world, decision),
        "age_seconds": _age(world, decision),
        "rebuild": found._asdict() if found else None,
    }


def _lines(world: World, decisions: Sequence[Decision]) -> list[str]:
    rows = [["TARGET", "STATE", "AGE", "REBUILD", "WHY"]]
    for decision in decisions:
        rows.append([
            decision.rule.target, decision.state, _age_said(_age(world, decision)),
            _rebuild(world, decision), decision.why(),
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


def _rebuild(world: World, decision: Decision) -> str:
    from_store = (states.ADOPT, states.RESTORE)
    if decision.todo in from_store or (decision.todo == states.MAKE and decision.stored):
        return "free: in the store"
    found = estimate(world, decision)
    return estimate_said(found) if found else ""


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
