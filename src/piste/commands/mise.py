"""`piste mise`: write the tasks for mise, into a project, for all projects, or into a file.

Where mise looks for its files is known here; what stands in them is `piste.mise`'s. A file
that piste did not write, or that somebody has edited since, is never replaced.
"""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from piste.commands import common
from piste.documents import diffs
from piste.engine import project
from piste.mise import definitions
from piste.system import atomic_write, paths, person, project_files, screen
from piste.system.errors import EXIT_FAILED, Failed, UserError, printable

FILE = "conf.d/piste.toml"
PROJECT = f".config/mise/{FILE}"
_NO_MISE = "mise is not on your PATH; https://mise.jdx.dev/getting-started.html has the ways to it"


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("mise", __doc__, json_too=False)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--project", action="store_true", help=f"write {PROJECT} (the default)")
    where.add_argument(
        "--global",
        dest="everywhere",
        action="store_true",
        help=f"write ~/.config/mise/{FILE}: for all your projects",
    )
    where.add_argument("--stdout", action="store_true", help="print the file")
    where.add_argument(
        "--merge", metavar="FILE", help="put the tasks into FILE, after showing what changes in it"
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 when it is not up to date"
    )
    parser.add_argument("-y", "--yes", action="store_true", help="with --merge: do not ask")
    args = parser.parse_args(argv)
    if args.yes and args.merge is None:
        raise UserError("--yes goes with --merge: nothing else is asked")
    if args.stdout:
        if args.check:
            raise UserError("--check compares a file: use it with --project, --global or --merge")
        screen.out(definitions.text(), end="")
        return 0
    if args.merge is not None:
        return _merge(args.merge, args.check, args.yes)
    if args.everywhere:
        path = everywhere()
        return _own(path, printable(str(path)), "piste mise --global", args.check)
    return _own(_in_project(), PROJECT, "piste mise", args.check)


def global_folder() -> Path:
    """Return the folder of mise's global configuration, where mise looks for it."""
    if folder := os.environ.get("MISE_CONFIG_DIR"):
        return Path(folder).absolute()
    return person.folder("XDG_CONFIG_HOME", ".config") / "mise"


def everywhere() -> Path:
    """Return where the tasks for all projects are written, whether they are there or not."""
    # Folders of settings are often links into a person's repository of them.
    return (global_folder() / FILE).resolve()


def _in_project() -> Path:
    root = project.root_of(Path.cwd())
    path = (root / PROJECT).resolve()
    if path == everywhere():
        raise UserError(f"{PROJECT} of {root} is mise's global one: use --global, or cd elsewhere")
    paths.inside(root, path, PROJECT)
    return path


def _own(path: Path, name: str, how: str, check: bool) -> int:
    """Write the file that is piste's by the command `how`, or see whether it is up to date."""
    found = _read(path, name)
    if found is not None and not definitions.is_owned(found):
        raise UserError(
            f"{name}: piste did not write it; move it away, or `piste mise --merge {name}`"
        )
    if found is not None and definitions.is_edited(found):
        raise UserError(
            f"{name}: edited since piste wrote it; put your tasks into a mise.toml, which wins "
            f"over it, remove {name}, and run this again"
        )
    if found is not None and found.replace("\r\n", "\n") == definitions.text():
        screen.out(f"{name} is up to date")
        return 0
    if check:
        state = "is not there" if found is None else "is out of date"
        screen.out(f"{name} {state}; `{how}` writes it")
        return EXIT_FAILED
    _write(path, name, definitions.text())
    screen.out(f"wrote {name}: {len(definitions.TASKS)} tasks; `mise tasks ls` lists them")
    _say_how_to_get_mise()
    return 0


def _merge(name: str, check: bool, yes: bool) -> int:
    """Put the tasks into a person's own file."""
    path = Path(name).resolve()
    found = _read(path, name)
    if found is None:
        raise UserError(f"{name} is not there; `piste mise --global` needs no file of yours")
    if definitions.is_owned(found) and path.parts[-2:] == Path(FILE).parts:
        raise UserError(f"{name} is piste's own file; use `piste mise` without --merge for it")
    try:
        merged = definitions.merge(found)
    except UserError as error:
        raise UserError(f"{name}: {error}; nothing was written") from None
    for task in merged.kept:
        screen.say(f"{name}: {task} is your own task and stays as it is")
    if merged.text == found:
        screen.out(f"{name} is up to date")
        return 0
    if check:
        screen.out(f"{name} is out of date; `piste mise --merge {name}` shows how")
        return EXIT_FAILED
    screen.out("".join(_diff(found, merged.text, name)), end="")
    if not (yes or _agreed(name)):
        screen.say(f"nothing was written; `piste mise --merge {name} --yes` writes it")
        return EXIT_FAILED
    if _read(path, name) != found:
        raise Failed(f"{name} was changed meanwhile: nothing was written; run it again")
    _write(path, name, merged.text)
    screen.out(f"wrote {name}; `mise tasks ls` lists the tasks")
    _say_how_to_get_mise()
    return 0


def _read(path: Path, name: str) -> str | None:
    """Return the text of the file, its line ends as they are; None when it is not there."""
    try:
        return project_files.read(path.parent, path.name, project_files.SETTINGS).decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise UserError(f"{name}: byte {error.start} is not UTF-8; mise cannot read it") from None


def _write(path: Path, name: str, text: str) -> None:
    try:
        atomic_write.write(path, text.encode())
    except OSError as error:
        raise UserError(
            f"{name} cannot be written: {error.strerror}; nothing was changed"
        ) from None


def _diff(old: str, new: str, name: str) -> list[str]:
    return [f"{line}\n" for line in diffs.unified(old, new, name, f"{name} (new)")]


def _agreed(name: str) -> bool:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return screen.ask(f"Write this into {name}? [y/N] ").strip().lower() in ("y", "yes")


def _say_how_to_get_mise() -> None:
    if shutil.which("mise") is None:
        screen.say(_NO_MISE)
