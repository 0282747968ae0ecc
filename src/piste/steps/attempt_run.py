"""One try of an agent at a step: what it is told, that it is run, what it left, the tests.

What the phases of an attempt share is here, too. It does not know their order, nor what a
try is worth: `agent_phases` and `commit_phases` do.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from piste.documents import diffs, plan, step_files
from piste.documents.plan import FINDINGS
from piste.engine import budget, caps, environment, log, outgoing, templates
from piste.engine.budget import NOTHING, Sum
from piste.engine.caps import Cap
from piste.engine.store import Record as Stored
from piste.engine.world import World
from piste.model import prices, tokens
from piste.steps import (
    agents,
    attempt,
    change_policy,
    context,
    edit_blocks,
    ignored,
    lent_repository,
    progress,
    sources,
    testing,
    worktree,
)
from piste.steps.agents import Agent, AgentResult, Job
from piste.steps.agents.events import briefly
from piste.steps.attempt import Attempt
from piste.steps.change_policy import Allowed, Violation
from piste.steps.progress import Settings
from piste.system import git, paths, processes, screen
from piste.system.errors import Failed, OverBudget, UserError, printable
from piste.system.git import Change, Repo

TEMPLATE = "step.md.j2"
_BRIEF_LINES = 12  # of an agent's output on the screen, a try


class Review(NamedTuple):
    """What a person is asked about."""

    attempt: Attempt
    tree: str  # the content that a yes is bound to: hash of git's tree
    folder: Path  # where it can be looked at, and edited
    stat: str
    diff: str


class Answer(NamedTuple):
    """A person's word: y, n, edit or skip; with n, what is wrong, or "" to stop."""

    word: str
    reason: str = ""


@dataclass
class Options:
    """What the command line says of a run, beyond the settings."""

    model: str = ""
    again: bool = False  # ask the model anew, though an answer is known
    review: bool = False
    say: str = ""  # a person's words, for a step that waits or is about to begin
    approve: str = ""  # the beginning of the hash of a content that is approved
    told: bool = False  # which tests run, and where
    person: Callable[[Review], Answer] | None = None  # None: nobody is there
    stop: threading.Event | None = None
    spent: Sum = NOTHING  # in this run, by programs; the built-in agent's calls are the purse's
    untold: bool = False  # whether one of them did not say how many tokens it took


@dataclass
class Run:
    """What all phases of an attempt share."""

    world: World
    settings: Settings
    options: Options
    agent: Agent | None
    repo: Repo

    @property
    def model(self) -> str:
        """The model that is named for the agent, or ""."""
        own = self.settings.agents.get(self.settings.agent, {})
        return self.options.model or own.get("model", "")

    @property
    def allowed(self) -> Allowed:
        """What the agent may change."""
        return Allowed(self.repo.prefix, self.settings.writes, self.settings.allow)

    @property
    def kept(self) -> tuple[str, ...]:
        """Paths, from the top of the repository, that are ours to change and not an agent's."""
        own = (self.world.rules["plan"].target, self.world.rules["todo"].target, paths.STATE)
        return tuple(f"{self.repo.prefix}{name}" for name in own)

    @property
    def folder(self) -> Path:
        """Where state and logs are."""
        return self.world.root / paths.RUN

    @property
    def busy(self) -> Path:
        """The lock that whatever we have started holds while it runs."""
        return self.folder / "busy"


def variables(run: Run, now: Attempt) -> dict[str, str]:
    """Return what agents, tests and the setup command find in their environment."""
    return {
        "PISTE_STEP": now.step,
        "PISTE_ROOT": str(run.world.root),
        # Without a repository of its own, git would find the person's in the folders above.
        "GIT_CEILING_DIRECTORIES": os.path.realpath(run.folder),
    }


def project_variables(run: Run, now: Attempt) -> dict[str, str]:
    """Return the same for agents and tests, who work in the project's own environment."""
    return {**environment.of(run.repo.project, run.world.root).variables, **variables(run, now)}


def logs(run: Run, now: Attempt) -> Path:
    """Return how the logs of this try begin."""
    return run.folder / "logs" / f"{now.branch.rpartition('/')[2]}-{now.number}"


# ------------------------------------------------------------------ what it is told


