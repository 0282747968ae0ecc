"""Which names there are: what git lists, or the same by our own walk where there is no git.

With git: the index and the untracked files, less git's standard excludes (nested
`.gitignore`, `.git/info/exclude`, the user's global ones); a file that is tracked is in,
ignored or not. Without: a walk that reads the nested `.gitignore` files. Submodules and
repositories inside this one are named, and entered on request.

It does not know what `bundle.ignore` says, and nothing of what a file holds.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from piste.bundle.escapes import quote
from piste.system import atomic_write, git_look
from piste.system.errors import UserError, printable

_GIT = ("git", *git_look.OPTIONS)
_LIST = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
_TEMPORARY = atomic_write.PREFIX.encode()
_NO_GIT = "not a git repository"


Prune = Callable[[str], bool]
"""Whether a folder (given with `/` at its end) need not be entered."""


class Listing(NamedTuple):
    """The names below a root, sorted by their bytes, `/` between folders."""

    names: list[bytes]
    nested: list[bytes]  # repositories inside, not entered
    pruned: list[bytes]  # folders that the walk without git passed over
    specials: list[bytes]  # FIFOs, sockets and devices that the walk found; git names none
    notes: list[str]  # what could not be looked into
    mark: str  # equal for an equal listing
    git: bool


class Running(NamedTuple):
    """git, listing names while something else is done."""

    root: str
    pid: int  # 0 where there is no git on this machine
    out: int = -1  # pipes
    errors: int = -1


def start(root: str) -> Running:
    """Start git's listing of `root`; `finish` takes it up. Raises UserError, OSError."""
    if not os.path.isdir(root):
        raise UserError(f"{root} is not a folder; name a project's folder")
    out, put_out = os.pipe()
    errors, put_errors = os.pipe()
    streams = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, put_out, 1),
        (os.POSIX_SPAWN_DUP2, put_errors, 2),
    ]
    try:
        # Not by `subprocess`: importing that takes longer than git needs for a small tree.
        command = [*_GIT, "-C", root, *_LIST]
        pid = os.posix_spawnp("git", command, git_look.environment(), file_actions=streams)
    except FileNotFoundError:
        os.close(out)
        os.close(errors)
        return Running(root, 0)
    finally:
        os.close(put_out)
        os.close(put_errors)
    return Running(root, pid, out, errors)


def _finished(running: Running) -> tuple[bytes, bytes, int]:
    """Return what git printed, what it complained of, and its exit code."""
    import select

    found: dict[int, list[bytes]] = {running.out: [], running.errors: []}
    waiting = select.poll()
    for fd in found:
        waiting.register(fd, select.POLLIN)
    left = len(found)
    while left:
        for fd, _ in waiting.poll():
            if data := os.read(fd, 1 << 16):
                found[fd].append(data)
            else:
                waiting.unregister(fd)
                os.close(fd)
                left -= 1
    code = os.waitstatus_to_exitcode(os.waitpid(running.pid, 0)[1])
    return b"".join(found[running.out]), b"".join(found[running.errors]), code


def finish(
    running: Running,
    exclude: Iterable[str] = (),
    submodules: bool = False,
    prune: Callable[[], Prune] | None = None,
) -> Listing:
    """Return the listing that `start` began.

    `exclude`: project-relative paths that are not there as far as the bundle goes; one that
    ends in `/` is a folder. `prune` makes a test for folders that the walk without git need
    not enter. Raises UserError where git refuses.
    """
    names, notes, git = _from_git(running)
    nested: list[bytes] = []
    pruned: list[bytes] = []
    specials: list[bytes] = []
    if git and submodules:
        names, nested, more = _entered(running.root, names)
        notes += more
    if not git:
        names, nested, pruned, specials, notes = _walk(running.root, submodules, prune)
    files = {path.encode("utf-8", "surrogateescape") for path in exclude}
    folders = tuple(path for path in files if path.endswith(b"/"))
    kept = []
    for name in sorted(names):
        if name.endswith(b"/"):
            nested.append(name[:-1])
        elif name in files or (folders and name.startswith(folders)):
            continue
        elif _TEMPORARY not in name or not _ours(name):
            kept.append(name)
    nested.sort()
    parts = [kept, nested, sorted(pruned), specials, [note.encode() for note in notes]]
    mark = hashlib.sha256(b"\0\0".join(b"\0".join(part) for part in parts)).hexdigest()
    return Listing(kept, nested, sorted(pruned), sorted(specials), notes, mark, git)


