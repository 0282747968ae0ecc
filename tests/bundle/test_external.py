from pathlib import Path

import pytest

from piste.bundle.budget import TooManyTokens
from piste.system.errors import Failed

from .conftest import Tree


def test_another_packer_writes_the_bundle(folder: Tree) -> None:
    folder.write({"a.py": "x = 1\n"})

    report = folder.pack(command="cat a.py > $PISTE_TARGET", tokens=True)

    assert folder.output.read_text() == "x = 1\n"
    assert (report.wrote, report.bytes, report.tokens) == ("new", 6, 5)


def test_the_same_text_again_is_the_same_bundle(folder: Tree) -> None:
    first = folder.pack(command="echo one > output.txt")
    again = folder.pack(command="echo one > output.txt")
    other = folder.pack(command="echo two > output.txt")

    assert [first.wrote, again.wrote, other.wrote] == ["new", "same", "new"]
    assert first.sha256 == again.sha256 != other.sha256


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo half > output.txt; echo sorry >&2; exit 3", "ended with exit code 3: sorry"),
        ("rm output.txt", "did not write output.txt"),
        ("no-such-packer-here", "ended with exit code 127"),
    ],
)
def test_when_it_fails_the_old_bundle_stands(folder: Tree, command: str, said: str) -> None:
    folder.pack(command="echo whole > output.txt")

    with pytest.raises(Failed, match=said):
        folder.pack(command=command)

    assert folder.output.read_text() == "whole\n"
    assert [path.name for path in folder.root.iterdir()] == ["output.txt"]


def test_when_the_first_one_fails_nothing_is_left(folder: Tree) -> None:
    with pytest.raises(Failed):
        folder.pack(command="echo half > output.txt; exit 1")

    assert not folder.output.exists()


def test_its_tokens_are_held_to_the_budget(folder: Tree) -> None:
    with pytest.raises(TooManyTokens, match=r"over bundle\.budget of 10"):
        folder.pack(command="yes word | head -99 > output.txt", tokens=True, budget=10)

    assert not folder.output.exists()


def test_a_long_text_is_counted_in_pieces_that_cut_no_token(
    folder: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    from piste.bundle import external
    from piste.model import tokens

    monkeypatch.setattr(external, "_SIZE", 20)
    text = "a line\n  // of several\n\nand 1234\r\nkinds\n\n\n/ x\nof them" * 9
    path = Path(folder.root / "text")
    path.write_bytes(text.encode())

    assert external._tokens(path.parent, path.name) == tokens.count(text)
