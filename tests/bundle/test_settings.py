from typing import Any

import pytest

from piste.bundle.settings import CHOICES, Settings, check
from piste.system.errors import UserError


def test_the_defaults_are_allowed() -> None:
    check(Settings())


@pytest.mark.parametrize("key", CHOICES)
def test_each_choice_is_allowed_and_another_word_is_not(key: str) -> None:
    for word in CHOICES[key]:
        check(Settings()._replace(**{key: word}))

    with pytest.raises(UserError, match=f"bundle.{key} is '.*', which is not one of"):
        check(Settings()._replace(**{key: "nonsense"}))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"form": "xm"}, "did you mean 'xml'"),
        ({"max_file": 0}, "must be 1 byte or more"),
        ({"budget": -1}, "must be 0"),
        ({"budget": 5, "tokens": False}, "needs bundle.tokens = true"),
        ({"line_numbers": -1}, "line_numbers is -1; it must be 0"),
    ],
)
def test_what_cannot_be_is_one_line_with_the_next_step(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        check(Settings()._replace(**wrong))

    assert "\n" not in str(caught.value)


def test_every_setting_has_a_plain_type() -> None:
    """The loader of settings checks them from the defaults alone."""
    for key in Settings._fields:
        assert type(getattr(Settings(), key)) in (str, int, bool, tuple)
