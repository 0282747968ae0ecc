"""doit's own command line under our name: our tasks, and on top of them the project's dodo.py.

What doit complains of becomes a UserError, in one line of ours; what goes wrong in the
project's own dodo.py is shown as Python shows it. It does not know our own verbs.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from doit import loader
from doit.cmd_base import NamespaceTaskLoader
from doit.cmd_help import Help
from doit.cmdparse import CmdOption, CmdParse, CmdParseError
from doit.doit_cmd import DoitMain
from doit.exceptions import InvalidCommand, InvalidDodoFile, InvalidTask

import piste.tasks as tasks
from piste.doit_graph import graph
from piste.engine import gate, project, trust
from piste.system import project_files
from piste.system.errors import EXIT_MISTAKE, UserError, did_you_mean

_SETTINGS_OF_DOIT = ("pyproject.toml", "doit.cfg")


def main(args: list[str], verbs: Iterable[str]) -> int:
    """Run doit with these words, in the project's root; return the exit code.

    `verbs` are further words that a person may have meant. Raises UserError.
    """
    here = Path.cwd()
    root = project.root_of(here)
    os.chdir(root)
    for name in _SETTINGS_OF_DOIT:  # it opens them without a look at what they are
        project_files.read_any(root, name, project_files.SETTINGS)
    found = trust.programs(root)
    allowed = bool(found) and gate.asked(project.world(root))
    graph.left_out = [] if allowed else [*found]
    try:
        code = int(Main(Loader(root, here, allowed), verbs).run(args) or 0)
        gate.left_out(graph.left_out)
        return code
    except SystemExit as ended:  # see `backend.Reporter.complete_run`
        return int(ended.code or 0)


class Loader(NamespaceTaskLoader):
    """The namespace in which doit finds tasks."""

    # What a task takes may also stand before any word; doit knows each name only once.
    cmd_options = tuple(
        {**param, "name": f"piste_{param['name']}"}
        for param in graph.PARAMS
        if param["name"] in ("model", "budget", "frozen")
    )

    def __init__(self, root: Path, here: Path, allowed: bool) -> None:
        super().__init__()
        self._root, self._here, self._allowed = root, here, allowed

    def setup(self, opt_values: Any) -> None:
        named = {"model": opt_values["piste_model"]} if opt_values["piste_model"] else {}
        graph.use(project.world(self._root, named))
        if opt_values["piste_budget"] or opt_values["piste_frozen"]:
            graph.limit(opt_values["piste_budget"], opt_values["piste_frozen"])
        self.namespace = dict(vars(tasks))
        there = project_files.read_any(self._root, "dodo.py", project_files.DOCUMENT) is not None
        if self._allowed and there:
            self.namespace.update(_dodo(self._root / "dodo.py"))
        loader.initial_workdir = str(self._here)


class OurHelp(Help):
    """doit's help, with a task as a person reads it; an unknown word is a mistake."""

    name = "help"

    def execute(self, opt_values: Any, pos_args: list[str]) -> Any:
        self._asked = pos_args
        return super().execute(opt_values, pos_args)

    def _execute(self, pos_args: list[str]) -> bool:
        found = [task for task in self.task_list if task.name == pos_args[0]]
        print("\n".join(_about(found[0])) if found else "", end="\n" if found else "")
        return bool(found)

    def print_usage(self, cmds: Any) -> None:
        raise InvalidCommand(not_found=self._asked[-1])


class Main(DoitMain):
    """doit, whose complaints are one line of ours."""

    BIN_NAME = "piste"
    DOIT_CMDS = (OurHelp, *(command for command in DoitMain.DOIT_CMDS if command is not Help))

    def __init__(self, tasks_of: Loader, verbs: Iterable[str]) -> None:
        # A configuration of doit names modules that it imports, and files that it writes.
        super().__init__(tasks_of, *([()] if graph.left_out else []))
        self.verbs = verbs

    def run(self, all_args: list[str]) -> Any:
        """What `DoitMain.run` does, but a mistake of the person's becomes a UserError."""
        commands = self.get_cmds()
        words = [*self.verbs, *commands]
        tasks_of = self.task_loader
        tasks_of.config = self.config
        tasks_of.cmd_names = sorted(commands)
        try:  # `piste --model M plan`: an option of the loader before any word
            options = CmdParse([CmdOption(option) for option in tasks_of.cmd_options])
            given, args = options.parse_only(all_args)
        except CmdParseError:
            given, args = {}, all_args
        args = self.process_args(args)
        name = args.pop(0) if args and args[0] in commands else "run"
        command = commands.get_plugin(name)(
            task_loader=tasks_of, config=self.config, bin_name=self.BIN_NAME, cmds=commands,
            opt_vals=given,
        )  # fmt: skip
        try:
            return command.parse_execute(args)
        except InvalidCommand as error:
            named = re.fullmatch(r"'(.*)' is not a task\.", str(error))
            word = error.not_found or (named[1] if named else "")
            line = _unknown(word, command, words) if word else _one_line(error)
            raise UserError(line) from None
        except CmdParseError as error:
            raise UserError(_bad_option(str(error), args, name)) from None
        except (InvalidDodoFile, InvalidTask) as error:
            raise UserError(_one_line(error)) from None
        except KeyError as error:  # `doit info` looks a word up without asking
            if name != "info" or error.args != tuple(args):
                return _of_dodo(error)
            raise UserError(_unknown(args[0], command, words)) from None
        except Exception as error:
            return _of_dodo(error)


def _dodo(path: Path) -> dict[str, Any]:
    """What the project's own dodo.py defines. Raises UserError where it cannot be read."""
    try:
        found: dict[str, Any] = vars(loader.get_module(str(path)))
    except ModuleNotFoundError as error:
        if error.name != path.stem:
            raise
        # It is there, and yet Python could not list its folder.
        raise UserError(f"{path} cannot be read; try again") from None
    return found


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


def _unknown(word: str, command: Any, words: Iterable[str]) -> str:
    """Say that a word is nothing we know, with what is nearest to it."""
    found = getattr(command, "task_list", [])
    if graph.left_out:
        return gate.unknown(word, graph.left_out)
    known = [*words, *(task.name for task in found)]
    known += [target for task in found for target in task.targets]
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
