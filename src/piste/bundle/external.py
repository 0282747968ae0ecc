"""Another packer in piste's place: `bundle.command`, any command that writes the bundle.

It runs in a shell, at the root, with PISTE_TARGET set to the file that it is to write. What
it wrote is looked at by its content alone, as a bundle of ours is. When it fails, the bundle
that was there before is put back. It does not know what the command packs.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from piste.bundle.budget import exceeded
from piste.bundle.manifest import Table
from piste.bundle.report import Report
from piste.bundle.settings import Settings
from piste.model import tokens
from piste.system import atomic_write, screen
from piste.system.errors import Failed, printable

_SIZE = 1 << 20


def run_command(root: Path, settings: Settings, target: str, cache: Path) -> Report:
    """Run the command and return the report of what it wrote.

    Raises Failed where it fails or writes nothing, OverBudget.
    """
    path = root / target
    kept = _keep(path, cache)
    before = _hash(path)
    try:
        _run(settings.command, root, target)
        if not path.is_file():
            raise Failed(f"bundle.command did not write {target}: {printable(settings.command)}")
        report = _report(path, target, settings, before)
    except BaseException:
        if kept is not None:
            os.replace(kept, path)
        else:
            atomic_write.remove(path)
        raise
    if kept is not None:
        atomic_write.remove(kept)
    return report


def _keep(path: Path, cache: Path) -> Path | None:
    """Copy the old bundle, if there is one, to where the command does not write."""
    if not path.is_file():
        return None
    cache.mkdir(parents=True, exist_ok=True)
    kept = cache / f"{atomic_write.PREFIX}{os.getpid()}-old{atomic_write.SUFFIX}"
    shutil.copy2(path, kept)
    return kept


def _run(command: str, root: Path, target: str) -> None:
    with screen.if_slow(printable(command)):
        done = subprocess.run(
            command,
            shell=True,
            cwd=root,
            env=os.environ | {"PISTE_TARGET": target},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = f": {printable(said[-1])}" if said else ""
        raise Failed(f"bundle.command ended with exit code {done.returncode}{why}")


def _report(path: Path, target: str, settings: Settings, before: str) -> Report:
    count = _tokens(path) if settings.tokens else None
    if settings.budget and count is not None and count > settings.budget:
        raise exceeded(target, count, settings.budget, {})
    after = _hash(path)
    return Report(
        target=target,
        wrote="same" if after == before else "new",
        files=0,
        bytes=path.stat().st_size,
        tokens=count,
        sha256=after,
        table=Table([]),
        left_out={},
        secrets={},
        notes={},
        warnings=[f"written by {printable(settings.command)}"],
    )


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _tokens(path: Path) -> int:
    """Count a text in pieces that end at a line's end before a letter: no token spans that."""
    total = 0
    piece: list[str] = []
    size = 0
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        for line in file:
            if size > _SIZE and line[0].isalpha() and piece[-1].endswith("\n"):
                total += tokens.count("".join(piece))
                piece, size = [], 0
            piece.append(line)
            size += len(line)
    return total + tokens.count("".join(piece))
