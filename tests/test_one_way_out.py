"""Whatever is printed goes through `screen`: nobody else writes to a terminal's streams."""

import ast
from collections.abc import Iterator
from pathlib import Path

import piste.tasks
import pytest

import piste

HOUSE = Path(piste.__file__).parent
MODULES = {
    path.relative_to(folder.parent).as_posix().removeprefix("piste/"): path
    for folder in (HOUSE, Path(piste.tasks.__file__).parent)
    for path in sorted(folder.rglob("*.py"))
}
# Who may have the streams, or let a program have them, and why.
ALLOWED = {
    "system/screen.py": "the way out",
    "system/stdio.py": "opens, closes and flushes the streams, and prints nothing",
    "system/reaper.py": "its streams are the log of the program that it runs",
    "engine/template_child.py": "its stdout is a pipe to the process that asked",
    "system/clipboard.py": "sends base64 to the terminal, for its clipboard",
    "commands/demo.py: subprocess.run lets a program have the terminal": "it is piste",
    "bundle/workers.py: subprocess.Popen lets a program have the terminal": "it is piste",
    "interview/conversation.py: subprocess.run lets a program have the terminal": "an editor",
}
_ASKS = {"isatty", "fileno", "flush"}  # questions to a stream; none of them prints
_PRINTERS = {"print", "pprint", "echo", "secho", "print_exc", "print_exception", "print_stack"}


def printing(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and words of whatever prints, or may print, beside `screen`."""
    harmless = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in _ASKS:
            harmless.add(node.value)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("screen."):
            harmless.update(node.args)
        if isinstance(node, ast.Compare):  # `x is sys.stdout`, `None in (sys.stdin, …)`
            harmless.update(found for found in ast.walk(node) if isinstance(found, ast.Attribute))
        if isinstance(node, ast.BoolOp) and isinstance(node, ast.expr):
            harmless.update(node.values if node in harmless else [])
    for node in ast.walk(tree):
        words = ast.unparse(node) if isinstance(node, ast.expr) else ""
        if isinstance(node, ast.Attribute) and node not in harmless and words in _STREAMS:
            yield node.lineno, words
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            last = name.rpartition(".")[2]
            if last in _PRINTERS and not name.startswith(("screen.", "_")):
                yield node.lineno, name
            if name == "os.write" and ast.unparse(node.args[0]) in ("1", "2"):
                yield node.lineno, words
            if last == "input" and not all(
                isinstance(arg, ast.Constant | ast.IfExp) for arg in node.args
            ):
                yield node.lineno, f"{name} with a text that may be somebody else's"
            if (
                name.startswith("subprocess.")
                and last in ("run", "Popen", "call")
                and not {word.arg for word in node.keywords} & {"stdout", "capture_output"}
            ):
                yield node.lineno, f"{name} lets a program have the terminal"


_STREAMS = {f"sys.{dunder}{name}{dunder}" for name in ("stdout", "stderr") for dunder in ("", "__")}


def test_only_the_screen_prints() -> None:
    found = [
        f"{name}:{line}: {words}"
        for name, path in MODULES.items()
        for line, words in printing(ast.parse(path.read_text()))
        if not {name, f"{name}: {words}"} & ALLOWED.keys()
    ]
    assert not found, "\n".join(found)


def test_the_list_of_who_may_is_no_longer_than_it_must_be() -> None:
    for entry in ALLOWED:
        name, _, only = entry.partition(": ")
        found = [words for _, words in printing(ast.parse(MODULES[name].read_text()))]
        assert only in found if only else found, entry


@pytest.mark.parametrize(
    "code",
    [
        "print(text)", "sys.stdout.write(text)", "sys.stderr.buffer.write(data)",
        "out = sys.stdout", "sys.__stdout__.write(text)", "os.write(2, data)",
        "click.echo(text)", "input(question)",
        "traceback.print_exc()", "subprocess.run(command)", "pprint.pprint(found)",
        "console = Console(file=sys.stderr)",
    ],
)  # fmt: skip
def test_each_way_to_print_is_seen(code: str) -> None:
    assert list(printing(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "screen.out(text)", "sys.stdout.isatty()", "screen.style(word, 'red', sys.stdout)",
        "input('> ')", "if option.default is sys.stdout: pass",
        "subprocess.run(command, capture_output=True)", "screen.guarded(stream or sys.stdout)",
    ],
)  # fmt: skip
def test_what_prints_nothing_is_left_in_peace(code: str) -> None:
    assert not list(printing(ast.parse(code)))
