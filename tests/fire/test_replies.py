"""Hostile replies: none is ever fresh, none takes long, none harms the terminal.

Each goes over the wire, from the stand-in through the provider's library. Judged by the files
and by the number of requests.
"""

import os
import sys
from typing import NamedTuple

import pytest
from conftest import Small
from support import standin as standin_module
from support.standin import Fault, StandIn
from support.terminal import Terminal

from piste.engine import make, states
from piste.model.asking import Limits
from piste.system.errors import Failed, PisteError

OLD = "# Old\n\nWords.\n"
GOOD = "# New\n\nWords.\n"
RETRIES = 2
ESCAPES = "\x1b[2J\x1b]0;owned\x07\x1b]52;c;cm0gLXJmIH4=\x07\x1b[8mhidden\x9b31m\r\x08\x7f"
BIDI = "‮⁦⁩‏​﻿"
FENCE = "`" * 3


class Case(NamedTuple):
    """What the model answers, and how often it may be asked for that."""

    reply: str | Fault
    asked: int


REJECTED = 2  # once more with the reason named
GIVEN_UP = 1 + RETRIES  # an error that may pass
AT_ONCE = 1  # nothing to wait for

# Never a result, whatever its words.
BAD: dict[str, Case] = {
    "empty": Case("", REJECTED),
    "white space": Case(" \n\t\n\u00a0\n", REJECTED),
    "invisible characters": Case(BIDI, REJECTED),
    "a refusal in words": Case("I'm sorry, but I can't help with that.", REJECTED),
    "a refusal by the protocol": Case(Fault("refusal"), REJECTED),
    "a question": Case("Which language shall I write it in?", REJECTED),
    "no document": Case("Done! I have written the file for you.", REJECTED),
    "a receipt": Case('{"schema": 1, "target": "note.md", "output": "' + "0" * 64 + '"}', REJECTED),
    "an order to the terminal": Case(f"I cannot do that. {ESCAPES}", REJECTED),
    "a question from right to left": Case(f"{BIDI}Which one?", REJECTED),
    "cut off in its own fence": Case(f"{FENCE}markdown\n# Note\n\nWords and no end", REJECTED),
    "the prompt": Case("", REJECTED),  # filled in below: it depends on the project
    "the prompt in a fence": Case("", REJECTED),
    "cut by the length": Case(Fault("length", GOOD * 9), REJECTED),
    "cut by a filter": Case(Fault("filter", GOOD * 9), REJECTED),
    "empty by the protocol": Case(Fault("empty"), REJECTED),
    "no word of its end": Case(Fault("nofinish", GOOD), REJECTED),
    "cut in mid fence": Case(
        Fault("cutclean", f"# Note\n\n{FENCE}\ncode\n{FENCE}\n" * 20), REJECTED
    ),
    "reset in the middle": Case(Fault("cutreset", GOOD * 9), GIVEN_UP),
    "reset after 1 byte": Case(Fault("resetafter=1", GOOD), GIVEN_UP),
    "reset after 1 KiB": Case(Fault("resetafter=1024", GOOD * 99), GIVEN_UP),
    "reset after 2 KiB": Case(Fault("resetafter=2048", GOOD * 99), GIVEN_UP),
    "reset after 3 KiB": Case(Fault("resetafter=3072", GOOD * 99), GIVEN_UP),
    "reset after 10 KiB": Case(Fault("resetafter=10240", GOOD * 99), GIVEN_UP),
    "wrong Content-Length": Case(Fault("badlength", GOOD), GIVEN_UP),
    "no JSON": Case(Fault("badjson"), AT_ONCE),
    "invalid UTF-8": Case(Fault("badutf8", "# reply\n\nreply\n"), AT_ONCE),
    "an error inside HTTP 200": Case(Fault("okerror"), GIVEN_UP),
    "an error in the stream": Case(Fault("errevent", GOOD), GIVEN_UP),
    "a response that failed": Case(Fault("failed", GOOD), GIVEN_UP),
    "a page of HTML": Case(Fault("html502"), GIVEN_UP),
    "too many requests": Case(Fault("429"), GIVEN_UP),
    "wait for an hour": Case(Fault("429,retryafter=3600"), AT_ONCE),
    "a server error": Case(Fault("500"), GIVEN_UP),
    "overloaded": Case(Fault("529"), GIVEN_UP),
    "a wrong key": Case(Fault("401"), AT_ONCE),
    "no such model": Case(Fault("404"), AT_ONCE),
    "a wrong request": Case(Fault("400"), AT_ONCE),
    "too long a prompt": Case(Fault("ctx"), AT_ONCE),
    "nobody there": Case(Fault("dropconn"), GIVEN_UP),
    "silence": Case(Fault("stall=60", GOOD), GIVEN_UP),
    "no end": Case(Fault("endless"), AT_ONCE),
    "100 MB": Case(Fault("huge=100"), AT_ONCE),
}
SLOW = {"silence": (60.0, 0.3), "no end": (2.0, 30.0)}  # (deadline, stall) in seconds
# What goes wrong on the wire goes wrong in two protocols.
CASES = [
    *((name, "chat") for name in BAD),
    *((name, "resp") for name, case in BAD.items() if isinstance(case.reply, Fault)),
]
# Errors that pass: asked again, and then it is as if nothing had been.
PASSING = ("429", "500", "529", "dropconn", "cutreset", "failed", "okerror", "html502")

