"""A table in the manner of redo's: what was, what the person did, how the model answered.

For each of the 72: what ran, whether the person was told, how often a model was asked.
"""

import os

import pytest
from conftest import Small
from support.standin import Fault, StandIn

from piste.system.errors import Failed

ACTS = ("nothing", "touch", "edit", "delete", "revert", "rename")
# What a build does then. `make` is a call to the model, `edited` and `foreign` are texts
# that are kept with a word about why, `empty` is the file that touch makes of none.
TABLE = {
    #           nothing    touch      edit       delete     revert     rename
    "foreign": ("foreign", "foreign", "foreign", "make", "foreign", "make"),
    "fresh": ("fresh", "fresh", "edited", "restored", "fresh", "restored"),
    "stale": ("make", "make", "conflict", "make", "make", "make"),
    "edited": ("edited", "edited", "edited", "restored", "fresh", "restored"),
    "missing": ("restored", "empty", "edited", "restored", "fresh", "restored"),
    "failed": ("make", "make", "conflict", "make", "make", "make"),
}
CASES = [
    (state, act, row[column], answer)
    for state, row in TABLE.items()
    for column, act in enumerate(ACTS)
    for answer in ("ok", "fails")
]
TOLD = {"fresh": "is fresh", "edited": "edited by hand", "foreign": "piste did not make it",
        "empty": "edited by hand", "restored": "is back"}  # fmt: skip
MINE = "# Mine\n\nWords.\n"


def prepare(small: Small, standin: StandIn, state: str) -> None:
    """Bring the project into a state."""
    small.settings(model="chat-ok")
    standin.reply("# First\n\nWords.\n")
    if state == "foreign":
        small.write("note.md", "# First\n\nWords.\n")
        return
    small.make()
    if state in ("stale", "failed"):
        small.write("in.md", "# In\n\nOther words.\n")
    if state == "edited":
        small.write("note.md", MINE)
    if state == "missing":
        (small.root / "note.md").unlink()
    if state == "failed":
        standin.reply(Fault("refusal"))
        with pytest.raises(Failed):
            small.make()
    assert small.decide().state == state


def carry_out(small: Small, act: str) -> None:
    """Do what a person does to the target."""
    path = small.root / "note.md"
    if act == "touch":
        path.touch()
        os.utime(path, (1, 1))
    if act == "edit":
        small.write("note.md", "# Mine\n\nOther words.\n")
    if act == "delete":
        path.unlink(missing_ok=True)
    if act == "revert":
        small.write("note.md", "# First\n\nWords.\n")
    if act == "rename" and path.exists():
        path.rename(small.root / "elsewhere.md")


@pytest.mark.parametrize(("state", "act", "then", "answer"), CASES)
def test_what_ran_what_was_said_what_was_asked(
    small: Small, standin: StandIn, state: str, act: str, then: str, answer: str
) -> None:
    prepare(small, standin, state)
    carry_out(small, act)
    standin.reply("# Second\n\nWords.\n" if answer == "ok" else Fault("refusal"))
    before, asked = (small.root / "note.md").exists() and small.read(), len(standin.requests)
    try:
        said, went = small.make().said, True
    except Failed as error:
        said, went = str(error), False
    text = (small.root / "note.md").exists() and small.read()
    if then == "make" and answer == "ok":
        assert (went, text, len(standin.requests) - asked) == (True, "# Second\n\nWords.\n", 1)
    elif then == "make":  # once more with the reason named, then it gives up
        assert (went, text, len(standin.requests) - asked) == (False, before, 2)
        assert "no result, twice" in said
    else:
        assert len(standin.requests) == asked, "it was asked"
        assert went == (then != "conflict")
        assert text == ("# First\n\nWords.\n" if then == "restored" else before)
        assert TOLD.get(then, "nothing was overwritten, nothing was paid") in said
    if went:
        asked = len(standin.requests)
        small.make()
        assert len(standin.requests) == asked, "the second build asked"


def test_the_table_has_every_state_and_act() -> None:
    assert len(CASES) == 72
    assert len({case[:2] for case in CASES}) == 36
