"""The test command and the environment of small projects."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from piste.engine import environment

PYTEST = "python -m pytest"
# The files of a project, and the command that it seems to have.
PROJECTS: list[tuple[dict[str, str], str | None]] = [
    ({"pyproject.toml": "[tool.pytest.ini_options]\n"}, PYTEST),
    ({"pytest.ini": "[pytest]\n"}, PYTEST),
    ({"tests/test_a.py": "import pytest\n"}, PYTEST),
    ({"tests/deep/test_a.py": "def test_a():\n    assert 1\n"}, PYTEST),
    ({"conftest.py": ""}, PYTEST),
    ({"tests/test_a.py": "import unittest\n"}, "python -m unittest discover -s tests -t ."),
    ({"test_a.py": "import unittest\n"}, "python -m unittest discover"),
    ({"package.json": '{"scripts": {"test": "vitest run"}}'}, "npm run test"),
    ({"package.json": '{"scripts": {"test": "jest"}}', "pnpm-lock.yaml": ""}, "pnpm run test"),
    ({"package.json": '{"scripts": {"test": "jest"}}', "yarn.lock": ""}, "yarn run test"),
    ({"package.json": '{"scripts": {"test": "echo no test specified && exit 1"}}'}, None),
    ({"package.json": "{broken"}, None),
    ({"Cargo.toml": ""}, "cargo test"),
    ({"go.mod": ""}, "go test ./..."),
    ({"mix.exs": ""}, "mix test"),
    ({"gradlew": "", "build.gradle": ""}, "./gradlew test"),
    ({"pom.xml": ""}, "mvn -q test"),
    ({"App.sln": ""}, "dotnet test"),
    ({"Makefile": "all:\n\ttrue\ntest: all\n\ttrue\n"}, "make test"),
    ({"Makefile": "check:\n\ttrue\n"}, "make check"),
    ({"Makefile": "test := x\nall:\n"}, None),
    ({"justfile": "test *args:\n  true\n"}, "just test"),
    ({"pyproject.toml": "[tool.pytest]\n", "uv.lock": ""}, "uv run python -m pytest"),
    ({"tests/test_a.py": "import pytest", "poetry.lock": ""}, "poetry run python -m pytest"),
    ({"tests/test_a.py": "import pytest", "Pipfile": ""}, PYTEST),  # pipenv is not there
    ({"tests/test_a.py": "import unittest\n", "uv.lock": ""},
     "uv run python -m unittest discover -s tests -t ."),
    ({"tox.ini": "[tox]\n"}, "tox -q -e py"),
    ({"noxfile.py": ""}, "nox -s tests"),
    ({"package.json": '{"scripts": {"test": "x"}, "packageManager": "pnpm@9.1"}'}, "pnpm run test"),
    ({"README.md": "run pytest"}, None),
    ({}, None),
]  # fmt: skip


def programs(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


def venv(root: Path, name: str = ".venv") -> Path:
    programs(root / name / "bin", "python")
    (root / name / "pyvenv.cfg").touch()
    return root / name


@pytest.mark.parametrize(("files", "command"), PROJECTS)
def test_the_command_of_common_projects(
    tmp_path: Path, files: dict[str, str], command: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs(tmp_path / "bin", "python", "uv", "poetry")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    root = tmp_path / "project"
    root.mkdir()
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    found = environment.find(root)
    assert (found.command if found else None) == command
    assert found is None or (root / found.why).exists()


@pytest.mark.parametrize(
    ("files", "setup"),
    [
        ({"tests/test_a.py": "import pytest", "poetry.lock": ""}, "poetry install"),
        ({"tests/test_a.py": "import pytest", "uv.lock": ""}, ""),
        ({"package.json": '{"scripts": {"test": "x"}, "devDependencies": {"x": "1"}}',
          "package-lock.json": ""}, "npm ci"),
        ({"package.json": '{"scripts": {"test": "x"}, "devDependencies": {"x": "1"}}',
          "node_modules/x/package.json": ""}, ""),
        ({"package.json": '{"scripts": {"test": "x"}}'}, ""),
    ],
)  # fmt: skip
def test_what_a_fresh_worktree_needs_first(
    tmp_path: Path, files: dict[str, str], setup: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(programs(tmp_path / "bin", "python", "uv", "poetry")))
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = environment.find(tmp_path)
    assert found is not None
    assert found.setup == setup


def test_an_environment_in_the_project_needs_no_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(programs(tmp_path / "bin", "poetry")))
    (tmp_path / "poetry.lock").touch()
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    venv(tmp_path)
    assert environment.find(tmp_path) == environment.Found(PYTEST, "pytest.ini")


# The environment --------------------------------------------------------------------------------


def test_the_projects_environment_comes_first_and_says_its_name(tmp_path: Path) -> None:
    venv(tmp_path, "env")
    programs(tmp_path / "node_modules/.bin")
    found = environment.of(tmp_path, tmp_path)
    assert found.name == "env, node_modules"
    assert found.variables["VIRTUAL_ENV"] == str(tmp_path / "env")
    path = found.variables["PATH"].split(os.pathsep)
    assert path[:2] == [str(tmp_path / "env/bin"), str(tmp_path / "node_modules/.bin")]
    assert "PYTHONPATH" not in found.variables


def test_a_worktree_uses_the_checkouts_environment_unless_it_has_its_own(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    venv(tmp_path)
    assert environment.of(tree, tmp_path).variables["VIRTUAL_ENV"] == str(tmp_path / ".venv")
    venv(tree)
    found = environment.of(tree, tmp_path)
    assert found.variables["VIRTUAL_ENV"] == str(tree / ".venv")
    assert "PYTHONPATH" not in found.variables


def test_the_environment_of_piste_alone_is_not_the_projects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Path(sys.prefix, "bin")
    monkeypatch.setenv("PATH", f"{own}{os.pathsep}/usr/bin")
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    assert str(own) in environment.of(tmp_path, tmp_path).variables["PATH"]  # it has pytest
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: None)
    found = environment.of(tmp_path, tmp_path)
    assert found.variables == {"PATH": "/usr/bin", "VIRTUAL_ENV": ""}


# How code is installed from the checkout: (files of its environment, what they say).
@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("a.pth", "{root}/lib\n"),
        ("__editable__.a-1.pth", "{root}/lib"),
        ("__editable___a_1_finder.py", "MAPPING: dict[str, str] = {{'a': '{root}/lib/a'}}\n"),
    ],
)
def test_the_code_of_the_worktree_is_tried_and_not_the_checkouts(
    tmp_path: Path, file: str, text: str
) -> None:
    root = tmp_path / "project"
    tree = root / ".piste/run/tree"
    for place, said in ((root, "checkout"), (tree, "worktree")):
        (place / "lib/a").mkdir(parents=True)
        (place / "lib/a/__init__.py").write_text(f"WHERE = {said!r}\n")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / ".venv"], check=True)
    packages = next((root / ".venv/lib").glob("python*/site-packages"))
    (packages / file).write_text(text.format(root=root))
    env = {**os.environ, **environment.of(tree, root).variables}
    command = ["python", "-c", "import a, sys; print(a.WHERE, sys.prefix)"]
    done = subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["worktree", str(root / ".venv")]
