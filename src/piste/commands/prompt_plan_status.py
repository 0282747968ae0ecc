"""`piste prompt_plan_status`: how many steps of the plan are left, and which is next.

Counted by the parser of plans, never by a model: one line of what `piste steps` tells in full,
under the name that the post gave it. It changes no byte.
"""

from collections.abc import Sequence

from piste.commands import common
from piste.commands.steps import add_plan, named, nothing_left, plan_behind, read_progress
from piste.engine import project
from piste.steps import progress
from piste.steps.progress import Progress
from piste.system import screen
from piste.system.errors import UserError


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("prompt_plan_status", __doc__)
    add_plan(parser)
    args = parser.parse_args(argv)
    world = progress.at(project.here(), args.plan)
    chain = read_progress(world)
    behind = plan_behind(world)
    if not chain.links:
        raise UserError(f"{chain.path}: {chain.plan.why}")
    if args.json:
        common.print_json({**as_dict(chain), "behind": behind})
        return 0
    screen.out(line(chain, behind))
    for problem in chain.plan.problems:
        screen.say(f"{chain.path}:{problem.line}: {screen.safe(problem.text)}")
    if behind and chain.next:
        screen.say(behind)
    return 0


def line(chain: Progress, behind: str = "") -> str:
    """Return the state of a plan with steps in one line; `behind` says that it is out of date."""
    after = chain.next
    if after is None:
        return nothing_left(chain, behind).removeprefix("nothing is left: ")
    left = f"{_left(chain)} of {len(chain.links)} steps left"
    changed = f", {len(chain.changed)} changed" if chain.changed else ""
    boxes = f"; {after.why}" if after.why else ""
    return f"{left}{changed}; next: {named(after)} (line {after.step.line}){boxes}"


def as_dict(chain: Progress) -> dict[str, object]:
    """Return the state of a plan as plain data for JSON."""
    step = chain.next.step if chain.next else None
    return {
        "steps": len(chain.links),
        "left": _left(chain),
        "changed": [link.step.id for link in chain.changed],
        "next": {"id": step.id, "title": step.title, "line": step.line} if step else None,
        "problems": [problem._asdict() for problem in chain.plan.problems],
    }


def _left(chain: Progress) -> int:
    return sum(link.waits for link in chain.links)
