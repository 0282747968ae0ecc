"""`piste why`: what changed, part by part."""

from pathlib import Path

import pytest
from support.rig import PLAN, Rig

from piste.commands import done, why
from piste.engine import project as piste_project
from piste.system.errors import UserError

from .conftest import Say, add, build


def test_fresh_says_what_it_was_made_from(made: Path, say: Say) -> None:
    said = say("why", "plan")
    assert said.code == 0
    assert said.rows[0] == "prompt_plan.md is fresh: nothing that it was made from has changed"
    assert "rule plan" in said.rows
    assert any(row.startswith("input spec.md ") for row in said.rows)
    assert "model outline" in said.rows


def test_a_changed_input_is_shown_as_a_diff(made: Path, say: Say) -> None:
    add(made / "spec.md", "3. More.\n")
    lines = say("why", "plan").out.splitlines()
    assert lines[:3] == [
        "prompt_plan.md is stale: spec.md changed",
        "  --- spec.md, as it was",
        "  +++ spec.md, as it is",
    ]
    assert "  +3. More." in lines
    assert lines[-1].startswith("next: doit plan amends it: ")
    assert lines[-1].endswith(" tokens, free (outline)")


def test_what_a_target_is_made_from_is_explained_with_it(made: Path, say: Say) -> None:
    add(made / "spec.md", "3. More.\n")
    lines = say("why", "todo").out.splitlines()
    assert lines[0] == "todo.md is fresh, but prompt_plan.md is stale: spec.md changed"
    assert "  +3. More." in lines
    assert lines[-1].startswith("next: doit todo brings prompt_plan.md up to date first")
    found = say("why", "todo", "--json").json
    assert "+3. More." in found["diffs"]["spec.md"].splitlines()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('language = "German"\n', "language: not set → German"),
        ("tests_first = false\n", "tests_first: True → False"),
        ('[rules.plan]\nmodel = "gpt-4o-mini"\n', "model: outline → gpt-4o-mini"),
        ("[rules.plan]\noptions = { seed = 1 }\n", "options: not set → {'seed': 1}"),
        ('[rules.plan]\ncheck = "document"\n', "check: plan → document"),
    ],
)
def test_a_changed_part_of_the_action(made: Path, say: Say, settings: str, said: str) -> None:
    (made / "piste.toml").write_text(f'model = "outline"\n{settings}')
    assert say("why", "plan").out.splitlines()[0] == f"prompt_plan.md is stale: {said}"


def test_a_changed_prompt_is_shown_as_a_diff(made: Path, say: Say) -> None:
    world = piste_project.here()
    template = world.layers[-1].folder / "plan.md.j2"
    (made / "prompts").mkdir()
    (made / "prompts/plan.md.j2").write_text(template.read_text() + "\nWrite it in verse.\n")
    lines = say("why", "plan").out.splitlines()
    assert lines[0] == "prompt_plan.md is stale: the prompt plan.md.j2 changed"
    assert "  +Write it in verse." in lines


def test_without_the_old_text_the_hashes_must_do(made: Path, say: Say, own_home: Path) -> None:
    add(made / "spec.md", "3. More.\n")
    for blob in (own_home / ".local/share/piste/store/blobs").glob("*/*"):
        blob.unlink()
    assert "(its old text is not in the store: " in say("why", "plan").out


def test_an_edit_by_hand_and_a_conflict(made: Path, say: Say) -> None:
    add(made / "prompt_plan.md", "\nMine.\n")
    assert say("why", "plan").rows == [
        "prompt_plan.md is edited: prompt_plan.md was edited by hand",
        "next: piste diff prompt_plan.md shows your edits; they stay",
    ]
    add(made / "spec.md", "3. More.\n")
    rows = say("why", "plan").rows
    first = "prompt_plan.md is edited: spec.md changed; prompt_plan.md was edited by hand"
    assert rows[0] == first
    assert rows[-1].startswith("next: piste diff prompt_plan.md shows your text, piste accept ")


def test_a_text_that_was_accepted_says_whose_it_is(made: Path, say: Say) -> None:
    add(made / "prompt_plan.md", "\nMine.\n")
    say("accept", "plan")
    assert "text yours, by piste accept" in say("why", "plan").rows


def test_what_is_missing_leads_back_to_what_only_a_person_has(project: Path, say: Say) -> None:
    (project / "spec.md").unlink()
    said = say("why", "todo")
    assert said.rows == [
        "todo.md is missing: prompt_plan.md is missing",
        "next: doit idea talks the idea through; or write idea.md",
    ]


def test_nothing_in_a_file_moves_the_cursor(made: Path, show: Say) -> None:
    add(made / "spec.md", "3. \x1b[2Jgone\n")
    assert "\x1b[32m+3. \\x1b[2Jgone\x1b[0m" in show("why", "plan").out


def test_json(made: Path, say: Say) -> None:
    add(made / "spec.md", "3. More.\n")
    found = say("why", "plan", "--json").json
    assert found["state"] == "stale"
    assert [reason["part"] for reason in found["reasons"]] == ["input"]
    assert "+3. More." in found["diffs"]["spec.md"].splitlines()
    build(made)
    assert say("why", "plan", "--json").json["diffs"] == {}


def test_an_older_making_has_its_reasons(made: Path, say: Say) -> None:
    add(made / "spec.md", "3. More.\n")
    build(made)
    new, old = (say("why", "plan", "--at", at).out for at in ("1", "2"))
    assert new.startswith("prompt_plan.md, version 1: made by outline on ")
    assert new.endswith(" UTC: spec.md changed\n")
    assert old.startswith("prompt_plan.md, version 2: made by outline on ")
    assert old.endswith(" UTC: prompt_plan.md is not there\n")
    assert say("why", "plan", "--at", "2", "--json").json["reason"] == "prompt_plan.md is not there"
    assert say("why", "plan", "--at", "3").code == 2


def test_a_step_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rig = Rig.make(tmp_path, monkeypatch)
    done.main(["1", "--untested"])
    rig.write("prompt_plan.md", PLAN.replace("Write count.txt.", "Write a better count.txt."))
    capsys.readouterr()
    assert why.main(["1"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("step 1 Count words is changed: its prompt was changed after it was")
    assert "-Write count.txt.\n" in said and "+Write a better count.txt.\n" in said
    assert "todo.md:5, todo.md:6" in said
    assert "piste run 1 --again does it anew; piste done 1 --untested lets it stand" in said
    assert why.main(["2"]) == 0
    assert "step 2 Sum them is open: nothing says that it is done" in capsys.readouterr().out
    with pytest.raises(UserError, match="has no step '9'"):
        why.main(["9"])
