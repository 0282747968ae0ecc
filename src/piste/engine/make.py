"""Making one target, in the order that loses nothing and pays nothing twice.

decide → look in the store → ask → save the raw reply → clean and check it →
write the target → write the receipt. A paid reply is on disk before anything else
can fail. What to do is `freshness`'s word; how a model is asked is `asking`'.
"""

import contextlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from piste.documents import amendment, replies
from piste.documents.edits import Malformed
from piste.engine import (
    amending,
    freshness,
    hashing,
    log,
    outgoing,
    receipts,
    rejected,
    reviewing,
    sent,
    states,
)
from piste.engine import templates as _templates
from piste.engine.amending import Result, Start
from piste.engine.receipts import Receipt
from piste.engine.rules import Rule
from piste.engine.states import Decision
from piste.engine.store import Record
from piste.engine.world import Asked, Outcome, World
from piste.model.prices import FREE
from piste.system import atomic_write, locks, paths, project_files, screen, signals
from piste.system.errors import Failed, UserError, printable

_LONG_PROMPT = 400  # characters; no document holds so much of its prompt by chance
_KEEP_INPUTS = 10_000_000  # characters; no model reads more


class Sources(NamedTuple):
    """The inputs as they were read, once: hashed and rendered from the same bytes."""

    digests: Mapping[str, str]
    texts: tuple[tuple[str, str], ...]  # (path, text), in the rule's order

    def files(self) -> Mapping[str, str]:
        """Return the files that the first input holds, for the checks that look into them."""
        from piste.bundle.contents import files_of

        return files_of(self.texts[0][1]) if self.texts else {}


def make(world: World, rule: Rule, asked: Asked, stop: threading.Event | None) -> Outcome:
    """Bring a document up to date; see `makers.make`."""
    decision = freshness.decide(world, rule, whole=asked.again)
    if decision.todo == states.BLOCKED:
        raise states.mistake_of(decision)
    persons = decision.state in (states.EDITED, states.FOREIGN)
    amend = asked.amend and (decision.state == states.FOREIGN or decision.todo != states.KEEP)
    if not (asked.again or (asked.overwrite and persons) or (amend and persons)):
        if decision.todo == states.KEEP:
            return Outcome("kept", states.kept_line(decision, world.door()))
        if decision.todo == states.ADOPT:
            return _adopt(world, decision)
    if persons and not (asked.overwrite or amend):
        raise Failed(conflict_line(world, decision))
    if decision.todo == states.RESTORE and not asked.again:
        return _restore(world, decision)
    begin = Start(decision.base, decision.whole)
    if amend:
        if persons:
            amending.require_sound(world, rule)
        begin = Start(decision.output)
    elif asked.again or persons:
        begin = amending.with_finished(world, rule, Start("", decision.whole), decision.output)
    decision = decision._replace(base=begin.base, whole=begin.whole)
    return _build(world, decision, asked.again, stop)


def conflict_line(world: World, decision: Decision) -> str:
    """Say that a person's text stands in the way, and the four ways out."""
    target, build = decision.rule.target, f"{world.door()} {decision.rule.name}"
    changed = [r.said for r in decision.reasons if r.part != "target"]
    because = f", and {'; '.join(changed)}" if changed else ""
    return (
        f"{target} holds your own text{because}: nothing was overwritten, nothing was paid; "
        f"see it: piste diff {target}, keep it: piste accept {target}, "
        f"have it amended: {build} --amend, replace it: {build} --overwrite"
    )


def read_inputs(world: World, rule: Rule) -> Sources:
    """Read the inputs once. Raises UserError for one that is missing or not UTF-8."""
    digests: dict[str, str] = {}
    texts: list[tuple[str, str]] = []
    chosen = freshness.chosen_inputs(world, rule)
    _not_too_much(world, rule, chosen)
    for path in chosen:
        digests[path], text = read_input(world, rule, path)
        texts.append((path, text))
    return Sources(dict(sorted(digests.items())), tuple(texts))


