"""The form of edits, as models write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.documents import edits
from piste.documents.edits import Block, Malformed


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
        ("=== need: a.py 3-9", [Block("need", "a.py 3-9")]),
        ("=== cannot: no such table", [Block("cannot", "no such table")]),
        ("=== nothing: it fits", [Block("nothing", "it fits")]),
        ("=== file: a.py\nx", [Block("file", "a.py", "", "x\n")]),  # whole, but for its end
        ("=== file: a.py\nx\n\n=== delete: b",
         [Block("file", "a.py", "", "x\n"), Block("delete", "b")]),
        ("=== file: a.py\nx\n=== end: a.py", [Block("file", "a.py", "", "x\n")]),
        ("=== delete: a\n\n=== end", [Block("delete", "a")]),
        ("=== file: a.py\n```python\nx\n```\nThis adds x.", [Block("file", "a.py", "", "x\n")]),
        ("=== file: a.py\nx\n```\n\n=== delete: b",
         [Block("file", "a.py", "", "x\n"), Block("delete", "b")]),
        ("=== file: a.py\nx\n```\n=== end", [Block("file", "a.py", "", "x\n")]),
        ("```\n=== file: a.py\nx\n=== end\n```", [Block("file", "a.py", "", "x\n")]),
        ("=== file: Makefile\n```make\nx\n```\n=== end", [Block("file", "Makefile", "", "x\n")]),
        ("=== edit: a\nx\n=== with\ny\n=== edit: b\nx\n=== with\ny",
         [Block("edit", "a", "x\n", "y\n"), Block("edit", "b", "x\n", "y\n")]),
        ("=== file a\nx\n=== end", [Block("file", "a", "", "x\n")]),
    ],
)  # fmt: skip
def test_forms_as_models_write_them(reply: str, blocks: list[Block] | None) -> None:
    if blocks is None:
        with pytest.raises(Malformed):
            edits.parse(reply)
    else:
        assert edits.parse(reply) == blocks


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("", "it holds no '=== file:'"),
        ("Shall I go on?", "it asks back, and nobody can answer: Shall I go on?"),
        (
            "=== file: a.md\n```text\n=== file: b\nx\n=== end\n```\n=== end",
            "line 3: '=== file: b' stands within the block of a.md",  # it may be content
        ),
        ("=== file: a\n=== file: b\nx\n=== end\ny\n=== end", "line 6: '=== end' stands outside"),
        ("=== end", "line 1: '=== end' stands outside a block"),
        ("=== file:\nx\n=== end", "line 1: '=== file:' names no file"),
        ("=== edit: a\nx\n=== end", "the edit of a has no '=== with' line"),
        ("=== edit: a\n\n=== with\nx\n=== end", "the edit of a names no old lines"),
    ],
)
def test_malformed_replies_say_what_is_wrong(reply: str, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        edits.parse(reply)
    assert str(caught.value).startswith(reason)


@given(st.text(alphabet="= \nfileditwthen:`abc.py/\r?", max_size=300))
def test_any_text_is_read_or_refused(reply: str) -> None:
    try:
        assert edits.parse(reply)
    except Malformed as fault:
        assert "\n" not in str(fault)


@given(st.text(max_size=400))
def test_any_content_can_be_written_in_the_form(content: str) -> None:
    content = content.replace("\r", "")
    if not content.endswith("\n"):
        content += "\n"
    signs = "=" * (3 + max((len(run) for run in content.split("\n")), default=0))
    reply = f"{signs} file: a.md\n{content}{signs} end\n"
    assert edits.parse(reply) == [Block("file", "a.md", "", content)]


def test_a_fence_around_the_blocks_is_no_word() -> None:
    """It would stand in the commit, with nothing in it."""
    block = "=== edit: a.py\nx\n=== with\ny\n=== end\n"
    for fence, close in (("```", "```"), ("```text", "```"), ("~~~~", "~~~~")):
        reply = f"First.\n\n{fence}\n{block}\n{block}{close}\n\nThen.\n"
        assert edits.around(reply) == "First.\n\nThen."
    assert edits.around("See:\n\n```\ncode\n```\n") == "See:\n\n```\ncode\n```"