def prompt(run: Run, now: Attempt) -> str:
    """Return the prompt of this try. Raises UserError for a template that is wrong."""
    world, folder = run.world, run.repo.project
    known = context.files(folder)
    spec = world.rules["spec"].target
    named = context.named(now.prompt, folder, known)
    before = outgoing.output_of_tests(world, now.before)
    about: dict[str, object] = {
        "id": now.step,
        "title": now.title.replace('"', "'"),
        "prompt": outgoing.prompt_of_step(
            world, f"{now.prompt}\n\n{now.files}" if now.files else now.prompt
        ),
        "is_issue": plan.parse(progress.read_plan(world), run.settings.steps or None).form
        == FINDINGS,
        "changed": _changed(run, now),
        "test": now.test,
        "plan_path": world.rules["plan"].target,
        "todo_path": world.rules["todo"].target,
        "spec_path": spec if spec in known else "",
        "writes": change_policy.in_words(run.settings.writes),
        "allow": ", ".join(run.settings.allow),
        "built_in": run.agent is None,
        "form": edit_blocks.FORM if run.agent is None else "",
        "rules": sources.rules_of(folder, known, named, outgoing.door(run.world.config)),
        **_titles(run, now),
        **(
            _files_of(run, now, known, named) if run.agent is None else _of_failure(run, now, known)
        ),
        "before": before,
        "red_before": names_of(testing.red_names(before), most=20),
        "asks": now.asks,
        "tried": now.start != now.base,
        "reason": now.reason,
        "failure": outgoing.output_of_tests(world, now.failure),
        "fault": now.fault,
        "quote": now.quote,
    }
    return templates.render(templates.load(TEMPLATE, world.layers), about)[1]


def _changed(run: Run, now: Attempt) -> str:
    """With --again: how the prompt differs from the one that was carried out before."""
    if not now.salt:
        return ""
    links = progress.chain(run.world, run.settings.steps).links
    before = next((one.record for one in links if one.step.id == now.step), None)
    if before is None or not before.text or before.prompt == now.digest:
        return ""
    new = plan.strip_marks(now.prompt)
    return "\n".join(diffs.unified(before.text, new, "as it was", "as it is", 1))


def _of_failure(run: Run, now: Attempt, known: list[str]) -> dict[str, object]:
    """What a program is shown, which can look for itself: the files of a failure."""
    wanted = _that_matter(run, now, known)[:20] if now.reason else []
    files = context.around(run.repo.project, wanted, known)
    clear = outgoing.door(run.world.config)
    shown = context.framed(run.repo.project, files, clear, 60_000)
    return {"tree": "", "declared": "", "files": shown}


def _that_matter(run: Run, now: Attempt, known: list[str]) -> list[str]:
    """The files that a failure names, then those that the step has changed."""
    prefix = run.repo.prefix
    rows = git.changes(run.repo.tree, now.base, now.start)
    changed = [row.path[len(prefix) :] for row in rows if row.path.startswith(prefix)]
    named = context.named(f"{now.failure}\n{now.before}", run.repo.project, known)
    return list(dict.fromkeys([*named, *(name for name in changed if name in known)]))


def _titles(run: Run, now: Attempt) -> dict[str, object]:
    """The titles of the steps before this one and after it, as the plan has them now."""
    with contextlib.suppress(UserError):
        chain = progress.chain(run.world, run.settings.steps).links
        at = next((row for row, link in enumerate(chain) if link.digest == now.digest), None)
        if at is not None:
            said = [f"{link.step.id} {link.step.title}".strip() for link in chain]
            return {"earlier": said[:at], "later": said[at + 1 :]}
    return {"earlier": [], "later": []}


def _files_of(run: Run, now: Attempt, known: list[str], named: list[str]) -> dict[str, object]:
    """The tree, and the files that go along, each once: those of a failure come first."""
    folder, prefix = run.repo.project, run.repo.prefix
    last = sources.of_last_step(run.repo.tree, prefix, now.base)
    asked = [name for name in now.asked if name in known]
    wanted = [
        name for name in [*_that_matter(run, now, known), *asked, *named, *last] if name in known
    ]
    kept = [name[len(prefix) :] for name in run.kept]
    first = [name for name in dict.fromkeys(wanted) if name not in kept]
    ours = [rule.target for rule in run.world.rules.values()]
    files, declared = sources.along(folder, known, first, ours, outgoing.door(run.world.config))
    return {"tree": context.tree(known), "files": files, "declared": declared}


# ------------------------------------------------------------------ that it is run


def work(run: Run, now: Attempt) -> AgentResult:
    """Let the agent work on this try. Raises as `agents.carry_out`, and OverBudget."""
    words = outgoing.cleared(run.world.config, f"the prompt of step {now.step}", prompt(run, now))
    money = None if run.agent is None else _money_left(run, now, words)
    cost = f", {prices.said(now.cost)} so far" if now.cost else ""
    label = (
        f"step {printable(now.step)} {printable(now.title)}: {now.agent}, try {now.number}{cost}"
    )
    own = contextlib.nullcontext() if run.agent is None else lent_repository.lent(run.repo)
    with own, screen.progress(label) as progress:
        return agents.carry_out(run.world, run.agent, Job(
            folder=run.repo.project, home=run.world.root, prompt=words, logs=logs(run, now),
            limit=run.settings.agent_timeout, test=now.test, files=_files(run, now),
            kept=tuple(name[len(run.repo.prefix) :] for name in run.kept),
            model=now.model if run.agent is None else run.model, money=money,
            salt=now.salt, lock=run.busy, what=f"step {now.step}",
            may=lambda path: _may(run, path), on_line=_Briefly(), came=progress.came,
            stop=run.options.stop, env=project_variables(run, now),
        ))  # fmt: skip


