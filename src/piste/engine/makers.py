"""What kind of thing makes a target: one table, a row a kind.

A rule names its kind (`Rule.maker`); how such a target is decided and made is the row's. A new
kind is a row here and a module of its own, and nobody asks for the kind anywhere else. The
modules are imported when they are used: a build with nothing to do loads no model library.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from piste.engine import freshness
from piste.engine.rules import BUNDLE, DOCUMENT, Rule
from piste.engine.states import BLOCKED, FAILED, Decision, Reason
from piste.engine.world import Asked, Maker, Outcome, World
from piste.system.errors import Failed, PisteError

if TYPE_CHECKING:
    import threading


def decide(world: World, rule: Rule, whole: bool = False, exact: bool = True) -> Decision:
    """Return what is true of the rule's target now.

    Never raises for what is wrong with one target: that is a `failed` decision
    whose reason is the line to print. A fresh target that the stat cache knows is not read,
    and its decision then has no receipt, key or output, unless `whole` asks for them.
    Without `exact` a target that costs nothing may be called stale where only making it
    can tell; a build leaves that to the making.
    """
    try:
        return world.makers[rule.maker].decide(world, rule, whole, exact)
    except PisteError as error:
        return Decision(rule, FAILED, BLOCKED, (Reason("error", rule.target, str(error)),))


def make(
    world: World,
    rule: Rule,
    *,
    overwrite: bool = False,
    again: bool = False,
    amend: bool = False,
    stop: "threading.Event | None" = None,
) -> Outcome:
    """Bring the rule's target up to date.

    `overwrite` lets a person's text be replaced (it is kept in the store); `again`
    asks the model anew though an answer is known; `amend` lets the text that stands be
    amended, a person's too. Raises UserError before anything is asked, Failed after; in both
    the target stands as it was. Raises InterruptedError when `stop` is set while another run
    is waited for.
    """
    try:
        return world.makers[rule.maker].make(world, rule, Asked(overwrite, again, amend), stop)
    except InterruptedError:
        raise
    except OSError as error:
        raise Failed(
            f"{rule.target}: {error.filename or 'a file'} cannot be written: {error.strerror}; "
            "nothing is lost, what was paid for is in the store: the next run takes it from there"
        ) from None


def _decide_document(world: World, rule: Rule, whole: bool, exact: bool) -> Decision:
    return freshness.decide(world, rule, whole)


def _make_document(
    world: World, rule: Rule, asked: Asked, stop: "threading.Event | None"
) -> Outcome:
    from piste.engine import make

    return make.make(world, rule, asked, stop)


def _decide_bundle(world: World, rule: Rule, whole: bool, exact: bool) -> Decision:
    from piste.engine import bundle_target

    return bundle_target.decide(world, rule, exact)


def _make_bundle(world: World, rule: Rule, asked: Asked, stop: "threading.Event | None") -> Outcome:
    from piste.engine import bundle_target

    return bundle_target.make(world, rule, asked.overwrite)


def _bundle_digest(world: World) -> str:
    from piste.engine import bundle_target

    return bundle_target.digest_now(world)


def _bundle_input(world: World, data: bytes) -> str:
    from piste.engine import bundle_target

    return bundle_target.input_digest(world, data)


TABLE: Mapping[str, Maker] = {
    DOCUMENT: Maker(_decide_document, _make_document, None, None, committed=True),
    BUNDLE: Maker(_decide_bundle, _make_bundle, _bundle_digest, _bundle_input, committed=False),
}
