"""Two and more at once: each key is paid for exactly once, and everybody is served.

Locks are the kernel's: a holder that is killed holds nothing, and nothing is ever unlocked by
hand.
"""

import random
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from fire import scale
from fire.world import (
    Done,
    World,
    complete,
    leftovers,
    no_traceback,
    paid,
    paid_twice,
    parallel,
    until,
    world,
)

SPREAD = 0.05  # seconds over which the processes of a round begin
ROUNDS = {2: scale.count(30, 200), 4: scale.count(10, 200), 8: scale.count(6, 200)}
CLONES = scale.count(10, 100)
HOLDERS = scale.count(10, 50)  # killed, twice
TARGETS = ("spec.md", "spec-holes.md")
FORMS = (("piste", "poke_holes"), ("piste", "run", "-n", "4", "poke_holes"), ("doit", "poke_holes"))


@pytest.fixture
def here() -> Iterator[World]:
    with world(latency=0.02) as made:
        yield made


def new_idea(here: World) -> None:
    """Make everything stale."""
    (here.root / "idea.md").write_text(f"# Idea\n\nCount words. {uuid.uuid4().hex}\n")


def served(done: list[Done]) -> None:
    """Assert that everybody got what they wanted."""
    for one in done:
        assert one.code == 0, one.said
        no_traceback(one)


@pytest.mark.parametrize("count", ROUNDS)
def test_builds_of_one_project_at_once(here: World, count: int) -> None:
    moment = random.Random(count)
    for number in range(ROUNDS[count]):
        new_idea(here)
        children = []
        for index in range(count):
            children.append(here.start(*FORMS[(number + index) % len(FORMS)]))
            time.sleep(moment.uniform(0, SPREAD / count))
        served([child.wait() for child in children])
        assert len(here.server.requests) == len(TARGETS) * (number + 1)
    assert paid_twice(here) == 0
    assert len(paid(here)) == len(TARGETS) * ROUNDS[count]
    complete(here, TARGETS)
    assert leftovers(here) == []
    scale.note(f"{count} builds at once", ROUNDS[count])


def test_who_waits_says_so_and_for_whom(here: World) -> None:
    """The model answers only when all of seven others have said that they wait."""
    others: list[str] = []
    here.server.latency = 300
    holder = here.start("piste", "spec")
    until(lambda: here.server.requests, "a request")
    children = [here.start("piste", "spec") for _ in range(7)]
    said = f"spec.md: waiting for process {holder.pid} on "
    for child in children:
        until(lambda child=child: said in child.err, said)
        others.append(child.err)
    assert all(str(here.root) in line for line in others), "which project is not said"
    here.server.closing.set()  # lets go of who waits in the server: the reply is sent
    served([child.wait() for child in [holder, *children]])
    assert len(here.server.requests) == 1
    complete(here, ("spec.md",))


def second_clone(here: World) -> Path:
    """The same project in another folder; the home, and so the store, is the same."""
    other = here.folder / "clone"
    shutil.copytree(here.root, other)
    return other


def test_two_clones_on_one_store(here: World) -> None:
    other = second_clone(here)
    moment = random.Random(0)
    for number in range(CLONES):
        new_idea(here)
        shutil.copy(here.root / "idea.md", other / "idea.md")
        first = here.start("piste", "poke_holes")
        time.sleep(moment.uniform(0, SPREAD))
        second = here.start("piste", "poke_holes", cwd=other)
        served([first.wait(), second.wait()])
        assert len(here.server.requests) == len(TARGETS) * (number + 1)
        for target in TARGETS:
            assert (other / target).read_bytes() == (here.root / target).read_bytes()
            receipt = Path(".piste", "receipts", f"{target}.json")
            assert (other / receipt).read_bytes() == (here.root / receipt).read_bytes()
    complete(here, TARGETS)
    scale.note("two clones on one store at once", CLONES)


def test_both_results_of_one_key_are_kept(here: World) -> None:
    """Two machines that share no store both pay, and when the stores meet, both replies stand."""
    assert here.run("piste", "spec").code == 0
    other = second_clone(here)
    elsewhere = {"XDG_DATA_HOME": str(here.folder / "elsewhere")}
    assert here.run("piste", "spec", "--again", cwd=other, env=elsewhere).code == 0
    assert (other / "spec.md").read_text() != here.text("spec.md")
    shutil.copytree(here.folder / "elsewhere" / "piste" / "store", here.store, dirs_exist_ok=True)
    for folder in (here.root, other):
        done = here.run("piste", "check", "spec", cwd=folder)
        assert done.code == 0, done.said
    assert len(here.server.requests) == 2


def holder_killed(seed: int) -> None:
    """Kill the one that asks while others wait for it: one of them asks in its place."""
    with world(latency=300) as here:
        holder = here.start("piste", "spec")
        until(lambda: here.server.requests, "a request")
        waiters = [here.start("piste", "spec") for _ in range(1 + seed % 3)]
        until(lambda: all("waiting for" in one.err for one in waiters), "that they wait")
        here.server.latency = 0
        here.kill(holder)
        served([one.wait() for one in waiters])
        assert len(here.server.requests) == 2
        assert paid_twice(here) == 0
        complete(here, ("spec.md",))
        assert leftovers(here) == []


@pytest.mark.parametrize("half", [0, 1])
def test_a_holder_that_is_killed_holds_nobody_up(half: int) -> None:
    parallel(lambda seed: holder_killed(2 * seed + half), HOLDERS, threads=3)
    scale.note("the holder of a lock killed while others wait", HOLDERS)


def test_a_run_beside_a_person_who_edits(here: World) -> None:
    """What a person writes while the model is at work stays, and the reply is kept as well."""
    here.server.latency = 300
    child = here.start("piste", "spec")
    until(lambda: here.server.requests, "a request")
    (here.root / "spec.md").write_text("# Mine\n")
    here.server.closing.set()
    done = child.wait()
    assert done.code == 1
    no_traceback(done)
    assert "spec.md was changed while it was being made" in done.said
    assert here.text("spec.md") == "# Mine\n"
    (here.root / "spec.md").unlink()
    assert here.run("piste", "spec").code == 0
    assert len(here.server.requests) == 1, "it was paid for again"
    complete(here, ("spec.md",))
