"""`piste bundle`, as a person runs it."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from piste.bundle.defaults import GROUPS
from piste.commands.bundle import main
from piste.system.errors import Failed, OverBudget, UserError

from .conftest import AWS, Tree, git

FILES = {"a.py": "a = 1\n", "src/b.py": "import a\n", "src/c.md": "# c\n" * 50, "logo.png": b"\0"}
Out = Callable[[], str]


@pytest.fixture
def here(repo: Tree, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """A repository with a few files, which is no project of piste's; the person stands in it."""
    monkeypatch.chdir(repo.root)
    return repo.write(FILES)


@pytest.fixture
def out(capfd: pytest.CaptureFixture[str]) -> Out:
    """What was printed since it was last asked."""
    return lambda: capfd.readouterr().out


def test_a_bundle_is_written_and_it_is_said_what_is_in_it(here: Tree, out: Out) -> None:
    assert main([]) == 0

    said = out()
    assert said.startswith("output.txt: 3 files, ")
    assert (
        "tokens (o200k); written\nleft out: 1 file\n            1  images\nmost tokens:\n" in said
    )
    assert "logo.png" not in said
    assert set(here.files()) == {"a.py", "src/b.py", "src/c.md"}
    assert not (here.root / ".piste").exists()

    assert main(["-v"]) == 0
    assert "               logo.png\n" in out()


def test_it_works_from_a_folder_inside_with_paths_seen_from_there(
    here: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here.root / "src")

    assert main(["b.py", "../a.py"]) == 0
    assert set(here.files()) == {"a.py", "src/b.py"}
    assert main(["."]) == 0
    assert set(here.files()) == {"src/b.py", "src/c.md"}
    assert main(["-o", "here.txt", ".."]) == 0
    assert (here.root / "src/here.txt").read_bytes().startswith(b"<bundle")


def test_it_works_without_git(folder: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.write(FILES).root)

    assert main([]) == 0
    assert set(folder.files()) == {"a.py", "src/b.py", "src/c.md"}


def test_stdout_has_the_bundle_and_nothing_else(here: Tree, out: Out) -> None:
    assert main(["--stdout", "--no-tokens"]) == 0
    printed = out()

    assert not here.output.exists()
    assert main(["--no-tokens"]) == 0
    assert printed == here.output.read_text("utf-8")


def test_a_dry_run_writes_nothing(here: Tree, out: Out) -> None:
    before = sorted(path for path in here.root.parent.rglob("*") if ".git" not in path.parts)

    assert main(["--dry"]) == 0

    assert "; not written" in out()
    assert sorted(p for p in here.root.parent.rglob("*") if ".git" not in p.parts) == before


def test_json_is_for_programs(here: Tree, out: Out) -> None:
    assert main(["--json", "--log", "0"]) == 0

    data = json.loads(out())
    assert data["files"] == 3
    assert set(data["sizes"]) == {"a.py", "src/b.py", "src/c.md"}
    assert len(data["sha256"]) == 64


def test_the_tree_shows_where_the_tokens_are(here: Tree, out: Out) -> None:
    assert main(["--tree"]) == 0

    assert "%  src/\n" in out().split("\ntokens:\n")[1]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--form", "markdown"], "## `a.py`"),
        (["--line-numbers", "1"], '<file path="a.py" numbered="1">\n1: a = 1\n'),
        (["--header", "Our words"], '<header end="no newline">\nOur words\n'),
        (["--instruction", "src/c.md"], "<instruction>\n# c\n"),
        (["--diff"], "<diff>\n"),
        (["--log", "1"], "<log>\ncommit "),
        (["--oversize", "cut", "--max-file", "100"], 'cut="100 of 200 bytes"'),
    ],
)
def test_flags_are_settings_for_this_once(here: Tree, flags: list[str], said: str) -> None:
    here.commit()

    assert main(flags) == 0

    assert said in here.output.read_text("utf-8")


@pytest.mark.parametrize(
    ("flags", "files"),
    [
        (["--ignore", "*.md"], {"a.py", "src/b.py"}),
        (["--include", "*.md"], {"src/c.md"}),
        (["--no-defaults"], {"a.py", "src/b.py", "src/c.md"}),
        (["--max-file", "100"], {"a.py", "src/b.py"}),
        (["--since", "HEAD"], {"a.py", "src/b.py"}),
    ],
)
def test_flags_choose_the_files(here: Tree, flags: list[str], files: set[str]) -> None:
    here.commit()
    here.write({"src/b.py": "import a\n\n"})

    assert main(flags) == 0

    assert set(here.files()) == files


def test_the_projects_settings_are_taken(here: Tree, out: Out) -> None:
    (here.root / "piste.toml").write_text('[bundle]\nform = "plain"\nignore = ["src/"]\n')

    assert main([]) == 0

    assert set(here.files("plain")) == {"a.py"}
    assert main(["--ignore", "!src/b.py"]) == 0
    assert set(here.files("plain")) == {"a.py", "src/b.py"}


