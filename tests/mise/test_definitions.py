"""The definitions for mise: as data, merged into a person's file, and in the real mise."""

import json
import os
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.realmise import Mise, end, shut_in
from support.standin import Fault, StandIn
from support.terminal import Terminal

from piste.cli import VERBS
from piste.engine import log
from piste.engine.rules import BUILT_IN
from piste.mise import definitions
from piste.system.errors import UserError

ROOT = Path(__file__).parents[2]

# The list of the post, as its `mise tasks ls` prints it.
OF_THE_POST = [
    "LLM:clean_bundles",
    "LLM:copy_buffer_bundle",
    "LLM:generate_code_review",
    "LLM:generate_github_issues",
    "LLM:generate_issue_prompts",
    "LLM:generate_missing_tests",
    "LLM:generate_readme",
]
THE_LINE = (
    *("business_model", "idea", "next", "plan", "poke_holes", "prompt_plan_status"),
    *("review_change", "spec"),
    *("step", "todo", "white_paper"),
)
BUNDLED = OF_THE_POST[1:]

# ---- the data


def test_the_example_is_what_piste_writes() -> None:
    assert (ROOT / "mise.toml.example").read_text("utf-8") == definitions.text()


def test_the_file_holds_the_tables() -> None:
    assert tomllib.loads(definitions.text()) == {"tasks": definitions.tables()}


def test_every_mise_since_2024_11_knows_the_form() -> None:
    keys = {"alias", "description", "depends", "env", "hide", "raw", "run"}
    for table in definitions.tables().values():
        assert keys >= table.keys()
        assert isinstance(table.get("depends", []), list)  # a text came later
    assert not any(mark in definitions.text() for mark in ("{{", "{%", "{#"))


def test_each_task_runs_something_that_piste_has() -> None:
    known = {*BUILT_IN, *VERBS, "idea", "copy_bundle", "clean_bundles"}
    assert {task.command.removeprefix("piste ") for task in definitions.TASKS} <= known


@pytest.mark.parametrize(
    ("change", "edited"),
    [
        (lambda text: text, False),
        (lambda text: text.replace("\n", "\r\n"), False),
        (lambda text: text.replace("piste readme", "piste readme --again"), True),
        (lambda text: text + '\n[tasks.mine]\nrun = "true"\n', True),
        (lambda text: text.splitlines()[0], True),
    ],
)
def test_an_edit_of_the_file_shows(change: Callable[[str], str], edited: bool) -> None:
    text = change(definitions.text())

    assert definitions.is_owned(text)
    assert definitions.is_edited(text) == edited


# ---- into a person's file

AUTHORS = """\
[tools]
node = "20"  # for the packer
# bun = "latest"

# hide this task from the list
[tasks."llm:generate_bundle"]
hide = true
run = "npx repomix --output output.txt"

[settings]
experimental = true
"""
LAYOUTS = {
    "empty": "",
    "comments": "# mine\n",
    "no tasks": '[tools]\nnode = "20"\n',
    "tasks and more": AUTHORS,
    "tasks in two places": '[tasks.a]\nrun = "a"\n\n[env]\nA = 1\n\n[tasks.b]\nrun = "b"\n# c\n',
    "one table": '[tasks]\n"a" = "echo"  # short\nb = { run = "x" }\n\n[env]\nA = "1"\n',
    "dotted": 'tasks."a" = "x"\n\n[env]\nB = "2"\n',
    "a table within": '[tasks.x.env]\nA = "1"\n[tasks.x]\nrun = "y"\n',
    "CRLF": '[tools]\r\nnode = "1"\r\n\r\n[tasks.a]\r\nrun = "a"\r\n',
    "texts of many lines": '[tasks.a]\nrun = """\n[tasks.b]\n  x\n"""\n',
}


def lines_stand(before: str, after: str) -> bool:
    """Whether every line of `before` is there after, in the same order."""
    lines = iter(after.splitlines())
    return all(line in lines for line in before.splitlines())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_merge_adds_the_tasks_and_changes_nothing_else(layout: str) -> None:
    before = LAYOUTS[layout]

    merged = definitions.merge(before).text

    found, old = tomllib.loads(merged), tomllib.loads(before)
    assert {name: found[name] for name in old if name != "tasks"} == {
        name: value for name, value in old.items() if name != "tasks"
    }
    assert found["tasks"].keys() == {*old.get("tasks", {}), *definitions.tables()}
    assert lines_stand(before, merged)
    assert ("\r\n" in before) == ("\r\n" in merged)
    assert merged.count("\r\n") in (0, merged.count("\n"))
    assert definitions.merge(merged).text == merged


