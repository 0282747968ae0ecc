"""`piste done` and the tests it runs."""

import json
import sys
from pathlib import Path

import pytest
from support.rig import GOOD, TEST, Rig

from piste.commands import done
from piste.engine import records
from piste.system.errors import UserError


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig.make(tmp_path, monkeypatch)


def test_green_it_is_ticked_and_recorded_and_nothing_is_committed(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    assert done.main(["--test", TEST]) == 0
    captured = capsys.readouterr()
    assert captured.out == "step 1 Count words is done: todo.md, .piste/receipts/steps/1.json\n"
    assert captured.err == f"runs test: {TEST}\nnext: 2 Sum them\n"
    assert [one.agent for one in records.load(rig.root).values()] == [records.HAND]
    assert rig.subjects() == ["start"]
    assert rig.states() == ["done", "open", "open"]


def test_red_it_is_not(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.write("count.txt", "bad")
    assert done.main(["--test", TEST]) == 1
    captured = capsys.readouterr()
    assert captured.out == "FAILED: count.txt: bad\n"
    assert "step 1 Count words is not ticked: the tests failed (exit code 1)" in captured.err
    assert rig.records() == []
    assert "[x]" not in rig.read("todo.md")


def test_red_as_json(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    assert done.main(["--test", "echo no; exit 3", "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data == {"step": "1", "state": "open", "tests": "the tests failed (exit code 3)",
                    "failure": "no"}  # fmt: skip


def test_with_real_pytest_that_it_finds_itself(
    rig: Rig, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    python = rig.bin / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@" -p no:cacheprovider\n')
    python.chmod(0o755)
    rig.write("tests/test_it.py", "def test_it():\n    assert 1 == 2\n")
    assert done.main([]) == 1
    assert "assert 1 == 2" in capsys.readouterr().out
    rig.write("tests/test_it.py", "def test_it():\n    assert 2 == 2\n")
    assert done.main([]) == 0
    assert [one.tests for one in records.load(rig.root).values()] == ["python -m pytest"]


def test_on_a_persons_word(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.write("count.txt", "bad")
    assert done.main(["3", "--untested"]) == 0
    assert "step 3 Print is done, untested" in capsys.readouterr().out
    assert rig.states() == ["open", "open", "done"]


def test_without_a_test_command(rig: Rig) -> None:
    with pytest.raises(UserError, match="no test command is known for this project"):
        done.main([])


def test_while_finished_steps_wait_to_be_merged(rig: Rig) -> None:
    rig.agent(GOOD)
    rig.use(land=False)
    rig.step()
    with pytest.raises(
        UserError, match="finished steps are on piste/main; take them first: git merge"
    ):
        done.main(["--untested"])


def test_done_by_hand_after_a_failed_attempt(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.agent("write(name, 'bad')")
    rig.use(attempts=1)
    failed = rig.step()
    rig.git("merge", "--quiet", failed.branch)
    rig.write("count.txt", "good")
    rig.commit("mended")
    assert done.main(["--test", TEST]) == 0
    assert rig.states()[0] == "done"


def test_nothing_left(rig: Rig) -> None:
    for step in "123":
        done.main([step, "--untested"])
    with pytest.raises(UserError, match="nothing is left to be done"):
        done.main([])


def test_the_plan_names_the_tests_where_no_setting_does(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    named = "Three steps.\n\nTest command: `sh check.sh` (from step 1 on)"
    rig.write("prompt_plan.md", rig.read("prompt_plan.md").replace("Three steps.", named))
    rig.write("Makefile", "test:\n\tfalse\n")  # what the project seems to have comes after it
    assert done.main([]) == 0
    assert capsys.readouterr().err.startswith("runs test: sh check.sh\n")
    rig.write("piste.toml", 'model = "outline"\ntest = "exit 3"\n')
    assert done.main([]) == 1
    assert "exit code 3" in capsys.readouterr().err
