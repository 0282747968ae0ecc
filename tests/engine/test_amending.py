"""A stale document is amended: what changed is asked for, and nothing else is touched."""

import shutil
from pathlib import Path

import pytest
from conftest import Small
from support.standin import Request, StandIn

from piste.engine import log, makers, project, receipts, rejected
from piste.engine.states import CONFLICT, EDITED, FRESH, MAKE, STALE
from piste.system.errors import Failed

IN = "# In\n\nIt counts words.\n\nIt sums them.\n\nIt prints the sum.\n\nIt stops on errors.\n"
NOTE = "# Note\n\n## Counting\n\nCount words.\n\n## Printing\n\nPrint the sum.\n"
EDIT = "=== edit: note.md\nPrint the sum.\n=== with\nPrint it as JSON.\n=== end\n"
AMENDED = NOTE.replace("Print the sum.", "Print it as JSON.")


def asks_for_edits(request: Request) -> bool:
    return request.prompt.rstrip().endswith("Amend: note.md") or "all the edits" in request.prompt


def answers(*edits: str):  # type: ignore[no-untyped-def]
    """A model that writes NOTE, and gives these replies one after the other when it amends."""
    left = list(edits)

    def script(request: Request) -> str:
        return left.pop(0) if asks_for_edits(request) else NOTE

    return script


@pytest.fixture
def model(small: Small, standin: StandIn) -> StandIn:
    """A note that was made, of an input of which one line is other now."""
    small.settings("retries = 0", model="chat-ok")
    small.write("in.md", IN)
    standin.reply(NOTE)
    small.make()
    standin.reply(answers(EDIT))
    change(small)
    return standin


def change(small: Small, to: str = "It prints the sum as JSON.") -> None:
    small.write("in.md", IN.replace("It prints the sum.", to))


def test_the_model_gets_the_text_the_diff_and_the_input_and_gives_edits(
    small: Small, model: StandIn
) -> None:
    assert small.decide().base == receipts.read(small.root, "note.md").output  # type: ignore[union-attr]
    assert small.make().said.startswith("note.md amended by chat-ok")
    assert small.read() == AMENDED
    asked = model.requests[-1].prompt
    order = model.requests[0].prompt.replace(IN.strip(), small.read("in.md").strip())
    assert asked.startswith(order)  # the same beginning as when it is written whole
    assert NOTE.strip() in asked
    assert "\n-It prints the sum.\n+It prints the sum as JSON.\n" in asked
    assert small.decide().state == FRESH
    assert small.make().event == "kept"
    assert len(model.requests) == 2


def test_receipt_and_log_say_what_it_was_amended_from(small: Small, model: StandIn) -> None:
    before = receipts.read(small.root, "note.md")
    small.make()
    after = receipts.read(small.root, "note.md")
    assert before and after
    assert (after.base, after.amended) == (before.output, 1)
    assert [one.base for one in log.entries(small.root)] == ["", before.output]


def test_nothing_has_to_change_moves_the_receipt_alone(small: Small, model: StandIn) -> None:
    model.reply(answers("=== nothing: it says so already\n"))
    assert small.make().said.startswith("note.md needs no change")
    assert (small.read(), small.decide().state) == (NOTE, FRESH)


def test_an_edit_that_does_not_fit_goes_back_once_with_the_reason(
    small: Small, model: StandIn
) -> None:
    model.reply(answers(EDIT.replace("the sum.", "a sum."), EDIT))
    small.make()
    assert small.read() == AMENDED
    again = model.requests[-1].prompt
    assert "the old lines of an edit are not in note.md: 'Print a sum.'" in again
    assert "The nearest that note.md has" in again
    assert "Give all the edits again" in again


def test_after_two_the_old_text_stands(small: Small, model: StandIn) -> None:
    model.reply(answers(*[EDIT.replace("the sum.", "a sum.")] * 2))
    with pytest.raises(Failed, match=r"no result, twice: the old lines of an edit are not in"):
        small.make()
    assert small.read() == NOTE
    assert rejected.last(small.root, "note.md")
    model.reply(answers(EDIT))
    small.make()  # what was no result is no hit for the next one
    assert small.read() == AMENDED


def test_a_whole_document_is_taken_and_said(small: Small, model: StandIn) -> None:
    model.reply(answers(f"```markdown\n{AMENDED}```\n"))
    assert "written whole in place of edits" in small.make().said
    assert small.read() == AMENDED


WHOLE = {
    "again": ({"again": True}, ()),
    "the setting": ({}, ("amend = false",)),
    "the rule": ({}, ("rule",)),
    "so much is other": ({}, ("amend_limit = 1",)),
    "so often": ({}, ("amend_times = 0",)),
}


@pytest.mark.parametrize("case", WHOLE)
def test_it_is_written_whole(small: Small, model: StandIn, case: str) -> None:
    options, lines = WHOLE[case]
    own = "amend = false" if lines == ("rule",) else ""
    small.settings("retries = 0", *(() if own else lines), model="chat-ok", rule=own)
    small.make(**options)
    assert not asks_for_edits(model.requests[-1])
    assert receipts.read(small.root, "note.md").base == ""  # type: ignore[union-attr]


