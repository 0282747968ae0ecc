"""What is other between two bundles: the lines, where they are now, and the passages around."""

from hypothesis import given
from hypothesis import strategies as st

from piste.bundle import changes
from piste.bundle.contents import files_of
from piste.bundle.formats import block

LONG = "".join(f"line {n}\n" for n in range(1, 201))


def bundle(files: dict[str, str], instruction: str = "") -> str:
    parts = [block("xml", "bundle", {"by": "piste"}, b"A note.\n")]
    parts += [block("xml", "file", {"path": path}, text.encode()) for path, text in files.items()]
    if instruction:
        parts.append(block("xml", "instruction", {}, instruction.encode()))
    return b"".join(parts).decode()


def between(old: dict[str, str], new: dict[str, str]) -> changes.Changes:
    return changes.between(bundle(old), bundle(new))


def excerpt(old: dict[str, str], new: dict[str, str], **also: list[int]) -> str:
    named = {f"{name}.py": rows for name, rows in also.items()}
    return changes.excerpt(bundle(new), between(old, new), named, lambda path: path == "AGENTS.md")


def test_only_what_differs_is_a_part() -> None:
    found = between({"a.py": "1\n", "b.py": "2\n"}, {"a.py": "1\n", "b.py": "3\n", "c.py": "4\n"})
    assert [*found.parts] == ["b.py", "c.py"]


def test_a_line_that_moved_has_its_new_number() -> None:
    new = LONG.replace("line 50\n", "").replace("line 100\n", "line 100\nnew a\nnew b\n")
    found = between({"a.py": LONG}, {"a.py": new})
    numbers = {line: found.moved("a.py", line) for line in (1, 49, 50, 51, 100, 101, 200)}
    assert numbers == {1: 1, 49: 49, 50: 0, 51: 50, 100: 99, 101: 102, 200: 201}


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_a_moved_line_is_the_same_line(old: list[str], new: list[str]) -> None:
    found = between({"x": "\n".join(old)}, {"x": "\n".join(new)})
    before, after = found.old["x"].split("\n"), found.new["x"].split("\n")
    for number, line in enumerate(before, 1):
        now = found.moved("x", number)
        assert now == 0 or after[now - 1] == line


def test_what_is_near_to_a_change_is_touched_by_it() -> None:
    found = between({"a.py": LONG}, {"a.py": LONG.replace("line 50\n", "x\n")})
    assert found.touched("a.py", 50, 50, 0)
    assert found.touched("a.py", 60, 61, 10)
    assert not found.touched("a.py", 61, 61, 10)
    assert not found.touched("b.py", 50, 50, 10)


def test_in_a_file_that_is_gone_every_line_is_touched() -> None:
    found = between({"a.py": "1\n", "b.py": "2\n"}, {"b.py": "2\n"})
    assert found.touched("a.py", 1, 1, 0)
    assert found.moved("a.py", 1) == 0


def test_the_excerpt_has_the_change_with_its_numbers_and_says_what_is_left_out() -> None:
    text = excerpt(
        {"a.py": LONG, "b.py": LONG}, {"a.py": LONG.replace("line 50\n", "x\n"), "b.py": LONG}
    )
    shown = files_of(text)
    assert [*shown] == ["a.py"]
    lines = shown["a.py"].split("\n")
    assert lines[:2] == ["[lines 1 to 37 are not shown]", "38: line 38"]
    assert "50: x" in lines
    assert "[lines 63 to 200 are not shown]" in lines


def test_a_short_file_is_there_whole_and_a_new_one_is_in_the_diff() -> None:
    new = {"a.py": "one\ntwo\n", "b.py": "new\n"}
    assert files_of(excerpt({"a.py": "one\n"}, new)) == {"a.py": "one\ntwo\n"}


def test_where_a_changed_definition_is_used_is_shown() -> None:
    user = LONG.replace("line 100\n", "    total_words(x)\n")
    old = {"a.py": "def total_words(text):\n    return 1\n", "b.py": user, "c.py": LONG}
    new = {**old, "a.py": "def total_words(text):\n    return 2\n"}
    shown = files_of(excerpt(old, new))
    assert [*shown] == ["a.py", "b.py"]
    assert shown["b.py"].count("line") == 6  # four around it, and what is not shown


def test_lines_that_are_asked_for_the_guides_and_the_order_go_along() -> None:
    files = {"a.py": "1\n", "b.py": LONG, "AGENTS.md": "Short functions.\n"}
    text = changes.excerpt(
        bundle({**files, "a.py": "2\n"}, "Look at b."), between(files, {**files, "a.py": "2\n"}),
        {"b.py": [150]}, lambda path: path == "AGENTS.md",
    )  # fmt: skip
    assert [*files_of(text)] == ["a.py", "b.py", "AGENTS.md"]
    assert "150: line 150" in text
    assert "Look at b." in text


def test_nothing_that_hides_gets_into_the_excerpt() -> None:
    text = excerpt({"a.py": ""}, {"a.py": "x = '\u202e'\n"})
    assert "\u202e" not in text
    assert "U+202E" in text


def test_names_on_changed_lines_are_known() -> None:
    found = between({"a.py": "keep_it()\nold_name()\n"}, {"a.py": "keep_it()\nnew_name()\n"})
    assert changes.changed_words(found) == {"old_name", "new_name"}
