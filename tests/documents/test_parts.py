"""Parts of a document: found again word for word, and put back into one that was written anew."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.documents import parts
from piste.documents.edits import Malformed
from piste.documents.parts import Part

PLAN = """\
# P

Words.

---

## Step 1: One ✅

Why.

```text
Do one.
```

---

## Step 2: Two

```text
Do two.
```
"""


def steps(text: str) -> list[Part]:
    return [part for _, part in parts.steps(text)]


def test_a_step_goes_from_its_title_to_its_last_line() -> None:
    one, two = steps(PLAN)
    assert (one.id, one.title, one.name) == ("1", "One", "step 1 One")
    assert one.lines == ("## Step 1: One ✅", "", "Why.", "", "```text", "Do one.", "```")
    assert PLAN.split("\n")[one.start : one.end] == [*one.lines]
    assert two.lines[-1] == "```"


FORMS = {
    "comments": "# P\n\n<!-- step 1: A -->\nDo a.\n<!-- /step -->\n\n<!-- step 2: B -->\nDo b.\n"
    "<!-- /step -->\n",
    "bold": "**Step 1: A**\n\nDo a.\n\n**Step 2: B**\n\nDo b.\n",
    "in a fence": "```text\nPrompt 1: A\nDo a.\n```\n\n```text\nPrompt 2: B\nDo b.\n```\n",
    "a list": "# P\n\n- [ ] 1. Do a thing\n- [ ] 2. Do another\n- [ ] 3. Do a third\n",
    "crlf": PLAN.replace("\n", "\r\n"),
}


@pytest.mark.parametrize("form", FORMS)
def test_in_each_form_steps_are_apart_and_hold_their_prompt(form: str) -> None:
    text = FORMS[form]
    found = parts.steps(text)
    assert len(found) >= 2
    rows = text.split("\n")
    for (step, part), (_, after) in zip(found, [*found[1:], (None, None)], strict=True):
        assert rows[part.start : part.end] == [*part.lines]
        assert after is None or part.end <= after.start
        assert all(line in "\n".join(part.lines) for line in step.prompt.split("\n"))


def test_what_is_not_there_word_for_word_is_told() -> None:
    both = steps(PLAN)
    assert parts.changed(both, both) is None
    assert parts.changed(both, steps(PLAN.replace("Do two", "Do 2"))) == both[1]
    assert parts.changed(both, [*reversed(both)]) == both[1]  # their order counts
    assert parts.changed(both[:1], steps(PLAN.replace(" ✅", ""))) == both[0]


@pytest.mark.parametrize(
    "new",
    [
        PLAN.replace("Do one.", "Do it.").replace(" ✅", ""),
        PLAN.replace("## Step 1: One ✅", "## Step 7: One"),
        PLAN.replace("Step 1: One ✅", "Step 1: Another"),
        PLAN.replace("## Step 1: One ✅\n\nWhy.\n\n```text\nDo one.\n```\n\n---\n\n", ""),
        "# P\n\n" + PLAN[PLAN.index("## Step 2") :],
        PLAN.replace("\n", "\r\n"),
    ],
)
def test_a_part_is_put_back_where_its_like_stands(new: str) -> None:
    wanted = steps(PLAN)[:1]
    found = parts.put_back(wanted, new, steps)
    assert parts.changed(wanted, steps(found.replace("\r\n", "\n"))) is None
    assert [part.title for part in steps(found)] == ["One", "Two"]


def test_one_whose_number_another_has_is_not_put_in_its_place() -> None:
    new = (
        PLAN.replace("Step 1: One ✅", "Step 1: Draw")
        .replace("Why.", "")
        .replace("Do one.", "A picture of the whole.")
    )
    with pytest.raises(Malformed, match="step 1 One has to stay as it is"):
        parts.put_back(steps(PLAN)[:1], new, steps)


TODO = "# T\n\n## Step 1: One\n\n- [x] a\n\n## Step 2: Two ✅\n\n- [ ] b\n"


def test_a_section_is_known_by_the_number_and_the_title_of_its_step() -> None:
    known = parts.sections(TODO)
    one, two = (step for step, _ in parts.steps(PLAN))
    assert [part.title for part in known] == ["T", "Step 1: One", "Step 2: Two"]
    assert parts.section_of(one, known) == known[1]
    assert parts.section_of(two, known) == known[2]
    assert parts.section_of(two._replace(id="12"), known) is None
    assert parts.section_of(one, [*known, *known]) is None


BODY = st.sampled_from(["a", "b", "", "---", "- c", "```", "## Step 9: X"])


@given(st.lists(st.lists(BODY, max_size=4), min_size=1, max_size=5), st.data())
def test_put_back_is_whole_and_changes_no_other_part(
    bodies: list[list[str]], data: st.DataObject
) -> None:
    def plan(words: str) -> str:
        rows = ["# P", ""]
        for at, _ in enumerate(bodies, 1):
            rows += [f"## Step {at}: Title {at}", "", "```text", f"{words} {at}", "```", ""]
        return "\n".join(rows)

    old, new = steps(plan("Do")), plan("Make")
    wanted = [part for part in old if data.draw(st.booleans())]
    found = steps(parts.put_back(wanted, new, steps))
    pairs = zip(old, steps(new), strict=True)
    expected = [one if one in wanted else other for one, other in pairs]
    assert [part.lines for part in found] == [part.lines for part in expected]
    assert parts.put_back(wanted, "\n".join(["# P"]), steps).count("## Step") == len(wanted)
