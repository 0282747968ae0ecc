"""What is known of contents from earlier runs: their tokens and their secrets, by hash.

A file that was touched, moved back or checked out again is not counted or searched a
second time. The file of it lies in the cache folder and may be deleted at any time; one
that cannot be read is as good as none. It does not know names or trees.
"""

import hashlib
import json
from array import array
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from piste.model import tokens
from piste.system import atomic_write, caches
from piste.system.secret_policy import Policy

Findings = tuple[tuple[int, int, str], ...]
"""Secrets in a text: (start, end, rule), in bytes."""

_KEY = 16  # bytes of sha256: 2^64 contents before two are likely to share one
Value = TypeVar("Value")
_FILE = "bundle.known"
_MOST = 256_000_000  # bytes of it; four million contents
_SPARE = 50_000  # entries kept beyond four for each file


class ScanCache:
    """Results by content hash; the `new` ones are those of this run."""

    def __init__(
        self, counts: dict[bytes, int] | None = None, scans: dict[bytes, Findings] | None = None
    ) -> None:
        """Begin with what an earlier run found out."""
        self.counts = counts or {}
        self.scans = scans or {}
        self.new_counts: dict[bytes, int] = {}
        self.new_scans: dict[bytes, Findings] = {}

    def count(self, key: bytes, text: Callable[[], bytes]) -> int:
        """Return the tokens of the text whose key is `key`; `text` is called where it is new."""
        found = self.counts.get(key)
        if found is None:
            found = self.new_counts.get(key)
        if found is None:
            found = self.new_counts[key] = tokens.count(text().decode())
        return found

    def scan(
        self, key: bytes, body: bytes, find: Callable[[bytes], Iterable[tuple[int, int, str]]]
    ) -> Findings:
        """Return the secrets that `find` finds in `body`, whose key is `key`."""
        found = self.scans.get(key)
        if found is None:
            found = self.new_scans.get(key)
        if found is None:
            found = tuple((start, end, rule) for start, end, rule in find(body))
            self.new_scans[key] = found
        return found

    def take(self, counts: dict[bytes, int], scans: dict[bytes, Findings]) -> None:
        """Take over what another process found out."""
        self.new_counts |= counts
        self.new_scans |= scans


def key_of(*parts: bytes) -> bytes:
    """Return the key of some content; the parts are kept apart by their lengths."""
    if len(parts) == 1:
        return hashlib.sha256(parts[0]).digest()[:_KEY]
    lengths = ",".join(str(len(part)) for part in parts).encode()
    return hashlib.sha256(b"\0".join([lengths, *parts])).digest()[:_KEY]


def load(folder: Path, policy: Policy) -> ScanCache:
    """Return what a run of this policy left in `folder`; nothing where it cannot be used."""
    data = caches.read(folder, _FILE, _MOST)
    try:
        line, _, rest = data.partition(b"\n")
        head = json.loads(line)
        counted, scanned = int(head["counts"]), int(head["scans"])
        if (
            head["version"] != _version(policy)
            or len(rest) != counted * (_KEY + 8) + scanned * _KEY
        ):
            return ScanCache()
        numbers: array[int] = array("q")
        numbers.frombytes(rest[counted * _KEY : counted * (_KEY + 8)])
        clean = _keys(rest[counted * (_KEY + 8) :])
        scans: dict[bytes, Findings] = dict.fromkeys(clean, ())
        for key, findings in head["findings"].items():
            scans[bytes.fromhex(key)] = tuple((int(a), int(b), str(r)) for a, b, r in findings)
        return ScanCache(dict(zip(_keys(rest[: counted * _KEY]), numbers, strict=True)), scans)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ScanCache()


def save(folder: Path, policy: Policy, known: ScanCache, files: int) -> None:
    """Leave what is known for the next run; the oldest goes when there is too much.

    Raises OSError.
    """
    if not known.new_counts and not known.new_scans:
        return
    most = 4 * files + _SPARE
    counts = _newest(known.counts | known.new_counts, most)
    scans = _newest(known.scans | known.new_scans, most)
    head = {
        "version": _version(policy),
        "counts": len(counts),
        "scans": len(scans),
        "findings": {key.hex(): found for key, found in scans.items() if found},
    }
    numbers = array("q", counts.values()).tobytes()
    parts = [json.dumps(head).encode(), b"\n", *counts, numbers, *scans]
    with atomic_write.stream(folder / _FILE, sync=False) as fd:
        atomic_write.write_all(fd, b"".join(parts))


def _newest(entries: dict[bytes, Value], most: int) -> dict[bytes, Value]:
    surplus = len(entries) - most
    return dict(list(entries.items())[surplus:]) if surplus > 0 else entries


def _keys(blob: bytes) -> list[bytes]:
    return [blob[at : at + _KEY] for at in range(0, len(blob), _KEY)]


def _version(policy: Policy) -> str:
    from piste.system import secrets

    return f"1 {tokens.ENCODING} {secrets.version(policy)}"
