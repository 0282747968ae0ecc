"""The rooms of the house: lower ones know nothing of higher ones, and private names stay at home.

A dozen lines over `ast` rather than import-linter or tach: neither knows of names with a leading
underscore, and both want a configuration as long as this.
"""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import piste

# From the lowest to the highest; `docs/design.md` says what is in each.
ORDER = [
    *("system", "documents", "model", "bundle", "engine", "doit_graph", "steps", "interview"),
    *("outline", "mise", "tasks", "commands", "cli"),
]
HOUSE = Path(piste.__file__).parent
MODULES = {
    ".".join(("piste", *path.relative_to(HOUSE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in HOUSE.rglob("*.py")
}  # fmt: skip


def imported(module: str) -> Iterator[tuple[str, str]]:
    """Yield each module of ours that a module imports, with the name that it takes of it."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("piste"):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield (whole, "") if whole in MODULES else (str(node.module), alias.name)


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


ARROWS = [(one, other, name) for one in sorted(MODULES) for other, name in imported(one)]


def test_there_is_something_to_look_at() -> None:
    assert {room(one) for one in MODULES} - {""} == {*ORDER} - {"tasks"}
    assert len(ARROWS) > 300


def test_no_room_uses_one_above_it() -> None:
    upwards = [
        f"{one} uses {other}"
        for one, other, _ in ARROWS
        if room(one) and room(other) in ORDER
        and ORDER.index(room(one)) < ORDER.index(room(other))
    ]  # fmt: skip
    assert upwards == []


def test_no_module_needs_itself() -> None:
    # A package and its modules are one: `bundle` hands out names of its own modules when asked.
    graph: dict[str, set[str]] = {}
    for one, other, _ in ARROWS:
        if other != one and not one.startswith(f"{other}.") and not other.startswith(f"{one}."):
            graph.setdefault(one, set()).add(other)
    list(TopologicalSorter(graph).static_order())  # raises CycleError, with the names


def test_a_private_name_is_not_used_elsewhere() -> None:
    private = [f"{one} uses {other}.{name}" for one, other, name in ARROWS
               if name.startswith("_") and not name.startswith("__")]  # fmt: skip
    assert private == []
    reached = []
    for module, path in MODULES.items():
        tree = ast.parse(path.read_text())
        ours = {alias.asname or alias.name
                for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
                for alias in node.names if f"{node.module}.{alias.name}" in MODULES}  # fmt: skip
        reached += [
            f"{module} uses {node.value.id}.{node.attr}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
            and node.value.id in ours and node.attr.startswith("_") and "__" not in node.attr
        ]  # fmt: skip
    assert reached == []
