"""What a model gets to see around a step."""

import subprocess
from pathlib import Path

import pytest

from piste.steps import context

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
        root, ["helper.py", "page.html", ".env", "picture", "link", "gone", "tests"]
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
    assert "AKIA" not in context.framed(root, ["key.py"])


def test_there_is_a_bound(root: Path) -> None:
    (root / "long.txt").write_text("line\n" * 1000)
    text = context.framed(root, ["long.txt", "helper.py"], 100)
    assert '<file path="long.txt" cut="of 5,000 bytes">' in text
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
    text = context.tree([f"src/f{n}.py" for n in range(1000)])
    assert text.startswith("src/\n  f0.py\n")
    assert text.endswith("… and 600 more files\n")
