"""SIGKILL of the whole process group at a random moment; then the next run needs no help."""

import random
import time
from typing import NamedTuple

import pytest

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

LATENCY = 0.6  # seconds that the server takes for a reply; a model takes twenty times that
FORMS = {"in order": BUILD, "eight at once": (BUILD[0], "run", "-n", "8", *BUILD[1:])}
TRIALS = scale.count(50, 500)  # of each form
# From the last byte of a reply until it is on the disk some milliseconds pass, four times in the
# 2.6 s of a build. By chance a short run has more of them than one in a hundred.
MOST_TWICE = max(2, TRIALS // 100)


class Trial(NamedTuple):
    """What a kill came to."""

    replies: int  # paid for before the kill
    twice: int  # replies that were paid for again: the kill fell before they were on disk


def trial(argv: tuple[str, ...], seed: int) -> Trial:
    """Kill a build at a moment drawn from the time that it takes, then build again."""
    with world(latency=LATENCY) as here:
        child = here.start(*argv)
        time.sleep(random.Random(seed).uniform(0, 4 * LATENCY + 0.3))
        here.kill(child)
        replies = len(paid(here))
        here.server.latency = 0
        return judge(here, argv, replies)


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
    trials = parallel(lambda seed: trial(FORMS[form], seed), TRIALS, threads=8)
    twice = sum(one.twice for one in trials)
    assert twice <= MOST_TWICE, trials
    at_once = 1 if form == "in order" else 2  # replies that come in the same moment
    assert all(one.twice <= at_once for one in trials)
    assert len({one.replies for one in trials}) > 2, "all kills fell into the same moment"
    replies = sum(one.replies for one in trials)
    scale.note("killed at a random moment", TRIALS, twice, f"{replies:,} replies before the kill")
