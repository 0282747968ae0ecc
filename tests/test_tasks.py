"""The task creators: what the default task wants, and that every rule has its task."""

from typing import Any

import pytest
from conftest import Small
from piste.tasks import documents, greenfield

from piste import tasks
from piste.doit_graph import graph


def _names(rows: Any) -> list[str]:
    return [row["basename"] for row in rows]


def test_the_default_task_wants_what_was_made_of_the_line_and_of_the_projects_own(
    small: Small,
) -> None:
    assert greenfield.task_line()["task_dep"] == []
    small.make()
    small.write("spec.md", "# Spec\n\n## Requirements\n\n1. Count.\n")  # brought, so not made
    small.make("poke_holes")  # made, and only on request
    small.make("plan")
    assert greenfield.task_line()["task_dep"] == ["plan", "note"]


def test_every_rule_has_one_task(small: Small) -> None:
    created = [
        row["basename"]
        for name in tasks.__all__
        if name.startswith("task_")
        for row in _rows(getattr(tasks, name)())
    ]
    assert sorted({*created} & set(graph.world().rules)) == sorted(graph.world().rules)
    assert len(created) == len(set(created))


def _rows(made: Any) -> list[dict[str, Any]]:
    return [made] if isinstance(made, dict) else list(made)


def test_a_rule_of_the_project_is_a_document(small: Small) -> None:
    assert "note" in _names(documents.task_documents())
    assert _names(greenfield.task_greenfield()) == ["spec", "plan", "todo"]


def test_a_task_that_talks_always_runs(small: Small) -> None:
    idea = greenfield.task_idea()
    assert idea["uptodate"] == [False]
    assert idea["io"] == {"capture": False}


@pytest.mark.parametrize("name", ["DOIT_CONFIG", "task_line", "task_documents"])
def test_two_lines_are_a_dodo(name: str) -> None:
    space: dict[str, Any] = {}
    exec("from piste.tasks import *", space)
    assert name in space
    assert space["DOIT_CONFIG"]["default_tasks"] == [graph.LINE]
