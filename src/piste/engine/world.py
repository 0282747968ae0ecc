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
from piste.system import project_files
from piste.system.errors import UserError

if TYPE_CHECKING:
    import threading

_OUR_TASKS = rb"(?m:^\s*(?:from|import)\s+piste\b)"


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

    def digest_if_made(self, path: str) -> str | None:
        """Return the digest that a target which is not there would have, where that is known.

        None for a file that is no target, and for what only a making can tell.
        """
        kind = self.kind_of.get(path)
        tell = self.makers[kind].digest_if_made if kind else None
        return tell(self) if tell else None


class Outcome(NamedTuple):
    """What a making came to."""

    event: str  # "kept", or an event of the log: made, taken, restored, adopted
    said: str  # one line for the person


class Maker(NamedTuple):
    """One kind of target: everything that differs between the kinds, in one place."""

    decide: Callable[[World, Rule, bool, bool], Decision]  # (…, whole, exact); see `makers.decide`
    make: "Callable[[World, Rule, bool, bool, threading.Event | None], Outcome]"
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
