"""The decision about a document: is it as it should be, and if not, why, and what then.

`decide` walks over a rule's inputs, action, receipt and target once. What runs
(`make`), what is said (`status`, `why`, doit's own lists) and what CI is told
(`check`) all come from the `Decision` it returns, so they cannot disagree.

It changes nothing, asks no model, and does not import the model library.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from piste.engine import amending, hashing, receipts
from piste.engine.amending import Result, Start
from piste.engine.receipts import Receipt
from piste.engine.rules import Rule
from piste.engine.states import (
    ADOPT,
    BLOCKED,
    CONFLICT,
    EDITED,
    FAILED,
    FOREIGN,
    FRESH,
    KEEP,
    MAKE,
    MISSING,
    RESTORE,
    STALE,
    Decision,
    Reason,
)
from piste.engine.world import World
from piste.model.llm_home import folder as llm_folder
from piste.model.llm_home import model_named
from piste.model.prices import FREE
from piste.system import person, project_files
from piste.system.errors import Failed, UserError, printable

if TYPE_CHECKING:
    from piste.engine.rejected import Rejected

_NONE: Mapping[str, str] = {}


def decide(world: World, rule: Rule, whole: bool = False) -> Decision:
    """Return what is true of a document's target now; see `makers.decide`. Raises PisteError."""
    # Taken before anything is read: what changes from here on has another one.
    fingerprint = _fingerprint(world, rule)
    if not whole and world.stat_cache.hit(rule.target, fingerprint):
        return Decision(rule, FRESH, KEEP)
    decision, settled = _decide(world, rule)
    if settled and decision.state == FRESH:
        world.stat_cache.note(rule.target, fingerprint)
    return decision


def chosen_inputs(world: World, rule: Rule) -> list[str]:
    """Return the path of each input: the first of its names that is there, else the first."""
    return [
        names[0]
        if len(names) == 1
        else next((name for name in names if os.path.lexists(world.root / name)), names[0])
        for names in rule.inputs
    ]


def action(world: World, rule: Rule, receipt: Receipt | None) -> dict[str, Any]:
    """Return what would be asked: the parts of the key that are no inputs.

    A model that is only somebody's default does not make a target stale: then the
    receipt's own model stands. So does a model named by an alias that this machine
    does not know, if the receipt remembers that alias.
    """
    template = world.stat_cache.template(rule.prompt, world.layers)
    parts: dict[str, Any] = {
        "check": rule.check,
        "model": _model(world, rule, receipt),
        "options": {**dict(world.config.options), **dict(rule.options)},
        "prompt": rule.prompt,
        "prompt_sha256": template.digest,
    }
    for setting in template.settings:
        parts[setting] = getattr(world.config, setting)
    return parts


def _decide(world: World, rule: Rule) -> tuple[Decision, bool]:
    """Return the decision, and whether the files it rests on are older than the clock's tick."""
    receipt = receipts.read(world.root, rule.target)
    settled = hashing.is_settled(receipts.path(world.root, rule.target))
    target = hashing.look(world.root, rule.target, rule.kind)
    _no_conflict(rule.target, target, rule.kind)
    output = target.digest if target else ""
    if target is None and receipt is None and (twin := world.twin(rule.target)):
        raise UserError(
            f"{twin} is there, and {rule.target} is the same name on other systems; rename it, or "
            f"set another `target` in [rules.{rule.name}]"
        )
    inputs: dict[str, str] = {}
    gone: list[Reason] = []
    chosen = chosen_inputs(world, rule)
    for path, names in sorted(zip(chosen, rule.inputs, strict=True)):
        look = world.look(path)
        if look is None and (would_be := world.digest_if_made(path)):
            inputs[path], settled = would_be, False
        elif look is None:
            said = f"neither {' nor '.join(names)} is there" if names[1:] else f"{path} is missing"
            gone.append(Reason("input", path, said))
        else:
            _no_conflict(path, look, world.kinds.get(path, ""))
            inputs[path] = look.digest
            settled = settled and look.settled
    if gone:
        return _without_inputs(world, rule, receipt, output, tuple(gone)), False
    wanted = Receipt(rule.target, rule.name, action(world, rule, receipt), inputs, "")
    if receipt is None or receipt.forgotten or receipt.key != wanted.key:
        wanted = _to_be_made(world, rule, wanted, receipt)
    decision = _judge(world, rule, receipt, wanted, output)
    return decision, settled and target is not None and target.settled


