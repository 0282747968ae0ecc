"""The `piste` command: our verbs, and every task and command of doit, from anywhere.

A verb is a module in `piste.commands` with `main(argv) -> exit code`. All else goes
to doit, with our tasks and the project's own dodo.py on top. It knows no verb
beyond its name and its line of help.
"""

import errno
import importlib
import io
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from piste.errors import EXIT_MISTAKE, Mistake, PisteError, did_you_mean

VERBS = {
    "demo": "lay out a small project and show what piste does; no key, no network",
    "init": "make a folder a project: settings, dodo.py, lines for git",
    "status": "each target: its state, why, and what a rebuild would send and cost",
    "why": "what changed since a target was made, as a diff",
    "check": "for CI: exit 0 when all is fresh, 1 when not; asks no model",
    "diff": "what was edited by hand in a target",
    "accept": "let a target stand as it is for what it is made from now",
    "restore": "bring back a target as it was made, or as it was before",
    "log": "every call to a model: when, which, tokens, cost, seconds",
    "prompt": "the prompt of a target as it would be sent",
    "steps": "the steps of the plan: which are done, which is next",
    "next": "the next step, to be carried out by hand; --copy: to the clipboard",
    "run": "carry steps out, each by an agent, with the tests between",
    "done": "run the tests and tick a step that was carried out by hand",
    "undo": "take back that a step is done",
    "debug": "pack a failing test run with what matters, for a chat or a model",
    "bundle": "pack the repository into one text file for a model",
    "mise": "write the task definitions for mise",
    "prompt_plan_status": "how many steps of the plan are left, and which is next",
    "doctor": "look at the project, the store, git, mise, the models and the clipboard",
    "store": "what lies in the store: size, gc, verify",
}

USAGE = """\
piste: a build system for the files that a language model writes

  piste TASK…      bring targets up to date: idea spec plan todo poke_holes …
  piste list       every task
  piste help WORD  more about a task or a verb

{verbs}

All else is doit's: piste list, info, forget, clean; `piste help COMMAND` says more.
Exit codes: 0 done, 1 a model or a check said no, 2 something you can mend, 3 over the budget.
"""

