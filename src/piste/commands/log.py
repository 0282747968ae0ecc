"""`piste log`: every call to a model: when, which, tokens, cost, seconds, kept or rejected.

What came from the store, was restored or accepted stands there as well. It changes
no byte.
"""

from collections.abc import Sequence

from piste.commands import common
from piste.engine import log, project, rules
from piste.engine.world import World
from piste.model import prices
from piste.system import screen

_HEAD = ["WHEN (UTC)", "TARGET", "EVENT", "IN", "CACHED", "OUT", "COST", "SECONDS", "MODEL",
         "REASON"]  # fmt: skip
_CACHED = _HEAD.index("CACHED")
_RIGHT = ("IN", "CACHED", "OUT", "COST", "SECONDS")


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("log", __doc__)
    common.add_target(parser, "?", "; without one, all")
    parser.add_argument("-n", type=int, default=0, metavar="N", help="the last N only")
    args = parser.parse_args(argv)
    if args.n < 0:
        parser.error(f"argument -n: must be at least 0, not {args.n}")
    world = project.here()
    entries = list(log.entries(world.root, _target(world, args.target)))[-args.n :]
    if args.json:
        common.print_json([entry._asdict() for entry in entries])
        return 0
    if not entries:
        screen.out("no calls yet")
        return 0
    rows = [_HEAD, *map(_row, entries)]
    if not any(row[_CACHED] for row in rows[1:]):  # many providers never tell
        rows = [[*row[:_CACHED], *row[_CACHED + 1 :]] for row in rows]
    screen.out("\n".join(common.table(rows, _RIGHT)))
    screen.out(_total(entries))
    return 0


def _target(world: World, word: str | None) -> str:
    if not word:
        return ""
    # The conversation is logged too, though no rule makes it.
    if word in ("idea", rules.BRAINSTORM):
        return rules.BRAINSTORM
    return common.chosen(world, [word])[0].target


def _row(entry: log.Entry) -> list[str]:
    asked = entry.event in ("made", "rejected")
    return [
        common.when(entry.date), entry.target,
        "amended" if entry.base and entry.event == "made" else entry.event,
        _number(entry.input_tokens if asked else None),
        _number(entry.cached_tokens if asked else None),
        _number(entry.output_tokens if asked else None),
        _cost(entry.cost) if asked else "",
        f"{entry.seconds:.1f}" if entry.seconds is not None else "", entry.model, entry.reason,
    ]  # fmt: skip


def _cost(dollars: float | None) -> str:
    return "unknown" if dollars is None else prices.said(dollars)


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _total(entries: Sequence[log.Entry]) -> str:
    asked = [entry for entry in entries if entry.event in ("made", "rejected")]
    priced = [entry.cost for entry in asked if entry.cost is not None]
    # A restore without a key is a person's, by `piste restore`.
    free = sum(
        entry.event in ("taken", "adopted") or (entry.event == "restored" and entry.key != "")
        for entry in entries
    )
    costs = [prices.said(sum(priced))] if priced else []
    if len(priced) < len(asked):
        costs.append(f"{len(asked) - len(priced)} of unknown price")
    cached = sum(entry.cached_tokens or 0 for entry in asked)
    if cached:
        read = sum(entry.input_tokens or 0 for entry in asked)
        costs.append(f"{cached:,} of {read:,} tokens in were cached by the provider")
    calls = f"{len(asked)} call{'' if len(asked) == 1 else 's'}"
    return f"{', '.join([calls, *costs])}; {free} answered by the store"
