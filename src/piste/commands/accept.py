"""`piste accept`: let a target stand as it is for what it is made from now.

Only the receipt is written. A text that a person wrote stays theirs: when its
inputs change again it is again a conflict, never overwritten unasked.
"""

from collections.abc import Sequence

from piste.commands import common
from piste.engine import hashing, log, makers, project, receipts, states, upstream
from piste.engine.receipts import Receipt
from piste.engine.states import Decision
from piste.engine.world import World
from piste.system import project_files, screen
from piste.system.errors import UserError


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("accept", __doc__)
    common.add_target(parser, "+")
    args = parser.parse_args(argv)
    world = project.here()
    decisions = [makers.decide(world, rule) for rule in common.chosen(world, args.targets)]
    found = [(decision, adoptable(world, decision)) for decision in decisions]
    # Nothing is written before it is known that all of them can be accepted.
    said = [(d.rule.target, accept(world, d, receipt)) for d, receipt in found]
    if args.json:
        common.print_json([{"target": target, "said": line} for target, line in said])
    else:
        screen.out("\n".join(f"{target} {line}" for target, line in said))
    return 0


def adoptable(world: World, decision: Decision) -> Receipt | None:
    """Return the receipt that accepts a target as it stands, None where it is fresh.

    Raises UserError when there is no text, or nothing that it could be made from.
    """
    target = decision.rule.target
    if decision.state == states.FRESH:
        return None
    if decision.state == states.MISSING:
        (whole,) = upstream.decide(world, [decision.rule])
        raise UserError(f"{target} is not there; {common.next_step(world, whole)}")
    if decision.state == states.FOREIGN and decision.wanted is None:
        raise UserError(f"{target} is a source: what it could be made from is not there")
    if decision.wanted is None:
        raise states.mistake_of(decision)
    mine = decision.state in (states.EDITED, states.FOREIGN)
    return decision.wanted._replace(output=decision.output, hand=mine)


def accept(world: World, decision: Decision, receipt: Receipt | None) -> str:
    """Write the receipt; return what to say after the target's name. Raises OSError."""
    target = decision.rule.target
    if receipt is None:
        return "is fresh: there is nothing to accept"
    world.store.put_text(decision.output, project_files.read(world.root, target, hashing.MOST))
    receipts.write(world.root, receipt)
    entry = log.Entry(log.now(), target, "accepted", key=receipt.key, output=receipt.output)
    log.add(world.root, entry)
    changed = [r.said for r in decision.reasons if r.part != "target"]
    return "now stands as it is" + (f", though {'; '.join(changed)}" if changed else "")
