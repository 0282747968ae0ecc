"""`piste run`: carry steps of the plan out, each by an agent, with the tests between.

N is a step, N..M a range, N.. all from N on; without any it is the next step. Each works in a
git worktree of its own and becomes one commit when the tests are green. Killed, stopped or
out of budget, `piste run` goes on where it was. Task names still go to doit: piste run plan.
"""

import argparse
import contextlib
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from piste.commands import common
from piste.commands.steps import add_plan, named, nothing_left, plan_behind, read_progress
from piste.engine import budget, caps, gate, project
from piste.engine.world import World
from piste.model import prices
from piste.steps import attempt, progress, runner
from piste.steps.attempt_run import Answer, Options, Review
from piste.steps.commit_phases import NeedsPerson
from piste.steps.progress import Progress, Settings, StepStatus
from piste.steps.runner import Outcome
from piste.system import git, screen
from piste.system.errors import EXIT_FAILED, Failed, PisteError, UserError, printable

_CODES = "0 done, 1 a step failed or waits for your word, 2 something you can mend, 3 out of budget"
_NUMBER = re.compile(r"\d[\w.+-]*|[\w./+-]*\.\.[\w./+-]*")


def means_steps(argv: Sequence[str], root_world: World | None = None) -> bool:
    """Whether `piste run ARGV` means steps of the plan, and not doit's own `run`.

    It does when every word of it is an option of ours, or names steps: a number or a range
    (``3``, ``2..5``, ``1.1.3``), or an id that the plan has and no rule (``P3``, ``A/6``). No
    words at all mean the next step. Everything else, an option of doit's or the name of a
    task, is doit's: `piste run plan`, `piste run -n 4 todo`.
    """
    words: list[str] = []
    known = _parser()._option_string_actions
    waiting = 0
    for word in argv:
        if waiting:
            waiting -= 1
        elif word.startswith("-") and word != "-":
            name, sign, _ = word.partition("=")
            if name not in known:
                return False
            if name in ("--plan", "--from"):
                return True
            waiting = 0 if sign or known[name].nargs == 0 else 1
        else:
            words.append(word)
    others = [word for word in words if not _NUMBER.fullmatch(word)]
    if not others:
        return True
    with contextlib.suppress(PisteError):
        world = root_world or project.here()
        ids = {link.step.id for link in read_progress(world).links}
        return all(word in ids and word not in world.rules for word in others)
    return False


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    args = _parser().parse_args(argv)
    # What the plan names runs, too, so it is looked at first.
    world = gate.require(progress.at(project.here(), args.plan), "piste run")
    world = progress.at(world, args.plan)
    settings, options = _settings(world, args), _options(args)
    purse = budget.tracker(world.root)
    purse.cap = purse.cap.lower(caps.parse(args.budget, "--budget"))
    outcomes: list[Outcome] = []
    try:
        with _orderly_stop() as options.stop:
            return run(world, settings, options, args, outcomes)
    except InterruptedError:
        screen.say("piste: stopped; `piste run` goes on there")
        return 128 + signal.SIGTERM
    finally:
        _flush_log()
        if args.json:
            common.print_json([outcome._asdict() for outcome in outcomes])
        elif len(outcomes) > 1 or (args.all and outcomes):
            screen.out(summary(outcomes))


def _flush_log() -> None:
    if "piste.model.llm_log" in sys.modules:  # a model was asked
        from piste.model import llm_log

        for warning in llm_log.flush():
            screen.say(warning)


def _parser() -> argparse.ArgumentParser:
    made = common.parser("run", __doc__, codes=_CODES)
    made.add_argument("steps", nargs="*", metavar="N", help="a step, or a range: 3, 2..5, 4..")
    made.add_argument("-a", "--all", action="store_true", help="every step that is not done")
    made.add_argument("--again", action="store_true", help="steps that are done, too, anew")
    made.add_argument("--review", action="store_true", help="ask for your word after each step")
    made.add_argument("--say", default="", metavar="WORDS",
                      help="what is wrong, or the answer, for a step that waits")  # fmt: skip
    made.add_argument("--approve", default="", metavar="HASH",
                      help="your word for a step that waits: the hash it names")  # fmt: skip
    add_plan(made)
    made.add_argument("--agent", default="", metavar="A", help="llm, aider, claude, codex, …")
    made.add_argument("--model", "-m", default="", metavar="M", help="the agent's model")
    made.add_argument("--test", default="", metavar="CMD", help="the test command")
    made.add_argument("--attempts", type=int, default=0, metavar="N", help="tries a step")
    made.add_argument("--budget", default="", metavar="B", help="dollars (2.50) or tokens (200kt)")
    made.add_argument("--allow", action="append", default=[], metavar="PATH",
                      help="let agents change this protected path")  # fmt: skip
    made.add_argument("--no-land", action="store_true",
                      help="leave finished steps on their own branch")  # fmt: skip
    return made


def _settings(world: World, args: argparse.Namespace) -> Settings:
    found = progress.settings(world)
    if args.attempts < 0:
        raise UserError("--attempts must be at least 1")
    return found._replace(
        agent=args.agent or found.agent,
        test=args.test or found.test,
        attempts=args.attempts or found.attempts,
        allow=(*found.allow, *args.allow),
        land=found.land and not args.no_land,
    )


