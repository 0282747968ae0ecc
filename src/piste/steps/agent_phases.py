"""The phases of an attempt in which an agent works and tests decide.

Each function takes the attempt as it stands and returns it as it is afterwards. What an agent
says is never taken for true: its diff must not be empty and must lie within its bounds, and
the tests decide, those that it changed once more as they were.
"""

from dataclasses import replace

from piste.documents import edits
from piste.steps import attempt, attempt_run, put_back, testing, worktree
from piste.steps.agents import BUILT_IN, CALL, FORM, OUTPUT, TIME, AgentResult
from piste.steps.attempt import Attempt
from piste.steps.attempt_run import Run, failed, is_kept, names_of, place, red, run_tests, same
from piste.steps.progress import Settings
from piste.system import git, screen
from piste.system.errors import in_one_line, printable, redact

_MOST_WORDS = 1_500  # characters of what an agent says at last
_UNCHANGED, _STILL = "nothing was changed", ", and still "
_BACK = "piste attempts --put-back puts it back"
_NOT_PART = "git ignores new files, so they are no part of it"


def work(run: Run, now: Attempt) -> Attempt:
    """Let the agent work. What it costs is counted, and written down, before it is looked at."""
    now = _settle(run, now)
    place(run, now, now.start, now.branch)
    guarded, checkout = worktree.guarded(run.repo), _checkout(run)
    # What an earlier try has changed is to be put back to what it was before that.
    refs = now.refs if now.outside else worktree.refs(run.repo)
    put_back.keep(run.repo, guarded)
    done = attempt_run.work(run, now)
    now = attempt_run.counted(run, now, done)
    words = _last_words(done.said.text)
    if words:
        screen.say(f"step {printable(now.step)}: {now.agent} says: {in_one_line(words)[:300]}")
    return replace(
        now, phase=attempt.LEFT, guarded=guarded, checkout=checkout, refs=refs,
        ended=_ended(done, now, run.settings), why=done.why, words=words,
        cannot=edits.cannot(done.said.text), asked=(*now.asked, *done.asked),
        fault="", quote=done.said.quote,
    )  # fmt: skip


def _last_words(text: str) -> str:
    """What an agent says at last, as it may be shown and committed: its last paragraphs."""
    lines = [screen.safe(line.rstrip()) for line in text.strip().split("\n")]
    words = redact("\n".join(lines))
    while len(words) > _MOST_WORDS:
        words = words.partition("\n\n")[2] or words[-_MOST_WORDS:]
    return words.strip()


def look(run: Run, now: Attempt) -> Attempt:
    """Make a commit of what the agent left, within its bounds."""
    if not worktree.is_sound(run.repo):
        return replace(now, phase=attempt.FAILED, reason="the worktree was taken away or broken")
    if names := names_of(worktree.differences(now.guarded, worktree.guarded(run.repo))):
        put_back.gone(run.repo, now.refs)
        said = f"{names} changed while {now.agent} worked; look at it before you use git here"
        return failed(run, now, f"{said}; {_BACK}")
    # Said first, and then put back: a kill in between must not make it unsaid.
    now = attempt.save(run.world.root, replace(now, outside=now.outside or _outside(run, now)))
    put_back.gone(run.repo, now.refs)
    try:
        now, wrong = _taken(run, now)
    except git.GitFailed as error:
        now, wrong = replace(now, work=now.start), f"git cannot take in what is there: {error}"
    now = replace(now, left_out=attempt_run.put_aside(run, now))
    if wrong:
        return red(now, wrong)
    if now.why == FORM:
        return replace(now, phase=attempt.RED, fault=now.ended)
    if now.cannot:
        return replace(now, phase=attempt.REVIEW, doubt=f"{now.agent} says: cannot: {now.cannot}")
    if same(run, now.work, now.start):
        if now.why in (TIME, CALL):  # another try may come further
            return replace(now, phase=attempt.RED, fault=f"{now.ended}, and nothing was changed")
        if now.ended:
            return failed(run, now, f"{now.ended}, and nothing was changed")
        if now.failure or same(run, now.work, now.base):
            return replace(now, phase=attempt.RED, reason=_nothing(now))
    if now.left_out:
        screen.say(f"step {printable(now.step)}: {_NOT_PART}: {now.left_out}")
    return replace(now, phase=attempt.TESTS, doubt=now.doubt or now.ended)


def _outside(run: Run, now: Attempt) -> str:
    """Say what of the person's own is not as it was; by whom, nobody can tell."""
    found = []
    if names := names_of(worktree.differences(now.checkout, _checkout(run))):
        found.append(f"{names} of your own checkout changed while {now.agent} worked: was it you?")
    if moved := worktree.moved(run.repo, now.refs, worktree.refs(run.repo)):
        found.append(
            f"{names_of(moved)} of your own repository changed while {now.agent} worked: was it"
            f" you? If not, {_BACK}"
        )
    return "; ".join(found)


