import pytest

from piste.bundle import history
from piste.system.errors import UserError

from .conftest import Tree, git


@pytest.fixture
def tree(repo: Tree) -> Tree:
    """Two commits, and changes that are not committed."""
    repo.write({"a.py": "import b\n", "b.py": "b = 1\n", "c.py": "c = 1\n", "gone.py": "x = 1\n"})
    repo.commit()
    repo.write({"c.py": "c = 2\n"}).commit()
    repo.write({"a.py": "import b\na = 2\n", "new.py": "import c\n"})
    (repo.root / "gone.py").unlink()
    return repo


def test_since_packs_what_changed_and_what_that_imports(tree: Tree) -> None:
    assert set(tree.packed({"since": "HEAD"})) == {"a.py", "b.py", "c.py", "new.py"}

    tree.write({"new.py": ""})

    assert set(tree.packed({"since": "HEAD"})) == {"a.py", "b.py", "new.py"}
    assert set(tree.packed({"since": "HEAD~1"})) == {"a.py", "b.py", "c.py", "new.py"}


def test_the_diff_shows_what_changed_and_what_is_gone(tree: Tree) -> None:
    tree.pack({"diff": True})
    text = tree.output.read_text("utf-8")

    diff = text[text.index("<diff>") :]
    assert "+a = 2\n" in diff
    assert "--- a/gone.py\n+++ /dev/null\n" in diff
    assert "c = 2" not in diff

    tree.pack({"diff": True, "since": "HEAD~1"})
    assert "-c = 1\n+c = 2\n" in tree.output.read_text("utf-8")


def test_a_diff_that_is_more_than_the_rest_of_the_files_says_so(tree: Tree) -> None:
    tree.write({"large.py": "x = 1\n" * 1_000}).commit()
    tree.write({"large.py": "y = 2\n" * 1_000, "other.py": "z = 3\n" * 500}).commit()

    said = tree.pack({"diff": True, "since": "HEAD~1"}).warnings
    assert [line.startswith("the diff (") for line in said] == [True]
    assert said[0].endswith("the whole, without both, is smaller")

    tree.write({"not_touched.py": "a = 1\n" * 9_000}).commit()
    tree.write({"a.py": "import b\na = 3\n"})
    assert not tree.pack({"diff": True, "since": "HEAD"}).warnings


def test_the_diff_shows_nothing_that_is_not_packed(tree: Tree) -> None:
    tree.write({".env": "PASSWORD=one\n", "spec.md": "a target\n", "private.py": "one\n"})
    tree.commit()
    tree.write({".env": "PASSWORD=two\n", "spec.md": "changed\n", "a.py": "a = 3\n"})
    (tree.root / "private.py").unlink()

    tree.pack({"diff": True, "exclude": ["spec.md"]}, ignore=("private.py",))

    diff = tree.output.read_text("utf-8").split("<diff>")[1]
    assert "+a = 3" in diff
    assert not [word for word in ("PASSWORD", "changed", "private") if word in diff]


def test_the_log_has_messages_and_files_and_no_dates_or_people(tree: Tree) -> None:
    git(tree.root, "commit", "-qam", "Subject\n\nBody of it.")

    log = history.log(str(tree.root), 2).decode()

    assert [line for line in log.splitlines() if line.startswith("commit ")] == [
        f"commit {commit}" for commit in git(tree.root, "rev-list", "-2", "HEAD").split()
    ]
    assert "    Subject\n    \n    Body of it.\n" in log
    assert "M\ta.py\nD\tgone.py\n" in log
    assert "Test" not in log
    assert "Date" not in log


def test_no_setting_of_a_person_changes_the_text(tree: Tree) -> None:
    def both() -> tuple[bytes, bytes]:
        names = {b"a.py", b"c.py", b"gone.py"}
        return history.diff(str(tree.root), "HEAD~1", names), history.log(str(tree.root), 5)

    before = both()
    for key, value in {
        "diff.noprefix": "true",
        "diff.mnemonicPrefix": "true",
        "diff.context": "9",
        "diff.algorithm": "patience",
        "diff.external": "false",
        "diff.renames": "copies",
        "diff.orderFile": "nothing",
        "color.ui": "always",
        "core.abbrev": "5",
        "core.quotePath": "false",
        "log.decorate": "full",
        "log.showSignature": "true",
        "format.pretty": "oneline",
    }.items():
        git(tree.root, "config", key, value)

    assert both() == before


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"since": "nonsense"}, "nonsense is no revision of this repository"),
        ({"since": "--output=x"}, "--output=x is no revision"),
        ({"since": "HEAD", "paths": ["c.py"]}, "nothing to pack has changed since HEAD"),
    ],
)
def test_what_cannot_be_had_from_git_is_a_mistake(
    tree: Tree, asked: dict[str, object], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        tree.pack(asked)


@pytest.mark.parametrize("asked", [{"since": "HEAD"}, {"diff": True}, {"log": 3}])
def test_without_a_repository_or_a_commit_it_is_said(
    repo: Tree, folder: Tree, asked: dict[str, object]
) -> None:
    for tree in (repo, folder):
        tree.write({"a.py": ""})
        with pytest.raises(UserError, match=r"git repository with commits|no revision"):
            tree.pack(asked)


def test_a_diff_of_more_names_than_fit_one_command(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = history.diff(str(tree.root), "HEAD~1", {b"a.py", b"c.py", b"gone.py"})
    monkeypatch.setattr(history, "_ARGUMENTS", 1)

    assert history.diff(str(tree.root), "HEAD~1", {b"a.py", b"c.py", b"gone.py"}) == whole


def test_a_branch_begins_where_it_left_the_other_one(tree: Tree) -> None:
    root = str(tree.root)
    git(tree.root, "branch", "-m", "main")
    git(tree.root, "checkout", "-q", "-b", "other")
    tree.write({"a.py": "a = 9\n"}).commit()
    git(tree.root, "checkout", "-q", "main")
    tree.write({"c.py": "c = 9\n"}).commit()

    assert history.fork(root, "other") == history.revision(root, "other~1")
    assert history.fork(root, "HEAD~1") == history.revision(root, "HEAD~1")
    git(tree.root, "checkout", "-q", "other")
    assert history.main_line(root) == "main"
    with pytest.raises(UserError, match="nope is no revision"):
        history.fork(root, "nope")
