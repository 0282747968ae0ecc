"""A repository's own files, looked at before git is: one that git would wait for is named.

git opens what lies in `.git`, and what its configuration names there, as it is: on a pipe it waits
for ever. Only what came in an archive can be so; nothing is read here but the configuration, and
of that only the names of files. It does not look at git's objects.
"""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from piste.system.errors import UserError, printable
from piste.system.file_reader import beginning

_NAMES = ("config", "config.worktree", "HEAD", "index", "packed-refs", "shallow", "commondir",
          "info/exclude", "info/attributes", "info/sparse-checkout", "info/grafts",
          "objects/info/alternates")  # fmt: skip
_SHORT = 4096  # bytes of a file that holds one path or one ref
_MOST = 1 << 20  # bytes of a configuration
_FILES = 20  # configurations that include each other
_NAMED = re.compile(rb"(?im)\b(path|excludesfile|attributesfile)\s*=\s*\"?([^\"\r\n]+)")


def require_plain(root: Path) -> None:
    """Raise UserError where git would wait in the repository that `root` lies in."""
    git = next((one / ".git" for one in (root, *root.parents) if _mode(one / ".git")), None)
    if git is None:
        return
    _plain(git)
    if stat.S_ISREG(_mode(git)):
        git = git.parent / os.fsdecode(_read(git, _SHORT)).partition(":")[2].strip()
    for folder in _folders(git):
        for name in _NAMES:
            _plain(folder / name)
        ref = os.fsdecode(_read(folder / "HEAD", _SHORT)).partition("ref: ")[2].strip()
        _plain(folder / (ref or "HEAD"))
        for path in _named(folder / "config"):
            _plain(path)


def _folders(git: Path) -> Iterator[Path]:
    """Yield the folder of a worktree, and that of its repository."""
    yield git
    if common := os.fsdecode(_read(git / "commondir", _SHORT)).strip():
        yield git / common


def _named(config: Path) -> Iterator[Path]:
    """Yield the files that a configuration names, and those that these name."""
    waiting, seen = [config], 0
    while waiting and seen < _FILES:
        where = waiting.pop()
        seen += 1
        for key, value in _NAMED.findall(_read(where, _MOST)):
            path = Path(where.parent, os.path.expanduser(os.fsdecode(value).strip()))
            yield path
            if key.lower() == b"path":
                waiting.append(path)


def _plain(path: Path) -> None:
    mode = _mode(path)
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode):
        if os.path.realpath(path) == os.devnull:
            return
        raise UserError(
            f"{printable(str(path))} is no plain file, and git would wait for it; remove it, or "
            "what names it in the repository's configuration"
        )


def _mode(path: Path) -> int:
    try:
        return os.stat(path).st_mode
    except (OSError, ValueError):
        return 0


def _read(path: Path, most: int) -> bytes:
    """Return the beginning of a plain file; b"" where there is none."""
    try:
        return beginning(path, most)
    except (OSError, ValueError):
        return b""