def _checkout(run: Run) -> dict[str, str]:
    """The person's checkout but for the plan and the list: those are read anew, and edited."""
    found = worktree.checkout(run.repo)
    return {path: stamp for path, stamp in found.items() if not is_kept(run, path)}


def _settle(run: Run, now: Attempt) -> Attempt:
    """Keep what an agent that was cut off has left; the next try gets another branch.

    The branch takes it first, then the attempt is written down with its new one: a kill in
    between loses nothing.
    """
    worktree.rescue(run.repo, attempt_run.message(now, "cut off"), now.branch)
    attempt_run.put_aside(run, now, ".cut-off")
    tip = git.commit_of(run.repo.root, f"refs/heads/{now.branch}")
    if not tip or git.is_ancestor(run.repo.root, tip, now.start) or same(run, tip, now.start):
        return now
    screen.say(f"step {printable(now.step)}: what {now.agent} had left is kept on {now.branch}")
    branch = git.attempts(run.repo, now.step)
    return attempt.save(run.world.root, replace(now, branch=branch))


def _taken(run: Run, now: Attempt) -> tuple[Attempt, str]:
    work, violations = attempt_run.taken(run, now, f"what {now.agent} left")
    said = "; ".join(violation.why for violation in violations[:5])
    return replace(now, work=work), f"{said}: that was taken back" if said else ""


def _ended(done: AgentResult, now: Attempt, settings: Settings) -> str:
    """Say how the agent ended, where that was not well."""
    because = f": {printable(done.said.error)}" if done.said.error else ""
    if done.why == TIME:
        return f"{now.agent} did not end within {settings.agent_timeout:,} s{because}"
    if done.why == OUTPUT:
        return f"{now.agent} printed without end{because}"
    if now.agent == BUILT_IN:  # it is no program: what it says is all there is
        return printable(done.said.error)
    if done.code:
        return f"{now.agent} ended with exit code {done.code}{because}"
    return f"{now.agent} says that it failed{because}" if done.said.error else ""


def _nothing(now: Attempt) -> str:
    """Say that nothing was changed; what was wrong before it still is."""
    said = _UNCHANGED
    if now.left_out:
        said += f" but files that git ignores: {now.left_out}; give them another place"
    if now.words.endswith(("?", "？")):
        words = in_one_line(now.words)[-300:]
        said += f"; it asked back, and nobody can answer: {words}"
    wrong = now.reason.partition(_STILL)[2] if now.reason.startswith(_UNCHANGED) else now.reason
    return f"{said}{_STILL}{wrong}" if wrong else said


# ------------------------------------------------------------------ the tests


def test(run: Run, now: Attempt) -> Attempt:
    """Run the tests on what the agent left, and once more with the old tests it changed.

    Green as it is and red with the old ones waits for a person's word, with those before them.
    """
    worktree.ensure(run.repo, now.work, now.branch)
    result = run_tests(run, now, "tests")
    if not result.green:
        without = f"; {_NOT_PART}, and were not there: {now.left_out}" if now.left_out else ""
        return red(now, result.said + without, result.output)
    now = replace(now, weakened=())
    if changed := attempt_run.changed_tests(run, now):
        worktree.put_back(run.repo, now.base, changed)
        old = run_tests(run, now, "old-tests")
        worktree.ensure(run.repo, now.work, now.branch)
        if not old.green:
            # A fault, or a test that the step makes wrong: who can tell is a person.
            names = [row.path for row in changed]
            why = f"earlier tests that the step does not name were changed ({names_of(names)}); "
            doubt = f"{why}as they were, {old.said}"
            now = replace(now, weakened=tuple(names), doubt=doubt)
    doubt = now.doubt or _untested(run, now, result)
    return replace(now, phase=attempt.GREEN, reason="", failure="", doubt=doubt)


def _untested(run: Run, now: Attempt, result: testing.Result) -> str:
    """Say that the step is not tested, where it should be: green proves nothing then."""
    if result.none:
        return "no test ran: there is none yet"
    if not testing.demanded(now.prompt):
        return ""
    diff = git.diff(run.repo.tree, now.base, now.work)
    return (
        "" if testing.touched(diff, now.test) else "the step asks for tests, and none was changed"
    )


def again(run: Run, now: Attempt) -> Attempt:
    """After a red try: the next one, or the end."""
    now = attempt_run.forgotten(run, now)
    why = now.fault or now.reason or f"a person asks: {now.asks}"
    screen.say(f"step {printable(now.step)}: try {now.number}: {printable(why)}")
    if now.number >= run.settings.attempts and not now.granted:
        tries_said = "try" if now.number == 1 else "tries"
        return failed(run, now, f"{why} (after {now.number} {tries_said})")
    start = now.work or now.start
    return replace(
        now, phase=attempt.AGENT, number=now.number + 1, start=start, doubt="", granted=False
    )
