import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.bundle import escapes
from piste.system.invisible import UNSEEN

from .conftest import examples

TRICKY = st.text(
    st.one_of(
        st.sampled_from('[U+05B]\\n\\x"`<>\t\r\n\x07\x7f\x80\u202e\u2066\ufeff\U000e0041é日'),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=30,
)


@examples
@given(TRICKY)
def test_what_is_shown_reads_back_and_hides_nothing(text: str) -> None:
    shown = escapes.show(text)

    assert escapes.unescape(shown) == text
    assert not re.search(UNSEEN, shown)


@examples
@given(TRICKY)
def test_the_search_in_bytes_finds_what_the_pattern_finds(text: str) -> None:
    assert escapes.hidden(text.encode()) == bool(re.search(UNSEEN, text))


@examples
@given(st.one_of(st.binary(min_size=1, max_size=30), TRICKY.filter(bool).map(str.encode)))
def test_a_quoted_name_reads_back_and_stays_on_its_line(name: bytes) -> None:
    shown = escapes.quote(name)

    assert escapes.unquote(shown) == name
    assert shown.isprintable() or not re.search(UNSEEN, shown)
    assert not set(shown.replace('\\"', "")) & set('\n\r\t"`<>')


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"plain name.txt", "plain name.txt"),
        ("Grüße/日本.txt".encode(), "Grüße/日本.txt"),
        (b"new\nline", r"new\nline"),
        (b"back\\slash", r"back\\slash"),
        (b"\xff\xfe", r"\xff\xfe"),
        ("a\u202eb".encode(), r"a\u202eb"),
        (b"</file>", r"\u003c/file\u003e"),
    ],
)
def test_names_are_shown_as_git_shows_them(name: bytes, shown: str) -> None:
    assert escapes.quote(name) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31m", "a[U+001B][31m"),
        ("\u202euser", "[U+202E]user"),
        ("a literal [U+202E] and \x07", "a literal [U+005B]U+202E] and [U+0007]"),
        ("tab\tand newline\n", "tab\tand newline\n"),
    ],
)
def test_characters_are_shown_by_their_number(text: str, shown: str) -> None:
    assert escapes.show(text) == shown


@examples
@given(st.lists(st.binary(min_size=1, max_size=9), max_size=4))
def test_many_names_are_quoted_as_each_is(names: list[bytes]) -> None:
    assert escapes.quote_all(names) == [escapes.quote(name) for name in names]
