"""Trust: which folders a person has allowed to run what lies in them.

A `dodo.py`, a configuration of doit and the commands in a project's settings are programs of
whoever wrote the repository. They run where a person said yes. The answers lie in the person's
own state folder, a small file a folder, and never in a repository:

    ~/.local/state/piste/trust/HASH.json    {"answer", "digest", "folder", "runs"}

With `trust = "content"` in the person's own settings a yes holds for the very words that were
allowed. This module knows no settings and no terminal; whether something is run, `gate` says.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from piste.system import atomic_write, file_reader, git_whose, paths, person, project_files
from piste.system.errors import UserError

VARIABLE = "PISTE_TRUST"
YES, NO = "yes", "no"
_DODO = "dodo.py"
_OURS = "from piste.tasks import *"  # a dodo.py of these words alone runs nothing of its own
_MOST_READ = 1 << 22  # bytes of a file that are looked at
_MOST_RECORD = 1 << 25
_MOST_FILES = 200  # modules that a dodo.py imports from the project, which are looked at
_TREE = f"/{paths.STATE}/run/tree"  # piste's own worktree of a project
_NONE: Mapping[str, str] = MappingProxyType({})
_for_this_run = False


class Answer(NamedTuple):
    """What a person has said of a folder, and what ran there then."""

    folder: str
    answer: str  # YES or NO
    digest: str  # of the programs and the settings' commands in `runs`
    runs: Mapping[str, str]  # what would run, by name

    def covers(self, runs: Mapping[str, str], documents: Mapping[str, str]) -> bool:
        """Whether the answer was about these very programs, and commands of documents."""
        return self.digest == digest(runs) and documents.items() <= self.runs.items()


def require_own_names(root: Path) -> None:
    """Raise UserError where git would list the files of another repository, and without a yes."""
    if not holds(root, False, _NONE):
        git_whose.require_own_index(root)


def allow_this_run() -> None:
    """Let this process run whatever the folder holds: the person said `--trust`."""
    global _for_this_run
    _for_this_run = True


def holds(
    root: Path, strict: bool, commands: Mapping[str, str], documents: Mapping[str, str] = _NONE
) -> bool:
    """Whether what the folder holds may run: by the environment, the command line, or a yes.

    `strict` asks whether it is still what was allowed; `commands` are those of its settings,
    `documents` those that its documents name. Raises UserError for a PISTE_TRUST that is neither
    1 nor 0.
    """
    if _for_this_run or _by_environment():
        return True
    found = answer(root)
    if found is None or found.answer != YES:
        return False
    return not strict or found.covers({**programs(root), **commands}, documents)


def answer(root: Path) -> Answer | None:
    """Return what the person has said of this folder, or None."""
    return _read(place(root))


def place(root: Path) -> Path:
    """Return where the answer for this folder is kept, whether there is one or not."""
    name = hashlib.sha256(os.fsencode(_folder(root))).hexdigest()[:32]
    return _state_folder() / f"{name}.json"


def answers() -> Iterator[Answer]:
    """Yield every answer, by folder."""
    found = map(_read, _state_folder().glob("*.json"))
    yield from sorted((one for one in found if one), key=lambda one: one.folder)


def remember(
    root: Path, word: str, runs: Mapping[str, str], documents: Mapping[str, str] = _NONE
) -> None:
    """Keep what the person says of this folder, and what would run there now.

    Raises UserError where that cannot be kept.
    """
    about = {"folder": _folder(root), "answer": word, "digest": digest(runs),
             "runs": {**runs, **documents}}  # fmt: skip
    text = json.dumps(about, indent=1, sort_keys=True, ensure_ascii=True)
    try:
        atomic_write.write(place(root), text.encode() + b"\n")
    except OSError as error:
        raise UserError(
            f"what you allow is kept in {_state_folder()}, which cannot be written "
            f"({error.strerror}); set HOME or XDG_STATE_HOME to a folder that can, or allow it "
            f"for one run with {VARIABLE}=1"
        ) from None


def forget(root: Path) -> bool:
    """Take the answer for this folder back; return whether there was one."""
    there = place(root).exists()
    atomic_write.remove(place(root))
    return there


def digest(runs: Mapping[str, str]) -> str:
    """Return the sha256, in hex, of all that runs."""
    return hashlib.sha256(json.dumps(sorted(runs.items())).encode()).hexdigest()


def programs(root: Path) -> dict[str, str]:
    """Return the files of the folder that doit would run or obey: by name, their text.

    A dodo.py that only takes piste's own tasks runs nothing, and is none. With one go the
    modules of the project that it imports, as far as its text tells.
    """
    found: dict[str, str] = {}
    dodo = _text(root, _DODO)
    if dodo is not None and not is_ours(dodo):
        found[_DODO] = dodo
        _add_modules(root, dodo, found)
    if (text := _text(root, "doit.cfg")) is not None:
        found["doit.cfg"] = text
    if text := _doit_table(_text(root, "pyproject.toml") or ""):
        found["[tool.doit] of pyproject.toml"] = text
    return found


def is_ours(dodo: str) -> bool:
    """Whether a dodo.py has nothing in it but piste's own tasks, as `piste init` writes it."""
    lines = (line.partition("#")[0].strip() for line in dodo.splitlines())
    return {line for line in lines if line} <= {_OURS}


