"""Which files go along with a step."""

import subprocess
from pathlib import Path

import pytest

from piste.engine import outgoing
from piste.engine.config import Config
from piste.steps import context, sources

CLEAR = outgoing.door(Config())


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A project that is too large to go along whole."""
    for name, text in {
        "a.py": "import b\n",
        "b.py": "import c\n",
        "c.py": "import d\n",
        "d.py": "class Tally:\n    def count(self, word: str) -> int:\n        return 1\n",
        "big.py": "x = 1\n" * 5000,
        "lib/walk.go": "func Walk(root string) error {\n\treturn nil\n}\n",
        "spec.md": "# Spec\n",
        "uv.lock": "def lock(): ...\n",
        "key.py": 'def key(): return "AKIAIOSFODNN7EXAMPLQ"\n',
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def shown(along: sources.Along) -> list[str]:
    return [line.split(chr(34))[1] for line in along.files.split("\n") if line[:6] == "<file "]


def test_a_small_project_goes_along_whole_but_for_what_piste_makes(large: Path) -> None:
    (large / "big.py").unlink()
    along = sources.along(large, context.files(large), ["d.py"], ["spec.md"], CLEAR)
    assert shown(along) == ["d.py", "a.py", "b.py", "c.py", "key.py", "lib/walk.go"]
    assert along.declared == ""


def test_of_a_large_one_what_matters_two_imports_deep_and_what_the_rest_declares(
    large: Path,
) -> None:
    along = sources.along(large, context.files(large), ["a.py"], ["spec.md"], CLEAR)
    assert shown(along) == ["a.py", "b.py", "c.py"]
    assert "d.py\n  class Tally\n      def count(self, word: str) -> int\n" in along.declared
    assert "lib/walk.go\n  func Walk(root string) error\n" in along.declared
    assert "lock" not in along.declared
    assert "AKIA" not in along.declared


def test_what_a_project_says_to_agents_also_in_the_folders_of_named_files(tmp_path: Path) -> None:
    for name in ("AGENTS.md", "lib/AGENTS.md", "other/AGENTS.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"Rules of {name}.\n")
    said = sources.rules_of(tmp_path, context.files(tmp_path), ["lib/deep/a.py"], CLEAR)
    assert "Rules of AGENTS.md." in said
    assert "Rules of lib/AGENTS.md." in said
    assert "other" not in said


def test_other_files_for_agents_count_where_that_one_is_missing(tmp_path: Path) -> None:
    for name in ("CLAUDE.md", ".cursorrules", "lib/.cursorrules", "lib/a.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"Rules of {name}.\n")
    known = context.files(tmp_path)
    said = sources.rules_of(tmp_path, known, ["lib/a.py"], CLEAR)
    assert "Rules of CLAUDE.md." in said
    assert "Rules of lib/.cursorrules." in said
    assert "Rules of .cursorrules." not in said
    assert "Rules of" in sources.along(tmp_path, known, [], (), CLEAR).files  # lib/a.py
    assert "cursorrules" not in sources.along(tmp_path, known, [], (), CLEAR).files
    (tmp_path / "AGENTS.md").write_text("Use tabs.\n")
    said = sources.rules_of(tmp_path, context.files(tmp_path), [], CLEAR)
    assert "Use tabs." in said
    assert "CLAUDE" not in said


def test_the_files_of_the_step_before(tmp_path: Path) -> None:
    def commit(name: str, message: str) -> None:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(message)
        subprocess.run(["git", "add", "--all"], cwd=tmp_path, check=True)
        subprocess.run(["git", "commit", "-qm", message], cwd=tmp_path, check=True)

    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    assert sources.of_last_step(tmp_path, "", "HEAD") == []
    commit("sub/a.py", "step 1\n\nPiste-Step: 1")
    commit("sub/b.py", "by hand")
    assert sources.of_last_step(tmp_path, "", "HEAD") == ["sub/a.py"]
    assert sources.of_last_step(tmp_path, "sub/", "HEAD") == ["a.py"]
    assert sources.of_last_step(tmp_path, "else/", "HEAD") == []
