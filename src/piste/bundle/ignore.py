"""Which names are left out: one list of gitignore lines, the last match wins.

The order: the defaults; what a `.gitignore` brings back by `!`; the secret files; the lines of
`.ignore`, `.repomixignore` and `.pisteignore`, the root's first, then the folders';
`bundle.ignore`.
A name that is asked for exactly (on the command line, or as a whole path in
`bundle.include` or as `!path` in `bundle.ignore`) is always in.

pathspec does the matching. Against git's rule it lets a line bring back a file below a
folder that an earlier line left out, which is what one wants of one list. It does not know
what git lists: that is `listing`'s.
"""

import re
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from piste.bundle.defaults import GROUPS, SECRET_FILES
from piste.bundle.escapes import quote
from piste.bundle.gitignore import CLASSES
from piste.bundle.settings import OWN_PATTERN_FILES, PATTERN_FILES, Settings
from piste.system.errors import UserError
from piste.system.file_reader import Folders, read

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_WILD = frozenset("*?[\\")
_ODD = _WILD | {"\ufffd"}  # which stands for any byte that is not UTF-8
_CLASS = re.compile(r"\[:(\w+):\]")
_MOST = 1 << 20  # bytes of an ignore file: beyond it, it is none


class Line(NamedTuple):
    """One pattern, anchored at the root, and where it stands."""

    pattern: str
    source: str
    group: str = ""  # of a default


class Left(NamedTuple):
    """What the patterns left out: name, and the index of the line that did it."""

    name: bytes
    line: int


def matchable(name: bytes) -> str:
    """Return a name as the patterns see it: what is not UTF-8 is U+FFFD."""
    return name.decode("utf-8", "replace")


def anchored(pattern: str, folder: str) -> str:
    """Return a gitignore line of a folder's file as a line of the root's.

    >>> anchored("!*.log", "a/b")
    '!/a/b/**/*.log'
    """
    if not folder or not pattern.strip() or pattern.startswith("#"):
        return pattern
    mark, body = ("!", pattern[1:]) if pattern.startswith("!") else ("", pattern)
    deep = "" if "/" in body.rstrip().rstrip("/") else "**/"
    base = "".join(f"\\{char}" if char in _WILD else char for char in folder)
    return f"{mark}/{base}/{deep}{body.removeprefix('/')}"


def lines_of(root: str, names: Iterable[bytes], only_back: bool = False) -> list[Line]:
    """Read the lines of the given ignore files; `only_back`: only those that begin with `!`."""
    found: list[Line] = []
    with closing(Folders(root)) as folders:
        for name in names:
            text = read(folders, name, _MOST).data.decode("utf-8-sig", "replace")
            folder = matchable(name.rpartition(b"/")[0])
            for number, line in enumerate(text.split("\n"), 1):
                if line.startswith("!") or not only_back:
                    where = f"{quote(name)}, line {number}"
                    found.append(Line(anchored(line.rstrip("\r"), folder), where))
    return found


def text_of(root: str, name: bytes) -> bytes:
    """Return the bytes of an ignore file; none of one that is too large or no plain file."""
    with closing(Folders(root)) as folders:
        return read(folders, name, _MOST).data


def gather(root: str, settings: Settings, names: Sequence[bytes]) -> list[Line]:
    """Return every line that applies, in its order."""
    groups = [group for group in GROUPS if settings.defaults and group != SECRET_FILES]
    lines = [Line(p, "the defaults", group) for group in groups for p in GROUPS[group]]
    base = {name: name.rpartition(b"/")[2] for name in names if name.endswith(b"ignore")}
    special = sorted(
        (n for n in base if base[n] in PATTERN_FILES), key=lambda n: (n.count(b"/"), n)
    )
    lines += lines_of(root, (n for n in special if base[n] == b".gitignore"), only_back=True)
    lines += [Line(p, "the defaults", SECRET_FILES) for p in GROUPS[SECRET_FILES]]
    own = {file.encode() for file in OWN_PATTERN_FILES} - set(special)
    lines += lines_of(root, [*sorted(own), *(n for n in special if base[n] != b".gitignore")])
    lines += [
        Line(pattern, f"bundle.ignore, entry {number}")
        for number, pattern in enumerate(settings.ignore, 1)
    ]
    return lines


