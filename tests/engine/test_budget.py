"""Budgets: what a text means, what has been spent, and whether one more call may be made."""

import datetime
import json
import math
import threading
from pathlib import Path

import pytest
from conftest import Small
from hypothesis import given
from hypothesis import strategies as st
from support.standin import StandIn

from piste.engine import budget, caps, log
from piste.engine.budget import BudgetTracker, Sum
from piste.engine.caps import Cap
from piste.engine.config import Config
from piste.engine.store import Record
from piste.model import window
from piste.system.errors import Failed, OverBudget, UserError

PRICED = "openai/gpt-4o-mini"  # known to the price list, at so many dollars a million tokens


@pytest.mark.parametrize(
    ("text", "cap"),
    [
        ("", Cap()),
        ("  ", Cap()),
        ("$2.50", Cap(dollars=2.5)),
        ("2.50", Cap(dollars=2.5)),
        (" $ 3 ", Cap(dollars=3.0)),
        ("0", Cap(dollars=0.0)),
        ("1,000", Cap(dollars=1000.0)),
        ("200_000 tokens", Cap(tokens=200_000)),
        ("200,000 tokens", Cap(tokens=200_000)),
        ("200kt", Cap(tokens=200_000)),
        ("1.5M tok", Cap(tokens=1_500_000)),
        ("1 token", Cap(tokens=1)),
    ],
)
def test_what_a_budget_is(text: str, cap: Cap) -> None:
    assert caps.parse(text, "budget") == cap


