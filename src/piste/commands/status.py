"""`piste status`: each target, its state and why, and what a rebuild would send and cost.

The states are `freshness`'s; this module only lays them out. It changes no byte.
"""

import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from piste import freshness, project, screen
from piste.commands import common
from piste.errors import PisteError
from piste.freshness import Decision, World

_COLOURS = {"fresh": "green", "stale": "yellow", "missing": "yellow", "edited": "blue",
            "foreign": "blue", "failed": "red"}  # fmt: skip


class Estimate(NamedTuple):
    """What a rebuild would send, and what that costs at least."""

    model: str
    tokens: int
    dollars: float | None  # None: the price is not known


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("status", __doc__.split("\n")[0].partition(": ")[2])
    common.add_targets(parser)
    parser.add_argument("-a", "--all", action="store_true", help="every rule, made or not")
    args = parser.parse_args(argv)
    world = project.here()
    decisions = [
        freshness.decide(world, rule) for rule in common.chosen(world, args.targets, args.all)
    ]
    if args.json:
        common.print_json([_as_dict(world, decision) for decision in decisions])
    else:
        print("\n".join(_lines(world, decisions)))
    return 0


def estimate(world: World, decision: Decision) -> Estimate | None:
    """Return what a rebuild would send, or None: nothing, or it cannot be told yet.

    The reply is priced at the length of the target that stands, if one does.
    """
    if decision.todo != freshness.MAKE or decision.stored or decision.wanted is None:
        return None
    from piste import make, prices, tokens

    rule = decision.rule
    try:
        system, prompt = make.rendered(world, rule, make.read_inputs(world, rule))
    except PisteError:
        return None
    sent = tokens.count(system) + tokens.count(prompt)
    standing = world.root / rule.target
    old = standing.read_text("utf-8", "replace") if standing.is_file() else ""
    model = decision.wanted.action["model"]
    return Estimate(model, sent, prices.price(model, sent, tokens.count(old)).dollars)


def _as_dict(world: World, decision: Decision) -> dict[str, Any]:
    found = estimate(world, decision)
    return {
        **common.as_dict(decision),
        "age_seconds": _age(world, decision),
        "rebuild": found._asdict() if found else None,
    }


def _lines(world: World, decisions: Sequence[Decision]) -> list[str]:
    rows = [["TARGET", "STATE", "AGE", "REBUILD", "WHY"]]
    stale = {d.rule.target for d in decisions if not d.up_to_date}
    for decision in decisions:
        rows.append([
            decision.rule.target, decision.state, _age_said(_age(world, decision)),
            _rebuild(world, decision), _why(decision, stale),
        ])  # fmt: skip
    head, *lines = common.table(rows)
    column = head.index("STATE")
    shown = [screen.style(head, "dim", sys.stdout)]
    for line, decision in zip(lines, decisions, strict=True):
        word = screen.style(decision.state, _COLOURS[decision.state], sys.stdout)
        shown.append(line[:column] + word + line[column + len(decision.state) :])
    return shown


def _why(decision: Decision, stale: set[str]) -> str:
    before = [
        name for names in decision.rule.inputs for name in names
        if name in stale and name != decision.rule.target
    ]  # fmt: skip
    if decision.state == freshness.FRESH and before:
        return f"will be looked at again after {', '.join(before)}"
    if decision.todo == freshness.CONFLICT:
        return f"{decision.why()}; piste diff, accept, or doit {decision.rule.name} --overwrite"
    return decision.why()


def _rebuild(world: World, decision: Decision) -> str:
    from_store = (freshness.ADOPT, freshness.RESTORE)
    if decision.todo in from_store or (decision.todo == freshness.MAKE and decision.stored):
        return "free: in the store"
    found = estimate(world, decision)
    if found is None:
        return ""
    from piste import prices

    price = prices.said(found.dollars)
    return f"{found.tokens:,} tokens, {'≥ ' if found.dollars else ''}{price} ({found.model})"


def _age(world: World, decision: Decision) -> float | None:
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
