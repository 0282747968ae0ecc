import base64
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from piste.system import clipboard
from piste.system.errors import Failed

WAYS = {
    "darwin": [("HOME", ["pbcopy"])],
    "linux": [("DISPLAY", ["xclip"]), ("WAYLAND_DISPLAY", ["wl-copy", "wl-paste"])],
}[sys.platform]
TEXT = "Grüße,\n\tand <more>\n"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that is all there is on the machine, and no session of any kind."""
    for name in ("SSH_TTY", "SSH_CONNECTION", "TMUX", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "which").write_text('#!/bin/sh\n[ -x "$(dirname "$0")/$1" ]\n')
    (folder / "which").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    for name in list(sys.modules):
        if name.startswith("pyperclip"):
            monkeypatch.delitem(sys.modules, name)
    return folder


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal; what is sent to it comes out of the descriptor."""
    master, slave = os.openpty()
    monkeypatch.setattr(clipboard, "_terminal", lambda: os.ttyname(slave))
    yield master
    os.close(slave)
    os.close(master)


def add(folder: Path, program: str, into: Path) -> None:
    """Add a program that keeps what it is given."""
    (folder / program).write_text(f"#!/bin/sh\ncat > {into}\n")
    (folder / program).chmod(0o755)


@pytest.mark.parametrize(("variable", "names"), WAYS)
def test_the_session_has_a_clipboard(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, names: list[str]
) -> None:
    monkeypatch.setenv(variable, ":0")
    for name in names:
        add(programs, name, tmp_path / "clipboard")

    assert clipboard.copy(TEXT) == "copied to the clipboard"
    assert (tmp_path / "clipboard").read_text() == TEXT


def sent(master: int) -> bytes:
    """Return what came to the terminal."""
    return os.read(master, 65536)


def test_over_ssh_it_goes_to_the_terminal_at_home(
    programs: Path, terminal: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_TTY", "/dev/pts/0")

    assert clipboard.copy(TEXT) == "sent to the terminal's clipboard"
    assert sent(terminal) == b"\x1b]52;c;" + base64.b64encode(TEXT.encode()) + b"\a"


def test_inside_tmux_it_is_wrapped(
    programs: Path, terminal: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "1 2 3 4")
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")

    clipboard.copy("x")

    assert sent(terminal) == b"\x1bPtmux;\x1b\x1b]52;c;eA==\a\x1b\\"


@pytest.fixture
def no_clipboard(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without one, also where this one always has one (macOS)."""
    import pyperclip

    def none(_: str) -> None:
        raise pyperclip.PyperclipException("could not find a copy/paste mechanism")

    monkeypatch.setattr(pyperclip, "copy", none)


def test_without_a_session_it_goes_to_the_terminal(no_clipboard: None, terminal: int) -> None:
    assert clipboard.copy("x") == "sent to the terminal's clipboard"
    assert sent(terminal) == b"\x1b]52;c;eA==\a"


def test_where_there_is_none_it_is_said(
    no_clipboard: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clipboard, "_terminal", lambda: None)

    with pytest.raises(Failed, match="there is no clipboard here"):
        clipboard.copy(TEXT)


def test_over_ssh_without_a_terminal_it_is_said(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "1 2 3 4")
    monkeypatch.setattr(clipboard, "_terminal", lambda: None)

    with pytest.raises(Failed, match="no terminal to send it to"):
        clipboard.copy(TEXT)


def test_a_long_text_may_be_cut_and_that_is_said(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = tmp_path / "terminal"
    monkeypatch.setenv("SSH_TTY", "x")
    monkeypatch.setattr(clipboard, "_terminal", lambda: str(terminal))

    said = clipboard.copy("x" * 100_000)

    assert said == "sent to the terminal's clipboard; of 100,000 characters it may keep a part"
    assert terminal.read_bytes().count(b"eHh4") == 33_333


def test_the_terminal_is_the_one_at_any_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = os.openpty()
    with open(os.devnull) as nothing, open(slave, closefd=False) as stdin:
        monkeypatch.setattr(sys, "stderr", nothing)
        monkeypatch.setattr(sys, "stdout", None)
        monkeypatch.setattr(sys, "stdin", stdin)
        found = clipboard._terminal()
        monkeypatch.undo()

    assert found == os.ttyname(slave)
    os.close(slave)
    os.close(master)