def _no_conflict(path: str, look: hashing.Seen | None, kind: str) -> None:
    """Raise UserError for a file that holds both sides of a merge: it is nobody's text yet."""
    if look and look.conflict and kind != "raw":
        raise hashing.in_conflict(path, look.conflict)


def _judge(
    world: World, rule: Rule, receipt: Receipt | None, wanted: Receipt, output: str
) -> Decision:
    """The order of docs/design.md, "Freshness"; each line is one row of its table."""
    found = differences(receipt, wanted) if receipt else ()
    changes = tuple(_with_owner(world, rule, one) for one in found)

    def result(state: str, todo: str, *more: Reason) -> Decision:
        stored, begin = todo in (ADOPT, RESTORE), Start()
        if todo == MAKE:
            if state == STALE and receipt and not receipt.forgotten and output == receipt.output:
                begin = amending.start(world, rule, receipt, changes, output)
            begin = amending.with_finished(world, rule, begin, output)
            known = results(
                world, rule, wanted.key, begin.base, earlier(receipt, output), _before(receipt)
            )
            stored = next(known, None) is not None or (
                not begin.whole and amending.is_settled(world, rule, begin.base, _before(receipt))
            )
            last = None if stored else _last_rejected(world, rule)
            if last and last.key == wanted.key:
                state = FAILED
                said = f"the last reply was rejected: {last.reason}"
                more = (*more, Reason("reply", last.file, said))
        return Decision(
            rule, state, todo, (*changes, *more), receipt, wanted, output, stored,
            begin.base, begin.whole,
        )  # fmt: skip

    def about(text: str) -> Reason:
        return Reason("target", rule.target, text)

    if receipt and output and output == receipt.output:
        if not changes:
            return result(FRESH, KEEP)
        if receipt.hand:
            return result(EDITED, CONFLICT, about(f"{rule.target} holds your own text"))
        known = receipt.forgotten and _is_result(world, wanted, output, (), receipt)
        return result(STALE, ADOPT if known else MAKE)
    bases = _amended_from(world, rule, receipt, output)
    if output and (known := _is_result(world, wanted, output, bases, receipt)):
        wanted = wanted._replace(base=known.base, amended=amending.count(receipt, known))
        # Killed between target and receipt, or the receipt was deleted.
        return result(STALE, ADOPT, Reason("receipt", rule.target, "its receipt is out of date"))
    if receipt and output:
        edited = about(f"{rule.target} was edited by hand")
        return result(EDITED, CONFLICT if changes else KEEP, edited)
    if output and _was_made(world, rule, output):
        return result(STALE, MAKE, Reason("receipt", rule.target, "its receipt is gone"))
    if output:
        return result(FOREIGN, KEEP, about(_not_made(world, rule)))
    absent = about(f"{rule.target} is not there")
    if receipt and not changes and restorable(world, rule, receipt) is not None:
        return result(MISSING, RESTORE, absent)
    return result(MISSING, MAKE, absent)


def _with_owner(world: World, rule: Rule, reason: Reason) -> Reason:
    """Say of a changed prompt where it, or a part of it, is the person's own, which others lack."""
    if reason.part != "prompt":
        return reason
    own = world.layers[-2]
    template = world.stat_cache.template(rule.prompt, world.layers)
    parts = [(template.name, template.layer), *((name, at) for name, at, _ in template.partials)]
    names = [name for name, layer in parts if layer == own.name]
    named = "yours" if rule.prompt in names else f"your {', '.join(names)}"
    said = f"{reason.said}: {named} in {printable(person.said(own.folder))}"
    return reason._replace(said=said) if names else reason


