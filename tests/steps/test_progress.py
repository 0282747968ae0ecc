"""The chain of steps as data: which are done, which is next, what an edit changes."""

from pathlib import Path

import pytest
from support.rig import PLAN, TODO, Rig

from piste.documents import plan
from piste.documents.plan import Step
from piste.steps import progress
from piste.steps.progress import HAND, Record
from piste.system.errors import UserError


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig.make(tmp_path, monkeypatch)


def done(rig: Rig, *ids: str) -> None:
    """Record steps as done by hand."""
    chain = progress.chain(rig.world())
    for step_id in ids:
        link = chain.find(step_id)
        record = Record(link.step.id, link.step.title, link.digest, HAND, tests="pytest")
        progress.set_done(rig.root, rig.world(), link.step, record)


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


def test_the_key_is_prompt_agent_version_and_model() -> None:
    one = Record("1", "T", "d", "claude", "2.0", "m")
    others = [
        one._replace(prompt="e"), one._replace(agent="codex"), one._replace(version="2.1"),
        one._replace(model="n"),
    ]  # fmt: skip
    assert len({record.key for record in [one, *others]}) == 5
    assert one._replace(step="2", title="U", tests="pytest").key == one.key


def test_the_digest_knows_no_marks() -> None:
    assert progress.digest("Do [x] this\n- [x] a\n") == progress.digest("Do [x] this\n- [ ] a")
    assert progress.digest("Do this.") != progress.digest("Do that.")


# Records ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step_id", ["1", "02", "1.1.3", "A/6", "3#2", "../../x", ".x", "é", "x" * 300]
)
def test_a_record_comes_back_from_its_file(rig: Rig, step_id: str) -> None:
    record = Record(step_id, "T “é”", "d", "claude", "1", "m", "pytest")
    where = progress.file_of(step_id)
    assert where.startswith(".piste/receipts/steps/")
    assert "/" not in where.removeprefix(".piste/receipts/steps/")
    rig.write(where, progress.dump(record).decode())
    assert progress.records(rig.root) == [record]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda data: data[:40], "is damaged; restore it"),
        (lambda data: b"[]", "is damaged; restore it"),
        (lambda data: data.replace(b'"claude"', b'"codex"'), "does not agree with its own key"),
        (lambda data: data.replace(b'"T"', b"7"), "does not agree with its own key"),
        (lambda data: data.replace(b'"schema": 1', b'"schema": 2'), "was written by a newer piste"),
        (lambda data: b"<<<<<<< ours\n" + data, "holds conflict markers"),
        (lambda data: data.replace(b'"title"', b'"tilte"'), "is damaged"),
    ],
)
def test_a_damaged_record_is_named_with_the_way_out(rig: Rig, spoil, said: str) -> None:  # type: ignore[no-untyped-def]
    data = progress.dump(Record("1", "T", "d", "claude"))
    (rig.root / progress.FOLDER).mkdir(parents=True)
    (rig.root / progress.file_of("1")).write_bytes(spoil(data))
    with pytest.raises(UserError, match=said) as caught:
        progress.records(rig.root)
    assert progress.file_of("1") in str(caught.value)


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


# Ticking ----------------------------------------------------------------------------------------


def test_done_ticks_the_list_and_undone_takes_it_back(rig: Rig) -> None:
    done(rig, "1")
    assert rig.read("todo.md") == TODO.replace("- [ ] count", "- [x] count").replace(
        "- [ ] its", "- [x] its"
    )
    assert rig.read("prompt_plan.md") == PLAN
    step = progress.chain(rig.world()).find("1").step
    assert progress.set_done(rig.root, rig.world(), step, None) == [
        "todo.md",
        progress.file_of("1"),
    ]
    assert rig.read("todo.md") == TODO
    assert progress.set_done(rig.root, rig.world(), step, None) == []


def test_twice_done_changes_nothing_more(rig: Rig) -> None:
    done(rig, "1")
    before = (rig.root / "todo.md").stat().st_mtime_ns
    done(rig, "1")
    assert (rig.root / "todo.md").stat().st_mtime_ns == before


def test_a_plan_with_no_list_is_marked_itself(rig: Rig) -> None:
    (rig.root / "todo.md").unlink()
    done(rig, "2")
    assert "## Step 2: Sum them ✅" in rig.read("prompt_plan.md")
    assert state(rig) == ["open", "done", "open"]


STEP = Step("2", "Sum them", "Write.", 1, False, "")
# A todo list, and its lines that belong to STEP.
LISTS = {
    "## Step 2: Sum them\n- [ ] a\n  - [ ] b\n## Step 3: Print\n- [ ] c": [2, 3],
    "## Prompt 02 - the sums, and how to sum\n- [ ] a\n## Prompt 3\n- [ ] c": [2],
    "## 5. Sum them\n- [ ] a\n## 2. Other\n- [ ] c": [2],
    "## Step 2 ✅\n- [x] a\n- [-] dropped": [2, 3],
    "## Phase 2: Later\n- [ ] a": [],
    "## Step 2: Quite another list\n- [ ] a": [],
    "## Step 20: Sum them all\n- [ ] a\n## Step 2.1: Sum\n- [ ] b": [],
    "# Todo\n- [ ] **Step 2: Sum them**\n  - [ ] a\n  - [ ] b\n- [ ] Step 3: Print\n  - [ ] c": [
        2,
        3,
        4,
    ],
    "# Todo\n- [ ] Sum them\n- [ ] Print": [2],
    "# Todo\n- [ ] summing": [],
    "```\n## Step 2: Sum them\n- [ ] a\n```": [],
}


@pytest.mark.parametrize("text", LISTS)
def test_which_boxes_of_a_list_belong_to_a_step(text: str) -> None:
    ticked = progress.tick(text.replace("[x]", "[ ]"), STEP, True).split("\n")
    lines = text.split("\n")
    changed = [row + 1 for row, line in enumerate(ticked) if "[x]" in line]
    dropped = [row + 1 for row, line in enumerate(lines) if "[-]" in line]
    assert sorted(changed + dropped) == LISTS[text]


def test_of_steps_with_one_number_each_is_known_by_its_title() -> None:
    text = "## Step 3: Read\n- [ ] a\n## Step 3: Write\n- [ ] b\n"
    second = Step("3#2", "Write", "", 1, False, "")
    assert progress.tick(text, second, True) == text.replace("- [ ] b", "- [x] b")


def test_other_bytes_of_a_list_stay(rig: Rig) -> None:
    raw = TODO.replace("\n", "\r\n").encode() + b"\xff\xfe no text"
    (rig.root / "todo.md").write_bytes(raw)
    done(rig, "2")
    assert (rig.root / "todo.md").read_bytes() == raw.replace(b"- [ ] sum", b"- [x] sum")


def test_a_tick_makes_nothing_stale(rig: Rig) -> None:
    before = plan.strip_marks(rig.read("prompt_plan.md"))
    (rig.root / "todo.md").unlink()
    done(rig, "1", "2", "3")
    assert plan.strip_marks(rig.read("prompt_plan.md")) == before
    assert progress.chain(rig.world()).next is None
