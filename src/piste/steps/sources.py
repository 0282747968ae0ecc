"""Which files of a project go along with a step, for a model that cannot look for itself.

A project of a few thousand tokens goes along whole. Of a larger one: what the failure names and
the step has changed, what the step names, what those import, two deep, and what the step before
has changed; of the rest, the lines that declare something. Each file once. What a project says
to agents (`AGENTS.md`, else `CLAUDE.md`, else `.cursorrules`) is found here, too. This module
knows no plan and no agent.
"""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from piste.steps import context
from piste.system import git

SMALL = 16_000  # bytes of all sources: some 4,000 tokens
_MOST_FILES = 40  # that are shown whole
_MOST_DECLARED = 12_000  # characters of declarations
_MOST_A_FILE = 30  # declarations of one file
# What a project says to agents, by folder: the first of a row is taken, the next row where it has
# none of that. Tools that read another file point from there to AGENTS.md, or say the same again.
_RULES = (("AGENTS.md", "agents.md", "Agents.md"), ("CLAUDE.md",), (".cursorrules",))
_MOST_RULES = 24_000  # bytes
_NO_SOURCES = ("piste.toml", ".gitattributes", ".gitignore", ".pisteignore", "LICENSE", "COPYING")
_DECLARES = re.compile(
    r"^[ \t]{0,4}(?:export |default |declare |pub(?:\([^)]*\))? |async |public |private |protected "
    r"|static |abstract |final |unsafe |inline )*"
    r"(?:def|class|func|fn|function|interface|type|struct|enum|trait|impl|module|defmodule|object)\b"
    r"[^\n]*",
    re.MULTILINE,
)


class Along(NamedTuple):
    """What goes along: files, each in a frame, and the declarations of the others."""

    files: str
    declared: str


def along(
    root: Path,
    known: Sequence[str],
    first: Sequence[str],
    ours: Iterable[str],
    clear: context.Clear,
) -> Along:
    """Return the files that go along with a step.

    `first` are those that matter, in order; `ours` are no sources, but what piste makes.
    """
    sources = _sources(known, {*ours, *_NO_SOURCES})
    if _size(root, sources) <= SMALL:
        return Along(context.framed(root, dict.fromkeys([*first, *sources]), clear), "")
    wanted = context.around(root, first, known, deep=2)[: max(_MOST_FILES, len(first))]
    rest = [name for name in sources if name not in wanted]
    return Along(context.framed(root, wanted, clear), _declared(root, rest, clear))


def _sources(known: Sequence[str], others: set[str]) -> list[str]:
    from pathspec import GitIgnoreSpec

    from piste.bundle.defaults import GROUPS

    left_out = GitIgnoreSpec.from_lines([row for rows in GROUPS.values() for row in rows])
    names = {name for row in _RULES for name in row}
    rules = {name for name in known if name.rpartition("/")[2] in names}
    return [
        name for name in known
        if name not in others and name not in rules and not left_out.match_file(name)
    ]  # fmt: skip


def _size(root: Path, names: Sequence[str]) -> int:
    total = 0
    for name in names:
        try:
            total += os.lstat(root / name).st_size
        except OSError:
            continue
        if total > SMALL:
            break
    return total


def _declared(root: Path, names: Sequence[str], clear: context.Clear) -> str:
    """The lines of the files that declare something, below the name of each."""
    parts: list[str] = []
    left = _MOST_DECLARED
    for name, text in context.texts(root, names, clear):
        found = [line[0].rstrip(" {:")[:160] for line in _DECLARES.finditer(text)][:_MOST_A_FILE]
        if found:
            parts.append("\n".join([name, *(f"  {line}" for line in found)]) + "\n")
            left -= len(parts[-1])
        if left <= 0:
            break
    return "".join(parts)


def rules_of(root: Path, known: Sequence[str], named: Sequence[str], clear: context.Clear) -> str:
    """Return what the project says to agents: of its own folder, and of those of named files."""
    folders = {""}
    for name in named:
        parts = name.split("/")[:-1]
        folders |= {"/".join(parts[:at]) + "/" for at in range(1, len(parts) + 1)}
    there = {*known}
    found: list[str] = []
    for folder in sorted(folders):
        rows = ([f"{folder}{name}" for name in row if f"{folder}{name}" in there] for row in _RULES)
        found += next(filter(None, rows), [])[:1]
    return context.framed(root, found, clear, _MOST_RULES)


def of_last_step(folder: Path, prefix: str, commit: str) -> list[str]:
    """Return the files that the step before `commit` has changed, without the prefix."""
    wanted = ("log", "-1", "--grep=^Piste-Step: ", "--format=", "--name-only", "-z", commit)
    code, out, _ = git.ask(folder, wanted)
    names = [] if code else [name.strip("\n") for name in out.split("\0") if name.strip("\n")]
    return [name[len(prefix) :] for name in names if name.startswith(prefix)]
