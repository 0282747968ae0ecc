"""What a model or a person needs around a step: the tree, the files that are named, the spec.

Files are framed as in a bundle, secrets masked, never read through a symlink or out of the
folder. Which files matter is guessed from names in a text (a prompt, a traceback). This
module knows no plan and no agent.
"""

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from piste.system import git_look, paths

# The door that words leave by: from a file's name and text, the text as it may leave.
Clear = Callable[[str, str], str]

MOST_FILES = 20_000  # that a listing looks at
_MOST_NAMES = 400  # lines of a tree
_MOST_IN_FOLDER = 100  # files of one folder that a tree names
_MOST_FILE = 60_000  # bytes of one file that are shown
_MOST_READ = 16 << 20  # bytes of one file that lines are shown of
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
    for folder, folders, names in paths.walk(root):
        folders[:] = [one for one in folders if one not in _SKIPPED and not one.startswith(".")]
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")


def tree(names: Sequence[str]) -> str:
    """Return the names as a tree; where they are many, the deepest and largest folders closed.

    What is closed says how many files it holds, so that no part of a project is missing.
    """
    from piste.bundle import escapes

    top = _Folder()
    for name in names:
        *folders, base = escapes.quote(os.fsencode(name)).split("/")
        here = top
        for one in folders:
            here.count += 1
            here = here.folders.setdefault(one, _Folder())
        here.count += 1
        here.files.append(base)
    left = _MOST_NAMES
    level = [top]
    while level:  # level by level, the small ones first
        for folder in sorted(level, key=lambda one: one.rows):
            folder.open = folder.rows <= left or folder is top
            left -= folder.rows if folder.open else 0
        level = [one for folder in level if folder.open for one in folder.folders.values()]
    return "".join(f"{line}\n" for line in top.lines(""))


class _Folder:
    """A folder of a tree."""

    def __init__(self) -> None:
        self.folders: dict[str, _Folder] = {}
        self.files: list[str] = []
        self.count = 0  # files in it and below
        self.open = False

    @property
    def rows(self) -> int:
        """How many lines it takes when it is open."""
        return len(self.folders) + min(len(self.files), _MOST_IN_FOLDER)

    def lines(self, indent: str) -> Iterator[str]:
        """Yield what is in it."""
        for name in sorted([*self.folders, *self.files[:_MOST_IN_FOLDER]]):
            folder = self.folders.get(name)
            if folder is None:
                yield indent + name
            elif folder.open:
                yield f"{indent}{name}/"
                yield from folder.lines(f"{indent}  ")
            else:
                yield f"{indent}{name}/ ({folder.count:,} files)"
        if (left := len(self.files) - _MOST_IN_FOLDER) > 0:
            yield f"{indent}… and {left:,} more files here"


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


def around(root: Path, names: Sequence[str], known: Sequence[str], deep: int = 1) -> list[str]:
    """Return the files, then those of `known` that they import: a test with what it tests.

    `deep` is how far: with 2, what those import, too.
    """
    from piste.bundle import imports

    there = [os.fsencode(name) for name in known]
    found = dict.fromkeys(names)
    fresh = [name for name in names if name in known]
    for _ in range(deep):
        needed = imports.needed(str(root), there, [os.fsencode(name) for name in fresh])
        fresh = [name for name in sorted(map(os.fsdecode, needed)) if name not in found]
        found.update(dict.fromkeys(fresh))
    return list(found)


class Lines(NamedTuple):
    """Lines of a file, the first and the last."""

    name: str
    first: int
    last: int


_RANGE = re.compile(
    r"(?P<name>.+?)(?:\s*:|\s*#|\s)\s*(?:\(?lines?\s*)?"
    r"L?(?P<first>\d+)\s*(?:-|\N{EN DASH}|to|\.\.)\s*L?(?P<last>\d+)\)?",
    re.IGNORECASE,
)


