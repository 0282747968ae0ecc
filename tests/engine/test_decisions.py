"""The team's word on findings: one file each, which two people can merge."""

import subprocess
from pathlib import Path

import pytest

from piste.documents import reported
from piste.engine import decisions, receipts
from piste.engine.decisions import DECLINED, FIXED
from piste.system.errors import UserError

TEXT = "# R\n\n## F12. It stays open\n\n**File:** a.py:2\n**Line:** `open(x)`\n\nWords.\n"
FILES = {"a.py": "x\nopen(x)\n"}
(FOUND,) = reported.of(TEXT, FILES, "F")
SAID = decisions.of(FOUND, DECLINED, "the caller closes it", "code-review.md")


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    assert decisions.load(tmp_path) == []
    assert decisions.write(tmp_path, SAID) == ".piste/receipts/findings/F12.json"
    assert decisions.load(tmp_path) == [SAID]
    assert SAID._asdict() == {
        "id": "F12", "word": DECLINED, "why": "the caller closes it", "document": "code-review.md",
        "title": "It stays open", "places": ("a.py",), "quote": "open(x)",
    }  # fmt: skip
    assert receipts.targets(tmp_path) == []


def test_the_later_word_counts(tmp_path: Path) -> None:
    decisions.write(tmp_path, SAID)
    decisions.write(tmp_path, SAID._replace(word=FIXED))
    decisions.write(tmp_path, SAID._replace(id="F3"))
    assert [(one.id, one.word) for one in decisions.load(tmp_path)] == [
        ("F3", DECLINED), ("F12", FIXED),
    ]  # fmt: skip
    assert decisions.phrase(decisions.load(tmp_path)) == "1 declined, 1 fixed"
    assert decisions.highest(decisions.load(tmp_path), "F") == 12
    assert decisions.highest(decisions.load(tmp_path), "T") == 0


@pytest.mark.parametrize("word", ["F12", "f12", " #F12"])
def test_an_id_is_read_as_people_write_it(word: str) -> None:
    assert decisions.read_id(word) == "F12"


@pytest.mark.parametrize("word", ["", "12", "F", "F12.", "../F1", "FFFF1", "F1234567"])
def test_what_is_no_id_is_refused(word: str) -> None:
    with pytest.raises(UserError, match="is no id of a finding; they look like F12"):
        decisions.read_id(word)


DAMAGED = {
    "cut": (lambda text: text[:40], "is damaged; restore it"),
    "a list": (lambda text: "[]", "is damaged"),
    "another word": (lambda text: text.replace("declined", "maybe"), "is damaged"),
    "a path": (lambda text: text.replace('"F12"', '"../x"'), "is damaged"),
    "a number": (lambda text: text.replace('"It stays open"', "7"), "is damaged"),
    "newer": (
        lambda text: text.replace('"schema": 1', '"schema": 9'),
        "was written by a newer piste",
    ),
    "a merge": (lambda text: f"<<<<<<< HEAD\n{text}", "holds conflict markers"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_one_is_named_with_the_way_out(tmp_path: Path, case: str) -> None:
    spoil, said = DAMAGED[case]
    where = tmp_path / decisions.write(tmp_path, SAID)
    where.write_text(spoil(where.read_text()))
    with pytest.raises(UserError, match=f"F12.json {said}"):
        decisions.load(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("F12. It stays open", "F40. Nobody closes the file", True),  # the same line
        ("`open(x)`", "`x`", True),  # the same title, of the same file
        ("It stays open", "It STAYS `open`", True),
        ("a.py:2", "b.py:2", False),
        ("It stays open\n\n**File:** a.py:2\n**Line:** `open(x)`",
         "The name is wrong\n\n**File:** a.py:1\n**Line:** `x`", False),
    ],
)  # fmt: skip
def test_a_finding_is_known_again_in_other_words(old: str, new: str, same: bool) -> None:
    files = {**FILES, "b.py": "x\ny\n"}
    (found,) = reported.of(TEXT.replace(old, new), files, "F")
    assert decisions.concerns(SAID, found) == same


def test_two_people_who_decide_on_two_findings_merge_without_a_conflict(tmp_path: Path) -> None:
    def git(*args: str) -> None:
        author = ("-c", "user.name=A", "-c", "user.email=a@b.c")
        subprocess.run(["git", *author, *args], cwd=tmp_path, check=True, capture_output=True)

    def decide(own: str) -> None:
        decisions.write(tmp_path, SAID._replace(id=own))
        git("add", "-A")
        git("commit", "-qm", own)

    git("init", "-q", "-b", "one")
    decide("F1")
    git("checkout", "-qb", "two")
    decide("F2")
    git("checkout", "-q", "one")
    decide("F3")
    git("merge", "-q", "two")
    assert [one.id for one in decisions.load(tmp_path)] == ["F1", "F2", "F3"]
