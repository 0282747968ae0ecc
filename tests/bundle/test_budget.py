import pytest

from piste.bundle.budget import TooManyTokens, dropped
from piste.model import tokens
from piste.system.errors import EXIT_BUDGET

from .conftest import Tree

WORDS = "a few words that are counted\n"


@pytest.fixture
def tree(folder: Tree) -> Tree:
    return folder.write(
        {
            "src/main.py": WORDS * 20,
            "src/util.py": WORDS * 5,
            "docs/guide.md": WORDS * 60,
            "docs/short.md": WORDS,
            "tests/test_main.py": WORDS * 30,
            "tests/fixtures/big.txt": WORDS * 100,
            "tests/fixtures/small.txt": WORDS * 3,
            "api_pb2.py": WORDS * 40,
            "image.bin": b"\0",
        }
    )


def test_over_the_budget_nothing_is_written_and_the_ready_line_is_given(tree: Tree) -> None:
    tree.pack(tokens=True)
    before = tree.output.read_bytes()
    whole = tokens.count(before.decode())
    tree.write({"src/more.py": WORDS})

    with pytest.raises(TooManyTokens) as caught:
        tree.pack(tokens=True, budget=whole // 2)

    assert tree.output.read_bytes() == before
    assert caught.value.exit_code == EXIT_BUDGET
    assert "over bundle.budget of" in str(caught.value)
    assert caught.value.ranking[0][0] == "tests/"
    assert [tokens for _, tokens in caught.value.ranking] == sorted(
        (tokens for _, tokens in caught.value.ranking), reverse=True
    )


def test_the_ready_line_brings_it_under_the_budget(tree: Tree) -> None:
    with pytest.raises(TooManyTokens) as caught:
        tree.pack(tokens=True, budget=900)

    line = str(caught.value).split("bundle.ignore = [")[1].split("]")[0]
    patterns = tuple(pattern.strip().strip('"') for pattern in line.split(","))
    report = tree.pack(tokens=True, budget=900, ignore=patterns)

    assert patterns == ("/tests/", "/docs/")
    assert report.tokens is not None
    assert report.tokens <= 900


def test_within_the_budget_nothing_is_dropped(tree: Tree) -> None:
    report = tree.pack(tokens=True, budget=100_000, fit="auto")

    assert report.files == 8
    assert "over the budget" not in report.left_out


@pytest.mark.parametrize(
    ("budget", "gone"),
    [
        (1600, {"tests/fixtures/big.txt"}),
        (
            950,
            {"tests/fixtures/big.txt", "tests/fixtures/small.txt", "api_pb2.py", "docs/guide.md"},
        ),
    ],
)
def test_what_does_not_fit_is_dropped_by_the_stated_order_and_named(
    tree: Tree, budget: int, gone: set[str]
) -> None:
    report = tree.pack(tokens=True, budget=budget, fit="auto")

    text = tree.output.read_text("utf-8")
    assert set(report.left_out["over the budget"]) == gone
    assert set(tree.files()) == set(report.sizes)
    assert not gone & set(report.sizes)
    assert report.tokens == tokens.count(text) <= budget
    assert all(f"{name}: over the budget, " in text for name in gone)
    assert f"A part of it: {9 - len(gone)} of 9 files. The others exist" in text


def test_code_is_not_dropped_unasked(tree: Tree) -> None:
    with pytest.raises(TooManyTokens, match=r"would have \d+ tokens, over bundle.budget of 300"):
        tree.pack(tokens=True, budget=300, fit="auto")
    with pytest.raises(TooManyTokens, match=r"raise the budget, narrow bundle\.include"):
        tree.pack(tokens=True, budget=10)


def test_a_run_that_dropped_files_is_the_same_again(tree: Tree) -> None:
    first = tree.pack(tokens=True, budget=1600, fit="auto")
    before = tree.output.read_bytes()

    again = tree.pack(tokens=True, budget=1600, fit="auto")
    tree.write({"src/main.py": WORDS * 19})
    changed = tree.pack(tokens=True, budget=1600, fit="auto")

    assert again.wrote == "same"
    assert again.left_out == first.left_out
    assert changed.left_out == first.left_out
    assert tree.output.read_bytes() != before


def test_the_biggest_of_a_group_go_first() -> None:
    names = [b"docs/a.md", b"docs/b.md", b"fixtures/a", b"fixtures/b", b"fixtures/c", b"main.py"]

    assert dropped(names, [5, 50, 2, 3, 9, 900], [1, 1, 1, 1, 0, 1], 4) == [3, 2]
    assert dropped(names, [5, 50, 2, 3, 9, 900], [1, 1, 1, 1, 0, 1], 9999) == [3, 2, 1, 0]
