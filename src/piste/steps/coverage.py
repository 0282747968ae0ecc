"""What of the project's specification no step of its plan covers, and how that is said.

The specification is the one beside the plan where the plan lies elsewhere (`spec.md`, or Kiro's
`requirements.md`), else the project's. What covers what is `documents.coverage`'s to know.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from piste.documents import coverage
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


def look(world: World) -> Found | None:
    """Return what the plan covers; None without a specification, or a plan that says nothing."""
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
        found = coverage.of(text, progress.read_plan(world), form)
        return Found(spec, path, found) if found.claims else None
    return None


def said(found: Found | None) -> Iterator[str]:
    """Yield what no step covers, a line each, and what steps claim that is not there."""
    if found is None:
        return
    left = found.of.uncovered
    for one in left[:_MOST]:
        words = f": {one.text}" if one.text and one.text != one.id else ""
        yield printable(f"{found.spec}:{one.line}: no step covers {one.id}{words}")
    if len(left) > _MOST:
        rest = ", ".join(one.id for one in left[_MOST:])
        yield printable(f"{found.spec}: nor {len(left) - _MOST} more: {rest}")
    for step, name in found.of.unknown[:_MOST]:
        yield printable(f"{found.plan}: step {step} covers {name}, which {found.spec} has not")


def phrase(world: World) -> str:
    """Return in one line what no step covers, or ``""``."""
    found = look(world)
    left = coverage.phrase(found.of, found.spec) if found else ""
    return printable(f"{world.rules['plan'].target}: {left} (piste steps)") if left else ""


def as_dict(found: Found | None) -> dict[str, Any] | None:
    """Return it as plain data for JSON."""
    if found is None:
        return None
    return {
        "spec": found.spec,
        "requirements": len(found.of.requirements),
        "uncovered": [one._asdict() for one in found.of.uncovered],
        "unknown": [{"step": step, "id": name} for step, name in found.of.unknown],
    }
