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
from piste.steps import progress, records, runner, ticking
from piste.steps.progress import StepStatus
from piste.system.git import ask


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("undo", __doc__)
    parser.add_argument("step", metavar="N", help="the step")
    args = parser.parse_args(argv)
    world = project.here()
    link = own_chain(world).find(args.step)
    made = _commit_of(world, link)
    with runner.only_one(world, f"piste undo {link.step.id}"):
        form = progress.settings(world).steps
        undone = ticking.set_open(world.root, world, link.step, link.record, form)
    changed = undone.changed
    state = own_chain(world).find(link.step.id)
    if args.json:
        said = {"step": link.step.id, "state": state.state, "changed": changed}
        common.print_json({**said, "commit": made or None})
        return 0
    if not changed:
        print(f"step {named(link)} was not done; nothing is changed")
        return 0
    word = "open again" if state.state == progress.OPEN_STEP else f"{state.state} now ({state.why})"
    print(f"step {named(link)} is {word}: {', '.join(changed)}")
    for tick in undone.missed:
        where = f"{tick.path}:{tick.line}"
        print(f"{where}: it says something else by now; its tick stays", file=sys.stderr)
    if made:
        print(f"its code stays; to take it back as well: git revert {made[:12]}", file=sys.stderr)
    return 0


def _commit_of(world: World, link: StepStatus) -> str:
    """Return the last commit that says it carried this step out, or ""."""
    if link.record is None or link.record.agent == records.HAND:
        return ""
    known = records.load(world.root)
    where = next((path for path, record in known.items() if record == link.record), "")
    code, out, _ = ask(world.root, ("log", "-1", "--format=%H", "--diff-filter=AM", "--", where))
    return "" if code else out.strip()
