"""How real models amend, well and badly, through llm and a server: what comes of each way."""

from pathlib import Path

import pytest
from support.amender import RIGHT, WAYS, WHOLE, WRONG, Amender
from support.rig import PLAN, Rig
from support.standin import StandIn

from piste.commands import done
from piste.engine import makers
from piste.engine.states import FAILED, FRESH
from piste.engine.world import Outcome
from piste.system.errors import Failed

SPEC = "# Tally\n\nA tool.\n\n## Requirements\n\n1. It counts words.\n2. It sums.\n3. It prints.\n"
OLD, NEW = "Write sum.txt.", "Write sums.txt.\nOne a line."
SAID = {
    "twice": "the old lines of an edit are in prompt_plan.md 3 times",
    "missing": "the old lines of an edit are not in prompt_plan.md: 'Never was there Write sum",
    "finished": "an edit changes step 1 Count words, which has to stay as it is",
    "cannot": "it cannot be done: the two contradict each other",
    "asks": "it asks back, and nobody can answer: Shall I also change the tests?",
}


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standin: StandIn) -> Rig:
    """A plan that a model wrote, its first step done, and a specification that is other since."""
    rig = Rig.make(tmp_path, monkeypatch)
    for name in ("prompt_plan.md", "todo.md"):
        (rig.root / name).unlink()
    rig.write("piste.toml", 'model = "chat-ok"\nretries = 0\ntest = "true"\n')
    rig.write("spec.md", SPEC)
    standin.reply(Amender(PLAN, OLD, NEW, "right"))
    make(rig)
    assert done.main(["1"]) == 0
    rig.write("spec.md", SPEC.replace("sums", "sums, one a line"))
    return rig


def make(rig: Rig) -> Outcome:
    world = rig.world()
    return makers.make(world, world.rules["plan"])


def state(rig: Rig) -> str:
    world = rig.world()
    return makers.decide(world, world.rules["plan"]).state


@pytest.mark.parametrize("way", [*RIGHT, *WHOLE])
def test_what_can_mean_one_thing_only_is_taken(rig: Rig, standin: StandIn, way: str) -> None:
    before = rig.read("prompt_plan.md")
    standin.reply(Amender(PLAN, OLD, NEW, way))
    paid = standin.paid
    said = make(rig).said
    assert ("written whole in place of edits" in said) is (way in WHOLE)
    assert rig.read("prompt_plan.md") == before.replace(OLD, NEW)
    assert (standin.paid, state(rig)) == (paid + 1, FRESH)
    assert make(rig).event == "kept"


@pytest.mark.parametrize("way", WRONG)
def test_what_cannot_goes_back_once_with_the_reason(rig: Rig, standin: StandIn, way: str) -> None:
    before = rig.read("prompt_plan.md")
    standin.reply(Amender(PLAN, OLD, NEW, way, "right"))
    make(rig)
    assert SAID[way] in standin.requests[-1].prompt
    assert rig.read("prompt_plan.md") == before.replace(OLD, NEW)


@pytest.mark.parametrize("way", WRONG)
def test_twice_of_it_and_the_plan_stands(rig: Rig, standin: StandIn, way: str) -> None:
    before, paid = rig.read("prompt_plan.md"), standin.paid
    standin.reply(Amender(PLAN, OLD, NEW, way))
    with pytest.raises(Failed, match="was no result, twice"):
        make(rig)
    assert (rig.read("prompt_plan.md"), standin.paid) == (before, paid + 2)
    assert state(rig) == FAILED
    standin.reply(Amender(PLAN, OLD, NEW, "right"))
    make(rig)
    assert rig.read("prompt_plan.md") == before.replace(OLD, NEW)


def test_nothing_to_change_moves_the_receipt_alone(rig: Rig, standin: StandIn) -> None:
    before = rig.read("prompt_plan.md")
    standin.reply(Amender(PLAN, OLD, NEW, "nothing"))
    assert make(rig).said.startswith("prompt_plan.md needs no change")
    assert (rig.read("prompt_plan.md"), state(rig)) == (before, FRESH)


def test_each_way_is_tried() -> None:
    assert {*RIGHT, *WHOLE, *WRONG, "nothing"} == {*WAYS}
    assert {*SAID} == {*WRONG}