def _ours(name: bytes) -> bool:
    base = name.rpartition(b"/")[2]
    return base.startswith(_TEMPORARY) and base.endswith(atomic_write.SUFFIX.encode())


def _from_git(running: Running) -> tuple[list[bytes], list[str], bool]:
    if not running.pid:
        return [], [], False
    out, errors, code = _finished(running)
    complaints = errors.decode("utf-8", "replace")
    if code:
        if _NO_GIT in complaints:
            return [], [], False
        said = printable(git_look.complaint(complaints, "git ls-files failed"))
        raise UserError(f"git cannot list this folder: {said}")
    names = out.split(b"\0")[:-1]
    if not names and _git_ignores(running.root):
        return [], [], False  # a project inside a repository that ignores it
    notes = [line.removeprefix("warning: ") for line in complaints.splitlines()]
    return names, notes, True


def _git_ignores(root: str) -> bool:
    import subprocess

    asked = subprocess.run(
        [*_GIT, "check-ignore", "--quiet", "."],
        cwd=root,
        env=git_look.environment(),
        capture_output=True,
    )
    return asked.returncode == 0


def _entered(root: str, names: list[bytes]) -> tuple[list[bytes], list[bytes], list[str]]:
    """Put the files of the repositories inside in their places; name those that are empty."""
    base = os.fsencode(root)
    found: list[bytes] = []
    empty: list[bytes] = []
    notes: list[str] = []
    for name in names:
        path = os.path.join(base, name.rstrip(b"/"))
        if not _is_folder(path):
            found.append(name)
        elif os.path.exists(os.path.join(path, b".git")) and _is_own(path, notes):
            inner = finish(start(os.fsdecode(path)), submodules=True)
            prefix = name.rstrip(b"/") + b"/"
            found += [prefix + one for one in inner.names]
            empty += [prefix + one for one in inner.nested]
            notes += inner.notes
        else:
            empty.append(name.rstrip(b"/"))
    return found, empty, notes


def _is_own(path: bytes, notes: list[str]) -> bool:
    """Whether git lists there what is there, and not the files of another repository."""
    from piste.system import git_whose

    try:
        git_whose.require_own_index(Path(os.fsdecode(path)))
    except UserError as error:
        notes.append(str(error).partition(":")[0])
        return False
    return True


def _is_folder(path: bytes) -> bool:
    """Whether a listed path is a repository inside; a symlink is none."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _walk(
    root: str, submodules: bool, prune: Callable[[], Prune] | None
) -> tuple[list[bytes], list[bytes], list[bytes], list[bytes], list[str]]:
    """List the files below `root` without git, honouring nested `.gitignore` files."""
    from piste.bundle.gitignore import Rule, is_ignored, rules_of
    from piste.bundle.ignore import matchable, text_of

    base = os.fsencode(root)
    rules: list[Rule] = []
    skip = prune() if prune else None
    names: list[bytes] = []
    nested: list[bytes] = []
    pruned: list[bytes] = []
    specials: list[bytes] = []
    notes: list[str] = []
    waiting = [b""]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(os.path.join(base, folder)) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            notes.append(f"could not open directory '{quote(folder)}/': {error.strerror}")
            continue
        own = {entry.name for entry in entries}
        if folder and b".git" in own and not submodules:
            nested.append(folder)
            continue
        prefix = folder + b"/" if folder else b""
        if b".gitignore" in own:
            rules += rules_of(text_of(root, prefix + b".gitignore"), prefix)
        for entry in reversed(entries):
            name = prefix + entry.name
            text = matchable(name)
            if entry.is_dir(follow_symlinks=False):
                if entry.name == b".git" or is_ignored(rules, name, True):
                    continue
                (pruned if skip and skip(text + "/") else waiting).append(name)
            elif not is_ignored(rules, name, False):
                plain = entry.is_file(follow_symlinks=False) or entry.is_symlink()
                (names if plain else specials).append(name)
    return names, nested, pruned, specials, notes
