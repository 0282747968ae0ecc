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
    rig.step()
    assert undo.main(["1"]) == 0
    captured = capsys.readouterr()
    assert "step 1 Count words is open again: todo.md, .piste/receipts/steps/1.json" in captured.out
    assert captured.err.endswith("its code stays; to take it back as well: piste undo 1 --code\n")
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


@pytest.mark.parametrize("first", [[], ["1"]])
def test_the_code_comes_back_as_well_also_as_the_hint_of_a_plain_undo_says(
    rig: Rig, first: list[str]
) -> None:
    rig.agent(GOOD + "\nwrite('bytes', 'a\\0\\r\\n')\nwrite('want', 'count.txt')")
    rig.step()
    if first:
        undo.main(first)
    assert undo.main(["1", "--code"]) == 0
    assert rig.read("want") == ""
    assert not (rig.root / "count.txt").exists()
    assert not (rig.root / "bytes").exists()
    assert rig.read("todo.md") == TODO
    assert rig.states() == ["open"] * 3
    assert rig.git("diff", "--stat", "HEAD~") == ""
    assert undo.main(["1", "--code"]) == 0  # nothing is left to be taken back


def test_code_that_was_changed_since_stays_and_so_does_the_record(rig: Rig) -> None:
    rig.agent(GOOD)
    rig.step()
    rig.write("count.txt", "mine")
    with pytest.raises(UserError, match=r"does not come off clean .*git revert --no-commit"):
        undo.main(["1", "--code"])
    assert rig.read("count.txt") == "mine"
    assert rig.states()[0] == "done"


def test_there_is_no_code_of_a_step_done_by_hand(rig: Rig) -> None:
    done.main(["2", "--untested"])
    with pytest.raises(UserError, match="no commit of an agent's for step 2"):
        undo.main(["2", "--code"])
