"""Items and boxes of a todo list, and the ticks that a new version of it takes over.

With PISTE_SAMPLES set to a folder of real files (see `test_plan`), those are read too.
"""

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.documents.todo import Item, carry_ticks, counts, parse, set_state, strip_marks
from piste.system.errors import UserError

STATES = ("open", "done", "doing", "dropped")
LIST = """\
---
status: active
---
# Todo

Tick a box when it is done.

## Base ✅

- [x] Set up
  - [x] Write a test
- [ ] Read [the docs](https://example.org)
- [ ] Write a test

```markdown
- [ ] an example
```

**Later:**

1. [~] Search
* [-] Fax
- [2026-01-29] a date
"""

_PIECES = [
    *("- ", "* ", "1. ", "2) ", "> ", "## ", "# ", "  ", "    ", "\t", "[x]", "[X]", "[ ]", "[~]"),
    *(
        "[-]",
        "[]",
        "[✅]",
        "☐",
        "☑",
        "✅",
        "\ufe0f",
        "a",
        "b",
        "Test",
        " ",
        "(u)",
        "**",
        ":",
        "DONE",
    ),
    *("```", "~~~", "text", "---", "\u2028", "\x00", "\ud800", "(done)", "-", "|"),
]
_LINES = st.lists(st.sampled_from(_PIECES), max_size=7).map("".join)
_ENDS = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r", ""])
todos = st.one_of(
    st.lists(st.tuples(_LINES, _ENDS), max_size=14).map(lambda rows: "".join(map("".join, rows))),
    st.text(st.characters(), max_size=80),
)


def test_items_have_their_state_place_and_section() -> None:
    later = "Todo > Base > Later"
    assert parse(LIST) == (
        Item("Set up", "done", 10, 0, "Todo > Base"),
        Item("Write a test", "done", 11, 2, "Todo > Base"),
        Item("Read [the docs](https://example.org)", "open", 12, 0, "Todo > Base"),
        Item("Write a test", "open", 13, 0, "Todo > Base"),
        Item("Search", "doing", 21, 0, later),
        Item("Fax", "dropped", 22, 0, later),
    )


def test_lists_without_markdown_are_read_too() -> None:
    text = "Game\nPhase 0: Base\n\n    [X] Set up\n\n        [ ] Test\nPhase 1\n\t[X] Play"
    text = text.replace("\n", "\r\n")
    assert parse(text) == (
        Item("Set up", "done", 4, 4, "Phase 0: Base"),
        Item("Test", "open", 6, 8, "Phase 0: Base"),
        Item("Play", "done", 8, 4, "Phase 1"),
    )


def test_a_fence_that_nothing_closes_hides_no_item() -> None:
    assert [item.text for item in parse("- [ ] a\n```bash\n- [ ] b\n")] == ["a", "b"]


def test_states_are_counted() -> None:
    assert counts(parse(LIST)) == {"open": 2, "done": 2, "doing": 1, "dropped": 1}
    assert counts(()) == dict.fromkeys(STATES, 0)


@pytest.mark.parametrize(
    ("line", "state", "result"),
    [
        ("- [ ] a", "done", "- [x] a"),
        ("- [X] a", "open", "- [ ] a"),
        ("- [X] a", "done", "- [X] a"),
        ("  - 1. [x] a  ", "doing", "  - 1. [~] a  "),
        ("[X] a\r", "dropped", "[-] a\r"),
        ("- ☐ a", "done", "- [x] a"),
    ],
)
def test_one_box_is_set_and_the_rest_stays(line: str, state: str, result: str) -> None:
    assert set_state(f"- [ ] x\n{line}\n- [ ] y", 2, state) == f"- [ ] x\n{result}\n- [ ] y"


@pytest.mark.parametrize("line", [0, 1, 16, 23, 99])
def test_a_line_without_a_box_is_a_mistake(line: int) -> None:
    with pytest.raises(UserError, match=f"^line {line} of the todo list has no check box$"):
        set_state(LIST, line, "done")


def test_a_state_that_there_is_not_is_a_mistake() -> None:
    with pytest.raises(UserError, match=r"^an item cannot be 'dome'; did you mean 'done'\?$"):
        set_state(LIST, 10, "dome")


def test_only_boxes_and_marks_in_headings_are_stripped() -> None:
    assert strip_marks(LIST) == (
        LIST.replace("[x]", "[ ]").replace("[~]", "[ ]").replace("[-]", "[ ]").replace(" ✅", "")
    )


