"""The phases of an attempt after green tests: a person's word, the commit, the landing.

Each function takes the attempt as it stands and returns it as it is afterwards. A yes counts
for the very content that was looked at; a commit is made on top of what there is by then, and
tested again if that is something else; what does not apply is BLOCKED.
"""

import shlex
from collections.abc import Sequence
from dataclasses import replace

from piste.documents import plan
from piste.engine import records
from piste.engine.records import Record
from piste.engine.rules import BUILT_IN
from piste.model import prices
from piste.steps import attempt, attempt_run, merge, progress, ticking, worktree
from piste.steps.attempt import Attempt
from piste.steps.attempt_run import Answer, Review, Run, failed, is_kept, red, same
from piste.steps.progress import Settings
from piste.system import git, processes, screen
from piste.system.errors import Failed, UserError, in_one_line, printable

HOOK_SAID_NO = "hook said no to the commit"
_MOST_DIFF = 200_000  # characters of a diff that a person is shown


class NeedsPerson(Failed):
    """A step waits for a person's word, and nobody is there to be asked."""


# ------------------------------------------------------------------ a person's word


def green(run: Run, now: Attempt) -> Attempt:
    """After green tests: to a person where one asked to be asked, or has to be, else on."""
    asked = run.options.review or now.doubts or now.approved or run.options.approve
    tree = git.tree_of(run.repo.tree, now.work)
    if not asked or now.approved == tree:
        return replace(now, phase=attempt.COMMIT)
    # What the tests have left is nobody's edit.
    worktree.ensure(run.repo, now.work, now.branch)
    return replace(now, phase=attempt.REVIEW)


def review(run: Run, now: Attempt) -> Attempt:
    """Ask for a person's word; a yes counts for just the content that was looked at."""
    if edited := _edited(run, now):
        screen.say(f"step {printable(now.step)}: it was edited by hand; the tests once more")
        return replace(now, phase=attempt.TESTS, work=edited, cannot="", doubt="")
    worktree.ensure(run.repo, now.work, now.branch)
    if run.options.say:
        return _sent_back(now, run.options.say)
    if now.cannot:
        return _cannot(run, now)
    tree = git.tree_of(run.repo.tree, now.work)
    if run.options.approve:
        if not tree.startswith(run.options.approve.lower()):
            raise UserError(
                f"step {printable(now.step)}: what you approved ({printable(run.options.approve)})"
                f" is not what is there now ({tree[:12]}); look: git diff {now.base[:12]}"
                f" {now.work[:12]}"
            )
        return replace(now, phase=attempt.COMMIT, approved=tree)
    if run.options.person is None:
        because = f" ({now.doubts})" if now.doubts else ""
        look = " ".join(["git diff", now.base[:12], now.work[:12], *_those(now.weakened)])
        raise NeedsPerson(
            f"step {printable(now.step)} waits for your word{because}; look at it: {look}; "
            f"then: piste run {now.named} --approve {tree[:12]}, or say what is wrong: "
            f'piste run {now.named} --say "…"'
        )
    answer = run.options.person(_shown(run, now, tree))
    if answer.word == "y":
        return replace(now, phase=attempt.COMMIT, approved=tree)
    if answer.word == "skip":
        return failed(run, now, "skipped", attempt.SKIPPED)
    if answer.word == "edit":
        return replace(now, phase=attempt.TESTS, work=_edited(run, now) or now.work)
    return _refused(run, now, answer)


def _refused(run: Run, now: Attempt, answer: Answer) -> Attempt:
    if answer.reason:
        return _sent_back(now, answer.reason)
    return failed(run, attempt_run.forgotten(run, now), "a person said no")


def _those(paths: Sequence[str]) -> list[str]:
    return ["--", *(shlex.quote(f":/{path}") for path in paths)] if paths else []


def _sent_back(now: Attempt, words: str) -> Attempt:
    """Give a person's words to the agent; they buy a try when none is left."""
    return replace(red(now, ""), asks=words, granted=True)


def _cannot(run: Run, now: Attempt) -> Attempt:
    """Let a person answer an agent that says why it cannot carry the step out."""
    step = printable(now.step)
    if run.options.approve:
        raise UserError(f"step {step} has nothing to approve: {now.agent} says: {now.cannot}")
    if run.options.person is None:
        raise NeedsPerson(
            f"step {step} waits for your word; {now.agent} says that it cannot: "
            f'{printable(now.cannot)}; answer it: piste run {now.named} --say "…", or edit the step'
        )
    answer = run.options.person(_shown(run, now, ""))
    if answer.word == "skip":
        return failed(run, now, "skipped", attempt.SKIPPED)
    if answer.word == "edit":
        return replace(red(now, ""), phase=attempt.TESTS, work=_edited(run, now) or now.work)
    return _refused(run, now, answer)


def _edited(run: Run, now: Attempt) -> str:
    """Return a commit of what a person has made of the work since, or ""."""
    if not worktree.stands_on(run.repo, now.branch):
        return ""
    new = worktree.snapshot(
        run.repo, now.work, attempt_run.message(now, "edited by hand"), run.kept
    )
    return "" if same(run, new, now.work) else new


