"""`piste demo`: the first minute, without a key or a network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from piste.engine import receipts

from .conftest import Say, tree


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The demo, run once in a folder of its own: the project, and what was said."""
    folder = tmp_path_factory.mktemp("demo")
    home = folder / "home"
    (home / ".config/piste").mkdir(parents=True)
    # Settings of one's own that the embedded model could not take.
    (home / ".config/piste/piste.toml").write_text("[options]\ntemperature = 1\n")
    env = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    env |= {"HOME": str(home), "LLM_USER_PATH": str(home / "llm"), "PISTE_MODEL": "gpt-4o-mini"}
    done = subprocess.run(
        [sys.executable, "-m", "piste.cli", "demo"], cwd=folder, env=env, timeout=60,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return folder / "piste-demo", done.stdout.splitlines()


def test_it_makes_then_keeps_then_explains_then_remakes(shown: tuple[Path, list[str]]) -> None:
    _, lines = shown
    commands = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    assert [lines[number] for number in commands] == [
        "$ doit todo", "$ doit todo", "$ piste why plan", "$ doit todo", "$ piste status",
    ]  # fmt: skip
    first, second, why, third, status = (
        "\n".join(lines[start:end])
        for start, end in zip(commands, [*commands[1:], len(lines)], strict=True)
    )
    assert ".  plan\n   prompt_plan.md made by outline" in first
    assert ".  todo\n   todo.md made by outline" in first
    assert "-- plan\n-- todo" in second
    assert "made by" not in second
    assert "+4. `tally --json`" in why
    assert "prompt_plan.md amended by outline" in third
    assert "prompt_plan.md  fresh" in status


def test_what_it_leaves_is_a_project(shown: tuple[Path, list[str]]) -> None:
    root, _ = shown
    assert receipts.read(root, "todo.md") is not None
    assert (root / "dodo.py").exists()
    assert "tally --json" in (root / "todo.md").read_text()
    assert (root / ".piste/store/blobs").is_dir()


def test_nothing_of_it_is_outside_its_folder_but_a_yes_a_cache_and_llms_own_log(
    shown: tuple[Path, list[str]],
) -> None:
    root, _ = shown
    others = [path for path in root.parent.rglob("*") if not path.is_relative_to(root)]
    cached = [path for path in others if "cache" in path.parts or ".cache" in path.parts]
    files = {path.name for path in others if path.is_file() and path not in cached}
    yes = {path.name for path in others if path.parent.name == "trust"}
    assert len(yes) == 1
    cached = {path.name for path in others if path.parent.parent.name == "projects"}
    assert cached <= {"fresh", "settings"}
    assert {name for name in files - yes - cached if not name.startswith("logs.db")} == {
        "piste.toml"
    }


def test_a_folder_with_something_in_it_is_left_alone(
    tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").touch()
    (tmp_path / "file").touch()
    before = tree(tmp_path)
    for name in ("mine", "file"):
        line = f"piste: {name} is there and not empty; name another folder: piste demo DIR\n"
        assert say("demo", name) == (2, "", line)
    assert tree(tmp_path) == before
