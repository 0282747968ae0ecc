"""The test command: run, its output cut to what is worth reading; which tests a step asks for."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.steps import testing
from piste.steps.testing import Where
from piste.system import processes

# Running ----------------------------------------------------------------------------------------


def run(tmp_path: Path, command: str, limit: float = 60) -> testing.Result:
    return testing.run(command, Where(tmp_path, tmp_path / "log"), limit)


NO_PYTEST = "echo '/usr/bin/python: No module named pytest'; exit 1"


@pytest.mark.parametrize(
    ("command", "green", "said", "cannot"),
    [
        ("true", True, "", ""),
        ("false", False, "the tests failed (exit code 1)", ""),
        ("exit 5", False, "the tests failed (exit code 5)", ""),
        ("echo '=== no tests ran in 0.01s ==='; exit 5", True, "", ""),
        ("echo 'collected 0 items / 1 error'; exit 2", False, "the tests failed (exit code 2)", ""),
        (
            "no-such-command",
            False,
            "the test command is not found",
            "there is no no-such-command",
        ),
        ("no-go test ./...", False, "the test command is not found", "there is no no-go"),
        ("cd . && no-go test x/y", False, "the test command is not found", "there is no no-go"),
        ("sh -c 'no-jest --ci'", False, "the test command is not found", "there is no no-jest"),
        ("cd . && ./check.sh", False, "the test command is not found", ""),
        ("./run-tests", False, "the test command is not found", ""),  # a step may make it
        (NO_PYTEST, False, "the tests failed (exit code 1)", "there is no pytest"),
        ("echo 'FAILED tests/test_a.py::test_x - x'; exit 1", False,
         "1 test failed: tests/test_a.py::test_x", ""),
        ("for n in 1 2 3 4 5 6 7; do echo \"--- FAIL: T$n (0.1s)\"; done; exit 1", False,
         "7 tests failed: T1, T2, T3 and 4 more", ""),
        ("sleep 1000", False, "the tests did not end within 0.2 s", ""),
    ],
)  # fmt: skip
def test_green_red_and_what_cannot_be_run(
    tmp_path: Path, command: str, green: bool, said: str, cannot: str
) -> None:
    result = run(tmp_path, command, limit=0.2 if "sleep" in command else 60)
    assert (result.green, result.said) == (green, said)
    assert testing.cannot_run(command, result, tmp_path) == cannot
    assert result.none == ("no tests ran" in command)


NO = "ModuleNotFoundError: No module named '{}'"
NODE = "Error: Cannot find module '{}'"


@pytest.mark.parametrize(
    ("file", "text", "said", "lacks"),
    [
        ("pyproject.toml", '[project]\ndependencies = [\n  "freezegun>=1",\n]', NO, "freezegun"),
        ("pyproject.toml", '[dependency-groups]\ntests = ["freezegun"]', f"E   {NO}", "freezegun"),
        ("pyproject.toml", '[tool.poetry.dependencies]\nfreezegun = "^1.2"', NO, "freezegun.api"),
        ("pyproject.toml", '[project]\nname = "freezegun"', NO, ""),  # what a step is to make
        ("pyproject.toml", '[project.scripts]\nfreezegun = "freezegun.cli:main"', NO, ""),
        ("requirements-dev.txt", "pytest\nFreezegun==1.2\n", NO, "freezegun"),
        ("requirements.txt", "other\n", NO, ""),  # a step may bring it
        ("setup.py", "setup(install_requires=['freezegun'])", NO, "freezegun"),
        ("package.json", '{"devDependencies": {"@scope/lib": "^1.0.0"}}', NODE, "@scope/lib"),
        ("package.json", '{"name": "freezegun"}', NODE, ""),
    ],
)
def test_a_library_that_the_project_names_and_that_is_not_installed_is_no_red(
    tmp_path: Path, file: str, text: str, said: str, lacks: str
) -> None:
    (tmp_path / file).write_text(text)
    name = lacks or "freezegun"
    result = testing.Result(False, 1, "1 test failed", f"x\n{said.format(name)}\n", 0.1)
    top = name.partition(".")[0]
    wanted = f"there is no {top}, which {file} names" if lacks else ""
    assert testing.cannot_run("pytest", result, tmp_path) == wanted
    (tmp_path / top).mkdir(parents=True)  # the project's own, which cannot be imported: red
    assert testing.cannot_run("pytest", result, tmp_path) == ""


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("error: rustup could not choose a version of cargo to run, because one wasn't specified",
         "rustup could not choose a version of cargo"),
        ("pyenv: python3.12: command not found", "there is no python3.12"),
        ("No version is set for command node", "there is no node"),
    ],
)  # fmt: skip
def test_a_chooser_of_toolchains_that_has_none_is_no_red(
    tmp_path: Path, output: str, said: str
) -> None:
    result = testing.Result(False, 1, "the tests failed", f"{output}\nmore\n", 0.1)
    assert testing.cannot_run("cargo test", result, tmp_path) == said


def test_real_pytest_without_a_test_is_no_red_and_an_unknown_option_is_none_either(
    tmp_path: Path,
) -> None:
    command = f"{sys.executable} -m pytest -p no:cacheprovider"
    assert run(tmp_path, command).none
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    result = run(tmp_path, command)
    assert testing.cannot_run(command, result, tmp_path) == (
        "unrecognized arguments: --no-such-option"
    )


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
    assert processes.plain(text) == "red link\n100%\nbell!"


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


# Which tests a step asks for --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "demanded"),
    [
        ("Write failing tests first: an empty file gives 0.", True),
        ("Create tests/test_tally.py.", True),
        ("Add a test for each.", True),
        ("Make the command, with tests for its errors.", True),
        ("Write count.txt.", False),
        ("Write the README. No tests are needed.", False),
        ("Add a licence without tests. All existing tests pass.", False),
        ("Write the latest version into VERSION.", False),
    ],
)
def test_whether_a_step_asks_for_tests(prompt: str, demanded: bool) -> None:
    assert testing.demanded(prompt) == demanded


@pytest.mark.parametrize(
    ("diff", "touched"),
    [
        ("--- /dev/null\n+++ b/tests/test_a.py\n+x\n", True),
        ("--- a/src/a.rs\n+++ b/src/a.rs\n+    #[test]\n", True),
        ("--- a/check.sh\n+++ b/check.sh\n+x\n", True),
        ("--- a/src/a.py\n+++ b/src/a.py\n+x = 1\n", False),
        ("--- a/src/a.py\n+++ b/src/a.py\n-def test_a():\n", False),
    ],
)
def test_whether_a_diff_changes_tests(diff: str, touched: bool) -> None:
    assert testing.touched(diff, "sh check.sh") == touched


@pytest.mark.parametrize(
    ("output", "names"),
    [
        ("FAILED tests/test_a.py::test_b[x] - assert 1 == 2\n", ["tests/test_a.py::test_b[x]"]),
        ("ERROR tests/test_a.py\n", ["tests/test_a.py"]),
        ("FAIL: test_b (a.A)\n\nFAIL: test_b (a.A)\n", ["test_b (a.A)"]),
        ("FAILED: count.txt is missing\n", []),
        ("--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/b (0.00s)\n", ["TestA/b"]),
        ("test a::b ... FAILED\ntest c ... ok\n", ["a::b"]),
        ("  ✕ adds (3 ms)\n", ["adds"]),
        ("  ✖    3:14  Missing semicolon.  semi\n  ✖ 12:1  x\n  ✖ adds\n", ["adds"]),  # xo, ava
        ("   × adds 3ms\n", ["adds"]),
        ("✖ adds (1.2ms)\n✖ failing tests:\n✖ adds (1.2ms)\n", ["adds"]),
        ("FAIL ./a.test.js\n  ● Console\n  ● sums › adds\n", ["sums › adds"]),
        ("rspec ./spec/a_spec.rb:3 # Sums adds\n", ["spec/a_spec.rb:3"]),
        ("not ok 2 - adds\nnot ok 3 - later # TODO\n", ["adds"]),
        ("1 failed\n", []),
    ],
)  # fmt: skip
def test_the_names_of_red_tests(output: str, names: list[str]) -> None:
    assert testing.red_names(output) == names


OTHERS = {
    "phpunit": (
        "There were 2:\n\n1) Tests\\Unit\\FooTest::testBar\nFailed asserting that 1 is 2.\n\n"
        '2) FooTest::testBaz with data set "a" (1)\nx\n',
        ["Tests\\Unit\\FooTest::testBar", 'FooTest::testBaz with data set "a" (1)'],
    ),
    "ctest": (
        "2/3 Test #2: roof ....***Failed    0.01 sec\n\n67% tests passed, 2 tests failed\n\n"
        "The following tests FAILED:\n\t  2 - roof (Failed)\n\t 13 - wall_long (Timeout)\n",
        ["roof", "wall_long"],
    ),
    "gradle": (
        "> Task :test FAILED\n\nHouseTest > roof holds() FAILED\n    java.lang.AssertionError\n",
        ["HouseTest > roof holds()"],
    ),
    "dotnet": (
        "  Failed House.Tests.Roof.Holds [12 ms]\n  Error Message:\n   no\nFailed!  - Failed: 1\n",
        ["House.Tests.Roof.Holds"],
    ),
}


@pytest.mark.parametrize("runner", OTHERS)
def test_more_runners_tell_red_by_name(runner: str) -> None:
    output, names = OTHERS[runner]
    assert testing.red_names(output) == names
