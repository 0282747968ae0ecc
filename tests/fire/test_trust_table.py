"""The table of docs/security.md, row by row: what it says happens without a yes, and with one.

A row without a trial here fails, and so does a trial without a row.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from support.standin import StandIn

from . import test_trust
from .test_trust import Stranger, stranger

__all__ = ["stranger"]  # the fixture
PAGE = Path(__file__).parents[2] / "docs/security.md"


class Row(NamedTuple):
    """One row of the table, its quotes taken off."""

    holds: str
    typed: str
    without: str
    with_one: str


def rows() -> list[Row]:
    """The rows, below the head that names their columns."""
    table = PAGE.read_text().partition("| in the repository |")[2].split("\n\n")[0]
    lines = [line.strip("| ") for line in table.split("\n")[2:]]
    return [Row(*(cell.strip() for cell in line.split(" | "))) for line in lines]


class Trial(NamedTuple):
    """How a row is laid out, what is typed, and the sign that it took effect."""

    lay_out: Callable[[Stranger], None]
    words: str
    sign: str = ""  # in what is printed; without one, the canary


def _settings(line: str) -> Callable[[Stranger], None]:
    return lambda s: s.settings(*line.format(canary=s.leaves("it")).split("\n"))


def _file(name: str, text: str) -> Callable[[Stranger], None]:
    return lambda s: s.write(name, text.format(canary=s.leaves("it")))


def _dodo(s: Stranger) -> None:
    s.write("dodo.py", test_trust.dodo(s, "it"))


def _git_config(s: Stranger) -> None:
    s.committed()
    canary = s.leaves("it")
    s.git("config", "core.fsmonitor", canary)
    s.git("config", "diff.external", canary)
    s.git("config", "filter.spy.clean", canary)
    s.write(".gitattributes", "* filter=spy\n")
    s.write("spec.md", "# Tally\n\nChanged.\n")


def _git_elsewhere(s: Stranger) -> None:
    s.committed()
    s.write("a.py", "x = 2\n")
    (s.root / ".git").rename(s.root.parent / "another.git")
    s.write(".git", "gitdir: ../another.git\n")


ZEN = "The Zen of Python"  # what a module of Python says when it is imported
AGENT = 'agent = "{0}"\ntest = "true"\n[agents.{0}]\ncommand = "{{canary}}"'
RUN = 'agent = "own"\ntest = "true"\n{}\n[agents.own]\ncommand = "true"'
FAILS = 'test = "{canary}; exit 1"'
TRIALS = {
    ("dodo.py", "piste list"): Trial(_dodo, "list"),
    ("a task of dodo.py", "piste TASK…"): Trial(_dodo, "mine"),
    ("doit.cfg that names a plugin", "piste list"): Trial(
        _file("doit.cfg", "[BACKEND]\nzen = this:s\n"), "list", ZEN),
    ("[tool.doit] in pyproject.toml", "piste list"): Trial(
        _file("pyproject.toml", "[tool.doit.plugins.backend]\nzen = 'this:s'\n"), "list", ZEN),
    ("bundle.command", "piste bundle"): Trial(
        _settings('[bundle]\ncommand = "{canary}; echo x > output.txt"'), "bundle"),
    ("bundle.run", "piste bundle"): Trial(_settings('bundle.run = ["{canary}"]'), "bundle"),
    ("test", "piste done"): Trial(_settings('test = "{canary}"'), "done"),
    ("test, with a failure to pack", "piste debug"): Trial(_settings(FAILS), "debug"),
    ("tests without a setting", "piste done"): Trial(
        _file("Makefile", "test:\n\t{canary}\n"), "done"),
    ("Test command: in a plan", "piste done"): Trial(
        _file("prompt_plan.md", test_trust.NAMES_TEST.format("{canary}")), "done"),
    ("setup", "piste run"): Trial(_settings(RUN.format('setup = "{canary}"')), "run"),
    ("[agents.claude]", "piste run"): Trial(_settings(AGENT.format("claude")), "run"),
    ("[agents.own]", "piste run"): Trial(_settings(AGENT.format("own")), "run"),
    ("notify", "piste run"): Trial(_settings(RUN.format('notify = "{canary}"')), "run"),
    ("prompts/plan.md.j2", "piste prompt plan"): Trial(
        _file("prompts/plan.md.j2", "+++\ninputs = ['spec']\n+++\nMy words. {{{{ spec }}}}\n"),
        "prompt plan", "My words."),
    ("language", "piste prompt plan"): Trial(
        _settings('language = "Latin"'), "prompt plan", "Latin"),
    ("core.fsmonitor, filters, external diffs, a partial clone's remote in .git/config",
     "piste bundle --diff"): Trial(_git_config, "bundle --diff"),
    ("a .git that leads to another repository", "piste bundle --diff"): Trial(
        _git_elsewhere, "bundle --stdout --diff", "diff --git"),
    ("a .git that leads to another repository", "piste bundle"): Trial(
        _git_elsewhere, "bundle --stdout", "a.py"),
    ("ask_in_ci = true", "piste spec"): Trial(
        _file("piste.toml", 'model = "chat-ok"\nask_in_ci = true\n'), "todo", "made by"),
}  # fmt: skip
OUTCOMES = {  # took effect, exit code 2, and what is said
    "left out": (False, False, "left out, since nobody has allowed it here"),
    "refused": (False, True, "nobody has allowed"),
    "runs": (True, False, ""),
    "used": (True, False, ""),
    "not run": (False, False, ""),
    "not used": (False, False, ""),
}


def trial_of(row: Row) -> Trial:
    """The trial of a row, or a failure that names it."""
    found = TRIALS.get((row.holds.replace("`", ""), row.typed.replace("`", "")))
    assert found, f"no trial for the row {row.holds!r}, {row.typed!r}"
    return found


def test_every_trial_has_a_row() -> None:
    assert len(rows()) == len(TRIALS) >= 16
    assert {trial_of(row) for row in rows()} == {*TRIALS.values()}


@pytest.mark.parametrize("allowed", [False, True], ids=["without a yes", "with a yes"])
@pytest.mark.parametrize("row", rows(), ids=lambda row: re.sub(r"[^\w. ]", "", row.holds))
def test_a_row_is_true(stranger: Stranger, standin: StandIn, row: Row, allowed: bool) -> None:
    trial = trial_of(row)
    stranger.write("a.py", "x = 1\n")
    trial.lay_out(stranger)
    if not (stranger.root / ".git").exists():
        stranger.committed()
    if allowed:
        assert stranger.run("trust").returncode == 0
        assert stranger.ran == []
    env = {"CI": "true"} if row.holds.startswith("`ask_in_ci") else {}
    done = stranger.run(*trial.words.split(), **env)
    said = done.stdout + done.stderr
    if env:
        assert "CI is set, and PISTE_ASK_IN_CI is not" in said
        assert standin.requests == []
    effect = trial.sign in said if trial.sign else bool(stranger.ran)
    expected, refused, words = OUTCOMES[row.with_one if allowed else row.without]
    assert effect == expected, said
    assert words in said
    if not allowed:
        assert (done.returncode == 2) == refused, said
