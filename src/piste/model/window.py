"""Whether a prompt fits into what a model takes, with room for its reply.

A window holds the prompt and the reply. Tokens are counted as OpenAI's models since GPT-4o count
them, exactly; the tokenizers of others are their vendors' own, and make more tokens of the same
text: a fifth is added for them, and said. It asks nothing over the network, and where the
window of a model is not known it does not stop a call.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from piste.model import prices
from piste.system.errors import redact

LONGEST = 16_384  # tokens of a reply, where no option of the model says less: 40 pages
_BOUNDS = ("max_tokens", "max_output_tokens", "max_completion_tokens", "num_predict")
_SHARE = 4  # of a small window, no more than one part in so many is kept for the reply
_MARGIN = 5  # one token more for so many, where a model counts in its own way
_COUNTED = re.compile(r"(?:.*/)?(?:gpt-(?:4o|4\.[1-9]|[5-9]|oss)|chatgpt-4o|o\d)", re.IGNORECASE)


class Fit(NamedTuple):
    """A prompt beside a model's window, in tokens."""

    model: str
    prompt: int  # counted
    margin: int  # what another tokenizer may make of it besides
    room: int  # kept for the reply
    window: int | None  # None: not known

    @property
    def over(self) -> int:
        """How many tokens are too many; 0 where it fits or the window is not known."""
        if self.window is None:
            return 0
        return max(0, self.prompt + self.margin + self.room - self.window)


def longest_reply(options: Mapping[str, Any]) -> int:
    """Return the tokens that a reply may have: as its options bound it, else `LONGEST`."""
    bounds = [options[name] for name in _BOUNDS if isinstance(options.get(name), int)]
    return min([LONGEST, *map(int, bounds)])


def fit(model: str, prompt: int, options: Mapping[str, Any]) -> Fit:
    """Return how a prompt of so many counted tokens stands to the model's window."""
    window = prices.price(model, 0, 0).window
    room = longest_reply(options)
    if window is not None:
        room = min(room, window // _SHARE)
    margin = 0 if _COUNTED.match(model) else prompt // _MARGIN
    return Fit(model, prompt, margin, room, window)


def surely(model: str, size: int, options: Mapping[str, Any]) -> bool:
    """Whether a prompt of so many bytes fits, uncounted: no token is less than a byte."""
    whole = fit(model, size, options)
    return whole.window is None or size + whole.room <= whole.window


def said(found: Fit) -> str:
    """Return in one line that a prompt does not fit."""
    model = redact(found.model)
    added = f", and {found.margin:,} since {model} counts in its own way," if found.margin else ""
    return (
        f"{found.prompt:,} tokens{added} with {found.room:,} for the reply do not fit into the "
        f"{found.window:,} of {model}"
    )
