"""The states of a target, and the decision about it, as plain data.

`freshness` and the other makers decide; what is shown, made and checked all comes from the
`Decision` that they return. This module decides nothing and touches no disk.
"""

from typing import NamedTuple

from piste.engine.receipts import Receipt
from piste.engine.rules import Rule
from piste.system.errors import UserError

# States, in the words of docs/design.md.
FRESH = "fresh"
STALE = "stale"
EDITED = "edited"
MISSING = "missing"
FOREIGN = "foreign"
FAILED = "failed"

# What a build does about it.
KEEP = "keep"  # nothing
ADOPT = "adopt"  # write the receipt only: the text is one of this key's results
RESTORE = "restore"  # bring back the recorded text
MAKE = "make"  # from the store if it has the key, else from a model
CONFLICT = "conflict"  # a person's text stands in the way: stop and say so
BLOCKED = "blocked"  # an input is missing, or a receipt cannot be read
WAIT = "wait"  # nothing by itself: what it is made from comes first, and then another look


class Reason(NamedTuple):
    """One thing that differs, in a form for people and for machines."""

    part: str  # "input", "prompt", "model", "options", …, "receipt", "target", "upstream"
    name: str  # which input, which option
    said: str  # one phrase: "spec.md changed"
    old: str = ""  # digest or value, where there is one
    new: str = ""


class Decision(NamedTuple):
    """What is true of one target, and what a build does about it."""

    rule: Rule
    state: str
    todo: str
    reasons: tuple[Reason, ...] = ()
    receipt: Receipt | None = None
    wanted: Receipt | None = None  # what a making of now would record; output is ""
    output: str = ""  # digest of the target as it stands, "" when missing
    stored: bool = False  # the store can answer, at no cost
    base: str = ""  # digest of the text that a making amends; "": it writes the text whole
    whole: str = ""  # why it does that though a text of its own stands
    # Of what it is made from: what a build would work on first (see `upstream`).
    before: "tuple[Decision, ...]" = ()

    @property
    def key(self) -> str:
        """Key of a making of now, or "" when an input is missing."""
        return self.wanted.key if self.wanted else ""

    @property
    def up_to_date(self) -> bool:
        """Whether a build has nothing to do here."""
        return self.todo == KEEP

    def why(self) -> str:
        """All reasons in one line."""
        return "; ".join(reason.said for reason in self.reasons)

    def line(self) -> str:
        """The target, its state and why, in one line."""
        target = self.rule.target
        if self.todo != WAIT:
            return f"{target} is {self.state}: {self.why()}"
        own = [reason.said for reason in self.reasons if reason.part != "upstream"]
        above = [reason.said for reason in self.reasons if reason.part == "upstream"]
        alone = f"{target} is {FRESH if self.state == STALE else self.state}"
        return f"{alone}{''.join(f' ({said})' for said in own)}, but {'; '.join(above)}"


def mistake_of(decision: Decision) -> UserError:
    """Return the error of a `blocked` decision, with the next step."""
    reason = decision.reasons[0]
    if reason.part == "error":
        return UserError(reason.said)
    return UserError(f"{decision.rule.target}: {reason.said}")


def kept_line(decision: Decision, door: str) -> str:
    """Say why nothing was done; `door` is the command that makes targets here."""
    target, build = decision.rule.target, f"{door} {decision.rule.name}"
    if decision.state == EDITED:
        return f"{target} is kept: edited by hand, and nothing that it was made from has changed"
    if decision.state == FOREIGN:
        return f"{target} is kept: piste did not make it ({build} --overwrite replaces it)"
    return f"{target} is fresh ({build} --again asks anew)"
