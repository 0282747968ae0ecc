"""What piste itself writes into a project beside targets: settings, dodo.py, lines for git.

None of it is the project's code, so a bundle leaves it out. It knows what these files look like,
not who writes them.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from piste.bundle import own_lines
from piste.bundle.own_lines import Own
from piste.engine import config, freshness
from piste.engine.rules import BUILT_IN, CHANGE, Rule
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
    return ("/.piste/receipts/** text eol=lf", *map(_attribute, targets))


def names(world: World) -> list[str]:
    """Return the files in the project that hold nothing but what piste writes.

    A dodo.py with a task of one's own, or a .gitignore with a line of one's own, is not one.
    """
    found = {name: _read(world.root, name) for name in ("dodo.py", ".gitignore", ".gitattributes")}
    ours = [config.FILE, MISE]
    if (code := set(_said(found["dodo.py"]))) and code <= set(_said(DODO.encode())):
        ours.append("dodo.py")
    own = lines(world)
    return ours + [name for name in own if not own_lines.rest(found[name], own[name]).strip()]


def lines(world: World) -> dict[str, Own]:
    """Return the lines of piste's in files that hold a person's too, by the file's name.

    What others write as well is ours only directly below a line of ours. A target may have had
    another name when its line was written: its first one, or the one beside a person's file.
    """
    rules = (*BUILT_IN.values(), *world.rules.values())
    targets = {name for rule in rules for name in (rule.target, rule.beside) if name}
    return {
        ".gitignore": ((COMMENT, *IGNORE[:-1], *SHARED), IGNORE[-1:]),
        ".gitattributes": ((COMMENT, *attributes(world), *sorted(map(_attribute, targets))), ()),
    }


def hidden_receipts(root: Path) -> str:
    """Say by which line git ignores the receipts, and how to change that; "" where it does not."""
    found = _ignored(root, [f"{paths.RECEIPTS}/todo.md.json"], "--no-index")
    for line in found.values():
        return (
            f"{line} hides the receipts from git, so nobody shares them; take it out, or end "
            f".gitignore with the lines {'  '.join(SHARED)}"
        )
    return ""


def hidden_inputs(world: World, rules: Iterable[Rule]) -> list[str]:
    """Say which inputs of these rules git ignores, by which line, and what that means, a line each.

    Not of what piste itself makes and nobody commits: a clone makes that again.
    """
    made = {rule.target for rule in world.rules.values() if not world.makers[rule.maker].committed}
    made.add(CHANGE)
    of: dict[str, str] = {}  # input -> the first target that is made from it
    for rule in rules:
        for path in freshness.chosen_inputs(world, rule):
            if path not in made:
                of.setdefault(path, rule.target)
    return [
        f"{line} keeps {printable(path)} out of git, and {of[path]} is made from it: a clone can "
        f"check {of[path]} only once {printable(path)} is made there; "
        f"git add --force {printable(path)} shares it"
        for path, line in _ignored(world.root, list(of)).items()
    ]


def _ignored(root: Path, names: Sequence[str], *options: str) -> dict[str, str]:
    """Return, of these names, those that git ignores, with the line that says so."""
    import subprocess

    if not names:
        return {}
    command = ("check-ignore", *options, "--verbose", "-z", "--stdin")
    try:
        out = subprocess.run(
            ["git", *git_look.OPTIONS, *command], cwd=root, env=git_look.environment(),
            input=os.fsencode("\0".join(names)), capture_output=True, check=False,
        ).stdout  # fmt: skip
    except OSError:  # no git
        return {}
    fields = os.fsdecode(out).split("\0")
    rows = zip(fields[::4], fields[1::4], fields[2::4], fields[3::4], strict=False)
    return {
        name: f"{printable(file)}, line {line} ({printable(pattern)})"
        for file, line, pattern, name in rows
        if pattern and not pattern.startswith("!")
    }


def _attribute(target: str) -> str:
    return f"/{target} text eol=lf"


def _read(root: Path, name: str) -> bytes:
    """A small file of the project; where there is none that we wrote, a line that is not ours."""
    try:
        return project_files.read(root, name, _MOST)
    except (FileNotFoundError, UserError):
        return b"not ours"


def _said(data: bytes) -> Iterator[str]:
    """The lines of Python that are no comments."""
    for line in data.decode("utf-8", "replace").splitlines():
        if code := line.partition("#")[0].strip():
            yield code