def _shown(run: Run, now: Attempt, tree: str) -> Review:
    folder = run.repo.tree
    text = git.diff(folder, now.base, now.work)
    if now.weakened:  # they come first: they are what the question is about
        text = git.diff(folder, now.base, now.work, pathspecs=now.weakened) + text
    if len(text) > _MOST_DIFF:
        text = f"{text[:_MOST_DIFF]}\n… {len(text) - _MOST_DIFF:,} more characters\n"
    stat = git.diff(folder, now.base, now.work, "--stat")
    return Review(now, tree, run.repo.project, stat, text)


# ------------------------------------------------------------------ the commit


def commit(run: Run, now: Attempt) -> Attempt:
    """Make the one commit of the step, on top of what there is by now."""
    if why := _plan_changed(run, now):
        return failed(run, now, why)
    run.repo = repo = git.find(run.world.root, run.settings.branches)
    try:
        base = merge.base(repo)
        if base != now.base:
            work = merge.transplant(
                repo, now.base, now.work, base, attempt_run.message(now, "moved")
            )
            screen.say(
                f"step {printable(now.step)}: {repo.branch or 'HEAD'} has gone on; the tests again"
            )
            return replace(now, phase=attempt.TESTS, base=base, start=base, work=work)
    except git.Blocked as error:
        way = f"git merge {now.branch}, mend it, then: piste done {now.named}"
        said = str(error).removeprefix("BLOCKED: ")
        return failed(run, now, f"BLOCKED: {said}; {way}", attempt.BLOCKED)
    now = _named_as_set(run, now)
    worktree.ensure(repo, now.work, now.branch)
    step = plan.Step(now.step, now.title, now.prompt, 0, False, "")
    ticking.set_done(repo.project, run.world, step, _record(run, now), run.settings.steps)
    limit = run.settings.test_timeout
    message = commit_message(run.settings, now)
    sign = run.settings.commit_sign_off
    made = worktree.commit(repo, now.branch, base, message, limit, sign)
    return _after_hooks(run, now, made)


def _named_as_set(run: Run, now: Attempt) -> Attempt:
    """Give the attempt's branch the name that the settings want by now: a hook may judge it."""
    repo = run.repo
    if now.branch.startswith(f"{repo.attempts}/"):
        return now
    branch, old = git.attempts(repo, now.step), now.branch
    worktree.ensure(repo, now.work, branch)
    now = attempt.save(run.world.root, replace(now, branch=branch))
    if tip := git.commit_of(repo.root, f"refs/heads/{old}"):
        git.move(repo, old, "", tip)
    return now


def _plan_changed(run: Run, now: Attempt) -> str:
    chain = progress.chain(run.world, run.settings.steps)
    if any(link.digest == now.digest for link in chain.links):
        return ""
    return (
        f"the plan was edited meanwhile: step {printable(now.step)} has another prompt now, or is"
        " gone"
    )


def _record(run: Run, now: Attempt) -> Record:
    step = plan.Step(now.step, now.title, now.prompt, 0, False, "")
    path = run.world.rules["plan"].target
    return records.of(step, path, now.agent, now.version, now.model, now.test)


def _after_hooks(run: Run, now: Attempt, made: worktree.Committed) -> Attempt:
    """Look at what hooks said and did: what they changed is tested like anything else."""
    repo = run.repo
    if made.commit:
        rows = git.changes(repo.tree, now.work, made.commit)
        if all(is_kept(run, row.path) for row in rows):
            return replace(now, phase=attempt.LAND, commit=made.commit)
    work = worktree.snapshot(
        repo, now.work, attempt_run.message(now, "as a hook left it"), run.kept
    )
    worktree.ensure(repo, now.work, now.branch)
    if same(run, work, now.work):
        if why := _persons_affair(run, now, made):
            raise NeedsPerson(why)
        return red(now, f"the {made.hook or 'git'} {HOOK_SAID_NO}", made.said)
    if now.hooked > 1:
        return failed(run, now, "git hooks change what is committed every time")
    screen.say(f"step {printable(now.step)}: a git hook changed files; the tests once more")
    return replace(now, phase=attempt.TESTS, work=work, hooked=now.hooked + 1)


