"""What of piste's lies in a project and on this machine for it, and taking it away.

Of a file that a person writes as well, only lines go that piste wrote, word for word; a file that
somebody has edited stays, and so does a link, since piste makes none. Documents are no part of it.
It knows files and what is in them; the worktree of the steps and mise's file it does not know.
"""

import ast
import contextlib
import fnmatch
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from piste.bundle import own_lines
from piste.bundle.own_lines import Own
from piste.engine import bundle_target, own_files, receipts, rejected, trust
from piste.engine.log import FILE as LOG
from piste.engine.world import World
from piste.system import atomic_write, caches, file_reader, paths, person, project_files
from piste.system.errors import Failed, UserError

RUN = "run"  # the steps' own folder in .piste; whoever knows git takes it away
_TEMPS = f"{atomic_write.PREFIX}*{atomic_write.SUFFIX}"
# What piste writes into its folder, by the path there; `*` also matches a slash.
_OURS = ("lock", "idea.lock", "doit.db*", _TEMPS, f"receipts/{_TEMPS}", "receipts/*.json",
         f"bundle/{_TEMPS}", *(f[len(paths.STATE) + 1 :] for f in (LOG, bundle_target.MADE)),
         f"{rejected.FOLDER[len(paths.STATE) + 1 :]}/*")  # fmt: skip
_NAMED = 3  # names in a line


class Part(NamedTuple):
    """A file or folder that is piste's, wholly or by some of its lines."""

    path: Path
    name: str  # as a person knows it
    about: str  # what it is, or why it stays
    files: tuple[Path, ...] = ()  # of a folder: what goes of it
    seen: bytes | None = None  # of a file: what stood there
    rest: bytes = b""  # of that, what is not piste's


class Found(NamedTuple):
    """What goes, in the order in which it is taken away, and what stays."""

    goes: list[Part]
    stays: list[Part]


def look(world: World) -> Found:
    """Return what there is of piste's, and what stays of what looks like it; nothing changes."""
    found = Found([], [])
    _bundles(world, found)
    _lines_for_git(world, found)
    _dodo(world.root, found)
    _state_folder(world, found)
    _on_this_machine(world.root, found)
    return found


def take_away(part: Part) -> None:
    """Take one part away. Raises OSError, and Failed where it was changed since the look."""
    if part.seen is not None:
        now = file_reader.beginning(part.path, len(part.seen) + 1)
        if part.path.is_symlink() or now != part.seen:
            raise Failed(f"{part.name} was changed meanwhile: it stays; run this again")
        if part.rest.strip():
            atomic_write.write(part.path, part.rest)
        else:
            atomic_write.remove(part.path)
        return
    for path in part.files:
        atomic_write.remove(path)
    _remove_empty(part.path)


def read(root: Path, name: str, stays: list[Part]) -> bytes | None:
    """Return what a plain file holds; None where there is none, or, told to `stays`, a link."""
    if not os.path.lexists(root / name):
        return None
    if paths.is_linked(root, name):
        stays.append(Part(root / name, name, "a link, and piste makes none"))
        return None
    try:
        return project_files.read(root, name, project_files.DOCUMENT)
    except FileNotFoundError:
        return None
    except UserError as error:
        stays.append(Part(root / name, name, str(error)))
        return None


# ------------------------------------------------------------------ in the project


def _bundles(world: World, found: Found) -> None:
    """A bundle goes while it is the text that was packed: no line will hide it from git."""
    standing = bundle_target.standing(world)
    found.goes.extend(
        Part(world.root / name, name, "the bundle, as it was packed", (world.root / name,))
        for name in standing
    )
    others = {*bundle_target.recorded(world.root), world.rules["bundle"].target} - {*standing}
    found.stays.extend(
        Part(world.root / name, name, "not as piste packed it")
        for name in sorted(others)
        if os.path.lexists(world.root / name)
    )


def _lines_for_git(world: World, found: Found) -> None:
    for name, (anywhere, after) in own_files.lines(world).items():
        data = read(world.root, name, found.stays)
        if data is None:
            continue
        # A line that names .piste can only be ours; another may be older than piste here.
        sure = tuple(line for line in anywhere if paths.STATE in line)
        perhaps = tuple(line for line in (*anywhere, *after) if line not in sure)
        own: Own = (sure, perhaps)
        rest = own_lines.rest(data, own)
        path, count = world.root / name, len(_said(data)) - len(_said(rest))
        if count:
            left = len(_said(rest))
            about = f"{_count(count, 'line')} of piste's" + (f"; {left} stay" if left else "")
            found.goes.append(Part(path, name, about, seen=data, rest=rest))
        doubtful = [line for line in _said(rest) if line in anywhere]
        if doubtful:
            found.stays.append(Part(path, name, f"may be yours: {_few(doubtful)}"))


