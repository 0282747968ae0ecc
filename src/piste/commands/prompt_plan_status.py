"""`piste prompt_plan_status`: how many steps of the plan are left, and which is next.

Counted by the parser of plans, never by a model. It changes no byte; what the steps say is
not its business, and neither is whether they were carried out: it goes by the plan's marks.
"""

import sys
from collections.abc import Sequence

from piste import plan, project, screen
from piste.commands import common
from piste.errors import Mistake
from piste.plan import Plan


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("prompt_plan_status", __doc__.split("\n")[0].partition(": ")[2])
    args = parser.parse_args(argv)
    world = project.here()
    target = world.rules["plan"].target
    try:
        text = (world.root / target).read_bytes().decode()
    except FileNotFoundError:
        raise Mistake(f"{target} is not there; doit plan makes it") from None
    except UnicodeDecodeError as error:
        raise Mistake(f"{target}: byte {error.start} is not UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise Mistake(f"{target} cannot be read: {error.strerror}") from None
    found = plan.parse(text)
    if not found.steps:
        raise Mistake(f"{target}: {found.why}")
    if args.json:
        common.print_json(as_dict(found))
        return 0
    print(line(found))
    for problem in found.problems:
        print(f"{target}:{problem.line}: {screen.safe(problem.text)}", file=sys.stderr)
    return 0


def line(found: Plan) -> str:
    """Return the state of a plan with steps in one line."""
    step = plan.next_step(found)
    total = len(found.steps)
    if step is None:
        return f"all {total} steps are done" if total > 1 else "the one step is done"
    left = sum(not step.done for step in found.steps)
    name = f"{step.id} {step.title}".strip()
    return screen.safe(f"{left} of {total} steps left; next: {name} (line {step.line})")


def as_dict(found: Plan) -> dict[str, object]:
    """Return the state of a plan as plain data for JSON."""
    step = plan.next_step(found)
    return {
        "steps": len(found.steps),
        "left": sum(not step.done for step in found.steps),
        "next": {"id": step.id, "title": step.title, "line": step.line} if step else None,
        "problems": [problem._asdict() for problem in found.problems],
    }