@pytest.mark.parametrize(
    "text", ["$", "much", "2.50 €", "-1", "$-1", "1e9", "200k", "tokens", "\x1b[2J"]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(UserError, match=r"^--budget: .* is no budget; write") as raised:
        caps.parse(text, "--budget")
    assert str(raised.value).isprintable()


@given(st.text(max_size=20))
def test_any_text_is_a_budget_or_a_mistake(text: str) -> None:
    try:
        cap = caps.parse(text, "budget")
    except UserError:
        return
    assert all(bound is None or bound >= 0 for bound in cap)


def test_the_lower_of_two_caps() -> None:
    assert Cap(2.0, None).lower(Cap(3.0, 10)) == Cap(2.0, 10)
    assert Cap().lower(Cap(1.0)) == Cap(1.0)


UNPRICED = "a price is not known; give the budget in tokens"


@pytest.mark.parametrize(
    ("cap", "spent", "call", "said"),
    [
        (Cap(), Sum(9.0, 9), Sum(9.0, 9), None),
        (Cap(1.0), Sum(0.5, 9), Sum(0.5, 9), None),
        (Cap(1.0), Sum(0.5), Sum(0.51), "$0.5000 of $1.00 are spent, and it may cost $0.5100"),
        (Cap(1.0), Sum(None, 9), Sum(0.1, 9), UNPRICED),
        (Cap(1.0), Sum(0.0, 9), Sum(None, 9), UNPRICED),
        (Cap(1.0), Sum(math.nan), Sum(0.1), "$nan of $1.00 are spent, and it may cost $0.1000"),
        (Cap(tokens=9), Sum(None, 5), Sum(None, 4), None),
        (Cap(tokens=9), Sum(0.0, 5), Sum(0.0, 5), "5 of 9 tokens are used, and it may take 5"),
        (Cap(dollars=0.0), Sum(), Sum(0.0, 0), None),
    ],
)
def test_whether_a_call_may_be_made(cap: Cap, spent: Sum, call: Sum, said: str | None) -> None:
    assert budget.refusal(cap, spent, call) == said


def test_what_the_log_says_was_spent() -> None:
    def entry(event: str, date: str, cost: float | None, model: str = "m") -> log.Entry:
        return log.Entry(date, "a.md", event, model, "", "", "", 100, 10, cost)

    lines = [
        entry("made", "2026-01-01T23:59:59.999Z", 1.0),
        entry("made", "2026-01-02T00:00:00.000Z", 2.0),
        entry("rejected", "2026-01-02T08:00:00.000Z", 4.0),
        entry("taken", "2026-01-02T08:00:00.000Z", 0.0),
        entry("made", "2026-01-02T09:00:00.000Z", 0.0, "outline"),
    ]
    assert budget.of_entries(lines, "2026-01-02") == Sum(6.0, 220)
    lines.append(entry("made", "2026-01-02T10:00:00.000Z", None))
    assert budget.of_entries(lines, "2026-01-02") == Sum(None, 330)


def test_a_call_is_counted_as_its_prompt_and_the_longest_reply() -> None:
    most = budget.may_cost(PRICED, "one two three", {})
    assert most.tokens == 3 + window.LONGEST
    assert most.dollars
    bounded = budget.may_cost(PRICED, "one two three", {"max_tokens": 100, "temperature": 1})
    assert bounded.tokens == 103
    assert bounded.dollars is not None
    assert bounded.dollars < most.dollars
    assert budget.may_cost("unheard-of", "one", {}).dollars is None
    assert budget.may_cost("outline", "one two three", {}) == budget.NOTHING


def test_midnight_is_the_last_one_here() -> None:
    found = datetime.datetime.fromisoformat(budget.midnight())
    now = datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(0) <= now - found < datetime.timedelta(hours=26)
    assert found.astimezone().hour == 0
    assert len(budget.midnight()) == len(log.now())


def call(
    purse: BudgetTracker, config: Config, cost: float, tokens: int = 100, model: str = PRICED
) -> None:
    with purse.call(config, "a.md", model, "words", {"max_tokens": 10}) as paid:
        paid.append(Record("", "a.md", log.now(), model, tokens, 0, cost))


def test_a_run_stops_before_it_passes_the_cap(tmp_path: Path) -> None:
    purse = BudgetTracker(tmp_path)
    config = Config(budget="$1.00")
    for _ in range(9):
        call(purse, config, 0.11)
    with pytest.raises(
        OverBudget, match=r"^a\.md: openai/gpt-4o-mini is not asked: .* of this run"
    ):
        for _ in range(9):
            call(purse, config, 0.0099)


def test_more_than_a_dollar_is_said_before_it_is_paid_and_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    purse = BudgetTracker(tmp_path)
    words = "Many words. " * 1_000_000  # 3 million tokens or so: half a dollar
    said = []
    for cost in (0.3, 0.3, 0.3, 0.3):
        with purse.call(Config(), "a.md", PRICED, words, {}) as paid:
            said.append(capsys.readouterr().err)
            paid.append(Record("", "a.md", log.now(), PRICED, 0, 0, cost))
    assert [bool(one) for one in said] == [False, False, True, False]
    assert said[2].startswith("a.md: 3,000,")
    assert "tokens go to openai/gpt-4o-mini, at least $0.4500" in said[2]
    assert "; this run has cost $0.6000 so far (--budget '$1' sets a bound)" in said[2]
    purse = BudgetTracker(tmp_path)
    call(purse, Config(), 0.9)
    call(purse, Config(), 5.0, model="outline")
    assert capsys.readouterr().err == ""


def test_calls_under_way_count(tmp_path: Path) -> None:
    """Eight at once may not each believe that the rest is theirs."""
    purse, config = BudgetTracker(tmp_path), Config(budget="2_000 tokens")
    begun, go = threading.Barrier(2), threading.Event()

    def hold() -> None:
        with purse.call(config, "a.md", "m", "words", {"max_tokens": 1_500}):
            begun.wait()
            go.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait()
    with pytest.raises(OverBudget, match="may take 1,501"):
        purse.call(config, "b.md", "m", "words", {"max_tokens": 1_500}).__enter__()
    go.set()
    thread.join()
    call(purse, config, 0.0, tokens=0, model="m")


def test_the_day_counts_what_other_runs_have_logged(tmp_path: Path) -> None:
    def logged(cost: float, date: str = "") -> None:
        log.add(tmp_path, log.Entry(date or log.now(), "x.md", "made", PRICED, cost=cost))

    purse, config = BudgetTracker(tmp_path), Config(budget_day="$1.00")
    logged(5.0, "2020-01-01T00:00:00.000Z")
    logged(0.5)
    call(purse, config, 0.2)
    logged(0.2)  # the same, as `make` notes it a moment later
    call(purse, config, 0.2)
    logged(0.2)
    logged(0.2)  # another run's
    with pytest.raises(OverBudget, match="of today would be passed"):
        call(purse, config, 0.2)


def test_a_damaged_log_is_read_as_far_as_it_can_be(tmp_path: Path) -> None:
    wrong = {"date": log.now(), "target": "x", "event": "made", "cost": "all"}
    lines = ["{", json.dumps({**wrong, "date": 3, "cost": 1.0}), json.dumps(wrong)]
    (tmp_path / ".piste").mkdir()
    (tmp_path / log.FILE).write_text("\n".join(lines) + "\n")
    log.add(tmp_path, log.Entry(log.now(), "x.md", "made", PRICED, cost=2.0))
    with pytest.raises(OverBudget, match=r"\$2\.0000 of \$1\.00"):
        call(BudgetTracker(tmp_path), Config(budget_day="1.00"), 0.1)


def test_a_price_that_is_not_known_is_not_taken_for_nothing(tmp_path: Path) -> None:
    with pytest.raises(OverBudget, match="a price is not known; give the budget in tokens"):
        call(BudgetTracker(tmp_path), Config(budget="$1.00"), 0.0, model="unheard-of")


@pytest.mark.parametrize("value", ["true", "1", "TRUE", "yes"])
def test_in_ci_nothing_is_asked_unless_allowed(
    small: Small, standin: StandIn, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("CI", value)
    small.settings(model="chat-ok")
    standin.reply("# Note\n")
    with pytest.raises(
        Failed, match=r"no model is asked here \(CI is set, and PISTE_ASK_IN_CI is not\): make it"
    ):
        small.make()
    assert standin.requests == []
    small.settings("ask_in_ci = true", model="chat-ok")  # it may be a stranger's
    with pytest.raises(Failed, match="CI is set"):
        small.make()
    monkeypatch.setenv("PISTE_ASK_IN_CI", "true")
    small.make()
    assert len(standin.requests) == 1


def test_in_ci_the_embedded_model_is_free_to_ask(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    assert small.make().event == "made"


def test_a_frozen_run_asks_nobody_and_takes_what_is_stored(small: Small) -> None:
    small.make()
    (small.root / "note.md").unlink()
    budget.tracker(small.root).frozen = True
    assert small.make().event == "restored"
    small.write("in.md", "# Other\n")
    with pytest.raises(Failed, match=r"no model is asked here \(--frozen\)"):
        small.make()


def test_a_cloned_project_cannot_raise_the_persons_own_budget(small: Small, own_home: Path) -> None:
    personal = own_home / ".config" / "piste" / "piste.toml"
    personal.parent.mkdir(parents=True)
    personal.write_text('budget = "$1.00"\nbudget_day = "$5.00"\n')
    small.settings('budget = "$100"', 'budget_day = "$2.00"')
    config = small.world().config
    assert (config.budget, config.budget_day) == ("$1.00", "$2.00")
    assert small.world(budget="$9").config.budget == "$9"


def test_a_budget_that_is_none_is_said_at_once(small: Small) -> None:
    small.settings('budget = "a lot"')
    with pytest.raises(UserError, match=r"^piste\.toml: budget: 'a lot' is no budget"):
        small.world()
