"""What of the project's specification the steps of its plan cover, and how what is left is said.

The specification is the one beside the plan where the plan lies elsewhere (`spec.md`, or Kiro's
`requirements.md`), else the project's. What covers what is `documents.coverage`'s to know, and
which ids are used twice `documents.requirements`'.
"""

import contextlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from piste.documents import coverage, requirements
from piste.documents.coverage import Coverage
from piste.engine import hashing
from piste.engine.world import World
from piste.steps import progress
from piste.system import project_files
from piste.system.errors import UserError, printable

_BESIDE = ("spec.md", "requirements.md")
_MOST = 5  # that are named, each on a line


class Found(NamedTuple):
    """The coverage of a specification by a plan, with their paths."""

    spec: str
    plan: str
    of: Coverage
    repeated: tuple[tuple[str, tuple[int, ...]], ...] = ()  # ids used twice, with their lines


def look(world: World) -> Found | None:
    """Return what the plan covers; None where there is no specification that can be read."""
    path = world.rules["plan"].target
    folder = PurePosixPath(path).parent
    beside = [str(folder / name) for name in _BESIDE] if str(folder) != "." else []
    for spec in (*beside, world.rules["spec"].target):
        data = project_files.read_any(world.root, spec, project_files.DOCUMENT)
        if data is None:
            continue
        try:
            text = hashing.text(data, spec)
        except UserError:  # it is named where it is an input
            return None
        form = progress.settings(world).steps or None
        repeated = tuple((name, tuple(lines)) for name, lines in requirements.repeated(text))
        return Found(spec, path, coverage.of(text, _plan(world), form), repeated)
    return None


def _plan(world: World) -> str:
    with contextlib.suppress(UserError):  # whoever needs a plan says what is wrong with it
        return progress.read_plan(world)
    return ""


def said(found: Found | None) -> Iterator[str]:
    """Yield what no step covers, a line each, and what steps claim that is not there."""
    if found is None:
        return
    yield from twice(found)
    left = found.of.uncovered if found.of.claims else ()
    for one in left[:_MOST]:
        words = f": {one.text}" if one.text and one.text != one.id else ""
        yield printable(f"{found.spec}:{one.line}: no step covers {one.id}{words}")
    if len(left) > _MOST:
        rest = ", ".join(one.id for one in left[_MOST:])
        yield printable(f"{found.spec}: nor {len(left) - _MOST} more: {rest}")
    for step, name in found.of.unknown[:_MOST]:
        yield printable(f"{found.plan}: step {step} covers {name}, which {found.spec} has not")


def twice(found: Found | None) -> Iterator[str]:
    """Yield which ids more than one requirement has, a line each."""
    if found is None:
        return
    for name, (first, *others) in found.repeated[:_MOST]:
        where = " and ".join(map(str, others))
        yield printable(
            f"{found.spec}:{first}: {name} is the id of another requirement too, on line {where}; "
            "give one of them an id of its own"
        )


def phrase(found: Found | None) -> str:
    """Return in one line what no step covers, or ``""``."""
    left = coverage.phrase(found.of, found.spec) if found else ""
    return printable(f"{found.plan}: {left} (piste steps)") if found and left else ""


def as_dict(found: Found | None) -> dict[str, Any] | None:
    """Return it as plain data for JSON."""
    if found is None or not (found.of.claims or found.repeated):
        return None
    left = found.of.uncovered if found.of.claims else ()
    return {
        "spec": found.spec,
        "requirements": len(found.of.requirements),
        "uncovered": [one._asdict() for one in left],
        "unknown": [{"step": step, "id": name} for step, name in found.of.unknown],
        "repeated": [{"id": name, "lines": [*lines]} for name, lines in found.repeated],
    }
