"""The one decision: a table of what a person did and what changed, and that it only looks."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Small
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from piste.engine import freshness, hashing, makers, receipts, states
from piste.engine.stat_cache import StatCache
from piste.engine.states import (
    ADOPT,
    BLOCKED,
    CONFLICT,
    EDITED,
    FAILED,
    FOREIGN,
    FRESH,
    KEEP,
    MAKE,
    MISSING,
    RESTORE,
    STALE,
    Decision,
)

# What a person did to note.md since it was made.


def _touch(small: Small) -> None:
    os.utime(small.root / "note.md", (1, 1))


def _edit(small: Small) -> None:
    small.write("note.md", small.read() + "\nMine.\n")


def _edit_unseen(small: Small) -> None:
    """The same size, and the old time put back."""
    path = small.root / "note.md"
    before = path.stat()
    small.write("note.md", small.read()[:-2] + "!\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def _edit_and_revert(small: Small) -> None:
    made = small.read()
    _edit(small)
    small.write("note.md", made)


def _crlf(small: Small) -> None:
    small.write("note.md", small.read().replace("\n", "\r\n"))


PERSON: dict[str, Callable[[Small], None]] = {
    "nothing": lambda small: None,
    "touch": _touch,
    "edit": _edit,
    "edit, size and time as before": _edit_unseen,
    "edit and revert": _edit_and_revert,
    "other line ends": _crlf,
    "delete": lambda small: (small.root / "note.md").unlink(),
}
UNCHANGED = ("nothing", "touch", "edit and revert", "other line ends")
CHANGED_BY_HAND = ("edit", "edit, size and time as before")

# What changed around it, and the part that the reason has to name.
CHANGES: dict[str, tuple[Callable[[Small], None], str]] = {
    "nothing": (lambda small: None, ""),
    "input": (lambda small: small.write("in.md", "# In\n\nOther words.\n"), "input"),
    "prompt": (
        lambda small: small.write("prompts/note.md.j2", _prompt("Other words:")),
        "prompt",
    ),
    "model": (lambda small: small.settings(model="another"), "model"),
    "option": (lambda small: small.settings("options.seed = 1"), "options"),
    "language": (lambda small: small.settings('language = "Latin"'), "language"),
}

# From where a person starts, and what is then true of each thing done: without a change, with one.
MADE = {
    **dict.fromkeys(UNCHANGED, ((FRESH, KEEP), (STALE, MAKE))),
    **dict.fromkeys(CHANGED_BY_HAND, ((EDITED, KEEP), (EDITED, CONFLICT))),
    "delete": ((MISSING, RESTORE), (MISSING, MAKE)),
}
ACCEPTED = {
    **dict.fromkeys(UNCHANGED, ((FRESH, KEEP), (EDITED, CONFLICT))),
    **dict.fromkeys(CHANGED_BY_HAND, ((EDITED, KEEP), (EDITED, CONFLICT))),
    "delete": ((MISSING, RESTORE), (MISSING, MAKE)),
}
BROUGHT = {
    **dict.fromkeys((*UNCHANGED, *CHANGED_BY_HAND), ((FOREIGN, KEEP), (FOREIGN, KEEP))),
    "delete": ((MISSING, MAKE), (MISSING, MAKE)),
}


def _made(small: Small) -> None:
    small.make()


def _accepted(small: Small) -> None:
    small.make()
    _edit(small)
    small.accept()


def _brought(small: Small) -> None:
    small.write("note.md", "# Note\n\nA person's own.\n")


STARTS = {"made": (_made, MADE), "accepted": (_accepted, ACCEPTED), "brought": (_brought, BROUGHT)}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("person", PERSON)
@pytest.mark.parametrize("start", STARTS)
def test_the_table(small: Small, start: str, person: str, change: str) -> None:
    begin, table = STARTS[start]
    alter, part = CHANGES[change]
    begin(small)
    PERSON[person](small)
    alter(small)
    before = small.tree()

    decision = small.decide()

    assert (decision.state, decision.todo) == table[person][bool(part)]
    parts = {reason.part for reason in decision.reasons} - {"target"}
    assert parts == ({part} if part and decision.receipt else set())
    assert decision.up_to_date == (decision.todo == KEEP)
    assert bool(decision.why()) == (decision.state != FRESH)
    assert small.tree() == before


def test_the_reason_names_what_changed_with_both_values(small: Small) -> None:
    small.make()
    old = small.decide()
    small.settings('language = "Latin"', "options.seed = 1")
    small.write("in.md", "# Other\n")
    reasons = {reason.part: reason for reason in small.decide().reasons}
    assert reasons["input"].said == "in.md changed"
    assert reasons["input"].old == old.receipt.inputs["in.md"] != reasons["input"].new
    assert reasons["language"].said == "language: not set → Latin"
    assert reasons["options"].said == "options: not set → {'seed': 1}"


def test_one_and_one_point_nought_are_not_the_same_option(small: Small) -> None:
    small.settings("options.temperature = 1")
    before = small.decide().wanted
    small.settings("options.temperature = 1.0")
    now = small.decide().wanted
    assert before.key != now.key
    (reason,) = freshness.differences(before, now)
    assert reason.said == "options: {'temperature': 1} → {'temperature': 1.0}"


def test_whenever_the_key_differs_there_is_a_reason(small: Small) -> None:
    small.make()
    now = small.decide(language="Latin").wanted
    action = now.action
    others = {
        "rule": now._replace(rule="other"),
        "prompt": now._replace(action={**action, "prompt": "other.md.j2"}),
        "check": now._replace(action={**action, "check": "spec"}),
        "language": now._replace(action={k: v for k, v in action.items() if k != "language"}),
    }
    for part, other in others.items():
        assert other.key != now.key
        assert [reason.part for reason in freshness.differences(other, now)] == [part]


def test_ticking_a_box_changes_nothing(small: Small) -> None:
    small.settings(rule='kind = "todo"')
    small.make()
    small.write("note.md", small.read() + "\n- [ ] one\n")
    small.accept()
    small.write("note.md", small.read().replace("[ ]", "[x]"))
    assert small.decide().state == FRESH


def test_a_missing_input_blocks_and_is_named(small: Small) -> None:
    (small.root / "in.md").unlink()
    decision = small.decide()
    assert (decision.state, decision.todo) == (MISSING, BLOCKED)
    assert str(states.mistake_of(decision)) == "note.md: in.md is missing"


@pytest.mark.parametrize(
    ("start", "state", "todo"),
    [(_made, STALE, BLOCKED), (_accepted, EDITED, BLOCKED), (_brought, FOREIGN, KEEP)],
)
def test_a_target_whose_input_is_gone(
    small: Small, start: Callable[[Small], None], state: str, todo: str
) -> None:
    start(small)
    (small.root / "in.md").unlink()
    decision = small.decide()
    assert (decision.state, decision.todo) == (state, todo)


def test_the_first_name_of_an_input_that_is_there_counts(small: Small) -> None:
    world = small.world()
    spec = world.rules["spec"]
    assert freshness.chosen_inputs(world, spec) == ["brainstorm.md"]
    small.write("idea.md", "An idea.\n")
    assert freshness.chosen_inputs(world, spec) == ["idea.md"]
    small.write("brainstorm.md", "A talk.\n")
    assert freshness.chosen_inputs(world, spec) == ["brainstorm.md"]


def test_a_failure_of_one_target_is_a_decision(small: Small) -> None:
    small.make()
    small.write(f"{receipts.FOLDER}/note.md.json", "{")
    decision = small.decide()
    assert (decision.state, decision.todo) == (FAILED, BLOCKED)
    assert decision.reasons[0].part == "error"
    assert "note.md.json is damaged" in decision.why()


def test_what_a_receipt_says_cannot_move_the_cursor(small: Small) -> None:
    small.make()
    receipt = receipts.read(small.root, "note.md")
    evil = receipt._replace(
        inputs={"\x1b[2Jin.md": "0"}, action={**receipt.action, "\x1b[1A": "\x1b[31m"}
    )
    receipts.write(small.root, evil)
    assert small.decide().why().isprintable()


# The model ------------------------------------------------------------------------------


def test_a_model_that_is_only_a_default_leaves_what_another_made(
    small: Small, own_home: Path
) -> None:
    small.make()
    small.settings(model="")
    (own_home / "llm").mkdir(exist_ok=True)
    (own_home / "llm" / "default_model.txt").write_text("another")
    assert small.decide().state == FRESH
    mine = own_home / ".config" / "piste" / "piste.toml"
    mine.parent.mkdir(parents=True)
    mine.write_text('model = "yet another"\n')
    assert small.decide().state == FRESH
    assert small.decide(model="another").state == STALE


def test_what_must_be_made_anew_is_asked_of_the_present_default(
    small: Small, own_home: Path
) -> None:
    small.make()
    small.settings(model="")
    (own_home / "llm").mkdir(exist_ok=True)
    (own_home / "llm" / "default_model.txt").write_text("another")
    before = (small.root / "in.md").read_text()
    small.write("in.md", "# Other\n")
    assert small.decide().wanted.action["model"] == "another"
    small.write("in.md", before)
    (small.root / "note.md").unlink()
    assert small.decide().todo == RESTORE  # what the store has from the other model stands


def test_what_the_store_has_of_another_model_is_not_asked_for_anew(
    small: Small, own_home: Path
) -> None:
    first = small.read("in.md")
    small.make()
    small.settings(model="")
    (own_home / "llm").mkdir(exist_ok=True)
    (own_home / "llm" / "default_model.txt").write_text("another")
    small.write("in.md", "# Other\n")
    decision = small.decide()
    assert decision.why() == "in.md changed; model: outline → another"
    small.settings()
    small.make()
    small.write("in.md", first)
    small.settings(model="")
    decision = small.decide()  # the store has what outline said to this
    assert (decision.why(), decision.stored) == ("in.md changed", True)


def test_an_alias_is_the_model_that_it_names(small: Small, own_home: Path) -> None:
    (own_home / "llm").mkdir(exist_ok=True)
    aliases = own_home / "llm" / "aliases.json"
    aliases.write_text('{"quick": "outline"}')
    small.settings(model="quick")
    small.make()
    receipt = receipts.read(small.root, "note.md")
    assert (receipt.action["model"], receipt.action["model_asked"]) == ("outline", "quick")
    small.settings(model="outline")
    assert small.decide().state == FRESH  # by its own name
    small.settings(model="quick")
    aliases.unlink()
    assert small.decide().state == FRESH  # as on a machine that does not know the alias
    aliases.write_text('{"quick": "another"}')
    assert small.decide().state == STALE  # as on one where it means another model


def test_an_input_that_leads_out_of_the_project_is_refused(small: Small, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("# Secret\n")
    (small.root / "in.md").unlink()
    (small.root / "in.md").symlink_to(tmp_path / "secret.txt")
    decision = small.decide()
    assert (decision.state, decision.todo) == (FAILED, BLOCKED)
    assert "in.md leads out of the project" in decision.why()


def test_a_stale_target_that_was_forgotten_is_still_piste_s(small: Small) -> None:
    small.make()
    small.write("in.md", "# Other\n")
    receipts.path(small.root, "note.md").unlink()
    assert (small.decide().state, small.decide().todo) == (STALE, MAKE)
    _edit(small)
    assert small.decide().state == FOREIGN  # nobody knows this text but the person


# Adoption -------------------------------------------------------------------------------


def test_killed_between_target_and_receipt(small: Small) -> None:
    small.make()
    old = receipts.path(small.root, "note.md").read_bytes()
    small.write("in.md", "# Other\n")
    small.make()
    receipts.path(small.root, "note.md").write_bytes(old)
    decision = small.decide()
    assert (decision.state, decision.todo, decision.stored) == (STALE, ADOPT, True)


def test_a_lost_receipt_is_written_anew_from_the_store(small: Small) -> None:
    small.make()
    receipt = receipts.path(small.root, "note.md").read_bytes()
    receipts.path(small.root, "note.md").unlink()
    assert small.decide().todo == ADOPT
    small.make()
    assert receipts.path(small.root, "note.md").read_bytes() == receipt


def test_without_receipt_store_and_log_a_target_is_a_source(small: Small) -> None:
    small.make()
    receipts.path(small.root, "note.md").unlink()
    shutil.rmtree(small.world().store.folder)
    assert (small.decide().state, small.decide().todo) == (STALE, MAKE)  # the log has it
    (small.root / ".piste/log.jsonl").unlink()
    assert small.decide().state == FOREIGN


@pytest.mark.parametrize("lost", [(), ("store",), ("store", "log"), ("store", "log", "memo")])
def test_what_was_forgotten_is_still_known_as_made(small: Small, lost: tuple[str, ...]) -> None:
    small.make()
    receipts.forget(small.root, "note.md")
    if "store" in lost:
        shutil.rmtree(small.world().store.folder)
    for name in lost[1:]:
        (small.root / ".piste" / {"log": "log.jsonl"}.get(name, name)).unlink(missing_ok=True)
    decision = small.decide()
    assert (decision.state, decision.todo) == (STALE, MAKE if lost else ADOPT)
    assert decision.stored == (not lost)
    text = small.read()
    assert small.make().event == ("made" if lost else "adopted")
    assert small.read() == text
    assert small.decide().state == FRESH


def test_a_persons_text_in_what_was_forgotten_is_not_overwritten(small: Small) -> None:
    small.make()
    receipts.forget(small.root, "note.md")
    _edit(small)
    assert (small.decide().state, small.decide().todo) == (EDITED, CONFLICT)


def test_without_the_store_a_missing_target_is_made(small: Small) -> None:
    small.make()
    (small.root / "note.md").unlink()
    assert small.decide().todo == RESTORE
    shutil.rmtree(small.world().store.folder)
    decision = small.decide()
    assert (decision.todo, decision.stored) == (MAKE, False)


def test_a_result_that_is_stored_is_announced(small: Small) -> None:
    small.make()
    first = small.read("in.md")
    small.write("in.md", "# Other\n")
    assert not small.decide().stored
    small.make()
    small.write("in.md", first)
    assert (small.decide().todo, small.decide().stored) == (MAKE, True)


# The memo -------------------------------------------------------------------------------


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every file be old enough for the memo."""
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + 10**10)


