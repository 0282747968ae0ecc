"""What git remembers of receipts that are gone: which texts piste has made here before.

A receipt that was deleted in a commit is not in a clone, nor is the log: without this, what piste
made would count there as written by a person. git is asked where a target stands without a
receipt, once for each commit that is checked out, and only of what came since the last answer;
the answer lies in the project's cache. A shallow clone may lack the commit that would tell, and
nothing else in it does: `is_cut` says so. It does not know what follows from it.
"""

import contextlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from piste.engine import receipts
from piste.system import atomic_write, caches
from piste.system.errors import UserError
from piste.system.file_reader import beginning

_FILE = "earlier.json"
_MOST = 32_000_000  # bytes of it
_VERSIONS = 10_000  # receipts that are looked at
_UNSURE = "?"  # of a checkout: git is asked each time
_ONE_PATH = 4096  # bytes; it holds one path


def outputs(root: Path, target: str) -> frozenset[str]:
    """Return the digests that deleted receipts of `target` had for what piste made."""
    folder = _folder(root)
    if folder is None:
        return frozenset()
    cut, mark = _is_cut(folder), _mark(folder)
    with contextlib.suppress(OSError, UserError, ValueError, KeyError, TypeError, AttributeError):
        known = _known(root)
        if known.get("cut") != cut:
            known = {}  # commits have come since, or gone, before those that were looked at
        if mark == _UNSURE or known.get("mark") != mark:
            known = _ask(root, known) | {"mark": mark, "cut": cut}
            _keep(root, known)
        return frozenset(map(str, known["made"].get(target, ())))
    return frozenset()


def is_cut(root: Path) -> bool:
    """Whether the history here has been cut off: a shallow clone, as CI makes them."""
    folder = _folder(root)
    return folder is not None and _is_cut(folder)


def _is_cut(folder: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        common = ""
        with contextlib.suppress(FileNotFoundError):
            common = os.fsdecode(beginning(folder / "commondir", _ONE_PATH)).strip()
        return os.stat(folder / common / "shallow").st_size > 0
    return False


def _folder(root: Path) -> Path | None:
    """Return git's own folder, or None where there is no repository."""
    place = next((one / ".git" for one in (root, *root.parents) if (one / ".git").exists()), None)
    if place is not None and not place.is_dir():
        with contextlib.suppress(OSError, ValueError):
            named = os.fsdecode(beginning(place, _ONE_PATH)).partition(":")[2]
            return place.parent / named.strip()
    return place


def _mark(folder: Path) -> str:
    """Return what changes when another commit is checked out.

    No file of git's is read for it: git writes a line to a log whenever HEAD moves.
    """
    try:
        found = [os.lstat(folder / name) for name in ("HEAD", "logs/HEAD")]
    except (OSError, ValueError):
        return _UNSURE
    return repr([(one.st_mtime_ns, one.st_size, one.st_ino) for one in found])


def _known(root: Path) -> dict[str, Any]:
    data = caches.read(caches.folder(root), _FILE, _MOST)
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(data)
        if isinstance(found, dict) and isinstance(found.get("made"), dict):
            return found
    return {}


def _keep(root: Path, known: dict[str, Any]) -> None:
    place = caches.folder(root)
    with contextlib.suppress(OSError):
        caches.make(place)
        atomic_write.write(place / _FILE, json.dumps(known).encode(), sync=False)


def _ask(root: Path, known: dict[str, Any]) -> dict[str, Any]:
    """Return what git knows at this commit, with what was known at an earlier one."""
    from piste.system import git

    head = git.commit_of(root, "HEAD")
    made: dict[str, list[str]] = {}
    since = known.get("head")
    if isinstance(since, str) and re.fullmatch("[0-9a-f]{40,64}", since):
        made |= known["made"]
    else:
        since = ""
    if not head or head == since:
        return {"head": head, "made": made}
    gone = _log(root, f"{since}..HEAD" if since else "HEAD", ("--diff-filter=D",), ())
    if gone is None and since:  # that commit is no longer there
        return _ask(root, {})
    for target, found in _outputs(root, sorted({name for name, _ in gone or ()})).items():
        made[target] = sorted({*made.get(target, ()), *found})
    return {"head": head, "made": made}


def _log(
    root: Path, commits: str, options: Iterable[str], names: Iterable[str]
) -> list[tuple[str, str]] | None:
    """Return (path, blob) of each change of receipts in some commits; None where git says no."""
    from piste.system import git

    asked = (
        *("log", "--format=", "--raw", "-z", "--no-abbrev", "--no-renames", "--relative"),
        *("--full-history", "-m", *options, commits, "--", *(names or (receipts.FOLDER,))),
    )
    code, out, _ = git.ask(root, asked, env={"GIT_LITERAL_PATHSPECS": "1"}, look=True)
    fields = out.split("\0")
    return None if code else [
        (name, meta.split()[3])
        for meta, name in zip(fields[::2], fields[1::2], strict=False)
        if meta.strip().startswith(":")
    ]  # fmt: skip


def _outputs(root: Path, names: list[str]) -> dict[str, set[str]]:
    """Return target -> what its receipts at these paths ever said that piste had made."""
    from piste.system import git

    if not names:
        return {}
    blobs = dict.fromkeys((blob, name) for name, blob in _log(root, "HEAD", (), names) or ())
    wanted = [(blob, name) for blob, name in blobs if blob.strip("0")][:_VERSIONS]
    ids = "".join(f"{blob}\n" for blob, _ in wanted).encode()
    _, out, _ = git.ask(root, ("cat-file", "--batch"), data=ids, look=True)
    data, at = os.fsencode(out), 0
    made: dict[str, set[str]] = {}
    for _, name in wanted:
        line, _, _ = data[at:].partition(b"\n")
        words = line.split()
        if len(words) != 3:
            at += len(line) + 1  # a clone without this blob
            continue
        size = int(words[2])
        body = data[at + len(line) + 1 : at + len(line) + 1 + size]
        at += len(line) + size + 2
        target = name.removeprefix(f"{receipts.FOLDER}/").removesuffix(".json")
        with contextlib.suppress(UserError):
            receipt = receipts.parse(body, target, name)
            if not receipt.hand:
                made.setdefault(target, set()).add(receipt.output)
    return made
