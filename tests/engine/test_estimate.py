"""What a rebuild would send: the very number, at the price of a look for many targets."""

import json
import os
from pathlib import Path

import pytest
from conftest import Small
from support.standin import StandIn

from piste.commands import status
from piste.engine import estimate, freshness, make, makers, template_child
from piste.engine.estimate import Estimates
from piste.model import tokens
from piste.system.errors import UserError

TEXT = "# One\n\nFirst words.\n- a list\n\n```py\nx = 1\n```\n2nd part:\n\n    indented…\n\nEnd\n"

TEMPLATES = {
    "put in": "Note this:\n\n{{ text }}\n",
    "at both ends": "{{ text }}",
    "twice": "{{ text }}and {{ text }}{{ text_path }} → {{ target }}",
    "asked for": "{% if text %}There{% else %}No{% endif %}{{ text }}{% if not text %}x{% endif %}",
    "in a tag": '{% set t = text|tag("text") %}<{{ t }}>\n{{ text }}\n</{{ t }}>',
    "in a loop": "{% for n in range(3) %}{{ n }} {{ text }}\n{% endfor %}",
    "cut": "{{ text[:20] }}",
    "counted": "{{ text|length }}",
    "by way of another": "{% set other = text %}{{ other|upper }}",
    "captured": "{% set other %}{{ text }}{% endset %}{{ other[:9] }}",
    "a macro": "{% macro m(x) %}{{ x|upper }}{% endmacro %}{{ m(text) }}",
    "a filter block": "{% filter upper %}{{ text }}{% endfilter %}",
    "compared": '{% if text == "x" %}much more is said{% endif %}{{ text }}',
    "a block": "{% block b %}{{ text }}{% endblock %}{{ self.b()|length }}",
    "private use": "\ue000t0\ue001 {{ text }}",
}


@pytest.mark.parametrize("text", [TEXT, "x", TEXT * 3, "one\ntwo\nthree\nfour", "  \n\nx\n"])
@pytest.mark.parametrize("name", TEMPLATES)
def test_it_is_of_the_very_prompt(small: Small, name: str, text: str) -> None:
    small.write("in.md", text)
    small.write("prompts/note.md.j2", f'+++\ninputs = ["text"]\n+++\n{TEMPLATES[name]}')
    world = small.world()
    rule = small.rule(world)
    found = Estimates(world).of(makers.decide(world, rule))
    sent = make.rendered(world, rule, make.read_inputs(world, rule))
    assert found is not None
    assert found.tokens == sum(map(tokens.count, sent))


def test_what_does_not_fit_into_the_model_has_no_price(
    small: Small, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small.settings(model="gpt-4o-mini")
    for words, fits in ((100_000, True), (200_000, False)):
        small.write("in.md", "word " * words)
        assert status.main(["note", "--json"]) == 0
        rebuild = json.loads(capsys.readouterr().out)[0]["rebuild"]
        assert (rebuild["window"] is None) == (rebuild["dollars"] is not None) == fits
        assert status.main(["note"]) == 0
        said = (
            f"{rebuild['tokens']:,} tokens with 16,384 for the reply do not fit into the 128,000 "
            "of gpt-4o-mini"
        )
        assert (said in capsys.readouterr().out) == (not fits)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with pytest.raises(UserError, match="do not fit into the 128,000"):  # as a build says
        small.make()


def test_an_input_that_cannot_be_sent_has_none(small: Small) -> None:
    small.settings('secrets = "refuse"')
    small.write("in.md", f"key: ghp_{'a1B2' * 9}\n")
    world = small.world()
    assert Estimates(world).of(makers.decide(world, small.rule(world))) is None


def test_many_targets_of_few_inputs_cost_a_look_at_each_input(
    small: Small, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"in/part{n}.md" for n in range(5)]
    for name in names:
        small.write(name, TEXT)
    rules = [
        f'[rules.n{n}]\ntarget = "out/{n}.md"\ninputs = {names}\nprompt = "five.md.j2"'
        for n in range(40)
    ]
    small.settings(rule="\n".join(rules))
    small.write(
        "prompts/five.md.j2", '+++\ninputs = ["a", "b", "c", "d", "e"]\n+++\n{{ a }}{{ e }}'
    )
    small.write("out/there.md", "x")
    opened: list[str] = []
    asked: list[str] = []
    listed: list[str] = []
    looked: list[str] = []
    _counted(monkeypatch, os, "open", opened)
    _counted(monkeypatch, os, "listdir", listed)
    _counted(monkeypatch, os.path, "lexists", looked)
    _counted(monkeypatch, template_child, "render", asked)
    assert status.main(["-a"]) == 0
    assert capsys.readouterr().out.count(" tokens, free (outline)") == 41  # and note.md
    for name in names:
        # For what it says, for its tokens, and for the bundle that five reviews are made from.
        assert len([one for one in opened if one == Path(name).name]) == 3
        assert not [one for one in looked if one.endswith(name)]
    assert len(asked) == 2  # a template
    assert len([one for one in listed if one.endswith("/out")]) == 1


def _counted(monkeypatch: pytest.MonkeyPatch, where: object, name: str, into: list[str]) -> None:
    real = getattr(where, name)

    def call(path: str | bytes | Path, *args: object, **more: object) -> object:
        into.append(os.fsdecode(path))
        return real(path, *args, **more)

    monkeypatch.setattr(where, name, call)


def test_a_build_looks_anew_at_each_input(small: Small) -> None:
    world = small.world()
    before = makers.decide(world, small.rule(world)).key
    small.write("in.md", "Other words.\n")
    assert makers.decide(world, small.rule(world)).key != before
    assert freshness.chosen_inputs(world, small.rule(world)) == ["in.md"]


def test_what_one_run_comes_to_is_one_sum(small: Small, standin: StandIn) -> None:
    more = "".join(
        f'[rules.{name}]\ntarget = "{name}.md"\ninputs = ["{of}"]\nprompt = "note.md.j2"\n'
        for name, of in (("b", "in.md"), ("c", "b.md"))
    )
    small.settings(model="gpt-4o-mini", rule=more)
    world = small.world()
    rules = [world.rules[name] for name in ("note", "b", "c")]
    assert estimate.warning(estimate.foreseen(world, rules)) == ""  # some cents
    small.write("in.md", "word " * 110_000)
    run = estimate.foreseen(small.world(), rules)
    assert (run.calls, run.later, list(run.tokens)) == (2, ("c.md",), ["gpt-4o-mini"])
    dear = run._replace(dollars=1.5)
    assert estimate.warning(dear) == (
        f"2 calls: at least $1.50, for {sum(run.tokens.values()):,} tokens to gpt-4o-mini; and "
        "what c.md will take, made of it (--budget '$1' sets a bound)"
    )
    named = more.replace("prompt", 'model = "chat-ok"\nprompt', 1)
    small.settings(model="gpt-4o-mini", rule=named)
    world = small.world()
    run = estimate.foreseen(world, [world.rules[name] for name in ("note", "b", "c")])
    assert run.unknown == {"chat-ok": run.tokens["chat-ok"]}
    said = f"a price that is not known, for {run.unknown['chat-ok']:,} tokens to chat-ok"
    assert said in estimate.warning(run)
    alone = estimate.foreseen(world, [world.rules["b"]])
    assert estimate.warning(alone) == ""  # one call says itself what it comes to
