"""Agents that are programs: how each is called, what it is given, what it says of itself."""

import json
import sys
from pathlib import Path

import pytest

from piste.steps import agents
from piste.steps.agents import (
    Agent,
    AgentOutput,
    Job,
    aider,
    claude,
    codex,
    command,
    cursor_agent,
    gemini,
    opencode,
)
from piste.steps.progress import Settings
from piste.system.errors import UserError

# A program that says how it was called, as JSON, in the last line of what it prints.
TELL = """\
#!{python}
import json, os, select, sys
given = sys.stdin.read()
files = {{word: open(word).read() for word in sys.argv[1:] if os.path.isfile(word)}}
print(json.dumps([sys.argv[1:], given, files, os.getcwd(), os.environ.get("PISTE_STEP")]))
"""


class Called:
    """How a program was called."""

    def __init__(self, out: Path) -> None:
        self.argv, self.stdin, self.files, self.folder, self.step = json.loads(out.read_text())


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def program(shelf: Path, name: str, text: str = TELL) -> None:
    (shelf / name).write_text(text.format(python=sys.executable))
    (shelf / name).chmod(0o755)


def call(agent: Agent, tmp_path: Path, prompt: str = "Do it.\nAll.", **more: object) -> Called:
    (tmp_path / "tree").mkdir(exist_ok=True)
    job = Job(
        folder=tmp_path / "tree", home=tmp_path, prompt=prompt, logs=tmp_path / "logs" / "03.1-2",
        limit=60, env={"PISTE_STEP": "03"}, **more,  # type: ignore[arg-type]
    )  # fmt: skip
    finished = command.carry_out(agent, job)
    assert (finished.code, finished.why) == (0, "")
    assert finished.log == tmp_path / "logs" / "03.1-2.out"
    return Called(finished.log)


def found(name: str) -> Agent:
    agent = agents.find(Settings(), name)
    assert agent is not None
    return agent


# name, how the prompt comes, words that are there without a model, words that are there with one
CALLS = [
    ("aider", "file", "--yes-always --no-auto-commits --no-stream", "--model m-1"),
    ("claude", "stdin", "-p --output-format json --permission-mode acceptEdits", "--model m-1"),
    ("codex", "stdin", "exec - -s workspace-write --json --ephemeral", "-m m-1"),
    ("cursor-agent", "argument", "-p --trust --force --output-format json", "--model m-1"),
    ("gemini", "stdin", "--approval-mode auto_edit -o json", "-m m-1"),
    ("opencode", "stdin", "run --format json --auto", "-m m-1"),
]


@pytest.mark.parametrize(("name", "way", "words", "with_model"), CALLS)
def test_how_each_is_called(
    shelf: Path, tmp_path: Path, name: str, way: str, words: str, with_model: str
) -> None:
    program(shelf, name)
    prompt = "Do “it”.\n--all {model} [x] '$HOME'"
    plain = call(found(name), tmp_path, prompt)
    named = call(found(name), tmp_path, prompt, model="m-1")

    assert {*words.split()} <= {*plain.argv}
    assert with_model in " ".join(named.argv)
    assert "m-1" not in plain.argv
    assert (plain.stdin, prompt in plain.argv, prompt in plain.files.values()) == (
        prompt if way == "stdin" else "", way == "argument", way == "file",
    )  # fmt: skip
    assert (plain.folder, plain.step) == (str(tmp_path / "tree"), "03")


def test_aider_gets_the_files_and_is_kept_from_others(shelf: Path, tmp_path: Path) -> None:
    program(shelf, "aider")
    called = call(found("aider"), tmp_path, files=("a b.py", "c.py"), kept=("todo.md", ".piste"))
    assert called.argv[-2:] == ["a b.py", "c.py"]
    assert "todo.md\n.piste\n" in called.files.values()


@pytest.mark.parametrize("where", ["", "tree"])
def test_aider_keeps_what_the_project_says_that_it_leaves_alone(
    shelf: Path, tmp_path: Path, where: str
) -> None:
    program(shelf, "aider")
    (tmp_path / "tree").mkdir()
    (tmp_path / where / ".aiderignore").write_text("big/\n!todo.md")
    called = call(found("aider"), tmp_path, kept=("todo.md",))
    assert "big/\n!todo.md\ntodo.md\n" in called.files.values()  # ours last: the last one counts


