"""In which commits a step is: by its record, which is in the commit that carries it out, and by the
trailer `Piste-Step`, which somebody may have put under a later one.

git is only asked to look. It does not know what a step is about, nor whether it is done.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from piste.engine import records
from piste.engine.records import Record
from piste.steps import testing
from piste.steps.progress import StepStatus
from piste.system import git
from piste.system.errors import Failed, UserError, in_one_line


class Commit(NamedTuple):
    """One commit, and what it has changed in the project."""

    hash: str
    subject: str
    paths: tuple[str, ...]

    @property
    def tests(self) -> tuple[str, ...]:
        """Return the tests that it has changed."""
        return tuple(path for path in self.paths if testing.is_test(path))


class _Said(NamedTuple):
    """A commit as git tells of it."""

    commit: Commit
    steps: tuple[str, ...]  # of its trailers
    plans: tuple[str, ...]
    blobs: Mapping[str, str]  # of the paths that it has changed


def of_steps(
    root: Path, links: Sequence[StepStatus], path: str, main: bool, branches: str
) -> dict[str, list[Commit]]:
    """Return the commits of each step of the plan at `path`, the oldest first, by its id.

    `main` tells whether it is the plan of which trailers speak that name none. There are none
    without git, or before the first commit.
    """
    revisions = _revisions(root, branches)
    if not revisions:
        return {}
    with_records = [*_log(root, revisions, paths=(records.FOLDER,))]
    named = [*_log(root, revisions, ("--grep=^Piste-Step: ",))]
    doing = _doing(root, with_records)
    oldest = (one.commit.hash for some in (with_records, named) for one in reversed(some))
    order = list(dict.fromkeys(oldest))
    whole = {one.commit.hash: one for one in _log(root, [], ("--no-walk",), (), order)}
    found: dict[str, list[Commit]] = {}
    for link in links:
        own = {*doing.get(_identity(link.record), ())} if link.record else set()
        own |= {
            one.commit.hash for one in named
            if link.step.id in one.steps and _speaks_of(whole[one.commit.hash], link, path, main)
        }  # fmt: skip
        found[link.step.id] = [whole[name].commit for name in order if name in own]
    return found


def _revisions(root: Path, branches: str) -> list[str]:
    """The commits to look from: where the person stands, and finished steps not merged yet."""
    with contextlib.suppress(Failed, UserError):
        repo = git.find(root, branches)
        names = (repo.head, git.commit_of(root, f"refs/heads/{repo.line}"))
        return [name for name in names if name]
    return []


def _speaks_of(said: _Said, link: StepStatus, path: str, main: bool) -> bool:
    """Whether a commit whose trailer has the step's id means this step, and not one of before."""
    if said.plans and path not in said.plans:
        return False
    if not said.plans and not main:
        return False
    title = in_one_line(link.step.title)
    ours = any(name.startswith(f"{records.FOLDER}/") for name in said.commit.paths)
    return not ours or bool(title and title[:40] in said.commit.subject)


def _log(
    root: Path,
    revisions: Sequence[str],
    options: Sequence[str] = (),
    paths: Sequence[str] = (),
    hashes: Iterable[str] | None = None,
) -> Iterator[_Said]:
    """Yield commits, the newest first, with what they have changed below the project's folder."""
    trailers = (f"%(trailers:key={key},valueonly,separator=%x1e)" for key in _TRAILERS)
    form = "%x01%H%x1f" + "%x1f".join(trailers) + "%x1f%s"
    more = ("--stdin",) if hashes is not None else ()
    data = None if hashes is None else "".join(f"{name}\n" for name in hashes).encode()
    if data == b"":
        return
    asked = ("log", "-z", "--raw", "--no-abbrev", "--no-renames", "--relative", "--root",
             f"--format={form}", *options, *more, *revisions, "--", *paths)  # fmt: skip
    out = git.git(root, *asked, env={"GIT_LITERAL_PATHSPECS": "1"}, data=data, look=True)
    head: list[str] = []
    blobs: dict[str, str] = {}
    fields = iter(out.split("\0"))
    for field in fields:
        text = field.lstrip("\n")
        if text.startswith(":"):
            blobs[next(fields, "")] = text.split()[3]
        elif text.startswith("\x01"):
            if head:
                yield _said(head, blobs)
            head, blobs = text[1:].split("\x1f", 3), {}
    if head:
        yield _said(head, blobs)


_TRAILERS = ("Piste-Step", "Piste-Plan")


def _said(head: Sequence[str], blobs: Mapping[str, str]) -> _Said:
    name, steps, plans, subject = head
    split = [tuple(filter(None, some.split("\x1e"))) for some in (steps, plans)]
    return _Said(Commit(name, subject, tuple(blobs)), split[0], split[1], blobs)


def _identity(record: Record) -> Record:
    """A record without what may change though the doing is the same."""
    return record._replace(ticked=())


def _doing(root: Path, said: Sequence[_Said]) -> dict[Record, list[str]]:
    """The commits that each record came with, not those that only gave it another file."""
    folder = f"{records.FOLDER}/"
    blobs = {
        blob: path for one in said for path, blob in one.blobs.items()
        if path.startswith(folder) and path.endswith(".json") and blob.strip("0")
    }  # fmt: skip
    read = _records(root, blobs)
    there: dict[str, Record] = {}
    found: dict[Record, list[str]] = {}
    for one in reversed(said):
        before = {*there.values()}
        for path, blob in one.blobs.items():
            there.pop(path, None)
            if blob in read:
                there[path] = read[blob]
        for record in {*there.values()} - before:
            found.setdefault(record, []).append(one.commit.hash)
    return found


def _records(root: Path, blobs: Mapping[str, str]) -> dict[str, Record]:
    """The records in these blobs of git; those that cannot be read are left out."""
    if not blobs:
        return {}
    ids = "".join(f"{blob}\n" for blob in blobs).encode()
    data = os.fsencode(git.git(root, "cat-file", "--batch", data=ids, look=True))
    at = 0
    found: dict[str, Record] = {}
    for blob, path in blobs.items():
        line, _, _ = data[at:].partition(b"\n")
        at += len(line) + 1
        words = line.split()
        if len(words) != 3:
            continue  # a clone without this blob
        size = int(words[2])
        with contextlib.suppress(UserError):
            found[blob] = _identity(records.parse(data[at : at + size], path))
        at += size + 1
    return found