def _by_environment() -> bool:
    value = os.environ.get(VARIABLE, "").lower()
    if value not in ("", "0", "1", "true", "false", "yes", "no"):
        raise UserError(f"{VARIABLE} is {value!r:.60}; 1 allows what a folder would run")
    return value in ("1", "true", "yes")


def _state_folder() -> Path:
    return person.folder("XDG_STATE_HOME", ".local/state") / "piste" / "trust"


def _folder(root: Path) -> str:
    """The folder that an answer is about; of a worktree of ours, the project's."""
    return os.path.realpath(root).partition(_TREE)[0]


def _read(path: Path) -> Answer | None:
    """A file that is no answer of ours is none: the person is asked again."""
    try:
        table = json.loads(file_reader.beginning(path, _MOST_RECORD))
        found = Answer(**table)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    texts = (found.folder, found.answer, found.digest, *found.runs, *found.runs.values())
    whole = isinstance(found.runs, dict) and all(isinstance(text, str) for text in texts)
    named = whole and place(Path(found.folder)).name == path.name
    return found if named else None


def _text(root: Path, name: str) -> str | None:
    """The text of a file of the folder, its bytes one to one; None where there is none.

    Of a larger file it is the beginning and the size, which is enough to tell that it changed;
    of one that is not read, why: it is a program all the same.
    """
    try:
        with project_files.opened(root, name) as fd:
            about = os.fstat(fd)
            text = os.read(fd, _MOST_READ).decode("utf-8", "backslashreplace")
    except FileNotFoundError:
        return None
    except UserError as refused:
        return str(refused)
    small = about.st_size <= _MOST_READ
    return text if small else f"{text}\n{about.st_size} {about.st_mtime_ns}"


def _add_modules(root: Path, source: str, found: dict[str, str]) -> None:
    """Add the project's own modules that a program imports, and those that they import."""
    waiting = [source]
    while waiting and len(found) < _MOST_FILES:
        for name in sorted(_imports(waiting.pop())):
            stem = name.replace(".", "/")
            for path in (f"{stem}.py", f"{stem}/__init__.py"):
                if path not in found and (text := _text(root, path)) is not None:
                    found[path] = text
                    waiting.append(text)


def _imports(source: str) -> set[str]:
    """Every module that a text may import, each also by the packages that it lies in."""
    import ast

    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    parents = {".".join(name.split(".")[:end]) for name in names for end in range(1, 9)}
    return names | parents


def _doit_table(pyproject: str) -> str:
    """What a pyproject.toml sets for doit, as text; "" where it sets nothing."""
    if "doit" not in pyproject and "\\" not in pyproject:
        return ""
    import tomllib

    try:
        tool = tomllib.loads(pyproject).get("tool", {})
    except (ValueError, RecursionError):
        return pyproject  # doit reads it by itself, and will complain
    table = tool.get("doit", {}) if isinstance(tool, dict) else {}
    return json.dumps(table, indent=1, sort_keys=True, default=str) if table else ""
