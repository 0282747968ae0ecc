"""Random walks against the oracle: whatever was done before, what runs is what should run.

Everything happens in one process, with a model that is no server.
The model writes a line to a file for each call, which is the judge's log.
"""

import contextlib
import hashlib
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llm
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fire import faults, scale
from fire.oracle import CHAIN, Call, Key, Oracle, Receipt, norm
from fire.world import scratch
from piste.commands import accept
from piste.engine import hashing, log, makers, project
from piste.engine.stat_cache import StatCache
from piste.engine.world import World
from piste.model import asking
from piste.system.errors import PisteError

WALKS = scale.count(500, 5000)
STEPS = 30
TARGETS = tuple(CHAIN)
TOML = """model = "{model}"
amend_limit = 100
amend_times = 1_000_000
[rules.note]
target = "note.md"
inputs = ["in.md"]
prompt = "note.md.j2"
[rules.items]
target = "list.md"
inputs = ["note.md"]
prompt = "list.md.j2"
check = "todo"
kind = "todo"
"""
TEMPLATE = '+++\ninputs = ["text"]\n+++\n{prompt} {target}:\n\n{{{{ text }}}}'


def reply(key: Key) -> str:
    """What the model answers."""
    name = hashlib.sha256(repr(key).encode()).hexdigest()[:12]
    return f"# {key[0]} {name}\n\n- [ ] Do {name}\n- [ ] Always\n"


class Fake(llm.Model):
    """A model that answers at once, and writes down that it was asked."""

    can_stream = False
    log: Path

    def __init__(self, model_id: str) -> None:
        self.model_id = model_id

    def execute(
        self, prompt: Any, stream: bool, response: Any, conversation: Any = None
    ) -> Iterator[str]:
        head, _, rest = prompt.prompt.partition(":\n\n")
        asked, target = head.split(" ")
        text, _, amend = rest.partition("\n\n---\n\n")
        stands = re.search(r'\n<document path=".*">\n(.*?\n)</document>', amend, re.DOTALL)
        key = (target, self.model_id, asked, norm(text) + "\n")
        call = (*key, stands[1] if stands else "")
        fd = os.open(Fake.log, os.O_WRONLY | os.O_APPEND)
        os.write(fd, repr(call).encode() + b"\n")
        os.close(fd)
        response.set_usage(input=1, output=1)
        response.response_json = {"finish_reason": "stop"}
        yield reply(key)


