"""The `piste` command: our verbs, and every task and command of doit, from anywhere.

A verb is a module in `piste.commands` with `main(argv) -> exit code`. All else goes
to doit, with our tasks and the project's own dodo.py on top. It knows no verb
beyond its name and its line of help.
"""

import gc
import importlib
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from piste.system import person, screen, stdio
from piste.system.errors import EXIT_MISTAKE, PisteError, UserError

VERBS = {
    "demo": "lay out a small project and show what piste does; no key, no network",
    "init": "make a folder a project: settings, dodo.py, lines for git",
    "status": "each target: its state, why, and what a rebuild would send and cost",
    "why": "what changed since a target was made, as a diff",
    "check": "for CI: exit 0 when all is fresh, 1 when not; asks no model",
    "diff": "what was edited by hand in a target",
    "accept": "let a target stand as it is for what it is made from now",
    "review": "a review of what a branch or pull request changes, and of nothing else",
    "decline": "the team does not want a finding: take it out, report it no more",
    "fixed": "a finding has been mended: take it out",
    "restore": "bring back a target as it was made, or as it was before",
    "log": "every call to a model: when, which, tokens, cost, seconds",
    "prompt": "the prompt of a target as it would be sent",
    "steps": "the steps of the plan: which are done, which is next",
    "trace": "from each requirement to its steps, their commits and tests",
    "next": "the next step, to be carried out by hand; --copy: to the clipboard",
    "run": "carry steps out, each by an agent, with the tests between",
    "done": "run the tests and tick a step that was carried out by hand",
    "undo": "take back that a step is done",
    "attempts": "what attempts at steps have left behind; --remove",
    "debug": "pack a failing test run with what matters, for a chat or a model",
    "bundle": "pack the repository into one text file for a model",
    "mise": "write the task definitions for mise",
    "prompt_plan_status": "how many steps of the plan are left, and which is next",
    "doctor": "look at the project, the store, git, mise, the models and the clipboard",
    "trust": "show what this folder would run of its own, and allow it",
    "store": "what lies in the store: size, gc, verify",
    "uninstall": "show what piste has put here and keeps for it, and remove it",
}

USAGE = """\
piste: a build system for the files that a language model writes

  piste TASK…      bring targets up to date: idea spec plan todo poke_holes …
  piste list       every task
  piste help WORD  more about a task or a verb

{verbs}

--trust anywhere, or PISTE_TRUST=1: run what this folder holds, this time (docs/security.md).
All else is doit's: piste list, info, forget, clean; `piste help COMMAND` says more.
Exit codes: 0 done, 1 a model or a check said no, 2 something you can mend, 3 over the budget.
"""


def script() -> NoReturn:
    """Be the command `piste`: `main`, and then an end that no signal disturbs.

    All is put away by then, and Python would answer ^C with a traceback at its own end.
    """
    # Little that a command makes goes in circles; to look for that less often is time saved.
    gc.set_threshold(20_000)
    code = main()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (without the program's name); return the exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    stdio.reopen_closed()
    stdio.be_lenient()
    person.settle()
    code = _carried_out(args)
    stdio.let_go()
    return code


def _carried_out(args: list[str]) -> int:
    try:
        code = _dispatch(_trusting(args))
        sys.stdout.flush()
        return code
    except PisteError as error:
        return _complain(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _complain("interrupted; what was finished is recorded", 130)
    except OSError as error:
        if stdio.is_of_stdout(error):
            return _complain(*stdio.failed(error))
        if error.filename is None:
            gone = isinstance(error, FileNotFoundError)  # it is os.getcwd that has no name
            line = "this folder is no longer there; cd into one that is"
            return _complain(line, EXIT_MISTAKE) if gone else _bug(error)
        return _complain(f"{error.filename}: {error.strerror}", EXIT_MISTAKE)
    except Exception as error:
        return _bug(error)


def usage() -> str:
    """Return what `piste --help` prints."""
    from piste.commands import common

    width = max(map(len, VERBS))
    verbs = "\n".join(
        f"  piste {name:<{width}}  {common.hanging(line, indent=width + 10)}"
        for name, line in VERBS.items()
    )
    return USAGE.format(verbs=verbs)


def _trusting(args: list[str]) -> list[str]:
    """Obey `--trust`, which may stand anywhere before a `--`; return the other words."""
    own = args[: args.index("--")] if "--" in args else args
    if "--trust" not in own:
        return args
    from piste.engine import trust

    trust.allow_this_run()
    return [word for word in own if word != "--trust"] + args[len(own) :]


def _complain(line: str, code: int) -> int:
    if line:
        screen.say(f"piste: {line}")
    return code


def _bug(error: Exception) -> int:
    from piste.system import bug_report

    return _complain(bug_report.write(error), EXIT_MISTAKE)


def _dispatch(args: list[str]) -> int:
    if not args or args in (["-h"], ["--help"], ["help"]):
        screen.out(usage(), end="")
        return 0
    if args[0] in ("--version", "-V"):
        from piste import __version__

        screen.out(f"piste {__version__}")
        return 0
    if len(args) == 2 and args[1] in ("-h", "--help"):
        args = ["help", args[0]]
    if args[0] == "help" and len(args) > 2:
        raise UserError(f"help is about one word at a time: piste help {args[1]}")
    if args[0] == "help" and args[1] in VERBS:
        args = [args[1], "--help"]
    if args[0] in VERBS:
        module = importlib.import_module(f"piste.commands.{args[0]}")
        # doit has a `run` of its own; whose is meant, `means_steps` says.
        if args[0] != "run" or module.means_steps(args[1:]):
            return int(module.main(args[1:]))
    from piste.doit_graph import command_line

    return command_line.main(args, VERBS)


if __name__ == "__main__":
    script()
