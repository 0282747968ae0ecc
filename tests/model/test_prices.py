"""Prices: known, unknown, free; never one for another."""

import pytest

from piste.model import prices


def test_the_embedded_model_is_free() -> None:
    assert prices.price("outline", 10**9, 10**9).dollars == 0


@pytest.mark.parametrize("model", ["gpt-4o", "openai/gpt-4o", "somebody/gpt-4o"])
def test_a_known_model_by_the_names_that_llm_gives_it(model: str) -> None:
    found = prices.price(model, 1_000_000, 0)
    assert found.dollars is not None
    assert found.dollars > 0
    assert prices.price(model, 2_000_000, 0).dollars == pytest.approx(2 * found.dollars)
    more = prices.price(model, 1_000_000, 1_000_000).dollars
    assert more is not None
    assert more > found.dollars


def test_the_window_of_a_known_model() -> None:
    assert prices.price("gpt-4", 0, 0).window == 8192


@pytest.mark.parametrize("model", ["", "chat-ok", "no/such/model", "/"])
def test_an_unknown_model_has_no_price(model: str) -> None:
    assert prices.price(model, 1, 1) == (None, None)


@pytest.mark.parametrize(
    ("dollars", "said"),
    [(None, "price unknown"), (0.0, "free"), (0.00015, "$0.0001"), (0.5, "$0.5000"),
     (0.9949, "$0.9949"), (0.996, "$1.00"), (12.345, "$12.35"), (0.00001, "$0.00001000")],
)  # fmt: skip
def test_what_is_said(dollars: float | None, said: str) -> None:
    assert prices.said(dollars) == said