class Walk(RuleBasedStateMachine):
    """The real thing beside the oracle."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = scratch()
        self.root = self.folder / "p0"
        self.clones = 1
        self.settings: World | None = None
        self.oracle = Oracle(reply)
        self.paid: Counter[Call] = Counter()
        self.history: dict[str, list[str]] = {name: [] for name in ("in.md", *TARGETS)}
        self.branch: tuple[Path, dict[str, str], dict[str, Receipt]] | None = None
        Fake.log = self.folder / "log"
        Fake.log.touch()
        os.environ["XDG_DATA_HOME"] = str(self.folder / "data")
        (self.root / "prompts").mkdir(parents=True)
        self.write("in.md", self.oracle.files["in.md"])
        self.configure()

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    # What both do ---------------------------------------------------------------------------

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)
        self.history[name].append(text)

    def read(self, name: str) -> str | None:
        with contextlib.suppress(FileNotFoundError):
            return (self.root / name).read_text()
        return None

    def configure(self) -> None:
        self.settings = None
        (self.root / "piste.toml").write_text(TOML.format(model=self.oracle.model))
        for target in TARGETS:
            text = TEMPLATE.format(prompt=self.oracle.prompt, target=target)
            (self.root / "prompts" / f"{target}.j2").write_text(text)

    def world(self) -> World:
        """What a new process sees; the settings are read anew when they or the folder changed."""
        if self.settings is None or self.settings.root != self.root:
            self.settings = project.world(self.root)
        return self.settings._replace(stat_cache=StatCache(self.root))

    def build(self, **options: bool) -> list[str]:
        """Build both targets as doit does; return what was said of each."""
        world, said = self.world(), []
        for name in ("note", "items"):
            try:
                said.append(makers.make(world, world.rules[name], **options).event)
            except PisteError as error:
                said.append(f"{type(error).__name__}: {error}")
                break
        world.stat_cache.save()
        return said

    def expect(self, **options: bool) -> list[Call]:
        """Let the oracle build; return what a model is asked for."""
        asked: list[Call] = []
        for target in TARGETS:
            well, keys = self.oracle.build(target, **options)
            asked += keys
            if not well:
                break
        return asked

    def calls(self) -> list[Call]:
        """Return the calls since the last look."""
        lines = Fake.log.read_text().splitlines()
        Fake.log.write_text("")
        found: list[Call] = [eval(line) for line in lines]
        self.paid.update(found)
        return found

    def logged(self) -> set[tuple[str, str, str]]:
        """What the log has as made here: (target, text, text that was amended)."""
        outputs = {hashing.digest(text.encode(), "todo"): text for text in self.oracle.texts}
        return {
            (entry.target, outputs[entry.output], outputs.get(entry.base, ""))
            for entry in log.entries(self.root)
            if entry.output in outputs and entry.event != "accepted"
        }

    # The steps ------------------------------------------------------------------------------

    @rule(number=st.integers(0, 3))
    def edit_the_source(self, number: int) -> None:
        self.oracle.files["in.md"] = f"# In\n\nWords {number}.\n"
        self.write("in.md", self.oracle.files["in.md"])

    @rule(name=st.sampled_from(TARGETS), number=st.integers(0, 1))
    def edit_a_target(self, name: str, number: int) -> None:
        self.oracle.files[name] = f"# Mine {number}\n\n- [ ] Always\n"
        self.write(name, self.oracle.files[name])

    @precondition(lambda self: "in.md" in self.oracle.files)
    @rule(digit=st.sampled_from("0123"))
    def change_it_under_the_old_time_and_size(self, digit: str) -> None:
        path = self.root / "in.md"
        before = path.stat()
        self.oracle.files["in.md"] = f"# In\n\nWords {digit}.\n"
        with path.open("r+") as file:
            file.write(self.oracle.files["in.md"])
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert path.stat().st_size == before.st_size

    @rule(name=st.sampled_from(("in.md", *TARGETS)), back=st.integers(1, 3))
    def revert(self, name: str, back: int) -> None:
        if len(self.history[name]) >= back:
            text = self.history[name][-back]
            self.write(name, text)
            self.oracle.files[name] = norm(text)

    @rule(name=st.sampled_from(("in.md", *TARGETS)))
    def delete(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=True)
        self.oracle.files.pop(name, None)

    @rule(name=st.sampled_from(TARGETS))
    def delete_a_receipt(self, name: str) -> None:
        (self.root / ".piste/receipts" / f"{name}.json").unlink(missing_ok=True)
        self.oracle.receipts.pop(name, None)

    @rule(box=st.sampled_from(("[ ]", "[x]")))
    def tick(self, box: str) -> None:
        if text := self.read("list.md"):
            (self.root / "list.md").write_text(norm(text).replace("[ ]", box))

    @rule(prompt=st.sampled_from(("p1", "p2")))
    def change_the_prompt(self, prompt: str) -> None:
        self.oracle.prompt = prompt
        self.configure()

    @rule(model=st.sampled_from(("m1", "m2")))
    def change_the_model(self, model: str) -> None:
        self.oracle.model = model
        self.configure()

    @rule(name=st.sampled_from(TARGETS))
    def accept(self, name: str) -> None:
        world, oracle = self.world(), self.oracle
        state, _ = oracle.state(name)
        decision = makers.decide(world, next(r for r in world.rules.values() if r.target == name))
        try:
            receipt = accept.adoptable(world, decision)
        except PisteError:
            assert oracle.key(name) is None or state == "missing"
            return
        accept.accept(world, decision, receipt)
        key = oracle.key(name)
        assert key is not None
        if state != "fresh":
            mine = state in ("edited", "foreign")
            oracle.receipts[name] = Receipt(key, norm(oracle.files[name]), mine)
            oracle.texts.add(norm(oracle.files[name]))

    @rule()
    def build_it(self) -> None:
        ticked = "[x] Always" in (self.read("list.md") or "")
        expected = self.expect()
        said = self.build()
        assert self.calls() == expected, said
        self.record()
        if ticked:
            assert "[x] Always" in (self.read("list.md") or ""), "a tick was lost"
        again = self.build()
        assert self.calls() == [], "the second build asked"
        assert all(one == "kept" or "Failed: " in one or "UserError: " in one for one in again)

    @rule()
    def overwrite_it(self) -> None:
        expected = self.expect(overwrite=True)
        mine = {name: self.read(name) for name in TARGETS}
        self.build(overwrite=True)
        assert self.calls() == expected
        self.record()
        kept = {path.read_text() for path in (self.folder / "data").glob("piste/store/blobs/*/*")}
        for name, text in mine.items():
            assert text is None or text == self.read(name) or text in kept, "a text is lost"

    @rule()
    def amend_it(self) -> None:
        expected = self.expect(amend=True)
        mine = {name: self.read(name) for name in TARGETS}
        said = self.build(amend=True)
        assert self.calls() == expected, said
        self.record()
        kept = {path.read_text() for path in (self.folder / "data").glob("piste/store/blobs/*/*")}
        for name, text in mine.items():
            assert text is None or text == self.read(name) or text in kept, "a text is lost"

    @rule(place=st.integers(1, 90))
    def kill_a_build(self, place: int) -> None:
        expected = self.expect()
        with faults.death(place):
            self.build()
        self.build()
        calls = self.calls()
        assert Counter(expected) <= Counter(calls)
        # At most the one reply that was being saved is paid for again.
        assert len(calls) <= len(expected) + 1
        assert set(calls) == set(expected)
        self.paid -= Counter(calls) - Counter(expected)
        self.record()
        known = {one[:2] for one in self.oracle.made}  # a kill may have come before the line
        self.oracle.made = {one for one in self.logged() if one[:2] in known}
        self.build()
        assert self.calls() == []

    @rule()
    def clone_it(self) -> None:
        """Go on in a clone: of .piste, git has the receipts only."""
        self.clones += 1
        other = self.folder / f"p{self.clones}"
        ignored = shutil.ignore_patterns("memo", "log.jsonl", "rejected", "lock")
        shutil.copytree(self.root, other, ignore=ignored)
        self.root = other
        self.oracle.made = set()  # the log stayed behind

    @rule()
    def make_a_branch(self) -> None:
        self.clones += 1
        other = self.folder / f"p{self.clones}"
        shutil.copytree(self.root, other)
        self.branch = (other, dict(self.oracle.files), dict(self.oracle.receipts))

    @precondition(lambda self: self.branch)
    @rule(name=st.sampled_from(TARGETS))
    def merge(self, name: str) -> None:
        """Take one target, and its receipt, from the branch."""
        assert self.branch
        other, files, receipts = self.branch
        for path in (name, f".piste/receipts/{name}.json"):
            (self.root / path).unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                (self.root / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(other / path, self.root / path)
        for theirs, ours in ((files, self.oracle.files), (receipts, self.oracle.receipts)):
            ours.pop(name, None)  # type: ignore[attr-defined]
            if name in theirs:
                ours[name] = theirs[name]  # type: ignore[index]

    # What holds after each step -------------------------------------------------------------

    def record(self) -> None:
        for name in TARGETS:
            if text := self.read(name):
                self.history[name].append(text)

    @invariant()
    def the_files_are_those_of_the_oracle(self) -> None:
        for name in TARGETS:
            text = self.read(name)
            assert (None if text is None else norm(text)) == self.oracle.files.get(name), name

    @invariant()
    def the_states_are_those_of_the_oracle(self) -> None:
        world = self.world()
        for rule_ in (world.rules["note"], world.rules["items"]):
            decision = makers.decide(world, rule_)
            assert (decision.state, decision.todo) == self.oracle.state(rule_.target), rule_.target

    @invariant()
    def nothing_was_paid_for_twice(self) -> None:
        assert all(count <= 1 for count in self.paid.values())


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, own_home: Path) -> None:
    """No server, no llm folder: the models m1 and m2."""
    known = {name: Fake(name) for name in ("m1", "m2")}
    monkeypatch.setattr(asking, "resolve", lambda name: known[name])
    monkeypatch.setenv("XDG_DATA_HOME", "")
    (own_home / "llm").mkdir()
    (own_home / "llm" / "logs-off").touch()


@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.timeout(3600)
def test_walks(fake: None, half: int) -> None:
    class Half(Walk):
        """A class of its own has walks of its own: they are drawn from its name."""

    Half.__name__ = Half.__qualname__ = f"Walk{half}"
    run_state_machine_as_test(
        Half,
        settings=settings(
            max_examples=WALKS // 2, stateful_step_count=STEPS, deadline=None, database=None,
            derandomize=not scale.SHARE, suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            phases=(Phase.generate, Phase.shrink),
        ),
    )  # fmt: skip
    scale.note(f"walks of {STEPS} steps beside the oracle", WALKS // 2)
