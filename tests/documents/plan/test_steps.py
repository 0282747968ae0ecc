"""The prompts, ids and groups of the steps of a plan, and what is said of a doubtful one."""

import pytest

from piste.documents.plan import parse


def _prompts(text: str) -> list[str]:
    return [step.prompt for step in parse(text).steps]


def _problems(text: str) -> list[tuple[str, int]]:
    return [(problem.kind, problem.line) for problem in parse(text).problems]


@pytest.mark.parametrize(
    ("body", "prompt"),
    [
        ("```text\na\n\n  b\n```", "a\n\n  b"),
        ("It builds on step 1.\n\n```text\na\n```\n\nDone.", "a"),
        ("```text\n\na\n\n```", "\na\n"),
        ("```bash\nnpm i\n```\n\n```text\na\n```", "a"),
        ("````text\na\n```json\n{}\n```\nb\n````", "a\n```json\n{}\n```\nb"),
        ("```text\na\n```json\n{}\n```\nb\n```", "a\n```json\n{}\n```\nb"),
        ("```text\na\n```json\n{}\n```", "a\n```json\n{}"),
        ("~~~text\na\n```\nb\n~~~", "a\n```\nb"),
        ("  ```text\n  a\n    b\n  ```", "a\n  b"),
        ("```text ✅\na\n```", "a"),
        ("**Status:** ✅ Complete\n\n```text\na\n```", "a"),
        ("**Prompt:**\n```\na\n```", "a"),
        ("a\n\nb\n\n---", "a\n\nb"),
        ("**Status:** 🔄 In progress\n\na", "a"),
        ("- [x] a\n- [ ] b", "- [x] a\n- [ ] b"),
        ("a\n\n```python\nb\n```", "a\n\n```python\nb\n```"),
        ("a\n\n### Part\n\nb", "a\n\n### Part\n\nb"),
    ],
)
def test_a_prompt_is_the_content_of_its_fence_or_the_text(body: str, prompt: str) -> None:
    text = f"## Step 1: A\n\n{body}\n\n## Step 2: B\n\n{body}\n\n## Notes\n\nno\n"
    assert _prompts(text) == [prompt, prompt]
    assert _prompts(text.replace("\n", "\r\n")) == [prompt, prompt]


def test_a_fence_is_an_example_where_most_steps_have_none() -> None:
    text = "## Step 1: A\na\n```\ntree\n```\n## Step 2: B\nb\n## Step 3: C\nc\n"
    assert _prompts(text) == ["a\n```\ntree\n```", "b", "c"]


def test_a_fence_of_any_language_is_the_prompt_where_steps_have_nothing_else() -> None:
    assert _prompts("## Step 1\n```json\n1\n```\n## Step 2\n```json\n2\n```\n") == ["1", "2"]


def test_a_prompt_that_has_its_own_title_keeps_it_without_its_mark() -> None:
    text = "```text\nPrompt 1: A ✅\n\na\n```\n```text\nPrompt 2: B\n\nb\n```\n"
    assert _prompts(text) == ["Prompt 1: A\n\na", "Prompt 2: B\n\nb"]


def test_plain_steps_end_where_the_plan_speaks_of_itself() -> None:
    text = "Prompt 1: A\n\na\n\nPrompt 2: B\n\nb\n\n5. How to Use These Prompts\n1. Copy\n"
    assert _prompts(text) == ["a", "b"]


def test_an_item_is_its_own_prompt_with_what_stands_below_it() -> None:
    assert _prompts("1. A\n   more\n2. B\n\n   - b\n3. C\n\nAfter.\n") == [
        "A\n   more",
        "B\n\n   - b",
        "C",
    ]


def test_a_line_that_closes_an_earlier_fence_is_no_part_of_a_prompt() -> None:
    text = "### Prompt 1: A\n```text\na\n\nPrompt 2: B\nb\n```\n"
    assert [step.title for step in parse(text).steps] == ["A", "B"]
    assert _prompts(text) == ["a", "b"]


def test_other_line_ends_than_lf_and_crlf_belong_to_the_prompt() -> None:
    assert _prompts("## Step 1\n```text\na\u2028b\rc\x0cd\n```\n") == ["a\u2028b\rc\x0cd"]


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("# Plan\n## Step 1: A\na\n", [""]),
        ("# Plan\n## Phase 1: X ✅\n### Step 1: A\na\n", ["Phase 1: X"]),
        ("# **Phase 1**\n## Step 1: A\na\n# Phase 2\n## Step 2: B\nb\n", ["Phase 1", "Phase 2"]),
        ("# Plan\n## X\n#### Y\n### Step 1: A\na\n", ["X"]),
        ("# Plan\n## X\n**Step 1:**\na\n## Y\n**Step 2:**\nb\n", ["X", "Y"]),
    ],
)
def test_the_group_is_the_heading_above(text: str, groups: list[str]) -> None:
    assert [step.group for step in parse(text).steps] == groups


@pytest.mark.parametrize(
    ("title", "status", "done"),
    [
        ("", "", False),
        ("✅", "", True),
        ("✅ COMPLETED", "", True),
        ("❌", "", False),
        ("", "**Status:** ✅ Complete", True),
        ("", "**Status:** ⬜ Not started", False),
        ("☐", "**Status:** ✅ Complete", False),
        ("✅", "**Status:** 🔄 In progress", True),
    ],
)
def test_the_title_says_whether_it_is_done_and_else_the_status(
    title: str, status: str, done: bool
) -> None:
    (step,) = parse(f"## Step 1: A {title}\n\n{status}\n\na\n").steps
    assert (step.title, step.prompt, step.done) == ("A", "a", done)


