"""A bundle, start to end: list, choose, make what changed, copy what did not, put it in place.

`pack` writes the target at once or not at all; `unchanged` is the cheap question before it.
The work itself is in the modules named here; this one knows their order and what one run
leaves for the next. It does not know the graph, nor how a report is shown.
"""

import contextlib
import importlib
import os
import stat
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from piste import __version__
from piste.bundle import listing, manifest
from piste.bundle.escapes import quote
from piste.bundle.listing import Listing
from piste.bundle.manifest import DROPPED, State, Table
from piste.bundle.own_lines import Own
from piste.bundle.settings import PATTERN_FILES, Settings, check, policy
from piste.system import atomic_write, caches, file_reader
from piste.system.errors import UserError, printable
from piste.system.file_reader import Stamp

if TYPE_CHECKING:
    from piste.bundle.blocks import Options
    from piste.bundle.cache import ScanCache
    from piste.bundle.outputs import Output, Section
    from piste.bundle.report import Report

_NONE: Mapping[str, Own] = {}
_SAME, _PATCHED, _NEW, _NOT = "same", "patched", "new", ""
_FOR_OTHER_NAMES = ("pathspec", "piste.bundle.selection", "piste.bundle.frame")
_LEFTOVER = 3600  # seconds after which a temporary file is one that a killed run left
# Rows that are worked out again in every run that is not the same as the last.
_UNSETTLED = {file_reader.UNREADABLE, file_reader.VANISHED, file_reader.CHANGING, DROPPED}


