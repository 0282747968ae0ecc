"""Carrying out one step: real git, real programs as agents, tests that decide."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.alive import is_alive
from support.rig import FILES, GOOD, PLAN, SLOW_LEARNER, TEST, Killed, Rig, killing

from piste.engine import budget
from piste.engine.caps import Cap
from piste.steps import attempt, merge, runner, worktree
from piste.steps.attempt_run import Answer, Review
from piste.steps.commit_phases import NeedsPerson
from piste.system import atomic_write, git, processes
from piste.system.errors import Failed, OverBudget, UserError


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig.make(tmp_path, monkeypatch)


# What came with the repository ------------------------------------------------------------------


def test_an_attempt_that_is_committed_is_refused(rig: Rig) -> None:
    forged = attempt.Attempt("1", "T", "d", "p", "gemini", "", "", "true", "b", "HEAD", "HEAD")
    attempt.save(rig.root, forged)
    rig.git("add", "--force", attempt.FILE)
    with pytest.raises(UserError, match=r"state\.json is in git, where it does not belong"):
        runner.settled(rig.world())


# A step that goes well --------------------------------------------------------------------------


def test_a_green_step_is_one_commit_with_tick_and_record(rig: Rig) -> None:
    rig.agent(GOOD)
    outcome = rig.step()

    assert (outcome.result, outcome.tries, outcome.tests) == ("done", 1, "passed")
    assert rig.subjects() == ["step 1: Count words", "start"]
    assert rig.git("show", "--name-only", "--format=", "HEAD").split() == [
        ".piste/receipts/steps/1.json", "count.txt", "todo.md",
    ]  # fmt: skip
    assert rig.show("todo.md").count("[x]") == 2
    assert rig.states() == ["done", "open", "open"]
    assert rig.git("status", "--porcelain") == ""
    assert rig.branches() == ["main"]


def test_the_trailers_say_who_did_it_and_what_it_took(rig: Rig) -> None:
    rig.agent(
        GOOD + '\nprint(\'{"response": "ok", "stats": {"models": {"m-1": {"tokens":'
        ' {"prompt": 1200, "candidates": 34}}}}}\')'
    )
    outcome = rig.step()
    trailers = rig.git("log", "-1", "--format=%(trailers:only)").split("\n")

    assert (outcome.input_tokens, outcome.output_tokens, outcome.cost) == (1200, 34, None)
    assert trailers == [
        "Piste-Step: 1",
        "Piste-Agent: gemini 1.0",
        "Piste-Model: m-1",
        "Piste-Tries: 1",
        f"Piste-Tests: {TEST}",
        "Piste-Tokens: 1200 in, 34 out",
        "Piste-Cost: unknown",
    ]


def test_the_next_step_builds_on_the_one_before(rig: Rig) -> None:
    rig.agent(GOOD + '\nassert step == 1 or pathlib.Path("count.txt").exists()')
    assert [rig.step().step for _ in range(3)] == ["1", "2", "3"]
    assert rig.states() == ["done"] * 3
    assert rig.subjects()[:3] == ["step 3: Print", "step 2: Sum them", "step 1: Count words"]


def test_red_goes_back_to_the_agent_with_the_failure_and_the_files(rig: Rig) -> None:
    rig.agent(SLOW_LEARNER)
    outcome = rig.step()
    told = (rig.root / ".piste/run/logs/1.1-2.prompt.md").read_text()

    assert (outcome.result, outcome.tries) == ("done", 2)
    assert rig.calls() == ["1 first", "1 again"]
    assert "FAILED: count.txt: bad" in told
    assert '<file path="count.txt" end="no newline">\nbad\n</file>' in told
    assert rig.subjects() == ["step 1: Count words", "start"]  # one commit, for all tries


def test_after_the_last_try_the_attempt_is_kept_on_its_branch_and_named(rig: Rig) -> None:
    rig.agent('write(name, f"bad {len(prompt)}")')
    rig.use(attempts=2)
    outcome = rig.step()

    assert (outcome.result, outcome.tries, outcome.tests) == ("failed", 2, "failed")
    assert outcome.said == "the tests failed (exit code 1) (after 2 tries)"
    assert outcome.branch == "piste-attempts/main/1.1"
    assert rig.show("count.txt", outcome.branch).startswith("bad")
    assert rig.subjects() == ["start"]
    assert rig.states() == ["open"] * 3

    rig.agent(GOOD)
    assert rig.step().result == "done"
    assert rig.branches() == ["main", "piste-attempts/main/1.1"]


def test_what_was_wrong_is_not_forgotten_when_nothing_is_changed(rig: Rig) -> None:
    rig.agent("write(name, 'bad')")
    assert rig.step().said == (
        "nothing was changed, and still the tests failed (exit code 1) (after 3 tries)"
    )


# Agents that are not to be trusted --------------------------------------------------------------

BAD = {
    "exits 0 having done nothing": (
        "print('All done!')",
        "failed", "nothing was changed (after 2 tries)",
    ),
    "ends with a question": (
        "print('Which of the two shall I take?')",
        "failed", "it asked back, and nobody can answer: Which of the two shall I take?",
    ),
    "dies before it does anything": (
        "print('no credit', file=sys.stderr); sys.exit(41)",
        "failed", "gemini ended with exit code 41: no credit, and nothing was changed",
    ),
    "waits for an answer on stdin": (
        "input('Shall I go on? ')",
        "failed", "gemini ended with exit code 1: EOFError",
    ),
    "is killed": (
        "os.kill(os.getpid(), signal.SIGKILL)",
        "failed", "gemini ended with exit code 137, and nothing was changed",
    ),
    "changes a workflow": (
        GOOD + "\nwrite('.github/workflows/ci.yml', 'on: push')",
        "failed", ".github/workflows/ci.yml may not be changed (.github/workflows is protected)",
    ),
    "changes piste's settings": (
        GOOD + "\nwrite('piste.toml', 'test = \"true\"')",
        "failed", "piste.toml may not be changed (piste.toml is protected)",
    ),
    "links out of the repository": (
        GOOD + "\nos.path.islink('out') or os.symlink('/etc/passwd', 'out')",
        "failed", "out is a link out of the repository, to /etc/passwd",
    ),
    "makes a repository within": (
        GOOD + "\nsubprocess.run('git init -q sub && cd sub && git commit -q --allow-empty -m x',"
        " shell=True)",
        "failed", "sub is a repository of its own",
    ),
    "makes an empty repository within": (
        GOOD + "\nsubprocess.run(['git', 'init', '-q', 'sub'])",
        "failed", "git cannot take in what is there",
    ),
    "plants a hook": (
        GOOD + "\nwrite(os.environ['PISTE_ROOT'] + '/.git/hooks/pre-push', 'evil')",
        "failed", "hooks/pre-push changed while gemini worked",
    ),
    "changes git's settings": (
        GOOD + "\nsubprocess.run(['git', 'config', 'alias.st', '!evil'],"
        " cwd=os.environ['PISTE_ROOT'])",
        "failed", "config changed while gemini worked",
    ),
    "deletes what is there": (
        GOOD + "\nos.path.exists('check.sh') and os.unlink('check.sh')",
        "failed", "nothing was changed, and still the tests failed (exit code 2) (after 2 tries)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_an_agent_that(rig: Rig, name: str) -> None:
    body, result, said = BAD[name]
    rig.agent(body)
    rig.use(attempts=2)
    outcome = rig.step()

    assert (outcome.result, rig.states()[0]) == (result, "open")
    assert said in outcome.said
    assert rig.subjects() == ["start"]
    assert rig.git("status", "--porcelain") == ""


def test_what_is_out_of_bounds_is_taken_back_before_the_next_try(rig: Rig) -> None:
    rig.agent(GOOD + "\nif not again: write('.github/workflows/ci.yml', 'on: push')")
    outcome = rig.step()

    assert (outcome.result, outcome.tries) == ("done", 2)
    assert "taken back" in (rig.root / ".piste/run/logs/1.1-2.prompt.md").read_text()
    assert ".github" not in rig.git("ls-files")


def test_a_protected_path_is_allowed_by_name(rig: Rig) -> None:
    rig.agent(GOOD + "\nwrite('.github/workflows/ci.yml', 'on: push')")
    rig.use(allow=(".github/workflows/ci.yml",))
    assert rig.step().result == "done"
    assert rig.show(".github/workflows/ci.yml") == "on: push"


def test_ticks_and_records_of_an_agent_do_not_count(rig: Rig) -> None:
    rig.agent(
        "write('todo.md', 'all [x]'); write('prompt_plan.md', 'gone');"
        "write('.piste/receipts/steps/1.json', 'forged')"
    )
    rig.use(attempts=1)
    assert rig.step().said == "nothing was changed (after 1 try)"
    rig.agent(GOOD + "\nwrite('todo.md', '- [x] all'); write('prompt_plan.md', 'gone')")
    assert rig.step().result == "done"
    assert rig.show("prompt_plan.md") == PLAN.strip()
    assert rig.show("todo.md").count("[x]") == 2


def test_an_agent_that_hangs_is_ended_with_all_it_started(rig: Rig) -> None:
    rig.agent(
        "child = subprocess.Popen(['sleep', '1000'])\n"
        "write(os.environ['PISTE_ROOT'] + '/../child', str(child.pid))\n"
        "time.sleep(1000)"
    )
    rig.use(agent_timeout=1)
    outcome = rig.step()

    assert outcome.said == "gemini did not end within 1 s, and nothing was changed (after 3 tries)"
    assert not is_alive((rig.root / "../child").read_text())


def test_work_of_an_agent_that_had_to_be_ended_waits_for_a_person(rig: Rig) -> None:
    rig.agent(GOOD + "\nsys.stdout.flush(); time.sleep(1000)")
    rig.use(agent_timeout=1)
    with pytest.raises(NeedsPerson, match="gemini did not end within 1 s"):
        rig.step()


def test_a_change_of_the_persons_own_checkout_waits_for_a_person(rig: Rig) -> None:
    rig.agent(GOOD + "\nwrite(os.environ['PISTE_ROOT'] + '/leak.py', 'x')")
    with pytest.raises(NeedsPerson, match=r"leak\.py of your own checkout changed"):
        rig.step()
    now = attempt.load(rig.root)
    assert now is not None
    tree = git.tree_of(rig.root, now.work)
    assert rig.step(approve=tree[:12]).result == "done"
    assert rig.read("leak.py") == "x"


def test_a_change_of_another_branch_in_the_worktree_is_no_way_around(rig: Rig) -> None:
    rig.agent(GOOD + "\nsubprocess.run(['git', 'checkout', '-q', '--detach'])")
    rig.use(attempts=1)
    assert rig.step().result == "done"
    assert rig.subjects() == ["step 1: Count words", "start"]


def test_commits_of_the_agents_own_become_the_one_commit(rig: Rig) -> None:
    rig.agent(
        GOOD + "\nsubprocess.run('git add -A && git commit -qm mine && echo good > more.txt', "
        "shell=True)"
    )
    assert rig.step().result == "done"
    assert rig.subjects() == ["step 1: Count words", "start"]
    assert rig.show("more.txt") == "good"


def test_what_an_agent_hides_from_gits_index_is_seen(rig: Rig) -> None:
    rig.agent(
        GOOD + "\nsubprocess.run(['git', 'update-index', '--skip-worktree', 'check.sh']);"
        "write('check.sh', 'true')"
    )
    rig.use(test="sh check.sh && grep -q want check.sh", attempts=1)
    assert rig.step().result == "failed"


WRONG = "def double(n):\n    return n\n"
WEAKENED = "def test_old():\n    assert True\n"


def python_project(rig: Rig) -> None:
    rig.write("pytest.ini", "[pytest]\npythonpath = .\n")
    rig.write("calc.py", "def double(n):\n    return 2 * n\n")
    rig.write("tests/test_old.py", "from calc import double\n\n\ndef test_old():\n"
              "    assert double(2) == 4\n")  # fmt: skip
    rig.commit("calc")
    rig.use(test=f"{sys.executable} -m pytest -q -p no:cacheprovider", attempts=1)


def test_earlier_tests_that_are_red_as_they_were_wait_for_a_person(rig: Rig) -> None:
    python_project(rig)
    rig.agent(f"write('calc.py', {WRONG!r})\nwrite('tests/test_old.py', {WEAKENED!r})")
    with pytest.raises(NeedsPerson, match=(
        r"earlier tests that the step does not name were changed \(tests/test_old\.py\); as they "
        r"were, 1 test failed: .*git diff \w+ \w+ -- :/tests/test_old\.py"
    )):  # fmt: skip
        rig.step()
    seen: list[Review] = []
    outcome = rig.step(person=lambda review: seen.append(review) or Answer("y"))

    assert (outcome.result, outcome.tries) == ("done", 1)
    assert rig.calls() == ["1 first"]
    assert seen[0].diff.startswith("diff --git a/tests/test_old.py")
    assert rig.show("tests/test_old.py") == WEAKENED.strip()


def test_a_no_to_changed_tests_goes_back_to_the_agent(rig: Rig) -> None:
    python_project(rig)
    rig.use(attempts=2)
    rig.agent(
        f"write('calc.py', {WRONG!r}) if not again else subprocess.run(['git', 'checkout', '-q', "
        f"'main', 'calc.py', 'tests'])\n"
        f"if not again: write('tests/test_old.py', {WEAKENED!r})\nwrite('new.py', '')"
    )
    outcome = rig.step(person=lambda review: Answer("n", "keep that test"))
    assert (outcome.result, outcome.tries) == ("done", 2)
    assert "assert double(2) == 4" in rig.show("tests/test_old.py")


FILES_LINE = {
    "in the prompt": ("Write count.txt.\nFiles: tests made wrong: tests/test_old.py", "", "done"),
    "beside it": ("Write count.txt.", "**Files:** change calc.py, tests/test_old.py\n\n", "done"),
    "only read": ("Write count.txt.\nFiles: read tests/test_old.py", "", "review"),
}


@pytest.mark.parametrize("where", FILES_LINE)
def test_a_files_line_names_the_tests_that_a_step_makes_wrong(rig: Rig, where: str) -> None:
    prompt, beside, result = FILES_LINE[where]
    text = PLAN.replace("```text\nWrite count.txt.", f"{beside}```text\n{prompt}")
    rig.write("prompt_plan.md", text)
    python_project(rig)
    rig.agent(f"write('calc.py', {WRONG!r})\nwrite('tests/test_old.py', {WEAKENED!r})")
    if result == "review":
        with pytest.raises(NeedsPerson):
            rig.step("1")
    else:
        assert rig.step("1").result == "done"
    told = (rig.root / ".piste/run/logs/1.1-1.prompt.md").read_text()
    assert "tests/test_old.py" in told


WRITES = {
    ("/src",): "paths are from the project's folder",
    ("../x",): "paths are from the project's folder",
    ("!",): "names nothing",
    ("src/**",): r'it takes files and folders, not patterns: "src/"',
    (".github/workflows",): r"is protected; allow = \['.github/workflows'\]",
    ("src", "!want"): r"step 1 is to change want \(Files:\), but want is not below src",
    ("!want",): r"step 1 is to change want \(Files:\), but want may not be changed",
}


@pytest.mark.parametrize("writes", WRITES)
def test_bounds_that_cannot_be_kept_to_are_named_before_an_agent_works(
    rig: Rig, writes: tuple[str, ...]
) -> None:
    rig.write("prompt_plan.md", PLAN.replace("count.txt.", "count.txt.\nFiles: change want"))
    rig.commit("plan")
    rig.agent(GOOD)
    rig.use(writes=writes)
    with pytest.raises(UserError, match=WRITES[writes]):
        rig.step("1")
    assert rig.calls() == []


def test_tests_that_the_step_names_may_be_changed(rig: Rig) -> None:
    python_project(rig)
    rig.write("prompt_plan.md", PLAN.replace("Write count.txt.", "Change tests/test_old.py."))
    rig.commit("plan")
    rig.agent(f"write('calc.py', {WRONG!r})\nwrite('tests/test_old.py', {WEAKENED!r})")
    assert rig.step().result == "done"


def test_tests_that_are_added_to_are_no_trouble(rig: Rig) -> None:
    python_project(rig)
    rig.agent(
        "write('tests/test_old.py', open('tests/test_old.py').read() + '\\n\\ndef test_new():\\n"
        "    assert double(3) == 6\\n')"
    )
    assert rig.step().result == "done"


# The tests --------------------------------------------------------------------------------------


def test_tests_that_never_end_are_red(rig: Rig) -> None:
    rig.agent(GOOD)
    rig.use(test="test ! -f count.txt || sleep 1000", test_timeout=1, attempts=1)
    assert rig.step().said == "the tests did not end within 1 s (after 1 try)"


def test_a_test_command_that_is_not_there_costs_nothing(rig: Rig) -> None:
    rig.agent(GOOD)
    rig.use(test="no-such-runner --fast")
    with pytest.raises(UserError, match="'no-such-runner --fast' cannot be run"):
        rig.step()
    assert rig.calls() == []


def test_without_a_test_command_nothing_is_begun(rig: Rig) -> None:
    rig.agent(GOOD)
    rig.use(test="")
    with pytest.raises(
        UserError, match=r'no test command is known for this project; set test = "…"'
    ):
        rig.step()
    assert rig.calls() == []


def test_what_tests_leave_behind_is_not_committed(rig: Rig) -> None:
    rig.agent(GOOD)
    rig.use(test="sh check.sh && mkdir -p __pycache__ && echo x > __pycache__/a.pyc && echo > left")
    assert rig.step().result == "done"
    assert rig.git("ls-files").split() == sorted([
        ".gitignore", ".piste/receipts/steps/1.json", "check.sh", "count.txt", "piste.toml",
        "prompt_plan.md", "todo.md", "want",
    ])  # fmt: skip


def test_the_setup_command_runs_once_in_a_fresh_worktree(rig: Rig) -> None:
    rig.agent(GOOD)
    rig.use(setup="echo x >> deps.ignored", test="test -f deps.ignored && sh check.sh")
    rig.step()
    rig.step()
    assert (rig.tree / "deps.ignored").read_text() == "x\n"


def test_a_setup_command_that_fails_is_said(rig: Rig) -> None:
    rig.agent(GOOD)
    rig.use(setup="echo no network; exit 3")
    with pytest.raises(UserError, match=r"setup = .* failed in a fresh worktree \(exit code 3\)"):
        rig.step()


# The person's checkout --------------------------------------------------------------------------


def test_a_dirty_tree_is_neither_touched_nor_stashed(rig: Rig) -> None:
    rig.agent(GOOD)
    rig.write("check.sh", "echo mine; exit 1\n")
    rig.write("notes", "untracked")
    first, second = rig.step(), rig.step()

    assert (first.result, second.result) == ("done", "done")
    assert first.said == "on piste/main, since check.sh is not committed"
    assert rig.read("check.sh") == "echo mine; exit 1\n"
    assert rig.subjects() == ["start"]
    assert rig.subjects("piste/main") == ["step 2: Sum them", "step 1: Count words", "start"]
    assert rig.git("stash", "list") == ""
    assert rig.states() == ["done", "done", "open"]


def test_what_waited_is_taken_along_when_the_tree_is_clean_again(rig: Rig) -> None:
    rig.agent(GOOD)
    rig.write("check.sh", "mine")
    rig.step()
    rig.git("checkout", "--quiet", "check.sh")
    rig.step()
    assert rig.subjects() == ["step 2: Sum them", "step 1: Count words", "start"]
    assert rig.branches() == ["main"]


def test_land_may_be_switched_off(rig: Rig) -> None:
    rig.agent(GOOD)
    rig.use(land=False)
    assert rig.step().said == "on piste/main"
    assert rig.subjects() == ["start"]


def test_an_untracked_file_in_the_way_is_not_overwritten(rig: Rig) -> None:
    rig.agent(GOOD)
    rig.write("count.txt", "my own")
    outcome = rig.step()
    assert outcome.said.startswith(
        "on piste/main, since The following untracked working tree files"
    )
    assert rig.read("count.txt") == "my own"


def test_a_person_who_commits_meanwhile_is_merged_with_and_tested_again(rig: Rig) -> None:
    rig.agent(
        GOOD + "\nsubprocess.run('echo good > mine.txt && git add -A && git commit -qm mine', "
        "shell=True, cwd=os.environ['PISTE_ROOT'])"
    )
    rig.use(test="sh check.sh && echo ran >> ../tests-ran")
    assert rig.step().result == "done"
    assert rig.subjects() == ["step 1: Count words", "mine", "start"]
    assert (rig.root / ".piste/run/tests-ran").read_text() == "ran\n" * 3


def test_a_merge_that_does_not_apply_is_blocked_and_never_done(rig: Rig) -> None:
    rig.agent(
        GOOD + "\nsubprocess.run('echo mine > count.txt && git add -A && git commit -qm mine', "
        "shell=True, cwd=os.environ['PISTE_ROOT'])"
    )
    outcome = rig.step()

    assert outcome.result == "blocked"
    assert outcome.said == (
        "BLOCKED: main changed the same lines of count.txt meanwhile; git merge "
        "piste-attempts/main/1.1, mend it, then: piste done 1"
    )
    assert rig.states()[0] == "open"
    assert rig.show("count.txt", "piste-attempts/main/1.1") == "good"
    assert rig.subjects() == ["mine", "start"]


def test_finished_steps_that_clash_with_the_person_are_blocked_before_the_next(rig: Rig) -> None:
    rig.agent(GOOD)
    rig.use(land=False)
    rig.step()
    rig.write("count.txt", "mine")
    rig.commit("mine")
    with pytest.raises(git.Blocked, match=r"BLOCKED: piste/main and main changed .* count\.txt"):
        rig.step("2")
    assert rig.calls() == ["1 first"]


EDIT = "sed -i.old 's/Write {0}.txt/Write a better {0}.txt/' \"$PISTE_ROOT/prompt_plan.md\""


def test_a_plan_that_is_edited_while_its_step_is_under_way(rig: Rig) -> None:
    rig.write(".gitignore", rig.read(".gitignore") + "*.old\n")
    rig.commit("ignore")
    rig.agent(GOOD + f"\nsubprocess.run({EDIT.format('count')!r}, shell=True)")
    outcome = rig.step()
    assert outcome.result == "failed"
    assert outcome.said.startswith("the plan was edited meanwhile: step 1 has another prompt now")
    assert rig.show("count.txt", outcome.branch) == "good"


def test_a_plan_that_is_edited_elsewhere_meanwhile_is_no_trouble(rig: Rig) -> None:
    rig.agent(GOOD + f"\nsubprocess.run({EDIT.format('print')!r}, shell=True)")
    rig.write(".gitignore", rig.read(".gitignore") + "*.old\n")
    rig.commit("ignore")
    outcome = rig.step()
    assert outcome.result == "done"
    assert outcome.said == "on piste/main, since prompt_plan.md is not committed"


def test_a_plan_that_git_ignores_is_ticked_where_it_is(rig: Rig) -> None:
    rig.write(".gitignore", rig.read(".gitignore") + "todo.md\nprompt_plan.md\n")
    rig.git("rm", "--quiet", "--cached", "todo.md", "prompt_plan.md")
    rig.commit("plans are mine")
    rig.agent(GOOD)
    assert rig.step().result == "done"
    assert rig.read("todo.md").count("[x]") == 2


def test_without_a_todo_list_the_plan_is_marked(rig: Rig) -> None:
    rig.git("rm", "--quiet", "todo.md")
    rig.commit("no list")
    rig.agent(GOOD)
    rig.step()
    assert "## Step 1: Count words ✅" in rig.show("prompt_plan.md")
    assert rig.states() == ["done", "open", "open"]


# Repositories -----------------------------------------------------------------------------------


def test_on_a_detached_head(rig: Rig) -> None:
    rig.git("checkout", "--quiet", "--detach")
    rig.agent(GOOD)
    assert rig.step().said == "on HEAD"
    assert rig.subjects() == ["step 1: Count words", "start"]
    assert rig.subjects("main") == ["start"]


def test_a_project_in_a_folder_of_a_repository(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = rig.root / "apps/tally"
    for name in ("piste.toml", "prompt_plan.md", "todo.md", "check.sh", "want"):
        rig.write(f"apps/tally/{name}", rig.read(name))
    rig.commit("an app")
    outer, rig.root = rig.root, inner
    monkeypatch.chdir(inner)
    rig.use(attempts=1)
    rig.agent(GOOD + "\nwrite('../../outside.txt', 'x')")
    outcome = rig.step()
    assert "outside.txt is outside of the project's folder apps/tally/" in outcome.said
    rig.agent(GOOD)
    assert rig.step().result == "done"
    assert (outer / "apps/tally/count.txt").read_text() == "good"


def test_submodules_are_there_and_are_nobodys_to_change(rig: Rig, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(
        f"git init -q {other} && cd {other} && echo good > lib.txt && git add -A"
        " && git commit -qm x",
        shell=True, check=True,
    )  # fmt: skip
    rig.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "lib")
    rig.commit("with a library")
    rig.use(test="sh check.sh && test -f lib/lib.txt", attempts=1)
    rig.agent(GOOD + "\nwrite('lib/lib.txt', 'changed')")
    assert "the submodule lib was changed" in rig.step().said
    rig.agent(GOOD)
    assert rig.step().result == "done"


NO_REPOSITORY = {
    "is not in a git repository; git init": "rm -rf .git",
    "the repository has no commit yet; git add -A": "rm -rf .git; git init -q",
    "a rebase is under way; finish it first": (
        "git checkout -q -b side; echo a > a; git add a; git commit -qm a; git checkout -q main;"
        "echo b > a; git add a; git commit -qm b; git rebase -q side"
    ),
    "git does not know who commits": (
        "git config --global --unset user.name; git config --global --unset user.email;"
        "git config user.useConfigOnly true"
    ),
}


@pytest.mark.parametrize("said", NO_REPOSITORY)
def test_no_repository_to_work_in(rig: Rig, said: str) -> None:
    rig.agent(GOOD)
    subprocess.run(NO_REPOSITORY[said], shell=True, cwd=rig.root, check=False, capture_output=True)
    with pytest.raises(UserError, match=re.escape(said)):
        rig.step()
    assert rig.calls() == []


def test_a_hook_that_says_no_is_red_and_goes_back_to_the_agent(rig: Rig) -> None:
    rig.agent(SLOW_LEARNER)
    hook = rig.write(
        ".git/hooks/pre-commit", "#!/bin/sh\ngrep -q good count.txt || { cat count.txt; exit 1; }\n"
    )
    hook.chmod(0o755)
    rig.use(test="true")
    outcome = rig.step()
    assert (outcome.result, outcome.tries) == ("done", 2)
    assert (
        "the pre-commit hook said no to the commit"
        in (rig.root / ".piste/run/logs/1.1-2.prompt.md").read_text()
    )


def test_what_a_hook_changes_is_tested_too(rig: Rig) -> None:
    rig.agent(GOOD)
    hook = rig.write(
        ".git/hooks/pre-commit", "#!/bin/sh\necho tidy good > count.txt; git add count.txt\n"
    )
    hook.chmod(0o755)
    rig.use(test="sh check.sh && echo ran >> ../tests-ran")
    assert rig.step().result == "done"
    assert rig.show("count.txt") == "tidy good"
    assert (rig.root / ".piste/run/tests-ran").read_text() == "ran\n" * 3


def test_a_hook_that_breaks_what_was_green(rig: Rig) -> None:
    rig.agent(GOOD)
    hook = rig.write(
        ".git/hooks/pre-commit", "#!/bin/sh\ndate +%N > count.txt; git add count.txt\n"
    )
    hook.chmod(0o755)
    rig.use(attempts=1)
    assert rig.step().result == "failed"


def test_a_step_done_by_hand_and_not_committed_stops_the_next(rig: Rig) -> None:
    rig.agent(GOOD)
    rig.write(".piste/receipts/steps/1.json", "{}")
    with pytest.raises(UserError):
        rig.step("2")
    assert rig.calls() == []


# A person's word --------------------------------------------------------------------------------


def test_review_shows_the_diff_and_a_yes_is_bound_to_it(rig: Rig) -> None:
    rig.agent(GOOD)
    seen: list[Review] = []

    def person(review: Review) -> Answer:
        seen.append(review)
        return Answer("y")

    assert rig.step(review=True, person=person).result == "done"
    assert "+good" in seen[0].diff
    assert seen[0].tree == git.tree_of(rig.root, "HEAD^{commit}") or "count.txt" in seen[0].stat


def test_what_tests_leave_behind_is_no_edit(rig: Rig) -> None:
    rig.agent(GOOD)
    rig.use(test="sh check.sh && date > left-by-tests")
    seen: list[Review] = []
    rig.step(review=True, person=lambda review: seen.append(review) or Answer("y"))
    assert len(seen) == 1


def test_no_with_a_reason_goes_back_to_the_agent(rig: Rig) -> None:
    rig.agent('write(name, "good, and better" if "say more" in prompt else "good")')
    answers = iter([Answer("n", "say more"), Answer("y")])
    outcome = rig.step(review=True, person=lambda review: next(answers))
    assert (outcome.result, outcome.tries) == ("done", 2)
    assert rig.show("count.txt") == "good, and better"


def test_no_without_a_reason_ends_it(rig: Rig) -> None:
    rig.agent(GOOD)
    outcome = rig.step(review=True, person=lambda review: Answer("n"))
    assert (outcome.result, outcome.said) == ("failed", "a person said no")


def test_what_is_edited_in_review_is_tested_and_asked_about_again(rig: Rig) -> None:
    rig.agent(GOOD)
    words = iter(["edit", "y"])

    def person(review: Review) -> Answer:
        word = next(words)
        if word == "edit":
            (review.folder / "count.txt").write_text("good, by hand")
        return Answer(word)

    assert rig.step(review=True, person=person).result == "done"
    assert rig.show("count.txt") == "good, by hand"


def test_skip_leaves_the_step_open_and_its_work_on_its_branch(rig: Rig) -> None:
    rig.agent(GOOD)
    outcome = rig.step(review=True, person=lambda review: Answer("skip"))
    assert outcome.result == "skipped"
    assert rig.show("count.txt", outcome.branch) == "good"
    assert rig.states()[0] == "open"


def test_where_nobody_is_there_the_step_waits_and_a_hash_is_the_word(rig: Rig) -> None:
    rig.agent(GOOD)
    with pytest.raises(
        NeedsPerson, match=r"step 1 waits for your word; .* --approve [0-9a-f]{12}, or say"
    ):
        rig.step(review=True)
    with pytest.raises(UserError, match=r"what you approved .* is not what is there now"):
        rig.step(approve="0123456789ab")
    assert rig.states()[0] == "open"
    now = attempt.load(rig.root)
    assert now is not None
    assert rig.step(approve=git.tree_of(rig.root, now.work)).result == "done"
    assert rig.calls() == ["1 first"]


def test_an_approval_does_not_reach_what_was_changed_afterwards(rig: Rig) -> None:
    rig.agent(GOOD)
    with pytest.raises(NeedsPerson):
        rig.step(review=True)
    now = attempt.load(rig.root)
    assert now is not None
    (rig.tree / "count.txt").write_text("good, and something else")
    with pytest.raises(UserError, match="is not what is there now"):
        rig.step(approve=git.tree_of(rig.root, now.work))


# Money ------------------------------------------------------------------------------------------

COSTLY = GOOD + "\nprint('Tokens: 1.5k sent, 500 received. Cost: $0.40 message, $0.40 session.')"


def test_out_of_budget_the_attempt_waits_and_goes_on_later(rig: Rig) -> None:
    body = COSTLY.replace("write(name", "write('count.txt'").replace("prompt = sys", "")
    rig.agent("prompt_file = sys.argv\n" + body.replace('"good"', '"good" if again else "bad"'),
              "aider")  # fmt: skip
    rig.settings = rig.settings.__class__(
        agent="aider", test=TEST, agents={"aider": {"command": "aider"}}
    )
    budget.tracker(rig.root).cap = Cap(dollars=0.30)
    with pytest.raises(OverBudget, match=r"the budget of this run: \$0.4000 of \$0.30 are spent"):
        rig.step()
    outcome = rig.step()  # a run of its own
    assert (outcome.result, outcome.tries, outcome.cost) == ("done", 2, pytest.approx(0.8))
    assert (outcome.input_tokens, outcome.output_tokens) == (3000, 1000)
    assert rig.calls() == ["1 first", "1 again"]


def test_a_budget_of_tokens(rig: Rig) -> None:
    rig.agent(SLOW_LEARNER + "\nprint('{\"stats\": {\"models\": {\"m\": {\"tokens\": "
              "{\"prompt\": 900, \"candidates\": 200}}}}}')")  # fmt: skip
    budget.tracker(rig.root).cap = Cap(tokens=1200)
    with pytest.raises(OverBudget, match="1,100 of 1,200 tokens are used, and it may take"):
        rig.step()


def test_a_price_that_is_not_known_cannot_be_kept_to(rig: Rig) -> None:
    rig.agent(SLOW_LEARNER)
    budget.tracker(rig.root).cap = Cap(dollars=5)
    with pytest.raises(OverBudget, match="a price is not known; give the budget in tokens"):
        rig.step()
    assert rig.calls() == ["1 first"]


def test_tokens_that_are_not_told_cannot_be_kept_to(rig: Rig) -> None:
    rig.agent(SLOW_LEARNER)
    budget.tracker(rig.root).cap = Cap(tokens=1_000_000)
    with pytest.raises(OverBudget, match="it does not say how many tokens it takes"):
        rig.step()
    assert rig.calls() == ["1 first"]


def test_a_budget_of_the_day_knows_what_earlier_runs_have_cost(rig: Rig) -> None:
    rig.write("piste.toml", 'model = "outline"\nbudget_day = "1_300 tokens"\n')
    rig.commit("a budget")
    rig.agent(GOOD + "\nprint('{\"stats\": {\"models\": {\"m\": {\"tokens\": "
              "{\"prompt\": 900, \"candidates\": 300}}}}}')")  # fmt: skip
    rig.step()
    with pytest.raises(OverBudget, match="the budget of today: 1,200 of 1,300 tokens are used"):
        rig.step()
    assert rig.calls() == ["1 first"]


def test_in_ci_no_agent_is_started_unasked(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.agent(GOOD)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(Failed, match="no agent is started here"):
        rig.step()
    monkeypatch.setenv("PISTE_ASK_IN_CI", "true")
    assert rig.step().result == "done"


# Kills ------------------------------------------------------------------------------------------
# `Killed` is raised where a kill would be: nothing after it is done but what the kernel does, too.

SEAMS = {
    "attempt.save": (attempt, "save", range(1, 10, 2)),
    "durable.write": (atomic_write, "write", range(2, 23, 7)),
    "git": (git, "ask", range(2, 104, 25)),
}


@pytest.mark.parametrize(
    ("seam", "nth"), [(seam, nth) for seam, (_, _, at) in SEAMS.items() for nth in at]
)
def test_killed_anywhere_the_next_run_goes_on(
    rig: Rig, seam: str, nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name, _ = SEAMS[seam]
    rig.agent(GOOD)
    with monkeypatch.context() as patched:
        call = killing(nth, getattr(module, name))
        for user in (module, merge, worktree):
            if hasattr(user, name):
                patched.setattr(user, name, call)
        try:
            rig.step("1")
        except Killed:
            pass
        else:
            assert nth > 6, "the seam is too short for this to say anything"
    if rig.states()[0] != "done":
        assert rig.step("1").result == "done"

    assert rig.step("2").result == "done"
    assert rig.subjects() == ["step 2: Sum them", "step 1: Count words", "start"]
    assert rig.git("status", "--porcelain") == ""
    assert len([call for call in rig.calls() if call.startswith("1")]) <= 2


@pytest.mark.parametrize("nth", range(3, 16, 6))
def test_killed_between_tries_no_try_is_forgotten(
    rig: Rig, nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.agent(SLOW_LEARNER)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(attempt, "save", killing(nth, attempt.save))
        rig.step("1")
        raise Killed  # it is through already
    if rig.states()[0] != "done":
        assert rig.step("1").result == "done"
    assert rig.calls()[0] == "1 first"
    assert 2 <= len(rig.calls()) <= 3
    assert rig.show("count.txt") == "good"


DRIVER = """
import os, sys
from piste import cli
os.environ["VICTIM"] = str(os.getpid())
sys.exit(cli.main())
"""


def piste(rig: Rig, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", DRIVER, "run", "--agent", "gemini", "--test", TEST, *words]
    return subprocess.Popen(
        command, cwd=rig.root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_sigkill_while_the_agent_works_leaves_no_agent_and_keeps_its_work(rig: Rig) -> None:
    rig.agent(
        "write('half.txt', 'half of it')\n"
        "if not os.path.exists(os.environ['PISTE_ROOT'] + '/../killed'):\n"
        "    write(os.environ['PISTE_ROOT'] + '/../killed', str(os.getpid()))\n"
        "    os.kill(int(os.environ['VICTIM']), signal.SIGKILL)\n"
        "    time.sleep(1000)\n"
        "os.unlink('half.txt')\n" + GOOD
    )
    first = piste(rig)
    first.communicate()
    second = piste(rig)
    _, err = second.communicate()

    assert first.returncode == -9
    assert second.returncode == 0, err
    assert "going on where it was left (agent)" in err
    assert "what gemini had left is kept on piste-attempts/main/1.1" in err
    assert rig.show("half.txt", "piste-attempts/main/1.1") == "half of it"
    assert rig.subjects() == ["step 1: Count words", "start"]
    assert not is_alive((rig.root / "../killed").read_text())


def test_sigkill_while_the_tests_run_pays_no_agent_twice(rig: Rig) -> None:
    rig.agent(GOOD)
    rig.write("check.sh", 'test ! -f count.txt || test -f ../killed || '
              '{ touch ../killed; kill -9 "$VICTIM"; sleep 1000; }\n')  # fmt: skip
    rig.commit("tests")
    piste(rig).communicate()
    second = piste(rig)
    second.communicate()
    assert second.returncode == 0
    assert rig.calls() == ["1 first"]


def test_sigkill_in_a_hook_of_the_commit(rig: Rig) -> None:
    rig.agent(GOOD)
    hook = rig.write(".git/hooks/pre-commit", '#!/bin/sh\ntest -f "$PISTE_KILLED" || '
                     '{ touch "$PISTE_KILLED"; kill -9 "$VICTIM"; sleep 1000; }\n')  # fmt: skip
    hook.chmod(0o755)
    os.environ["PISTE_KILLED"] = str(rig.bin / "killed")
    try:
        piste(rig).communicate()
        second = piste(rig)
        _, err = second.communicate()
    finally:
        del os.environ["PISTE_KILLED"]
    assert second.returncode == 0, err
    assert rig.calls() == ["1 first"]
    assert rig.subjects() == ["step 1: Count words", "start"]


def test_two_runs_at_once_the_second_waits_and_says_for_whom(rig: Rig) -> None:
    rig.agent(
        GOOD + "\nwrite(os.environ['PISTE_ROOT'] + '/../begun', '')\n"
        "while step == 1 and not os.path.exists(os.environ['PISTE_ROOT'] + '/../go'): "
        "time.sleep(0.02)"
    )
    first = piste(rig)
    while not (rig.root / "../begun").exists():
        assert first.poll() is None
        time.sleep(0.02)
    second = piste(rig)
    assert second.stderr is not None
    waiting = second.stderr.readline()
    (rig.root / "../go").touch()
    first.communicate()
    second.communicate()

    assert waiting.startswith(f"waiting for process {first.pid} on ")
    assert (first.returncode, second.returncode) == (0, 0)
    assert rig.subjects() == ["step 2: Sum them", "step 1: Count words", "start"]


def test_a_landing_that_was_cut_off_is_put_right(rig: Rig) -> None:
    rig.agent(GOOD)
    rig.use(land=False)
    rig.step()
    now = attempt.load(rig.root)
    assert now is not None
    # As it is when git is killed in the middle: some files are there, the branch is not moved.
    rig.write("count.txt", "good")
    start = rig.git("rev-parse", "HEAD")
    attempt.save(rig.root, _with(now, landing=(start, now.commit)))
    rig.use(land=True)

    assert rig.step().result == "done"
    assert rig.subjects() == ["step 2: Sum them", "step 1: Count words", "start"]
    assert rig.git("status", "--porcelain") == ""


def test_a_landing_that_was_cut_off_touches_nothing_of_a_persons(rig: Rig) -> None:
    rig.agent(GOOD)
    rig.use(land=False)
    rig.step()
    now = attempt.load(rig.root)
    assert now is not None
    rig.write("count.txt", "mine")
    attempt.save(rig.root, _with(now, landing=(rig.git("rev-parse", "HEAD"), now.commit)))
    with pytest.raises(
        UserError, match=r"count\.txt was changed while finished steps were brought in"
    ):
        rig.step()
    assert rig.read("count.txt") == "mine"


def _with(now: attempt.Attempt, **changed: object) -> attempt.Attempt:
    from dataclasses import replace

    return replace(now, **changed)  # type: ignore[arg-type]


def test_another_step_than_the_one_under_way_parks_that(rig: Rig) -> None:
    rig.agent(GOOD)
    with pytest.raises(NeedsPerson):
        rig.step("1", review=True)
    assert rig.step("2").result == "done"
    assert rig.show("count.txt", "piste-attempts/main/1.1") == "good"


def test_another_agent_than_the_one_under_way_begins_anew(rig: Rig) -> None:
    rig.agent(GOOD)
    with pytest.raises(NeedsPerson):
        rig.step("1", review=True)
    rig.agent('write(name, "good, by another")', "codex")
    rig.use(agent="codex")
    assert rig.step("1").result == "done"
    assert rig.show("count.txt") == "good, by another"


def test_what_a_person_mends_in_a_failed_worktree_is_kept(rig: Rig) -> None:
    rig.agent("write(name, 'bad')")
    rig.use(attempts=1)
    failed = rig.step()
    (rig.tree / "count.txt").write_text("good, by hand")
    rig.agent(GOOD)
    assert rig.step().result == "done"
    assert rig.show("count.txt", failed.branch) == "good, by hand"


def test_the_state_may_be_deleted_at_the_cost_of_time(rig: Rig) -> None:
    import shutil

    rig.agent(GOOD)
    rig.step()
    shutil.rmtree(rig.root / ".piste/run")
    assert rig.step().step == "2"
    assert rig.subjects()[0] == "step 2: Sum them"


def test_nothing_is_left_running(rig: Rig) -> None:
    rig.agent("subprocess.Popen(['sleep', '1000']); " + GOOD)
    rig.step()
    assert not worktree.stands_on(git.find(rig.root), "piste-attempts/main/1.1")
    assert processes.which("sleep", rig.root)
    assert FILES[1] == "count.txt"
    assert runner.outcome(attempt.load(rig.root) or pytest.fail("no attempt")).result == "done"


def test_the_plan_names_the_tests_where_no_setting_does(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    named = "Three steps.\n\nTest command: `sh check.sh`"
    rig.write("prompt_plan.md", rig.read("prompt_plan.md").replace("Three steps.", named))
    rig.commit("named")
    rig.agent(GOOD)
    rig.use(test="")
    assert rig.step().result == "done"
    assert "the tests: sh check.sh (from prompt_plan.md)" in capsys.readouterr().err
