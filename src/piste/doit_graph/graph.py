"""The graph of one doit run: our rules as doit's tasks.

doit makes its objects in its own order (the backend before the tasks), so what
they share stands here, once a process. It turns rules into task dicts and
decisions into doit's answers; it decides nothing itself.
"""

import contextlib
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from piste.system import errors
from piste.system.errors import PisteError

if TYPE_CHECKING:  # doit loads this for projects that do not use piste, too
    from piste.engine.rules import Rule
    from piste.engine.states import Decision
    from piste.engine.upstream import Walk
    from piste.engine.world import World

LINE = "line"  # the default task: what was made before, brought up to date

_world: "World | None" = None
ours: set[str] = set()  # names of the tasks that piste decides
asked: set[str] = set()  # names of the tasks that this run was asked for
targets: set[str] = set()  # of our tasks: doit need not look for them
files: set[str] = set()  # inputs and targets of our tasks: doit need not look at them
_walk: "Walk | None" = None  # of a list; see `Fresh.listed`
_notes: dict[str, str] = {}  # task -> why nothing was done, where that is worth a word
stop = threading.Event()  # set by ^C and SIGTERM: calls under way end
_began = 0.0  # seconds since the epoch: before that, other runs left what they left
_made: set[str] = set()  # targets that this run has worked on
_at_work = 0  # actions of ours that are under way, with `-n` in threads
_changed = threading.Condition()  # of `_at_work`
_PATIENCE = 5.0  # seconds to put away what was paid for, once a stop was asked for
left_out: list[str] = []  # programs of the project's that do not run: nobody has allowed them
exit_code = 0  # of the gravest error of ours that doit's own codes cannot tell


def world() -> "World":
    """Return the world of this run. Raises InvalidDodoFile for wrong settings."""
    global _world
    if _world is None:
        from doit.exceptions import InvalidDodoFile

        from piste.engine import project
        from piste.system import person

        person.settle()
        try:
            _world = project.world(Path.cwd())
        except PisteError as error:
            raise InvalidDodoFile(str(error)) from None
        _say_what_is_replaced()
    return _world


def _say_what_is_replaced() -> None:
    """Say that a dodo.py puts a DOIT_CONFIG in the place of ours: `doit` reads only that one.

    It takes it from the module once that has run to its end, so nothing of ours could join them.
    """
    config = getattr(sys.modules.get("dodo"), "DOIT_CONFIG", None)
    if isinstance(config, dict) and config.get("backend") != "piste":
        from piste.system import screen

        screen.say(
            "dodo.py: its DOIT_CONFIG = {…} takes the place of piste's; write DOIT_CONFIG |= {…}, "
            "or use piste in place of doit, which joins them"
        )


def use(given: "World") -> None:
    """Let this run have the world that the command line has put together."""
    global _world
    _world = given


def rule_of(task: str) -> "Rule | None":
    """Return the rule that a doit task stands for, or None."""
    return _world.rules.get(task) if _world is not None else None


def note_of(task: str) -> str:
    """Return why nothing was done, where a person may wonder."""
    return _notes.get(task, "")


def start(selected: Iterable[Any] = ()) -> None:
    """Called once, before the first task runs, with the tasks that were asked for.

    Raises InvalidTask for an option that is wrong.
    """
    global _began, _world
    _began = time.time()
    gc.freeze()
    gc.enable()
    for task in selected:
        asked.add(task.name)
        given = task.options or {}
        if task.name in ours and (given.get("budget") or given.get("frozen")):
            # Given to one task, it is meant for all that this run does.
            _limit(given["budget"], given["frozen"])
    if _world is not None:
        _world = _world._replace(asked=frozenset(asked))
    _orderly_stop()


def _foresee(world: "World") -> None:
    """Have said before the first call to a model what all calls of this run come to."""
    from piste.engine import budget

    def said() -> str:
        from piste.engine import estimate  # a run that asks nothing needs none of it

        rules = [world.rules[name] for name in world.asked if name in world.rules]
        return estimate.warning(estimate.foreseen(world, rules))

    budget.tracker(world.root).foresee = said


def _limit(budget: str, frozen: bool) -> None:
    from doit.exceptions import InvalidTask

    try:
        limit(budget, frozen)
    except PisteError as error:
        raise InvalidTask(str(error)) from None


def limit(budget: str, frozen: bool) -> None:
    """Let this run cost at most so much, or ask nothing at all. Raises UserError."""
    from piste.engine import budget as budgets
    from piste.engine import caps

    purse = budgets.tracker(world().root)
    purse.cap = purse.cap.lower(caps.parse(budget, "--budget"))
    purse.frozen = purse.frozen or frozen


