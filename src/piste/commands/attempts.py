"""`piste attempts`: what attempts at steps have left behind, and its removal.

An attempt that failed or was cut off stays on a branch of its own, for you to look at or take
(git merge BRANCH). With --remove the branches go: of the named steps, or all of this branch's.
"""

from collections.abc import Sequence

from piste.commands import common
from piste.engine import project
from piste.steps import attempt, leftover, progress, runner
from piste.steps.leftover import Leftover
from piste.system import git, screen
from piste.system.errors import UserError, printable


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("attempts", __doc__)
    parser.add_argument("steps", nargs="*", metavar="STEP", help="of these steps alone")
    parser.add_argument("--remove", action="store_true", help="remove the branches")
    args = parser.parse_args(argv)
    world = project.here()
    repo = git.find(world.root, progress.settings(world).branches)
    found = _wanted(leftover.found(repo), args.steps)
    stay = found
    if args.remove:
        with runner.only_one(world, "piste attempts --remove"):
            now = attempt.load(world.root)
            under_way = now.branch if now is not None and not now.over else ""
            stay = leftover.remove(repo, found, under_way)
    gone = [one for one in found if one not in stay]
    if args.json:
        common.print_json({
            "left": [one._asdict() for one in stay], "removed": [one._asdict() for one in gone],
        })  # fmt: skip
        return 0
    for one in gone:
        screen.out(f"removed {printable(one.branch)} (it was {one.commit[:12]})")
    for one in stay:
        screen.out(_row(one))
    if args.remove and stay:
        screen.say("these stay: an attempt is under way there, or the worktree holds more of it")
    elif stay:
        screen.say("take one: git merge BRANCH; remove: piste attempts --remove [STEP…]")
    elif not gone:
        screen.say("no attempt has left anything")
    return 0


def _wanted(found: Sequence[Leftover], steps: Sequence[str]) -> list[Leftover]:
    known = {one.step for one in found}
    for step in steps:
        if step not in known:
            has = f"; there is something of: {', '.join(sorted(known))}" if known else ""
            raise UserError(f"no attempt at step {printable(step)} has left anything{has}")
    return [one for one in found if not steps or one.step in steps]


def _row(one: Leftover) -> str:
    files = f"{one.files} {'file' if one.files == 1 else 'files'}"
    return screen.safe(f"{one.branch}  {one.date}  {files}  {one.said}")
