"""`piste run` for steps: which are meant, what is said, the person in between."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import forked
from support.alive import is_alive
from support.rig import GOOD, PLAN, SLOW_LEARNER, TEST, Rig
from support.terminal import Terminal

from piste import cli
from piste.commands import debug, done, prompt_plan_status, run
from piste.commands import next as next_verb
from piste.commands import steps as verb
from piste.commands.steps import read_progress
from piste.engine import makers, project
from piste.steps import attempt, progress
from piste.steps.commit_phases import NeedsPerson
from piste.steps.runner import Outcome
from piste.system.errors import SPACES, UserError


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig.make(tmp_path, monkeypatch)


# Which of the two `run` is meant ----------------------------------------------------------------

MEANT = {
    "": True,
    "3": True,
    "02": True,
    "1.1.3": True,
    "2..5": True,
    "2..": True,
    "..3": True,
    "1 3 5..7": True,
    "--all": True,
    "--all --agent claude --budget 2.50": True,
    "--review 3": True,
    "--approve 1234abc 3": True,
    "--model=x": True,
    "-m x 3": True,
    "--json": True,
    "P3": True,
    "A/6": True,
    "P3 A/6": True,
    "plan": False,
    "todo plan": False,
    "3 plan": False,
    "step:3": False,
    "-n 4 todo": False,
    "-n 4": False,
    "--always": False,
    "-f x.py": False,
    "P9": False,
    "--model x todo": False,
}


@pytest.mark.parametrize("words", MEANT)
def test_piste_run_means_steps_or_doits_own_run(rig: Rig, words: str) -> None:
    rig.write("prompt_plan.md", PLAN.replace("Step 3", "Step P3").replace("Step 2", "Step A/6"))
    assert run.means_steps(words.split()) is MEANT[words]


def test_a_rule_is_meant_where_a_step_has_its_name(rig: Rig) -> None:
    plan = "<!-- step plan: T -->\nDo.\n<!-- /step -->\n<!-- step x: T -->\nDo.\n<!-- /step -->\n"
    rig.write("prompt_plan.md", plan)
    assert run.means_steps(["x"])
    assert not run.means_steps(["plan"])


def test_with_the_name_of_a_task_it_is_doits_own_run(rig: Rig) -> None:
    rig.agent(GOOD)
    ended = forked.run("piste", "run", "-n", "2", "plan", cwd=rig.root)
    assert "(piste did not make prompt_plan.md; it is a source)" in ended.stdout
    assert rig.calls() == []


# What is carried out ----------------------------------------------------------------------------


def test_without_words_it_is_the_next_step(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.agent(GOOD)
    assert rig.piste() == 0
    commit = rig.git("rev-parse", "HEAD")[:9]
    assert capsys.readouterr().out == (
        "step 1 Count words: done, gemini 1.0, 1 try, tests passed, tokens unknown, price unknown, "
        f"0.0 min; {commit} on main\n"
    )
    assert rig.states() == ["done", "open", "open"]


def test_all_prints_a_line_a_step_and_a_summary(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.agent(SLOW_LEARNER)
    assert rig.piste("--all") == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.partition(":")[0] for row in rows[:-1]] == [
        "step 1 Count words", "step 2 Sum them", "step 3 Print",
    ]  # fmt: skip
    assert rows[-1] == (
        "3 of 3 steps done, 6 tries, tests passed 3 times, tokens unknown, price unknown, 0.0 min"
    )
    assert rig.states() == ["done"] * 3
    assert rig.piste("--all") == 0
    assert capsys.readouterr() == ("", "nothing is left: all 3 steps are done\n")


def test_nothing_left_asks_for_nobodys_name(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    for step in "123":
        assert done.main([step, "--untested"]) == 0
    rig.git("config", "--global", "--unset", "user.name")
    rig.git("config", "user.useConfigOnly", "true")
    capsys.readouterr()
    assert rig.piste() == 0
    assert "nothing is left: all 3 steps are done" in capsys.readouterr().err


def test_ranges_and_what_is_done_already(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.agent(GOOD)
    rig.piste("2")
    capsys.readouterr()
    assert rig.piste("1..2") == 0
    captured = capsys.readouterr()
    assert "step 2 Sum them is done (by gemini 1.0, tests passed); anew: piste run 2 --again" in (
        captured.err
    )
    assert rig.calls() == ["2 first", "1 first"]
    rig.agent("write(name, 'good, anew')")
    assert rig.piste("2..", "--again") == 0
    assert rig.show("sum.txt") == "good, anew"
    assert rig.calls()[2:] == ["2 first", "3 first"]


def test_a_step_done_anew_and_cut_off_is_gone_on_with(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.agent(GOOD)
    rig.piste("--all")
    rig.agent("write(name, 'good, anew')")
    with pytest.raises(NeedsPerson):
        rig.piste("2", "--again", "--review")
    capsys.readouterr()
    verb.main([])
    assert "2     review" in capsys.readouterr().out
    with pytest.raises(NeedsPerson):
        rig.piste()
    assert "going on where it was left (review)" in capsys.readouterr().err
    done.main(["2", "--untested"])
    assert rig.piste() == 0
    assert "nothing is left: all 3 steps are done" in capsys.readouterr().err
    assert len(rig.calls()) == 4


def test_a_word_for_a_step_that_does_not_wait_costs_nothing(rig: Rig) -> None:
    rig.agent(GOOD)
    with pytest.raises(UserError, match="step 1 does not wait for your word; see: piste steps"):
        rig.piste("--approve", "1234abcd")
    assert rig.calls() == []


def test_who_changes_nothing_may_be_right(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.agent("pass")
    assert rig.piste("--attempts", "1") == 1
    assert capsys.readouterr().out.endswith("1.1; if it needs nothing: piste done 1\n")


def test_a_changed_step_is_said_and_a_redo_from_there_offered(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.agent(GOOD)
    rig.piste("1..2")
    rig.write("prompt_plan.md", PLAN.replace("Write count", "Write a better count"))
    rig.commit("edited")
    capsys.readouterr()
    assert rig.piste() == 0
    assert (
        "step 1: the prompt was changed after it was done; it stands as it is. Anew from there: "
        "piste run 1.. --again; let it stand: piste done 1 --untested"
    ) in capsys.readouterr().err
    assert rig.calls() == ["1 first", "2 first", "3 first"]
    for words in ((), ("--all",)):
        assert rig.piste(*words) == 1
        said = capsys.readouterr().err
        assert "no step is open, but step 1 changed after being done" in said
        assert "all 3 steps" not in said


def test_a_plan_that_is_behind_its_spec_is_said(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.write("spec.md", "# S\n\n## Requirements\n\n1. Count.\n")
    (rig.root / "prompt_plan.md").unlink()
    world = rig.world()
    makers.make(world, world.rules["plan"])
    for link in read_progress(rig.world()).links:
        done.main([link.step.id, "--untested"])
    rig.write("spec.md", "# S\n\n## Requirements\n\n1. Sum.\n")
    rig.commit("another wish")
    capsys.readouterr()
    for main, words in (
        (run.main, ["--all"]), (verb.main, []), (next_verb.main, []), (prompt_plan_status.main, []),
    ):  # fmt: skip
        assert main(words) == 0
        said = "".join(capsys.readouterr())
        assert "prompt_plan.md is stale: spec.md changed (piste why plan)" in said
        assert "steps are done" not in said


def test_a_failure_ends_the_run_and_says_where_the_attempt_is(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.agent("write(name, 'good' if step == 1 else 'bad')")
    assert rig.piste("--all", "--attempts", "1") == 1
    rows = capsys.readouterr().out.splitlines()
    assert rows[1] == (
        "step 2 Sum them: failed: the tests failed (exit code 1) (after 1 try); kept on "
        "piste-attempts/main/2.1; see it packed: piste debug; "
        "take it as it is: git merge --squash piste-attempts/main/2.1, then: piste done 2"
    )
    assert rows[2].startswith("1 of 2 steps done, 2 tries")
    assert rig.calls() == ["1 first", "2 first"]


def test_red_is_told_by_the_names_of_the_tests_wherever_it_is_told(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    red = "FAILED tests/test_a.py::test_x - assert 1\\nFAILED tests/test_b.py::test_y"
    rig.write("check.sh", f"! grep -q bad *.txt || {{ printf '{red}\\n'; exit 1; }}\n")
    rig.write("a.txt", "good")
    rig.commit("tests")
    rig.agent("write(name, 'bad')")
    told = "2 tests failed: tests/test_a.py::test_x, tests/test_b.py::test_y"
    assert rig.piste("1", "--attempts", "1") == 1
    said = capsys.readouterr()
    assert f"step 1 Count words: failed: {told} (after 1 try); kept on " in said.out
    assert f"step 1: try 1: {told}" in said.err
    for main in (verb.main, debug.main):
        main([])
        assert f"{told} (after 1 try)" in "".join(capsys.readouterr())
    rig.write("count.txt", "bad")
    for words in ([], ["--json"]):
        assert done.main(["1", "--test", "sh check.sh", *words]) == 1
        assert told in "".join(capsys.readouterr())


def test_json(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.agent(GOOD)
    rig.piste("1..2", "--json")
    data = json.loads(capsys.readouterr().out)
    assert [one["step"] for one in data] == ["1", "2"]
    assert set(data[0]) == set(Outcome._fields)


def test_what_is_not_committed_is_named(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.agent(GOOD)
    rig.write("check.sh", rig.read("check.sh") + "\n")
    rig.piste()
    captured = capsys.readouterr()
    assert "not committed, so agents do not see it: check.sh" in captured.err
    assert "on piste/main, since check.sh is not committed" in captured.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["9"], "has no step '9'"),
        (["1", "--all"], "name steps, or say --all, not both"),
        (["--attempts", "-1"], "--attempts must be at least 1"),
        (["--approve", "xyz"], "--approve takes the hash"),
        (["--budget", "lots"], "--budget: 'lots' is no budget"),
        (["--agent", "nobody"], "no agent 'nobody'"),
    ],
)
def test_mistakes_cost_nothing(rig: Rig, words: list[str], said: str) -> None:
    rig.agent(GOOD)
    with pytest.raises(UserError, match=said):
        run.main(["--agent", "gemini", "--test", TEST, *words])
    assert rig.calls() == []


def test_the_notify_command_gets_a_message(
    rig: Rig, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = rig.bin / "heard"
    rig.program("shout", f'#!/bin/sh\necho "$1 $2" >> {heard}\n')
    rig.use(notify="shout loudly")
    monkeypatch.setattr(progress, "settings", lambda world: rig.settings)
    rig.agent(GOOD)
    rig.piste()
    assert heard.read_text().startswith("loudly piste: 1 of 1 step done, 1 try")
    rig.use(notify="no-such-program")
    assert rig.piste() == 0
    assert "notify = 'no-such-program' did not work" in capsys.readouterr().err


# One step, for doit -----------------------------------------------------------------------------


def test_carry_one(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    monkeypatch.setattr(progress, "settings", lambda world: rig.settings)
    rig.agent(GOOD)
    world = project.world(rig.root)
    assert "step 1 Count words: done" in run.carry_one(world, "1", threading.Event())
    assert run.carry_one(world, "1", threading.Event()) == (
        "step 1 Count words is done (by gemini 1.0, tests passed)"
    )


# What cannot be begun ----------------------------------------------------------------------------

# What is wrong, how it comes about, and what is said of it.
BAD = {
    "no plan": ("rm prompt_plan.md", [], "there is no prompt_plan.md; `piste plan` makes it"),
    "a plan without steps": (
        "echo prose > prompt_plan.md", [], "prompt_plan.md: no line of it names a step"),
    "no repository": ("rm -rf .git", [], "is not in a git repository; git init && git add -A"),
    "no commit": ("rm -rf .git; git init -q", [], "the repository has no commit yet; git add -A"),
    "no test command": (
        "sed -i.x /^test/d piste.toml", [], 'no test command is known for this project; set test'),
    "a test command that is not there": (
        "true", ["--test", "nose7"], "the test command 'nose7' cannot be run"),
    "an agent that is not installed": (
        "true", ["--agent", "claude"], "claude is not installed (claude is not found): npm"),
    "an agent that there is not": (
        "true", ["--agent", "geminy"], "no agent 'geminy'; did you mean 'gemini'?"),
    "a model that there is not": (
        "true", ["--agent", "llm", "--model", "gpt-0"], "there is no model 'gpt-0'"),
    "a step that there is not": ("true", ["7"], "prompt_plan.md has no step '7'"),
    "settings that are wrong": (
        "echo 'attempts = 0' >> piste.toml", [], "piste.toml: attempts must be at least 1"),
    "a damaged record": (
        "mkdir -p .piste/receipts/steps; echo x > .piste/receipts/steps/1.json", [],
        ".piste/receipts/steps/1.json is damaged; restore it"),
    "a folder of ours that leads elsewhere": (
        "mkdir ../out .piste; ln -s ../../out .piste/run", [],
        ".piste/run: its folder leads out of the project"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_a_person_can_mend_is_one_line_and_costs_nothing(rig: Rig, what: str) -> None:
    happens, words, said = BAD[what]
    rig.write("piste.toml", f'model = "outline"\nagent = "gemini"\ntest = "{TEST}"\n')
    rig.commit("settings")
    rig.agent(GOOD)
    subprocess.run(happens, shell=True, cwd=rig.root, check=True)
    ended = forked.run("piste", "run", *words, cwd=rig.root)
    last = ended.stderr.splitlines()[-1]
    assert ended.returncode == 2, ended.stderr
    assert last.startswith("piste: ")
    assert said in last
    assert "Traceback" not in ended.stderr
    assert rig.calls() == []


def test_the_settings_say_who_and_how(rig: Rig) -> None:
    rig.write(
        "piste.toml",
        f"""\