DEEP = "".join(f"{'`' * (53 - n)}md\n" for n in range(50))
# Words that are hostile to a reader, a parser or a terminal: a result all the same, kept as it is.
KEPT: dict[str, str] = {
    "escape sequences": f"# Note\n\n{ESCAPES}\n",
    "bidi controls": f"# Note {BIDI}\n\nadmin‮nimda\n",
    "a forged receipt": '# Note\n\n.piste/receipts/note.md.json:\n\n{"schema": 1, "output": ""}\n',
    "other files": "# Note\n\nfile: ../../x\n\n```sh\ncurl x | sh\n```\n\n--- /dev/null\n+++ b/y\n",
    "fences 50 deep": f"# Note\n\n{DEEP}words\n" + DEEP.replace("md", ""),
    "a NUL": "# Note\n\n\0\n",
    "one line of a megabyte": "# Note\n\n" + "x" * 1_000_000 + "\n",
    "two thousand headings": "# Note\n" * 2_000,
    "two thousand fences": "# Note\n" + f"{FENCE}\n" * 2_000,
    "front matter": "# Note\n\n+++\nsystem = 'x'\n+++\n{% include 'x.j2' %}{{ 7 * 7 }}\n",
}


def limit(monkeypatch: pytest.MonkeyPatch, deadline: float = 60, stall: float = 30) -> None:
    """Set how long a call may take, in seconds, and how much may come."""
    limits = Limits(deadline, stall, retries=RETRIES, backoff=0.01, max_chars=2_000_000)
    monkeypatch.setattr(make, "limits_of", lambda world: limits)


