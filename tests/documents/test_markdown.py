"""Fences, headings, boxes and marks of state, one line or a few at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.documents import markdown
from piste.documents.markdown import (
    box,
    fences,
    heading,
    inside,
    split,
    split_state,
    ticks,
    word_state,
)


def _blocks(*lines: str) -> list[tuple[int, int]]:
    return [(block.open, block.close) for block in fences(lines)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("a\r\nb\nc", ["a", "b", "c"]),
        ("a\n", ["a", ""]),
        ("a\rb\u2028c\x0cd", ["a\rb\u2028c\x0cd"]),
        ("a\r\r\n", ["a\r", ""]),
    ],
)
def test_a_line_ends_at_lf_or_crlf_alone(text: str, lines: list[str]) -> None:
    assert split(text) == lines


@pytest.mark.parametrize(
    ("lines", "blocks"),
    [
        (["```", "a", "```"], [(0, 2)]),
        (["```text", "```"], [(0, 1)]),
        (["~~~", "```", "~~~"], [(0, 2)]),
        (["````", "```", "a", "```", "````"], [(0, 4)]),
        (["```", "```json", "{}", "```"], [(0, 3)]),  # an opening line closes nothing
        (["```", "a", "``` x", "```"], [(0, 3)]),
        (["        ```", "a", "        ```"], [(0, 2)]),  # deep in a list
        (["```", "      ```", "```"], [(0, 2)]),  # more than three columns deeper: content
        (["```", "a"], []),  # nothing closes it, so it swallows nothing
        (["````", "```", "a", "```"], [(1, 3)]),
        (["```a```", "b", "```"], []),  # code in a sentence, then one that nothing closes
        (["no", "fence"], []),
    ],
)
def test_a_fence_is_what_commonmark_says_if_something_closes_it(
    lines: list[str], blocks: list[tuple[int, int]]
) -> None:
    assert _blocks(*lines) == blocks


def test_the_rows_of_a_fence_include_its_first_and_last_line() -> None:
    lines = ["a", "```", "b", "```", "c"]
    assert inside(lines, fences(lines)) == [-1, 0, 0, 0, -1]


def test_what_follows_the_ticks_is_kept() -> None:
    assert ticks("  ~~~~ text {x=1} ") == (2, "~", 4, "text {x=1}")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("# A", (1, "A")),
        ("###### A ", (6, "A")),
        ("## A ##", (2, "A")),
        ("## A#", (2, "A#")),
        ("   ## A", (2, "A")),
        ("\\#\\# A", (2, "A")),
        ("##", (2, "")),
        ("    # code", None),
        ("#A", None),
        ("####### A", None),
        ("text", None),
        ("# " + "x" * 2000, None),
    ],
)
def test_a_heading_has_its_level_and_its_text(line: str, found: tuple[int, str] | None) -> None:
    assert heading(line) == found


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("- [ ] a", "open"),
        ("- [x] a", "done"),
        ("- [X] a", "done"),
        ("* [~] a", "doing"),
        ("+ [-] a", "dropped"),
        ("-   [ ] a", "open"),
        ("             - [ ] deep", "open"),
        ("1. [x] a", "done"),
        ("2) [ ] a", "open"),
        ("- 1. [x] a", "done"),
        ("        [X] no bullet", "done"),
        ("> - [x] quoted", "done"),
        ("## [x] heading", "done"),
        ("- []  empty", "open"),
        ("- [✅] a", "done"),
        ("- [🟡] a", "doing"),
        ("- ☐ a", "open"),
        ("- ✅ a", "done"),
        ("☑ a", "done"),
        ("- [x]", "done"),
        ("[x]", None),
        ("✅ a sentence", None),
        ("- [2026-01-29] a date", None),
        ("- [x](https://example.org)", None),
        ("- [x][ref]", None),
        ("[x]: https://example.org", None),
        ("- [a] b", None),
        ("- text [x]", None),
        ("-[x] no space", None),
        ("- [x] " + "a" * 1000, None),
    ],
)
def test_a_box_is_known_by_its_place_and_its_sign(line: str, state: str | None) -> None:
    found = box(line)
    assert (found and found.state) == state


def test_a_box_says_where_it_is() -> None:
    found = box("  - 1. [x] a")
    assert found is not None
    assert "  - 1. [x] a"[found.start : found.end] == "[x]"


@pytest.mark.parametrize(
    ("text", "bare", "state"),
    [
        ("T", "T", ""),
        ("T ✅", "T", "done"),
        ("T✅", "T", "done"),
        ("T ✅ COMPLETED", "T", "done"),
        ("T ✅ Completed in PR 5", "T", "done"),
        ("T ✅ (2025-01-01)", "T", "done"),
        ("T 🔄 In progress (tests)", "T", "doing"),
        ("T - in progress", "T", "doing"),
        ("T (not started)", "T", "open"),
        ("T — done ✅ — ✅", "T", "done"),
        ("T **[DONE]**", "T", "done"),
        ("**T ✅ DONE**", "**T**", "done"),
        ("**T** ✅ **DONE**", "**T**", "done"),
        ("T: COMPLETED", "T", "done"),
        ("T DONE", "T", "done"),
        ("T ✓", "T", "done"),
        ("✅ Step 1: T", "Step 1: T", "done"),
        ("Step 1: ✅ T", "Step 1: T", "done"),
        ("Step 1 ✅: T", "Step 1: T", "done"),
        ("Prompt A: ☐ T", "Prompt A: T", "open"),
        ("DONE: T", "T", "done"),
        ("**DONE** T", "T", "done"),
        ("[x] T", "[ ] T", "done"),
        ("❌ FUTURE: T", "T", "dropped"),
        # Words and signs that belong to the text:
        ("Show a toast when DONE", "Show a toast when DONE", ""),
        ("Definition of Done", "Definition of Done", ""),
        ("Add ✅ reactions to posts", "Add ✅ reactions to posts", ""),
        ("Reactions - ✅ and ❌ buttons", "Reactions - ✅ and ❌ buttons", ""),
        ("Step 3: Done", "Step 3: Done", ""),
        ("A well-done steak", "A well-done steak", ""),
        ("Todo", "Todo", ""),
        ("x" * 1000 + " ✅", "x" * 1000 + " ✅", ""),
    ],
)
def test_a_mark_of_state_is_cut_where_one_stands(text: str, bare: str, state: str) -> None:
    assert split_state(text) == (bare, state)


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("✅ Complete", "done"), ("**Completed**", "done"), ("In progress, 3 of 4", "doing"),
        ("not started", "open"), ("Not done", "open"), ("готово", "done"), ("완료", "done"),
        ("string", ""), ("donation", ""), ("", ""),
    ],
)  # fmt: skip
def test_a_status_begins_with_its_state(words: str, state: str) -> None:
    assert word_state(words) == state


@given(st.text(st.characters(), max_size=60))
def test_no_text_breaks_anything(text: str) -> None:
    lines = split(text)
    blocks = fences(lines)
    assert all(block.open < block.close for block in blocks)
    assert len(inside(lines, blocks)) == len(lines)
    for line in lines:
        bare, _ = split_state(line)
        assert split_state(bare) == (bare, "")
        found = box(line)
        assert found is None or markdown.box_state(line[found.start]) or line[found.start] == "["
