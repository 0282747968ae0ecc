"""Carrying out one step, from where it stands to its end, whatever has happened before.

`attempt` says which phases there are and what each leaves on disk; each is one function
(`agent_phases`, `commit_phases`), and what it returns is written down before the next begins. So
a kill at any point costs at most the try of an agent that was cut off, and what that left stays on
its branch. This module talks to nobody: a person is asked through `Options.person`.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from piste.documents import step_files
from piste.documents.plan import Step, overview
from piste.engine import environment, records
from piste.engine.world import World
from piste.steps import (
    agent_phases,
    agents,
    attempt,
    attempt_branches,
    attempt_run,
    change_policy,
    checkout_settings,
    commit_phases,
    context,
    ignored,
    merge,
    progress,
    test_command,
    testing,
    worktree,
)
from piste.steps.attempt import Attempt
from piste.steps.attempt_run import Options, Run, place, run_tests
from piste.steps.progress import Settings, StepStatus
from piste.system import atomic_write, git, locks, paths, screen
from piste.system.errors import UserError, printable


class Outcome(NamedTuple):
    """What came of a step."""

    step: str
    title: str
    result: str  # done, failed, blocked or skipped
    agent: str
    tries: int
    tests: str  # passed, failed or ""
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None  # US dollars
    seconds: float
    commit: str
    branch: str  # where an attempt that is not done is kept
    said: str  # why, or where the commit is
    named: str = ""  # the step on a command line


# ------------------------------------------------------------------ a step, from outside


_TRACKED = ("ls-files", "--error-unmatch", "--", attempt.FILE)


@contextlib.contextmanager
def only_one(world: World, what: str, stop: threading.Event | None = None) -> Iterator[None]:
    """Hold the lock of the run: wait for another one, and for what a killed one had started.

    Raises InterruptedError when `stop` is set meanwhile.
    """
    folder = git.own_folder(world.root)
    began = time.time()

    def waiting(holder: str) -> None:
        screen.say(f"waiting for {holder}")

    with locks.hold(folder / "lock", what, waiting, stop):
        with locks.hold(folder / "busy", what, waiting, stop):
            pass
        for left in (folder, folder / "logs", world.root, world.root / records.FOLDER):
            atomic_write.sweep(left, began)
        yield


def carry_out(world: World, settings: Settings, options: Options, link: StepStatus) -> Outcome:
    """Carry out one step, or go on where an earlier run was cut off.

    The lock of the run is the caller's (`only_one`). Raises UserError for what a person can
    mend, before anything is paid; OverBudget; NeedsPerson; InterruptedError when stopped. In
    all of them the attempt stands where it was, for the next run.
    """
    now = settled(world)
    plan = world.rules["plan"].target
    repo = git.find(world.root, settings.branches)
    git.require_committer(repo)
    run = Run(world, _set_up(world, settings), options, agents.find(settings), repo)
    if now is None or now.over or not _goes_on(now, link, settings, plan):
        if options.approve:
            raise UserError(
                f"step {printable(link.step.id)} does not wait for your word; see: piste steps"
            )
        if now is not None and not now.over:
            _park(run, now)
        now = _begin(run, link)
    else:
        screen.say(f"step {printable(now.step)}: going on where it was left ({now.phase})")
        if options.say and now.phase != attempt.REVIEW:
            now = replace(now, asks=options.say)
    while not now.over:
        now = attempt.save(world.root, PHASES[now.phase](run, now))
    return outcome(now)


def settled(world: World) -> Attempt | None:
    """Return the attempt that is written down, after a landing that was cut off is put right.

    Raises UserError where a person has to do that, and for one that came with the repository:
    what somebody else has committed says nothing of what was done here.
    """
    now = attempt.load(world.root)
    if attempt.is_strange(world.root):
        screen.say(f"{attempt.FILE} was not written here by you; it is left out")
    if now is not None and not git.ask(world.root, _TRACKED)[0]:
        raise UserError(
            f"{attempt.FILE} is in git, where it does not belong; git rm --cached it, and delete it"
        )
    if now is not None and now.landing is not None:
        branches = progress.settings(world).branches
        merge.finish(git.find(world.root, branches), merge.Landing(*now.landing))
        now = attempt.save(world.root, replace(now, landing=None))
    return now


def _goes_on(now: Attempt, link: StepStatus, settings: Settings, path: str) -> bool:
    if (now.plan, now.step) != (path, link.step.id):
        return False
    return now.phase == attempt.LAND or (now.digest, now.agent) == (link.digest, settings.agent)


def _park(run: Run, now: Attempt) -> None:
    """Leave an attempt that is not over to its branch, whole."""
    if now.phase == attempt.LAND:
        commit_phases.land(run, now)
        return
    if not worktree.rescue(run.repo, attempt_run.message(now, "cut off")) and now.work:
        worktree.ensure(run.repo, now.work, now.branch)
    screen.say(
        f"step {printable(now.step)}: the attempt that was under way is kept on {now.branch}"
    )


def outcome(now: Attempt) -> Outcome:
    """Return what came of an attempt that is over."""
    done = now.phase == attempt.DONE
    tests = "passed" if done or now.phase == attempt.SKIPPED else "failed" if now.failure else ""
    return Outcome(
        now.step, now.title, now.phase, progress.by(now.agent, now.version), now.number,
        tests, now.input_tokens, now.output_tokens, now.cost, now.seconds,
        now.commit if done else "", "" if done else now.branch, now.reason, now.named,
    )  # fmt: skip


# ------------------------------------------------------------------ before anything is paid


def _begin(run: Run, link: StepStatus) -> Attempt:
    """Begin a new attempt. Raises UserError for whatever would make paying for it pointless."""
    world, repo, step = run.world, run.repo, link.step
    _may_begin(run, step)
    version, model = agents.version(world, run.agent, run.model)
    command = test_command.required(world, run.settings)
    _say_where(run, command)
    _no_uncommitted_records(run)
    if kept := worktree.rescue(repo, "left in the worktree\n"):
        screen.say(f"what was left in the worktree is kept on {kept}")
    base = merge.base(repo)
    attempt_branches.sweep(repo)
    branch = git.attempts(repo, step.id)
    now = Attempt(
        step=step.id, title=step.title, digest=link.digest, prompt=step.prompt,
        agent=run.settings.agent, version=version, model=model, test=command, branch=branch,
        base=base, start=base, files=_files_beside(run, step), asks=run.options.say,
        plan=world.rules["plan"].target,
        salt=branch.rpartition(".")[2] if run.options.again else "",
    )  # fmt: skip
    place(run, now, base)
    ignored.forget(repo)
    attempt_run.put_aside(run, now, ".left")
    return attempt.save(world.root, replace(now, before=_red_before(run, now)))


def _set_up(world: World, settings: Settings) -> Settings:
    """The settings, with what the project's own tool needs in a fresh worktree."""
    if settings.setup:
        return settings
    own, chosen = environment.find(world.root), test_command.choose(world, settings)
    if own is None or chosen is None or chosen.command != own.command:
        return settings
    return settings._replace(setup=own.setup)