def _options(args: argparse.Namespace) -> Options:
    if args.approve and not re.fullmatch(r"[0-9a-fA-F]{7,64}", args.approve):
        raise UserError("--approve takes the hash that the step names, at least 7 digits of it")
    person = _ask if _at_a_terminal() else None
    if args.say and args.approve:
        raise UserError("--approve takes a step as it is, and --say sends it back; say one of them")
    return Options(
        args.model, args.again, args.review, args.say.strip(), args.approve, person=person
    )


# ------------------------------------------------------------------ the run


def run(
    world: World,
    settings: Settings,
    options: Options,
    args: argparse.Namespace,
    outcomes: list[Outcome],
) -> int:
    """Carry the steps out that the arguments name; return the exit code.

    Prints a line a step, and adds what came of it to `outcomes`. Raises UserError; OverBudget
    and NeedsPerson where an attempt waits.
    """
    print_line = screen.say if args.json else screen.out
    with runner.only_one(world, "piste run", options.stop):
        runner.settled(world)
        _say_what_is_not_seen(world)
        for link in _wanted(world, args):
            try:
                outcome = runner.carry_out(world, settings, options, link)
            except NeedsPerson as error:
                _call(settings, str(error))
                raise
            outcomes.append(outcome)
            print_line(line(outcome))
            if outcome.result in (attempt.FAILED, attempt.BLOCKED):
                _call(settings, f"step {outcome.step}: {outcome.said}")
                return EXIT_FAILED
            options.approve = options.say = ""
    chain = read_progress(world)
    if outcomes or chain.next is not None:
        _call(settings, summary(outcomes) if outcomes else "nothing to do")
    else:
        _call(settings, nothing_left(chain, plan_behind(world)))
    # A step that was changed waits for a person's word, whatever else there was to do.
    waits = args.all or not (args.steps or outcomes)
    return EXIT_FAILED if waits and chain.next is None and chain.changed else 0


def carry_one(world: World, step_id: str, stop: threading.Event) -> str:
    """Carry one step out as the settings say, for doit; return the line of what came of it.

    Raises Failed when it is not done, and as `run`.
    """
    world = progress.at(gate.require(progress.at(world), f"step {printable(step_id)}"))
    settings = progress.settings(world)
    options = Options(person=_ask if _at_a_terminal() else None, stop=stop)
    with runner.only_one(world, f"doit step:{step_id}", stop):
        runner.settled(world)
        link = read_progress(world).find(step_id)
        if link.finished:
            return f"step {named(link)} is {link.state} ({link.why})"
        outcome = runner.carry_out(world, settings, options, link)
    if outcome.result != attempt.DONE:
        raise Failed(line(outcome))
    return line(outcome)


def _at_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _say_what_is_not_seen(world: World) -> None:
    changed = git.uncommitted(git.find(world.root))
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        names = ", ".join(map(printable, changed[:3])) + more
        screen.say(f"not committed, so agents do not see it: {names}")


def _wanted(world: World, args: argparse.Namespace) -> Iterator[StepStatus]:
    """Yield the steps to carry out, one at a time; the plan is read anew for each."""
    chain = read_progress(world)
    if not chain.links:
        raise UserError(f"{chain.path}: {chain.plan.why}")
    if not args.again:
        _say_what_has_changed(chain)
    if (behind := plan_behind(world)) and chain.next is not None:
        screen.say(behind)
    if args.steps:
        ids = [link.step.id for word in args.steps for link in _meant(chain, word)]
        if args.all:
            raise UserError("name steps, or say --all, not both")
        for step_id in dict.fromkeys(ids):
            link = read_progress(world).find(step_id)
            if args.again or not link.finished:
                yield link
            else:
                again = f"piste run {printable(step_id)} --again"
                screen.say(f"step {named(link)} is {link.state} ({link.why}); anew: {again}")
        return
    seen: set[str] = set()
    while after := _next(world, read_progress(world), seen):
        seen.add(after.step.id)
        yield after
        if not args.all:
            return
    if not seen:
        screen.say(nothing_left(chain, plan_behind(world)))


def _next(world: World, chain: Progress, seen: set[str]) -> StepStatus | None:
    """The step that an attempt is under way at, else the first that is open and was not tried."""
    left = [link for link in chain.links if link.waits]
    now = attempt.load(world.root)
    if now is not None and not now.over and now.plan == chain.path:
        # With --again it may be one that is done, and an optional one where it was named.
        again = chain.links if now.salt else [link for link in chain.links if not link.finished]
        left = [*(link for link in again if link.step.id == now.step), *left]
    return next((link for link in left if link.step.id not in seen), None)


def _meant(chain: Progress, word: str) -> Sequence[StepStatus]:
    """The steps that a word of the command line means; one of parts alone means its parts."""
    first, dots, last = word.partition("..")
    if not dots and not chain.find(word).step.parts:
        return [chain.find(word)]
    meant = chain.between(first, last) if dots else map(chain.find, chain.find(word).step.parts)
    return [link for link in meant if not (link.step.parts or link.step.optional)]


