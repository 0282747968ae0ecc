"""The plan as the rest of piste sees it: read, marked, and compared without its marks.

With PISTE_SAMPLES set to a folder of real plans (`EXPECTED.tsv`: file, steps counted by hand;
`plans/`, `todos/`), those are read too.
"""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.documents.plan import mark_done, next_step, parse, strip_marks
from piste.system.errors import UserError

CANONICAL = """\
# Game: plan

3 steps. Each builds on the one before.

## Step 1: Set up

It comes first.

```text
Write a failing test: the program starts.

- [ ] `main()` returns 0
```

## Step 2: Read the board

````text
Read this form:
```json
{"rows": []}
```
## Step 7: a heading in a file
````

## Step 3: Play

```text
Wire it together.
```
"""

_PIECES = [
    *("## ", "### ", "# ", "**", "*", "- ", "* ", "1. ", "2) ", "```", "````", "~~~", "text", "md"),
    *("Step ", "Prompt ", "Task ", "Phase ", "단계", "1", "2", "3", "10", "1.2", "A/6", "A", "02"),
    *(": ", " - ", " — ", ".", ")", " ", "  ", "\t", "Title", "x", "й", "(", "[", "|", "\\#", "`"),
    *("✅", "☐", "❌", "🔄", "✓", "\ufe0f", "[x]", "[ ]", "[~]", "[]", "DONE", "done", "(done)"),
    *("**Status:** ", "Status: ", "✅ Complete", "Not started", "~~", "FUTURE: ", "...", "---"),
    *(
        "<!-- step 1: ",
        "-->",
        "<!-- /step -->",
        "<summary>",
        "</summary>",
        "\u2028",
        "\x00",
        "\ud800",
    ),
]
_LINES = st.lists(st.sampled_from(_PIECES), max_size=8).map("".join)
_ENDS = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r", ""])
plans = st.one_of(
    st.lists(st.tuples(_LINES, _ENDS), max_size=14).map(lambda rows: "".join(map("".join, rows))),
    st.text(st.characters(), max_size=80),
)


def test_the_form_that_piste_writes_is_read_without_a_doubt() -> None:
    plan = parse(CANONICAL)
    assert plan.problems == ()
    assert plan.form == "h2 step"
    assert [(step.id, step.title, step.line, step.done, step.group) for step in plan.steps] == [
        ("1", "Set up", 5, False, ""),
        ("2", "Read the board", 15, False, ""),
        ("3", "Play", 25, False, ""),
    ]
    assert [step.prompt for step in plan.steps] == [
        "Write a failing test: the program starts.\n\n- [ ] `main()` returns 0",
        'Read this form:\n```json\n{"rows": []}\n```\n## Step 7: a heading in a file',
        "Wire it together.",
    ]


def test_a_plan_of_one_step_is_a_plan() -> None:
    plan = parse("# P\n\n## Step 1: A\n\n```text\na\n```\n")
    assert [(step.id, step.prompt) for step in plan.steps] == [("1", "a")]
    assert plan.problems == ()


def test_the_next_step_is_the_first_that_is_not_done() -> None:
    text = CANONICAL
    for wanted in ("1", "2", "3"):
        step = next_step(parse(text))
        assert step is not None
        assert step.id == wanted
        text = mark_done(text, wanted)
    assert next_step(parse(text)) is None


def test_a_mark_changes_one_line_and_comes_off_again() -> None:
    marked = mark_done(CANONICAL, "2")
    assert marked == CANONICAL.replace("Read the board", "Read the board ✅")
    assert mark_done(marked, "2") == marked
    assert mark_done(marked, "2", done=False) == CANONICAL


def test_line_ends_stay_as_they_are() -> None:
    text = CANONICAL.replace("\n", "\r\n")
    assert mark_done(text, "1") == text.replace("Set up", "Set up ✅")


def test_a_status_line_follows_when_a_step_is_no_longer_done() -> None:
    text = "## Step 1: A\n\n**Status:** ✅ Complete\n\na\n"
    assert mark_done(text, "1") == text
    assert mark_done(text, "1", done=False) == text.replace("✅ Complete", "⬜ Not started")


