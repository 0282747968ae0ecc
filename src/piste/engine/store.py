"""The store: replies kept by key, many per key, and texts under their own hash.

    replies/KEY/DATE-SHA.json   one paid reply: its text, which model, what it cost
    blobs/ab/abcd…              any other text, named by the sha256 of its bytes
    texts/DIGEST                blob of a target's text, where its digest leaves out marks
    kept/DATE-SHA.json          a person's text that an --overwrite replaced: which blob
    projects/SHA                the path of a project that has made something with this store

A reply is one file, so that no kill falls between two halves of what was paid for.

It may be shared by projects, clones and people: a damaged or missing entry is a
miss, never an error. It does not know what a good reply is; who takes one out
checks it again.
"""

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from piste.system import atomic_write, paths, person, project_files
from piste.system.errors import Failed, UserError

SCHEMA = 1
_MOST = 50_000_000  # bytes of one entry; no model says so much
_ROOM = 64 << 10  # bytes; a long reply of ten thousand words


class Record(NamedTuple):
    """A paid reply, or a text that was kept, as the store remembers it."""

    blob: str  # sha256 of the text's bytes
    target: str
    date: str  # UTC, ISO 8601
    model: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None  # US dollars
    seconds: float | None = None
    project: str = ""  # of a kept text: the folder it stood in
    text: str = ""  # of a reply, as it came; a kept text is in its blob
    file: str = ""  # name of the record's own file
    cached_tokens: int | None = None  # of the input: from what the provider had kept
    prompt: str = ""  # of a reply: where its prompt is kept; see `sent`


def default_folder() -> Path:
    """Return the person's own store: data, not a cache, since it has been paid for."""
    base = person.folder("XDG_DATA_HOME", ".local/share")
    if sys.platform == "win32" and not os.environ.get("XDG_DATA_HOME"):
        base = Path(os.environ.get("LOCALAPPDATA", person.home()))
    return base / "piste" / "store"


