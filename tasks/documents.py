"""Documents beside the line: made on request only, and what a project adds by `[rules.*]`."""

from collections.abc import Iterator
from typing import Any

from piste.doit_graph import graph


def task_documents() -> Iterator[dict[str, Any]]:
    """documents that are made when they are asked for"""
    yield from graph.rule_tasks("document", "own")
