"""The plan, carried out: `doit step` every step that is not done, `doit step:03` up to that one."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from doit import create_after

from piste.doit_graph import graph
from piste.system.errors import printable

if TYPE_CHECKING:
    from piste.steps.progress import Progress


# The plan is read by those who ask for its steps, and by nobody else.
@create_after()  # type: ignore[untyped-decorator]  # doit has no types
def task_step() -> Iterator[dict[str, Any]]:
    """the steps of the plan that are not done, each by an agent, with the tests between"""
    from piste.commands.steps import read_progress
    from piste.system.errors import PisteError

    try:
        chain = read_progress(graph.world())
    except PisteError as error:
        yield from _complaints(str(error))
        return
    before: list[str] = []
    for link in chain.links:
        name = _name(link.step.id)
        yield {
            **graph.plain_task(f"step:{name}", _carrying_out(link.step.id)),
            "basename": "step",
            "name": name,
            "doc": printable(link.step.title),
            "uptodate": [link.finished],
            "task_dep": before,
        }
        before = [f"step:{name}"]
    yield from _other_names(chain)


def _other_names(chain: "Progress") -> Iterator[dict[str, Any]]:
    """Tasks for words that were asked for and are no step's id: ``step:03`` is step 3.

    doit takes whatever stands behind a colon, since these tasks are laid out late, and passes
    over in silence what then is not there.
    """
    from piste.system.errors import UserError

    names = {_name(link.step.id) for link in chain.links}
    for word in _asked():
        if word in names:
            continue
        try:
            step = chain.find(word).step
        except UserError as error:
            yield _complaint(word, str(error))
        else:
            dep = [f"step:{_name(step.id)}"]
            about = {"doc": printable(step.title), "task_dep": dep}
            yield {"basename": "step", "name": word, "actions": None, **about}


def _complaints(said: str) -> Iterator[dict[str, Any]]:
    """Tasks that say why there are no steps, under the names that were asked for."""
    words = _asked()
    if not words:
        yield graph.plain_task("step", _complaining(said), doc=said)
    for word in words:
        yield _complaint(word, said)


def _complaint(word: str, said: str) -> dict[str, Any]:
    task = graph.plain_task(f"step:{word}", _complaining(said), doc=said)
    return {**task, "basename": "step", "name": word}


def _asked() -> list[str]:
    """What stands behind ``step:`` in the tasks that were asked for."""
    return sorted(name[5:] for name in graph.asked if name.startswith("step:"))


def _name(step_id: str) -> str:
    return step_id.replace("=", "-")  # doit takes a word with "=" for a variable


def _carrying_out(step_id: str) -> Callable[[], str]:
    def carry_out() -> str:
        from piste.commands.run import carry_one

        return carry_one(graph.world(), step_id, graph.stop)

    return carry_out


def _complaining(said: str) -> Callable[[], str]:
    def complain() -> str:
        from piste.system.errors import UserError

        raise UserError(said)

    return complain