class PackRequest(NamedTuple):
    """What a bundle is asked to be: everything that decides its bytes beside the tree."""

    root: str
    settings: Settings
    target: str
    exclude: tuple[str, ...]
    paths: tuple[str, ...]
    own: tuple[tuple[str, Own], ...] = ()
    since: str | None = None
    diff: bool = False
    log: int = 0

    @property
    def key(self) -> str:
        """What must be equal for an old run's state to be of use."""
        import hashlib

        # Not what is out of sight: that shows in the listing.
        told = (__version__, self.settings, self.target, self.paths, self.own)
        return hashlib.sha256(repr(told).encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def of_history(self) -> bool:
        """Whether the bytes depend on git's history too, which no state holds."""
        return bool(self.since or self.diff or self.log)

    @property
    def out_of_sight(self) -> tuple[str, ...]:
        """Return the paths that are not there as far as the bundle goes.

        The instruction ends the bundle, and is not packed a second time.
        """
        instruction = self.settings.instruction
        own = (os.path.normpath(instruction),) if instruction else ()
        return (self.target, *self.exclude, *own)

    @property
    def narrowed(self) -> bool:
        """Whether a part of the repository is asked for, and not all that the patterns leave in."""
        return bool(self.paths or self.settings.include or self.since)


def unchanged(
    root: Path,
    settings: Settings,
    *,
    target: str = "output.txt",
    exclude: Sequence[str] = (),
    own: Mapping[str, Own] = _NONE,
    paths: Sequence[str] = (),
    cache_dir: Path,
) -> bool:
    """Whether the bundle that stands there is what `pack` with the same arguments would write.

    True only where the settings, the list of names, each file's stamp and the bundle's
    own are those of the last run. No file is read and nothing is written. Raises UserError
    where git refuses.
    """
    asked = _asked(root, settings, target, exclude, paths, own)
    if settings.command:
        return False  # what another packer would write is known to it alone
    old = manifest.load(manifest.file_of(cache_dir, target), asked.key)
    return old is not None and _look(asked, old).same


def pack(
    root: Path,
    settings: Settings,
    *,
    target: str = "output.txt",
    exclude: Sequence[str] = (),
    own: Mapping[str, Own] = _NONE,
    paths: Sequence[str] = (),
    cache_dir: Path,
    since: str | None = None,
    diff: bool = False,
    log: int = 0,
    write: bool = True,
    to: int | None = None,
    overwrite: bool = False,
    digest: bool = True,
    workers: int = 0,
    found: "Sequence[Output]" = (),
) -> "Report":
    """Pack the tree below `root` and return what was found.

    The text goes to `target` (project-relative); to the descriptor `to` instead where that is
    given; nowhere where `write` is false. An equal bundle is not written again. A target
    that is not a bundle is left alone unless `overwrite`. `exclude` are project-relative
    paths that are not there as far as the bundle goes (a folder ends in `/`), `own` lines of
    files, by their path, that are not; `paths`
    narrows to files and folders, `since` to what changed since a revision and what that
    imports; `diff` and `log` (commits) add git's. `digest` asks for the sha256 of the text.
    `workers`: processes; 0: by the machine. `found` is what the commands of `bundle.run`
    printed; one of which there is nothing stands there as not run. What a run can leave for the
    next goes to `cache_dir`, and may be deleted.

    Raises UserError (a wrong setting, pattern or path; nothing to pack; a secret, where secrets
    are refused), OverBudget, Failed (another packer failed) and OSError (a full disk); then
    the old bundle stands.
    """
    asked = _asked(root, settings, target, exclude, paths, own)
    asked = asked._replace(since=since, diff=diff, log=log)
    more = []
    if settings.run:
        from piste.bundle.outputs import sections

        more = sections(settings.run, found)
    run = _Run(asked, cache_dir, write, to, digest, workers, more)
    if run.writes:
        _may_write(asked, overwrite or bool(settings.command))
    if settings.command and run.writes:
        from piste.bundle.external import run_command

        return run_command(Path(asked.root), settings, target, exclude, cache_dir)
    if settings.compress:
        from piste.bundle.compress import require

        require()
    return run.go()


def _asked(
    root: Path,
    settings: Settings,
    target: str,
    exclude: Sequence[str],
    paths: Sequence[str],
    own: Mapping[str, Own],
) -> PackRequest:
    check(settings)
    top = os.path.abspath(root)
    for path in (target, *paths):
        if path.startswith("/") or ".." in path.split("/") or "\0" in path:
            raise UserError(f"{printable(path)} lies outside the project; name a path inside {top}")
    hidden, only = tuple(sorted(exclude)), tuple(sorted(set(paths)))
    return PackRequest(top, settings, target, hidden, only, tuple(sorted(own.items())))


def _may_write(asked: PackRequest, overwrite: bool) -> None:
    """Raise UserError where the target is something that a person may have made."""
    from piste.bundle.formats import is_bundle

    path = os.path.join(asked.root, asked.target)
    if os.path.isdir(path):
        raise UserError(f"{printable(asked.target)} is a folder; name another target")
    if overwrite or not os.path.lexists(path):
        return
    with contextlib.closing(file_reader.Folders(asked.root)) as folders:
        got = file_reader.read(folders, os.fsencode(asked.target), 256, cut=True)
    if got.kind != file_reader.FILE or (got.data.strip() and not is_bundle(got.data)):
        raise UserError(
            f"{printable(asked.target)} is there and is not a bundle of piste; "
            "move it away, name another target, or pass --overwrite"
        )


class _Look(NamedTuple):
    """What is seen before any file is read."""

    listed: Listing
    stamps: "array[int]"  # of the old run's names
    alike: bool  # the old run's names are to be packed, and no others
    same: bool  # the bundle that stands there is the one to write


def _look(asked: PackRequest, old: State | None, eager: bool = False) -> _Look:
    """List the names and, while git does that, look at what the last run knew.

    `eager`: where something is to be made, load meanwhile what that needs.
    """

    def prune() -> "listing.Prune":
        from piste.bundle.selection import pruner

        return pruner(asked.root, asked.settings, asked.paths)

    running = listing.start(asked.root)
    stamps: array[int] = array("q")
    alike = old is not None and not asked.of_history
    if old:
        stamps = manifest.stamps(os.fsencode(asked.root), old.table.names)
        alike = alike and all(_stamp(asked, name) == was for name, was in old.watched.items())
    if eager and (old is None or stamps != old.table.stamps):
        _load(asked, first=old is None)
    listed = listing.finish(running, asked.out_of_sight, asked.settings.submodules, prune)
    if old is None or not alike or listed.mark != old.mark:
        return _Look(listed, stamps, False, False)
    if stamps != old.table.stamps:
        return _Look(listed, stamps, not _patterns_changed(old.table, stamps), False)
    there = old.target != file_reader.NO_STAMP and old.target == _stamp(asked, asked.target)
    return _Look(listed, stamps, True, there)


def _load(asked: PackRequest, first: bool) -> None:
    """Load what making blocks needs, and `first` what choosing the names does."""
    from piste.bundle import assembly as assembly
    from piste.bundle.blocks import warm

    warm(_options(asked))
    if first:
        for name in _FOR_OTHER_NAMES:
            importlib.import_module(name)


def _patterns_changed(table: Table, stamps: "array[int]") -> bool:
    """Whether a file of patterns that is packed itself is not as the last run found it."""
    return any(
        stamps[4 * row : 4 * row + 4] != table.stamps[4 * row : 4 * row + 4]
        for row, name in enumerate(table.names)
        if name.rpartition(b"/")[2] in PATTERN_FILES
    )


def _stamp(asked: PackRequest, name: str) -> Stamp:
    return manifest.stamp(os.path.join(asked.root, name))


class _Base(NamedTuple):
    """A bundle whose blocks may be copied: its descriptor, its table, where blocks begin."""

    fd: int
    table: Table
    starts: list[int]  # of each row's block


class _Made(NamedTuple):
    """A bundle as it was written to a descriptor."""

    table: Table
    head: tuple[int, int]  # bytes, tokens
    tail: tuple[int, int]

    @property
    def tokens(self) -> int:
        """All of them: no token spans two blocks (see `forms.block`)."""
        packed = zip(self.table.tokens, self.table.lengths, strict=True)
        return self.head[1] + sum(count for count, length in packed if length) + self.tail[1]


class _EqualError(Exception):
    """The bundle that stands there is the one that was made."""


class _Run:
    """One run of `pack`: what it was asked, and what it found so far."""

    def __init__(
        self,
        asked: PackRequest,
        cache: Path,
        write: bool,
        to: int | None,
        digest: bool,
        workers: int,
        more: "list[Section]",
    ) -> None:
        self.asked = asked
        self.cache = cache
        self.writes = write and to is None  # the target
        self.to = to
        self.digest = digest
        self.workers = workers
        self.now = _now()  # files younger than two seconds now are not trusted
        self.known: ScanCache  # loaded when it is certain that something is to be made
        self.left: list[tuple[str, str, list[str]]] = []
        self.whole: list[bytes] = []  # the names of all, where the bundle is narrowed
        self.more = more  # further sections: what commands printed, diff, log
        self.beside: list[bytes] | None = None  # names whose folders git looked into for files only

    def go(self) -> "Report":
        """Do it."""
        from piste.bundle.report import of_state

        asked, settings = self.asked, self.asked.settings
        old = manifest.load(manifest.file_of(self.cache, asked.target), asked.key)
        look = _look(asked, old, eager=True)
        if look.same and old and self.to is None and (old.sha256 or not self.digest):
            return of_state(old, asked.target, _SAME if self.writes else _NOT, settings.tokens)
        from piste.bundle import cache

        names, watched = self._chosen(old, look)
        counts = settings.tokens or settings.secrets != "off"
        self.known = cache.load(self.cache, policy(settings)) if counts else cache.ScanCache()
        with self._base(old) as base:
            kept = self._kept(names, base, look.stamps)
            made, wrote, target, sha256 = self._put(names, base, kept)
        result = State(
            key=asked.key,
            mark=look.listed.mark,
            table=made.table,
            left=self.left,
            notes=look.listed.notes,
            watched=watched,
            target=target,
            head=made.head,
            tail=made.tail,
            sha256=sha256,
        )
        self._remember(result)
        return self._compared(of_state(result, asked.target, wrote, settings.tokens))

    def _compared(self, report: "Report") -> "Report":
        """Say so where what changed, with its diff, is more than all files as they are."""
        asked = self.asked
        if not (asked.since and asked.diff):
            return report
        diff = sum(len(body) for kind, _, body in self.more if kind == "diff")
        spared = sum(map(self._size, set(self.whole).difference(report.table.names)))
        if diff <= spared:
            return report
        line = (
            f"the diff ({diff:,} bytes) is more than the files that --since leaves out "
            f"({spared:,} bytes): the whole, without both, is smaller"
        )
        return report._replace(warnings=[*report.warnings, line])

    def _size(self, name: bytes) -> int:
        try:
            size = os.lstat(os.path.join(os.fsencode(self.asked.root), name)).st_size
        except OSError:
            return 0
        return min(size, self.asked.settings.max_file)

    def _chosen(self, old: State | None, look: _Look) -> tuple[list[bytes], dict[str, Stamp]]:
        """Return the names to pack, and the files beside them that decided it."""
        asked = self.asked
        if old and look.alike and not asked.narrowed:
            self.left = old.left
            return old.table.names, old.watched
        from piste.bundle.selection import choose

        chosen = choose(asked.root, asked.settings, look.listed, asked.paths, asked.out_of_sight)
        self.left = chosen.left
        self.beside = look.listed.names if look.listed.git else None
        self.whole = chosen.whole or (chosen.names if asked.narrowed else [])
        return self._of_history(chosen.names), chosen.watched

    def _remember(self, result: State) -> None:
        """Leave for the next run what it can use. A failure costs time only."""
        from piste.bundle import cache

        with contextlib.suppress(OSError):
            if self.writes or self.to is not None:
                caches.make(self.cache)
                cache.save(
                    self.cache, policy(self.asked.settings), self.known, len(result.table.names)
                )
            if self.writes and not self.asked.of_history:
                manifest.save(manifest.file_of(self.cache, self.asked.target), result)

    def _of_history(self, names: list[bytes]) -> list[bytes]:
        """Narrow the names to what changed, and fetch the diff and the log, as asked."""
        asked = self.asked
        if not asked.of_history:
            return names
        from piste.bundle import history, ignore
        from piste.bundle.imports import needed

        if asked.diff:
            hidden = {path.encode() for path in asked.out_of_sight}
            gone = sorted(history.deleted(asked.root, asked.since) - hidden)
            gone = ignore.split(asked.root, asked.settings, gone, asked.paths)[0]
            diff = history.diff(asked.root, asked.since, {*names, *gone})
            self.more.append(("diff", {}, diff))
        if asked.log:
            self.more.append(("log", {}, history.log(asked.root, asked.log)))
        if asked.since is None:
            return names
        changed = history.changed(asked.root, asked.since)
        touched = changed & set(names)
        if not touched:
            raise UserError(f"nothing to pack has changed since {printable(asked.since)}")
        said = {quote(name) for name in changed}
        self.left = [
            (reason, pattern, [name for name in left if name in said])
            for reason, pattern, left in self.left
            if said.intersection(left)
        ]
        return sorted(touched | needed(asked.root, names, touched))

    @contextlib.contextmanager
    def _base(self, old: State | None) -> Iterator[_Base]:
        """Open the old bundle where it is still the one that was written."""
        fd = None
        if old is not None and old.target != file_reader.NO_STAMP:
            fd = _open(Path(self.asked.root, self.asked.target))
        try:
            if old is None or fd is None or file_reader.stamp_of(os.fstat(fd)) != old.target:
                yield _Base(-1, Table([]), [])
            else:
                yield _Base(fd, old.table, _starts(old.head[0], old.table))
        finally:
            if fd is not None:
                os.close(fd)

    def _kept(self, names: list[bytes], base: _Base, stamps: "array[int]") -> list[int]:
        """Return for each name the row of the old table that still holds, or -1."""
        table = base.table
        if not table.names:
            return [-1] * len(names)
        same = {
            name: row
            for row, name in enumerate(table.names)
            if stamps[4 * row] >= 0
            and stamps[4 * row : 4 * row + 4] == table.stamps[4 * row : 4 * row + 4]
            and table.kinds[row] not in _UNSETTLED
        }
        return [same.get(name, -1) for name in names]

    def _put(
        self, names: list[bytes], base: _Base, kept: list[int]
    ) -> tuple[_Made, str, Stamp, str]:
        """Make the bundle and put it where it goes; return also how, its stamp, its hash."""
        if not self.writes:
            return self._put_elsewhere(names, base, kept)
        target = Path(self.asked.root, self.asked.target)
        atomic_write.sweep(target.parent, time.time() - _LEFTOVER)
        wrote = _PATCHED if any(row >= 0 for row in kept) else _NEW
        with contextlib.ExitStack() as later:
            try:
                # Not synced: a bundle costs nothing to make again.
                with atomic_write.stream(target, sync=False) as out:
                    made = self._make(names, base, kept, out)
                    self._judge(made)
                    sha256 = _sha256(out) if self.digest else ""
                    fd = os.dup(out)
                    later.callback(os.close, fd)
                    if (there := _open(target)) is not None:
                        later.callback(os.close, there)
                        if _equal(there, out):
                            fd = there
                            raise _EqualError
            except _EqualError:
                wrote = _SAME
            return made, wrote, file_reader.stamp_of(os.fstat(fd)), sha256

    def _put_elsewhere(
        self, names: list[bytes], base: _Base, kept: list[int]
    ) -> tuple[_Made, str, Stamp, str]:
        """Make the bundle for the descriptor `to`, or to see what it would be."""
        if self.to is None and not self.digest:
            made = self._make(names, base, kept, -1)
            self._judge(made)
            return made, _NOT, file_reader.NO_STAMP, ""
        from piste.bundle.assembly import copy, scratch

        with scratch(self._scratch_folder()) as fd:
            made = self._make(names, base, kept, fd)
            self._judge(made)
            if self.to is not None:
                copy(fd, 0, os.fstat(fd).st_size, self.to)
            sha256 = _sha256(fd) if self.digest else ""
        return made, _NOT, file_reader.NO_STAMP, sha256

    def _judge(self, made: _Made) -> None:
        """Raise where the bundle may not be: over its budget, or with a secret in it."""
        settings = self.asked.settings
        if settings.secrets == "refuse":
            for index, note in made.table.notes.items():
                if "secrets" in note:
                    found = ", ".join(sorted(note["secrets"]))
                    raise UserError(
                        f"{quote(made.table.names[index])} holds a secret ({found}); remove it, "
                        'leave the file out by bundle.ignore, or set bundle.secrets = "mask"'
                    )
        if settings.budget and made.tokens > settings.budget:
            from piste.bundle.budget import exceeded

            sizes = {
                quote(name): (made.table.lengths[index], made.table.tokens[index])
                for index, name in enumerate(made.table.names)
                if made.table.lengths[index]
            }
            raise exceeded(self.asked.target, made.tokens, settings.budget, sizes)

    def _make(self, names: list[bytes], base: _Base, kept: list[int], out: int) -> _Made:
        """Write the bundle to `out`, less what must go to fit the budget where that is asked."""
        settings = self.asked.settings
        if not settings.budget or settings.fit == "off":
            return self._write(names, base, kept, out)
        from piste.bundle.assembly import scratch

        with scratch(self._scratch_folder()) as fd:
            whole = self._write(names, base, kept, fd)
            starts = _starts(whole.head[0], whole.table)
            self._drop_surplus(whole)
            every = list(range(len(names)))
            return self._write(names, _Base(fd, whole.table, starts), every, out)

    def _write(self, names: list[bytes], base: _Base, kept: list[int], out: int) -> _Made:
        """Write the bundle of these names to `out`, or nowhere where it is -1."""
        from piste.bundle import assembly, frame, workers

        asked, settings = self.asked, self.asked.settings
        planned = assembly.plan(names, kept, base.starts, base.table.lengths)
        job = assembly.job_of(asked.root, _options(asked), planned, self.known, self.now)
        there = [name for name, row in zip(names, kept, strict=True) if not _gone(base.table, row)]
        head, tables = assembly.assemble(
            planned,
            job,
            self.known,
            workers.size_for(kept.count(-1), self.workers),
            base.fd,
            out,
            self._scratch_folder() if out >= 0 else "",
            lambda: self._head(there, self.whole or names, base),
        )
        table = Table(names)
        fresh = iter(tables)
        at = 0
        while at < len(names):
            if kept[at] < 0:
                table.extend(next(fresh))  # of names that stand next to each other
            else:
                table.take(base.table, kept[at])
            at = len(table.kinds)
        tail = frame.tail(settings, asked.root, table, self.left, self.more)
        if out >= 0:
            atomic_write.write_all(out, tail)
        return _Made(table, (len(head), self._count(head)), (len(tail), self._count(tail)))

    def _head(self, names: list[bytes], whole: list[bytes], base: _Base) -> bytes:
        """Return the head. The helpers are at work by now, so what can wait is done here."""
        same = names == whole == base.table.names and DROPPED not in base.table.kinds
        if same and not self.asked.narrowed:
            return os.pread(base.fd, base.starts[0], 0)
        from piste.bundle import frame, selection

        if self.beside is not None:
            found = [quote(name) for name in selection.specials(self.asked.root, self.beside)]
            self.left += [(selection.SPECIAL, "", found)] if found else []
            self.beside = None
        return frame.head(self.asked.settings, names, whole)

    def _drop_surplus(self, whole: _Made) -> None:
        """Mark the files in the table that are dropped to fit the budget."""
        from piste.bundle import frame
        from piste.bundle.budget import dropped

        settings, table = self.asked.settings, whole.table
        counts, lengths, kinds = list(table.tokens), list(table.lengths), bytes(table.kinds)
        tokens, slack = whole.tokens, 0
        while tokens > settings.budget:
            wanted = whole.tokens + slack - settings.budget
            gone = dropped(table.names, counts, lengths, wanted)
            table.lengths[:], table.kinds[:] = array("q", lengths), kinds
            for index in gone:
                table.kinds[index], table.lengths[index] = DROPPED, 0
            there = [n for i, n in enumerate(table.names) if table.kinds[i] != DROPPED]
            head = frame.head(settings, there, self.whole or table.names)
            tail = frame.tail(settings, self.asked.root, table, self.left, self.more)
            kept = sum(n for i, n in enumerate(counts) if table.kinds[i] != DROPPED)
            tokens = self._count(head) + kept + self._count(tail)
            if sum(counts[index] for index in gone) < wanted:
                return  # all that may be dropped is; the budget judges the rest
            slack += max(0, tokens - settings.budget)

    def _count(self, text: bytes) -> int:
        from piste.bundle.cache import key_of

        return (
            self.known.count(key_of(text), lambda: text)
            if self.asked.settings.tokens and text
            else 0
        )

    def _scratch_folder(self) -> str:
        """Return a folder for files that are gone when this process is."""
        if self.writes:
            with contextlib.suppress(OSError):
                caches.make(self.cache)
                return str(self.cache)
        import tempfile

        return tempfile.gettempdir()


def _options(asked: PackRequest) -> "Options":
    """Return what is asked of a block."""
    from piste.bundle.blocks import Options

    settings = asked.settings
    return Options(
        form=settings.form,
        # The lines of what was shortened are not those of the file.
        numbered=0 if settings.compress else settings.line_numbers,
        most=settings.max_file,
        cut=settings.oversize == "cut",
        secrets=tuple(policy(settings)) if settings.secrets != "off" else None,
        tokens=settings.tokens,
        compress=settings.compress,
        licences=settings.licences == "line",
        own=dict(asked.own),
    )


def _now() -> int:
    return time.time_ns()


def _starts(head: int, table: Table) -> list[int]:
    """Return where each row's block begins in a bundle whose head has `head` bytes."""
    return list(accumulate(table.lengths, initial=head))[:-1]


def _gone(table: Table, row: int) -> bool:
    return row >= 0 and table.kinds[row] == DROPPED


def _open(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None


def _equal(one: int, other: int) -> bool:
    from piste.bundle.assembly import equal

    return stat.S_ISREG(os.fstat(one).st_mode) and equal(one, other)


def _sha256(fd: int) -> str:
    """Return the sha256 of a file's bytes. Raises OSError."""
    import hashlib

    os.lseek(fd, 0, os.SEEK_SET)
    with open(fd, "rb", closefd=False, buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
