"""The form of the built-in agent's replies."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.steps import edit_blocks
from piste.steps.edit_blocks import Block, Malformed, Write


def test_the_four_kinds_of_blocks_with_words_around_them() -> None:
    reply = (
        "Here is what I did.\n\n=== file: a.py\nx = 1\n=== end\n\nand\n"
        "=== edit: src/b.py\nold\n=== with\nnew\nlines\n=== end\n=== delete: c.py\nDone.\n"
    )
    assert edit_blocks.parse(reply) == [
        Block("file", "a.py", "", "x = 1\n"),
        Block("edit", "src/b.py", "old\n", "new\nlines\n"),
        Block("delete", "c.py"),
    ]
    assert edit_blocks.needs(edit_blocks.parse("=== need: a\n=== need: b\n=== need: a")) == [
        "a",
        "b",
    ]


@pytest.mark.parametrize(
    ("reply", "blocks"),
    [
        ("=== file: a\n=== end", [Block("file", "a")]),  # an empty file
        ("=== edit: a\nx\n=== with\n=== end", [Block("edit", "a", "x\n", "")]),  # lines go
        ("==== file: a\n=== end\n==== end", [Block("file", "a", "", "=== end\n")]),
        ("=== file: a\n==== end it\n===\n=== end", [Block("file", "a", "", "==== end it\n===\n")]),
        ("=== file: a.py\n```python\nx\n```\n=== end", [Block("file", "a.py", "", "x\n")]),
        ("=== file: a.md\n```sh\nx\n```\n=== end", [Block("file", "a.md", "", "```sh\nx\n```\n")]),
        ("=== file: `a b.py`\r\nx\r\n=== end", [Block("file", "a b.py", "", "x\n")]),
        ("===  FILE: a", None),
        ("=== file a\nx\n=== end", [Block("file", "a", "", "x\n")]),
    ],
)  # fmt: skip
def test_forms_as_models_write_them(reply: str, blocks: list[Block] | None) -> None:
    if blocks is None:
        with pytest.raises(Malformed):
            edit_blocks.parse(reply)
    else:
        assert edit_blocks.parse(reply) == blocks


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("", "it holds no '=== file:'"),
        ("Shall I go on?", "it asks back, and nobody can answer: Shall I go on?"),
        ("=== file: a\nx", "the block of a, line 1, is never ended by '=== end'"),
        (
            "=== file: a\n=== file: b\nx\n=== end",
            "line 2: '=== file: b' stands within the block of a",
        ),
        ("=== end", "line 1: '=== end' stands outside a block"),
        ("=== file:\nx\n=== end", "line 1: '=== file:' names no file"),
        ("=== edit: a\nx\n=== end", "the edit of a, line 1, has no '=== with' line"),
        ("=== edit: a\n\n=== with\nx\n=== end", "the edit of a, line 1, names no old lines"),
        ("=== need: a\n=== delete: b", "it asks for files and changes some at once"),
    ],
)
def test_malformed_replies_say_what_is_wrong(reply: str, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        edit_blocks.parse(reply)
    assert str(caught.value).startswith(reason)


@given(st.text(alphabet="= \nfileditwthen:`abc.py/\r?", max_size=300))
def test_any_text_is_read_or_refused(reply: str) -> None:
    try:
        assert edit_blocks.parse(reply)
    except Malformed as fault:
        assert "\n" not in str(fault)


@given(st.text(max_size=400))
def test_any_content_can_be_written_in_the_form(content: str) -> None:
    content = content.replace("\r", "")
    if not content.endswith("\n"):
        content += "\n"
    signs = "=" * (3 + max((len(run) for run in content.split("\n")), default=0))
    reply = f"{signs} file: a.md\n{content}{signs} end\n"
    assert edit_blocks.parse(reply) == [Block("file", "a.md", "", content)]


# Checking and applying --------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.py").write_text("one\ntwo\nthree\ntwo\n")
    (tmp_path / "dos.txt").write_bytes(b"one\r\ntwo\r\n")
    (tmp_path / "cut").write_text("no end")
    return tmp_path


def check(root: Path, reply: str) -> list[Write]:
    return edit_blocks.check(root, edit_blocks.parse(reply))


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
    "=== edit: a.py\nthre\n=== with\nx\n=== end": "it has 'three'",
    "=== edit: a.py\ntwo\n=== with\nx\n=== end": "in a.py 2 times (lines 2, 4); take more lines",
    "=== edit: gone.py\nx\n=== with\ny\n=== end": "gone.py is not there, so it cannot be edited",
    "=== delete: gone.py": "gone.py is not there, so it cannot be deleted",
    "=== file: a.py\nx\n=== end\n=== file: a.py\ny\n=== end": "a.py is there twice",
    "=== file: /etc/passwd\nx\n=== end": "is not a plain path",
    "=== file: ../x\nx\n=== end": "may lead out of the project",
    "=== file: link/x\nx\n=== end": "its folder leads out of the project",
    "=== file: pointer\nx\n=== end": "pointer is a symlink",
    "=== file: a.py/b\nx\n=== end": "is not a folder",
    "=== file: n\nx\n=== end\n=== file: n/b\nx\n=== end": "n cannot be a file and the folder of",
    "=== edit: binary\nx\n=== with\ny\n=== end": "binary is no UTF-8 text",
}


@pytest.mark.parametrize("reply", FAULTS)
def test_one_fault_and_nothing_is_written(root: Path, reply: str) -> None:
    (root / "link").symlink_to(root.parent)
    (root / "pointer").symlink_to(root / "a.py")
    (root / "binary").write_bytes(b"x\xff")
    before = sorted((path.name, path.lstat().st_mtime_ns) for path in root.iterdir())
    with pytest.raises(Malformed) as caught:
        check(root, f"=== file: fine.py\nx\n=== end\n{reply}")
    assert FAULTS[reply] in str(caught.value)
    assert sorted((path.name, path.lstat().st_mtime_ns) for path in root.iterdir()) == before


def test_all_faults_are_named_at_once(root: Path) -> None:
    with pytest.raises(Malformed) as caught:
        check(root, "".join(f"=== delete: gone{n}\n" for n in range(7)))
    assert str(caught.value).count("is not there") == 5
    assert str(caught.value).endswith("(and 2 more)")


def test_who_calls_may_forbid_a_path(root: Path) -> None:
    blocks = edit_blocks.parse("=== file: mine\nx\n=== end")
    with pytest.raises(Malformed, match="mine is not yours"):
        edit_blocks.check(root, blocks, lambda path: f"{path} is not yours")
