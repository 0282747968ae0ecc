"""Records of steps: what they hold, and whose they are."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.rig import Rig

from piste.documents.plan import Step
from piste.engine import records
from piste.engine.records import HAND, Record, Tick
from piste.system.errors import UserError


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig.make(tmp_path, monkeypatch)


def test_the_key_is_prompt_agent_version_and_model() -> None:
    one = Record("1", "T", "d", "claude", "2.0", "m")
    others = [
        one._replace(prompt="e"), one._replace(agent="codex"), one._replace(version="2.1"),
        one._replace(model="n"),
    ]  # fmt: skip
    assert len({record.key for record in [one, *others]}) == 5
    assert one._replace(step="2", title="U", tests="pytest").key == one.key


def test_the_digest_knows_no_marks() -> None:
    assert records.digest("Do [x] this\n- [x] a\n") == records.digest("Do [x] this\n- [ ] a")
    assert records.digest("Do this.") != records.digest("Do that.")


# Records ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step_id", ["1", "02", "1.1.3", "A/6", "3#2", "../../x", ".x", "é", "x" * 300]
)
def test_a_record_comes_back_from_its_file(rig: Rig, step_id: str) -> None:
    ticked = (Tick("todo.md", 3, "- [ ] \udcff", "- [x] \udcff", "Step"),)
    record = Record(step_id, "T “é”", "d", "claude", "1", "m", "pytest", "a\n\nb", "p.md", ticked)
    where = records.file_of(step_id)
    assert where.startswith(".piste/receipts/steps/")
    assert "/" not in where.removeprefix(".piste/receipts/steps/")
    rig.write(where, "").write_bytes(records.dump(record))
    assert records.load(rig.root) == {where: record}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda data: data[:40], "is damaged; restore it"),
        (lambda data: b"[]", "is damaged; restore it"),
        (lambda data: data.replace(b'"claude"', b'"codex"'), "does not agree with its own key"),
        (lambda data: data.replace(b'"T"', b"7"), "does not agree with its own key"),
        (lambda data: data.replace(b'"schema": 1', b'"schema": 2'), "was written by a newer piste"),
        (lambda data: b"<<<<<<< ours\n" + data, "holds conflict markers"),
        (lambda data: data.replace(b'"title"', b'"tilte"'), "is damaged"),
    ],
)
def test_a_damaged_record_is_named_with_the_way_out(rig: Rig, spoil, said: str) -> None:  # type: ignore[no-untyped-def]
    data = records.dump(Record("1", "T", "d", "claude"))
    (rig.root / records.FOLDER).mkdir(parents=True)
    (rig.root / records.file_of("1")).write_bytes(spoil(data))
    with pytest.raises(UserError, match=said) as caught:
        records.load(rig.root)
    assert records.file_of("1") in str(caught.value)


# Whose they are ---------------------------------------------------------------------------------

TITLES = ("Read RSS", "Write", "Encrypt", "")
PROMPTS = ("Read it.", "Write it.", "Write it, sorted.", "")
plans = st.lists(st.tuples(st.sampled_from(TITLES), st.sampled_from(PROMPTS)), max_size=5)


def steps_of(rows: list[tuple[str, str]]) -> list[Step]:
    return [Step(str(n), title, prompt, n, False, "") for n, (title, prompt) in enumerate(rows, 1)]


@given(plans, plans, st.sets(st.integers(1, 5)))
def test_a_step_that_was_never_built_gets_no_record(
    old: list[tuple[str, str]], new: list[tuple[str, str]], done: set[int]
) -> None:
    known = [
        records.of(step, "prompt_plan.md", HAND) for step in steps_of(old) if step.line in done
    ]
    found = records.matched(steps_of(new), known)
    assert len({id(record) for record in found if record}) == sum(map(bool, found))
    for step, record in zip(steps_of(new), found, strict=True):
        if record is not None:
            assert record.text == step.prompt or record.title == step.title != ""


@given(plans, st.permutations(range(5)))
def test_steps_that_only_moved_keep_their_records(
    rows: list[tuple[str, str]], order: list[int]
) -> None:
    rows = [row for row in dict.fromkeys(rows) if all(row)]
    known = [records.of(step, "prompt_plan.md", HAND) for step in steps_of(rows)]
    moved = [rows[at] for at in order if at < len(rows)]
    found = records.matched(steps_of(moved), known)
    assert [(record.title, record.text) for record in found if record] == moved
