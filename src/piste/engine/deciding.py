"""Deciding on a finding: the team's word is written down, and the finding is taken out.

It goes from the document that reports it and from those that are made of that one, by its id.
Where such a document is as it was made, its receipt moves along, so that nothing becomes stale
and nothing has to be asked. What was there stays in the store. It asks no model.
"""

from collections.abc import Iterator
from typing import NamedTuple

from piste.documents import reported
from piste.documents.reported import Finding
from piste.engine import decisions, hashing, log, receipts, reviewing
from piste.engine.decisions import Decision
from piste.engine.receipts import Receipt
from piste.engine.rules import Rule
from piste.engine.world import World
from piste.system import atomic_write, locks, paths, project_files
from piste.system.errors import UserError, printable


class Place(NamedTuple):
    """A document that a finding stands in."""

    rule: Rule
    data: bytes
    finding: Finding


class Decided(NamedTuple):
    """What became of a word."""

    decision: Decision
    file: str
    documents: list[str]  # that the finding was taken out of


def decide(world: World, word: str, asked: str, why: str) -> Decided:
    """Write down that a finding is declined or fixed, and take it out of the documents.

    `word` is one of `decisions`, `asked` the id as a person wrote it. A finding that was decided
    on already gets the new word. Raises UserError for one that is nowhere.
    """
    own = decisions.read_id(asked)
    known = {one.id: one for one in decisions.load(world.root)}
    found = [*places(world, own)]
    if not found and own not in known:
        raise UserError(_nowhere(world, own))
    if found:
        said = decisions.of(found[0].finding, word, why, found[0].rule.target)
    else:
        said = known[own]._replace(word=word, why=why)
    for place in found:
        paths.writable(world.root, place.rule.target)
    with locks.hold(world.root / paths.STATE / "lock", f"deciding on {own}"):
        where = decisions.write(world.root, said)
        moved: dict[str, tuple[str, str]] = {}  # target -> its digest before and after
        for place in found:
            moved[place.rule.target] = _taken_out(world, place, said, moved)
    return Decided(said, where, [*moved])


def places(world: World, own: str) -> Iterator[Place]:
    """Yield the documents that a finding stands in, what is made of another one after that."""
    letters = own.rstrip("0123456789")
    rules = [one for one in world.rules.values() if reviewing.reports(world, one)]
    for rule in sorted(rules, key=lambda one: _depth(world, one)):
        if reviewing.prefix(world, rule) != letters:
            continue
        data = project_files.read_any(world.root, rule.target, hashing.most_of(rule.kind))
        text = (data or b"").decode("utf-8", "replace")
        for one in reported.of(text, {}, letters):
            if data is not None and one.id == own:
                yield Place(rule, data, one)
                break


def _depth(world: World, rule: Rule) -> int:
    source = reviewing.source_of(world, rule)
    return 1 + _depth(world, source) if source else 0


def _nowhere(world: World, own: str) -> str:
    letters = own.rstrip("0123456789")
    for rule in world.rules.values():
        if reviewing.counts(world, rule) and reviewing.prefix(world, rule) == letters:
            data = project_files.read_any(world.root, rule.target, hashing.most_of(rule.kind))
            if data is None:
                return f"there is no {own}: {rule.target} is not there"
            ids = [one.id for one in reported.of(data.decode("utf-8", "replace"), {}, letters)]
            named = ", ".join(filter(None, ids)) or "no finding with an id"
            return f"there is no {own} in {rule.target}; it has {printable(named)[:200]}"
    return f"there is no {own}: no document has ids that begin with {letters}"


def _taken_out(
    world: World, place: Place, said: Decision, moved: dict[str, tuple[str, str]]
) -> tuple[str, str]:
    """Take a finding out of a document; return the document's digest before and after."""
    rule, data = place.rule, place.data
    text = data.decode("utf-8", "surrogateescape")
    new = reviewing.without_one(world, rule, text, place.finding)
    after = new.encode("utf-8", "surrogateescape")
    old_digest, digest = (hashing.digest(one, rule.kind) for one in (data, after))
    receipt = receipts.read(world.root, rule.target)
    world.store.put_text(old_digest, data)
    world.store.put_text(digest, after)
    atomic_write.write(world.root / rule.target, after)
    if receipt is not None:
        receipts.write(world.root, _along(receipt, old_digest, digest, moved))
    reason = f"{said.id} {said.word}: {said.why}"
    log.add(world.root, log.Entry(log.now(), rule.target, "decided", output=digest, reason=reason))
    return old_digest, digest


def _along(receipt: Receipt, old: str, new: str, moved: dict[str, tuple[str, str]]) -> Receipt:
    """The receipt with the digests of now, for what is as the receipt has it."""
    inputs = {
        path: moved[path][1] if path in moved and moved[path][0] == digest else digest
        for path, digest in receipt.inputs.items()
    }
    return receipt._replace(inputs=inputs, output=new if receipt.output == old else receipt.output)
