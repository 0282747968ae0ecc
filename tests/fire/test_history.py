"""Random walks over a plan that is carried out while its specification changes.

Beside the oracle of `test_walk`, which knows no steps: here the model is one that amends well and
badly (`support.amender`'s ways), steps are finished, and people write into plan and todo list. What
has to hold is said of the texts alone: no byte of a finished step changes, no line of a person's
outside of an edit, no tick and no record is lost, and a second build does nothing.
"""

import re
import shutil
from collections.abc import Iterator
from itertools import count
from typing import Any

import llm
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from support import amender

from fire import scale
from fire.world import scratch
from piste.documents import parts, plan
from piste.engine import kept, makers, project, receipts, records
from piste.engine.world import World
from piste.model import asking
from piste.steps import ticking
from piste.system.errors import PisteError

WALKS = scale.count(60, 1500)
STEPS = 25
PLAN, TODO = "prompt_plan.md", "todo.md"
WAYS = ("right", "right", "fenced", "spaced", "whole", "file", "nothing", "missing", "finished")


class Fake(llm.Model):
    """A model that writes nothing the same way twice, and amends in the way that it is told to."""

    can_stream = False
    way = "right"
    calls = 0
    edited: tuple[str, str] | None = None  # the lines of its last edit, as they were and are
    _new = count(1)

    def __init__(self, model_id: str) -> None:
        self.model_id = model_id

    def execute(
        self, prompt: Any, stream: bool, response: Any, conversation: Any = None
    ) -> Iterator[str]:
        Fake.calls += 1
        Fake.edited = None
        response.set_usage(input=1, output=1)
        response.response_json = {"finish_reason": "stop"}
        yield self.reply(prompt.prompt)

    def reply(self, prompt: str) -> str:
        """A plan of a step for each requirement, a list of a section for each step, or edits."""
        word = f"w{next(self._new)}"
        asked = amender.read(prompt)
        about_todo = prompt.rstrip().endswith(TODO) or f"todo, for {TODO}" in prompt
        if about_todo and (asked is None or self.way == "whole"):
            found = plan.parse(re.findall(r"<plan[^>]*>\n(.*?)\n</plan", prompt, re.S)[0]).steps
            rows = [f"## Step {one.id}: {one.title}\n\n- [ ] Do {word}\n" for one in found]
            return "\n".join(["# Todo\n", *rows])
        if asked is None:
            wanted = re.findall(r"^\d+\. (.*)$", prompt.partition("</spec")[0], re.M)
            rows = [_step(at, f"Make {one}", word) for at, one in enumerate(wanted, 1)]
            return "\n".join([f"# Plan {word}\n", *rows])
        return self._amended(asked, word)

    def _amended(self, asked: amender.Asked, word: str) -> str:
        lines = asked.document.rstrip("\n").split("\n")
        frozen = [part for _, part in parts.steps(asked.document) if part.name in asked.finished]
        free = [
            row for row, line in enumerate(lines)
            if re.match(r"(- \[ \] )?Do w", line) and lines.count(line) == 1
            and not any(part.start <= row < part.end for part in frozen)
        ]  # fmt: skip
        if free:
            old = lines[free[-1]]
            new = f"{old}\n{old} and {word}" if free[-1] % 2 else f"{old}, {word}"
        else:
            old, number = lines[0], len(parts.steps(asked.document)) + 1
            new = f"{lines[0]} more"
            if asked.name == PLAN:
                tail = lines[parts.steps(asked.document)[-1][1].start :]
                old = "\n".join(tail)
                new = f"{old}\n\n{_step(number, f'Change {word}', word).rstrip()}"
        one = amender.Amender("", old, new, self.way)
        reply = one.reply(asked, self.way if asked.edits else "whole")
        Fake.edited = (old, new) if self.way in amender.RIGHT and asked.edits else None
        return reply


def _step(number: int, title: str, word: str) -> str:
    return f"## Step {number}: {title}\n\nWhy.\n\n```text\nDo {word}.\nAnd test it.\n```\n"


