"""doit's state, answered from ours: the BACKEND, the checker and the reporter.

For targets of rules one engine decides, `freshness`: what doit would compare
itself is switched off here, and its questions get answers that agree. Tasks that
are not ours keep doit's own behaviour, in a plain local sqlite file.

doit loads this module for every project of an environment that has piste, so it
imports nothing at the top but what doit has loaded already.
"""

import os
import sys
from typing import Any

from doit.dependency import FileChangedChecker
from doit.reporter import ConsoleReporter

from piste.doit_graph import graph

OURS = "decided by piste"  # the state that doit is told of each input of our tasks


class Checker(FileChangedChecker):
    """Compares by content; for inputs of our own tasks it has nothing to add."""

    def exists(self, file_path: str) -> bool:
        """Whether a target is there; of ours that has been decided already."""
        return file_path in graph.targets or os.path.exists(file_path)

    def info(self, file_path: str) -> Any:
        """Return the file's stat; of what only we depend on, nothing: we have looked."""
        return None if file_path in graph.files else os.stat(file_path)

    def check_modified(self, file_path: str, file_stat: Any, state: Any) -> bool:
        """Whether the file differs from the recorded state."""
        if state == OURS:
            return False
        try:
            return bool(self.get_state(file_path, None) != state)
        except OSError:
            return True

    def get_state(self, dep: str, current_state: Any) -> str | None:
        """Return the state to record: the hash of what the file says; of ours, none."""
        if current_state == OURS:
            return None
        from piste.engine.hashing import digest

        with open(dep, "rb") as file:
            return digest(file.read())


class Receipts:
    """A doit backend whose answers for our tasks come from the receipts."""

    desc = "piste's receipts for the targets of rules, sqlite for other tasks"

    def __init__(self, name: str, codec: Any, *, module_name: str | None = None) -> None:
        self.name = name
        self._codec = codec
        self._other: Any = None
        self._exists: bool | None = None  # whether doit's own state is there at all
        self._running = False

    def get(self, task_id: str, dependency: str) -> Any:
        """Return what doit recorded of a task."""
        if dependency == "ignore:":
            # Asked first of every task that `run` selects, and of none by `forget`.
            self._running = True
        elif task_id in graph.ours:
            return None if dependency[-1] == ":" else OURS
        return self._open().get(task_id, dependency) if self._there() else None

    def set(self, task_id: str, dependency: str, value: Any) -> None:
        """Record something; of our own tasks the receipt says it already."""
        if dependency == "ignore:" or task_id not in graph.ours:
            self._open().set(task_id, dependency, value)

    def in_(self, task_id: str) -> bool:
        """Whether anything is recorded of a task."""
        from piste.engine import receipts

        rule = graph.rule_of(task_id)
        if rule is None:
            return bool(self._there() and self._open().in_(task_id))
        receipt = receipts.read(graph.world().root, rule.target)
        return receipt is not None and not receipt.forgotten

    def remove(self, task_id: str) -> None:
        """Forget a task: `doit forget` marks the receipt, a failed run does not."""
        from piste.engine import receipts

        if self._there():
            self._open().remove(task_id)
        rule = graph.rule_of(task_id)
        if rule is not None and not self._running:
            receipts.forget(graph.world().root, rule.target)

    def remove_all(self) -> None:
        """Forget every task."""
        from piste.engine import receipts

        if self._there():
            self._open().remove_all()
        for rule in graph.world().rules.values():
            receipts.forget(graph.world().root, rule.target)

    def dump(self) -> None:
        """Called once, at the end of a command that may change something."""
        if self._other is not None:
            self._other.dump()
        if self._running:  # `clean --dry-run` ends here too, and must change no byte
            graph.close()

    def _there(self) -> bool:
        if self._exists is None:
            self._exists = os.path.exists(self.name)
        return self._exists

    def _open(self) -> Any:
        if self._other is None:
            from doit.dependency import SqliteDB

            os.makedirs(os.path.dirname(self.name) or ".", exist_ok=True)
            self._other = SqliteDB(self.name, codec=self._codec)
            self._exists = True
        return self._other


class Ended(SystemExit):
    """The end of a run, from any of doit's threads: it hands on the type and the text only."""

    def __init__(self, code: int | str) -> None:
        super().__init__(int(code))


class Reporter(ConsoleReporter):
    """doit's console reporter; a failure is one line, and what is kept says why."""

    desc = "console output, one line a failure"

    def __init__(self, outstream: Any, options: Any) -> None:
        if None in (sys.stdin, sys.stdout, sys.stderr):
            from piste.system import stdio

            stdio.reopen_closed()
        from piste.system import screen

        super().__init__(screen.guarded(outstream or sys.stdout), options)

    def write(self, text: str, flush: bool = False) -> None:
        """Print something. doit, started as itself, has a traceback for a full disk."""
        try:
            super().write(text)
            if flush:
                self.outstream.flush()
        except OSError as error:
            from piste.system import screen, stdio

            line, code = stdio.failed(error)
            if line:
                screen.say(f"piste: {line}")
            stdio.let_go()
            raise Ended(code) from None

    def initialize(self, tasks: Any, selected_tasks: Any) -> None:
        """Called before anything runs."""
        from piste.system import screen

        graph.start(tasks[name] for name in selected_tasks)
        if list(selected_tasks) == [graph.LINE] and not tasks[graph.LINE].task_dep:
            door = graph.world().door()
            screen.say(
                "nothing has been made here yet, and nothing is made unasked: "
                f"try `{door} plan`, or `{door} list` for all there is"
            )

    def execute_task(self, task: Any) -> None:
        """Print a task that begins, at once: what it says itself goes to stderr."""
        super().execute_task(task)
        self.write("", flush=True)

    def skip_uptodate(self, task: Any) -> None:
        """Print a task that has nothing to do, with the reason where there is one."""
        if task.name.startswith("_"):
            return
        note = graph.note_of(task.name)
        self.write(f"-- {task.title()}{f'  ({note})' if note else ''}\n")

    def runtime_error(self, msg: str) -> None:
        """Print what ends a run before its first task: an option that is wrong, a cycle."""
        from piste.system import screen

        screen.say(msg)

    def _write_failure(self, result: Any, write_exception: bool = True) -> None:
        fail, task = result["exception"], result["task"]
        if fail.traceback and task.name not in graph.ours:
            super()._write_failure(result, write_exception)
        elif write_exception:
            self.write(f"{task.name}: {_one_line(fail)}\n")

    def complete_run(self) -> None:
        """Repeat no failure of ours: its line has been printed. Ends a run without a budget left.

        doit knows the codes 0 to 2 only, and this is the last that it does.
        """
        from piste.system.errors import EXIT_BUDGET

        self.failures[:] = [f for f in self.failures if f["task"].name not in graph.ours]
        super().complete_run()
        self.write("", flush=True)
        if graph.exit_code == EXIT_BUDGET:
            raise Ended(EXIT_BUDGET)


def _one_line(fail: Any) -> str:
    if type(fail).__name__ == "UnmetDependency":
        return f"not done, because {fail.message.strip().replace(' ', ', ')} failed"
    return str(fail.message).strip()
