"""Making a target: paid once, nothing lost, and every end of it told in one line."""

import functools
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Small
from support.standin import Fault, Request, StandIn

from piste.engine import freshness, log, make, makers, receipts, rejected
from piste.engine import project as piste_project
from piste.engine.states import FAILED, FRESH, STALE
from piste.model import asking, prices
from piste.model.prices import Price
from piste.system import atomic_write, locks, screen
from piste.system.errors import Failed, UserError

GOOD = "# Reply\n\n## One\n\nWords.\n"


def _document(request: Request) -> str:
    return f"# Reply {request.number}\n\n## One\n\nWords.\n"


@pytest.fixture
def paid(small: Small, standin: StandIn) -> StandIn:
    """A model that costs something: every reply is another one."""
    small.settings("retries = 0", model="chat-ok")
    standin.reply(_document)
    return standin


def _events(small: Small) -> list[str]:
    return [entry.event for entry in log.entries(small.root)]


# Paid once ------------------------------------------------------------------------------


def test_a_target_is_made_and_then_stands(small: Small, paid: StandIn) -> None:
    outcome = small.make()
    assert outcome.event == "made"
    assert outcome.said.startswith("note.md made by chat-ok, ")
    assert small.read() == "# Reply 1\n\n## One\n\nWords.\n"
    assert paid.requests[0].prompt == "Note this:\n\n# In\n\nWords."
    assert small.make() == ("kept", "note.md is fresh (doit note --again asks anew)")
    assert len(paid.requests) == 1
    assert small.decide().state == FRESH


def test_the_line_of_a_making_says_what_the_document_holds(small: Small, standin: StandIn) -> None:
    small.settings("retries = 0", model="chat-ok", rule='check = "review"')
    standin.reply("# Review\n\n## 1. T\n\n**File:** in.md:1\n**Severity:** high\n")
    assert small.make().said.endswith("; 1 finding: 1 high")
    (small.root / "note.md").unlink()
    receipts.path(small.root, "note.md").unlink()
    assert small.make().said.endswith("at no cost; 1 finding: 1 high")


def test_what_was_asked_once_is_never_asked_again(small: Small, paid: StandIn) -> None:
    first = small.read("in.md")
    small.make()
    small.write("in.md", "# Other\n")
    small.make()
    small.write("in.md", first)
    assert small.make() == ("taken", "note.md taken from the store, at no cost")
    assert small.read().startswith("# Reply 1\n")
    assert len(paid.requests) == 2
    assert [(e.event, e.cost) for e in log.entries(small.root)][-1] == ("taken", 0.0)


def test_another_clone_on_this_machine_is_not_paid_for(small: Small, paid: StandIn) -> None:
    small.make()
    other = Small(small.root.parent / "other")
    for name in ("in.md", "piste.toml", "prompts/note.md.j2"):
        other.write(name, small.read(name))
    assert other.make().event == "taken"
    assert other.read() == small.read()
    assert len(paid.requests) == 1


def test_a_deleted_target_comes_back_byte_for_byte(small: Small, paid: StandIn) -> None:
    small.make()
    before = small.read()
    (small.root / "note.md").unlink()
    assert small.make() == ("restored", "note.md is back, as it was made, at no cost")
    assert small.read() == before
    assert len(paid.requests) == 1


def test_again_asks_although_the_answer_is_known(small: Small, paid: StandIn) -> None:
    small.make()
    small.make(again=True)
    assert small.read().startswith("# Reply 2\n")
    (small.root / "note.md").unlink()
    small.make()
    assert small.read().startswith("# Reply 2\n")
    small.write("note.md", "# Reply 1\n\n## One\n\nWords.\n")  # the first answer, put back
    assert small.make().event == "adopted"
    assert len(paid.requests) == 2