PIECES = (
    "# a word of mine\n", "\n", '[tools]\nnode = "20"  # why\n', "[settings]\njobs = 2\n",
    '[tasks.mine]\nrun = "x"\n', "[tasks.'a:b']\nrun = '''\ny'''\ndepends = [ 'mine' ]\n",
    '[tasks.mine.env]\nA = "1"\n', '[[watch_files]]\nrun = "z"\n',
    '[tasks."LLM:spec"]\nrun = "me"\n',
)  # fmt: skip


def test_an_earlier_piste_in_a_scattered_file_is_refused() -> None:
    scattered = "[tools]\n[tasks.a]\n[tasks.b]\n[[watch_files]]\n[tasks.a.env]\n"
    now = definitions.merge(scattered).text

    with pytest.raises(UserError, match="remove LLM:generate_readme"):
        definitions.merge(now.replace("piste readme", "piste old_readme"))


@given(st.lists(st.sampled_from(PIECES), unique=True).map("".join))
def test_a_merge_keeps_every_line_of_any_layout(before: str) -> None:
    merged = definitions.merge(before)

    assert lines_stand(before, merged.text)
    tasks = tomllib.loads(merged.text)["tasks"]
    old = tomllib.loads(before).get("tasks", {})
    assert tasks == {**definitions.tables(), **old}
    assert merged.kept == (("LLM:spec",) if "LLM:spec" in old else ())


def test_mixed_line_ends_stay_as_they_are() -> None:
    before = '[tools]\r\nnode = "20"\n'

    assert definitions.merge(before).text.startswith(before)


def test_what_an_earlier_piste_put_there_is_replaced_where_it_stands() -> None:
    now = definitions.merge("# top\n").text
    earlier = now.replace("piste readme", "piste old_readme").replace("Write spec.md", "Write it")

    assert definitions.merge(earlier).text == now


def test_a_task_of_the_persons_own_stands() -> None:
    own = '[tasks."LLM:generate_bundle"]\nrun = "npx repomix --output output.txt"\n'

    merged = definitions.merge(own)

    assert merged.kept == ("LLM:generate_bundle",)
    assert tomllib.loads(merged.text)["tasks"]["LLM:generate_bundle"] == {
        "run": "npx repomix --output output.txt"
    }