class History(RuleBasedStateMachine):
    """A project whose plan is carried out step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = scratch()
        self.root = self.folder / "p"
        self.root.mkdir()
        (self.root / "piste.toml").write_text(
            'model = "m1"\nstore = ".store"\nretries = 0\namend_times = 3\n'
        )
        Fake.way, Fake.calls = "right", 0
        self.wanted = ["alpha", "beta", "gamma"]
        self.done: set[str] = set()  # prompts of finished steps, by digest
        self.spec()
        self.build("plan")
        self.build("todo")

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    # What it does ---------------------------------------------------------------------------

    def spec(self) -> None:
        said = "".join(f"{at}. {one}\n" for at, one in enumerate(self.wanted, 1))
        about = "It is a small tool, and what it has to do stands below.\n" * 4
        (self.root / "spec.md").write_text(f"# P\n\n{about}\n## Requirements\n\n{said}")

    def read(self, name: str) -> str:
        return (self.root / name).read_text()

    def world(self) -> World:
        return project.world(self.root)

    def finished(self, text: str) -> list[parts.Part]:
        world = self.world()
        return kept.finished(world, world.rules["plan"], text)

    def build(self, name: str, **options: bool) -> str:
        """Build one target, and look at what may not have changed; return what became of it."""
        world, path = self.world(), PLAN if name == "plan" else TODO
        old = self.read(path) if (self.root / path).exists() else ""
        done = self.finished(old) if name == "plan" else []
        ticked = [line for line in old.split("\n") if "[x]" in line and self.is_held(line)]
        try:
            event = makers.make(world, world.rules[name], **options).event
        except PisteError as error:
            event = type(error).__name__
        new = self.read(path)
        if name == "plan":
            assert parts.changed(done, [part for _, part in parts.steps(new)]) is None, new
        receipt = receipts.read(self.root, path)
        if receipt and receipt.base:  # a list that is written whole has the ticks of its items
            assert all(line in new for line in ticked), "a tick was lost"
        if event == "made" and Fake.edited:
            assert new == old.replace(*Fake.edited, 1), "a line outside of the edit changed"
        if event in ("Failed", "UserError"):
            assert new == old, "a failure changed the text"
        return event

    def is_held(self, line: str) -> bool:
        """Whether a tick is of a section whose step is finished, and so is what it was."""
        section = next((one for one in parts.sections(self.read(TODO)) if line in one.lines), None)
        names = [part.title for part in self.finished(self.read(PLAN))]
        return section is not None and section.title.partition(": ")[2] in names

    @rule(way=st.sampled_from(WAYS))
    def let_the_model_amend(self, way: str) -> None:
        Fake.way = way

    @rule(at=st.integers(0, 2), word=st.sampled_from(("one", "two", "three", "four")))
    def change_a_requirement(self, at: int, word: str) -> None:
        self.wanted[at] = word
        self.spec()

    @rule()
    def finish_the_next_step(self) -> None:
        text = self.read(PLAN)
        done = {part.start for part in self.finished(text)}
        left = [step for step, part in parts.steps(text) if part.start not in done]
        if left:
            record = records.of(left[0], PLAN, records.HAND)
            ticking.set_done(self.root, self.world(), left[0], record)
            self.done.add(record.prompt)

    @rule(at=st.integers(0, 9), done=st.booleans())
    def write_into_the_plan(self, at: int, done: bool) -> None:
        text = self.read(PLAN)
        rows = [row for row, line in enumerate(text.split("\n")) if line == "And test it."]
        if rows:
            lines = text.split("\n")
            lines[rows[at % len(rows)]] = f"And test it, {at}." if done else f"Mine {at}."
            (self.root / PLAN).write_text("\n".join(lines))

    @rule(at=st.integers(0, 9))
    def write_into_the_list(self, at: int) -> None:
        (self.root / TODO).write_text(f"{self.read(TODO)}\nMine {at}.\n")

    @rule(name=st.sampled_from(("plan", "todo")))
    def build_it(self, name: str) -> None:
        first = self.build(name)
        calls = Fake.calls
        second = self.build(name)
        if first not in ("Failed", "UserError"):
            assert (second, Fake.calls) == ("kept", calls), "a second build did something"

    @rule(name=st.sampled_from(("plan", "todo")))
    def amend_it(self, name: str) -> None:
        first = self.build(name, amend=True)
        if first not in ("Failed", "UserError"):
            assert self.build(name) == "kept"

    @rule(name=st.sampled_from(("plan", "todo")), again=st.booleans())
    def write_it_whole(self, name: str, again: bool) -> None:
        self.build(name, **({"again": True} if again else {}), overwrite=True)

    # What holds after each step -------------------------------------------------------------

    @invariant()
    def no_record_is_lost(self) -> None:
        assert self.done <= {one.prompt for one in records.load(self.root).values()}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, own_home: Any) -> None:
    """No server, no llm folder: the model m1."""
    known = Fake("m1")
    monkeypatch.setattr(asking, "resolve", lambda name: known)
    (own_home / "llm").mkdir()
    (own_home / "llm" / "logs-off").touch()


@pytest.mark.timeout(3600)
def test_walks_with_finished_steps(fake: None) -> None:
    run_state_machine_as_test(
        History,
        settings=settings(
            max_examples=WALKS, stateful_step_count=STEPS, deadline=None, database=None,
            derandomize=not scale.SHARE, suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False, phases=(Phase.generate, Phase.shrink),
        ),
    )  # fmt: skip
    scale.note(f"walks of {STEPS} steps with finished steps of a plan", WALKS)
