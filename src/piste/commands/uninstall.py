"""`piste uninstall`: show what piste has put into this project and keeps for it, and remove it.

Nothing is removed before your yes, or --yes. Documents stay, and so does what you have edited,
each with the reason: the store, which other projects use, the branches of attempts, your own
settings and templates.
"""

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from piste.commands import common, init, mise
from piste.engine import config, gate, project, receipts, removal
from piste.engine.removal import Found, Part
from piste.engine.world import World
from piste.mise import definitions
from piste.steps import progress, runner, worktree
from piste.system import git, locks, own_seal, paths, person, project_files, screen
from piste.system.errors import UserError

_MERGED = ("mise.toml", ".mise.toml")  # where `piste mise --merge` may have put tasks
_PROGRAM = "as you installed it: uv tool uninstall piste, pipx uninstall piste, or pip"


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("uninstall", __doc__)
    parser.add_argument("-y", "--yes", action="store_true", help="remove it, unasked")
    args = parser.parse_args(argv)
    world = project.here()
    found = look(world)
    shared = _in_git(world.root)
    if not args.json:
        _show(found, shared)
    gone = bool(found.goes) and (args.yes or (not args.json and _agreed()))
    kept = remove(world, found) if gone else ""
    if args.json:
        common.print_json({
            "folder": str(world.root), "removed": gone, "kept_on": kept,
            "goes": [{"name": one.name, "about": one.about} for one in found.goes],
            "stays": [{"name": one.name, "about": one.about} for one in found.stays],
        })  # fmt: skip
    elif gone:
        more = f"; unfinished work is kept on the branch {kept}" if kept else ""
        history = "; what was in git is in its history" if shared else ""
        screen.out(f"removed{history}{more}")
    elif found.goes:
        screen.out("nothing was removed; piste uninstall --yes removes it")
    return 0


def look(world: World) -> Found:
    """Return what would go and what stays, here and on this machine; nothing is changed."""
    found = removal.look(world)
    _mise(world.root, found)
    _worktree(world, found)
    _settings(world, found)
    _documents(world, found)
    _branches(world, found)
    _for_all_projects(world, found)
    # Settings last: what is named by them is looked for again when this is cut off.
    found.goes.sort(key=lambda part: part.name == config.FILE)
    return found


def remove(world: World, found: Found) -> str:
    """Remove what goes; return the branch that keeps unfinished work of a step, or "".

    Raises OSError, GitFailed, and Failed where a file was changed meanwhile.
    """
    kept = ""
    with contextlib.ExitStack() as held:
        if any(part.name == paths.RUN for part in found.goes):
            held.enter_context(runner.only_one(world, "piste uninstall"))
        if (world.root / paths.STATE).is_dir():
            held.enter_context(locks.hold(world.root / paths.STATE / "lock", "piste uninstall"))
        for part in found.goes:
            if part.name == paths.RUN:
                kept = _take_down(world)
            else:
                removal.take_away(part)
    for folder in (paths.STATE, *_folders(mise.PROJECT)):
        if not paths.is_linked(world.root, folder):
            with contextlib.suppress(OSError):
                (world.root / folder).rmdir()
    return kept


def _take_down(world: World) -> str:
    repo = git.find(world.root, progress.settings(world).branches)
    runner.settled(world)
    return worktree.take_down(repo)


def _folders(name: str) -> list[str]:
    return [folder.as_posix() for folder in Path(name).parents if folder.name]


# ------------------------------------------------------------------ what there is


def _mise(root: Path, found: Found) -> None:
    path = root / mise.PROJECT
    if path.resolve() != mise.everywhere():
        data = removal.read(root, mise.PROJECT, found.stays)
        text = (data or b"").decode("utf-8", "replace")
        if data is not None and definitions.is_owned(text) and not definitions.is_edited(text):
            found.goes.append(Part(path, mise.PROJECT, "the tasks for mise", seen=data))
        elif data is not None:
            found.stays.append(Part(path, mise.PROJECT, "not as piste mise wrote it"))
    for name in _MERGED:
        with contextlib.suppress(UserError):
            data = project_files.read_any(root, name, project_files.SETTINGS) or b""
            if ours := definitions.merged_in(data.decode("utf-8", "replace")):
                about = f"your file; tasks of piste's in it: {', '.join(ours[:3])}"
                more = f" and {len(ours) - 3} more" if len(ours) > 3 else ""
                found.stays.append(Part(root / name, name, about + more))