def test_a_step_that_is_not_there_is_a_mistake_with_a_hint() -> None:
    with pytest.raises(UserError, match=r"^the plan has no step 1\.3; did you mean '1\.2'\?$"):
        mark_done("## Step 1.1: A\na\n## Step 1.2: B\nb\n", "1.3")


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("- [ ] A\n- [ ] B\n", "- [ ] A\n- [x] B\n"),
        ("☐ **A**\n☐ **B**\n", "☐ **A**\n☑ **B**\n"),
        ("[ ] **A**\n[ ] **B**\n", "[ ] **A**\n[x] **B**\n"),
        ("1. A\n2. B\n3. C\n", "1. A\n2. ✅ B\n3. C\n"),
        ("```text\na\n```\n```text\nb\n```\n", "```text\na\n```\n```text ✅\nb\n```\n"),
    ],
)
def test_a_form_without_titles_is_marked_in_its_own_way(text: str, marked: str) -> None:
    assert mark_done(text, "2") == marked
    assert [step.done for step in parse(marked).steps][:2] == [False, True]
    assert strip_marks(marked) == strip_marks(text)


def test_a_mark_can_go_to_a_form_that_was_asked_for() -> None:
    text = "## Prompt 1: A\n```text\na\n```\n## Phase 1: X\nx\n## Phase 2: Y\ny\n"
    assert mark_done(text, "2", form="phase") == text.replace("Y\n", "Y ✅\n")


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("## Step 1: A ✅ COMPLETED\n", "## Step 1: A\n"),
        ("## Overview ✅\r\n", "## Overview\r\n"),
        ("- [x] a\n- [ ] b\n", "- [ ] a\n- [ ] b\n"),
        ("## Step 1\n\n**Status:** ✅ Complete\n\na\n", "## Step 1\n\na\n"),
        ("## Step 1\n**Status:** ✅ Complete\na\n", "## Step 1\na\n"),
        ("```text ✅\n1. ✅ allow\n```\n", "```text\n1. ✅ allow\n```\n"),
        ("Show ✅ when done.\n", "Show ✅ when done.\n"),
    ],
)
def test_only_state_is_stripped(text: str, bare: str) -> None:
    assert strip_marks(text) == bare


def test_what_a_step_asks_for_is_never_stripped() -> None:
    assert strip_marks(CANONICAL) == CANONICAL
    other = CANONICAL.replace("returns 0", "returns 1")
    assert strip_marks(other) != strip_marks(CANONICAL)


@given(plans)
def test_any_text_can_be_parsed(text: str) -> None:
    plan = parse(text)
    ids = [step.id for step in plan.steps]
    assert len(set(ids)) == len(ids)
    assert (plan.form == "none") == (not plan.steps)
    assert all(1 <= step.line <= text.count("\n") + 1 for step in plan.steps)


@given(plans)
def test_stripping_twice_is_stripping_once(text: str) -> None:
    assert strip_marks(strip_marks(text)) == strip_marks(text)


@given(plans, st.booleans())
def test_marking_a_step_changes_its_state_and_nothing_else(text: str, done: bool) -> None:
    plan = parse(text)
    for step in plan.steps[:3]:
        marked = mark_done(text, step.id, done)
        assert strip_marks(marked) == strip_marks(text)
        assert parse(marked).steps == tuple(
            other._replace(done=done) if other.id == step.id else other for other in plan.steps
        )


SAMPLES = os.environ.get("PISTE_SAMPLES")
if SAMPLES:
    _ROWS = [
        line.split("\t")
        for line in (Path(SAMPLES) / "EXPECTED.tsv").read_text(encoding="utf-8").splitlines()
    ]
    COUNTED = [(row[0], int(row[1])) for row in _ROWS if len(row) > 1 and row[1].isdigit()]

    @pytest.mark.parametrize(("name", "count"), COUNTED)
    def test_a_real_plan_has_the_steps_counted_by_hand(name: str, count: int) -> None:
        plan = parse((Path(SAMPLES) / "plans" / name).read_bytes().decode("utf-8"))
        assert len(plan.steps) == count, plan.why
        assert all(step.prompt.strip() for step in plan.steps)

    @pytest.mark.parametrize(
        "path", sorted((Path(SAMPLES) / "plans").iterdir()), ids=lambda p: p.name
    )
    def test_marks_change_nothing_else_in_a_real_plan(path: Path) -> None:
        text = path.read_bytes().decode("utf-8")
        steps = parse(text).steps
        for step in (*steps[:1], *steps[-1:]):
            marked = mark_done(text, step.id, not step.done)
            assert strip_marks(marked) == strip_marks(text)
            assert [other[:2] for other in parse(marked).steps] == [other[:2] for other in steps]
            bare = [strip_marks(other.prompt) for other in steps]
            assert [strip_marks(other.prompt) for other in parse(marked).steps] == bare
            assert {other.id for other in parse(marked).steps if other.done} ^ {
                other.id for other in steps if other.done
            } == {step.id}
