"""SIGKILL of the whole process group at a random moment; then the next run needs no help."""

import json
import random
import time
from typing import NamedTuple

import pytest
from support.standin import Request

from fire import scale
from fire.world import (
    BUILD,
    World,
    complete,
    leftovers,
    no_traceback,
    paid,
    paid_twice,
    parallel,
    world,
)

# Seconds that the server takes for a reply; a model takes ten times that and more.
LATENCY = 2.0 if scale.SHARE else 0.6
FORMS = {"in order": BUILD, "eight at once": (BUILD[0], "run", "-n", "8", *BUILD[1:])}
TRIALS = scale.count(50, 500)  # of each form
MOST_TWICE = 0.02  # of all kills, in the long form; its server takes as long as a quick model
# A kill between a reply's last byte and its file lets it be paid twice. How long that takes on this
# machine, at this hour, is told by the replies that are not lost.
SPARE = 0.2  # seconds beyond three times the longest of these


class Trial(NamedTuple):
    """What a kill came to."""

    replies: int  # paid for before the kill
    twice: int  # replies that were paid for again: the kill fell before they were on disk
    saved: tuple[float, ...] = ()  # of each other reply: seconds from its last byte to the disk
    lost: tuple[float, ...] = ()  # of those that were paid again: seconds from that to the kill


def trial(argv: tuple[str, ...], seed: int) -> Trial:
    """Kill a build at a moment drawn from the time that it takes, then build again."""
    with world(latency=LATENCY) as here:
        child = here.start(*argv)
        time.sleep(random.Random(seed).uniform(0, 4 * LATENCY + 0.3))
        here.kill(child)
        killed = time.monotonic()
        replies = len(paid(here))
        saved = seconds_to_disk(here)
        here.server.latency = 0
        found = judge(here, argv, replies)
        before = paid(here)[:replies]
        lost = [killed - one.ended for one in before if again(here, one)]
        return found._replace(saved=tuple(saved), lost=tuple(lost))


def seconds_to_disk(here: World) -> list[float]:
    """Return for each reply in the store how long after its last byte it was written."""
    ended = {one.text: one.ended + time.time() - time.monotonic() for one in paid(here)}
    files = (here.home / "data/piste/store/replies").glob("*/*.json")
    found = [(json.loads(file.read_text())["text"], file.stat().st_mtime) for file in files]
    return [written - ended[text] for text, written in found if text in ended]


def again(here: World, reply: Request) -> bool:
    """Whether the words of a reply were sent again."""
    asked = (reply.model, reply.system, reply.prompt)
    return [(one.model, one.system, one.prompt) for one in paid(here)].count(asked) > 1


def judge(here: World, argv: tuple[str, ...], replies: int) -> Trial:
    """Build again after a kill, and look at what there is."""
    done = here.run(*argv)
    assert done.code == 0, done.said
    no_traceback(done)
    complete(here)
    assert leftovers(here) == []
    return Trial(replies, paid_twice(here))


@pytest.mark.parametrize("form", FORMS)
def test_a_kill_at_any_moment_loses_nothing(form: str) -> None:
    trials = parallel(
        lambda seed: trial(FORMS[form], seed), TRIALS, threads=6 if scale.SHARE else 8
    )
    twice, replies = sum(one.twice for one in trials), sum(one.replies for one in trials)
    scale.note("killed at a random moment", TRIALS, twice, f"{replies:,} replies before the kill")
    assert not scale.SHARE or twice <= MOST_TWICE * TRIALS, trials
    within = 3 * max(gap for one in trials for gap in one.saved) + SPARE
    assert all(gap <= within for one in trials for gap in one.lost), trials
    assert len({one.replies for one in trials}) > 2, "all kills fell into the same moment"
