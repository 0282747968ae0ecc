"""Habits of people, models and other tools in writing plans: what each of them must give."""

import pytest

from piste.documents.plan import mark_done, parse, strip_marks

KIRO = """\
# Implementation Plan

- [x] 1. Base
- [x] 1.1 Dig the pit
  - Two feet deep
- [ ]* 1.2 Test the pit
  - With a rod
  - _Requirements: 1.1, 2.3_
- [ ] 2. Roof
  - [ ] 2.1 Cut
    - Of oak
"""
SPEC_KIT = """\
# Tasks: House

## Phase 1: Base

- [x] T001 Dig the pit
- [x] T002 [P] Pour the slab

**Checkpoint**: it is dry.

## Phase 2: Roof

- [ ] T004 [P] [US1] Lay the tiles in roof/tiles.py
"""
SUPERPOWERS = """\
# House Implementation Plan

> **For agentic workers:** use the skill.

**Goal:** a house

### Task 1: Base

**Files:**
- Create: `base.py`

- [x] **Step 1: Write the failing test**

```python
def test(): ...
```

- [x] **Step 2: Run it**

### Task 2: Roof

- [x] **Step 1: Write the failing test**

```markdown
# Roof
```

- [ ] **Step 2: Run it**
"""
OPENSPEC = """\
## 1. Base
- [x] 1.1 Dig the pit
- [ ] 1.2 Pour the slab

## 2. Roof
- [ ] 2.1 Cut the beams
"""


def steps(text: str) -> list[tuple[str, str, bool]]:
    return [(step.id, step.title, step.done) for step in parse(text).steps]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (KIRO, [("1", "Base", True), ("1.1", "Dig the pit", True), ("1.2", "Test the pit", False),
                ("2", "Roof", False), ("2.1", "Cut", False)]),
        (SPEC_KIT, [("T001", "Dig the pit", True), ("T002", "Pour the slab", True),
                    ("T004", "Lay the tiles in roof/tiles.py", False)]),
        (SUPERPOWERS, [("1", "Base", True), ("2", "Roof", False)]),
        (OPENSPEC, [("1.1", "Dig the pit", True), ("1.2", "Pour the slab", False),
                    ("2.1", "Cut the beams", False)]),
        ("# P\n\n### Task 1: Base\n\n- [x] **Step 1: Test**\n\n- [x] **Step 2: Run**\n",
         [("1", "Base", True)]),
        ("## 1. Base (`BASE`) - [x] Done\n\nDig.\n\n## 2. Roof (`ROOF`) - [ ] Open\n\nCut.\n",
         [("1", "Base", True), ("2", "Roof", False)]),
        ("## 1. Base [x]\n\nDig.\n\n## 2. Roof | [ ] to do\n\nCut.\n",
         [("1", "Base", True), ("2", "Roof", False)]),
        ("## Tasks\n\n1. Dig the pit ✓\n2. Pour it ✅\n3. On success print ✅\n",
         [("1", "Dig the pit", True), ("2", "Pour it", True), ("3", "On success print", False)]),
        ("## Phase 1: Base\n\n- [x] Dig\n- [-] Pour\n\n## Phase 2: Roof\n\n- [x] Cut\n- [ ] Lay\n",
         [("1", "Base", True), ("2", "Roof", False)]),
        ("### Prompt 1 - _Base & Pit_ ✅\n\n```text\nDig.\n```\n\n### Prompt 2 - **R-1** Roof\n\n"
         "```text\nCut.\n```\n", [("1", "Base & Pit", True), ("2", "R-1 Roof", False)]),
        ("## 1.1 Base\n\n```\na\n```\n\n## 1.2a Roof\n\n```\nb\n```\n\n"
         "## 1.2b Door\n\n```\nc\n```\n",
         [("1.1", "Base", False), ("1.2a", "Roof", False), ("1.2b", "Door", False)]),
        ("## Phase 1: Ground\n\n### 1.1 Dig\n\nDeep.\n\n## Phase 2: Top\n\n### 2.1 Cut\n\nOak.\n\n"
         "## Effort\n\n### Phase 1: Ground\n\n- a day\n\n### Phase 2: Top\n\n- two\n",
         [("1.1", "Dig", False), ("2.1", "Cut", False)]),
    ],
)  # fmt: skip
def test_the_steps_with_ids_titles_and_state(text: str, found: list[tuple[str, str, bool]]) -> None:
    assert steps(text) == found


@pytest.mark.parametrize(
    ("text", "prompts"),
    [
        ("### Prompt 1 — A\n\n```\na\n```\n\n### Final Prompt — Paint\n\n```\nb\n```\n",
         ["a", "b"]),
        ("### Prompt 1 — A\n\n```\na\n```\n\n### (Optional) Prompt 2 — B\n\n```\nb\n```\n",
         ["a", "b"]),
        ("Prompt 1: A\n\nPrompt 1:\nDo a.\n\nPrompt 2: B\n\nPrompt 2:\nDo b.\n",
         ["Do a.", "Do b."]),
        ("## Step 1: A\n\n- a\n\n---\n\n## Step 2: B\n\n- b\n\n---\n\n**Tip:** now.\n",
         ["- a", "- b"]),
        ("Prompt 1 — A\n\na\n\n⸻\n\nPrompt 2 — B\n\nb\n\n⸻\n\nF. Notes\n\nKeep.\n", ["a", "b"]),
        (SPEC_KIT, ["T001 Dig the pit", "T002 [P] Pour the slab",
                    "T004 [P] [US1] Lay the tiles in roof/tiles.py"]),
    ],
)  # fmt: skip
def test_the_prompts(text: str, prompts: list[str]) -> None:
    assert [step.prompt for step in parse(text).steps] == prompts