def _files(run: Run, now: Attempt) -> tuple[str, ...]:
    known = context.files(run.repo.project)
    named = context.named(now.prompt, run.repo.project, known)
    return tuple(name for name in named if not _may(run, name))


def _may(run: Run, path: str) -> str:
    whole = run.repo.prefix + path
    if any(whole == kept or whole.startswith(f"{kept}/") for kept in run.kept):
        return f"{printable(path)} is not yours to change"
    return change_policy.why_not(run.allowed, whole)


class _Briefly:
    """Shows the first lines that an agent prints, on a terminal, without what moves it."""

    def __init__(self) -> None:
        self.left = _BRIEF_LINES if sys.stderr.isatty() else 0

    def __call__(self, line: str) -> None:
        words = screen.safe(processes.plain(briefly(line)))[:110]
        if words and self.left:
            self.left -= 1
            screen.say(f"   │ {words}" if self.left else "   │ … the rest is in the log")


def _money_left(run: Run, now: Attempt, words: str) -> float | None:
    """Return the US dollars that a program may spend on a try; None is without bounds.

    A program asks its model itself, so this is looked at before each try, and not before each
    call. Raises OverBudget, and Failed where no model may be asked.
    """
    config, purse = run.world.config, budget.tracker(run.world.root)
    if purse.frozen or (budget.in_ci() and not config.ask_in_ci):
        why = "--frozen" if purse.frozen else "CI is set, and PISTE_ASK_IN_CI is not"
        raise Failed(
            f"step {printable(now.step)} is not done, and no agent is started here ({why})"
        )
    of_run = caps.parse(config.budget, "budget") if purse.cap == Cap() else purse.cap
    of_day = caps.parse(config.budget_day, "budget_day")
    sent = tokens.count(words)
    least = Sum(prices.price(run.model, sent, 0).dollars or 0.0, sent)
    left = []
    for cap, spent, period in (
        (of_run, run.options.spent, "of this run"),
        (of_day, _spent_today(run) if of_day != Cap() else NOTHING, "of today"),
    ):
        why = budget.refusal(cap, spent, least) or ""
        if cap.tokens is not None and run.options.untold:
            why = "it does not say how many tokens it takes"
        if why:
            raise OverBudget(
                f"step {printable(now.step)}: {now.agent} is not started, for the budget {period}: "
                f"{why}; `piste run` goes on here"
            )
        if cap.dollars is not None:
            left.append(cap.dollars - (spent.dollars or 0.0))
    return min(left, default=None)


def _spent_today(run: Run) -> Sum:
    return budget.of_entries(log.entries(run.world.root), budget.midnight())


def counted(run: Run, now: Attempt, done: AgentResult) -> Attempt:
    """Return the attempt with what a try took; the run's sum and the log get it, too."""
    said = done.said
    cost = said.cost
    model = said.model or now.model
    if cost is None and model and said.input_tokens is not None:
        cost = prices.price(model, said.input_tokens, said.output_tokens or 0).dollars
    if run.agent is not None:  # the built-in agent has counted and logged each of its calls
        took = budget.of_reply(model, said.input_tokens, said.output_tokens, cost)
        run.options.spent = run.options.spent.plus(took)
        run.options.untold = run.options.untold or said.input_tokens is None
        log.add(run.world.root, log.Entry(
            log.now(), f"step {now.step}", "made", f"{now.agent} {model}".strip(),
            input_tokens=said.input_tokens, output_tokens=said.output_tokens, cost=cost,
            seconds=round(done.seconds, 3), reason=said.error,
        ))  # fmt: skip
    return replace(
        now,
        said_model=said.model,
        replies=done.replies,
        cost=None if now.cost is None or cost is None else now.cost + cost,
        input_tokens=_sum(now.input_tokens, said.input_tokens),
        output_tokens=_sum(now.output_tokens, said.output_tokens),
        seconds=now.seconds + done.seconds,
    )


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


# ------------------------------------------------------------------ what it left


def message(now: Attempt, what: str) -> str:
    """Return the message of a commit that is only on the attempt's branch."""
    return f"step {printable(now.step)}, try {now.number}: {what}\n"


