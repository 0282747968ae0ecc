"""`piste mise`: where the tasks are written, what is refused, and a person's own file."""

import os
from pathlib import Path

import pytest
from support.realmise import shut_in
from support.terminal import Terminal

from piste.commands import mise as verb
from piste.mise import definitions
from piste.system.errors import Failed, UserError

COMMAND = "import sys; from piste.commands import mise; sys.exit(mise.main(sys.argv[1:]))"
OURS = ".config/mise/conf.d/piste.toml"


@pytest.fixture
def ours(project: Path) -> Path:
    """The file of the project, where piste has written it."""
    assert verb.main([]) == 0
    return project / OURS


@pytest.fixture
def own(project: Path) -> Path:
    """A configuration of a person's own."""
    file = project / "mise.toml"
    file.write_text('# mine\n[tools]\nnode = "20"  # why\n')
    return file


# ---- where it goes


def test_it_goes_into_the_project_from_any_folder_of_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "src/deep").mkdir(parents=True)
    monkeypatch.chdir(project / "src/deep")

    assert verb.main(["--project"]) == 0

    assert (project / OURS).read_text("utf-8") == definitions.text()
    assert f"wrote {OURS}: {len(definitions.TASKS)} tasks" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("variable", "folder"),
    [("", ".config/mise"), ("XDG_CONFIG_HOME", "x/mise"), ("MISE_CONFIG_DIR", "x")],
)
def test_it_goes_where_mise_looks_for_all_projects(
    project: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch, variable: str, folder: str
) -> None:
    if variable:
        monkeypatch.setenv(variable, str(own_home / "x"))

    assert verb.main(["--global"]) == 0

    assert (own_home / folder / "conf.d/piste.toml").read_text("utf-8") == definitions.text()
    assert not (project / OURS).exists()


def test_it_goes_through_a_link_to_where_a_person_keeps_settings(
    project: Path, own_home: Path, tmp_path: Path
) -> None:
    (tmp_path / "dotfiles").mkdir()
    (own_home / ".config").symlink_to(tmp_path / "dotfiles")

    assert verb.main(["--global"]) == 0

    assert (tmp_path / "dotfiles/mise/conf.d/piste.toml").is_file()
    assert (own_home / ".config").is_symlink()


def test_it_goes_to_stdout(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verb.main(["--stdout"]) == 0

    assert capsys.readouterr().out == definitions.text()
    assert not (project / ".config").exists()


def test_mise_reads_it_there(project: Path, own_home: Path, tmp_path: Path) -> None:
    real = shut_in(tmp_path)
    verb.main([])
    in_project = real("tasks", "ls", "--hidden", "--name-only", cwd=project).stdout.split()
    (project / OURS).unlink()
    verb.main(["--global"])
    everywhere = real("tasks", "ls", "--hidden", "--name-only", cwd=project).stdout.split()

    assert in_project == everywhere == sorted(definitions.tables())


def test_without_mise_it_says_how_to_get_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(project))

    assert verb.main([]) == 0

    assert (project / OURS).exists()
    assert "mise.jdx.dev" in capsys.readouterr().err


# ---- again, and --check


