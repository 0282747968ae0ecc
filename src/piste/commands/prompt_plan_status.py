"""`piste prompt_plan_status`: how many steps of the plan are left, and which is next.

Counted by the parser of plans, never by a model: one line of what `piste steps` tells in full,
under the name that the post gave it. It changes no byte.
"""

import sys
from collections.abc import Sequence

from piste.commands import common
from piste.commands.steps import named, read_progress
from piste.engine import project
from piste.steps.progress import Progress
from piste.system import screen
from piste.system.errors import UserError


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("prompt_plan_status", __doc__.split("\n")[0].partition(": ")[2])
    args = parser.parse_args(argv)
    chain = read_progress(project.here())
    if not chain.links:
        raise UserError(f"{chain.path}: {chain.plan.why}")
    if args.json:
        common.print_json(as_dict(chain))
        return 0
    print(line(chain))
    for problem in chain.plan.problems:
        print(f"{chain.path}:{problem.line}: {screen.safe(problem.text)}", file=sys.stderr)
    return 0


def line(chain: Progress) -> str:
    """Return the state of a plan with steps in one line."""
    total = len(chain.links)
    after = chain.next
    if after is None:
        return f"all {total} steps are done" if total > 1 else "the one step is done"
    return f"{_left(chain)} of {total} steps left; next: {named(after)} (line {after.step.line})"


def as_dict(chain: Progress) -> dict[str, object]:
    """Return the state of a plan as plain data for JSON."""
    step = chain.next.step if chain.next else None
    return {
        "steps": len(chain.links),
        "left": _left(chain),
        "next": {"id": step.id, "title": step.title, "line": step.line} if step else None,
        "problems": [problem._asdict() for problem in chain.plan.problems],
    }


def _left(chain: Progress) -> int:
    return sum(not link.finished for link in chain.links)
