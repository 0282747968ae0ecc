"""`piste log`: every call, and what it cost."""

from pathlib import Path

import pytest
from support.standin import Fault, StandIn

from piste.engine import log
from piste.system.errors import Failed

from .conftest import Say, add, build


def test_nothing_yet(project: Path, say: Say) -> None:
    assert say("log") == (0, "no calls yet\n", "")
    assert say("log", "--json").json == []


def test_each_call_is_a_row(made: Path, say: Say) -> None:
    rows = say("log").rows
    assert rows[0] == "WHEN (UTC) TARGET EVENT IN OUT COST SECONDS MODEL REASON"
    assert [row.split()[2:4] for row in rows[1:3]] == [
        ["prompt_plan.md", "made"], ["todo.md", "made"],
    ]  # fmt: skip
    assert rows[1].split()[6] == "free"
    assert rows[1].endswith(" outline prompt_plan.md is not there")
    assert rows[3] == "2 calls, free; 0 answered by the store"


def test_what_the_store_answered_is_no_call(made: Path, say: Say) -> None:
    (made / "todo.md").unlink()
    build(made, "todo")
    assert say("log").rows[-1] == "2 calls, free; 1 answered by the store"


def test_a_rejected_reply_was_paid_for_too(project: Path, standin: StandIn, say: Say) -> None:
    (project / "piste.toml").write_text('model = "chat-ok"\nretries = 0\n')
    standin.reply(Fault("length"))
    with pytest.raises(Failed):
        build(project, "plan")
    rows = say("log", "plan").rows
    assert [row.split()[3] for row in rows[1:3]] == ["rejected", "rejected"]
    assert "cut" in rows[1]
    assert rows[-1].startswith("2 calls, 2 of unknown price; 0 ")


def test_known_and_unknown_prices_are_not_mixed(project: Path, say: Say) -> None:
    for cost in (0.25, None):
        log.add(project, log.Entry("2026-01-01T00:00:00.000Z", "todo.md", "made", "m", cost=cost))
    rows = say("log").rows
    assert rows[1] == "2026-01-01 00:00:00 todo.md made $0.2500 m"
    assert rows[2] == "2026-01-01 00:00:00 todo.md made unknown m"
    assert rows[3] == "2 calls, $0.2500, 1 of unknown price; 0 answered by the store"


def test_of_one_target_and_the_last_only(made: Path, say: Say) -> None:
    add(made / "spec.md", "3. More.\n")
    build(made)
    assert {entry["target"] for entry in say("log", "plan", "--json").json} == {"prompt_plan.md"}
    every = say("log", "--json").json
    assert say("log", "-n", "1", "--json").json == every[-1:]
    assert say("log", "-n", "99", "--json").json == every


@pytest.mark.parametrize("word", ["idea", "brainstorm.md"])
def test_the_conversation_is_logged_too(made: Path, say: Say, word: str) -> None:
    log.add(made, log.Entry(log.now(), "brainstorm.md", "made", "outline"))
    assert [entry["target"] for entry in say("log", word, "--json").json] == ["brainstorm.md"]


@pytest.mark.parametrize("number", ["-1", "x"])
def test_a_number_that_is_none(made: Path, say: Say, number: str) -> None:
    said = say("log", "-n", number)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("piste log: argument -n: ")
