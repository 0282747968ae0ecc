"""A stranger's repository runs nothing of its own without a yes, at any door.

Each trial is a repository whose programs leave a canary; they say themselves what ran.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import forked
from support.standin import StandIn
from support.terminal import Terminal

PLAN = """\
# Tally: plan

## Step 1: Count words

```text
Write count.txt.
```
"""


class Stranger:
    """A cloned repository in which everything that can run would leave a canary."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root, self.home = root, home
        self.canary = home / "canary"
        root.mkdir()

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def leaves(self, name: str) -> str:
        """A shell command that tells that it ran."""
        return f"sh -c 'echo {name} >> {self.canary}'"

    def settings(self, *lines: str) -> None:
        self.write("piste.toml", "\n".join(['model = "outline"', *lines, ""]))

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.root, capture_output=True, text=True)
        return done.stdout

    def committed(self) -> None:
        self.git("init", "-q")
        self.git("add", "-A")
        self.git("commit", "-qm", "All")

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run `piste …` as a process of its own, with nobody at a terminal."""
        return forked.run("piste", *words, cwd=self.root, **env)

    def terminal(self, *words: str) -> Terminal:
        return Terminal([sys.executable, "-Pm", "piste.cli", *words], self.root, os.environ)

    @property
    def ran(self) -> list[str]:
        return self.canary.read_text().split() if self.canary.exists() else []

    def answers(self) -> list[Path]:
        return sorted((self.home / ".local/state/piste/trust").glob("*.json"))


@pytest.fixture
def stranger(tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stranger]:
    monkeypatch.delenv("PISTE_TRUST")
    made = Stranger(tmp_path / "stranger", own_home)
    monkeypatch.chdir(made.root)
    made.write("spec.md", "# Tally\n\nCounts words.\n\n## Requirements\n\n1. Count.\n2. Sum.\n")
    made.write("prompt_plan.md", PLAN)
    yield made
    # Nothing of a yes or no may ever lie in the repository itself.
    assert not [path for path in made.root.rglob("*") if "trust" in path.name]


def armed(stranger: Stranger) -> None:
    """Let everything that a repository can name leave a canary."""
    stranger.write("dodo.py", dodo(stranger, "dodo"))
    stranger.write("doit.cfg", "[GLOBAL]\nverbosity = 0\n")
    stranger.settings(
        f'test = "{stranger.leaves("test")}"', f'setup = "{stranger.leaves("setup")}"',
        f'notify = "{stranger.leaves("notify")}"', 'agent = "claude"',
        "[bundle]", f'command = "{stranger.leaves("bundle")}; echo x > output.txt"',
        "[agents.claude]", f'command = "{stranger.leaves("agent")}"',
        f'version = "{stranger.leaves("version")}"',
    )  # fmt: skip
    stranger.committed()


def dodo(stranger: Stranger, name: str) -> str:
    task = "def task_mine():\n    return {'actions': [], 'doc': 'of the stranger'}\n"
    return f"import os\nos.system({stranger.leaves(name)!r})\nfrom piste.tasks import *\n{task}"


# Every verb, and what doit adds; the last line of each is what a person would type.
LOOKING = [
    "status", "status -a", "why plan", "check", "diff todo", "log", "prompt plan", "steps",
    "next", "next --full", "doctor", "store", "list", "list --all -s", "info plan", "help plan",
    "help mine", "prompt_plan_status", "bundle --dry", "bundle --stdout", "bundle --show-config",
    "trust --show", "trust --list", "help", "--version", "mise --stdout", "spec", "plan", "todo",
    "poke_holes", "bundle", "code_review", "clean", "forget plan", "accept todo", "restore todo",
    "undo", "done --untested", "run", "run 1", "run --review 1", "done", "debug", "step:1",
    "run mine", "mine", "copy_bundle", "clean_bundles", "init", "tabcompletion", "dumpdb",
    "strace mine", "ignore plan", "spy", "run -r spy", "-n 2 todo",
]  # fmt: skip


@pytest.mark.parametrize("line", LOOKING)
def test_without_a_yes_nothing_of_a_strangers_runs(stranger: Stranger, line: str) -> None:
    armed(stranger)
    stranger.write("doit.cfg", "[COMMAND]\nspy = spy:Spy\n[REPORTER]\nspy = spy:Spy\n")
    stranger.write("spy.py", f"import os\nos.system({stranger.leaves('plugin')!r})\n")
    done = stranger.run(*line.split(), PYTHONPATH=str(stranger.root))
    assert stranger.ran == []
    assert done.returncode in (0, 1, 2, 3), done.stderr
    assert "Traceback" not in done.stderr


NEEDS = ["run", "run 1", "done", "debug", "mine", "run mine", "step:1"]


@pytest.mark.parametrize("line", NEEDS)
def test_what_needs_it_fails_with_one_line_that_names_the_way(
    stranger: Stranger, line: str
) -> None:
    armed(stranger)
    done = stranger.run(*line.split())
    assert done.returncode == 2, done.stderr
    told = [row for row in done.stderr.splitlines() if "piste trust" in row]
    assert len(told) == 1, done.stderr
    if line != "step:1":
        assert done.stderr.count("\n") == 1, done.stderr


def test_its_own_tasks_work_and_one_line_says_what_was_left_out(stranger: Stranger) -> None:
    armed(stranger)
    done = stranger.run("todo")
    assert done.returncode == 0
    assert (stranger.root / "todo.md").exists()
    left_out = [row for row in done.stderr.splitlines() if row.startswith("left out")]
    assert left_out == [
        "left out, since nobody has allowed it here: dodo.py, doit.cfg, bundle.command "
        "(piste trust shows and allows it)"
    ]


def test_a_bundle_is_piste_s_own_and_says_what_it_left_out(stranger: Stranger) -> None:
    armed(stranger)
    done = stranger.run("bundle")
    assert done.returncode == 0
    assert (stranger.root / "output.txt").read_text().startswith('<bundle by="piste">')
    assert "bundle.command" in done.stderr


def test_a_yes_lets_all_of_it_run_here_and_names_it_first(stranger: Stranger) -> None:
    armed(stranger)
    shown = stranger.run("trust")
    assert shown.returncode == 0
    for what in ("dodo.py: ", "doit.cfg: ", "bundle.command: sh -c", "test: sh -c"):
        assert what in shown.stdout
    assert stranger.ran == []  # to show is not to run
    done = stranger.run("bundle")
    assert stranger.ran == ["bundle"]
    assert f"runs bundle.command: {stranger.leaves('bundle')}" in done.stderr
    stranger.run("mine")
    assert "dodo" in stranger.ran
    stranger.run("done")
    assert "test" in stranger.ran


def test_a_run_names_setup_agent_test_and_notify_before_each(stranger: Stranger) -> None:
    armed(stranger)
    done = stranger.run("run", "1", PISTE_TRUST="1", CI="")
    for name in ("setup", "test", "agent claude", "notify"):
        assert f"runs {name}: " in done.stderr
    assert {"setup", "test", "agent", "version", "notify"} <= {*stranger.ran}


@pytest.mark.parametrize("way", ["variable", "option", "option at the end"])
def test_a_word_for_one_run_is_kept_nowhere(stranger: Stranger, way: str) -> None:
    armed(stranger)
    if way == "variable":
        stranger.run("mine", PISTE_TRUST="1")
    else:
        stranger.run(*(["--trust", "mine"] if way == "option" else ["mine", "--trust"]))
    assert "dodo" in stranger.ran
    assert stranger.answers() == []
    assert stranger.run("mine").returncode == 2


def test_a_wrong_variable_is_one_line(stranger: Stranger) -> None:
    armed(stranger)
    done = stranger.run("mine", PISTE_TRUST="perhaps")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert stranger.ran == []


def test_a_yes_is_for_the_folder_and_not_for_a_copy_of_it(stranger: Stranger) -> None:
    armed(stranger)
    stranger.run("trust")
    copy = stranger.root.with_name("copy")
    shutil.copytree(stranger.root, copy)
    stranger.root = copy
    assert stranger.run("mine").returncode == 2
    assert stranger.ran == []


def test_a_yes_is_keyed_by_the_real_path(stranger: Stranger) -> None:
    armed(stranger)
    stranger.run("trust")
    link = stranger.root.with_name("link")
    link.symlink_to(stranger.root)
    real, stranger.root = stranger.root, link
    assert stranger.run("mine").returncode == 0
    stranger.root = real


def test_a_yes_can_be_taken_back(stranger: Stranger) -> None:
    armed(stranger)
    stranger.run("trust")
    listed = json.loads(stranger.run("trust", "--list", "--json").stdout)
    assert listed == [{"folder": os.path.realpath(stranger.root), "answer": "yes"}]
    assert stranger.run("trust", "--revoke").returncode == 0
    assert stranger.run("mine").returncode == 2
    assert stranger.run("trust", "--revoke").returncode == 2
    assert stranger.ran == []


def test_edits_of_ones_own_never_ask_again(stranger: Stranger) -> None:
    armed(stranger)
    stranger.run("trust")
    stranger.write("dodo.py", dodo(stranger, "edited"))
    assert stranger.run("mine").returncode == 0
    assert stranger.ran == ["edited"]


CHANGES = ["dodo.py", "helper.py", "doit.cfg", "pyproject.toml", "piste.toml"]


@pytest.mark.parametrize("name", CHANGES)
def test_with_trust_content_a_change_of_what_runs_takes_the_yes_away(
    stranger: Stranger, name: str
) -> None:
    own = stranger.home / ".config/piste/piste.toml"
    own.parent.mkdir(parents=True)
    own.write_text('trust = "content"\n')
    stranger.write("helper.py", "x = 1\n")
    stranger.write("dodo.py", f"import helper\n{dodo(stranger, 'dodo')}")
    stranger.settings('test = "true"')
    stranger.run("trust")
    assert stranger.run("mine").returncode == 0
    stranger.canary.unlink()
    stranger.write("spec.md", "# Another\n")  # what does not run is no matter
    assert stranger.run("mine").returncode == 0
    stranger.canary.unlink()
    more = {
        "dodo.py": f"import helper\n{dodo(stranger, 'dodo')}# more\n",
        "helper.py": "x = 2\n",
        "doit.cfg": "[GLOBAL]\nverbosity = 0\n",
        "pyproject.toml": "[tool.doit]\nverbosity = 0\n",
        "piste.toml": 'model = "outline"\ntest = "false"\n',
    }
    stranger.write(name, more[name])
    assert stranger.run("mine").returncode == 2
    assert stranger.ran == []
    shown = stranger.run("trust", "--show")
    assert shown.returncode == 1
    assert "has changed since you allowed it" in shown.stdout
    assert any(row.startswith("  +") for row in shown.stdout.splitlines())


NAMES_TEST = "# P: plan\n\nTest command: `{}`\n\n## Step 1: Do it\n\n```text\nDo it.\n```\n"


def test_a_command_that_a_plan_names_runs_after_a_yes_only(stranger: Stranger) -> None:
    stranger.write("prompt_plan.md", NAMES_TEST.format(f"touch {stranger.canary}"))
    found = stranger.run("done")
    assert (found.returncode, stranger.ran) == (2, [])
    shown = stranger.run("trust", "--show").stdout
    assert f"the test command of prompt_plan.md: touch {stranger.canary}" in shown
    with stranger.terminal("done") as terminal:
        assert "the test command of prompt_plan.md" in terminal.see("[y/N]")
        terminal.enter("y")
        assert f"runs test: touch {stranger.canary}" in terminal.see("is done")
    assert stranger.canary.exists()


def test_with_trust_content_another_command_of_a_plan_is_asked_for_anew(
    stranger: Stranger,
) -> None:
    own = stranger.home / ".config/piste/piste.toml"
    own.parent.mkdir(parents=True)
    own.write_text('trust = "content"\n')
    stranger.write("prompt_plan.md", NAMES_TEST.format("true"))
    assert stranger.run("trust").returncode == 0
    assert stranger.run("done").returncode == 0
    stranger.write("prompt_plan.md", NAMES_TEST.format(f"touch {stranger.canary}"))
    assert stranger.run("done", "1").returncode == 2
    assert not stranger.canary.exists()
    assert f"+touch {stranger.canary}" in stranger.run("trust", "--show").stdout


def test_at_a_terminal_one_is_asked_once_and_a_no_is_kept(stranger: Stranger) -> None:
    armed(stranger)
    with stranger.terminal("mine") as terminal:
        assert "bundle.command: sh -c" in terminal.see("[y/N]")
        terminal.enter("n")
        terminal.see("no task 'mine'")
    with stranger.terminal("mine") as terminal:
        assert "[y/N]" not in terminal.see("no task 'mine'")
    assert stranger.ran == []


def test_at_a_terminal_a_yes_runs_it_at_once(stranger: Stranger) -> None:
    armed(stranger)
    with stranger.terminal("bundle") as terminal:
        terminal.see("[y/N]")
        terminal.enter("y")
        terminal.see("runs bundle.command")
        terminal.see("written by")
    assert stranger.ran == ["bundle"]


def test_in_ci_a_terminal_is_not_asked(stranger: Stranger) -> None:
    armed(stranger)
    os.environ["CI"] = "true"
    try:
        with stranger.terminal("mine") as terminal:
            assert "[y/N]" not in terminal.see("no task 'mine'")
    finally:
        del os.environ["CI"]


def test_init_is_a_yes_for_what_one_makes_a_project_oneself(stranger: Stranger) -> None:
    stranger.write("dodo.py", dodo(stranger, "dodo"))
    said = stranger.run("init")
    assert "allowed here: dodo.py" in said.stdout
    assert stranger.run("mine").returncode == 0
    assert stranger.ran == ["dodo"]


def test_init_is_no_yes_for_settings_that_came_with_the_repository(stranger: Stranger) -> None:
    armed(stranger)
    assert "not allowed here: " in stranger.run("init").stdout
    assert stranger.run("mine").returncode == 2
    assert stranger.ran == []


def test_a_dodo_of_our_tasks_alone_needs_no_yes(stranger: Stranger) -> None:
    stranger.settings()
    stranger.write("dodo.py", "# -*- coding: utf-8 -*-\nfrom piste.tasks import *  # noqa\n")
    done = stranger.run("todo")
    assert done.returncode == 0
    assert "left out" not in done.stderr


def test_a_comment_that_python_would_run_is_not_run(stranger: Stranger) -> None:
    # In UTF-7, "+AAo-" is a line feed: what looks like a comment is a program.
    hidden = f"import os;os.system({stranger.leaves('utf7')!r})"
    stranger.write("dodo.py", f"# coding: utf-7\nfrom piste.tasks import *\n# +AAo-{hidden}\n")
    assert stranger.run("list").returncode == 0
    assert stranger.ran == []


@pytest.mark.parametrize("name", ["PISTE_TRUST=1", 'trust = "content"', 'trust = "folder"'])
def test_no_file_of_the_repository_is_a_yes(stranger: Stranger, name: str) -> None:
    armed(stranger)
    stranger.write(".env", f"{name}\n")
    state = {"folder": str(stranger.root), "answer": "yes", "digest": "", "runs": {}}
    stranger.write(".local/state/piste/trust/x.json", json.dumps(state))
    if name.startswith("trust"):
        stranger.settings(name)
        done = stranger.run("status")
        assert done.returncode == 2
        assert "counts only in your own settings" in done.stderr
    assert stranger.run("mine", XDG_STATE_HOME=".local/state").returncode == 2
    assert stranger.ran == []
    shutil.rmtree(stranger.root / ".local")


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"answer": "yes"}', "[" * 9999])
def test_a_damaged_answer_is_none(stranger: Stranger, damage: str) -> None:
    armed(stranger)
    stranger.run("trust")
    stranger.answers()[0].write_text(damage)
    assert stranger.run("mine").returncode == 2
    assert stranger.run("trust", "--list").returncode == 0
    assert stranger.ran == []


def test_an_answer_for_another_folder_is_none_for_this(stranger: Stranger) -> None:
    armed(stranger)
    stranger.run("trust")
    path = stranger.answers()[0]
    path.write_text(path.read_text().replace(stranger.root.name, "elsewhere"))
    assert stranger.run("mine").returncode == 2


def test_ask_in_ci_counts_only_from_outside_the_project(
    stranger: Stranger, standin: StandIn
) -> None:
    stranger.write("piste.toml", 'model = "chat-ok"\nask_in_ci = true\n')
    stranger.run("trust")
    done = stranger.run("todo", CI="true")
    assert "CI is set, and PISTE_ASK_IN_CI is not" in done.stderr + done.stdout
    assert standin.requests == []
    stranger.run("todo", CI="true", PISTE_ASK_IN_CI="1")
    assert standin.requests


def test_a_helper_process_imports_nothing_from_the_folder_that_is_packed(
    stranger: Stranger,
) -> None:
    stranger.settings()
    spy = f"import os\nos.system({stranger.leaves('import')!r})\n"
    for name in ("piste/__init__.py", "re2.py", "hashlib.py", "pathspec.py", "llm.py"):
        stranger.write(name, spy)
    for number in range(300):
        stranger.write(f"src/f{number}.txt", f"word {number} " * 20_000)
    for words in (("bundle",), ("todo",), ("list",)):
        assert stranger.run(*words).returncode == 0
    assert stranger.ran == []


# What a .git/config may name, that git would run at one occasion or another.
CONFIG = """
[core]
 fsmonitor = {fsmonitor}
 sshCommand = {ssh}
 gitProxy = {proxy}
 askPass = {askpass}
 editor = {editor}
 pager = {pager}
 hooksPath = .hooks
 alternateRefsCommand = {alternate}
 repositoryformatversion = 1
