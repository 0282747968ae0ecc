"""`piste diff`: the hand's edits against what was made."""

from pathlib import Path

from .conftest import Say, add


def test_no_difference(made: Path, say: Say) -> None:
    assert say("diff", "plan") == (0, "", "")


def test_a_difference(made: Path, say: Say) -> None:
    add(made / "prompt_plan.md", "Mine.\n")
    said = say("diff", "plan")
    lines = said.out.splitlines()
    assert (said.code, said.err) == (1, "")
    assert lines[:2] == ["--- prompt_plan.md, as it was made", "+++ prompt_plan.md"]
    assert lines[-1] == "+Mine."


def test_ticks_are_no_edit(made: Path, say: Say) -> None:
    todo = made / "todo.md"
    todo.write_text(todo.read_text().replace("- [ ]", "- [x]"))
    said = say("diff", "todo")
    assert "+- [x]" in said.out  # shown, as what stands there
    assert say("check", "todo").code == 0  # and not held against it


def test_it_is_coloured_on_a_terminal(made: Path, show: Say) -> None:
    add(made / "prompt_plan.md", "Mine.\n")
    assert "\x1b[32m+Mine.\x1b[0m" in show("diff", "plan").out.splitlines()


def test_json(made: Path, say: Say) -> None:
    assert say("diff", "plan", "--json").json == {
        "target": "prompt_plan.md", "changed": False, "diff": [],
    }  # fmt: skip
    add(made / "prompt_plan.md", "Mine.\n")
    said = say("diff", "plan", "--json")
    assert said.code == 1
    assert said.json["diff"][-1] == "+Mine."


def test_nothing_to_compare_with(project: Path, say: Say) -> None:
    source = "spec.md has nothing to be compared with: piste did not make it"
    assert say("diff", "spec") == (2, "", f"piste: {source}\n")
    absent = "prompt_plan.md has nothing to be compared with: it is not there yet"
    assert say("diff", "plan") == (2, "", f"piste: {absent}; doit plan makes it\n")


def test_the_target_has_gone(made: Path, say: Say) -> None:
    (made / "todo.md").unlink()
    line = "piste: todo.md is not there; piste restore todo.md brings it back\n"
    assert say("diff", "todo") == (2, "", line)


def test_the_store_has_forgotten(made: Path, say: Say, own_home: Path) -> None:
    for blob in (own_home / ".local/share/piste/store/blobs").glob("*/*"):
        blob.unlink()
    line = "the store no longer has prompt_plan.md as it was made; try git diff prompt_plan.md"
    assert say("diff", "plan") == (2, "", f"piste: {line}\n")
