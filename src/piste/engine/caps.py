"""The cap of a budget, as people write it: in US dollars, or in tokens.

Data and its parser. What has been spent, and whether a call still fits, is `budget`'s.
"""

import re
from typing import Any, NamedTuple

from piste.system.errors import UserError, printable

_DOLLARS = re.compile(r"\$?\s*(\d[\d_,]*(?:\.\d+)?)")
_TOKENS = re.compile(r"(\d[\d_,]*(?:\.\d+)?)\s*([kM]?)\s*(?:t|tok|tokens?)")
_SCALE = {"": 1, "k": 1_000, "M": 1_000_000}


class Cap(NamedTuple):
    """The most that may be spent; None is no bound in that unit."""

    dollars: float | None = None
    tokens: int | None = None

    def lower(self, other: "Cap") -> "Cap":
        """Return the cap that keeps both."""
        return Cap(_least(self.dollars, other.dollars), _least(self.tokens, other.tokens))


def parse(text: str, where: str) -> Cap:
    """Return the cap that a text names: "$2.50", "2.50", "200_000 tokens", "200kt"; "" is none.

    Raises UserError, naming `where`.
    """
    if not text.strip():
        return Cap()
    if found := _TOKENS.fullmatch(text.strip()):
        return Cap(tokens=int(_number(found[1]) * _SCALE[found[2]]))
    if found := _DOLLARS.fullmatch(text.strip()):
        return Cap(dollars=_number(found[1]))
    raise UserError(
        f'{where}: {printable(text)!r:.60} is no budget; write "$2.50", or "200_000 tokens"'
    )


def _least(one: Any, other: Any) -> Any:
    known = [bound for bound in (one, other) if bound is not None]
    return min(known) if known else None


def _number(text: str) -> float:
    return float(text.replace("_", "").replace(",", ""))
