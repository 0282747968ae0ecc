import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.model import tokens


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("hello world", 2),
        ("tiktoken is great!", 6),
        ("<|endoftext|>", 7),
        ("antidisestablishmentarianism", 6),
        ("2 + 2 = 4", 7),
        ("お誕生日おめでとう", 8),
        ("\r\n\r\n", 1),
        ("a" * 8, 1),
    ],
)
def test_counts_are_those_of_o200k(text: str, count: int) -> None:
    assert tokens.count(text) == count


def test_both_libraries_count_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "def f(x):\n    return {'a': x, \"ü\": '日本', 'n': 1234567}  # \t \r\n\n\n" * 50
    counted = tokens.count(text)

    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    tokens.counter.cache_clear()
    try:
        assert tokens.count(text) == counted > 900
        assert tokens.count("\ud800 x") == tokens.count("\ufffd x")
    finally:
        tokens.counter.cache_clear()


@pytest.mark.parametrize(
    ("text", "like"), [("\ud800", "\ufffd"), ("x\udc80y", "x\ufffdy"), ("\ud83d\ude00", "😀")]
)
def test_a_lone_surrogate_counts_as_the_character_that_stands_for_it(text: str, like: str) -> None:
    assert tokens.count(text) == tokens.count(like)


def test_one_letter_many_times_is_counted_in_no_time() -> None:
    assert tokens.count("a" * 2_000_000) == 250_000


PIECES = st.lists(
    st.sampled_from(["\n", "\n\n", " ", "\t", "a", "Word", "'s", "12", "345", ".", "/", "#", "- ",
                     "é", "\u3000", "日本", "```", "\r\n", "…", "I'LL"]),
    max_size=30,
).map("".join)  # fmt: skip


@given(before=PIECES, text=PIECES, after=PIECES)
def test_the_middle_of_a_text_counts_the_same_whatever_is_around_it(
    before: str, text: str, after: str
) -> None:
    head, middle, tail = tokens.cut(text)
    assert head + middle + tail == text
    around = tokens.count(before + head) + tokens.count(tail + after)
    if middle:
        assert around + tokens.count(middle) == tokens.count(before + text + after)


def test_most_of_a_long_text_is_its_middle() -> None:
    text = "# Title\n\nA line.\n- another\n" * 100
    assert len(tokens.cut(text)[1]) > 0.9 * len(text)
