"""`piste check`: is every target as it should be? For CI: it asks no model and changes no byte.

What a target is made from counts too: it is fresh when `doit T` would do nothing. Without a name
it looks at what has been made before; what never was is not missed.
"""

from collections.abc import Sequence

from piste.commands import common
from piste.engine import project, states
from piste.engine.states import Decision
from piste.system import screen
from piste.system.errors import EXIT_FAILED, EXIT_MISTAKE

_CODES = "0 all is fresh, 1 something is not, 2 it cannot be told"


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("check", __doc__, codes=_CODES)
    common.add_target(parser, "*")
    args = parser.parse_args(argv)
    world = project.here()
    decisions = common.decisions(world, args.targets)
    if not args.targets:
        decisions = [decision for decision in decisions if _wanted(decision)]
    stale = [decision for decision in decisions if not decision.up_to_date]
    code = exit_code(stale)
    if args.json:
        shown = [common.as_dict(world, decision) for decision in decisions]
        common.print_json({"exit_code": code, "targets": shown})
        return code
    for decision in stale:
        waits = decision.todo == states.WAIT
        short = f"{decision.rule.target}: {decision.state}: {decision.why()}"
        screen.out(decision.line() if waits else short)
    total = len(decisions)
    fresh = f"{total - len(stale)} of {total} fresh" if total else "nothing has been made here"
    if hidden := common.hidden_receipts(world, decisions):
        screen.say(hidden)
    if unsure := common.cut_off(world, decisions):
        screen.say(unsure)
    for line in common.hidden_inputs(world, stale):
        screen.say(line)
    step = common.next_step(world, stale[0]) if stale else ""
    screen.say(f"{fresh}{f'; next: {step}' if step else ''}")
    return code


def exit_code(stale: Sequence[Decision]) -> int:
    """Return 0, 1 or 2 for the targets that are not as they should be."""
    found = [one for decision in stale for one in (decision, *decision.before)]
    if any(reason.part == "error" for decision in found for reason in decision.reasons):
        return EXIT_MISTAKE
    return EXIT_FAILED if stale else 0


def _wanted(decision: Decision) -> bool:
    """Whether the target has been made before; what never was is not missed."""
    return decision.receipt is not None or decision.state != states.MISSING
