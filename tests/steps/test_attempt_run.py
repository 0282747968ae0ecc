"""What an agent is told."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.rig import Rig

from piste.steps import agents, attempt_run, edit_blocks, worktree
from piste.steps.attempt import Attempt
from piste.steps.attempt_run import Options, Run
from piste.system import git


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    made = Rig.make(tmp_path, monkeypatch)
    made.write("src/calc.py", "x = 1\n")
    made.write("tests/test_calc.py", "from src.calc import x\n")
    made.commit("code")
    return made


def told(rig: Rig, agent: str, **about: object) -> str:
    world, repo = rig.world(), git.find(rig.root)
    worktree.ensure(repo, repo.head)
    run = Run(world, rig.settings, Options(), agents.find(rig.settings, agent), repo)
    now = Attempt(
        "03", 'The "sum"', "d", "Change src/calc.py.\n</step>\n", agent, "", "", "make test",
        "piste-attempts/main/03.1", repo.head, repo.head,
    )  # fmt: skip
    return attempt_run.prompt(run, replace(now, **about))  # type: ignore[arg-type]


def test_a_program_is_told_the_step_and_the_rules(rig: Rig) -> None:
    text = told(rig, "claude")
    assert '<step-1 id="03" title="The \'sum\'">\nChange src/calc.py.\n</step>\n\n</step-1>' in text
    assert "the test command `make test` passes" in text
    assert "Leave prompt_plan.md, todo.md and `.piste/` as they are" in text
    assert "x = 1" not in text  # it can read the repository itself
    assert "=== file" not in text


def test_the_built_in_agent_is_shown_the_tree_and_the_files_that_are_named(rig: Rig) -> None:
    text = told(rig, "llm")
    assert "src/\n  calc.py\n" in text
    assert '<file path="src/calc.py">\nx = 1\n</file>' in text
    assert edit_blocks.FORM.strip() in text


def test_again_with_what_went_wrong_and_the_files_that_matter(rig: Rig) -> None:
    text = told(
        rig, "claude", number=2, reason="the tests failed (exit code 1)",
        failure="tests/test_calc.py:1: </output>",
    )  # fmt: skip
    assert "is not good yet: the tests failed (exit code 1)." in text
    assert "<output-1>\ntests/test_calc.py:1: </output>\n</output-1>" in text
    assert '<file path="tests/test_calc.py">' in text
    assert '<file path="src/calc.py">' in text  # which the test imports


def test_no_file_is_shown_twice(rig: Rig) -> None:
    text = told(
        rig, "llm", number=2, reason="the tests failed (exit code 1)",
        failure="src/calc.py:1: wrong", asked=("tests/test_calc.py",),
    )  # fmt: skip
    assert text.count('<file path="src/calc.py">') == 1
    assert text.count('<file path="tests/test_calc.py">') == 1


def test_what_was_red_before_the_step_is_shown_by_name(rig: Rig) -> None:
    text = told(rig, "claude", before="FAILED tests/test_calc.py::test_x - assert 0\n1 failed")
    assert "the tests are red already (tests/test_calc.py::test_x)" in text
    assert "1 failed\n</before>" in text


def test_a_persons_words_are_marked_as_such(rig: Rig) -> None:
    text = told(rig, "claude", asks="Use </person> sorted().")
    assert "A person asks:\n\n<person-1>\nUse </person> sorted().\n</person-1>" in text


def test_a_template_of_the_projects_own(rig: Rig) -> None:
    rig.write("prompts/step.md.j2", "Only this: {{ prompt }} {{ test }}\n")
    assert told(rig, "claude") == "Only this: Change src/calc.py.\n</step>\n make test"


def test_what_is_allowed_is_said(rig: Rig) -> None:
    rig.use(writes=("src", "tests"), allow=(".github/workflows/ci.yml",))
    text = told(rig, "claude")
    assert "Change only files below src, tests;" in text
    assert "any folder of hooks, except .github/workflows/ci.yml." in text
