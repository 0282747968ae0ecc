"""`piste demo`: lay out a small project and show what piste does, without a key or a network.

It runs the real commands, as a person would type them, and prints each with what it
says. The model is the embedded one, `outline`; the folder holds the store as well,
so nothing of the demo stays when it is removed.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from piste.commands import common, init
from piste.system import atomic_write, paths, screen
from piste.system.errors import Failed, UserError

FOLDER = "piste-demo"
SPEC = """\
# Tally

A command-line tool that counts the words of text files, for people who write.

## Requirements

1. `tally FILE…` prints the number of words of each file and their sum.
2. `tally --top N FILE` prints the N most frequent words, the most frequent first.
3. A file that cannot be read is named on stderr; the others are counted all the same.

## Errors

- No file given: one line of help, exit code 2.
- A file that is not UTF-8: its name and the first bad byte, exit code 1.

## Tests

- Counts of an empty file, of one word, of words with apostrophes and hyphens.
- `python -m pytest` runs them all.
"""
ADDED = "4. `tally --json` prints the same as JSON, for other programs.\n"
_OWN_STORE = (
    '\nstore = ".piste/store"     # for a demo; without it, results are kept for all projects'
)


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    codes = "0 done, 1 one of the commands failed, 2 something you can mend"
    parser = common.parser("demo", __doc__, codes=codes, json_too=False)
    about = f"a new folder, {FOLDER} without one"
    parser.add_argument("folder", nargs="?", default=FOLDER, metavar="DIR", help=about)
    args = parser.parse_args(argv)
    root = Path(args.folder).absolute()
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UserError(
            f"{args.folder} is there and not empty; name another folder: piste demo DIR"
        )
    lay_out(root)
    _show(f"A small project lies in {args.folder}: a spec.md, and what `piste init` writes.")
    _run(root, "doit", "todo")
    _show("Again, with nothing changed: nothing is made, nothing would be paid.")
    _run(root, "doit", "todo")
    _show("Now one requirement is added to spec.md.")
    text = SPEC.replace("\n## Errors", f"{ADDED}\n## Errors")
    atomic_write.write(root / "spec.md", text.encode())
    _run(root, "piste", "why", "plan")
    _run(root, "doit", "todo")
    _run(root, "piste", "status")
    _show(f"Look around: cd {args.folder}; the documents are skeletons until you name a model")
    _show("in piste.toml (`llm models` lists them). Then `doit todo` does the real work.")
    return 0


def lay_out(root: Path) -> None:
    """Make a folder a project with a spec.md, whose model is `outline`."""
    os.makedirs(root, exist_ok=True)
    atomic_write.write(root / "spec.md", SPEC.encode())
    init.initialise(root, "outline", _OWN_STORE)


def _show(line: str) -> None:
    screen.out(screen.style(line, "bold", sys.stdout), flush=True)


def _run(root: Path, program: str, *args: str) -> None:
    """Run a command of this very installation in the project."""
    screen.out(f"\n$ {program} {' '.join(args)}", flush=True)
    modules = {"doit": "doit", "piste": "piste.cli"}
    # A person's own settings may name options that the embedded model does not have.
    env = {name: value for name, value in os.environ.items() if not name.startswith("PISTE_")}
    env["XDG_CONFIG_HOME"] = str(root / paths.STATE / "config")
    env["PYTHONUNBUFFERED"] = "1"  # what is said on stderr stands where it belongs
    command = [sys.executable, "-m", modules[program], *args]
    done = subprocess.run(command, cwd=root, env=env, stderr=subprocess.STDOUT, check=False)
    screen.out(flush=True)
    if done.returncode:
        raise Failed(f"{program} {' '.join(args)} ended with {done.returncode}; see above")
