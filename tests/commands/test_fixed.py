"""`piste fixed`: a finding has been mended; it goes, and comes back only under another id."""

from pathlib import Path

from piste.engine import decisions

from .conftest import Say, build


def test_the_finding_goes_and_how_may_be_said(project: Path, say: Say) -> None:
    (project / "tally.py").write_text("# TODO: sum\n# TODO: count\n")
    build(project, "bundle", "code_review")
    assert say("fixed", "F1").out.startswith("F1 is fixed: ")
    assert say("fixed", "F2", "in 3f2a1b").code == 0
    assert [(one.id, one.why) for one in decisions.load(project)] == [
        ("F1", ""),
        ("F2", "in 3f2a1b"),
    ]
    text = (project / "code-review.md").read_text()
    assert "*Decided by the team: 2 fixed.*" in text
    (project / "tally.py").write_text("# TODO: sum\n# TODO: count\nx = 1\n")
    build(project, "bundle", "code_review")
    text = (project / "code-review.md").read_text()
    assert "## F1. " not in text
    assert "TODO: sum" in text


def test_a_word_may_be_changed(project: Path, say: Say) -> None:
    (project / "tally.py").write_text("# TODO: sum\n")
    build(project, "bundle", "code_review")
    say("decline", "F1", "no")
    assert say("fixed", "F1").out == "F1 is fixed: " + decisions.load(project)[0].title + "\n"
