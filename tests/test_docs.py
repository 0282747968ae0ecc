"""The pages hold: what they quote is printed, what they name is there."""

import contextlib
import importlib.util
import io
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from piste import cli
from piste.doit_graph import graph
from piste.engine import config, rules
from piste.engine.config import Config

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NAMES = [page.name for page in PAGES]


def load() -> ModuleType:
    """The script that keeps the pages true."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = load()


def fences(text: str, *languages: str) -> Iterator[str]:
    """The fenced blocks of a page in these languages."""
    for found in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        if found[1] in languages:
            yield found[2]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


# What is quoted -----------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_what_a_page_quotes_is_what_is_printed(page: Path, tmp_path: Path) -> None:
    text = page.read_text("utf-8")
    assert generate.with_help(text) == text, "python docs/generate.py"
    steps = [step for example in generate.examples(text) for step in example]
    printed = generate.run([step.command for step in steps], tmp_path) if steps else []
    for step, came in zip(steps, printed, strict=True):
        assert generate.agrees(step.says, came), (
            f"$ {step.command}\nThe page says:\n{step.says}\nbut it prints:\n{came}\n"
            "(python docs/generate.py takes that over)"
        )


@pytest.mark.parametrize(
    ("says", "printed", "agree"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("", "", True),
        ("", "a", False),
        ("…", "", True),
        ("…", "a\nb", True),
        ("a\n…\nd", "a\nb\nc\nd", True),
        ("a\n…\nd", "a\nd", True),
        ("a\n…\nd", "a\nb", False),
        ("made on 2026-01-02 03:04:05 UTC", "made on 2027-11-12 13:14:15 UTC", True),
        ("a  1,085 tokens", "a 23 tokens", True),
        ("3 of 3 fresh", "2 of 3 fresh", False),
        ("plan.md  stale   1s  why", "plan.md  stale  12s  why", True),
        ("plan.md  stale   1s  why", "plan.md  fresh  12s  why", False),
    ],
)
def test_only_what_differs_every_time_may_differ(says: str, printed: str, agree: bool) -> None:
    assert generate.agrees(says, printed) is agree


def test_the_generator_takes_over_what_is_printed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    text = (
        "<!-- help: log -->\nold\n<!-- end -->\n\n```console\n$ echo new\nold\n"
        "$ printf '%s\\n' one \\\n>   two\n…\n```\n"
    )
    now = generate.generated(page, text)
    assert "usage: piste log" in now
    assert now.endswith("```console\n$ echo new\nnew\n$ printf '%s\\n' one \\\n>   two\n…\n```\n")
    assert generate.generated(page, now) == now


# Commands -----------------------------------------------------------------------------------

# Of doit's own commands these are the ones that a page may name.
DOIT = ("run", "list", "info", "forget", "clean", "help", "ignore", "tabcompletion")
STAND_INS = re.compile(r"[A-Z…<>\[\]|.]+")
VALUED = ("-n", "-m", "--model", "--budget", "--at", "--answers", "-o")  # the next word is theirs


@cache
def help_for(word: str) -> str:
    """What `piste help WORD` prints, in a project."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        assert cli.main(["help", word]) == 0
    return shown.getvalue()


