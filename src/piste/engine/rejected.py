"""Replies that were paid for and are no results, kept aside with the reason.

Two files a reply in `.piste/rejected/`: the text as it came, and why. They are for
the person's eyes; the newest one of a target also says that its last try failed.
"""

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple

from piste.engine import log
from piste.system import atomic_write, project_files
from piste.system.errors import UserError
from piste.system.paths import STATE

FOLDER = f"{STATE}/rejected"


class Rejected(NamedTuple):
    """Why the newest rejected reply of a target was no result."""

    key: str
    reason: str
    file: str  # project-relative, the text as it came


def put(root: Path, target: str, key: str, text: str, reason: str) -> str:
    """Keep a reply aside; return its project-relative path. Raises OSError."""
    data = text.encode("utf-8", "replace")
    stamp = log.now().replace(":", "").replace("-", "")
    name = f"{target.replace('/', '__')}.{stamp}-{hashlib.sha256(data).hexdigest()[:8]}"
    file = f"{FOLDER}/{name}.md"
    atomic_write.write(root / file, data)
    about = {"target": target, "key": key, "reason": reason, "file": file}
    atomic_write.write(root / FOLDER / f"{name}.json", json.dumps(about, indent=1).encode())
    return file


def last(root: Path, target: str) -> Rejected | None:
    """Return the newest rejected reply of `target`, or None."""
    stem = target.replace("/", "__") + "."
    try:
        names = [n for n in os.listdir(root / FOLDER) if n.startswith(stem) and n.endswith(".json")]
    except OSError:
        return None
    for name in sorted(names, reverse=True):
        with contextlib.suppress(
            OSError, UserError, ValueError, KeyError, TypeError, RecursionError
        ):
            about = json.loads(project_files.read(root, f"{FOLDER}/{name}", project_files.RECORD))
            if about["target"] == target:
                return Rejected(about["key"], about["reason"], about["file"])
    return None
