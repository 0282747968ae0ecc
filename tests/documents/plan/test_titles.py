"""Single lines: which are titles, what they say, and how a mark is put on them."""

import pytest

from piste.documents.plan import titles
from piste.documents.plan.titles import bare, marked, marker, not_started, read, status

TITLES = [
    ("### Prompt 2: Sessions ✅ COMPLETED", "h3", "prompt", "2", "Sessions", "done"),
    ("### **Prompt P3 – Users**", "h3", "prompt", "P3", "Users", ""),
    ("### **Prompt 1**: Users", "h3", "prompt", "1", "Users", ""),
    ("## **Prompt for Step 1.3**", "h2", "prompt", "1.3", "", ""),
    ("### Prompt 03-MVP – Users", "h3", "prompt", "03-MVP", "Users", ""),
    ("PROMPT A/6: Users ✅ COMPLETED", "plain", "prompt", "A/6", "Users", "done"),
    ("PROMPT 1/8: Users", "plain", "prompt", "1/8", "Users", ""),
    ("# Prompt 02 — Users", "h1", "prompt", "02", "Users", ""),
    ("### Prompt #3: Users", "h3", "prompt", "3", "Users", ""),
    ("### Prompt 1 – `init`", "h3", "prompt", "1", "`init`", ""),
    ("### LLM Prompt 2: Users", "h3", "prompt", "2", "Users", ""),
    ("**Prompt 1.1.3:**", "bold", "prompt", "1.1.3", "", ""),
    ("**Phase 2 - Step 1: Users**", "bold", "step", "2.1", "Users", ""),
    ("Prompt 4", "plain", "prompt", "4", "", ""),
    ("*   **Step 1.1**: Users", "list", "step", "1.1", "Users", ""),
    ("- [x] Step 4: Users", "list", "step", "4", "Users", "done"),
    ("<summary>Prompt 1</summary>", "html", "prompt", "1", "", ""),
    ("\\#\\# Step 1: Users", "h2", "step", "1", "Users", ""),
    ("## Step 1: Users ##", "h2", "step", "1", "Users", ""),
    ("### ~~Step 3: Users~~", "h3", "step", "3", "Users", "dropped"),
    ("## ❌ FUTURE: Prompt 12 — Users", "h2", "prompt", "12", "Users", "dropped"),
    ("## 🎯 CURRENT PRIORITY: Prompt 3: Users", "h2", "prompt", "3", "Users", ""),
    ("## Step 3 - 3D view", "h2", "step", "3", "3D view", ""),
    ("## Task A: Users", "h2", "task", "A", "Users", ""),
    ("## Промпт 6а: Users", "h2", "prompt", "6а", "Users", ""),
    ("### Paso 1. Users", "h3", "step", "1", "Users", ""),
    ("## 2단계: Users", "h2", "step", "2", "Users", ""),
    ("### フェーズ1: Users", "h3", "phase", "1", "Users", ""),
    ("### Chunk A — Users", "h3", "chunk", "A", "Users", ""),
    ("### 📁 1. **Users**", "h3", "number", "1", "Users", ""),
    ("### A1. Users", "h3", "number", "A1", "Users", ""),
    ("**2. Users**", "bold", "number", "2", "Users", ""),
    ("7. ☐ Users", "list", "number", "7", "Users", "open"),
]


@pytest.mark.parametrize(("line", "style", "word", "number", "text", "state"), TITLES)
def test_a_title_is_read(
    line: str, style: str, word: str, number: str, text: str, state: str
) -> None:
    found = read(line)
    assert found is not None and found[:5] == (style, word, number, text, state)


@pytest.mark.parametrize(
    "line",
    [
        "Prompt 3 builds on this",
        "Step 4 Disciplines:  ",
        "## Step-by-Step Plan",
        "## **Prompts for Step 1.1: Users**",
        "### Prompts 1-10: COMPLETED",
        "### ✅ Prompt 1–10: COMPLETED",
        "### Prompt Set 1: Users",
        "## How to Use These Prompts",
        "## 50 Granular Tasks",
        "- [Prompt 1: Users](#prompt-1)",
        "| 1 | Step 1: Users |",
        "  2. Users",
        "- 2. Users",
        "    Step 1: in code",
        "```Step 1: a fence",
        "<!-- step 1: Users -->",
        "",
        "Step 1: " + "x" * 1000,
    ],
)
def test_what_only_speaks_of_a_step_is_no_title(line: str) -> None:
    assert read(line) is None


@pytest.mark.parametrize("line", [line for line, *_ in TITLES])
@pytest.mark.parametrize("done", [True, False])
def test_a_marked_title_is_the_same_title(line: str, done: bool) -> None:
    before, after = read(line), read(marked(line, done))
    assert before is not None
    assert after is not None
    assert after[1:4] == before[1:4]
    assert (after.state == "done") == done
    assert bare(marked(line, done), False) == bare(line, False)


