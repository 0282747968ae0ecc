"""A bug becomes a file to paste and one line."""

import re
import sys
from pathlib import Path

import pytest

from piste.system import bug_report


@pytest.fixture
def bug() -> Exception:
    try:
        raise ValueError("the first line\nthe second")
    except ValueError as error:
        return error


def test_the_line_names_the_file(bug: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["piste", "plan"])
    monkeypatch.setenv("SECRET", "sk-1234")
    line = bug_report.write(bug)
    assert len(line.splitlines()) == 1
    assert line.startswith("a bug in piste (ValueError: the first line); nothing is lost")
    found = re.search(r"\S+$", line)
    assert found is not None
    path = Path(found[0])
    text = path.read_text()
    path.unlink()
    assert "- command: piste plan\n" in text
    assert "in bug" in text
    assert "sk-1234" not in text


def test_no_line_moves_the_cursor() -> None:
    line = bug_report.write(ValueError("\x1b[2J"))
    Path(line.split()[-1]).unlink()
    assert line.isprintable()


def test_an_error_without_words() -> None:
    line = bug_report.write(ValueError())
    Path(line.split()[-1]).unlink()
    assert "(ValueError: )" in line


def test_no_folder_for_the_file(bug: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/no/such/folder")
    line = bug_report.write(bug)
    assert line.startswith("a bug in piste (ValueError: the first line); nothing is lost")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(12, "Cannot allocate memory"),
        ImportError("x.so: failed to map segment from shared object"),
        RuntimeError("can't start new thread"),
    ],
)
def test_too_little_memory_is_no_bug(error: Exception) -> None:
    wrapped = ValueError("the model's library cannot be used")
    wrapped.__cause__ = error
    assert bug_report.write(error).startswith("there is too little memory")
    assert bug_report.write(wrapped) == bug_report.write(error)
