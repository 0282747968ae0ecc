"""What piste itself writes into a project beside targets: settings, dodo.py, lines for git.

None of it is the project's code, so a bundle leaves it out. It knows what these files look like,
not who writes them.
"""

from collections.abc import Iterable
from pathlib import Path

from piste.engine import config
from piste.engine.world import World
from piste.system import git_look, paths, project_files
from piste.system.errors import UserError, printable

DODO = "from piste.tasks import *  # noqa: F403\n\n# Your own doit tasks go below.\n"
COMMENT = "# piste: receipts are shared, the rest of .piste is local"
IGNORE = ("/.piste/*", "!/.piste/receipts/", "/output.txt", "__pycache__/")
SHARED = ("!/.piste/", "/.piste/*", "!/.piste/receipts/", "!/.piste/receipts/**")
"""Lines of git that bring the receipts back, whatever hides them above or in another file."""

MISE = ".config/mise/conf.d/piste.toml"
_MOST = 100_000  # bytes; what we write is shorter


def attributes(world: World) -> tuple[str, ...]:
    """Return the lines of .gitattributes: receipts and targets have LF on every machine."""
    rules = world.rules.values()
    targets = sorted(rule.target for rule in rules if world.makers[rule.maker].committed)
    return ("/.piste/receipts/** text eol=lf", *(f"/{target} text eol=lf" for target in targets))


def names(world: World) -> list[str]:
    """Return the files in the project that hold nothing but what piste writes.

    A dodo.py with a task of one's own, or a .gitignore with a line of one's own, is not one.
    """
    ours = [config.FILE, MISE]
    lines = {
        ".gitignore": IGNORE,
        ".gitattributes": attributes(world),
        "dodo.py": DODO.splitlines(),
    }
    for name, written in lines.items():
        found = _lines(world.root, name)
        if found and found <= set(_said(written)):
            ours.append(name)
    return ours


def hidden_receipts(root: Path) -> str:
    """Say by which line git ignores the receipts, and how to change that; "" where it does not."""
    import subprocess

    command = ("check-ignore", "--no-index", "--verbose", "-z", "--stdin")
    try:
        out = subprocess.run(
            ["git", *git_look.OPTIONS, *command], cwd=root, env=git_look.environment(),
            input=f"{paths.RECEIPTS}/todo.md.json".encode(), capture_output=True, check=False,
        ).stdout  # fmt: skip
    except OSError:  # no git
        return ""
    file, line, pattern = (*out.decode("utf-8", "replace").split("\0"), "", "")[:3]
    if not pattern or pattern.startswith("!"):
        return ""
    return (
        f"{printable(file)}, line {line} ({printable(pattern)}) hides the receipts from git, so "
        "nobody shares them; take it out, or end .gitignore with the lines "
        f"{'  '.join(SHARED)}"
    )


def _lines(root: Path, name: str) -> set[str]:
    """The lines of a small file of the project that are no comments."""
    try:
        data = project_files.read_any(root, name, _MOST) or b""
    except UserError:  # whatever it is, we did not write it
        return set()
    return set(_said(data.decode("utf-8", "replace").splitlines()))


def _said(lines: Iterable[str]) -> Iterable[str]:
    return (code for line in lines if (code := _code(line)))


def _code(line: str) -> str:
    return line.partition("#")[0].strip()
