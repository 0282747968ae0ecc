"""`piste status`: one row a target, and the next step."""

import os
import time
from pathlib import Path

import pytest
from support.standin import StandIn

from piste.engine import log, makers
from piste.engine import project as piste_project
from piste.engine.estimate import Estimates

from .conftest import Say, add, build


def test_a_project_with_nothing_made(project: Path, say: Say) -> None:
    (project / "spec.md").unlink()
    said = say("status")
    assert said.code == 0
    assert said.rows == [
        "TARGET STATE AGE REBUILD WHY",
        "spec.md missing neither brainstorm.md nor idea.md is there",
        "prompt_plan.md missing spec.md is missing",
        "todo.md missing prompt_plan.md is missing",
    ]
    assert said.err == "next: doit idea talks the idea through; or write idea.md\n"


def test_all_is_fresh_and_the_plan_goes_on(made: Path, say: Say) -> None:
    said = say("status")
    assert [row.split()[:2] for row in said.rows[1:]] == [
        ["spec.md", "foreign"], ["prompt_plan.md", "fresh"], ["todo.md", "fresh"],
    ]  # fmt: skip
    assert said.err.startswith("next: piste next shows step 1, Set up the project; ")
    assert say("status", "plan").err == ""


def test_an_edit_of_the_source(made: Path, say: Say) -> None:
    add(made / "spec.md", "3. More.\n")
    long_ago = time.time() - 2.5 * 86400
    os.utime(made / "todo.md", (long_ago, long_ago))  # an age that no slow machine changes
    said = say("status", "plan", "todo")
    plan, todo = said.rows[1:]
    assert plan.startswith("prompt_plan.md stale ")
    assert plan.endswith(" tokens, free (outline) spec.md changed")
    assert todo.startswith("todo.md stale ")
    assert todo.endswith("prompt_plan.md is stale: spec.md changed")
    assert say("status", "todo").rows[1] == todo  # named alone, it says the same
    assert said.err == "next: doit plan amends prompt_plan.md\n"


def test_what_the_store_has_costs_nothing(made: Path, say: Say) -> None:
    (made / "todo.md").unlink()
    assert "free: in the store" in say("status", "todo").out


def test_a_price_is_a_lower_bound_and_an_unknown_one_is_said_so(
    project: Path, standin: StandIn, say: Say
) -> None:
    for model, price in (("gpt-4o-mini", "≥ $0.000"), ("chat-ok", "price unknown")):
        (project / "piste.toml").write_text(f'model = "{model}"\n')
        said = say("status", "plan")
        assert price in said.out
        assert f"({model})" in said.out


def test_a_rule_that_nobody_has_run_is_shown_on_request(made: Path, say: Say) -> None:
    assert "spec-holes.md" not in say("status").out
    assert "spec-holes.md" in say("status", "-a").out
    build(made, "poke_holes")
    assert "spec-holes.md" in say("status").out


@pytest.mark.parametrize(("seconds", "shown"), [(125, "2m"), (7300, "2h"), (200_000, "2d")])
def test_the_age_is_that_of_the_target(made: Path, say: Say, seconds: int, shown: str) -> None:
    then = (made / "todo.md").stat().st_mtime - seconds
    os.utime(made / "todo.md", (then, then))
    assert say("status", "todo").rows[1] == f"todo.md fresh {shown}"


def test_json(made: Path, say: Say) -> None:
    add(made / "spec.md", "3. More.\n")
    spec, plan, todo = say("status", "--json").json
    assert (spec["state"], spec["key"], spec["rebuild"]) == ("foreign", None, None)
    assert (plan["target"], plan["rule"], plan["state"]) == ("prompt_plan.md", "plan", "stale")
    assert plan["todo"] == "make"
    assert plan["reasons"][0]["said"] == "spec.md changed"
    assert plan["rebuild"]["model"] == "outline"
    assert plan["rebuild"]["dollars"] == 0
    assert plan["rebuild"]["tokens"] > 100
    assert plan["next"] == "doit plan amends it"
    assert plan["rebuild"]["how"] == "amend"
    assert plan["rebuild"]["whole"]["tokens"] < plan["rebuild"]["tokens"]
    assert todo["age_seconds"] >= 0
    assert len(todo["key"]) == 64  # also of what was found fresh without a look


def test_a_state_is_coloured_and_a_targets_name_is_not(made: Path, show: Say) -> None:
    (made / "piste.toml").write_text('model = "outline"\n[rules.plan]\ntarget = "fresh.md"\n')
    (made / "fresh.md").write_text("Mine.\n")
    (row,) = show("status", "plan").out.splitlines()[1:]
    assert row.startswith("fresh.md  \x1b[34mforeign\x1b[0m")


