"""`piste restore`: bring back a target as it was made, or as it was before.

A file of your own that something was made from comes back as well, as it was read then. What
stands there and is nowhere else is kept in the store first, so a restore can itself be undone.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from piste.commands import common
from piste.engine import amending, freshness, hashing, log, project, receipts, sent
from piste.engine.rules import Rule
from piste.engine.store import Record
from piste.engine.world import World
from piste.system import atomic_write, paths, project_files, screen
from piste.system.errors import UserError

YOURS = "yours"  # the event of a text that a person wrote and that was replaced


INPUT = "input"  # of a text that something else was made from


class Version(NamedTuple):
    """A text that a target had."""

    date: str  # when it was first there, ISO 8601 in UTC; "" is not known
    event: str
    model: str
    data: bytes
    prompt: str = ""  # where the prompt is kept that it was made by; see `sent`

    @property
    def made(self) -> bool:
        """Whether a model wrote it."""
        return self.event in ("made", "taken", "recorded", "restored", "adopted")


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("restore", __doc__)
    common.add_target(parser, more="; or a file of yours that one is made from (idea.md)")
    parser.add_argument("--at", type=int, default=0, metavar="N", help="version N of --list")
    parser.add_argument("--list", action="store_true", help="the versions there are, newest first")
    args = parser.parse_args(argv)
    world = project.here()
    rule = _named(world, args.target)
    found = versions(world, rule)
    if args.list:
        _list(world, rule, found, args.json)
        return 0
    version = _pick(world, rule, found, args.at)
    said = restore(world, rule, version)
    if args.json:
        common.print_json({"target": rule.target, "date": version.date, "event": version.event})
    else:
        screen.out(said)
    return 0


def _named(world: World, word: str) -> Rule:
    """The rule that is named; of a file that targets are made from, one that makes nothing."""
    try:
        return common.chosen(world, [word])[0]
    except UserError:
        path = Path(os.path.abspath(word))
        name = os.path.relpath(path, world.root).replace(os.sep, "/")
        if not path.is_relative_to(world.root) or name not in _sources(world):
            raise
    return Rule(paths.output(name, "restore"), name, (), "", "document", "", "raw")


def _sources(world: World) -> set[str]:
    """Every file that a target is made from, or was once."""
    now = {name for rule in world.rules.values() for names in rule.inputs for name in names}
    return {*now, *(path for _, inputs in _read_once(world) for path in inputs)}


def _read_once(world: World) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the date and the inputs, path -> sha256, of each making that the log knows."""
    for entry in log.entries(world.root):
        if entry.prompt:
            yield entry.date, sent.inputs(world.store, entry.prompt)


def versions(world: World, rule: Rule) -> list[Version]:
    """Return each text of the target that the store still has, newest first, each once."""
    found: list[Version] = []
    for entry in log.entries(world.root, rule.target):
        data = world.store.text(entry.output) if entry.output else None
        if data is not None:
            found.append(Version(entry.date, entry.event, entry.model, data, entry.prompt))
    for record in world.store.kept(str(world.root), rule.target):
        data = world.store.blob(record.blob)
        if data is not None:
            found.append(Version(record.date, YOURS, "", data))
    recorded = _recorded(world, rule)
    if recorded is not None:
        found.append(recorded)
    found += _named_elsewhere(world, rule)
    # The first of equal texts says how it came to be; later ones only brought it back.
    # One without a date comes last here, and is passed over if the log knows the text.
    found.sort(key=lambda version: (version.date == "", version.date))
    first: dict[bytes, Version] = {}
    for version in found:
        first.setdefault(version.data, version)
    return sorted(first.values(), key=lambda version: version.date, reverse=True)


