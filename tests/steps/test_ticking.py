"""Ticks: which boxes are a step's, and that undoing brings back just what was ticked."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.rig import PLAN, TODO, Rig

from piste.documents import plan
from piste.documents.plan import Step
from piste.engine import records
from piste.engine.records import HAND
from piste.steps import progress, ticking


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig.make(tmp_path, monkeypatch)


def done(rig: Rig, *ids: str) -> None:
    """Record steps as done by hand."""
    for step_id in ids:
        step = progress.chain(rig.world()).find(step_id).step
        ticking.set_done(rig.root, rig.world(), step, records.of(step, "prompt_plan.md", HAND))


def undone(rig: Rig, step_id: str) -> list[str]:
    """Take back that a step is done; return what was changed."""
    link = progress.chain(rig.world()).find(step_id)
    return ticking.set_open(rig.root, rig.world(), link.step, link.record).changed


def state(rig: Rig) -> list[str]:
    return [link.state for link in progress.chain(rig.world()).links]


def test_done_ticks_the_list_and_undone_takes_it_back(rig: Rig) -> None:
    done(rig, "1")
    assert rig.read("todo.md") == TODO.replace("- [ ] count", "- [x] count").replace(
        "- [ ] its", "- [x] its"
    )
    assert rig.read("prompt_plan.md") == PLAN
    assert undone(rig, "1") == ["todo.md", records.file_of("1")]
    assert rig.read("todo.md") == TODO
    assert undone(rig, "1") == []


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


def test_undoing_leaves_what_a_person_had_ticked(rig: Rig) -> None:
    before = TODO.replace("[ ] its test", "[x] its test")
    rig.write("todo.md", before)
    done(rig, "1")
    undone(rig, "1")
    assert rig.read("todo.md") == before


def test_undoing_finds_lines_that_were_moved_and_leaves_those_that_were_edited(rig: Rig) -> None:
    done(rig, "1")
    moved = "# New head\n\n- [x] its test\n\n" + rig.read("todo.md").replace("count.txt", "c.txt")
    rig.write("todo.md", moved)
    link = progress.chain(rig.world()).find("1")
    gone = ticking.set_open(rig.root, rig.world(), link.step, link.record)
    assert [tick.before for tick in gone.missed] == ["- [ ] count.txt"]
    assert rig.read("todo.md") == "[ ] its".join(moved.rsplit("[x] its", 1))


def test_done_again_and_undone_is_as_before_the_first(rig: Rig) -> None:
    done(rig, "1")
    rig.write("todo.md", rig.read("todo.md").replace("[x] its", "[ ] its"))
    done(rig, "1")
    undone(rig, "1")
    assert rig.read("todo.md") == TODO


_ITEMS = st.lists(
    st.tuples(
        st.sampled_from(["", "  "]),
        st.sampled_from(["[ ]", "[x]", "[X]", "[~]", "[-]", "☐", "✅"]),
        st.sampled_from(["a", "b", "Sum them", "Step 1", "Step 3: Print ✅"]),
    ),
    max_size=4,
)
_SECTIONS = st.lists(
    st.tuples(
        st.sampled_from(["## Step 1: Count words", "## Step 2", "### 3. Print ✓", "## Sum them"]),
        _ITEMS,
    ),
    max_size=5,
)


@given(_SECTIONS, st.sampled_from("123"), st.sampled_from(["\n", "\r\n"]))
def test_undo_is_the_inverse_of_done(
    sections: list[tuple[str, list[tuple[str, str, str]]]], step_id: str, end: str
) -> None:
    lines = [f"{head}" + "".join(f"\n{i}- {b} {t}" for i, b, t in rows) for head, rows in sections]
    text = "\n".join(lines).replace("\n", end)
    step = STEPS[int(step_id) - 1]
    new = ticking.tick(text, step, STEPS, True)
    assert ticking.restored(new, ticking.difference("todo.md", text, new)) == (text, [])


STEPS = [
    Step("1", "Count words", "Write.", 1, False, ""),
    Step("2", "Sum them", "Write.", 1, False, ""),
    Step("3", "Print", "Write.", 1, False, ""),
]
STEP = STEPS[1]
# A todo list, and its lines that belong to STEP.
LISTS = {
    "## Step 1: Count words\n- [ ] a\n### 2. Sum them\n- [ ] b": [],  # a sub-heading of another
    "## Step 2: Sum them\n- [ ] a\n## Later\n### Sum them\n- [ ] b\n- [ ] Sum them": [2],
    "## Later\n- [ ] Sum them\n## Ideas\n- [ ] Sum them": [],  # which of the two?
    "## Шаг 2\n- [ ] a\n## Schritt 3\n- [ ] b": [2],
    "## Step 2: the other of the two\n- [ ] a": [],  # the small words say nothing
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
    ticked = ticking.tick(text.replace("[x]", "[ ]"), STEP, STEPS, True).split("\n")
    lines = text.split("\n")
    changed = [row + 1 for row, line in enumerate(ticked) if "[x]" in line]
    dropped = [row + 1 for row, line in enumerate(lines) if "[-]" in line]
    assert sorted(changed + dropped) == LISTS[text]


def test_of_steps_with_one_number_each_is_known_by_its_title() -> None:
    text = "## Step 3: Read\n- [ ] a\n## Step 3: Write\n- [ ] b\n"
    steps = [Step("3", "Read", "", 1, False, ""), Step("3#2", "Write", "", 1, False, "")]
    assert ticking.tick(text, steps[1], steps, True) == text.replace("- [ ] b", "- [x] b")


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