[extensions]
 partialClone = origin
[remote "origin"]
 url = ssh://nowhere.invalid/x
 promisor = true
 uploadpack = {uploadpack}
[protocol]
 allow = always
[protocol "ext"]
 allow = always
[credential]
 helper = !{credential}
[filter "spy"]
 clean = {clean}
 smudge = {smudge}
 process = {process}
 required = true
[filter "a=b"]
 clean = {clean2}
[diff]
 external = {external}
 submodule = log
[diff "spy"]
 textconv = {textconv}
 command = {command}
[merge "spy"]
 driver = {driver}
[gpg]
 program = {gpg}
[log]
 showSignature = true
[status]
 submoduleSummary = true
[pager]
 log = {pager2}
 diff = {pager3}
[alias]
 ls-files = !{alias}
 log = !{alias2}
"""


def with_hostile_git(stranger: Stranger) -> None:
    stranger.settings()
    stranger.write("a.py", "x = 1\n")
    stranger.write("b=c.py", "x = 1\n")
    stranger.committed()
    (stranger.root / "a.py").write_text("x = 2\n")
    (stranger.root / "b=c.py").write_text("x = 2\n")
    stranger.write(".gitattributes", "a.py filter=spy diff=spy merge=spy\n* filter=a=b\n")
    program = stranger.home / "program"
    program.write_text(f"#!/bin/sh\necho $0 $* >> {stranger.canary}\n")
    program.chmod(0o755)
    names = {word for word in CONFIG.replace("!", "").split() if word.startswith("{")}
    config = stranger.root / ".git/config"
    config.write_text(CONFIG.format(**{name.strip("{}"): program for name in names}))
    for hook in ("post-index-change", "reference-transaction", "pre-auto-gc"):
        stranger.write(f".hooks/{hook}", program.read_text())
        (stranger.root / ".hooks" / hook).chmod(0o755)


GIT_LOOKING = [
    "status -a", "check", "why plan", "steps", "next", "next --full", "prompt plan", "doctor",
    "log", "undo", "bundle --dry", "bundle", "bundle --since HEAD --diff --dry", "list", "todo",
    "bundle --log 3 --dry", "bundle --diff --log 2", "bundle --submodules", "trust --show",
    "debug", "run", "done",
]  # fmt: skip


@pytest.mark.parametrize("line", GIT_LOOKING)
def test_no_program_of_a_git_config_runs(stranger: Stranger, line: str) -> None:
    with_hostile_git(stranger)
    done = stranger.run(*line.split())
    assert stranger.ran == []
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 1, 2)


def test_the_canaries_would_sing(stranger: Stranger) -> None:
    with_hostile_git(stranger)
    stranger.git("diff")
    assert "program" in stranger.canary.read_text()
    stranger.canary.unlink()
    for path in (stranger.root / ".git/objects").glob("??/*"):
        path.unlink()
    stranger.git("log")
    assert "program" in stranger.canary.read_text()


@pytest.mark.parametrize("line", ["steps", "next", "undo 1", "bundle --log 3 --dry", "status"])
def test_a_missing_object_is_not_fetched(stranger: Stranger, line: str) -> None:
    with_hostile_git(stranger)
    for path in (stranger.root / ".git/objects").glob("??/*"):
        path.unlink()
    stranger.run(*line.split())
    assert stranger.ran == []


def test_a_bare_repository_within_a_clone_is_none(stranger: Stranger) -> None:
    stranger.settings()
    inner = stranger.root / "docs"
    inner.mkdir()
    stranger.git("init", "-q", "--bare", "docs")
    program = stranger.leaves("bare")
    more = f'[core]\n fsmonitor = "{program}"\n worktree = .\n bare = false\n'
    (inner / "config").write_text((inner / "config").read_text().replace("bare = true", "") + more)
    (inner / "piste.toml").write_text('model = "outline"\n')
    (inner / "spec.md").write_text("# Docs\n")
    stranger.root = inner
    for line in ("next --full", "bundle --dry", "bundle --diff --dry", "steps", "status"):
        stranger.run(*line.split())
    assert stranger.ran == []


@pytest.mark.parametrize("line", ["list -s", "log", "steps", "help loud", "info loud", "status -a"])
def test_no_escape_sequence_of_a_strangers_reaches_a_table(stranger: Stranger, line: str) -> None:
    rule = '[rules.loud]\ntarget = "loud.md"\ninputs = ["spec.md"]\nprompt = "plan.md.j2"\n'
    stranger.write("piste.toml", f'model = "outline"\n{rule}doc = "a\\u001b]0;b\\u0007c"\n')
    stranger.write("prompt_plan.md", NAMES_TEST.replace("Count words", "Count \x1b[2J words"))
    entry = {"date": "2026-01-01T00:00:00Z", "target": "x\x1b[2J", "event": "made\x1b[31m"}
    stranger.write(".piste/log.jsonl", json.dumps(entry) + "\n")
    assert "\x1b" not in stranger.run(*line.split()).stdout