def test_colours_are_for_terminals(made: Path, say: Say) -> None:
    assert "\x1b" not in say("status").out


def test_an_estimate_is_of_the_very_prompt(made: Path, say: Say) -> None:
    add(made / "spec.md", "3. More.\n")
    world = piste_project.here()
    found = Estimates(world).of(makers.decide(world, world.rules["plan"]))
    assert found is not None and found.whole is not None
    assert found.whole.tokens == say("prompt", "plan", "--json").json["tokens"]
    build(made, "plan")
    (sent,) = [one.input_tokens for one in log.entries(made) if one.base]
    assert sent and abs(found.tokens - sent) < 0.15 * sent  # the model counts four letters a token


def test_what_no_step_covers_is_said(project: Path, say: Say) -> None:
    (project / "spec.md").write_text("# T\n\n## Requirements\n\n1. a\n2. b\n3. c\n")
    steps = "# T: plan\n\n## Step 1: Do\n\nCovers: 1\n\n```text\nDo it.\n```\n"
    (project / "prompt_plan.md").write_text(steps)
    said = "prompt_plan.md: no step covers 2, 3 of spec.md (piste steps)"
    assert said in say("status").err
    assert said in say("status", "plan").err
    assert said not in say("status", "spec").err


def test_an_id_that_two_requirements_have_is_said(project: Path, say: Say) -> None:
    (project / "spec.md").write_text("# T\n\n## Requirements\n\n- R1: a\n- R1: b\n")
    said = "spec.md:5: R1 is the id of another requirement too, on line 6;"
    assert said in say("status").err
    assert said in say("status", "spec").err
    assert said not in say("status", "todo").err


def test_the_next_step_is_the_plans_where_the_documents_are_as_they_should_be(
    made: Path, say: Say
) -> None:
    next_line = "next: piste next shows step 1, "
    assert say("status").err.startswith(next_line)
    # A paid remake beside the line is not next.
    (made / "prompts").mkdir()
    (made / "prompts/faq.md.j2").write_text('+++\ninputs = ["spec"]\n+++\n{{ spec }}')
    rule = '[rules.faq]\ntarget = "faq.md"\ninputs = ["spec.md"]\nprompt = "faq.md.j2"\n'
    (made / "piste.toml").write_text(f'model = "outline"\n{rule}')
    build(made, "faq")
    (made / "prompts/faq.md.j2").write_text('+++\ninputs = ["spec"]\n+++\nMore: {{ spec }}')
    said = say("status")
    assert "stale" in said.out
    assert said.err.startswith(next_line)
    # What the person asks for by name is what is said.
    assert say("status", "faq").err == "next: doit faq makes faq.md\n"


def test_when_all_steps_are_done_a_paid_remake_is_not_next(made: Path, say: Say) -> None:
    add(made / "spec.md", "3. More.\n")
    assert say("status").err == "next: doit plan amends prompt_plan.md\n"
    for step in say("steps", "--json").json["steps"]:
        assert say("done", step["id"], "--untested").code == 0
    said = say("status")
    assert "prompt_plan.md  stale" in said.out
    assert said.err == (
        "next: nothing: all steps of prompt_plan.md are done; doit plan makes prompt_plan.md for "
        "what is new, piste accept prompt_plan.md lets it stand\n"
    )


def test_where_code_is_only_reviewed_no_line_is_missed(
    project: Path, say: Say, own_home: Path
) -> None:
    (project / "spec.md").unlink()
    missing = [row.split()[0] for row in say("status").out.splitlines()[1:]]
    assert missing == ["spec.md", "prompt_plan.md", "todo.md"]  # nothing else is there
    (project / "a.py").write_text("x = 1\n")
    build(project, "bundle", "code_review")
    said = say("status")
    rows = [row.split()[0] for row in said.out.splitlines()[1:]]
    assert rows == ["output.txt", "code-review.md"]
    assert said.err == ""
    assert say("status", "plan").out.splitlines()[1].startswith("prompt_plan.md  missing")
    (project / "idea.md").write_text("An idea.\n")
    assert "todo.md" in say("status").out


def test_what_is_not_there_is_not_missed_where_a_person_wrote_what_follows(
    project: Path, say: Say
) -> None:
    (project / "spec.md").unlink()
    (project / "prompt_plan.md").write_text("# P\n\n## Step 1: Dig\n\n```text\nDig.\n```\n")
    assert say("status").err.endswith("next: doit todo makes todo.md\n")
    build(project, "todo")
    assert say("status").err.endswith(
        "piste next shows step 1, Dig; piste run has it carried out\n"
    )
