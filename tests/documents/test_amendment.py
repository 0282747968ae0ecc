"""Edits of a document: what no edit names stays, byte for byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.documents import amendment, replies
from piste.documents.amendment import EDITS, NOTHING, WHOLE, Amended, Frozen
from piste.documents.edits import Malformed

SPEC = "# Tally\n\n## Goals\n\nOne.\nTwo.\n\n## Limits\n\nTen megabytes.\n"


def edit(old: str, new: str, name: str = "spec.md") -> str:
    return f"=== edit: {name}\n{old}\n=== with\n{new}\n=== end\n"


def whole(reply: str) -> str | None:
    text = replies.clean(reply)
    return text if replies.problem(text, "spec") is None else None


def amend(text: str, reply: str, kind: str = "", name: str = "spec.md", *frozen: Frozen) -> Amended:
    return amendment.amend(text, kind, name, reply, whole, frozen)


def test_an_edit_changes_its_lines_and_no_others() -> None:
    assert amend(SPEC, edit("Two.", "Two.\nThree.")) == Amended(
        SPEC.replace("Two.\n", "Two.\nThree.\n"), EDITS
    )


@pytest.mark.parametrize(
    "around",
    ["Here they are:\n\n{}", "```\n{}```\n", "<think>\n=== edit: x\n</think>\n{}", "{}\nDone."],
)
def test_what_stands_around_the_edits_is_for_people(around: str) -> None:
    assert amend(SPEC, around.format(edit("One.", "1."))).text == SPEC.replace("One.", "1.")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (edit("Three.", "x"), "are not in spec.md"),
        (edit("", "x"), "names no old lines"),
        (edit("One.", "x", "plan.md"), "plan.md is not to be changed, only spec.md is"),
        (edit("One.", "1.") + edit("Five.", "5."), "are not in spec.md"),  # all or none
        ("=== delete: spec.md\n", "is of no use here"),
        ("=== cannot: it contradicts itself\n", "it cannot be done: it contradicts itself"),
        ("Shall I go on?", "asks back"),
        ("=== file: spec.md\nno document\n=== end\n", "is no such document"),
    ],
)
def test_what_does_not_fit_is_said(reply: str, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        amend(SPEC, reply)


def test_a_passage_that_is_there_twice_is_named_with_its_lines() -> None:
    with pytest.raises(Malformed, match=r"2 times \(lines 3, 5\)"):
        amend("# A\n\nx\n\nx\n", edit("x", "y"))


@pytest.mark.parametrize(
    "reply",
    [
        "=== nothing: a word\n", "Nothing has to change.", "**No changes needed.**",
        "The document still holds.",
    ],
)  # fmt: skip
def test_nothing_has_to_change(reply: str) -> None:
    assert amend(SPEC, reply) == Amended(SPEC, NOTHING)


@pytest.mark.parametrize("form", ["{}", "```markdown\n{}```", "=== file: spec.md\n{}=== end\n"])
def test_a_whole_document_in_place_of_edits_is_one(form: str) -> None:
    new = SPEC.replace("Two.", "Three.")
    assert amend(SPEC, form.format(new)) == Amended(new, WHOLE)


TODO = "# Todo\r\n\r\n- [x] one\r\n- [ ] two\r\n- [x] three\r\n"


def test_ticks_and_line_ends_stay() -> None:
    reply = edit("- [ ] one\n- [ ] two\n- [ ] three", "- [ ] one\n- [ ] 2\n- [ ] three", "todo.md")
    assert amend(TODO, reply, "todo", "todo.md").text == TODO.replace("two", "2")


def test_no_tick_is_invented() -> None:
    found = amend(TODO, edit("- [ ] two", "- [x] 2", "todo.md"), "todo", "todo.md").text
    assert found == TODO.replace("two", "2")


PLAN = """\
# P

## Step 1: A ✅

**Status:** done

```text
Do a.
```

## Step 2: B

