"""doit's own command line under our name: our tasks, and on top of them the project's dodo.py.

What doit complains of becomes a UserError, in one line of ours. A dodo.py that cannot be loaded
is left out, with one line; what goes wrong in it later is shown as Python shows it. It does not
know our own verbs.
"""

import os
import re
import sys
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
from piste.system import project_files, screen
from piste.system.errors import EXIT_MISTAKE, UserError, did_you_mean, in_one_line, printable

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
        try:
            code = int(Main(Loader(root, here, allowed), verbs).run(args) or 0)
        except DodoFailed as failed:
            screen.say(f"dodo.py is left out: {failed}; piste works with its own tasks")
            code = int(Main(Loader(root, here, False), verbs).run(args) or 0)
        gate.left_out(graph.left_out)
        return code
    except SystemExit as ended:  # see `backend.Reporter.complete_run`
        return int(ended.code or 0)


class DodoFailed(Exception):
    """The project's own dodo.py cannot be loaded, or does not go with our tasks."""


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
        self.has_dodo = False  # the project's dodo.py is among the tasks
        self.is_loading = False  # and they are being loaded

    def setup(self, opt_values: Any) -> None:
        named = {"model": opt_values["piste_model"]} if opt_values["piste_model"] else {}
        graph.use(project.world(self._root, named))
        if opt_values["piste_budget"] or opt_values["piste_frozen"]:
            graph.limit(opt_values["piste_budget"], opt_values["piste_frozen"])
        self.namespace = dict(vars(tasks))
        there = project_files.read_any(self._root, "dodo.py", project_files.DOCUMENT) is not None
        if self._allowed and there:
            self.has_dodo = self.is_loading = True
            found = _dodo(self._root / "dodo.py")
            if isinstance(config := found.get("DOIT_CONFIG"), dict):
                found = {**found, "DOIT_CONFIG": {**tasks.DOIT_CONFIG, **config}}
            self.namespace.update(found)
        loader.initial_workdir = str(self._here)

    def load_tasks(self, cmd: Any, pos_args: Any) -> Any:
        """Load them all; what goes wrong later is not a matter of loading."""
        found = super().load_tasks(cmd, pos_args)
        if self.is_loading:
            _no_name_twice(found)
        self.is_loading = False
        return found


class OurHelp(Help):
    """doit's help, with a task as a person reads it; an unknown word is a mistake."""

    name = "help"

    def execute(self, opt_values: Any, pos_args: list[str]) -> Any:
        self._asked = pos_args
        return super().execute(opt_values, pos_args)

    def _execute(self, pos_args: list[str]) -> bool:
        found = [task for task in self.task_list if task.name == pos_args[0]]
        if found:
            screen.out("\n".join(_about(found[0])))
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
        command.outstream = screen.guarded(sys.stdout)  # where `list`, `info`, … print
        for option in command.cmdparser.options:  # and every reporter of `run`
            if option.default is sys.stdout:
                option.default = command.outstream
        try:
            return command.parse_execute(args)
        except InvalidCommand as error:
            named = re.fullmatch(r"'(.*)' is not a task\.", str(error))
            word = error.not_found or (named[1] if named else "")
            line = _unknown(word, command, words) if word else in_one_line(str(error))
            raise UserError(line) from None
        except CmdParseError as error:
            raise UserError(_bad_option(str(error), args, name)) from None
        except (InvalidDodoFile, InvalidTask) as error:
            if tasks_of.has_dodo:  # without it, ours alone are asked
                raise DodoFailed(in_one_line(str(error))) from None
            raise UserError(in_one_line(str(error))) from None
        except KeyError as error:  # `doit info` looks a word up without asking
            if tasks_of.is_loading and _is_of_dodo(error):
                raise DodoFailed(_where(error)) from None
            if name != "info" or error.args != tuple(args):
                return _of_dodo(error)
            raise UserError(_unknown(args[0], command, words)) from None
        except (Exception, SystemExit) as error:
            if tasks_of.is_loading and _is_of_dodo(error):
                raise DodoFailed(_where(error)) from None
            if isinstance(error, SystemExit):
                raise
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

    if not _is_of_dodo(error):
        raise error
    error = error.with_traceback(_frame_of_dodo(error))
    screen.say("".join(traceback.format_exception(error)).rstrip())
    return EXIT_MISTAKE


def _is_of_dodo(error: BaseException) -> bool:
    in_text = isinstance(error, SyntaxError) and "dodo.py" in str(error.filename)
    return in_text or _frame_of_dodo(error) is not None


def _frame_of_dodo(error: BaseException) -> Any:
    trace = error.__traceback__
    while trace and Path(trace.tb_frame.f_code.co_filename).name != "dodo.py":
        trace = trace.tb_next
    return trace


def _where(error: BaseException) -> str:
    """Say in a few words what is wrong in dodo.py, and in which line."""
    trace = _frame_of_dodo(error)
    line = trace.tb_lineno if trace else getattr(error, "lineno", None)
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    where = f"line {line}: " if line else ""
    return f"{where}{type(error).__name__}{f': {printable(in_one_line(said))}' if said else ''}"


def _no_name_twice(found: Iterable[Any]) -> None:
    """Raise DodoFailed where dodo.py has a task of one of our names beside ours."""
    seen: set[str] = set()
    for task in found:
        if task.name in seen:
            raise DodoFailed(
                f"its task {printable(task.name)!r} is one of piste's; name yours otherwise, or "
                "import only the stages that you want"
            )
        seen.add(task.name)
