"""The agents: programs that carry a step out, and the built-in one.

A module an agent holds what is its own: the command line, how to install it, what it says of
its tokens and its price. Command lines are settings: `[agents.NAME] command = "…"` takes the
place of a built-in one, or makes a new agent. What an agent is given is a `Job`, what comes
back a `AgentResult`: that it has ended, never that it was right.

    aider claude codex cursor_agent gemini opencode    external programs, run by `command`
    llm (the module builtin)                           asks a model itself

This module knows no git and no tests; who calls it looks at what was left behind.
"""

import importlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from piste.engine.world import World
from piste.steps.progress import Settings
from piste.system.errors import UserError, did_you_mean

BUILT_IN = "llm"
# Names in settings, and the modules of this package that hold them.
MODULES = {
    "aider": "aider",
    "claude": "claude",
    "codex": "codex",
    "cursor-agent": "cursor_agent",
    "gemini": "gemini",
    "opencode": "opencode",
}


class AgentOutput(NamedTuple):
    """What an agent says of its own work; None and "" are not known."""

    text: str = ""  # its last words
    error: str = ""  # why it gave up
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None  # US dollars
    model: str = ""
    quote: str = ""  # of the files, what it has to see to do better


class Agent(NamedTuple):
    """An agent that is a program. Placeholders of the command are `command`'s."""

    name: str
    command: str
    install: str = ""  # what a person types to have it
    version: str = ""  # a command that prints its version
    ignores: str = ""  # its own file of what it leaves alone, whose lines {kept} begins with
    read: Callable[[str], AgentOutput] = lambda printed: AgentOutput(printed[-2000:])


@dataclass(frozen=True)
class Job:
    """One try at one step. Times are in seconds."""

    folder: Path  # the project, in the worktree
    home: Path  # the project, in the person's checkout; never told to the agent
    prompt: str
    logs: Path  # without ending: each file of this try is named so, and an ending
    limit: float
    test: str = ""  # the test command
    files: tuple[str, ...] = ()  # that the prompt names and that are there
    kept: tuple[str, ...] = ()  # that are there and are not the agent's to change
    model: str = ""
    money: float | None = None  # US dollars that are left, for a program
    salt: str = ""  # of a try for which no stored reply will do but its own
    lock: Path | None = None
    what: str = ""  # for the log, and for those who wait: "step 03"
    may: Callable[[str], str] = lambda path: ""  # why a path may not be changed, or ""
    on_line: Callable[[str], None] | None = None  # gets each line that is printed
    came: Callable[[int], None] | None = None  # gets how many characters have come
    stop: threading.Event | None = None
    env: Mapping[str, str] = field(default_factory=dict)

    def file(self, ending: str) -> Path:
        """Return a file of this try."""
        return self.logs.with_name(f"{self.logs.name}.{ending}")


# How a try may end that is no word of the agent's: a program by its limits of time or output, the
# built-in agent by a reply that cannot be carried out, or a call that brought none.
ENDED = (TIME, OUTPUT, FORM, CALL) = ("time", "output", "form", "call")


class AgentResult(NamedTuple):
    """How a try ended. Exit code 0 means that the agent is finished, not that it succeeded."""

    code: int
    why: str  # "" of itself, or one of ENDED
    said: AgentOutput
    seconds: float
    log: Path  # what it printed
    replies: tuple[tuple[str, str], ...] = ()  # in the store, of the built-in agent: key, record
    asked: tuple[str, ...] = ()  # files that the built-in agent's model wanted to see


def find(settings: Settings, name: str = "") -> Agent | None:
    """Return the agent of that name, or of the settings; None is the built-in one.

    Raises UserError for a name that is none, with the nearest.
    """
    name = name or settings.agent
    own = settings.agents.get(name, {})
    if name == BUILT_IN:
        return None
    if name in MODULES:
        module = importlib.import_module(f"piste.steps.agents.{MODULES[name]}")
        agent: Agent = module.AGENT
    elif own.get("command"):
        agent = Agent(name, "")
    else:
        known = [BUILT_IN, *MODULES, *settings.agents]
        near = did_you_mean(name, known)
        raise UserError(
            f'no agent {name!r}{near}; any program is one: [agents.{name}] command = "…"'
        )
    return agent._replace(
        command=own.get("command", agent.command),
        version=own.get("version", agent.version),
    )


def carry_out(world: World, agent: Agent | None, job: Job) -> AgentResult:
    """Let an agent work on a job until it is finished, or its limit is reached.

    Raises UserError for what a person can mend before anything is paid: a program that is not
    installed, a model without a key; OverBudget before a call that may cost too much;
    InterruptedError when stopped.
    """
    if agent is None:
        from piste.steps.agents import builtin

        return builtin.carry_out(world, job)
    from piste.steps.agents import command

    return command.carry_out(agent, job)


def version(world: World, agent: Agent | None, model: str) -> tuple[str, str]:
    """Return the version of an agent and the model that it will ask, "" where not known.

    `model` is the one that was named for it, or "". Raises UserError as `carry_out` does.
    """
    if agent is None:
        from piste.steps.agents import builtin

        return builtin.version(world, model)
    from piste.steps.agents import command

    return command.version(agent, world.root), model
