"""Whatever is wrong: one line that names it, exit code 2 or 3, no traceback, nothing lost."""

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Small
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import forked
from support.standin import StandIn

from piste.engine import receipts
from piste.engine.states import BLOCKED, FRESH

RECEIPT = ".piste/receipts/note.md.json"


def _call(small: Small, *args: str) -> subprocess.CompletedProcess[str]:
    return forked.run(*args, cwd=small.root)


def _call_without_room(small: Small, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *args], cwd=small.root, preexec_fn=_no_room,
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip


def _newer(small: Small) -> None:
    small.write(RECEIPT, small.read(RECEIPT).replace('"schema": 1', '"schema": 2'))


def _conflict(small: Small) -> None:
    small.write(RECEIPT, f"<<<<<<< HEAD\n{small.read(RECEIPT)}=======\n>>>>>>> other\n")


def _folder(small: Small) -> None:
    (small.root / "note.md").unlink()
    (small.root / "note.md").mkdir()


def _out(small: Small) -> None:
    (small.root / "out").symlink_to(small.root.parent)
    text = small.read("piste.toml").replace('"note.md"', '"out/note.md"')
    small.write("piste.toml", text)


# What is spoilt, by which words, and the command that says so.
WRONG: dict[str, tuple[Callable[[Small], object], str]] = {
    "an unknown setting": (
        lambda small: small.settings("langauge = 'x'"),
        "piste.toml: unknown setting 'langauge'; did you mean 'language'?",
    ),
    "a wrong type": (
        lambda small: small.settings("retries = 'x'"),
        "piste.toml: retries must be a whole number, not 'x'",
    ),
    "no TOML": (lambda small: small.settings("x"), "piste.toml: not valid TOML"),
    "a target outside": (
        lambda small: small.settings(rule='[rules.x]\ntarget="../x"\ninputs=[]\nprompt="x"'),
        "rules.x.target: '../x' may lead out of the project",
    ),
    "a target in .git": (
        lambda small: small.settings(rule='[rules.x]\ntarget=".git/x"\ninputs=[]\nprompt="x"'),
        "rules.x.target: '.git/x' lies in .git, where no target may be",
    ),
    "a folder that leads out": (_out, "out/note.md leads out of the project, to "),
    "a folder for a target": (_folder, "note.md is a folder; a file was expected"),
    "no input": (lambda small: (small.root / "in.md").unlink(), "in.md is missing"),
    "an input that is not UTF-8": (
        lambda small: small.write("in.md", b"# In\n\xe4\n"),
        "in.md: byte 5 (line 2) is not UTF-8; save the file as UTF-8",
    ),
    "an unknown model": (
        lambda small: small.settings(model="outlin"),
        "there is no model 'outlin'; did you mean 'outline'?",
    ),
    "no such template": (
        lambda small: (small.root / "prompts/note.md.j2").unlink(),
        "no template 'note.md.j2' in prompts",
    ),
    "a receipt cut short": (lambda small: small.write(RECEIPT, "{"), f"{RECEIPT} is damaged"),
    "a newer receipt": (_newer, f"{RECEIPT} was written by a newer piste; update piste"),
    "a receipt in a merge": (_conflict, f"{RECEIPT} holds conflict markers; keep either side"),
}


@pytest.mark.parametrize("what", WRONG)
def test_one_line_and_nothing_lost(small: Small, what: str) -> None:
    spoil, said = WRONG[what]
    small.make()
    spoil(small)
    before = small.tree()
    found = _call(small, "piste", "note")
    output = found.stdout + found.stderr
    assert found.returncode == 2
    (line,) = [line for line in output.splitlines() if line != ".  note"]
    assert said in line
    assert small.tree() == before


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("piste", "status"), 0), (("piste", "why", "note"), 0), (("piste", "check"), 2),
        (("doit", "list", "-s"), 0), (("doit", "info", "note"), 1),
        (("doit", "clean", "note"), 0), (("doit", "-n", "2", "note"), 2),
    ],
)  # fmt: skip
def test_every_command_copes_with_a_damaged_receipt(
    small: Small, args: tuple[str, ...], code: int
) -> None:
    small.make()
    small.write(RECEIPT, "{")
    before = small.tree()
    found = _call(small, *args)
    assert found.returncode == code
    assert "Traceback" not in found.stdout + found.stderr
    if args[1:] != ("list", "-s"):
        assert f"{RECEIPT} is damaged" in found.stdout + found.stderr
    assert small.tree() == before


