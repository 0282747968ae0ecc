"""`piste diff`: what was edited by hand in a target, against what was made.

It changes no byte.
"""

from collections.abc import Sequence

from piste.commands import common, why
from piste.documents import diffs
from piste.engine import hashing, project, receipts
from piste.engine.rules import Rule
from piste.engine.world import World
from piste.system import project_files, screen
from piste.system.errors import UserError

_CODES = "0 no difference, 1 a difference, 2 something you can mend"


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code, 1 for a difference as diff has it."""
    parser = common.parser("diff", __doc__, codes=_CODES)
    common.add_target(parser)
    args = parser.parse_args(argv)
    world = project.here()
    (rule,) = common.chosen(world, [args.target])
    lines = edits(world, rule)
    if args.json:
        common.print_json({"target": rule.target, "changed": bool(lines), "diff": lines})
        return 1 if lines else 0
    for line in lines:
        screen.out(why.coloured(line))
    return 1 if lines else 0


def edits(world: World, rule: Rule) -> list[str]:
    """Return the diff from what was made to what stands. Raises UserError if one is missing."""
    target = rule.target
    receipt = receipts.read(world.root, target)
    standing = project_files.read_any(world.root, target, hashing.most_of(rule.kind))
    if receipt is None:
        made = f"{world.door()} {rule.name} makes it"
        there = standing is not None
        why_not = "piste did not make it" if there else f"it is not there yet; {made}"
        raise UserError(f"{target} has nothing to be compared with: {why_not}")
    if standing is None:
        raise UserError(f"{target} is not there; piste restore {target} brings it back")
    made_text = world.store.text(receipt.output)
    if made_text is None:
        raise UserError(f"the store no longer has {target} as it was made; try git diff {target}")
    old, new = (data.decode("utf-8", "replace") for data in (made_text, standing))
    return diffs.unified(old, new, f"{target}, as it was made", target)
