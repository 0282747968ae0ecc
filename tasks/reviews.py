"""Documents about existing code, all from one bundle."""

from collections.abc import Iterator
from typing import Any

from piste.doit_graph import graph


def task_reviews() -> Iterator[dict[str, Any]]:
    """reviews of the code, its issues, its missing tests, its README"""
    yield from graph.rule_tasks("review")
