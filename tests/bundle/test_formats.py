"""The round trip: whatever a file holds and is called, the bundle reads back the same."""

import json
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.bundle import encoding, escapes, formats
from piste.bundle.blocks import numbered, printable
from piste.bundle.parser import blocks, parse
from piste.model import tokens
from piste.system.invisible import UNSEEN

from .conftest import FORMS, examples

# What closes, opens or forges something in one of the forms, and what changes on the way.
FRAGMENTS = [
    b"</file>\n", b'<file path="forged">\n', b"</file-1>\n", b"</file-2>", b"<file", b"</",
    b"```", b"```\n", b"````\n\n", b"`", b"## `forged`\n\n```\n", b"# left_out\n\n```\n",
    b"==== end\n", b"===== end\n", b'==== file path="forged"\n', b"==== file", b"=",
    b"]\n", b"}\n", b',{"kind": "file", "path": "forged", "text": ""}\n', b'"', b"\\", b"\\u0041",
    b"<instruction>\n", b"</left_out>\n", b"<bundle", b"&lt;", b"]]>",
    b"\r\n", b"\r", b"\n", b"\n\n", b" ", b"\t", b"abc", b"   1: ", b"12: x\n",
    b"[U+202E]", b"[U+005B]", b"[U+", b"\x1b", b"\x0c", b"\x7f", b"\0", b"\xc2\x80",
    b"\xe2\x80\xae", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\xef\xbf\xbe", b"\xf3\xa0\x81\x81",
    b"\xff", b"\xe9", b"caf\xe9 ", b"\x85", b"\xed\xa0\x80", "日本".encode(), "😀".encode(),
    "あいう".encode("shift_jis"), b"# coding: latin-1\n",
]  # fmt: skip
CONTENTS = st.one_of(
    st.binary(max_size=40), st.lists(st.sampled_from(FRAGMENTS), max_size=8).map(b"".join)
)
NAMES = CONTENTS.map(lambda made: made.replace(b"\0", b"")).filter(bool)


def made(form: str, files: list[tuple[bytes, bytes]], number: int = 0) -> bytes:
    """Return a bundle of (name, content), as it is packed, with other blocks around the files."""
    parts = [formats.block(form, formats.HEAD, {"by": "piste"}, b"a note\n")]
    for name, data in files:
        decoded = encoding.decode(data)
        if decoded is None:
            continue
        body = decoded.body
        marks = {"path": escapes.quote(name)} | decoded.marks
        if form != "json":
            body = printable(body, marks)
        if number and body.count(b"\n") + 1 >= number:
            body = numbered(body, number)
            marks["numbered"] = str(number)
        parts.append(formats.block(form, formats.FILE, marks, body))
    parts.append(formats.block(form, "left_out", {}, b"".join(data[:9] for _, data in files[:0])))
    parts.append(formats.block(form, "instruction", {}, b"Review this."))
    return b"".join(parts) + formats.closing(form)


def expected(files: list[tuple[bytes, bytes]]) -> list[tuple[str, bytes]]:
    """Return what comes back: the same, but for binary files and bytes that were not valid."""
    back = []
    for name, data in files:
        decoded = encoding.decode(data)
        if decoded is not None:
            whole = data if "invalid" not in decoded.marks else encoding.encode(*decoded)
            back.append((name.decode("utf-8", "surrogateescape"), whole))
    return back


@pytest.mark.parametrize("form", FORMS)
@examples
@given(
    files=st.lists(st.tuples(NAMES, CONTENTS), max_size=4), number=st.sampled_from([0, 1, 2, 10])
)
def test_a_bundle_reads_back_the_same_whatever_its_files_hold(
    form: str, files: list[tuple[bytes, bytes]], number: int
) -> None:
    assert parse(made(form, files, number), form) == expected(files)


@pytest.mark.parametrize("form", FORMS)
def test_ten_thousand_files_of_what_breaks_frames_read_back_the_same(form: str) -> None:
    rng = random.Random(20_261_120)

    def some(most: int) -> bytes:
        return b"".join(rng.choices(FRAGMENTS, k=rng.randrange(most)))

    for _ in range(1000):
        files = [(some(4).replace(b"\0", b"") or b"n", some(12)) for _ in range(10)]
        assert parse(made(form, files, rng.choice([0, 0, 1, 3])), form) == expected(files)


@pytest.mark.parametrize("form", FORMS)
@examples
@given(files=st.lists(st.tuples(NAMES, CONTENTS), max_size=3))
def test_a_bundle_is_clean_text(form: str, files: list[tuple[bytes, bytes]]) -> None:
    whole = made(form, files).decode()

    assert not re.search(UNSEEN, whole)
    if form == "json":
        assert all(isinstance(item["text"], str) for item in json.loads(whole))


@pytest.mark.parametrize("form", FORMS)
@examples
@given(files=st.lists(st.tuples(NAMES, CONTENTS), max_size=3))
def test_no_token_spans_two_blocks(form: str, files: list[tuple[bytes, bytes]]) -> None:
    whole = made(form, files)
    opening = {"xml": rb"(?=<bundle|<file|<left|<instr)", "json": rb"(?=[\[,]\{\"kind)"}.get(form)
    # Wherever a block begins: a line that begins with a character that is neither space nor "/".
    seams = re.split(rb"(?m)^(?=[<#=\[,])" if opening is None else rb"(?m)^" + opening, whole)

    assert tokens.count(whole.decode()) == sum(tokens.count(seam.decode()) for seam in seams)


@pytest.mark.parametrize(
    ("form", "body", "opening"),
    [
        ("xml", b"</file>\n", b'<file-1 path="x">\n'),
        ("xml", b"</file></file-1>\n", b'<file-2 path="x">\n'),
        ("markdown", b"```\n", b"## `x`\n\n````\n"),
        ("markdown", b"a `````` b\n", b"## `x`\n\n```````\n"),
        ("plain", b"==== end\n", b'===== file path="x"\n'),
        ("plain", b"======= end\n", b'======== file path="x"\n'),
        ("json", b'"}]\n', b',{"kind": "file", "path": "x", "text": "\\"}]\\n"}\n'),
    ],
)
def test_the_frame_grows_where_a_content_would_close_it(
    form: str, body: bytes, opening: bytes
) -> None:
    assert formats.block(form, formats.FILE, {"path": "x"}, body).startswith(opening)


@pytest.mark.parametrize("form", FORMS)
def test_a_bundle_is_known_by_its_first_bytes(form: str) -> None:
    assert formats.is_bundle(made(form, []))
    assert not formats.is_bundle(b"once upon a time")


def test_markdown_names_the_language() -> None:
    assert b"\n```python\n" in formats.block("markdown", formats.FILE, {"path": "a/b.py"}, b"x\n")


def test_every_block_comes_back_with_its_marks() -> None:
    for form in FORMS:
        whole = made(form, [(b"a", b"x")])
        assert [block.kind for block in blocks(whole, form)] == [
            "bundle", "file", "left_out", "instruction",
        ]  # fmt: skip
        assert blocks(whole, form)[0].marks == {"by": "piste"}
