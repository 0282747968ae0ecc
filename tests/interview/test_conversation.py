"""The conversation about an idea: in a terminal, from a file, killed anywhere."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Run
from support.standin import Fault, Request, StandIn
from support.terminal import Terminal

from piste.engine import log
from piste.engine import project as piste_project
from piste.interview import conversation, transcript
from piste.interview.transcript import ENOUGH, Transcript
from piste.model import asking
from piste.outline.model import QUESTIONS
from piste.system.errors import Failed, UserError

DOORS = {"piste": "piste.cli", "doit": "doit"}


@pytest.fixture
def room(project: Path, standin: StandIn) -> Path:
    """A project with an idea, whose model is the stand-in, which asks numbered questions."""
    (project / "spec.md").unlink()
    (project / "idea.md").write_text("A word counter.\n")
    (project / "piste.toml").write_text('model = "chat-ok"\nretries = 0\n')
    standin.reply(question)
    return project


def question(request: Request) -> str:
    """The question for a turn; the number of the request shows whether it was asked again."""
    turn = sum(role == "assistant" for role, _ in request.turns) + 1
    return f"Question {turn} (request {request.number})?\n\nSuggested answer: thing {turn}.\n"


def open_in(root: Path, door: str = "piste", **env: str) -> Terminal:
    """Begin the conversation in a terminal."""
    return Terminal([sys.executable, "-m", DOORS[door], "idea"], root, {**os.environ, **env})


def said_in(root: Path) -> Transcript:
    """What stands in brainstorm.md."""
    return transcript.parse((root / "brainstorm.md").read_text())


def talk(root: Path, *answers: str) -> str:
    """Hold the conversation in this process, with the answers from a file."""
    (root / "answers.txt").write_text("\n\n".join(answers))
    return conversation.talk(piste_project.world(root), str(root / "answers.txt"))


# In a terminal ------------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
def test_a_conversation(room: Path, standin: StandIn, door: str) -> None:
    with open_in(room, door) as terminal:
        terminal.see("Question 1 (request 1)?")
        terminal.see("> ")
        terminal.enter()
        terminal.see("Question 2 (request 2)?")
        terminal.see("> ")
        terminal.enter("two, with\\")
        terminal.see("… ")
        terminal.enter("a second line")
        terminal.see("Question 3 (request 3)?")
        terminal.see("> ")
        terminal.enter("/done")
        terminal.see("brainstorm.md holds 2 answers; next: doit spec")
        assert terminal.ended() == 0
    assert said_in(room).answers == ["thing 1.", "two, with\na second line"]
    last = standin.requests[-1]
    assert [role for role, _ in last.turns] == ["user", "assistant", "user", "assistant", "user"]
    assert last.prompt == "two, with\na second line"


def test_what_enter_took_is_said_and_what_was_decided_is_said_again_later(room: Path) -> None:
    with open_in(room) as terminal:
        terminal.see("> ")
        terminal.enter()
        terminal.see("taken: thing 1.")
        terminal.see("> ")
        terminal.enter("long " * 30)
        terminal.see("Question 3 ")
        terminal.see("> ")
        terminal.enter("/quit")
        assert terminal.ended() == 0
    assert "so far" not in terminal.printable
    with open_in(room) as terminal:
        terminal.see("so far, 2 answers (brainstorm.md):\n  1. thing 1.\n  2. long long ")
        assert "…" in terminal.see("Question 3 ")
        terminal.kill()


def test_each_turn_is_on_disk_before_the_next_question(room: Path, standin: StandIn) -> None:
    seen: list[list[str]] = []

    def look(request: Request) -> str:
        seen.append(said_in(room).answers)
        return question(request)

    standin.reply(look)
    talk(room, "one", "two", "three")
    assert seen == [[], ["one"], ["one", "two"]]


def test_a_question_is_shown_as_it_comes(room: Path, standin: StandIn) -> None:
    standin.reply(Fault("stall=30", "The first half of a question, and the rest of it?"))
    with open_in(room) as terminal:
        terminal.see("The first")  # the server has not sent the rest
        assert standin.paid == 0
        terminal.kill()


def test_what_the_model_thinks_is_neither_shown_nor_kept(room: Path, standin: StandIn) -> None:
    standin.reply(lambda request: f"<think>\nIs it X?\n</think>\n\n{question(request)}")
    with open_in(room) as terminal:
        terminal.see("Question 1 (request 1)?")
        terminal.see("> ")
        terminal.enter("/done")
        terminal.ended()
    assert "Is it X?" not in terminal.printable
    assert "Is it X?" not in (room / "brainstorm.md").read_text()


def test_all_that_can_be_typed(room: Path) -> None:
    editor = room / "editor"
    editor.write_text('#!/bin/sh\nprintf "from\\n\\nthe editor\\n" >> "$1"\n')
    editor.chmod(0o755)
    with open_in(room, EDITOR=str(editor)) as terminal:
        for typed, shown in (
            ("/hlep", "there is no /hlep; did you mean '/help'?"),
            ("/help", "/undo takes the last answer back"),
            ("/etc/hosts is read", "Question 2 "),
            ("/undo", "Question 1 "),
            ("/edit", "Question 2 "),
            ("a\npasted\nanswer", "Question 3 "),
            ("typed ahead\n/undo", "Question 3 "),
        ):
            terminal.see("> ")
            terminal.enter(typed)
            terminal.see(shown)
        terminal.see("> ")
        terminal.type("\x04")  # ^D
        assert terminal.ended() == 0
    assert said_in(room).answers == ["from\n\nthe editor", "a\npasted\nanswer"]


def test_an_editor_that_is_not_there_asks_again(room: Path) -> None:
    with open_in(room, EDITOR="no-such-editor") as terminal:
        terminal.see("> ")
        terminal.enter("/edit")
        terminal.see("no-such-editor: No such file or directory; set EDITOR to your editor")
        terminal.see("> ")
        terminal.enter("/quit")
        assert terminal.ended() == 0
    assert not said_in(room).answers


def test_the_idea_is_asked_for_where_there_is_none(room: Path, standin: StandIn) -> None:
    (room / "idea.md").unlink()
    with open_in(room) as terminal:
        terminal.see("What is your idea?")
        terminal.see("> ")
        terminal.enter("A clock.")
        terminal.see("Question 1 ")
        terminal.see("> ")
        terminal.enter("/quit")
        assert terminal.ended() == 0
    assert said_in(room).idea == "A clock."
    assert "A clock." in standin.requests[0].prompt


@pytest.mark.parametrize("door", DOORS)
def test_interrupted_at_the_prompt(room: Path, standin: StandIn, door: str) -> None:
    with open_in(room, door) as terminal:
        terminal.see("> ")
        terminal.type("half an ans")
        # ^C throws away what was typed; readline that is about to read it would wait for a key.
        terminal.see("half an ans")
        line = "stopped; brainstorm.md goes on where it is when you run it again"
        assert terminal.interrupt(line) == 1
        assert "Traceback" not in terminal.printable
    with open_in(room, door) as terminal:
        terminal.see("Question 1 (request 1)?")
        terminal.see("> ")
    assert standin.paid == 1


def test_interrupted_while_the_model_thinks(room: Path, standin: StandIn) -> None:
    asked = threading.Event()
    standin.reply(lambda request: asked.set() or Fault("latency=30"))  # type: ignore[func-returns-value]
    with open_in(room) as terminal:
        assert asked.wait(30)
        assert terminal.interrupt("stopped; ") == 1
        assert "Traceback" not in terminal.printable


def test_two_conversations_at_once_are_one_too_many(room: Path) -> None:
    with open_in(room) as terminal:
        terminal.see("> ")
        with pytest.raises(UserError, match="another conversation is open: process"):
            talk(room, "an answer")
        terminal.enter("mine")
        terminal.see("Question 2 ")
    assert said_in(room).answers == ["mine"]


def test_an_edit_of_the_file_meanwhile_is_kept(room: Path) -> None:
    with open_in(room) as terminal:
        terminal.see("> ")
        file = room / "brainstorm.md"
        file.write_text("My notes.\n\n" + file.read_text().replace("A word", "A fast word"))
        terminal.enter("one")
        terminal.see("brainstorm.md has been edited meanwhile")
        terminal.see("Question 2 ")
    said = said_in(room)
    assert (said.head, said.idea) == ("My notes.\n\n# Brainstorm", "A fast word counter.")
    assert said.answers == ["one"]


# Killed -------------------------------------------------------------------------------------


def at_a_slow_server(terminal: Terminal, asked: threading.Event) -> None:
    assert asked.wait(30)


def in_the_middle_of_a_question(terminal: Terminal, asked: threading.Event) -> None:
    terminal.see("Question 2")


def at_the_prompt(terminal: Terminal, asked: threading.Event) -> None:
    terminal.see("Question 2 ")
    terminal.see("> ")


def in_the_middle_of_an_answer(terminal: Terminal, asked: threading.Event) -> None:
    at_the_prompt(terminal, asked)
    terminal.type("half an answ")


@pytest.mark.parametrize(
    ("words", "until"),
    [
        ("latency=30", at_a_slow_server),
        ("stall=30", in_the_middle_of_a_question),
        ("", at_the_prompt),
        ("", in_the_middle_of_an_answer),
    ],
)
def test_killed_it_goes_on_where_it_stopped(
    room: Path,
    standin: StandIn,
    words: str,
    until: Callable[[Terminal, threading.Event], None],
) -> None:
    asked = threading.Event()

    def second_goes_wrong(request: Request) -> str | Fault:
        if request.number != 2:
            return question(request)
        asked.set()
        return Fault(words, question(request))

    standin.reply(second_goes_wrong)
    with open_in(room) as terminal:
        terminal.see("> ")
        terminal.enter("one")
        until(terminal, asked)
        terminal.kill()
    assert "goes on" in talk(room, "one", "two")
    assert said_in(room).answers == ["one", "two"]
    assert standin.paid == 2


# Dies after the first turn or the first reply that it writes.
_DIES = """
import os, signal, sys
from piste import cli
from piste.system import atomic_write as durable
write, append = durable.write, durable.append
def dying(do):
    def done(path, *data, **more):
        do(path, *data, **more)
        if path.name == "brainstorm.md" or path.parent.parent.name == "replies":
            os.kill(os.getpid(), signal.SIGKILL)
    return done
