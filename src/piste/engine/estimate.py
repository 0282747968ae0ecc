"""What a rebuild would send, for `status` and `why`: counted, and the same as would be sent.

Of ten thousand targets that share their inputs and a template, each text is read and counted once
and the template is rendered once, with marks where the texts go. The tokens of a prompt are then
those of the texts' middles and of the seams between them. Where a template does more with a text
than put it in, the prompt itself is rendered. What a call may cost at most, before it is paid for,
is `budget`'s: this module stops nothing.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from piste.engine import (
    amending,
    budget,
    freshness,
    hashing,
    make,
    outgoing,
    reviewing,
    states,
    templates,
    upstream,
)
from piste.engine.rules import Rule
from piste.engine.states import Decision
from piste.engine.world import World
from piste.model import prices, tokens, window
from piste.model.prices import FREE
from piste.system import project_files
from piste.system.errors import PisteError, UserError, redact

_WORTH_SAYING = 100_000  # tokens of a run to models whose price is not known
_MARK = re.compile(f"{templates.MARK}(.*?){templates.MARK_END}")


class Estimate(NamedTuple):
    """What a rebuild would send, and what that costs at least."""

    model: str
    tokens: int
    dollars: float | None  # None: the price is not known, or nothing would be sent
    window: int | None = None  # tokens that the model takes, where these are more: a build refuses
    margin: int = 0  # tokens that another tokenizer may make besides; see `window.Fit`
    room: int = 0  # tokens that are kept for the reply
    whole: "Estimate | None" = None  # where the text would be amended: what a new one would cost


class _Text(NamedTuple):
    """What is kept of an input that has been read."""

    head: str
    middle: int  # tokens of what stands between
    tail: str
    size: int  # bytes


class Estimates:
    """The estimates of one walk, in which nothing changes on the disk."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._shapes: dict[tuple[str, int], tuple[str, str] | None] = {}
        self._texts: dict[str, _Text] = {}
        self._seams: dict[str, int] = {}

    def of(self, decision: Decision) -> Estimate | None:
        """Return what a rebuild would send, or None: nothing, or it cannot be told yet.

        The reply is priced at the length of the target that stands, if one does.
        """
        if decision.todo != states.MAKE or decision.stored or decision.wanted is None:
            return None
        rule, root = decision.rule, self._world.root
        try:
            sent = self._sent(rule)
        except PisteError:
            return None
        standing = b""
        if decision.output:
            standing = project_files.read_any(root, rule.target, hashing.most_of(rule.kind)) or b""
        action = decision.wanted.action
        text = standing.decode("utf-8", "replace")
        reply = tokens.count(text)
        whole = _priced(action, sent, reply)
        if not decision.base:
            return whole
        share, more = amending.measured(self._world, decision.reasons)
        if reviewing.bundle_of(self._world, rule):
            sent = self._passages(decision) or sent
        else:
            sent += self._order(rule, len(more)) + reply + sum(self._seam(diff) for diff in more)
        if decision.whole:  # what is finished stays in it
            return _priced(action, sent, reply)
        return _priced(action, sent, reply * share // 100)._replace(whole=whole)

    def _passages(self, decision: Decision) -> int:
        """Return the tokens of an order to amend that sends a part of a bundle; 0 without one."""
        rule, before = decision.rule, decision.receipt.inputs if decision.receipt else {}
        try:
            on = amending.ground(self._world, rule, decision.base, before)
            if on is None:
                return 0
            sources = make.read_inputs(self._world, rule)
            return sum(map(self._seam, make.amending_prompt(self._world, decision, on, sources)))
        except PisteError:
            return 0

    def _order(self, rule: Rule, changes: int) -> int:
        """Return the tokens of what an order to amend says beside its texts, within a few."""
        template = self._world.stat_cache.template(amending.TEMPLATE, self._world.layers)
        given = {"prompt": "", "document": "", "changes": [("", "", True)] * changes}
        return self._seam(templates.own_words(template, {**given, "target": rule.target}))

    def _sent(self, rule: Rule) -> int:
        """Return the tokens of the system text and the prompt. Raises PisteError."""
        chosen = freshness.chosen_inputs(self._world, rule)
        shape = self._shape(rule, len(chosen))
        if shape is None:
            sources = make.read_inputs(self._world, rule)
            return sum(map(tokens.count, make.rendered(self._world, rule, sources)))
        texts = [self._text(rule, path) for path in chosen]
        if sum(text.size for text in texts) > self._world.config.max_input:
            raise UserError(f"{rule.target}: its inputs are more than is read")

        def put_in(mark: str) -> _Text:
            if mark == "target":
                return _Text(rule.target, 0, "", 0)
            number = int(mark[1:])
            return texts[number] if mark[0] == "t" else _Text(chosen[number], 0, "", 0)

        return sum(self._counted(text, put_in) for text in shape)

    def _shape(self, rule: Rule, given: int) -> tuple[str, str] | None:
        """Return the rendered template with marks, or None; see `templates.shape`."""
        key = (rule.prompt, given)
        if key not in self._shapes:
            marked = [(templates.mark(f"p{n}"), templates.mark(f"t{n}")) for n in range(given)]
            like = rule._replace(target=templates.mark("target"))
            template, variables = make.variables(self._world, like, marked)
            self._shapes[key] = templates.shape(template, variables)
        return self._shapes[key]

    def _text(self, rule: Rule, path: str) -> _Text:
        """Return an input, read and looked through once. Raises PisteError."""
        if path not in self._texts:
            text = make.read_input(self._world, rule, path)[1]
            size = len(text.encode("utf-8", "surrogatepass"))
            head, middle, tail = tokens.cut(outgoing.cleared(self._world.config, path, text))
            self._texts[path] = _Text(head, tokens.count(middle) if middle else 0, tail, size)
        return self._texts[path]

    def _counted(self, shape: str, put_in: Callable[[str], _Text]) -> int:
        """Return the tokens of a rendered text, what its marks stand for put in."""
        first, *more = _MARK.split(shape)
        total, seam, at_start = 0, first, True
        for mark, literal in zip(more[::2], more[1::2], strict=True):
            text = put_in(mark)
            seam += text.head
            if text.middle:
                total += self._seam(seam.lstrip() if at_start else seam) + text.middle
                seam, at_start = text.tail, False
            seam += literal
        return total + self._seam(seam.strip() if at_start else seam.rstrip())

    def _seam(self, text: str) -> int:
        if text not in self._seams:
            self._seams[text] = tokens.count(text)
        return self._seams[text]


class Foreseen(NamedTuple):
    """What one run will ask, as far as it can be told before its first call."""

    calls: int
    dollars: float  # of those whose price is known, at least
    tokens: dict[str, int]  # that are sent, by model
    unknown: dict[str, int]  # of these, those that go to models whose price is not known
    later: tuple[str, ...]  # targets that are made of what is not there yet: not counted


def foreseen(world: World, rules: Iterable[Rule]) -> Foreseen:
    """Return what bringing these rules up to date will ask, with all that they are made from."""
    walk, estimates = upstream.Walk(world), Estimates(world)
    decisions: dict[str, Decision] = {}
    for rule in rules:
        whole = walk.whole(rule)
        decisions |= {one.rule.target: one for one in (*whole.before, whole)}
    result = Foreseen(0, 0.0, {}, {}, ())
    if sum(map(_is_paid, decisions.values())) < 2:  # one call says itself what it comes to
        return result
    for target, decision in decisions.items():
        found = estimates.of(decision)
        if found is None or found.window is not None:
            waits = decision.todo == states.WAIT or (decision.before and not decision.up_to_date)
            result = result._replace(later=(*result.later, target)) if waits else result
            continue
        dollars = result.dollars + (found.dollars or 0.0)
        result = result._replace(calls=result.calls + 1, dollars=dollars)
        known = result.tokens if found.dollars is not None else result.unknown
        for counts in (result.tokens, *([known] if known is not result.tokens else [])):
            counts[found.model] = counts.get(found.model, 0) + found.tokens
    return result


def _is_paid(decision: Decision) -> bool:
    makes = decision.todo == states.MAKE and not decision.stored
    return makes and (decision.wanted is None or decision.wanted.action["model"] not in FREE)


def warning(run: Foreseen) -> str:
    """Return in one line what a run will cost, or "" where it is too little to be said."""
    unknown = sum(run.unknown.values())
    if run.dollars <= budget.WORTH_SAYING and unknown < _WORTH_SAYING:
        return ""
    known = {model: run.tokens[model] for model in run.tokens if model not in run.unknown}
    parts = [f"at least {prices.said(run.dollars)}, for {_to(known)}"] if known else []
    parts += [f"a price that is not known, for {_to(run.unknown)}"] if unknown else []
    more = len(run.later)
    parts += [f"and what {', '.join(run.later[:3])} will take, made of it"] if more else []
    return f"{run.calls} calls: {'; '.join(parts)} (--budget '$1' sets a bound)"


def _to(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} tokens to {model}" for model, count in counts.items())


def said(found: Estimate) -> str:
    """Return an estimate as it is shown. A price is a lower bound: replies may be longer."""
    if found.window is not None:
        return window.said(
            window.Fit(found.model, found.tokens, found.margin, found.room, found.window)
        )
    if found.whole is not None:
        return f"amend: {_figures(found)}; whole: {_figures(found.whole)} ({found.model})"
    return f"{_figures(found)} ({found.model})"


def _priced(action: Mapping[str, Any], sent: int, reply: int) -> Estimate:
    model = redact(action["model"])
    fit = window.fit(action["model"], sent, action["options"])
    if fit.over:
        return Estimate(model, sent, None, fit.window, fit.margin, fit.room)
    return Estimate(model, sent, prices.price(action["model"], sent, reply).dollars)


def _figures(found: Estimate) -> str:
    if found.window is not None:
        return f"{found.tokens:,} tokens, more than fit"
    price = prices.said(found.dollars)
    return f"{found.tokens:,} tokens, {'≥ ' if found.dollars else ''}{price}"


def as_dict(found: Estimate) -> dict[str, Any]:
    """Return an estimate as plain data for JSON."""
    whole = as_dict(found.whole) if found.whole else None
    return {**found._asdict(), "how": "amend" if whole else "write", "whole": whole}
