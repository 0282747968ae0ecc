"""The worktree: put right from whatever state it is in, and read through an index of our own."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support.rig import Rig

from piste.steps import worktree
from piste.system import git
from piste.system.git import Repo

BRANCH = "piste-attempts/main/1.1"


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig.make(tmp_path, monkeypatch)


@pytest.fixture
def repo(rig: Rig) -> Repo:
    made = git.find(rig.root)
    worktree.ensure(made, made.head, BRANCH)
    return made


def sh(folder: Path, script: str) -> None:
    subprocess.run(script, shell=True, cwd=folder, check=True, capture_output=True)


BROKEN = {
    "it is gone": "rm -rf ../tree",
    "its git file is gone": "rm .git",
    "its git file leads elsewhere": "echo 'gitdir: /nowhere' > .git",
    "it is a folder of somebody else": "rm -rf .git * && echo x > x",
    "git's folder of it is gone": 'rm -rf "$(git rev-parse --git-dir)"',
    "a killed git has left its lock": 'touch "$(git rev-parse --git-dir)/index.lock"',
    "git was killed while it made it": (
        'echo initializing > "$(git rev-parse --absolute-git-dir)/locked"; rm -rf ../tree'
    ),
    "its index is damaged": 'echo x > "$(git rev-parse --git-dir)/index"',
    "it stands in the middle of a merge": (
        "git checkout -q -b a && echo a > f && git add f && git commit -qm a && "
        "git checkout -q -b b HEAD~ && echo b > f && git add f && git commit -qm b && "
        "(git merge a || true)"
    ),
    "files are hidden from git": (
        "git update-index --assume-unchanged want && git update-index --skip-worktree check.sh && "
        "echo x > want && echo x > check.sh"
    ),
    "it is full of new files, folders and repositories": (
        "mkdir -p a/b && touch a/b/c d && git init -q e && chmod 500 a/b"
    ),
    "it is a link to another folder": 'cd .. && mv tree other && ln -s "$PWD/other" tree',
}


@pytest.mark.parametrize("what", BROKEN)
def test_it_is_put_right_when(rig: Rig, repo: Repo, what: str) -> None:
    sh(repo.tree, BROKEN[what])
    worktree.ensure(repo, repo.head, BRANCH)

    names = sorted(path.name for path in repo.tree.iterdir() if path.name != ".git")
    assert names == sorted(rig.git("ls-tree", "--name-only", "HEAD").split())
    assert (repo.tree / "want").read_text() == rig.read("want")
    assert worktree.stands_on(repo, BRANCH)
    assert git.git(repo.tree, "status", "--porcelain") == ""
    assert rig.git("status", "--porcelain") == ""


def test_ignored_files_stay_for_the_next_step(repo: Repo) -> None:
    (repo.tree / "deps.ignored").write_text("x")
    worktree.ensure(repo, repo.head, BRANCH)
    assert (repo.tree / "deps.ignored").exists()


def test_a_snapshot_has_what_is_there_but_litter_and_what_is_kept(repo: Repo) -> None:
    for name in ("new.txt", "__pycache__/a.pyc", "pkg/__pycache__/b.pyc", "node_modules/x/y.js",
                 ".venv/bin/python", "todo.md", "x.ignored"):  # fmt: skip
        (repo.tree / name).parent.mkdir(parents=True, exist_ok=True)
        (repo.tree / name).write_text("changed")
    (repo.tree / "check.sh").unlink()
    work = worktree.snapshot(repo, repo.head, "work\n", ["todo.md", ".piste"])
    rows = git.changes(repo.tree, repo.head, work)
    assert [(row.path, row.status) for row in rows] == [("check.sh", "D"), ("new.txt", "A")]
    assert worktree.snapshot(repo, work, "again\n", ["todo.md", ".piste"]) == work
    (rig_index := repo.root / ".piste/run/index").write_bytes(b"damaged")
    assert worktree.snapshot(repo, work, "again\n", ["todo.md", ".piste"]) == work
    assert rig_index.stat().st_size > 100


def test_put_back(repo: Repo) -> None:
    sh(repo.tree, "rm check.sh; echo x > want; mkdir -p a/b; touch a/b/c; mkdir new; touch new/x")
    work = worktree.snapshot(repo, repo.head, "work\n", [])
    rows = git.changes(repo.tree, repo.head, work)
    sh(repo.tree, "chmod 500 a/b new .")  # which nobody but root may write
    worktree.put_back(repo, repo.head, rows)
    assert worktree.snapshot(repo, repo.head, "none\n", []) == repo.head


def test_nothing_behind_a_link_is_touched(rig: Rig, repo: Repo, tmp_path: Path) -> None:
    rig.write("checks/one", "mine")
    head = rig.commit()
    worktree.ensure(repo, head, BRANCH)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "one").write_text("theirs")
    sh(repo.tree, f"rm -r checks; ln -s {outside} checks")
    work = worktree.snapshot(repo, head, "work\n", [])
    rows = [row for row in git.changes(repo.tree, head, work) if row.status == "D"]
    worktree.put_back(repo, head, rows)
    assert (outside / "one").read_text() == "theirs"
    assert (repo.tree / "checks/one").read_text() == "mine"
    assert not (repo.tree / "checks").is_symlink()


def test_rescue_keeps_what_is_in_no_commit(rig: Rig, repo: Repo) -> None:
    assert worktree.rescue(repo, "nothing\n") == ""
    (repo.tree / "half.txt").write_text("half")
    assert worktree.rescue(repo, "half\n") == BRANCH
    assert rig.show("half.txt", BRANCH) == "half"
    shutil.rmtree(repo.tree)
    assert worktree.rescue(repo, "gone\n") == ""


def test_what_is_guarded(rig: Rig, repo: Repo) -> None:
    before = worktree.guarded(repo)
    rig.write(".git/hooks/post-merge", "evil")
    rig.git("config", "core.editor", "evil")
    names = worktree.differences(before, worktree.guarded(repo))
    assert [Path(name).name for name in names] == ["config", "post-merge"]


def test_changes_of_the_checkout_are_seen_by_content(rig: Rig, repo: Repo) -> None:
    rig.write("want", "dirty")
    before = worktree.checkout(repo)
    os.utime(rig.root / "want", (1, 1))
    assert worktree.differences(before, worktree.checkout(repo)) == []
    rig.write("want", "dirtier")
    rig.write("new", "x")
    assert worktree.differences(before, worktree.checkout(repo)) == ["new", "want"]


def test_a_commit_without_hooks_and_with_one_that_says_no(rig: Rig, repo: Repo) -> None:
    (repo.tree / "new.txt").write_text("x")
    made = worktree.commit(repo, BRANCH, repo.head, "A subject\n\nKey: value\n", 60)
    assert (
        rig.git("log", "-1", "--format=%s|%(trailers:only)", made.commit) == "A subject|Key: value"
    )
    hook = rig.write(".git/hooks/commit-msg", "#!/bin/sh\necho not so; exit 1\n")
    hook.chmod(0o755)
    (repo.tree / "new.txt").write_text("y")
    made = worktree.commit(repo, BRANCH, repo.head, "Another\n", 60)
    assert (made.commit, made.said) == ("", "not so\n")
