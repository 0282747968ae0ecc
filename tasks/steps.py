"""The plan, carried out: `doit step` every step that is not done, `doit step:03` up to that one."""

from collections.abc import Callable, Iterator
from typing import Any

from doit import create_after

from piste import graph


# The plan is read by those who ask for its steps, and by nobody else.
@create_after()  # type: ignore[untyped-decorator]  # doit has no types
def task_step() -> Iterator[dict[str, Any]]:
    """the steps of the plan that are not done, each by an agent, with the tests between"""
    from piste.commands.steps import the_chain
    from piste.errors import PisteError

    try:
        links = the_chain(graph.world()).links
    except PisteError as error:
        yield graph.plain_task("step", _complaining(str(error)), doc=str(error))
        return
    before: list[str] = []
    for link in links:
        name = link.step.id.replace("=", "-")
        yield {
            **graph.plain_task(f"step:{name}", _carrying_out(link.step.id)),
            "basename": "step",
            "name": name,
            "doc": link.step.title,
            "uptodate": [link.finished],
            "task_dep": before,
        }
        before = [f"step:{name}"]


def _carrying_out(step_id: str) -> Callable[[], str]:
    def carry_out() -> str:
        from piste.commands.run import carry_one

        return carry_one(graph.world(), step_id, graph.stop)

    return carry_out


def _complaining(said: str) -> Callable[[], str]:
    def complain() -> str:
        from piste.errors import Mistake

        raise Mistake(said)

    return complain
