"""`piste restore`: a target as it was made, or as it was before."""

import json
from pathlib import Path

import pytest
from conftest import Small

from piste.engine import log, project

from .conftest import Say, add, build


@pytest.fixture
def twice(made: Path) -> tuple[Path, bytes, bytes]:
    """A plan that was made twice: its path, its first and its second text."""
    plan = made / "prompt_plan.md"
    first = plan.read_bytes()
    add(made / "spec.md", "3. More.\n")
    build(made)
    return plan, first, plan.read_bytes()


def test_an_edit_is_taken_back_and_kept(made: Path, say: Say) -> None:
    plan = made / "prompt_plan.md"
    text = plan.read_bytes()
    add(plan, "Mine.\n")
    said = say("restore", "plan")
    assert said.code == 0
    assert said.out.startswith("prompt_plan.md is back as it was made on 2")
    assert said.out.endswith("what stood there is kept: piste restore prompt_plan.md --list\n")
    assert plan.read_bytes() == text
    assert say("status", "plan", "--json").json[0]["state"] == "fresh"


def test_a_restore_can_be_undone(made: Path, say: Say) -> None:
    plan = made / "prompt_plan.md"
    add(plan, "Mine.\n")
    mine = plan.read_bytes()
    say("restore", "plan")
    listed = say("restore", "plan", "--list", "--json").json
    (at,) = [version["at"] for version in listed if version["event"] == "yours"]
    assert "is back as you wrote it on 2" in say("restore", "plan", "--at", str(at)).out
    assert plan.read_bytes() == mine


def test_a_target_that_has_gone_comes_back(made: Path, say: Say) -> None:
    plan = made / "prompt_plan.md"
    text = plan.read_bytes()
    plan.unlink()
    say("restore", "plan")
    assert plan.read_bytes() == text


def test_an_older_version(twice: tuple[Path, bytes, bytes], say: Say) -> None:
    plan, first, second = twice
    listed = say("restore", "plan", "--list", "--json").json
    assert [version["current"] for version in listed] == [True, False]
    assert listed[0]["date"] > listed[1]["date"]
    say("restore", "plan", "--at", "2")
    assert plan.read_bytes() == first
    say("restore", "plan")  # what the receipt stands for, not the newest restore
    assert plan.read_bytes() == second


def test_the_list(twice: tuple[Path, bytes, bytes], say: Say) -> None:
    say("restore", "plan", "--at", "2")
    rows = say("restore", "plan", "--list").rows
    assert rows[0] == "AT DATE (UTC) EVENT BYTES MODEL"
    assert [row.split()[0] for row in rows[1:]] == ["1", "2"]  # each text once
    assert rows[1].endswith(" outline")
    assert rows[2].endswith(" outline ← stands there now")
    assert all(" made " in row for row in rows[1:])  # not "restored": how it came to be


def test_what_stands_there_already(made: Path, say: Say) -> None:
    assert say("restore", "plan").out == "prompt_plan.md is that text already\n"


@pytest.mark.parametrize("number", ["3", "-1", "99"])
def test_a_version_that_there_is_not(
    twice: tuple[Path, bytes, bytes], say: Say, number: str
) -> None:
    line = f"prompt_plan.md has 2 versions, not {number}; see piste restore prompt_plan.md --list"
    assert say("restore", "plan", "--at", number) == (2, "", f"piste: {line}\n")


def test_nothing_is_known(project: Path, say: Say) -> None:
    line = "piste: the store has no text of prompt_plan.md; try git log -- prompt_plan.md\n"
    assert say("restore", "plan") == (2, "", line)
    line = "the store has no text of prompt_plan.md\n"
    assert say("restore", "plan", "--list") == (0, line, "")


def test_without_the_log_the_receipt_still_knows_its_text(made: Path, say: Say) -> None:
    (made / ".piste/log.jsonl").unlink()
    plan = made / "prompt_plan.md"
    text = plan.read_bytes()
    plan.unlink()
    assert say("restore", "plan").out == "prompt_plan.md is back as it was made\n"
    assert plan.read_bytes() == text


