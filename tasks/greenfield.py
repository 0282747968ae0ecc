"""The line from an idea to a todo: idea → brainstorm.md → spec.md → plan → todo.md."""

from collections.abc import Iterator
from typing import Any

from piste.doit_graph import graph
from piste.engine import receipts


def task_line() -> dict[str, Any]:
    """what was made before, brought up to date"""
    root = graph.world().root
    wanted = [
        rule.name
        for rule in graph.world().rules.values()
        if rule.stage in ("line", "own") and receipts.exists(root, rule.target)
    ]
    graph.ours.add(graph.LINE)
    return {"basename": graph.LINE, "actions": None, "task_dep": wanted}


def task_idea() -> dict[str, Any]:
    """talk the idea through, one question at a time → brainstorm.md"""
    answers = {
        "name": "answers", "long": "answers", "type": str, "default": "",
        "help": "take the answers from this file, one a paragraph",
    }  # fmt: skip
    doc = "talk the idea through, one question at a time → brainstorm.md"
    return graph.plain_task("idea", _talk, params=[answers], doc=doc)


def task_greenfield() -> Iterator[dict[str, Any]]:
    """the specification, the plan and the todo list"""
    yield from graph.rule_tasks("line")


def _talk(answers: str) -> str:
    from piste.interview.conversation import talk

    return talk(graph.world(), answers)
