"""`piste restore`: bring back a target as it was made, or as it was before.

What stands there and is nowhere else is kept in the store first, so a restore can
itself be undone.
"""

from collections.abc import Sequence
from typing import NamedTuple

from piste import content, durable, freshness, log, paths, project, receipts
from piste.commands import common
from piste.errors import Mistake
from piste.freshness import World
from piste.rules import Rule
from piste.store import Record


class Version(NamedTuple):
    """A text that a target had."""

    date: str
    event: str
    model: str
    data: bytes


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("restore", __doc__.split("\n")[0].partition(": ")[2])
    parser.add_argument("target", metavar="T", help="a target or the name of its rule")
    parser.add_argument("--at", type=int, default=0, metavar="N", help="version N of --list")
    parser.add_argument("--list", action="store_true", help="the versions there are, newest first")
    args = parser.parse_args(argv)
    world = project.here()
    (rule,) = common.chosen(world, [args.target])
    found = versions(world, rule)
    if args.list:
        return _list(found, args.json)
    version = _pick(found, rule, args.at)
    said = restore(world, rule, version)
    if args.json:
        common.print_json({"target": rule.target, "date": version.date, "event": version.event})
    else:
        print(said)
    return 0


def versions(world: World, rule: Rule) -> list[Version]:
    """Return each text of the target that the store still has, newest first, each once."""
    found: list[Version] = []
    for entry in log.entries(world.root, rule.target):
        data = world.store.text(entry.output) if entry.output else None
        if data is not None:
            found.append(Version(entry.date, entry.event, entry.model, data))
    for record in world.store.kept(str(world.root), rule.target):
        data = world.store.blob(record.blob)
        if data is not None:
            found.append(Version(record.date, "yours", "", data))
    receipt = receipts.read(world.root, rule.target)
    made = freshness.restorable(world, rule, receipt) if receipt else None
    if receipt and made is not None and all(version.data != made for version in found):
        found.append(Version("", "recorded", str(receipt.action.get("model", "")), made))
    found.sort(key=lambda version: version.date, reverse=True)
    return list({version.data: version for version in reversed(found)}.values())[::-1]


def restore(world: World, rule: Rule, version: Version) -> str:
    """Write a version as the target; return what to say. Raises Mistake, OSError."""
    path = paths.writable(world.root, rule.target)
    old = path.read_bytes() if path.exists() else b""
    if old == version.data:
        return f"{rule.target} is that text already"
    if old and world.store.text(content.digest(old, rule.kind)) != old:
        world.store.keep(old, Record("", rule.target, log.now(), project=str(world.root)))
    durable.write(path, version.data)
    output = content.digest(version.data, rule.kind)
    log.add(world.root, log.Entry(log.now(), rule.target, "restored", output=output))
    return f"{rule.target} is back as of {version.date or 'its receipt'} ({version.event})"


def _pick(found: Sequence[Version], rule: Rule, number: int) -> Version:
    if not found:
        raise Mistake(f"the store has no text of {rule.target}; try git log -- {rule.target}")
    if number == 0:
        return next((v for v in found if v.event != "yours"), found[0])
    if not 1 <= number <= len(found):
        raise Mistake(
            f"{rule.target} has {len(found)} versions; piste restore {rule.target} --list"
        )
    return found[number - 1]


def _list(found: Sequence[Version], as_json: bool) -> int:
    if as_json:
        common.print_json([
            {"at": number, "date": v.date, "event": v.event, "model": v.model, "bytes": len(v.data)}
            for number, v in enumerate(found, 1)
        ])  # fmt: skip
        return 0
    rows = [["AT", "DATE", "EVENT", "BYTES", "MODEL"]]
    rows += [
        [str(number), v.date, v.event, f"{len(v.data):,}", v.model]
        for number, v in enumerate(found, 1)
    ]
    print("\n".join(common.table(rows)))
    return 0
