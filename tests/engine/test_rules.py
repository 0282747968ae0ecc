"""The rules: how tables change them, what is refused, how one is found."""

import json

import pytest
from conftest import Small
from doit.doit_cmd import DoitMain

from piste import cli, tasks
from piste.engine import rules
from piste.system.errors import UserError

NEW = {"target": "faq.md", "inputs": ("@spec", "notes.txt"), "prompt": "faq.md.j2"}


def test_a_new_rule() -> None:
    rule = rules.assemble({"faq": NEW})["faq"]
    assert (rule.target, rule.inputs) == ("faq.md", (("spec.md",), ("notes.txt",)))
    assert (rule.check, rule.kind, rule.stage) == ("document", "", "own")
    assert rule.doc == "made by [rules.faq]"


def test_a_reference_follows_its_target() -> None:
    made = rules.assemble({"spec": {"target": "docs/spec.md"}})
    assert made["plan"].inputs == (("docs/spec.md",),)


def test_options_are_sorted() -> None:
    made = rules.assemble({"plan": {"options": {"b": 1, "a": 2}}})
    assert made["plan"].options == (("a", 2), ("b", 1))


def test_the_built_in_rules_are_whole() -> None:
    for rule in rules.assemble({}).values():
        assert rule.check in rules.CHECKS
        assert rule.doc
        assert not any(name.startswith("@") for names in rule.inputs for name in names)


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"faq": {}}, "[rules.faq] is a new rule and needs `target = …`"),
        ({"paln": {"target": "x.md"}}, "needs `inputs = …`; did you mean 'plan'?"),
        ({"faq": {**NEW, "target": "../x"}}, "rules.faq.target: '../x' may lead out"),
        ({"faq": {**NEW, "target": ".git/x"}}, "rules.faq.target: '.git/x' lies in .git"),
        ({"faq": {**NEW, "inputs": ("/etc/x",)}}, "rules.faq.inputs: '/etc/x' is not a plain path"),
        ({"faq": {**NEW, "inputs": ("@sepc",)}}, "no rule is named 'sepc'; did you mean 'spec'?"),
        ({"faq": {**NEW, "check": "documnt"}}, "no check 'documnt'; did you mean 'document'?"),
        ({"faq": {**NEW, "target": "SPEC.md"}}, "would be made by two rules, spec and faq"),
        ({"faq": {**NEW, "inputs": ("faq.md",)}}, "these rules need each other: faq → faq"),
        ({"spec": {"inputs": ("@todo",)}}, "need each other"),
        ({"line": NEW}, "rules.line: the name is taken"),
        ({"idea": NEW}, "rules.idea: the name is taken"),
        ({"list": NEW}, "rules.list: the name is taken"),
    ],
)
def test_what_is_refused(tables: dict[str, dict[str, object]], said: str) -> None:
    with pytest.raises(UserError) as raised:
        rules.assemble(tables)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_no_rule_has_the_name_of_a_command_or_of_another_task(small: Small) -> None:
    # Names with a dash cannot be a rule's: config takes identifiers only.
    commands = {command.get_name() for command in DoitMain.DOIT_CMDS}
    others = [found for name, found in vars(tasks).items() if name.startswith("task_")]
    for create in others:
        made = create()
        rows = [made] if isinstance(made, dict) else made
        commands |= {row["basename"] for row in rows} - {"note"}
    known = {*cli.VERBS, *commands} - set(rules.BUILT_IN)
    assert {name for name in known if name.isidentifier()} == rules.TAKEN


def test_a_cycle_is_named_from_end_to_end() -> None:
    with pytest.raises(UserError) as raised:
        rules.assemble({"spec": {"inputs": ("@todo",)}})
    chain = str(raised.value).partition(": ")[2].partition(";")[0].split(" → ")
    assert chain[0] == chain[-1]
    assert set(chain) == {"spec", "plan", "todo"}


@pytest.mark.parametrize("word", ["poke_holes", "poke-holes", "spec-holes.md", "./spec-holes.md"])
def test_find(word: str) -> None:
    assert rules.find(rules.BUILT_IN, word).name == "poke_holes"


@pytest.mark.parametrize(
    ("word", "said"),
    [("poke_hole", "did you mean 'poke_holes'?"), ("xyzzy", "see `piste list`")],
)
def test_find_says_what_there_is(word: str, said: str) -> None:
    with pytest.raises(UserError, match=f"no rule makes '{word}'.*") as raised:
        rules.find(rules.BUILT_IN, word)
    assert said in str(raised.value)


@pytest.mark.parametrize("name", rules.BUILT_IN)
def test_a_rule_comes_back_from_plain_data_as_it_was(name: str) -> None:
    rule = rules.BUILT_IN[name]
    options = (("stop", ["a"]), ("temperature", 0.5))
    for one in (rule, rule._replace(options=options), rule._replace(inputs=(("a", "b"), ("c",)))):
        assert rules.of_plain(json.loads(json.dumps(rules.to_plain(one)))) == one


def test_plain_data_leaves_out_what_is_as_in_any_rule() -> None:
    own = rules.assemble({"faq": {"target": "faq.md", "inputs": ("a.md",), "prompt": "faq.md.j2"}})
    row = rules.to_plain(own["faq"])
    assert row == ["faq", "faq.md", ["a.md"], "faq.md.j2", "document", "made by [rules.faq]"]
