"""The screen: whole lines, no colours where they may not go, progress on a terminal only."""

import io
import sys
import threading

import pytest

from piste.system import screen


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> _Terminal:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return _Terminal()


def test_lines_of_many_threads_stay_whole(capsys: pytest.CaptureFixture[str]) -> None:
    def work(name: str) -> None:
        for _ in range(50):
            screen.say(name * 40)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = capsys.readouterr().err.splitlines()
    assert sorted(lines) == sorted(name * 40 for name in "abcd" for _ in range(50))


@pytest.mark.parametrize("error", [OSError, ValueError])
def test_a_closed_terminal_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise error

    monkeypatch.setattr(sys, "stderr", Closed())
    screen.say("a line")
    assert screen._lock.acquire(blocking=False)
    screen._lock.release()


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_colour(
    terminal: _Terminal, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setattr(sys, "stdout", terminal)
    screen.out(screen.style("a", "red", terminal))
    assert terminal.getvalue() == "\x1b[31ma\x1b[0m\n"
    assert screen.style("a", "red", io.StringIO()) == "a"
    monkeypatch.setenv(name, value)
    assert screen.style("a", "red", terminal) == "a"


def test_safe_is_one_line() -> None:
    assert screen.safe("a\x1b[2Jb\tc\u202e\r\nd\u3000e") == "a\\x1b[2Jb\tc\\u202e\\r\\nd\u3000e"


HOSTILE = "a\x1b[31mred\x1b]52;c;eA==\x07 \x9b2J\u202eb\rc\r\n\tüber 字\udc9b\n"


def test_on_a_terminal_nothing_hidden_goes_out_but_our_colours(
    terminal: _Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    screen.out(screen.style("ours", "green", terminal) + HOSTILE, end="")
    screen.say(HOSTILE)
    screen.guarded(screen.guarded(terminal)).writelines([HOSTILE])  # type: ignore[list-item]
    seen = "a\\x1b[31mred\\x1b]52;c;eA==\\x07 \\x9b2J\\u202eb\\rc\r\n\tüber 字\\x9b\n"
    assert terminal.getvalue() == f"\x1b[32mours\x1b[0m{seen}{seen}\n{seen}"


def test_into_a_pipe_everything_goes_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    text = HOSTILE.replace("\udc9b", "")
    screen.out(text, end="")
    screen.say(text)
    assert capsys.readouterr() == (text, f"{text}\n")
    assert screen.guarded(sys.stdout) is sys.stdout


def test_no_progress_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with screen.progress("a.md: asking") as shown:
        shown.came(5)
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal_is_there_until_the_last_one_ends(
    terminal: _Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", terminal)
    with screen.progress("a[/b].md: asking [m]") as one:
        with screen.progress("a\x1b]0;title") as two:
            one.came(1_000)
            two.came(0)
            screen.say("[bold] a line [/bold]")
        assert screen._live is not None
    assert screen._live is None
    assert "[bold] a line [/bold]" in terminal.getvalue()
    assert "a[/b].md: asking [m]" in terminal.getvalue()
    assert "a\\x1b]0;title" in terminal.getvalue()
    one.came(5)  # too late, and no matter


def test_progress_ends_with_an_error_too(
    terminal: _Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(KeyboardInterrupt), screen.progress("a.md"):
        raise KeyboardInterrupt
    assert screen._live is None


def test_what_is_slow_is_shown_and_what_is_not_is_not(
    terminal: _Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", terminal)
    with screen.if_slow("packing"):
        pass
    assert terminal.getvalue() == ""
    monkeypatch.setattr(screen, "SLOW", 0.0)
    with screen.if_slow("packing 5 files"):
        while "packing 5 files" not in terminal.getvalue():
            threading.Event().wait(0.01)
    assert screen._live is None
