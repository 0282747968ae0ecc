"""The test command of a project, and the project's own environment that it runs in.

Both are found by the files in the project's folder; what the settings say comes first. The
environment is the project's and never piste's: piste may be installed as a tool of its own, or
its environment may be the active one. It is the project's own virtual environment, wherever the
tests run (a worktree has none of its own, so the code of the worktree is put before that which is
installed there), or the tool that keeps one: uv, poetry, pdm, pipenv, hatch, tox. What npm, cargo,
go and the like need lies beside the code, or in a folder above. This module runs nothing.
"""

import importlib.util
import itertools
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from piste.system import file_reader, paths, project_files
from piste.system.errors import UserError

_MOST_READ = 1 << 20  # bytes of a file that places are looked for in
_TEST = re.compile(r"test_.*\.py|.*_test\.py")
_VENVS = (".venv", "venv", "env", ".env")


class Found(NamedTuple):
    """A test command, and why it is thought to be that."""

    command: str
    why: str  # the file that says so
    setup: str = ""  # what a fresh worktree needs first


class Environment(NamedTuple):
    """Where the project's programs are found."""

    name: str  # as a person knows it: ".venv", "node_modules"; "" is the path as it is
    variables: dict[str, str]  # over our own


# ------------------------------------------------------------------ the environment


def of(folder: Path, root: Path) -> Environment:
    """Return the environment for programs that run in `folder`, of the project at `root`.

    The two differ in a worktree; what `folder` has of its own comes first.
    """
    first: list[str] = []
    names: list[str] = []
    variables: dict[str, str] = {}
    venv = _venv(folder) or _venv(root)
    if venv is not None:
        first.append(str(_bin(venv)))
        names.append(venv.name)
        variables["VIRTUAL_ENV"] = str(venv)
        if folder != root and venv.parent == root:
            variables["PYTHONPATH"] = os.pathsep.join(_code(folder, root, venv))
    for place in dict.fromkeys((folder, root)):
        if (place / "node_modules/.bin").is_dir():
            first.append(str(place / "node_modules/.bin"))
            names.append("node_modules")
            break
    path = [part for part in os.environ.get("PATH", "").split(os.pathsep) if part]
    if venv is None and _is_a_tools():
        path = [part for part in path if Path(part) != Path(sys.prefix, "bin")]
        if os.environ.get("VIRTUAL_ENV") == sys.prefix:
            variables["VIRTUAL_ENV"] = ""
    variables["PATH"] = os.pathsep.join([*first, *path])
    return Environment(", ".join(names), variables)


def _venv(folder: Path) -> Path | None:
    """The virtual environment in a folder."""
    for name in _VENVS:
        if (folder / name / "pyvenv.cfg").is_file() and _bin(folder / name).is_dir():
            return folder / name
    return None


def _bin(venv: Path) -> Path:
    return venv / "bin"


def _is_a_tools() -> bool:
    """Whether the environment that we run in is piste's alone: one of a project has its pytest."""
    return sys.prefix != sys.base_prefix and importlib.util.find_spec("pytest") is None


def _code(folder: Path, root: Path, venv: Path) -> list[str]:
    """Where the worktree has the code that is installed from the checkout in its environment.

    An editable install names folders of the checkout; the same ones of the worktree are to come
    before them, or the tests would try the checkout's code.
    """
    found: dict[str, None] = {}
    places = re.compile(re.escape(str(root)) + r"(/[^'\"\n]*)?")
    for pattern in ("*.pth", "__editable__*.py"):
        for path in sorted(venv.glob(f"lib/python*/site-packages/{pattern}")):
            for inner in places.findall(_beginning(path)):
                place = folder / inner.strip("/")
                if not (root / inner.strip("/")).is_relative_to(venv):
                    found[str(place.parent if (place / "__init__.py").exists() else place)] = None
    if (folder / "src").is_dir():
        found.setdefault(str(folder / "src"))
    found.setdefault(str(folder))
    own = os.environ.get("PYTHONPATH", "")
    return [*found, *([own] if own else [])]


def _beginning(path: Path) -> str:
    """A file of an installed package: an environment may lie outside the project."""
    try:
        return file_reader.beginning(path, _MOST_READ).decode("utf-8", "replace")
    except OSError:
        return ""


# ------------------------------------------------------------------ the test command


def find(root: Path) -> Found | None:
    """Return the test command that a project of a common kind has, or None.

    Only files directly in `root` and its folders of tests are looked at.
    """
    for look in (_pytest, _package_json, _by_file, _makefile, _tox, _unittest):
        if found := look(root):
            return found
    return None


def _pytest(root: Path) -> Found | None:
    why = _says_pytest(root)
    if why is None:
        return None
    if found := _of_a_tool(root):
        runner, setup = found
        return Found(f"{runner} python -m pytest", why, setup)
    if _hatch_tests(root):
        return Found("hatch test", "pyproject.toml")
    return Found(f"{_python(root)} -m pytest", why)


