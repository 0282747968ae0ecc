"""`piste log`: every call to a model: when, which, tokens, cost, seconds, kept or rejected.

It changes no byte.
"""

from collections.abc import Sequence

from piste import log, prices, project
from piste.commands import common


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("log", __doc__.split("\n")[0].partition(": ")[2])
    parser.add_argument("target", nargs="?", metavar="T", help="of this target only")
    args = parser.parse_args(argv)
    world = project.here()
    target = common.chosen(world, [args.target])[0].target if args.target else ""
    entries = list(log.entries(world.root, target))
    if args.json:
        common.print_json([entry._asdict() for entry in entries])
        return 0
    if not entries:
        print("no calls yet")
        return 0
    rows = [["WHEN (UTC)", "TARGET", "EVENT", "IN", "OUT", "COST", "SECONDS", "MODEL", "REASON"]]
    rows += [_row(entry) for entry in entries]
    print("\n".join(common.table(rows)))
    print(_total(entries))
    return 0


def _row(entry: log.Entry) -> list[str]:
    asked = entry.event in ("made", "rejected")
    return [
        entry.date[:19].replace("T", " "), entry.target, entry.event,
        _number(entry.input_tokens if asked else None),
        _number(entry.output_tokens if asked else None),
        prices.said(entry.cost) if asked else "",
        f"{entry.seconds:.1f}" if entry.seconds is not None else "", entry.model, entry.reason,
    ]  # fmt: skip


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _total(entries: Sequence[log.Entry]) -> str:
    asked = [entry for entry in entries if entry.event in ("made", "rejected")]
    known = sum(entry.cost or 0.0 for entry in asked)
    unknown = sum(entry.cost is None for entry in asked)
    free = sum(entry.event in ("taken", "restored", "adopted") for entry in entries)
    more = f" and {unknown} of unknown price" if unknown else ""
    return f"{len(asked)} calls, {prices.said(known)}{more}; {free} answered by the store"
