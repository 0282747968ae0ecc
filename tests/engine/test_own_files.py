"""What piste writes for git, and what may stand in its way there."""

import subprocess
from pathlib import Path

import pytest

from piste.commands import check, doctor, init, status
from piste.engine import own_files, project

HIDING = [".piste/", ".piste", "/.piste/", ".*", "*.json", "/.piste/receipts/*", "*"]
PLACES = [".gitignore", ".git/info/exclude", "../ignored-everywhere"]


@pytest.fixture
def repo(project: Path) -> Path:
    subprocess.run(["git", "init", "-q"], check=True)
    where = project.parent / "ignored-everywhere"
    subprocess.run(["git", "config", "core.excludesFile", where], check=True)
    return project


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("line", HIDING)
def test_the_line_that_hides_the_receipts_is_named_with_a_way_that_works(
    repo: Path, line: str, place: str
) -> None:
    with (repo / place).open("a") as file:
        file.write(f"# a comment\n{line}\n")
    init.initialise(repo)
    said = own_files.hidden_receipts(repo)
    assert f"({line}) hides the receipts" in said
    assert Path(place).name in said.partition(",")[0]
    with (repo / ".gitignore").open("a") as file:
        file.write("\n".join([*own_files.SHARED, ""]))
    assert own_files.hidden_receipts(repo) == ""
    git = ["git", "check-ignore", "-q", "--no-index"]
    assert subprocess.run([*git, ".piste/receipts/docs/a.md.json"]).returncode == 1
    assert subprocess.run([*git, ".piste/log.jsonl"]).returncode == 0


@pytest.mark.parametrize("line", ["", "receipts", "/.piste/*", "*.log"])
def test_where_nothing_hides_them_nothing_is_said(repo: Path, line: str) -> None:
    (repo / ".gitignore").write_text(f"{line}\n")
    init.initialise(repo)
    assert own_files.hidden_receipts(repo) == ""


def test_outside_of_a_repository_nothing_is_said(project: Path) -> None:
    (project / ".gitignore").write_text(".piste/\n")
    assert own_files.hidden_receipts(project) == ""


def test_init_doctor_status_and_check_say_it(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repo / ".gitignore").write_text(".piste/\n")
    said = ".gitignore, line 1 (.piste/) hides the receipts from git"
    for _ in range(2):
        assert init.main([]) == 0
        out = capsys.readouterr().out
        assert said in out
        assert "nothing to do" not in out
    doctor.main([])
    assert said in capsys.readouterr().out
    assert status.main(["plan"]) == 0
    assert said in capsys.readouterr().err
    assert check.main(["plan"]) == 1
    assert said in capsys.readouterr().err
    # A clone has the targets, and all of them pass for a person's own.
    (repo / "prompt_plan.md").write_text("# Plan\n\n## Step 1: A\n\n```text\nDo.\n```\n")
    assert check.main(["plan"]) == 0
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("line", ["facts.md", "*.md", "/facts.md"])
def test_an_input_that_git_ignores_is_named(
    repo: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    (repo / "prompts").mkdir()
    (repo / "prompts/faq.md.j2").write_text('+++\ninputs = ["a"]\n+++\n{{ a }}\n')
    rule = '[rules.faq]\ntarget = "faq.txt"\ninputs = ["facts.md"]\nprompt = "faq.md.j2"\n'
    (repo / "piste.toml").write_text(f'model = "outline"\n{rule}')
    (repo / "facts.md").write_text("# Facts\n")
    (repo / ".gitignore").write_text(f"{line}\n")
    said = f".gitignore, line 1 ({line}) keeps facts.md out of git, and faq.txt is made from it"
    init.main([])
    assert said in capsys.readouterr().out
    doctor.main([])
    assert said in capsys.readouterr().out
    (repo / "facts.md").unlink()  # as in a clone
    assert check.main(["faq"]) != 0
    assert said in capsys.readouterr().err
    (repo / "facts.md").write_text("# Facts\n")
    subprocess.run(["git", "add", "--force", "facts.md"], check=True)
    doctor.main([])
    assert said not in capsys.readouterr().out


def test_a_bundle_that_git_ignores_is_no_input_to_share(repo: Path) -> None:
    init.initialise(repo)
    (repo / "output.txt").write_text("packed\n")
    world = project.world(repo)
    assert own_files.hidden_inputs(world, world.rules.values()) == []
