"""doit's questions, answered: ours from the receipts, others' from sqlite."""

import io
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import Small
from doit.dependency import JSONCodec
from doit.exceptions import TaskError, TaskFailed, UnmetDependency

from piste.doit_graph import graph
from piste.doit_graph.backend import OURS, Checker, Receipts, Reporter
from piste.engine import receipts

STATE_FILE = ".piste/doit.db"


@pytest.fixture
def backend(small: Small) -> Receipts:
    """The backend of a graph in which `note` is ours and `theirs` is not."""
    graph.use(small.world())
    list(graph.rule_tasks("own"))
    return Receipts(STATE_FILE, codec=JSONCodec())


def test_of_our_tasks_nothing_is_recorded(backend: Receipts) -> None:
    backend.set("note", "deps:", ("in.md",))
    backend.set("note", "in.md", "state")
    assert backend.get("note", "deps:") is None
    assert backend.get("note", "in.md") == OURS
    backend.dump()
    assert not os.path.exists(STATE_FILE)


def test_of_other_tasks_everything_is(backend: Receipts) -> None:
    assert backend.get("theirs", "deps:") is None
    assert not backend.in_("theirs")
    backend.set("theirs", "deps:", ["x"])
    backend.dump()
    again = Receipts(STATE_FILE, codec=JSONCodec())
    assert again.get("theirs", "deps:") == ["x"]
    assert again.in_("theirs")
    again.remove("theirs")
    again.dump()
    assert not Receipts(STATE_FILE, codec=JSONCodec()).in_("theirs")


def test_any_task_can_be_ignored(backend: Receipts) -> None:
    backend.set("note", "ignore:", "1")
    backend.dump()
    again = Receipts(STATE_FILE, codec=JSONCodec())
    assert again.get("note", "ignore:") == "1"


def test_our_task_is_known_when_it_has_a_receipt(backend: Receipts, small: Small) -> None:
    assert not backend.in_("note")
    small.make()
    assert backend.in_("note")


def test_forgetting_marks_the_receipt(backend: Receipts, small: Small) -> None:
    small.make()
    backend.remove("note")
    receipt = receipts.read(small.root, "note.md")
    assert receipt and receipt.forgotten
    assert not backend.in_("note")


def test_a_failed_run_does_not_forget(backend: Receipts, small: Small) -> None:
    small.make()
    backend.get("note", "ignore:")  # doit's runner asks this of each task first
    backend.remove("note")
    receipt = receipts.read(small.root, "note.md")
    assert receipt and not receipt.forgotten


def test_forgetting_all(backend: Receipts, small: Small) -> None:
    small.make()
    backend.set("theirs", "deps:", ["x"])
    backend.remove_all()
    assert not backend.in_("note")
    assert not backend.in_("theirs")


# The checker ----------------------------------------------------------------------------


@pytest.fixture
def checker(small: Small) -> Checker:
    list(graph.rule_tasks("own"))
    return Checker()


def test_our_own_files_have_been_looked_at_already(checker: Checker) -> None:
    assert checker.exists("note.md")
    assert checker.info("in.md") is None
    assert not checker.check_modified("in.md", None, OURS)
    assert checker.get_state("brainstorm.md", OURS) is None


def test_an_input_of_ours_that_another_task_makes_is_looked_for(
    checker: Checker, small: Small
) -> None:
    assert checker.exists("in.md")
    (small.root / "in.md").unlink()
    assert not checker.exists("in.md")
    assert checker.check_modified("in.md", None, "a state that was recorded")


def test_files_of_other_tasks_are_compared_by_content(checker: Checker, small: Small) -> None:
    small.write("theirs.txt", "a\n")
    state = checker.get_state("theirs.txt", None)
    small.write("theirs.txt", "a\r\n")
    assert not checker.check_modified("theirs.txt", None, state)
    small.write("theirs.txt", "b\n")
    assert checker.check_modified("theirs.txt", None, state)
    with pytest.raises(FileNotFoundError):
        checker.info("nothing.txt")


# The reporter ---------------------------------------------------------------------------


def _task(name: str) -> Any:
    return SimpleNamespace(name=name, title=lambda: name, actions=[1], verbosity=2)


@pytest.fixture
def out(backend: Receipts) -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def reporter(out: io.StringIO) -> Reporter:
    return Reporter(out, {"failure_verbosity": 0, "show_out": False})


def test_what_is_kept_says_why(
    reporter: Reporter, out: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    reporter.skip_uptodate(_task("note"))
    monkeypatch.setitem(graph._notes, "note", "note.md was edited by hand")
    reporter.skip_uptodate(_task("note"))
    reporter.skip_uptodate(_task("_hidden"))
    assert out.getvalue() == "-- note\n-- note  (note.md was edited by hand)\n"


@pytest.mark.parametrize(
    ("fail", "said"),
    [
        (TaskFailed("a line"), "note: a line\n"),
        (TaskError("a line"), "note: a line\n"),
        (UnmetDependency("spec plan"), "note: not done, because spec, plan failed\n"),
    ],
)
def test_a_failure_of_ours_is_one_line_once(
    reporter: Reporter, out: io.StringIO, fail: Any, said: str
) -> None:
    reporter.add_failure(_task("note"), fail)
    reporter.complete_run()
    assert out.getvalue() == said


def test_a_failure_of_another_task_is_doits_to_tell(reporter: Reporter, out: io.StringIO) -> None:
    try:
        raise ZeroDivisionError("oh")
    except ZeroDivisionError as error:
        fail = TaskError("their line", error)
    reporter.add_failure(_task("theirs"), fail)
    assert "ZeroDivisionError: oh" in out.getvalue()


def test_who_has_nothing_yet_is_told_what_to_try(
    reporter: Reporter, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph, "start", lambda *_: None)
    line = SimpleNamespace(task_dep=[])
    reporter.initialize({"line": line}, ["line"])
    assert "try `doit plan`" in capsys.readouterr().err
    line.task_dep = ["plan"]
    reporter.initialize({"line": line}, ["line"])
    reporter.initialize({"line": line, "note": None}, ["note"])
    assert capsys.readouterr().err == ""


def test_the_state_of_others_is_in_a_folder_that_is_made(tmp_path: Path) -> None:
    backend = Receipts(str(tmp_path / "new" / "doit.db"), codec=JSONCodec())
    backend.set("theirs", "deps:", [])
    backend.dump()
    assert (tmp_path / "new" / "doit.db").exists()
