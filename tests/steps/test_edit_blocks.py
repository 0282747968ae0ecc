"""The form of the built-in agent's replies."""

from pathlib import Path

import pytest

from piste.documents import edits
from piste.documents.edits import Block
from piste.steps import edit_blocks
from piste.steps.edit_blocks import Write


def test_the_four_kinds_of_blocks_with_words_around_them() -> None:
    reply = (
        "Here is what I did.\n\n=== file: a.py\nx = 1\n=== end\n\nand\n"
        "=== edit: src/b.py\nold\n=== with\nnew\nlines\n=== end\n=== delete: c.py\nDone.\n"
    )
    assert edits.parse(reply) == [
        Block("file", "a.py", "", "x = 1\n"),
        Block("edit", "src/b.py", "old\n", "new\nlines\n"),
        Block("delete", "c.py"),
    ]
    assert edit_blocks.needs(edits.parse("=== need: a\n=== need: b\n=== need: a")) == [
        "a",
        "b",
    ]


# Checking and applying --------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.py").write_text("one\ntwo\nthree\ntwo\n")
    (tmp_path / "dos.txt").write_bytes(b"one\r\ntwo\r\n")
    (tmp_path / "cut").write_text("no end")
    return tmp_path


def check(root: Path, reply: str) -> list[Write]:
    checked = edit_blocks.check(root, edits.parse(reply))
    assert checked.faults == []
    return checked.writes


def test_edits_apply_in_their_order_and_keep_line_ends(root: Path) -> None:
    writes = check(
        root,
        "=== edit: a.py\none\n=== with\n1\n=== end\n"
        "=== edit: a.py\n1\ntwo\n=== with\n1 2\n=== end\n"
        "=== edit: dos.txt\ntwo\n=== with\n2\n=== end\n"
        "=== edit: cut\nno end\n=== with\nend\n=== end",
    )
    edit_blocks.apply(root, writes)
    assert (root / "a.py").read_text() == "1 2\nthree\ntwo\n"
    assert (root / "dos.txt").read_bytes() == b"one\r\n2\r\n"
    assert (root / "cut").read_text() == "end\n"


def test_files_are_made_replaced_and_deleted(root: Path) -> None:
    reply = "=== file: new/deep/b.py\nb\n=== end\n=== file: a.py\nall new\n=== end\n=== delete: cut"
    edit_blocks.apply(root, check(root, reply))
    assert (root / "new/deep/b.py").read_text() == "b\n"
    assert (root / "a.py").read_text() == "all new\n"
    assert not (root / "cut").exists()


FAULTS = {
    "=== edit: a.py\nfour\n=== with\nx\n=== end": "lines of an edit are not in a.py: 'four'",
    "=== edit: a.py\none\nthree\n=== with\nx\n=== end": "though each of them is",
    "=== edit: a.py\nthre\n=== with\nx\n=== end": "not in a.py: 'thre'",
    "=== edit: a.py\ntwo\n=== with\nx\n=== end": "in a.py 2 times (lines 2, 4); take more lines",
    "=== edit: gone.py\nx\n=== with\ny\n=== end": "gone.py is not there, so it cannot be edited",
    "=== delete: gone.py": "gone.py is not there, so it cannot be deleted",
    "=== file: a.py\nx\n=== end\n=== file: a.py\ny\n=== end": "a.py is there twice",
    "=== file: /etc/passwd\nx\n=== end": "is not a plain path",
    "=== file: ../x\nx\n=== end": "may lead out of the project",
    "=== file: link/x\nx\n=== end": "its folder leads out of the project",
    "=== file: pointer\nx\n=== end": "pointer is a symlink",
    "=== file: a.py/b\nx\n=== end": "is not a folder",
    "=== file: n\nx\n=== end\n=== file: n/b\nx\n=== end": "n cannot be a file and a folder",
    "=== edit: binary\nx\n=== with\ny\n=== end": "binary is no UTF-8 text",
}


@pytest.mark.parametrize("reply", FAULTS)
def test_a_fault_is_named_and_the_other_blocks_stand(root: Path, reply: str) -> None:
    (root / "link").symlink_to(root.parent)
    (root / "pointer").symlink_to(root / "a.py")
    (root / "binary").write_bytes(b"x\xff")
    before = sorted((path.name, path.lstat().st_mtime_ns) for path in root.iterdir())
    blocks = edits.parse(f"=== file: fine.py\nx\n=== end\n{reply}")
    checked = edit_blocks.check(root, blocks)
    assert FAULTS[reply] in checked.faults[0].why
    assert Write("fine.py", b"x\n") in checked.writes
    assert sorted((path.name, path.lstat().st_mtime_ns) for path in root.iterdir()) == before