def test_what_is_left_out_is_named() -> None:
    text = "## Step 1: A\n\na\n\n---\n\n## Step 2: B\n\nb\n\n---\n\nmore\n"
    assert [(problem.kind, problem.line) for problem in parse(text).problems] == [("left-out", 11)]


def test_what_may_be_left_out_or_done_beside_others_is_known() -> None:
    assert [step.id for step in parse(KIRO).steps if step.optional] == ["1.2"]
    assert [step.id for step in parse(SPEC_KIT).steps if step.parallel] == ["T002", "T004"]


def test_a_title_in_a_fence_is_the_line_above_where_it_has_no_words() -> None:
    text = (
        "Lay the base\n```\nProject Prompt 1:\na\n```\n\nThe roof\n```\nProject Prompt 2:\nb\n```\n"
    )
    assert [step.title for step in parse(text).steps] == ["Lay the base", "The roof"]


def test_an_example_in_a_step_of_prose_does_not_take_the_place_of_its_prompt() -> None:
    first, second = parse(SUPERPOWERS).steps
    assert "Write the failing test" in first.prompt and "Create: `base.py`" in first.prompt
    assert "# Roof" in second.prompt and "Step 2: Run it" in second.prompt


@pytest.mark.parametrize("text", [KIRO, SPEC_KIT, OPENSPEC, SUPERPOWERS])
def test_they_are_ticked_in_place(text: str) -> None:
    for step in parse(text).steps:
        new = mark_done(text, step.id, not step.done)
        assert strip_marks(new) == strip_marks(text)
        after = {other.id: other.done for other in parse(new).steps}
        last = {"2.1": "2"}.get(step.id)  # the one part of another
        assert after == {
            other.id: other.done ^ (other.id in (step.id, last)) for other in parse(text).steps
        }
    ticked = mark_done(KIRO, "1.2")
    assert "- [x]* 1.2 Test the pit" in ticked and len(ticked) == len(KIRO)


# What real files of these tools hold ------------------------------------------------------------


def ids(text: str) -> list[str]:
    return [step.id for step in parse(text).steps]


def test_an_id_may_have_a_letter() -> None:
    assert ids("- [ ] T006 Dig\n- [ ] T006a [P] Shore it up\n- [ ] T007 Pour\n") == [
        "T006", "T006a", "T007",
    ]  # fmt: skip
    assert ids("- [ ] 1.1 Dig\n- [ ] 1.1a Shore it up\n- [ ] 1.2 Pour\n") == [
        "1.1", "1.1a", "1.2",
    ]  # fmt: skip


def test_boxes_below_a_task_are_its_own() -> None:
    text = """## 1. Base
- [x] 1.1 Dig the pit
  - [x] Two feet deep
  - [x] Dry
  - [x] Level
## 2. Roof
- [ ] 2.1 Cut
"""
    assert ids(text) == ["1.1", "2.1"]
    assert "[x] Level" in parse(text).steps[0].prompt


def test_phases_that_only_speak_of_tasks_are_no_steps() -> None:
    after = "".join(
        f"**Phase {n}** — all of them at once:\n```\nT00{n} ─► T00{n + 1}\n```\n" for n in (1, 2, 3)
    )
    assert ids(f"{SPEC_KIT}\n## Parallel opportunities\n\n{after}") == ["T001", "T002", "T004"]
    under = "".join(
        f"## Phase {n}: P{n}\n\n```text\nDo P{n}.\n```\n\n- [ ] {n}.1 A\n- [ ] {n}.2 B\n\n"
        for n in (1, 2, 3)
    )
    assert ids(under) == ["1", "2", "3"]


def test_a_dash_in_a_box_is_under_way_for_kiro_and_called_off_for_others() -> None:
    dashed = KIRO.replace("[ ] 2. Roof", "[-] 2. Roof")
    assert [problem.kind for problem in parse(dashed).problems] == []
    assert not parse(dashed).steps[3].done
    others = parse(SPEC_KIT.replace("[ ] T004", "[-] T004")).problems
    assert [problem.kind for problem in others if problem.kind == "abandoned"] == ["abandoned"]


def test_a_task_that_only_names_others_is_done_with_its_last_part() -> None:
    text = KIRO.replace("[x]", "[ ]") + "  - [ ]* 2.2 Test\n    - With water\n"
    assert {step.id: step.parts for step in parse(text).steps if step.parts} == {
        "1": ("1.1", "1.2"), "2": ("2.1", "2.2"),
    }  # fmt: skip
    new = mark_done(text, "1.1")
    assert new == text.replace("[ ] 1. Base", "[x] 1. Base").replace("[ ] 1.1", "[x] 1.1")
    own = text.replace("2. Roof\n", "2. Roof\n  - Steep\n")  # it says something of its own
    assert [step.id for step in parse(own).steps if step.parts] == ["1"]


def test_a_title_that_shows_how_titles_are_written_is_no_step() -> None:
    shown = "### Task N: [Component Name]\n\n- [ ] Write it\n\n### Task 3: Paint\n\nx\n"
    assert ids(f"{SUPERPOWERS}\n{shown}") == ["1", "2", "3"]
