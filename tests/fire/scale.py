"""How many trials: the short form, which every test run has, or a share of the long one.

The long form is `python -m tests.fire.long`; it sets FIRE_SHARE, and FIRE_RESULTS to the file
that the figures of its table go to.
"""

import json
import os

SHARE = float(os.environ.get("FIRE_SHARE", "0"))
_RESULTS = os.environ.get("FIRE_RESULTS", "")


def count(short: int, long: int) -> int:
    """Return how many trials to make."""
    return max(1, round(long * SHARE)) if SHARE else short


def note(trial: str, trials: int, twice: int = 0, more: str = "") -> None:
    """Add to the table: how many trials came out right, how many replies were paid for twice."""
    if _RESULTS:
        line = json.dumps({"trial": trial, "trials": trials, "twice": twice, "more": more})
        with open(_RESULTS, "a", encoding="utf-8") as file:
            file.write(line + "\n")
