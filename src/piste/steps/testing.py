"""The test command: run with a time limit, and what of its output is worth reading.

The command is a line for the shell; `environment` finds it, and where it runs. Exit code 0 is
green, pytest's own code for "there is no test" is neither, and every other one is red. Which
tests failed is known where the runner names them; how many there were is not.
"""

import contextlib
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from piste.system import processes, project_files, screen
from piste.system.errors import UserError, printable

_MOST_CHARS = 16_000  # of a failure that goes to a model
_MOST_LINE = 400
_NAMED = 3  # failed tests
_LONG_NAME = 100


class Result(NamedTuple):
    """One run of the tests."""

    green: bool
    code: int
    said: str  # why it is red, in a few words; "" when green
    output: str  # all that was printed, escapes stripped
    seconds: float
    none: bool = False  # there was no test to run


# ------------------------------------------------------------------ running it


class Where(NamedTuple):
    """Where the tests run, and where their output goes."""

    folder: Path
    log: Path
    lock: Path | None = None
    env: Mapping[str, str] = {}


def run(
    command: str,
    where: Where,
    limit: float,
    on_line: Callable[[str], None] | None = None,
    stop: threading.Event | None = None,
    name: str = "test",
) -> Result:
    """Run the test command, or that of the setting `name`; `limit` is in seconds.

    Raises InterruptedError when stopped.
    """
    # Python takes a .pyc for current by its source's size and whole seconds of mtime: between
    # two quick tries of an agent, the tests would run what the first one wrote.
    env = {"NO_COLOR": "1", "TERM": "dumb", "PYTHONDONTWRITEBYTECODE": "1", **where.env}
    screen.runs(name, command)
    ended = processes.run(
        processes.Program(
            ["/bin/sh", "-c", command], where.folder, where.log, limit=limit, env=env,
            lock=where.lock, what=f"the tests: {command}",
        ),
        on_line,
        stop,
    )  # fmt: skip
    if ended.why == "stopped":
        raise InterruptedError("stopped while the tests ran")
    output = processes.plain(processes.printed(where.log).decode("utf-8", "replace"))
    none = ended.code == _NO_TESTS and bool(_NONE_RAN.search(output))
    said = ""
    if ended.why == "time":
        said = f"the tests did not end within {limit:g} s"
    elif ended.why == "output":
        said = f"the tests printed more than {processes.MOST_OUTPUT >> 20} MiB"
    elif ended.code == 127:
        said = "the test command is not found"
    elif ended.code and not none:
        said = _failed(red_names(output)) or f"the tests failed (exit code {ended.code})"
    return Result(not said, ended.code, said, output, ended.seconds, none)


def _failed(names: Sequence[str]) -> str:
    """Say which tests failed, the first of them by name; "" where the runner names none."""
    if not names:
        return ""
    shown = [f"{name[:_LONG_NAME]}…" if len(name) > _LONG_NAME else name for name in names]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    count = "1 test" if len(names) == 1 else f"{len(names):,} tests"
    return f"{count} failed: {', '.join(map(printable, shown[:_NAMED]))}{more}"


_NO_TESTS = 5  # pytest's exit code for it, and unittest's
_NONE_RAN = re.compile(r"^(?:=* ?no tests ran|collected 0 items|NO TESTS RAN|Ran 0 tests)", re.M)
_CANNOT = (
    (re.compile(r"^\S*python\S*: No module named (pytest|nose2|tox|nox)$", re.M), "there is no {}"),
    (re.compile(r"^ERROR: usage: .*\n.*error: (unrecognized arguments: .*)$", re.M), "{}"),
    (re.compile(r"^Command '(\S+)' not found|^(\S+): command not found$", re.M), "there is no {}"),
    (re.compile(r"^error: (rustup could not choose a version of \w+)", re.M), "{}"),
    (re.compile(r"^pyenv: (\S+): command not found$", re.M), "there is no {}"),
    (re.compile(r"^No (?:version|preset version) .* for command (\S+)$", re.M), "there is no {}"),
)


# The program that a shell did not find; npm and the like have their scripts run by one.
_LACKING = re.compile(
    r"^\S*sh: (?:\d+: |line \d+: )?(\S+): (?:(?:command )?not found|No such file or directory)$",
    re.M,
)


def cannot_run(command: str, result: Result, folder: Path) -> str:
    """Return why the tests cannot be run at all, which is no red: no agent makes that pass; or "".

    A program of the project that is not there yet is another matter: a step may make it.
    """
    if result.green:
        return ""
    if result.code in (126, 127):
        lacking = _LACKING.findall(result.output)[-1:]
        first, *others = command.split()
        named = lacking or [first, *(word for word in others if word.endswith((".sh", ".py")))]
        own = [word for word in named if "/" in word or word.endswith((".sh", ".py"))]
        coming = any(not (folder / word).exists() for word in own if not word.startswith("/"))
        return "" if coming else f"there is no {lacking[0]}" if lacking else result.said
    for pattern, said in _CANNOT:
        if found := pattern.search(result.output):
            return said.format(next(filter(None, found.groups())))
    return _not_installed(result.output, folder)