```text
Do b.
```
"""


def test_marks_of_a_plan_stay_and_are_not_shown() -> None:
    shown = amendment.shown(PLAN, "plan")
    assert "✅" not in shown
    assert "Status" not in shown
    found = amend(PLAN, edit("Do b.", "Do c.", "plan.md"), "plan", "plan.md").text
    assert found == PLAN.replace("Do b.", "Do c.")
    found = amend(PLAN, edit("Do a.", "Do c.", "plan.md"), "plan", "plan.md").text
    assert found == PLAN.replace("Do a.", "Do c.")


LINES = st.lists(st.text(alphabet="ab =x\\r\u00e4-[]", max_size=6), min_size=1, max_size=12)


@given(LINES, st.data(), st.sampled_from(["\n", "\r\n"]))
def test_lines_outside_an_edit_are_the_same_bytes(
    lines: list[str], data: st.DataObject, end: str
) -> None:
    lines = [f"{at} {line.rstrip()}" for at, line in enumerate(lines)]
    start = data.draw(st.integers(0, len(lines) - 1))
    stop = data.draw(st.integers(start + 1, len(lines)))
    reply = edit("\n".join(lines[start:stop]), "new")
    found = amend(end.join([*lines, ""]), reply).text
    assert found == end.join([*lines[:start], "new", *lines[stop:], ""])


# Frozen rows ------------------------------------------------------------------------------------

STEPS = "# Plan\n\n## A\n\na1\na2\na3\n\n## B\n\nb1\n"
A, A_FOLDED = Frozen(2, 8, "step A"), Frozen(2, 8, "step A", folded=4)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a2", "a9"), ("a2\na3", "a2"), ("a1\na2", "a1\nx\na2"), ("## A", "## A1"),
        ("a3\n\n## B", "## B"),
    ],
)  # fmt: skip
def test_an_edit_that_changes_what_is_frozen_is_refused(old: str, new: str) -> None:
    amend(STEPS, edit(old, new))
    with pytest.raises(Malformed, match="an edit changes step A, which has to stay as it is"):
        amend(STEPS, edit(old, new), "", "spec.md", A)


@pytest.mark.parametrize(
    ("old", "new"),
    [("b1", "b2"), ("# Plan", "# Plan\n\nNew."), ("a3\n\n## B", "a3\n\n## C\n\nc1\n\n## B")],
)
def test_around_what_is_frozen_edits_are_made(old: str, new: str) -> None:
    assert amend(STEPS, edit(old, new), "", "spec.md", A).text == STEPS.replace(old, new)


def test_rows_that_another_edit_has_moved_are_frozen_still() -> None:
    first = edit("# Plan", "# Plan\n\nNew.\nLines.")
    with pytest.raises(Malformed, match="changes step A"):
        amend(STEPS, first + edit("a2", "a9"), "", "spec.md", A)


def test_what_is_folded_is_one_line_that_stands_for_all() -> None:
    said = "[step A goes on unchanged; 4 lines are not shown]"
    text = amendment.shown(STEPS, "", [A_FOLDED])
    assert text == STEPS.replace("a1\na2\na3\n\n", f"{said}\n")
    new = edit(f"{said}\n## B", f"{said}\n## C\n\n## B")
    assert amend(STEPS, new, "", "spec.md", A_FOLDED).text == STEPS.replace("## B", "## C\n\n## B")
    with pytest.raises(Malformed, match="changes step A"):
        amend(STEPS, edit(f"{said}\n## B", "## B"), "", "spec.md", A_FOLDED)


FENCED = "# Plan\n\n## A\n\n```\na\n```\n\n## B\n\n```\nb\n```\n"


def test_what_is_put_between_may_begin_and_end_like_what_is_frozen() -> None:
    between = edit("```\n\n## B", "```\n\n## A2\n\n```\nx\n```\n\n## B")
    new = FENCED.replace("## B", "## A2\n\n```\nx\n```\n\n## B")
    for frozen in (Frozen(2, 7, "step A"), Frozen(8, 13, "step B")):
        assert amend(FENCED, between, "", "spec.md", frozen).text == new
