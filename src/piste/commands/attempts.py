"""`piste attempts`: what attempts at steps have left behind, and its removal.

An attempt that failed or was cut off stays on a branch of its own, for you to look at or take
(git merge BRANCH). With --remove the branches go: of the named steps, or all of this branch's.
With --put-back your own branches, tags, stash, worktrees, and git's settings and hooks, are made
what they were before the last agent worked.
"""

from collections.abc import Sequence
from dataclasses import replace

from piste.commands import common
from piste.engine import gate, project
from piste.engine.world import World
from piste.steps import attempt, attempt_branches, progress, put_back, runner
from piste.steps.attempt_branches import Leftover
from piste.system import git, screen
from piste.system.errors import EXIT_FAILED, UserError, printable

_CODES = "0 done, 1 something could not be put back, 2 something you can mend"


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("attempts", __doc__, codes=_CODES)
    parser.add_argument("steps", nargs="*", metavar="STEP", help="of these steps alone")
    parser.add_argument("--remove", action="store_true", help="remove the branches")
    parser.add_argument("--put-back", action="store_true",
                        help="put back what changed in your repository meanwhile")  # fmt: skip
    args = parser.parse_args(argv)
    world = project.here()
    if args.put_back:
        return _put_back(world, args.json)
    repo = git.find(world.root, progress.settings(world).branches)
    found = _wanted(attempt_branches.found(repo), args.steps)
    stay = found
    if args.remove:
        with runner.only_one(world, "piste attempts --remove"):
            now = attempt.load(world.root)
            under_way = now.branch if now is not None and not now.over else ""
            stay = attempt_branches.remove(repo, found, under_way)
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


def _put_back(world: World, as_json: bool) -> int:
    world = gate.require(world, "piste attempts --put-back")  # git's settings have a part in it
    repo = git.find(world.root, progress.settings(world).branches)
    with runner.only_one(world, "piste attempts --put-back"):
        now = attempt.load(world.root)
        if now is None or not now.refs:
            raise UserError("no agent has worked here whose traces could be put back")
        back = put_back.everything(repo, now.guarded, now.refs)
        if not back.left and now.phase == attempt.REVIEW:
            attempt.save(world.root, replace(now, outside=""))
    if as_json:
        common.print_json(back._asdict())
    for one in () if as_json else back.done:
        screen.out(screen.safe(one))
    for one in () if as_json else back.left:
        screen.out(screen.safe(f"not put back: {one}"))
    if not (back.done or back.left):
        screen.say("your repository is as it was before the last agent worked")
    return EXIT_FAILED if back.left else 0


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
