"""The steps as doit's tasks."""

from pathlib import Path

import pytest
from support import forked
from support.rig import GOOD, Rig

SETTINGS = 'model = "outline"\nagent = "gemini"\ntest = "sh check.sh"\nattempts = 1\n'


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    made = Rig.make(tmp_path, monkeypatch)
    made.write("dodo.py", "from piste.tasks import *\n")
    made.write("piste.toml", SETTINGS)
    made.commit("dodo")
    return made


def doit(rig: Rig, *words: str) -> tuple[int, list[str], str]:
    done = forked.run("doit", *words, cwd=rig.root)
    rows = [" ".join(row.split()) for row in done.stdout.splitlines()]
    return done.returncode, rows, done.stderr


def test_a_step_brings_those_before_it_along(rig: Rig) -> None:
    rig.agent(GOOD)
    code, rows, err = doit(rig, "step:2")
    assert (code, rows) == (0, [". step:1", ". step:2"])
    assert "step 2 Sum them: done" in err
    assert doit(rig, "step:2")[1] == ["-- step:1", "-- step:2"]
    assert doit(rig, "list", "--all", "-s", "step")[1][1:] == [
        "U step:1 Count words", "U step:2 Sum them", "R step:3 Print",
    ]  # fmt: skip
    assert doit(rig, "step")[1] == ["-- step:1", "-- step:2", ". step:3"]
    assert rig.calls() == ["1 first", "2 first", "3 first"]


def test_a_step_is_found_as_people_name_it_and_one_that_there_is_not_is_said(rig: Rig) -> None:
    rig.agent(GOOD)
    assert doit(rig, "step:01")[:2] == (0, [". step:1"])
    assert rig.states() == ["done", "open", "open"]
    code, rows, _ = doit(rig, "step:9")
    assert (code, rows[-1]) == (2, "step:9: prompt_plan.md has no step '9'; piste steps lists them")
    (rig.root / "prompt_plan.md").unlink()
    code, rows, _ = doit(rig, "step:1")
    assert (code, rows[-1][:37]) == (2, "step:1: there is no prompt_plan.md; `")
    assert rig.calls() == ["1 first"]


def test_a_step_that_fails_is_one_line_and_the_next_is_not_begun(rig: Rig) -> None:
    rig.agent("write(name, 'bad')")
    code, rows, err = doit(rig, "step")
    assert code == 1
    assert rows[0] == ". step:1"
    assert rows[1].startswith("step:1: step 1 Count words: failed: the tests failed (exit code 1)")
    assert len(rows) == 2
    assert "Traceback" not in err
    assert rig.calls() == ["1 first"]


def test_without_a_plan_it_says_so_and_the_list_still_works(rig: Rig) -> None:
    (rig.root / "prompt_plan.md").unlink()
    code, rows, _ = doit(rig, "step")
    assert code == 2
    assert rows[1] == "step: there is no prompt_plan.md; `piste plan` makes it from spec.md"
    assert doit(rig, "list")[0] == 0


def test_who_does_not_ask_for_steps_does_not_read_the_plan(rig: Rig) -> None:
    rig.write("prompt_plan.md", "x")
    (rig.root / "prompt_plan.md").chmod(0)
    code, _, err = doit(rig)
    assert code == 0
    assert "nothing has been made here yet" in err
