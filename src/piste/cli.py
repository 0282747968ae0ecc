"""The `piste` command: our verbs, and every task and command of doit, from anywhere.

A verb is a module in `piste.commands` with `main(argv) -> exit code`. All else goes
to doit, with our tasks and the project's own dodo.py on top. It knows no verb
beyond its name and its line of help.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from piste.errors import EXIT_BUDGET, EXIT_MISTAKE, PisteError

VERBS = {
    "demo": "lay out a small project and show what piste does, without a key or a network",
    "init": "make this folder a project: settings, dodo.py, lines for git",
    "status": "each target: its state, why, and what a rebuild would send and cost",
    "why": "what changed since a target was made",
    "check": "for CI: exit 0 when all is fresh, 1 when not; asks no model",
    "diff": "what was edited by hand in a target",
    "accept": "let a target stand as it is for what it is made from now",
    "restore": "bring back a target as it was made, or as it was before",
    "log": "every call to a model: when, which, tokens, cost, seconds",
    "prompt": "the prompt of a target as it would be sent",
}

USAGE = """\
piste: a build system for the files that a language model writes

  piste TASK…           bring targets up to date: spec plan todo poke_holes …
  piste list            all tasks;  piste help TASK: one of them

{verbs}

Everything else is doit's: piste run, list, info, forget, clean, help.
`piste VERB --help` says more. Exit codes: 0 done, 1 a model or a check said no,
2 something you can mend, 3 before anything ran or over the budget.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (without the program's name); return the exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(args)
    except PisteError as error:
        print(f"piste: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("piste: interrupted; what was finished is recorded", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone: nobody is left to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_MISTAKE
    except Exception as error:
        from piste import report

        print(f"piste: {report.write(error)}", file=sys.stderr)
        return EXIT_MISTAKE


def usage() -> str:
    """Return what `piste --help` prints."""
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  piste {name:<{width}}  {line}" for name, line in VERBS.items())
    return USAGE.format(verbs=verbs)


def _dispatch(args: list[str]) -> int:
    if not args or args[0] in ("-h", "--help", "help") and len(args) < 2:
        print(usage(), end="")
        return 0
    if args[0] == "--version":
        from piste import __version__

        print(f"piste {__version__}")
        return 0
    if args[0] in VERBS:
        module = importlib.import_module(f"piste.commands.{args[0]}")
        return int(module.main(args[1:]))
    return _doit(args)


def _doit(args: list[str]) -> int:
    from doit.cmd_base import NamespaceTaskLoader
    from doit.doit_cmd import DoitMain

    from piste import graph, project, tasks

    root = project.root_of(Path.cwd())
    os.chdir(root)

    class Loader(NamespaceTaskLoader):  # type: ignore[misc]  # doit has no types
        """Our tasks, and on top of them the project's dodo.py where there is one."""

        cmd_options = (
            {"name": "piste_model", "long": "model", "short": "m", "type": str, "default": "",
             "help": "the model to ask, for this run"},
        )  # fmt: skip

        def setup(self, opt_values: Any) -> None:
            named = {"model": opt_values["piste_model"]} if opt_values["piste_model"] else {}
            graph.use(project.world(root, named))
            self.namespace = dict(vars(tasks))
            if (root / "dodo.py").is_file():
                from doit import loader

                self.namespace.update(vars(loader.get_module(str(root / "dodo.py"))))

    class Main(DoitMain):  # type: ignore[misc]  # doit has no types
        """doit, under our name."""

        BIN_NAME = "piste"

    code = Main(Loader()).run(args)
    return EXIT_BUDGET if graph.exit_code == EXIT_BUDGET else int(code or 0)


if __name__ == "__main__":
    sys.exit(main())