# A library that an import did not find: Python's words, and node's.
_NO_MODULE = re.compile(
    r"^(?:E +)?ModuleNotFoundError: No module named '([\w.]+)'$"
    r"|Cannot find (?:module|package) '(@?[^'./@][^']*)'",
    re.MULTILINE,
)
_DEPENDENCIES = ("pyproject.toml", "setup.cfg", "setup.py", "requirements*.txt",
                 "requirements/*.txt", "Pipfile", "tox.ini", "package.json")  # fmt: skip


def _not_installed(output: str, folder: Path) -> str:
    """Return which library the tests lack that the project itself says it needs; or "".

    Nobody's step can mend that. One that no file names a step may well bring.
    """
    names = dict.fromkeys(next(filter(None, found)) for found in _NO_MODULE.findall(output))
    for name in names:
        top = name if name.startswith("@") else re.split(r"[./]", name)[0]
        if any((folder / place / f"{top}{end}").exists() for place in ("", "src", "lib")
               for end in ("", ".py", ".js", ".ts")):  # fmt: skip
            continue
        for pattern in _DEPENDENCIES:
            for path in sorted(folder.glob(pattern)):
                if _needs(_text(folder, path), top, path.suffix):
                    return f"there is no {top}, which {path.relative_to(folder).as_posix()} names"
    return ""


def _needs(text: str, library: str, suffix: str) -> bool:
    """Whether a file names a library as one that its project needs, and not as the project."""
    word = re.escape(library).replace("_", "[-_]")
    if suffix == ".json":
        form = rf'"{word}"\s*:\s*"[\^~<>=*\d]'
    elif suffix == ".txt":
        form = rf"^\s*{word}\s*(?:$|[\[<>~!;#]|==)"
    else:  # a list of strings, or a table of poetry's
        form = rf"""["']{word}\s*(?:["']|[\[<>=~!;@])|^\s*{word}\s*=\s*(?:["'][\^~<>=*\d]|\{{)"""
        text = re.sub(r"(?m)^\s*name\b.*$", "", text)
    return bool(re.search(form, text, re.MULTILINE | re.IGNORECASE))


def _text(folder: Path, path: Path) -> str:
    with contextlib.suppress(OSError, UserError):
        name = path.relative_to(folder).as_posix()
        return project_files.beginning(folder, name, 200_000).decode("utf-8", "replace")
    return ""


# ------------------------------------------------------------------ what is worth reading

_PYTEST_START = re.compile(r"^=+ (?:FAILURES|ERRORS) =+$", re.M)
_TELLING = re.compile(
    r"\b(?:error|fail(?:ed|ure|ures)?|assert\w*|exception|panic(?:ked)?|traceback|expected|"
    r"not ok)\b|^\s*(?:File \"|at |E  |--> |✕|✗|×)",
    re.IGNORECASE,
)


def trim(output: str, most: int = _MOST_CHARS) -> str:
    """Return what of a failed run is worth reading, in at most about `most` characters.

    From the first failure on where the runner marks it (pytest); lines without end are cut,
    equal lines counted. Over the limit the telling lines with those around them are kept,
    and the end, where runners put their summary; what is left out is said.
    """
    found = _PYTEST_START.search(output)
    text = output[found.start() :] if found else output
    lines = _folded(text.strip("\n").split("\n"))
    if sum(map(len, lines)) + len(lines) <= most:
        return "\n".join(lines)
    kept = _kept(lines, most)
    result: list[str] = []
    last = -1
    for at in [*sorted(kept), len(lines)]:
        if at > last + 1:
            result.append(f"[… {at - last - 1:,} lines left out …]")
        if at < len(lines):
            result.append(lines[at])
        last = at
    return "\n".join(result)


def _folded(lines: Sequence[str]) -> list[str]:
    result: list[str] = []
    times = 1
    for line in lines:
        if len(line) > _MOST_LINE:
            line = f"{line[:_MOST_LINE]} [… {len(line):,} characters]"
        if result and line and line == result[-1]:
            times += 1
            continue
        if times > 1:
            result.append(f"[the line above {times} times]")
            times = 1
        result.append(line)
    return [*result, f"[the line above {times} times]"] if times > 1 else result


