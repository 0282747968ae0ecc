"""Where the plan stands, in what `piste status` says of it: what no step covers, the next step.

Both are remembered by the signatures of the files that they rest on, so that the plan is not
parsed where nothing has changed. It does not know how either is found: that is `steps`'s.
"""

import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from piste import __version__
from piste.engine import hashing, receipts, states
from piste.engine.states import Decision
from piste.engine.world import World
from piste.system.errors import PisteError
from piste.system.paths import RUN


class Standing(NamedTuple):
    """What status says of a plan."""

    uncovered: str = ""  # the line about the specification, or ""
    finished: bool = False  # there are steps, and all are done
    next: tuple[str, ...] = ()  # the id and the title of the step that is next


NONE = Standing()


def look(world: World, decisions: Sequence[Decision]) -> Standing:
    """Return where the plan stands; nothing of one that is not there, shown and readable."""
    plan = next((one for one in decisions if one.rule.name == "plan"), None)
    if plan is None or plan.state == states.MISSING:
        return NONE
    if (world.root / RUN).is_dir():  # what is not merged yet counts: git is asked
        return _fresh_look(world, plan.up_to_date)
    key = _key(world, plan.up_to_date)
    if found := _known(world.stat_cache.plan(key)):
        return found
    standing = _fresh_look(world, plan.up_to_date)
    if _rests_on_these(world) and key == _key(world, plan.up_to_date):
        world.stat_cache.put_plan(key, standing)
        world.stat_cache.save()
    return standing


def _known(found: Any) -> Standing | None:
    return Standing(found[0], found[1], tuple(found[2])) if found else None


def _key(world: World, up_to_date: bool) -> str:
    """A hash of all that the answer rests on, taken without reading the files."""
    rules = [world.rules[name].target for name in ("plan", "spec", "todo") if name in world.rules]
    beside = PurePosixPath(rules[0]).parent
    names = [*rules, str(beside / "spec.md"), str(beside / "requirements.md"), receipts.STEPS]
    with contextlib.suppress(OSError):
        listed = sorted(os.listdir(world.root / receipts.STEPS))
        names += [f"{receipts.STEPS}/{name}" for name in listed]
    form = getattr(world.config, "steps", "")
    parts = [__version__, form, up_to_date, *((name, _signature(world, name)) for name in names)]
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _signature(world: World, name: str) -> bytes:
    try:
        return hashing.signature(os.stat(world.root / name))
    except OSError:
        return b""


def _rests_on_these(world: World) -> bool:
    """Whether no record is of another plan, whose being there counts as well."""
    from piste.steps import records

    try:
        known = records.load(world.root).values()
    except PisteError:
        return False
    return all(one.plan in ("", world.rules["plan"].target) for one in known)


def _fresh_look(world: World, up_to_date: bool) -> Standing:
    from piste.commands import steps
    from piste.steps import coverage, progress

    # A plan that has to be made anew says so already.
    left = coverage.phrase(world) if up_to_date else ""
    try:
        if (world.root / RUN).is_dir():
            chain = steps.read_progress(world)
        else:
            chain = progress.chain(world, progress.settings(world).steps)
    except PisteError:  # `piste steps` says what is wrong with it
        return Standing(left)
    step = chain.next.step if chain.next else None
    named = (step.id, step.title) if step else ()
    return Standing(left, bool(chain.links) and not step, named)