def read_input(world: World, rule: Rule, path: str) -> tuple[str, str]:
    """Return the digest and the text of an input. Raises UserError as `read_inputs`."""
    try:
        data = project_files.read(world.root, path, world.config.max_input)
    except FileNotFoundError:
        raise UserError(f"{rule.target}: {path} is missing") from None
    if not data.strip():
        raise UserError(f"{path} is empty: there is nothing to make {rule.target} from")
    text = hashing.text(data, path, world.kinds.get(path, ""))
    return world.digest_of(path)(data), text


def _not_too_much(world: World, rule: Rule, chosen: Sequence[str]) -> None:
    """Raise UserError, naming the largest, where the inputs together are more than is read."""
    sizes = []
    for path in chosen:
        with contextlib.suppress(OSError):
            sizes.append((os.stat(world.root / path).st_size, path))
    most, total = world.config.max_input, sum(size for size, _ in sizes)
    if total > most:
        size, largest = max(sizes)
        text = project_files.size_text
        raise UserError(
            f"{rule.target}: its inputs have {text(total)}, more than the {text(most)} that are "
            f"read; the largest is {printable(largest)} with {text(size)}; shorten it, or raise "
            "max_input in your own settings"
        )


def rendered(world: World, rule: Rule, sources: Sources) -> tuple[str, str]:
    """Return the system text and the prompt. Raises UserError naming the template."""
    cleared = [(path, outgoing.cleared(world.config, path, text)) for path, text in sources.texts]
    template, given = variables(world, rule, cleared)
    system, prompt = _templates.render(template, given)
    if told := reviewing.told(world, rule):
        prompt = f"{prompt}\n\n{told}"
    name = template.name  # what its own words hold
    return (
        outgoing.cleared(world.config, name, system),
        outgoing.cleared(world.config, name, prompt),
    )


def variables(
    world: World, rule: Rule, texts: Sequence[tuple[str, str]]
) -> tuple[_templates.Template, dict[str, object]]:
    """Return the rule's template and what it takes, the texts given with their paths.

    Raises UserError naming the template.
    """
    template = world.stat_cache.template(rule.prompt, world.layers)
    most, given = len(template.inputs), len(texts)
    if not most - template.optional <= given <= most:
        raise UserError(
            f"{template.name} ({template.layer}) takes {most} inputs, "
            f"rule {rule.name} has {given}; make them agree"
        )
    found: dict[str, object] = {"target": rule.target}
    left_out = [("", "")] * (most - given)
    for name, (path, text) in zip(template.inputs, [*texts, *left_out], strict=True):
        found[name], found[f"{name}_path"] = text, path
    for setting in template.settings:
        found[setting] = getattr(world.config, setting)
    return template, found


def _where(world: World, rule: Rule) -> Path:
    """Return where the target is written. Raises UserError where that is not allowed."""
    root = world.root
    own = (receipts.path(root, rule.target).parent, root / rejected.FOLDER)
    for folder in own:
        paths.inside(root, folder, str(folder.relative_to(root)))
    for folder in (root / paths.STATE, *own):
        paths.writable_folder(folder, str(folder))
    for folder in world.store.folders():
        try:
            paths.writable_folder(folder, f"the store {folder}")
        except UserError as error:
            raise UserError(f"{error}; PISTE_STORE names another place") from None
    return paths.writable(root, rule.target)


def _standing(world: World, rule: Rule) -> bytes:
    """Return the target's bytes as they stand. Raises as `project_files.read` does."""
    return project_files.read(world.root, rule.target, hashing.most_of(rule.kind))


def _adopt(world: World, decision: Decision) -> Outcome:
    assert decision.wanted is not None
    _where(world, decision.rule)
    world.store.remember(world.root)
    world.store.put_text(decision.output, _standing(world, decision.rule), sync=False)
    receipts.write(world.root, decision.wanted._replace(output=decision.output))
    target = decision.rule.target
    log.add(world.root, log.Entry(log.now(), target, "adopted", key=decision.key,
                                  output=decision.output, base=decision.wanted.base))  # fmt: skip
    return Outcome("adopted", f"{target} is one of the texts made from these inputs: recorded")


