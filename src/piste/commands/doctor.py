"""`piste doctor`: look at the project, the store, git, mise, the models and the clipboard.

Each line is `ok`, a `note` about what you can do without, or something to `mend`, with how. It
asks no model and changes no byte; your proxies, where you have set any, are asked for a connection.
"""

import contextlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from piste import __version__
from piste.commands import common
from piste.engine import config, own_files, project, receipts, store_maintenance
from piste.engine.store import Store, default_folder
from piste.engine.world import World
from piste.model import llm_home, network_settings
from piste.model.prices import FREE
from piste.system import git_look, paths, project_files, screen
from piste.system.errors import EXIT_FAILED, PisteError, UserError, printable, redact

OK, NOTE, MEND = "ok", "note", "mend"
_COLOURS = {OK: "green", NOTE: "yellow", MEND: "red"}
_CODES = "0 there is nothing to mend, 1 there is, 2 it cannot be told"
_LIBRARIES = ("doit", "llm", "jinja2", "genai-prices")
_ROOM = 100_000_000  # bytes free, below which a disk is said to be nearly full


class Line(NamedTuple):
    """What was found out about one thing."""

    state: str  # OK, NOTE, MEND
    about: str
    said: str


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("doctor", __doc__, codes=_CODES)
    parser.add_argument("--deep", action="store_true", help="verify every hash of the store, too")
    args = parser.parse_args(argv)
    with screen.if_slow("looking"):
        lines = [
            Line(line.state, line.about, redact(printable(line.said))) for line in _lines(args.deep)
        ]
    if args.json:
        common.print_json([line._asdict() for line in lines])
    else:
        width = max(len(line.about) for line in lines)
        for line in lines:
            word = screen.style(f"{line.state:<4}", _COLOURS[line.state], sys.stdout)
            said = common.hanging(line.said, indent=width + 8)
            screen.out(f"{word}  {line.about:<{width}}  {said}")
    return EXIT_FAILED if any(line.state == MEND for line in lines) else 0


def _lines(deep: bool) -> Iterator[Line]:
    yield Line(OK, "piste", _versions())
    root = project.root_of(Path.cwd())
    world = None
    try:
        world = project.world(root)
    except PisteError as error:
        yield Line(MEND, "settings", str(error))
    yield from _of_project(root, world)
    yield from _of_store(world.store if world else Store(default_folder()), deep)
    yield from _of_git(root)
    for said in common.present_inputs(world) if world else ():
        yield Line(NOTE, "git", said)
    yield from _of_mise(root)
    yield from (Line(MEND, "network", said) for said in network_settings.look())
    yield from _of_models(world)
    yield from _of_clipboard()


def _versions() -> str:
    found = [f"piste {__version__}", f"Python {platform.python_version()}"]
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} is missing: install piste anew")
    return ", ".join(found)


# The project ----------------------------------------------------------------------------


def _of_project(root: Path, world: World | None) -> Iterator[Line]:
    try:
        settings = config.project_file(root)
    except PisteError:  # said already
        settings = None
    if world is not None and settings is None:
        yield Line(NOTE, "project", f"{root} has no settings; piste init writes them")
    elif world is not None and settings is not None:
        yield Line(OK, "project", f"{root}, settings in {settings.name}")
    targets = receipts.targets(root)
    damaged = 0
    for target in targets:
        try:
            receipts.read(root, target)
        except UserError as error:
            damaged += 1
            yield Line(MEND, "receipts", str(error))
    if not damaged:
        count = len(targets)
        yield Line(OK, "receipts", f"{count} of {count} are whole" if count else "none yet")
    yield from _writable("project", [root, root / paths.STATE, root / receipts.FOLDER])
    if world is not None and os.environ.get("CI") and not world.config.ask_in_ci:
        yield Line(NOTE, "ci", "CI is set, so no model is asked; PISTE_ASK_IN_CI=1 allows it")


def _writable(about: str, folders: Sequence[Path]) -> Iterator[Line]:
    for folder in folders:
        try:
            paths.writable_folder(folder, about)
        except UserError as error:
            yield Line(MEND, about, str(error))
            return


