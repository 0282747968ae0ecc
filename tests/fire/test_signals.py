"""^C once, ^C twice, SIGTERM: an orderly end, at which what was finished is recorded."""

import random
import signal
import time
from typing import NamedTuple

import pytest

from fire import scale
from fire.world import (
    BUILD,
    Child,
    Done,
    World,
    complete,
    ended_by,
    leftovers,
    no_traceback,
    paid_twice,
    parallel,
    until,
    world,
)

LATENCY = 0.3  # seconds that the server takes for a reply
SETTLED = 0.25  # seconds until what has come is put away, however busy the machine is
TRIALS = scale.count(20, 50)  # of each way
NEVER = 300.0  # seconds: longer than any trial
WAYS = {"^C": [signal.SIGINT], "^C ^C": [signal.SIGINT, signal.SIGINT], "SIGTERM": [signal.SIGTERM]}
CODES = {"^C": {130}, "^C ^C": {130}, "SIGTERM": {143}}
FORMS = {"in order": BUILD, "eight at once": ("piste", "run", "-n", "8", *BUILD[1:])}


def send(child: Child, way: str, pause: float) -> None:
    """Send the signals."""
    for number in WAYS[way]:
        child.signal(number)
        time.sleep(pause)


class Trial(NamedTuple):
    """What a stop came to."""

    twice: int  # replies that were paid for again
    seconds: float  # from the signal to the end


def trial(way: str, form: str, seed: int) -> Trial:
    """Stop a build at a random moment, then build again."""
    moment = random.Random(seed)
    with world(latency=LATENCY) as here:
        child = here.start(*FORMS[form])
        time.sleep(moment.uniform(0.25, 4 * LATENCY + 0.25))  # Python has begun by then
        began = time.monotonic()
        send(child, way, moment.uniform(0, 0.05))
        done = child.wait()
        seconds = time.monotonic() - began
        # Replies whose last bytes are on their way just then are tried in `test_syscalls`.
        here.nobody_listens(seconds + SETTLED)
        here.server.latency = 0
        judge(here, way, done, FORMS[form])
        return Trial(paid_twice(here), seconds)


def judge(here: World, way: str, done: Done, argv: tuple[str, ...]) -> None:
    """Look at how it ended, and build again."""
    no_traceback(done)
    assert ended_by(done, WAYS[way][0]), done
    again = here.run(*argv)
    assert again.code == 0, again.said
    complete(here)
    assert leftovers(here) == []


@pytest.mark.parametrize("way", WAYS)
def test_a_stop_at_any_moment(way: str) -> None:
    forms = list(FORMS)
    trials = parallel(lambda seed: trial(way, forms[seed % 2], seed), TRIALS, threads=4)
    assert sum(one.twice for one in trials) == 0, trials
    slowest = max(one.seconds for one in trials)
    scale.note(f"stopped by {way} at a random moment", TRIALS, more=f"gone after {slowest:.1f} s")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("door", ["piste", "doit"])
def test_nobody_waits_for_a_model_that_does_not_answer(way: str, form: str, door: str) -> None:
    with world(latency=NEVER) as here:
        child = here.start(door, *FORMS[form][1:])
        until(lambda: here.server.requests, "a request")
        send(child, way, 0.01)
        done = child.wait()
        no_traceback(done)
        assert done.code in CODES[way], done
        assert not here.server.requests[0].finished


@pytest.mark.parametrize("way", WAYS)
def test_who_waits_for_another_run_can_be_stopped(way: str) -> None:
    with world(latency=NEVER) as here:
        holder = here.start("piste", "spec")
        until(lambda: here.server.requests, "a request")
        waiter = here.start("piste", "spec")
        until(lambda: f"waiting for process {holder.pid}" in waiter.err, "the line that it waits")
        send(waiter, way, 0.01)
        done = waiter.wait()
        no_traceback(done)
        assert done.code in CODES[way], done
        here.kill(holder)
        assert len(here.server.requests) == 1
