"""A prompt beside a model's window: room for the reply, and a margin where the count is a guess."""

import pytest

from piste.model import window


def test_room_for_the_reply_is_kept() -> None:
    most = 128_000 - window.LONGEST
    assert window.fit("gpt-4o-mini", most, {}).over == 0
    assert window.fit("gpt-4o-mini", most + 7, {}).over == 7


def test_a_shorter_reply_needs_less_room() -> None:
    assert window.fit("gpt-4o-mini", 127_000, {"max_tokens": 1_000}).over == 0
    assert window.fit("gpt-4o-mini", 127_001, {"max_tokens": 1_000}).over == 1


def test_of_a_small_window_a_quarter_is_kept() -> None:
    assert window.fit("gpt-4", 1, {}).room == 8_192 // 4


@pytest.mark.parametrize(
    ("model", "counted"),
    [
        ("gpt-4o", True),
        ("openai/gpt-4.1-mini", True),
        ("gpt-5-nano", True),
        ("o3-mini", True),
        ("gpt-4", False),
        ("gpt-3.5-turbo", False),
        ("anthropic/claude-sonnet-4-5", False),
        ("gemini-2.5-pro", False),
        ("ollama/olmo2", False),
    ],
)
def test_a_model_that_counts_in_its_own_way_gets_a_margin(model: str, counted: bool) -> None:
    assert window.fit(model, 1_000, {}).margin == (0 if counted else 200)


def test_the_margin_is_said() -> None:
    found = window.fit("claude-sonnet-4-5", 900_000, {})

    assert found.over
    assert window.said(found) == (
        "900,000 tokens, and 180,000 since claude-sonnet-4-5 counts in its own way, with 16,384 "
        f"for the reply do not fit into the {found.window:,} of claude-sonnet-4-5"
    )


def test_what_is_small_enough_in_bytes_is_not_counted() -> None:
    assert window.surely("claude-sonnet-4-5", 1_000, {})
    assert window.surely("a model that nobody knows", 10**9, {})
    assert not window.surely("gpt-4o-mini", 128_000, {})