def test_the_line_of_a_step_is_that_of_its_title() -> None:
    assert [step.line for step in parse("x\n\n## Step 1\na\n## Step 2\nb\n").steps] == [3, 5]


def test_ids_are_kept_apart_when_they_come_twice() -> None:
    text = "".join(f"## Step {n}: {t}\n{t}\n" for n, t in [("1", "A"), ("2", "B"), ("2", "C")])
    assert [step.id for step in parse(text).steps] == ["1", "2", "2#2"]
    assert _problems(text) == [("duplicate-id", 5)]


def test_an_id_made_unique_is_not_one_that_a_comment_gave() -> None:
    names = ["1", "1#2", "1", "1#2"]
    text = "".join(f"<!-- step {name}: T -->\na\n" for name in names)
    ids = [step.id for step in parse(text).steps]
    assert ids[:2] == ["1", "1#2"]
    assert len(set(ids)) == 4


@pytest.mark.parametrize(
    ("ids", "gaps"),
    [
        (["1", "2", "3"], []),
        (["0", "1"], []),
        (["1", "9"], ["no step 2 to 8 before 9"]),
        (["1", "2", "4"], ["no step 3 before 4"]),
        (["11", "12"], ["no step 1 to 10 before 11"]),
        (["01", "02", "04"], ["no step 3 before 4"]),
        (["P0", "P1", "P3"], ["no step P2 before P3"]),
        (["1.1", "1.2", "2.1"], []),
        (["1.1", "1.3"], ["no step 1.2 before 1.3"]),
        (["1.1", "3.1"], ["no step 2 before 3"]),
        (["A/3", "B/3", "C/3"], []),
        (["A", "B", "D"], ["no step 3 before 4"]),
        (["01-MVP", "02-MVP"], []),
        (["5", "6", "6a"], ["no step 1 to 4 before 5"]),
        (["1"], []),
        (["7"], []),
    ],
)
def test_numbers_that_are_left_out_are_named(ids: list[str], gaps: list[str]) -> None:
    text = "".join(f"## Prompt {step_id}: T{step_id}\na\n" for step_id in ids)
    plan = parse(text)
    assert [step.id for step in plan.steps] == ids
    assert [problem.text for problem in plan.problems if problem.kind == "gap"] == gaps


@pytest.mark.parametrize(
    "line",
    [
        "...",
        "…",
        "...and so on, continuing for each phase.",
        "(…continue until v5)",
        "(Prompts for Phase 5 would cover the rest.)",
        "*(Note: Subsequent tests would follow a similar structure.)*",
        "[The remaining steps are omitted for brevity]",
        "(continue similarly for the PDF and the export)",
        "*(Generate similar prompts for the later phases)*",
        "*(Prompts* for Phase 3 would detail the table)",
    ],
)
def test_steps_that_are_not_written_out_are_noticed(line: str) -> None:
    assert _problems(f"## Step 1\n```text\na\n```\n\n{line}\n") == [("elision", 6)]
    assert _problems(f"## Step 1\n```text\na\n{line}\n```\n") == []
    assert _problems(f"{line}\n## Step 1\n```text\na\n```\n") == []


@pytest.mark.parametrize(
    "line",
    [
        "It builds on step 1, and so on.",
        "[other](https://example.org) is the other one",
        "(Additional context stands in the specification.)",
        "The remaining steps build on it.",
        "(Continue from step 1.)",
    ],
)
def test_prose_is_no_elision(line: str) -> None:
    assert _problems(f"## Step 1\n{line}\n```text\na\n```\n") == []


@pytest.mark.parametrize("prompt", ["...", "(similar to step 1)", "As above."])
def test_a_prompt_that_only_points_elsewhere_is_noticed(prompt: str) -> None:
    assert _problems(f"## Step 1\n```text\n{prompt}\n```\n") == [("elision", 1)]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("## Step 1\n```text\na\n", [("unclosed-fence", 2)]),
        ("## Step 1\n## Step 2\na\n", [("empty-prompt", 1)]),
        ("## Step 1\n```md\na\n```\n```md\nb\n```\n## Step 2\nc\n", [("several-prompts", 5)]),
        (
            "## Step 1\na\n## Step 2\nb\n## Tests\n```text\nb\n```\n```bash\nc\n```\n",
            [("stray-prompt", 6)],
        ),
        ("> This plan is superseded.\n\n## Step 1\na\n", [("abandoned", 1)]),
        ("Deprecated APIs go.\n\n## Step 1\na\n", []),
        ("## ~~Step 1: A~~\na\n## Step 2: B\nb\n", [("abandoned", 1)]),
        ("1. A\n2. B\n3. C\n", [("doubtful-form", 1)]),
        ("## Step 1\n```text\na\n```\n## Step 2\n```text\nb\n```\n", []),
    ],
)
def test_what_is_doubtful_is_said_with_its_line(text: str, problems: list[tuple[str, int]]) -> None:
    assert _problems(text) == problems