def _say_where(run: Run, command: str) -> None:
    """Say once which tests run, and in which environment."""
    if run.options.told:
        return
    run.options.told = True
    name = environment.of(run.world.root, run.world.root).name
    found = test_command.choose(run.world, run.settings)
    why = f" (from {printable(found.why)})" if found and found.why != test_command.SET else ""
    screen.say(f"the tests: {command}{why}" + (f", in your {name}" if name else ""))


def _may_begin(run: Run, step: Step) -> None:
    """Raise UserError for settings, names and checkouts in which no step could end well."""
    repo = run.repo
    if why := git.in_the_way(repo):
        raise UserError(why)
    if checkout_settings.leaves_out(repo, f"{repo.prefix}{records.FOLDER}/1.json"):
        where = repo.prefix + paths.STATE
        raise UserError(
            f"your sparse checkout leaves out {where}, which holds what steps are done; "
            f"git sparse-checkout add {where}"
        )
    commit_phases.subject(run.settings, step.id, step.title)
    if why := change_policy.wrong_setting(run.settings.writes):
        raise UserError(why)
    said = step_files.parse(f"{step.prompt}\n{_files_beside(run, step)}")
    for path in context.named(
        "\n".join(said.change), run.world.root, context.files(run.world.root)
    ):
        if why := change_policy.why_not(run.allowed, repo.prefix + path):
            raise UserError(
                f"step {printable(step.id)} is to change {printable(path)} (Files:), but {why}; "
                "change the plan, or writes and allow in piste.toml"
            )


def _files_beside(run: Run, step: Step) -> str:
    """Return the `Files:` lines of a step that stand in the plan and not in its prompt."""
    steps = [link.step for link in progress.chain(run.world, run.settings.steps).links]
    sections = overview.sections(progress.read_plan(run.world), steps)
    section = next((text for one, text in zip(steps, sections, strict=True) if one == step), "")
    inside = {*step_files.lines(step.prompt)}
    return "\n".join(row for row in step_files.lines(section) if row not in inside)


def _no_uncommitted_records(run: Run) -> None:
    folder = f"{run.repo.prefix}{records.FOLDER}/"
    names = git.uncommitted(run.repo, untracked=True)
    if any(
        name.startswith(folder) or (name[-1:] == "/" and folder.startswith(name)) for name in names
    ):
        raise UserError(
            "a step was done by hand and is not committed, so an agent would not see it; "
            "git add -A && git commit"
        )


def _red_before(run: Run, now: Attempt) -> str:
    """Return what the tests say before the step, where they are red; the step has to mend that.

    Raises UserError when the test command cannot be run at all: no agent could make it pass.
    """
    result = run_tests(run, now, "before")
    if why := testing.cannot_run(now.test, result, run.repo.project):
        name = environment.of(run.repo.project, run.world.root).name or "the path"
        raise UserError(
            f"the test command {now.test!r} cannot be run: {why} (in {name}); make the project's "
            f'environment (.venv, say), set test = "…", or setup = "…" for what a fresh worktree '
            "needs first"
        )
    if result.green:
        return ""
    screen.say(f"step {printable(now.step)}: before it begins {result.said}; it has to mend that")
    return testing.trim(result.output) or result.said


# What is done in each phase; the table of what each leaves on disk is in `attempt`.
PHASES: Mapping[str, Callable[[Run, Attempt], Attempt]] = {
    attempt.AGENT: agent_phases.work,
    attempt.LEFT: agent_phases.look,
    attempt.TESTS: agent_phases.test,
    attempt.RED: agent_phases.again,
    attempt.GREEN: commit_phases.green,
    attempt.REVIEW: commit_phases.review,
    attempt.COMMIT: commit_phases.commit,
    attempt.LAND: commit_phases.land,
}