def test_what_piste_makes_is_never_packed(here: Tree) -> None:
    (here.root / "piste.toml").write_text("")
    here.write({"code-review.md": "a review", ".piste/receipts/x.json": "{}", "notes.md": ""})

    assert main([]) == 0

    packed = set(here.files())
    assert "notes.md" in packed
    assert not [name for name in packed if name.startswith(".piste")]
    assert "code-review.md" not in packed


def test_every_default_is_shown(here: Tree, out: Out) -> None:
    assert main(["--show-config", "--budget", "5_000"]) == 0

    said = out()
    assert 'form = "xml"  # xml, markdown, plain, json\n' in said
    assert "budget = 5000\n" in said
    assert all(f"#   {pattern}\n" in f"{said}\n" for group in GROUPS.values() for pattern in group)
    assert not here.output.exists()


def test_what_is_shown_is_toml(here: Tree, out: Out) -> None:
    import tomllib

    main(["--show-config", "--ignore", 'a"b'])

    assert tomllib.loads(out())["bundle"]["ignore"] == ['a"b']


def test_over_the_budget_the_folders_are_ranked(
    here: Tree, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(
        OverBudget, match=r"over bundle.budget of 200; bundle.ignore = \[\"/src/\"\]"
    ):
        main(["--budget", "200", "--no-tree"])

    ranking = capfd.readouterr().err.splitlines()
    assert ranking[0].endswith("  src/")
    assert ranking[1].endswith("  a.py")
    assert not here.output.exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["nothing.py"], "nothing.py is not there; name a file or folder of"),
        (["../elsewhere"], r"\.\./elsewhere lies outside the project"),
        (["/etc/passwd"], "/etc/passwd lies outside the project"),
        (["-o", "../x.txt"], "lies outside the project"),
        (["-o", ".git/x"], "no target may be"),
        (["--since", "nowhere"], "nowhere is no revision"),
        (["--budget", "9", "--no-tokens"], "bundle.budget needs bundle.tokens"),
        (["--copy", "--dry"], "leave out --dry and --stdout"),
        (["--ignore", "[z-a]"], "bundle.ignore, entry 1: "),
    ],
)
def test_a_mistake_is_one_line_with_the_next_step(here: Tree, flags: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        main(flags)

    assert "\n" not in str(caught.value)
    assert not here.output.exists()


def test_secrets_are_a_warning_and_exit_0(here: Tree, out: Out) -> None:
    here.write({"key.py": f"KEY = '{AWS}'\n"})

    assert main([]) == 0
    assert "warning: secrets were masked in 1 file\n  key.py: aws-access-key\n" in out()

    assert main(["--no-secrets"]) == 0
    assert AWS.encode() in here.output.read_bytes()


def test_a_full_disk_is_said_and_the_old_bundle_stands(here: Tree) -> None:
    assert main(["--no-tokens"]) == 0
    before = here.output.read_bytes()
    here.write({"big.txt": "much more text\n" * 20_000})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(Failed, match=r"output\.txt was not written: File too large"):
            main(["--no-tokens"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert here.output.read_bytes() == before


def test_copy_puts_it_on_the_clipboard_or_says_where_it_is(
    here: Tree, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    taken: list[str] = []
    monkeypatch.setattr("piste.system.clipboard.copy", lambda text: taken.append(text) or "copied")

    assert main(["--copy"]) == 0
    assert taken == [here.output.read_text("utf-8")]
    assert capfd.readouterr().err == "copied\n"

    def none(_: str) -> str:
        raise Failed("there is no clipboard here")

    monkeypatch.setattr("piste.system.clipboard.copy", none)
    assert main(["--copy"]) == 1
    assert f"the bundle is in {here.output}" in capfd.readouterr().err


def test_in_a_project_doit_finds_what_this_wrote_to_be_piste_s(here: Tree) -> None:
    from piste.engine import bundle_target

    (here.root / "piste.toml").write_text("")

    main([])

    assert list(bundle_target.recorded(here.root)) == ["output.txt"]


def test_a_deep_path_and_a_foreign_folder_change_nothing(
    here: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(here.root, "init", "-q", "inner")
    monkeypatch.chdir(here.root / "inner")
    Path("x.py").write_text("x = 1\n")

    main([])

    assert b"x.py" in Path("output.txt").read_bytes()
    assert not here.output.exists()


def test_a_reader_that_goes_away_is_no_full_disk(here: Tree) -> None:
    here.write({"big.txt": "much more text\n" * 20_000})
    code = "import sys; from piste.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "bundle", "--stdout", "--no-tokens"]

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        process.stdout.read(9)
        process.stdout.close()
        said = process.stderr.read()

    assert b"was not written" not in said


def test_it_runs_as_a_program(here: Tree) -> None:
    code = "import sys; from piste.commands.bundle import main; sys.exit(main(sys.argv[1:]))"

    done = subprocess.run(
        [sys.executable, "-c", code, "--stdout", "--no-tokens"], capture_output=True, env=os.environ
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b'<bundle by="piste">')
    assert done.stderr.startswith(b"output.txt: 3 files")


def test_a_word_that_an_option_does_not_know_has_a_nearest(
    here: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--form", "jsn"])

    said = "piste bundle: argument --form is one of xml, markdown, plain, json, and not jsn; "
    assert capsys.readouterr().err == f"{said}did you mean 'json'?\n"
