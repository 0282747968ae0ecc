import pytest

from piste.bundle import listing, manifest
from piste.bundle.selection import choose
from piste.bundle.settings import Settings
from piste.system.errors import UserError
from piste.system.file_reader import NO_STAMP

from .conftest import Tree


def chosen(tree: Tree, *paths: str, hidden: tuple[str, ...] = (), **settings: object) -> list[str]:
    """Return the names that are looked at."""
    listed = listing.finish(listing.start(str(tree.root)), hidden)
    found = choose(str(tree.root), Settings(**settings), listed, paths, hidden)  # type: ignore[arg-type]
    return [name.decode() for name in found.names]


def test_a_file_that_git_ignores_is_packed_where_it_is_named(repo: Tree) -> None:
    repo.write({".gitignore": ".env\nlocal/\n", ".env": "", "local/notes.md": "", "a.py": ""})

    assert chosen(repo) == [".gitignore", "a.py"]
    assert chosen(repo, ".env") == [".env"]
    assert chosen(repo, "local/notes.md", "a.py") == ["a.py", "local/notes.md"]
    assert chosen(repo, include=("*.py", "/local/notes.md")) == ["a.py", "local/notes.md"]
    assert chosen(repo, ignore=("!/.env",)) == [".env", ".gitignore", "a.py"]


def test_what_is_out_of_sight_stays_there_even_when_it_is_named(repo: Tree) -> None:
    repo.write({"spec.md": "", ".piste/x": "", "a.py": "", ".gitignore": ".piste/\n"})

    found = chosen(repo, hidden=("spec.md", ".piste/"), include=("a.py", "spec.md", ".piste/x"))

    assert found == ["a.py"]


@pytest.mark.parametrize(
    ("paths", "settings", "said"),
    [
        (("nothing.py",), {}, "nothing.py is not there; name a file or folder of"),
        (("empty",), {}, "there is no file to pack in empty"),
        ((), {"include": ("*.rs",)}, "matches bundle.include; widen it"),
        ((), {"ignore": ("*",)}, r"all 2 files in .* are left out, most by '\*' \(bundle.ignore, "
         r"entry 1\); add \"!\*\" to bundle.ignore"),
        ((), {"ignore": ("*.py", "/sub/")}, "all 2 files"),
    ],
)  # fmt: skip
def test_where_nothing_is_left_it_is_said_why(
    folder: Tree, paths: tuple[str, ...], settings: dict[str, object], said: str
) -> None:
    folder.write({"a.py": "", "sub/b.py": ""})
    (folder.root / "empty").mkdir()

    with pytest.raises(UserError, match=said):
        chosen(folder, *paths, **settings)


def test_what_piste_makes_is_said_to_be_never_packed(folder: Tree) -> None:
    folder.write({"a.py": "", "spec.md": ""})

    with pytest.raises(UserError, match=r"^spec.md is made by piste, and what it makes is never"):
        chosen(folder, "spec.md", hidden=("spec.md",))


def test_an_empty_folder_has_nothing_to_pack(folder: Tree, repo: Tree) -> None:
    for tree in (folder, repo):
        with pytest.raises(UserError, match="there is no file to pack in /"):
            chosen(tree)


def test_files_that_decide_are_watched_where_they_are_not_packed(folder: Tree) -> None:
    folder.write({"a.py": "", ".ignore": "x", "sub/.pisteignore": "y", "ask.md": "", "x": ""})
    listed = listing.finish(listing.start(str(folder.root)))

    found = choose(
        str(folder.root), Settings(ignore=("sub/",), instruction="ask.md"), listed, (), ()
    )  # fmt: skip

    assert set(found.watched) == {
        ".ignore", ".repomixignore", ".pisteignore", "sub/.pisteignore", "ask.md",
    }  # fmt: skip
    assert found.watched[".repomixignore"] == NO_STAMP
    assert found.watched["ask.md"] == manifest.stamp(str(folder.root / "ask.md"))
