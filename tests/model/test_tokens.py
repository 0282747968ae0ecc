import sys

import pytest

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
