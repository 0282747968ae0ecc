"""Ids of requirements stay what they are while a specification is amended and written anew."""

import pytest
from conftest import Small
from support.standin import Request, StandIn

from piste.engine.states import FRESH
from piste.system.errors import Failed

IN = "# In\n\nIt counts words.\n\nIt counts lines.\n\nIt prints a table.\n\nIt stops on errors.\n"
COUNTS = "- R1: It counts the words of a file.\n"
LINES = "- R2: It counts the lines of a file.\n"
TABLE = "- R3: It prints a table with a sum.\n"
SPEC = f"# Tally\n\n## Requirements\n\n{COUNTS}{LINES}{TABLE}\n## Tests\n\n- R2: an empty file.\n"


def edit(old: str, new: str) -> str:
    return f"=== edit: note.md\n{old}=== with\n{new}=== end\n"


def answers(*edits: str):  # type: ignore[no-untyped-def]
    """A model that writes SPEC, and gives these replies one after the other when it amends."""
    left = list(edits)

    def script(request: Request) -> str:
        amends = "Amend: note.md" in request.prompt
        return left.pop(0) if amends or "all the edits" in request.prompt else SPEC

    return script


@pytest.fixture
def model(small: Small, standin: StandIn) -> StandIn:
    """A specification that was made, of an input of which one line is other now."""
    small.settings("retries = 0", model="chat-ok", rule='check = "spec"')
    small.write("in.md", IN)
    standin.reply(SPEC)
    small.make()
    small.write("in.md", IN.replace("a table", "JSON"))
    return standin


def test_the_model_is_told_what_holds_for_ids(small: Small, model: StandIn) -> None:
    model.reply(answers(edit(TABLE, "- R3: It prints JSON with a sum.\n")))
    small.make()
    assert "New ones get ids from R4 on." in model.requests[-1].prompt
    assert small.read() == SPEC.replace("a table", "JSON")


def test_an_id_with_another_meaning_goes_back_once(small: Small, model: StandIn) -> None:
    bad = edit(f"{LINES}{TABLE}", "- R2: It prints JSON with a sum, as a table did.\n")
    model.reply(answers(bad, edit(TABLE, "- R4: It prints JSON.\n")))
    small.make()
    assert "R2 has the words of another now (it was: 'It counts the lines" in (
        model.requests[-1].prompt
    )
    assert small.read() == SPEC.replace(TABLE, "- R4: It prints JSON.\n")
    assert small.decide().state == FRESH


def test_after_that_the_old_text_stands(small: Small, model: StandIn) -> None:
    model.reply(answers(*[edit(TABLE, "- R2: It prints JSON.\n")] * 2))
    with pytest.raises(Failed, match="two requirements have the id R2"):
        small.make()
    assert small.read() == SPEC


def test_one_that_has_gone_is_not_given_again(small: Small, model: StandIn) -> None:
    model.reply(answers(edit(TABLE, "")))
    small.make()
    assert "R3" not in small.read()
    small.write("in.md", f"{IN}\nUsers log in.\n")
    login = "- R3: Users log in with a password.\n"
    model.reply(answers(edit(LINES, LINES + login), edit(LINES, LINES + login.replace("3", "4"))))
    small.make()
    told = model.requests[-2].prompt
    assert "New ones get ids from R4 on. These have gone, and stay free: R3." in told
    assert "- R4: Users log in" in small.read()


def test_written_whole_the_requirements_of_before_have_their_ids(
    small: Small, model: StandIn
) -> None:
    anew = (
        "# Tally\n\n## Requirements\n\n- R1: Users log in with a password.\n"
        "- R2: It counts the words of each file.\n- R3: It counts the lines of a file.\n\n"
        "## Tests\n\n- R1 and R2: one test each; R3 too.\n"
    )
    model.reply(anew)
    small.make(again=True)
    assert small.read() == (
        "# Tally\n\n## Requirements\n\n- R4: Users log in with a password.\n"
        "- R1: It counts the words of each file.\n- R2: It counts the lines of a file.\n\n"
        "## Tests\n\n- R4 and R1: one test each; R2 too.\n"
    )
    assert (small.decide().state, small.make().event) == (FRESH, "kept")


def test_a_whole_document_in_place_of_edits_too(small: Small, model: StandIn) -> None:
    whole = SPEC.replace("R1", "R9").replace("R3", "R1").replace("R9", "R3")
    model.reply(answers(whole))
    small.make()
    assert "- R1: It counts the words" in small.read()
    assert "- R3: It prints a table" in small.read()


def test_a_specification_without_ids_gets_none(small: Small, model: StandIn) -> None:
    bare = "# Tally\n\n## Requirements\n\n1. It counts.\n2. It prints a table.\n"
    small.write("note.md", bare)
    model.reply(answers(edit("2. It prints a table.\n", "2. It prints JSON.\n")))
    small.make(amend=True)
    assert "id" not in model.requests[-1].prompt.rpartition("</change>")[2].split("Change what")[0]
    assert small.read() == bare.replace("a table", "JSON")