def test_a_target_that_cannot_be_written_stays(made: Path, say: Say, tmp_path: Path) -> None:
    plan = made / "prompt_plan.md"
    plan.rename(tmp_path / "elsewhere.md")
    plan.symlink_to(tmp_path / "elsewhere.md")
    add(tmp_path / "elsewhere.md", "Mine.\n")
    said = say("restore", "plan")
    assert said.code == 2
    assert "is a symlink to" in said.err
    assert (tmp_path / "elsewhere.md").read_text().endswith("Mine.\n")


def test_json(twice: tuple[Path, bytes, bytes], say: Say) -> None:
    found = say("restore", "plan", "--at", "2", "--json").json
    assert (found["target"], found["event"]) == ("prompt_plan.md", "made")


def test_ones_own_text_is_found_after_the_project_has_moved(
    made: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = made / "prompt_plan.md"
    add(plan, "Mine.\n")
    mine = plan.read_bytes()
    say("restore", "plan")  # keeps it
    moved = made.rename(made.with_name("moved"))
    monkeypatch.chdir(moved)
    listed = say("restore", "plan", "--list", "--json").json
    (at,) = [version["at"] for version in listed if version["event"] == "yours"]
    say("restore", "plan", "--at", str(at))
    assert (moved / "prompt_plan.md").read_bytes() == mine


def test_a_text_that_something_was_made_from_comes_back(made: Path, say: Say) -> None:
    spec = made / "spec.md"
    mine = spec.read_bytes()
    spec.unlink()
    assert say("restore", "spec").out.startswith("spec.md is back as it was read on 2")
    assert spec.read_bytes() == mine


def test_a_file_of_ones_own_comes_back_as_it_was_read(made: Path, say: Say) -> None:
    """spec.md is nobody's target here; its texts are in the store since a plan was made of them."""
    spec = made / "spec.md"
    texts = [spec.read_bytes()]
    for more in ("3. More.\n", "4. Still more.\n"):
        add(spec, more)
        texts.append(spec.read_bytes())
        build(made, "plan")
    spec.write_text("ruined, and never read\n")
    rows = say("restore", "spec.md", "--list", "--json").json
    assert [row["event"] for row in rows] == ["input"] * 3
    assert say("restore", "spec.md").out.startswith("spec.md is back as it was read on 2")
    assert spec.read_bytes() == texts[-1]
    say("restore", "spec.md", "--at", "4")
    assert spec.read_bytes() == texts[0]
    say("restore", "spec.md", "--at", "1")
    assert spec.read_text() == "ruined, and never read\n"


def test_a_file_that_no_rule_knows_any_more_comes_back(small: Small, say: Say) -> None:
    small.make()
    text = small.read("in.md")
    small.settings(rule='inputs = ["other.md"]')
    small.write("piste.toml", small.read("piste.toml").replace('inputs = ["in.md"]\n', ""))
    small.write("in.md", "other\n")
    assert say("restore", "./in.md").code == 0
    assert small.read("in.md") == text


def test_what_nothing_was_made_from_is_no_name(made: Path, say: Say) -> None:
    (made / "other.md").write_text("x")
    for name in ("other.md", "../other.md", ".git/config", ".piste/log.jsonl"):
        said = say("restore", name)
        assert (said.code, said.out) == (2, "")
        assert said.err.count("\n") == 1


def test_a_log_that_somebody_made_up_names_no_file_outside(made: Path, say: Say) -> None:
    """The log may have come with an archive: what it leads to is written inside, or nowhere."""
    world = project.world(made)
    for name in ("../x.md", ".git/hooks/post-commit", ".piste/trust"):
        recipe = {"schema": 1, "inputs": {name: world.store.put_blob(b"evil")},
                  "system": [], "prompt": []}  # fmt: skip
        blob = world.store.put_blob(json.dumps(recipe).encode())
        log.add(made, log.Entry(log.now(), "todo.md", "made", prompt=blob))
        assert say("restore", name).code == 2
        assert not (made / name).exists()
