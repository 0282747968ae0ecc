"""`piste done`: run the tests, and tick a step that was carried out by hand.

Without a number it is the next step. Nothing is ticked while a test fails. It commits
nothing: the tick and the record belong into your own commit.
"""

from collections.abc import Sequence

from piste.commands import common
from piste.commands.next import chosen
from piste.commands.steps import add_plan, named, nothing_left, plan_behind
from piste.engine import environment, gate, project, records
from piste.engine.world import World
from piste.steps import (
    attempt,
    progress,
    runner,
    test_command,
    testing,
    ticking,
)
from piste.steps.progress import Progress, StepStatus
from piste.system import git, paths, screen
from piste.system.errors import EXIT_FAILED, UserError

_CODES = "0 ticked, 1 the tests fail, 2 something you can mend"


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("done", __doc__, codes=_CODES)
    parser.add_argument(
        "step", nargs="?", default="", metavar="N", help="another step than the next"
    )
    parser.add_argument("--untested", action="store_true", help="on your word, without the tests")
    parser.add_argument("--test", default="", metavar="CMD", help="the test command, this time")
    add_plan(parser)
    args = parser.parse_args(argv)
    world = project.here()
    if not args.untested:
        # What the plan names runs, too, so it is looked at first.
        world = gate.require(progress.at(world, args.plan), "piste done (without --untested)")
    world = progress.at(world, args.plan)
    chain = own_chain(world)
    link = chosen(chain, args.step)
    if link is None:
        raise UserError("nothing is left to be done; piste done N does a step again")
    settings = progress.settings(world)
    command = "" if args.untested else args.test or test_command.required(world, settings)
    with runner.only_one(world, f"piste done {link.step.id}"):
        result = _tested(world, command) if command else None
        if result is not None and not result.green:
            return _red(link, result, args.json)
        record = records.of(link.step, chain.path, records.HAND, tests=command)
        form = progress.settings(world).steps
        changed = ticking.set_done(world.root, world, link.step, record, form)
        _forget_attempt(world, link)
    if args.json:
        common.print_json({"step": link.step.id, "state": "done", "changed": changed})
        return 0
    screen.out(f"step {named(link)} is done{'' if command else ', untested'}: {', '.join(changed)}")
    chain = own_chain(world)
    after = chain.next
    left = "" if after else nothing_left(chain, plan_behind(world))
    screen.say(f"next: {named(after)}" if after else left)
    return 0


def own_chain(world: World) -> Progress:
    """Return the chain as it is in the person's checkout alone.

    Raises UserError while finished steps wait to be merged: what is ticked here would clash.
    """
    branches = progress.settings(world).branches
    if records.unlanded(world.root, branches):
        line = git.find(world.root, branches).line
        raise UserError(f"finished steps are on {line}; take them first: git merge {line}")
    return progress.chain(world, progress.settings(world).steps)


def _tested(world: World, command: str) -> testing.Result:
    settings = progress.settings(world)
    own = environment.of(world.root, world.root).variables
    where = testing.Where(world.root, world.root / paths.RUN / "logs/by-hand.tests", env=own)
    with screen.progress(command):
        return testing.run(command, where, settings.test_timeout)


def _red(link: StepStatus, result: testing.Result, as_json: bool) -> int:
    failure = testing.trim(result.output)
    if as_json:
        about = {"step": link.step.id, "state": link.state, "tests": result.said}
        common.print_json({**about, "failure": failure})
    else:
        screen.out(failure)
        screen.say(f"piste: step {named(link)} is not ticked: {result.said}")
    return EXIT_FAILED


def _forget_attempt(world: World, link: StepStatus) -> None:
    """An attempt at this very step is of no interest any more; what it has left stays."""
    now = attempt.load(world.root)
    if (
        now is not None
        and now.phase != attempt.LAND
        and ((now.plan, now.step) == (world.rules["plan"].target, link.step.id))
    ):
        attempt.forget(world.root)
