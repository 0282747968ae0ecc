"""`piste undo`: take back that a step is done: its tick and its record; with --code, its code.

With --code the changes of the step's commit are taken back in your checkout, where that is clean;
nothing is committed, so look at git diff first. It may follow a plain undo.
"""

import os
from collections.abc import Sequence

from piste.commands import common
from piste.commands.done import own_chain
from piste.commands.steps import add_plan, named
from piste.engine import gate, project, records
from piste.engine.world import World
from piste.steps import progress, runner, ticking
from piste.steps.progress import StepStatus
from piste.system import git, paths, screen
from piste.system.errors import UserError, printable


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("undo", __doc__)
    parser.add_argument("step", metavar="N", help="the step")
    parser.add_argument("--code", action="store_true", help="take its code back, too")
    add_plan(parser)
    args = parser.parse_args(argv)
    world = progress.at(project.here(), args.plan)
    link = own_chain(world).find(args.step)
    made = _commit_of(world, link)
    taken: list[str] = []
    with runner.only_one(world, f"piste undo {link.step.id}"):
        if args.code:
            taken = _take_back(world, link, made)
        form = progress.settings(world).steps
        undone = ticking.set_open(world.root, world, link.step, link.record, form)
    changed = [*taken, *undone.changed]
    state = own_chain(world).find(link.step.id)
    if args.json:
        said = {"step": link.step.id, "state": state.state, "changed": changed}
        common.print_json({**said, "commit": made or None})
        return 0
    if not changed:
        screen.out(f"step {named(link)} was not done; nothing is changed")
        return 0
    word = "open again" if state.state == progress.OPEN_STEP else f"{state.state} now ({state.why})"
    screen.out(f"step {named(link)} is {word}: {', '.join(changed)}")
    for tick in undone.missed:
        where = f"{tick.path}:{tick.line}"
        screen.say(f"{where}: it says something else by now; its tick stays")
    if made:
        way = (
            f"its code stays; to take it back as well: piste undo {printable(link.step.id)} --code"
        )
        screen.say("look at it: git diff" if args.code else way)
    return 0


def _take_back(world: World, link: StepStatus, made: str) -> list[str]:
    """Take the code of a step's commit back in the checkout; return the paths.

    Raises UserError where there is no such commit, or where it does not come off clean.
    """
    world = gate.require(world, "piste undo --code")  # git's filters have a part in it
    step = printable(link.step.id)
    if not made:
        raise UserError(f"no commit of an agent's for step {step} is in this branch's history")
    repo = git.find(world.root, progress.settings(world).branches)
    own = [repo.prefix + world.rules[rule].target for rule in ("plan", "todo")]
    rows = git.changes(repo.top, f"{made}^", made)
    ours = f"{repo.prefix}{paths.STATE}/"
    names = [row.path for row in rows if row.path not in own and not row.path.startswith(ours)]
    if not names:
        return []
    plain = ("--binary", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/")
    patch = os.fsencode(git.diff(repo.top, f"{made}^", made, *plain, pathspecs=names))
    code, _, said = git.ask(repo.top, ("apply", "--reverse", "--check"), data=patch)
    if code:
        if not git.ask(repo.top, ("apply", "--check"), data=patch)[0]:
            return []  # it is taken back already
        raise UserError(
            f"the code of step {step} does not come off clean ({said}): it was changed since; "
            f"by hand: git revert --no-commit {made[:12]}"
        )
    git.git(repo.top, "apply", "--reverse", "--whitespace=nowarn", data=patch)
    return names


def _commit_of(world: World, link: StepStatus) -> str:
    """Return the last commit in which an agent carried this step out, or "".

    By the record that is in it: the record may be gone from the checkout by now.
    """
    if link.record is not None and link.record.agent == records.HAND:
        return ""
    known = records.load(world.root)
    own = records.file_of(link.step.id)
    where = next((path for path, record in known.items() if record == link.record), own)
    arguments = ("log", "-1", "--format=%H", "--diff-filter=AM", "--", where)
    code, out, _ = git.ask(world.root, arguments, look=True)
    made = "" if code else out.strip()
    if not made:
        return ""
    shown = ("show", "--no-textconv", f"{made}:./{where}")
    _, text, _ = git.ask(world.root, shown, look=True)
    record = records.parse(text.encode(), where)
    same = record == link.record if link.record else record.prompt == link.digest
    return made if same and record.agent != records.HAND else ""
