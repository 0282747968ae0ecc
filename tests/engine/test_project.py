"""The project: where its root is, and what it is put together from."""

import os
from pathlib import Path

import pytest

from piste.engine import makers, project, states
from piste.engine.world import door
from piste.system.errors import UserError


@pytest.mark.parametrize(
    ("files", "start", "root"),
    [
        (("a/piste.toml",), "a/b/c", "a"),
        (("a/.piste/x",), "a/b", "a"),
        (("a/pyproject.toml",), "a/b", "a/b"),  # without a table of ours it says nothing
        (("a/piste.toml", "a/b/piste.toml"), "a/b/c", "a/b"),
        (("a/.git/x",), "a/b", "a"),
        (("a/.git",), "a/b", "a"),  # a worktree's is a file
        (("a/dodo.py",), "a/b/c", "a"),
        (("a/b/dodo.py", "a/.git/x"), "a/b/c", "a"),
        (("a/piste.toml", "a/b/.git/x"), "a/b/c", "a/b"),  # another repository begins there
        ((), "a/b", "a/b"),
    ],
)
def test_the_root(tmp_path: Path, files: tuple[str, ...], start: str, root: str) -> None:
    (tmp_path / start).mkdir(parents=True)
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("[tool.other]\n")
    assert project.root_of(tmp_path / start) == tmp_path / root


def test_a_table_in_pyproject_makes_a_root(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.piste]\n")
    assert project.root_of(tmp_path / "a") == tmp_path


def test_the_folder_of_prompts(tmp_path: Path) -> None:
    (tmp_path / "piste.toml").write_text('prompts = "words/"\n')
    assert project.world(tmp_path).layers[0].folder == tmp_path / "words"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('prompts = "../words"', "prompts: '../words' may lead out"),
        ('prompts = "/words"', "prompts: '/words' is not a plain path"),
        ('store = "../store"', "piste.toml: store: '../store' may lead out"),
        ('store = "/store"', "piste.toml: store: '/store' is not a plain path"),
        ('store = "~/store"', "piste.toml: store: '~/store' is not a plain path"),
    ],
)
def test_a_project_does_not_choose_a_folder_outside(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "piste.toml").write_text(text)
    with pytest.raises(UserError) as raised:
        project.world(tmp_path)
    assert str(raised.value).startswith(said)


@pytest.mark.parametrize("link", ["st", "st/blobs", "st/tmp"])
def test_a_store_in_a_project_does_not_lead_out_of_it(tmp_path: Path, link: str) -> None:
    root, outside = tmp_path / "project", tmp_path / "outside"
    (root / link).parent.mkdir(parents=True)
    outside.mkdir()
    (root / link).symlink_to(outside)
    (root / "piste.toml").write_text('store = "st"\n')
    with pytest.raises(UserError, match=r"piste\.toml: store: its folder leads out of the project"):
        project.world(root)


def test_a_piste_folder_that_leads_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "project").mkdir()
    (tmp_path / "project/.piste").symlink_to("../outside")
    with pytest.raises(UserError, match=r"\.piste: its folder leads out of the project"):
        project.world(tmp_path / "project")


@pytest.mark.parametrize("mark", ["piste.toml", ".piste", "dodo.py", ".git"])
def test_a_project_of_another_account_is_not_obeyed(
    tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / mark).mkdir() if mark[0] == "." else (tmp_path / mark).write_text("")
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 7)
    with pytest.raises(UserError, match="belongs to"):
        project.root_of(tmp_path / "below")
    own = own_home / ".config/piste/piste.toml"
    own.parent.mkdir(parents=True)
    own.write_text(f'safe_folders = ["{tmp_path}"]\n')
    assert project.root_of(tmp_path / "below") == tmp_path


def test_a_project_does_not_allow_itself(tmp_path: Path) -> None:
    (tmp_path / "piste.toml").write_text('safe_folders = ["*"]\n')
    with pytest.raises(UserError, match="safe_folders counts only in your own settings"):
        project.world(tmp_path)


@pytest.mark.parametrize(("text", "most"), [("10", 10), ("10_000_000_000", 50_000_000)])
def test_a_project_lowers_the_bound_of_inputs_and_does_not_raise_it(
    tmp_path: Path, text: str, most: int
) -> None:
    (tmp_path / "piste.toml").write_text(f"max_input = {text}\n")
    assert project.world(tmp_path).config.max_input == most


def test_where_the_store_is(
    tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert project.world(tmp_path).store.folder == own_home / ".local/share/piste/store"
    (tmp_path / "piste.toml").write_text('store = "kept/"\n')
    assert project.world(tmp_path).store.folder == tmp_path / "kept"
    monkeypatch.setenv("PISTE_STORE", "~/elsewhere")  # a person may say anything
    assert project.world(tmp_path).store.folder == own_home / "elsewhere"


def test_the_kinds_are_those_of_the_targets(tmp_path: Path) -> None:
    (tmp_path / "piste.toml").write_text('[rules.plan]\ntarget = "p.md"\n')
    assert project.world(tmp_path).kinds.get("p.md") == "plan"
    assert "spec.md" not in project.world(tmp_path).kinds


def test_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(UserError, match="this folder is no longer there"):
        project.here()


OURS = "from piste.tasks import *\n"


@pytest.mark.parametrize(
    ("dodo", "on_path", "way"),
    [
        (None, True, "piste"),
        ("def task_hello(): ...\n", True, "piste"),  # doit knows none of our tasks
        ("# from piste.tasks import *\n", True, "piste"),
        (OURS, True, "doit"),
        (OURS, False, "piste"),  # piste alone is installed, as a tool
    ],
)
def test_the_door_is_doit_only_where_it_would_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dodo: str | None, on_path: bool, way: str
) -> None:
    program = tmp_path / "bin" / "doit"
    program.parent.mkdir()
    program.touch(0o755 if on_path else 0o644)
    monkeypatch.setenv("PATH", str(program.parent))
    if dodo is not None:
        (tmp_path / "dodo.py").write_text(dodo)
    assert door(tmp_path) == way


@pytest.mark.parametrize("name", ["README.rst", "README", "readme.md", "Readme.txt"])
def test_a_readme_in_another_form_or_case_is_the_persons(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("Mine.\n")
    made = project.world(tmp_path)
    assert made.rules["readme"].target == "README.new.md"
    assert made.yours == {"README.new.md": name}


@pytest.mark.parametrize(
    ("target", "there"), [("todo.md", "TODO.md"), ("caf\u00e9.md", "cafe\u0301.md")]
)
def test_a_name_that_is_the_same_on_other_systems_stands_in_the_way(
    tmp_path: Path, target: str, there: str
) -> None:
    (tmp_path / "prompt_plan.md").write_text("# Plan\n")
    (tmp_path / "piste.toml").write_text(f'[rules.todo]\ntarget = "{target}"\n')
    (tmp_path / there).write_text("Mine.\n")
    made = project.world(tmp_path)
    decision = makers.decide(made, made.rules["todo"])
    assert decision.todo == states.BLOCKED
    assert f"{there} is there, and {target} is the same name" in decision.why()
