import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.bundle import ignore
from piste.bundle.ignore import anchored, split
from piste.bundle.settings import Settings
from piste.system.errors import UserError

from .conftest import Tree, examples


def kept(tree: Tree, names: list[str], *paths: str, **settings: object) -> list[str]:
    """Return which of the names are packed."""
    found = split(
        str(tree.root), Settings(**settings), [n.encode() for n in sorted(names)], paths  # type: ignore[arg-type]
    )  # fmt: skip
    return [name.decode() for name in found[0]]


@pytest.mark.parametrize(
    ("line", "folder", "result"),
    [
        ("*.log", "", "*.log"),
        ("*.log", "a/b", "/a/b/**/*.log"),
        ("!*.log", "a", "!/a/**/*.log"),
        ("/x", "a", "/a/x"),
        ("x/y", "a", "/a/x/y"),
        ("build/", "a", "/a/**/build/"),
        ("# words", "a", "# words"),
        ("", "a", ""),
        ("*.py", "[odd]*", "/\\[odd]\\*/**/*.py"),
    ],
)
def test_a_line_of_a_folder_is_anchored_there(line: str, folder: str, result: str) -> None:
    assert anchored(line, folder) == result


def test_lines_apply_in_their_order_and_the_last_match_wins(folder: Tree) -> None:
    folder.write(
        {".ignore": "*.a\n*.b\n", ".repomixignore": "!x.a\n", ".pisteignore": "!x.b\ny.c\n"}
    )
    names = ["x.a", "y.a", "x.b", "y.b", "y.c", "z.c"]

    assert kept(folder, names) == ["x.a", "x.b", "z.c"]
    assert kept(folder, names, ignore=("!y.*", "z.c")) == ["x.a", "x.b", "y.a", "y.b", "y.c"]


def test_a_folders_own_file_applies_below_it_alone(folder: Tree) -> None:
    folder.write({"a/.pisteignore": "*.txt\n!/keep.txt\n"})
    names = ["a/.pisteignore", "a/keep.txt", "a/b/keep.txt", "a/x.txt", "b/x.txt"]

    assert kept(folder, names) == ["a/.pisteignore", "a/keep.txt", "b/x.txt"]


@pytest.mark.parametrize(
    "name",
    ["package-lock.json", "web/yarn.lock", "node_modules/x/y.js", "a/vendor/b.go", "a.min.js",
     "logo.svg", "dist/x.js", "build/x", "x.egg-info/PKG-INFO"],
)  # fmt: skip
def test_a_default_leaves_out_and_can_be_taken_away(folder: Tree, name: str) -> None:
    assert kept(folder, [name, "a.py"]) == ["a.py"]
    assert kept(folder, [name, "a.py"], defaults=False) == sorted([name, "a.py"])
    assert kept(folder, [name], ignore=(f"!{name}",)) == [name]
    assert kept(folder, [name], name) == [name]


@pytest.mark.parametrize(
    "name", ["build.py", "Tools/build/x.py", "pkg/out/a.go", "lock.py", "vendors.txt", "target.md",
             "pkg/a.go", "a.log", "x.bak", ".env.example"],
)  # fmt: skip
def test_no_default_is_too_broad(folder: Tree, name: str) -> None:
    assert kept(folder, [name]) == [name]


def test_what_git_is_told_to_keep_beats_a_default(folder: Tree) -> None:
    folder.write({"Tools/.gitignore": "!vendor/\n"})

    names = ["Tools/.gitignore", "Tools/vendor/x.c", "vendor/x.c"]

    assert kept(folder, names) == ["Tools/.gitignore", "Tools/vendor/x.c"]


def test_what_git_is_told_to_keep_is_no_word_on_secrets(folder: Tree) -> None:
    folder.write({".gitignore": "!.env\n!dist/\n"})

    assert kept(folder, [".env", ".gitignore", "dist/x"]) == [".gitignore", "dist/x"]


@pytest.mark.parametrize("name", [".env", "a/.env.local", "server.pem", "id_ed25519", "a/.netrc"])
def test_a_secret_file_stays_out_until_it_is_named(folder: Tree, name: str) -> None:
    assert kept(folder, [name, "a.py"], defaults=False) == ["a.py"]
    assert kept(folder, [name, "a.py"], name) == [name]
    assert kept(folder, [name, "a.py"], include=(name, "a.py")) == sorted([name, "a.py"])
    assert kept(folder, [name], ignore=(f"!{name}",)) == [name]


def test_include_narrows(folder: Tree) -> None:
    names = ["a.py", "b.md", "src/c.py", "src/d.md", "src/vendor/e.py"]

    assert kept(folder, names, include=("*.py",)) == ["a.py", "src/c.py"]
    assert kept(folder, names, include=("/src/", "!*.md")) == ["src/c.py"]
    assert kept(folder, names, include=("*.py",), ignore=("src/",)) == ["a.py"]


def test_paths_narrow_to_files_and_folders(folder: Tree) -> None:
    names = ["a.py", "src/b.py", "src/c/d.py", "srcs/e.py"]

    assert kept(folder, names, "src") == ["src/b.py", "src/c/d.py"]
    assert kept(folder, names, "src/c/", "a.py") == ["a.py", "src/c/d.py"]


def test_a_folder_that_is_asked_for_is_not_hidden_by_a_default_about_it(folder: Tree) -> None:
    names = ["vendor/mine/a.py", "vendor/mine/a.min.js", "vendor/other/b.py"]

    assert kept(folder, names, "vendor/mine") == ["vendor/mine/a.py"]


PARTS = st.sampled_from(
    [
        "a",
        "b.py",
        "*.py",
        "b*",
        "*",
        "**",
        "?",
        "[ab]",
        "a*b",
        "\\!x",
        "!x",
        " a",
        ".env",
        "*.min.js",
    ]
)


@examples
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "!", "/", "!/", " "]),
            st.lists(PARTS, min_size=1, max_size=3).map("/".join),
            st.sampled_from(["", "/", " ", "/**"]),
        ).map("".join),
        max_size=4,
    ),
    st.lists(
        st.lists(
            st.sampled_from(["a", "b.py", "x", "ab", "axb", ".env", "a.min.js", "!x", " a", "b"]),
            min_size=1,
            max_size=3,
        ).map("/".join),
        unique=True,
        max_size=6,
    ),
)
def test_a_glance_overlooks_no_name_that_a_line_matches(lines: list[str], names: list[str]) -> None:
    every = [ignore.Line(line, "here") for line in lines]
    try:
        spec = ignore.compiled(every)
    except UserError:
        return
    glance = ignore._Glance(every)

    for name in names:
        if spec.check_file(name).include is not None:
            assert glance.sees(name.encode()), (lines, name)


@pytest.mark.parametrize(
    ("files", "settings", "where"),
    [
        ({".pisteignore": "*.log\n[z-a]\n"}, {}, ".pisteignore, line 2"),
        ({"a/.ignore": "\n\n\\\n"}, {}, "a/.ignore, line 3"),
        ({}, {"ignore": ("ok", "[z-a]")}, "bundle.ignore, entry 2"),
        ({}, {"include": ("[z-a]",)}, "bundle.include, entry 1"),
    ],
)
def test_a_bad_pattern_is_named_with_its_line(
    folder: Tree, files: dict[str, str], settings: dict[str, tuple[str, ...]], where: str
) -> None:
    folder.write(files)

    with pytest.raises(UserError, match=rf"^{where}: .* is not a gitignore pattern"):
        kept(folder, [*files, "x"], **settings)
