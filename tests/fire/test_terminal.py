"""A repository whose every text holds escape sequences, looked at and worked on at a terminal.

Every verb is called, in a terminal without colours; what comes out of it is only what can be
seen. A verb that is not tried here fails the trial.
"""

import json
import os
import re
import sys
from pathlib import Path

import pytest
from support.rig import PLAN, TODO, Rig
from support.terminal import Terminal

from piste.cli import VERBS
from piste.system import invisible

# A title and a clipboard set, colours, a cleared screen in 8-bit form, and text turned round.
BAD = "owned\x1b]0;t\x07\x1b]52;c;eA==\x1b\\\x1b[8m\x9b2J\u202e"
C1 = "owned\x9b2J\u202e"  # what git allows in a branch's name
CLIPBOARD = "\x1b]52;c;[A-Za-z0-9+/=]*\a"  # ours
# The command lines of each verb, in an order in which each has something to show.
LINES = {
    "build": ["poke_holes", "todo", "clean -n", "forget spec", f"nothing{C1}"],
    "list": ["list", "list -s --all", "info plan", "info hostile", "help hostile", "help plan"],
    "status": ["status", "status -a", "status --json"],
    "why": ["why poke_holes", "why 1", "why poke_holes --json"],
    "check": ["check", f"check nothing{C1}"],
    "prompt": ["prompt poke_holes"],
    "steps": ["steps", "steps --json"],
    "trace": ["trace", "trace --md", "trace --json"],
    "prompt_plan_status": ["prompt_plan_status"],
    "next": ["next", "next --full", "next --json", "next --copy"],
    "done": ["done 1", f"done {C1}"],
    "debug": ["debug", f"debug -o {C1}.md"],
    "run": ["run 1", "run 2", "run 1 --review"],
    "attempts": ["attempts"],
    "undo": ["undo 1"],
    "bundle": ["bundle", "bundle --stdout", "bundle --dry --tree", "bundle --dry -v",
               "bundle --stdout --diff --log 3", "bundle --show-config", f"bundle {C1}"],
    "trust": ["trust", "trust --show", "trust --list"],
    "mise": ["mise --merge mise.toml --yes", "mise", "mise --check"],
    "diff": ["diff poke_holes"],
    "accept": ["accept poke_holes"],
    "log": ["log", "log --json"],
    "restore": ["restore poke_holes --list", "restore poke_holes"],
    "store": ["store", "store verify"],
    "doctor": ["doctor", "doctor --deep"],
    "review": [f"review --since {C1}", "review --since HEAD~1"],
    "decline": [f"decline {C1} w", f"decline F1 {C1}"],
    "fixed": [f"fixed {C1}", "fixed F2"],
    "init": ["init"],
    "demo": ["demo piste.toml"],
    "uninstall": ["uninstall", "uninstall --json"],
}  # fmt: skip
# Of these every word is ours.
PLAIN = {
    "demo piste.toml", "undo 1",
    "poke_holes", "todo", "clean -n", "forget spec", "info plan", "help plan", "status",
    "status -a", "status --json", "check", "attempts", "bundle --show-config", "mise",
    "mise --check", "trust --list", "accept poke_holes", "restore poke_holes",
    "restore poke_holes --list", "store", "store verify", "doctor", "doctor --deep", "init",
    "review --since HEAD~1",
}  # fmt: skip


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    rig = Rig.make(tmp_path, monkeypatch)
    rig.write("spec.md", f"# Tally {BAD}\n\nCounts {BAD}.\n\n## Requirements {BAD}\n\n1. {BAD}\n")
    rig.write("prompt_plan.md", PLAN.replace("words", BAD).replace("Write", f"{BAD}: write"))
    rig.write("todo.md", TODO.replace("words", BAD))
    found = "".join(f"## F{n}. Bad {BAD} {n}\n\n**File:** {BAD}.py:1\n\n" for n in (1, 2, 3))
    rig.write("code-review.md", f"# Code review\n\n{found}")
    rig.write("want", "print.txt\n")  # red, until the last step
    rig.write("check.sh", f"printf '%s\\n' '{BAD}'; test -f sum.txt\n")
    rig.write("prompts/next.md.j2", f"{BAD} {{{{ title }}}} {{{{ prompt }}}} {{{{ tree }}}}\n")
    rig.write("mise.toml", f"# {C1}\n[tasks.mine]\nrun = 'true'  # {C1}\n")
    task = {"actions": [], "doc": BAD, "file_dep": [f"{C1}.txt"]}
    rig.write("dodo.py", f"from piste.tasks import *\ndef task_hostile():\n    return {task!r}\n")
    rig.write(f"{BAD.replace('/', '')}.py", f"print({BAD!r})\n")
    rig.write(f"{C1}.txt", BAD)
    rig.write(
        "piste.toml",
        f"""model = "outline"
language = {json.dumps(BAD)}
test = "sh check.sh # {C1}"
agent = "own"
[agents.own]
command = "gemini {C1}"
""",
    )
    says = f"print({BAD!r}, flush=True)\nprint({BAD!r}, file=sys.stderr)\n"
    rig.agent(says + f"write(name, {'good ' + BAD!r})\nprint({BAD!r})")
    rig.commit(f"All of {BAD}")
    rig.git("branch", f"piste/attempts/1/{C1}")
    return rig