def _restore(world: World, decision: Decision) -> Outcome:
    receipt = decision.receipt
    assert receipt is not None
    data = freshness.restorable(world, decision.rule, receipt)
    if data is None:  # the store lost it since the decision
        return _build(world, decision, False, None)
    path = _where(world, decision.rule)
    with _publishing(world, decision):
        atomic_write.write(path, data)
    world.store.put_text(receipt.output, data, sync=False)  # used just now
    log.add(world.root, log.Entry(log.now(), decision.rule.target, "restored", key=receipt.key,
                                  output=receipt.output))  # fmt: skip
    return Outcome("restored", f"{decision.rule.target} is back, as it was made, at no cost")


def _build(world: World, decision: Decision, again: bool, stop: threading.Event | None) -> Outcome:
    rule = decision.rule
    if decision.wanted is None:
        read_inputs(world, rule)  # names the one that is missing
        raise states.mistake_of(decision)
    _where(world, rule)
    sources = read_inputs(world, rule)
    # The key is that of the very bytes that will be sent, whatever changed since.
    wanted = decision.wanted._replace(inputs=sources.digests)
    base = decision.base
    lock = world.store.folder / "locks" / (amending.key(wanted.key, base) if base else wanted.key)
    what = f"{rule.target} in {world.root}"
    with signals.deferred(), locks.hold(lock, what, _tell_waiting(rule.target), stop):
        known = freshness.results(world, rule, wanted.key, base, *_before(decision))
        found = None if again else next(known, None)
        if found:
            for one in {wanted.key, _store_key(wanted, base)}:  # it is under either
                world.store.used(one, found.record)
            event, said = "taken", f"{rule.target} taken from the store, at no cost"
            found = found._replace(record=found.record._replace(cost=0.0, seconds=None))
        elif not again and _is_settled(world, decision):
            order = _order(world, decision, wanted, sources)
            free = Record("", rule.target, log.now(), cost=0.0)
            found = order.result(_save(world, order.key, amending.UNASKED, free))
            event, said = "taken", f"{rule.target} stays as it is: nothing that it is about changed"
        else:
            order = _order(world, decision, wanted, sources)
            found = _ask(world, rule, wanted, sources, order, stop)
            event, said = "made", _made_line(rule, decision, found)
        said += _contents(rule, found.text, sources)
        if rule.target in world.yours:
            mine = world.yours[rule.target]
            build = f"{world.door()} {rule.name}"
            said += f"; {mine} is yours and stays ({build} --overwrite replaces it)"
        _publish(world, decision, wanted, sources, found, event)
    return Outcome(event, said)


def _is_settled(world: World, decision: Decision) -> bool:
    base, before = decision.base, _before(decision)[1]
    return not decision.whole and amending.is_settled(world, decision.rule, base, before)


def _before(decision: Decision) -> tuple[str, Mapping[str, str]]:
    """The digest of the text that has the ids of findings, and those of what it was made from."""
    receipt = decision.receipt
    return freshness.earlier(receipt, decision.output), receipt.inputs if receipt else {}


def _store_key(wanted: Receipt, base: str) -> str:
    return amending.key(wanted.key, base) if base else wanted.key


def _made_line(rule: Rule, decision: Decision, found: Result) -> str:
    how = {amendment.EDITS: "amended", amendment.NOTHING: "needs no change, as read",
           amendment.WHOLE: "written whole in place of edits"}.get(found.form, "made")  # fmt: skip
    if decision.whole and found.form == amendment.WHOLE:
        how = "made"  # as it was asked for; what is finished was put back
    because = f" (whole: {decision.whole})" if decision.whole and how == "made" else ""
    return f"{rule.target} {how} by {_numbers(found.record)}{because}"


def _tell_waiting(target: str) -> Any:
    return lambda holder: screen.say(f"{target}: waiting for {holder}")


class Order(NamedTuple):
    """What is asked of a model, and what becomes of its reply."""

    system: str
    prompt: str
    key: str  # that a reply is stored under
    result: Callable[[Record], Result]  # of a stored reply; raises Malformed
    once_more: str  # what is asked for after a reply that was no result