def test_twice_writes_nothing(ours: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.utime(ours, (1, 1))

    assert verb.main([]) == 0

    assert ours.stat().st_mtime == 1
    assert "up to date" in capsys.readouterr().out


def test_what_an_earlier_piste_wrote_is_replaced(
    ours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = ours.read_text("utf-8")
    monkeypatch.setattr(definitions, "TASKS", definitions.TASKS[:3])
    ours.write_text(definitions.text())
    monkeypatch.undo()
    os.chdir(ours.parents[3])
    assert ours.read_text("utf-8") != now

    assert verb.main(["--check"]) == 1
    assert verb.main([]) == 0
    assert verb.main(["--check"]) == 0
    assert ours.read_text("utf-8") == now


@pytest.mark.parametrize("where", ["--project", "--global"])
def test_check_says_that_it_is_not_there_and_writes_nothing(
    project: Path, own_home: Path, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    assert verb.main([where, "--check"]) == 1

    assert "is not there; `piste mise" in capsys.readouterr().out
    assert not (project / ".config").exists()
    assert not (own_home / ".config").exists()


def test_line_ends_of_a_checkout_are_no_difference(ours: Path) -> None:
    ours.write_bytes(ours.read_bytes().replace(b"\n", b"\r\n"))

    assert verb.main(["--check"]) == 0


# ---- what is refused


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[tasks.mine]\nrun = "x"\n', "piste did not write it; move it away"),
        (definitions.text() + '[tasks.mine]\nrun = "x"\n', "edited since piste wrote it"),
        (
            definitions.text().replace("piste plan", "piste plan -m x"),
            "edited since piste wrote it",
        ),
        (b"\xff\xfe", "byte 0 is not UTF-8"),
    ],
)
def test_a_file_that_is_not_as_piste_wrote_it_stands(
    project: Path, text: str | bytes, said: str
) -> None:
    file = project / OURS
    file.parent.mkdir(parents=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    before = file.read_bytes()

    for argv in ([], ["--check"]):
        with pytest.raises(UserError, match=said):
            verb.main(argv)
    assert file.read_bytes() == before


def test_the_home_is_no_project(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(own_home)

    with pytest.raises(UserError, match="use --global"):
        verb.main([])


def test_a_link_out_of_the_project_is_not_followed(project: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (project / ".config").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(UserError, match="leads out of the project"):
        verb.main([])
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("blocking", [".config", OURS])
def test_what_stands_in_the_way_is_named(project: Path, blocking: str) -> None:
    if blocking == OURS:
        (project / OURS).mkdir(parents=True)
    else:
        (project / blocking).write_text("a file")

    with pytest.raises(UserError, match=r"piste\.toml (cannot be (read|written)|is a folder)"):
        verb.main([])


@pytest.mark.parametrize(
    "argv", [["--stdout", "--check"], ["--yes"], ["--merge", "none.toml"], ["--merge", OURS]]
)
def test_what_makes_no_sense_is_a_mistake(ours: Path, argv: list[str]) -> None:
    with pytest.raises(UserError):
        verb.main(argv)


def test_two_places_at_once_are_refused(project: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        verb.main(["--project", "--global"])
    assert ended.value.code == 2


# ---- a person's own file


def test_a_merge_shows_first_and_writes_when_told(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = own.read_text()

    assert verb.main(["--merge", "mise.toml"]) == 1
    assert own.read_text() == before
    shown = capsys.readouterr()
    assert '+[tasks."LLM:generate_readme"]' in shown.out
    assert "nothing was written" in shown.err

    assert verb.main(["--merge", "mise.toml", "--yes"]) == 0
    assert own.read_text().startswith(before)
    assert '+[tasks."LLM:generate_readme"]' in capsys.readouterr().out

    assert verb.main(["--merge", "mise.toml"]) == 0
    assert "up to date" in capsys.readouterr().out


def test_check_of_a_merge(own: Path) -> None:
    assert verb.main(["--merge", "mise.toml", "--check"]) == 1
    verb.main(["--merge", "mise.toml", "--yes"])
    assert verb.main(["--merge", "mise.toml", "--check"]) == 0


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1), ("", 1)])
def test_on_a_terminal_it_asks(own: Path, answer: str, code: int) -> None:
    before = own.read_text()

    with asked(own) as terminal:
        terminal.see("[y/N] ")
        terminal.enter(answer)
        assert terminal.ended() == code

    assert (own.read_text() == before) == bool(code)


def test_what_was_written_while_it_asked_stands(own: Path) -> None:
    with asked(own) as terminal:
        terminal.see("[y/N] ")
        own.write_text("# meanwhile\n")
        terminal.enter("y")
        terminal.see(Failed.__name__)

    assert own.read_text() == "# meanwhile\n"


def asked(own: Path) -> Terminal:
    """`piste mise --merge` on a terminal."""
    import sys

    command = [sys.executable, "-c", COMMAND, "--merge", own.name]
    return Terminal(command, own.parent, os.environ)


def test_a_file_in_the_place_of_ours_can_take_the_tasks(project: Path) -> None:
    (project / OURS).parent.mkdir(parents=True)
    (project / OURS).write_text('[tasks.mine]\nrun = "x"\n')

    assert verb.main(["--merge", OURS, "--yes"]) == 0
    assert (project / OURS).read_text().startswith('[tasks.mine]\nrun = "x"\n')


def test_a_merge_goes_through_a_link(own: Path, tmp_path: Path) -> None:
    own.rename(tmp_path / "kept.toml")
    own.symlink_to(tmp_path / "kept.toml")

    verb.main(["--merge", "mise.toml", "--yes"])

    assert own.is_symlink()
    assert "LLM:generate_readme" in (tmp_path / "kept.toml").read_text()


def test_a_merge_says_which_tasks_are_the_persons_own(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own.write_text('[tasks."LLM:generate_bundle"]\nrun = "repomix"\n')

    verb.main(["--merge", "mise.toml", "--yes"])

    assert "LLM:generate_bundle is your own task and stays" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tasks = { a = 'x' }\n", "inline table"),
        ("[tools\n", "not valid TOML"),
        ("\udcff", "UTF-8"),
    ],
)
def test_a_file_that_cannot_take_them_stands(own: Path, text: str, said: str) -> None:
    own.write_bytes(text.encode(errors="surrogateescape"))
    before = own.read_bytes()

    with pytest.raises(UserError, match=rf"^mise\.toml: .*{said}"):
        verb.main(["--merge", "mise.toml", "--yes"])
    assert own.read_bytes() == before
