"""The world of one project: all that a decision looks at, and how each kind of target is made.

Plain data: paths and settings, no open files. It does not know how any of it was read
(`project`), nor what is decided from it (`makers`).
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from piste.engine import hashing, templates
from piste.engine.config import Config
from piste.engine.rules import Rule
from piste.engine.stat_cache import StatCache
from piste.engine.states import Decision
from piste.engine.store import Store
from piste.system import paths, project_files
from piste.system.errors import UserError

if TYPE_CHECKING:
    import threading

_OUR_TASKS = rb"(?m:^\s*(?:from|import)\s+piste\b)"


class Looks(NamedTuple):
    """What one walk over many targets has seen; nothing may change on the disk meanwhile."""

    files: "dict[str, hashing.Seen | None]"  # an input -> what it says
    folders: dict[str, dict[str, list[str]]]  # a folder -> its names; see `paths.folded_names`
    made: dict[str, str | None]  # a target that is not there -> the digest that it would have


class World(NamedTuple):
    """What a decision looks at. Plain data: paths and settings, no open files."""

    root: Path
    config: Config
    layers: tuple[templates.Layer, ...]
    store: Store
    stat_cache: StatCache
    kinds: Mapping[str, str]  # target -> its rule's kind, where it has one
    yours: Mapping[str, str]  # target -> the person's own file that it stands beside
    kind_of: Mapping[str, str]  # target -> what kind of thing makes it: a key of `makers`
    makers: "Mapping[str, Maker]"  # Rule.maker -> how targets of that kind are decided and made
    asked: frozenset[str] = frozenset()  # names of the rules that this run was asked for
    looks: Looks | None = None  # of an `upstream.Walk`; a build has none: files change in it

    @property
    def rules(self) -> Mapping[str, Rule]:
        """The rules by name."""
        return self.config.rules

    def door(self) -> str:
        """Return the command that makes targets here: `doit` where it knows our tasks."""
        return door(self.root)

    def digest_of(self, path: str) -> Callable[[bytes], str]:
        """Return what hashes the content of the input `path`."""
        kind = self.kind_of.get(path)
        special = self.makers[kind].input_digest if kind else None
        if special:
            return partial(special, self)
        return partial(hashing.digest, kind=self.kinds.get(path, ""))

    def look(self, path: str) -> hashing.Seen | None:
        """Return what the input `path` says, or None where there is none; once in a walk.

        Raises UserError as `hashing.look` does.
        """
        if self.looks is not None and path in self.looks.files:
            return self.looks.files[path]
        kind, most = self.kinds.get(path, ""), self.config.max_input
        found = hashing.look(self.root, path, kind, most, of=self.digest_of(path))
        if self.looks is not None:
            self.looks.files[path] = found
        return found

    def twin(self, target: str) -> str:
        """Return what stands beside `target` and is the same name on other systems, or ""."""
        folder, slash, base = target.rpartition("/")
        folders: dict[str, dict[str, list[str]]] = self.looks.folders if self.looks else {}
        if folder not in folders:
            folders[folder] = paths.folded_names(self.root, folder)
        same = [name for name in folders[folder].get(paths.folded(base), ()) if name != base]
        return f"{folder}{slash}{same[0]}" if same else ""

    def digest_if_made(self, path: str) -> str | None:
        """Return the digest that a target which is not there would have, where that is known.

        None for a file that is no target, and for what only a making can tell.
        """
        kind = self.kind_of.get(path)
        tell = self.makers[kind].digest_if_made if kind else None
        if tell is None or self.looks is None:
            return tell(self) if tell else None
        if path not in self.looks.made:
            self.looks.made[path] = tell(self)
        return self.looks.made[path]


class Outcome(NamedTuple):
    """What a making came to."""

    event: str  # "kept", or an event of the log: made, taken, restored, adopted
    said: str  # one line for the person


class Asked(NamedTuple):
    """What a person asked for beside the target itself."""

    overwrite: bool = False  # a person's text may be replaced; it is kept in the store
    again: bool = False  # the model is asked anew though an answer is known
    amend: bool = False  # the text that stands is amended, whoever wrote it


class Maker(NamedTuple):
    """One kind of target: everything that differs between the kinds, in one place."""

    decide: Callable[[World, Rule, bool, bool], Decision]  # (…, whole, exact); see `makers.decide`
    make: "Callable[[World, Rule, Asked, threading.Event | None], Outcome]"
    digest_if_made: Callable[[World], str] | None  # see `World.digest_if_made`
    input_digest: Callable[[World, bytes], str] | None  # of its text where it is an input
    committed: bool  # whether the target belongs in git


def door(root: Path) -> str:
    """Return the command that makes targets at `root`, for messages.

    `doit` where it would do: it is on the path, and the project's dodo.py imports our tasks.
    Whoever installed piste as a tool of its own has `piste` alone.
    """
    import shutil

    try:
        text = project_files.read(root, "dodo.py", project_files.DOCUMENT)
    except (OSError, UserError):
        return "piste"
    return "doit" if re.search(_OUR_TASKS, text) and shutil.which("doit") else "piste"
