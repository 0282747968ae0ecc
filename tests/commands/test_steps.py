"""`piste steps`."""

import json
import stat
from pathlib import Path

import pytest
from support.rig import GOOD, PLAN, Rig

from piste.commands import steps
from piste.steps import attempt
from piste.system.errors import UserError


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig.make(tmp_path, monkeypatch)


def said(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, list[str], str]:
    code = steps.main(argv)
    captured = capsys.readouterr()
    return code, [" ".join(line.split()) for line in captured.out.splitlines()], captured.err


def test_the_chain_with_its_form_and_what_is_next(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.agent(GOOD)
    rig.step()
    capsys.readouterr()
    rig.write("prompt_plan.md", rig.read("prompt_plan.md").replace("Print\n", "Print ✅\n"))
    assert said(capsys) == (
        0,
        [
            "prompt_plan.md: 3 steps, from headings such as '## Step 1: Count words'",
            "STEP STATE TITLE",
            "1 done Count words by gemini 1.0, tests passed",
            "2 open Sum them",
            "3 ticked Print marked as done in the plan; there is no record",
            "3 steps, 1 done, 1 ticked, next: 2 Sum them",
        ],
        "",
    )


def test_a_step_that_was_changed_after_it_was_done(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.agent(GOOD)
    rig.step()
    rig.write("prompt_plan.md", PLAN.replace("Write count", "Write a better count"))
    assert said(capsys)[1][2] == (
        "1 changed Count words its prompt was changed after it was done (by gemini 1.0)"
    )


def test_an_attempt_that_failed_or_waits_is_named(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.agent("write(name, 'bad')")
    rig.use(attempts=1)
    rig.step()
    assert said(capsys)[1][2] == (
        "1 failed Count words the tests failed (exit code 1) (after 1 try); kept on "
        "piste-attempts/main/1.1"
    )
    now = attempt.load(rig.root)
    assert now is not None
    attempt.save(rig.root, attempt.Attempt(**{**vars(now), "phase": attempt.REVIEW}))
    assert said(capsys)[1][2] == "1 review Count words waits for your word: piste run 1 --review"
    attempt.save(rig.root, attempt.Attempt(**{**vars(now), "phase": attempt.TESTS}))
    assert said(capsys)[1][2] == "1 begun Count words by gemini, try 1; `piste run` goes on there"


def test_steps_on_a_branch_that_is_not_merged_count(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.agent(GOOD)
    rig.use(land=False)
    rig.step()
    assert said(capsys)[1][-1] == "3 steps, 1 done, next: 2 Sum them"


def test_json_and_the_problems(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.write("prompt_plan.md", PLAN.replace("Step 2", "Step 1"))
    code, _, err = said(capsys)
    assert code == 0
    assert err == "prompt_plan.md:11: step 1 is there more than once; this one is 1#2\n" + (
        "prompt_plan.md:17: no step 2 before 3\n"
    )
    steps.main(["--json"])
    data = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in data["steps"]] == ["1", "1#2", "3"]
    assert data["steps"][0]["prompt"] == "Write count.txt."
    assert data["next"] == "1"
    assert [one["kind"] for one in data["problems"]] == ["duplicate-id", "gap"]


def test_a_plan_without_steps(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.write("prompt_plan.md", "Just prose.\n")
    code, rows, _ = said(capsys)
    assert code == 1
    assert "no line of it names a step" in rows[0]


def test_without_a_plan(rig: Rig) -> None:
    (rig.root / "prompt_plan.md").unlink()
    with pytest.raises(UserError, match=r"there is no prompt_plan\.md"):
        steps.main([])


def test_it_changes_no_byte_and_needs_no_git(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    import shutil

    shutil.rmtree(rig.root / ".git")
    before = {path: path.read_bytes() for path in rig.root.rglob("*") if path.is_file()}
    rig.root.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert said(capsys)[0] == 0
    rig.root.chmod(stat.S_IRWXU)
    assert {path: path.read_bytes() for path in rig.root.rglob("*") if path.is_file()} == before


SPEC = "# Tally\n\n## Requirements\n\n1. It counts.\n2. It sums.\n3. It prints a table.\n"


def test_what_no_step_covers_is_named(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.write("spec.md", SPEC)
    assert said(capsys)[2] == ""  # the plan says nothing of it
    plan = PLAN.replace("Count words\n", "Count words\n\nFirst. Covers: 1, 2\n")
    rig.write("prompt_plan.md", plan)
    assert said(capsys)[2] == "spec.md:7: no step covers 3: It prints a table.\n"
    steps.main(["--json"])
    found = json.loads(capsys.readouterr().out)["coverage"]
    assert (found["spec"], found["requirements"]) == ("spec.md", 3)
    assert [one["id"] for one in found["uncovered"]] == ["3"]
    rig.write("prompt_plan.md", plan.replace("1, 2", "1–4"))
    assert said(capsys)[2] == "prompt_plan.md: step 1 covers 4, which spec.md has not\n"


def test_an_id_that_two_requirements_have_is_named(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.write("spec.md", "# Tally\n\n## Requirements\n\n- R1: It counts.\n- R1: It sums.\n")
    assert said(capsys)[2] == (
        "spec.md:5: R1 is the id of another requirement too, on line 6; "
        "give one of them an id of its own\n"
    )
    steps.main(["--json"])
    found = json.loads(capsys.readouterr().out)["coverage"]
    assert found["repeated"] == [{"id": "R1", "lines": [5, 6]}]


def test_the_specification_beside_another_tools_plan(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.write("spec.md", SPEC)
    rig.write("specs/001/spec.md", "# T\n\n- **FR-001**: counts\n- **FR-002**: prints\n")
    rig.write("specs/001/tasks.md", "# T\n\n- [ ] T001 Count (FR-001)\n- [ ] T002 Tidy\n")
    assert (
        "specs/001/spec.md:4: no step covers FR-002: prints"
        in said(capsys, "--plan", "specs/001/tasks.md")[2]
    )
