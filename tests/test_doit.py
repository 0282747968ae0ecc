"""Real doit processes: its own commands tell the truth, and its traps are closed."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Small
from support import forked
from support.standin import Fault, Request, StandIn

from piste.engine import receipts

Process = subprocess.CompletedProcess[str]
Call = Callable[..., Process]

TWO = '[rules.more]\ntarget = "more.md"\ninputs = ["@note"]\nprompt = "note.md.j2"\n'


def _call(program: str, *args: str, cwd: Path, **env: str) -> Process:
    return forked.run(program, *args, cwd=cwd, **env)


@pytest.fixture
def two(small: Small) -> Small:
    """in.md → note.md → more.md, neither made."""
    small.settings(rule=TWO)
    return small


@pytest.fixture
def made(two: Small) -> Small:
    """in.md → note.md → more.md, both made."""
    two.make()
    two.make("more")
    return two


@pytest.fixture
def doit(small: Small) -> Call:
    def call(*args: str, **env: str) -> Process:
        found = _call("doit", *args, cwd=small.root, **env)
        assert "Traceback" not in found.stdout + found.stderr
        return found

    return call


@pytest.fixture
def paid(small: Small, standin: StandIn) -> StandIn:
    small.settings("retries = 0", model="chat-ok")
    standin.reply(lambda request: f"# Reply {request.number}\n")
    return standin


def _states(found: Process) -> dict[str, str]:
    return {line.split()[1]: line.split()[0] for line in found.stdout.splitlines()}


# What doit's own commands say -----------------------------------------------------------


def test_list(doit: Call) -> None:
    found = doit("list")
    assert found.returncode == 0
    lines = dict(line.split(maxsplit=1) for line in found.stdout.splitlines())
    assert lines["note"] == "made by [rules.note] → note.md"
    assert lines["plan"] == "the plan: one prompt a step, for a coding agent → prompt_plan.md"


def test_list_and_info_tell_the_decision_and_change_no_byte(made: Small, doit: Call) -> None:
    made.write("in.md", "# Other\n")
    before = made.tree()
    assert _states(doit("list", "-s", "note", "more")) == {"note": "R", "more": "R"}
    stale, waits = doit("info", "note"), doit("info", "more")
    assert "note.md is stale: in.md changed" in stale.stdout
    assert "more.md is fresh, but note.md is stale: in.md changed" in waits.stdout
    assert (stale.returncode, waits.returncode) == (1, 1)
    assert made.tree() == before
    made.write("in.md", "# Note\n")
    made.make()
    assert _states(doit("list", "-s", "note", "more")) == {"note": "U", "more": "R"}
    made.make("more")
    fresh = doit("info", "more")
    assert "status     : up-to-date" in fresh.stdout
    assert fresh.returncode == 0


def test_nothing_to_do(made: Small, doit: Call) -> None:
    assert doit().stdout == "-- note\n-- more\n"
    (made.root / "in.md").touch()
    assert doit().stdout == "-- note\n-- more\n"


def test_the_same_text_again_stops_the_rebuild(made: Small, doit: Call) -> None:
    made.write("in.md", "# In  \n\nWords.\n")  # the outline of it is the same
    assert doit().stdout == ".  note\n-- more\n"


def test_the_line_from_an_idea_to_a_todo(small: Small, doit: Call) -> None:
    small.write("idea.md", "# Tally\n\nA command that counts words.\n")
    found = doit("todo")
    assert (found.returncode, found.stdout) == (0, ".  spec\n.  plan\n.  todo\n")
    todo = small.read("todo.md")
    assert "- [ ] " in todo
    small.write("todo.md", todo.replace("- [ ]", "- [x]", 1))
    assert doit().stdout == "-- spec\n-- plan\n-- todo\n"
    small.write("brainstorm.md", "# Tally\n\nA command that counts letters.\n")
    assert doit("spec").stdout == ".  spec\n"


def test_a_plan_that_a_person_brought_needs_no_specification(small: Small, doit: Call) -> None:
    small.write("prompt_plan.md", "# Plan\n\n## Step 1: Begin\n\n```text\nDo it.\n```\n")
    found = doit("todo")
    assert found.returncode == 0
    assert found.stdout.splitlines()[1:] == [".  todo"]
    assert "piste did not make prompt_plan.md" in found.stdout.splitlines()[0]


def test_nothing_was_made_and_nothing_is_made_unasked(small: Small, doit: Call) -> None:
    found = doit()
    assert (found.returncode, found.stdout) == (0, "")
    assert "try `doit plan`" in found.stderr
    assert not (small.root / ".piste").exists()


def test_forget_costs_nothing(made: Small, doit: Call) -> None:
    before = made.tree()
    assert doit("forget", "note").stdout == "forgetting note\n"
    receipt = receipts.read(made.root, "note.md")
    assert receipt and receipt.forgotten
    assert "recorded" in doit("note").stderr
    now = made.tree()
    log = str(made.root / ".piste/log.jsonl")
    assert {k: v for k, v in now.items() if k != log} == {
        k: v for k, v in before.items() if k != log
    }


def test_clean_and_back(made: Small, doit: Call) -> None:
    made.write("note.md", made.read() + "\nMine.\n")
    before = made.tree()
    cleaned = doit("clean")
    assert "removed more.md" in cleaned.stderr
    assert "note.md is kept: note.md was edited by hand" in cleaned.stderr
    assert not (made.root / "more.md").exists()
    made.write("note.md", made.read().removesuffix("\nMine.\n"))
    doit()
    after = made.tree()
    assert after[str(made.root / "more.md")] == before[str(made.root / "more.md")]


def test_reset_dep_leaves_the_receipts(made: Small, doit: Call) -> None:
    made.write("in.md", "# Other\n")
    before = made.tree()
    assert doit("reset-dep").returncode == 0
    assert made.tree() == before
    assert _states(doit("list", "-s", "note"))["note"] == "R"


def test_an_ignored_task_is_left_out_until_it_is_forgotten(made: Small, doit: Call) -> None:
    made.write("in.md", "# Other\n")
    doit("ignore", "note")
    assert doit("note").stdout == "!! note\n"


def test_unknown_names(doit: Call) -> None:
    found = doit("noet")
    assert (found.returncode, found.stdout) == (3, "")
    assert 'Invalid parameter: "noet"' in found.stderr


# Options --------------------------------------------------------------------------------


def test_edited_conflict_overwrite(made: Small, doit: Call) -> None:
    made.write("note.md", "# Mine\n")
    edited = doit("note")
    assert (edited.returncode, edited.stdout) == (0, "-- note  (note.md was edited by hand)\n")

    made.write("in.md", "# Other\n")
    conflict = doit("note")
    assert conflict.returncode == 1
    assert conflict.stdout.splitlines()[0] == ".  note"
    (line,) = conflict.stdout.splitlines()[1:]
    assert line.startswith("note: note.md holds your own text, and in.md changed: nothing was")
    assert conflict.stderr == ""

    assert doit("note", "--overwrite").returncode == 0
    assert made.read() != "# Mine\n"


def test_a_file_that_a_person_brought(made: Small, doit: Call) -> None:
    made.write("in.md", "# Other\n")
    receipts.path(made.root, "more.md").unlink()
    made.write("more.md", "# Mine\n")
    found = doit("more")
    assert found.stdout == "-- more  (piste did not make more.md; it is a source)\n"
    assert found.returncode == 0


def test_again_and_model(small: Small, paid: StandIn, doit: Call) -> None:
    small.make()
    doit("note", "--again")
    doit("note", "-m", "resp-ok")
    assert [request.path for request in paid.requests] == [
        "/v1/chat/completions", "/v1/chat/completions", "/v1/responses",
    ]  # fmt: skip
    assert small.read() == "# Reply 3\n"
    assert small.make().event == "taken"  # as the settings have it
    assert small.read() == "# Reply 2\n"
    assert len(paid.requests) == 3


# Failures -------------------------------------------------------------------------------


def test_a_failure_is_one_line_and_what_needs_it_is_not_done(
    two: Small, standin: StandIn, doit: Call
) -> None:
    two.settings("retries = 0", model="chat-ok", rule=TWO)
    standin.reply("# Good\n")
    two.make()
    two.make("more")
    before = two.tree()
    two.write("in.md", "# Other\n")
    standin.reply(Fault("500"))
    found = doit("-c", "more")
    assert found.returncode == 2  # doit's code for a task that could not be tried
    assert found.stdout.splitlines() == [
        ".  note",
        "note: note.md: chat-ok: the server failed: The server had an error while processing your "
        "request",
        "more: not done, because note failed",
    ]
    assert found.stderr == ""
    for name in ("note.md", "more.md", ".piste/receipts/note.md.json"):
        assert two.tree()[str(two.root / name)] == before[str(two.root / name)]
    assert doit("note").returncode == 1
    standin.reply("# Better\n")
    assert doit("more").stdout == ".  note\n.  more\n"
    assert two.read("more.md") == "# Better\n"


def test_a_mistake_is_exit_code_two(small: Small, doit: Call) -> None:
    (small.root / "in.md").unlink()
    found = doit("note")
    assert found.returncode == 2
    assert found.stdout == ".  note\nnote: note.md: in.md is missing\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("modle = 1", "piste.toml: unknown setting 'modle'; did you mean 'model'?"),
        ('[rules.spec]\ninputs = ["@todo"]', "these rules need each other: "),
        ('[rules.todo]\ntarget = "spec.md"', "spec.md would be made by two rules, spec and todo"),
    ],
)
def test_wrong_settings_are_one_line_before_anything_runs(
    small: Small, doit: Call, text: str, said: str
) -> None:
    small.write("piste.toml", text)
    for found, code in (
        (doit("list"), 3), (doit("-n", "2", "plan"), 3),
        (_call("piste", "list", cwd=small.root), 2),
    ):  # fmt: skip
        assert (found.returncode, found.stdout) == (code, "")
        assert said in found.stderr
        assert len(found.stderr.splitlines()) == 1


# Threads --------------------------------------------------------------------------------


def _four(small: Small, model: str) -> None:
    tables = "".join(
        f'[rules.n{n}]\ntarget = "n{n}.md"\ninputs = ["in.md"]\nprompt = "note.md.j2"\n'
        for n in range(4)
    )
    small.write("piste.toml", f'model = "{model}"\nretries = 0\n{tables}')


def test_four_at_once_in_threads(small: Small, standin: StandIn, doit: Call) -> None:
    _four(small, "chat-ok")
    together = threading.Barrier(4)

    def answer(request: Request) -> str:
        together.wait(60)  # nobody gets an answer before all four have asked
        return f"# Reply {request.number}\n"

    standin.reply(answer)
    found = doit("-n", "4", "n0", "n1", "n2", "n3")
    assert found.returncode == 0
    assert sorted(found.stdout.split()) == sorted([*("...."), "n0", "n1", "n2", "n3"])
    said = found.stderr.splitlines()
    assert len(said) == 4
    assert all(line.startswith("   n") and " made by chat-ok, " in line for line in said)
    assert len({small.read(f"n{n}.md") for n in range(4)}) == 4
    assert doit("-n", "4", "n0", "n1", "n2", "n3").stdout.count("-- ") == 4


def test_one_of_four_fails_and_the_others_are_recorded(
    small: Small, standin: StandIn, doit: Call
) -> None:
    _four(small, "chat-ok")
    small.write("bad.md", "# Refuse this\n")
    text = small.read("piste.toml").replace(
        'target = "n3.md"\ninputs = ["in.md"]', 'target = "n3.md"\ninputs = ["bad.md"]'
    )
    small.write("piste.toml", text)
    standin.reply(lambda r: Fault("refusal") if "Refuse" in r.prompt else f"# Reply {r.number}\n")
    found = doit("-c", "-n", "4", "n0", "n1", "n2", "n3")
    assert found.returncode == 1
    assert "n3: n3.md: the reply of chat-ok was no result, twice" in found.stdout
    assert [receipts.read(small.root, f"n{n}.md") is None for n in range(4)] == [
        False, False, False, True,
    ]  # fmt: skip


# Signals --------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [(), ("-n", "2")], ids=["one", "threads"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_and_what_was_finished_is_recorded(
    small: Small, standin: StandIn, threads: tuple[str, ...], number: signal.Signals
) -> None:
    _four(small, "chat-ok")
    asked = threading.Event()

    def answer(request: Request) -> str | Fault:
        if request.number == 1:
            return "# Reply 1\n"
        asked.set()
        return Fault("latency=60", "# Too late\n")

    standin.reply(answer)
    process = subprocess.Popen(
        [sys.executable, "-m", "doit", *threads, "n0", "n1"], cwd=small.root,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert asked.wait(60)
    process.send_signal(number)
    said = process.communicate(timeout=30)[0]
    assert process.returncode == 128 + number
    assert "Traceback" not in said
    assert "Fatal" not in said
    if not threads:  # one after the other: the first was done before the second was asked
        assert receipts.read(small.root, "n0.md") is not None
        assert receipts.read(small.root, "n1.md") is None

    standin.reply("# At last\n")
    small.make("n0")
    small.make("n1")
    # Of two at once, the answered one may not have been saved when the signal came.
    assert {small.read("n0.md"), small.read("n1.md")} in (
        {"# Reply 1\n", "# At last\n"}, {"# At last\n"},
    )  # fmt: skip


# A project's own tasks ------------------------------------------------------------------

OWN = """
from piste.tasks import *