def _order(world: World, decision: Decision, wanted: Receipt, sources: Sources) -> Order:
    """Return the order to amend the text that stands, or to write the document whole."""
    rule = decision.rule
    earlier, before = _before(decision)
    on = amending.ground(world, rule, decision.base, before) if decision.base else None
    again = "Write the whole document again, from its first line to its last."
    if on is None:
        system, prompt = rendered(world, rule, sources)

        def written(record: Record) -> Result:
            return amending.written(world, rule, record, earlier, sources.files)

        return Order(system, prompt, wanted.key, written, again)
    system, prompt = amending_prompt(world, decision, on, sources)

    def amended(record: Record) -> Result:
        return amending.result(world, rule, on, record, sources.files)

    more = again if decision.whole else "Give all the edits again, each of them whole."
    return Order(system, prompt, _store_key(wanted, decision.base), amended, more)


def amending_prompt(
    world: World, decision: Decision, on: reviewing.Ground, sources: Sources
) -> tuple[str, str]:
    """Return the system text and the prompt of a making that begins with a text.

    Raises UserError as `rendered`.
    """
    rule = decision.rule
    texts = reviewing.narrowed(world, rule, sources.texts, on, _before(decision)[1])
    system, order = rendered(world, rule, sources._replace(texts=tuple(texts)))
    given = amending.variables(world, decision, on, order)
    template = world.stat_cache.template(amending.TEMPLATE, world.layers)
    return system, _templates.render(template, given)[1]


def _ask(
    world: World, rule: Rule, wanted: Receipt, sources: Sources, order: Order,
    stop: threading.Event | None,
) -> Result:  # fmt: skip
    """Ask the model, once more if the reply is no result; return a reply that is stored."""
    from piste.engine import budget
    from piste.model import asking

    model = asking.resolve(wanted.action["model"] or None)
    asking.require_key(model)
    options = asking.check_options(model, wanted.action["options"])
    system, prompt = order.system, order.prompt
    beginning = _beginning(world, rule, prompt)
    _fits(world, rule, model.model_id, options, order, sources)
    reason = quote = file = ""
    for attempt in range(2):
        words = prompt
        if attempt:  # what is said of a reply may quote it
            name = f"the reply for {rule.target}"
            why = outgoing.cleared(world.config, name, _with_reason(order, reason, quote))
            words = f"{prompt}\n\n{why}"
        asked = sent.packed(system, words, sources.texts)
        with budget.call(world, rule.target, model.model_id, f"{system}\n{words}", options) as paid:
            reply = _call(world, rule, wanted, model, words, system, options, stop, beginning)
            record = record_of(rule.target, reply)
            record = record._replace(prompt=hashing.digest(asked, "raw"))
            paid.append(record)
        raw = reply.text.encode("utf-8", "replace").decode()  # no lone surrogates, as it is stored
        problem = None if reply.finish == "complete" else f"{reply.finish}: {reply.detail}"
        if problem is None and _repeats(raw, prompt, sources):
            problem = "it repeats the prompt"
        if problem is None:
            record = _save(world, order.key, raw, record)
            world.store.put_blob(asked, sync=False)
            try:
                return order.result(record)
            except Malformed as fault:
                problem, quote = str(fault), fault.quote
        reason = problem
        file = _put_aside(world, rule, wanted, raw, reason, record)
        if record.file:
            world.store.drop(order.key, record)
    raise Failed(
        f"{rule.target}: the reply of {model.model_id} was no result, twice: {reason}; "
        f"it is kept in {file}, and {rule.target} is as it was"
    )


def _beginning(world: World, rule: Rule, prompt: str) -> Any:
    """The material that a prompt begins with, and whether this run asks more about it."""
    from piste.model.prefix_cache import Beginning

    rules = [world.rules[name] for name in world.asked if name in world.rules]
    others = any(
        other.inputs == rule.inputs and not freshness.decide(world, other).up_to_date
        for other in rules
        if other.name != rule.name
    )
    return Beginning(_templates.material_end(prompt), others)