def test_a_task_in_small_letters_stands_and_ours_has_no_such_alias() -> None:
    merged = definitions.merge(AUTHORS)

    assert merged.kept == ("llm:generate_bundle",)
    tasks = tomllib.loads(merged.text)["tasks"]
    assert "alias" not in tasks["LLM:generate_bundle"]
    assert tasks["LLM:generate_readme"]["alias"] == "llm:generate_readme"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ('tasks = { a = "x" }\n', "inline table"),
        ('tasks = ["x"]\n', "no table"),
        ("[[tasks]]\na = 1\n", "no table"),
        ("[tools\n", "line 1"),
        ("a = " + "[" * 5000, "nested"),
    ],
)
def test_what_cannot_take_tasks_is_refused_with_the_reason(found: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        definitions.merge(found)


# ---- in the real mise


@pytest.fixture
def mise(own_home: Path, tmp_path: Path) -> Mise:
    """The real mise, in a home of its own."""
    return shut_in(tmp_path)


@pytest.fixture
def defined(project: Path) -> Path:
    """The project, with the tasks where `piste mise` puts them."""
    file = project / ".config/mise/conf.d/piste.toml"
    file.parent.mkdir(parents=True)
    file.write_text(definitions.text())
    (project / "src/deep").mkdir(parents=True)
    (project / "src/deep/words.txt").write_text("Counts words.\n")
    return project


def override(root: Path, run: str) -> None:
    """Redefine the bundle in the project, as a person does."""
    (root / ".mise.toml").write_text(f'[tasks."LLM:generate_bundle"]\nrun = {json.dumps(run)}\n')


def test_mise_finds_nothing_wrong(mise: Mise, tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "mise.toml").write_text(definitions.text())  # `mise fmt` does not look into conf.d

    assert mise("fmt", "--check", cwd=folder).returncode == 0
    found = json.loads(mise("tasks", "validate", "--json", cwd=folder).stdout)
    assert (found["tasks_validated"], found["issues"]) == (len(definitions.TASKS), [])
    for name in definitions.tables():
        dry = mise("run", "-n", name, cwd=folder)
        assert (dry.returncode, dry.stdout) == (0, ""), name


def test_mise_lists_what_the_post_lists_and_asks_for_no_trust(mise: Mise, defined: Path) -> None:
    listed = mise("tasks", "ls", cwd=defined / "src")
    lines = [line.split(maxsplit=1) for line in listed.stdout.splitlines()]

    names = sorted([*OF_THE_POST, *(f"LLM:{name}" for name in THE_LINE)])
    assert [name for name, _ in lines] == names
    assert dict(lines)["LLM:generate_readme"].startswith("Write README.md from output.txt")
    assert (listed.returncode, listed.stderr) == (0, "")


@pytest.mark.parametrize("place", ["project", "everywhere", "merged"])
def test_a_task_runs_in_the_folder_where_the_person_stands(
    mise: Mise, project: Path, own_home: Path, place: str
) -> None:
    files = {
        "project": project / ".config/mise/conf.d/piste.toml",
        "everywhere": own_home / ".config/mise/conf.d/piste.toml",
        "merged": own_home / ".config/mise/config.toml",
    }
    files[place].parent.mkdir(parents=True)
    files[place].write_text(definitions.text())
    (project / "a b/deep").mkdir(parents=True)
    folders = [project, project / "a b/deep", *([own_home] if place != "project" else [])]
    mise.stand_in()

    for folder in folders:
        mise.task("LLM:generate_readme", cwd=folder)

    assert mise.calls() == [
        call
        for folder in folders
        for call in ((str(folder), "", "bundle"), (str(folder), "given", "readme"))
    ]


def test_arguments_pass_through_by_either_name(mise: Mise, defined: Path) -> None:
    mise.stand_in()

    mise.task("LLM:plan", "--model", "a b", "-m", "x", cwd=defined)
    mise.task("llm:generate_code_review", "--model", "x", cwd=defined)

    assert [args for _, _, args in mise.calls()] == [
        "plan --model a b -m x", "bundle", "code_review --model x",
    ]  # fmt: skip


@pytest.mark.parametrize("code", [1, 2, 3, 130])
def test_exit_codes_pass_through(mise: Mise, defined: Path, code: int) -> None:
    mise.stand_in(f"exit {code}")

    assert mise("run", "LLM:spec", cwd=defined).returncode == code


@pytest.mark.parametrize("everywhere", [False, True])
def test_every_task_uses_the_bundle_of_a_project_that_redefines_it(
    mise: Mise, defined: Path, own_home: Path, everywhere: bool
) -> None:
    if everywhere:
        (defined / ".config").rename(own_home / ".config")
    mise.stand_in('cp output.txt "seen.$1" 2>/dev/null || cp ../../output.txt "../../seen.$1"')
    override(defined, "echo theirs >> output.txt")

    for name in BUNDLED:
        mise.task(name, cwd=defined / "src/deep")

    commands = [task.command.removeprefix("piste ") for task in definitions.TASKS if task.bundled]
    assert sorted(mise.calls()) == sorted((str(defined / "src/deep"), "given", c) for c in commands)
    seen = [(defined / f"seen.{command}").read_text() for command in commands]
    assert sorted(seen) == ["theirs\n" * n for n in range(1, len(BUNDLED) + 1)]


def test_a_packer_that_fails_ends_it(mise: Mise, defined: Path) -> None:
    mise.stand_in()
    override(defined, "exit 7")

    assert mise("run", "LLM:generate_readme", cwd=defined).returncode == 7
    assert mise.calls() == []


def test_the_five_documents_side_by_side_come_from_one_bundle(mise: Mise, defined: Path) -> None:
    mise.stand_in()

    mise.task("LLM:generate_*", cwd=defined)

    first, *rest = [args for _, _, args in mise.calls()]
    assert first == "bundle"
    assert sorted(rest) == [
        "code_review",
        "github_issues",
        "issue_prompts",
        "missing_tests",
        "readme",
    ]


def test_the_conversation_has_the_terminal(mise: Mise, defined: Path) -> None:
    mise.stand_in('test -t 0 && test -t 1 && read -r word && echo "heard $word"')

    with Terminal(mise.command("run", "LLM:idea"), defined, mise.env) as terminal:
        terminal.enter("skis")
        terminal.see("heard skis")
        assert terminal.ended() == 0


def test_a_signal_reaches_piste(mise: Mise, defined: Path) -> None:
    mise.stand_in("trap 'echo stopped > stopped; exit 143' TERM; touch ready; sleep 60 & wait")

    running = mise.started("run", "LLM:spec", cwd=defined)
    wait_for((defined / "ready").exists)

    assert end(running) == 143
    assert (defined / "stopped").exists()


def wait_for(true: Callable[[], object]) -> None:
    """Wait until something has come to pass elsewhere; half a minute at most."""
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


# ---- with the real piste


def events(root: Path, target: str) -> list[str]:
    """Return what happened to a target, by the project's log, oldest first."""
    return [entry.event for entry in log.entries(root, target)]


def test_the_line_is_made_once(mise: Mise, defined: Path) -> None:
    mise.task("LLM:todo", cwd=defined / "src")
    made = {name: (defined / name).read_text() for name in ("prompt_plan.md", "todo.md")}
    mise.task("LLM:todo", cwd=defined)

    assert made == {name: (defined / name).read_text() for name in made}
    assert events(defined, "prompt_plan.md") == events(defined, "todo.md") == ["made"]
    assert " steps left; next: " in mise.task("LLM:prompt_plan_status", cwd=defined)


def test_another_packers_bundle_counts_by_its_content(mise: Mise, defined: Path) -> None:
    def review() -> None:
        mise.task("LLM:generate_code_review", cwd=defined / "src")

    review()
    override(defined, "cat src/*.py > output.txt 2>/dev/null || echo none > output.txt")
    (defined / "src/a.py").write_text("print(1)\n")
    review()
    assert (defined / "output.txt").read_text() == "print(1)\n"
    review()
    os.utime(defined / "src/a.py", (1, 1))
    review()
    (defined / "README.txt").write_text("not packed by it\n")
    review()
    assert events(defined, "code-review.md") == ["made", "made"]
    (defined / "src/a.py").write_text("print(2)\n")
    review()
    assert events(defined, "code-review.md") == ["made", "made", "made"]


def test_a_bundle_of_piste_itself_packed_otherwise_is_used_too(mise: Mise, defined: Path) -> None:
    mise.task("LLM:generate_bundle", cwd=defined)
    packed = (defined / "output.txt").read_text().replace("Counts words", "Counts letters")
    (defined / "other").write_text(packed)
    override(defined, "cp other output.txt")

    mise.task("LLM:generate_code_review", cwd=defined)

    assert (defined / "output.txt").read_text() == packed


@pytest.mark.parametrize("redefined", ['run = "true"', 'description = "no run: mise runs nothing"'])
def test_an_override_that_writes_nothing_is_named(
    mise: Mise, defined: Path, own_home: Path, redefined: str
) -> None:
    (defined / ".config").rename(own_home / ".config")
    (defined / ".mise.toml").write_text(f'[tasks."LLM:generate_bundle"]\n{redefined}\n')

    done = mise("run", "LLM:generate_readme", cwd=defined)

    assert done.returncode == 2
    assert "output.txt is missing, and PISTE_BUNDLE=given says" in done.stdout + done.stderr
    assert not (defined / "README.md").exists()


def test_a_call_that_fails_leaves_the_old_readme(
    mise: Mise, defined: Path, standin: StandIn
) -> None:
    mise.task("LLM:generate_readme", cwd=defined)
    old = (defined / "README.md").read_text()

    done = mise("run", "LLM:generate_readme", "--model", "chat-401", cwd=defined)

    assert (done.returncode, len(standin.requests)) == (1, 1)
    assert (defined / "README.md").read_text() == old


def test_a_task_killed_half_way_leaves_the_old_readme(
    mise: Mise, defined: Path, standin: StandIn
) -> None:
    mise.task("LLM:generate_readme", cwd=defined)
    old = (defined / "README.md").read_text()

    standin.reply(Fault("stall=30", f"# Tally\n\n{'words ' * 50}"))
    task = ("LLM:generate_readme", "--model", "chat-ok")

    running = mise.started("run", *task, cwd=defined)
    wait_for(lambda: standin.requests)

    assert end(running) == 143
    assert (defined / "README.md").read_text() == old
    standin.reply("# Tally\n\nCounts words.\n")
    mise.task(*task, cwd=defined)
    assert (defined / "README.md").read_text() == "# Tally\n\nCounts words.\n"
