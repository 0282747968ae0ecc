"""RE2 on bytes, with our options: patterns compiled once, and sets of them tried in one pass.

The library is imported when the first pattern is needed. It does not know what is looked for.
"""

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import re2

# RE2's bound on the automaton, in bytes; it is used as the texts need it. Below some 10 MiB
# the states of all shapes are thrown away and built again without end.
_MEMORY = 64 << 20


@functools.cache
def regex(pattern: bytes) -> "re2._Regexp[bytes]":
    """Return the pattern, ready to search. Raises re2.error."""
    import re2

    return re2.compile(pattern, _options())


def trouble(pattern: str) -> str:
    """Return why RE2 cannot read a pattern; "" where it can."""
    import re2

    try:
        regex(pattern.encode())
    except re2.error as error:
        said = error.args[0]
        return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return ""


def shape_set(patterns: Iterable[bytes]) -> "re2.Set[Any]":
    """Return what says, in one pass over a text, which of the patterns are in it."""
    import re2

    made = re2.Set.SearchSet(_options())
    for pattern in patterns:
        made.Add(pattern)
    made.Compile()
    return made


def _options() -> "re2.Options":
    import re2

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes as they are: offsets are ours
    options.max_mem = _MEMORY
    options.log_errors = False
    return options