def _persons_affair(run: Run, now: Attempt, made: worktree.Committed) -> str:
    """Say what a person has to do where a hook does not judge the work; "" where it does.

    Hooks of the message do not; nor does one that says the same though nothing is changed: it
    judges the branch, the person, the machine, or what was there before.
    """
    of_message = made.hook in ("commit-msg", "prepare-commit-msg")
    if not of_message:
        worktree.ensure(run.repo, now.base, now.branch)
        before = worktree.hook_says(run.repo, made.hook, run.settings.test_timeout)
        worktree.ensure(run.repo, now.work, now.branch)
        if not made.hook or not before.strip() or before.strip() != made.said.strip():
            return ""
    said = processes.plain(made.said).strip()
    for row in said.split("\n")[-20:]:
        screen.say(f"   │ {screen.safe(row)}")
    what = "to the message of the commit" if of_message else "though nothing is changed"
    why = f"your {made.hook} hook says no {what}"
    attempt.save(run.world.root, replace(now, reason=why, failure=said))
    way = (
        "commit_subject, commit_trailers, commit_sign_off and branches in piste.toml set the "
        "message and the branch" if of_message else
        "mend that, or set branches in piste.toml if it judges the branch's name"
    )  # fmt: skip
    last = printable(said.rpartition("\n")[2])[:200]
    return (
        f"step {printable(now.step)} is green and waits: {why} ({last}); {way}; then: "
        f"piste run {now.named}"
    )


def subject(settings: Settings, step_id: str, title: str) -> str:
    """Return the first line of a step's commit. Raises UserError for a setting that is wrong."""
    try:
        said = settings.commit_subject.format(id=step_id, title=title)
    except (KeyError, IndexError, ValueError, AttributeError):
        raise UserError(
            f"commit_subject = {settings.commit_subject!r} is wrong; it may hold {{id}} and "
            "{title}"
        ) from None
    said = in_one_line(screen.safe(said.strip().rstrip(": ")))[:72]
    if not said:
        raise UserError("commit_subject is empty; it may hold {id} and {title}")
    return said


def commit_message(settings: Settings, now: Attempt) -> str:
    """Return the message of a step's commit; what it took stands in trailers."""
    first = subject(settings, now.step, now.title)
    if not settings.commit_trailers:
        return f"{first}\n"
    tokens = "unknown"
    if now.input_tokens is not None and now.output_tokens is not None:
        tokens = f"{now.input_tokens} in, {now.output_tokens} out"
    trailers = {
        "Piste-Step": now.step,
        **({"Piste-Plan": now.plan} if now.plan != BUILT_IN["plan"].target else {}),
        "Piste-Agent": progress.by(now.agent, now.version),
        "Piste-Model": now.said_model or now.model or "unknown",
        "Piste-Tries": str(now.number),
        "Piste-Tests": now.test,
        "Piste-Tokens": tokens,
        "Piste-Cost": "unknown" if now.cost is None else prices.said(now.cost),
    }
    words = _wrapped(now.words)
    lines = (f"{name}: {in_one_line(screen.safe(value))}" for name, value in trailers.items())
    return f"{first}\n\n{words}" + "\n".join(lines) + "\n"


def _wrapped(words: str) -> str:
    """What the agent says at last, as the body of a commit's message; "" for nothing."""
    import textwrap

    rows = [
        row
        for line in words.split("\n")
        for row in textwrap.wrap(line, 72, break_long_words=False) or [""]
    ]
    return "\n".join(rows).strip() + "\n\n" if words.strip() else ""


# ------------------------------------------------------------------ the landing


def land(run: Run, now: Attempt) -> Attempt:
    """Move the branch of finished steps to the commit, and the person's with it if that is safe."""
    run.repo = repo = git.find(run.world.root, run.settings.branches)
    if not git.is_ancestor(repo.root, now.commit, repo.head):
        line = git.commit_of(repo.root, f"refs/heads/{repo.line}")
        if line != now.commit:
            git.move(repo, repo.line, now.commit, line)
    said = _landed(run, now)
    _tick_what_git_has_not(run, now)
    worktree.ensure(repo, now.commit)
    if tip := git.commit_of(repo.root, f"refs/heads/{now.branch}"):
        git.move(repo, now.branch, "", tip)
    return replace(now, phase=attempt.DONE, reason=said, landing=None)


def _landed(run: Run, now: Attempt) -> str:
    """Bring the commit into the person's checkout where that is safe; say where it is."""
    repo = run.repo
    if git.is_ancestor(repo.root, now.commit, repo.head):
        return f"on {repo.branch or 'HEAD'}"
    if not run.settings.land:
        return f"on {repo.line}"
    why = merge.why_not_land(repo)
    if not why:
        way = merge.Landing(repo.head, now.commit)
        attempt.save(run.world.root, replace(now, landing=way))
        why = merge.land(repo, way)
        attempt.save(run.world.root, replace(now, landing=None))
    return f"on {repo.line}, since {why}" if why else f"on {repo.branch or 'HEAD'}"


def _tick_what_git_has_not(run: Run, now: Attempt) -> None:
    """Tick a todo list or a plan that git ignores: it is in no commit, only in the checkout."""
    world, repo = run.world, run.repo
    for rule in ("todo", "plan"):
        name = world.rules[rule].target
        if not (world.root / name).exists():
            continue
        if not git.ask(repo.top, ("cat-file", "-e", f"{now.commit}:{repo.prefix}{name}"))[0]:
            return
        step = plan.Step(now.step, now.title, now.prompt, 0, False, "")
        ticks = ticking.set_ticks(world.root, world, step, run.settings.steps)
        ticking.remember(world, _record(run, now), ticks)
        return
