"""`piste undo`."""

import json
from pathlib import Path

import pytest
from support.rig import GOOD, TODO, Rig

from piste.commands import done, undo
from piste.system.errors import UserError


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig.make(tmp_path, monkeypatch)


def test_tick_and_record_go_and_the_commit_is_named(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.agent(GOOD)
    outcome = rig.step()
    assert undo.main(["1"]) == 0
    captured = capsys.readouterr()
    assert "step 1 Count words is open again: todo.md, .piste/receipts/steps/1.json" in captured.out
    assert captured.err.endswith(f"git revert {outcome.commit[:12]}\n")
    assert rig.read("todo.md") == TODO
    assert rig.read("count.txt") == "good"
    assert rig.states() == ["open"] * 3


def test_of_a_step_done_by_hand_no_commit_is_named(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    done.main(["2", "--untested"])
    capsys.readouterr()
    undo.main(["2", "--json"])
    data = json.loads(capsys.readouterr().out)
    assert data == {
        "step": "2",
        "state": "open",
        "changed": ["todo.md", ".piste/receipts/steps/2.json"],
        "commit": None,
    }


def test_a_mark_in_the_plan_goes_too(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.write("prompt_plan.md", rig.read("prompt_plan.md").replace("Print\n", "Print ✅\n"))
    assert rig.states() == ["open", "open", "ticked"]
    undo.main(["3"])
    assert rig.states() == ["open"] * 3


def test_under_another_number_than_it_was_done(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    done.main(["1", "--untested"])
    rig.write("prompt_plan.md", rig.read("prompt_plan.md").replace("Step 1", "Step 7"))
    undo.main(["7"])
    assert rig.records() == []


def test_what_was_not_done(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    assert undo.main(["1"]) == 0
    assert capsys.readouterr().out == "step 1 Count words was not done; nothing is changed\n"
    with pytest.raises(UserError):
        undo.main(["8"])
