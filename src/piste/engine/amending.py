"""Amending: whether a document that is stale is changed in its place, and what is asked then.

A document that was made before is not written anew: the model gets the text that stands, what
has changed in the inputs, and is asked for edits (`documents.amendment`). Whether that is so is
part of the decision (`start`), and what is sent is what `piste why` shows (`changes`).

A reply is stored under the key of the making and the text that it starts from (`key`): whoever
starts from the same text pays nothing, and nobody gets an amendment of another one. It asks no
model and writes nothing.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from piste.engine import hashing, receipts, requirement_ids, reviewing
from piste.engine.receipts import Receipt
from piste.engine.reviewing import Ground
from piste.engine.rules import Rule
from piste.engine.states import Decision, Reason
from piste.engine.store import Record
from piste.model.prices import FREE
from piste.system import project_files
from piste.system.errors import PisteError, UserError

if TYPE_CHECKING:
    from piste.documents.replies import Files
    from piste.engine.world import World

TEMPLATE = "_amend.md.j2"
_PARTS = ("input", "prompt")  # what a change of makes a document stale and not another one


class Start(NamedTuple):
    """What a making begins with."""

    base: str = ""  # digest of the text of which something stays; "" is none
    whole: str = ""  # why it is written whole though there is a text, in one phrase


class Result(NamedTuple):
    """What a target can be made of: a stored reply, and the text that it comes to."""

    record: Record
    text: str
    base: str = ""  # digest of the text that was amended
    form: str = ""  # of an amendment; see `documents.amendment`


class Change(NamedTuple):
    """One thing that a document was made from, as it was and as it is."""

    name: str
    old: str | None  # None: the store has it no more
    new: str


def key(making: str, base: str) -> str:
    """Return the key of an amendment: of what is asked, and of the text that it starts from."""
    parts = {"schema": receipts.SCHEMA, "key": making, "base": base}
    return hashlib.sha256(receipts.canonical(parts).encode()).hexdigest()


def start(
    world: "World", rule: Rule, receipt: Receipt, reasons: Sequence[Reason], output: str
) -> Start:
    """Return whether a stale document whose text is the receipt's is amended.

    `reasons` are the differences from the receipt, `output` the digest of the text that stands.
    """
    if not (world.config.amend if rule.amend is None else rule.amend):
        return Start("", "amend = false")
    other = next((one for one in reasons if one.part not in _PARTS), None)
    if other is not None:
        return Start("", other.said)
    if receipt.amended >= world.config.amend_times:
        return Start("", f"it has been amended {receipt.amended} times in a row")
    bundle = reviewing.bundle_of(world, rule)
    if bundle and receipt.action.get("model") in FREE:
        return Start()  # it reads all of it at no cost, and understands no part
    if bundle and (prompt := next((one for one in reasons if one.part == "prompt"), None)):
        return Start("", prompt.said)  # what it says now counts for all of the code
    share, unknown = _share(_texts(world, reasons))
    if unknown and (not world.config.amend_unknown or bundle):
        return Start("", f"the old text of {unknown} is not in the store")
    if share > world.config.amend_limit:
        limit = world.config.amend_limit
        return Start("", f"{share} % of what it was made from has changed, more than {limit} %")
    return Start(output)


def with_finished(world: "World", rule: Rule, begin: Start, output: str) -> Start:
    """Return with what a making begins where the text of digest `output` stands.

    One that writes a plan whole begins with that text too, where steps of it are finished: they
    stay. Raises UserError for a damaged record of a step.
    """
    if begin.base or not output or rule.kind != "plan":
        return begin
    text = base_text(world, rule, output)
    if text is None or not has_finished(world, rule, text):
        return begin
    return Start(output, begin.whole or "it was asked for anew")


def has_finished(world: "World", rule: Rule, text: str) -> bool:
    """Whether steps of a plan are finished. Raises UserError for a damaged record."""
    if rule.kind != "plan" or reviewing.bundle_of(world, rule):
        return False  # prompts for issues come and go with what they are made from
    from piste.engine import kept

    return bool(kept.finished(world, rule, text))


def changes(world: "World", reasons: Sequence[Reason]) -> Iterator[Change]:
    """Yield what the reasons of a decision are about, where it is a text; a bundle by its files."""
    for one in _texts(world, reasons):
        if one.old is None or world.kinds.get(one.name) != "raw":
            yield one
            continue
        from piste.bundle import changes as bundles

        found = bundles.between(one.old, one.new)
        for path in found.parts:
            old, new = found.old.get(path, ""), found.new.get(path, "")
            if path not in found.new:  # that it is gone says it all
                old = f"({old.count(chr(10)):,} lines; the file is gone)\n"
            yield Change(path, bundles.shown(old), bundles.shown(new))


def _texts(world: "World", reasons: Sequence[Reason]) -> Iterator[Change]:
    for reason in reasons:
        if reason.part not in _PARTS or not reason.old:
            continue
        try:
            new = _present(world, reason) if reason.new else ""
        except (OSError, PisteError):
            continue  # whoever reads it to make something of it says what is wrong
        data = world.store.text(reason.old)
        old = None if data is None else data.decode("utf-8", "replace").replace("\r\n", "\n")
        yield Change(reason.name, old, new)


def diff(change: Change) -> str:
    """Return a change as a unified diff, or the whole of its text where the old one is gone."""
    from piste.documents import diffs

    if change.old is None:
        return change.new
    names = f"{change.name}, as it was", f"{change.name}, as it is"
    return "\n".join(diffs.unified(change.old, change.new, *names))


UNASKED = "=== nothing: neither what it is made from nor the code that it names is other\n"
"""The reply of a document of which nothing can change; see `is_settled`."""


def is_settled(world: "World", rule: Rule, base: str, before: Mapping[str, str]) -> bool:
    """Whether no model has to be asked for the amendment of the text of the digest `base`."""
    if not base or reviewing.source_of(world, rule) is None:
        return False
    on = ground(world, rule, base, before)
    return on is not None and reviewing.is_settled(world, rule, on, before)


def base_text(world: "World", rule: Rule, base: str) -> str | None:
    """Return the text of that digest: the one that stands, with its marks, or the stored one."""
    most = hashing.most_of(rule.kind)
    for data in (_standing(world, rule, most), world.store.text(base)):
        if data is not None and hashing.digest(data, rule.kind) == base:
            try:
                return data.decode()
            except UnicodeDecodeError:
                return None
    return None


def ground(world: "World", rule: Rule, base: str, before: Mapping[str, str]) -> Ground | None:
    """Return the text of the digest `base` as it is amended, or None: it is nowhere.

    `before` are the digests of the inputs that it was made from.
    """
    text = base_text(world, rule, base)
    return None if text is None else reviewing.ground(world, rule, base, text, before)


def _standing(world: "World", rule: Rule, most: int) -> bytes | None:
    try:
        return project_files.read_any(world.root, rule.target, most)
    except (OSError, PisteError):
        return None


def _present(world: "World", reason: Reason) -> str:
    if reason.part == "prompt":
        return world.stat_cache.template(reason.name, world.layers).words.decode()
    data = project_files.read(world.root, reason.name, world.config.max_input)
    return hashing.text(data, reason.name, world.kinds.get(reason.name, ""))


def measured(world: "World", reasons: Sequence[Reason]) -> tuple[int, list[str]]:
    """Return how much has changed, in percent, and the diffs that are sent."""
    share = _share(_texts(world, reasons))[0]
    return share, [diff(change) for change in changes(world, reasons)]


def _share(found: Iterable[Change]) -> tuple[int, str]:
    """How much of the texts that changed is other now, in percent, and one that is not known."""
    changed = total = 0
    unknown = ""
    for change in found:
        if change.old is None:
            unknown = unknown or change.name
            continue
        size, other = _measured(change.old, change.new)
        total, changed = total + size, changed + other
    return (100 * changed // total if total else 0), unknown


@lru_cache(maxsize=64)
def _measured(old: str, new: str) -> tuple[int, int]:
    """The characters of the longer text, and of the lines that only one of the two has."""
    before, after = Counter(old.splitlines()), Counter(new.splitlines())
    gone = sum(len(line) * count for line, count in (before - after).items())
    come = sum(len(line) * count for line, count in (after - before).items())
    return max(len(old), len(new), 1), max(gone, come)


def variables(world: "World", decision: Decision, on: Ground, prompt: str) -> Mapping[str, object]:
    """Return what the template of amendments is given.

    `on` is the text that stands, `prompt` the order by which a document is written whole.
    """
    from piste.documents import amendment
    from piste.engine import kept, outgoing

    rule = decision.rule

    def cleared(name: str, said: str) -> str:
        return outgoing.cleared(world.config, name, said)

    found = [
        (change.name, cleared(change.name, diff(change)), change.old is not None)
        for change in changes(world, decision.reasons)
    ]
    done = kept.finished(world, rule, on.text)
    shown = amendment.shown(on.text, rule.kind, on.frozen).strip("\n")
    next_id = f"{reviewing.prefix(world, rule)}{on.last + 1}"
    return {"prompt": prompt, "target": rule.target, "changes": found,
            "document": cleared(rule.target, shown), "passages": on.passages,
            "frozen": [one.name for one in on.frozen], "whole": bool(decision.whole),
            "finished": [cleared(rule.target, part.name) for part in done],
            **requirement_ids.for_prompt(world, rule, on.text),
            "next": next_id if reviewing.counts(world, rule) else ""}  # fmt: skip


def written(world: "World", rule: Rule, record: Record, earlier: str, files: "Files") -> Result:
    """Return the document that a stored reply is; findings and requirements keep their ids.

    Those are of `earlier`, the digest of the text of before, or "" without one. `files` gives the
    files that the document is about, for the checks that look into them. Raises Malformed, with
    the reason, for what is no result.
    """
    from piste.documents import replies

    text = replies.clean(record.text)
    _sound(rule, text)
    text = replies.finished(text, rule.check, files)
    has_ids = rule.check == "spec" or reviewing.reports(world, rule)
    old = (base_text(world, rule, earlier) if earlier and has_ids else "") or ""
    text = requirement_ids.kept(world, rule, text, old)
    if reviewing.reports(world, rule) or reviewing.finds(rule):
        text = reviewing.anew(world, rule, text, old, files())
    return Result(record, text)


def require_sound(world: "World", rule: Rule) -> None:
    """Raise UserError where what stands at a rule's target is nothing that can be amended.

    Whatever edits came, the document would be refused; so nothing is asked, or paid.
    """
    from piste.documents import edits

    data = project_files.read(world.root, rule.target, hashing.most_of(rule.kind))
    text = hashing.text(data, rule.target)
    try:
        _sound(rule, text)
    except edits.Malformed as fault:
        said = str(fault).replace("the reply", "it")
        raise UserError(
            f"{rule.target} cannot be amended as it stands: {said}; mend it, or have it replaced: "
            f"{world.door()} {rule.name} --overwrite"
        ) from None


def _sound(rule: Rule, text: str, before: str = "") -> None:
    """Raise Malformed for a text that is no result, with its reason behind these words."""
    from piste.documents import edits, replies

    problem = replies.problem(text, rule.check)
    if problem is None and (line := hashing.conflict(text.encode())):  # it would never be fresh
        problem = f"line {line} is a conflict marker of git's; indent a line that only shows one"
    if problem is not None:
        raise edits.Malformed(f"{before}{problem}")


def count(receipt: Receipt | None, found: Result) -> int:
    """Return how often in a row a text has been amended, with the result that it is now."""
    from piste.documents import amendment

    before = receipt.amended if receipt else 0
    return {amendment.EDITS: before + 1, amendment.NOTHING: before}.get(found.form, 0)


def result(world: "World", rule: Rule, on: Ground, record: Record, files: "Files") -> Result:
    """Return what the document that stands becomes by a stored reply.

    `files` as in `written`. Raises Malformed, with the reason and what the model has to see, for
    what is no result.
    """
    from piste.documents import amendment, edits, replies
    from piste.engine import kept

    done = kept.finished(world, rule, on.text)

    def whole(said: str) -> str | None:
        cleaned = replies.clean(said)
        if replies.problem(cleaned, rule.check) is not None:
            return None
        cleaned = requirement_ids.kept(world, rule, cleaned, on.text)
        cleaned = reviewing.put_back(world, rule, on, cleaned, files())
        return kept.in_whole(world, rule, done, cleaned)

    frozen = (*on.frozen, *kept.frozen(done))
    found = amendment.amend(on.text, rule.kind, rule.target, record.text, whole, frozen)
    text = kept.checked(world, rule, on.text, done, found)
    new = text.replace("\r\n", "\n")
    edited = found.form == amendment.EDITS
    _sound(rule, new, "with these edits it is no result: " if edited else "")
    if edited and (said := requirement_ids.broken(world, rule, new, on.text)):
        raise edits.Malformed(said)
    finished = reviewing.amended(world, rule, on, new, files())
    finished = replies.finished(finished, rule.check, files)
    return Result(record, text if finished == new else finished, on.base, found.form)