def _repeats(reply: str, prompt: str, sources: Sources) -> bool:
    """Whether a reply holds all that was asked: no result, however much it looks like one."""
    asked = prompt.strip()
    # A prompt that is nothing but its input may come back as it was: nothing to correct in it.
    if any(asked == text.strip() for _, text in sources.texts):
        return False
    # A few words may well stand in a document that was made from them.
    return reply.strip() == asked or (len(asked) >= _LONG_PROMPT and asked in reply)


def _call(
    world: World, rule: Rule, wanted: Receipt, model: Any, prompt: str, system: str,
    options: Mapping[str, Any], stop: threading.Event | None, beginning: Any,
) -> Any:  # fmt: skip
    from piste.model import asking

    with screen.progress(f"{rule.target}: asking {model.model_id}") as shown:
        come = 0

        def on_text(piece: str) -> None:
            nonlocal come
            come += len(piece)
            shown.came(come)

        def on_retry(why: str, seconds: float) -> None:
            nonlocal come
            come = 0
            screen.say(f"{rule.target}: {why}; asking again in {seconds:.0f} s")

        try:
            return asking.ask(
                model, prompt=prompt, system=system or None, options=options,
                limits=limits_of(world), on_text=on_text, on_retry=on_retry, stop=stop,
                beginning=beginning,
            )  # fmt: skip
        except asking.CallFailed as error:
            kept = ""
            if error.partial:
                record = Record("", rule.target, log.now(), model.model_id)
                file = _put_aside(world, rule, wanted, error.partial, str(error), record)
                kept = f"; what had come is in {file}"
            else:
                log.add(world.root, log.Entry(log.now(), rule.target, "failed", model.model_id,
                                              wanted.key, reason=str(error)))  # fmt: skip
            said = f"{rule.target}: {error}{kept}"
            raise asking.CallFailed(
                said, kind=error.kind, partial=error.partial, retry_after=error.retry_after
            ) from None


def limits_of(world: World) -> Any:
    """Return the limits of a call, of the settings."""
    from piste.model import asking

    config = world.config
    return asking.Limits(
        deadline=config.deadline, stall=config.stall, retries=config.retries,
        in_flight=config.in_flight,
    )  # fmt: skip


def _with_reason(order: Order, reason: str, quote: str) -> str:
    shown = f"\n\n{quote.rstrip()}\n\n" if quote else " "
    return f"An earlier reply to this could not be used: {reason}.{shown}{order.once_more}"


def record_of(target: str, reply: Any) -> Record:
    """Return what the store remembers of a reply of `asking.ask`."""
    from piste.model import prices

    cost = None
    if reply.input_tokens is not None and reply.output_tokens is not None:
        cost = prices.price(
            reply.model, reply.input_tokens, reply.output_tokens,
            reply.cached_tokens, reply.written_tokens,
        ).dollars  # fmt: skip
    return Record(
        "", target, log.now(), reply.model, reply.input_tokens, reply.output_tokens, cost,
        round(reply.seconds, 3), cached_tokens=reply.cached_tokens or None,
    )  # fmt: skip


def log_entry(
    event: str, record: Record, key: str, output: str = "", reason: str = ""
) -> log.Entry:
    """Return the line of the log for a reply."""
    return log.Entry(
        log.now(), record.target, event, record.model, key, output, record.blob,
        record.input_tokens, record.output_tokens, record.cost, record.seconds, reason,
        cached_tokens=record.cached_tokens, prompt=record.prompt,
    )  # fmt: skip


def _save(world: World, key: str, text: str, record: Record) -> Record:
    """Store the paid reply before anything else can fail; if that fails, hand it over."""
    try:
        return world.store.put_reply(key, text, record, sync=record.model not in FREE)
    except OSError as error:
        where = _anywhere(world.root, record.target, text)
        raise Failed(
            f"{record.target}: the store {world.store.folder} cannot be written "
            f"({error.strerror}); the paid reply is {where}"
        ) from None


def _anywhere(root: Path, target: str, text: str) -> str:
    """Put a paid reply wherever it fits; say where."""
    name = f"piste-{target.replace('/', '__')}-{os.getpid()}.md"
    for folder in (str(root), None):  # None: where temporary files are kept
        with contextlib.suppress(OSError):  # of looking for that, too
            path = Path(folder or tempfile.gettempdir()) / name
            atomic_write.write(path, text.encode("utf-8", "replace"))
            return f"in {path}"
    screen.say(text)
    return "printed above"