@pytest.mark.parametrize(
    ("line", "with_mark"),
    [
        ("## Step 1: T", "## Step 1: T ✅"),
        ("## Step 1: T  ", "## Step 1: T ✅  "),
        ("## Step 1: T ##", "## Step 1: T ✅ ##"),
        ("### **Prompt P3 – T**", "### **Prompt P3 – T** ✅"),
        ("## Step 1: T 🔄 In progress", "## Step 1: T ✅"),
        ("- [ ] Step 1: T", "- [x] Step 1: T"),
        ("2. T", "2. ✅ T"),
        ("2. ☐ T", "2. ✅ T"),
        ("2. ❌ T", "2. ✅ ❌ T"),
        ("<summary>Prompt 1</summary>", "<summary>Prompt 1 ✅</summary>"),
        ("<!-- step 1: T -->", "<!-- step 1: T ✅ -->"),
        ("```text", "```text ✅"),
        ("```", "``` ✅"),
    ],
)
def test_the_mark_stands_where_a_person_would_put_it(line: str, with_mark: str) -> None:
    assert marked(line, True) == with_mark


@pytest.mark.parametrize(
    ("line", "without"),
    [
        ("## Step 1: T ✅ COMPLETED", "## Step 1: T"),
        ("1. ✅ T", "1. ☐ T"),
        ("- [X] Step 1: T", "- [ ] Step 1: T"),
        ("- [ ] Step 1: T ✅", "- [ ] Step 1: T"),
        ("```text ✅ ✅", "```text"),
        ("## Step 1: T ✓ -", "## Step 1: T"),
    ],
)
def test_a_mark_is_taken_off(line: str, without: str) -> None:
    assert marked(line, False) == without


@pytest.mark.parametrize(
    ("line", "fenced", "left"),
    [
        ("## Overview ✅", False, "## Overview"),
        ("## Overview -", False, "## Overview"),
        ("# echo DONE", True, "# echo DONE"),  # a comment in a script
        ("Step 1: T ✅", True, "Step 1: T"),
        ("- [x] a", True, "- [ ] a"),
        ("- ✅ allow", True, "- ✅ allow"),
        ("- ✅ allow", False, "- allow"),
        ("- ❌ allow", False, "- ❌ allow"),
        ("On success print ✅", False, "On success print ✅"),
        ("**Result:** ✅", False, "**Result:** ✅"),
        ("1. On success print ✅", False, "1. On success print ✅"),
        ("```text ✅", True, "```text"),
        ("```text", True, "```text"),
    ],
)
def test_only_state_is_taken_from_a_line(line: str, fenced: bool, left: str) -> None:
    assert bare(line, fenced) == left


@pytest.mark.parametrize(
    ("line", "number", "text", "state"),
    [
        ("<!-- step 3: Users -->", "3", "Users", ""),
        ("  <!--Step b-->", "b", "", ""),
        ("<!-- step 3: Users ✅ -->", "3", "Users", "done"),
        ("<!-- /step -->", "", "", ""),
    ],
)
def test_a_comment_can_say_where_a_step_is(line: str, number: str, text: str, state: str) -> None:
    found = marker(line)
    assert found is not None and found[:5] == ("marker", "step", number, text, state)


@pytest.mark.parametrize(
    "line", ["<!-- note -->", "<!-- step -->", "<!-- step 1", "step 1", "<!--"]
)
def test_other_comments_say_nothing(line: str) -> None:
    assert marker(line) is None


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("**Status:** ✅ Complete", "done"),
        ("**Status**: ⬜ Not started  ", "open"),
        ("Status: in progress", "doing"),
        ("> **Status:** Done", "done"),
        ("**Статус:** готово", "done"),
        ("**Status:** the code of the answer", ""),
        ("- Status: done", ""),
        ("Statuses: done", ""),
    ],
)
def test_a_status_line_tells_a_state(line: str, state: str) -> None:
    assert status(line) == state


def test_a_status_that_says_done_can_be_taken_back() -> None:
    assert not_started("**Status:** ✅ Complete") == "**Status:** ⬜ Not started"
    assert not_started("**Status:** 🔄 In progress") == "**Status:** 🔄 In progress"


def test_the_status_of_a_step_stands_right_below_its_title() -> None:
    lines = ["## Step 1", "", "**Status:** done", "```", "**Status:** done", "```"]
    assert titles.status_rows(lines, 0) == [2]
    assert titles.status_rows(["## Step 1", "## Step 2", "**Status:** done"], 0) == []