class Store(NamedTuple):
    """A store in a folder; nothing is made before something is kept."""

    folder: Path

    def folders(self) -> list[Path]:
        """Return the folders that something is put into, and the store itself."""
        names = ("", "blobs", "replies", "texts", "kept", "projects", "tmp", "locks")
        return [self.folder / name for name in names]

    def put_blob(self, data: bytes, *, sync: bool = True) -> str:
        """Keep `data`; return its sha256. `sync` is as in `atomic_write.write`. Raises OSError."""
        name = _digest(data)
        if self.blob(name) is None:
            self._write(self._blob_path(name), data, sync)
        else:
            _touch(self._blob_path(name))
        return name

    def blob(self, name: str) -> bytes | None:
        """Return the bytes of that hash, or None: not here, or no longer what was kept."""
        if not paths.is_digest(name):
            return None
        data = self._read(f"blobs/{name[:2]}/{name}")
        return data if data is not None and _digest(data) == name else None

    def put_text(self, digest: str, data: bytes, *, sync: bool = True) -> None:
        """Keep a text, to be found by the digest that a receipt holds. Raises OSError.

        Without `sync`, only what a stored reply or the project's files have as well.
        """
        blob = self.put_blob(data, sync=sync)
        if blob != digest:
            self._write(self.folder / "texts" / digest, blob.encode(), sync)

    def text(self, digest: str) -> bytes | None:
        """Return the text kept under `digest`; who asked compares it with the digest."""
        if (data := self.blob(digest)) is not None:
            return data
        return self.blob(self.pointed(digest))

    def pointed(self, digest: str) -> str:
        """Return the name of the blob for a digest that is not its own, or ""."""
        data = self._read(f"texts/{digest}") if paths.is_digest(digest) else None
        return (data or b"").decode("ascii", "replace")

    def require_room(self) -> None:
        """Raise Failed where the disk would not take a reply that is about to be paid for.

        It is written and removed again: how much is free says nothing of quotas.
        """
        path = self.folder / "tmp" / f"{atomic_write.PREFIX}room-{os.urandom(6).hex()}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.unlink(path)
                atomic_write.write_all(fd, bytes(_ROOM))
            finally:
                os.close(fd)
        except OSError as error:
            raise Failed(
                f"the store {self.folder} has no room for a reply: {error.strerror}; no model is "
                "asked before there is some (piste store gc)"
            ) from None

    def put_reply(self, key: str, text: str, record: Record, *, sync: bool = True) -> Record:
        """Keep a reply under its key; without `sync` one that cost nothing. Raises OSError."""
        data = text.encode("utf-8", "replace")  # no lone surrogates
        record = record._replace(text=data.decode())
        return self._put(self.folder / "replies" / key, _digest(data), record, sync)

    def replies(self, key: str) -> list[Record]:
        """Return what is kept under `key`, newest first; damaged records are left out."""
        return [record for record in self._records(self.folder / "replies" / key) if record.text]

    def keep(self, data: bytes, record: Record) -> Record:
        """Keep a person's text that is about to be replaced. Raises OSError."""
        return self._put(self.folder / "kept", self.put_blob(data), record)

    def kept(self, project: str, target: str) -> list[Record]:
        """Return the kept texts of a target of a project, newest first."""
        return [
            record
            for record in self.all_kept()
            if record.target == target and record.project == project
        ]

    def all_kept(self) -> Iterator[Record]:
        """Yield the kept texts of all projects, newest first."""
        return self._records(self.folder / "kept")

    def is_whole(self, path: Path) -> bool:
        """Whether the record at `path`, of a reply or of a kept text, is what was written."""
        return self._record(path) is not None

    def data(self, path: Path) -> bytes | None:
        """Return the bytes of a file of the store, or None where it has no plain one there."""
        return self._read(path.relative_to(self.folder).as_posix())

    def digest(self, path: Path) -> str:
        """Return the sha256 of a file of the store, however large; "" where it has none there."""
        with contextlib.suppress(OSError, UserError):
            name = path.relative_to(self.folder).as_posix()
            with (
                project_files.opened(self.folder, name) as fd,
                open(fd, "rb", closefd=False) as file,
            ):
                return hashlib.file_digest(file, "sha256").hexdigest()
        return ""

    def used(self, key: str, record: Record) -> None:
        """Note that a reply was of use just now; see `store_maintenance`."""
        _touch(self.folder / "replies" / key / record.file)

    def is_locked(self, key: str) -> bool:
        """Whether somebody is at this key, or was killed there."""
        return os.path.exists(self.folder / "locks" / key)

    def remember(self, project: Path) -> None:
        """Note that a project makes something with this store. Raises OSError."""
        path = self.folder / "projects" / _digest(os.fsencode(project))[:32]
        if path.exists():
            _touch(path)
        else:
            self._write(path, os.fsencode(project), sync=False)

    def projects(self) -> list[Path]:
        """Return the folders of the projects that have made something with this store."""
        found = []
        with contextlib.suppress(OSError):
            for name in sorted(os.listdir(self.folder / "projects")):
                data = self._read(f"projects/{name}")
                if data is not None and _digest(data)[:32] == name:
                    found.append(Path(os.fsdecode(data)))
        return found

    def drop(self, key: str, record: Record) -> None:
        """Forget one reply: it was looked at, is not a result, and is kept elsewhere."""
        with contextlib.suppress(OSError):
            atomic_write.remove(self.folder / "replies" / key / record.file)

    def _put(self, folder: Path, blob: str, record: Record, sync: bool = True) -> Record:
        stamp = record.date.replace(":", "").replace("-", "")
        record = record._replace(blob=blob, file=f"{stamp}-{blob[:16]}.json")
        raw = {"schema": SCHEMA, **record._asdict()}
        del raw["file"]
        sealed = {**raw, "seal": _seal(raw)}
        data = json.dumps(sealed, sort_keys=True, indent=1, ensure_ascii=False)
        self._write(folder / record.file, f"{data}\n".encode(), sync)
        return record

    def _records(self, folder: Path) -> Iterator[Record]:
        try:
            names = sorted((n for n in os.listdir(folder) if n.endswith(".json")), reverse=True)
        except OSError:
            return
        for name in names:
            if (record := self._record(folder / name)) is not None:
                yield record

    def sweep(self, older_than: float) -> None:
        """Delete what runs that were killed have left; `older_than` as in `atomic_write.sweep`."""
        atomic_write.sweep(self.folder / "tmp", older_than)
        with contextlib.suppress(OSError):
            for name in os.listdir(self.folder / "locks"):
                with contextlib.suppress(OSError):
                    atomic_write.remove_unheld(self.folder / "locks" / name)

    def _read(self, name: str) -> bytes | None:
        """Return a file of the store, or None: a store may lie in a project that one clones."""
        try:
            return project_files.read(self.folder, name, _MOST)
        except (OSError, UserError):
            return None

    def _record(self, path: Path) -> Record | None:
        """The record at `path`, or None: it is not there, or no longer what was written."""
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
            raw = dict(json.loads(self.data(path) or b""))
            if raw.pop("seal") == _seal(raw) and raw.pop("schema") == SCHEMA:
                return Record(**raw, file=path.name)
        return None

    def _write(self, path: Path, data: bytes, sync: bool = True) -> None:
        atomic_write.write(path, data, sync=sync, temps=self.folder / "tmp")

    def _blob_path(self, name: str) -> Path:
        return self.folder / "blobs" / name[:2] / name


def _touch(path: Path) -> None:
    with contextlib.suppress(OSError):
        os.utime(path)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _seal(raw: dict[str, Any]) -> str:
    # Blobs prove themselves by their names; a record needs a hash of its own to
    # show that it is whole. It is no signature: who may write may also lie.
    return hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()[:32]
