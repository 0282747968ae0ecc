"""The team's word on findings: declined, or fixed. One small file a finding, in git.

    .piste/receipts/findings/F12.json    sorted keys, one field a line, as receipts are

Two people who decide on two findings never touch the same file; where both decide on one, git
says so. Deleting a file takes the word back. It holds what the finding was about, since the finding
itself is taken out of the documents. What becomes of documents is not known here.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from piste.engine import receipts
from piste.system import atomic_write, paths, project_files
from piste.system.errors import UserError, printable

if TYPE_CHECKING:
    from piste.documents.reported import Finding

SCHEMA = 1
FOLDER = receipts.FINDINGS
DECLINED, FIXED = "declined", "fixed"
_ID = re.compile(r"[A-Z]{1,3}\d{1,6}")


class Decision(NamedTuple):
    """What the team says of one finding."""

    id: str  # "F12"
    word: str  # DECLINED or FIXED
    why: str
    document: str  # the target that it stood in
    title: str
    places: tuple[str, ...]  # the files that it names
    quote: str  # of the line that it is about


def read_id(word: str) -> str:
    """Return the id that a person means. Raises UserError for what is none."""
    found = word.strip().lstrip("#").upper()
    if not _ID.fullmatch(found):
        raise UserError(f"{printable(word)!r} is no id of a finding; they look like F12")
    return found


def load(root: Path) -> list[Decision]:
    """Return all decisions, by number. Raises UserError, naming the file, for a damaged one."""
    try:
        names = [name for name in os.listdir(root / FOLDER) if name.endswith(".json")]
    except OSError:
        return []
    found: list[Decision] = []
    for name in names:
        where = f"{FOLDER}/{name}"
        data = project_files.read_any(root, where, project_files.RECORD)
        if data is not None and not receipts.is_receipt(data):
            found.append(_parsed(data, where))
    return sorted(found, key=lambda one: (len(one.id), one.id))


def _parsed(data: bytes, where: str) -> Decision:
    if any(line.startswith((b"<<<<<<<", b">>>>>>>")) for line in data.split(b"\n")):
        raise UserError(f"{where} holds conflict markers; keep either side whole")
    way_out = f"restore it (git checkout {where}) or delete it, which takes the word back"
    try:
        raw = json.loads(data)
        if raw.pop("schema") > SCHEMA:
            raise UserError(f"{where} was written by a newer piste; update piste to read it")
        found = Decision(**{**raw, "places": tuple(raw["places"])})
        texts = [value for name, value in found._asdict().items() if name != "places"]
        sound = all(isinstance(text, str) for text in (*texts, *found.places))
        sound = sound and bool(_ID.fullmatch(found.id)) and found.word in (DECLINED, FIXED)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise UserError(f"{where} is damaged; {way_out}")
    return found


def write(root: Path, decision: Decision) -> str:
    """Write a decision, in place of an earlier one; return where. Raises OSError."""
    where = f"{FOLDER}/{decision.id}.json"
    paths.inside(root, root / FOLDER, where)
    raw = {"schema": SCHEMA, **decision._asdict(), "places": list(decision.places)}
    text = json.dumps(raw, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
    atomic_write.write(root / where, text.encode("utf-8", "replace"))
    return where


def of(found: "Finding", word: str, why: str, document: str) -> Decision:
    """Return the decision on a finding as it stands in a document."""
    places = dict.fromkeys(place.path for place in found.places)
    return Decision(found.id, word, why, document, found.title, tuple(places), found.quote)


def concerns(decision: Decision, found: "Finding") -> bool:
    """Whether a finding, whatever its id, is the one that was decided on."""
    from piste.documents import findings, reported

    places = tuple(findings.Place(path, (), True) for path in decision.places)
    was = found._replace(title=decision.title, places=places, quote=decision.quote)
    return reported.alike(was, found)


def highest(decisions: Iterable[Decision], prefix: str) -> int:
    """Return the highest number of ids with this prefix, or 0."""
    numbers = (re.fullmatch(rf"{prefix}(\d+)", one.id) for one in decisions)
    return max((int(found[1]) for found in numbers if found), default=0)


def phrase(decisions: Sequence[Decision]) -> str:
    """Return how many findings were declined and fixed: "2 declined, 1 fixed"; "" for none."""
    count = Counter(one.word for one in decisions)
    return ", ".join(f"{count[word]} {word}" for word in (DECLINED, FIXED) if count[word])
