"""The chain of steps as data: which are done, which is next, what an edit changes."""

from pathlib import Path

import pytest
from support.rig import PLAN, TODO, Rig

from piste.engine import records
from piste.engine.records import HAND
from piste.steps import progress, ticking
from piste.system.errors import UserError


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig.make(tmp_path, monkeypatch)


def done(rig: Rig, *ids: str) -> None:
    """Record steps as done by hand."""
    chain = progress.chain(rig.world())
    for step_id in ids:
        link = chain.find(step_id)
        record = records.of(link.step, "prompt_plan.md", HAND, tests="pytest")
        ticking.set_done(rig.root, rig.world(), link.step, record)


def state(rig: Rig) -> list[str]:
    return [link.state for link in progress.chain(rig.world()).links]


# What a person did, and the states of steps 1, 2, 3 afterwards; 1 and 2 had been done.
EDITS = {
    "nothing": (PLAN, "done done open"),
    "ticked a step by hand": (PLAN.replace("Print\n", "Print ✅\n"), "done done ticked"),
    "ticked what is done": (PLAN.replace("## Step 1: Count words", "## Step 1: Count words ✅"),
                            "done done open"),
    "edited the last step": (PLAN.replace("print.txt", "p.txt"), "done done open"),
    "edited step 2": (PLAN.replace("Write sum.txt.", "Write better."), "done changed open"),
    "only line ends and blanks": (PLAN.replace("\n", "\r\n").replace("sum.txt.", "sum.txt.  "),
                                  "done done open"),
    "edited step 2 and gave it another title": (
        PLAN.replace("Sum them", "Add them").replace("sum.txt", "s.txt"), "done open open"
    ),
    "put a step in the place of 2, and edited what was 2": (
        PLAN.replace("Step 3", "Step 4").replace("Step 2", "Step 3").replace("sum.txt", "s.txt")
        .replace("## Step 3", "## Step 2: New\n\n```text\nBegin.\n```\n\n## Step 3", 1),
        "done open changed open",
    ),
    "another title": (PLAN.replace("Sum them", "Add them up"), "done done open"),
    "put a step in front, and renumbered": (
        PLAN.replace("Step 3", "Step 4").replace("Step 2", "Step 3").replace("Step 1", "Step 2")
        .replace("## Step 2", "## Step 1: New\n\n```text\nBegin.\n```\n\n## Step 2", 1),
        "open done done open",
    ),
    "took step 1 out, and renumbered": (
        "# T\n\n## Step 1: Sum them\n\n```text\nWrite sum.txt.\n```\n\n## Step 2: Print\n\n"
        "```text\nWrite print.txt.\n```\n",
        "done open",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", EDITS)
def test_editing_the_plan(rig: Rig, what: str) -> None:
    done(rig, "1", "2")
    text, expected = EDITS[what]
    rig.write("prompt_plan.md", text)
    assert state(rig) == expected.split()


def test_a_step_under_another_number_says_so(rig: Rig) -> None:
    done(rig, "1")
    rig.write("prompt_plan.md", PLAN.replace("Step 3", "Step 9").replace("Step 1", "Step 7"))
    link = progress.chain(rig.world()).find("7")
    assert (link.state, link.why) == ("done", "by hand, tests passed, as step 1")


def test_equal_prompts_are_told_apart_by_their_numbers(rig: Rig) -> None:
    rig.write("prompt_plan.md", PLAN.replace("sum.txt", "count.txt"))
    done(rig, "1")
    assert state(rig) == ["done", "open", "open"]


# Finding steps ----------------------------------------------------------------------------------


def test_steps_are_found_as_people_name_them(rig: Rig) -> None:
    rig.write("prompt_plan.md", PLAN.replace("Step 1", "Step 01").replace("Step 2", "Step 02"))
    chain = progress.chain(rig.world())
    assert chain.find("1").step.id == "01"
    assert [link.step.id for link in chain.between("1", "02")] == ["01", "02"]
    assert [link.step.id for link in chain.between("02", "")] == ["02", "3"]
    assert [link.step.id for link in chain.between("", "02")] == ["01", "02"]
    with pytest.raises(UserError, match="step 1 comes before step 3"):
        chain.between("3", "1")
    with pytest.raises(UserError, match=r"prompt_plan\.md has no step '12'"):
        chain.find("12")


def test_no_plan(rig: Rig) -> None:
    (rig.root / "prompt_plan.md").unlink()
    with pytest.raises(
        UserError, match=r"there is no prompt_plan\.md; `piste plan` makes it from spec"
    ):
        progress.chain(rig.world())


def test_settings_that_are_not_set_are_default(rig: Rig) -> None:
    found = progress.settings(rig.world())
    assert (found.agent, found.attempts, found.land) == ("llm", 3, True)


def test_a_step_done_under_the_number_of_another_leaves_that_its_record(rig: Rig) -> None:
    done(rig, "1", "2")
    rig.write("prompt_plan.md", EDITS["put a step in the place of 2, and edited what was 2"][0])
    done(rig, "2")
    assert state(rig) == ["done", "done", "changed", "open"]
    done(rig, "3")
    assert state(rig) == ["done", "done", "done", "open"]
    assert len(records.load(rig.root)) == 3


def test_a_record_that_no_step_has_is_named(rig: Rig) -> None:
    done(rig, "1")
    rig.write("prompt_plan.md", PLAN.replace("count.txt", "c.txt").replace("Count words", "Read"))
    chain = progress.chain(rig.world())
    assert chain.links[0].state == "open"
    assert [record.title for record in chain.left_over] == ["Count words"]


@pytest.mark.parametrize("old", ["Sum them", "Write the digest", ""])
def test_ticks_of_a_step_that_was_there_are_none_of_the_step_in_its_place(
    rig: Rig, old: str
) -> None:
    rig.write("prompt_plan.md", PLAN.replace(": Sum them", f": {old}" if old else ""))
    rig.write("todo.md", TODO.replace(": Sum them", f": {old}" if old else ""))
    done(rig, "2")
    rig.write("prompt_plan.md", PLAN.replace("Sum them", "Write the archive").replace("sum", "a"))
    assert state(rig) == ["open"] * 3


def test_boxes_of_the_list_are_a_persons_word_too(rig: Rig) -> None:
    rig.write("todo.md", TODO.replace("[ ] count", "[x] count").replace("[ ] sum", "[x] sum"))
    chain = progress.chain(rig.world())
    assert [(link.state, link.why) for link in chain.links] == [
        ("open", "1 of 2 ticked in todo.md"),
        ("ticked", "all ticked in todo.md; there is no record"),
        ("open", ""),
    ]
