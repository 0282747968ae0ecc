"""Fresh is what `doit T` would leave alone: what a target is made from counts."""

import itertools
from pathlib import Path

import pytest

from piste.engine import makers, states, upstream
from piste.engine import project as piste_project
from piste.engine.states import Decision
from piste.system.errors import PisteError

CHAIN = """\
model = "outline"
[rules.one]
target = "one.md"
inputs = ["in.md", "side.md"]
prompt = "copy.md.j2"
[rules.two]
target = "two.md"
inputs = ["one.md", "side.md"]
prompt = "copy.md.j2"
[rules.three]
target = "three.md"
inputs = ["two.md", "one.md"]
prompt = "copy.md.j2"
"""
NAMES = ("one", "two", "three")


@pytest.fixture
def chain(project: Path) -> Path:
    """in.md → one.md → two.md → three.md, with side.md and a short cut, all made."""
    (project / "piste.toml").write_text(CHAIN)
    (project / "prompts").mkdir()
    (project / "prompts/copy.md.j2").write_text(
        '+++\ninputs = ["a", "b"]\n+++\nA:\n{{ a }}\nB:\n{{ b }}\n'
    )
    (project / "in.md").write_text("# In\n\n## First\n")
    (project / "side.md").write_text("# Side\n\n## Second\n")
    build(project)
    return project


def build(root: Path) -> list[str]:
    """Bring all up to date, in order; return what came of each."""
    events = []
    for name in NAMES:
        world = piste_project.world(root)
        try:
            events.append(makers.make(world, world.rules[name]).event)
        except PisteError as error:
            events.append(str(error))
    return events


def whole(root: Path, *names: str) -> list[Decision]:
    world = piste_project.world(root)
    return upstream.decide(world, [world.rules[name] for name in names])


def test_what_is_fresh_is_said_to_be_so(chain: Path) -> None:
    assert [d.state for d in whole(chain, *NAMES)] == ["fresh"] * 3


def test_the_root_of_the_matter_is_named_and_each_target_once(chain: Path) -> None:
    (chain / "in.md").write_text("# In\n\n## Another\n")
    (three,) = whole(chain, "three")
    assert (three.state, three.todo) == (states.STALE, states.WAIT)
    assert three.line() == "three.md is fresh, but one.md is stale: in.md changed"
    assert [other.rule.target for other in three.before] == ["one.md"]


def test_an_edited_target_waits_too_and_stays_edited(chain: Path) -> None:
    (chain / "three.md").write_text("Mine.\n")
    assert whole(chain, "three")[0].up_to_date
    (chain / "in.md").write_text("# In\n\n## Another\n")
    (three,) = whole(chain, "three")
    assert (three.state, three.todo) == (states.EDITED, states.WAIT)
    assert three.line().endswith("), but one.md is stale: in.md changed")


def test_a_source_waits_for_nothing(chain: Path) -> None:
    (chain / ".piste/receipts/two.md.json").unlink()
    (chain / "two.md").write_text("A person's own.\n")
    (chain / "in.md").write_text("# In\n\n## Another\n")
    two = whole(chain, "two")[0]
    assert (two.state, two.todo, two.before) == (states.FOREIGN, states.KEEP, ())


# Every way in which one file of the chain may not be as it should be.
SPOILT = {
    "changed": lambda path: path.write_text("# Other\n\n## Words\n"),
    "gone": lambda path: path.unlink(),
    "no receipt": lambda path: _receipt(path).unlink(missing_ok=True),
    "damaged receipt": lambda path: _receipt(path).write_text("{"),
}


def _receipt(path: Path) -> Path:
    return path.parent / ".piste/receipts" / f"{path.name}.json"


@pytest.mark.parametrize(
    ("name", "how"),
    [
        *itertools.product(("in.md", "side.md"), ("changed", "gone")),
        *itertools.product(("one.md", "two.md"), SPOILT),
    ],
)
def test_up_to_date_is_what_a_build_would_leave_alone(chain: Path, name: str, how: str) -> None:
    """For each target: `upstream` says yes if and only if a build of it does nothing."""
    SPOILT[how](chain / name)
    said = [decision.up_to_date for decision in whole(chain, *NAMES)]
    left_alone = [event == "kept" for event in build(chain)]
    assert said == [all(left_alone[: count + 1]) for count in range(3)]


def test_a_chain_may_be_long(project: Path) -> None:
    lines = ['model = "outline"']
    for number in range(1, 3000):
        lines += [f"[rules.r{number}]", f'target = "t{number}.md"', 'prompt = "copy.md.j2"',
                  f'inputs = ["t{number - 1}.md"]']  # fmt: skip
    (project / "piste.toml").write_text("\n".join(lines))
    (project / "prompts").mkdir()
    (project / "prompts/copy.md.j2").write_text('+++\ninputs = ["a"]\n+++\nA:\n{{ a }}\n')
    (last,) = whole(project, "r2999")
    assert last.todo == states.BLOCKED
    assert last.before[0].rule.target == "t1.md"


def test_a_bundle_that_is_not_there_counts_as_it_would_be(project: Path) -> None:
    (project / "piste.toml").write_text('model = "outline"\n')
    (project / "a.py").write_text("x = 1\n")
    world = piste_project.world(project)
    for name in ("bundle", "code_review"):
        makers.make(world, world.rules[name])
    (project / "output.txt").unlink()  # as in a fresh clone
    assert whole(project, "code_review")[0].state == states.FRESH
    world = piste_project.world(project)
    makers.make(world, world.rules["bundle"])
    (project / "a.py").write_text("x = 2\n")  # packed no more as it stands
    (review,) = whole(project, "code_review")
    assert review.line() == (
        "code-review.md is fresh, but output.txt is stale: what is packed has changed"
    )
