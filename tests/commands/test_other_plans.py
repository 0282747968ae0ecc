"""Plans of other tools, where they lie: named, set, or behind a symlink."""

from pathlib import Path

import pytest
from support.rig import TODO, Rig

from piste.commands import done, prompt_plan_status, run, steps, undo
from piste.commands import next as next_verb
from piste.engine import records
from piste.system.errors import UserError

TASKS = """\
# Tasks: House

## Phase 1: Base

- [ ] T001 Write count.txt
- [ ] T002 [P] Write sum.txt
"""
WHERE = "specs/001/tasks.md"


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    rig = Rig.make(tmp_path, monkeypatch)
    rig.write(WHERE, TASKS)
    return rig


def ticked(text: str, step: str) -> str:
    return text.replace(f"[ ] {step}", f"[x] {step}")


def test_a_plan_that_is_named_is_ticked_in_place(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    assert steps.main(["--plan", WHERE]) == 0
    assert "T001  open   Write count.txt" in capsys.readouterr().out
    assert done.main(["--plan", WHERE, "--untested"]) == 0
    assert rig.read(WHERE) == ticked(TASKS, "T001")
    assert rig.read("todo.md") == TODO
    assert next_verb.main(["--plan", WHERE]) == 0
    assert "T002 [P] Write sum.txt" in capsys.readouterr().out
    assert undo.main(["--plan", WHERE, "T001"]) == 0
    assert rig.read(WHERE) == TASKS
    assert rig.states() == ["open"] * 3


def test_the_same_task_of_another_feature_is_another(rig: Rig) -> None:
    rig.write("specs/002/tasks.md", TASKS)
    done.main(["--plan", WHERE, "T001", "--untested"])
    assert steps.main(["--plan", "specs/002/tasks.md"]) == 0
    done.main(["--plan", "specs/002/tasks.md", "T001", "--untested"])
    assert sorted(one.plan for one in records.load(rig.root).values()) == [
        WHERE, "specs/002/tasks.md",
    ]  # fmt: skip
    undo.main(["--plan", WHERE, "T001"])
    assert [one.plan for one in records.load(rig.root).values()] == ["specs/002/tasks.md"]


@pytest.mark.parametrize("way", ["setting", "symlink"])
def test_a_plan_that_lies_elsewhere(rig: Rig, way: str) -> None:
    if way == "setting":
        rig.write("piste.toml", f'model = "outline"\n[rules.plan]\ntarget = "{WHERE}"\n')
    else:
        (rig.root / "prompt_plan.md").unlink()
        (rig.root / "prompt_plan.md").symlink_to(WHERE)
    assert done.main(["T002", "--untested"]) == 0
    assert rig.read(WHERE) == ticked(TASKS, "T002 ")
    assert (rig.root / "prompt_plan.md").is_symlink() == (way == "symlink")


@pytest.mark.parametrize("way", ["option", "symlink"])
def test_an_agent_carries_it_out_and_the_commit_ticks_it(rig: Rig, way: str) -> None:
    rig.program(
        "gemini", '#!/bin/sh\n[ "$1" = --version ] && exit\ncat >/dev/null; echo good > count.txt\n'
    )
    words = ["--plan", WHERE]
    if way == "symlink":
        (rig.root / "prompt_plan.md").unlink()
        (rig.root / "prompt_plan.md").symlink_to(WHERE)
        words = []
    rig.commit("tasks")
    assert run.main(["--agent", "gemini", "--test", "true", *words]) == 0
    assert rig.show(WHERE).strip() == ticked(TASKS, "T001").strip()


@pytest.mark.parametrize(
    ("path", "said"), [("no.md", "there is no plan no.md"), ("../x.md", "leads out of the project")]
)
def test_a_plan_that_is_not_there_or_not_in_the_project(rig: Rig, path: str, said: str) -> None:
    (rig.root.parent / "x.md").write_text(TASKS)
    with pytest.raises(UserError, match=said):
        steps.main(["--plan", path])


KIRO = """\
# Implementation Plan

- [ ] 1. Base
  - [ ] 1.1 Write count.txt
    - _Requirements: 1.1_
  - [ ]* 1.2 Test it
- [ ]* 2. Paint it
"""


def test_what_is_optional_is_not_missing_and_a_whole_is_its_parts(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.write(WHERE, KIRO)
    rig.commit("kiro")
    plan = ("--plan", WHERE)
    assert next_verb.main([*plan]) == 0
    assert "step 1.1 Write count.txt" in capsys.readouterr().err
    assert prompt_plan_status.main([*plan]) == 0
    assert "1 of 4 steps left; next: 1.1" in capsys.readouterr().out
    assert done.main([*plan, "--untested"]) == 0
    assert rig.read(WHERE) == KIRO.replace("[ ] 1. B", "[x] 1. B").replace("[ ] 1.1", "[x] 1.1")
    capsys.readouterr()
    assert run.main([*plan, "--all", "--test", "true"]) == 0
    said = "all steps are done but 2 optional: 1.2, 2 (piste run 1.2)"
    assert said in capsys.readouterr().err
    assert steps.main([*plan]) == 0
    assert (
        "4 steps, 1 done, 1 ticked, 2 optional and open, nothing else is" in capsys.readouterr().out
    )
    assert undo.main([*plan, "1.1"]) == 0
    assert rig.read(WHERE) == KIRO


ISSUES = """\
# Missing tests: tally

## T1. Count words: a file that is empty

**Labels:** tests, cli
**Files:** count.py:3
**Line:** `def count(text):`

**What:** No test reaches it.

```
count("")
```

**Test cases:**

- `test_empty`: given "", when count is called, then 0

## T4. Sum them

**Labels:** tests
**Files:** sum.py:1
**Line:** `def total(rows):`

**What:** Nothing tests it.

<!-- next: T5 -->
"""


def test_a_section_of_issues_is_carried_out_like_a_step(rig: Rig) -> None:
    rig.write("missing-tests.md", ISSUES)
    rig.program(
        "gemini",
        '#!/bin/sh\n[ "$1" = --version ] && exit\n'
        'cat > "$(dirname "$0")/told"; echo good >> new.txt\n',
    )
    rig.commit("issues")
    words = ["--from", "missing-tests.md", "--agent", "gemini", "--test", "true"]
    assert run.means_steps(["T1", *words])
    assert run.main([*words, "1"]) == 0
    told = (rig.bin / "told").read_text()
    assert "It is an issue about this repository" in told
    assert 'count("")' in told
    assert "- `test_empty`: given" in told
    assert "next: T5" not in told
    done_one = ISSUES.replace("is empty\n", "is empty ✅\n")
    assert rig.read("missing-tests.md") == done_one
    assert rig.read("todo.md") == TODO  # whose first step shares words and number
    assert rig.states() == ["open"] * 3
    assert "Piste-Step: T1\nPiste-Plan: missing-tests.md\n" in rig.git("log", "-1", "--format=%B")
    (record,) = records.load(rig.root).values()
    assert (record.step, record.plan) == ("T1", "missing-tests.md")
    assert run.main(words) == 0
    assert "✅" in rig.read("missing-tests.md").split("## T4")[1]


def test_an_attempt_at_an_issue_is_none_at_the_step_of_that_number(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.write("issues.md", ISSUES.replace("## T1.", "## 1.").replace("## T4.", "## 2."))
    rig.program("gemini", '#!/bin/sh\n[ "$1" = --version ] && exit\necho bad > count.txt\n')
    rig.commit("issues")
    words = ["--from", "issues.md", "--agent", "gemini", "--attempts", "1", "1"]
    assert run.main([*words, "--test", "sh check.sh"]) == 1
    capsys.readouterr()
    steps.main([])
    assert "failed" not in capsys.readouterr().out
    steps.main(["--plan", "issues.md"])
    assert "1     failed" in capsys.readouterr().out


def test_marks_of_issues_that_are_done_are_no_edit() -> None:
    from piste.engine import hashing, rules

    for name in ("github_issues", "missing_tests", "code_review"):
        kind = rules.BUILT_IN[name].kind
        marked = ISSUES.replace("is empty\n", "is empty ✅\n")
        assert hashing.digest(marked.encode(), kind) == hashing.digest(ISSUES.encode(), kind)
