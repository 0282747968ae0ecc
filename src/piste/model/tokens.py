"""Tokens: how many a text has, exactly, in o200k, without a network.

o200k is the encoding of OpenAI's models since GPT-4o; for other vendors' models the
count is an estimate. The libraries carry the vocabulary with them and need time
proportional to the text, also where one letter is repeated 200,000 times. It does not
know what a token costs.
"""

import functools
import re
import sys
from collections.abc import Callable

ENCODING = "o200k"
_MARGIN = re.compile(r"\n(?=[A-Za-z0-9])")


def count(text: str) -> int:
    """Return the number of tokens of `text`. `<|endoftext|>` is text like any other.

    A lone surrogate, which no UTF-8 file can hold, counts as U+FFFD.
    """
    try:
        return counter()(text)
    except UnicodeEncodeError:
        whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return counter()(whole)


def cut(text: str) -> tuple[str, str, str]:
    """Return a text in three: the tokens of the middle are the same whatever stands around it.

    o200k divides a text before it encodes it, and always between the end of a line and a letter
    or a digit at the margin. The middle is empty where there are no two such places.
    """
    first = _MARGIN.search(text)
    start = first.end() if first else len(text)
    end = text.rfind("\n") + 1
    while end > start and not _MARGIN.match(text, end - 1):
        end = text.rfind("\n", 0, end - 1) + 1
    return (text[:start], text[start:end], text[end:]) if end > start else (text, "", "")


@functools.cache
def counter() -> Callable[[str], int]:
    """Return the function that counts, its vocabulary loaded (some 50 ms, 80 MB, once)."""
    # rs-bpe loads in a tenth of the time and has no wheels for Python 3.14.
    if sys.version_info < (3, 14):
        from rs_bpe.bpe import openai

        count_of: Callable[[str], int] = openai.o200k_base().count
        return count_of
    # The library's own counter: its wrapper in Python refuses texts of a million characters.
    from bpe_openai._bindings import tokenizer_for_encoding

    return tokenizer_for_encoding("o200k_base").count
