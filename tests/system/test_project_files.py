"""The door: what lies in the project comes in, and nothing else does, and nobody waits."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from piste.system import project_files
from piste.system.errors import UserError

MOST = 1000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with a file in a folder, and a canary outside."""
    (tmp_path / "canary").mkdir()
    (tmp_path / "canary/a.md").write_text("CANARY")
    root = tmp_path / "project"
    (root / "in").mkdir(parents=True)
    (root / "in/a.md").write_text("words")
    return root


@pytest.mark.parametrize("size", [0, 1, MOST])
def test_a_file_comes_whole(root: Path, size: int) -> None:
    (root / "in/a.md").write_bytes(b"x" * size)
    assert project_files.read(root, "in/a.md", MOST) == b"x" * size


@pytest.mark.parametrize(
    ("link", "to"), [("b.md", "in/a.md"), ("in/b.md", "a.md"), ("out/a.md", "../in/a.md")]
)
def test_a_link_inside_is_followed(root: Path, link: str, to: str) -> None:
    (root / link).parent.mkdir(exist_ok=True)
    (root / link).symlink_to(to)
    assert project_files.read(root, link, MOST) == b"words"


def test_a_folder_that_is_a_link_inside_is_followed(root: Path) -> None:
    (root / "there").symlink_to("in")
    assert project_files.read(root, "there/a.md", MOST) == b"words"


def test_the_root_may_be_a_link(root: Path) -> None:
    (root.parent / "link").symlink_to(root)
    assert project_files.read(root.parent / "link", "in/a.md", MOST) == b"words"


@pytest.mark.parametrize("name", ["no.md", "no/no.md", "in/a.md/no.md", "dangling.md"])
def test_what_is_not_there(root: Path, name: str) -> None:
    (root / "dangling.md").symlink_to("nowhere")
    assert project_files.read_any(root, name, MOST) is None
    with pytest.raises(FileNotFoundError):
        project_files.read(root, name, MOST)


def _large(path: Path) -> None:
    path.write_bytes(b"")
    os.truncate(path, 2 * 10**9)


def _into_git(path: Path) -> None:
    (path.parent / ".git").mkdir()
    (path.parent / ".git/config").write_text("url = https://me:CANARY@example.org")
    path.symlink_to(".git/config")


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a link out": (lambda path: path.symlink_to("../canary/a.md"), "leads out of the project"),
    "a link to the environment": (
        lambda path: path.symlink_to("/proc/self/environ"),
        "leads out of the project",
    ),
    "a link to what never ends": (lambda path: path.symlink_to("/dev/zero"), "leads out"),
    "a link to the terminal": (lambda path: path.symlink_to("/dev/stdin"), "leads out"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "leads in a circle"),
    "a link into .git": (_into_git, "lies in .git"),
    "a pipe": (os.mkfifo, "is not a plain file"),
    "a folder": (lambda path: path.mkdir(), "is a folder"),
    "a huge file": (_large, r"x\.md has 2 GB; 1 kB is the most"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_is_said_in_one_line(root: Path, what: str) -> None:
    lay, said = REFUSED[what]
    lay(root / "x.md")
    with pytest.raises(UserError, match=said) as raised:
        project_files.read_any(root, "x.md", MOST)
    assert "CANARY" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_folder_that_leads_out_is_refused(root: Path) -> None:
    (root / "prompts").symlink_to("../canary")
    with pytest.raises(UserError, match="leads out of the project"):
        project_files.read(root, "prompts/a.md", MOST)


def test_the_beginning_of_a_huge_file(root: Path) -> None:
    _large(root / "x.md")
    assert project_files.beginning(root, "x.md", 4) == b"\0" * 4