@cache
def of_doits_run() -> str:
    """What doit says of its own `run`: `piste help run` tells of steps."""
    done = subprocess.run(
        [sys.executable, "-m", "doit", "help", "run"], capture_output=True, text=True, check=True,
        cwd=ROOT, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.stdout


@pytest.fixture
def somewhere(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A project to ask for help in; what a run of doit leaves in this process is undone."""
    monkeypatch.setattr(graph, "_world", None)
    path = list(sys.path)
    yield
    sys.path[:] = path
    sys.modules.pop("dodo", None)


def commands(text: str) -> Iterator[list[str]]:
    """The piste and doit commands of a page: in its shell blocks, and `in its prose`."""
    lines: list[str] = []
    for block in fences(text, "sh", "bash", "shell"):
        lines += block.replace("\\\n", " ").splitlines()
    for block in fences(text, "console"):
        lines += [line[2:] for line in block.splitlines() if line.startswith(("$ ", "> "))]
    without = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    lines += [line for line in re.findall(r"`([^`\n]+)`", without) if "'" not in line]
    for line in lines:
        if not re.search(r"\b(piste|doit)\b", line):
            continue
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        command: list[str] = []
        for word in [*lexer, ";"]:
            if word in (";", "|", "&&", "||", ">", ">>", "<", "2>", "&"):
                if command and Path(command[0]).name in ("piste", "doit"):
                    yield command
                command = []
            else:
                command.append(word)


def unknown(command: list[str]) -> Iterator[str]:
    """What in a command is neither verb, task, target nor option."""
    program, *words = command
    known = {*rules.BUILT_IN, "idea", *(rule.target for rule in rules.BUILT_IN.values())}
    known |= {"clean_bundles", "copy_bundle", "step"}
    before = ["", *words[:-1]][: len(words)]
    words = [word for last, word in zip(before, words, strict=True) if last not in VALUED]
    plain = [word for word in words if not word.startswith("-")]
    first = plain[0] if plain else "run"
    if Path(program).name == "piste" and first in cli.VERBS:
        options = help_for(first) + (of_doits_run() if first == "run" else "")
    elif first == "run" or STAND_INS.fullmatch(first):
        options = of_doits_run()
    elif first in DOIT:
        options = help_for(first)
    elif first in known:
        options = help_for(first) + of_doits_run()
    else:
        yield first
        return
    for word in words:
        flag = word.partition("=")[0]
        if re.match(r"--?[a-z]", flag) and flag not in ("--help", "--version", "-h", "-V"):
            short = flag[:2] if not flag.startswith("--") else flag
            if not re.search(rf"(?<![\w-]){re.escape(short)}\b", options):
                yield word


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_on_a_page_is_one(page: Path, somewhere: None) -> None:
    found = list(commands(page.read_text("utf-8")))
    wrong = {" ".join(command): list(unknown(command)) for command in found}
    assert not {command: words for command, words in wrong.items() if words}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("piste status --json", []),
        ("piste stauts", ["stauts"]),
        ("piste status --jsn", ["--jsn"]),
        ("doit status", ["status"]),  # a verb is piste's
        ("doit plan --overwrite", []),
        ("doit plan --overwrit", ["--overwrit"]),
        ("doit -n 4 poke_holes white_paper", []),
        ("piste TASK…", []),
        ("doit list -s", []),
    ],
)
def test_a_wrong_command_would_be_seen(line: str, words: list[str], somewhere: None) -> None:
    (command,) = commands(f"```sh\n{line}  # said so\n```\n")
    assert list(unknown(command)) == words


def test_every_verb_has_its_section_and_its_help() -> None:
    text = (ROOT / "docs/commands.md").read_text("utf-8")
    for verb in cli.VERBS:
        assert f"\n## piste {verb}\n" in text
        assert f"<!-- help: {verb} -->" in text
        assert f"](#piste-{verb})" in text


# Links and places ---------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ +(.+?)\s*$", prose(page), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", head.lower()) for head in heads]
    return {head.replace(" ", "-") for head in plain}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        inside = target.is_relative_to(ROOT)
        if not (inside and target.exists()) or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_no_page_names_a_place_on_one_machine(page: Path) -> None:
    text = page.read_text("utf-8")
    assert not re.findall(r"(?<![\w.~])/(?:work|root|home|Users|tmp|private|var)/\S*", text)


# Settings -----------------------------------------------------------------------------------


def table(page: str, heading: str) -> dict[str, list[str]]:
    """The first table below a heading: its rows by their first cell."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in section.splitlines() if line[:1] == "|"]
    return {row[0].strip(" `"): [cell.strip() for cell in row[1:]] for row in rows[2:]}


def test_every_setting_is_on_the_page_with_its_default() -> None:
    rows = table("settings.md", "The settings of a project")
    # Two have pages; the others are found out.
    elsewhere = {"rules", "bundle", "model_pinned", "origins", "commands", "left_out"}
    default = Config()
    wanted = {
        name: json.dumps(value, default=dict)
        for name, value in default._asdict().items()
        if name not in elsewhere
    }
    assert {name: row[0].strip("`") for name, row in rows.items()} == wanted


def test_every_setting_names_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {str: "7", bool: "false", int: "7"}
    for name, row in table("settings.md", "The settings of a project").items():
        variable = row[1].strip("`")
        default = getattr(Config(), name)
        has_one = type(default) in values and name != "trust"  # PISTE_TRUST is another thing
        if name == "safe_folders":  # read before there is a project: tests of `owners` try it
            continue
        assert bool(variable) == has_one, name
        if variable:
            one_of = {"secrets": "refuse"}  # where not every text will do
            monkeypatch.setenv(variable, one_of.get(name, values[type(default)]))
            assert config.load(tmp_path).origins[name] == variable


def test_every_key_of_a_rule_is_on_the_page(tmp_path: Path) -> None:
    rows = table("settings.md", "Rules")
    for name in rows:
        (tmp_path / "piste.toml").write_text(f"[rules.plan]\n{name} = 1.5\n")
        with pytest.raises(config.UserError, match=f"rules.plan.{name} must be "):
            config.load(tmp_path)
    made_by_hand = {"name", "stage", "beside", "maker"}
    assert set(rows) <= set(rules.Rule._fields)
    for field in set(rules.Rule._fields) - set(rows):
        (tmp_path / "piste.toml").write_text(f"[rules.plan]\n{field} = 1.5\n")
        with pytest.raises(config.UserError, match=f"unknown setting '{field}'"):
            config.load(tmp_path)
        assert field in made_by_hand


def test_every_check_is_on_the_page() -> None:
    (said,) = (row[1] for name, row in table("settings.md", "Rules").items() if name == "check")
    named = re.findall(r'`"(\w+)"`', said.partition("; without it")[0])
    assert tuple(named) == rules.CHECKS


def test_the_examples_of_settings_are_settings(tmp_path: Path) -> None:
    for page in PAGES:
        for block in fences(page.read_text("utf-8"), "toml"):
            if "[tasks" in block:  # mise's
                continue
            (tmp_path / "piste.toml").write_text(block)
            assert config.load(tmp_path).origins, block
