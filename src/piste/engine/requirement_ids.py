"""The ids of a specification's requirements, over its versions: one that was given is for good.

Edits that would give an id to another requirement are refused, with the reason; in a specification
that was written whole the requirements of before get their ids again. Ids that have gone are known
as long as the store has a text that had them. What an id means is told by `documents.requirements`.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from piste.engine import receipts
from piste.engine.rules import Rule
from piste.system.errors import UserError

if TYPE_CHECKING:
    from piste.engine.world import World

_MOST = 20  # versions of before that are looked at


def for_prompt(world: "World", rule: Rule, text: str) -> Mapping[str, object]:
    """Return what the template of amendments is told: the next free id, and those that have gone.

    The id is ``""`` where nothing has ids.
    """
    if rule.check != "spec":
        return {"next_requirement": "", "gone": []}
    from piste.documents import requirements

    free, gone = requirements.used(text, _earlier(world, rule, text))
    return {"next_requirement": free, "gone": gone if free else []}


def broken(world: "World", rule: Rule, new: str, old: str) -> str:
    """Return in one phrase which id would mean another thing in `new` than in `old`, or ``""``."""
    if rule.check != "spec":
        return ""
    from piste.documents import requirements

    return requirements.broken(new, old, _earlier(world, rule, old))


def kept(world: "World", rule: Rule, new: str, old: str) -> str:
    """Return a specification that was written whole, its requirements with the ids of `old`."""
    if rule.check != "spec" or not old:
        return new
    from piste.documents import requirements

    return requirements.renamed(new, old, _earlier(world, rule, old))


def _earlier(world: "World", rule: Rule, text: str) -> Iterator[str]:
    """The texts that a specification has had, the latest first, as far as the store has them."""
    from piste.engine import log

    digests: dict[str, None] = {}
    with contextlib.suppress(UserError):
        if receipt := receipts.read(world.root, rule.target):
            digests |= dict.fromkeys((receipt.output, receipt.base))
    with contextlib.suppress(UserError):
        for entry in reversed([*log.entries(world.root, rule.target)]):
            digests |= dict.fromkeys((entry.output, entry.base))
    found = 0
    for digest in filter(None, digests):
        data = world.store.text(digest)
        if data is None:
            continue
        earlier = data.decode("utf-8", "replace").replace("\r\n", "\n")
        found += 1
        if earlier != text:
            yield earlier
        if found >= _MOST:
            return
