"""The findings of a document: told apart, numbered once, moved, taken out and put back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.documents import reported
from piste.documents.reported import Finding

FILES = {"a.py": "".join(f"line {n}\n" for n in range(1, 101)), "b.py": "x = 1\n"}
REVIEW = """# Code review: tally

It counts.

## F1. The sum is wrong

**File:** a.py:10, b.py:1
**Line:** `line 10`
**Severity:** high

It adds twice: `total_of`.

**Fix:** once.

## F2. The file stays open

**File:** a.py:20-22
**Line:** `line 20`
**Severity:** low

Words.
"""


def of(text: str, prefix: str = "F") -> list[Finding]:
    return reported.of(text, FILES, prefix)


def test_each_finding_has_its_section_its_places_and_its_line() -> None:
    first, second = of(REVIEW)
    assert (first.id, first.title, first.quote) == ("F1", "The sum is wrong", "line 10")
    assert [place.said for place in first.places] == ["a.py:10", "b.py:1"]
    assert reported.section(REVIEW, second).startswith("## F2. The file stays open\n")
    assert reported.section(REVIEW, second).endswith("\nWords.")
    assert REVIEW.split("\n")[first.fold - 1] == "**Severity:** high"
    assert reported.words(REVIEW, first) >= {"total_of"}


FORMS = {
    "## 3. Title": ("F3", "Title"),
    "## F3. Title": ("F3", "Title"),
    "## [F3] Title": ("F3", "Title"),
    "## F3: Title": ("F3", "Title"),
    "## 3) Title": ("F3", "Title"),
    "### 12. Title": ("F12", "Title"),
    "## Title": ("", "Title"),
    "## 404: the page is missing": ("", "404: the page is missing"),
    "## SQL-2 is wrong": ("", "SQL-2 is wrong"),
    "## T3. Title": ("", "T3. Title"),
    "## 3 ways to fail": ("", "3 ways to fail"),
}


@pytest.mark.parametrize("heading", FORMS)
def test_an_id_is_read_in_the_forms_that_are_written(heading: str) -> None:
    (one,) = of(f"# Review\n\n{heading}\n\n**File:** a.py:10\n\nWords.\n")
    assert (one.id, one.title) == FORMS[heading]


def test_sections_of_groups_and_of_headings_within_are_told_apart() -> None:
    high = "## High\n\n### A\n\n**File:** a.py:1\n\n#### Fix\n\nx\n"
    text = f"# R\n\n{high}\n## Low\n\n### B\n\n**File:** b.py\n"
    assert [(one.title, one.end) for one in of(text)] == [("A", 12), ("B", 18)]


def test_the_steps_of_a_plan_have_the_numbers_of_its_issues() -> None:
    first = "## Step 4: Mend it\n\n**Issue:** x\n\n```text\n## 9. no\n```\n"
    text = f"# Prompts\n\n{first}\n## Step 7: More\n\n```text\ny\n```\n"
    assert [one.id for one in of(text)] == ["F4", "F7"]
    assert reported.numbered(text, "F", (), 0, given=True) == text


@pytest.mark.parametrize(
    "text", ["", "# R\n\nNo findings.\n", "| File | What |\n|---|---|\n| a.py | x |\n"]
)
def test_a_document_without_sections_of_findings_has_none(text: str) -> None:
    assert of(text) == []


# Numbers ----------------------------------------------------------------------------------------


def numbered(text: str, known: tuple[str, ...] = (), last: int = 0, given: bool = False) -> str:
    return reported.numbered(text, "F", known, last, given=given)


def test_numbers_of_a_model_become_ids_in_their_order() -> None:
    model = REVIEW.replace("F1.", "4.").replace("F2. ", "")
    assert numbered(model) == REVIEW


def test_what_is_known_keeps_its_id_and_its_form_and_new_ones_count_on() -> None:
    text = REVIEW.replace("F1.", "7.").replace("F2.", "F3.")
    assert numbered(text, ("F7",), 9) == text.replace("F3.", "F10.")


def test_an_id_is_not_given_twice() -> None:
    text = REVIEW.replace("F2.", "F1.")
    assert numbered(text, ("F1",), 1) == REVIEW


def test_the_next_number_is_kept_where_the_sections_do_not_show_it() -> None:
    text = numbered(REVIEW, ("F1", "F2"), 5)
    assert text == f"{REVIEW}\n<!-- next: F6 -->\n"
    assert reported.highest(text, of(text)) == 5
    assert [one.end for one in of(text)][-1] == len(REVIEW.split("\n")) - 1
    assert numbered(text, ("F1", "F2"), 5) == text
    assert reported.bare(text) == REVIEW


def test_numbers_that_another_document_gave_stand() -> None:
    text = REVIEW.replace("F1.", "4.").replace("F2.", "7.")
    assert numbered(text, given=True) == REVIEW.replace("F1.", "F4.").replace("F2.", "F7.")


def test_findings_of_a_document_written_anew_have_their_ids_again() -> None:
    new = (
        REVIEW.replace("F1. The sum is wrong", "1. Something new").replace("line 10", "line 33")
        .replace("F2. The file stays open", "2. A file is never closed")
    )  # fmt: skip
    text = reported.renamed(new, "F", FILES, of(REVIEW))
    text = numbered(text, ("F1", "F2"), 2)
    assert [(one.id, one.title) for one in of(text)] == [
        ("F3", "Something new"), ("F2", "A file is never closed"),
    ]  # fmt: skip


# Sections ---------------------------------------------------------------------------------------


def test_lines_that_moved_have_their_new_numbers() -> None:
    text = reported.moved(
        REVIEW, of(REVIEW), FILES, lambda path, line: line + 5 if path == "a.py" else 0
    )
    assert text == REVIEW.replace("a.py:10,", "a.py:15,").replace("a.py:20-22", "a.py:25-27")


@pytest.mark.parametrize(
    "form", ["`a.py`:{}", "`a.py:{}`", "[a.py](a.py#L{})", "a.py (line {})", "**a.py:{}**"]
)
def test_numbers_are_moved_in_each_form(form: str) -> None:
    text = f"# R\n\n## 1. T\n\n**File:** {form}\n\nLine 10 of a.py:10.\n"
    moved = reported.moved(text.format(10), of(text.format(10)), FILES, lambda _, line: line + 1)
    assert moved == text.format(11)


def test_a_finding_is_taken_out_whole() -> None:
    first, second = of(REVIEW)
    assert reported.without(REVIEW, [second]) == REVIEW[: REVIEW.index("\n## F2.")]
    gone = reported.without(REVIEW, [first])
    assert gone == REVIEW[: REVIEW.index("## F1.")] + REVIEW[REVIEW.index("## F2.") :]


def test_what_a_new_document_changed_or_left_out_is_put_back() -> None:
    other = "## F2. Other\n\n**File:** a.py:1\n\nx\n\n## F9. New\n\n**File:** b.py:1\n\ny\n"
    new = f"# Code review: tally\n\nNew words.\n\n{other}"
    text = reported.put_back(new, of(new), REVIEW, of(REVIEW))
    found = of(text)
    assert [one.id for one in found] == ["F1", "F2", "F9"]
    assert not [*reported.changed(REVIEW, of(REVIEW), text, found)]
    assert text.startswith("# Code review: tally\n\nNew words.\n\n## F1.")
    assert text.endswith("\ny\n")


def test_two_that_were_left_out_come_back_in_their_order() -> None:
    text = reported.put_back("# Code review: tally\n\nNo more.\n", [], REVIEW, of(REVIEW))
    assert [one.id for one in of(text)] == ["F1", "F2"]


def test_a_section_that_is_other_is_named() -> None:
    new = REVIEW.replace("Words.", "Words.\n\nMore.")
    assert [*reported.changed(REVIEW, of(REVIEW), new, of(new))] == ["F2"]


# Any text -----------------------------------------------------------------------------------

LINES = st.sampled_from(
    [
        *("# R", "## F1. A", "## 2. B", "## C", "### D", "**File:** a.py:3", "**Line:** `line 3`"),
        *("", "Words.", "```", "<!-- next: F9 -->", "*Decided by the team: 1 fixed.*", "| a | b |"),
    ]
)


@given(
    st.lists(LINES, min_size=1, max_size=24).map("\n".join).map("# Title\n".__add__),
    st.integers(0, 9),
)
def test_numbers_are_given_once_whatever_the_text_is(text: str, last: int) -> None:
    once = reported.numbered(text, "F", (), last)
    ids = [one.id for one in of(once)]
    assert len(set(ids)) == len(ids)
    assert all(one.number > last for one in of(once))
    most = reported.highest(once, of(once))
    assert reported.numbered(once, "F", set(ids), most) == once
    assert reported.bare(reported.bare(once)) == reported.bare(once)


@given(st.lists(LINES, max_size=24).map("\n".join), st.lists(LINES, max_size=24).map("\n".join))
def test_what_is_held_stands_word_for_word_whatever_came(new: str, old: str) -> None:
    old = reported.numbered(old, "F", (), 0)
    if "```" in new + old:
        return  # an open fence takes in what follows it, and is refused
    held = of(old)
    text = reported.put_back(reported.numbered(new, "F", (), 20), [], old, held)
    assert not [*reported.changed(old, held, text, of(text))]
