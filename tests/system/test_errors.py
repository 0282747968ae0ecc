"""One line, the nearest word, nothing that moves a cursor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.system.errors import (
    SPACES,
    Failed,
    OverBudget,
    PisteError,
    UserError,
    did_you_mean,
    in_one_line,
    printable,
    redact,
)


def test_the_exit_codes() -> None:
    assert (Failed.exit_code, UserError.exit_code, OverBudget.exit_code) == (1, 2, 3)
    assert PisteError("x").exit_code == 2


@pytest.mark.parametrize(
    ("word", "said"),
    [("paln", "; did you mean 'plan'?"), ("plan", "; did you mean 'plan'?"), ("zzzz", "")],
)
def test_did_you_mean(word: str, said: str) -> None:
    assert did_you_mean(word, ["todo", "plan", "spec"]) == said


@given(st.text())
def test_what_is_shown_can_be_printed(name: str) -> None:
    assert "".join(c for c in printable(name) if c not in SPACES).isprintable()
    assert printable(name) == name or not name.isprintable()


def test_what_is_shown_tells_what_was_hidden() -> None:
    assert printable("a\x1b[2J\u202eb\udcff") == "a\\x1b[2J\\u202eb\\udcff"


TOKEN = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a line", "a line"),
        (f"no model {TOKEN!r}", "no model '[masked: github-token]'"),
        ("postgres://me:hidden7@host/x", "postgres://me:[masked: url-password]@host/x"),
        ("a-long-name-of-a-file.md", "a-long-name-of-a-file.md"),
        (f"\udcff\ud800 {TOKEN}", "?? [masked: github-token]"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, said: str) -> None:
    assert redact(text).replace("\ufffd", "?").replace("??????", "??") == said


def test_an_error_says_no_secret() -> None:
    assert str(UserError(f"no model {TOKEN}")) == "no model [masked: github-token]"


@given(st.text())
def test_a_text_without_a_secret_is_not_touched(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("space", SPACES)
def test_a_wide_space_within_one_line_stays(space: str) -> None:
    said = f" a{space}b \r\n\t c\x85\u2028d{space}e  f "
    assert in_one_line(said) == f"a{space}b c d{space}e f"


def test_wide_spaces_stay_and_what_moves_a_terminal_does_not() -> None:
    title = "\u6771\u4eac\u3000\u30bf\u30ef\u30fc 10\u202f\u20ac\u00a0!"
    assert printable(title) == title
    assert printable("a\u202eb\x1b\u200b") == "a\\u202eb\\x1b\\u200b"
