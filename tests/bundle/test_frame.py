from collections.abc import Callable

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
        "bundle", "header", "tree", "file", "left_out", "instruction",
    ]  # fmt: skip
    found = by_kind(folder, form)
    assert found["header"].rstrip("\n") == "Our shop."
    assert found["tree"] == "a.py\nlogo.bin\n"
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


def test_an_instruction_is_not_packed_a_second_time(
    repo: Tree, settled: Callable[[], None]
) -> None:
    repo.write({"a.py": "x = 1\n", "ask.md": "Review this.\n"}).commit()

    repo.pack({"log": 0}, instruction="./ask.md")

    assert set(repo.files()) == {"a.py"}
    assert by_kind(repo)["tree"] == "a.py\n"
    assert by_kind(repo)["instruction"] == "Review this.\n"
    repo.write({"ask.md": "Review that.\n"})
    repo.pack(instruction="./ask.md")
    assert by_kind(repo)["instruction"] == "Review that.\n"
    with pytest.raises(UserError, match="is the instruction, which ends"):
        repo.pack({"paths": ["ask.md"]}, instruction="ask.md")


PART = "A part of it: {} files. The others exist, and the tree names them too.\n"
NARROWED: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "by a path": ({"paths": ["src"]}, {}),
    "by two paths": ({"paths": ["src/a.py", "src/b.py"]}, {}),
    "by include": ({}, {"include": ("src/",)}),
    "by a revision": ({"since": "HEAD"}, {}),
    "by its budget": ({}, {"budget": 330, "fit": "auto", "tokens": True}),
}


@pytest.mark.parametrize("how", NARROWED)
def test_a_part_says_so_and_shows_the_whole_tree(repo: Tree, how: str) -> None:
    docs = {f"docs/{name}.md": "Words of the docs.\n" * 30 for name in "pqr"}
    repo.write({".gitignore": "*.log\n", "src/a.py": "a = 1\n", "src/b.py": "b = 2\n", **docs})
    repo.write({"hidden.md": "", ".pisteignore": "hidden.md\n.pisteignore\n.gitignore\n"})
    repo.commit().write({"src/a.py": "a = 2\n", "src/b.py": "b = 3\n", "seen.log": ""})
    keep, changes = NARROWED[how]

    repo.pack(keep, **changes)

    assert set(repo.files()) == {"src/a.py", "src/b.py"}
    found = by_kind(repo)
    assert PART.format("2 of 5") in found["bundle"]
    assert found["tree"] == "docs/\n  p.md\n  q.md\n  r.md\nsrc/\n  a.py\n  b.py\n"
    assert "hidden" not in found["tree"]


def test_what_is_whole_does_not_say_so(repo: Tree) -> None:
    repo.write({"a.py": "", "b.py": ""})
    for include in ((), ("*.py",)):
        repo.pack(include=include)
        assert "A part of it" not in by_kind(repo)["bundle"]


def test_a_file_beside_a_part_changes_its_tree(repo: Tree, settled: Callable[[], None]) -> None:
    repo.write({"src/a.py": "", "docs/b.md": ""}).commit()
    settled()
    keep = {"paths": ["src"]}
    repo.pack(keep)
    assert repo.pack(keep).wrote == "same"
    repo.write({"docs/c.md": ""})
    repo.pack(keep)
    assert "c.md" in by_kind(repo)["tree"]
    assert PART.format("1 of 3") in by_kind(repo)["bundle"]


def test_the_tree_of_a_small_part_of_much_is_folded(folder: Tree) -> None:
    folder.write({f"data/{n // 100}/{n}.md": "" for n in range(600)})
    folder.write({"src/a.py": "", "src/b.py": "", "one/c.py": ""})

    folder.pack({"paths": ["src/a.py"]})

    assert by_kind(folder)["tree"] == ("data/\n  (600 files)\none/\n  c.py\nsrc/\n  a.py\n  b.py\n")
    assert PART.format("1 of 603") in by_kind(folder)["bundle"]
