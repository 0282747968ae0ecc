"""`piste diff`: what was edited by hand in a target, against what was made.

It changes no byte. Exit code 1 when there is a difference, as diff has it.
"""

import sys
from collections.abc import Sequence

from piste import project, receipts, screen
from piste.commands import common, why
from piste.errors import Mistake


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("diff", __doc__.split("\n")[0].partition(": ")[2])
    parser.add_argument("target", metavar="T", help="a target or the name of its rule")
    args = parser.parse_args(argv)
    world = project.here()
    (rule,) = common.chosen(world, [args.target])
    receipt = receipts.read(world.root, rule.target)
    if receipt is None:
        raise Mistake(f"{rule.target} has no receipt: piste did not make it, so nothing to compare")
    made = world.store.text(receipt.output)
    path = world.root / rule.target
    if not path.is_file():
        raise Mistake(f"{rule.target} is not there; piste restore {rule.target} brings it back")
    data = path.read_bytes()
    if made is None:
        raise Mistake(f"the store no longer has {rule.target} as it was made; try git diff")
    lines = list(why.diff(made, data, f"{rule.target}, as it was made", rule.target))
    if args.json:
        common.print_json({"target": rule.target, "changed": bool(lines), "diff": lines})
        return 1 if lines else 0
    for line in lines:
        colour = {"+": "green", "-": "red"}.get(line[:1])
        print(screen.style(line, colour, sys.stdout) if colour else line)
    return 1 if lines else 0