def taken(run: Run, now: Attempt, what: str) -> tuple[str, list[Violation]]:
    """Return a commit of what the agent left within its bounds, and what was outside of them.

    What was outside is taken back in the worktree. Raises GitFailed for what git cannot take.
    """
    repo = run.repo
    work = worktree.snapshot(repo, now.start, message(now, what), run.kept)
    rows = git.changes(repo.tree, now.base, work)
    found = change_policy.judge(
        run.allowed, rows, lambda path: worktree.link_target(repo, work, path)
    )
    for name in worktree.touched_submodules(repo):
        change = Change(name, "M", change_policy.SUBMODULE, change_policy.SUBMODULE, "", "")
        found.append(Violation(change, f"the submodule {printable(name)} was changed"))
    if found:
        worktree.put_back(repo, now.base, [violation.change for violation in found])
        work = worktree.snapshot(repo, now.start, message(now, what), run.kept)
    return work, found


def changed_tests(run: Run, now: Attempt) -> list[Change]:
    """Return the tests of before the step that were changed though the step does not name them."""
    rows = git.changes(run.repo.tree, now.base, now.work)
    prefix = run.repo.prefix
    old = [row for row in rows if row.status != "A" and testing.is_test(row.path[len(prefix) :])]
    known = [row.path[len(prefix) :] for row in old]
    asked = step_files.without_read(f"{now.prompt}\n{now.files}")
    named = context.named(asked, run.repo.project, known)
    return [row for row in old if row.path[len(prefix) :] not in named]


# ------------------------------------------------------------------ the worktree and the tests


def place(run: Run, now: Attempt, commit: str, branch: str = "") -> None:
    """Put the worktree at `commit`, set up as the settings say."""
    worktree.ensure(run.repo, commit, branch)
    command = run.settings.setup
    if not command or worktree.is_set_up(run.repo, command):
        return
    log = run.folder / "logs" / "setup"
    where = testing.Where(run.repo.project, log, run.busy, variables(run, now))
    with lent_repository.lent(run.repo), screen.progress(f"setting up the worktree: {command}"):
        limit, stop = run.settings.agent_timeout, run.options.stop
        result = testing.run(command, where, limit, stop=stop, name="setup")
    if not result.green:
        raise UserError(
            f"setup = {command!r} failed in a fresh worktree (exit code {result.code}); "
            f"see {log.relative_to(run.world.root)}"
        )
    ignored.note(run.repo)
    worktree.note_set_up(run.repo, command)
    worktree.ensure(run.repo, commit, branch)


def run_tests(run: Run, now: Attempt, name: str) -> testing.Result:
    """Run the tests in the worktree; `name` ends the log's. Raises InterruptedError."""
    begin = logs(run, now)
    log = begin.with_name(f"{begin.name}.{name}")
    where = testing.Where(run.repo.project, log, run.busy, project_variables(run, now))
    with lent_repository.lent(run.repo), screen.progress(f"step {printable(now.step)}: {now.test}"):
        result = testing.run(now.test, where, run.settings.test_timeout, stop=run.options.stop)
    ignored.note(run.repo)
    return result


def put_aside(run: Run, now: Attempt, ending: str = "") -> str:
    """Keep the new files that git ignores from the tests; return them in one line, or ""."""
    names = ignored.put_aside(run.repo, logs(run, now).name + ending)
    return ignored.said(run.repo, names)


def same(run: Run, one: str, other: str) -> bool:
    """Whether two commits have the same content."""
    root = run.repo.root
    return git.tree_of(root, one) == git.tree_of(root, other)


def names_of(found: list[str], most: int = 4) -> str:
    """Return names as they may stand in a line."""
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(map(printable, found[:most])) + more


def red(now: Attempt, reason: str, output: str = "") -> Attempt:
    """Say that this try is no good, and why."""
    failure = testing.trim(output) if output else ""
    return replace(now, phase=attempt.RED, reason=reason, failure=failure, doubt="", cannot="")


def forgotten(run: Run, now: Attempt) -> Attempt:
    """Drop the replies of a try from the store: no results, they are no hit for another."""
    for key, name in now.replies:
        run.world.store.drop(key, Stored("", "", "", file=name))
    return replace(now, replies=())


def failed(run: Run, now: Attempt, why: str, phase: str = attempt.FAILED) -> Attempt:
    """End the attempt; its branch holds what there is of it."""
    worktree.ensure(run.repo, now.work or now.start, now.branch)
    return replace(now, phase=phase, reason=why)


def is_kept(run: Run, path: str) -> bool:
    return any(path == kept or path.startswith(f"{kept}/") for kept in run.kept)
