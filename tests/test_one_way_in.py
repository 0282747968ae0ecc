"""Whatever lies in a project is read through one door: nobody else opens a file.

A repository that one clones may hold a link to a key, a pipe or a file without end under any name.
`project_files` (and under it `file_reader`) opens without waiting, follows nothing out of the
project and bounds what is read. Who opens by other means stands here, with the reason.
"""

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
_OWN = "of the package itself"
_MADE = "made by us that moment, under a name that was free"
_PERSON = "of the person's own, in their home"
# Module, and the call as it is written there.
ALLOWED = {
    "system/file_reader.py": "the door: every open with O_NOFOLLOW and O_NONBLOCK",
    "system/project_files.py": "the door: asks `file_reader` on the way, and looks at what it is",
    "system/atomic_write.py": "writes; reads the last byte of a log that it holds open",
    "system/caches.py": f"{_PERSON}; opened as `file_reader` does, and its owner looked at",
    "system/locks.py": "no link is followed; what a lock says is 4 kB",
    "system/stdio.py": "the null device, and descriptors",
    "system/paths.py: os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)":
        "a folder, to delete what is in it",
    "system/clipboard.py: open(where, 'wb', buffering=0)": "the terminal",
    "system/bug_report.py: os.fdopen(fd, 'w', encoding='utf-8', errors='replace')": _MADE,
    "system/secrets.py: Path(str(module)).read_bytes()": _OWN,
    "system/secrets.py: RULES_FILE.read_bytes()": _OWN,
    "system/secret_shapes.py: RULES_FILE.read_bytes()": _OWN,
    "system/processes.py: path.open('xb')": _MADE,
    "system/processes.py: (program.stdin or Path(os.devnull)).open('rb')": "written by us just now",
    "system/processes.py: open(self.path, 'rb')": "what the program of that moment prints",
    "system/own_seal.py: os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 384)": _MADE,
    "model/llm_home.py": f"{_PERSON}: llm's settings",
    "bundle/licences.py: DATA.read_text()": _OWN,
    "bundle/workers.py: os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 384)": _MADE,
    "bundle/packing.py: os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)":
        "the last bundle, if it is that by its stamp",
    "engine/store.py: os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 384)": _MADE,
    "engine/config.py: path.read_bytes()": f"{_PERSON}: settings",
    "engine/templates.py: (layer.folder / name).read_bytes()": f"{_PERSON}, or {_OWN}",
    "interview/conversation.py: path.read_bytes()": "named on the command line; may be a pipe",
    "interview/conversation.py: os.fdopen(fd, 'w', encoding='utf-8')": _MADE,
    "interview/conversation.py: Path(name).read_text('utf-8', 'replace')": _MADE,
    "doit_graph/backend.py: open(dep, 'rb')": "named by a dodo.py that may run",
}  # fmt: skip
_METHODS = {"read_text", "read_bytes", "open", "fdopen", "file_digest", "copy", "copy2", "copyfile",
            "copytree", "fromfile", "memmap", "openpty", "open_code", "FileIO", "getlines",
            "move"}  # fmt: skip
_OURS = ("file_reader.", "project_files.", "caches.", "self.")


def opening(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and words of whatever opens a file by its name, or may."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in ("io", "codecs", "shutil", "os"):
            names = {alias.name for alias in node.names} & {*_METHODS, "*"}
            yield from ((node.lineno, f"from {node.module} import {name}") for name in names)
        if not isinstance(node, ast.Call):
            continue
        words, name = ast.unparse(node), ast.unparse(node.func)
        last = name.rpartition(".")[2]
        closed = any(word.arg == "closefd" and ast.unparse(word.value) == "False"
                     for word in node.keywords)  # fmt: skip
        if (
            last in _METHODS
            and not name.startswith(_OURS)
            and not closed  # of a descriptor, which somebody has opened
            and not (last == "file_digest" and ast.unparse(node.args[0]) == "file")
            and not (last in ("copy", "move") and not name.startswith("shutil."))  # of a table
        ):
            yield node.lineno, words


def test_only_the_door_opens_files() -> None:
    found = [
        f"{name}:{line}: {words}"
        for name, path in MODULES.items()
        for line, words in opening(ast.parse(path.read_text()))
        if not {name, f"{name}: {words}"} & ALLOWED.keys()
    ]
    assert not found, "\n".join(found)


def test_the_list_of_who_may_is_no_longer_than_it_must_be() -> None:
    for entry in ALLOWED:
        name, _, only = entry.partition(": ")
        found = [words for _, words in opening(ast.parse(MODULES[name].read_text()))]
        assert only in found if only else found, entry


@pytest.mark.parametrize(
    "code",
    [
        "open(path)", "path.read_text()", "(root / name).read_bytes()", "os.open(path, flags)",
        "path.open('rb')", "io.open(path)", "shutil.copy(one, other)", "shutil.copytree(a, b)",
        "open(fd)", "np.fromfile(path)", "codecs.open(path)", "from io import open",
        "hashlib.file_digest(open(path), 'sha256')", "linecache.getlines(path)",
    ],
)  # fmt: skip
def test_each_way_to_open_is_seen(code: str) -> None:
    assert list(opening(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "project_files.read(root, name, most)", "project_files.opened(root, name)",
        "file_reader.copy(one, other)", "caches.opened(place, name)", "known.copy()",
        "open(fd, 'rb', closefd=False)", "hashlib.file_digest(file, 'sha256')",
    ],
)  # fmt: skip
def test_the_door_itself_is_left_in_peace(code: str) -> None:
    assert not list(opening(ast.parse(code)))