def differences(receipt: Receipt, wanted: Receipt) -> tuple[Reason, ...]:
    """Return each part in which a receipt and the present differ, inputs first."""
    reasons = []
    if receipt.forgotten:
        reasons.append(Reason("receipt", receipt.target, "it was forgotten, as somebody asked"))
    for path in sorted({*receipt.inputs, *wanted.inputs}):
        old, new = receipt.inputs.get(path, ""), wanted.inputs.get(path, "")
        if old != new:
            verb = "is new" if not old else "is no longer an input" if not new else "changed"
            reasons.append(Reason("input", path, f"{printable(path)} {verb}", old, new))
    before, now = receipt.action, wanted.action
    if any(before.get(part) != now[part] for part in ("prompt", "prompt_sha256")):
        said = f"the prompt {now['prompt']} changed"
        reasons.append(
            Reason("prompt", now["prompt"], said, before.get("prompt_sha256", ""),
                   now["prompt_sha256"])
        )  # fmt: skip
    for part in sorted({*before, *now} - {"prompt", "prompt_sha256", "model_asked"}):
        # As in the key: in Python 1 == 1.0 == True.
        if receipts.canonical(before.get(part)) != receipts.canonical(now.get(part)):
            old, new = _plain(before, part), _plain(now, part)
            reasons.append(Reason(part, part, printable(f"{part}: {old} → {new}"), old, new))
    if receipt.rule != wanted.rule:
        said = f"rule: {printable(receipt.rule)} → {wanted.rule}"
        reasons.append(Reason("rule", wanted.rule, said, receipt.rule, wanted.rule))
    return tuple(reasons)


def restorable(world: World, rule: Rule, receipt: Receipt) -> bytes | None:
    """Return the recorded text as it was written, or None: the store has it no more."""
    data = world.store.text(receipt.output)
    if data is None or hashing.digest(data, rule.kind) != receipt.output:
        return None
    return data


def results(
    world: World,
    rule: Rule,
    key: str,
    base: str = "",
    numbers_of: str = "",
    before: Mapping[str, str] = _NONE,
) -> Iterator[Result]:
    """Yield each stored reply of `key` that is still a result, newest first.

    With `base`, the digest of a text that was made from inputs with the digests `before`, the
    amendments of that come before what was written whole. `numbers_of` is the digest of the text
    from which findings have their ids.
    """
    amendments = world.store.replies(amending.key(key, base)) if base else []
    written = world.store.replies(key)
    looked_into = partial(files, world, rule)
    on = amending.ground(world, rule, base, before) if base and (amendments or written) else None
    for record in amendments:
        if on is None:
            break
        with contextlib.suppress(Failed):
            yield amending.result(world, rule, on, record, looked_into)
    if on and not amending.has_finished(world, rule, on.text):
        on = None  # nothing of it stays in one that was written whole
    for record in written:
        with contextlib.suppress(Failed):
            if on is None:
                yield amending.written(world, rule, record, numbers_of or base, looked_into)
            else:
                yield amending.result(world, rule, on, record, looked_into)


def earlier(receipt: Receipt | None, output: str) -> str:
    """Return the digest of the text from which the findings of a new one have their ids."""
    return output or (receipt.output if receipt else "")


def _before(receipt: Receipt | None) -> Mapping[str, str]:
    return receipt.inputs if receipt else _NONE


def files(world: World, rule: Rule) -> Mapping[str, str]:
    """Return the files in the rule's first input as far as it can be read."""
    from piste.bundle.contents import files_of

    try:
        data = project_files.read(world.root, chosen_inputs(world, rule)[0], world.config.max_input)
    except (OSError, UserError, IndexError):  # it is gone or too large, or the rule has none
        return {}
    return files_of(data.decode("utf-8", "replace").replace("\r\n", "\n"))


def _not_made(world: World, rule: Rule) -> str:
    """Say that a target is a source; where git's history is cut off, that this is not sure."""
    from piste.engine import receipt_history

    if receipt_history.is_cut(world.root):
        return (
            f"piste did not make {rule.target}, as far as this shallow clone tells; "
            "git fetch --unshallow tells more"
        )
    return f"piste did not make {rule.target}; it is a source"


def _without_inputs(
    world: World, rule: Rule, receipt: Receipt | None, output: str, gone: tuple[Reason, ...]
) -> Decision:
    if output and receipt is None:
        kept = Reason("target", rule.target, _not_made(world, rule))
        return Decision(rule, FOREIGN, KEEP, (kept,), None, None, output)
    state = STALE if output else MISSING
    if output and receipt and (receipt.hand or output != receipt.output):
        state = EDITED
    return Decision(rule, state, BLOCKED, gone, receipt, None, output)