def lines_of(root: Path, asked: str) -> "str | Lines":
    """Return what is asked for: a file, or with lines after its name (`a.py 200-400`) those."""
    found = _RANGE.fullmatch(asked)
    if found is None or (root / asked).exists():
        return asked
    first, last = sorted((int(found["first"]), int(found["last"])))
    return Lines(found["name"], max(first, 1), max(last, 1))


def is_shown(text: str, name: str) -> bool:
    """Whether a text holds the file's frame, with all of its content."""
    from piste.bundle.escapes import quote

    attributes = re.escape(f'path="{quote(os.fsencode(name))}"') + r'(?: end="no newline")?'
    return bool(re.search(rf"^<file(?:-\d+)? {attributes}>$", text, re.MULTILINE))


def framed(root: Path, names: "Iterable[str | Lines]", clear: Clear, most: int = 120_000) -> str:
    """Return the files, each in a frame that its content cannot close; "" where there are none.

    `clear` is the door that words leave by. `most` bounds the bytes in all. A file that is no
    text, secret or not there is named with the reason; of a long one some lines are shown, and
    which.
    """
    from piste.bundle import formats
    from piste.bundle.escapes import quote
    from piste.system import file_reader

    parts: list[bytes] = []
    left = most
    folders = file_reader.Folders(str(root))
    try:
        for name in names:
            part = name if isinstance(name, Lines) else Lines(name, 1, 0)
            raw = os.fsencode(part.name)
            body, marks = _body(folders, raw, min(left, _MOST_FILE), part, clear)
            left -= len(body)
            parts.append(formats.block("xml", formats.FILE, {"path": quote(raw), **marks}, body))
    finally:
        folders.close()
    return b"".join(parts).decode()


def texts(root: Path, names: Iterable[str], clear: Clear) -> Iterator[tuple[str, str]]:
    """Yield those files that are text and may be shown, with their text as it may leave."""
    from piste.system import file_reader

    folders = file_reader.Folders(str(root))
    try:
        for name in names:
            body, marks = _body(folders, os.fsencode(name), _MOST_READ, Lines(name, 1, 0), clear)
            if "omitted" not in marks:
                yield name, body.decode()
    finally:
        folders.close()


def _body(
    folders: object, name: bytes, most: int, part: Lines, clear: Clear
) -> tuple[bytes, dict[str, str]]:
    from piste.bundle import encoding, escapes
    from piste.system import file_reader

    if _secret(os.fsdecode(name)):
        return b"", {"omitted": "a secret file"}
    if most <= 0:
        return b"", {"omitted": "there is no more room"}
    assert isinstance(folders, file_reader.Folders)
    got = file_reader.read(folders, name, _MOST_READ)
    if got.kind != file_reader.FILE:
        return b"", {"omitted": _why(got.kind)}
    decoded = encoding.decode(got.data)
    if decoded is None:
        return b"", {"omitted": "it is no text"}
    body = clear(os.fsdecode(name), decoded.body.decode()).encode()
    if escapes.hidden(body):
        body = escapes.show(body.decode()).encode()
    return _cut(body, most, part)


def _cut(body: bytes, most: int, part: Lines) -> tuple[bytes, dict[str, str]]:
    """The lines of a body that are asked for, as far as there is room, and which they are."""
    if part.first == 1 and not part.last and len(body) <= most:
        return body, {}
    lines = body.splitlines(keepends=True)
    first = min(part.first, len(lines) or 1)
    shown: list[bytes] = []
    for line in lines[first - 1 : part.last or None]:
        most -= len(line)
        if most < 0 and shown:
            break
        shown.append(line)
    text = b"".join(shown)
    if most < 0 and len(shown) == 1:  # one line without end
        text = text[:most].decode("utf-8", "ignore").encode()
        return text, {"cut": f"of {len(body):,} bytes"}
    return text, {"lines": f"{first}-{first + len(shown) - 1} of {len(lines):,}"}


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