def _say_what_has_changed(chain: Progress) -> None:
    changed = [link for link in chain.links if link.state == progress.CHANGED]
    if changed:
        names = ", ".join(link.step.id for link in changed[:5])
        first = changed[0].step.id
        screen.say(
            f"step {screen.safe(names)}: the prompt was changed after it was done; it stands as it "
            f"is. Anew from there: piste run {printable(first)}.. --again; let it stand: "
            f"piste done {printable(first)} --untested"
        )


# ------------------------------------------------------------------ what is said


def line(outcome: Outcome) -> str:
    """Return what came of a step, in one line."""
    head = screen.safe(f"step {outcome.step} {outcome.title}".strip())
    said = screen.safe(outcome.said)
    if outcome.result == attempt.DONE:
        return f"{head}: done, {_numbers(outcome)}; {outcome.commit[:9]} {said}"
    kept = f"kept on {outcome.branch}"
    how = (
        ""
        if outcome.result != attempt.FAILED
        else f"; see it packed: piste debug; {_take(outcome)}"
    )
    if outcome.said.startswith("nothing was changed ("):
        how = f"; if it needs nothing: piste done {outcome.named}"
    word = "failed: " if outcome.result == attempt.FAILED else ""
    return f"{head}: {word}{said}; {kept}{how}"


def _take(outcome: Outcome) -> str:
    """How a person takes an attempt as it was left."""
    branch = printable(outcome.branch)
    return f"take it as it is: git merge --squash {branch}, then: piste done {outcome.named}"


def _numbers(outcome: Outcome) -> str:
    return ", ".join([
        screen.safe(outcome.agent), _count(outcome.tries, "try", "tries"),
        f"tests {outcome.tests}",
        *_price(outcome.input_tokens, outcome.output_tokens, outcome.cost),
        f"{outcome.seconds / 60:.1f} min",
    ])  # fmt: skip


def _price(given: int | None, got: int | None, cost: float | None) -> list[str]:
    tokens = "tokens unknown"
    if given is not None and got is not None:
        tokens = f"{given:,} tokens in, {got:,} out"
    return [tokens, prices.said(cost)]


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return what came of a run, in one line: steps, tries, tests, tokens, cost, minutes."""
    done = sum(outcome.result == attempt.DONE for outcome in outcomes)
    tests = sum(outcome.tests == "passed" for outcome in outcomes)
    given = _sum([outcome.input_tokens for outcome in outcomes])
    got = _sum([outcome.output_tokens for outcome in outcomes])
    cost = _sum([outcome.cost for outcome in outcomes])
    minutes = sum(outcome.seconds for outcome in outcomes) / 60
    return ", ".join([
        f"{done} of {_count(len(outcomes), 'step', 'steps')} done",
        _count(sum(outcome.tries for outcome in outcomes), "try", "tries"),
        f"tests passed {tests} times", *_price(given, got, cost), f"{minutes:.1f} min",
    ])  # fmt: skip


def _sum(values: Sequence[Any]) -> Any:
    return None if None in values else sum(values)


# ------------------------------------------------------------------ the person


def _ask(review: Review) -> Answer:
    """Show what a step has done, and ask for a word on it."""
    now = review.attempt
    screen.ring()
    how = "no answer yet" if now.cannot else "the tests pass"
    screen.say(f"\nstep {now.step} {screen.safe(now.title)}: {how}")
    screen.out(f"{review.stat}\n{review.diff}")
    if now.words and not now.cannot:
        screen.say(f"\n{now.agent} says:\n{now.words}")
    if now.doubts:
        screen.say(f"\n{now.doubts}")
    yes, no = ("", "n: answer it") if now.cannot else ("y: take it   ", "n: not so")
    ask = "your answer" if now.cannot else "what is wrong"
    while True:
        screen.say(f"\n{yes}{no}   edit: change it first   skip: go on without it")
        word = _word("> ").lower()
        if word in ("y", "yes") and yes:
            return Answer("y")
        if word in ("n", "no"):
            return Answer("n", _word(f"{ask}, for the agent (nothing: stop here)? "))
        if word == "edit":
            screen.say(f"change the files in {review.folder}; then press Enter")
            _word("")
            return Answer("edit")
        if word == "skip":
            return Answer("skip")


def _word(prompt: str) -> str:
    line = screen.ask(prompt)
    if not line:
        raise KeyboardInterrupt  # the terminal is gone: nobody has said yes
    return line.strip()


def _call(settings: Settings, message: str) -> None:
    """Tell a person who waits elsewhere: a bell on a terminal, and the notify command."""
    screen.ring()
    if not settings.notify:
        return
    try:
        words = [*shlex.split(settings.notify), f"piste: {screen.safe(message)}"]
        screen.runs("notify", settings.notify)
        subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=True)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        screen.say(f"notify = {settings.notify!r} did not work: {screen.safe(str(error))[:200]}")


@contextlib.contextmanager
def _orderly_stop() -> Iterator[threading.Event]:
    """Let SIGTERM end what is under way, so that nothing of it is left behind."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)
