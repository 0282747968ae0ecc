"""Rot: files of ours cut at every length, and 10,000 random bits flipped.

Never a traceback, and never a lie: what is damaged is called damaged, or is as if it were not
there. All in one process: a decision takes less than a millisecond.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Small
from support.standin import StandIn

from fire import scale
from piste.engine import freshness, hashing, log, makers, receipts, states
from piste.engine.stat_cache import StatCache
from piste.engine.states import Decision
from piste.engine.world import World
from piste.system import caches
from piste.system.errors import UserError

# 10,000 in all
FLIPS = {"receipt": 4000, "record": 3000, "text": 500, "memo": 1500, "log": 1000}
REPLY = "# Note\n\nWords that were paid for: ünïcode, too.\n\n## Part\n\n- one\n- two\n"
WAY_OUT = "restore it (git checkout .piste/receipts/note.md.json)"


@pytest.fixture
def made(small: Small, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Small]:
    """A project whose note was made by a model, and is fresh."""
    monkeypatch.setattr(hashing, "_TICK", 0)  # the memo believes even a file of just now
    small.settings(model="chat-ok")
    standin.reply(REPLY + "\n\n")  # so that the text is kept apart from the raw reply
    small.make()
    assert small.decide().state == states.FRESH
    yield small
    assert len(standin.requests) == 1, "rot was paid for"


def cuts(data: bytes) -> Iterator[bytes]:
    """Every beginning of it."""
    return (data[:length] for length in range(len(data)))


def flips(data: bytes, count: int) -> Iterator[bytes]:
    """So many copies with one bit flipped."""
    place = random.Random(count)
    for _ in range(count):
        bit = place.randrange(8 * len(data))
        yield data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :]


def decided(world: World) -> Decision:
    """Decide as a new run does, but with the settings read once."""
    fresh = world._replace(stat_cache=StatCache(world.root))
    return makers.decide(fresh, world.rules["note"])


def spoilt(path: Path, what: str, judge: Callable[[bytes], None]) -> None:
    """Put each cut and each flip in the file's place; judge; put it back."""
    data = path.read_bytes()
    for damaged in (*cuts(data), *flips(data, FLIPS[what])):
        path.write_bytes(damaged)
        judge(damaged)
    path.write_bytes(data)
    scale.note("cut at every length", len(data))
    scale.note("a bit flipped", FLIPS[what])


def test_a_receipt(made: Small, standin: StandIn) -> None:
    world = made.world()
    path = made.root / ".piste/receipts/note.md.json"
    whole = receipts.read(made.root, "note.md")

    def judge(damaged: bytes) -> None:
        decision = decided(world)
        if decision.state == states.FRESH:  # without its last line end it is still whole
            assert receipts.parse(damaged, "note.md", "") == whole
            return
        assert (decision.state, decision.todo) == (states.FAILED, states.BLOCKED)
        said = decision.reasons[0].said
        assert WAY_OUT in said or "git checkout .piste/receipts/note.md.json" in said, said
        assert said.isprintable()

    spoilt(path, "receipt", judge)
    assert decided(world).state == states.FRESH


def test_a_build_over_a_damaged_receipt_touches_nothing(made: Small) -> None:
    path = made.root / ".piste/receipts/note.md.json"
    data = path.read_bytes()
    for damaged in (*list(cuts(data))[:-1:40], *flips(data, 40)):
        path.write_bytes(damaged)
        before = made.tree()
        with pytest.raises(UserError):
            made.make()
        assert made.tree() == before


def gone(made: Small) -> World:
    """The target and its receipt are lost: what there is, the store has."""
    (made.root / "note.md").unlink()
    (made.root / ".piste/receipts/note.md.json").unlink()
    return made.world()


def one(made: Small, pattern: str) -> Path:
    """The one file of the store that matches."""
    (found,) = made.world().store.folder.glob(pattern)
    return found


def test_a_record_is_a_miss(made: Small) -> None:
    path = one(made, "replies/*/*.json")
    world = gone(made)
    (whole,) = world.store.replies(path.parent.name)
    assert whole.text == REPLY + "\n\n"

    def judge(damaged: bytes) -> None:
        found = world.store.replies(path.parent.name)
        assert found in ([], [whole])
        assert decided(world).stored == bool(found)

    spoilt(path, "record", judge)


def test_a_kept_text_is_brought_back_whole_or_not_at_all(made: Small) -> None:
    (made.root / "note.md").unlink()
    world = made.world()
    path = one(made, f"blobs/*/{hashing.digest(REPLY.encode())}")
    assert decided(world).todo == states.RESTORE

    def judge(damaged: bytes) -> None:
        # From the raw reply the text can be had, too.
        assert decided(world).todo == states.MAKE
        assert decided(world).stored

    spoilt(path, "text", judge)


def test_the_memo_costs_time_only(made: Small) -> None:
    world = made.world()
    decided(world)
    memo = StatCache(made.root)
    memo.note("note.md", freshness._fingerprint(world, world.rules["note"]))
    memo.save()
    path = caches.folder(made.root) / "fresh"
    rest = path.stat()
    assert rest.st_size > 16
    fresh = decided(world)
    assert fresh.receipt is None, "the memo was not believed while it was whole"
    made.write("in.md", "# In\n\nOther words.\n")

    def judge(damaged: bytes) -> None:
        assert decided(world).state == states.STALE

    spoilt(path, "memo", judge)
    made.write("in.md", "# In\n\nWords.\n")
    assert decided(world).state == states.FRESH


def test_a_log_line_is_left_out(made: Small) -> None:
    from piste.commands import log as verb

    path = made.root / ".piste/log.jsonl"
    whole = list(log.entries(made.root))

    def judge(damaged: bytes) -> None:
        for entry in log.entries(made.root):
            verb._row(entry)
        verb._total(list(log.entries(made.root)))

    spoilt(path, "log", judge)
    assert list(log.entries(made.root)) == whole


def test_what_was_lost_to_rot_is_made_again_and_nothing_else(made: Small, standin: StandIn) -> None:
    """The store in ruins: the next build asks once more, and stands."""
    world = made.world()
    for path in world.store.folder.rglob("*"):
        if path.is_file():
            path.write_bytes(b"\0" * path.stat().st_size)
    assert small_is_fresh(made)
    gone(made)
    standin.reply(REPLY + "\nAgain.\n")
    before = len(standin.requests)
    assert makers.make(made.world(), made.rule()).event == "made"
    assert len(standin.requests) == before + 1
    assert small_is_fresh(made)
    standin.requests.pop()


def small_is_fresh(made: Small) -> bool:
    """Whether the note stands."""
    return made.decide().state == states.FRESH
