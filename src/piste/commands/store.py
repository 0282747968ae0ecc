"""`piste store`: what lies in the store, and what may go: `size`, `gc`, `verify`.

`gc` removes what nobody has used for longer than `--keep` says, and never what a receipt of a
project names that made it here, nor a text of yours that was replaced. `verify` reads every
byte; what is damaged counts as not there anyhow, and `--remove` deletes it.
"""

import re
import time
from collections.abc import Sequence
from typing import Any

from piste.commands import common
from piste.engine import project, store_maintenance
from piste.engine.store import Store
from piste.engine.store_maintenance import KEPT, REPLY, TEXT, Item
from piste.system import screen
from piste.system.errors import EXIT_FAILED, UserError, did_you_mean, printable

_CODES = "0 done, 1 verify found damage, 2 something you can mend"
_WORDS = ("size", "gc", "verify")
_HOUR = 3600  # seconds; a temporary file that is older is nobody's
_DAYS = {"d": 1, "w": 7, "y": 365}
_NAMES = {REPLY: "replies", TEXT: "texts", KEPT: "kept texts of yours"}


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("store", __doc__, codes=_CODES)
    parser.add_argument(
        "what", nargs="?", default="size", metavar="WHAT", help="size, gc or verify"
    )
    parser.add_argument("--keep", metavar="TIME", help="with gc: what was used since: 90d, 12w, 1y")
    parser.add_argument("--dry", action="store_true", help="with gc: only say what would go")
    parser.add_argument("--remove", action="store_true", help="with verify: delete what is damaged")
    args = parser.parse_args(argv)
    if args.what not in _WORDS:
        near = did_you_mean(args.what, _WORDS) or f"; it does {', '.join(_WORDS)}"
        raise UserError(f"there is no piste store {printable(args.what)!r}{near}")
    if args.what != "gc" and (args.keep is not None or args.dry):
        raise UserError("--keep and --dry go with `piste store gc`")
    if args.what != "verify" and args.remove:
        raise UserError("--remove goes with `piste store verify`")
    store = project.here().store
    if args.what == "size":
        return _size(store, args.json)
    if args.what == "verify":
        return _verify(store, args.remove, args.json)
    return _gc(store, _days(args.keep or "90d"), args.dry, args.json)


def _days(text: str) -> int:
    found = re.fullmatch(r"(\d{1,5})([dwy])", text)
    if found is None:
        raise UserError(f"--keep {printable(text)!r} is no time; write 90d, 12w or 1y")
    return int(found[1]) * _DAYS[found[2]]


def _size(store: Store, as_json: bool) -> int:
    found = list(store_maintenance.items(store))
    if as_json:
        common.print_json({"folder": str(store.folder), **_sums(found)})
        return 0
    screen.out(printable(str(store.folder)))
    rows = [["WHAT", "COUNT", "BYTES"]]
    rows += [
        [_NAMES[kind], f"{count:,}", f"{size:,}"] for kind, (count, size) in _counted(found).items()
    ]
    rows.append(["in all", f"{len(found):,}", f"{sum(item.size for item in found):,}"])
    screen.out("\n".join(common.table(rows, right=("COUNT", "BYTES"))))
    return 0


def _verify(store: Store, remove: bool, as_json: bool) -> int:
    with screen.if_slow("reading the store"):
        total = sum(1 for _ in store_maintenance.items(store))
        wrong = list(store_maintenance.damaged(store))
    if remove:  # what is left of a person's own text is theirs to look at
        wrong = [
            item
            for item in wrong
            if item.kind == KEPT or store_maintenance.remove_damaged(store, item)
        ]
    if as_json:
        paths = [str(item.path) for item in wrong]
        common.print_json({"folder": str(store.folder), "entries": total, "damaged": paths})
        return EXIT_FAILED if wrong else 0
    for item in wrong:
        gone = remove and item.kind != KEPT
        screen.out(f"{'removed' if gone else 'damaged'}: {item.path.relative_to(store.folder)}")
    if wrong:
        way = "" if remove else "; piste store verify --remove deletes them"
        screen.out(f"{len(wrong):,} of {total:,} are damaged, and count as not there{way}")
        return EXIT_FAILED
    screen.out(f"{total:,} of {total:,} are whole")
    return 0


def _gc(store: Store, days: int, dry: bool, as_json: bool) -> int:
    before = time.time() - days * 86_400
    with screen.if_slow("looking through the store"):
        plan = store_maintenance.plan(store, before)
        freed = sum(item.size for item in plan.gone)
        if not dry:
            freed = store_maintenance.remove(store, plan.gone, before)
            store.sweep(time.time() - _HOUR)
    if as_json:
        common.print_json({
            "folder": str(store.folder), "days": days, "dry": dry, "freed_bytes": freed,
            "removed": _sums(plan.gone), "held_by_receipts": _sums(plan.held),
            "projects": [str(root) for root in plan.needs.projects],
        })  # fmt: skip
        return 0
    did = "would be removed" if dry else "removed"
    screen.out(f"{_said(plan.gone)} {did}, {freed:,} bytes: not used for {days} days")
    if plan.held:
        count = len(plan.needs.projects)
        whose = f"{count} project{'s' * (count != 1)}"
        screen.out(f"{_said(plan.held)} as old stay: the receipts of {whose} name them")
    return 0


def _said(found: Sequence[Item]) -> str:
    counts = [
        f"{count:,} {_NAMES[kind] if count != 1 else kind}"
        for kind, (count, _) in _counted(found).items()
        if count
    ]
    return " and ".join(counts) or "nothing"


def _counted(found: Sequence[Item]) -> dict[str, tuple[int, int]]:
    return {
        kind: (sum(i.kind == kind for i in found), sum(i.size for i in found if i.kind == kind))
        for kind in _NAMES
    }


def _sums(found: Sequence[Item]) -> dict[str, Any]:
    return {
        {REPLY: "replies", TEXT: "texts", KEPT: "kept"}[kind]: {"count": count, "bytes": size}
        for kind, (count, size) in _counted(found).items()
    }
