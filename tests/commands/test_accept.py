"""`piste accept`: a text stands as it is, and stays its writer's."""

from pathlib import Path

import pytest

from piste.engine import receipts

from .conftest import Say, add, build, tree


def test_an_edit_that_is_in_the_way_is_accepted(made: Path, say: Say) -> None:
    add(made / "prompt_plan.md", "\nMine.\n")
    add(made / "spec.md", "3. More.\n")
    text = (made / "prompt_plan.md").read_bytes()
    line = "prompt_plan.md now stands as it is, though spec.md changed\n"
    assert say("accept", "plan") == (0, line, "")
    assert (made / "prompt_plan.md").read_bytes() == text
    assert say("status", "plan", "--json").json[0]["state"] == "fresh"
    receipt = receipts.read(made, "prompt_plan.md")
    assert receipt is not None
    assert receipt.hand


def test_it_stays_the_persons_when_its_inputs_change_again(made: Path, say: Say) -> None:
    add(made / "prompt_plan.md", "\nMine.\n")
    say("accept", "plan")
    add(made / "spec.md", "3. More.\n")
    assert say("status", "plan", "--json").json[0]["todo"] == "conflict"


def test_an_edit_without_a_change_of_inputs(made: Path, say: Say) -> None:
    add(made / "prompt_plan.md", "\nMine.\n")
    assert say("accept", "plan").out == "prompt_plan.md now stands as it is\n"


def test_a_stale_text_of_a_model_is_not_a_persons(made: Path, say: Say) -> None:
    add(made / "spec.md", "3. More.\n")
    say("accept", "plan")
    receipt = receipts.read(made, "prompt_plan.md")
    assert receipt is not None
    assert not receipt.hand


def test_a_text_that_piste_did_not_make_becomes_a_target(project: Path, say: Say) -> None:
    (project / "prompt_plan.md").write_text("# My plan\n")
    assert say("accept", "plan").code == 0
    assert say("status", "plan", "--json").json[0]["state"] == "fresh"


def test_what_was_accepted_can_be_restored(made: Path, say: Say) -> None:
    add(made / "prompt_plan.md", "\nMine.\n")
    say("accept", "plan")
    build(made, "plan", again=True, overwrite=True)
    events = [version["event"] for version in say("restore", "plan", "--list", "--json").json]
    assert "accepted" in events


def test_fresh_is_fresh(made: Path, say: Say) -> None:
    before = tree(made)
    line = "prompt_plan.md is fresh: there is nothing to accept\n"
    assert say("accept", "plan") == (0, line, "")
    assert tree(made) == before


@pytest.mark.parametrize(
    ("gone", "word", "line"),
    [
        ("todo.md", "todo", "todo.md is not there; doit todo brings it back from the store, "
                            "at no cost"),
        ("spec.md", "plan", "prompt_plan.md: spec.md is missing"),
        ("", "spec", "spec.md is a source: what it could be made from is not there"),
    ],
)  # fmt: skip
def test_what_cannot_be_accepted(made: Path, say: Say, gone: str, word: str, line: str) -> None:
    if gone:
        (made / gone).unlink()
    before = tree(made)
    assert say("accept", word) == (2, "", f"piste: {line}\n")
    assert tree(made) == before


def test_all_or_nothing(made: Path, say: Say) -> None:
    add(made / "prompt_plan.md", "\nMine.\n")
    before = tree(made)
    assert say("accept", "plan", "spec").code == 2
    assert tree(made) == before


def test_json(made: Path, say: Say) -> None:
    add(made / "todo.md", "- [ ] mine\n")
    assert say("accept", "plan", "todo", "--json").json == [
        {"target": "prompt_plan.md", "said": "is fresh: there is nothing to accept"},
        {"target": "todo.md", "said": "now stands as it is"},
    ]