_NO_READER = 141  # as a shell says of a program that SIGPIPE has ended


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (without the program's name); return the exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character shows another; it ends nothing.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = _dispatch(args)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except PisteError as error:
        return _complain(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _complain("interrupted; what was finished is recorded", 130)
    except BrokenPipeError:
        # Whoever read our output has gone: nobody is left to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _NO_READER
    except OSError as error:
        if error.filename is None and _is_of_stdout(error):
            # What is left of it goes nowhere, or Python complains of it once more at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _complain(f"stdout cannot be written: {error.strerror or error}", EXIT_MISTAKE)
        if error.filename is None:
            gone = isinstance(error, FileNotFoundError)  # it is os.getcwd that has no name
            line = "this folder is no longer there; cd into one that is"
            return _complain(line, EXIT_MISTAKE) if gone else _bug(error)
        return _complain(f"{error.filename}: {error.strerror}", EXIT_MISTAKE)
    except Exception as error:
        return _bug(error)


def usage() -> str:
    """Return what `piste --help` prints."""
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  piste {name:<{width}}  {line}" for name, line in VERBS.items())
    return USAGE.format(verbs=verbs)


def _complain(line: str, code: int) -> int:
    print(f"piste: {line}", file=sys.stderr)
    return code


def _is_of_stdout(error: OSError) -> bool:
    """Whether an error without a name is stdout's: those of files all name their file.

    From one of doit's threads it comes as its text only.
    """
    codes = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
    return error.errno in codes or any(f"[Errno {code}]" in str(error) for code in codes)


def _bug(error: Exception) -> int:
    from piste import report

    return _complain(report.write(error), EXIT_MISTAKE)


def _dispatch(args: list[str]) -> int:
    if not args or args in (["-h"], ["--help"], ["help"]):
        print(usage(), end="")
        return 0
    if args[0] in ("--version", "-V"):
        from piste import __version__

        print(f"piste {__version__}")
        return 0
    if len(args) == 2 and args[1] in ("-h", "--help"):
        args = ["help", args[0]]
    if args[0] == "help" and len(args) > 2:
        raise Mistake(f"help is about one word at a time: piste help {args[1]}")
    if args[0] == "help" and args[1] in VERBS:
        args = [args[1], "--help"]
    if args[0] in VERBS:
        module = importlib.import_module(f"piste.commands.{args[0]}")
        # doit has a `run` of its own; whose is meant, `means_steps` says.
        if args[0] != "run" or module.means_steps(args[1:]):
            return int(module.main(args[1:]))
    return _doit(args)


def _doit(args: list[str]) -> int:
    """Run doit under our name: our tasks, and on top of them the project's dodo.py."""
    from doit import loader
    from doit.cmd_base import NamespaceTaskLoader
    from doit.cmd_help import Help
    from doit.doit_cmd import DoitMain
    from doit.exceptions import InvalidCommand

    import piste.tasks as tasks
    from piste import graph, project

    here = Path.cwd()
    root = project.root_of(here)
    os.chdir(root)

    class Loader(NamespaceTaskLoader):
        """The namespace in which doit finds tasks."""

        cmd_options = (
            {"name": "piste_model", "long": "model", "short": "m", "type": str, "default": "",
             "help": "the model to ask, for this run"},
            {"name": "piste_budget", "long": "budget", "type": str, "default": "",
             "help": "the most that this run may cost: $2.50, or '200_000 tokens'"},
            {"name": "piste_frozen", "long": "frozen", "type": bool, "default": False,
             "help": "ask no model: what is not as it should be fails"},
        )  # fmt: skip

        def setup(self, opt_values: Any) -> None:
            named = {"model": opt_values["piste_model"]} if opt_values["piste_model"] else {}
            graph.use(project.world(root, named))
            if opt_values["piste_budget"] or opt_values["piste_frozen"]:
                graph.limit(opt_values["piste_budget"], opt_values["piste_frozen"])
            self.namespace = dict(vars(tasks))
            if (root / "dodo.py").is_file():
                self.namespace.update(_dodo(root / "dodo.py"))
            loader.initial_workdir = str(here)

    class OurHelp(Help):
        """doit's help, with a task as a person reads it; an unknown word is a mistake."""

        name = "help"

        def _execute(self, pos_args: list[str]) -> bool:
            found = [task for task in self.task_list if task.name == pos_args[0]]
            print("\n".join(_about(found[0])) if found else "", end="\n" if found else "")
            return bool(found)

        def print_usage(self, cmds: Any) -> None:
            raise InvalidCommand(not_found=args[-1])

    class Main(DoitMain):
        """doit, whose complaints are one line of ours."""

        BIN_NAME = "piste"
        DOIT_CMDS = (OurHelp, *(command for command in DoitMain.DOIT_CMDS if command is not Help))

        def run(self, all_args: list[str]) -> Any:
            return _run(self, all_args)

    try:
        return int(Main(Loader()).run(args) or 0)
    except SystemExit as ended:  # see `backend.Reporter.complete_run`
        return int(ended.code or 0)


def _dodo(path: Path) -> dict[str, Any]:
    """What the project's own dodo.py defines. Raises Mistake where it cannot be read."""
    from doit import loader

    try:
        found: dict[str, Any] = vars(loader.get_module(str(path)))
    except ModuleNotFoundError as error:
        if error.name != path.stem:
            raise
        # It is there, and yet Python could not list its folder.
        raise Mistake(f"{path} cannot be read; try again") from None
    return found


def _run(main: Any, args: list[str]) -> Any:
    """What `DoitMain.run` does, but a mistake of the person's becomes a Mistake."""
    from doit.cmdparse import CmdOption, CmdParse, CmdParseError
    from doit.exceptions import InvalidCommand, InvalidDodoFile, InvalidTask

    commands = main.get_cmds()
    loader = main.task_loader
    loader.config = main.config
    loader.cmd_names = sorted(commands)
    try:  # `piste --model M plan`: an option of the loader before any word
        options = CmdParse([CmdOption(option) for option in loader.cmd_options])
        given, args = options.parse_only(args)
    except CmdParseError:
        given = {}
    args = main.process_args(args)
    name = args.pop(0) if args and args[0] in commands else "run"
    command = commands.get_plugin(name)(
        task_loader=loader, config=main.config, bin_name=main.BIN_NAME, cmds=commands,
        opt_vals=given,
    )  # fmt: skip
    try:
        return command.parse_execute(args)
    except InvalidCommand as error:
        named = re.fullmatch(r"'(.*)' is not a task\.", str(error))
        word = error.not_found or (named[1] if named else "")
        raise Mistake(_unknown(word, command, commands) if word else _one_line(error)) from None
    except CmdParseError as error:
        raise Mistake(_bad_option(str(error), args, name)) from None
    except (InvalidDodoFile, InvalidTask) as error:
        raise Mistake(_one_line(error)) from None
    except KeyError as error:  # `doit info` looks a word up without asking
        if name != "info" or error.args != tuple(args):
            return _of_dodo(error)
        raise Mistake(_unknown(args[0], command, commands)) from None
    except Exception as error:
        return _of_dodo(error)


def _about(task: Any) -> list[str]:
    """Return what `piste help TASK` prints."""
    lines = [f"piste {task.name}: {task.doc}".removesuffix(": "), ""]
    lines += [f"  from  {name}" for name in sorted(task.file_dep)]
    lines += [f"  makes {name}" for name in task.targets]
    options = [*task.creator_params, *task.params]
    flags = [_flag(option) for option in options]
    width = max(map(len, flags), default=0)
    if options:
        lines += [*[""] * (lines[-1] != ""), "options:"]
    for flag, option in zip(flags, options, strict=True):
        lines.append(f"  {flag:<{width}}  {option.get('help', '')}".rstrip())
    return lines


def _flag(option: dict[str, Any]) -> str:
    """How an option of a task is typed: `-m, --model X`."""
    names = [("-", option.get("short")), ("--", option.get("long"))]
    typed = ", ".join(f"{dash}{name}" for dash, name in names if name)
    return typed if option.get("type") is bool else f"{typed} X"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _unknown(word: str, command: Any, commands: Any) -> str:
    """Say that a word is nothing we know, with what is nearest to it."""
    tasks = getattr(command, "task_list", [])
    known = [*VERBS, *commands, *(task.name for task in tasks)]
    known += [target for task in tasks for target in task.targets]
    near = did_you_mean(word, known) or "; `piste list` has the tasks, `piste help` the verbs"
    return f"there is no task, target or verb {word!r}{near}"


def _bad_option(said: str, args: list[str], command: str) -> str:
    """From doit's message, which lists its objects, what a person needs."""
    what = re.sub(r"^Error parsing [^:]*: ", "", said).partition(" (parsing options:")[0]
    known = [f"--{name}" for name in re.findall(r"'long':'([\w-]+)'", said)]
    wrong = re.match(r"option (--[\w-]+) not recognized", what)
    near = did_you_mean(wrong[1], known) if wrong else ""
    words = [arg for arg in args if not arg.startswith("-")] if command == "run" else [command]
    return f"{what}{near or f'; see piste help {words[0] if words else command}'}"


def _of_dodo(error: Exception) -> int:
    """Show what went wrong in the project's own dodo.py, as Python does; raise all else."""
    import traceback

    trace = error.__traceback__
    while trace and Path(trace.tb_frame.f_code.co_filename).name != "dodo.py":
        trace = trace.tb_next
    if not trace and not (isinstance(error, SyntaxError) and "dodo.py" in str(error.filename)):
        raise error
    traceback.print_exception(error.with_traceback(trace))
    return EXIT_MISTAKE


if __name__ == "__main__":
    sys.exit(main())
