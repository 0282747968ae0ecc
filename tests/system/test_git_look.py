"""git's complaints in one line."""

import os
import subprocess
from pathlib import Path

import pytest

from piste.system import git, git_look


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("fatal: not a git repository\n", "not a git repository"),
        ("warning: x\nerror: y\n", "y"),
        ("something\nelse\n", "something"),
        ("", "git failed"),
    ],
)
def test_a_complaint_is_one_line(said: str, line: str) -> None:
    assert git_look.complaint(said) == line


def test_a_repository_of_another_account_shows_git_s_own_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    # git's own switch for tests: it takes every repository for another's.
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    code, _, said = git.ask(tmp_path, ["status"], look=True)
    assert code
    assert "dubious ownership" in said
    assert f"git config --global --add safe.directory {os.path.realpath(tmp_path)}" in said