def _of_store(store: Store, deep: bool) -> Iterator[Line]:
    unwritable = list(_writable("store", store.folders()))
    yield from unwritable
    found = list(store_maintenance.items(store))
    size = sum(item.size for item in found)
    if not unwritable:
        yield Line(OK, "store", f"{store.folder}, {len(found):,} entries, {size:,} bytes")
    there = next(path for path in (store.folder, *store.folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free < _ROOM:
        yield Line(MEND, "disk", f"{there} has {free:,} bytes free; piste store gc frees some")
    if not deep:
        return
    wrong = list(store_maintenance.damaged(store))
    if wrong:
        names = ", ".join(str(item.path.relative_to(store.folder)) for item in wrong[:3])
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        how = "piste store verify --remove"
        said = f"{len(wrong):,} of {len(found):,} entries are damaged: {names}{more}; {how}"
        yield Line(MEND, "store", said)
    else:
        yield Line(OK, "store", f"every hash is right, of {len(found):,} entries")


# The programs ---------------------------------------------------------------------------


def _git(root: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *git_look.OPTIONS, *args], cwd=root, env=git_look.environment(),
        capture_output=True, text=True,
        errors="replace", stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


def _of_git(root: Path) -> Iterator[Line]:
    if shutil.which("git") is None:
        yield Line(NOTE, "git", "it is not on your PATH; without it receipts are not shared")
        return
    said = _git(root, "--version").stdout.strip().removeprefix("git version ")
    inside = _git(root, "rev-parse", "--is-inside-work-tree")
    if "safe.directory" in inside.stderr:
        yield Line(MEND, "git", printable(git_look.complaint(inside.stderr)))
        return
    if inside.returncode != 0:
        yield Line(NOTE, "git", f"{said}; {root} is no repository: git init")
        return
    yield Line(OK, "git", said)
    if hidden := own_files.hidden_receipts(root):
        yield Line(MEND, "git", hidden)
    elif _git(root, "check-ignore", "-q", "--no-index", f"{paths.STATE}/log.jsonl").returncode:
        yield Line(NOTE, "git", f"the local part of {paths.STATE} is not ignored; piste init "
                   "adds the line")  # fmt: skip


def _of_mise(root: Path) -> Iterator[Line]:
    from piste.commands.mise import FILE, PROJECT, global_folder
    from piste.mise import definitions

    if shutil.which("mise") is None:
        yield Line(NOTE, "mise", "it is not on your PATH; only `mise run LLM:…` needs it")
        return
    for path, how in (
        (root / PROJECT, "piste mise"),
        (global_folder() / FILE, "piste mise --global"),
    ):
        try:
            data = project_files.read(path.parent, path.name, project_files.SETTINGS)
            text = data.decode("utf-8", "replace")
        except (OSError, UserError):
            continue
        if text.replace("\r\n", "\n") == definitions.text():
            yield Line(OK, "mise", f"{path} is up to date")
        elif not definitions.is_owned(text) or definitions.is_edited(text):
            yield Line(NOTE, "mise", f"{path} is your own; {how} --check compares it")
        else:
            yield Line(MEND, "mise", f"{path} is out of date; {how} writes it")
        return
    yield Line(NOTE, "mise", "it has no tasks of piste; piste mise writes them")


# The models -----------------------------------------------------------------------------


def _of_models(world: World | None) -> Iterator[Line]:
    if world is None:
        return
    own = world.config.options
    asked = [(world.config.model, own)]
    asked += [
        (rule.model or world.config.model, {**own, **dict(rule.options)})
        for rule in world.rules.values()
    ]
    with _llm_folder():
        yield from dict.fromkeys(_of_model(name, options) for name, options in asked)


@contextlib.contextmanager
def _llm_folder() -> Iterator[None]:
    """Let llm have a folder for as long as it is looked at: it would make its own."""
    if os.path.isdir(llm_home.folder()):
        yield
        return
    before = os.environ.get("LLM_USER_PATH")
    with tempfile.TemporaryDirectory(prefix="piste-") as scratch:
        os.environ["LLM_USER_PATH"] = scratch
        try:
            yield
        finally:
            del os.environ["LLM_USER_PATH"]
            if before is not None:
                os.environ["LLM_USER_PATH"] = before


def _of_model(name: str, options: Mapping[str, object]) -> Line:
    if name in FREE:
        return Line(OK, "model", f"{name}: embedded, writes skeletons, needs no key")
    from piste.model import asking

    try:
        model = asking.resolve(name or None)
        asking.require_key(model)
        asking.check_options(model, options)
    except PisteError as error:
        return Line(MEND, "model", str(error))
    whose = "" if name else ", llm's default"
    key = "its key is there" if model.needs_key else "it needs no key"
    return Line(OK, "model", f"{model.model_id}{whose}: {key}")


def _of_clipboard() -> Iterator[Line]:
    from piste.system import clipboard

    how = clipboard.found()
    if how:
        yield Line(OK, "clipboard", how)
    else:
        yield Line(NOTE, "clipboard", "there is none; only copying needs one")
