"""`piste decline`: a finding goes, for good, and the word is a file for git."""

from pathlib import Path

import pytest

from piste.engine import decisions

from .conftest import Say, build

CODE = "# TODO: sum\n\n\ndef run(x):\n    try:\n        start(x)\n    except:\n        pass\n"


@pytest.fixture
def reviewed(project: Path) -> Path:
    """The project with code in it, reviewed by the model that is built in."""
    (project / "tally.py").write_text(CODE)
    build(project, "bundle", "code_review", "github_issues")
    return project


def test_the_finding_is_gone_from_the_review_and_its_issue_too(reviewed: Path, say: Say) -> None:
    done = say("decline", "F1", "it is handled above")
    assert done.code == 0
    assert done.out.startswith("F1 is declined: ")
    assert done.out.endswith("; taken out of code-review.md, issues.md\n")
    assert done.err == (
        "next: commit .piste/receipts/findings/F1.json; to delete it takes the word back\n"
    )
    for name in ("code-review.md", "issues.md"):
        assert "## F1. " not in (reviewed / name).read_text()
    assert "## F2. " in (reviewed / "code-review.md").read_text()
    (word,) = decisions.load(reviewed)
    assert (word.id, word.why) == ("F1", "it is handled above")
    assert say("check", "code_review", "github_issues").code == 0


def test_status_and_the_document_say_how_many(reviewed: Path, say: Say) -> None:
    say("decline", "F1", "it is handled above")
    say("fixed", "F2")
    shown = say("status", "code_review")
    assert "code-review.md: of its findings the team has 1 declined, 1 fixed" in shown.err
    assert say("status", "code_review", "--json").json[0]["decided"] == "1 declined, 1 fixed"
    assert (
        "*Decided by the team: 1 declined, 1 fixed.*" in (reviewed / "code-review.md").read_text()
    )


def test_it_stays_away_when_the_code_is_reviewed_again(reviewed: Path, say: Say) -> None:
    title = decisions_title(say("decline", "F2", "it is handled above").out)
    assert title
    (reviewed / "more.py").write_text("x = 1\n")
    build(reviewed, "bundle", "code_review")
    assert title not in (reviewed / "code-review.md").read_text()


def decisions_title(out: str) -> str:
    return out.partition(": ")[2].partition(";")[0]


def test_restore_has_the_text_of_before(reviewed: Path, say: Say) -> None:
    before = (reviewed / "issues.md").read_text()
    say("decline", "F1", "no")
    listed = say("restore", "issues.md", "--list")
    assert listed.code == 0
    store = {
        path.read_bytes()
        for path in Path(say("store", "--json").json["folder"]).rglob("*")
        if path.is_file()
    }
    assert before.encode() in store


MISTAKES = {
    ("F99", "no"): "there is no F99 in code-review.md; it has F1, F2",
    ("12", "no"): "'12' is no id of a finding; they look like F12",
    ("T1", "no"): "there is no T1: missing-tests.md is not there",
    ("F1",): "WHY is missing",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_one_line(reviewed: Path, say: Say, words: tuple[str, ...]) -> None:
    done = say("decline", *words)
    assert done.code == 2
    assert MISTAKES[words] in done.err
    assert len(done.err.splitlines()) == 1
    assert decisions.load(reviewed) == []


def test_for_a_program(reviewed: Path, say: Say) -> None:
    found = say("decline", "F1", "no", "--json").json
    assert found["id"] == "F1"
    assert found["taken_out_of"] == ["code-review.md", "issues.md"]
