"""`piste accept`: let a target stand as it is for what it is made from now.

Only the receipt is written. A text that a person wrote stays theirs: when its
inputs change again it is again a conflict, never overwritten unasked.
"""

from collections.abc import Sequence

from piste import freshness, log, project, receipts
from piste.commands import common
from piste.errors import Mistake
from piste.freshness import Decision, World


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("accept", __doc__.split("\n")[0].partition(": ")[2])
    parser.add_argument("targets", nargs="+", metavar="T", help="a target or its rule")
    args = parser.parse_args(argv)
    world = project.here()
    said = [accept(world, freshness.decide(world, rule))
            for rule in common.chosen(world, args.targets)]  # fmt: skip
    if args.json:
        common.print_json([{"target": target, "said": line} for target, line in said])
    else:
        print("\n".join(f"{target} {line}" for target, line in said))
    return 0


def accept(world: World, decision: Decision) -> tuple[str, str]:
    """Adopt the target of a decision; return it and what to say.

    Raises Mistake when there is no text, or nothing that it could be made from.
    """
    target = decision.rule.target
    if decision.state == freshness.FRESH:
        return target, "is fresh: there is nothing to accept"
    if not decision.output and decision.state != freshness.FAILED:
        raise Mistake(f"{target} is not there; doit {decision.rule.name} makes it")
    if decision.wanted is None:
        raise freshness.mistake_of(decision)
    mine = decision.state in (freshness.EDITED, freshness.FOREIGN)
    receipt = decision.wanted._replace(output=decision.output, hand=mine)
    world.store.put_text(decision.output, (world.root / target).read_bytes())
    receipts.write(world.root, receipt)
    entry = log.Entry(log.now(), target, "accepted", key=receipt.key, output=receipt.output)
    log.add(world.root, entry)
    changed = [r.said for r in decision.reasons if r.part != "target"]
    return target, "now stands as it is" + (f", though {'; '.join(changed)}" if changed else "")
