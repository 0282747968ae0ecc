"""Edits of the outline model: what it would write otherwise now, and nothing of a person's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.documents import amendment
from piste.outline import amending
from piste.outline.amending import Asked

OLD = "# P\n\n## One\n\nCount.\n\n## Two\n\nPrint.\n"


def made(document: str, before: str, after: str) -> str:
    reply = amending.edits_between(Asked("", "", "p.md", document), before, after)
    return amendment.amend(document, "", "p.md", reply, lambda _: None).text


def test_what_changed_is_put_into_the_text_that_stands() -> None:
    mine = OLD.replace("Count.", "Count, and quickly.") + "\nMy end.\n"
    new = OLD.replace("Print.", "Print it as JSON.\n\n## Three\n\nStop.")
    assert made(mine, OLD, new) == mine.replace("Print.", "Print it as JSON.\n\n## Three\n\nStop.")


def test_what_a_person_has_put_otherwise_stays() -> None:
    mine = OLD.replace("Print.", "Show.")
    assert made(mine, OLD, OLD.replace("Print.", "Write.")) == mine


LINES = st.lists(st.sampled_from(["a", "b", "", "## c", "=== with", "==== end"]), min_size=1)


@given(LINES, LINES)
def test_of_its_own_text_the_edits_make_the_new_one(old: list[str], new: list[str]) -> None:
    before = "\n".join(["# Top", *old, "the end", ""])
    after = "\n".join(["# Top", *new, "the end", ""])
    assert made(before, before, after) == after


ORDER = '<spec path="spec.md">\none\ntwo\nthree\n</spec>\n\nDocument: plan, for p.md'
CHANGE = (
    "\n--- spec.md, as it was\n+++ spec.md, as it is\n@@ -1,3 +1,3 @@\n one\n-2\n+two\n three\n"
)


@pytest.mark.parametrize("known", [True, False])
def test_the_earlier_order_is_worked_out_from_the_diff(known: bool) -> None:
    change = CHANGE if known else "\none\ntwo\nthree\n"
    prompt = (
        f'{ORDER}\n\n---\n\nIt says:\n\n<document path="p.md">\n{OLD}</document>\n\n'
        f'<change path="spec.md">{change}</change>\n\nAmend: p.md'
    )
    asked = amending.read(prompt)
    assert asked is not None
    assert (asked.order.strip(), asked.name) == (ORDER, "p.md")
    assert asked.before.strip() == (ORDER.replace("two", "2") if known else "")
    assert amending.read(ORDER) is None
