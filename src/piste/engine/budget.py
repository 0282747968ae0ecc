"""What may still be spent: decided before each call, from what has been spent and what it may cost.

A cap is in US dollars or in tokens, for a run or for a day. Spent is what the replies of this
run cost, and for the day what `.piste/log.jsonl` has since midnight. A call is counted as its
whole prompt and the longest reply that is to be expected, until its own count is known.

It does not know: what a provider bills for a call that brought no reply; what other
projects spend; what another run of this project has in flight, or had when it was killed. A
model that thinks at length, or writes more than `window.LONGEST` tokens, can pass a cap by that one
reply; `max_tokens` in the model's options is a bound that the provider keeps.
"""

import contextlib
import datetime
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from piste.engine import caps, log
from piste.engine.caps import Cap
from piste.model import prices, window
from piste.model.prices import FREE
from piste.system import project_files, screen
from piste.system.errors import Failed, OverBudget

if TYPE_CHECKING:
    from pathlib import Path

    from piste.engine.config import Config
    from piste.engine.store import Record
    from piste.engine.world import World

WORTH_SAYING = 1.0  # dollars of a run, that nobody should pay unseen


class Sum(NamedTuple):
    """What calls cost, or may cost; dollars is None where a price is not known."""

    dollars: float | None = 0.0
    tokens: int = 0

    def plus(self, other: "Sum") -> "Sum":
        """Return both together."""
        known = None not in (self.dollars, other.dollars)
        dollars = (self.dollars or 0.0) + (other.dollars or 0.0) if known else None
        return Sum(dollars, self.tokens + other.tokens)

    def larger(self, other: "Sum") -> "Sum":
        """Return the larger of both, unit by unit."""
        known = None not in (self.dollars, other.dollars)
        dollars = max(self.dollars or 0.0, other.dollars or 0.0) if known else None
        return Sum(dollars, max(self.tokens, other.tokens))


NOTHING = Sum()


def refusal(cap: Cap, spent: Sum, call: Sum) -> str | None:
    """Return in a few words why a call may not be made, or None where it may.

    `spent` is what was spent already, `call` what the call may cost at most.
    """
    if cap.tokens is not None and spent.tokens + call.tokens > cap.tokens:
        return (
            f"{spent.tokens:,} of {cap.tokens:,} tokens are used, and it may take {call.tokens:,}"
        )
    if cap.dollars is None:
        return None
    if call.dollars is None or spent.dollars is None:
        return "a price is not known; give the budget in tokens"
    if not spent.dollars + call.dollars <= cap.dollars:  # what is no number is too much, too
        return (
            f"${spent.dollars:.4f} of ${cap.dollars:.2f} are spent, and it may cost "
            f"${call.dollars:.4f}"
        )
    return None


def of_entries(entries: Iterable[log.Entry], since: str) -> Sum:
    """Return what the calls in these lines of the log cost, from the date `since` (UTC) on."""
    total = NOTHING
    for entry in entries:
        if entry.event in ("made", "rejected") and entry.date >= since:
            total = total.plus(of_reply(entry.model, entry.input_tokens, entry.output_tokens,
                                        entry.cost))  # fmt: skip
    return total


def of_reply(
    model: str, input_tokens: int | None, output_tokens: int | None, cost: float | None
) -> Sum:
    """Return what one reply cost."""
    if model in FREE:
        return NOTHING
    return Sum(cost, (input_tokens or 0) + (output_tokens or 0))


def may_cost(model: str, words: str, options: Mapping[str, object]) -> Sum:
    """Return the most that a call with these words may cost; see `window.LONGEST`."""
    if model in FREE:
        return NOTHING
    from piste.model import tokens

    sent, comes = tokens.count(words), window.longest_reply(options)
    return Sum(prices.price(model, sent, comes).dollars, sent + comes)


def _at_most(model: str, words: str) -> float:
    """The dollars of a prompt at the most, without counting: no token is less than a byte."""
    return prices.price(model, len(words.encode("utf-8", "replace")), 0).dollars or 0.0


