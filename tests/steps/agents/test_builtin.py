"""The built-in agent against the stand-in server."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.rig import CHECK, FILES, Killed, Rig
from support.standin import Fault, Request, StandIn

from piste.engine import budget, log
from piste.engine.caps import Cap
from piste.model import prices
from piste.model.window import LONGEST
from piste.steps import attempt, edit_blocks
from piste.steps.progress import Settings
from piste.system.errors import Failed, OverBudget, UserError

# A run that tells whatever it starts whom to kill.
KILLED = """
import os, sys
from piste import cli
os.environ["VICTIM"] = str(os.getpid())
sys.exit(cli.main())
"""
GOOD = "I wrote it.\n\n=== file: {0}\ngood\n=== end\n"


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standin: StandIn) -> Rig:
    made = Rig.make(tmp_path, monkeypatch)
    made.write("piste.toml", 'model = "chat-ok"\n')
    made.write(
        "prompt_plan.md", made.read("prompt_plan.md").replace("Write", "Look at want. Write")
    )
    made.commit("a model")
    made.settings = Settings(test="sh check.sh")
    return made


def step_of(request: Request) -> int:
    return int(request.turns[0][1].partition('<step id="')[2][0])


def good(request: Request) -> str:
    return GOOD.format(FILES[step_of(request)])


@pytest.mark.parametrize(
    "thought",
    ["<think>\n{}\n</think>\n", "[THINK]{}[/THINK]", "{}\n</think>\n\n",
     "<|channel|>analysis<|message|>{}<|end|><|start|>assistant<|channel|>final<|message|>"],
)  # fmt: skip
def test_an_edit_in_its_reasoning_is_not_carried_out(
    rig: Rig, standin: StandIn, thought: str
) -> None:
    draft = thought.format("Perhaps this:\n\n=== delete: want\n\nNo, better so.")
    standin.reply(lambda request: draft + good(request))

    assert rig.step().result == "done"
    assert rig.show("count.txt") == "good"
    assert (rig.root / "want").exists()
    assert standin.paid == 1


def test_its_edits_become_the_step(rig: Rig, standin: StandIn) -> None:
    standin.reply(good)
    outcome = rig.step()
    asked = standin.requests[0].prompt

    assert (outcome.result, outcome.agent) == ("done", f"llm form {edit_blocks.VERSION}")
    assert rig.show("count.txt") == "good"
    assert "check.sh\n" in asked  # the tree
    assert asked.index('<file path="want">') < asked.index(CHECK)  # what the step names is first
    assert asked.count('<file path="want">') == 1
    assert asked.index(edit_blocks.FORM.strip()) < asked.index('<step id="1"')  # rules first
    assert edit_blocks.FORM.strip() in asked
    assert outcome.input_tokens and outcome.output_tokens


def test_the_beginning_of_each_prompt_is_the_same(rig: Rig, standin: StandIn) -> None:
    standin.reply(good)
    rig.step()
    rig.step()
    one, other = (request.prompt for request in standin.requests)
    same = one.partition("The files of the repository")[0]
    assert other.startswith(same)
    assert edit_blocks.FORM.strip() in same
    assert "Leave prompt_plan.md" in same


def test_it_knows_the_other_steps_and_what_the_project_says_to_agents(
    rig: Rig, standin: StandIn
) -> None:
    rig.write("AGENTS.md", "Use tabs.\n")
    rig.commit("rules")
    standin.reply(good)
    rig.step()
    rig.step()
    asked = standin.requests[1].prompt
    assert "Use tabs." in asked
    assert "Steps that are in the repository already: 1 Count words." in asked
    assert "Steps that come later, and are not yours: 3 Print." in asked


LARGE = "x\n" * 20_000


def test_it_gets_the_files_that_it_asks_for(rig: Rig, standin: StandIn) -> None:
    rig.write("large.c", LARGE)
    rig.commit("too large to go along")

    def answer(request: Request) -> str:
        return "=== need: check.sh\n" if len(request.turns) == 1 else good(request)

    standin.reply(answer)
    assert rig.step().result == "done"
    assert CHECK not in standin.requests[0].prompt
    assert CHECK in standin.requests[1].prompt
    assert [role for role, _ in standin.requests[1].turns] == ["user", "assistant", "user"]


def test_it_may_not_ask_forever(rig: Rig, standin: StandIn) -> None:
    standin.reply("=== need: check.sh\n")
    rig.use(attempts=1)
    outcome = rig.step()
    assert "it asked for files 5 times, and never ended" in outcome.said
    assert len(standin.requests) == 5
    assert CHECK not in standin.requests[1].prompt.rpartition("check.sh: shown above")[2]


def test_lines_of_a_long_file_can_be_read_and_edited(rig: Rig, standin: StandIn) -> None:
    rig.write("long.c", "".join(f"line {n};\n" for n in range(20_000)))
    rig.commit("a long file")

    def answer(request: Request) -> str:
        if len(request.turns) == 1:
            return "=== need: long.c 15000-15002\n"
        return "=== edit: long.c\nline 15000;\n=== with\nchanged;\n=== end\n" + good(request)

    standin.reply(answer)
    assert rig.step().result == "done"
    assert "line 14999;\nline 15000;\nline 15001;\n</file>" in standin.requests[1].prompt
    assert "line 14999;\nchanged;\nline 15001;" in rig.show("long.c")


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        ("I cannot decide. Which one?", "it asks back, and nobody can answer"),
        ("=== end", "stands outside a block"),
        ("=== file: example/greeting.txt\nHello, world\n=== end", "is a path of the form"),
        ('=== cannot: the step names a table "users", and there is none', "a copy of the form"),
        ("=== file: ../count.txt\ngood\n=== end", "may lead out of the project"),
        ("=== file: todo.md\n- [x] all\n=== end", "todo.md is not yours to change"),
        ("=== file: .github/workflows/a.yml\na\n=== end", ".github/workflows is protected"),
        ("=== edit: want\nno such line\n=== with\nx\n=== end", "are not in want"),
        (
            "=== edit: want\nno such line\n=== with\nx\n=== end",
            "Not in want, with this indentation",
        ),
        (Fault("length", "=== file: count.txt\ngood\n=== end\n" * 9), "it is cut"),
        (Fault("refusal"), "it is refused"),
        (Fault("empty"), "it is empty"),
    ],
)
def test_a_malformed_reply_uses_up_a_try_and_its_reason_goes_along_without_it(
    rig: Rig, standin: StandIn, first: str | Fault, reason: str
) -> None:
    replies = iter([first])
    standin.reply(lambda request: next(replies, None) or good(request))
    outcome = rig.step()
    assert (outcome.result, outcome.tries) == ("done", 2)
    assert reason in standin.requests[1].prompt
    assert [role for role, _ in standin.requests[1].turns] == ["user"]  # no fault as an example
    assert len(standin.requests) == 2


def test_of_a_faulty_reply_the_good_blocks_stay_and_only_the_bad_one_is_asked_for(
    rig: Rig, standin: StandIn
) -> None:
    rig.write("a.c", "int a;\n")
    rig.commit("a file")
    bad = "=== edit: a.c\nint b;\n=== with\nint c;\n=== end\n"

    def answer(request: Request) -> str:
        if len(standin.requests) == 1:
            return good(request) + bad
        return "=== edit: a.c\nint a;\n=== with\nint c;\n=== end\n"

    standin.reply(answer)
    outcome = rig.step()
    assert (outcome.result, outcome.tries) == ("done", 2)
    assert "what it says of count.txt is carried out, and stays" in standin.requests[1].prompt
    assert "The nearest that a.c has" not in standin.requests[1].prompt.partition("<step")[0]
    assert (rig.show("count.txt"), rig.show("a.c")) == ("good", "int c;")


def test_of_a_reply_that_is_cut_off_the_whole_blocks_stay(rig: Rig, standin: StandIn) -> None:
    whole = "=== file: other.txt\ngood\n=== end\n"
    replies = iter([Fault("length", whole * 9 + "=== file: count.txt\ng")])
    standin.reply(lambda request: next(replies, None) or good(request))
    outcome = rig.step()
    assert (outcome.result, outcome.tries) == ("done", 2)
    assert "what it says of other.txt is carried out" in standin.requests[1].prompt
    assert rig.show("other.txt") == "good"


def test_a_change_and_a_question_for_a_file_in_one_reply(rig: Rig, standin: StandIn) -> None:
    def answer(request: Request) -> str:
        first = len(request.turns) == 1
        return "=== file: other.txt\ngood\n=== end\n=== need: want\n" if first else good(request)

    standin.reply(answer)
    outcome = rig.step()
    assert (outcome.result, outcome.tries) == ("done", 1)
    assert "The changes of your reply are carried out." in standin.requests[1].prompt
    assert rig.show("other.txt") == "good"


def test_malformed_replies_end_it_after_all_tries(rig: Rig, standin: StandIn) -> None:
    standin.reply("=== edit: gone.txt\na\n=== with\nb\n=== end\n")
    outcome = rig.step()
    assert (outcome.result, outcome.tries) == ("failed", 3)
    assert "gone.txt is not there, so it cannot be edited (after 3 tries)" in outcome.said
    assert len(standin.requests) == 3


def test_a_fault_of_form_does_not_hide_what_was_red_before_it(rig: Rig, standin: StandIn) -> None:
    replies = iter(["=== file: count.txt\nbad\n=== end", "no block"])
    standin.reply(lambda request: next(replies, None) or good(request))
    assert rig.step().tries == 3
    asked = standin.requests[2].prompt
    assert "FAILED: count.txt: bad" in asked
    assert "it holds no '=== file:'" in asked
    assert len({request.prompt for request in standin.requests}) == 3


def test_what_it_asked_for_is_in_the_next_try_as_well(rig: Rig, standin: StandIn) -> None:
    rig.write("large.c", LARGE)
    rig.commit("too large to go along")
    replies = iter(["=== need: check.sh", "no block"])
    standin.reply(lambda request: next(replies, None) or good(request))
    assert rig.step().result == "done"
    assert CHECK in standin.requests[2].prompt
    assert len(standin.requests[2].turns) == 1


def test_a_deadline_that_lapsed_uses_up_a_try_and_no_more(rig: Rig, standin: StandIn) -> None:
    rig.write("piste.toml", 'model = "chat-ok"\ndeadline = 1\n')
    rig.commit("a short deadline")
    replies = iter([Fault("latency=30")])
    standin.reply(lambda request: next(replies, None) or good(request))
    outcome = rig.step()
    assert (outcome.result, outcome.tries) == ("done", 2)
    events = [(entry.event, entry.reason) for entry in log.entries(rig.root, "step 1")]
    assert events[0][0] == "failed"
    assert "no complete reply within 1 s" in events[0][1]


def test_that_it_is_asked_once_more_is_said_and_logged(
    rig: Rig, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    replies = iter([Fault("429,retryafter=0.1")])
    standin.reply(lambda request: next(replies, None) or good(request))
    assert rig.step().tries == 1
    assert "step 1: chat-ok: too many requests" in capsys.readouterr().err
    events = [entry.event for entry in log.entries(rig.root, "step 1")]
    assert events == ["retried", "made"]


def test_replies_that_could_not_be_used_are_no_hit_for_a_new_attempt(
    rig: Rig, standin: StandIn
) -> None:
    standin.reply("I changed the file as you asked.\n")
    assert rig.step().result == "failed"
    asked = len(standin.requests)
    standin.reply(good)
    assert rig.step().result == "done"
    assert len(standin.requests) == asked + 1


def test_red_tests_go_back_and_the_reply_that_failed_is_forgotten(
    rig: Rig, standin: StandIn
) -> None:
    def answer(request: Request) -> str:
        again = "An earlier try" in request.turns[0][1]
        return good(request) if again else "=== file: count.txt\nbad\n=== end\n"

    standin.reply(answer)
    outcome = rig.step()
    assert (outcome.result, outcome.tries) == ("done", 2)
    assert "FAILED: count.txt: bad" in standin.requests[1].prompt
    assert len([*(rig.world().store.folder / "replies").glob("*/*.json")]) == 1


def test_a_reply_that_was_paid_for_is_not_paid_again_after_a_kill(
    rig: Rig, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    standin.reply(good)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(edit_blocks, "apply", lambda *_: (_ for _ in ()).throw(Killed))
        rig.step()
    assert rig.step().result == "done"
    assert len(standin.requests) == 1


# The request at which the run is killed, before its answer goes out; 0 is in the tests.
@pytest.mark.parametrize("nth", [2, 3, 0])
def test_killed_for_good_no_reply_that_came_is_paid_twice(
    rig: Rig, standin: StandIn, nth: int
) -> None:
    processes: list[subprocess.Popen[str]] = []
    answered: list[str] = []

    def answer(request: Request) -> str:
        if nth and len(standin.requests) == nth:
            processes[-1].kill()
            processes[-1].wait()
        elif nth == 0 or processes[-1].poll() is None:
            answered.append(request.prompt)
        if "An earlier try" in request.turns[0][1]:
            return good(request) + "=== file: a.txt\ngood\n=== end\n"
        return "=== need: check.sh\n" if len(request.turns) == 1 else "=== file: a.txt\nx\n=== end"

    def run() -> tuple[int, str]:
        command = [sys.executable, "-c", KILLED, "run", "--test", "sh check.sh"]
        processes.append(subprocess.Popen(
            command, cwd=rig.root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        ))  # fmt: skip
        out, err = processes[-1].communicate(timeout=60)
        return processes[-1].returncode, out + err

    if nth == 0:
        kill = 'test ! -f a.txt || test -f ../killed || { touch ../killed; kill -9 "$VICTIM"; }\n'
        rig.write("check.sh", kill + CHECK)
        rig.commit("a kill")
    standin.reply(answer)
    assert run()[0] == -9
    code, said = run()
    assert code == 0, said
    assert rig.states()[0] == "done"
    assert len(answered) == len(set(answered)) == 3
    assert len(standin.requests) == (4 if nth else 3)


def test_prices_are_loaded_before_the_reply_and_not_between_it_and_the_store(
    rig: Rig, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    price = prices.price
    monkeypatch.setattr(prices, "price", lambda *args: order.append("price") or price(*args))
    standin.reply(lambda request: order.append("asked") or good(request))
    rig.step()
    assert order[:2] == ["price", "asked"]


def test_again_asks_anew(rig: Rig, standin: StandIn) -> None:
    standin.reply(good)
    rig.step("1")
    rig.git("revert", "--no-edit", "HEAD")
    assert rig.step("1").result == "done"
    assert len(standin.requests) == 1
    standin.reply("=== file: count.txt\ngood, anew\n=== end\n")
    assert rig.step("1", again=True).result == "done"
    assert rig.show("count.txt") == "good, anew"


def test_no_reply_at_all_fails_and_changes_nothing(rig: Rig, standin: StandIn) -> None:
    standin.reply(Fault("401"))
    outcome = rig.step()
    assert outcome.result == "failed"
    assert "the key was not accepted" in outcome.said
    assert len(standin.requests) == 1


def test_a_model_that_there_is_not(rig: Rig) -> None:
    with pytest.raises(UserError, match="there is no model 'chat-okk'; did you mean"):
        rig.step(model="chat-okk")


def test_the_budget_is_looked_at_before_each_call(rig: Rig, standin: StandIn) -> None:
    standin.reply("=== need: check.sh\n")
    purse = budget.tracker(rig.root)
    purse.cap = Cap(tokens=10)
    with pytest.raises(OverBudget, match="step 1: chat-ok is not asked: the budget of this run"):
        rig.step()
    assert standin.requests == []
    purse.cap = Cap(tokens=LONGEST + 1_000)  # what a later call may take is more than is left
    with pytest.raises(OverBudget, match=r"[\d,]+ of 17,384 tokens are used, and it may take"):
        rig.step()
    assert 0 < len(standin.requests) < 5
    purse.cap = Cap()
    standin.reply(good)
    assert rig.step().result == "done"


def test_in_ci_no_model_is_asked_unasked(
    rig: Rig, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(Failed, match="CI is set, and PISTE_ASK_IN_CI is not"):
        rig.step()
    assert standin.requests == []


def test_each_call_is_in_the_log(rig: Rig, standin: StandIn) -> None:
    replies = iter(["no block", GOOD.format("count.txt")])
    standin.reply(lambda request: next(replies))
    rig.step()
    entries = [entry for entry in log.entries(rig.root) if entry.target == "step 1"]
    assert [entry.event for entry in entries] == ["made", "rejected", "made"]
    assert entries[1].reason.startswith("it holds no '=== file:'")
    assert all(entry.input_tokens for entry in entries if entry.event == "made")
    assert (entries[1].input_tokens, entries[1].cost) == (0, 0.0)  # it is counted once


def test_a_stop_ends_the_call(rig: Rig, standin: StandIn) -> None:
    import threading

    stop = threading.Event()

    def answer(request: Request) -> Fault:
        stop.set()
        return Fault("latency=30")

    standin.reply(answer)
    with pytest.raises(InterruptedError):
        rig.step(stop=stop)
    now = attempt.load(rig.root)
    assert now is not None
    assert now.phase == attempt.AGENT


def test_the_model_may_be_the_agents_own(rig: Rig, standin: StandIn) -> None:
    rig.settings = rig.settings._replace(agents={"llm": {"model": "resp-ok"}})
    standin.reply(good)
    rig.step()
    assert standin.requests[0].path.endswith("/responses")
    assert "Piste-Model: resp-ok" in rig.git("log", "-1", "--format=%B")


@pytest.mark.usefixtures("full_store")
def test_where_the_store_has_no_room_nothing_is_asked(rig: Rig, standin: StandIn) -> None:
    standin.reply(good)
    with pytest.raises(Failed, match="has no room for a reply"):
        rig.step()
    assert not standin.requests
