"""Paths from nobody: what is taken, what is refused, and what the disk may add."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.system import paths
from piste.system.errors import UserError


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("spec.md", "spec.md"),
        ("./spec.md", "spec.md"),
        ("docs//a/./b.md", "docs/a/b.md"),
        (".github/notes.md", ".github/notes.md"),
        ("mein Plan/Überblick 計画.md", "mein Plan/Überblick 計画.md"),
        ("a..b.md", "a..b.md"),
    ],
)
def test_what_is_taken(text: str, path: str) -> None:
    assert paths.relative(text, "t") == path


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "  ",
            ".",
            "./",
            "/etc/passwd",
            "~/x",
            "~",
            "-rf",
            "./-rf",
            "./~x",
            "../x",
            "a/../../x",
            "a/..",
            "..",
        ),
        *(
            "a/",
            "C:x",
            "c:/x",
            "a\\b",
            "a\nb",
            "a\0b",
            "a<b",
            "a|b",
            "a?",
            "*",
            "a\x7f",
            " a",
            "a ",
        ),
        *("a /b", "a./b", "a.", "..."),
        *("a\u202eb", "a\u200bb", ".g\u200cit/x"),  # names that are not what they look like
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"^setting: ") as raised:
        paths.relative(text, "setting")
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("text", [".git/config", ".GIT/x", "a/.git/x", ".piste/log", ".Piste/x"])
def test_no_target_lies_in_gits_folder_or_in_ours(text: str) -> None:
    assert paths.relative(text, "t") == text
    with pytest.raises(UserError, match="where no target may be"):
        paths.output(text, "t")


@given(st.text(alphabet=st.sampled_from("ab./\\~-: \n\0é"), max_size=12))
def test_a_path_that_is_taken_stays_inside(text: str) -> None:
    try:
        path = paths.relative(text, "t")
    except UserError:
        return
    assert os.path.normpath(os.path.join("/root", path)) == f"/root/{path}"
    assert paths.relative(path, "t") == path


def test_where_a_target_is_written(tmp_path: Path) -> None:
    assert paths.writable(tmp_path, "new/folder/a.md") == tmp_path / "new/folder/a.md"
    assert not (tmp_path / "new").exists()
    (tmp_path / "a.md").write_text("old")
    assert paths.writable(tmp_path, "a.md") == tmp_path / "a.md"


def test_a_folder_stands_where_the_target_should(tmp_path: Path) -> None:
    (tmp_path / "a.md").mkdir()
    with pytest.raises(UserError, match=r"^a\.md is not a plain file; move it away"):
        paths.writable(tmp_path, "a.md")


def test_a_symlink_stands_where_the_target_should(tmp_path: Path) -> None:
    (tmp_path / "a.md").symlink_to("b\x1b.md")
    with pytest.raises(UserError, match=r"^a\.md is a symlink to b\\x1b\.md; replace it by a file"):
        paths.writable(tmp_path, "a.md")


def test_a_file_stands_where_a_folder_should(tmp_path: Path) -> None:
    (tmp_path / "docs").write_text("")
    with pytest.raises(UserError, match=r"docs is not a folder; move it away"):
        paths.writable(tmp_path, "docs/deep/a.md")


def test_a_folder_that_leads_out(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (tmp_path / "project-two").mkdir()  # its name begins like the project's
    root.mkdir()
    (root / "out").symlink_to("../project-two")
    with pytest.raises(UserError, match="leads out of the project"):
        paths.writable(root, "out/new/a.md")
    assert list((tmp_path / "project-two").iterdir()) == []


def test_a_folder_that_leads_elsewhere_inside(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "docs").symlink_to("real")
    assert paths.writable(tmp_path, "docs/a.md") == tmp_path / "docs/a.md"


@pytest.mark.parametrize(
    ("closed", "said"),
    [("a.md", "a.md is read-only; chmod u[+]w a.md"), ("", "is read-only; chmod u[+]w it")],
)
def test_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str, said: str) -> None:
    (tmp_path / "a.md").write_text("old")
    real = os.access
    monkeypatch.setattr(
        os, "access", lambda p, mode: Path(p) != tmp_path / closed and real(p, mode)
    )
    with pytest.raises(UserError, match=said):
        paths.writable(tmp_path, "a.md")


def deep(top: Path, folders: int) -> None:
    """Folders in folders, and a file in the last one."""
    top.mkdir(parents=True)
    here = os.open(top, os.O_RDONLY)
    for _ in range(folders):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("x.json", os.O_CREAT, dir_fd=here))
    os.close(here)


@pytest.mark.parametrize("folders", [0, 3, 1500, 3000])
def test_a_walk_ends_in_any_depth(tmp_path: Path, folders: int) -> None:
    deep(tmp_path / "a", folders)
    (tmp_path / "a/loop").symlink_to("loop")
    (tmp_path / "a/up").symlink_to("..")

    found = list(paths.walk(tmp_path))

    assert found[0] == (str(tmp_path), ["a"], [])
    assert {*found[1][2]} >= {"loop"}
    assert not any("/up" in folder for folder, _, _ in found)
    assert (found[-1][2] == ["x.json"] or folders == 0) or folders == 3000
    subprocess.run(["rm", "-r", tmp_path / "a"], check=True)


def test_a_walk_leaves_out_what_is_taken_out(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "c").mkdir()
    seen = []
    for folder, folders, _ in paths.walk(tmp_path):
        seen.append(os.path.relpath(folder, tmp_path))
        folders[:] = [name for name in folders if name != "a"]
    assert seen == [".", "c"]


def test_whatever_lies_there_is_removed(tmp_path: Path) -> None:
    """A folder within a thousand, some of them closed; a link is not followed."""
    top, kept = tmp_path / "top", tmp_path / "kept"
    top.mkdir()
    kept.write_text("mine")
    (top / "closed/in it").mkdir(parents=True)
    (top / "closed").chmod(0)
    (top / "link").symlink_to(tmp_path)
    os.mkfifo(top / "pipe")
    fd = os.open(top, os.O_RDONLY)
    for _ in range(2000):
        os.mkdir("d", dir_fd=fd)
        fd, above = os.open("d", os.O_RDONLY, dir_fd=fd), fd
        os.close(above)
    os.close(os.open("file", os.O_CREAT, dir_fd=fd))
    os.close(fd)
    paths.remove_whatever(top)
    assert os.listdir(tmp_path) == ["kept"]
    (tmp_path / "link").symlink_to(kept)
    for name in ("link", "nothing"):
        paths.remove_whatever(tmp_path / name)
    assert os.listdir(tmp_path) == ["kept"]
