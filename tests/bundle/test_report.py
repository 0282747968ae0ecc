import json

from piste.bundle import report
from piste.bundle.manifest import PACKED, Table
from piste.bundle.report import Report, savings, summary, tree_lines
from piste.system.file_reader import NO_STAMP

from .conftest import AWS, Tree

SIZES = {
    "a/b/c.py": (40, 10),
    "a/b/d.py": (400, 100),
    "tests/one.py": (4000, 1000),
    "tests/two.py": (40, 8),
    "tests/three.py": (40, 7),
    "README.md": (100, 25),
}


def made(**changes: object) -> Report:
    """Return a report of `SIZES`."""
    table = Table([name.encode() for name in SIZES])
    for length, count in SIZES.values():
        table.add(PACKED, length, count, NO_STAMP, None, 0)
    fields = {
        "target": "output.txt", "wrote": "new", "files": 6, "bytes": 4620, "tokens": 1150,
        "sha256": "", "table": table, "left_out": {}, "secrets": {}, "notes": {},
    }  # fmt: skip
    return Report(**{**fields, **changes})  # type: ignore[arg-type]


def test_the_biggest_come_first_by_tokens_or_else_by_bytes() -> None:
    assert made().biggest(2) == [("tests/one.py", 1000), ("a/b/d.py", 100)]
    assert made(tokens=None).biggest(1) == [("tests/one.py", 4000)]
    assert len(made().biggest()) == 6


def test_the_tree_folds_what_is_small_and_joins_single_folders() -> None:
    assert tree_lines(made()) == [
        "      1,015  88.3 %  tests/",
        "      1,000  87.0 %    one.py",
        "         15   1.3 %    … 2 more",
        "        110   9.6 %  a/b/",
        "        100   8.7 %    d.py",
        "         10   0.9 %    c.py",
        "         25   2.2 %  README.md",
    ]


def test_folders_are_ranked_by_what_leaving_them_out_saves() -> None:
    assert savings(SIZES) == [("tests/", 1015), ("a/b/", 110), ("README.md", 25)]


def test_the_summary_says_what_was_left_out_with_names_on_request() -> None:
    found = made(
        left_out={"binary": ["x.bin", "y.bin"], "images": ["z.png"]}, notes={"q": "decoded"}
    )

    assert summary(found)[:5] == [
        "output.txt: 6 files, 4,620 bytes, 1,150 tokens (o200k); written",
        "left out: 3 files",
        "            2  binary",
        "            1  images",
        "1 file decoded, shown or cut (-v names them)",
    ]
    assert "               y.bin" in summary(found, verbose=True)
    assert "  q: decoded" in summary(found, verbose=True)


def test_the_report_of_a_run_names_secrets_and_unreadable_folders(folder: Tree) -> None:
    folder.write({"a.py": f"{AWS} {AWS}", "b.py": ""})

    found = folder.pack(secrets="mask")

    lines = summary(found)
    assert "warning: secrets were masked in 1 file" in lines
    assert "  a.py: aws-access-key × 2" in lines


def test_the_data_for_programs_is_json(folder: Tree) -> None:
    folder.write({"a.py": "x = 1\n", "b.bin": b"\0"})

    data = json.loads(json.dumps(report.as_data(folder.pack(tokens=True))))

    assert data["files"] == 1
    assert data["encoding"] == "o200k"
    assert data["sizes"]["a.py"]["tokens"] > 4
    assert data["left_out"] == {"binary": ["b.bin"]}
    assert data["tokens"] > data["sizes"]["a.py"]["tokens"]