def test_who_calls_may_forbid_a_path(root: Path) -> None:
    blocks = edits.parse("=== file: mine\nx\n=== end")
    checked = edit_blocks.check(root, blocks, lambda path: f"{path} is not yours")
    assert (checked.writes, checked.faults[0].why) == ([], "mine is not yours")


CODE = "def f(x):\n    if x:\n        return 1\n    return 2\n"


# An edit of CODE as models write it, and what becomes of its third line.
@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("        return 1", "        return 3", "        return 3"),
        ("return 1", "return 3", "        return 3"),  # without its indentation
        ("    if x:\n        return 1", "    if x:\n        return 3", "        return 3"),
        ("if x:\n    return 1", "if x:\n    return 3", "        return 3"),
        ("if x:\n\treturn 1", "if x:\n\treturn 3", "        return 3"),  # another unit
        ("  if x:\n    return 1", "  if x:\n    return 3", "        return 3"),
        (
            "```python\n        return 1\n```",
            "```python\n        return 3\n```",
            "        return 3",
        ),
        ("        return 1", "```\n        return 3\n```", "        return 3"),
        ("\n        return 1\n", "        return 3", "        return 3"),
        ("        return 1  ", "        return 3", "        return 3"),
        ("return 1", "if y:\n    return 3", "        if y:"),
    ],
)
def test_an_edit_that_can_mean_one_thing_only_is_taken(
    tmp_path: Path, old: str, new: str, line: str
) -> None:
    (tmp_path / "a.py").write_text(CODE)
    edit_blocks.apply(tmp_path, check(tmp_path, f"=== edit: a.py\n{old}\n=== with\n{new}\n=== end"))
    assert (tmp_path / "a.py").read_text().split("\n")[2] == line
    assert (tmp_path / "a.py").read_text().endswith("    return 2\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("if x:\n  return 1\n        return 2", "x"),  # indented at random
        ("    return 2", "  y"),  # what stands there exactly is taken as it is, and this is
    ],
)
def test_other_indentation_has_to_be_uniform(tmp_path: Path, old: str, new: str) -> None:
    (tmp_path / "a.py").write_text(CODE)
    blocks = edits.parse(f"=== edit: a.py\n{old}\n=== with\n{new}\n=== end")
    checked = edit_blocks.check(tmp_path, blocks)
    assert bool(checked.faults) == ("\n" in old)


def test_old_lines_that_are_not_there_are_quoted_with_their_nearest_place(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(CODE)
    reply = "=== edit: a.py\n    if x:\n        return 7\n=== with\ny\n=== end"
    (fault,) = edit_blocks.check(tmp_path, edits.parse(reply)).faults
    assert fault.why == "the old lines of an edit are not in a.py: 'return 7'"
    assert fault.quote == (
        "Not in a.py, with this indentation:\n    if x:\n        return 7\n"
        f"The nearest that a.py has, lines 1 to 4:\n{CODE}"
    )


@pytest.mark.parametrize(
    "block",
    [
        "=== file: example/greeting.txt\nHello, world\n=== end",
        "=== edit: example/hello.py\nx\n=== with\ny\n=== end",
        "=== file: path/of/file.py\nx\n=== end",
        f"=== file: b.py\n{edit_blocks.FORM.splitlines()[0]}\n=== end",
        "=== file: c\nlines that are in the file now, exactly as they stand\n=== end",
    ],
)  # fmt: skip
def test_a_copy_of_the_form_is_refused(root: Path, block: str) -> None:
    checked = edit_blocks.check(root, edits.parse(block))
    assert checked.writes == []
    assert "of the form" in checked.faults[0].why


def test_every_block_of_the_form_itself_is_refused_or_changes_nothing(root: Path) -> None:
    checked = edit_blocks.check(root, edits.parse(edit_blocks.FORM))
    assert checked.writes == []


def test_a_project_may_have_a_folder_that_the_form_names_as_well(root: Path) -> None:
    (root / "example").mkdir()
    assert check(root, "=== file: example/greeting.txt\nHi\n=== end")


def test_of_a_reply_that_was_cut_off_the_whole_blocks_stay() -> None:
    reply = "=== file: a\nx\n=== end\nAnd\n=== file: b\nhal"
    assert edits.whole_part(reply) == "=== file: a\nx\n=== end"
    assert edits.whole_part("=== file: b\nhal") == ""
    assert edits.whole_part("==== file: a\n=== end\nhal") == ""


def test_what_is_said_around_the_blocks_and_what_cannot_be_done() -> None:
    reply = "First.\n\n=== file: a\nx\n=== end\n\nLast.\n=== delete: b\n"
    assert edits.around(reply) == "First.\n\nLast."
    assert edits.cannot("I looked.\n=== cannot: no such table\n") == "no such table"
    assert edits.cannot("it says '=== cannot: x' somewhere") == ""
