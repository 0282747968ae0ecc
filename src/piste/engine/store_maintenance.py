"""Housekeeping of the store: what lies in it, what of it is damaged, what nobody needs any more.

An entry's time is that of its last use: a reply that is taken, or a text that is kept once
more, is touched. What may go is old, and is named by no receipt of a project that has made
something with this store; a person's own text that was replaced never goes.

It knows the receipts that stand in those projects now. Those of other branches, other
machines, and clones that have only looked it does not know: for them the time counts alone.
"""

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from piste.engine import amending, hashing, receipts
from piste.engine.store import Store
from piste.system import locks, screen
from piste.system.errors import UserError

# The forms of names in a store: nothing else in its folder is the store's to delete.
_DIGEST, _PART = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{2}")
_RECORD = re.compile(r"[\dTZ.+]*-[0-9a-f]{16}\.json")

REPLY, TEXT, KEPT = "reply", "text", "kept"


class Item(NamedTuple):
    """One file of the store."""

    kind: str  # REPLY, TEXT, or KEPT: a person's text that was replaced
    path: Path
    name: str  # of a reply its key, of a text the digest that it is found by
    size: int  # bytes
    used: float  # when it was last of use, in seconds since the epoch


class Needs(NamedTuple):
    """What the receipts of the projects name."""

    keys: frozenset[str]
    digests: frozenset[str]
    projects: tuple[Path, ...]  # that were looked into


class Plan(NamedTuple):
    """What a clean-up would do."""

    gone: list[Item]
    held: list[Item]  # old, but named by a receipt
    needs: Needs


def items(store: Store) -> Iterator[Item]:
    """Yield every file of the store that holds something; whatever else lies there is left out."""
    kept = {record.blob for record in store.all_kept()}
    for key in _names(store.folder / "replies", _DIGEST):
        for name in _names(store.folder / "replies" / key, _RECORD):
            yield from _item(REPLY, store.folder / "replies" / key / name, key)
    for part in _names(store.folder / "blobs", _PART):
        for name in _names(store.folder / "blobs" / part, _DIGEST):
            kind = KEPT if name in kept else TEXT
            yield from _item(kind, store.folder / "blobs" / part / name, name)
    for name in _names(store.folder / "texts", _DIGEST):
        yield from _item(TEXT, store.folder / "texts" / name, name)
    for name in _names(store.folder / "kept", _RECORD):
        yield from _item(KEPT, store.folder / "kept" / name, name)


def damaged(store: Store) -> Iterator[Item]:
    """Yield what is no longer what was kept. Every byte is read and hashed.

    Each file is judged by a look at itself, when its turn comes: what a build puts there
    or takes away meanwhile is not called damaged.
    """
    for item in items(store):
        if not _is_sound(store, item) and item.path.exists():
            yield item


def remove_damaged(store: Store, item: Item) -> bool:
    """Delete what is damaged; return whether it still was. Raises OSError.

    Nobody asks for a reply under its key's lock meanwhile. A text may be mended by a build at any
    time, so it is taken aside in one move first, looked at there, and put back if it is whole.
    """
    if item.kind == REPLY:
        with locks.hold(store.folder / "locks" / item.name, f"verifying {store.folder}", _tell):
            gone = not _is_sound(store, item)
            if gone:
                item.path.unlink(missing_ok=True)
        return gone
    aside = store.folder / "tmp" / f"verify-{os.getpid()}-{item.path.name}"
    aside.parent.mkdir(exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        item.path.rename(aside)
        if _is_sound(store, item, aside):
            aside.replace(item.path)
            return False
        aside.unlink()
    return True


def _tell(holder: str) -> None:
    screen.say(f"waiting for {holder}")


def _is_sound(store: Store, item: Item, at: Path | None = None) -> bool:
    """Whether a file of the store (moved, where `at` is given) is what was kept."""
    if item.path.suffix == ".json":
        return store.is_whole(at or item.path)
    if item.path.parent.name == "texts":
        data = store.data(at or item.path) or b""
        return store.blob(data.decode("ascii", "replace")) is not None
    return store.digest(at or item.path) == item.name


def needs(store: Store) -> Needs:
    """Return what the receipts name, in every project that has used this store and is there.

    Raises UserError for a receipt that cannot be read: then nobody knows what it needs.
    """
    keys: set[str] = set()
    digests: set[str] = set()
    found = tuple(root for root in store.projects() if root.is_dir())
    for root in found:
        for target in receipts.targets(root):
            try:
                receipt = receipts.read(root, target)
            except UserError as error:
                raise UserError(f"in {root}: {error}") from None
            if receipt is None:  # deleted this moment
                continue
            named = {receipt.key, amending.key(receipt.key, receipt.base)}
            keys |= named
            digests |= {reply.prompt for key in named for reply in store.replies(key)}
            digests |= {receipt.output, receipt.base, *receipt.inputs.values()}
            digests.add(str(receipt.action.get("prompt_sha256", "")))
            with contextlib.suppress(UserError):  # what stands there now, were it edited or not
                standing = hashing.look(root, target)
                digests |= {standing.digest} if standing else set()
    return Needs(frozenset(keys), frozenset(digests), found)


def plan(store: Store, older_than: float) -> Plan:
    """Say what has not been used since `older_than` (seconds since the epoch) and may go.

    Raises UserError as `needs` does.
    """
    wanted = needs(store)
    held_blobs = {name for digest in wanted.digests if (name := store.pointed(digest))}
    gone: list[Item] = []
    held: list[Item] = []
    for item in items(store):
        if item.kind == KEPT or item.used >= older_than:
            continue
        if item.kind == REPLY:
            needed = item.name in wanted.keys
        else:
            needed = item.name in wanted.digests or item.name in held_blobs
        (held if needed else gone).append(item)
    return Plan(gone, held, wanted)


def remove(store: Store, found: list[Item], older_than: float) -> int:
    """Delete these, but what has been of use since; return the bytes that are free now.

    Raises OSError.
    """
    freed = 0
    for item in found:
        with contextlib.suppress(FileNotFoundError):
            if item.path.lstat().st_mtime < older_than:
                item.path.unlink()  # not durably: what comes back goes next time
                freed += item.size
        if item.kind == REPLY and not store.is_locked(item.name):
            with contextlib.suppress(OSError):  # the folder of a key, where that was its last reply
                item.path.parent.rmdir()
    return freed


def _names(folder: Path, form: re.Pattern[str]) -> list[str]:
    """Return the names of a store's form in a folder; nothing where a link stands for it."""
    try:
        if folder.is_symlink():
            return []
        return sorted(name for name in os.listdir(folder) if form.fullmatch(name))
    except OSError:
        return []


def _item(kind: str, path: Path, name: str) -> Iterator[Item]:
    with contextlib.suppress(OSError):
        found = path.lstat()
        if stat.S_ISREG(found.st_mode):
            yield Item(kind, path, name, found.st_size, found.st_mtime)
