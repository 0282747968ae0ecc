"""The store: replies kept by key, many per key, each blob under its own hash.

    blobs/ab/abcd…              any text, named by the sha256 of its bytes
    texts/DIGEST                blob of a target's text, where its digest leaves out marks
    replies/KEY/DATE-SHA.json   one paid reply: which blob, which model, what it cost
    kept/DATE-SHA.json          a person's text that an --overwrite replaced

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

from piste import durable

SCHEMA = 1


class Record(NamedTuple):
    """A paid reply, or a text that was kept, as the store remembers it."""

    blob: str  # sha256 of the raw bytes
    target: str
    date: str  # UTC, ISO 8601
    model: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None  # US dollars
    seconds: float | None = None
    project: str = ""  # of a kept text: the folder it stood in
    file: str = ""  # name of the record's own file


def default_folder() -> Path:
    """Return the person's own store: data, not a cache, since it has been paid for."""
    if folder := os.environ.get("XDG_DATA_HOME"):
        return Path(folder) / "piste" / "store"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", os.path.expanduser("~"))) / "piste" / "store"
    return Path(os.path.expanduser("~/.local/share/piste/store"))


class Store(NamedTuple):
    """A store in a folder; nothing is made before something is kept."""

    folder: Path

    def put_blob(self, data: bytes) -> str:
        """Keep `data`; return its sha256. Raises OSError."""
        name = hashlib.sha256(data).hexdigest()
        if self.blob(name) is None:
            self._write(self._blob_path(name), data)
        return name

    def blob(self, name: str) -> bytes | None:
        """Return the bytes of that hash, or None: not here, or no longer what was kept."""
        if not _is_digest(name):
            return None
        try:
            data = self._blob_path(name).read_bytes()
        except OSError:
            return None
        return data if hashlib.sha256(data).hexdigest() == name else None

    def put_text(self, digest: str, data: bytes) -> None:
        """Keep a target's text, to be found by the digest that its receipt holds."""
        blob = self.put_blob(data)
        if blob != digest:
            self._write(self.folder / "texts" / digest, blob.encode())

    def text(self, digest: str) -> bytes | None:
        """Return the text kept under `digest`; who asked compares it with the digest."""
        if (data := self.blob(digest)) is not None:
            return data
        if not _is_digest(digest):
            return None
        try:
            name = (self.folder / "texts" / digest).read_text("ascii")
        except (OSError, ValueError):
            return None
        return self.blob(name)

    def put_reply(self, key: str, text: str, record: Record) -> Record:
        """Keep a paid reply under its key: first the blob, then the record. Raises OSError."""
        return self._put(self.folder / "replies" / key, text.encode("utf-8", "replace"), record)

    def replies(self, key: str) -> list[Record]:
        """Return what is kept under `key`, newest first; damaged records are left out."""
        return list(self._records(self.folder / "replies" / key))

    def keep(self, data: bytes, record: Record) -> Record:
        """Keep a person's text that is about to be replaced. Raises OSError."""
        return self._put(self.folder / "kept", data, record)

    def kept(self, project: str, target: str) -> list[Record]:
        """Return the kept texts of a target of a project, newest first."""
        return [
            record
            for record in self._records(self.folder / "kept")
            if record.target == target and record.project == project
        ]

    def drop(self, key: str, record: Record) -> None:
        """Forget one reply (its blob stays): it was looked at and is not a result."""
        with contextlib.suppress(OSError):
            durable.remove(self.folder / "replies" / key / record.file)

    def _put(self, folder: Path, data: bytes, record: Record) -> Record:
        blob = self.put_blob(data)
        stamp = record.date.replace(":", "").replace("-", "")
        record = record._replace(blob=blob, file=f"{stamp}-{blob[:16]}.json")
        raw = {"schema": SCHEMA, **record._asdict()}
        del raw["file"]
        sealed = {**raw, "seal": _seal(raw)}
        data = (json.dumps(sealed, sort_keys=True, indent=1) + "\n").encode()
        self._write(folder / record.file, data)
        return record

    def _records(self, folder: Path) -> Iterator[Record]:
        try:
            names = sorted((n for n in os.listdir(folder) if n.endswith(".json")), reverse=True)
        except OSError:
            return
        for name in names:
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
                raw = dict(json.loads((folder / name).read_bytes()))
                if raw.pop("seal") == _seal(raw) and raw.pop("schema") == SCHEMA:
                    yield Record(**raw, file=name)

    def sweep(self, older_than: float) -> None:
        """Delete what runs that were killed have left; `older_than` as in `durable.sweep`."""
        durable.sweep(self.folder / "tmp", older_than)
        with contextlib.suppress(OSError):
            for name in os.listdir(self.folder / "locks"):
                with contextlib.suppress(OSError):
                    durable.remove_unheld(self.folder / "locks" / name)

    def _write(self, path: Path, data: bytes) -> None:
        durable.write(path, data, temps=self.folder / "tmp")

    def _blob_path(self, name: str) -> Path:
        return self.folder / "blobs" / name[:2] / name


def _is_digest(name: str) -> bool:
    return len(name) == 64 and all(c in "0123456789abcdef" for c in name)


def _seal(raw: dict[str, Any]) -> str:
    # Blobs prove themselves by their names; a record needs a hash of its own to
    # show that it is whole. It is no signature: who may write may also lie.
    return hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()[:32]
