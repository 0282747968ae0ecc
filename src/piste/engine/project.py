"""The project: where its root is, and all that a decision looks at, put together.

It knows where things are; it does not know what is done with them.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from piste.engine import config, makers, receipts, templates
from piste.engine.stat_cache import StatCache
from piste.engine.store import Store, default_folder
from piste.engine.world import World
from piste.system import git_folder, owners, paths
from piste.system.errors import UserError, printable

# How else a README is written; what stands there is not written a second time.
_README_FORMS = (".md", "", ".rst", ".txt", ".adoc", ".org", ".markdown", ".mdx")
_MARKS = (config.FILE, paths.STATE)
# What makes a folder a project, and is obeyed there; see `owners`.
_OBEYED = (*_MARKS, config.PYPROJECT, "dodo.py", ".git")


def root_of(start: Path) -> Path:
    """Return the root of the project that `start` lies in.

    It is the nearest folder upwards that holds piste.toml, .piste or a [tool.piste]
    table; else the top of the git repository; else the nearest dodo.py; else
    `start`. The search does not leave a git repository.

    Raises UserError where it belongs to somebody else, or where git would wait for ever.
    """
    root = _nearest(start.resolve())
    owners.require_own(root, _OBEYED, config.safe_folders)
    git_folder.require_plain(root)
    return root


def _nearest(start: Path) -> Path:
    dodo = None
    for folder in (start, *start.parents):
        if any(os.path.lexists(folder / mark) for mark in _MARKS) or _has_table(folder):
            return folder
        if dodo is None and os.path.lexists(folder / "dodo.py"):
            dodo = folder
        if os.path.lexists(folder / ".git"):
            return folder
    return dodo or start


def world(root: Path, command_line: Mapping[str, str] | None = None) -> World:
    """Return all that decisions in the project at `root` look at.

    Raises UserError for settings that are wrong.
    """
    if (root / paths.STATE).is_symlink():
        paths.inside(root, root / paths.STATE, paths.STATE)
    cache = StatCache(root)
    settings = config.load(root, command_line, cache)
    folder = paths.relative(settings.prompts.rstrip("/"), "prompts")
    layers = templates.layers(root, folder, config.own_folder())
    settings, yours = _beside_yours(root, settings)
    kinds = {rule.target: rule.kind for rule in settings.rules.values() if rule.kind}
    store = Store(_store_folder(root, settings))
    kind_of = {rule.target: rule.maker for rule in settings.rules.values()}
    return World(root, settings, layers, store, cache, kinds, yours, kind_of, makers.TABLE)


def here() -> World:
    """Return the world of the project that the person stands in. Raises UserError."""
    try:
        return world(root_of(Path.cwd()))
    except FileNotFoundError:
        raise UserError("this folder is no longer there; cd into one that is") from None


def _beside_yours(root: Path, settings: config.Config) -> tuple[config.Config, dict[str, str]]:
    """Let rules write beside a file that a person brought, where they are made to.

    Also returns which target stands in for which file of the person.
    """
    moved, yours = {}, {}
    for rule in settings.rules.values():
        if not rule.beside or receipts.exists(root, rule.target):
            continue
        if mine := _of_a_person(root, rule.target):
            moved[rule.name] = rule._replace(target=rule.beside)
            yours[rule.beside] = mine
    return settings._replace(rules={**settings.rules, **moved}) if moved else settings, yours


def _of_a_person(root: Path, target: str) -> str:
    """What a person has there already: the file, its twin in other case, or in another form."""
    if os.path.lexists(root / target):
        return target
    stem = paths.folded(target).rpartition(".")[0]
    if not stem or "/" in target:
        return ""
    try:
        names = sorted(os.listdir(root))
    except OSError:
        return ""
    forms = {f"{stem}{ending}" for ending in _README_FORMS}
    return next((name for name in names if paths.folded(name) in forms), "")


def _has_table(folder: Path) -> bool:
    try:
        return config.shared_table(folder) is not None
    except UserError:
        return True  # whoever reads the settings says what is wrong with it


def _store_folder(root: Path, settings: config.Config) -> Path:
    if not settings.store:
        return default_folder()
    where = settings.origins.get("store", "")
    if where in (config.FILE, config.PYPROJECT):
        # A repository that one clones must not choose a folder on one's machine.
        name = paths.relative(settings.store.rstrip("/"), f"{where}: store")
        if ".git" in name.lower().split("/"):
            raise UserError(f"{where}: store lies in .git; name a folder of its own")
        folder = root / name
        for part in Store(folder).folders():
            paths.inside(root, part, f"{where}: store")
        return folder
    named = os.path.expanduser(settings.store)
    if named.startswith("~"):
        raise UserError(f"{where}: store {printable(named)!r} names nobody's home; write it out")
    return Path(named).absolute()
