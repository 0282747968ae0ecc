"""What piste adds to llm: a model, a loader of templates, a command. Through llm's own doors."""

import subprocess
import sys
from pathlib import Path

import llm
import pytest
import yaml
from click.testing import CliRunner, Result
from llm.cli import cli

from piste import prompts
from piste.engine.rules import BUILT_IN
from piste.interview.transcript import ENOUGH
from piste.outline import llm_plugin
from piste.outline.model import QUESTIONS
from piste.system.errors import UserError

FOLDER = Path(str(prompts.__file__)).parent
STEPS = {"debug", "next", "step"}  # they need more than one input, which is all that llm has
RULES = sorted({path.name.split(".")[0] for path in FOLDER.glob("[!_]*.j2")} - STEPS)
INSTALLED = {
    "readme-gen", "code-review-gen", "github-issue-gen", "issue-prompts-gen", "missing-tests-gen",
    "idea-gen", "spec-gen", "plan-gen", "todo-gen", "poke-holes-gen", "white-paper-gen",
    "business-model-gen", "change-review-gen",
}  # fmt: skip


def call(*arguments: str, input: str = "") -> Result:  # noqa: A002  # click's own name
    return CliRunner().invoke(cli, arguments, input=input, catch_exceptions=False)


def printed(*arguments: str, input: str = "") -> str:  # noqa: A002
    result = call(*arguments, input=input)
    assert result.exit_code == 0, result.output
    return str(result.stdout)


# ---- the model


@pytest.mark.parametrize("stream", [True, False])
def test_the_model_answers_whole_with_its_usage_and_an_end(stream: bool) -> None:
    response = llm.get_model("outline").prompt("# Skis\n\n" + "- wax\n" * 5000, stream=stream)

    text = response.text()
    assert text.startswith("# Skis\n")
    assert text.count("- wax") == 5000
    assert response.usage().input == (8 + 6 * 5000) // 4
    assert response.usage().output == len(text) // 4
    assert response.response_json == {"model": "outline", "finish_reason": "stop"}


def test_a_long_reply_comes_in_pieces() -> None:
    response = llm.get_model("outline").prompt("# Skis\n\n" + "- wax\n" * 5000)

    assert len(list(response)) > 5


def test_a_conversation_goes_on_to_the_next_question() -> None:
    template = llm_plugin.template("idea")
    prompt, system = template.evaluate("A ski app.")
    talk = llm.get_model("outline").conversation()

    first = talk.prompt(prompt, system=system).text()
    second = talk.prompt("A skier.").text()

    assert QUESTIONS[0][0] in first
    assert QUESTIONS[1][0] in second
    assert talk.prompt("enough").text().startswith(ENOUGH)


def test_messages_are_as_good_as_a_conversation() -> None:
    prompt, system = llm_plugin.template("idea").evaluate("A ski app.")
    messages = [llm.system(system), llm.user(prompt), llm.assistant("?"), llm.user("A skier.")]

    assert QUESTIONS[1][0] in llm.get_model("outline").prompt(messages=messages).text()


def test_llm_itself_finds_model_and_keeps_its_log() -> None:
    assert printed("-m", "outline", "skis").startswith("# skis\n")
    assert '"finish_reason": "stop"' in printed("logs", "--json", "-n", "1")


def test_llm_goes_on_with_the_interview() -> None:
    assert QUESTIONS[0][0] in printed("-t", "piste:idea", "-m", "outline", "A ski app.")
    assert QUESTIONS[1][0] in printed("-c", "A skier.")


# ---- the templates


def other_names(rule: str) -> list[str]:
    name = rule.replace("_", "-")
    return [rule, name, f"{name}-gen", *(["github-issue-gen"] if rule == "github_issues" else [])]


@pytest.mark.parametrize(("name", "rule"), [(n, r) for r in RULES for n in other_names(r)])
def test_each_template_has_its_names_and_takes_the_input_as_it_is(name: str, rule: str) -> None:
    text = "costs $5, $input and ${x} {{ y }}"

    prompt, system = llm_plugin.template(name).evaluate(text)

    assert f'path="standard input">\n{text}\n</' in prompt
    assert prompt.splitlines()[-1].startswith(f"Document: {rule}")
    assert "Write in the" in system


def test_a_pipe_gives_the_document() -> None:
    bundle = '<file path="a.py">\n# TODO: pay $5\n</file>\n'

    review = printed("-m", "outline", "-t", "piste:code-review", input=bundle)

    assert "**File:** a.py:1\n" in review
    assert "pay $5" in review


