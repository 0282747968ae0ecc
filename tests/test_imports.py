"""What is fresh needs no heavy library: a build with nothing to do stays quick."""

import json
import subprocess
import sys

import pytest
from conftest import Small

HEAVY = {
    *("llm", "openai", "jinja2", "pathspec", "rich", "pydantic", "genai_prices", "rs_bpe"),
    *("bpe_openai", "asyncio", "httpx", "hypothesis", "re2", "piste.engine.budget"),
}
# Loading one of these takes longer than to look at a hundred targets.
SLOW = {"tomllib", "datetime", "threading", "shutil", "ast", "unicodedata", "subprocess"}
# Run the command as its own process does, then tell what it has imported.
TELL = """
import json, runpy, sys
code = 0
try:
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
except SystemExit as error:
    code = error.code
print("\\n" + json.dumps([code, sorted(sys.modules)]))
"""


def _imported(small: Small, *args: str) -> set[str]:
    found = subprocess.run(
        [sys.executable, "-c", TELL, *args], cwd=small.root,
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    code, names = json.loads(found.stdout.splitlines()[-1])
    assert not code, found.stdout + found.stderr
    return set(names)


@pytest.mark.parametrize(
    "args",
    [
        ("doit",), ("doit", "note"), ("doit", "list"), ("doit", "list", "-s", "note"),
        ("piste.cli", "status", "note"), ("piste.cli", "check"), ("piste.cli", "why", "note"),
        ("piste.cli", "note"), ("piste.cli", "log"), ("piste.cli", "--help"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_is_fresh_needs_no_heavy_library(small: Small, args: tuple[str, ...]) -> None:
    small.make()
    names = _imported(small, *args)
    assert "piste" in names
    assert names & HEAVY == set()


@pytest.mark.parametrize("verb", ["check", "status"])
def test_a_look_at_what_is_fresh_needs_little_of_pythons_own(
    small: Small, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    small.make()
    small.remember(monkeypatch)
    assert _imported(small, "piste.cli", verb, "note") & SLOW == set()


def test_the_test_can_tell(small: Small) -> None:
    # A target that has to be made imports what is looked for above.
    assert {"llm", "pydantic"} <= _imported(small, "doit", "note")


def test_another_projects_doit_imports_next_to_nothing_of_ours(small: Small) -> None:
    small.write("dodo.py", "def task_a():\n    return {'actions': ['true']}\n")
    ours = {name for name in _imported(small, "doit") if name.partition(".")[0] == "piste"}
    assert ours == {
        "piste.doit_graph",
        "piste.system",
        "piste",
        "piste.doit_graph.backend",
        "piste.system.errors",
        "piste.doit_graph.graph",
    }
