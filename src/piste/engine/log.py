"""The log: one line a call or a change of a target, in `.piste/log.jsonl`.

Local and append-only; what it says of money and time is nobody's to merge. A line
that is damaged is left out. It decides nothing.
"""

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from piste.system import atomic_write, project_files
from piste.system.paths import STATE

FILE = f"{STATE}/log.jsonl"


class Entry(NamedTuple):
    """One line of the log."""

    date: str  # UTC, ISO 8601
    target: str
    event: str  # made, taken, restored, adopted, accepted, replaced, rejected, retried, failed
    model: str = ""
    key: str = ""
    output: str = ""  # digest of the target's text afterwards
    blob: str = ""  # of the raw reply, or of the text that was replaced
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None  # US dollars
    seconds: float | None = None
    reason: str = ""
    base: str = ""  # digest of the text that was amended
    cached_tokens: int | None = None  # of the input: from what the provider had kept
    prompt: str = ""  # where the prompt is kept that was sent; see `sent`


_TOKENS: tuple[type, ...] = (int, type(None))
_NUMBER: tuple[type, ...] = (int, float, type(None))
_TYPES: dict[str, tuple[type, ...]] = dict.fromkeys(Entry._fields, (str,)) | {
    "input_tokens": _TOKENS, "output_tokens": _TOKENS, "cached_tokens": _TOKENS,
    "cost": _NUMBER, "seconds": _NUMBER,
}  # fmt: skip


def now() -> str:
    """Return the time of now in UTC, ISO 8601, to the millisecond."""
    stamp = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    return stamp.replace("+00:00", "Z")


def add(root: Path, entry: Entry) -> None:
    """Append one line. Raises OSError.

    Not synced: it decides nothing, and what was paid for is in the store's record as well.
    """
    filled = {key: value for key, value in entry._asdict().items() if value not in ("", None)}
    atomic_write.append(root / FILE, json.dumps(filled, ensure_ascii=False).encode(), sync=False)


def entries(root: Path, target: str = "") -> Iterator[Entry]:
    """Yield the lines of the log, oldest first; of one target where it is named.

    Raises UserError for a log that cannot be read, or has grown out of bounds.
    """
    for entry in parsed(project_files.read_any(root, FILE, project_files.LOG) or b""):
        if not target or entry.target == target:
            yield entry


def parsed(data: bytes) -> Iterator[Entry]:
    """Yield the lines of a part of the log; what is damaged, or has a wrong type, is left out."""
    for line in data.splitlines():
        try:
            entry = Entry(**json.loads(line))
        except (ValueError, TypeError, RecursionError):
            continue
        if all(isinstance(value, _TYPES[name]) for name, value in entry._asdict().items()):
            yield entry
