"""What of a document stays though its inputs have changed: steps that are done, and their like.

A finished step of a plan is history: its prompt has been carried out, and a record of it is found
again by that very prompt. So no amendment touches it, and in a plan that is written whole it is
put back. In a todo list the sections stay of steps that are what they were. A model that wants to
change one is told so (`amending`); this module asks none.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from piste.documents import parts
from piste.documents.amendment import EDITS, Amended, Frozen
from piste.documents.edits import Malformed
from piste.documents.parts import Part
from piste.documents.plan import Step
from piste.engine import receipts, records
from piste.engine.rules import Rule
from piste.system import paths, project_files
from piste.system.errors import PisteError, printable

if TYPE_CHECKING:
    from piste.engine.world import World


def finished(world: "World", rule: Rule, text: str) -> list[Part]:
    """Return the steps of a plan that are finished: by a record, or a mark of a person's in it.

    One whose prompt was edited since is among them. Raises UserError for a damaged record.
    """
    if rule.kind != "plan":
        return []
    known = [*records.load(world.root).values()]
    if (world.root / paths.RUN).is_dir():  # steps have been carried out here
        known = list(dict.fromkeys([*known, *records.unlanded(world.root, world.config.branches)]))
    pairs = parts.steps(text, _form(world, rule))
    of = records.of_plan(world.root, known, rule.target)
    given = records.matched([step for step, _ in pairs], of)
    return [part for (step, part), record in zip(pairs, given, strict=True) if record or step.done]


def frozen(done: Sequence[Part]) -> list[Frozen]:
    """Return these parts as rows that no edit may change."""
    return [Frozen(part.start, part.end, part.name) for part in done]


def in_whole(world: "World", rule: Rule, done: Sequence[Part], text: str) -> str:
    """Return a document that was written whole, with the finished steps as they were.

    Raises Malformed where they cannot be put back.
    """
    return parts.put_back(done, text, partial(_steps, world, rule)) if done else text


def checked(world: "World", rule: Rule, old: str, done: Sequence[Part], found: Amended) -> str:
    """Return the text of a document that was amended, `old` being the one before.

    Raises Malformed where a finished step would be another one, or edits leave the form that
    the steps have.
    """
    new = found.text
    if rule.kind == "todo":
        return parts.put_back(_unchanged(world, rule, old), new, parts.sections)
    if rule.kind != "plan":
        return new
    if (lost := parts.changed(done, _steps(world, rule, new))) is not None:
        raise Malformed(f"{lost.name} is finished, and would not be what it was")
    before, now = (parts.form(text, _form(world, rule)) for text in (old, new))
    if before != now and (done or found.form == EDITS):
        raise Malformed(
            f"the steps of {rule.target} have the form {before!r}, and with this they have {now!r}"
        )
    if found.form == EDITS and (line := parts.stray(old, new, _form(world, rule))):
        raise Malformed(
            f"{printable(line)[:80]!r} is no step of {rule.target}, whose steps have the form "
            f"{before!r}"
        )
    return new


def _form(world: "World", rule: Rule) -> str:
    return str(world.config.steps) if rule.name == "plan" else ""


def _steps(world: "World", rule: Rule, text: str) -> list[Part]:
    return [part for _, part in parts.steps(text, _form(world, rule))]


def _unchanged(world: "World", rule: Rule, text: str) -> list[Part]:
    """The sections of a todo list whose steps are what they were when it was made."""
    receipt = receipts.read(world.root, rule.target)
    plans = [path for path in receipt.inputs if world.kinds.get(path) == "plan"] if receipt else []
    if receipt is None or not plans:
        return []
    try:
        now = project_files.read(world.root, plans[0], project_files.DOCUMENT)
    except (OSError, PisteError):
        return []
    before = world.store.text(receipt.inputs[plans[0]])
    old, new = (_asked(world, data or b"") for data in (before, now))
    known = parts.sections(text)
    found = (parts.section_of(step, known) for key, step in new.items() if key in old)
    return sorted((part for part in found if part), key=lambda part: part.start)


def _asked(world: "World", data: bytes) -> "dict[tuple[str, str, str], Step]":
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    form = world.config.steps
    return {
        (step.id, step.title, records.digest(step.prompt)): step
        for step, _ in parts.steps(text, form)
    }