def task_gather():
    '''their words'''
    return {"file_dep": ["raw.txt"], "targets": ["in.md"], "actions": ["cp raw.txt in.md"]}

def task_publish():
    return {"file_dep": ["more.md"], "targets": ["out.html"], "actions": ["cp more.md out.html"]}

def task_broken():
    return {"actions": [lambda: 1 / 0]}
"""


@pytest.fixture
def own(two: Small) -> Small:
    """raw.txt → in.md → note.md → more.md → out.html; the ends are a project's own tasks."""
    two.write("dodo.py", OWN)
    two.write("raw.txt", "# Raw\n")
    (two.root / "in.md").unlink()
    return two


def test_own_tasks_on_both_sides_of_ours(own: Small, doit: Call) -> None:
    everything = [".  gather", ".  note", ".  more", ".  publish"]
    assert doit("publish").stdout.splitlines() == everything
    assert (own.root / ".piste/doit.db").exists()
    assert doit("publish").stdout.count("-- ") == 4
    assert _states(doit("list", "-s", "gather", "publish")) == {"gather": "U", "publish": "U"}
    own.write("raw.txt", "# Other\n")
    assert doit("publish").stdout.splitlines() == everything
    (own.root / "in.md").unlink()
    assert doit("publish").stdout.splitlines() == [".  gather", "-- note", "-- more", "-- publish"]


