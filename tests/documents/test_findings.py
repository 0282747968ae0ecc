"""Findings: paths in every way of writing, lines computed, what is not there marked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.documents.findings import MARK, count, marked, named, places

FILES = {
    "src/a.py": "".join(f"line_{n} = {n}\n" for n in range(1, 301)),
    "src/long/a.py": "x = 1\n",
    "b.md": "# B\n",
    "docs/my notes.md": "one\ntwo\n",
    "Makefile": "all:\n\ttrue\n",
    "a-b.py": "one\ntwo\nthree\n",
    "frames.py": 'T = """\n<file path="none.py">\nx\n</file>\n"""\n' + "y\n" * 20,
}


def _finding(place: str, line: str = "") -> str:
    quoted = f"**Line:** {line}\n" if line else ""
    return f"# Review\n\n## 1. Wrong\n\n**File:** {place}\n{quoted}**Severity:** high\n\nWords.\n"


@pytest.mark.parametrize(
    "place",
    [
        "src/a.py", "src/a.py:2", "`src/a.py:2`", "`src/a.py`:2", "**src/a.py:2**", "./src/a.py:2",
        "src\\a.py:2", "[src/a.py:2](src/a.py#L2)", "[the parser](src/a.py)", "src/a.py:128, 289",
        "src/a.py:128,289", "src/a.py:1-9", "src/a.py:1–9", "src/a.py:L128", "src/a.py#L128",
        "src/a.py#L1-L9", "src/a.py (lines 1-9)", "src/a.py (line 3)", "src/a.py, line 3",
        "src/a.py, lines 3 and 9", "src/a.py line 3", "src/a.py:12:5", "src/a.py:12 (parse)",
        "src/a.py:12 (`os.path`)", "src/a.py (parse), line 12", "src/a.py:12 in parse()",
        "src/a.py::test_it", "src/a.py:1, b.md:1", "src/a.py:1; b.md:1", "src/a.py:1 and b.md:1",
        "src/a.py:3, src/a.py:9", "`src/a.py:3`, `b.md:1`", "docs/my notes.md:2", "Makefile:2",
        "`docs/my notes.md`", "a-b.py:3", "frames.py:25", "tests/new.py (new)", "n/a", "None",
        "tests/new.py (new file), src/a.py:1", "src/a.py:12 → b.md:1", "src/long/a.py:1",
        "src/a.py:10 to 12", "src/a.py @ 12", '"src/a.py":7', "src/a.py (new function), b.md",
        "src/a.py:5, 7-9 and 12", "<src/a.py:2>", "src/a.py ll. 3-4", "src/a.py:2.",
    ],
)  # fmt: skip
def test_what_is_there_is_not_marked(place: str) -> None:
    found = marked(_finding(place), FILES)
    assert found.text == _finding(place)
    assert (found.doubtful, found.findings) == (0, 1)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("src/none.py:1", "src/none.py:1"),
        ("a.py:1", "a.py:1"),
        ("y.py", "y.py"),
        ("src/a.py:900", "src/a.py:900 (it has 300 lines)"),
        ("src/a.py:10-99999", "src/a.py:10-99999 (it has 300 lines)"),
        ("src/a.py:3, 301", "src/a.py:301 (it has 300 lines)"),
        ("src/a.py:0", "src/a.py:0 (it has 300 lines)"),
        ("b.md:1, none.py:3", "none.py:3"),
        ("long/a.py:1", "long/a.py:1 (is src/long/a.py meant?)"),
        ("project/src/long/a.py:1", "project/src/long/a.py:1 (is src/long/a.py meant?)"),
        ("b.md:2", "b.md:2 (it has 1 line)"),
        ("lib/b.md:1", "lib/b.md:1 (is b.md meant?)"),
        ("makefile", ""),
        ("none.py:1 (parse)", "none.py:1"),
        ("`none.py`", "none.py"),
    ],
)
def test_what_is_not_there_is_marked_with_what_may_be_meant(place: str, said: str) -> None:
    found = marked(_finding(place), FILES)
    assert (f"{MARK} {said}" in found.text) == bool(said)
    assert found.doubtful == bool(said)
    assert "".join(
        line for line in found.text.splitlines(True) if not line.startswith(MARK)
    ) == _finding(place)
    assert marked(found.text, FILES).text == found.text


FORMS = (
    "**File:** {}", "**File**: {}", "**File** : {}", "- **File:** {}", "* **Files**: {}",
    "1. **File:** {}", "File: {}", "Files: {}", "__File:__ {}", "*File:* {}", "> **File:** {}",
    "**Location:** {}", "**Path:** {}", "**Where:** {}", "📄 **File:** {}", "<b>File:</b> {}",
    "| File | {} |", "| **File** | {} |", "**File(s):** {}", "**file:** {}", "**FILE:** {}",
    "**File：** {}", "- File: {}", "**Files:**\n- {}\n- b.md:1", "**Affected files:** {}",
    "| # | File | Severity |\n|---|------|----------|\n| 1 | {} | high |\n",
)  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_field_is_read_in_every_form_of_markdown(form: str) -> None:
    text = f"# Review\n\n## 1. Wrong\n\n{form.format('src/a.py:3')}\n\nWords.\n"
    assert count(text) == 1
    assert "src/a.py" in named(text, FILES)
    assert marked(text, FILES).text == text
    wrong = f"# Review\n\n## 1. Wrong\n\n{form.format('none.py:3')}\n\nWords.\n"
    assert f"{MARK} none.py:3\n" in marked(wrong, FILES).text


def test_code_is_no_field() -> None:
    text = "# R\n\n```\n**File:** none.py:1\n```\n"
    assert marked(text, FILES).text == text


@pytest.mark.parametrize(
    ("place", "quote", "becomes"),
    [
        ("src/a.py:140", "`line_120 = 120`", "src/a.py:120"),
        ("src/a.py", "line_7 = 7", "src/a.py:7"),
        ("src/a.py:9999", "line_7 = 7", "src/a.py:7"),  # beyond its end, and no doubt about it
        ("`src/a.py:140`", "  line_120  = 120", "`src/a.py:120`"),
        ("src/a.py:118-125", "`line_120 = 120`", "src/a.py:118-125"),
        ("src/a.py:130-140", "120: line_120 = 120", "src/a.py:120"),
        ("src/a.py:3, b.md:1", "`line_9 = 9`", "src/a.py:9, b.md:1"),
        ("src/a.py (lines 1-2)", "`line_9 = 9`", "src/a.py (lines 9)"),
        ("frames.py:9", '`<file path="none.py">`', "frames.py:2"),
        ("a-b.py:3", "12", "a-b.py:3"),
    ],
)
def test_the_number_is_computed_from_the_quoted_line(place: str, quote: str, becomes: str) -> None:
    found = marked(_finding(place, quote), FILES)
    assert found.text == _finding(becomes, quote)
    assert found.doubtful == 0


def test_a_line_that_is_found_nowhere_is_marked() -> None:
    found = marked(_finding("b.md:1", "`never = written`"), FILES)
    assert f"{MARK} the quoted line is not in b.md\n" in found.text
    elsewhere = marked(_finding("b.md:1", "`line_120 = 120`"), FILES).text
    assert f"{MARK} the quoted line is not in b.md; it stands in src/a.py:120\n" in elsewhere


def test_without_a_bundle_that_can_be_read_nothing_is_claimed() -> None:
    assert marked(_finding("none.py:1"), {}).text == _finding("none.py:1")


@given(st.text(alphabet=" abc./:,-–()#L0123456789`*[]\n") | st.text())
def test_any_field_is_taken(value: str) -> None:
    places(value, FILES)
    once = marked(_finding(value), FILES).text
    assert marked(once, FILES).text == once
