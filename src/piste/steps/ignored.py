"""New files that git ignores: they are in no commit, so the tests must not lean on them.

    .piste/run/ignored      the ignored files that setup and tests have left: they stay
    .piste/run/aside/TRY    those that came while an agent worked, put aside before the tests

What a tool has installed or keeps for itself stays wherever it came from: a fresh checkout gets it
by the tool. This module knows no plan, no agent and no tests.
"""

import contextlib
import fnmatch
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from piste.system import atomic_write, file_reader, paths, project_files
from piste.system.errors import UserError
from piste.system.git import Repo, ask, git

# Never part of a snapshot while untracked: what running tests and agents leaves behind.
LITTER = ("__pycache__", "*.pyc", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".tox", ".nox",
          ".venv", "venv", "node_modules", ".hypothesis", ".coverage", ".DS_Store",
          ".aider*")  # fmt: skip
# Folders of installed packages, of builds and caches, by the name that their tools give them.
_TOOLS = (*LITTER, "target", "vendor", ".gradle", "_build", "deps", ".bundle", ".next", ".nuxt",
          ".turbo", ".parcel-cache", ".stack-work", "dist-newstyle", "elm-stuff", ".zig-cache",
          "zig-cache", "Pods", "obj", ".dart_tool", "*.egg-info", ".eggs", ".git",
          ".piste")  # fmt: skip
_MARKS = ("CACHEDIR.TAG", "pyvenv.cfg")  # by which other folders of tools say what they are
_MOST = 4  # names in a line
_MOST_READ = 64_000_000  # bytes of the list of ignored files
_SHORT = 4096  # bytes of the end of a .gitignore


def note(repo: Repo) -> None:
    """Remember what is there as no agent's."""
    data = "\0".join(sorted(_files(repo)))
    atomic_write.write(repo.root / paths.RUN / "ignored", os.fsencode(data))


def put_aside(repo: Repo, name: str) -> list[str]:
    """Take the ignored files that are new out of the worktree; return their names, sorted.

    They are kept under `name`. Called again after a kill, it returns all of that name.
    """
    folder = repo.root / paths.RUN / "aside" / name
    found = {*_files(repo)}
    known = found  # where nothing is remembered, nothing is new
    with contextlib.suppress(OSError, UserError):
        data = project_files.read(repo.root, f"{paths.RUN}/ignored", _MOST_READ)
        known = {*os.fsdecode(data).split("\0")}
    for path in sorted(found - known):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(repo.tree / path, target)
        for parent in Path(path).parents:  # folders that held nothing else
            with contextlib.suppress(OSError):
                if parent.name:
                    (repo.tree / parent).rmdir()
    return sorted(_walked(folder, "")) if folder.is_dir() else []


def forget(repo: Repo) -> None:
    """Remove what earlier attempts have left aside."""
    with contextlib.suppress(OSError):
        paths.remove_whatever(repo.root / paths.RUN / "aside")


def said(repo: Repo, paths: Sequence[str]) -> str:
    """Return the names in a line, each with the rule by which git ignores it, or ""."""
    shown = "\0".join(paths[:_MOST])
    arguments = ("check-ignore", "--no-index", "--verbose", "-z", "--stdin")
    _, out, _ = ask(repo.tree, arguments, data=os.fsencode(shown))
    fields = out.split("\0")
    rules = {
        path: f"{os.path.basename(file) or file}:{line} {pattern}"
        for file, line, pattern, path in zip(*(fields[at::4] for at in range(4)), strict=False)
    }
    names = [f"{path} ({rules[path]})" if path in rules else path for path in paths[:_MOST]]
    more = f" and {len(paths) - _MOST} more" if len(paths) > _MOST else ""
    return ", ".join(names) + more


def _files(repo: Repo) -> Iterator[str]:
    """Yield the ignored files of the worktree, from its top, but for those of tools."""
    out = git(
        repo.tree, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"
    )
    for entry in filter(None, out.split("\0")):
        if any(_is_of_tool(repo.tree, Path(entry), part) for part in Path(entry).parts):
            continue
        if entry.endswith("/"):
            yield from _walked(repo.tree, entry.rstrip("/"))
        else:
            yield entry


def _is_of_tool(top: Path, path: Path, part: str) -> bool:
    if any(fnmatch.fnmatchcase(part, pattern) for pattern in _TOOLS):
        return True
    folder = top / path
    return folder.is_dir() and not folder.is_symlink() and _says_so(folder)


def _says_so(folder: Path) -> bool:
    if any((folder / mark).exists() for mark in _MARKS):
        return True
    with contextlib.suppress(OSError):
        return file_reader.end(folder / ".gitignore", _SHORT).strip().endswith(b"*")
    return False


def _walked(top: Path, folder: str) -> Iterator[str]:
    for where, folders, names in paths.walk(top / folder):
        here = Path(where)
        for name in [*folders]:
            link = (here / name).is_symlink()
            if link:
                names.append(name)
            if link or _is_of_tool(here, Path(name), name):
                folders.remove(name)
        for name in names:
            if not any(fnmatch.fnmatchcase(name, pattern) for pattern in LITTER):
                yield (here / name).relative_to(top).as_posix()