def close() -> None:
    """Save what this run has found out. Called once, by doit, at the end."""
    if stop.is_set():
        _let_finish()
    if _world is not None:
        _world.stat_cache.save()
        _tidy(_world)
        _say_left_out(_world)
    if "piste.model.llm_log" in sys.modules:  # a model was asked
        from piste.model import llm_log
        from piste.system import screen

        for warning in llm_log.flush():
            screen.say(warning)


def _say_left_out(world: "World") -> None:
    packing = ("bundle.command", "bundle.run") if world.config.left_out else ()
    names = [*left_out, *(name for name in packing if name in world.config.commands)]
    if names:
        from piste.engine import gate

        gate.left_out(names)


def _tidy(world: "World") -> None:
    """Remove what runs that were killed have left.

    A killed run has left a lock wherever it has left something else, so a run that
    makes nothing looks only into three small folders.
    """
    from piste.engine import receipts
    from piste.system import atomic_write, caches, paths

    state = world.root / paths.STATE
    folders = {state, caches.folder(world.root)}
    if _made:
        from piste.engine import rejected

        folders.add(world.root / rejected.FOLDER)
        folders.update((world.root / target).parent for target in _made)
        folders.update(receipts.path(world.root, target).parent for target in _made)
    for folder in folders:
        atomic_write.sweep(folder, _began)
    with contextlib.suppress(OSError):
        atomic_write.remove_unheld(state / "lock")
    world.store.sweep(_began)


def rule_tasks(*stages: str) -> Iterator[dict[str, Any]]:
    """Yield a task for each rule of these stages."""
    for rule in world().rules.values():
        if rule.stage in stages:
            yield task(rule)


def task(rule: "Rule") -> dict[str, Any]:
    """Return the doit task of a rule."""
    fresh = Fresh(rule)  # doit calls its `make` with the options by name
    inputs = [name for names in rule.inputs for name in names]
    if fresh.is_brought():
        inputs = []  # a source needs no producer, and so none of what that would need
    ours.add(rule.name)
    targets.add(rule.target)
    files.add(rule.target)
    files.update(inputs)
    return {
        "basename": rule.name,
        "doc": errors.printable(f"{rule.doc} → {rule.target}"),
        "file_dep": inputs,
        "targets": [rule.target],
        "uptodate": [_Uptodate((fresh,))],
        "actions": [(run, [fresh.make])],
        "clean": [(clean, [rule])],
        "params": PARAMS,
        "io": {"capture": False},  # captured output is mixed up between threads
        "title": None,
        "verbosity": 2,
    }  # fmt: skip


def plain_task(name: str, act: Callable[..., str], **more: Any) -> dict[str, Any]:
    """Return a task of ours that is no target of a rule: `act` always runs when it is asked for."""
    ours.add(name)
    return {
        "basename": name, "actions": [(run, [act])], "uptodate": [False],
        "io": {"capture": False}, "verbosity": 2, **more,
    }  # fmt: skip


PARAMS = [
    {"name": "overwrite", "long": "overwrite", "type": bool, "default": False,
     "help": "replace a text that a person wrote (it is kept in the store)"},
    {"name": "again", "long": "again", "type": bool, "default": False,
     "help": "ask the model anew, though an answer is known"},
    {"name": "amend", "long": "amend", "type": bool, "default": False,
     "help": "amend the text that stands, your own too (it is kept in the store)"},
    {"name": "model", "long": "model", "short": "m", "type": str, "default": "",
     "help": "the model to ask, for this run"},
    {"name": "budget", "long": "budget", "type": str, "default": "",
     "help": "the most that this run may cost: $2.50, or '200_000 tokens'"},
    {"name": "frozen", "long": "frozen", "type": bool, "default": False,
     "help": "ask no model: what is not as it should be fails"},
]  # fmt: skip