def _is_result(
    world: World, wanted: Receipt, output: str, bases: Iterable[str], receipt: Receipt | None
) -> Result | None:
    """Return the stored reply of the key that becomes the target's text, or None.

    `bases` are digests of the texts that it may have been before, by the `receipt`.
    """
    rule = world.rules[wanted.rule]
    for base in ("", *bases, output):
        for one in results(world, rule, wanted.key, base, before=_before(receipt)):
            if _digest(rule, one.text) == output:
                return one
    return None


def _digest(rule: Rule, text: str) -> str:
    return hashing.digest(text.encode(), rule.kind)


def _amended_from(world: World, rule: Rule, receipt: Receipt | None, output: str) -> Iterable[str]:
    """The digests of the texts that the target's may have been amended from."""
    if receipt or not output:
        return (receipt.output,) if receipt else ()
    from piste.engine import log

    said = log.entries(world.root, rule.target)
    return {entry.base for entry in said if entry.output == output and entry.base}


def _last_rejected(world: World, rule: Rule) -> "Rejected | None":
    from piste.engine import rejected

    return rejected.last(world.root, rule.target)


def _was_made(world: World, rule: Rule, output: str) -> bool:
    """Whether this very text was made here, as the log or git's history of receipts has it."""
    from piste.engine import log, receipt_history

    return any(
        entry.output == output and entry.event in ("made", "taken", "restored", "adopted")
        for entry in log.entries(world.root, rule.target)
    ) or output in receipt_history.outputs(world.root, rule.target)


def _to_be_made(world: World, rule: Rule, wanted: Receipt, receipt: Receipt | None) -> Receipt:
    """The same with the model that would be asked, by its own id.

    Where no model is pinned the receipt's stands, for as long as the store has what it
    said; what must be asked for anew is asked of this person's default.
    """
    wanted = _exactly(world, rule, wanted)
    pinned = bool(rule.model) or world.config.model_pinned
    if receipt is None or pinned or next(results(world, rule, wanted.key), None):
        return wanted
    parts = {**wanted.action, "model": model_named(world.config.model)}
    return _exactly(world, rule, wanted._replace(action=parts))


def _exactly(world: World, rule: Rule, wanted: Receipt) -> Receipt:
    """The same with the model's own id, for which llm's plugins may have to be asked.

    Only a target that is not fresh comes here, so a build with nothing to do never
    imports the model library.
    """
    asked = rule.model or world.config.model
    parts = {**wanted.action, "model": _own_id(wanted.action["model"])}
    if asked and asked != parts["model"]:
        parts["model_asked"] = asked
    return wanted._replace(action=parts)


def _own_id(name: str) -> str:
    if name in FREE:
        return name
    from piste.model.asking import resolve

    if not os.path.isdir(llm_folder()):
        # llm would make its folder, and who only looks must change nothing. Without
        # it there are no aliases, and the default is llm's own.
        if name:
            return name
        from llm import DEFAULT_MODEL

        return str(DEFAULT_MODEL)
    try:
        return str(resolve(name or None).model_id)
    except UserError:  # not installed here: then the name is all there is
        return name


def _model(world: World, rule: Rule, receipt: Receipt | None) -> str:
    asked = rule.model or world.config.model
    pinned = bool(rule.model) or world.config.model_pinned
    recorded = receipt.action.get("model", "") if receipt else ""
    if recorded and not pinned:
        return str(recorded)
    name = model_named(asked)
    if receipt and recorded and asked and receipt.action.get("model_asked") == asked == name:
        return str(recorded)
    return name


def _fingerprint(world: World, rule: Rule) -> bytes | None:
    """A hash of everything that a `fresh` rests on, taken without reading the files.

    None where one of them is not there: then only a full look can tell.
    """
    signature = hashing.signature
    root = f"{world.root}{os.sep}"
    try:
        state = [
            world.stat_cache.settings(world.config, rule, world.layers),
            signature(os.stat(f"{root}{rule.target}")),
            signature(os.stat(f"{root}{receipts.FOLDER}/{rule.target}.json")),
        ]
        for names in rule.inputs:
            state.append(b"|")
            for name in names:
                if len(names) == 1 or os.path.lexists(root + name):
                    state += (name.encode(), signature(os.stat(root + name)))
    except OSError:
        return None
    return hashlib.blake2b(b"".join(state), digest_size=16).digest()


def _plain(action: Mapping[str, Any], part: str) -> str:
    if part not in action:
        return "not used"
    return "not set" if action[part] in (None, "", {}) else str(action[part])
