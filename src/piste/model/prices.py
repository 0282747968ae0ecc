"""What a call costs, from the price list that the library genai-prices carries.

Offline: the list is as old as the installed library. A model that it does not know
has no price, and that is said as "unknown", never as zero. The embedded model is
free. This module asks nothing over the network.
"""

from typing import Any, NamedTuple

FREE = ("outline",)


class Price(NamedTuple):
    """What is known of a model before it is asked."""

    dollars: float | None  # None: not known
    window: int | None  # tokens that fit into the model's context, None: not known


def price(
    model: str, input_tokens: int, output_tokens: int, cached: int = 0, written: int = 0
) -> Price:
    """Return the price in US dollars of so many tokens, and the model's context window.

    Of the input so many were read from what the provider had kept, and so many kept anew.
    """
    if model in FREE:
        return Price(0.0, None)
    from genai_prices import Usage, calc_price

    usage = Usage(
        input_tokens=input_tokens, output_tokens=output_tokens,
        cache_read_tokens=cached, cache_write_tokens=written,
    )  # fmt: skip
    for reference, provider in _references(model):
        try:
            found: Any = calc_price(usage, model_ref=reference, provider_id=provider)
        except LookupError:
            continue
        return Price(float(found.total_price), found.model.context_window)
    return Price(None, None)


def said(dollars: float | None) -> str:
    """Return a price as it is shown: enough digits to be more than zero."""
    if dollars is None:
        return "price unknown"
    if dollars == 0:
        return "free"
    digits = 2 if dollars >= 0.995 else 4 if dollars >= 0.0001 else 8
    return f"${dollars:.{digits}f}"


def _references(model: str) -> list[tuple[str, str | None]]:
    """A model id as it is, then as llm's plugins write it: "provider/model"."""
    provider, slash, name = model.partition("/")
    return [(model, None), (name, provider), (name, None)] if slash else [(model, None)]
