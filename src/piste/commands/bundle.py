"""`piste bundle`: the repository packed into one text file, for a model to read.

It works in any folder of any project, with git or without. What is packed and how is
`piste.bundle`'s; this module turns flags into settings and a report into lines.
"""

import argparse
import contextlib
import gc
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from piste.bundle.settings import CHOICES, SECRET_LISTS, Settings
from piste.commands import common
from piste.engine import bundle_target, config, gate, project
from piste.engine.world import World
from piste.system import git_whose, paths, screen
from piste.system.errors import Failed, UserError, printable

if TYPE_CHECKING:
    from piste.bundle.report import Report


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    args = _parser().parse_args(argv)
    if args.copy and (args.dry or args.stdout):
        raise UserError("--copy copies the bundle that is written; leave out --dry and --stdout")
    world = gate.entered(project.here(), "bundle.command", bundle_target.RUN)
    if (args.since or args.diff or args.log) and not gate.allowed(world):
        git_whose.require_own_history(world.root)
    settings = _settings(world.config.bundle, args)
    if args.show_config:
        screen.out("\n".join(_config_lines(settings)))
        return 0
    target = _target(world, args)
    try:
        report = _run(world, settings, target, args)
    except BrokenPipeError:
        raise  # whoever read --stdout has gone
    except OSError as error:
        # Also a full disk: nothing is half written.
        why = error.strerror or str(error)
        raise Failed(f"{target} was not written: {why}; what was there before stands") from None
    _say(report, args)
    return _copied(world.root / target, args) if args.copy else 0


def _parser() -> argparse.ArgumentParser:
    codes = "0 done, 1 no clipboard or another packer failed, 2 something you can mend"
    made = common.parser("bundle", __doc__, codes=f"{codes}, 3 over the budget")
    made.add_argument("paths", nargs="*", metavar="PATH", help="only these files and folders")
    made.add_argument("-o", "--output", metavar="FILE", help="write here instead of output.txt")
    made.add_argument("-v", "--verbose", action="store_true", help="name every file left out")
    made.add_argument("--tree", action="store_true", help="print where the tokens are, as a tree")
    made.add_argument("--stdout", action="store_true", help="print the bundle, write no file")
    made.add_argument("--copy", action="store_true", help="put it on the clipboard as well")
    made.add_argument("--dry", action="store_true", help="say what would be packed, write nothing")
    made.add_argument("--overwrite", action="store_true", help="also a file that is no bundle")
    made.add_argument("--show-config", action="store_true", help="print the settings and defaults")
    history = made.add_argument_group("with git")
    history.add_argument("--since", metavar="REV", help="what changed since, and what that imports")
    history.add_argument("--diff", action="store_true", help="add the diff against REV or HEAD")
    history.add_argument(
        "--log", type=_count, default=0, metavar="N", help="add the last N commits"
    )
    own = made.add_argument_group("settings, for this once")
    own.add_argument("--include", action="append", metavar="PATTERN", help="only what matches")
    own.add_argument(
        "--ignore", action="append", metavar="PATTERN", help="leave out, or !bring back"
    )
    for name, choices in CHOICES.items():
        own.add_argument(f"--{name}", choices=choices)
    own.add_argument("--no-secrets", action="store_true", help="do not look for secrets")
    own.add_argument("--no-tokens", action="store_true", help="do not count tokens")
    own.add_argument("--no-defaults", action="store_true", help="leave out nothing unasked")
    own.add_argument("--no-tree", action="store_true", help="no tree in the bundle's head")
    own.add_argument(
        "--line-numbers", type=int, metavar="N", help="number every Nth line (0: none)"
    )
    own.add_argument("--compress", action="store_true", default=None, help="signatures only")
    own.add_argument("--submodules", action="store_true", default=None, help="pack them too")
    own.add_argument("--budget", type=_count, metavar="TOKENS", help="fail above so many")
    own.add_argument("--max-file", type=_count, metavar="BYTES")
    own.add_argument("--header", metavar="TEXT")
    own.add_argument("--instruction", metavar="FILE", help="a file whose text ends the bundle")
    return made


def _count(text: str) -> int:
    """Return a whole number, which may be written as 100_000. Raises what argparse expects."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return value


def _settings(settings: Settings, args: argparse.Namespace) -> Settings:
    """Return the project's settings with what the flags say."""
    given = vars(args)
    changes: dict[str, Any] = {
        name: given[name]
        for name in settings._fields
        if name not in ("tree", "tokens", "defaults") and given.get(name) is not None
    }
    for key in ("tokens", "defaults", "tree"):
        if given[f"no_{key}"]:
            changes[key] = False
    if args.no_secrets:
        changes["secrets"] = "off"
    if args.include:
        changes["include"] = tuple(args.include)
    if args.ignore:
        changes["ignore"] = (*settings.ignore, *args.ignore)
    return settings._replace(**changes)


