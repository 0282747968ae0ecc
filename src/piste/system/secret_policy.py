"""What a person counts as a secret beyond the rules, and what not: plain data of the settings.

Apart from `secrets`, so that settings can be read without the engine that looks for secrets.
"""

from typing import NamedTuple


class Policy(NamedTuple):
    """Patterns in the syntax of RE2."""

    patterns: tuple[str, ...] = ()
    """What one of them finds is a secret: its first group, or all of it."""
    allow: tuple[str, ...] = ()
    """A finding in which one of them is found is none."""


BUILT_IN = Policy()
