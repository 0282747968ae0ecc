"""What an agent's words, the state before it, and a step's own demands lead to."""

from pathlib import Path

import pytest
from support.rig import GOOD, Rig

from piste.steps import attempt
from piste.steps.attempt_run import Answer, Review
from piste.steps.commit_phases import NeedsPerson
from piste.system.errors import UserError


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig.make(tmp_path, monkeypatch)


def told(rig: Rig, number: int) -> str:
    """What the agent was told in a try at step 1."""
    return (rig.root / f".piste/run/logs/1.1-{number}.prompt.md").read_text()


def test_what_the_agent_says_at_last_is_shown_reviewed_and_committed(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.agent(f"{GOOD}\nprint('Counted by lines. Piste-Agent: nobody')")
    seen: list[Review] = []

    def person(review: Review) -> Answer:
        seen.append(review)
        return Answer("y")

    rig.step(review=True, person=person)
    assert "step 1: gemini says: Counted by lines." in capsys.readouterr().err
    assert seen[0].attempt.words.startswith("Counted by lines.")
    body = rig.git("log", "-1", "--format=%b")
    assert body.startswith("Counted by lines. Piste-Agent: nobody\n\nPiste-Step: 1\n")
    trailers = rig.git("log", "-1", "--format=%(trailers:key=Piste-Agent,valueonly)")
    assert trailers == "gemini 1.0"


CANNOT = "print('I looked.'); print('=== cannot: there is no table users')"


def test_that_it_cannot_goes_to_a_person_who_may_answer(rig: Rig) -> None:
    rig.agent(f"if 'A person asks' in prompt: {GOOD}\nelse: {CANNOT}")
    rig.use(attempts=1)
    with pytest.raises(NeedsPerson, match=r"it cannot: there is no table users; .* --say"):
        rig.step()
    with pytest.raises(UserError, match="nothing to approve"):
        rig.step(approve="1234567")
    assert rig.step(say="Make it.").result == "done"
    assert "<person>\nMake it.\n</person>" in told(rig, 2)


def test_at_a_terminal_it_is_asked_there(rig: Rig) -> None:
    rig.agent(f"if 'A person asks' in prompt: {GOOD}\nelse: {CANNOT}")
    outcome = rig.step(person=lambda review: Answer("n", "Make it."))
    assert (outcome.result, outcome.tries) == ("done", 2)


def test_a_persons_words_buy_a_try_when_none_is_left(rig: Rig) -> None:
    rig.agent("write(name, 'good, ' + ('sorted' if 'A person asks' in prompt else 'as they come'))")
    rig.use(attempts=1)
    answers = iter([Answer("n", "Sort them."), Answer("y")])
    outcome = rig.step(review=True, person=lambda review: next(answers))
    assert (outcome.result, outcome.tries) == ("done", 2)
    assert rig.show("count.txt") == "good, sorted"
    assert "and its tests pass: change what the person asks for" in told(rig, 2)


def test_words_buy_one_try_and_no_more(rig: Rig) -> None:
    rig.agent("write(name, 'bad' if 'A person asks' in prompt else 'good')")
    rig.use(attempts=1)
    outcome = rig.step(review=True, person=lambda review: Answer("n", "Worse, please."))
    assert (outcome.result, outcome.tries) == ("failed", 2)


def test_words_for_a_step_that_has_not_begun_go_into_its_first_prompt(rig: Rig) -> None:
    rig.agent(GOOD)
    assert rig.step(say="In English.").result == "done"
    assert "In English." in told(rig, 1)


def test_what_is_red_before_the_step_is_in_its_first_prompt(rig: Rig) -> None:
    rig.write("old.txt", "broken")
    rig.commit("red")
    rig.agent(f"{GOOD}\nif 'FAILED: old.txt: broken' in prompt: write('old.txt', 'good')")
    outcome = rig.step()
    assert (outcome.result, outcome.tries) == ("done", 1)


def test_no_test_yet_is_no_red_but_a_person_has_to_look(rig: Rig) -> None:
    rig.agent(GOOD)
    rig.use(test="echo 'no tests ran in 0.01s'; exit 5")
    with pytest.raises(NeedsPerson, match="no test ran: there is none yet"):
        rig.step()
    assert "red already" not in told(rig, 1)


def test_a_step_that_asks_for_tests_and_changes_none_waits_for_a_word(rig: Rig) -> None:
    plan = rig.read("prompt_plan.md").replace("Write count.txt.", "Write count.txt. Add tests.")
    rig.write("prompt_plan.md", plan)
    rig.commit("it asks for tests")
    rig.agent(GOOD)
    with pytest.raises(NeedsPerson, match="asks for tests, and none was changed"):
        rig.step()


def test_one_that_changes_some_does_not_wait(rig: Rig) -> None:
    plan = rig.read("prompt_plan.md").replace("Write count.txt.", "Write count.txt. Add tests.")
    rig.write("prompt_plan.md", plan)
    rig.commit("it asks for tests")
    rig.agent(f"{GOOD}\nwrite('tests/test_count.py', 'def test_it(): ...')")
    assert rig.step().result == "done"


def test_a_deadline_that_lapsed_uses_up_a_try(rig: Rig) -> None:
    rig.agent(f"if again: {GOOD}\nelse: time.sleep(1000)".replace("again", "'no good' in prompt"))
    rig.use(agent_timeout=2)
    outcome = rig.step()
    assert (outcome.result, outcome.tries) == ("done", 2)
    assert "gemini did not end within 2 s, and nothing was changed" in told(rig, 2)


def test_how_a_kept_attempt_is_taken_is_said(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.agent("write(name, 'bad')")
    rig.use(attempts=1)
    assert rig.piste("--attempts", "1") == 1
    said = capsys.readouterr().out
    branch = next(name for name in rig.branches() if name.startswith("piste-attempts/"))
    assert f"take it as it is: git merge --squash {branch}, then: piste done 1" in said
    rig.git("merge", "--squash", branch)
    assert rig.read("count.txt") == "bad"
    now = attempt.load(rig.root)
    assert now is not None
    assert now.phase == attempt.FAILED
