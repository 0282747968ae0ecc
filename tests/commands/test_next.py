"""`piste next`."""

import json
from pathlib import Path

import pytest
from support.rig import Rig

from piste.commands import done
from piste.commands import next as verb
from piste.system import clipboard
from piste.system.errors import UserError


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    made = Rig.make(tmp_path, monkeypatch)
    made.write("spec.md", "# Tally\n\nCounts words.\n")
    return made


def test_it_prints_the_prompt_and_says_which(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    assert verb.main([]) == 0
    captured = capsys.readouterr()
    assert captured.out == "Write count.txt.\n"
    assert captured.err == "step 1 Count words (prompt_plan.md, line 5)\n"


def test_another_one_and_json(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    verb.main(["03", "--json"])
    data = json.loads(capsys.readouterr().out)
    assert (data["id"], data["prompt"], data["state"]) == ("3", "Write print.txt.", "open")


def test_a_copy_has_what_a_chat_window_has_to_know(
    rig: Rig, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []

    def copy(text: str) -> str:
        copied.append(text)
        return "copied"

    monkeypatch.setattr(clipboard, "copy", copy)
    rig.write("count.txt", "good")
    plan = rig.read("prompt_plan.md").replace("Write sum.txt.", "Write sum.txt from count.txt.")
    rig.write("prompt_plan.md", plan)
    done.main(["1", "--untested"])
    capsys.readouterr()

    assert verb.main(["--copy"]) == 0
    text = copied[0]
    assert "Counts words." in text
    assert "Steps that are done: 1 Count words." in text
    assert "Steps after this one, which are not yours: 3 Print." in text
    assert '<file path="count.txt"' in text
    assert "check.sh\n" in text
    assert "Write sum.txt from count.txt." in text
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("step 2 Sum them: ")
    assert "tokens copied\nwhen it is in place: piste done 2\n" in captured.err
    verb.main(["--full"])
    assert capsys.readouterr().out.strip() == text.strip()


def test_a_copy_has_what_the_project_says_to_agents(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    verb.main(["--full"])
    assert "says to whoever works on it" not in capsys.readouterr().out
    rig.write("AGENTS.md", "Use tabs.\n")
    rig.write("CLAUDE.md", "See AGENTS.md.\n")
    verb.main(["--full"])
    said = capsys.readouterr().out
    assert "Use tabs." in said
    assert "See AGENTS.md." not in said


def test_nothing_is_left(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    for step in ("1", "2", "3"):
        done.main([step, "--untested"])
    capsys.readouterr()
    assert verb.main([]) == 0
    assert capsys.readouterr().err == "nothing is left: all 3 steps are done\n"


def test_a_step_that_there_is_not(rig: Rig) -> None:
    with pytest.raises(UserError, match=r"prompt_plan\.md has no step '9'"):
        verb.main(["9"])
