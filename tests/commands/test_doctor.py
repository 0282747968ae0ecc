"""`piste doctor`: each line is ok, or says what to do."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from support.standin import StandIn

from piste.mise import definitions
from piste.system import clipboard

from .conftest import Say, tree


@pytest.fixture(autouse=True)
def no_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """git is there, mise and the clipboard are not."""
    (tmp_path / "bin").mkdir()
    git = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout
    (tmp_path / "bin" / "git").symlink_to(git.strip())
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(clipboard, "found", lambda: "")


def lines(say: Say, *args: str) -> dict[str, tuple[str, str]]:
    """What it says, by what it is about; the gravest where there are several."""
    found: dict[str, tuple[str, str]] = {}
    for line in say("doctor", "--json", *args).json:
        if line["about"] not in found or line["state"] == "mend":
            found[line["about"]] = (line["state"], line["said"])
    return found


def init_git(root: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)


def test_a_sound_project(made: Path, say: Say, own_home: Path) -> None:
    init_git(made)
    (made / ".gitignore").write_text("/.piste/*\n!/.piste/receipts/\n")
    before = tree(made, own_home)
    said = say("doctor")
    assert said.code == 0
    assert said.err == ""
    assert {row.split()[0] for row in said.rows} == {"ok", "note"}
    found = lines(say, "--deep")
    assert found["receipts"] == ("ok", "2 of 2 are whole")
    assert found["store"][1].startswith(str(own_home / ".local/share/piste/store"))
    assert found["model"] == ("ok", "outline: embedded, writes skeletons, needs no key")
    assert found["git"][0] == "ok"
    assert found["mise"][0] == found["clipboard"][0] == "note"
    assert tree(made, own_home) == before


def test_wrong_settings_are_said_and_the_rest_is_looked_at(made: Path, say: Say) -> None:
    (made / "piste.toml").write_text("modle = 'x'\n")
    assert say("doctor").code == 1
    found = lines(say)
    assert found["settings"] == (
        "mend",
        "piste.toml: unknown setting 'modle'; did you mean 'model'?",
    )
    assert found["receipts"][0] == "ok"


def test_a_damaged_receipt(made: Path, say: Say) -> None:
    (made / ".piste/receipts/todo.md.json").write_text("{")
    state, said = lines(say)["receipts"]
    assert state == "mend"
    assert "git checkout .piste/receipts/todo.md.json" in said


def test_a_damaged_store_shows_when_one_looks_deep(made: Path, say: Say, own_home: Path) -> None:
    blob = next((own_home / ".local/share/piste/store").glob("blobs/*/*"))
    blob.write_bytes(b"damaged")
    assert lines(say)["store"][0] == "ok"
    state, said = lines(say, "--deep")["store"]
    assert state == "mend"
    assert blob.name in said


def test_a_store_that_is_no_folder(made: Path, say: Say, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (made / "piste.toml").write_text('model = "outline"\nstore = "elsewhere"\n')
    (made / "elsewhere").write_text("")
    state, said = lines(say)["store"]
    assert state == "mend"
    assert "is not a folder; move it away" in said


@pytest.mark.parametrize(
    ("ignored", "state"),
    [(".piste/\n", "mend"), ("", "note"), ("/.piste/*\n!/.piste/receipts/\n", "ok")],
)
def test_what_git_ignores(made: Path, say: Say, ignored: str, state: str) -> None:
    init_git(made)
    (made / ".gitignore").write_text(ignored)
    said = [line for line in say("doctor", "--json").json if line["about"] == "git"]
    assert said[-1]["state"] == state


def test_no_repository_and_no_git(made: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lines(say)["git"][1].endswith("is no repository: git init")
    monkeypatch.setenv("PATH", "")
    assert lines(say)["git"][0] == "note"


@pytest.mark.parametrize(
    ("text", "state"),
    [(definitions.text(), "ok"), ("# mine\n", "note"), (None, "note")],
)
def test_mise(made: Path, say: Say, tmp_path: Path, text: str | None, state: str) -> None:
    program = tmp_path / "bin" / "mise"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    if text is not None:
        path = made / ".config/mise/conf.d/piste.toml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    assert lines(say)["mise"][0] == state


def test_a_model_without_its_key(made: Path, say: Say, own_home: Path) -> None:
    (made / "piste.toml").write_text("")
    shutil.rmtree(own_home / "llm", ignore_errors=True)
    state, said = lines(say)["model"]
    assert state == "mend"
    assert "llm keys set openai" in said
    assert not (own_home / "llm").exists(), "llm's folder was made"


def test_a_model_that_is_ready(made: Path, say: Say, standin: StandIn) -> None:
    (made / "piste.toml").write_text('model = "chat-ok"\n')
    assert lines(say)["model"][0] == "ok"
    assert standin.requests == []


def test_a_rule_with_a_wrong_model_or_option(made: Path, say: Say, standin: StandIn) -> None:
    (made / "piste.toml").write_text(
        'model = "chat-ok"\n[rules.plan]\noptions = { temperatur = 1 }\n'
        '[rules.todo]\nmodel = "chat-okk"\n'
    )
    said = [line["said"] for line in say("doctor", "--json").json if line["state"] == "mend"]
    assert len(said) == 2
    assert "did you mean 'temperature'?" in said[0]
    assert "there is no model 'chat-okk'; did you mean 'chat-ok'?" in said[1]


def test_a_proxy_that_is_not_there(made: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "network" not in lines(say)
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@127.0.0.1:9")
    state, said = lines(say)["network"]
    assert (state, "HTTPS_PROXY is http://127.0.0.1:9, which cannot" in said) == ("mend", True)


def test_ci(made: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert lines(say)["ci"][0] == "note"


def test_nothing_in_a_line_moves_the_cursor(made: Path, say: Say) -> None:
    (made / ".piste/receipts/a\x1b[2J.md.json").write_text("{")
    assert "\x1b" not in say("doctor").out


def test_at_a_terminal_lines_are_wrapped_and_lose_no_word_and_in_a_pipe_they_are_whole(
    made: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    whole = say("doctor").out
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    shown = say("doctor").out
    assert shown.split() == whole.split()
    assert any(len(row) > 60 for row in whole.splitlines())
    begin = len("note  clipboard  ")
    for row in shown.splitlines():  # a path alone may be longer
        assert len(row) <= 60 or " " not in row[begin:]
    assert {row[:4].strip() for row in shown.splitlines()} == {"ok", "note", ""}
    assert len(whole.splitlines()) == sum(not row.startswith(" ") for row in shown.splitlines())


def test_json_is_the_same(made: Path, say: Say) -> None:
    rows = say("doctor").out.splitlines()
    found = json.loads(say("doctor", "--json").out)
    assert [row.split()[0] for row in rows] == [line["state"] for line in found]