def test_piste_has_the_projects_tasks_too_and_from_any_folder(own: Small) -> None:
    (own.root / "deep" / "er").mkdir(parents=True)
    listed = _call("piste", "list", cwd=own.root / "deep" / "er")
    assert "gather" in listed.stdout
    made = _call("piste", "publish", cwd=own.root / "deep")
    assert made.returncode == 0
    assert (own.root / "out.html").exists()
    assert not (own.root / "deep" / ".piste").exists()


def test_piste_needs_no_dodo_and_takes_a_model_for_the_run(small: Small) -> None:
    (small.root / "dodo.py").unlink()
    small.settings(model="no-such-model")
    found = _call("piste", "--model", "outline", "note", cwd=small.root)
    assert (found.returncode, found.stdout) == (0, ".  note\n")
    assert "made by outline" in found.stderr


def test_a_failure_of_their_own_task_is_doits_to_tell(own: Small) -> None:
    found = _call("doit", "broken", cwd=own.root)
    assert found.returncode != 0
    assert "ZeroDivisionError" in found.stdout + found.stderr


def test_a_cycle_through_their_own_task_ends(own: Small, doit: Call) -> None:
    own.write("dodo.py", OWN.replace('"raw.txt"]', '"more.md"]'))
    found = doit("more")
    assert found.returncode == 3
    assert "ycl" in found.stderr