model = "outline"
agent = "mine"
test = "{TEST}"
attempts = 1
land = false
writes = ["src"]

[agents.mine]
command = "gemini --quiet"
""",
    )
    rig.commit("settings")
    rig.agent(GOOD)
    assert run.main([]) == 1  # count.txt is not below src
    assert rig.show("want", "piste-attempts/main/1.1") == ""
    rig.agent("write('src/count.py', 'good')")
    assert run.main([]) == 0
    assert rig.show("src/count.py", "piste/main") == "good"
    assert rig.subjects()[0] == "settings"


# The person -------------------------------------------------------------------------------------


def command(*words: str) -> list[str]:
    begin = [sys.executable, "-m", "piste.cli", "run", "--agent", "gemini", "--test", TEST]
    return [*begin, *words]


def test_review_at_a_terminal(rig: Rig) -> None:
    rig.agent("write(name, 'good\\x1b[2J' if 'better' in prompt else 'good so far')")
    with Terminal(command("--review"), rig.root, os.environ) as terminal:
        terminal.see("+good so far")
        terminal.see("> ")
        terminal.enter("perhaps")
        terminal.see("y: take it   n: not so   edit: change it first   skip: go on without it")
        terminal.see("> ")
        terminal.enter("n")
        terminal.see("what is wrong, for the agent")
        terminal.enter("make it better")
        terminal.see("+good\\x1b[2J")  # what moves a terminal does not reach it
        terminal.see("> ")
        terminal.enter("edit")
        terminal.see("then press Enter")
        (rig.tree / "count.txt").write_text("good, by hand")
        terminal.enter()
        terminal.see("+good, by hand")
        terminal.see("> ")
        terminal.enter("y")
        terminal.see("step 1 Count words: done")
        assert terminal.ended() == 0
    assert rig.show("count.txt") == "good, by hand"


def test_what_an_agent_prints_is_shown_without_what_moves_a_terminal(rig: Rig) -> None:
    rig.agent(GOOD + "\nprint('\\x1b[2J\\x1b]0;title\\x07reading \\x1b[31mthe step\\r')")
    with Terminal(command(), rig.root, os.environ) as terminal:
        terminal.see("│ reading the step")
        terminal.see("step 1 Count words: done")
        terminal.see("\a")  # the bell, at the end
        assert terminal.ended() == 0
    assert "\x1b[2J" not in terminal.printable
    assert "title" not in terminal.printable
    assert "\x1b[2J" in (rig.root / ".piste/run/logs/1.1-1.out").read_text()


def test_without_a_terminal_the_run_ends_and_a_later_one_goes_on(rig: Rig) -> None:
    rig.agent(GOOD)
    first = subprocess.run(
        command("--review", "--all"), cwd=rig.root, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert first.returncode == 1
    named = re.search(r"piste run (\S+ --approve \w+)", first.stderr)
    assert named is not None, first.stderr
    approve = named[1].split()
    assert run.main(["--agent", "gemini", "--test", TEST, *approve]) == 0
    assert rig.states() == ["done", "open", "open"]
    assert rig.calls() == ["1 first"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_run_and_the_agent(rig: Rig, number: int, code: int) -> None:
    rig.agent(
        "write('half', 'x')\nwrite(os.environ['PISTE_ROOT'] + '/../begun', str(os.getpid()))\n"
        "time.sleep(1000)"
    )
    process = subprocess.Popen(
        command(), cwd=rig.root, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    begun = rig.root / "../begun"
    while not begun.exists() or not begun.read_text():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert not is_alive(begun.read_text())
    now = attempt.load(rig.root)
    assert now is not None
    assert now.phase == attempt.AGENT


def test_steps_done_by_hand_are_passed_over(rig: Rig) -> None:
    rig.agent(GOOD)
    done.main(["1", "--untested"])
    rig.commit("by hand")
    rig.piste()
    assert rig.calls() == ["2 first"]


def test_a_step_done_anew_is_told_how_its_prompt_was_changed(rig: Rig) -> None:
    rig.agent('write(name, "good" + str("+Write a better count.txt." in prompt))')
    rig.piste("1")
    assert rig.read("count.txt") == "goodFalse"
    rig.write("prompt_plan.md", PLAN.replace("Write count.txt.", "Write a better count.txt."))
    rig.commit("edited")
    assert rig.piste("1", "--again") == 0
    assert rig.read("count.txt") == "goodTrue"


# Titles in any writing ------------------------------------------------------------------------


def test_wide_spaces_of_a_title_stay_wherever_it_is_shown(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    title = f"東京　タワー{SPACES}10\u202f€"
    rig.write("prompt_plan.md", rig.read("prompt_plan.md").replace("Count words", title))
    rig.write("todo.md", rig.read("todo.md").replace("Count words", title))
    rig.commit("wide")
    rig.agent('write(name, "good"); print(prompt)')
    places = dict.fromkeys(
        ("steps", "next --full", "run --agent gemini --test true", "why 1", "undo 1"), ""
    )
    for words in places:
        assert cli.main(words.split()) == 0, words
        places[words] = "".join(capsys.readouterr())
    assert [words for words, said in places.items() if title not in said] == []
    assert rig.git("log", "-1", "--format=%s") == f"step 1: {title}"


def test_the_outline_model_keeps_wide_spaces(rig: Rig) -> None:
    title = f"東京　タワー{SPACES}10\u202f€"
    rig.write("spec.md", f"# 仕様　書\n\n## Requirements\n\n- {title}\n")
    for rule, name in (("plan", "prompt_plan.md"), ("todo", "todo.md")):
        (rig.root / name).unlink()
        world = rig.world()
        makers.make(world, world.rules[rule])
        assert f": {title}\n" in rig.read(name)