def _put_aside(
    world: World, rule: Rule, wanted: Receipt, text: str, reason: str, record: Record
) -> str:
    try:
        file = rejected.put(world.root, rule.target, wanted.key, text, reason)
        log.add(world.root, log_entry("rejected", record, wanted.key, reason=reason))
    except OSError:
        return _anywhere(world.root, rule.target, text)
    screen.say(f"{rule.target}: {reason}; the reply is kept in {file}")
    return file


def _fits(
    world: World, rule: Rule, model: str, options: Mapping[str, Any], order: Order, sources: Sources
) -> None:
    """Raise UserError when the prompt cannot fit into the model's window with its reply."""
    from piste.model import window

    words = (order.system, order.prompt)
    if window.surely(model, len("".join(words).encode("utf-8", "replace")), options):
        return
    from piste.model import tokens

    fit = window.fit(model, sum(map(tokens.count, words)), options)
    if not fit.over:
        return
    largest = sorted(((tokens.count(text), path) for path, text in sources.texts), reverse=True)
    named = ", ".join(f"{path} ({count:,})" for count, path in largest[:3])
    out = _left_out(world, rule, sources, fit.over * fit.prompt // (fit.prompt + fit.margin))
    shorter = f"leave out {out}, shorten them" if out else "shorten them"
    raise UserError(
        f"{rule.target}: {window.said(fit)}; the largest inputs: {named}; {shorter} or name a "
        f"model with more room"
    )


def _left_out(world: World, rule: Rule, sources: Sources, surplus: int) -> str:
    """Return what to leave out of the rule's bundle, as `bundle.budget` names it; "" without.

    The surplus is in tokens; a tenth more is saved, since frames and the tree go along.
    """
    from piste.bundle import budget, report
    from piste.engine.reviewing import bundle_of
    from piste.model import tokens

    if not bundle_of(world, rule):
        return ""
    sizes = {path: (len(text), tokens.count(text)) for path, text in sources.files().items()}
    setting, saved = budget.left_out(report.savings(sizes), surplus + surplus // 10)
    return f"{setting} (saves {saved:,})" if saved >= surplus else ""


@contextlib.contextmanager
def _publishing(world: World, decision: Decision) -> Iterator[None]:
    """Hold the project's lock, having seen that nobody changed the target meanwhile."""
    rule = decision.rule
    with locks.hold(world.root / paths.STATE / "lock", f"writing {rule.target}"):
        standing = hashing.look(world.root, rule.target, rule.kind)
        if (standing.digest if standing else "") != decision.output:
            raise Changed(rule.target)
        world.store.remember(world.root)
        yield


class Changed(Failed):
    """The target was changed by somebody else while it was being made."""

    def __init__(self, target: str) -> None:
        super().__init__(
            f"{target} was changed while it was being made: it is left as it is, and the new "
            f"text is in the store; the next run takes it from there, at no cost"
        )


def _keep_sources(world: World, rule: Rule, sources: Sources) -> None:
    """Keep what the target was made from, so that `why` can show what changed."""
    template = world.stat_cache.template(rule.prompt, world.layers)
    world.store.put_text(template.digest, template.words, sync=False)
    for path, text in sources.texts:
        if len(text) <= _KEEP_INPUTS:
            world.store.put_text(sources.digests[path], text.encode(), sync=False)


def _publish(
    world: World, decision: Decision, wanted: Receipt, sources: Sources, found: Result, event: str
) -> None:
    """Write the target, then the receipt, then the log."""
    rule, record = decision.rule, found.record
    persons = decision.state in (states.EDITED, states.FOREIGN)
    path = paths.writable(world.root, rule.target)
    try:
        with _publishing(world, decision):
            old = _standing(world, rule) if decision.output else b""
            data = _with_ticks(rule, old, _of_now(world, decision, sources, old, found)).encode()
            output = hashing.digest(data, rule.kind)
            if persons:
                _keep_old(world, rule, old)
                world.store.put_text(decision.output, old)  # to be found as what was amended
                _show_edits(rule, old, data, found)
            elif old not in (b"", data, world.store.text(decision.output)):
                # For its marks, which what is dropped takes with it; or the store has lost it.
                _keep(world, rule, old)
            world.store.put_text(output, data, sync=False)  # the reply and the target are there
            _keep_sources(world, rule, sources)
            if data != old:
                atomic_write.write(path, data)
            receipts.write(world.root, _receipt(decision, wanted, output, found))
            why = decision.why() or "asked for anew"
            entry = log_entry(event, record, wanted.key, output, why)
            log.add(world.root, entry._replace(base=found.base))
    except Changed:
        # Another run may have made the very same; then all is well.
        if freshness.decide(world, rule).state != states.FRESH:
            raise


def _receipt(decision: Decision, wanted: Receipt, output: str, found: Result) -> Receipt:
    """The receipt of a making: of an amendment it says what it began with, and how many came."""
    count = amending.count(decision.receipt, found)
    persons = decision.state in (states.EDITED, states.FOREIGN)
    hand = bool(found.base) and persons and found.form != amendment.WHOLE
    return wanted._replace(output=output, base=found.base, amended=count, hand=hand)


def _of_now(world: World, decision: Decision, sources: Sources, old: bytes, found: Result) -> str:
    """The text of a result; edits are made in the text as it stands now, with its marks."""
    if found.form == "" or found.base != decision.output:
        return found.text
    text = old.decode("utf-8", "replace")
    rule, record = decision.rule, found.record
    on = reviewing.ground(world, rule, found.base, text, _before(decision)[1])
    return amending.result(world, rule, on, record, sources.files).text


def _show_edits(rule: Rule, old: bytes, new: bytes, found: Result) -> None:
    """Show what an amendment has changed in a person's own text."""
    if found.form != amendment.EDITS:
        return
    change = amending.Change(rule.target, old.decode("utf-8", "replace"), new.decode())
    screen.say("\n".join(screen.safe(line) for line in amending.diff(change).split("\n")))


def _with_ticks(rule: Rule, old: bytes, text: str) -> str:
    if rule.kind != "todo" or not old:
        return text
    from piste.documents.todo import carry_ticks

    return carry_ticks(old.decode("utf-8", "replace"), text)


def _keep(world: World, rule: Rule, old: bytes) -> Record:
    record = Record("", rule.target, log.now(), project=str(world.root))
    return world.store.keep(old, record)


def _keep_old(world: World, rule: Rule, old: bytes) -> None:
    kept = _keep(world, rule, old)
    log.add(world.root, log.Entry(log.now(), rule.target, "replaced", blob=kept.blob))
    screen.say(f"{rule.target}: your text is kept; piste restore {rule.target} brings it back")


def _contents(rule: Rule, text: str, sources: Sources) -> str:
    """Say what the document holds, and what is doubtful in it."""
    from piste.documents import counts

    held = counts.phrase(text, rule.check)
    said = f"; {held}" if held else ""
    said += "".join(f"; {warning}" for warning in replies.warnings(text, rule.check))
    if rule.check == "plan":
        from piste.documents import coverage

        for path, spec in sources.texts[:1]:
            left = coverage.phrase(coverage.of(spec, text), path)
            said += f"; {left}" if left else ""
    if rule.check in ("review", "issues"):
        from piste.documents import reported
        from piste.documents.findings import MARK

        decided = reported.decided(text)
        said += f"; {decided}" if decided else ""

        count = text.count(f"\n{MARK}")
        if count:
            said += f"; {count} of its findings name what is not in the bundle, and are marked"
    return said


def _numbers(record: Record) -> str:
    from piste.model import prices

    parts = [record.model]
    if record.input_tokens is not None:
        kept = f" ({record.cached_tokens:,} cached)" if record.cached_tokens else ""
        parts.append(f"{record.input_tokens:,} tokens in{kept}, {record.output_tokens or 0:,} out")
    parts.append(prices.said(record.cost))
    if record.seconds is not None:
        parts.append(f"{record.seconds:.1f} s")
    return ", ".join(parts)
