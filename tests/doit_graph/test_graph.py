"""Rules as doit's tasks: what doit is told, and what it gets when it runs one."""

import signal
from typing import Any

import pytest
from conftest import Small
from doit.exceptions import InvalidDodoFile, TaskError, TaskFailed

from piste.doit_graph import graph
from piste.engine import freshness
from piste.system.errors import Failed, OverBudget, UserError
from piste.system.paths import STATE


def _task(small: Small) -> dict[str, Any]:
    (found,) = graph.rule_tasks("own")
    return found


class _DoitTask:
    """What of doit's task our objects look at."""

    def __init__(self, **options: Any) -> None:
        self.options = options


def _fresh(small: Small, **options: Any) -> graph.Fresh:
    ((fresh,),) = _task(small)["uptodate"]
    fresh.task = _DoitTask(**options)
    return fresh


def test_a_rule_as_a_task(small: Small) -> None:
    found = _task(small)
    assert (found["basename"], found["targets"], found["file_dep"]) == (
        "note", ["note.md"], ["in.md"],
    )  # fmt: skip
    assert found["doc"] == "made by [rules.note] → note.md"
    assert "note" in graph.ours


def test_every_rule_is_in_one_stage(small: Small) -> None:
    world = graph.world()
    stages = {rule.stage for rule in world.rules.values()}
    names = [found["basename"] for stage in stages for found in graph.rule_tasks(stage)]
    assert sorted(names) == sorted(world.rules)


def test_all_names_of_an_input_are_dependencies(small: Small) -> None:
    found = {task["basename"]: task for task in graph.rule_tasks("line")}
    assert found["spec"]["file_dep"] == ["brainstorm.md", "idea.md"]


def test_a_file_that_a_person_brought_needs_nothing(small: Small) -> None:
    small.write("note.md", "# Mine\n")
    assert _task(small)["file_dep"] == []


def test_a_target_that_lost_its_receipt_needs_its_inputs(small: Small) -> None:
    small.make()
    (small.root / ".piste/receipts/note.md.json").unlink()
    assert _task(small)["file_dep"] == ["in.md"]


def test_wrong_settings_are_doits_own_kind_of_error(small: Small) -> None:
    small.write("piste.toml", "modle = 1")
    with pytest.raises(InvalidDodoFile, match="unknown setting 'modle'"):
        graph.world()


def test_the_truth_value_is_the_decision(small: Small) -> None:
    fresh = _fresh(small)
    assert not fresh
    assert str(fresh) == "note.md is missing: note.md is not there"
    small.make()
    assert fresh
    assert graph.note_of("note") == ""
    small.write("note.md", "# Mine\n")
    assert fresh
    assert graph.note_of("note") == "note.md was edited by hand"
    small.write("in.md", "# Other\n")
    assert not fresh


@pytest.mark.parametrize("option", ["overwrite", "again"])
def test_an_option_that_asks_for_work_is_not_up_to_date(small: Small, option: str) -> None:
    small.make()
    assert _fresh(small, overwrite=False, again=False, model="")
    assert not _fresh(small, **{option: True})


def test_a_model_for_one_task_alone(small: Small) -> None:
    small.settings(rule='model = "outline"')
    small.make()
    assert _fresh(small, model="outline")
    other = _fresh(small, model="another")
    assert not other
    assert other.decide().why() == "model: outline → another"


def test_a_bug_in_a_decision_is_a_failed_one(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(freshness, "decide", bug)
    decision = _fresh(small).decide()
    assert (decision.state, decision.up_to_date) == ("failed", False)
    assert "a bug in piste (ZeroDivisionError: oh)" in decision.why()


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (Failed("no"), TaskFailed, 1),
        (UserError("no"), TaskError, 2),
        (OverBudget("no"), TaskError, 3),
    ],
)
def test_what_an_action_comes_to(error: Exception, kind: type[Exception], code: int) -> None:
    def act(**_: object) -> str:
        raise error

    result = graph.run(act)
    assert type(result) is kind
    assert result.message == "no"
    assert graph.exit_code == code


def test_a_bug_in_an_action_is_one_line() -> None:
    def act(**_: object) -> str:
        raise ZeroDivisionError("oh")

    result = graph.run(act)
    assert type(result) is TaskError
    assert "a bug in piste (ZeroDivisionError: oh)" in result.message
    assert not result.traceback


def test_a_stopped_action_is_no_bug() -> None:
    def act(**_: object) -> str:
        raise InterruptedError

    assert graph.run(act).message == "stopped"


def test_a_good_action_says_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert graph.run(lambda **options: f"made {options}", a=1) is None
    assert capsys.readouterr().err == "   made {'a': 1}\n"


# Clean ----------------------------------------------------------------------------------


def _clean(small: Small, dryrun: bool = False) -> None:
    graph.use(small.world())
    graph.clean(small.rule(), dryrun)


def test_clean_removes_what_comes_back(small: Small, capsys: pytest.CaptureFixture[str]) -> None:
    small.make()
    text = small.read()
    _clean(small, dryrun=True)
    assert small.read() == text
    _clean(small)
    assert not (small.root / "note.md").exists()
    assert small.make().event == "restored"
    assert small.read() == text
    assert capsys.readouterr().err == "would remove note.md\nremoved note.md\n"


def test_clean_brings_a_text_into_a_store_that_does_not_have_it(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.make()
    text = small.read()
    monkeypatch.setenv("PISTE_STORE", str(small.root.parent / "another store"))
    _clean(small)
    assert small.make().event == "restored"
    assert small.read() == text


@pytest.mark.parametrize("start", ["edited", "accepted", "brought", "damaged receipt"])
def test_clean_keeps_what_a_person_wrote(
    small: Small, start: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if start != "brought":
        small.make()
    if start != "damaged receipt":
        small.write("note.md", "# Mine\n")
    if start == "accepted":
        small.accept()
    if start == "damaged receipt":
        small.write(f"{STATE}/receipts/note.md.json", "{")
    capsys.readouterr()
    before = small.read()
    _clean(small)
    assert small.read() == before
    said = capsys.readouterr().err
    assert said.startswith("note.md is kept: ")
    assert len(said.splitlines()) == 1


def test_clean_of_nothing_says_nothing(small: Small, capsys: pytest.CaptureFixture[str]) -> None:
    _clean(small)
    assert capsys.readouterr().err == ""


# Signals --------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_is_an_orderly_end(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    handlers: dict[int, Any] = {}
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_DFL)  # another test's may stay
    graph.start()
    with pytest.raises(SystemExit) as raised:
        handlers[number](number, None)
    assert raised.value.code == code
    assert graph.stop.is_set()


def test_a_handler_of_somebody_else_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_IGN)
    monkeypatch.setattr(signal, "signal", lambda *_: pytest.fail("replaced"))
    graph.start()
