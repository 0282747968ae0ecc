"""`piste trace`."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from support.rig import GOOD, PLAN, Rig

from piste.commands import done, trace
from piste.system.errors import UserError

SPEC = """\
# Tally

## Requirements

- R1: It counts words.
- R2: It sums them.
- R3: It prints a table.
- R5: It sorts | by name.
"""
COVERED = PLAN.replace("Count words\n", "Count words\n\nCovers: R1\n").replace(
    "Sum them\n", "Sum them\n\nCovers: R1, R2, R3\n"
)


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    rig = Rig.make(tmp_path, monkeypatch)
    rig.write("spec.md", SPEC)
    rig.write("prompt_plan.md", COVERED)
    rig.commit("the plan")
    return rig


def said(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, list[str], str]:
    capsys.readouterr()
    code = trace.main(argv)
    captured = capsys.readouterr()
    return code, [" ".join(line.split()) for line in captured.out.splitlines()], captured.err


def data(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    capsys.readouterr()
    assert trace.main(["--json", *argv]) == 0
    return json.loads(capsys.readouterr().out)


def test_from_each_requirement_to_commits_and_tests(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.agent(f"{GOOD}; write('tests/test_count.py', 'good')")
    rig.step()
    head = rig.git("rev-parse", "HEAD")
    assert said(capsys) == (
        0,
        [
            "spec.md, by prompt_plan.md: 4 requirements, 1 partly done, 2 covered but not done, "
            "1 that no step covers",
            "REQUIREMENT STATE STEPS COMMITS TESTS",
            f"R1 It counts words. partly done 1 done, 2 open {head[:9]} tests/test_count.py",
            "R2 It sums them. not done 2 open",
            "R3 It prints a table. not done 2 open",
            "R5 It sorts | by name. no step",
            "steps that cover nothing: 3 Print",
        ],
        "",
    )


def test_json_says_it_from_both_ends(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.agent(GOOD)
    rig.step()
    found = data(capsys)
    assert [(one["id"], one["state"], one["steps"]) for one in found["requirements"]] == [
        ("R1", "partly done", ["1", "2"]), ("R2", "not done", ["2"]), ("R3", "not done", ["2"]),
        ("R5", "no step", []),
    ]  # fmt: skip
    first, second, _ = found["steps"]
    assert (first["state"], first["covers"]) == ("done", ["R1"])
    (commit,) = first["commits"]
    assert commit["subject"] == "step 1: Count words"
    assert sorted(commit["paths"]) == [".piste/receipts/steps/1.json", "count.txt", "todo.md"]
    assert (second["covers"], second["commits"]) == (["R1", "R2", "R3"], [])


def test_markdown_is_a_table(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    code, rows, _ = said(capsys, "--md")
    assert code == 0
    assert rows[0] == "# Trace: spec.md"
    assert (
        "| R1 It counts words. | not done | 1 Count words (open), 2 Sum them (open) | | |" in rows
    )
    assert "| R5 It sorts \\| by name. | no step | | | |" in rows
    assert rows[-1] == "- 3 Print"


def test_a_step_by_hand_is_in_the_commit_that_holds_its_record(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.write("test_count.py", "good")
    done.main(["1", "--untested"])
    assert data(capsys)["steps"][0]["commits"] == []
    own = rig.commit("counts by hand")
    (commit,) = data(capsys)["steps"][0]["commits"]
    assert (commit["hash"], data(capsys)["steps"][0]["tests"]) == (own, ["test_count.py"])


def test_a_trailer_of_a_persons_names_a_later_commit(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.agent(GOOD)
    rig.step()
    first = rig.git("rev-parse", "HEAD")
    rig.write("count.txt", "good, better")
    second = rig.commit("Count better\n\nPiste-Step: 1")
    hashes = [one["hash"] for one in data(capsys)["steps"][0]["commits"]]
    assert hashes == [first, second]


def test_a_number_that_was_another_steps_is_not_taken_for_this_one(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.agent(GOOD)
    rig.step()
    other = COVERED.replace("Step 1: Count words", "Step 9: Count words").replace(
        "Step 2: Sum them", "Step 1: Sum them"
    )
    rig.write("prompt_plan.md", other)
    found = {one["title"]: one for one in data(capsys)["steps"]}
    assert len(found["Count words"]["commits"]) == 1
    assert found["Sum them"]["commits"] == []


def test_a_squashed_and_an_unmerged_step_are_found_by_their_record(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.agent(GOOD)
    rig.use(land=False, commit_trailers=False)
    rig.step()
    rig.step()
    first, second = (one["commits"] for one in data(capsys)["steps"][:2])
    assert [len(first), len(second)] == [1, 1]
    assert first[0]["hash"] != second[0]["hash"]
    rig.git("merge", "--squash", "piste/main")
    squashed = rig.commit("both")
    rig.git("branch", "-D", "piste/main")
    first, second = (one["commits"] for one in data(capsys)["steps"][:2])
    assert [one["hash"] for one in (*first, *second)] == [squashed, squashed]


def test_ids_used_twice_and_unknown_ones_are_named(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.write("spec.md", SPEC.replace("R5", "R1"))
    rig.write("prompt_plan.md", COVERED.replace("R2, R3", "R2, R8"))
    assert said(capsys)[2] == (
        "spec.md:5: R1 is the id of another requirement too, on line 8; "
        "give one of them an id of its own\n"
        "prompt_plan.md: step 2 covers R8, which spec.md has not\n"
    )


def test_it_changes_no_byte_and_needs_no_git(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    import shutil

    shutil.rmtree(rig.root / ".git")
    before = {path: path.read_bytes() for path in rig.root.rglob("*") if path.is_file()}
    rig.root.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert said(capsys)[0] == 0
    rig.root.chmod(stat.S_IRWXU)
    assert {path: path.read_bytes() for path in rig.root.rglob("*") if path.is_file()} == before


def test_without_requirements_plan_or_specification(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.write("spec.md", "# Tally\n\nIt counts.\n")
    code, rows, _ = said(capsys)
    assert code == 1
    assert rows[0] == "spec.md, by prompt_plan.md: 0 requirements"
    (rig.root / "spec.md").unlink()
    with pytest.raises(UserError, match=r"there is no spec\.md"):
        trace.main([])
    (rig.root / "prompt_plan.md").unlink()
    with pytest.raises(UserError, match=r"there is no prompt_plan\.md"):
        trace.main([])


def test_a_damaged_record_in_history_is_passed_over(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.write(".piste/receipts/steps/1.json", "{")
    rig.commit("damaged")
    rig.git("rm", "-q", ".piste/receipts/steps/1.json")
    rig.commit("gone")
    rig.agent(GOOD)
    rig.step()
    assert len(data(capsys)["steps"][0]["commits"]) == 1
