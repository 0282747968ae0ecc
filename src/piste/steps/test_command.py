"""Which command runs the tests: what is set, what the plan names, or what the project has.

Whether what a plan names may run here is asked before (`gate`). Nothing is run by this module.
"""

from piste.engine import environment, gate
from piste.engine.environment import Found
from piste.engine.world import World
from piste.steps.progress import Settings
from piste.system.errors import UserError

SET = "settings"


def choose(world: World, settings: Settings) -> Found | None:
    """Return the test command and where it comes from, or None where none is known."""
    if settings.test:
        return Found(settings.test, SET)
    found = environment.find(world.root)
    if command := gate.test_of_plan(world):
        # What a fresh worktree needs first goes with the command of the project's own tool alone.
        setup = found.setup if found and found.command == command else ""
        return Found(command, world.rules["plan"].target, setup)
    return found


def required(world: World, settings: Settings) -> str:
    """Return the test command. Raises UserError where none is known."""
    found = choose(world, settings)
    if found is None:
        raise UserError('no test command is known for this project; set test = "…" in piste.toml')
    return found.command