def test_claude_may_run_the_tests_and_has_a_limit(shelf: Path, tmp_path: Path) -> None:
    program(shelf, "claude")
    called = call(found("claude"), tmp_path, test="npm run test", money=1.5)
    assert "Bash(npm run test)" in " ".join(called.argv)
    assert " ".join(called.argv).endswith("--max-budget-usd 1.50")
    assert "Bash" not in " ".join(call(found("claude"), tmp_path).argv)


def test_a_last_word_in_a_file_is_what_it_said(shelf: Path, tmp_path: Path) -> None:
    program(shelf, "codex", '#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done; echo done > "$2"\n')
    (tmp_path / "tree").mkdir()
    job = Job(tmp_path / "tree", tmp_path, "p", tmp_path / "logs" / "x", 60)
    assert command.carry_out(found("codex"), job).said.text == "done"


def test_any_command_is_an_agent(shelf: Path, tmp_path: Path) -> None:
    program(shelf, "mine")
    settings = Settings(
        agents={"mine": {"command": "mine --in {prompt} [--model {model}] '{test}'"}}
    )
    agent = agents.find(settings, "mine")
    assert agent is not None
    called = call(agent, tmp_path, test="a b")
    assert called.argv[0] == "--in"
    assert called.argv[2:] == ["a b"]
    assert list(called.files.values()) == ["Do it.\nAll."]


def test_a_command_line_of_the_settings_is_taken(shelf: Path, tmp_path: Path) -> None:
    program(shelf, "wrapper")
    settings = Settings(agents={"claude": {"command": "wrapper claude"}})
    agent = agents.find(settings, "claude")
    assert agent is not None
    assert agent.read is claude.read
    assert call(agent, tmp_path).argv == ["claude"]


def test_a_program_of_the_project(tmp_path: Path) -> None:
    program(tmp_path, "own-agent")
    agent = Agent("own", "./own-agent --now")
    assert call(agent, tmp_path).argv == ["--now"]


def test_an_agent_that_there_is_not() -> None:
    with pytest.raises(
        UserError, match=r"no agent 'claud'; did you mean 'claude'\?; any program is"
    ):
        agents.find(Settings(), "claud")


@pytest.mark.parametrize("name", agents.MODULES)
def test_what_is_not_installed_names_how_to(shelf: Path, tmp_path: Path, name: str) -> None:
    agent = found(name)
    with pytest.raises(UserError) as caught:
        command.version(agent, tmp_path)
    assert str(caught.value) == f"{name} is not installed ({name} is not found): {agent.install}"
    assert agent.install


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("mine 'open", "[agents.mine] command: No closing quotation: mine 'open"),
        ("  ", "[agents.mine] command is empty"),
    ],
)
def test_a_command_line_that_cannot_be_read(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        command.version(Agent("mine", line), tmp_path)
    assert str(caught.value) == said


def test_a_prompt_too_long_for_a_command_line(shelf: Path, tmp_path: Path) -> None:
    program(shelf, "cursor-agent")
    with pytest.raises(
        UserError, match="the prompt is too long for the command line of cursor-agent"
    ):
        call(found("cursor-agent"), tmp_path, "x" * 200_000)


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo 2.1.0 '(Claude Code)'", "2.1.0 (Claude Code)"),
        ("printf '\\n\\033[1mcodex-cli\\033[0m 0.4\\nmore\\n'", "codex-cli 0.4"),
        ("echo oops >&2; exit 1", ""),
        ("true", ""),
    ],
)
def test_versions(shelf: Path, tmp_path: Path, script: str, version: str) -> None:
    program(shelf, "claude", f"#!/bin/sh\n{script}\n")
    assert command.version(found("claude"), tmp_path) == version


# What each says of itself -----------------------------------------------------------------------