def test_why_it_is_written_whole_is_part_of_the_decision(small: Small, model: StandIn) -> None:
    small.settings("amend_limit = 1", model="chat-ok")
    assert "of what it was made from has changed, more than 1 %" in small.decide().whole
    small.settings(model="chat-other")
    assert small.decide().whole.startswith("model: ")


def test_a_prompt_that_changed_is_a_change_too(small: Small, model: StandIn) -> None:
    small.write("in.md", IN)
    small.write("prompts/note.md.j2", small.read("prompts/note.md.j2") + "\nBe short.\n")
    small.make()
    assert "\n+Be short.\n" in model.requests[-1].prompt


def test_where_the_old_input_is_nowhere_it_is_said(small: Small, model: StandIn) -> None:
    shutil.rmtree(small.world().store.folder / "blobs")
    small.make()
    asked = model.requests[-1].prompt
    assert "in.md has changed since then too; its earlier text is not known any more" in asked
    small.settings("amend_unknown = false", model="chat-ok")
    change(small, "It prints nothing.")
    shutil.rmtree(small.world().store.folder / "blobs")
    assert small.decide().whole == "the old text of in.md is not in the store"


def clone_of(small: Small, tmp_path: Path) -> Path:
    copy = tmp_path / "clone"
    shutil.copytree(small.root, copy)
    return copy


def test_a_second_person_with_the_same_start_pays_nothing(
    small: Small, model: StandIn, tmp_path: Path
) -> None:
    copy = clone_of(small, tmp_path)
    small.make()
    paid = len(model.requests)
    world = project.world(copy)
    assert makers.decide(world, world.rules["note"]).stored
    assert makers.make(world, world.rules["note"]).event == "taken"
    assert (copy / "note.md").read_text() == AMENDED
    assert len(model.requests) == paid


def test_nobody_gets_an_amendment_of_another_text(
    small: Small, model: StandIn, tmp_path: Path
) -> None:
    copy = clone_of(small, tmp_path)
    small.make()
    (copy / "note.md").write_text(f"{NOTE}Mine.\n")
    world = project.world(copy)
    assert makers.decide(world, world.rules["note"]).todo == CONFLICT
    model.reply(answers(EDIT))
    makers.make(world, world.rules["note"], amend=True)
    assert (copy / "note.md").read_text() == f"{AMENDED}Mine.\n"
    assert len(model.requests) == 3


def test_a_kill_between_target_and_receipt_costs_nothing(small: Small, model: StandIn) -> None:
    old = small.read(".piste/receipts/note.md.json")
    small.make()
    small.write(".piste/receipts/note.md.json", old)
    paid = len(model.requests)
    assert small.make().event == "adopted"
    assert (small.read(), len(model.requests)) == (AMENDED, paid)
    receipt = receipts.read(small.root, "note.md")
    assert receipt and receipt.base


# A person's own text ----------------------------------------------------------------------------


def test_a_persons_text_is_amended_where_it_is_asked_for(
    small: Small, model: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = NOTE.replace("Count words.", "Count words, and lines.") + "\nMy own end.\n"
    small.write("note.md", mine)
    assert (small.decide().state, small.decide().todo) == (EDITED, CONFLICT)
    with pytest.raises(Failed, match="have it amended: doit note --amend"):
        small.make()
    small.make(amend=True)
    assert small.read() == mine.replace("Print the sum.", "Print it as JSON.")
    assert "+Print it as JSON." in capsys.readouterr().err
    (kept,) = small.world().store.kept(str(small.root), "note.md")
    assert small.world().store.blob(kept.blob) == mine.encode()


def test_what_was_a_persons_stays_theirs(small: Small, model: StandIn) -> None:
    small.write("note.md", f"{NOTE}\nMine.\n")
    small.make(amend=True)
    assert small.decide().state == FRESH
    change(small, "It prints nothing.")
    assert small.decide().todo == CONFLICT


def test_a_text_that_was_brought_is_amended_where_it_is_asked_for(
    small: Small, standin: StandIn
) -> None:
    small.settings("retries = 0", model="chat-ok")
    small.write("note.md", NOTE)
    standin.reply(answers(EDIT))
    assert small.make().event == "kept"
    small.make(amend=True)
    assert small.read() == AMENDED
    assert small.decide().state == FRESH


def test_what_is_not_there_is_written_where_it_is_to_be_amended(
    small: Small, standin: StandIn
) -> None:
    small.settings("retries = 0", model="chat-ok")
    standin.reply(NOTE)
    assert small.make(amend=True).event == "made"
    assert small.read() == NOTE


def test_without_a_change_there_is_nothing_to_amend(small: Small, model: StandIn) -> None:
    small.make()
    assert small.make(amend=True).event == "kept"
    small.write("note.md", f"{AMENDED}Mine.\n")
    assert small.make(amend=True).event == "kept"
    assert len(model.requests) == 2


def test_an_older_state_that_the_store_has_is_taken_whole(small: Small, model: StandIn) -> None:
    small.make()
    small.write("in.md", IN)
    decision = small.decide()
    assert (decision.state, decision.todo, decision.stored) == (STALE, MAKE, True)
    assert small.make().event == "taken"
    assert (small.read(), receipts.read(small.root, "note.md").base) == (NOTE, "")  # type: ignore[union-attr]