class Fresh:
    """Whether a target has nothing to be done: doit asks by taking its truth value.

    Not callable on purpose: doit inspects the signature of every callable, which
    costs more than the decision itself.
    """

    def __init__(self, rule: "Rule") -> None:
        self.rule = rule
        self.task: Any = None  # doit's, once it is made

    def __bool__(self) -> bool:
        if any(map(self._option, ("overwrite", "again", "amend"))):
            return False
        decision = self._shown()
        if decision.up_to_date and decision.state != "fresh":
            _notes[self.rule.name] = decision.why()
        return decision.up_to_date

    def __repr__(self) -> str:
        return self._shown().line()

    def _shown(self) -> "Decision":
        """The decision: in a run of the target alone; in a list, what comes before counts."""
        global _walk
        from piste.engine import upstream

        if _began or (self.task is not None and self.task.options is not None):
            return self.decide()
        if _walk is None:
            _walk = upstream.Walk(world())
        return _walk.whole(self.rule)

    def is_brought(self) -> bool:
        """Whether a person brought the target, as it can be told before anything runs."""
        from piste.engine import receipts, states

        root, target = world().root, self.rule.target
        return (
            not receipts.exists(root, target)
            and os.path.exists(root / target)
            and self.decide().state == states.FOREIGN
        )

    def decide(self) -> "Decision":
        """Return the decision, with the options given to the task."""
        from piste.engine import makers, states

        try:
            given = self.world()
            return makers.decide(given, given.rules[self.rule.name], exact=False)
        except Exception as error:  # doit would print a traceback
            from piste.system import bug_report

            reason = states.Reason("error", self.rule.target, bug_report.write(error))
            return states.Decision(self.rule, states.FAILED, states.BLOCKED, (reason,))

    def world(self) -> "World":
        """Return the world, with the model that was named for this task."""
        model = self._option("model")
        if not model:
            return world()
        settings = world().config._replace(model=model, model_pinned=True)
        rules = {**settings.rules, self.rule.name: self.rule._replace(model="")}
        return world()._replace(config=settings._replace(rules=rules))

    def make(self, **options: Any) -> str:
        """Make the target; return the line to say. Raises PisteError.

        `options` are the task's own, as doit hands them to an action.
        """
        from piste.engine import makers
        from piste.system.errors import UserError

        given = self.world()
        rule = given.rules[self.rule.name]
        if not _made:
            _foresee(given)
        _made.add(rule.target)
        if options["overwrite"] and rule.target in given.yours:
            mine = given.yours[rule.target]
            if not mine.lower().endswith(".md"):
                raise UserError(
                    f"{mine} is no Markdown and stays; move it away to have README.md made"
                )
            rule = rule._replace(target=mine)
        return makers.make(
            given,
            rule,
            overwrite=options["overwrite"],
            again=options["again"],
            amend=options["amend"],
            stop=stop,
        ).said

    def _option(self, name: str) -> Any:
        # `doit list` and `doit info` decide before options are parsed: then none is given.
        return (self.task.options or {}).get(name) if self.task is not None else None


class _Uptodate(tuple):  # type: ignore[type-arg]
    """How doit takes an `uptodate` that is neither called nor a constant: in a tuple."""

    __slots__ = ()

    def configure_task(self, task: Any) -> None:
        """Called by doit with the task, once."""
        self[0].task = task


def run(make: Callable[..., str], **options: Any) -> Any:
    """The action of our tasks: do it, say what came of it; a failure is one line to doit."""
    global exit_code
    from doit.exceptions import TaskError, TaskFailed

    from piste.system import bug_report, screen
    from piste.system.errors import EXIT_FAILED

    try:
        with _working():
            said = make(**options)
        screen.say(f"   {said}")
    except PisteError as error:
        exit_code = max(exit_code, error.exit_code)
        kind = TaskFailed if error.exit_code == EXIT_FAILED else TaskError
        return kind(str(error))
    except Exception as error:
        if isinstance(error, InterruptedError):
            return TaskFailed("stopped")
        return TaskError(bug_report.write(error))
    return None


def _let_finish() -> None:
    """Wait for doit's threads, which end with the process, to put away what they have."""
    from piste.system import signals

    with signals.deferred(), _changed:
        _changed.wait_for(lambda: not _at_work, _PATIENCE)


@contextlib.contextmanager
def _working() -> Iterator[None]:
    global _at_work
    with _changed:
        _at_work += 1
    try:
        yield
    finally:
        with _changed:
            _at_work -= 1
            _changed.notify_all()


def clean(rule: "Rule", dryrun: bool) -> None:
    """Remove a target that piste made and nobody edited; it comes back from the store."""
    from piste.engine import hashing, makers
    from piste.system import atomic_write, project_files, screen

    path = world().root / rule.target
    decision = makers.decide(world(), rule, whole=True)
    receipt = decision.receipt
    if not path.exists():
        return
    if receipt is None or receipt.hand or decision.output != receipt.output:
        screen.say(f"{rule.target} is kept: {decision.why() or 'you accepted it as your own'}")
        return
    try:
        if not dryrun:
            data = project_files.read(world().root, rule.target, hashing.most_of(rule.kind))
            world().store.put_text(receipt.output, data)
            atomic_write.remove(path)
    except OSError as error:
        screen.say(f"{rule.target} is kept: {error.filename}: {error.strerror}")
        return
    screen.say(f"{'would remove' if dryrun else 'removed'} {rule.target}")


def _orderly_stop() -> None:
    """Turn SIGTERM and ^C into an end at which what was finished is recorded."""
    from piste.system import signals

    def on_signal(number: int, frame: Any) -> None:
        signals.signalled(number, stop)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, on_signal)
