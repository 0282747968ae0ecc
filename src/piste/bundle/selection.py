"""Which names are looked at: what is listed, less what the patterns and the question leave out.

It puts `listing` and `ignore` together and says what was left out and by what. It does not
know what a file holds.
"""

import os
import stat
from collections.abc import Sequence
from typing import NamedTuple

from piste.bundle import ignore, manifest
from piste.bundle.escapes import quote
from piste.bundle.ignore import Left, Line
from piste.bundle.listing import Listing, Prune
from piste.bundle.report import IGNORED
from piste.bundle.settings import OWN_PATTERN_FILES, PATTERN_FILES, Settings
from piste.system.errors import UserError, printable
from piste.system.file_reader import Stamp

SPECIAL = "special file"


class Selection(NamedTuple):
    """What a run looks at, and what it need not."""

    names: list[bytes]
    left: list[tuple[str, str, list[str]]]  # reason, pattern, names as shown
    watched: dict[str, Stamp]  # files that decided it and are not among the names
    whole: list[bytes]  # what would be looked at if nothing narrowed it; [] where nothing does


def choose(
    root: str,
    settings: Settings,
    listed: Listing,
    paths: Sequence[str],
    out_of_sight: Sequence[str],
) -> Selection:
    """Return the names to look at. Raises UserError for a bad pattern, or where none is left."""
    names = listed.names
    asked = _named(settings, paths, out_of_sight)
    if more := _asked_for(root, listed, asked):
        names = sorted([*names, *more])
    packed, left, lines = ignore.split(root, settings, names, paths)
    if not packed:
        raise _nothing(root, settings, left, lines, paths, out_of_sight)
    grouped = _grouped(left, lines)
    if listed.specials:
        grouped.append((SPECIAL, "", [quote(name) for name in listed.specials]))
    if listed.pruned:
        grouped.append(("ignored folder", "", [f"{quote(name)}/" for name in listed.pruned]))
    if listed.nested:
        grouped.append(("submodule", "", [quote(name) for name in listed.nested]))
    absent = asked - set(names) if asked else asked
    watched = _watched(root, settings, names, set(packed), absent)
    return Selection(packed, grouped, watched, _whole(root, settings, names, paths, packed))


def _whole(
    root: str,
    settings: Settings,
    names: Sequence[bytes],
    paths: Sequence[str],
    packed: Sequence[bytes],
) -> list[bytes]:
    """What the patterns leave in, whatever `paths` and `bundle.include` narrow it to."""
    if not paths and not settings.include:
        return []
    every = ignore.split(root, settings._replace(include=()), names, ())[0]
    return sorted({*every, *packed})


def pruner(root: str, settings: Settings, paths: Sequence[str]) -> Prune:
    """Return the test by which the walk without git passes over a folder (given with `/`).

    Nothing is passed over where something below might be brought back.
    """
    lines = ignore.gather(root, settings, ())
    back = any(line.pattern.startswith("!") for line in lines if not line.group)
    if back or ignore.exact(settings, paths):
        return lambda _: False
    spec = ignore.compiled(lines)
    return spec.match_file


def _asked_for(root: str, listed: Listing, asked: set[bytes]) -> list[bytes]:
    """Return the files that are asked for by name and were not listed, as git ignores them."""
    found: list[bytes] = []
    for name in asked - set(listed.names) if asked else ():
        try:
            if stat.S_ISREG(os.lstat(os.path.join(os.fsencode(root), name)).st_mode):
                found.append(name)
        except (OSError, ValueError):
            continue
    return found


def _named(settings: Settings, paths: Sequence[str], out_of_sight: Sequence[str]) -> set[bytes]:
    """Return the names that are asked for exactly, less what is not there for the bundle."""
    hidden = {path.encode("utf-8", "surrogateescape") for path in out_of_sight}
    folders = tuple(path for path in hidden if path.endswith(b"/"))
    return {
        name
        for name in ignore.exact(settings, paths) - hidden
        if not (folders and name.startswith(folders)) and b".." not in name.split(b"/")
    }


def _grouped(left: Sequence[Left], lines: Sequence[Line]) -> list[tuple[str, str, list[str]]]:
    """Group what was left out by the line that did it, in the order of the lines."""
    by_line: dict[int, list[str]] = {}
    for name, line in left:
        by_line.setdefault(line, []).append(quote(name))
    return [
        (lines[line].group or IGNORED, lines[line].pattern, names)
        for line, names in sorted(by_line.items())
    ]


def specials(root: str, names: Sequence[bytes]) -> list[bytes]:
    """Return the FIFOs, sockets and devices beside the names: git does not list them."""
    base = os.fsencode(root)
    found = []
    for folder in sorted({name.rpartition(b"/")[0] for name in names} | {b""}):
        try:
            with os.scandir(os.path.join(base, folder)) as entries:
                found += [
                    os.path.join(folder, entry.name)
                    for entry in entries
                    if not (
                        entry.is_file(follow_symlinks=False)
                        or entry.is_dir(follow_symlinks=False)
                        or entry.is_symlink()
                    )
                ]
        except OSError:
            continue  # said by git, or of each file in it
    return sorted(set(found) - set(names))


def _watched(
    root: str, settings: Settings, names: Sequence[bytes], packed: set[bytes], absent: set[bytes]
) -> dict[str, Stamp]:
    """Return the stamps of what decides the names and is none of them; `absent` may come."""
    inside = {name for name in names if name.rpartition(b"/")[2] in PATTERN_FILES} - packed
    own = {*map(os.fsdecode, inside | absent), *OWN_PATTERN_FILES}
    if settings.instruction:
        own.add(settings.instruction)
    return {name: manifest.stamp(os.path.join(root, name)) for name in sorted(own)}


def _nothing(
    root: str,
    settings: Settings,
    left: Sequence[Left],
    lines: Sequence[Line],
    paths: Sequence[str],
    out_of_sight: Sequence[str],
) -> UserError:
    where = " and ".join(map(printable, paths)) or root
    for path in paths:
        if path == settings.instruction:
            return UserError(f"{printable(path)} is the instruction, which ends a bundle already")
        if path in out_of_sight:
            return UserError(
                f"{printable(path)} is made by piste, and what it makes is never packed"
            )
        if not os.path.lexists(os.path.join(root, path)):
            return UserError(f"{printable(path)} is not there; name a file or folder of {root}")
    if not left and settings.include:
        return UserError(f"no file in {where} matches bundle.include; widen it")
    if not left:
        return UserError(f"there is no file to pack in {where}")
    counts: dict[int, int] = {}
    for one in left:
        counts[one.line] = counts.get(one.line, 0) + 1
    most = lines[max(counts, key=lambda line: (counts[line], -line))]
    return UserError(
        f"all {len(left)} files in {where} are left out, most by {most.pattern!r} "
        f'({most.source}); add "!{most.pattern}" to bundle.ignore to bring them back'
    )