@pytest.mark.parametrize(
    ("old", "new", "result"),
    [
        # the same item in the same section, with other marks around its words
        ("## A\n- [x] **Write** it.\n", "## A ✅\n- [ ] Write it\n", "## A ✅\n- [x] Write it\n"),
        ("## A\n- [~] a\n- [-] b\n", "## A\n- [ ] b\n- [ ] a\n", "## A\n- [-] b\n- [~] a\n"),
        # moved to another section: found while there is just one of it
        ("## A\n- [x] a\n", "## B\n- [ ] a\n", "## B\n- [x] a\n"),
        ("## A\n- [x] a\n", "## B\n- [ ] a\n- [ ] a\n", "## B\n- [ ] a\n- [ ] a\n"),
        ("## A\n- [x] a\n## B\n- [ ] a\n", "## C\n- [ ] a\n", "## C\n- [ ] a\n"),
        # each in its own section, or below its own item
        ("## A\n- [x] t\n## B\n- [ ] t\n", "## B\n- [ ] t\n## A\n- [ ] t\n",
         "## B\n- [ ] t\n## A\n- [x] t\n"),
        ("- [ ] A\n  - [x] t\n- [ ] B\n  - [ ] t\n", "- [ ] B\n  - [ ] t\n- [ ] A\n  - [ ] t\n",
         "- [ ] B\n  - [ ] t\n- [ ] A\n  - [x] t\n"),
        # the title of the whole changed, the sections did not
        ("# X\n## A\n- [x] t\n## B\n- [ ] t\n", "# Y\n## A\n- [ ] t\n## B\n- [ ] t\n",
         "# Y\n## A\n- [x] t\n## B\n- [ ] t\n"),
        # as many as before keep their order
        ("- [x] t\n- [ ] t\n", "- [ ] t\n- [ ] t\n", "- [x] t\n- [ ] t\n"),
        # one more than before: which is new?
        ("- [x] t\n- [x] t\n", "- [ ] t\n- [ ] t\n- [ ] t\n", "- [ ] t\n- [ ] t\n- [ ] t\n"),
        # one fewer: sure only when all were in one state
        ("- [x] t\n- [x] t\n", "- [ ] t\n", "- [x] t\n"),
        ("- [x] t\n- [ ] t\n", "- [ ] t\n", "- [ ] t\n"),
        # what is not done any more, is not; what is new stays as it is
        ("- [ ] a\n", "- [x] a\n- [x] b\n", "- [ ] a\n- [x] b\n"),
        ("", "- [ ] a\n", "- [ ] a\n"),
        ("- [x] a\r\n", "- [ ] a\r\n\r\n- [ ] b", "- [x] a\r\n\r\n- [ ] b"),
    ],
)  # fmt: skip
def test_ticks_stay_with_the_items_that_are_kept(old: str, new: str, result: str) -> None:
    assert carry_ticks(old, new) == result


@given(todos)
def test_any_text_can_be_parsed_and_keeps_its_own_ticks(text: str) -> None:
    assert sum(counts(parse(text)).values()) == len(parse(text))
    assert carry_ticks(text, text) == text


@given(todos)
def test_stripping_twice_is_stripping_once(text: str) -> None:
    assert strip_marks(strip_marks(text)) == strip_marks(text)


@given(todos, st.sampled_from(STATES))
def test_setting_a_state_changes_that_state_and_nothing_else(text: str, state: str) -> None:
    items = parse(text)
    for number, item in enumerate(items[:4]):
        changed = set_state(text, item.line, state)
        wanted = [*items[:number], item._replace(state=state), *items[number + 1 :]]
        assert [other[:4] for other in parse(changed)] == [other[:4] for other in wanted]
        assert strip_marks(changed) == strip_marks(text)


_ITEMS = st.lists(
    st.tuples(st.sampled_from("AB"), st.sampled_from("abc"), st.sampled_from(" x~-")), max_size=6
).map(lambda rows: "".join(f"## {section}\n- [{sign}] {word}\n" for section, word, sign in rows))


@given(st.one_of(_ITEMS, todos), st.one_of(_ITEMS, todos))
def test_no_tick_is_invented(old: str, new: str) -> None:
    carried = carry_ticks(old, new)
    assert strip_marks(carried) == strip_marks(new)
    added = counts(parse(carried))["done"] - counts(parse(new))["done"]
    assert added <= counts(parse(old))["done"]


@given(_ITEMS, _ITEMS)
def test_a_state_that_changes_is_one_that_the_item_had(old: str, new: str) -> None:
    had = {(item.text, item.state) for item in parse(old)}
    for before, after in zip(parse(new), parse(carry_ticks(old, new)), strict=True):
        assert before.state == after.state or (after.text, after.state) in had


SAMPLES = os.environ.get("PISTE_SAMPLES")
if SAMPLES:

    @pytest.mark.parametrize(
        "path", sorted((Path(SAMPLES) / "todos").iterdir()), ids=lambda p: p.name
    )
    def test_a_real_list_gets_all_its_ticks_back(path: Path) -> None:
        text = path.read_bytes().decode("utf-8")
        boxes = len(re.findall(r"^\s*(?:[-*]|\d+\.)?\s*\[[ xX~]\]\s", text, re.MULTILINE))
        assert len(parse(text)) >= boxes
        back = carry_ticks(text, strip_marks(text))
        assert [item.state for item in parse(back)] == [item.state for item in parse(text)]
