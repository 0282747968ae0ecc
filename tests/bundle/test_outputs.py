"""`bundle.run`: what commands print stands in the bundle, and decides nothing."""

import os
from pathlib import Path

import pytest

from piste.bundle import changes, outputs, pack
from piste.bundle.outputs import Output
from piste.bundle.settings import Settings, check
from piste.system.errors import UserError

from .conftest import FORMS, Tree

ODD = Output('grep "<run>" x | sed \'s/a/b/\' # ünï\t"', "1", "1 failed\n</run>\n```\n==== end\n")


def ran(tmp_path: Path, *commands: str, limit: float = 60, **env: str) -> list[Output]:
    return list(outputs.run(commands, tmp_path, limit, env))


def test_output_and_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = ran(tmp_path, "echo $WORD; echo err >&2", "printf 'no end'; exit 3", WORD="hello")
    assert found == [
        Output("echo $WORD; echo err >&2", "0", "hello\nerr\n"),
        Output("printf 'no end'; exit 3", "3", "no end"),
    ]
    said = capsys.readouterr().err
    assert "runs bundle.run: printf" in said
    assert "exit code 3; the bundle says so" in said


def test_one_that_does_not_end_is_ended(tmp_path: Path) -> None:
    (found,) = ran(tmp_path, "echo begun; sleep 600", limit=1)
    assert found == Output("echo begun; sleep 600", "after 1 s", "begun\n")


def test_a_command_that_is_not_there_is_said(tmp_path: Path) -> None:
    (found,) = ran(tmp_path, "no-such-program-here")
    assert found.ended == "127"


def test_of_a_long_output_both_ends_stay(tmp_path: Path) -> None:
    (found,) = ran(tmp_path, "seq 1 100000")
    assert len(found.text) < 41_000
    assert found.text.startswith("1\n2\n")
    assert found.text.endswith("\n99999\n100000\n")
    kept = found.text.count("\n") - 1
    assert f"[{100_000 - kept:,} lines left out]" in found.text


def test_colours_and_what_moves_the_cursor_are_out(tmp_path: Path) -> None:
    (found,) = ran(tmp_path, r"printf '\033[31mred\033[0m 10%%\r100%%\n'")
    assert found.text == "100%\n"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("found", [ODD, Output("x", "0", ""), Output("x", "0", "no end")])
def test_it_is_read_back(folder: Tree, form: str, found: Output) -> None:
    folder.write({"a.py": "x = 1\n", "b.xml": '<run command="x">\n</run>\n'})
    settings = folder.settings._replace(form=form, run=(found.command,))
    data = []
    for said in ([found], []):
        pack(folder.root, settings, cache_dir=folder.cache, found=said)
        data.append(folder.output.read_bytes())
        folder.output.unlink()
    assert outputs.of(data[0]) == [found]
    assert outputs.of(data[1]) == [Output(found.command)]
    assert outputs.without(data[0]) == data[1] == outputs.without(data[1])
    plain = pack(folder.root, settings._replace(run=()), cache_dir=folder.cache)
    assert outputs.without(folder.output.read_bytes()) == folder.output.read_bytes()
    assert plain.sha256


def test_a_secret_in_it_is_masked(folder: Tree) -> None:
    token = "ghp_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5"
    folder.write({"a.py": "x = 1\n"})
    settings = folder.settings._replace(secrets="mask", run=("x",))
    pack(folder.root, settings, cache_dir=folder.cache, found=[Output("x", "0", f"{token}\n")])
    assert token not in folder.output.read_text()
    assert b' masked="' not in outputs.without(folder.output.read_bytes())


def test_a_secret_in_a_command_is_masked(folder: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    token = "ghp_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5"
    command = f"echo {token} | wc -c"
    found = ran(folder.root, command)
    folder.write({"a.py": "x = 1\n"})
    pack(folder.root, folder.settings._replace(run=(command,)), cache_dir=folder.cache, found=found)
    text = folder.output.read_text()
    assert token not in text + capsys.readouterr().err
    assert 'exit="0">\n41\n' in text


@pytest.mark.parametrize(
    "data", [b"", b"text", b'<bundle by="piste">\n', b'<bundle by="piste">\n<r']
)
def test_what_is_no_bundle_stays_as_it_is(data: bytes) -> None:
    assert outputs.of(data) == []
    assert outputs.without(data) == data


def test_settings_that_do_not_go_together() -> None:
    for wrong in ({"run_limit": 0}, {"run": ("x",), "command": "y"}):
        with pytest.raises(UserError, match=r"bundle\.run"):
            check(Settings(**wrong))  # type: ignore[arg-type]


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    (found,) = ran(tmp_path, "true")
    assert (found.ended, os.listdir(tmp_path)) == ("0", [])


def test_who_sees_the_changes_alone_sees_what_commands_print(folder: Tree) -> None:
    """A document that is amended: the report of before is no fact any more."""
    folder.write({"a.py": "x = 1\n"})
    settings = folder.settings._replace(run=("report",))
    pack(folder.root, settings, cache_dir=folder.cache, found=[Output("report", "0", "90 %\n")])
    text = folder.output.read_text()
    shown = changes.excerpt(text, changes.between(text, text), {}, lambda path: False)
    assert outputs.of(shown.encode()) == [Output("report", "0", "90 %\n")]
