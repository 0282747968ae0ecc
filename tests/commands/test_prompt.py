"""`piste prompt`: what would be sent, and where each part of it is from."""

from pathlib import Path

import pytest

from piste.engine import make
from piste.engine import project as piste_project

from .conftest import Say, add, build


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


LONG = f"2. {'A requirement of many words. ' * 12}\n"


def test_an_old_prompt_is_shown_as_it_was_sent(project: Path, say: Say) -> None:
    add(project / "spec.md", LONG)
    first = say("prompt", "plan").out
    build(project, "plan")
    add(project / "spec.md", "3. One more.\n")
    build(project, "plan", again=True)
    second = say("prompt", "plan").out
    add(project / "spec.md", "4. Not asked yet.\n")
    said = say("prompt", "plan", "--at", "2")
    assert said.out == first
    assert said.err.startswith("prompt_plan.md, version 2: sent to outline on 2")
    assert say("prompt", "plan", "--at", "1").out == second
    found = say("prompt", "plan", "--at", "1", "--json").json
    assert found["inputs"].keys() == {"spec.md"}
    assert LONG in found["prompt"]


def test_an_amendments_prompt_is_its_own(made: Path, say: Say) -> None:
    plan = made / "prompt_plan.md"
    plan.write_text(plan.read_text().replace("# Tally", "# Tally, mine", 1))
    build(made, "todo")
    assert "+# Tally, mine" in say("prompt", "todo", "--at", "1").out


def test_in_a_clone_the_store_knows_it(
    made: Path, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is nobody's to share; the receipt leads to the reply, and that to its prompt."""
    prompt = say("prompt", "plan").out
    (made / ".piste/log.jsonl").unlink()
    made.rename(tmp_path / "clone")
    monkeypatch.chdir(tmp_path / "clone")
    assert say("prompt", "plan", "--at", "1").out == prompt


def test_a_secret_stays_masked(project: Path, say: Say) -> None:
    token = "ghp_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5"
    add(project / "spec.md", f"3. Use {token}\n{LONG}")
    build(project, "plan")
    assert token not in say("prompt", "plan", "--at", "1").out


def test_a_text_of_ones_own_has_no_prompt(made: Path, say: Say) -> None:
    add(made / "prompt_plan.md", "Mine.\n")
    say("restore", "plan")
    (at,) = [v["at"] for v in say("restore", "plan", "--list", "--json").json
             if v["event"] == "yours"]  # fmt: skip
    said = say("prompt", "plan", "--at", str(at))
    assert (said.code, said.err.rsplit("; ", 1)[1]) == (2, "no prompt made that text\n")


def test_ticks_of_today_are_not_in_the_prompt_of_then(project: Path, say: Say) -> None:
    """Marks are no content: one digest, two texts."""
    build(project, "plan")
    plan = project / "prompt_plan.md"
    text = plan.read_text()
    plan.write_text(text.replace("## Step 1:", "## \u2713 Step 1:", 1))
    build(project, "todo")
    plan.write_text(text)
    build(project, "todo", again=True)
    assert "\u2713 Step 1" in say("prompt", "todo", "--at", "1").out
