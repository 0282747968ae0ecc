"""A kill, and an error, at every system call that a build makes on its files.

Linux has strace for this. Elsewhere (and in `test_walk`) the same is done one layer higher,
at Python's calls of the system.
"""

import itertools
import re
import signal
import uuid
from collections.abc import Iterator

import pytest

from fire import scale, tracing
from fire.tracing import Point
from fire.world import (
    Done,
    World,
    copy,
    ended_by,
    leftovers,
    no_traceback,
    paid,
    paid_twice,
    parallel,
    whole,
    world,
)

FORMS = {
    "in order": ("piste", "plan"),
    "eight at once": ("piste", "run", "-n", "8", "plan", "poke_holes"),
}
ERRORS = {
    "openat": ("ENOSPC", "EACCES", "EMFILE", "EIO"),
    "write": ("ENOSPC", "EIO"),
    "fsync": ("EIO", "ENOSPC"),
    "rename": ("EACCES", "ENOSPC", "EIO"),
    "unlink": ("EACCES", "EIO"),
    "mkdir": ("ENOSPC", "EACCES", "EMFILE"),
    "ftruncate": ("EIO",),
}
SAID = {
    "ENOSPC": "No space left on device",
    "EACCES": "Permission denied",
    "EMFILE": "Too many open files",
    "EIO": "Input/output error",
}
STOPS = ("SIGINT", "SIGTERM")
MISSED = "missed"


@pytest.fixture(scope="module")
def built() -> Iterator[World]:
    """A project whose targets are all stale: each has an old text and an old receipt."""
    with world() as here:
        assert here.run("piste", "plan", "poke_holes").code == 0
        (here.root / "idea.md").write_text(f"# Idea\n\nCount lines. {uuid.uuid4().hex}\n")
        yield here


def targets(form: str) -> tuple[str, ...]:
    """What a form makes."""
    line = ("spec.md", "prompt_plan.md")
    return line if form == "in order" else (*line, "spec-holes.md")


def kill(built: World, form: str, point: Point) -> int:
    """Kill the build at a point; build again. Return how often that paid for a reply again."""
    with copy(built) as here:
        done, hit = tracing.injected(here, FORMS[form], point, "signal=SIGKILL")
        here.nobody_listens()
        again = here.run(*FORMS[form])
        assert again.code == 0, (hit, again.said)
        no_traceback(again)
        whole(here, targets(form))
        assert leftovers(here) == [], hit
        twice = paid_twice(here)
        # Only what was just being put into the store, before anything of the project; with
        # `-n 8` two replies may come in the same moment.
        at_once = 1 if form == "in order" else 2
        assert twice == 0 or (twice <= at_once and "…/project" not in hit), (hit, twice)
        assert done.code in (-9, 0), done
        return twice


@pytest.mark.parametrize("form", FORMS)
def test_a_kill_at_every_call_that_changes_a_file(built: World, form: str) -> None:
    with copy(built) as here:
        points = [point for point in tracing.points(here, FORMS[form]) if point.changes]
    assert len(points) > 20
    twice = sum(parallel(lambda index: kill(built, form, points[index]), len(points), threads=2))
    assert twice <= 24  # a reply takes ten calls to save; `-n 8` hits each thread's
    scale.note("killed at every system call that changes a file", len(points), twice)


def stop(built: World, point: Point, name: str) -> None:
    """Send a signal at a point; build again. What had come by then is not paid for again."""
    argv = FORMS["in order"]
    with copy(built) as here:
        done, hit = tracing.injected(here, argv, point, f"signal={name}")
        no_traceback(done)
        assert ended_by(done, signal.Signals[name]), (hit, done)
        here.nobody_listens()
        again = here.run(*argv)
        assert again.code == 0, (hit, again.said)
        whole(here, targets("in order"))
        assert paid_twice(here) == 0, hit


def test_a_stop_at_every_call_that_changes_a_file(built: World) -> None:
    with copy(built) as here:
        points = [one for one in tracing.points(here, FORMS["in order"]) if one.changes]
    names = itertools.cycle(STOPS)
    cases = [(point, next(names)) for point in points][:: 1 if scale.SHARE else 8]
    parallel(lambda index: stop(built, *cases[index]), len(cases), threads=2)
    scale.note("stopped at a system call that changes a file", len(cases))


def fail(built: World, form: str, point: Point, error: str) -> str:
    """Let a call fail; look at what was said and left; build again. Return what was said."""
    with copy(built) as here:
        before = {name: here.text(name) for name in targets(form)}
        receipts = {name: here.receipt(name) for name in targets(form)}
        done, hit = tracing.injected(here, FORMS[form], point, f"error={error}")
        # The count of calls was another one, or another process had that many first: it hit
        # Python's own files, or what the trial itself writes down.
        if "…/" not in hit or "…/said-" in hit:
            return MISSED
        no_traceback(done)
        sent = {one.text for one in paid(here)}
        handed = [path.read_text() for path in here.root.glob("piste-*.md")]
        for name in targets(form):
            text = here.text(name)
            assert text in sent, (hit, name)
            if text == before[name] and name not in done.err:
                assert here.receipt(name) == receipts[name], (hit, name)
        if done.code != 0:
            one_line(done, SAID[error], hit)
        again = here.run(*FORMS[form])
        assert again.code == 0, (hit, again.said)
        whole(here, targets(form))
        assert paid_twice(here) <= len(handed), (hit, done.said)
        return done.said


def one_line(done: Done, cause: str, hit: str) -> None:
    """Assert that one line tells the file and the cause."""
    if "dodo.py cannot be read" in done.err:  # Python's import tells no cause
        return
    lines = [line for line in done.said.splitlines() if cause in line]
    assert len(lines) == 1, (hit, done.said)
    assert re.search(r"/|\.(md|toml|cfg|py)\b", lines[0]), (hit, lines[0])  # it names a file


@pytest.mark.parametrize("half", [0, 1])
def test_an_error_at_every_call(built: World, half: int) -> None:
    """The short form has half of the calls, in turn with each error; the long form all of both.

    In `test_disk` each call of Python's fails with each error.
    """
    with copy(built) as here:
        points = [point for point in tracing.points(here, FORMS["in order"]) if point.counts]
    if scale.SHARE:
        cases = [(point, error) for point in points for error in SAID]
    else:
        turns = {call: itertools.cycle(errors) for call, errors in ERRORS.items()}
        cases = [(point, next(turns[point.call])) for point in points]
    cases = cases[half::2] if scale.SHARE else cases[half::4]
    assert len(cases) > 20
    said = parallel(lambda index: fail(built, "in order", *cases[index]), len(cases), threads=2)
    missed = said.count(MISSED)
    assert missed <= len(cases) // 10
    scale.note("an error at every system call", len(cases) - missed)
