"""Findings and issues, each of which can be carried out like a step."""

import pytest

from piste.documents import plan

ISSUES = """\
# Issues: tally

## I3. It stops on an empty file

**Labels:** bug
**Files:** tally.py:12

```text
Traceback
```

## I7. Slow

**Labels:** performance
**Files:** tally.py:3

1. First
2. Second
"""


@pytest.mark.parametrize(
    ("three", "seven", "ids"),
    [("I3. ", "I7. ", ["I3", "I7"]), ("3. ", "7. ", ["3", "7"]), ("", "", ["1", "2"])],
)
def test_each_section_is_a_step_whole(three: str, seven: str, ids: list[str]) -> None:
    text = ISSUES.replace("I3. ", three).replace("I7. ", seven)
    read = plan.parse(text)
    assert (read.form, read.problems) == (plan.FINDINGS, ())
    assert [step.id for step in read.steps] == ids
    assert [step.title for step in read.steps] == ["It stops on an empty file", "Slow"]
    assert read.steps[0].prompt.startswith("**Labels:** bug\n**Files:** tally.py:12")
    assert read.steps[0].prompt.endswith("```")
    marked = plan.mark_done(text, ids[1])
    assert [step.done for step in plan.parse(marked).steps] == [False, True]
    assert plan.strip_marks(marked) == text
    assert plan.mark_done(marked, ids[1], False) == text


def test_a_finding_of_a_review_is_one_too() -> None:
    review = ISSUES.replace("**Labels:** bug", "**Severity:** high").replace("**Files", "**File")
    assert plan.parse(review).form == plan.FINDINGS


def test_a_plan_with_a_few_fields_stays_a_plan() -> None:
    text = "# P\n\n" + "".join(
        f"## Step {n}: Do it\n\n**Files:** a.py\n\n```text\nDo it.\n```\n\n" for n in (1, 2, 3)
    )
    assert plan.parse(text).form != plan.FINDINGS