SAYS = [
    (
        aider.read,
        "Aider v0.86.2\nModel: openai/gpt-x with whole edit format\n\nTokens: 1.0k sent, 9 "
        "received."
        " Cost: $0.01 message, $0.01 session.\nTokens: 2k sent, 1k cache hit, 300 received. "
        "Cost: $0.02 message, $0.03 session.\n",
        AgentOutput("", "", 3000, 309, 0.03, "openai/gpt-x"),
    ),
    (
        aider.read,
        "check.sh\nlitellm.AuthenticationError: AuthenticationError: OpenAIException - Incorrect \n"
        "API key provided: x. Find yours online.\n\nMore.",
        AgentOutput("", "litellm.AuthenticationError: AuthenticationError: OpenAIException - "
                    "Incorrect API key provided: x. Find yours online."),
    ),
    (
        claude.read,
        'warning\n{"type":"result","is_error":false,"result":"Done.","total_cost_usd":0.12,'
        '"usage":{"input_tokens":10,"cache_read_input_tokens":90,"output_tokens":5},'
        '"modelUsage":{"claude-x":{}}}\n',
        AgentOutput("Done.", "", 100, 5, 0.12, "claude-x"),
    ),
    (
        claude.read,
        '{"type":"result","is_error":true,"result":"Credit balance is too low"}',
        AgentOutput("Credit balance is too low", "Credit balance is too low"),
    ),
    (
        codex.read,
        'Reading prompt from stdin...\n{"type":"thread.started"}\n{"type":"item.completed","item":'
        '{"type":"agent_message","text":"All done."}}\n{"type":"turn.completed","usage":'
        '{"input_tokens":20,"cached_input_tokens":5,"output_tokens":7}}\n',
        AgentOutput("All done.", "", 20, 7),
    ),
    (
        codex.read,
        '{"type":"turn.failed","error":{"message":"stream disconnected"}}',
        AgentOutput("", "stream disconnected"),
    ),
    (
        gemini.read,
        '{"response":"Fine.","stats":{"models":{"gemini-x":{"tokens":{"prompt":8,'
        '"candidates":2}}}}}',
        AgentOutput("Fine.", "", 8, 2, None, "gemini-x"),
    ),
    (gemini.read, '{"error":{"type":"X","message":"quota"}}', AgentOutput("", "quota")),
    (gemini.read, "", AgentOutput("")),
    (
        opencode.read,
        '{"type":"text","part":{"text":"Did it."}}\n{"type":"step_finish","part":{"cost":0.1,'
        '"tokens":{"input":3,"output":4}}}\n{"type":"step_finish","part":{"cost":0.2,"tokens":'
        '{"input":1,"output":1}}}\n',
        AgentOutput("Did it.", "", 4, 5, pytest.approx(0.3)),
    ),
    (
        opencode.read,
        '{"type":"error","error":{"name":"X","data":{"message":"no key"}}}',
        AgentOutput("", "no key"),
    ),
    (cursor_agent.read, '{"type":"result","is_error":false,"result":"Ok."}', AgentOutput("Ok.")),
]  # fmt: skip


@pytest.mark.parametrize(("read", "printed", "said"), SAYS)
def test_what_an_agent_says_of_itself(read, printed: str, said: AgentOutput) -> None:  # type: ignore[no-untyped-def]
    got = read(printed)
    assert got._replace(text="" if read is aider.read else got.text) == said


@pytest.mark.parametrize("name", agents.MODULES)
@pytest.mark.parametrize(
    "printed", ["", "no JSON at all", "[1, 2]", '{"usage": 3}', "{", "\x1b[1m\x00"]
)
def test_output_of_another_form_is_no_trouble(
    shelf: Path, tmp_path: Path, name: str, printed: str
) -> None:
    (tmp_path / "text").write_text(printed)
    program(shelf, name, f"#!/bin/sh\ncat {tmp_path}/text\n")
    (tmp_path / "tree").mkdir(exist_ok=True)
    job = Job(tmp_path / "tree", tmp_path, "p", tmp_path / "logs" / "x", 60)
    said = command.carry_out(found(name), job).said
    assert said.cost is None
    assert said.input_tokens is None