def test_without_a_model_that_is_known_nothing_is_made(small: Small, doit: Call) -> None:
    small.settings(model="outlin")
    found = doit("note")
    assert found.returncode == 2
    assert "there is no model 'outlin'; did you mean 'outline'?" in found.stdout
    assert not (small.root / "note.md").exists()


# Budgets --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "args", "out"),
    [
        ("piste", ("plan", "--budget", "lots"), "--budget: 'lots' is no budget; write \"$2.50\""),
        ("doit", ("plan", "--budget", "lots"), "--budget: 'lots' is no budget; write \"$2.50\""),
        ("piste", ("--budget", "lots", "plan"), "--budget: 'lots' is no budget; write \"$2.50\""),
    ],
)
def test_a_budget_that_is_none_is_one_line(
    run: Callable[..., Process], program: str, args: tuple[str, ...], out: str
) -> None:
    done = run(program, *args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert out in done.stderr


def test_the_embedded_model_is_under_no_budget(run: Callable[..., Process]) -> None:
    assert run("doit", "plan", "--budget", "$0").returncode == 0
    done = run("piste", "--frozen", "todo")
    assert done.returncode == 1
    assert "todo.md is not as it should be, and no model is asked here (--frozen)" in done.stdout


def test_a_task_of_ones_own_may_have_a_budget_of_its_own(
    run: Callable[..., Process], project: Path
) -> None:
    (project / "dodo.py").write_text(
        "from piste.tasks import *\n"
        "def task_own():\n"
        "    params = [{'name': 'budget', 'long': 'budget', 'default': 'x'}]\n"
        "    return {'actions': ['echo %(budget)s'], 'params': params, 'verbosity': 2}\n"
    )
    assert "lots" in run("doit", "own", "--budget", "lots").stdout


def test_a_doit_config_in_the_place_of_ours_is_said(made: Small) -> None:
    said = "its DOIT_CONFIG = {…} takes the place of piste's"
    head = "from piste.tasks import *\n"
    for program, text, expected in (
        ("doit", f'{head}DOIT_CONFIG = {{"verbosity": 0}}\n', 1),
        ("doit", f'{head}DOIT_CONFIG |= {{"verbosity": 0}}\n', 0),
        ("doit", head, 0),
        ("piste.cli", f'{head}DOIT_CONFIG = {{"verbosity": 0}}\n', 0),
    ):
        made.write("dodo.py", text)
        done = _call(program, "more", cwd=made.root)
        assert (done.returncode, done.stderr.count(said)) == (0, expected), (program, text)
