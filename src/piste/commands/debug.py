"""`piste debug`: pack a failing test run with what matters to it, for a chat window or a model.

The failure of the last attempt at a step, if that is where things stand; else the tests run
here. With the output go the step and the files that are named in it. To a model: piste debug
| llm.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from piste.commands import common
from piste.commands.steps import read_progress
from piste.engine import environment, gate, outgoing, project, templates, trust
from piste.engine.world import World
from piste.steps import (
    attempt,
    commit_phases,
    context,
    progress,
    test_command,
    testing,
)
from piste.steps.attempt import Attempt
from piste.system import atomic_write, git, screen
from piste.system.errors import PisteError, UserError

TEMPLATE = "debug.md.j2"
_CODES = "0 packed, or the tests pass, 2 something you can mend"


class Failure(NamedTuple):
    """What is wrong, and where."""

    folder: Path  # the project, as it stood when it failed
    output: str
    reason: str
    test: str
    step: str = ""
    title: str = ""
    prompt: str = ""
    changed: tuple[str, ...] = ()  # files that the step has changed
    hook: bool = False  # whether it is a git hook's, and no test's


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("debug", __doc__, codes=_CODES, json_too=False)
    parser.add_argument("--here", action="store_true", help="run the tests here in any case")
    parser.add_argument("--copy", action="store_true", help="to the clipboard")
    parser.add_argument("-o", "--output", default="", metavar="FILE", help="into a file")
    args = parser.parse_args(argv)
    world = project.here()
    now = attempt.load(world.root)
    if not args.here and now is not None and now.phase == attempt.COMMIT and now.reason:
        screen.out(now.failure)
        screen.say(screen.safe(f"step {now.step} is green; {now.reason}"))
        return 0
    failure = None if args.here or now is None else of_attempt(world, now)
    failure = failure or of_tests(world)
    if failure is None:
        screen.say("the tests pass: there is nothing to pack")
        return 0
    _hand_over(packed(world, failure), args.copy, args.output, failure)
    return 0


def of_attempt(world: World, now: Attempt) -> Failure | None:
    """Return the failure at which an attempt stands, or None: it stands at none, or is done."""
    wrong = (attempt.RED, attempt.FAILED, attempt.BLOCKED, attempt.AGENT)
    if now.phase not in wrong or not now.reason:
        return None
    repo = git.find(world.root, progress.settings(world).branches)
    if not repo.project.is_dir():
        return None
    rows = git.changes(repo.root, now.base, now.work or now.start)
    changed = [row.path[len(repo.prefix) :] for row in rows if row.path.startswith(repo.prefix)]
    return Failure(
        repo.project, now.failure, now.reason, now.test, now.step, now.title, now.prompt,
        tuple(changed), commit_phases.HOOK_SAID_NO in now.reason,
    )  # fmt: skip


def of_tests(world: World) -> Failure | None:
    """Run the tests in the person's checkout; return their failure, or None. Raises UserError."""
    world = gate.require(world, "piste debug")
    settings = progress.settings(world)
    command = test_command.required(world, settings)
    own = environment.of(world.root, world.root).variables
    where = testing.Where(world.root, git.own_folder(world.root) / "logs/debug.tests", env=own)
    with screen.progress(command):
        result = testing.run(command, where, settings.test_timeout)
    if result.green:
        return None
    if why := testing.cannot_run(command, result, world.root):
        raise UserError(f"the test command {command!r} cannot be run: {why}")
    failure = Failure(world.root, testing.trim(result.output), result.said, command)
    try:
        after = read_progress(world).next
    except PisteError:  # a project may have tests and no plan
        return failure
    if after is None:
        return failure
    step = after.step
    return failure._replace(step=step.id, title=step.title, prompt=step.prompt)


def packed(world: World, failure: Failure) -> str:
    """Return the failure with what matters to it. Raises UserError for a template that is wrong."""
    trust.require_own_names(world.root)
    known = context.files(failure.folder)
    named = context.named(f"{failure.output}\n{failure.prompt}", failure.folder, known)
    changed = (name for name in failure.changed if name in known)
    wanted = context.around(failure.folder, list(dict.fromkeys([*named, *changed])), known)
    about: dict[str, object] = {
        "id": failure.step,
        "title": failure.title.replace('"', "'"),
        "prompt": outgoing.prompt_of_step(world, failure.prompt),
        "reason": failure.reason,
        "test": failure.test,
        "hook": failure.hook,
        "failure": outgoing.output_of_tests(world, failure.output) or failure.reason,
        "files": context.framed(failure.folder, wanted[:30], outgoing.door(world.config)),
        "tree": context.tree(known),
    }
    text = templates.render(templates.load(TEMPLATE, world.layers), about)[1]
    return outgoing.cleared(world.config, "what is packed", text)


def _hand_over(text: str, to_clipboard: bool, file: str, failure: Failure) -> None:
    from piste.model import tokens

    how = "packed"
    if to_clipboard:
        from piste.system import clipboard

        how = clipboard.copy(text)
    elif file:
        atomic_write.write(Path(file), text.encode() + b"\n")
        how = f"in {file}"
    else:
        screen.out(text)
    about = f"step {failure.step}: " if failure.step else ""
    said = f"{about}{failure.reason}: {tokens.count(text):,} tokens {how}"
    screen.say(screen.safe(said))
