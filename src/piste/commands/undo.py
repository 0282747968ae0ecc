"""`piste undo`: take back that a step is done: its tick and its record, not its code.

What the step has changed is git's to take back; the commit to revert is named.
"""

import sys
from collections.abc import Sequence

from piste.commands import common
from piste.commands.done import own_chain
from piste.commands.steps import named
from piste.engine import project
from piste.engine.world import World
from piste.steps import progress, runner
from piste.steps.progress import StepStatus
from piste.system.git import ask


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("undo", __doc__)
    parser.add_argument("step", metavar="N", help="the step")
    args = parser.parse_args(argv)
    world = project.here()
    link = own_chain(world).find(args.step)
    # The record may stand under the number that the step had when it was done.
    step = link.step._replace(id=link.record.step) if link.record else link.step
    with runner.only_one(world, f"piste undo {link.step.id}"):
        form = progress.settings(world).steps
        changed = progress.set_done(world.root, world, step, None, form)
        if step.id != link.step.id:
            changed += progress.set_ticks(world.root, world, link.step, False, form)
    made = _commit_of(world, link)
    if args.json:
        common.print_json({"step": link.step.id, "changed": changed, "commit": made or None})
        return 0
    if not changed:
        print(f"step {named(link)} was not done; nothing is changed")
        return 0
    print(f"step {named(link)} is open again: {', '.join(changed)}")
    if made:
        print(f"its code stays; to take it back as well: git revert {made[:12]}", file=sys.stderr)
    return 0


def _commit_of(world: World, link: StepStatus) -> str:
    """Return the last commit that says it carried this step out, or ""."""
    if link.record is None or link.record.agent == progress.HAND:
        return ""
    where = progress.file_of(link.record.step)
    code, out, _ = ask(world.root, ("log", "-1", "--format=%H", "--diff-filter=AM", "--", where))
    return "" if code else out.strip()
