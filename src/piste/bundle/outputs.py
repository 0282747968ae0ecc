"""What commands print, as a part of a bundle: `bundle.run`, the tests or a report of coverage.

    <run command="pytest -q" exit="1"> … </run>

They are run once the files are known to be others than those of the bundle that stands. What they
print is no part of what decides whether anything is stale: it says more of the same files, and
differs in seconds and counts each time. It does not know whether they may run, nor in which
environment: both are told to it.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from piste.bundle.escapes import quote, unquote
from piste.bundle.formats import SIGNATURES, block
from piste.bundle.parser import Block, blocks, replaced
from piste.system import processes, screen
from piste.system.errors import UserError, printable, redact

KIND = "run"
_NOT_RUN = "not run"
_MOST = 40_000  # characters of one output; of a longer one its beginning and its end
_HEAD = 10_000
_ENV = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "100", "PYTHONDONTWRITEBYTECODE": "1"}

Section = tuple[str, dict[str, str], bytes]
"""A part of a bundle's tail: its kind, its marks, its text."""


class Output(NamedTuple):
    """What a command printed, or why there is nothing of it."""

    command: str  # secrets in it masked
    ended: str = _NOT_RUN  # "0", another exit code, or why it was ended
    text: str = ""

    @property
    def ran(self) -> bool:
        """Whether it was run at all."""
        return self.ended != _NOT_RUN


def run(
    commands: Sequence[str], root: Path, limit: float, env: Mapping[str, str]
) -> Iterator[Output]:
    """Run the commands at `root`, one after the other, each for `limit` seconds at most.

    Each is named on the screen before it runs, and how it ended where that is not 0. Raises
    OSError.
    """
    with tempfile.TemporaryDirectory(prefix="piste-") as folder:
        for command in commands:
            screen.runs(f"bundle.{KIND}", command)
            out = Path(folder, "out")
            with screen.if_slow(printable(command)):
                ended = processes.run(processes.Program(
                    ["/bin/sh", "-c", command], root, out, limit=limit, env={**_ENV, **env},
                    what=f"bundle.run: {command}",
                ))  # fmt: skip
            text = processes.plain(processes.printed(out).decode("utf-8", "replace"))
            how = {"time": f"after {limit:g} s", "output": "as it printed too much"}
            found = Output(redact(command), how.get(ended.why, str(ended.code)), _bounded(text))
            if found.ended != "0":
                said = f"ended {found.ended}" if ended.why else f"exit code {found.ended}"
                screen.say(f"bundle.run: {printable(command)}: {said}; the bundle says so")
            yield found


def sections(commands: Sequence[str], found: Sequence[Output]) -> list[Section]:
    """Return a section for each command; one of which nothing is found stands there as not run."""
    known = {one.command: one for one in found}
    names = [redact(command) for command in commands]
    return [_section(known.get(name, Output(name))) for name in names]


def of(data: bytes) -> list[Output]:
    """Return the outputs that a bundle holds; none where it is none of ours."""
    try:
        found = blocks(data, _form(data))
    except (UserError, KeyError):
        return []
    return [_output(one) for one in found if one.kind == KIND]


def without(data: bytes) -> bytes:
    """Return a bundle with its commands and without what they printed; another as it is."""
    form = _form(data)

    def emptied(found: Block) -> bytes | None:
        if found.kind != KIND:
            return None
        kind, marks, body = _section(Output(_output(found).command))
        return block(form, kind, marks, body)

    try:
        return replaced(data, form, emptied)
    except (UserError, KeyError):
        return data


def _section(one: Output) -> Section:
    marks = {"command": quote(one.command.encode()), "exit": one.ended}
    return KIND, marks, one.text.encode("utf-8", "replace")


def _output(found: Block) -> Output:
    command = unquote(found.marks["command"]).decode("utf-8", "replace")
    text = found.body.decode("utf-8", "replace")
    return Output(command, found.marks["exit"], text[:-1] if "end" in found.marks else text)


def _form(data: bytes) -> str:
    return next((form for form, mark in SIGNATURES.items() if data.startswith(mark)), "")


def _bounded(text: str) -> str:
    """A text of bounded length: its beginning and its end, cut between lines."""
    if len(text) <= _MOST:
        return text
    head = text[:_HEAD].rpartition("\n")[0]
    tail = text[len(text) - _MOST + _HEAD :].partition("\n")[2]
    left = text.count("\n") - head.count("\n") - tail.count("\n") - 1
    return f"{head}\n[{left:,} lines left out]\n{tail}"