def _note(small: Small) -> Decision:
    world = small.world()
    decision = makers.decide(world, world.rules["note"])
    world.stat_cache.save()
    return decision


def test_what_was_found_fresh_is_not_read_again(
    small: Small, later: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.make()
    assert _note(small).state == FRESH
    monkeypatch.setattr(hashing, "look", lambda *_: pytest.fail("read again"))
    assert small.decide().state == FRESH


@pytest.mark.parametrize("name", ["in.md", "note.md", ".piste/receipts/note.md.json"])
def test_the_memo_sees_what_was_changed_in_place(small: Small, later: None, name: str) -> None:
    small.make()
    _note(small)
    _clock_moves(small.root.parent)
    _swap_case(small.root / name)
    assert small.decide().state != FRESH


def test_a_file_changed_just_now_is_not_remembered(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The worst clock there is: every version of a file of one size looks the same.
    monkeypatch.setattr(hashing, "signature", lambda st: b"%d" % st.st_size)
    small.make()
    assert _note(small).state == FRESH
    _edit_unseen(small)
    assert small.decide().state == EDITED


@pytest.mark.parametrize("name", ["in.md", "note.md"])
def test_a_file_changed_while_it_is_looked_at_is_not_remembered(
    small: Small, later: None, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    small.make()
    real = hashing.look

    def look(root: Path, path: str, *how: Any, **of: Any) -> hashing.Seen | None:
        seen = real(root, path, *how, **of)
        if path == name:
            (root / path).write_text("# Somebody else's\n")
        return seen

    with monkeypatch.context() as patch:
        patch.setattr(hashing, "look", look)
        _note(small)
    assert small.decide().state != FRESH


def test_the_memo_knows_the_alias_of_a_rules_own_model(
    small: Small, later: None, own_home: Path
) -> None:
    (own_home / "llm").mkdir(exist_ok=True)
    aliases = own_home / "llm" / "aliases.json"
    aliases.write_text('{"quick": "outline"}')
    small.settings(rule='model = "quick"')
    small.make()
    _note(small)
    aliases.write_text('{"quick": "another"}')
    assert small.decide().state == STALE


def test_the_memo_knows_the_kinds_of_the_inputs(small: Small, later: None) -> None:
    other = '[rules.other]\ntarget = "in.md"\ninputs = ["idea.md"]\nprompt = "note.md.j2"\n'
    small.settings(rule=other + 'kind = "todo"')
    small.write("in.md", "# In\n\n- [x] one\n")
    small.make()
    assert _note(small).state == FRESH
    small.settings(rule=other)
    assert small.decide().state == STALE


def test_a_whole_decision_does_not_ask_the_memo(small: Small, later: None) -> None:
    small.make()
    without = _note(small)
    world = small.world()
    short = makers.decide(world, world.rules["note"])
    assert (short.state, short.receipt) == (FRESH, None)
    assert makers.decide(world, world.rules["note"], whole=True) == without


# Each step takes True or False for one of two values, so that many lead back to what was made.
_STEPS: dict[str, Callable[[Small, bool], object]] = {
    "input": lambda small, on: small.write("in.md", "# In\n" if on else "# Another\n"),
    "touch": lambda small, on: os.utime(small.root / "in.md", (on, on)),
    "swap case of the input": lambda small, on: _swap_case(small.root / "in.md"),
    "swap case of the target": lambda small, on: _swap_case(small.root / "note.md"),
    "delete": lambda small, on: (small.root / "note.md").unlink(missing_ok=True),
    "prompt": lambda small, on: small.write("prompts/note.md.j2", _prompt("One" if on else "Two")),
    "language": lambda small, on: small.settings('language = "Latin"' if on else ""),
    "model": lambda small, on: small.settings(model="outline" if on else "another"),
    "make": lambda small, on: small.make(overwrite=True, again=on),
}


def _prompt(words: str) -> str:
    return f'+++\ninputs = ["text"]\nsettings = ["language"]\n+++\n{words}: {{{{ text }}}}\n'


def _swap_case(path: Path) -> None:
    """Change a file in place: its size, inode and time of modification stay."""
    if path.exists():
        before = path.stat()
        path.write_bytes(path.read_bytes().swapcase())
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _clock_moves(folder: Path) -> None:
    """Wait until the file system's clock tells now from before: some milliseconds."""
    probe = folder / "probe"
    probe.write_bytes(b"")
    before = probe.stat().st_ctime_ns
    while probe.stat().st_ctime_ns == before:
        probe.write_bytes(b"")


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from(sorted(_STEPS)), st.booleans()), max_size=6))
def test_with_and_without_the_memo_the_answer_is_the_same(
    small: Small, later: None, tmp_path: Path, steps: list[tuple[str, bool]]
) -> None:
    small.settings()
    small.make(overwrite=True)
    for name, on in [("touch", True), *steps]:
        _clock_moves(tmp_path)
        if name != "make" or small.world().config.model == "outline":
            _STEPS[name](small, on)
        for _ in range(2):  # the second look may come from the memo
            with_memo = _note(small)
            world = small.world()._replace(stat_cache=StatCache(tmp_path / "none"))
            without = makers.decide(world, world.rules["note"])
            assert with_memo[:4] == without[:4]  # rule, state, todo, reasons


@pytest.mark.parametrize("part", ["note.md.j2", "_rules.md.j2"])
def test_a_prompt_of_ones_own_that_makes_a_teams_target_stale_is_said(
    small: Small, part: str
) -> None:
    small.write("prompts/_rules.md.j2", "Be short.")
    words = '+++\ninputs = ["text"]\n+++\n{% include "_rules.md.j2" %} {{ text }}\n'
    small.write("prompts/note.md.j2", words)
    small.make()
    (small.root / "prompts" / part).unlink()
    own = Path.home() / ".config/piste/prompts" / part
    own.parent.mkdir(parents=True)
    own.write_text(f"{words if part == 'note.md.j2' else ''} Mine.")
    mine = "yours" if part == "note.md.j2" else "your _rules.md.j2"
    assert small.decide().why() == (
        f"the prompt note.md.j2 changed: {mine} in ~/.config/piste/prompts"
    )
