"""What git itself makes points back and is believed; what an archive can hold is not."""

import subprocess
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from piste.system import git_whose
from piste.system.errors import UserError


def sh(folder: Path, script: str) -> None:
    who = "export GIT_ALLOW_PROTOCOL=file; git() { command git -c user.name=a -c user.email=b "
    subprocess.run(["sh", "-ec", f'{who} "$@"; }}\n{script}'], cwd=folder, check=True,
                   capture_output=True)  # fmt: skip


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a repository `one` of one commit."""
    sh(tmp_path, "git init -q one; cd one; echo x > x; git add .; git commit -qm x")
    return tmp_path


@pytest.mark.parametrize(
    ("script", "folder"),
    [
        ("mkdir one/sub", "one/sub"),
        ("git -C one worktree add -q ../tree", "tree"),
        ("git -C one worktree add -q ../tree; mv tree t2; git -C t2 worktree repair", "t2"),
        ("git init -q two; git -C two submodule --quiet add ../one sub", "two/sub"),
        ("git init -q two; git -C two submodule --quiet add ../one sub; "
         "git -C two/sub worktree add -q ../../tree", "tree"),
        ("mkdir all; git clone -q --bare one all/.bare; echo 'gitdir: ./.bare' > all/.git; "
         "git -C all worktree add -q main", "all/main"),
        ("ln -s one two", "two"),
        ("git clone -q one two", "two"),
        ("mkdir none", "none"),
    ],
)  # fmt: skip
def test_what_points_back_is_believed(here: Path, script: str, folder: str) -> None:
    sh(here, script)

    git_whose.require_own_history(here / folder)
    git_whose.require_own_index(here / folder)


@pytest.mark.parametrize(
    "script",
    [
        "git clone -q --shared one two",
        "git clone -q --reference one one two",
        "git init -q --separate-git-dir=elsewhere two",
        "mkdir two; ln -s ../one/.git two/.git",
        "mkdir two; echo 'gitdir: ../one/.git' > two/.git",
        "git init -q two; git -C two config core.worktree ../../one",
        "git init -q two; echo ../../one/.git > two/.git/commondir",
        "git -C one worktree add -q ../tree; cp -r tree two",
        "git init -q two; rm -r two/.git/objects; ln -s ../../one/.git/objects two/.git/objects",
    ],
)
def test_what_leads_to_another_is_named(here: Path, script: str) -> None:
    sh(here, script)

    with pytest.raises(UserError, match="does not point back"):
        git_whose.require_own_history(here / "two")


@pytest.mark.parametrize(
    ("script", "refused"),
    [
        ("git clone -q --shared one two", False),
        ("git init -q --separate-git-dir=elsewhere two", True),
        ("mkdir two; ln -s ../one/.git two/.git", True),
        ("mkdir two; echo 'gitdir: ../one/.git' > two/.git", True),
        ("git init -q two; git -C two config core.worktree ../../one", True),
        ("git init -q two; echo '[core] worktree = ../../one' > more; "
         "git -C two config include.path ../../more", False),
        ("git init -q two; echo ../../one/.git > two/.git/commondir", True),
        ("git -C one worktree add -q ../tree; cp -r tree two", True),
        ("git init -q two; ln -s ../../one/.git/index two/.git/index", True),
    ],
)  # fmt: skip
def test_the_index_of_another(here: Path, script: str, refused: bool) -> None:
    sh(here, script)

    with pytest.raises(UserError, match="does not point back") if refused else nullcontext():
        git_whose.require_own_index(here / "two")


@pytest.mark.parametrize(
    ("alternates", "refused"),
    [
        (lambda here: f"{here}/one/.git/objects", True),
        (lambda here: "../../../one/.git/objects", True),
        (lambda here: f"{here}/gone", True),
        (lambda here: f"{here}/two/more", False),
        (lambda here: f"# {here}/one/.git/objects", False),
    ],
)
def test_the_objects_of_others(
    here: Path, alternates: Callable[[Path], str], refused: bool
) -> None:
    sh(here, "git init -q two; mkdir two/more")
    (here / "two/.git/objects/info/alternates").write_text(f"\n{alternates(here)}\n")

    with pytest.raises(UserError, match="takes from") if refused else nullcontext():
        git_whose.require_own_history(here / "two")


def test_a_repository_lends_its_objects_to_its_own_worktree(here: Path) -> None:
    sh(here, "git -C one worktree add -q ../tree; rm tree/.git; git init -q tree")
    (here / "tree/.git/objects/info/alternates").write_text(f"{here}/one/.git/objects\n")

    git_whose.require_own_history(here / "tree")