def midnight() -> str:
    """Return the last midnight of this machine's time zone, as the log writes a date."""
    now = datetime.datetime.now().astimezone()
    start = now.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(datetime.UTC)
    return start.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def in_ci() -> bool:
    """Whether this is a machine for checks, where nobody is there to pay: CI is set."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


_purses: dict["Path", "BudgetTracker"] = {}


def tracker(root: "Path") -> "BudgetTracker":
    """Return the purse of this run in the project at `root`."""
    return _purses.setdefault(root, BudgetTracker(root))


@contextlib.contextmanager
def call(
    world: "World", what: str, model: str, words: str, options: Mapping[str, Any]
) -> "Iterator[list[Record]]":
    """Let a call to a model be made in the block: the one door to all that costs something.

    Raises as `BudgetTracker.call` does, and Failed where the store could not hold the reply.
    """
    with tracker(world.root).call(world.config, what, model, words, options) as came:
        if model not in FREE:
            world.store.require_room()
        yield came


class BudgetTracker:
    """What one run has spent, and what its calls under way may cost; for many threads."""

    def __init__(self, root: "Path") -> None:
        self._root = root
        self.cap = Cap()  # of the command line, beside that of the settings
        self.frozen = False  # --frozen: nothing is asked at all
        self._lock = threading.Lock()
        self._spent = NOTHING
        self._under_way: list[Sum] = []
        self._words: list[float] = []  # of each call under way, the dollars of its prompt, at most
        self._told = False  # that this run costs more than `WORTH_SAYING`
        self.foresee: Callable[[], str] | None = None  # what the whole run comes to, or ""
        self._day = NOTHING  # in the log, since midnight
        self._before: Sum | None = None  # of that, what was there at the first look
        self._at = 0  # bytes of the log that have been read

    @contextlib.contextmanager
    def call(
        self, config: "Config", what: str, model: str, words: str, options: Mapping[str, Any]
    ) -> "Iterator[list[Record]]":
        """Let a call to a model be made in the block, which puts the record into the list.

        Raises Failed where nothing may be asked, and OverBudget where it may cost too much.
        """
        self._allowed(config, what, model)
        of_run = caps.parse(config.budget, "budget") if self.cap == Cap() else self.cap
        bounds = (of_run, caps.parse(config.budget_day, "budget_day"))
        bounded = any(bound is not None for cap in bounds for bound in cap)
        most = may_cost(model, words, options) if bounded else NOTHING
        # The price list is loaded here, and not between the reply and its place in the store,
        # where a kill would lose what was paid.
        words_cost = _at_most(model, words)
        with self._lock:
            if bounded:
                self._check(bounds, what, model, most)
            self._say_first(what, model, words, words_cost)
            self._under_way.append(most)
            self._words.append(words_cost)
        came: list[Record] = []
        try:
            yield came
        finally:
            with self._lock:
                self._under_way.remove(most)
                self._words.remove(words_cost)
                for one in came:
                    cost = of_reply(model, one.input_tokens, one.output_tokens, one.cost)
                    self._spent = self._spent.plus(cost)

    def _allowed(self, config: "Config", what: str, model: str) -> None:
        if self.frozen or (in_ci() and not config.ask_in_ci and model not in FREE):
            why = "--frozen" if self.frozen else "CI is set, and PISTE_ASK_IN_CI is not"
            raise Failed(
                f"{what} is not as it should be, and no model is asked here ({why}): make it where "
                "you work, and commit it with its receipt"
            )

    def _check(self, bounds: tuple[Cap, Cap], what: str, model: str, most: Sum) -> None:
        waiting = NOTHING
        for one in self._under_way:
            waiting = waiting.plus(one)
        for cap, name in zip(bounds, ("budget", "budget_day"), strict=True):
            if cap == Cap():
                continue
            of_day = name == "budget_day"
            spent = self._today() if of_day else self._spent
            if why := refusal(cap, spent.plus(waiting), most):
                period = "of today" if of_day else "of this run"
                raise OverBudget(
                    f"{what}: {model} is not asked: the budget {period} would be passed: {why}; "
                    f"what is finished is kept (--budget, or {name} in the settings)"
                )

    def _say_first(self, what: str, model: str, words: str, at_most: float) -> None:
        """Say once, before it is paid, that a run comes to more than a person pays unseen."""
        if (foresee := self.foresee) is not None:
            self.foresee = None
            if said := foresee():
                self._told = True
                screen.say(said)
        spent = self._spent.dollars or 0.0
        before = spent + sum(self._words)
        if self._told or before + at_most <= WORTH_SAYING:
            return
        from piste.model import tokens

        size = tokens.count(words)
        least = prices.price(model, size, 0).dollars or 0.0
        if before + least <= WORTH_SAYING:
            return
        self._told = True
        so_far = f"; this run has cost {prices.said(spent)} so far" if spent else ""
        screen.say(
            f"{what}: {size:,} tokens go to {model}, at least {prices.said(least)}{so_far} "
            "(--budget '$1' sets a bound)"
        )

    def _today(self) -> Sum:
        """What was spent since midnight, as the log and this run know it."""
        with (
            contextlib.suppress(FileNotFoundError),
            project_files.opened(self._root, log.FILE) as fd,
        ):
            os.lseek(fd, self._at, os.SEEK_SET)
            data = project_files.read_opened(fd, log.FILE, self._at + project_files.LOG)
            whole = data.rfind(b"\n") + 1
            self._at += whole
            self._day = self._day.plus(of_entries(log.parsed(data[:whole]), midnight()))
        if self._before is None:
            self._before = self._day
        # A reply of this run is in the log a moment after it was paid for, one of another
        # run of this project is in the log only.
        return self._day.larger(self._before.plus(self._spent))