def test_dollars_in_a_template_of_one_s_own_stay(own_home: Path) -> None:
    mine = own_home / ".config/piste/prompts/poem.md.j2"
    mine.parent.mkdir(parents=True)
    mine.write_text('+++\ninputs = ["x"]\nsystem = "For $1"\n+++\n{{ x }} for $2 or $input\n')

    template = llm_plugin.template("poem")

    assert template.evaluate("skis") == ("skis for $2 or $input", "For $1")


def test_one_s_own_words_come_before_the_built_in_ones(own_home: Path) -> None:
    mine = own_home / ".config/piste/prompts/todo.md.j2"
    mine.parent.mkdir(parents=True)
    mine.write_text('+++\ninputs = ["plan"]\n+++\nMine: {{ plan }}\n')

    assert llm_plugin.template("todo").prompt == "Mine: $input"


def test_the_current_folder_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/todo.md.j2").write_text('+++\ninputs = ["plan"]\n+++\nTheirs\n')
    (tmp_path / "todo.md.j2").write_text('+++\ninputs = ["plan"]\n+++\nTheirs\n')
    monkeypatch.chdir(tmp_path)

    assert "Theirs" not in str(llm_plugin.template("todo").prompt)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("code-revue", "'code-revue'; did you mean 'code-review'?"),
        ("zzz", "'zzz'; there are business-model, change-review, code-review"),
        ("../todo", "'../todo'; did you mean 'todo'?"),
        ("_rules", "'_rules'"),
        ("", "''"),
    ],
)
def test_an_unknown_name_is_one_line_with_the_nearest(name: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        llm_plugin.template(name)

    assert f"piste has no template {said}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_template_of_several_inputs_is_none_for_llm() -> None:
    with pytest.raises(UserError, match=r"step\.md\.j2 takes 0 inputs and llm gives one"):
        llm_plugin.template("step")


def test_llm_reports_an_unknown_name_in_one_line() -> None:
    result = call("-t", "piste:code-revue", "-m", "outline", "x")

    assert result.exit_code == 1
    assert "did you mean 'code-review'?" in result.output


def test_a_template_of_two_inputs_is_refused(own_home: Path) -> None:
    mine = own_home / ".config/piste/prompts/two.md.j2"
    mine.parent.mkdir(parents=True)
    mine.write_text('+++\ninputs = ["a", "b"]\n+++\n{{ a }}{{ b }}\n')

    with pytest.raises(UserError, match="takes 2 inputs and llm gives one"):
        llm_plugin.template("two")


# ---- llm piste install-templates


def test_installed_templates_work_by_their_bare_names() -> None:
    printed("piste", "install-templates")

    installed = {path.stem for path in (llm.user_dir() / "templates").iterdir()}
    assert installed == INSTALLED
    assert len(INSTALLED) == len(RULES)
    assert printed("-m", "outline", "-t", "todo-gen", input="- wax").startswith("# wax: todo\n")


@pytest.mark.parametrize("name", sorted(INSTALLED))
def test_an_installed_template_says_what_the_loaded_one_says(name: str) -> None:
    llm_plugin.install()

    text = (llm.user_dir() / "templates" / f"{name}.yaml").read_text()
    loaded = llm_plugin.template(name)
    assert yaml.safe_load(text) == {"system": loaded.system, "prompt": loaded.prompt}
    assert "\nprompt: |" in text, "in block text, so that a person can edit it"


def test_what_is_there_is_kept_and_that_is_said() -> None:
    mine = llm.user_dir() / "templates/readme-gen.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("prompt: mine\n")

    said = printed("piste", "install-templates")

    assert mine.read_text() == "prompt: mine\n"
    assert f"kept {mine}: it was there already" in said
    assert said.count("wrote ") == len(INSTALLED) - 1


def test_a_folder_that_cannot_be_written_is_named_in_one_line() -> None:
    (llm.user_dir() / "templates").write_text("a file")

    result = call("piste", "install-templates")

    assert result.exit_code == 1
    assert str(llm.user_dir() / "templates") in result.output
    assert result.output.count("\n") == 1


# ---- the cost of having piste installed


def test_llm_pays_nothing_for_a_plugin_that_it_does_not_use() -> None:
    code = (
        "import sys, llm; before = set(sys.modules); import piste.outline.llm_plugin; "
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.split() == [
        "piste",
        "piste.outline",
        "piste.outline.llm_plugin",
    ]


def test_every_rule_of_the_graph_with_a_built_in_prompt_can_be_had_in_llm() -> None:
    assert {rule.prompt.split(".")[0] for rule in BUILT_IN.values() if rule.prompt} <= set(RULES)
