"""The repository in one file: packed, put on the clipboard, cleaned away."""

from collections.abc import Iterator
from typing import Any

from piste.doit_graph import graph


def task_bundle() -> Iterator[dict[str, Any]]:
    """the repository in one file"""
    yield from graph.rule_tasks("bundle")


def task_copy_bundle() -> dict[str, Any]:
    """put the bundle on the clipboard"""
    target = graph.world().rules["bundle"].target
    return graph.plain_task(
        "copy_bundle", _copy, task_dep=["bundle"], doc=f"{target} → the clipboard"
    )


def task_clean_bundles() -> dict[str, Any]:
    """remove the bundles that piste made in this project"""
    return graph.plain_task("clean_bundles", _clean, doc="remove the bundles that piste made here")


def _copy(**_options: object) -> str:
    from piste.engine import hashing
    from piste.system import clipboard, project_files

    target = graph.world().rules["bundle"].target
    data = project_files.read(graph.world().root, target, hashing.MOST)
    return clipboard.copy(data.decode("utf-8", "replace"))


def _clean(**_options: object) -> str:
    from piste.engine import bundle_target

    removed = bundle_target.remove_all(graph.world())
    return f"removed {', '.join(removed)}" if removed else "no bundle of piste's is here"
