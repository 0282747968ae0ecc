"""Another packer in piste's place: `bundle.command`, any command that writes the bundle.

It runs in a shell, at the root, with PISTE_TARGET set to the file that it is to write, and
PISTE_IGNORE to what it should leave out (patterns, with commas between them). What it packed all
the same is taken out where its form is known. What is left is looked at by its content alone.
When it fails, the bundle that was there before is put back. It does not know what the command
packs.
"""

import errno
import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from piste.bundle import other_forms
from piste.bundle.budget import exceeded
from piste.bundle.manifest import Table
from piste.bundle.report import Report
from piste.bundle.settings import Settings
from piste.model import tokens
from piste.system import atomic_write, caches, file_reader, paths, project_files, screen
from piste.system.errors import Failed, printable

_SIZE = 1 << 20
_MOST = 1_000_000_000  # bytes of a bundle


def run_command(
    root: Path, settings: Settings, target: str, exclude: Sequence[str], cache: Path
) -> Report:
    """Run the command and return the report of what it wrote.

    Raises Failed where it fails or writes nothing, OverBudget.
    """
    path = root / target
    kept = _keep(root, target, cache)
    _hide(root / paths.STATE)
    before = _hash(root, target)
    try:
        _run(settings.command, root, target, exclude)
        if not path.is_file():
            raise Failed(f"bundle.command did not write {target}: {printable(settings.command)}")
        _take_out(root, target, exclude)
        report = _report(root, target, settings, before)
    except BaseException:
        if kept is not None:
            _put_back(kept, path)
        else:
            atomic_write.remove(path)
        raise
    if kept is not None:
        atomic_write.remove(kept)
    return report


def _hide(folder: Path) -> None:
    """Let packers that read ignore files see nothing in our own folder but what is in git."""
    if folder.is_dir() and not (folder / ".gitignore").exists():
        lines = "# Written by piste: only receipts/ belongs in git.\n/*\n!/receipts/\n"
        atomic_write.write(folder / ".gitignore", lines.encode())


def _keep(root: Path, target: str, cache: Path) -> Path | None:
    """Copy the old bundle, if there is one, to where the command does not write."""
    if not os.path.lexists(root / target):
        return None
    caches.make(cache)
    kept = cache / f"{atomic_write.PREFIX}{os.getpid()}-old{atomic_write.SUFFIX}"
    file_reader.copy(root / target, kept)
    shutil.copystat(root / target, kept)
    return kept


def _put_back(kept: Path, path: Path) -> None:
    try:
        os.replace(kept, path)
    except OSError as error:
        if error.errno != errno.EXDEV:  # caches may be on another file system
            raise
        with atomic_write.stream(path) as fd:
            for piece in file_reader.pieces(kept):
                atomic_write.write_all(fd, piece)
        atomic_write.remove(kept)


def _take_out(root: Path, target: str, exclude: Sequence[str]) -> None:
    """Take out of a bundle of a known form what it should not hold: reviews see no reviews."""
    data = project_files.read(root, target, _MOST)
    kept = other_forms.blocks_out(data, lambda name: is_excluded(name, exclude))
    if kept != data:
        atomic_write.write(root / target, kept)


def is_excluded(name: str, exclude: Sequence[str]) -> bool:
    """Whether `exclude` (paths; a folder ends in `/`) names the path or a folder above it."""
    return any(name == one or (one.endswith("/") and name.startswith(one)) for one in exclude)


def _run(command: str, root: Path, target: str, exclude: Sequence[str]) -> None:
    ignore = ",".join(f"{name}**" if name.endswith("/") else name for name in exclude)
    screen.runs("bundle.command", command)
    with screen.if_slow(printable(command)):
        done = subprocess.run(
            command,
            shell=True,
            cwd=root,
            env=os.environ | {"PISTE_TARGET": target, "PISTE_IGNORE": ignore},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = f": {printable(said[-1])}" if said else ""
        raise Failed(f"bundle.command ended with exit code {done.returncode}{why}")


def _report(root: Path, target: str, settings: Settings, before: str) -> Report:
    count = _tokens(root, target) if settings.tokens else None
    if settings.budget and count is not None and count > settings.budget:
        raise exceeded(target, count, settings.budget, {})
    after = _hash(root, target)
    return Report(
        target=target,
        wrote="same" if after == before else "new",
        files=0,
        bytes=(root / target).stat().st_size,
        tokens=count,
        sha256=after,
        table=Table([]),
        left_out={},
        secrets={},
        notes={},
        warnings=[f"written by {printable(settings.command)}"],
    )


def _hash(root: Path, target: str) -> str:
    try:
        with project_files.opened(root, target) as fd, open(fd, "rb", closefd=False) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _tokens(root: Path, target: str) -> int:
    """Count a text in pieces that end at a line's end before a letter: no token spans that."""
    total = 0
    piece: list[str] = []
    size = 0
    with (
        project_files.opened(root, target) as fd,
        open(fd, encoding="utf-8", errors="replace", newline="", closefd=False) as file,
    ):
        for line in file:
            if size > _SIZE and line[0].isalpha() and piece[-1].endswith("\n"):
                total += tokens.count("".join(piece))
                piece, size = [], 0
            piece.append(line)
            size += len(line)
    return total + tokens.count("".join(piece))