def _dodo(root: Path, found: Found) -> None:
    name = "dodo.py"
    if (data := read(root, name, found.stays)) is None or b"piste" not in data:
        return
    rest = without_ours(data)
    if rest != data:
        about = "lines of piste's; your own stay" if rest.strip() else "as piste init wrote it"
        found.goes.append(Part(root / name, name, about, seen=data, rest=rest))
    if b"piste" in rest:
        about = "names piste in lines of yours, which fail once piste is gone"
        found.stays.append(Part(root / name, name, about))


def without_ours(data: bytes) -> bytes:
    """Return a dodo.py without the lines that `piste init` writes, word for word.

    Only where they are what they look like: a statement and a comment, not the inside of a text.
    """
    import io
    import tokenize

    ours = {line for line in own_files.DODO.encode().splitlines() if line}
    lines = data.splitlines(keepends=True)
    gone: set[int] = set()
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, tokenize.TokenError):
        body = ast.parse(data).body
        gone = {
            n.lineno for n in body if isinstance(n, ast.ImportFrom) and n.lineno == n.end_lineno
        }
        gone |= {
            token.start[0]
            for token in tokenize.tokenize(io.BytesIO(data).readline)
            if token.type == tokenize.COMMENT and token.start[1] == 0
        }
    kept: list[bytes] = []
    for number, line in enumerate(lines, 1):
        if number not in gone or line.rstrip(b"\r\n") not in ours:
            kept.append(line)
        elif kept and not kept[-1].strip():
            kept.pop()  # the empty line that set it off
    return data if len(kept) == len(lines) else b"".join(kept).lstrip(b"\r\n")


def _state_folder(world: World, found: Found) -> None:
    """What is in .piste, but for the folder of the steps and a store."""
    root = world.root
    folder = root / paths.STATE
    if folder.is_symlink():
        found.stays.append(Part(folder, paths.STATE, "a link, and piste makes none"))
        return
    files: list[Path] = []
    others: list[Path] = []
    words: list[Path] = []
    for path in _below(folder):
        name = path.relative_to(folder).as_posix()
        if name.split("/")[0] == RUN or path.is_relative_to(world.store.folder):
            continue
        if (root / receipts.FINDINGS) in path.parents:
            words.append(path)
            continue
        plain = stat.S_ISREG(path.lstat().st_mode)
        ours = plain and any(fnmatch.fnmatchcase(name, form) for form in _OURS)
        (files if ours else others).append(path)
    if folder.is_dir():
        targets = len(receipts.targets(root))
        about = f"{_count(targets, 'receipt')}, the log: {_count(len(files), 'file')}"
        found.goes.append(Part(folder, paths.STATE, about, tuple(files)))
    if words:
        about = f"{_count(len(words), 'word')} of yours on findings; rm -r removes them"
        found.stays.append(Part(root / receipts.FINDINGS, receipts.FINDINGS, about))
    if others:
        names = _few([path.relative_to(root).as_posix() for path in others])
        found.stays.append(Part(folder, paths.STATE, f"not written by piste: {names}"))


def _below(folder: Path) -> Iterator[Path]:
    for here, folders, names in paths.walk(folder):
        yield from (Path(here, name) for name in names)
        yield from (path for one in folders if (path := Path(here, one)).is_symlink())


def _remove_empty(folder: Path) -> None:
    """Remove a folder and those below it, as far as nothing is in them."""
    if folder.is_dir() and not folder.is_symlink():
        for here in reversed([here for here, _, _ in paths.walk(folder)]):
            with contextlib.suppress(OSError):
                Path(here).rmdir()


# ------------------------------------------------------------------ on the machine


def _on_this_machine(root: Path, found: Found) -> None:
    cache = caches.folder(root)
    if cache.is_dir() and not cache.is_symlink():
        files = tuple(_below(cache))
        about = f"what piste remembers of this project: {_count(len(files), 'file')}"
        found.goes.append(Part(cache, person.said(cache), about, files))
    if (answer := trust.answer(root)) is not None:
        path = trust.place(root)
        about = f"your {answer.answer} to what runs in this folder"
        found.goes.append(Part(path, person.said(path), about, (path,)))


def _said(data: bytes) -> list[str]:
    lines = (line.strip() for line in data.decode("utf-8", "replace").splitlines())
    return [line for line in lines if line]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _few(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