def _kept(lines: Sequence[str], most: int) -> set[int]:
    """The rows to keep: the end, then what is telling from the start on, then the beginning."""
    kept: set[int] = set()
    left = most

    def take(row: int, reserve: int = 0) -> bool:
        nonlocal left
        if 0 <= row < len(lines) and row not in kept:
            if left - len(lines[row]) - 1 < reserve:
                return False
            kept.add(row)
            left -= len(lines[row]) + 1
        return True

    for row in range(len(lines) - 1, -1, -1):
        if not take(row, reserve=most * 2 // 3):
            break
    for row, line in enumerate(lines):
        if _TELLING.search(line) and not all(take(near) for near in range(row - 2, row + 4)):
            break
    for row in range(len(lines)):
        if not take(row):
            break
    return kept


# ------------------------------------------------------------------ which files are tests

_TEST_FOLDERS = {"test", "tests", "__tests__", "spec", "specs", "testing", "e2e"}
_TEST_FILE = re.compile(
    r"test_.*\.py|.*_test\.(?:py|go|rb|exs|dart|c|cc|cpp)|conftest\.py|pytest\.ini|"
    r".*[.](?:test|spec)\.[cm]?[jt]sx?|.*_spec\.rb|.*(?:Test|Tests|Spec|IT)\.(?:java|kt|scala|cs|php|swift)"
)


def is_test(path: str) -> bool:
    """Whether a project-relative path is a test, or settings that decide which tests run."""
    *folders, name = path.split("/")
    return bool(_TEST_FILE.fullmatch(name)) or any(one in _TEST_FOLDERS for one in folders)


# ------------------------------------------------------------------ which tests a step asks for

_DEMANDS = re.compile(
    r"\b(?:write|add|create|include|cover|extend|implement|provide|begin|start|with|new|failing|"
    r"first)\b[^.!?\n]{0,60}\btests?\b",
    re.IGNORECASE,
)
_NONE_ASKED = re.compile(
    r"\b(?:no|not|without|never|don't|existing|earlier)\b[^.!?\n]{0,30}\btests?\b", re.IGNORECASE
)
_LIKE_A_TEST = re.compile(
    r"^\+\s*(?:#\[(?:\w+::)?test\]|(?:async )?def test|func (?:Test|Fuzz)|@Test\b|>>> |"
    r"(?:it|test|describe)(?:\.\w+)?\(|test \"|(?:Deno\.)?test\(|assert\b)",
    re.MULTILINE,
)
_PATH_LIKE = re.compile(r"[\w./-]+")


def demanded(prompt: str) -> bool:
    """Whether the prompt of a step asks for tests: in words, or by the name of a test file."""
    if any(is_test(word.rstrip(".")) for word in _PATH_LIKE.findall(prompt) if "." in word):
        return True
    rest = _NONE_ASKED.sub("", prompt)
    return bool(_DEMANDS.search(rest))


def touched(diff: str, command: str) -> bool:
    """Whether a diff changes a test: a file of tests or of the test command, or test-like lines."""
    names = re.findall(r"^\+\+\+ b/(.*?)\t?$|^--- a/(.*?)\t?$", diff, re.MULTILINE)
    paths = {one or other for one, other in names}
    return any(is_test(path) or path in command.split() for path in paths) or bool(
        _LIKE_A_TEST.search(diff)
    )


# What begins with a place (3:14) behind such a mark is a linter's.
_RED = re.compile(
    r"^(?:FAILED|ERROR) ([^\s:]+\.py(?:::[^\s\[]+(?:\[.*?\](?= - |$))?)?)"  # pytest
    r"|^(?:FAIL|ERROR): (\S+ \([\w.]+\))"  # unittest
    r"|^\s*--- FAIL: (\S+)"  # go
    r"|^test (\S+) \.\.\. FAILED$"  # cargo
    r"|^\s*(?:✕|✖|✗|×) (?!failing tests:| *\d+:\d+ )(.+?)(?: \(?[\d.]+ ?m?s\)?)?$"  # jest, node
    r"|^rspec (?:\./)?(\S+\.rb\S+)(?: #.*)?$"
    r"|^\s*not ok \d+ (?:- )?(?!.*# (?:TODO|SKIP)\b)(.+)$"  # TAP
    r"|^\d+\) ([\w\\]+::\w+(?: with data set .+)?)$"  # phpunit
    r"|^\s+\d+ - (\S+) \((?:Failed|Timeout|SEGFAULT|Not Run|Subprocess [\w ]+|ILLEGAL|NUMERICAL)\)"
    r"|^(\w[\w.$]* > .+?) FAILED$"  # gradle
    r"|^\s+Failed (\S.*?) \[<? ?[\d.]+ ?m?s\]$",  # dotnet; ctest above
    re.MULTILINE,
)
_JEST = re.compile(r"^\s+● (.+ › .+)$", re.MULTILINE)  # it lists no test where many files ran


def red_names(output: str) -> list[str]:
    """Return the names of the tests that failed, where the runner tells them; each once.

    A test that failed for those within it (go) is not named beside them.
    """
    found = [next(filter(None, groups)) for groups in _RED.findall(output)]
    names = dict.fromkeys(name.strip()[:200] for name in found or _JEST.findall(output))
    outer = {name[:at] for name in names for at, sign in enumerate(name) if sign == "/"}
    return [name for name in names if name not in outer]
