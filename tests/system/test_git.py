"""git, asked about a project's repository."""

from pathlib import Path

import pytest
from support.rig import Rig

from piste.system import git
from piste.system.errors import UserError


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig.make(tmp_path, monkeypatch)


def test_a_project_at_the_top(rig: Rig) -> None:
    repo = git.find(rig.root)
    assert (repo.prefix, repo.branch, repo.line) == ("", "main", "piste/main")
    assert repo.project == repo.tree == rig.root / ".piste/run/tree"
    assert repo.head == rig.git("rev-parse", "HEAD")


def test_a_project_below_has_branches_of_its_own(rig: Rig) -> None:
    rig.write("apps/one two/piste.toml", "")
    repo = git.find(rig.root / "apps/one two")
    assert (repo.prefix, repo.line) == ("apps/one two/", "piste/main+apps-one-two")
    assert repo.project == repo.tree / "apps/one two"


def test_through_a_link(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(rig.root)
    assert git.find(tmp_path / "link").prefix == ""


def test_in_a_worktree_of_the_persons_own(rig: Rig, tmp_path: Path) -> None:
    rig.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    repo = git.find(tmp_path / "side")
    assert (repo.branch, repo.common) == ("side", rig.root / ".git")


def test_a_tag_with_the_name_of_the_branch(rig: Rig) -> None:
    rig.git("tag", "main")

    repo = git.find(rig.root)

    assert (repo.branch, repo.line) == ("main", "piste/main")
    assert repo.head == rig.git("rev-parse", "refs/heads/main")


def test_a_detached_head_and_a_file_of_that_name(rig: Rig) -> None:
    rig.write("HEAD", "not git's")
    rig.git("checkout", "--quiet", "--detach")

    repo = git.find(rig.root)

    assert (repo.branch, repo.head) == ("", rig.git("rev-parse", "--verify", "HEAD^{commit}"))


def test_in_a_hook_of_another_repository(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere/.git")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
    assert git.find(rig.root).branch == "main"


def test_names_of_attempts(rig: Rig) -> None:
    repo = git.find(rig.root)
    assert git.attempts(repo, "03") == "piste-attempts/main/03.1"
    for number in ("1", "2", "10"):
        rig.git("branch", f"piste-attempts/main/03.{number}")
    assert git.attempts(repo, "03") == "piste-attempts/main/03.11"
    assert git.attempts(repo, "A/6") == "piste-attempts/main/A-6.1"
    assert git.attempts(repo, "..") == "piste-attempts/main/step.1"
    for name in ("03", "A/6", "1.1.3", "..", "3#2", "é"):
        rig.git("check-ref-format", "--branch", git.attempts(repo, name))


def test_a_branch_moves_only_from_where_it_was_seen(rig: Rig) -> None:
    repo = git.find(rig.root)
    first, second = repo.head, rig.commit("second")
    git.move(repo, "piste/main", first, "")
    with pytest.raises(git.GitFailed):
        git.move(repo, "piste/main", second, "")
    with pytest.raises(git.GitFailed):
        git.move(repo, "piste/main", second, second)
    git.move(repo, "piste/main", second, first)
    git.move(repo, "piste/main", "", second)
    assert rig.branches() == ["main"]


def test_changes_with_strange_names(rig: Rig) -> None:
    before = rig.git("rev-parse", "HEAD")
    names = ["a b", "é", "new\nline", "tab\t", "-dash"]
    for name in names:
        rig.write(name, "x")
    after = rig.commit("strange")
    assert sorted(row.path for row in git.changes(rig.root, before, after)) == sorted(names)


def test_what_is_not_committed(rig: Rig) -> None:
    repo = git.find(rig.root)
    rig.write("new", "x")
    rig.write("want", "x")
    rig.write(".piste/log.jsonl", "x")
    assert git.uncommitted(repo) == ["want"]
    assert git.uncommitted(repo, untracked=True) == ["want", "new"]


def test_git_is_not_there(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(rig.bin))
    with pytest.raises(UserError, match="git is not installed"):
        git.find(rig.root)


def test_git_says_what_is_wrong_in_one_line(rig: Rig) -> None:
    with pytest.raises(git.GitFailed, match=r"^git show: .*nothing.*$"):
        git.git(rig.root, "show", "nothing")


def test_files_that_lie_elsewhere(rig: Rig, tmp_path: Path) -> None:
    rig.git("config", "core.worktree", str(tmp_path / "elsewhere"))
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(UserError, match=r"has its files in .*elsewhere, and not in this folder"):
        git.find(rig.root)
