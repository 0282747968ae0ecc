"""From each requirement to the steps that cover it, their commits and tests, and back.

Put together of what others know: what covers what (`coverage`), what is done (`progress`), in which
commits that is (`commits`). No model is asked, and nothing says that the code does what it should.
"""

from typing import Any, NamedTuple

from piste.documents.requirements import Requirement
from piste.engine.world import World
from piste.steps import commits, coverage, progress
from piste.steps.commits import Commit
from piste.steps.coverage import Found
from piste.steps.progress import Progress, StepStatus
from piste.system.errors import UserError, printable

DONE, PARTLY, OPEN, UNCOVERED = "done", "partly done", "not done", "no step"


class TracedStep(NamedTuple):
    """A step, what it covers, and in which commits it is."""

    link: StepStatus
    covers: tuple[str, ...]
    commits: tuple[Commit, ...]

    @property
    def tests(self) -> tuple[str, ...]:
        """Return the tests that its commits have changed, each once."""
        return tuple(dict.fromkeys(path for one in self.commits for path in one.tests))


class TracedRequirement(NamedTuple):
    """A requirement, how far it is done by what the plan claims, and the steps that cover it."""

    requirement: Requirement
    state: str
    steps: tuple[TracedStep, ...]


class Trace(NamedTuple):
    """All requirements of a specification and all steps of its plan."""

    found: Found
    requirements: tuple[TracedRequirement, ...]
    steps: tuple[TracedStep, ...]

    @property
    def idle(self) -> tuple[TracedStep, ...]:
        """Return the steps that cover nothing."""
        return tuple(step for step in self.steps if not step.covers)

    def counted(self) -> dict[str, int]:
        """Return how many requirements are in each state."""
        states = [one.state for one in self.requirements]
        return {state: states.count(state) for state in (DONE, PARTLY, OPEN, UNCOVERED)}


def trace(world: World, chain: Progress, main: bool) -> Trace:
    """Return what leads from requirements to commits; `main`: it is the project's own plan.

    Raises UserError where there is no specification.
    """
    found = coverage.look(world)
    if found is None:
        spec = printable(world.rules["spec"].target)
        raise UserError(f"there is no {spec} that can be read; `piste spec` makes it")
    covers = dict(found.of.by_step)
    branches = progress.settings(world).branches
    made = commits.of_steps(world.root, chain.links, chain.path, main, branches)
    steps = tuple(
        TracedStep(link, covers.get(link.step.id, ()), tuple(made.get(link.step.id, ())))
        for link in chain.links
    )
    rows = []
    for one in found.of.requirements:
        own = tuple(step for step in steps if one.id in step.covers)
        rows.append(TracedRequirement(one, _state(own), own))
    return Trace(found, tuple(rows), steps)


def _state(steps: tuple[TracedStep, ...]) -> str:
    finished = sum(step.link.finished for step in steps)
    if not steps:
        return UNCOVERED
    return DONE if finished == len(steps) else PARTLY if finished else OPEN


def as_dict(traced: Trace) -> dict[str, Any]:
    """Return it as plain data for JSON."""
    return {
        "spec": traced.found.spec,
        "plan": traced.found.plan,
        "requirements": [
            {**one.requirement._asdict(), "state": one.state,
             "steps": [step.link.step.id for step in one.steps]}
            for one in traced.requirements
        ],
        "steps": [
            {"id": step.link.step.id, "title": step.link.step.title, "state": step.link.state,
             "covers": [*step.covers], "tests": [*step.tests],
             "commits": [{**one._asdict(), "paths": [*one.paths]} for one in step.commits]}
            for step in traced.steps
        ],
        "repeated": [{"id": name, "lines": [*lines]} for name, lines in traced.found.repeated],
        "unknown": [{"step": step, "id": name} for step, name in traced.found.of.unknown],
    }  # fmt: skip
