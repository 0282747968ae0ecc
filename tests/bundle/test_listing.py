import os
from collections.abc import Mapping

import pytest

from piste.bundle import listing
from piste.system.errors import UserError

from .conftest import Content, Tree, git

TREE: Mapping[str, Content] = {
    ".gitignore": "*.log\n!keep.log\nbuild/\n/a/local.txt\n",
    "a/.gitignore": "!*.log\nsecret/*\n!secret/open.txt\n",
    "a/local.txt": "",
    "a/x.log": "",
    "b/local.txt": "",
    "b/x.log": "",
    "b/keep.log": "",
    "b/build/x": "",
    "a/secret/x.txt": "",
    "a/secret/open.txt": "",
    "B-a/x": "",
    "b.txt": "",
}
LISTED = [
    ".gitignore", "B-a/x", "a/.gitignore", "a/secret/open.txt", "a/x.log", "b.txt",
    "b/keep.log", "b/local.txt",
]  # fmt: skip


def names(tree: Tree, **options: object) -> list[str]:
    """Return the names that are listed."""
    return [name.decode() for name in listed(tree, **options).names]


def listed(tree: Tree, **options: object) -> listing.Listing:
    return listing.finish(listing.start(str(tree.root)), **options)  # type: ignore[arg-type]


def test_with_and_without_git_the_same_names_are_listed_in_the_order_of_bytes(
    repo: Tree, folder: Tree
) -> None:
    assert names(repo.write(TREE)) == LISTED
    assert names(folder.write(TREE)) == LISTED
    assert names(repo.commit()) == LISTED


def test_without_the_git_program_the_names_are_the_same(
    repo: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.write(TREE).commit()
    monkeypatch.setenv("PATH", "/nonexistent")

    assert names(repo) == LISTED
    assert not listed(repo).git


def test_a_conflict_in_the_index_is_one_file(repo: Tree) -> None:
    repo.write({"a": "1"}).commit()
    git(repo.root, "checkout", "-qb", "other")
    repo.write({"a": "2"}).commit()
    git(repo.root, "checkout", "-q", "main")
    repo.write({"a": "3"}).commit()
    with pytest.raises(Exception, match="merge"):
        git(repo.root, "merge", "other")

    assert names(repo) == ["a"]


def test_a_folder_of_a_repository_lists_its_own(repo: Tree) -> None:
    repo.write(TREE).commit()

    assert names(Tree(repo.root / "b", repo.cache)) == ["keep.log", "local.txt"]


def test_a_project_that_its_repository_ignores_is_a_folder_like_any_other(repo: Tree) -> None:
    repo.write(TREE).commit()

    assert names(Tree(repo.root / "b/build", repo.cache)) == ["x"]


def test_what_is_excluded_is_not_there_and_changes_no_mark(repo: Tree) -> None:
    repo.write({"a": "", "b": "", "c/d": ""})
    before = listed(repo, exclude=["out.txt", ".piste/"]).mark

    repo.write({"out.txt": "", ".piste/x": "", ".piste-1-ab.tmp": ""})
    after = listed(repo, exclude=["out.txt", ".piste/"])

    assert after.names == [b"a", b"b", b"c/d"]
    assert after.mark == before
    assert listed(repo, exclude=["out.txt"]).mark != before


def test_adding_a_file_to_the_index_changes_no_mark(repo: Tree) -> None:
    repo.write(TREE)
    before = listed(repo).mark

    git(repo.root, "add", "-A")

    assert listed(repo).mark == before


def test_a_hooks_environment_does_not_mislead(
    repo: Tree, folder: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.write(TREE).commit()
    folder.write({"mine.txt": ""})
    monkeypatch.setenv("GIT_DIR", str(repo.root / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(repo.root / ".git/index"))

    assert names(folder) == ["mine.txt"]


def test_a_repositorys_settings_run_no_program(repo: Tree) -> None:
    repo.write({"a": ""}).commit()
    git(repo.root, "config", "core.fsmonitor", f"touch {repo.root}/ran; false")

    assert names(repo) == ["a"]
    assert not (repo.root / "ran").exists()


def test_what_git_refuses_is_a_mistake(repo: Tree) -> None:
    (repo.root / ".git/index").write_bytes(b"broken")

    with pytest.raises(UserError, match=r"git cannot list this folder: .*index"):
        listed(repo)


@pytest.mark.parametrize("name", ["nothing", "file"])
def test_what_is_no_folder_is_a_mistake(folder: Tree, name: str) -> None:
    folder.write({"file": ""})

    with pytest.raises(UserError, match="is not a folder; name a project's folder"):
        listing.finish(listing.start(str(folder.root / name)))


def test_the_walk_passes_over_what_need_not_be_entered(folder: Tree) -> None:
    folder.write({"node_modules/a/b.js": "", "src/c.js": ""})

    found = listed(folder, prune=lambda: lambda name: name == "node_modules/")

    assert (found.names, found.pruned) == ([b"src/c.js"], [b"node_modules"])


def test_repositories_in_a_folder_are_named_or_entered(folder: Tree) -> None:
    folder.write({"one/.git/config": "", "one/a": "", "b": ""})

    assert listed(folder)[:2] == ([b"b"], [b"one"])
    assert names(folder, submodules=True) == ["b", "one/a"]


def test_a_folder_that_vanishes_while_it_is_walked_is_said(
    folder: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write({"a/b": "", "c/d": ""})
    real = os.scandir

    def scandir(path: bytes) -> object:
        if path.endswith(b"/c"):
            raise FileNotFoundError(2, "No such file or directory")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)

    found = listed(folder)

    assert found.names == [b"a/b"]
    assert found.notes == ["could not open directory 'c/': No such file or directory"]


def test_what_is_no_file_is_named_apart_without_git(folder: Tree) -> None:
    folder.write({"a": "", ".gitignore": "hidden\n"})
    os.mkfifo(folder.root / "fifo")
    os.mkfifo(folder.root / "hidden")
    (folder.root / "link").symlink_to("fifo")

    found = listed(folder)

    assert (found.names, found.specials) == ([b".gitignore", b"a", b"link"], [b"fifo"])
