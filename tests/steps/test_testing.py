"""The test command: found in small projects, run, its output cut to what is worth reading."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.steps import testing
from piste.steps.testing import Where

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
    ({"README.md": "run pytest"}, None),
    ({}, None),
]  # fmt: skip


@pytest.mark.parametrize(("files", "command"), PROJECTS)
def test_the_command_of_common_projects(
    tmp_path: Path, files: dict[str, str], command: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    monkeypatch.setenv("PATH", str(python.parent))
    root = tmp_path / "project"
    root.mkdir()
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    found = testing.find(root)
    assert (found.command if found else None) == command
    assert found is None or (root / found.why).exists()


# Running ----------------------------------------------------------------------------------------


def run(tmp_path: Path, command: str, limit: float = 60) -> testing.Result:
    return testing.run(command, Where(tmp_path, tmp_path / "log"), limit)


@pytest.mark.parametrize(
    ("command", "green", "said", "starts"),
    [
        ("true", True, "", True),
        ("false", False, "the tests failed (exit code 1)", True),
        ("exit 5", False, "the tests failed (exit code 5)", True),
        ("no-such-command", False, "the test command is not found", False),
        ("sleep 1000", False, "the tests did not end within 0.2 s", True),
    ],
)
def test_green_and_red(tmp_path: Path, command: str, green: bool, said: str, starts: bool) -> None:
    result = run(tmp_path, command, limit=0.2 if "sleep" in command else 60)
    assert (result.green, result.said, testing.starts(result)) == (green, said, starts)


def test_a_stale_pyc_does_not_answer_for_a_new_source(tmp_path: Path) -> None:
    # Two versions of one size within one second, as a quick agent makes them.
    (tmp_path / "test_a.py").write_text("def test_a():\n    assert 1\n")
    command = f"{sys.executable} -m pytest -q -p no:cacheprovider test_a.py"
    assert run(tmp_path, command).green
    (tmp_path / "test_a.py").write_text("def test_a():\n    assert 0\n")
    result = run(tmp_path, command)
    assert not result.green
    assert testing.trim(result.output).startswith("=================================== FAILURES")


def test_escapes_and_overwritten_lines_are_gone() -> None:
    text = (
        "\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b]8;;http://x\x1b\\link\r\n10%\r100%\nbell\a\u202e!"
    )
    assert testing.plain(text) == "red link\n100%\nbell!"


# What is worth reading --------------------------------------------------------------------------


def test_a_short_failure_stays_as_it_is() -> None:
    assert testing.trim("one\ntwo\n") == "one\ntwo"


def test_of_a_long_one_the_telling_lines_and_the_end_stay() -> None:
    noise = [f"compiling {n} of many things" for n in range(4000)]
    noise[2000] = "src/a.c:12: error: expected ';'"
    text = "\n".join([*noise, "1 failed, 3999 passed"])
    short = testing.trim(text, 4_000)
    assert len(short) < 4_400
    assert "src/a.c:12: error" in short
    assert short.endswith("1 failed, 3999 passed")
    assert "lines left out …]" in short


def test_lines_without_end_and_repetitions_are_cut() -> None:
    short = testing.trim("x" * 5000 + "\n" + "again\n" * 500 + "end")
    assert short.split("\n") == [
        "x" * 400 + " [… 5,000 characters]", "again", "[the line above 500 times]", "end",
    ]  # fmt: skip


@given(st.text(max_size=3000), st.integers(20, 500))
def test_any_output_is_cut_to_its_bound(output: str, most: int) -> None:
    short = testing.trim(output, most)
    kept = [line for line in short.split("\n") if not line.startswith("[… ")]
    assert sum(map(len, kept)) <= most + 40 * (short.count("lines left out") + 1)


@pytest.mark.parametrize(
    "path",
    [
        "test_a.py", "src/a_test.py", "tests/helpers.py", "conftest.py", "pytest.ini", "a_test.go",
        "src/a.test.ts", "src/a.spec.jsx", "spec/a_spec.rb", "app/src/test/java/ATest.java",
        "src/__tests__/a.js",
    ],
)  # fmt: skip
def test_what_is_a_test(path: str) -> None:
    assert testing.is_test(path)


@pytest.mark.parametrize("path", ["a.py", "src/latest.py", "contest.py", "src/testing_tools.ts"])
def test_what_is_none(path: str) -> None:
    assert not testing.is_test(path)