class _Glance:
    """A quick look at names: which of them some line could match at all.

    A line's last part must match a part of the path, whatever else the line says. Most are a
    name, `*.ending` or `start*`, and most names have no such part. pathspec is asked about
    the others: it needs longer for a name than to read the file.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        exact: set[bytes] = set()
        starts: list[bytes] = []
        ends: list[bytes] = []
        self._all = False
        for line in lines:
            if not line.pattern.strip() or line.pattern.startswith("#"):
                continue
            last = line.pattern.rstrip().rstrip("/").rpartition("/")[2].removeprefix("!")
            plain = last.strip("*")
            if not plain or _ODD & set(plain) or line.pattern[0].isspace():
                self._all = True  # a class, an escape, a star inside: not worth understanding
            elif last == plain:
                exact.add(plain.encode())
            elif last == f"*{plain}":
                ends.append(plain.encode())
            elif last == f"{plain}*":
                starts.append(plain.encode())
            else:
                self._all = True
        self._exact, self._starts, self._ends = exact, tuple(starts), tuple(ends)
        self._folders: dict[bytes, bool] = {b"": False}

    def sees(self, name: bytes) -> bool:
        """Whether a line could match the name."""
        folder, _, base = name.rpartition(b"/")
        found = self._folders.get(folder)
        if found is None:
            found = self._folders[folder] = any(map(self._part, folder.split(b"/")))
        return found or self._part(base)

    def _part(self, part: bytes) -> bool:
        return (
            self._all
            or part in self._exact
            or part.endswith(self._ends)
            or part.startswith(self._starts)
        )


def compiled(lines: Sequence[Line]) -> "GitIgnoreSpec":
    """Return the matcher of the lines. Raises UserError, which names the line that is wrong."""
    import re2
    from pathspec import GitIgnoreSpec
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    patterns = []
    for line in lines:
        try:
            pattern = GitIgnoreSpecPattern(_CLASS.sub(_ranges, line.pattern))
            if pattern.regex is not None:
                re2.compile(pattern.regex.pattern)  # as the matcher will; it says less
        except Exception as error:  # its own error, and others for a range such as [z-a]
            raise UserError(
                f"{line.source}: {line.pattern!r} is not a gitignore pattern; mend or remove it"
            ) from error
        patterns.append(pattern)
    return GitIgnoreSpec(patterns)


def _ranges(named: re.Match[str]) -> str:
    """A class such as `[:alpha:]`, which pathspec does not know, as ranges."""
    return CLASSES[named[1].encode()].decode() if named[1].encode() in CLASSES else named[0]


def exact(settings: Settings, paths: Sequence[str]) -> set[bytes]:
    """Return the names that are asked for exactly; some of them may be folders."""
    back = [line[1:] for line in settings.ignore if line.startswith("!")]
    named = [*settings.include, *(line for line in back if "/" in line.rstrip("/"))]
    # A path of the command line is a name, whatever is in it: `app/[slug]/page.tsx`. A line of the
    # settings with a bracket is a pattern, and may be such a name as well.
    asked = [*paths, *(line for line in named if not {"*", "?"} & set(line))]
    return {line.strip("/").encode("utf-8", "surrogateescape") for line in asked if line.strip("/")}


def split(
    root: str, settings: Settings, names: Sequence[bytes], paths: Sequence[str]
) -> tuple[list[bytes], list[Left], list[Line]]:
    """Split the listed names into those to pack and those left out by a line.

    `paths` narrows to files and folders. What `bundle.include` does not name is in neither.
    Raises UserError for a bad pattern.
    """
    asked = exact(settings, paths)
    lines = [line for line in gather(root, settings, names) if not _shadows(line, asked)]
    # The project's own lines are checked even where no name needs them.
    ignored = compiled(lines) if any(not line.group for line in lines) else None
    glance = _Glance(lines)
    include = [Line(p, f"bundle.include, entry {n}") for n, p in enumerate(settings.include, 1)]
    included = compiled(include) if include else None
    inside = tuple(f"{path.strip('/')}/".encode("utf-8", "surrogateescape") for path in paths)
    packed: list[bytes] = []
    left: list[Left] = []
    for name in names:
        if name in asked:
            packed.append(name)
            continue
        if inside and not name.startswith(inside):
            continue
        if included is not None and not included.match_file(matchable(name)):
            continue
        if glance.sees(name):
            ignored = ignored or compiled(lines)
            result = ignored.check_file(matchable(name))
            if result.include:
                left.append(Left(name, result.index or 0))
                continue
        packed.append(name)
    return packed, left, lines


def _shadows(line: Line, asked: set[bytes]) -> bool:
    """Whether a default hides a folder that is asked for by name (`vendor/` and vendor/mine)."""
    if not line.group or line.group == SECRET_FILES or not asked:
        return False
    spec = compiled([line])
    return any(spec.match_file(f"{matchable(name)}/") for name in asked)
