"""`piste check`: the exit code is the answer."""

import os
import re
from pathlib import Path

import pytest
from conftest import Small

from piste.commands import check

from .conftest import Say, add


def test_all_fresh(made: Path, say: Say) -> None:
    assert say("check") == (0, "", "3 of 3 fresh\n")


def test_what_was_never_made_is_not_missed_unless_it_is_named(project: Path, say: Say) -> None:
    assert say("check") == (0, "", "1 of 1 fresh\n")  # spec.md, a source
    line = "prompt_plan.md: missing: prompt_plan.md is not there\n"
    assert say("check", "plan") == (1, line, "0 of 1 fresh; next: doit plan makes it\n")


def test_in_an_empty_project_there_is_nothing_to_miss(project: Path, say: Say) -> None:
    (project / "spec.md").unlink()
    assert say("check") == (0, "", "nothing has been made here\n")


def test_stale(made: Path, say: Say) -> None:
    add(made / "spec.md", "3. More.\n")
    said = say("check")
    waits = "todo.md is fresh, but prompt_plan.md is stale: spec.md changed"
    assert (said.code, said.out) == (1, f"prompt_plan.md: stale: spec.md changed\n{waits}\n")
    assert said.err == "1 of 3 fresh; next: doit plan amends it\n"


def test_what_a_target_is_made_from_counts_too(made: Path, say: Say) -> None:
    assert say("check", "todo") == (0, "", "1 of 1 fresh\n")
    add(made / "spec.md", "3. More.\n")
    said = say("check", "todo")
    assert said.code == 1
    assert said.out == "todo.md is fresh, but prompt_plan.md is stale: spec.md changed\n"
    way = "doit todo brings prompt_plan.md up to date first, then looks at todo.md again"
    assert said.err == f"0 of 1 fresh; next: {way}\n"


def test_an_edit_by_hand_is_as_it_should_be_until_its_inputs_change(made: Path, say: Say) -> None:
    add(made / "todo.md", "- [ ] mine\n")
    assert say("check", "todo").code == 0
    add(made / "prompt_plan.md", "\nMore.\n")
    said = say("check", "todo")
    assert said.code == 1
    assert said.out == ("todo.md: edited: prompt_plan.md changed; todo.md was edited by hand\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is damaged"),
        ("<<<<<<< ours\n", "holds conflict markers"),
        ('{"schema": 99}', "was written by a newer piste"),
    ],
)
def test_a_receipt_that_cannot_be_read_is_an_error(
    made: Path, say: Say, text: str, said: str
) -> None:
    (made / ".piste/receipts/prompt_plan.md.json").write_text(text)
    found = say("check")
    assert found.code == 2
    plan, todo = found.out.splitlines()
    assert plan.startswith("prompt_plan.md: failed: .piste/receipts/prompt_plan.md.json ")
    assert said in plan
    assert todo.startswith("todo.md is fresh, but prompt_plan.md is failed: .piste/receipts/")
    assert say("check", "todo").code == 2


def test_json(made: Path, say: Say) -> None:
    assert say("check", "--json").json["exit_code"] == 0
    add(made / "spec.md", "3. More.\n")
    said = say("check", "--json")
    assert (said.code, said.json["exit_code"], said.err) == (1, 1, "")
    states = {found["target"]: found["state"] for found in said.json["targets"]}
    assert states == {"spec.md": "foreign", "prompt_plan.md": "stale", "todo.md": "stale"}
    todo = said.json["targets"][2]
    assert (todo["todo"], todo["up_to_date"], todo["before"]) == ("wait", False, ["prompt_plan.md"])
    assert todo["said"] == "todo.md is fresh, but prompt_plan.md is stale: spec.md changed"
    assert len(todo["key"]) == 64  # its own is known all the same


MERGE = "<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> branch\n"


@pytest.mark.parametrize("name", ["spec.md", "prompt_plan.md", "todo.md"])
def test_both_sides_of_a_merge_are_never_fresh(made: Path, say: Say, name: str) -> None:
    add(made / name, MERGE)
    found = say("check", "todo")
    assert found.code == 2
    assert f"{name}: line " in found.out
    assert " is a conflict marker of git's; keep one side of each conflict" in found.out
    assert len(found.out.splitlines()) == 1
    assert say("steps").code == (2 if name == "prompt_plan.md" else 0)
    assert say("todo").code in (1, 2)
    assert (made / name).read_text().endswith(MERGE)


def test_a_template_with_both_sides_of_a_merge_is_never_sent(made: Path, say: Say) -> None:
    (made / "prompts").mkdir()
    (made / "prompts/todo.md.j2").write_text(f"Make it.\n{MERGE}")
    found = say("check", "todo")
    assert found.code == 2
    assert "is a conflict marker" in found.out


def test_a_fresh_target_costs_one_look_at_each_of_its_files(
    small: Small, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = [
        f'[rules.n{n}]\ntarget = "n{n}.md"\ninputs = ["in.md"]\nprompt = "note.md.j2"'
        for n in range(20)
    ]
    small.settings(rule="\n".join(rules))
    for n in range(20):
        small.make(f"n{n}")
    small.remember(monkeypatch)
    looks: list[str] = []
    for call in ("stat", "lstat", "open"):
        _counted(monkeypatch, call, looks)
    assert check.main([]) == 0
    assert "20 of 20 fresh" in capsys.readouterr().err
    # The target, its receipt, and its one input.
    assert len([name for name in looks if re.search(r"\bn\d+\.md", name)]) == 2 * 20
    assert len([name for name in looks if name.endswith("in.md")]) == 20


def _counted(monkeypatch: pytest.MonkeyPatch, name: str, into: list[str]) -> None:
    real = getattr(os, name)

    def call(path: object, *args: object, **more: object) -> object:
        into.append(os.fsdecode(path) if isinstance(path, str | bytes | Path) else "")
        return real(path, *args, **more)

    monkeypatch.setattr(os, name, call)
