"""What a document holds, counted whatever form a model gave it."""

import pytest

from piste.documents import counts

FIELD = "**File:** a.py:1\n**Severity:** {}\n\nIt is wrong.\n"
INTRO = "# Code review: x\n\nSmall and sound.\n\n"

REVIEWS = {
    "fields": INTRO
    + "".join(f"## {n}. T\n\n{FIELD.format(s)}\n" for n, s in enumerate(["critical", "high"], 1)),
    "list fields": INTRO
    + "## 1. T\n\n- **File:** a.py:1\n- **Severity:** Critical\n\n"
    + "## 2. U\n\n- File: b.py\n- Severity: 🟠 High (likely)\n",
    "table": INTRO + "| # | File | Severity |\n|---|---|---|\n| 1 | a.py | Critical |\n"
    "| 2 | b.py | High |\n\n## 1. T\n\n" + FIELD.format("critical") + "\n## 2. U\n\n"
    + FIELD.format("high"),
    "other words": INTRO + "## 1. T\n\n" + FIELD.format("Blocker") + "\n## 2. U\n\n"
    + FIELD.format("P1"),
    "tags": INTRO + "## 1. [Critical] T\n\nFile: a.py\n\n## 2. U (high)\n\nFile: b.py\n",
    "groups": INTRO + "## Critical\n\n### T\n\nFile: a.py\n\n## High severity\n\n1. U, in b.py\n",
    "setext": "Review\n======\n\n1. T\n----\n\n" + FIELD.format("critical")
    + "\n2. U\n----\n\n" + FIELD.format("high"),
    "code": INTRO + "## 1. T\n\n" + FIELD.format("critical") + "\n```\nSeverity: low\n```\n\n"
    "## 2. U\n\n" + FIELD.format("high"),
    "fields in a table": INTRO
    + "".join(
        f"## {n}. T\n\n| Field | Value |\n|---|---|\n| File | a.py:1 |\n| Severity | {s} |\n\n"
        for n, s in enumerate(["critical", "high"], 1)
    ),
    "summary": INTRO + "| Severity | Count |\n|---|---|\n| Critical | 1 |\n| High | 1 |\n"
    "| Low | 0 |\n\n## 1. T\n\n" + FIELD.format("critical") + "\n## 2. U\n\n"
    + FIELD.format("high"),
}  # fmt: skip


@pytest.mark.parametrize("form", REVIEWS)
def test_findings_are_counted_in_every_form(form: str) -> None:
    assert counts.phrase(REVIEWS[form], "review") == "2 findings: 1 critical, 1 high"


def test_a_table_alone_is_counted() -> None:
    rows = "| a.py:1 | medium | x |\n| b.py:2 | low | y |\n| b.py:9 | low | z |\n"
    text = f"{INTRO}| Where | Severity | What |\n|---|---|---|\n{rows}"
    assert counts.phrase(text, "review") == "3 findings: 1 medium, 2 low"


def test_a_finding_without_a_severity_counts() -> None:
    text = f"{INTRO}## 1. T\n\n{FIELD.format('low')}\n## 2. U\n\n**File:** b.py:3\n\nWrong.\n"
    assert counts.phrase(text, "review") == "2 findings: 1 low"


def test_issues_are_called_so_and_a_clean_review_says_it() -> None:
    assert counts.phrase("# Issues\n\n## 1. T\n\n**Files:** a.py:1\n", "issues") == "1 issue"
    assert counts.phrase(f"{INTRO}No findings.\n", "review") == "no findings"


def test_a_document_counts_only_what_its_fields_rank() -> None:
    holes = "# Holes\n\n## 1. T\n\n**Severity:** high\n**Where:** Data\n"
    assert counts.phrase(holes, "document") == "1 finding: 1 high"
    assert counts.phrase("# Paper\n\n## High\n\n- words\n", "document") == ""
    assert counts.phrase("# Plan\n\n**Severity:** high\n", "plan") == ""


