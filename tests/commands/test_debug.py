"""`piste debug`."""

from pathlib import Path

import pytest
from support.rig import Rig

from piste.commands import debug
from piste.system.errors import UserError


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig.make(tmp_path, monkeypatch)


def test_the_failure_of_the_last_attempt_with_its_files(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.agent("write(name, 'bad'); write('more.txt', 'good')")
    rig.use(attempts=1)
    rig.step()
    capsys.readouterr()
    assert debug.main([]) == 0
    captured = capsys.readouterr()
    assert "FAILED: count.txt: bad" in captured.out
    assert '<file path="count.txt"' in captured.out
    assert '<file path="more.txt"' in captured.out  # changed by the step
    assert "Write count.txt." in captured.out
    assert captured.err.startswith("step 1: the tests failed (exit code 1) (after 1 try): ")
    assert captured.err.endswith(" tokens packed\n")


def test_without_one_the_tests_run_here(
    rig: Rig, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.write("Makefile", "test:\n\tsh check.sh\n")
    rig.write("sum.txt", "bad")
    assert debug.main(["-o", "packed.md"]) == 0
    text = rig.read("packed.md")
    assert "FAILED: sum.txt: bad" in text
    assert '<file path="sum.txt"' in text
    assert '<step id="1"' in text  # the next one, which is under way
    assert capsys.readouterr().err.endswith(" tokens in packed.md\n")
    rig.write("sum.txt", "good")
    assert debug.main([]) == 0
    assert capsys.readouterr().err == "the tests pass: there is nothing to pack\n"


def test_here_passes_over_the_attempt(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.agent("write(name, 'bad')")
    rig.use(attempts=1)
    rig.step()
    rig.write("Makefile", "test:\n\ttrue\n")
    capsys.readouterr()
    debug.main(["--here"])
    assert "the tests pass" in capsys.readouterr().err


def test_no_tests_to_be_run(rig: Rig) -> None:
    with pytest.raises(UserError, match="no test command is known"):
        debug.main([])


def test_the_plan_names_the_tests(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    named = "Three steps.\n\n**Test command:** `echo of the plan; exit 3`"
    rig.write("prompt_plan.md", rig.read("prompt_plan.md").replace("Three steps.", named))
    assert debug.main([]) == 0
    assert "of the plan" in capsys.readouterr().out