def _target(world: World, args: argparse.Namespace) -> str:
    if args.output:
        return paths.output(_relative(world.root, args.output), "--output")
    return world.rules["bundle"].target


def _relative(root: Path, path: str) -> str:
    """Return a path of the command line as the project has it. Raises UserError if outside."""
    # Not resolved: a symlink is named, and what it leads to is not.
    absolute = os.path.normpath(os.path.join(Path.cwd().resolve(), path))
    found = os.path.relpath(absolute, os.path.realpath(root))
    if found == ".." or found.startswith("../"):
        raise UserError(f"{printable(path)} lies outside the project; name a path inside {root}")
    return found


def _run(world: World, settings: Settings, target: str, args: argparse.Namespace) -> "Report":
    from piste import bundle
    from piste.bundle.budget import TooManyTokens

    asked = [_relative(world.root, path) for path in args.paths]
    writes = not (args.dry or args.stdout)
    own = _is_project(world.root)
    arguments = bundle_target.arguments(world) | {
        "settings": settings,
        "target": target,
        "paths": [] if "." in asked else asked,
    }
    if writes:
        paths.writable(world.root, target)
    found = bundle_target.outputs(world) if settings.run and not args.dry else []
    gc.disable()  # nothing here goes in circles, and looking for that takes its time
    try:
        with _stdout(args.stdout and not args.dry) as to:
            report = bundle.pack(
                **arguments,
                since=args.since,
                diff=args.diff,
                log=args.log,
                write=writes,
                to=to,
                overwrite=args.overwrite,
                digest=args.json or own,
                found=found,
            )
    except TooManyTokens as error:
        for folder, tokens in error.ranking:
            screen.say(f"  {tokens:>11,}  {folder}")
        raise
    finally:
        gc.enable()
    if writes and own and bundle_target.recorded(world.root).get(target) != report.sha256:
        bundle_target.note(world.root, target, report.sha256)
    return report


@contextlib.contextmanager
def _stdout(wanted: bool) -> Iterator[int | None]:
    """Yield where the bundle goes instead of its file: stdout; a terminal gets it at the end."""
    if not wanted:
        yield None
    elif not sys.stdout.isatty():
        yield sys.stdout.fileno()
    else:
        with tempfile.TemporaryFile() as file:
            yield file.fileno()
            file.seek(0)
            for line in file:
                screen.out(line.decode("utf-8", "replace"), end="")


def _is_project(root: Path) -> bool:
    return (root / paths.STATE).is_dir() or config.project_file(root) is not None


def _say(report: "Report", args: argparse.Namespace) -> None:
    from piste.bundle.report import as_data, summary, tree_lines

    show = screen.say if args.stdout and not args.dry else screen.out
    if args.json:
        show(json.dumps(as_data(report), indent=1, ensure_ascii=False))
        return
    lines = summary(report, args.verbose)
    if args.tree:
        lines += ["tokens:" if report.tokens is not None else "bytes:", *tree_lines(report)]
    show("\n".join(lines))


def _copied(path: Path, args: argparse.Namespace) -> int:
    from piste.engine import hashing
    from piste.system import clipboard, project_files

    try:
        data = project_files.read(path.parent, path.name, hashing.MOST)
        said = clipboard.copy(data.decode("utf-8", "replace"))
    except Failed as error:
        screen.say(f"piste: {error}; the bundle is in {path}")
        return error.exit_code
    screen.say(said)
    return 0


def _config_lines(settings: Settings) -> list[str]:
    """Return the settings as TOML, then what is left out unasked and how to bring it back."""
    from piste.bundle.defaults import GROUPS

    lines = ["[bundle]"]
    for key, value in settings._asdict().items():
        if key in SECRET_LISTS:
            continue
        text = json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
        choices = f"  # {', '.join(CHOICES[key])}" if key in CHOICES else ""
        lines.append(f"{key} = {text}{choices}")
    lines += [
        "",
        '# Left out unasked. One comes back by "!pattern" in ignore or in .pisteignore,',
        "# all but the secret files by defaults = false.",
    ]
    for group, patterns in GROUPS.items():
        lines += ["", f"# {group}", *(f"#   {pattern}" for pattern in patterns)]
    return lines
