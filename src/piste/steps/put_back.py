"""The person's repository as it was before an agent worked: kept, and put back.

    .piste/run/before/      git's settings and hooks as they were, and `index.json`: which is which
    .piste/run/aside/.own   what stood in their place when they were put back

Whether an agent or the person changed something there, nobody can tell. So what is gone (a branch,
a tag, an entry of the stash) comes back at once, which takes nothing from anybody. What is new or
other is put back when the person says so, and what it was then is kept or named. This module
knows no plan and no tests.
"""

import contextlib
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from piste.steps import worktree
from piste.steps.worktree import STASH
from piste.system import atomic_write, file_reader, paths, screen
from piste.system.errors import printable
from piste.system.git import NOTHING, Repo, ask

_MOST = 1 << 20  # bytes of a file that is kept
_INDEX = "index.json"


class Back(NamedTuple):
    """What was put back, and what was not, a line each."""

    done: list[str]
    left: list[str]


def keep(repo: Repo, guarded: Mapping[str, str]) -> None:
    """Keep the files of git's whose stamps are given, to be put back. Raises OSError."""
    folder = _folder(repo)
    if folder.is_dir():
        shutil.rmtree(folder)
    index = {}
    for number, path in enumerate(sorted(guarded)):
        info = os.lstat(path)
        if stat.S_ISREG(info.st_mode) and info.st_size <= _MOST:
            copy = folder / str(number)
            atomic_write.write(copy, file_reader.beginning(path, _MOST), sync=False)
            copy.chmod(stat.S_IMODE(info.st_mode))
            index[path] = copy.name
    atomic_write.write(folder / _INDEX, json.dumps(index).encode(), sync=False)


def gone(repo: Repo, before: Mapping[str, str]) -> None:
    """Bring back the branches, tags, notes and entries of the stash that are gone; say what."""
    after = worktree.refs(repo)
    for name, old in before.items():
        if name.startswith("refs/") and name not in after:
            code, _, said = ask(repo.root, ("update-ref", "-m", "piste", name, old, NOTHING))
            why = f"cannot be put back: {said}" if code else "was gone, and is back"
            screen.say(f"{printable(name)} {why}")
    entries = after.get(STASH, "").split()
    for entry in reversed(before.get(STASH, "").split()):
        if entry not in entries:
            _, subject, _ = ask(repo.root, ("log", "-1", "--format=%s", entry))
            words = ("stash", "store", "-m", subject.strip() or "piste", entry)
            code, _, said = ask(repo.root, words)
            why = f"cannot be put back: {said}" if code else "was gone, and is back"
            screen.say(f"the entry {entry[:12]} of the stash {why}")


def everything(repo: Repo, guarded: Mapping[str, str], refs: Mapping[str, str]) -> Back:
    """Put back all that is not as it was before; see `Back`. Raises OSError, GitFailed."""
    back = Back([], [])
    gone(repo, refs)
    for path in worktree.differences(guarded, worktree.guarded(repo)):
        if path != str(repo.tree / ".git"):
            (back.left if (why := _file(repo, path, guarded)) else back.done).append(
                f"{path}: {why}" if why else f"{path} is as it was"
            )
    after = worktree.refs(repo)
    changed = worktree.differences(refs, after)
    for name in sorted(changed, key=lambda one: one.startswith("refs/")):  # worktrees first
        for done, line in _ref(repo, name, refs.get(name, ""), after.get(name, "")):
            (back.done if done else back.left).append(line)
    return back


def _file(repo: Repo, path: str, guarded: Mapping[str, str]) -> str:
    """Put back one file of git's; return why it cannot be, or ""."""
    kept = None
    if path in guarded:
        kept = _kept(repo, path)
        # Whoever could write there could write here, too; the stamp was taken before.
        if kept is None or worktree.stamp(kept) != guarded[path]:
            return "what it was is not kept"
    if os.path.lexists(path):
        aside = repo.root / paths.RUN / "aside/.own"
        aside.mkdir(parents=True, exist_ok=True)
        try:
            os.replace(path, aside / f"{len(os.listdir(aside))}-{Path(path).name}")
        except OSError as error:  # git's folder may be on another file system
            return f"{error.strerror}"
    if kept is not None:
        atomic_write.write(Path(path), file_reader.beginning(kept, _MOST))
        Path(path).chmod(stat.S_IMODE(kept.stat().st_mode))
    return ""


def _ref(repo: Repo, name: str, old: str, new: str) -> Iterator[tuple[bool, str]]:
    """Put back what `worktree.refs` names; yield whether it was done, and what is true now."""
    if name == STASH:
        for entry in (one for one in new.split() if one not in old.split()):
            _, rows, _ = ask(repo.root, ("log", "--walk-reflogs", "--format=%H", "refs/stash"))
            number = rows.split().index(entry)
            code, _, said = ask(repo.root, ("stash", "drop", "--quiet", f"stash@{{{number}}}"))
            way = f"git stash store {entry} brings it back"
            now = f"stays: {said}" if code else f"is out; {way}"
            yield not code, f"the entry {entry[:12]} of the stash {now}"
    elif not name.startswith("refs/"):
        yield _worktree(repo, name, old)
    elif name == f"refs/heads/{repo.branch}":
        if old and not _is_ahead(repo, old, new):
            yield False, f"{name} is checked out; git reset --keep {old[:12]} puts it back"
    elif not old:
        code, _, said = ask(repo.root, ("update-ref", "-m", "piste", "-d", name, new))
        yield not code, f"{name} {said or f'is gone again; it was {new}'}"
    elif new:
        code, _, said = ask(repo.root, ("update-ref", "-m", "piste", name, old, new))
        yield not code, f"{name} {said or f'is where it was; it had been moved to {new}'}"
    else:
        yield False, f"{name} is gone"


def _is_ahead(repo: Repo, old: str, new: str) -> bool:
    return bool(new) and ask(repo.root, ("merge-base", "--is-ancestor", old, new))[0] == 0


def _worktree(repo: Repo, name: str, old: str) -> tuple[bool, str]:
    if old:
        return False, f"{name} is not as it was; git worktree repair"
    link = repo.common / "worktrees" / name.removeprefix("worktree ") / "gitdir"
    place = os.path.dirname(os.fsdecode(file_reader.beginning(link, 4096)).strip())
    code, _, said = ask(repo.root, ("worktree", "remove", place))  # not where there is work in it
    return not code, f"{name} {said or 'is gone again'}"


def _folder(repo: Repo) -> Path:
    return repo.root / paths.RUN / "before"


def _kept(repo: Repo, path: str) -> Path | None:
    with contextlib.suppress(OSError, ValueError, RecursionError):
        index = json.loads(file_reader.beginning(_folder(repo) / _INDEX, _MOST))
        return _folder(repo) / str(int(index[path])) if path in index else None
    return None