def forge(rig: Rig) -> None:
    """Once something was made: a log with foreign words, and an edit of source and target."""
    entry = {"date": f"2026-{BAD}", "target": "spec-holes.md", "event": f"made{BAD}",
             "model": BAD, "reason": BAD}  # fmt: skip
    for name in ("spec.md", "spec-holes.md"):
        rig.write(name, f"{rig.read(name)}\nMore {BAD}\n")
    rig.write(".piste/log.jsonl", json.dumps(entry) + "\n")


def shown(rig: Rig, line: str) -> str:
    """Return what a command line prints at a terminal."""
    command = [sys.executable, "-Pm", "piste.cli", *line.split(" ")]
    with Terminal(command, rig.root, os.environ) as terminal:
        terminal.type("\n\n\n\x04")
        terminal.ended()
        return re.sub(CLIPBOARD, "", terminal.printable)


def test_no_verb_lets_an_escape_through(hostile: Rig) -> None:
    assert set(VERBS) <= LINES.keys()
    wrong, quiet = {}, []
    for line in [line for lines in LINES.values() for line in lines]:
        said = shown(hostile, line)
        if line == "poke_holes":
            forge(hostile)
        bad = sorted({c for c in said if c not in "\r\n\t\a" and invisible.visible(c) != c})
        if bad or "Traceback" in said:
            wrong[line] = (bad, said)
        if "owned" not in said:
            quiet.append(line)
    assert not wrong, json.dumps(wrong, indent=1)
    assert not set(quiet) - PLAIN, f"{quiet}: a verb that shows foreign text has shown none"


TALK = (
    f"# Brainstorm\n\n## Idea\n\n{BAD}\n\n## Question 1\n\nWho {BAD}?\n\n"
    f"## Answer 1\n\nAll {BAD}.\n\n## Question 2\n\nWhen {BAD}?\n\nSuggested: {BAD}.\n"
)


def test_no_conversation_lets_an_escape_through(hostile: Rig) -> None:
    """What stands in the file is shown again: the recap, and the question that waits."""
    hostile.write("brainstorm.md", TALK)
    with Terminal([sys.executable, "-Pm", "piste.cli", "idea"], hostile.root, os.environ) as talk:
        talk.see("When owned")
        talk.see("> ")
        talk.enter("enough")
        talk.interrupt("")
        said = talk.printable
    assert not [c for c in said if c not in "\r\n\t\a" and invisible.visible(c) != c], said
