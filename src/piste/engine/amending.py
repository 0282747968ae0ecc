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

from piste.engine import hashing, receipts
from piste.engine.receipts import Receipt
from piste.engine.rules import Rule
from piste.engine.states import Reason
from piste.engine.store import Record
from piste.system import project_files
from piste.system.errors import PisteError

if TYPE_CHECKING:
    from piste.documents.replies import Files
    from piste.engine.world import World

TEMPLATE = "_amend.md.j2"
_PARTS = ("input", "prompt")  # what a change of makes a document stale and not another one


class Start(NamedTuple):
    """What a making begins with."""

    base: str = ""  # digest of the text that is amended; "" is none: it is written whole
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
    if any(world.kinds.get(path) == "raw" for path in receipt.inputs):
        return Start()  # a bundle: nobody has kept the one of before
    if not (world.config.amend if rule.amend is None else rule.amend):
        return Start("", "amend = false")
    other = next((one for one in reasons if one.part not in _PARTS), None)
    if other is not None:
        return Start("", other.said)
    if receipt.amended >= world.config.amend_times:
        return Start("", f"it has been amended {receipt.amended} times in a row")
    share, unknown = _share(changes(world, reasons))
    if unknown and not world.config.amend_unknown:
        return Start("", f"the old text of {unknown} is not in the store")
    if share > world.config.amend_limit:
        limit = world.config.amend_limit
        return Start("", f"{share} % of what it was made from has changed, more than {limit} %")
    return Start(output)


def changes(world: "World", reasons: Sequence[Reason]) -> Iterator[Change]:
    """Yield what the reasons of a decision are about, where it is a text."""
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
    import difflib

    if change.old is None:
        return change.new
    lines = difflib.unified_diff(
        change.old.splitlines(), change.new.splitlines(), f"{change.name}, as it was",
        f"{change.name}, as it is", lineterm="",
    )  # fmt: skip
    return "\n".join(lines)


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


def _standing(world: "World", rule: Rule, most: int) -> bytes | None:
    try:
        return project_files.read_any(world.root, rule.target, most)
    except (OSError, PisteError):
        return None


def _present(world: "World", reason: Reason) -> str:
    if reason.part == "prompt":
        return world.stat_cache.template(reason.name, world.layers).words.decode()
    data = project_files.read(world.root, reason.name, world.config.max_input)
    return hashing.text(data, reason.name)


def measured(world: "World", reasons: Sequence[Reason]) -> tuple[int, list[str]]:
    """Return how much has changed, in percent, and the diffs that are sent."""
    found = [*changes(world, reasons)]
    return _share(found)[0], [diff(change) for change in found]


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


def variables(
    world: "World", rule: Rule, text: str, reasons: Sequence[Reason], prompt: str
) -> Mapping[str, object]:
    """Return what the template of amendments is given.

    `text` is the one that stands, `prompt` the order by which a document is written whole.
    """
    from piste.documents import amendment
    from piste.engine import outgoing

    def cleared(name: str, said: str) -> str:
        return outgoing.cleared(world.config, name, said)

    found = [
        (change.name, cleared(change.name, diff(change)), change.old is not None)
        for change in changes(world, reasons)
    ]
    shown = amendment.shown(text, rule.kind).strip("\n")
    return {"prompt": prompt, "target": rule.target, "changes": found,
            "document": cleared(rule.target, shown)}  # fmt: skip


def count(receipt: Receipt | None, found: Result) -> int:
    """Return how often in a row a text has been amended, with the result that it is now."""
    from piste.documents import amendment

    before = receipt.amended if receipt else 0
    return {amendment.EDITS: before + 1, amendment.NOTHING: before}.get(found.form, 0)


def result(rule: Rule, base: str, text: str, record: Record, files: "Files") -> Result:
    """Return what the document `text`, of the digest `base`, becomes by a stored reply.

    `files` gives the files that it is about, for the checks that look into them. Raises
    Malformed, with the reason and what the model has to see, for what is no result.
    """
    from piste.documents import amendment, edits, replies

    def whole(said: str) -> str | None:
        cleaned = replies.clean(said)
        return cleaned if replies.problem(cleaned, rule.check) is None else None

    found = amendment.amend(text, rule.kind, rule.target, record.text, whole)
    new = found.text.replace("\r\n", "\n")
    if (problem := replies.problem(new, rule.check)) is not None:
        raise edits.Malformed(f"with these edits it is no result: {problem}")
    if line := hashing.conflict(new.encode()):
        raise edits.Malformed(f"line {line} is a conflict marker of git's")
    finished = replies.finished(new, rule.check, files)
    return Result(record, found.text if finished == new else finished, base, found.form)
