"""`piste trust`: show what this folder runs, and allow it here from now on.

A dodo.py, settings of doit, and the commands in piste.toml are programs of whoever wrote the
repository; its tests and an agent's work are too. Without a yes piste works with its own
tasks. The yes is kept on this machine, for this folder, and never in the repository.
"""

from collections.abc import Sequence
from pathlib import Path

from piste.commands import common
from piste.engine import gate, project, trust
from piste.engine.world import World
from piste.system import screen
from piste.system.errors import EXIT_FAILED, UserError

_CODES = "0 it is allowed, 1 --show: it is not, 2 something you can mend"


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("trust", __doc__, codes=_CODES)
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--show", action="store_true", help="only show it, and whether it is allowed")
    one.add_argument("--revoke", action="store_true", help="take the answer for this folder back")
    one.add_argument("--list", action="store_true", help="every folder that was answered for")
    args = parser.parse_args(argv)
    if args.list:
        return _list(args.json)
    if args.revoke:
        return _revoke(args.json)
    world = project.here()
    runs, named = gate.runs(world), gate.documents(world)
    if not args.show:
        trust.remember(world.root, trust.YES, runs, named)
    allowed = gate.allowed(world)
    runs |= named
    if args.json:
        about = {"folder": str(world.root), "allowed": allowed, "runs": runs}
        common.print_json(about)
    else:
        _say(world, runs, allowed)
    return 0 if allowed else EXIT_FAILED


def _say(world: World, runs: dict[str, str], allowed: bool) -> None:
    if not allowed and (before := trust.answer(world.root)) and before.answer == trust.YES:
        screen.out("what this folder runs has changed since you allowed it:")
        screen.out("\n".join(gate.difference(before.runs, runs)))
    elif runs:
        screen.out("this folder runs:")
        screen.out("\n".join(gate.shown(runs)))
    else:
        screen.out("this folder names no program of its own; a yes is for its tests and its plan")
    root = screen.safe(str(world.root))
    screen.out(f"allowed in {root}" if allowed else f"not allowed in {root}; piste trust allows it")


def _list(as_json: bool) -> int:
    found = list(trust.answers())
    if as_json:
        common.print_json([{"folder": one.folder, "answer": one.answer} for one in found])
        return 0
    for one in found:
        screen.out(f"{one.answer:<3}  {screen.safe(one.folder)}")
    if not found:
        screen.say("no folder was answered for yet")
    return 0


def _revoke(as_json: bool) -> int:
    root = project.root_of(Path.cwd())
    if not trust.forget(root):
        raise UserError(f"{screen.safe(str(root))} was not answered for; piste trust --list")
    if as_json:
        common.print_json({"folder": str(root), "allowed": False})
    else:
        screen.out(f"no longer allowed in {screen.safe(str(root))}")
    return 0
