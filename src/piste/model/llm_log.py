"""Putting replies into `llm logs`, without losing any and without holding anybody up.

`llm` writes its log in transactions that read first and write later. SQLite refuses
the second of two such writers at once, whatever its timeout, so of the rows that 16
threads write most are lost. Here one thread writes for all, several rows in one
transaction, which begins with the write lock (BEGIN IMMEDIATE) and is short: the
person's own `llm` commands fail while it lasts.

It is not the record of what was paid (that is the store's and comes first), so a row
that cannot be written is a warning. It knows nothing of models or rules.
"""

import atexit
import contextlib
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from piste.system import screen
from piste.system.errors import in_one_line

if TYPE_CHECKING:
    import llm

_GATHER = 0.5  # seconds in which rows come together: alone, each costs three times as much
_BATCH = 100  # rows in a transaction, some 80 ms
_PATIENCE = 10.0  # seconds to wait for another process that writes


def log(response: "llm.Response") -> bool:
    """Have a finished response written; return False where the person turned logging off.

    Returns at once. `flush` waits for the rows; a normal end of the process does, too.
    """
    import llm

    try:
        folder: Path = llm.user_dir()  # type: ignore[no-untyped-call]
    except OSError:
        return False
    if (folder / "logs-off").exists():  # `llm logs off`
        return False
    _writer.add(folder / "logs.db", response)
    return True


def flush(timeout: float = 30) -> list[str]:
    """Wait up to `timeout` seconds for the rows; return what went wrong since the last time.

    Each warning is one line for the person.
    """
    return _writer.flush(timeout)


class _Writer:
    """The queue, and the one thread that empties it."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.waiting: list[tuple[Path, llm.Response]] = []
        self.writing = 0  # rows in the transaction that is under way
        self.hurry = False
        self.started = False
        self.warnings: list[str] = []

    def add(self, path: Path, response: "llm.Response") -> None:
        with self.changed:
            self.waiting.append((path, response))
            if not self.started:
                self.started = True
                threading.Thread(target=self.run, name="piste llm log", daemon=True).start()
                atexit.register(self.at_exit)
            elif len(self.waiting) == 1:  # else it is awake, and gathers
                self.changed.notify_all()

    def flush(self, timeout: float) -> list[str]:
        with self.changed:
            self.hurry = True
            self.changed.notify_all()
            if not self.changed.wait_for(lambda: not self.waiting and not self.writing, timeout):
                rows = len(self.waiting) + self.writing
                self.warnings.append(_missing(rows, "another program writes to it"))
            self.hurry = False
            told, self.warnings = self.warnings, []
        return told

    def at_exit(self) -> None:
        for warning in self.flush(_PATIENCE):
            screen.say(f"piste: {warning}")

    def run(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.waiting)
                self.changed.wait_for(lambda: self.hurry, _GATHER)
                path = self.waiting[0][0]
                batch = [response for where, response in self.waiting[:_BATCH] if where == path]
                kept = [row for row in self.waiting[:_BATCH] if row[0] != path]
                self.waiting[:_BATCH] = kept
                self.writing = len(batch)
            warnings = _write(path, batch)
            with self.changed:
                self.writing = 0
                self.warnings += warnings
                self.changed.notify_all()


_writer = _Writer()


def _write(path: Path, responses: "list[llm.Response]") -> list[str]:
    """Write rows in one transaction; return warnings."""
    from sqlite_utils import Database

    warnings = []
    try:
        with contextlib.closing(
            sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
        ) as connection:
            database = Database(connection)
            connection.execute("BEGIN IMMEDIATE")
            for response in responses:
                try:
                    # A savepoint, inside of our transaction.
                    response.log_to_db(database)  # type: ignore[no-untyped-call]
                except Exception as error:
                    warnings.append(_missing(1, error))
            connection.execute("COMMIT")
    except Exception as error:  # whatever it is: this thread has to live
        return [_missing(len(responses), error)]
    return warnings


def _missing(rows: int, why: object) -> str:
    calls = "1 call is" if rows == 1 else f"{rows} calls are"
    return f"{calls} not in `llm logs`: {in_one_line(str(why))[:200]}"