def test_again_asks_though_the_memo_knows_the_target_as_fresh(
    small: Small, paid: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.make()
    monkeypatch.setattr("piste.engine.hashing._TICK", -(10**12))  # every file is old enough
    world = small.world()
    makers.decide(world, small.rule(world))
    world.stat_cache.save()
    assert small.decide().receipt is None  # this came from the memo
    small.make(again=True)
    assert small.read().startswith("# Reply 2\n")


def test_threads_at_once_on_one_key_pay_once(small: Small, paid: StandIn) -> None:
    outcomes: list[make.Outcome] = []
    world = small.world()
    small.decide()  # so that all of them begin with llm loaded
    gate = threading.Barrier(4)

    def work() -> None:
        gate.wait()
        outcomes.append(makers.make(world, small.rule(world)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 4
    assert len(paid.requests) == 1
    assert small.decide().state == FRESH


def test_two_processes_at_once_pay_once_and_the_one_that_waits_says_so(
    small: Small, paid: StandIn
) -> None:
    may_answer = threading.Event()
    asked = threading.Event()

    def slowly(request: Request) -> str:
        asked.set()
        assert may_answer.wait(60)
        return _document(request)

    paid.reply(slowly)
    start = functools.partial(
        subprocess.Popen, [sys.executable, "-m", "doit", "note"], cwd=small.root,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    first = start()
    assert asked.wait(60)
    second = start()
    said = ""
    while "waiting for" not in said:
        said += second.stderr.readline()
    may_answer.set()
    first_said = first.communicate(timeout=60)[1]
    rest = second.communicate(timeout=60)[1]
    assert (first.returncode, second.returncode) == (0, 0)
    assert f"note.md: waiting for process {first.pid} on " in said
    assert f"which is at note.md in {small.root}" in said
    assert "note.md made by chat-ok" in first_said
    assert "taken from the store" in rest
    assert len(paid.requests) == 1


# Nothing is lost ------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for a kill: nothing that piste does may catch it."""


WRITERS = ("write", "append")


def _dying(
    monkeypatch: pytest.MonkeyPatch, nth: int, after: bool, error: BaseException
) -> list[str]:
    """Let the n-th durable write fail, before or after it is done; return what was written."""
    written: list[str] = []

    def wrap(real: Callable[..., None]) -> Callable[..., None]:
        def call(path: Path, data: bytes, **named: Any) -> None:
            dies = len(written) == nth
            written.append(str(path))
            if dies and not after:
                raise error
            real(path, data, **named)
            if dies:
                raise error

        return call

    for name in WRITERS:
        monkeypatch.setattr(atomic_write, name, wrap(getattr(atomic_write, name)))
    return written


WRITES = {"new": 9, "stale": 7}  # writes of one making; "stale": prompt and project are known


def _start(small: Small, start: str) -> int:
    """Bring the project there; return how many requests that took."""
    if start == "new":
        return 0
    small.make()
    small.write("in.md", "# Other\n")
    return 1


@pytest.mark.parametrize("start", WRITES)
def test_how_many_writes_there_are(
    small: Small, paid: StandIn, monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    _start(small, start)
    written = _dying(monkeypatch, -1, False, Killed())
    small.make()
    assert len(written) == WRITES[start]


def test_the_order_of_the_writes(
    small: Small, paid: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = _dying(monkeypatch, -1, False, Killed())
    small.make()
    store = str(small.world().store.folder)
    order = [
        Path(path).relative_to(store).parts[0] if path.startswith(store)
        else str(Path(path).relative_to(small.root))
        for path in written
    ]  # fmt: skip
    assert order[0] == "replies"  # the paid reply, before all else
    assert order[-3:] == ["note.md", ".piste/receipts/note.md.json", ".piste/log.jsonl"]
    # What it was made from, for `why`, and in which project, for `piste store gc`.
    assert set(order[1:-3]) == {"blobs", "projects"}


@pytest.mark.parametrize(
    ("model", "synced"), [("chat-ok", "reply note receipt"), ("outline", "note receipt")]
)
def test_what_cannot_be_had_again_for_nothing_is_synced(
    small: Small, paid: StandIn, monkeypatch: pytest.MonkeyPatch, model: str, synced: str
) -> None:
    small.settings(model=model)
    names = {"replies": "reply", "note.md": "note", "note.md.json": "receipt"}
    found: list[str] = []
    write = atomic_write.write

    def noted(path: Path, data: bytes, *, sync: bool = True, **named: Any) -> None:
        if sync:
            found.append(names[path.parts[-3] if "replies" in path.parts else path.name])
        write(path, data, sync=sync, **named)

    monkeypatch.setattr(atomic_write, "write", noted)
    small.make()
    assert " ".join(found) == synced


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("start", "nth"), [(start, nth) for start, count in WRITES.items() for nth in range(count)]
)
def test_killed_at_any_write_the_next_run_ends_right_and_pays_no_more(
    small: Small, paid: StandIn, monkeypatch: pytest.MonkeyPatch, start: str, nth: int, after: bool
) -> None:
    before = _start(small, start)
    old = small.read() if before else None
    with monkeypatch.context() as patch, pytest.raises(Killed):
        _dying(patch, nth, after, Killed())
        small.make()
    replies = small.world().store.replies(small.decide().key)
    target = small.root / "note.md"
    text = target.read_text() if target.exists() else None
    assert text in (old, f"# Reply {before + 1}\n\n## One\n\nWords.\n")
    assert text != old or small.decide().state != FRESH

    small.make()

    assert small.decide().state == FRESH
    assert len(paid.requests) == before + (1 if replies else 2)
    assert small.read() == f"# Reply {len(paid.requests)}\n\n## One\n\nWords.\n"
    assert small.make().event == "kept"


@pytest.mark.parametrize("nth", range(WRITES["new"]))
def test_a_full_disk_at_any_write_is_one_line_and_costs_nothing_more(
    small: Small, paid: StandIn, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    with monkeypatch.context() as patch:
        _dying(patch, nth, False, OSError(28, "No space left on device", "somewhere"))
        with pytest.raises(Failed, match="No space left on device") as raised:
            small.make()
    assert len(str(raised.value).splitlines()) == 1
    assert "paid" in str(raised.value)
    small.make()
    assert small.decide().state == FRESH
    assert len(paid.requests) == (2 if nth < 1 else 1)


def test_a_paid_reply_that_the_store_cannot_take_is_kept_elsewhere(
    small: Small, paid: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    _dying(monkeypatch, 0, False, OSError(30, "Read-only file system"))
    with pytest.raises(Failed, match=r"cannot be written \(Read-only file system\)") as raised:
        small.make()
    where = Path(str(raised.value).rpartition("the paid reply is in ")[2])
    assert where.read_text() == "# Reply 1\n\n## One\n\nWords.\n"


def test_a_paid_reply_that_no_folder_can_take_is_printed(
    small: Small, paid: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, data: bytes, **_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_write, "write", full)
    with pytest.raises(Failed, match="the paid reply is printed above"):
        small.make()
    assert "# Reply 1\n\n## One\n\nWords.\n" in capsys.readouterr().err


@pytest.mark.parametrize("act", ["adopt", "restore"])
@pytest.mark.parametrize("nth", range(2))
def test_a_full_disk_when_nothing_is_paid_for(
    small: Small, paid: StandIn, monkeypatch: pytest.MonkeyPatch, act: str, nth: int
) -> None:
    small.make()
    receipt = receipts.path(small.root, "note.md")
    (receipt if act == "adopt" else small.root / "note.md").unlink()
    with monkeypatch.context() as patch:
        _dying(patch, nth, False, OSError(28, "No space left on device", "somewhere"))
        with pytest.raises(Failed, match=r"^note.md: somewhere cannot be written: No space left"):
            small.make()
    small.make()
    assert small.decide().state == FRESH
    assert len(paid.requests) == 1


DIES = """
import os, sys
from piste import cli
from piste.system import atomic_write as durable
left = [int(sys.argv[1])]
def wrap(real):
    def call(*args, **named):
        if not left[0]:
            os._exit(9)
        left[0] -= 1
        real(*args, **named)
    return call
durable.write, durable.append = wrap(durable.write), wrap(durable.append)
sys.exit(cli.main(["note"]))
"""


@pytest.mark.parametrize(("nth", "requests"), [(0, 2), (1, 1), (5, 1)])
def test_a_process_that_dies_holds_no_lock(
    small: Small, paid: StandIn, nth: int, requests: int
) -> None:
    died = subprocess.run([sys.executable, "-c", DIES, str(nth)], cwd=small.root, timeout=60)
    assert died.returncode == 9
    small.make()
    assert small.decide().state == FRESH
    assert len(paid.requests) == requests


# What a person wrote --------------------------------------------------------------------


def test_what_a_person_edited_is_not_overwritten_and_nothing_is_paid(
    small: Small, paid: StandIn
) -> None:
    small.make()
    small.write("note.md", "# Mine\n")
    assert small.make().said.startswith("note.md is kept: edited by hand")
    small.write("in.md", "# Other\n")
    for options in ({}, {"again": True}):
        with pytest.raises(Failed) as raised:
            small.make(**options)
        assert str(raised.value) == (
            "note.md holds your own text, and in.md changed: nothing was overwritten, nothing was "
            "paid; see it: piste diff note.md, keep it: piste accept note.md, have it amended: "
            "doit note --amend, replace it: doit note --overwrite"
        )
    assert small.read() == "# Mine\n"
    assert len(paid.requests) == 1


def test_overwrite_keeps_the_old_text(small: Small, paid: StandIn) -> None:
    small.make()
    small.write("note.md", "# Mine\n")
    small.write("in.md", "# Other\n")
    small.make(overwrite=True)
    assert small.read().startswith("# Reply 2\n")
    (kept,) = small.world().store.kept(str(small.root), "note.md")
    assert small.world().store.blob(kept.blob) == b"# Mine\n"
    assert _events(small) == ["made", "replaced", "made"]


def test_a_file_that_a_person_brought_is_replaced_on_request_only(
    small: Small, paid: StandIn
) -> None:
    small.write("note.md", "# Mine\n")
    assert small.make().said == (
        "note.md is kept: piste did not make it (doit note --overwrite replaces it)"
    )
    (small.root / "dodo.py").unlink()
    assert "(piste note --overwrite replaces it)" in small.make().said
    with pytest.raises(Failed, match=r"note\.md holds your own text: nothing was overwritten"):
        small.make(again=True)
    assert len(paid.requests) == 0
    small.make(overwrite=True)
    assert small.read().startswith("# Reply 1\n")
    assert len(small.world().store.kept(str(small.root), "note.md")) == 1


def test_overwrite_of_an_edited_target_takes_a_stored_reply_and_pays_nothing(
    small: Small, paid: StandIn
) -> None:
    small.make()
    small.write("note.md", "# Mine\n")
    assert small.make(overwrite=True).event == "taken"
    assert len(paid.requests) == 1


def test_an_accepted_text_is_a_conflict_when_its_inputs_change(small: Small, paid: StandIn) -> None:
    small.make()
    small.write("note.md", "# Mine\n")
    small.accept()
    assert small.make().event == "kept"
    small.write("in.md", "# Other\n")
    with pytest.raises(Failed, match=r"note\.md holds your own text, and in.md changed"):
        small.make()
    assert (small.read(), len(paid.requests)) == ("# Mine\n", 1)


@pytest.mark.parametrize("standing", [False, True], ids=["new", "stale"])
def test_a_target_changed_during_the_call_is_left_alone(
    small: Small, paid: StandIn, standing: bool
) -> None:
    if standing:
        small.make()
        small.write("in.md", "# Other\n")

    def meanwhile(request: Request) -> str:
        small.write("note.md", "# Mine\n")
        return _document(request)

    paid.reply(meanwhile)
    with pytest.raises(Failed, match=r"note\.md was changed while it was being made: it is left"):
        small.make()
    assert small.read() == "# Mine\n"
    requests = len(paid.requests)
    small.make(overwrite=True)
    assert len(paid.requests) == requests  # "the new text is in the store"


def test_a_target_deleted_during_the_call_is_a_change_too(small: Small, paid: StandIn) -> None:
    small.make()
    small.write("in.md", "# Other\n")

    def meanwhile(request: Request) -> str:
        (small.root / "note.md").unlink()
        return _document(request)

    paid.reply(meanwhile)
    with pytest.raises(Failed, match="was changed while it was being made"):
        small.make()
    assert small.make().event == "taken"


def test_an_input_edited_during_the_call_leaves_the_target_stale(
    small: Small, paid: StandIn
) -> None:
    first = small.read("in.md")

    def meanwhile(request: Request) -> str:
        small.write("in.md", "# Edited meanwhile\n")
        return _document(request)

    paid.reply(meanwhile)
    small.make()
    decision = small.decide()
    assert (decision.state, decision.why()) == ("stale", "in.md changed")
    small.write("in.md", first)
    assert small.decide().state == FRESH


def test_an_input_edited_between_decision_and_call_is_in_the_key(
    small: Small, paid: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = make.read_inputs

    def edited(*args: Any) -> make.Sources:
        small.write("in.md", "# Edited just now\n")
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(make, "read_inputs", edited)
        small.make()
    assert paid.requests[0].prompt.endswith("# Edited just now")
    assert small.decide().state == FRESH


# Replies that are no results ------------------------------------------------------------

BAD = {
    "cut": (Fault("length", GOOD), "cut: finish_reason is 'length'"),
    "filtered": (Fault("filter", GOOD), "filtered: finish_reason is 'content_filter'"),
    "broken off": (Fault("nofinish", GOOD), "cut: the stream ended early"),
    "refused by field": (Fault("refusal", GOOD), "refused: the model refused: I'm sorry"),
    "no text": (Fault("empty", GOOD), "empty: the reply has no text"),
    "blank": (" \n\n ", "empty: the reply has no text"),
    "refused in words": ("I'm sorry, but I can't help with that.", "the model refused: I'm sorry"),
    "asked back": ("Which one do you mean?", "the model asked back: Which one"),
    "of the wrong shape": ("Words without a heading.", "the reply has no heading"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_reply_is_kept_aside_asked_once_more_and_then_it_fails(
    small: Small, paid: StandIn, case: str
) -> None:
    small.make()
    old = small.tree()
    small.write("in.md", "# Other\n")
    reply, reason = BAD[case]
    paid.reply(reply)
    with pytest.raises(Failed) as raised:
        small.make()
    said = str(raised.value)
    assert said.startswith("note.md: the reply of chat-ok was no result, twice: ")
    assert reason in said
    assert len(said.splitlines()) == 1
    assert len(paid.requests) == 3
    assert paid.requests[2].prompt.startswith(paid.requests[1].prompt)
    assert f"could not be used: {reason}" in paid.requests[2].prompt

    now = small.tree()
    for name in ("note.md", ".piste/receipts/note.md.json"):
        assert now[str(small.root / name)] == old[str(small.root / name)]
    last = rejected.last(small.root, "note.md")
    assert last is not None
    assert reason in last.reason
    assert last.file in said
    assert (small.root / last.file).exists()
    assert _events(small) == ["made", "rejected", "rejected"]
    assert small.decide().state == FAILED
    assert reason in small.decide().why()
    assert small.world().store.replies(last.key) == []


def test_a_failed_try_counts_until_what_is_asked_changes(small: Small, paid: StandIn) -> None:
    small.make()
    small.write("in.md", "# Other\n")
    paid.reply(Fault("refusal"))
    with pytest.raises(Failed):
        small.make()
    assert small.decide().state == FAILED
    small.write("in.md", "# Another again\n")
    assert small.decide().state == STALE
    small.write("in.md", "# Other\n")
    paid.reply(GOOD)
    small.make()
    assert small.decide().state == FRESH


@pytest.mark.parametrize("case", BAD)
def test_a_bad_reply_followed_by_a_good_one(small: Small, paid: StandIn, case: str) -> None:
    paid.reply(lambda request: BAD[case][0] if request.number == 1 else GOOD)
    assert small.make().event == "made"
    assert small.read() == GOOD
    assert small.decide().state == FRESH
    assert len(paid.requests) == 2
    assert _events(small) == ["rejected", "made"]


@pytest.mark.parametrize(
    "reply",
    [
        f"Sure! Here it is:\n\n{GOOD}\nLet me know if it helps!",
        f"```markdown\n{GOOD}```",
        GOOD.replace("\n", "\r\n"),
    ],
)
def test_what_is_around_a_document_is_taken_off(small: Small, paid: StandIn, reply: str) -> None:
    paid.reply(reply)
    small.make()
    assert small.read() == GOOD
    (record,) = small.world().store.replies(small.decide().key)
    assert record.text == reply  # as it came
    (small.root / ".piste/receipts/note.md.json").unlink()
    assert small.make().event == "adopted"
    (small.root / "note.md").unlink()
    assert small.make().event == "restored"
    assert small.read() == GOOD


def test_a_plan_without_steps_is_no_plan(small: Small, paid: StandIn) -> None:
    small.settings("retries = 0", model="chat-ok", rule='check = "plan"')
    paid.reply("# Plan\n\nFirst do this, then that.\n")
    with pytest.raises(Failed, match="so it is no plan"):
        small.make()


def test_a_lone_surrogate_in_a_reply(small: Small, paid: StandIn) -> None:
    paid.reply(f"{GOOD}\nA broken \ud83d sign.\n")
    small.make()
    assert small.read() == f"{GOOD}\nA broken ? sign.\n"
    assert small.decide().state == FRESH


def test_a_stricter_check_reaches_what_is_stored(small: Small, paid: StandIn) -> None:
    paid.reply("# Title only\n")
    small.make()
    (small.root / "note.md").unlink()
    receipts.path(small.root, "note.md").unlink()
    world = small.world()
    strict = small.rule(world)._replace(check="spec")
    key = makers.decide(world, small.rule(world)).key
    assert next(freshness.results(world, small.rule(world), key), None) is not None
    assert next(freshness.results(world, strict, key), None) is None


def test_damaged_in_the_store_is_asked_for_again(small: Small, paid: StandIn) -> None:
    small.make()
    (small.root / "note.md").unlink()
    for path in small.world().store.folder.glob("*/*/*"):
        path.write_bytes(path.read_bytes()[:-5])
    assert small.make().event == "made"
    assert small.read().startswith("# Reply 2\n")


# A call that fails ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("500", "note.md: chat-ok: the server failed"),
        ("429", "note.md: chat-ok: too many requests"),
        ("401", "note.md: chat-ok: the key was not accepted"),
        ("ctx", "note.md: chat-ok: the prompt is too long for it"),
        ("dropconn", "note.md: chat-ok: the connection failed"),
    ],
)
def test_a_call_that_fails_is_one_line_in_the_log_too(
    small: Small, paid: StandIn, words: str, said: str
) -> None:
    paid.reply(Fault(words, GOOD))
    with pytest.raises(Failed) as raised:
        small.make()
    assert str(raised.value).startswith(said)
    assert len(str(raised.value).splitlines()) == 1
    (entry,) = log.entries(small.root)
    assert entry.event == "failed"
    assert entry.reason in str(raised.value)
    assert not (small.root / "note.md").exists()


def test_what_had_come_before_a_call_failed_is_kept_aside(small: Small, paid: StandIn) -> None:
    paid.reply(Fault("cutreset", GOOD * 20))
    with pytest.raises(Failed, match=r"what had come is in \.piste/rejected/note.md"):
        small.make()
    last = rejected.last(small.root, "note.md")
    assert last is not None
    come = (small.root / last.file).read_text()
    assert come
    assert (GOOD * 20).startswith(come)


def test_a_run_that_is_stopped_ends_at_once_and_the_next_one_is_right(
    small: Small, paid: StandIn
) -> None:
    stop = threading.Event()

    def stopped(request: Request) -> Fault:
        stop.set()
        return Fault("latency=30", GOOD)

    paid.reply(stopped)
    with pytest.raises(Failed, match="stopped"):
        small.make(stop=stop)
    paid.reply(GOOD)
    small.make()
    assert small.decide().state == FRESH


def test_who_waits_for_another_run_can_be_stopped(small: Small, paid: StandIn) -> None:
    stop = threading.Event()
    stop.set()
    key = small.decide().key
    with (
        locks.hold(small.world().store.folder / "locks" / key, "note.md"),
        pytest.raises(InterruptedError),
    ):
        small.make(stop=stop)
    assert len(paid.requests) == 0


# Said before anything is paid -----------------------------------------------------------


def _folder_at_target(small: Small) -> None:
    (small.root / "note.md").mkdir()


def _target_leads_away(small: Small) -> None:
    (small.root / "note.md").symlink_to(small.root / "elsewhere.md")


def _state_is_a_file(small: Small) -> None:
    small.write(".piste", "")


def _state_leads_out(small: Small) -> None:
    (small.root.parent / "outside").mkdir()
    (small.root / ".piste").symlink_to("../outside")


def _store_is_a_file(small: Small) -> None:
    folder = small.world().store.folder
    folder.parent.mkdir(parents=True)
    folder.write_text("")


def _not_utf_8(small: Small) -> None:
    small.write("in.md", b"# In\n\xff\n")


BEFORE: dict[str, tuple[Callable[[Small], object], str]] = {
    "a folder at the target": (_folder_at_target, "note.md is a folder; a file was expected"),
    "a symlink at the target": (_target_leads_away, "note.md is a symlink to "),
    "a file where .piste should be": (_state_is_a_file, "is not a folder; move it away"),
    "a .piste that leads out": (
        _state_leads_out,
        ".piste: its folder leads out of the project, to ",
    ),
    "a file where the store should be": (_store_is_a_file, "is not a folder; move it away"),
    "no input": (lambda small: (small.root / "in.md").unlink(), "note.md: in.md is missing"),
    "an empty input": (lambda small: small.write("in.md", " \n"), "in.md is empty"),
    "a folder for an input": (
        lambda small: ((small.root / "in.md").unlink(), (small.root / "in.md").mkdir()),
        "in.md is a folder; a file was expected",
    ),
    "an input that is not UTF-8": (_not_utf_8, "in.md: byte 5 (line 2) is not UTF-8"),
    "no such model": (lambda small: small.settings(model="chat-okk"), "did you mean 'chat-ok'?"),
    "no such option": (
        lambda small: small.settings("options.tempo = 1", model="chat-ok"),
        "chat-ok has no option 'tempo'",
    ),
    "no such template": (
        lambda small: (
            small.settings(rule='[rules.x]\ntarget="x.md"\ninputs=[]\nprompt="x"')
            or (small.root / "prompts/note.md.j2").unlink()
        ),
        "no template 'note.md.j2' in prompts",
    ),
    "a template for two inputs": (
        lambda small: small.write("prompts/note.md.j2", '+++\ninputs = ["a", "b"]\n+++\n'),
        "takes 2 inputs, rule note has 1; make them agree",
    ),
    "a mistake in the template": (
        lambda small: small.write("prompts/note.md.j2", '+++\ninputs = ["a"]\n+++\n{{ b }}'),
        "note.md.j2 (prompts), line 4: there is no variable 'b'",
    ),
}


@pytest.mark.parametrize("what", BEFORE)
def test_said_before_anything_is_paid(small: Small, paid: StandIn, what: str) -> None:
    spoil, said = BEFORE[what]
    spoil(small)
    with pytest.raises(UserError) as raised:
        small.make()
    assert said in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1
    assert len(paid.requests) == 0


@pytest.mark.parametrize("act", ["adopt", "restore"])
def test_nothing_is_written_through_a_piste_that_leads_out(
    small: Small, paid: StandIn, act: str
) -> None:
    small.make()
    outside = small.root.parent / "outside"
    (small.root / ".piste").rename(outside)
    (small.root / ".piste").symlink_to("../outside")
    (outside / "receipts/note.md.json" if act == "adopt" else small.root / "note.md").unlink()
    before = sorted(outside.rglob("*"))
    with pytest.raises(UserError, match="leads out of the project"):
        small.make()
    assert sorted(outside.rglob("*")) == before


def test_a_read_only_folder_is_said_before_anything_is_paid(
    small: Small, paid: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path) != small.root and real(path, mode)
    )
    with pytest.raises(UserError, match=r"is read-only; chmod u\+w it"):
        small.make()
    assert len(paid.requests) == 0


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every model have room for a hundred tokens."""
    monkeypatch.setattr(prices, "price", lambda *_: Price(None, 100))
    yield


@pytest.mark.parametrize("text", ["word " * 200, "🜁" * 60], ids=["words", "rare signs"])
def test_a_prompt_that_does_not_fit_is_not_sent(
    small: Small, paid: StandIn, window: None, text: str
) -> None:
    small.write("in.md", f"# In\n\n{text}\n")
    with pytest.raises(UserError) as raised:
        small.make()
    said = str(raised.value)
    assert (
        "since chat-ok counts in its own way, with 25 for the reply do not fit into the 100" in said
    )
    assert "; the largest inputs: in.md (" in said
    assert len(paid.requests) == 0


def test_a_prompt_that_fits_is_sent(small: Small, paid: StandIn, window: None) -> None:
    small.write("in.md", "# In\n\n" + "word " * 40)  # more characters than the window has tokens
    small.make()
    assert len(paid.requests) == 1


def test_a_bundle_that_does_not_fit_names_what_to_leave_out(
    small: Small, paid: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prices, "price", lambda *_: Price(None, 60_000))
    small.settings(model="chat-ok")
    small.write("src/a.py", "x = 1\n" * 2_000)
    small.write("tests/test_a.py", "y = 2\n" * 9_000)
    small.make("bundle")
    named = r'leave out bundle\.ignore = \["/tests/"\] \(saves 45,000\), shorten them or name'
    with pytest.raises(UserError, match=named):
        small.make("code_review")
    assert len(paid.requests) == 0


def test_a_reply_that_can_be_written_nowhere_is_printed_as_it_is(
    small: Small, paid: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    paid.reply("# One\n\n\x1b[2Jtwo\n")
    monkeypatch.setattr(atomic_write, "write", full)
    with pytest.raises(Failed, match="printed above"):
        small.make()
    assert "# One\n\n\x1b[2Jtwo\n" in capsys.readouterr().err


@pytest.mark.parametrize("check", ["document", "issues"])
def test_a_rule_without_inputs(small: Small, paid: StandIn, check: str) -> None:
    small.settings(model="chat-ok")
    text = small.read("piste.toml").replace('"in.md"', "")
    small.write("piste.toml", f'{text}check = "{check}"\n')
    small.write("prompts/note.md.j2", "Tell me something.")
    paid.reply("# Nothing\n\nAll is well.\n")
    assert small.make().event == "made"
    assert paid.requests[0].prompt == "Tell me something."
    assert small.decide().state == FRESH
    receipts.path(small.root, "note.md").unlink()
    assert small.make().event == "adopted"


# Small things ---------------------------------------------------------------------------


def test_what_it_was_made_from_is_kept_for_why(small: Small, paid: StandIn) -> None:
    small.make()
    receipt = receipts.read(small.root, "note.md")
    assert receipt is not None
    store = small.world().store
    assert store.text(receipt.inputs["in.md"]) == b"# In\n\nWords.\n"
    assert b"Note this:" in (store.text(receipt.action["prompt_sha256"]) or b"")


def test_the_ticks_of_a_todo_stay(small: Small, paid: StandIn) -> None:
    small.settings("retries = 0", model="chat-ok", rule='kind = "todo"\ncheck = "todo"')
    paid.reply("# Todo\n\n- [ ] one\n- [ ] two\n")
    small.make()
    small.write("note.md", "# Todo\n\n- [x] one\n- [ ] two\n")
    assert small.make().event == "kept"
    small.write("in.md", "# Other\n")
    paid.reply("# Todo\n\n- [ ] zero\n- [ ] one\n")
    small.make()
    assert small.read() == "# Todo\n\n- [ ] zero\n- [x] one\n"
    assert small.decide().state == FRESH


def test_a_file_with_other_line_ends_is_not_rewritten(small: Small, paid: StandIn) -> None:
    small.make()
    crlf = small.read().replace("\n", "\r\n").encode()
    small.write("note.md", crlf)
    small.make()
    assert (small.root / "note.md").read_bytes() == crlf


def test_the_same_text_again_is_not_rewritten(small: Small, paid: StandIn) -> None:
    paid.reply(GOOD)
    small.make()
    before = (small.root / "note.md").stat()
    small.make(again=True)
    assert (small.root / "note.md").stat().st_ino == before.st_ino
    assert len(paid.requests) == 2


def test_the_mode_of_a_target_stays(small: Small, paid: StandIn) -> None:
    small.make()
    (small.root / "note.md").chmod(0o600)
    small.write("in.md", "# Other\n")
    small.make()
    assert (small.root / "note.md").stat().st_mode & 0o777 == 0o600


def test_models_are_asked_with_the_limits_of_the_settings(
    small: Small, paid: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.settings("retries = 3", "deadline = 7", "in_flight = 2", model="chat-ok")
    seen: list[asking.Limits] = []
    real = asking.ask

    def ask(*args: Any, **named: Any) -> asking.Reply:
        seen.append(named["limits"])
        return real(*args, **named)

    monkeypatch.setattr(asking, "ask", ask)
    small.make()
    assert [(s.deadline, s.retries, s.in_flight) for s in seen] == [(7, 3, 2)]


def test_nothing_is_printed_by_a_making_itself(
    small: Small, paid: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(screen, "say", said.append)
    small.make()
    small.make()
    assert said == []


def test_a_plan_that_leaves_requirements_out_is_kept_and_that_is_said(
    project: Path, standin: StandIn
) -> None:
    spec = "# T\n\n## Requirements\n\n1. It counts.\n2. It sums.\n"
    (project / "spec.md").write_text(spec)
    (project / "piste.toml").write_text('model = "chat-ok"\nretries = 0\n')
    standin.reply("# T: plan\n\n## Step 1: Count\n\nCovers: 1\n\n```text\nCount.\n```\n")
    world = piste_project.world(project)
    said = makers.make(world, world.rules["plan"]).said
    assert said.endswith("; no step covers 2 of spec.md")


@pytest.mark.usefixtures("full_store")
def test_where_the_store_has_no_room_nothing_is_asked(small: Small, standin: StandIn) -> None:
    small.settings(model="chat-ok")
    small.write("in.md", "# In\n\nOther words.\n")
    with pytest.raises(Failed, match="has no room for a reply"):
        small.make()
    assert not standin.requests


def test_whoever_asks_a_model_goes_through_the_one_door() -> None:
    """Budget, --frozen and the room in the store are looked at there."""
    folder = Path(make.__file__).parent.parent
    texts = {path.name: path.read_text() for path in folder.rglob("*.py")}
    asking = {name for name, text in texts.items() if "asking.ask(" in text}
    assert asking == {"make.py", "conversation.py", "builtin.py"}
    assert all("with budget.call(" in texts[name] for name in asking)