def restore(world: World, rule: Rule, version: Version) -> str:
    """Write a version as the target; return what to say. Raises UserError, OSError."""
    path = paths.writable(world.root, rule.target)
    old = _standing(world, rule) or b""
    if old == version.data:
        return f"{rule.target} is that text already"
    kept, blob = "", ""
    if old and world.store.text(hashing.digest(old, rule.kind)) != old:
        record = Record("", rule.target, log.now(), project=str(world.root))
        blob = world.store.keep(old, record).blob
        kept = f"; what stood there is kept: piste restore {rule.target} --list"
    atomic_write.write(path, version.data)
    output = hashing.digest(version.data, rule.kind)
    log.add(world.root, log.Entry(log.now(), rule.target, "restored", output=output, blob=blob))
    made = {YOURS: "you wrote it", "accepted": "you accepted it", INPUT: "it was read"}.get(
        version.event, "it was made"
    )
    date = f" on {common.when(version.date)} UTC" if version.date else ""
    return f"{rule.target} is back as {made}{date}{kept}"


def _named_elsewhere(world: World, rule: Rule) -> list[Version]:
    """The texts that this project's log or receipts name, wherever it lay then.

    The log knows what was replaced, a receipt the text of an input that something was made from.
    """
    found = [
        Version(entry.date, YOURS, "", data)
        for entry in log.entries(world.root, rule.target)
        if entry.event in ("replaced", "restored") and (data := world.store.blob(entry.blob))
    ]
    for target in receipts.targets(world.root):
        with contextlib.suppress(UserError):  # a damaged receipt is `doctor`'s to tell
            receipt = receipts.read(world.root, target)
            digest = receipt.inputs.get(rule.target, "") if receipt else ""
            found += _as_read(world, "", digest)
    for date, inputs in _read_once(world):
        found += _as_read(world, date, inputs.get(rule.target, ""))
    return found


def _as_read(world: World, date: str, digest: str) -> list[Version]:
    data = world.store.text(digest) if digest else None
    return [Version(date, INPUT, "", data)] if data else []


def _standing(world: World, rule: Rule) -> bytes | None:
    return project_files.read_any(world.root, rule.target, hashing.most_of(rule.kind))


def _recorded(world: World, rule: Rule) -> Version | None:
    """The text that the receipt stands for."""
    receipt = receipts.read(world.root, rule.target)
    data = freshness.restorable(world, rule, receipt) if receipt else None
    if receipt is None or data is None:
        return None
    keys = [receipt.key, *([amending.key(receipt.key, receipt.base)] if receipt.base else [])]
    asked = [reply.prompt for key in keys for reply in world.store.replies(key)]
    return Version("", "recorded", str(receipt.action.get("model", "")), data, *asked[-1:])


def _pick(world: World, rule: Rule, found: Sequence[Version], number: int) -> Version:
    target = rule.target
    if not found:
        raise UserError(f"the store has no text of {target}; try git log -- {target}")
    if number == 0:
        recorded = _recorded(world, rule)
        data = recorded.data if recorded else None
        read = next((v for v in found if v.event != YOURS), found[0])
        made = next((v for v in found if v.event not in (YOURS, INPUT)), read)
        return next((v for v in found if v.data == data), made)
    return numbered(world, rule, number)


def numbered(world: World, rule: Rule, number: int) -> Version:
    """Return version `number` of the list, 1 being the newest. Raises UserError for none."""
    found, target = versions(world, rule), rule.target
    if not 1 <= number <= len(found):
        count = f"{len(found)} version{'' if len(found) == 1 else 's'}"
        raise UserError(f"{target} has {count}, not {number}; see piste restore {target} --list")
    return found[number - 1]


def _list(world: World, rule: Rule, found: Sequence[Version], as_json: bool) -> None:
    now = _standing(world, rule)
    if as_json:
        common.print_json([
            {"at": number, "date": v.date, "event": v.event, "model": v.model,
             "bytes": len(v.data), "current": v.data == now}
            for number, v in enumerate(found, 1)
        ])  # fmt: skip
        return
    if not found:
        screen.out(f"the store has no text of {rule.target}")
        return
    rows = [["AT", "DATE (UTC)", "EVENT", "BYTES", "MODEL", ""]]
    rows += [
        [str(number), common.when(v.date), v.event, f"{len(v.data):,}", v.model,
         "← stands there now" if v.data == now else ""]
        for number, v in enumerate(found, 1)
    ]  # fmt: skip
    screen.out("\n".join(common.table(rows, right=("AT", "BYTES"))))
