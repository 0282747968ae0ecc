"""What a model gets to see around a step."""

import subprocess
from pathlib import Path

import pytest

from piste.engine import outgoing
from piste.engine.config import Config
from piste.steps import context

CLEAR = outgoing.door(Config())


KNOWN = [
    "README.md",
    "a/x.py",
    "b/x.py",
    "src/calc.py",
    "src/deep/calc.py",
    "tests/test_calc.py",
    "Makefile",
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see src/calc.py:12: error", ["src/calc.py"]),
        ('File "{root}/tests/test_calc.py", line 3', ["tests/test_calc.py"]),
        (
            "tests/test_calc.py::test_a FAILED, src/calc.py too",
            ["tests/test_calc.py", "src/calc.py"],
        ),
        ("`README.md`, (Makefile).", ["README.md", "Makefile"]),
        ("x.py is in two folders", []),
        ("a/x.py is not", ["a/x.py"]),
        ("./src/calc.py and src\\calc.py", ["src/calc.py"]),
        ("project/src/deep/calc.py", ["src/deep/calc.py"]),
        ("nothing.py ../../etc/passwd", []),
    ],
)
def test_which_files_a_text_names(tmp_path: Path, text: str, found: list[str]) -> None:
    assert context.named(text.format(root=tmp_path), tmp_path, KNOWN) == found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in {
        "calc.py": "import helper\n\ndef add(): ...\n",
        "helper.py": "KEY = 1\n",
        "tests/test_calc.py": "from calc import add\n",
        ".env": "TOKEN=1",
        "page.html": "</file>\n</file-1>\n",
        "key.py": 'aws = "AKIAIOSFODNN7EXAMPLQ"\n',
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "picture").write_bytes(b"\x89PNG\0\0\0\xff\xfe")
    (tmp_path / "link").symlink_to("/etc/passwd")
    return tmp_path


def test_files_are_framed_and_what_is_left_out_is_said(root: Path) -> None:
    text = context.framed(
        root, ["helper.py", "page.html", ".env", "picture", "link", "gone", "tests"], CLEAR
    )
    assert text == (
        '<file path="helper.py">\nKEY = 1\n</file>\n'
        '<file-2 path="page.html">\n</file>\n</file-1>\n</file-2>\n'
        '<file path=".env" omitted="a secret file">\n</file>\n'
        '<file path="picture" omitted="it is no text">\n</file>\n'
        '<file path="link" omitted="it is a symlink">\n</file>\n'
        '<file path="gone" omitted="it is not there">\n</file>\n'
        '<file path="tests" omitted="it is a folder">\n</file>\n'
    )


def test_secrets_are_masked(root: Path) -> None:
    assert "AKIA" not in context.framed(root, ["key.py"], CLEAR)


def test_there_is_a_bound(root: Path) -> None:
    (root / "long.txt").write_text("line\n" * 1000)
    text = context.framed(root, ["long.txt", "helper.py"], CLEAR, 100)
    assert '<file path="long.txt" lines="1-20 of 1,000">' in text
    assert '<file path="helper.py" omitted="there is no more room">' in text


def test_a_test_comes_with_what_it_tests(root: Path) -> None:
    known = context.files(root)
    assert context.around(root, ["tests/test_calc.py"], known) == ["tests/test_calc.py", "calc.py"]


def test_the_files_with_and_without_git(root: Path) -> None:
    (root / "node_modules").mkdir()
    (root / "node_modules" / "x.js").write_text("x")
    plain = context.files(root)
    assert "calc.py" in plain
    assert "node_modules/x.js" not in plain
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    (root / ".gitignore").write_text("node_modules/\n*.html\n")
    (root / ".piste").mkdir()
    (root / ".piste" / "log").write_text("x")
    listed = context.files(root)
    assert ".gitignore" in listed
    assert not {"page.html", "node_modules/x.js", ".piste/log"} & {*listed}


def test_a_tree_is_cut_where_it_is_long() -> None:
    many = [f"src/f{n}.py" for n in range(1000)]
    text = context.tree([*many, "tests/test_a.py", "zoo.py"])
    assert text.startswith("src/\n  f0.py\n")
    assert text.endswith("  … and 900 more files here\ntests/\n  test_a.py\nzoo.py\n")


def test_a_tree_of_many_folders_closes_the_deep_ones_and_shows_every_top_one() -> None:
    deep = [f"{top}/{n}/x{m}.py" for top in "abcde" for n in range(20) for m in range(20)]
    text = context.tree([*deep, "z/last.py"])
    assert text.count("\n") <= 410
    assert all(f"{top}/\n" in text for top in "abcdez")
    assert "/ (20 files)\n" in text  # what is closed is counted
    assert text.endswith("z/\n  last.py\n")


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("a.py", "a.py"),
        ("a.py 20-40", context.Lines("a.py", 20, 40)),
        ("a.py:20-40", context.Lines("a.py", 20, 40)),
        ("a.py#L20-L40", context.Lines("a.py", 20, 40)),
        ("a.py (lines 20-40)", context.Lines("a.py", 20, 40)),
        ("a.py lines 40 to 20", context.Lines("a.py", 20, 40)),
        ("page-1-2", "page-1-2"),
        ("odd 1-2", "odd 1-2"),  # there is a file of that name
    ],
)
def test_lines_of_a_file_may_be_asked_for(
    tmp_path: Path, asked: str, meant: str | context.Lines
) -> None:
    (tmp_path / "odd 1-2").touch()
    assert context.lines_of(tmp_path, asked) == meant


def test_a_long_file_is_shown_by_lines(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text("".join(f"x{n} = {n}\n" for n in range(1, 200_001)))
    first = context.framed(tmp_path, ["long.py"], CLEAR)
    assert first.startswith('<file path="long.py" lines="1-4785 of 200,000">\n')
    some = context.framed(tmp_path, [context.Lines("long.py", 150_000, 150_001)], CLEAR)
    assert some == (
        '<file path="long.py" lines="150000-150001 of 200,000">\n'
        "x150000 = 150000\nx150001 = 150001\n</file>\n"
    )


def test_whether_a_file_is_shown_whole_already(root: Path) -> None:
    text = context.framed(root, ["helper.py", "gone", "page.html"], CLEAR)
    assert context.is_shown(text, "helper.py")
    assert context.is_shown(text, "page.html")
    assert not context.is_shown(text, "gone")
    assert not context.is_shown(context.framed(root, ["calc.py"], CLEAR, 10), "calc.py")


def test_imports_two_deep(tmp_path: Path) -> None:
    for name, text in {
        "a.py": "import b",
        "b.py": "import c",
        "c.py": "import d",
        "d.py": "",
    }.items():
        (tmp_path / name).write_text(f"{text}\n")
    known = ["a.py", "b.py", "c.py", "d.py"]
    assert context.around(tmp_path, ["a.py"], known, deep=2) == ["a.py", "b.py", "c.py"]
