"""The decision about a target and all that it is made from: for `check T`, `status T`, `why T`.

A key is depth one, so a target alone may be fresh while what it is made from is not; `doit T`
would then do something. Here each target is decided once, what it is made from before it, and
what is not as it should be up there is put into its own decision. A build does not come here:
doit walks the graph itself, and each target is decided when its turn comes.
"""

from collections.abc import Iterable, Mapping, Sequence

from piste.engine import makers
from piste.engine.rules import Rule
from piste.engine.states import (
    BLOCKED,
    CONFLICT,
    FOREIGN,
    FRESH,
    MISSING,
    STALE,
    WAIT,
    Decision,
    Reason,
)
from piste.engine.world import Looks, World

_MOST = 8  # decisions that one decision carries; more are nobody's to read


def decide(world: World, rules: Iterable[Rule]) -> list[Decision]:
    """Return, for each rule, the decision that counts all that its target is made from.

    Every target is looked at once, however many are made from it. Never raises, as
    `makers.decide`.
    """
    walk = Walk(world)
    return [walk.whole(rule) for rule in rules]


class Walk:
    """What one walk has found out so far; nothing may change on the disk meanwhile."""

    def __init__(self, world: World) -> None:
        self._world = world._replace(looks=Looks({}, {}, {}))
        self._makers: Mapping[str, Rule] = {rule.target: rule for rule in world.rules.values()}
        self._alone: dict[str, Decision] = {}
        self._whole: dict[str, Decision] = {}

    def whole(self, rule: Rule) -> Decision:
        """Return the decision that counts what is before it. Not recursive: chains may be long."""
        waiting = [rule]
        while waiting:
            rule = waiting[-1]
            if rule.target in self._whole:
                waiting.pop()
                continue
            alone = self._decided(rule)
            before = self._before(alone)
            if not before:
                self._whole[rule.target] = alone
                continue
            if not_yet := [other for other in before if other.target not in self._whole]:
                waiting.extend(reversed(not_yet))
                continue
            self._whole[rule.target] = _with(alone, self._unready(alone, before))
        return self._whole[rule.target]

    def _decided(self, rule: Rule) -> Decision:
        if rule.target not in self._alone:
            self._alone[rule.target] = makers.decide(self._world, rule)
        return self._alone[rule.target]

    def _before(self, decision: Decision) -> list[Rule]:
        """The rules that doit would look at first; none for a source, as in the graph."""
        if decision.state == FOREIGN:
            return []
        makers = self._makers
        return [makers[name] for names in decision.rule.inputs for name in names if name in makers]

    def _unready(self, decision: Decision, before: Sequence[Rule]) -> list[Decision]:
        """What a build would work on first, in its order, each once."""
        found: dict[str, Decision] = {}
        for rule in before:
            whole = self._whole[rule.target]
            for other in (*whole.before, self._alone[rule.target]):
                if not other.up_to_date and not self._is_told(decision, other):
                    found.setdefault(other.rule.target, other)
        return list(found.values())

    def _is_told(self, decision: Decision, other: Decision) -> bool:
        """Whether a target that is not there counts as it would be: a bundle in a fresh clone."""
        tell = self._world.makers[other.rule.maker].digest_if_made
        return tell is not None and other.state == MISSING and decision.todo != BLOCKED


def _with(alone: Decision, before: Sequence[Decision]) -> Decision:
    if not before:
        return alone
    stops = [other for other in before if other.todo in (BLOCKED, CONFLICT)]
    # What stops a build is never what is left out.
    kept = tuple((*stops, *before) if len(before) > _MOST else before)[:_MOST]
    # Where an input is missing, that says it; the way out is found in `before`.
    told = kept if alone.todo != BLOCKED else ()
    more = tuple(Reason("upstream", other.rule.target, other.line()) for other in told)
    state, todo = alone.state, alone.todo
    if alone.up_to_date:
        state, todo = (STALE if state == FRESH else state), WAIT
    return alone._replace(state=state, todo=todo, reasons=(*alone.reasons, *more), before=kept)