ASSUMED = {
    "marks": "It runs on Linux (assumption). It is small (assumption).\n",
    "brackets": "- Linux [assumption]\n- small **(assumption)**\n",
    "reasons": "1. Linux (assumption: CI does).\n2. Small (Assumption).\n",
    "labels": "- Assumption: Linux.\n- **Assumption:** small.\n",
    "a section": "## Assumptions\n\n- Linux\n  - any\n- small (assumption)\n",
    "a table": "## 7. Assumptions\n\n| Id | What |\n|---|---|\n| 1 | Linux |\n| 2 | small |\n",
    "references": "Linux (assumption 1).\n\n## Assumptions\n\n1. Linux\n2. small\n",
    "explained": "What is marked (assumption) is mine: \"(assumption)\" or `(assumption)`.\n\n"
    "Linux (assumption), small (assumption).\n",
    "italics": "Linux *(assumption)*, small _assumption_.\n",
    "german": "Es läuft unter Linux (Annahme). Es ist klein (Annahme).\n",
    "code": "Linux (assumption).\n\n```\n(assumption)\n```\n\nSmall (assumption).\n",
}  # fmt: skip


@pytest.mark.parametrize("form", ASSUMED)
def test_assumptions_are_counted_in_every_form(form: str) -> None:
    assert counts.phrase(f"# Spec\n\n## Overview\n\nWords.\n\n{ASSUMED[form]}", "spec") == (
        "2 assumptions"
    )


QUESTIONS = {
    "items": (2, "- Who?\n  - The owner; until then 30 days\n- When? Assumption: now.\n"),
    "numbers": (1, "1. Who decides, the owner or the team?\n"),
    "headings": (2, "### Who?\n\nThe owner.\n\n### When?\n\nNow.\n"),
    "bold": (2, "**Who?**\n\nThe owner.\n\n**When?**\n\nNow.\n"),
    "paragraphs": (2, "Who decides?\n\nWhen is it due? Until then: now.\n\nThat is all.\n"),
    "a table": (1, "| Question | Who |\n|---|---|\n| When? | owner |\n"),
    "prose": (1, "The retention is not settled; the owner could settle it.\n"),
    "settled": (1, "- [x] Who? The owner.\n- ~~Where?~~ Here.\n- [ ] When?\n"),
    "none": (0, "None.\n"),
    "none, in a list": (0, "- None at this time.\n"),
    "none, in italics": (0, "*None.*\n"),
    "nothing": (0, ""),
}
HEADINGS = (
    "## Open questions\n", "## 9. Open Questions\n", "Open questions\n--------------\n",
    "**Open questions**\n", "## Open issues and risks\n", "## Risks and open questions\n",
    "## Offene Fragen\n",
)  # fmt: skip


@pytest.mark.parametrize("form", QUESTIONS)
def test_open_questions_are_counted_in_every_form(form: str) -> None:
    count, text = QUESTIONS[form]
    found = counts.unsettled(f"# Spec\n\n## Open questions\n\n{text}\n## After\n\n- one?\n")
    assert found == (0, count)


@pytest.mark.parametrize("heading", HEADINGS)
def test_open_questions_are_found_under_every_heading(heading: str) -> None:
    text = f"# Spec\n\nLinux (assumption).\n\n{heading}\n- Who?\n"
    assert counts.phrase(text, "spec") == "1 assumption, 1 open question"


def test_a_settled_specification_says_so() -> None:
    assert counts.phrase("# Spec\n\n## Open questions\n\nNone.\n", "spec") == (
        "no assumptions, no open questions"
    )
    assert counts.phrase("# Spec\n\n## Data\n\nWords.\n", "spec") == ""


def test_steps_and_items_are_counted() -> None:
    step = "## Step {0}: S{0}\n\n```text\nDo it.\n```\n\n"
    assert counts.phrase(step.format(1) + step.format(2), "plan") == "2 steps"
    assert counts.phrase(step.format(1), "plan") == "1 step"
    assert counts.phrase("# T\n\n## A\n\n- [x] a\n- [ ] b\n", "todo") == "2 items, 1 ticked"
    assert counts.phrase("# T\n\n## A\n\n- [ ] a\n", "todo") == "1 item"