def test_a_damaged_receipt_can_be_forgotten_and_costs_nothing(
    small: Small, standin: StandIn
) -> None:
    small.settings(model="chat-ok")
    standin.reply("# Reply\n")
    small.make()
    small.write(RECEIPT, "{")
    assert _call(small, "doit", "forget", "note").returncode == 0
    assert small.make().event == "adopted"
    assert len(standin.requests) == 1


@pytest.mark.parametrize(
    "args", [("noet",), ("why", "noet"), ("status", "noet"), ("list", "noet"), ("info", "noet")]
)
def test_an_unknown_name_and_the_nearest(small: Small, args: tuple[str, ...]) -> None:
    found = _call(small, "piste", *args)
    assert (found.returncode, found.stdout) == (2, "")
    assert "did you mean 'note'?" in found.stderr
    assert len(found.stderr.splitlines()) == 1


def test_cut_at_every_length_a_receipt_is_one_line(small: Small) -> None:
    small.make()
    data = (small.root / RECEIPT).read_bytes()
    for length in range(len(data) - 1):
        small.write(RECEIPT, data[:length])
        decision = small.decide()
        assert decision.todo == BLOCKED
        assert decision.why().startswith(f"{RECEIPT} is damaged")
    small.write(RECEIPT, data)
    assert small.decide().state == FRESH


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    which=st.integers(0, 99), place=st.integers(0, 9_999), bit=st.none() | st.integers(0, 7),
    forget=st.booleans(),
)  # fmt: skip
def test_no_damage_to_the_store_gives_a_wrong_text(
    small: Small, which: int, place: int, bit: int | None, forget: bool
) -> None:
    (small.root / "note.md").unlink(missing_ok=True)
    shutil.rmtree(small.world().store.folder, ignore_errors=True)
    small.make()
    good = small.read()
    files = sorted(path for path in small.world().store.folder.rglob("*") if path.is_file())
    path = files[which % len(files)]
    spoilt = bytearray(path.read_bytes())
    if bit is None:
        del spoilt[place % len(spoilt) :]
    else:
        spoilt[place % len(spoilt)] ^= 1 << bit
    path.write_bytes(spoilt)
    (small.root / "note.md").unlink()
    if forget:
        receipts.path(small.root, "note.md").unlink()
    small.make()
    assert small.read() == good
    assert small.decide().state == FRESH


_MOST = 70_000  # bytes


def _no_room() -> None:
    """Let no file grow beyond the room that is asked for before a call, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_MOST, _MOST))


def test_no_room_for_a_paid_reply_hands_it_over(
    small: Small, standin: StandIn, own_home: Path
) -> None:
    small.settings("retries = 0", model="chat-ok")
    reply = "# Reply\n\n" + "word " * 20_000 + "\n"
    standin.reply(reply)
    found = _call_without_room(small, "doit", "note")
    assert found.returncode == 1
    assert "Traceback" not in found.stdout + found.stderr
    assert "cannot be written (File too large); the paid reply is printed above" in found.stdout
    assert reply.strip() in found.stderr
    assert not (small.root / "note.md").exists()
    assert not [name for name in os.listdir(small.root) if name.startswith(".piste-")]


def test_no_room_for_the_target_keeps_the_old_one(small: Small, standin: StandIn) -> None:
    small.settings("retries = 0", model="chat-ok")
    standin.reply("# Small\n")
    small.make()
    # The reply and all that is made of it fit; the log has no room for another line.
    small.write(".piste/log.jsonl", b"x" * (_MOST - 1) + b"\n")
    small.write("in.md", "# Other\n")
    found = _call_without_room(small, "doit", "note")
    assert found.returncode == 1
    assert "Traceback" not in found.stdout + found.stderr
    assert ".piste/log.jsonl cannot be written: File too large; nothing is lost" in found.stdout
    assert small.decide().state == FRESH