def _says_pytest(root: Path) -> str | None:
    sections = {"pytest.ini": "pytest", "tox.ini": "pytest", "setup.cfg": "tool:pytest"}
    for name, section in sections.items():
        if f"[{section}]" in _text(root, name):
            return name
    if "[tool.pytest" in _text(root, "pyproject.toml"):
        return "pyproject.toml"
    for path in _tests(root):
        text = _text(root, _name(root, path))
        if path.name == "conftest.py" or re.search(r"^(?:import|from) pytest\b", text, re.M):
            return _name(root, path)
        if re.search(r"^(?:async )?def test_", text, re.M):
            return _name(root, path)
    return None


# A tool that keeps the environment: its lock file, its table in pyproject.toml, and what a fresh
# worktree needs first. uv brings its own up to date at each run, and so needs nothing.
_TOOLS = (
    ("uv", "uv.lock", "[tool.uv", ""),
    ("poetry", "poetry.lock", "[tool.poetry", "poetry install"),
    ("pdm", "pdm.lock", "[tool.pdm", "pdm install"),
    ("pipenv", "Pipfile", "", "pipenv install --dev"),
)


def _of_a_tool(root: Path) -> tuple[str, str] | None:
    """How the tool that keeps the environment runs a program, and what it needs first.

    Where the environment lies in the project as well, it is used as it is, without the tool:
    it needs no network. But uv's is kept up to date, so that a step may add what it needs.
    """
    text = _text(root, "pyproject.toml")
    for tool, lock, table, setup in _TOOLS:
        named = (root / lock).exists() or (table and table in text)
        if named and shutil.which(tool) and (tool == "uv" or _venv(root) is None):
            return f"{tool} run", setup
    return None


def _hatch_tests(root: Path) -> bool:
    text = _text(root, "pyproject.toml")
    told = "[tool.hatch.envs" in text and _venv(root) is None
    return bool(told and shutil.which("hatch"))


def _python(root: Path) -> str:
    """The name of Python in the project's environment."""
    path = of(root, root).variables["PATH"]
    return "python" if shutil.which("python", path=path) else "python3"


def _unittest(root: Path) -> Found | None:
    for path in _tests(root):
        if "unittest" in _text(root, _name(root, path)):
            where = path.relative_to(root)
            folder = f" -s {where.parent.as_posix()} -t ." if len(where.parts) > 1 else ""
            runner, setup = _of_a_tool(root) or ("", "")
            python = f"{runner} python" if runner else _python(root)
            command = f"{python} -m unittest discover{folder}"
            return Found(command, where.as_posix(), setup)
    return None


def _tests(root: Path) -> Iterator[Path]:
    """Yield files of tests: in the root, then in its folders of tests; fifty of each at most."""
    for folder in (root, root / "tests", root / "test"):
        if not folder.is_symlink() or folder == root:
            yield from itertools.islice(_tests_below(folder, deep=folder != root), 50)


def _tests_below(top: Path, deep: bool) -> Iterator[Path]:
    for where, folders, names in paths.walk(top):
        folders[:] = sorted(folders) if deep else []
        here = Path(where)
        if here == top and "conftest.py" in names:
            yield top / "conftest.py"
        yield from (here / name for name in sorted(names) if _TEST.fullmatch(name))


def _tox(root: Path) -> Found | None:
    if (root / "tox.ini").is_file() or "[tool.tox" in _text(root, "pyproject.toml"):
        return Found(
            "tox -q -e py", "tox.ini" if (root / "tox.ini").is_file() else "pyproject.toml"
        )
    if (root / "noxfile.py").is_file():
        return Found("nox -s tests", "noxfile.py")
    return None


# The lock file of a Node project, its runner, and how that installs what the lock says.
_NODE = (
    ("pnpm-lock.yaml", "pnpm", "pnpm install --frozen-lockfile"),
    ("yarn.lock", "yarn", "yarn install --frozen-lockfile"),
    ("bun.lockb", "bun", "bun install --frozen-lockfile"),
    ("bun.lock", "bun", "bun install --frozen-lockfile"),
    ("package-lock.json", "npm", "npm ci"),
    ("", "npm", "npm install"),
)


def _package_json(root: Path) -> Found | None:
    try:
        about = json.loads(_text(root, "package.json"))
        script = about["scripts"]["test"]
        needs = bool(about.get("dependencies") or about.get("devDependencies"))
        manager = str(about.get("packageManager", "")).partition("@")[0]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if not isinstance(script, str) or "no test specified" in script:  # what `npm init` writes
        return None
    known = {runner for _, runner, _ in _NODE}
    _, runner, install = next(
        row for row in _NODE
        if (row[1] == manager if manager in known else not row[0] or (root / row[0]).exists())
    )  # fmt: skip
    # What is installed in the checkout is found from its worktree, which lies below it.
    setup = install if needs and not (root / "node_modules").is_dir() else ""
    return Found(f"{runner} run test", "package.json", setup)


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
