"""`piste init`: a folder becomes a project, and nothing in it is lost."""

import os
import re
import subprocess
import sys
from pathlib import Path

import llm
import pytest
from conftest import Run
from support.terminal import Terminal

from piste.engine import config, own_files
from piste.engine.project import world as project_of
from piste.model import asking

from .conftest import Say, tree


@pytest.fixture
def empty(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, stood in; `run` needs the project, which is elsewhere."""
    root = tmp_path / "empty"
    root.mkdir()
    monkeypatch.chdir(root)
    return root


def test_an_empty_folder(empty: Path, say: Say) -> None:
    said = say("init")
    assert (said.code, said.err) == (0, "")
    assert sorted(path.name for path in empty.iterdir()) == [
        ".gitattributes", ".gitignore", "dodo.py", "piste.toml",
    ]  # fmt: skip
    assert said.rows[0] == (
        f"wrote piste.toml: the model is llm's default, {llm.get_default_model()}, "
        "which has no key yet: "
        '`llm keys set openai`, or model = "outline" for skeletons without one'
    )
    assert [row.split("  ")[0] for row in said.rows[-4:]] == [
        "next:",
        "doit idea talk your idea through, one question at a time",
        "doit todo spec.md, prompt_plan.md and todo.md from it",
        "piste status what is fresh, and what a rebuild would cost",
    ]


@pytest.mark.parametrize("steps", [("init", "key"), ("key", "init")], ids=" then ".join)
def test_who_follows_the_readme_has_a_real_model_once_there_is_a_key(
    empty: Path, say: Say, own_home: Path, steps: tuple[str, ...]
) -> None:
    for step in steps:
        if step == "init":
            say("init")
        else:  # `llm keys set openai`
            (own_home / "llm").mkdir(exist_ok=True)
            (own_home / "llm/keys.json").write_text('{"openai": "not-a-key"}')
    assert project_of(empty).config.model == ""
    assert f" {llm.get_default_model()}, llm's default: its key is there" in say("doctor").out


def test_where_llms_default_is_not_there_any_more_it_is_said(
    empty: Path, say: Say, own_home: Path
) -> None:
    (own_home / "llm").mkdir(exist_ok=True)
    (own_home / "llm/default_model.txt").write_text("gone-1")
    said = say("init")
    assert said.rows[0].startswith("wrote piste.toml: no model yet: ")
    assert "gone-1" in said.rows[0]
    assert project_of(empty).config.model == ""


def test_where_there_is_code_it_says_what_to_do_with_it(empty: Path, say: Say) -> None:
    (empty / "count.py").write_text("def count(text):\n    return len(text.split())\n")
    rows = say("init", "--model", "gpt-4o-mini").rows
    (bundle,) = [row for row in rows if row.startswith("doit bundle ")]
    (review,) = [row for row in rows if row.startswith("doit code_review ")]
    tokens = re.search(r"([0-9,]+) tokens", bundle)
    assert tokens is not None
    assert int(tokens[1].replace(",", "")) > 20
    assert f"some {tokens[1]} tokens, $0." in review
    assert review.endswith(" with gpt-4o-mini")


def test_twice_is_as_once(empty: Path, say: Say) -> None:
    say("init")
    before = tree(empty)
    assert say("init") == (0, "nothing to do: this is a project already\n", "")
    assert tree(empty) == before


def test_the_settings_it_writes_are_the_defaults(empty: Path, say: Say) -> None:
    say("init", "--model", "outline")
    found = config.load(empty)
    assert found.model == "outline"
    assert {**dict(found.origins)} == {"model": "piste.toml"}
    lines = (empty / "piste.toml").read_text().splitlines()
    bare = [line.removeprefix("# ") for line in lines if line.startswith("# ") and "=" in line]
    assert len(bare) > 4
    assert all("=" in line for line in bare)


def test_what_it_comments_out_can_be_taken_in(empty: Path, say: Say) -> None:
    say("init", "--model", "outline")
    file = empty / "piste.toml"
    taken = [
        line.removeprefix("# ") if line.startswith("# ") and ("=" in line or "[" in line) else line
        for line in file.read_text().splitlines()
    ]
    file.write_text("\n".join(taken))
    found = config.load(empty)
    assert (found.language, found.tests_first) == ("English", False)
    assert found.rules["faq"].target == "faq.md"
    assert found.rules["plan"].options == (("reasoning_effort", "high"),)


@pytest.mark.parametrize(
    ("typed", "command"), [("", "make test"), ("make -s test quick", "make -s test quick")]
)
def test_the_test_command_is_found_and_confirmed(empty: Path, typed: str, command: str) -> None:
    (empty / "Makefile").write_text("test:\n\ttrue\n")
    words = [sys.executable, "-m", "piste.cli", "init", "--model", "outline"]
    with Terminal(words, empty, os.environ) as terminal:
        terminal.see("the tests run with `make test` (from Makefile); Enter, or another command: ")
        terminal.enter(typed)
        terminal.see(f"the tests run with `{command}`")
        assert terminal.ended() == 0
    assert config.load(empty).test == command


def test_without_a_terminal_it_is_taken_as_found_and_said(empty: Path, say: Say) -> None:
    (empty / "test_it.py").write_text("def test_it():\n    pass\n")
    assert "; the tests run with `python" in say("init", "--model", "outline").rows[0]
    assert config.load(empty).test.endswith("-m pytest")


def test_doit_knows_the_tasks_afterwards(empty: Path, say: Say, run: Run) -> None:
    say("init", "--model", "outline")
    (empty / "spec.md").write_text("# Tally\n\n1. Count.\n")
    assert run("doit", "plan", cwd=empty).returncode == 0
    assert (empty / "prompt_plan.md").exists()


def test_git_shares_the_receipts_and_nothing_else(empty: Path, say: Say, run: Run) -> None:
    say("init", "--model", "outline")
    (empty / "spec.md").write_text("# Tally\n\n1. Count.\n")
    # As on a person's machine, where Python leaves behind what it has compiled of dodo.py.
    run("doit", "plan", cwd=empty, PYTHONDONTWRITEBYTECODE="", PYTHONPYCACHEPREFIX="")
    assert (empty / "__pycache__").is_dir()
    for args in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *args], cwd=empty, check=True, timeout=30)
    listed = subprocess.run(
        ["git", "ls-files"], cwd=empty, check=True, capture_output=True, text=True, timeout=30
    ).stdout.split()
    assert not [name for name in listed if "__pycache__" in name]
    shared = [name for name in listed if name.startswith(".piste")]
    assert shared == [".piste/receipts/prompt_plan.md.json"]
    ends = subprocess.run(
        ["git", "check-attr", "eol", "prompt_plan.md", shared[0]],
        cwd=empty, check=True, capture_output=True, text=True, timeout=30,
    ).stdout  # fmt: skip
    assert ends.count("eol: lf") == 2


def test_what_is_there_is_kept(empty: Path, say: Say) -> None:
    (empty / "piste.toml").write_text('language = "German"\n')
    (empty / "dodo.py").write_text("def task_x():\n    return {'actions': []}\n")
    (empty / ".gitignore").write_bytes(b"*.pyc\r\n\xe9t\xe9")
    said = say("init")
    assert (empty / "piste.toml").read_text() == 'language = "German"\n'
    assert (empty / "dodo.py").read_text().startswith("def task_x")
    ignored = (empty / ".gitignore").read_bytes()
    assert ignored.startswith(b"*.pyc\r\n\xe9t\xe9\r\n")
    assert b"/.piste/*\r\n!/.piste/receipts/\r\n" in ignored
    assert said.rows[0] == (
        "kept dodo.py; `from piste.tasks import *` in it lets `doit` know the tasks"
    )
    assert any(row.startswith("added to .gitignore: ") for row in said.rows)
    again = say("init").rows
    assert again[-1] == "nothing to do: this is a project already"


def test_settings_in_pyproject_are_settings(empty: Path, say: Say) -> None:
    (empty / "pyproject.toml").write_text('[tool.piste]\nmodel = "outline"\n')
    say("init")
    assert not (empty / "piste.toml").exists()


def test_a_spec_that_is_there_is_where_it_begins(empty: Path, say: Say) -> None:
    (empty / "spec.md").write_text("# Mine\n")
    assert "doit plan the plan, from your spec.md" in say("init").rows
    assert (empty / "spec.md").read_text() == "# Mine\n"


def test_the_default_model_of_llm_where_it_has_a_key(empty: Path, say: Say, own_home: Path) -> None:
    (own_home / "llm").mkdir(exist_ok=True)
    (own_home / "llm/keys.json").write_text('{"openai": "k"}')
    default = asking.resolve(None).model_id
    assert say("init").rows[0] == f"wrote piste.toml: the model is llm's default, {default}"
    assert config.load(empty).model == ""


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["nowhere"], "nowhere is not a folder; mkdir nowhere"),
        (["--model", "outlien"], "there is no model 'outlien'; did you mean 'outline'?; "
                                 "`llm models` lists them"),
    ],
)  # fmt: skip
def test_what_cannot_be(empty: Path, say: Say, args: list[str], line: str) -> None:
    assert say("init", *args) == (2, "", f"piste: {line}\n")
    assert list(empty.iterdir()) == []


def test_a_model_for_a_project_that_has_settings(empty: Path, say: Say) -> None:
    say("init")
    before = tree(empty)
    said = say("init", "--model", "gpt-4o-mini")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "piste: the settings are there already; set `model = 'gpt-4o-mini'` in them\n"
    )
    assert tree(empty) == before


def test_settings_that_are_wrong_are_said_before_anything_is_written(empty: Path, say: Say) -> None:
    (empty / "piste.toml").write_text('modle = "x"\n')
    assert say("init").err == "piste: piste.toml: unknown setting 'modle'; did you mean 'model'?\n"
    assert [path.name for path in empty.iterdir()] == ["piste.toml"]


def test_the_dodo_file_has_two_lines() -> None:
    assert [line for line in own_files.DODO.splitlines() if line and line[0] != "#"] == [
        "from piste.tasks import *  # noqa: F403"
    ]
