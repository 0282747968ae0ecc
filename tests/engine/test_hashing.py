"""What a file says: line ends, marks, and looks that can be compared."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.engine import hashing
from piste.system.errors import UserError


def test_line_ends_are_no_content() -> None:
    assert hashing.digest(b"a\r\nb\r\n") == hashing.digest(b"a\nb\n")


def test_in_a_binary_file_every_byte_counts() -> None:
    assert hashing.digest(b"a\r\n\0") != hashing.digest(b"a\n\0")


@given(st.binary(), st.binary())
def test_other_content_has_another_digest(one: bytes, two: bytes) -> None:
    same = one == two or (
        b"\0" not in one + two and (one.replace(b"\r\n", b"\n") == two.replace(b"\r\n", b"\n"))
    )
    assert (hashing.digest(one) == hashing.digest(two)) == same


@pytest.mark.parametrize("kind", ["plan", "todo"])
def test_ticks_are_no_content_of_a_plan_or_a_todo(kind: str) -> None:
    open_, done = b"- [ ] one\n- [ ] two\n", b"- [x] one\n- [ ] two\n"
    assert hashing.digest(open_, kind) == hashing.digest(done, kind)
    assert hashing.digest(open_) != hashing.digest(done)
    assert hashing.digest(open_, kind) != hashing.digest(b"- [x] one\n- [ ] three\n", kind)


@pytest.mark.parametrize("kind", ["plan", "todo"])
@given(data=st.binary())
def test_any_bytes_have_a_digest(kind: str, data: bytes) -> None:
    assert len(hashing.digest(data, kind)) == 64


def test_a_look(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"a\n")
    seen = hashing.look(tmp_path, "a.md")
    assert seen is not None
    assert seen.digest == hashing.digest(b"a\n")
    assert not seen.settled


@pytest.mark.parametrize("name", ["no.md", "file/no.md"])
def test_nothing_to_look_at(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    assert hashing.look(tmp_path, name) is None


def test_a_folder_cannot_be_looked_at(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder; a file was expected"):
        hashing.look(tmp_path.parent, tmp_path.name)


def test_what_never_ends_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    said = {"pipe": "is not a plain file", "zero": "leads out of the project, to /dev/zero"}
    for name, what in said.items():
        with pytest.raises(UserError, match=f"{name} {what}"):
            hashing.look(tmp_path, name)


def test_a_loop_of_symlinks_cannot_be_looked_at(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("a")
    with pytest.raises(UserError, match="a is a symlink that leads in a circle"):
        hashing.look(tmp_path, "a")


def test_a_signature_tells_versions_apart_though_the_time_is_put_back(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a")
    before = path.stat()
    (tmp_path / "b").write_bytes(b"b")
    os.replace(tmp_path / "b", path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert hashing.signature(path.stat()) != hashing.signature(before)


@pytest.mark.parametrize(
    ("data", "text"),
    [(b"a\r\nb", "a\nb"), (b"\xef\xbb\xbfa", "a"), ("ä計🎿".encode(), "ä計🎿"), (b"", "")],
)
def test_text(data: bytes, text: str) -> None:
    assert hashing.text(data, "x") == text


def test_text_that_is_not_utf_8_is_named_to_the_byte() -> None:
    with pytest.raises(UserError) as raised:
        hashing.text(b"one\ntwo \xe4 three", "in\x1b.md")
    assert str(raised.value) == "in\\x1b.md: byte 8 (line 2) is not UTF-8; save the file as UTF-8"


MERGE = "Before.\n<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> branch\nAfter.\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (MERGE, 2),
        (MERGE.replace("\n", "\r\n"), 2),
        ("<<<<<<< HEAD\nhalf resolved\n", 1),
        ("a\n=======\ntheirs\n>>>>>>> branch\n", 2),
        (MERGE.replace("\n", "\n    "), 0),  # a text that shows one
        ("A title\n=======\n\nText, and 1 <<<<<<< 2.\n", 0),
        (">>>>>>> quoted seven times in a mail\n", 0),
        ("<<<<<<<< eight\n", 0),
        ("<<<<<<< HEAD\n\0", 0),  # no text
    ],
)
def test_a_conflict_marker_is_told_from_what_looks_like_one(text: str, line: int) -> None:
    assert hashing.conflict(text.encode()) == line
