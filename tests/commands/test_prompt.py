"""`piste prompt`: what would be sent, and where each part of it is from."""

from pathlib import Path

import pytest

from piste.engine import make
from piste.engine import project as piste_project

from .conftest import Say


def test_it_is_the_very_prompt_that_would_be_sent(project: Path, say: Say) -> None:
    world = piste_project.here()
    rule = world.rules["plan"]
    system, prompt = make.rendered(world, rule, make.read_inputs(world, rule))
    said = say("prompt", "plan")
    assert said.out == f"[system]\n{system}\n\n[prompt]\n{prompt}\n"
    found = say("prompt", "plan", "--json").json
    assert (found["system"], found["prompt"]) == (system, prompt)


def test_its_size_and_its_origins_are_told_beside_it(project: Path, say: Say) -> None:
    lines = [" ".join(line.split()) for line in say("prompt", "plan").err.splitlines()]
    assert " tokens (" in lines[0]
    assert lines[1:] == [
        "plan.md.j2 built in",
        "_rules.md.j2 built in",
        "spec.md input",
        'language = "" built in',
        "tests_first = true built in",
        'model = "outline" piste.toml',
    ]


def test_the_layer_that_wins_is_named(project: Path, say: Say, own_home: Path) -> None:
    template = '+++\ninputs = ["spec"]\n+++\n{who} {{{{ spec }}}}\n'
    (project / "piste.toml").write_text('model = "outline"\n[rules.plan]\nmodel = "gpt-4o-mini"\n')
    mine = own_home / ".config/piste/prompts"
    mine.mkdir(parents=True)
    (mine / "plan.md.j2").write_text(template.format(who="Mine:"))
    found = say("prompt", "plan", "--json").json
    assert found["prompt"].startswith("Mine: # Tally")
    assert found["origins"] == {
        "plan.md.j2": str(mine), "spec.md": "input", 'model = "gpt-4o-mini"': "piste.toml",
    }  # fmt: skip
    (project / "prompts").mkdir()
    (project / "prompts/plan.md.j2").write_text(template.format(who="Ours:"))
    found = say("prompt", "plan", "--json").json
    assert found["prompt"].startswith("Ours: # Tally")
    assert found["origins"]["plan.md.j2"] == "prompts"


def test_without_a_system_text_there_are_no_headings(project: Path, say: Say) -> None:
    (project / "prompts").mkdir()
    (project / "prompts/plan.md.j2").write_text('+++\ninputs = ["spec"]\n+++\nPlan it.\n')
    assert say("prompt", "plan").out == "Plan it.\n"


def test_on_a_terminal_nothing_in_it_moves_the_cursor(
    project: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "spec.md").write_text("# Tally\n\n\x1b[2J\tgone\n")
    assert "\x1b[2J\tgone" in say("prompt", "plan").out  # a program gets it as it is
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert "\\x1b[2J\tgone" in say("prompt", "plan").out


def test_a_variable_that_there_is_not(project: Path, say: Say) -> None:
    (project / "prompts").mkdir()
    (project / "prompts/plan.md.j2").write_text('+++\ninputs = ["spec"]\n+++\n\n{{ sepc }}\n')
    line = "plan.md.j2 (prompts), line 5: there is no variable 'sepc'; did you mean 'spec'?"
    assert say("prompt", "plan") == (2, "", f"piste: {line}\n")


def test_an_input_that_is_not_there_yet(project: Path, say: Say) -> None:
    line = "todo.md: prompt_plan.md is missing; doit todo makes prompt_plan.md first, then todo.md"
    assert say("prompt", "todo") == (2, "", f"piste: {line}\n")
