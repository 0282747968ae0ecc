"""A seal by which piste knows what it has written itself, for this person, in this folder.

What lies in a project may have come along with it, in an archive or by a pull, and may say that
somebody agreed to something, or where a branch is to go. So what is acted upon bears a seal: an
HMAC with a key of the person's own, over the text and the real path of the folder. The key is
made once and kept beside the answers of `trust`:

    ~/.local/state/piste/key    32 random bytes, for this account alone

Where it cannot be kept, a seal holds for this process alone. It does not know what is sealed.
"""

import contextlib
import functools
import hashlib
import hmac
import os
from pathlib import Path

from piste.system import file_reader, person

_SIZE = 32  # bytes


def place() -> Path:
    """Return where the key is, or would be."""
    return person.folder("XDG_STATE_HOME", ".local/state") / "piste" / "key"


def seal(root: Path, text: str) -> str:
    """Return the seal of a text that lies in the project at `root`, in hex."""
    said = os.fsencode(os.path.realpath(root)) + b"\0" + text.encode("utf-8", "surrogatepass")
    return hmac.new(_key(place()), said, hashlib.sha256).hexdigest()


def holds(root: Path, text: str, found: object) -> bool:
    """Whether `found` is the seal of a text in this folder."""
    return isinstance(found, str) and hmac.compare_digest(
        seal(root, text).encode(), found.encode("utf-8", "replace")
    )


@functools.cache
def _key(path: Path) -> bytes:
    with contextlib.suppress(OSError):
        if not os.path.lexists(path):
            _make(path)
        if len(found := file_reader.beginning(path, _SIZE)) == _SIZE:
            return found
    return os.urandom(_SIZE)


def _make(path: Path) -> None:
    """Keep a new key, whole or not at all; one that another process has kept meanwhile stays."""
    os.makedirs(path.parent, exist_ok=True)
    new = path.with_name(f"key-{os.urandom(8).hex()}")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(fd, os.urandom(_SIZE))
        os.fsync(fd)
        with contextlib.suppress(FileExistsError):
            os.link(new, path)
    finally:
        os.close(fd)
        os.unlink(new)
