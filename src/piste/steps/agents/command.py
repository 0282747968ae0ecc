"""Running an agent that is a program of its own, whichever it is.

In a command line stand, in braces,

    {prompt}  a file with the prompt; without it (and {text}) the prompt comes on stdin
    {text}    the prompt itself, for a program that takes it no other way
    {model}   the model        {money}  US dollars that are left      {test}  the test command
    {folder}  where it works   {files}  the files that the prompt names, each a word of its own
    {last}    a file for its last words, which then count as what it said
    {kept}    a file that names, a line each, what is not the agent's to change, below what its own
              file of that sort says

and what stands in brackets is left out where a placeholder in it has no value. No shell is
between: a command that needs one says so, `sh -c "…"`.
"""

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from piste.steps.agents import Agent, AgentOutput, AgentResult, Job
from piste.system import atomic_write, file_reader, processes, project_files, screen
from piste.system.errors import UserError, printable

_PLACES = ("prompt", "text", "model", "money", "test", "folder", "files", "last", "kept")
_PLACE = re.compile(r"\{(" + "|".join(_PLACES) + r")\}")
_OPTIONAL = re.compile(r"\[([^\[\]]*\{(?:" + "|".join(_PLACES) + r")\}[^\[\]]*)\]")
_MOST_ARGUMENT = 128 * 1024 - 1  # bytes; Linux's MAX_ARG_STRLEN, with its closing zero
_MOST_READ = 8 << 20  # bytes of output that are looked at: the end of it


def carry_out(agent: Agent, job: Job) -> AgentResult:
    """Run the agent's program in the job's folder. Raises UserError when it is not there."""
    prompt, last = job.file("prompt.md"), job.file("last.md")
    atomic_write.write(prompt, job.prompt.encode("utf-8", "replace"))
    kept = job.file("kept")
    lines = _own_lines(agent, job) + "".join(f"{name}\n" for name in job.kept).encode()
    atomic_write.write(kept, lines)
    atomic_write.remove(last)
    values = {
        "prompt": str(prompt),
        "text": job.prompt,
        "model": job.model,
        "money": "" if job.money is None else f"{job.money:.2f}",
        "test": job.test,
        "folder": str(job.folder),
        "last": str(last),
        "kept": str(kept),
    }
    argv = arguments(agent, values, job.files, job.home)
    out, err = job.file("out"), job.file("err")
    on_stdin = not {"{prompt}", "{text}"} & set(re.findall(r"\{\w+\}", agent.command))
    screen.runs(f"agent {agent.name}", agent.command)
    ended = processes.run(
        processes.Program(
            argv, job.folder, out, err, prompt if on_stdin else None, job.limit,
            {"NO_COLOR": "1", "TERM": "dumb", **job.env}, job.lock, job.what,
        ),
        job.on_line,
        job.stop,
    )  # fmt: skip
    if ended.why == "stopped":
        raise InterruptedError("stopped while the agent worked")
    said = _said(agent, out, err, last, ended.code)
    return AgentResult(ended.code, ended.why, said, ended.seconds, out)


def _own_lines(agent: Agent, job: Job) -> bytes:
    """What the project's own file says that the agent leaves alone.

    The person's checkout counts first: git mostly ignores such a file, and a worktree has none.
    """
    for root in (job.home, job.folder) if agent.ignores else ():
        found = project_files.read_any(root, agent.ignores, project_files.SETTINGS)
        if found is not None:
            return found if found.endswith(b"\n") or not found else found + b"\n"
    return b""


def arguments(
    agent: Agent, values: Mapping[str, str], files: tuple[str, ...], home: Path
) -> list[str]:
    """Return the command line with its values.

    Raises UserError when it cannot be read, its program is not there, or a word of it would be
    too long for the system.
    """
    filled = {**values, "files": " ".join(files)}

    def optional(found: re.Match[str]) -> str:
        return found[1] if all(filled[name] for name in _PLACE.findall(found[1])) else ""

    where = f"[agents.{agent.name}] command"
    try:
        words = shlex.split(_OPTIONAL.sub(optional, agent.command))
    except ValueError as error:
        raise UserError(f"{where}: {error}: {printable(agent.command)}") from None
    if not words:
        raise UserError(f"{where} is empty")
    program = program_of(agent, words[0], home)
    result = [program]
    for word in words[1:]:
        if word == "{files}":
            result += files
        else:
            result.append(_PLACE.sub(lambda found: filled[found[1]], word))
    if any(len(os.fsencode(word)) > _MOST_ARGUMENT for word in result):
        raise UserError(
            f"the prompt is too long for the command line of {agent.name}; "
            f"let {where} take it from stdin or from {{prompt}}"
        )
    return result


def program_of(agent: Agent, word: str, home: Path) -> str:
    """Return where the program is. Raises UserError with the line that installs it."""
    found = processes.which(word, home)
    if found is None:
        way = agent.install or f'set [agents.{agent.name}] command = "…"'
        raise UserError(f"{agent.name} is not installed ({printable(word)} is not found): {way}")
    return found


def version(agent: Agent, home: Path) -> str:
    """Return what the agent says is its version, in one line; "" where it does not say.

    Raises UserError when the agent is not installed.
    """
    words = shlex.split(agent.version) if agent.version else []
    try:
        program_of(agent, shlex.split(agent.command)[0], home)
    except (ValueError, IndexError):
        arguments(agent, dict.fromkeys(_PLACES, ""), (), home)
    if not words or (program := processes.which(words[0], home)) is None:
        return ""
    out = home / ".piste/run/version"
    screen.runs(f"agents.{agent.name}.version", agent.version)
    ended = processes.run(processes.Program([program, *words[1:]], home, out, limit=15))
    lines = processes.plain(processes.printed(out)[:4000].decode("utf-8", "replace")).split("\n")
    return next((line.strip()[:60] for line in lines if line.strip()), "") if not ended.code else ""


def _said(agent: Agent, out: Path, err: Path, last: Path, code: int) -> AgentOutput:
    try:
        said = agent.read(processes.plain(_end(out)))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        said = AgentOutput(processes.plain(_end(out))[-2000:])  # another form than today's
    if words := processes.plain(_end(last)).strip():
        said = said._replace(text=words)
    if code and not said.error:
        lines = [line for line in processes.plain(_end(err)).split("\n") if line.strip()]
        lines = lines or [line for line in said.text.split("\n") if line.strip()]
        said = said._replace(error=lines[-1].strip()[:300] if lines else "")
    return said


def _end(path: Path) -> str:
    try:
        return file_reader.end(path, _MOST_READ).decode("utf-8", "replace")
    except OSError:
        return ""
