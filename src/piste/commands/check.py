"""`piste check`: is all fresh? For CI: it asks no model and changes no byte.

Exit code 0 when every target is as it should be, 1 when one is not, 2 when that
cannot be told.
"""

import sys
from collections.abc import Sequence

from piste import freshness, project
from piste.commands import common
from piste.errors import EXIT_FAILED, EXIT_MISTAKE
from piste.freshness import Decision, World


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("check", __doc__.split("\n")[0].partition(": ")[2])
    common.add_targets(parser)
    args = parser.parse_args(argv)
    world = project.here()
    rules = common.chosen(world, args.targets)
    decisions = [freshness.decide(world, rule) for rule in rules]
    if not args.targets:
        decisions = [decision for decision in decisions if _wanted(world, decision)]
    stale = [decision for decision in decisions if not decision.up_to_date]
    code = exit_code(stale)
    if args.json:
        shown = [common.as_dict(decision) for decision in decisions]
        common.print_json({"exit_code": code, "targets": shown})
        return code
    for decision in stale:
        print(f"{decision.rule.target}: {decision.state}: {decision.why()}")
    total = len(decisions)
    fresh = "nothing has been made here" if not total else f"{total - len(stale)} of {total} fresh"
    next_step = f"; next: doit {' '.join(d.rule.name for d in stale[:3])}" if stale else ""
    print(f"{fresh}{next_step}", file=sys.stderr)
    return code


def exit_code(stale: Sequence[Decision]) -> int:
    """Return 0, 1 or 2 for the targets that are not as they should be."""
    if any(reason.part == "error" for decision in stale for reason in decision.reasons):
        return EXIT_MISTAKE
    return EXIT_FAILED if stale else 0


def _wanted(world: World, decision: Decision) -> bool:
    """Whether the target has been made before; what never was is not missed."""
    return decision.receipt is not None or decision.state != freshness.MISSING
