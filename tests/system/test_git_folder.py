"""Repositories that git would wait in are named before it is asked."""

import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from piste.system import git_folder
from piste.system.errors import UserError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".git/info").mkdir(parents=True)
    (tmp_path / ".git/HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / ".git/config").write_text("[core]\n\tbare = false\n")
    (tmp_path / "deep/er").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize("name", ["HEAD", "config", "index", "packed-refs", "info/exclude"])
def test_a_pipe_in_it_is_named(root: Path, name: str) -> None:
    git_folder.require_plain(root / "deep/er")
    (root / ".git" / name).unlink(missing_ok=True)
    os.mkfifo(root / ".git" / name)

    with pytest.raises(UserError, match=f"{name} is no plain file"):
        git_folder.require_plain(root / "deep/er")


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("excludesFile = ../pipe", True),
        ('attributesfile = "../pipe"', True),
        ("excludesFile = /dev/tty", True),
        ("excludesFile = /dev/null", False),
        ("excludesFile = ../nothing", False),
        ("excludesFile = ../deep", False),
    ],
)
def test_what_the_configuration_names_counts(root: Path, line: str, refused: bool) -> None:
    os.mkfifo(root / "pipe")
    (root / ".git/config").write_text(f"[core]\n\t{line}\n")

    says = pytest.raises(UserError, match="git would wait") if refused else nullcontext()
    with says:
        git_folder.require_plain(root)


def test_configurations_that_include_each_other_end(root: Path) -> None:
    (root / ".git/config").write_text("[include]\n path = config\n path = config\n")

    git_folder.require_plain(root)


def test_a_worktree_is_looked_at_in_both_its_folders(root: Path) -> None:
    own = root / ".git/worktrees/w"
    own.mkdir(parents=True)
    (own / "commondir").write_text("../..\n")
    (root / "w").mkdir()
    (root / "w/.git").write_text(f"gitdir: {own}\n")
    git_folder.require_plain(root / "w")
    os.mkfifo(root / ".git/packed-refs")

    with pytest.raises(UserError, match="packed-refs"):
        git_folder.require_plain(root / "w")
