"""The test command: found, run with a time limit, and what of its output is worth reading.

The command is a line for the shell. Which one it is, the settings say; what is found here
for common kinds of projects is a proposal. Exit code 0 is green and every other one is red:
this module does not know what was tested, nor how many tests there were.
"""

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from piste.system import processes, project_files, screen
from piste.system.errors import UserError

_MOST_CHARS = 16_000  # of a failure that goes to a model
_MOST_LINE = 400
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*\x1b\\|[@-Z\\-_])"
)


class Found(NamedTuple):
    """A test command, and why it is thought to be that."""

    command: str
    why: str


class Result(NamedTuple):
    """One run of the tests."""

    green: bool
    code: int
    said: str  # why it is red, in a few words; "" when green
    output: str  # all that was printed, escapes stripped
    seconds: float


# ------------------------------------------------------------------ finding it


def find(root: Path) -> Found | None:
    """Return the test command that a project of a common kind has, or None.

    Only files directly in `root` and its folders of tests are looked at.
    """
    for look in (_pytest, _package_json, _by_file, _makefile, _unittest):
        if found := look(root):
            return found
    return None


def _pytest(root: Path) -> Found | None:
    command = "python -m pytest" if processes.which("python", root) else "python3 -m pytest"
    sections = {"pytest.ini": "pytest", "tox.ini": "pytest", "setup.cfg": "tool:pytest"}
    for name, section in sections.items():
        if f"[{section}]" in _text(root, name):
            return Found(command, name)
    if "[tool.pytest" in _text(root, "pyproject.toml"):
        return Found(command, "pyproject.toml")
    for path in _tests(root):
        if path.name == "conftest.py" or re.search(
            r"^(import|from) pytest\b", _text(root, _name(root, path)), re.M
        ):
            return Found(command, _name(root, path))
        if re.search(r"^(async )?def test_", _text(root, _name(root, path)), re.M):
            return Found(command, _name(root, path))
    return None


def _unittest(root: Path) -> Found | None:
    for path in _tests(root):
        if "unittest" in _text(root, _name(root, path)):
            python = "python" if processes.which("python", root) else "python3"
            where = path.relative_to(root)
            folder = f" -s {where.parent.as_posix()} -t ." if len(where.parts) > 1 else ""
            return Found(f"{python} -m unittest discover{folder}", where.as_posix())
    return None


def _tests(root: Path) -> list[Path]:
    patterns = ("conftest.py", "test_*.py", "*_test.py", "tests/conftest.py", "tests/**/test_*.py",
                "tests/**/*_test.py", "test/**/test_*.py")  # fmt: skip
    return [path for pattern in patterns for path in sorted(root.glob(pattern))[:50]]


def _package_json(root: Path) -> Found | None:
    try:
        script = json.loads(_text(root, "package.json"))["scripts"]["test"]
    except (ValueError, KeyError, TypeError):
        return None
    if "no test specified" in script:  # what `npm init` writes
        return None
    locks = {"pnpm-lock.yaml": "pnpm", "yarn.lock": "yarn", "bun.lockb": "bun", "bun.lock": "bun"}
    runner = next((name for lock, name in locks.items() if (root / lock).exists()), "npm")
    return Found(f"{runner} run test", "package.json")


# A file in the root, and the command of the projects that have it.
_BY_FILE = (
    ("Cargo.toml", "cargo test"),
    ("go.mod", "go test ./..."),
    ("mix.exs", "mix test"),
    ("gradlew", "./gradlew test"),
    ("build.gradle", "gradle test"),
    ("build.gradle.kts", "gradle test"),
    ("mvnw", "./mvnw -q test"),
    ("pom.xml", "mvn -q test"),
    ("deno.json", "deno test"),
    ("deno.jsonc", "deno test"),
    ("Package.swift", "swift test"),
    ("pubspec.yaml", "dart test"),
    ("phpunit.xml", "vendor/bin/phpunit"),
    ("phpunit.xml.dist", "vendor/bin/phpunit"),
    (".rspec", "bundle exec rspec"),
    ("build.zig", "zig build test"),
    ("stack.yaml", "stack test"),
    ("dune-project", "dune test"),
)


def _by_file(root: Path) -> Found | None:
    for name, command in _BY_FILE:
        if (root / name).is_file():
            return Found(command, name)
    for pattern in ("*.sln", "*.csproj", "*.fsproj"):
        for path in sorted(root.glob(pattern)):
            return Found("dotnet test", path.name)
    return None


def _makefile(root: Path) -> Found | None:
    for name in ("Makefile", "makefile", "GNUmakefile"):
        if re.search(r"^(test|check)\s*:(?!=)", _text(root, name), re.M):
            target = "test" if re.search(r"^test\s*:(?!=)", _text(root, name), re.M) else "check"
            return Found(f"make {target}", name)
    for name in ("justfile", "Justfile"):
        if re.search(r"^test\b.*:", _text(root, name), re.M):
            return Found("just test", name)
    return None


def _name(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _text(root: Path, name: str) -> str:
    try:
        return project_files.beginning(root, name, 200_000).decode("utf-8", "replace")
    except (OSError, UserError):
        return ""


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
    output = plain(where.log.read_bytes().decode("utf-8", "replace"))
    said = ""
    if ended.why == "time":
        said = f"the tests did not end within {limit:g} s"
    elif ended.why == "output":
        said = f"the tests printed more than {processes.MOST_OUTPUT >> 20} MiB"
    elif ended.code == 127:
        said = "the test command is not found"
    elif ended.code:
        said = f"the tests failed (exit code {ended.code})"
    return Result(not said, ended.code, said, output, ended.seconds)


def starts(result: Result) -> bool:
    """Whether there was anything to run: 126 and 127 are the shell's, of a command it has not."""
    return result.code not in (126, 127)


def plain(text: str) -> str:
    """Return text of a terminal without escape sequences, and with what a CR overwrote gone."""
    text = _ESCAPES.sub("", text.replace("\r\n", "\n"))
    lines = (line.rpartition("\r")[2] for line in text.split("\n"))
    return "\n".join("".join(c for c in line if c.isprintable() or c == "\t") for line in lines)


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
