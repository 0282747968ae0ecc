"""`piste next`: the next step of the plan, to be carried out by hand.

--copy puts it on the clipboard with what a chat window has to know: the specification, what
is done, the files it names, and what the project says to agents (`AGENTS.md`). It changes no byte
and asks no model.
"""

from collections.abc import Sequence

from piste.commands import common
from piste.commands.steps import add_plan, named, nothing_left, plan_behind, read_progress
from piste.documents.plan import FINDINGS
from piste.engine import outgoing, project, templates, trust
from piste.engine.world import World
from piste.steps import context, progress, sources, test_command
from piste.steps.progress import Progress, StepStatus
from piste.system import screen
from piste.system.errors import UserError

TEMPLATE = "next.md.j2"
_MOST_SPEC = 100_000  # bytes


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("next", __doc__)
    parser.add_argument("step", nargs="?", default="", metavar="N", help="another step than that")
    parser.add_argument("--copy", action="store_true", help="to the clipboard, with its context")
    parser.add_argument("--full", action="store_true", help="print it with its context")
    add_plan(parser)
    args = parser.parse_args(argv)
    world = progress.at(project.here(), args.plan)
    chain = read_progress(world)
    link = chosen(chain, args.step)
    if link is None:
        screen.say(nothing_left(chain, plan_behind(world)))
        return 0
    if args.copy:
        from piste.model import tokens
        from piste.system import clipboard

        text = full(world, chain, link)
        how = clipboard.copy(text)
        screen.say(f"step {named(link)}: {tokens.count(text):,} tokens {how}")
        screen.say(f"when it is in place: piste done {link.step.id}")
    elif args.json:
        common.print_json(progress.as_dict(link))
    else:
        text = full(world, chain, link) if args.full else link.step.prompt
        screen.say(f"step {named(link)} ({chain.path}, line {link.step.line})")
        screen.out(text)
    return 0


def chosen(chain: Progress, step_id: str) -> StepStatus | None:
    """Return the step that is named, or the next one; None when nothing is left.

    Raises UserError when the plan has no steps, or not that one.
    """
    if not chain.links:
        raise UserError(f"{chain.path}: {chain.plan.why}")
    return chain.find(step_id) if step_id else chain.next


def full(world: World, chain: Progress, link: StepStatus) -> str:
    """Return the step with what a chat window has to know. Raises UserError for its template."""
    root, step = world.root, link.step
    trust.require_own_names(root)
    known = context.files(root)
    spec = world.rules["spec"].target
    others = [one for one in chain.links if one is not link]
    settings, clear = progress.settings(world), outgoing.door(world.config)
    found = test_command.choose(world, settings)
    wanted = context.around(root, context.named(step.prompt, root, known), known)
    about: dict[str, object] = {
        "id": step.id,
        "title": step.title,
        "prompt": outgoing.prompt_of_step(world, step.prompt),
        "test": found.command if found else "",
        "spec_path": spec,
        "spec": context.framed(root, [spec], clear, _MOST_SPEC) if (root / spec).exists() else "",
        "done": [named(one) for one in others if one.finished],
        "left": [named(one) for one in others if not one.finished],
        "is_issue": chain.plan.form == FINDINGS,
        "rules": sources.rules_of(root, known, wanted, clear),
        "tree": context.tree(known),
        "files": context.framed(root, wanted, clear),
    }
    text = templates.render(templates.load(TEMPLATE, world.layers), about)[1]
    return outgoing.cleared(world.config, f"the text of step {step.id}", text)