@pytest.fixture
def stale(small: Small, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> Small:
    """A project with an old text and its receipt, and short limits."""
    limit(monkeypatch)
    monkeypatch.setitem(standin_module.STATUS_ERRORS, "529", (529, "overloaded", "Overloaded"))
    small.settings(model="chat-ok")
    standin.reply(OLD)
    small.make()
    small.write("in.md", "# In\n\n" + "Other words.\n" * 200)
    standin.requests.clear()
    return small


def answer(small: Small, name: str) -> str | Fault:
    """The reply of a case."""
    if not name.startswith("the prompt"):
        return BAD[name].reply
    prompt = f"Note this:\n\n{small.read('in.md')}"
    return prompt if name == "the prompt" else f"{FENCE}\n{prompt}{FENCE}\n"


def harmless(text: str) -> None:
    """Assert that nothing in it moves a terminal or hides words."""
    bad = [c for c in text if not c.isprintable() and c != "\n"]
    assert not bad, (bad, text)


@pytest.mark.parametrize(("name", "protocol"), CASES)
def test_what_is_no_result_is_never_fresh(
    stale: Small, standin: StandIn, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, name: str, protocol: str,
) -> None:  # fmt: skip
    stale.settings(model=f"{protocol}-ok")
    if name in SLOW:
        limit(monkeypatch, *SLOW[name])
    standin.reply(answer(stale, name))
    receipt = stale.read(".piste/receipts/note.md.json")
    with pytest.raises(PisteError) as raised:
        stale.make()
    assert stale.read() == OLD
    assert stale.read(".piste/receipts/note.md.json") == receipt
    assert stale.decide().state in (states.STALE, states.FAILED)
    assert len(standin.requests) == BAD[name].asked
    harmless(str(raised.value) + capfd.readouterr().err)
    assert len(str(raised.value)) < 1000
    # The next run is as if nothing had been.
    limit(monkeypatch)
    standin.reply(GOOD)
    asked = len(standin.requests)
    assert stale.make().event == "made"
    assert len(standin.requests) == asked + 1
    assert stale.read() == GOOD


def test_there_are_forty_of_them() -> None:
    assert len(BAD) >= 40


@pytest.mark.parametrize("word", PASSING)
def test_an_error_that_passes_is_asked_again(stale: Small, standin: StandIn, word: str) -> None:
    standin.reply(Fault(f"{word}x1", GOOD))
    assert stale.make().event == "made"
    assert stale.read() == GOOD
    assert len(standin.requests) == 2
    assert standin.paid == 1


@pytest.mark.parametrize("name", KEPT)
def test_hostile_words_are_kept_as_they_are_and_do_nothing(
    stale: Small, standin: StandIn, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    standin.reply(KEPT[name])
    before = set(stale.tree())
    assert stale.make().event == "made"
    assert (stale.root / "note.md").read_bytes().decode() == KEPT[name]
    assert stale.decide().state == states.FRESH
    harmless(capfd.readouterr().err)
    assert set(stale.tree()) == before, "a file that nobody declared"
    assert stale.make().event == "kept"


def test_a_reply_that_shows_both_sides_of_a_merge_is_no_result(
    stale: Small, standin: StandIn
) -> None:
    standin.reply("# Note\n\n<<<<<<< HEAD\n=======\n>>>>>>> other\n")
    with pytest.raises(Failed, match="line 3 is a conflict marker"):
        stale.make()
    assert stale.read() == OLD


def test_what_was_paid_for_is_kept_aside(stale: Small, standin: StandIn) -> None:
    for number, name in enumerate(("a question", "cut by the length", "reset after 3 KiB")):
        standin.reply(BAD[name].reply)
        with pytest.raises(PisteError, match=r"\.piste/rejected/note\.md\."):
            stale.make()
        assert len(list((stale.root / ".piste/rejected").glob("*.md"))) > number


def test_a_stream_of_a_hundred_megabytes_is_not_read_to_its_end(
    stale: Small, standin: StandIn
) -> None:
    standin.reply(Fault("huge=100"))
    with pytest.raises(PisteError, match="it did not end within 2,000,000 characters"):
        stale.make()
    assert standin.requests[0].sent < 60_000_000


def test_nothing_moves_a_real_terminal(stale: Small, standin: StandIn) -> None:
    """The command as a person has it: words of the reply are in the line of the failure."""
    standin.reply(f"I cannot. {ESCAPES}{BIDI}")
    command = [sys.executable, "-m", "piste.cli", "note"]
    with Terminal(command, stale.root, dict(os.environ)) as terminal:
        terminal.see("no result, twice")
        assert terminal.ended() == 1
        shown = terminal.printable.replace("\r", "")
    for escape in ("\x1b[2J", "\x1b]", "\x9b", "\x07", "\x08", *BIDI):
        assert escape not in shown, repr(shown)


def test_a_reply_that_fits_nowhere_is_handed_over_as_it_came(
    stale: Small,
    standin: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Printed as the last resort; a pipe gets every byte, what a terminal gets is `screen`'s."""
    standin.reply(f"# New\n\n{ESCAPES}\n\nthe last word\n")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("piste.system.atomic_write.write", full)
        patched.setattr("tempfile.gettempdir", full)
        with pytest.raises(PisteError, match="the paid reply is printed above"):
            stale.make()
    err = capfd.readouterr().err
    assert f"{ESCAPES}\n\nthe last word\n" in err
    assert stale.read() == OLD
