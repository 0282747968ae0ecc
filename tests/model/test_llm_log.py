"""Rows of `llm logs`: none is lost, and a log that cannot be written hurts nobody."""

import json
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from support.standin import StandIn

from piste.model import llm_log
from piste.model.asking import Limits, ask, resolve

WRITER = """
from piste.model import asking, llm_log
model = asking.resolve("outline")
for n in range(20):
    response = model.prompt(f"# other {n}")
    response.text()
    llm_log.log(response)
"""


@pytest.fixture
def home(own_home: Path) -> Path:
    folder = own_home / "llm"
    folder.mkdir()
    return folder


def answered(prompt: str) -> Any:
    response = resolve("outline").prompt(prompt)
    response.text()
    return response


def rows(folder: Path, columns: str = "id") -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "logs.db") as database:
        return database.execute(f"select {columns} from turns order by id").fetchall()


def test_sixteen_threads_and_two_processes_lose_no_row(home: Path) -> None:
    llm_log.flush()  # what another test could not put away is not about this one
    others = [subprocess.Popen([sys.executable, "-c", WRITER]) for _ in range(2)]

    def some(thread: int) -> None:
        for n in range(20):
            assert llm_log.log(answered(f"# {thread} {n}"))

    threads = [threading.Thread(target=some, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert llm_log.flush() == []
    assert [other.wait(60) for other in others] == [0, 0]
    assert len(rows(home)) == 16 * 20 + 2 * 20
    with sqlite3.connect(home / "logs.db") as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)


def test_a_call_is_found_in_the_log(standin: StandIn) -> None:
    folder = Path(os.environ["LLM_USER_PATH"])
    reply = ask(resolve("chat-ok"), prompt="a question")
    assert llm_log.flush() == []
    columns = "id, model, input_tokens, output_tokens"
    assert rows(folder, columns) == [
        (reply.turn_id, "chat-ok", reply.input_tokens, reply.output_tokens)
    ]


def test_llm_itself_shows_the_call(standin: StandIn) -> None:
    reply = ask(resolve("resp-ok"), prompt="a question")
    llm_log.flush()
    shown = subprocess.check_output([sys.executable, "-m", "llm", "logs", "--json"], text=True)
    assert [row["response"] for row in json.loads(shown)] == [reply.text]


def test_an_incomplete_reply_is_logged_with_its_tokens_and_reason(standin: StandIn) -> None:
    folder = Path(os.environ["LLM_USER_PATH"])
    reply = ask(resolve("resp-length"), prompt="a question")
    assert llm_log.flush() == []
    [(tokens, record)] = rows(folder, "output_tokens, response_json")
    assert tokens == reply.output_tokens
    assert "max_output_tokens" in record


def test_nothing_is_logged_where_logging_is_off(home: Path) -> None:
    (home / "logs-off").touch()
    llm_log.flush()  # what another test has left is no matter
    assert not llm_log.log(answered("# x"))
    assert llm_log.flush() == []
    assert not (home / "logs.db").exists()
    assert ask(resolve("outline"), prompt="# x").turn_id is None


def test_a_row_waits_for_another_writer(home: Path) -> None:
    llm_log.log(answered("# first"))
    assert llm_log.flush() == []
    other = sqlite3.connect(home / "logs.db", isolation_level=None)
    other.execute("begin immediate")
    llm_log.log(answered("# second"))
    assert llm_log.flush(0) == ["1 call is not in `llm logs`: another program writes to it"]
    other.execute("commit")
    other.close()
    assert llm_log.flush() == []
    assert len(rows(home)) == 2


def test_a_log_that_is_no_database_is_a_warning(home: Path) -> None:
    (home / "logs.db").write_text("this is no database" * 100)
    reply = ask(resolve("outline"), prompt="# x", limits=Limits(retries=0))
    assert reply.finish == "complete"
    [warning] = llm_log.flush()
    assert warning.startswith("1 call is not in `llm logs`: ")
    assert "\n" not in warning
    assert llm_log.flush() == []


def test_one_row_that_cannot_be_written_does_not_take_the_others(home: Path) -> None:
    class Broken:
        def log_to_db(self, _: object) -> None:
            raise ValueError("not this one")

    good, broken = answered("# good"), Broken()
    llm_log.log(broken)  # type: ignore[arg-type]
    llm_log.log(good)
    assert llm_log.flush() == ["1 call is not in `llm logs`: not this one"]
    assert rows(home) == [(good.id,)]


def test_the_end_of_a_process_waits_for_its_rows(home: Path) -> None:
    subprocess.run([sys.executable, "-c", WRITER], check=True, timeout=60)
    assert len(rows(home)) == 20