durable.write, durable.append = dying(write), dying(append)
sys.exit(cli.main(["idea", "--answers", sys.argv[1]]))
"""


def test_killed_after_each_write_it_pays_each_question_once(
    room: Path, standin: StandIn, tmp_path: Path
) -> None:
    answers = tmp_path / "answers.txt"
    answers.write_text("one\n\ntwo\n")
    codes = []
    while not codes or codes[-1] != 0:
        done = subprocess.run([sys.executable, "-c", _DIES, answers], cwd=room, timeout=60)
        codes.append(done.returncode)
        assert len(codes) < 20
    assert set(codes[:-1]) == {-signal.SIGKILL}
    assert len(codes) == 1 + 7  # the idea, two replies, two questions, two answers
    assert said_in(room).answers == ["one", "two"]
    assert standin.paid == 2


# From a file --------------------------------------------------------------------------------


def test_answers_from_a_file_end_before_a_question_that_nobody_answers(
    room: Path, standin: StandIn
) -> None:
    said = "brainstorm.md holds 2 answers; doit idea goes on, doit spec makes spec.md of it"
    assert talk(room, "one", "two") == said
    assert said_in(room).answers == ["one", "two"]
    assert standin.paid == 2


def test_the_same_file_again_asks_nothing_and_changes_nothing(room: Path, standin: StandIn) -> None:
    talk(room, "one", "/undo", "two", "three")
    before = (room / "brainstorm.md").read_bytes()
    talk(room, "one", "/undo", "two", "three")
    assert (room / "brainstorm.md").read_bytes() == before
    assert said_in(room).answers == ["two", "three"]
    assert standin.paid == len(standin.requests) == 2  # what is taken back is not asked about


def test_a_longer_file_goes_on_after_what_is_known(room: Path, standin: StandIn) -> None:
    talk(room, "one")
    talk(room, "one", "two")
    assert said_in(room).answers == ["one", "two"]
    assert standin.paid == 2


def test_the_first_paragraph_is_the_idea_where_there_is_none(room: Path) -> None:
    (room / "idea.md").unlink()
    for _ in range(2):
        talk(room, "A clock.", "one")
        assert (said_in(room).idea, said_in(room).answers) == ("A clock.", ["one"])


def test_it_ends_when_the_model_has_enough(room: Path) -> None:
    (room / "piste.toml").write_text('model = "outline"\n')
    answers = [f"answer {number}" for number in range(len(QUESTIONS) + 2)]
    assert talk(room, *answers) == (
        f"brainstorm.md holds {len(QUESTIONS)} answers "
        f"(2 more in {room / 'answers.txt'} not asked for); next: doit spec"
    )
    assert said_in(room).turns[-1].question.startswith(ENOUGH)


def test_done_in_the_file_ends_it(room: Path, standin: StandIn) -> None:
    assert talk(room, "one", "/done", "two").endswith("next: doit spec")
    assert said_in(room).answers == ["one"]


@pytest.mark.parametrize("door", DOORS)
def test_a_file_is_found_from_where_the_person_stands(room: Path, run: Run, door: str) -> None:
    folder = room / "notes" if door == "piste" else room
    folder.mkdir(exist_ok=True)
    (folder / "a.txt").write_text("one")
    done = run(door, "idea", "--answers", "a.txt", cwd=folder)
    assert done.returncode == 0, done
    assert "> one" in done.stdout
    assert said_in(room).answers == ["one"]


def test_answers_from_standard_input(room: Path) -> None:
    command = [sys.executable, "-m", "piste.cli", "idea", "--answers", "-"]
    subprocess.run(command, cwd=room, input=b"one\r\n\r\ntwo\r\n", check=True, timeout=60)
    assert said_in(room).answers == ["one", "two"]


# What goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
def test_without_a_terminal_and_without_a_file(room: Path, run: Run, door: str) -> None:
    done = run(door, "idea")
    assert done.returncode == 2
    line = "idea: a conversation needs a terminal, or a file of answers: --answers FILE"
    assert done.stdout.splitlines()[-1] == line
    assert not (room / "brainstorm.md").exists()


def test_a_file_of_answers_that_is_not_there(room: Path) -> None:
    with pytest.raises(UserError, match=r"--answers .*none\.txt: cannot be read: No such file"):
        conversation.talk(piste_project.world(room), str(room / "none.txt"))
    assert not (room / "brainstorm.md").exists()


def test_without_a_key_nothing_is_written(room: Path, own_home: Path) -> None:
    (room / "piste.toml").write_text('model = "gpt-4o-mini"\n')
    with pytest.raises(UserError, match=r'`llm keys set openai`.*model = "outline"'):
        talk(room, "one")
    assert not (room / "brainstorm.md").exists()


def test_a_text_of_ones_own_is_no_conversation(room: Path) -> None:
    (room / "brainstorm.md").write_text("# Brainstorm\n\nWhat I thought of.\n")
    with pytest.raises(UserError, match=r"brainstorm\.md is not a conversation .* doit spec"):
        talk(room, "one")
    assert (room / "brainstorm.md").read_text() == "# Brainstorm\n\nWhat I thought of.\n"


def test_a_reply_that_is_no_question_is_kept_aside_and_asked_for_once_more(
    room: Path, standin: StandIn
) -> None:
    standin.reply(
        lambda request: Fault("length", "x y z") if request.number == 1 else question(request)
    )
    talk(room, "one")
    assert said_in(room).turns[0].question.startswith("Question 1 (request 2)?")
    (kept,) = (room / ".piste/rejected").glob("*.md")
    assert kept.read_text().startswith("x")
    events = [entry.event for entry in log.entries(room, "brainstorm.md")]
    assert events == ["rejected", "made"]


def test_twice_no_question_is_a_failure_that_loses_nothing(room: Path, standin: StandIn) -> None:
    talk(room, "one")
    standin.reply(Fault("empty"))
    with pytest.raises(Failed, match="no question came from chat-ok, twice: empty"):
        talk(room, "one", "two")
    assert said_in(room).answers == ["one"]


def test_a_server_that_fails_is_one_line_and_the_talk_goes_on(room: Path, standin: StandIn) -> None:
    talk(room, "one")
    standin.reply(Fault("500"))
    with pytest.raises(asking.CallFailed):
        talk(room, "one", "two")
    standin.reply(question)
    talk(room, "one", "two")
    assert said_in(room).answers == ["one", "two"]


def test_an_undone_answer_given_again_costs_nothing(room: Path, standin: StandIn) -> None:
    talk(room, "one", "two", "/undo", "two", "three")
    assert said_in(room).answers == ["one", "two", "three"]
    assert standin.paid == 3
    events = [entry.event for entry in log.entries(room, "brainstorm.md")]
    assert events == ["made", "made", "made", "taken"]


@pytest.mark.usefixtures("full_store")
def test_where_the_store_has_no_room_nothing_is_asked(room: Path, standin: StandIn) -> None:
    with pytest.raises(Failed, match="has no room for a reply"):
        talk(room, "An answer.")
    assert not standin.requests