def _worktree(world: World, found: Found) -> None:
    folder = world.root / paths.RUN
    if paths.is_linked(world.root, paths.RUN) or not folder.is_dir():
        return
    if not gate.allowed(world):
        about = "git would run what this folder holds, which nobody has allowed: piste trust"
        found.stays.append(Part(folder, paths.RUN, about))
        return
    # Before the rest of .piste, whose last folders it would hold.
    found.goes.insert(0, Part(folder, paths.RUN, "the worktree of the steps, and their logs"))


def _settings(world: World, found: Found) -> None:
    root = world.root
    if (data := removal.read(root, config.FILE, found.stays)) is not None:
        if init.is_untouched(root, data):
            about = "as piste init wrote it"
            found.goes.append(Part(root / config.FILE, config.FILE, about, seen=data))
        else:
            found.stays.append(Part(root / config.FILE, config.FILE, "your settings"))
    if config.project_file(root) == root / config.PYPROJECT:
        found.stays.append(Part(root / config.PYPROJECT, config.PYPROJECT, "your [tool.piste]"))
    templates = world.config.prompts.rstrip("/")
    if (root / templates).is_dir():
        found.stays.append(Part(root / templates, f"{templates}/", "your templates"))


def _documents(world: World, found: Found) -> None:
    bundles = {part.name for part in (*found.goes, *found.stays)}
    names = {*receipts.targets(world.root), *(rule.target for rule in world.rules.values())}
    there = sorted(name for name in names - bundles if os.path.lexists(world.root / name))
    if there:
        found.stays.append(Part(world.root, ", ".join(there), "documents"))


def _branches(world: World, found: Found) -> None:
    own = progress.settings(world).branches
    code, out, _ = git.ask(
        world.root, ("for-each-ref", "--format=%(refname:short)", f"refs/heads/{own}/",
                     f"refs/heads/{own}-attempts/"), look=True,
    )  # fmt: skip
    if out.split() and not code:
        about = "branches with work on them; git branch -D removes one"
        found.stays.append(Part(world.root, ", ".join(out.split()), about))


def _for_all_projects(world: World, found: Found) -> None:
    others = [
        (world.store.folder, "the store: replies that were paid for and texts of yours, of all "
         "your projects; rm -r removes it"),
        (mise.everywhere(), "the tasks for mise, of all your projects; rm removes it"),
        (config.own_folder(), "your own settings and templates"),
        (own_seal.place(), "the key by which piste knows what it wrote itself"),
    ]  # fmt: skip
    found.stays.extend(
        Part(path, person.said(path), about) for path, about in others if os.path.lexists(path)
    )
    found.stays.append(Part(Path(sys.prefix), "piste itself", _PROGRAM))


# ------------------------------------------------------------------ what is said


def _show(found: Found, shared: bool) -> None:
    if not found.goes:
        screen.out("nothing of piste's that could go is here")
    for title, parts in (("goes", found.goes), ("stays", found.stays)):
        if parts:
            screen.out(f"{title}:")
            width = max(len(part.name) for part in parts if len(part.name) < 40) + 4
            for part in parts:
                name = screen.safe(part.name)
                gap = " " * (width - 2 - len(name)) or "  "
                screen.out(f"  {name}{gap}{common.hanging(screen.safe(part.about), width)}")
    if shared:
        screen.out("the receipts are in git: commit that they are gone, or others keep them")


def _in_git(root: Path) -> bool:
    return bool(git.ask(root, ("ls-files", "--", receipts.FOLDER), look=True)[1].strip())


def _agreed() -> bool:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return screen.ask("Remove what goes? [y/N] ").strip().lower() in ("y", "yes")
