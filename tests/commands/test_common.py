"""What the verbs share; and that those that only read change no byte and ask no model."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Run
from rich.cells import cell_len
from support.standin import StandIn

from piste.commands import common
from piste.engine import project as piste_project
from piste.system.errors import UserError

from .conftest import Say, add, build, tree

# States of a project ------------------------------------------------------------------------


def nothing_made(root: Path) -> None:
    pass


def all_fresh(root: Path) -> None:
    build(root)


def stale(root: Path) -> None:
    build(root)
    add(root / "spec.md", "3. More.\n")


def edited(root: Path) -> None:
    build(root)
    add(root / "prompt_plan.md", "\nMine.\n")


def conflict(root: Path) -> None:
    stale(root)
    add(root / "prompt_plan.md", "\nMine.\n")


def target_missing(root: Path) -> None:
    build(root)
    (root / "todo.md").unlink()


def input_missing(root: Path) -> None:
    build(root)
    (root / "spec.md").unlink()


def receipt_damaged(root: Path) -> None:
    build(root)
    (root / ".piste/receipts/prompt_plan.md.json").write_text("{")


def receipts_gone(root: Path) -> None:
    build(root)
    for receipt in (root / ".piste/receipts").iterdir():
        receipt.unlink()


def input_is_not_text(root: Path) -> None:
    build(root)
    (root / "spec.md").write_bytes(b"\xff\xfe")


def another_model(root: Path) -> None:
    build(root)
    (root / "piste.toml").write_text('model = "no-such-model"\n')


STATES = (nothing_made, all_fresh, stale, edited, conflict, target_missing, input_missing,
          receipt_damaged, receipts_gone, input_is_not_text, another_model)  # fmt: skip
READERS = (
    *("status", "status --all", "status plan", "why plan", "why todo", "check", "check plan"),
    *("diff plan", "log", "log plan", "prompt plan", "prompt todo", "restore plan --list"),
    *("bundle --dry", "prompt_plan_status", "steps", "next", "next 1 --full"),
)


@pytest.mark.parametrize("state", STATES)
def test_readers_change_no_byte_and_ask_no_model(
    project: Path, own_home: Path, standin: StandIn, say: Say, state: Callable[[Path], None]
) -> None:
    (project / "piste.toml").write_text('model = "chat-ok"\n')
    standin.reply("# Plan\n\n## Step 1: Count\n\n```text\nCount.\n```\n\n- [ ] Count\n")
    state(project)
    before, asked = tree(project, own_home), len(standin.requests)
    for reader in READERS:
        said = say(*reader.split())
        assert "bug" not in said.err, said.err
        with_json = say(*reader.split(), "--json")
        assert with_json.code == said.code, reader
        if with_json.out:
            json.loads(with_json.out)
        assert all(len(s.err.splitlines()) <= 1 for s in (said, with_json) if s.code == 2)
    assert tree(project, own_home) == before
    assert len(standin.requests) == asked


@pytest.mark.parametrize("args", [["list"], ["list", "-s"], ["info", "plan"], ["clean", "-n"]])
def test_what_is_dry_in_doit_changes_no_byte(
    made: Path, own_home: Path, run: Run, args: list[str]
) -> None:
    run("doit", "list")  # Python keeps dodo.py compiled, which is not ours to prevent
    add(made / "spec.md", "3. More.\n")
    before = tree(made, own_home)
    for door in ("doit", "piste"):
        done = run(door, *args)
        assert done.returncode in (0, 1), done  # `doit info` says 1 for what is to be run
    after = tree(made, own_home)
    assert after == before


# Names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word", ["plan", "prompt_plan.md", "./prompt_plan.md", "../project/prompt_plan.md"]
)
def test_a_target_has_more_than_one_name(project: Path, word: str) -> None:
    (rule,) = common.chosen(piste_project.here(), [word])
    assert rule.name == "plan"


def test_an_absolute_path_names_a_target_too(project: Path) -> None:
    (rule,) = common.chosen(piste_project.here(), [str(project / "todo.md")])
    assert rule.name == "todo"


def test_two_names_of_one_target_are_one(project: Path) -> None:
    assert len(common.chosen(piste_project.here(), ["plan", "prompt_plan.md"])) == 1


@pytest.mark.parametrize("word", ["tood", "../tood.md", "/tmp/todo.md", ""])
def test_a_name_that_is_none(project: Path, word: str) -> None:
    with pytest.raises(UserError, match="no rule makes"):
        common.chosen(piste_project.here(), [word])


def test_what_matters_is_the_line_and_what_was_made(made: Path) -> None:
    (made / "README.md").write_text("Written by a person.\n")
    build(made, "poke_holes")
    names = [decision.rule.name for decision in common.decisions(piste_project.here(), [])]
    assert names == ["spec", "plan", "todo", "poke_holes"]


# The next step ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "name", "step"),
    [
        (nothing_made, "plan", "doit plan makes it"),
        (nothing_made, "todo", "doit todo makes prompt_plan.md first, then todo.md"),
        (all_fresh, "plan", ""),
        (stale, "plan", "doit plan amends it"),
        (edited, "plan", "piste diff prompt_plan.md shows your edits; they stay"),
        (conflict, "plan", "piste diff prompt_plan.md shows your text, piste accept prompt_plan.md "
                           "keeps it, doit plan --amend has it amended, doit plan "
                           "--overwrite replaces it"),
        (target_missing, "todo", "doit todo brings it back from the store, at no cost"),
        (input_missing, "plan", "doit idea talks the idea through; or write idea.md"),
        (receipt_damaged, "plan", "mend that, then doit plan"),
        (receipts_gone, "plan", "doit plan records it, at no cost"),
    ],
)  # fmt: skip
def test_the_next_step(project: Path, state: Callable[[Path], None], name: str, step: str) -> None:
    state(project)
    (decision,) = common.decisions(piste_project.here(), [name])
    assert common.next_step(piste_project.here(), decision) == step


def test_what_the_store_has_is_taken_from_it(made: Path) -> None:
    before = (made / "spec.md").read_text()
    add(made / "spec.md", "3. More.\n")
    build(made, "plan")
    (made / "spec.md").write_text(before)
    (decision,) = common.decisions(piste_project.here(), ["plan"])
    step = common.next_step(piste_project.here(), decision)
    assert step == "doit plan takes it from the store, at no cost"


def test_a_source_that_only_a_person_can_write(project: Path) -> None:
    (project / "piste.toml").write_text(
        '[rules.faq]\ntarget = "faq.md"\ninputs = ["notes.md"]\nprompt = "plan.md.j2"\n'
    )
    (decision,) = common.decisions(piste_project.here(), ["faq"])
    assert common.next_step(piste_project.here(), decision) == "write notes.md, then doit faq"


# Columns ------------------------------------------------------------------------------------


def test_columns_are_aligned_by_what_a_terminal_shows() -> None:
    rows = [["A", "N", "B"], ["日本", "1", "x"], ["e\u0301", "100", "y"]]
    assert common.table(rows, right=("N",)) == [
        "A       N  B",
        "日本    1  x",
        "e\u0301     100  y",
    ]


def test_no_line_ends_in_blanks() -> None:
    assert common.table([["a", "b"], ["long", ""]]) == ["a     b", "long"]


def test_help_is_as_wide_as_the_terminal_and_not_wider_than_is_read_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    about = "word " * 60
    for columns, widest in (("60", 60), ("300", 88)):
        monkeypatch.setenv("COLUMNS", columns)
        lines = common.parser("x", about).format_help().splitlines()
        assert max(map(len, lines)) <= widest
        assert max(map(len, lines)) > widest - 10


def test_a_docstring_says_what_a_verb_does() -> None:
    parser = common.parser("x", "`piste x`: do this\nand that.\n\nMore.\n")
    assert re.sub(r"\s+", " ", parser.format_help()).count("Do this and that.") == 1


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_on_a_terminal_many_columns_fit(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [["WHEN", "TARGET", "EVENT", "IN", "OUT", "COST", "SECONDS", "MODEL", "REASON"]]
    rows += [
        [
            "2026-01-01 10:00",
            "e\u0301" * 30,
            "made",
            "1,333",
            "125",
            "free",
            "0.2",
            "क्षि" * 9,
            "字" * 9,
        ]
    ]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    for line in common.table(rows, right=("IN", "OUT")):
        assert cell_len(line) <= columns


@pytest.mark.parametrize("columns", [30, 50, 80])
def test_on_a_terminal_a_table_fits(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [["TARGET", "STATE", "WHY"], ["字" * 40, "fresh", "word " * 30], ["a.md", "stale", ""]]
    whole = common.table(rows)
    assert max(map(len, whole)) > 150  # into a pipe it goes whole
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    cut = common.table(rows)
    for line in cut:
        assert sum(2 if ord(c) > 0x3000 else 1 for c in line) <= columns
    assert "…" in cut[1]
    assert [line.split()[1] for line in cut] == ["STATE", "fresh", "stale"]
    assert cut[2].startswith("a.md")
