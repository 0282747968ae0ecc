"""A secret in each sort of text that leaves for a model, judged by what the server got.

Masked it is not in any request; refused there is no request, and the line names the place.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from support.rig import Rig
from support.secret_forms import forms
from support.standin import StandIn

SECRET = next(one.secret for one in forms() if one.kind == "vendor: github")
SPEC = "# Tally\n\nCounts words.\n\n## Requirements\n\n1. Count.\n"
PROGRAM = """agent = "own"
test = "sh check.sh"
[agents.own]
command = "sh -c 'cat >> TOLD'"
"""  # it gets the prompt on stdin
BUILT_IN = 'agent = "llm"\ntest = "sh check.sh"\n'


class Sort(NamedTuple):
    """Where the secret is put, what is typed, and where it is said to be."""

    name: str
    files: dict[str, str]
    words: str
    place: str
    settings: str = ""


TEMPLATE = f"+++\ninputs = ['spec']\n+++\n{SECRET} {{{{ spec }}}}\n"
SYSTEM = f"+++\ninputs = ['idea']\nsystem = 'Ask. {SECRET}'\n+++\n{{{{ idea }}}}\n"
STEP = "# Plan\n\n## Step 1: Count\n\n```text\n{}\n```\n"
RED = f"echo key: $(printf '%s' {SECRET[:12]}){SECRET[12:]}; exit 1\n"
TALK = "idea --answers yes"
SORTS = [
    Sort("an input", {"spec.md": f"{SPEC}2. {SECRET}\n"}, "plan", "spec.md:8"),
    Sort("an input in a chain", {"prompt_plan.md": f"# Plan\n\n{SECRET}\n"}, "todo",
         "prompt_plan.md:3"),
    Sort("a template", {"prompts/plan.md.j2": TEMPLATE}, "plan", "plan.md.j2"),
    Sort("a setting", {}, "plan", "plan.md.j2", f'language = "{SECRET}"\n'),
    Sort("an idea", {"idea.md": f"A tool.\nIts key is {SECRET}\n"}, TALK, "idea.md:2"),
    Sort("an answer", {"idea.md": "A tool.\n", "yes": f"It is {SECRET}\n\nMore.\n"}, TALK,
         "brainstorm.md"),
    Sort("the interview's system text", {"prompts/idea.md.j2": SYSTEM, "idea.md": "A tool.\n"},
         TALK, "idea.md.j2"),
    Sort("a step's prompt", {"prompt_plan.md": STEP.format(f"First.\n\nUse {SECRET}")}, "run 1",
         "prompt_plan.md:8", BUILT_IN),
    Sort("a step's prompt, to an agent", {"prompt_plan.md": STEP.format(f"Use {SECRET}")}, "run 1",
         "prompt_plan.md:6", PROGRAM),
    Sort("AGENTS.md, to an agent", {"AGENTS.md": f"Tests first.\n\nThe key is {SECRET}\n"},
         "run 1", "AGENTS.md:3", PROGRAM),
    Sort("what failing tests print, to an agent", {"check.sh": RED}, "run 1",
         "the test output, line 1", PROGRAM),
    Sort("a file beside a step", {"lib.py": f"a = 1\nkey = '{SECRET}'\n"}, "run 1", "lib.py:2",
         BUILT_IN),
    Sort("AGENTS.md", {"AGENTS.md": f"Tests first.\n\nThe key is {SECRET}\n"}, "run 1",
         "AGENTS.md:3", BUILT_IN),
    Sort("what failing tests print", {"check.sh": RED}, "run 1", "the test output, line 1",
         BUILT_IN),
]  # fmt: skip


@pytest.fixture
def sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standin: StandIn
) -> Callable[..., tuple[int, str, str]]:
    """Carry a sort out in a project of its own; return the exit code, what is said and sent."""

    def call(sort: Sort, secrets: str) -> tuple[int, str, str]:
        rig = Rig.make(tmp_path, monkeypatch)
        head = f'model = "chat-ok"\nsecrets = "{secrets}"\n'
        told = tmp_path / "told"
        rig.write("piste.toml", head + sort.settings.replace("TOLD", str(told)))
        files = {"spec.md": SPEC, "yes": "Yes.\n\nMore.\n", **sort.files}
        for name, text in files.items():
            rig.write(name, text)
        if sort.words in ("plan", "todo"):
            (rig.root / ("todo.md" if sort.words == "todo" else "prompt_plan.md")).unlink()
        rig.commit()
        done = subprocess.run(
            [sys.executable, "-Pm", "piste.cli", *sort.words.split()], cwd=rig.root,
            env=dict(os.environ), capture_output=True, text=True, stdin=subprocess.DEVNULL,
            timeout=60,
        )  # fmt: skip
        got = "\n".join(f"{one.system}\n{one.turns}\n{one.body}" for one in standin.requests)
        got += told.read_text() if told.exists() else ""
        return done.returncode, done.stdout + done.stderr, got

    return call


@pytest.mark.parametrize("sort", SORTS, ids=lambda sort: sort.name)
def test_it_is_masked(sort: Sort, sent: Callable[..., tuple[int, str, str]]) -> None:
    _, said, got = sent(sort, "mask")
    assert got, said
    assert SECRET not in got
    assert "[masked: github-token]" in got
    assert f"masked in what is sent: {sort.place}" in said
    if sort.name != "an answer":  # the person's own screen shows what they typed
        assert SECRET not in said


@pytest.mark.parametrize("sort", SORTS, ids=lambda sort: sort.name)
def test_it_is_refused(sort: Sort, sent: Callable[..., tuple[int, str, str]]) -> None:
    code, said, got = sent(sort, "refuse")
    assert code == 2, said
    assert SECRET not in got
    assert f"there is a secret in {sort.place}" in said
    if sort.name != "an answer":  # the first question has been asked by then
        assert not got


@pytest.mark.parametrize("words", ["debug", "next --full"])
@pytest.mark.parametrize("secrets", ["mask", "refuse"])
def test_what_is_packed_for_a_chat_window(
    words: str, secrets: str, sent: Callable[..., tuple[int, str, str]]
) -> None:
    files = {"lib.py": f"a = 1\nkey = '{SECRET}'\n", "prompt_plan.md": STEP.format("Mend lib.py."),
             "check.sh": "echo lib.py; exit 1\n"}  # fmt: skip
    code, said, _ = sent(Sort(words, files, words, "", BUILT_IN), secrets)
    assert SECRET not in said
    if secrets == "refuse":
        assert code == 2
        assert "there is a secret in lib.py:2" in said
        assert "[masked" not in said
    else:
        assert "masked in what is sent: lib.py:2" in said
        assert "[masked: github-token]" in said
