"""What a model or a person needs around a step: the tree, the files that are named, the spec.

Files are framed as in a bundle, secrets masked, never read through a symlink or out of the
folder. Which files matter is guessed from names in a text (a prompt, a traceback). This
module knows no plan and no agent.
"""

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from piste.system import git_look

MOST_FILES = 20_000  # that a listing looks at
_MOST_NAMES = 400  # that a tree shows
_MOST_FILE = 60_000  # bytes of one file that are shown
_PATH = re.compile(r"[\w@+-][\w@+./\\-]*|[.][\w][\w@+./\\-]*")
_SKIPPED = {"node_modules", "__pycache__", "venv", "dist", "build", "target"}  # without git


def files(root: Path) -> list[str]:
    """Return the project-relative names of the files in `root`, sorted, without ignored ones."""
    command = [
        "git",
        *git_look.OPTIONS,
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    try:
        done = subprocess.run(
            command, cwd=root, env=git_look.environment(), stdin=subprocess.DEVNULL,
            capture_output=True, check=True,
        )  # fmt: skip
        names = {os.fsdecode(name) for name in done.stdout.split(b"\0") if name}
    except (OSError, subprocess.CalledProcessError):
        names = set(_walked(root))
    found = sorted(name for name in names if not name.startswith(".piste/"))
    return found[:MOST_FILES]


def _walked(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = [one for one in folders if one not in _SKIPPED and not one.startswith(".")]
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")


def tree(names: Sequence[str]) -> str:
    """Return the names as a tree, cut where they are many."""
    from piste.bundle import frame

    shown = names[:_MOST_NAMES]
    text = frame.tree([os.fsencode(name) for name in shown]).decode()
    left = len(names) - len(shown)
    return text + (f"… and {left:,} more files\n" if left else "")


def named(text: str, root: Path, known: Sequence[str], most: int = 30) -> list[str]:
    """Return the files of `known` that a text names, in the order of their first mention.

    A path counts as it is, absolute below `root`, or with folders missing in front where
    only one file ends so; a bare name counts where only one file has it.
    """
    endings: dict[str, list[str]] = {}
    for name in known:
        parts = name.split("/")
        for at in range(len(parts)):
            endings.setdefault("/".join(parts[at:]), []).append(name)
    found: dict[str, None] = {}
    for top in (str(root), os.path.realpath(root)):
        text = text.replace(top + os.sep, "")
    for word in _PATH.findall(text):
        path = word.replace("\\", "/").rstrip(".:-").removeprefix("./")
        for part in _shorter(path):
            if len(same := endings.get(part, [])) == 1:
                found[same[0]] = None
                break
            if part in same:
                found[part] = None
                break
        if len(found) >= most:
            break
    return list(found)


def _shorter(path: str) -> Iterator[str]:
    """The path, then without one folder in front after the other; not down to the bare name."""
    yield path
    parts = path.split("/")
    for at in range(1, len(parts) - 1):
        yield "/".join(parts[at:])


def around(root: Path, names: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the files, then those of `known` that they import: a test with what it tests."""
    from piste.bundle import imports

    there = [os.fsencode(name) for name in known]
    needed = imports.needed(str(root), there, [os.fsencode(name) for name in names])
    return list(dict.fromkeys([*names, *sorted(map(os.fsdecode, needed))]))


def framed(root: Path, names: Iterable[str], most: int = 120_000) -> str:
    """Return the files, each in a frame that its content cannot close; "" where there are none.

    `most` bounds the bytes in all. A file that is no text, too large, secret or not there is
    named with the reason.
    """
    from piste.bundle import formats
    from piste.bundle.escapes import quote
    from piste.system import file_reader

    parts: list[bytes] = []
    left = most
    folders = file_reader.Folders(str(root))
    try:
        for name in names:
            raw = os.fsencode(name)
            body, marks = _body(folders, raw, min(left, _MOST_FILE))
            left -= len(body)
            parts.append(formats.block("xml", formats.FILE, {"path": quote(raw), **marks}, body))
    finally:
        folders.close()
    return b"".join(parts).decode()


def _body(folders: object, name: bytes, most: int) -> tuple[bytes, dict[str, str]]:
    from piste.bundle import encoding, escapes
    from piste.system import file_reader, secrets

    if _secret(os.fsdecode(name)):
        return b"", {"omitted": "a secret file"}
    if most <= 0:
        return b"", {"omitted": "there is no more room"}
    assert isinstance(folders, file_reader.Folders)
    got = file_reader.read(folders, name, _MOST_FILE * 4)
    if got.kind != file_reader.FILE:
        return b"", {"omitted": _why(got.kind)}
    decoded = encoding.decode(got.data)
    if decoded is None:
        return b"", {"omitted": "it is no text"}
    body = secrets.mask(decoded.body, secrets.find(decoded.body))
    if escapes.hidden(body):
        body = escapes.show(body.decode()).encode()
    if len(body) > most:
        end = body.rfind(b"\n", 0, most) + 1 or most
        return body[:end].decode("utf-8", "ignore").encode(), {"cut": f"of {len(body):,} bytes"}
    return body, {}


def _why(kind: int) -> str:
    from piste.system import file_reader

    said = {
        file_reader.SYMLINK: "it is a symlink",
        file_reader.FOLDER: "it is a folder",
        file_reader.VANISHED: "it is not there",
        file_reader.LARGE: "it is too large",
    }
    return said.get(kind, "it cannot be read")


def _secret(name: str) -> bool:
    from pathspec import GitIgnoreSpec

    from piste.bundle.defaults import GROUPS, SECRET_FILES

    return bool(GitIgnoreSpec.from_lines(GROUPS[SECRET_FILES]).match_file(name))
