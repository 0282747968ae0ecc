"""An orderly stop: which signal is raised, and when."""

import signal
import threading

import pytest

from piste.system import signals
from piste.system.signals import Interrupted, deferred, signalled


@pytest.fixture(autouse=True)
def as_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_depth", "_pending", "_count"):
        monkeypatch.setattr(signals, name, 0)


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [(signal.SIGINT, Interrupted, 130), (signal.SIGTERM, SystemExit, 143)],
)
def test_the_first_is_raised_the_second_is_not_the_third_is(
    number: int, kind: type[SystemExit], code: int
) -> None:
    stop = threading.Event()
    with pytest.raises(kind) as first:
        signalled(number, stop)
    assert (first.value.code, stop.is_set()) == (code, True)
    signalled(number, stop)  # while the first is on its way out
    with pytest.raises(kind):
        signalled(number, stop)


def test_inside_the_first_waits_for_the_end_and_the_third_does_not() -> None:
    stop, passed = threading.Event(), []
    with pytest.raises(Interrupted), deferred():
        with deferred():
            signalled(signal.SIGINT, stop)
            signalled(signal.SIGINT, stop)
            passed.append("the inner end")
        passed.append("the outer end")
    assert passed == ["the inner end", "the outer end"]
    with deferred(), pytest.raises(Interrupted):
        signalled(signal.SIGINT, stop)


def test_after_a_stop_that_was_taken_back_they_are_counted_anew() -> None:
    stop = threading.Event()
    for _ in range(3):
        stop.clear()
        with pytest.raises(Interrupted):
            signalled(signal.SIGINT, stop)


def test_another_thread_holds_nothing_back() -> None:
    def work() -> None:
        with deferred():
            depths.append(signals._depth)

    depths: list[int] = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert depths == [0]
