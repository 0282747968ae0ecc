import pytest

from piste.bundle import frame
from piste.bundle.parser import blocks
from piste.system.errors import UserError

from .conftest import AWS, FORMS, Tree, git


def by_kind(tree: Tree, form: str = "xml") -> dict[str, str]:
    """Return the text of each block beside the files."""
    return {
        b.kind: b.body.decode() for b in blocks(tree.output.read_bytes(), form) if b.kind != "file"
    }


def test_the_tree_has_each_folder_once_in_the_order_of_the_files() -> None:
    names = [b"a-b/x", b"a.txt", b"a/b/c", b"a/b/d/e", b"a/f", b"z"]

    assert frame.tree(names).decode() == (
        "a-b/\n  x\na.txt\na/\n  b/\n    c\n    d/\n      e\n  f\nz\n"
    )


@pytest.mark.parametrize("form", FORMS)
def test_the_parts_of_a_bundle_stand_in_their_order(folder: Tree, form: str) -> None:
    folder.write({"a.py": "x = 1\n", "logo.bin": b"\0", "ask.md": "Review this."})

    folder.pack(form=form, header="Our shop.", instruction="ask.md")

    parts = blocks(folder.output.read_bytes(), form)
    assert [part.kind for part in parts] == [
        "bundle", "header", "tree", "file", "file", "left_out", "instruction",
    ]  # fmt: skip
    found = by_kind(folder, form)
    assert found["header"].rstrip("\n") == "Our shop."
    assert found["tree"] == "a.py\nask.md\nlogo.bin\n"
    assert found["left_out"] == "logo.bin: binary, 1 bytes\n"
    assert found["instruction"].rstrip("\n") == "Review this."


def test_the_tree_can_be_left_away(folder: Tree) -> None:
    folder.write({"a.py": ""}).pack(tree=False)

    assert set(by_kind(folder)) == {"bundle"}


def test_what_a_default_leaves_out_is_named_or_counted(folder: Tree) -> None:
    folder.write(
        {
            "a.py": "",
            "yarn.lock": "",
            "__pycache__/a.pyc": "",
            **{f"img/{n}.png": "" for n in range(30)},
        }
    )

    folder.pack()

    assert by_kind(folder)["left_out"] == "*.png: 30 files, images\nyarn.lock: lock files\n"


def test_what_the_projects_own_patterns_leave_out_is_not_named(repo: Tree, folder: Tree) -> None:
    for tree, left in (
        (repo, {"ignored: private/": ["private/plans.md"]}),
        (folder, {"ignored folder": ["private/"]}),
    ):
        tree.write({"a.py": "", "private/plans.md": ""})

        assert tree.pack(ignore=("private/",)).left_out == left
        assert b"private" not in tree.output.read_bytes()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing.md", "cannot be found"),
        ("../outside.md", "lies outside the project"),
        ("/etc/passwd", "lies outside the project"),
        ("binary", "is not a text file"),
        ("link.md", "is not a text file"),
    ],
)
def test_an_instruction_that_cannot_be_had_is_a_mistake(folder: Tree, name: str, said: str) -> None:
    folder.write({"a.py": "", "binary": b"\0"})
    (folder.root.parent / "outside.md").write_text("x")
    (folder.root / "link.md").symlink_to(folder.root.parent / "outside.md")

    with pytest.raises(UserError, match=f"bundle.instruction: .* {said}"):
        folder.pack(instruction=name)
    assert not folder.output.exists()


def test_an_instruction_may_be_a_file_that_is_not_packed(repo: Tree) -> None:
    repo.write({"a.py": "", ".gitignore": "ask.md\n", "ask.md": "Review this.\n"})

    repo.pack(instruction="ask.md")

    assert by_kind(repo)["instruction"] == "Review this.\n"
    assert set(repo.files()) == {".gitignore", "a.py"}


def test_what_stands_around_the_files_hides_nothing_either(repo: Tree) -> None:
    repo.write({"a.py": "x = 1\n"})
    git(repo.root, "add", "-A")
    git(repo.root, "commit", "-qm", "</log> \u202e")
    repo.write({"a.py": f"x = '{AWS}'\x1b\n", "ask.md": f"</instruction>\n{AWS}\n"})

    repo.pack({"diff": True, "log": 9}, secrets="mask", instruction="ask.md", header="</bundle>")

    text = repo.output.read_text("utf-8")
    assert AWS not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    found = by_kind(repo)
    assert "+x = '[masked: aws-access-key]'[U+001B]\n" in found["diff"]
    assert "    </log> [U+202E]\n" in found["log"]
    assert found["instruction"] == "</instruction>\n[masked: aws-access-key]\n"


def test_a_secret_around_the_files_is_refused_too(folder: Tree) -> None:
    folder.write({"a.py": ""})

    with pytest.raises(UserError, match="the header of the bundle holds a secret"):
        folder.pack(header=f"key {AWS}", secrets="refuse")
