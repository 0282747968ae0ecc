"""Receipts: the committed record of how each target was last made.

One small JSON file a target, sorted keys, one field a line: two branches that
rebuild different targets merge without a conflict. A receipt says what; when and
at what price stand in the log, which is nobody's to merge. This module knows the
file and its damage, and nothing of freshness.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from piste.system import atomic_write, paths, project_files
from piste.system.errors import UserError

SCHEMA = 1
FOLDER = paths.RECEIPTS
FINDINGS = f"{FOLDER}/findings"  # what the team has decided; see `decisions`


class Receipt(NamedTuple):
    """How a target was last made."""

    target: str
    rule: str
    action: Mapping[str, Any]  # what was asked, in readable parts
    inputs: Mapping[str, str]  # path -> digest of its content
    output: str  # digest of the target's content
    hand: bool = False  # the content is a person's, adopted by `piste accept`
    # By `doit forget`: what was made is known, but no longer believed to be as it should be.
    forgotten: bool = False
    base: str = ""  # digest of the text that was amended; "": it was written whole
    amended: int = 0  # how often in a row

    @property
    def key(self) -> str:
        """The key of this making; equal keys ask the same thing of the same words."""
        return key(self.rule, self.action, self.inputs)


def key(rule: str, action: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """Return the sha256, in hex, of the canonical form of all that decides a target."""
    parts = {"schema": SCHEMA, "rule": rule, "action": action, "inputs": inputs}
    # `model_asked` only remembers by which alias the model was named.
    parts["action"] = {k: v for k, v in action.items() if k != "model_asked"}
    return hashlib.sha256(canonical(parts).encode()).hexdigest()


def canonical(value: object) -> str:
    """Return plain data in the one form that keys are made from: equal texts, equal values."""
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def path(root: Path, target: str) -> Path:
    """Return where the receipt of `target` is kept."""
    return root / FOLDER / f"{target}.json"


def exists(root: Path, target: str) -> bool:
    """Whether `target` has a receipt, whole or damaged; it is asked of every rule."""
    return os.path.exists(f"{root}{os.sep}{FOLDER}/{target}.json")


def targets(root: Path) -> list[str]:
    """Return every target that has a receipt, whole or damaged.

    The records of finished steps (`records`) and the team's word on findings (`decisions`) lie in
    the same folder and are none.
    """
    folder = root / FOLDER
    found = sorted(
        Path(here, name)
        for here, _, names in paths.walk(folder)
        for name in names
        if name.endswith(".json")
    )
    return [
        file.relative_to(folder).as_posix().removesuffix(".json")
        for file in found
        if not (file.parent.parent == folder and _is_of_another(root, file))
    ]


def _is_of_another(root: Path, file: Path) -> bool:
    if file.parent.name not in ("steps", "findings"):
        return False
    name = f"{FOLDER}/{file.parent.name}/{file.name}"
    try:
        return not is_receipt(project_files.read(root, name, project_files.RECORD))
    except (OSError, UserError):
        return False


def is_receipt(data: bytes) -> bool:
    """Whether a file of the folder is a receipt, and not of those who share the folder."""
    return b'"target"' in data


def read(root: Path, target: str) -> Receipt | None:
    """Return the receipt of `target`, or None where there is none.

    Raises UserError, naming the file and the way out, for one that is damaged, cut
    short, in the middle of a merge, of a newer schema, or of another target.
    """
    where = f"{FOLDER}/{target}.json"
    data = project_files.read_any(root, where, project_files.RECORD)
    return None if data is None else parse(data, target, where)


def parse(data: bytes, target: str, where: str) -> Receipt:
    """Return the receipt in `data`. Raises UserError as `read` does."""
    if b"<<<<<<<" in data or b">>>>>>>" in data:
        raise UserError(
            f"{where} holds conflict markers; keep either side whole: git checkout --ours {where}"
        )
    way_out = f"restore it (git checkout {where}) or delete it: the store knows what was made"
    try:
        raw = json.loads(data)
        if raw["schema"] > SCHEMA:
            raise UserError(
                f"{where} was written by a newer piste; update piste to read it, or, if nobody "
                f"has a newer one, it is damaged: git checkout {where}"
            )
        receipt = Receipt(
            raw["target"], raw["rule"], raw["action"], raw["inputs"], raw["output"],
            raw.get("hand", False), raw.get("forgotten", False),
            raw.get("base", ""), raw.get("amended", 0),
        )  # fmt: skip
        sound = _is_sound(receipt) and raw["key"] == receipt.key
    except UserError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{where} is damaged; {way_out}") from None
    if not sound:
        raise UserError(f"{where} does not agree with its own key; {way_out}")
    if receipt.target != target:
        raise UserError(f"{where} is the receipt of {receipt.target!r:.80}; {way_out}")
    if raw.get("seal") != _seal(raw):
        raise UserError(f"{where} is damaged; {way_out}")
    return receipt


def write(root: Path, receipt: Receipt) -> None:
    """Write the receipt, unless it stands there word for word. Raises OSError.

    Durably where it is a person's word. After a making the receipt of before is as good when
    power is lost: target and reply are on the disk, and the next run adopts them.
    """
    where = path(root, receipt.target)
    data = dump(receipt)
    paths.inside(root, where.parent, f"{FOLDER}/{receipt.target}.json")
    try:
        there = project_files.read(root, f"{FOLDER}/{receipt.target}.json", project_files.RECORD)
        if there.replace(b"\r\n", b"\n") == data:
            return
    except (OSError, UserError):
        pass  # it is written anew
    atomic_write.write(where, data, sync_folder=receipt.hand)


def dump(receipt: Receipt) -> bytes:
    """Return the receipt as it stands in its file."""
    raw: dict[str, Any] = {"schema": SCHEMA, "key": receipt.key, **receipt._asdict()}
    for mark in ("hand", "forgotten", "base", "amended"):
        if not raw[mark]:
            del raw[mark]
    raw["seal"] = _seal(raw)
    return (json.dumps(raw, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


def forget(root: Path, target: str) -> bool:
    """Mark the receipt of `target` as forgotten; return whether one was believed. Raises OSError.

    It is not deleted: nobody could tell then what piste made from what a person wrote. One that
    cannot be read is, since it says nothing.
    """
    where = path(root, target)
    there = os.path.lexists(where)
    paths.inside(root, where.parent, f"{FOLDER}/{target}.json")
    try:
        receipt = read(root, target)
    except UserError:
        atomic_write.remove(where)
        return there
    if receipt is None or receipt.forgotten:
        return False
    write(root, receipt._replace(forgotten=True))
    return True


def _seal(raw: Mapping[str, Any]) -> str:
    # The key does not cover what came of it: without this, a bit that flips there would
    # pass for a person's edit, or a person's text for a model's.
    parts = {name: value for name, value in raw.items() if name != "seal"}
    return hashlib.sha256(canonical(parts).encode()).hexdigest()[:32]


def _is_sound(receipt: Receipt) -> bool:
    return (
        isinstance(receipt.target, str)
        and isinstance(receipt.rule, str)
        and paths.is_digest(receipt.output)
        and isinstance(receipt.hand, bool)
        and isinstance(receipt.forgotten, bool)
        and (receipt.base == "" or paths.is_digest(receipt.base))
        and type(receipt.amended) is int
        and isinstance(receipt.action, dict)
        and isinstance(receipt.inputs, dict)
        and all(v is None or paths.is_digest(v) for v in receipt.inputs.values())
    )
