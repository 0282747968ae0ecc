"""A plan of the outline model goes on where steps of it are carried out."""

import pytest

from piste.documents import parts, plan
from piste.outline import going_on, model

SPEC = "# Tally\n\nCounts words.\n\n## Requirements\n\n1. Count.\n2. Sum.\n"


def outlined(spec: str) -> str:
    order = f'<spec path="spec.md">\n{spec}\n</spec>\n\nDocument: plan, for prompt_plan.md'
    return model.outline("", order)


PLAN = outlined(SPEC)
DONE = [part.name for _, part in parts.steps(PLAN)][:2]  # "Set up the project", "Count"


def titles(text: str) -> list[str]:
    return [f"{step.id} {step.title}" for step in plan.parse(text).steps]


def lines(text: str, at: int) -> tuple[str, ...]:
    return [part for _, part in parts.steps(text)][at].lines


def test_finished_steps_stay_and_what_they_built_is_changed_behind_the_last() -> None:
    after = outlined(SPEC.replace("Count.", "Count all."))
    found = going_on.plan(PLAN, PLAN, after, DONE)
    assert titles(found) == [*titles(PLAN), "5 Change what step 2 built"]
    assert [lines(found, at) for at in range(4)] == [lines(PLAN, at) for at in range(4)]
    assert "Change what step 2 built so that this holds:" in plan.parse(found).steps[4].prompt
    again = going_on.plan(found, PLAN, after, [*DONE, "step 5 Change what step 2 built"])
    assert titles(again)[:5] == titles(found)


def test_what_is_gone_is_removed_where_it_is_built_and_left_out_where_not() -> None:
    assert titles(going_on.plan(PLAN, PLAN, outlined(SPEC.replace("1. Count.\n", "")), DONE)) == [
        *titles(PLAN), "5 Remove what step 2 built",
    ]  # fmt: skip
    less = going_on.plan(PLAN, PLAN, outlined(SPEC.replace("2. Sum.\n", "")), DONE)
    assert titles(less) == [titles(PLAN)[at] for at in (0, 1, 3)]


def test_what_is_new_comes_last_and_open_steps_say_what_they_say_now() -> None:
    after = outlined(SPEC.replace("2. Sum.", "2. Sum all.\n3. Print."))
    found = going_on.plan(PLAN, PLAN, after, DONE)
    assert titles(found) == [
        *titles(PLAN)[:2], "3 Sum all.".rstrip("."), titles(PLAN)[3], "5 Print",
    ]  # fmt: skip


@pytest.mark.parametrize("mine", ["Sum them well.", "Sum"])
def test_what_a_person_has_put_otherwise_stays(mine: str) -> None:
    document = PLAN.replace("- Sum.", f"- {mine}")
    assert document != PLAN
    after = outlined(SPEC.replace("2. Sum.", "2. Sum all."))
    assert f"- {mine}" in going_on.plan(document, PLAN, after, DONE)
