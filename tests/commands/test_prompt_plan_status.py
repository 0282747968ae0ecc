"""`piste prompt_plan_status`: what is left of the plan, in one line."""

import json
from pathlib import Path

import pytest

from piste.commands import done
from piste.commands import prompt_plan_status as verb
from piste.system.errors import UserError


def plan(*titles: str) -> str:
    return "# Plan\n\n" + "".join(f"## {title}\n\n```text\nDo it.\n```\n\n" for title in titles)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (plan("Step 1: Count", "Step 2: Sum"), "2 of 2 steps left; next: 1 Count (line 3)\n"),
        (plan("Step 1: Count ✅", "Step 2: Sum"), "1 of 2 steps left; next: 2 Sum (line 9)\n"),
        (plan("Step 1: Count", "Step 2: Sum ✅"), "1 of 2 steps left; next: 1 Count (line 3)\n"),
        (plan("Step 1: Count ✅", "Step 2: Sum ✅"), "all 2 steps are done\n"),
        (plan("Step 1: Count ✅"), "the one step is done\n"),
        (plan("Step 1: A\x1b[2Jb"), "1 of 1 steps left; next: 1 A\\x1b[2Jb (line 3)\n"),
    ],
)
def test_what_is_left_and_what_is_next(
    project: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    (project / "prompt_plan.md").write_text(text)

    assert verb.main([]) == 0

    assert capsys.readouterr().out == said
    assert (project / "prompt_plan.md").read_text() == text


def test_what_is_doubtful_is_said_beside_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "prompt_plan.md").write_text(plan("Step 1: Count", "Step 3: Sum"))

    assert verb.main([]) == 0

    shown = capsys.readouterr()
    assert shown.out == "2 of 2 steps left; next: 1 Count (line 3)\n"
    assert shown.err == "prompt_plan.md:9: no step 2 before 3\n"


def test_the_same_as_json(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "prompt_plan.md").write_text(plan("Step 1: Count ✅", "Step 2: Sum"))

    assert verb.main(["--json"]) == 0

    assert json.loads(capsys.readouterr().out) == {
        "steps": 2, "left": 1, "next": {"id": "2", "title": "Sum", "line": 9}, "problems": [],
        "changed": [], "behind": "",
    }  # fmt: skip


def test_a_step_with_a_record_is_done_whatever_the_marks_say(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "prompt_plan.md").write_text(plan("Step 1: Count", "Step 2: Sum"))
    (project / "todo.md").write_text("- [ ] Step 1: Count\n")
    done.main(["1", "--untested"])
    capsys.readouterr()

    assert verb.main([]) == 0
    assert capsys.readouterr().out == "1 of 2 steps left; next: 2 Sum (line 9)\n"


def test_the_plan_is_where_the_settings_put_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "piste.toml").write_text('[rules.plan]\ntarget = "docs/plan.md"\n')
    (project / "docs").mkdir()
    (project / "docs/plan.md").write_text(plan("Step 1: Count"))

    assert verb.main([]) == 0
    assert capsys.readouterr().out.startswith("1 of 1 ")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "there is no prompt_plan.md; `piste plan` makes it"),
        (b"Just words.\n", "prompt_plan.md: no line of it names a step"),
        (b"", "prompt_plan.md: no line of it names a step"),
        (b"# Plan\n\n\xff", r"prompt_plan.md: byte 8 \(line 3\) is not UTF-8"),
    ],
)
def test_a_plan_that_cannot_be_counted(project: Path, data: bytes | None, said: str) -> None:
    if data is not None:
        (project / "prompt_plan.md").write_bytes(data)

    with pytest.raises(UserError, match=said):
        verb.main([])


def test_a_folder_in_its_place(project: Path) -> None:
    (project / "prompt_plan.md").mkdir()

    with pytest.raises(UserError, match=r"prompt_plan\.md is a folder"):
        verb.main([])
