"""The cap: a run over 10,000 stale targets stops before it passes it, and keeps what it has.

What was spent is added up from the stand-in's own count of tokens.
"""

import json
from collections.abc import Iterator

import pytest

from fire.world import World, no_traceback, paid, world
from piste.model.prices import price
from piste.model.window import LONGEST

TARGETS = 10_000
MODEL = "openai/gpt-4o-mini"  # known to the price list, answered by the stand-in
RULE = '[rules.t{n}]\ntarget = "out/t{n}.md"\ninputs = ["in.md"]\nprompt = "note.md.j2"\n'


@pytest.fixture
def here() -> Iterator[World]:
    with world() as made:
        models = [{"model_id": MODEL, "model_name": "ok", "api_base": made.server.url}]
        (made.home / "llm" / "extra-openai-models.yaml").write_text(json.dumps(models))
        yield made


def stale(here: World, count: int, *settings: str) -> None:
    """So many rules, and nothing made yet."""
    rules = [RULE.format(n=n) for n in range(count)]
    here.settings(*settings, *rules, model=MODEL)
    (here.root / "in.md").write_text("# In\n\nWords.\n")
    (here.root / "prompts").mkdir()
    (here.root / "prompts" / "note.md.j2").write_text(
        '+++\ninputs = ["text"]\n+++\n{{ text }}\nDocument: note, for {{ target }}'
    )


def spent(here: World) -> tuple[float, int]:
    """Dollars and tokens of all replies, by the stand-in's count and the list's price."""
    dollars, tokens = 0.0, 0
    for request in paid(here):
        sent = sum(len(words) for _, words in request.turns) // 4 + 1
        came = len(request.text) // 4 + 1
        dollars += price(MODEL, sent, came).dollars or 0.0
        tokens += sent + came
    return dollars, tokens


def kept(here: World) -> int:
    """How many targets are there, each a whole reply with its receipt."""
    sent = {request.text for request in paid(here)}
    made = list((here.root / "out").glob("*.md"))
    assert all(path.read_text() in sent for path in made)
    receipts = list((here.root / ".piste" / "receipts" / "out").glob("*.json"))
    assert len(receipts) == len(made)
    return len(made)


TOKENS = LONGEST + 1_000


@pytest.mark.parametrize(
    ("argv", "settings", "env"),
    [
        (["-n", "8"], [f'budget = "{8 * TOKENS} tokens"'], {}),
        ([], [f'budget_day = "{TOKENS} tokens"'], {}),
        (["-n", "8"], [], {"PISTE_BUDGET": f"{8 * TOKENS}t"}),
    ],
    ids=["settings", "a day", "environment"],
)
def test_ten_thousand_stale_targets(
    here: World, argv: list[str], settings: list[str], env: dict[str, str]
) -> None:
    stale(here, TARGETS, *settings)
    cap = int("".join(c for c in (*settings, *env.values())[0] if c.isdigit()))
    done = here.run("piste", "run", *argv, *(f"t{n}" for n in range(TARGETS)), env=env)
    no_traceback(done)
    assert done.code == 3, done.said[-500:]
    assert "would be passed" in done.said
    _, tokens = spent(here)
    assert 500 < tokens <= cap, tokens
    assert 10 < kept(here) == len(paid(here)) < TARGETS


@pytest.mark.parametrize("place", ["of the run", "of the task"])
def test_dollars_on_the_command_line(here: World, place: str) -> None:
    stale(here, 200)
    bound = (price(MODEL, 100, LONGEST).dollars or 0) + 0.0005
    option = [f"--budget={bound:.6f}"]
    names = [f"t{n}" for n in range(200)]
    argv = [*option, *names] if place == "of the run" else [names[0], *option, *names[1:]]
    done = here.run("piste", *argv)
    assert done.code == 3, done.said[-500:]
    dollars, _ = spent(here)
    assert 0.0003 < dollars <= bound
    assert 10 < kept(here) < 200


def test_the_day_goes_on_where_the_last_run_ended(here: World) -> None:
    stale(here, 50, f'budget_day = "{LONGEST + 400} tokens"')
    names = [f"t{n}" for n in range(50)]
    assert here.run("piste", *names).code == 3
    before = len(paid(here))
    assert before > 3
    again = here.run("piste", *names)
    assert again.code == 3
    assert len(here.server.requests) == before, "a new run began the day anew"
    assert spent(here)[1] <= LONGEST + 400


def test_a_budget_given_to_one_task_holds_for_what_it_needs(here: World) -> None:
    here.settings(model=MODEL)
    for door in ("piste", "doit"):
        done = here.run(door, "todo", "--budget", "10 tokens")
        assert done.code == 3, done.said
        assert here.server.requests == []


@pytest.mark.parametrize("env", [{"CI": "true"}, {}])
def test_nothing_is_asked_where_nobody_is_there_to_pay(here: World, env: dict[str, str]) -> None:
    here.settings(model=MODEL)
    frozen = [] if env else ["--frozen"]
    for argv in (["piste", "plan", *frozen], ["doit", "plan", *frozen], ["piste", *frozen, "plan"],
                 ["piste", "run", "-n", "4", "plan", "poke_holes", *frozen]):  # fmt: skip
        done = here.run(*argv, env=env)
        assert done.code == 1, (argv, done.said)
        no_traceback(done)
        assert "no model is asked here" in done.said
    assert here.server.requests == []
    # What is stored is taken all the same, and a target that is fresh is fresh.
    assert here.run("piste", "plan").code == 0
    (here.root / "prompt_plan.md").unlink()
    assert here.run("piste", "plan", *frozen, env=env).code == 0
    assert len(here.server.requests) == 2
    if env:
        assert here.run("piste", "todo", env=env | {"PISTE_ASK_IN_CI": "1"}).code == 0
        assert len(here.server.requests) == 3
