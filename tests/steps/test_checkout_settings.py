"""What git's settings name relative to a work tree is found in the person's checkout."""

from pathlib import Path

import pytest
from support.rig import GOOD, Rig

from piste.steps import attempt
from piste.steps.commit_phases import NeedsPerson
from piste.system.errors import UserError


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    made = Rig.make(tmp_path, monkeypatch)
    made.agent(GOOD)
    return made


def program(rig: Rig, name: str, text: str) -> None:
    """A program of the person's, in their checkout and in no commit."""
    (rig.root / ".git/info/exclude").write_text("/hooks/\n/tools/\n/node_modules/\n/attrs\n")
    rig.write(name, f"#!/bin/sh\n{text}\n").chmod(0o755)


@pytest.mark.parametrize("path", ["hooks", "./hooks", "hooks/../hooks"])
def test_hooks_that_git_ignores_run(rig: Rig, path: str) -> None:
    program(rig, "hooks/pre-commit", 'echo "$PWD" > "$PISTE_RIG"/ran')
    rig.git("config", "core.hooksPath", path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PISTE_RIG", str(rig.bin))
        assert rig.step().result == "done"
    assert (rig.bin / "ran").read_text().strip() == str(rig.tree)


def test_a_hook_finds_the_installed_programs_of_the_checkout(rig: Rig) -> None:
    program(rig, "node_modules/.bin/lint", 'test -f count.txt && echo linted > "$PISTE_RIG/ran"')
    program(rig, "hooks/pre-commit", "PATH=node_modules/.bin:$PATH lint && git add -A")
    rig.git("config", "core.hooksPath", "hooks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PISTE_RIG", str(rig.bin))
        assert rig.step().result == "done"
    assert (rig.bin / "ran").read_text() == "linted\n"
    assert "node_modules" not in rig.git("ls-tree", "-r", "--name-only", "HEAD")
    assert not (rig.tree / "node_modules").is_symlink()


@pytest.mark.parametrize("command", ["tools/clean.sh", "./tools/clean.sh %f", "sh tools/clean.sh"])
def test_filters_and_attributes_of_the_checkout_count(rig: Rig, command: str) -> None:
    program(rig, "tools/clean.sh", "sed 's/^good/very good/'")
    (rig.root / "attrs").write_text("count.txt filter=own\n")
    rig.git("config", "core.attributesFile", "attrs")
    rig.git("config", "filter.own.clean", command)
    rig.git("config", "filter.own.smudge", "cat")
    assert rig.step().said == "on main"
    assert rig.show("count.txt") == "very good"


# A part of the repository -----------------------------------------------------------------------


def parts(rig: Rig) -> None:
    for name in ("in/a", "out/b", "later/c"):
        rig.write(name, "1")
    rig.commit("parts")


def test_what_a_sparse_checkout_leaves_out_is_neither_there_nor_deleted(rig: Rig) -> None:
    parts(rig)
    rig.git("sparse-checkout", "set", "in", ".piste")
    rig.agent(GOOD + "\nos.makedirs('out', exist_ok=True); write('out/new', 'x')")
    rig.use(test="test ! -e later")
    assert rig.step().result == "done"
    assert rig.git("diff", "--name-status", "HEAD~", "HEAD").split("\n")[1:] == [
        "A\tcount.txt", "A\tout/new", "M\ttodo.md",
    ]  # fmt: skip
    rig.git("sparse-checkout", "add", "later")  # the worktree follows
    rig.use(test="test -e later/c")
    assert rig.step().result == "done"
    rig.git("sparse-checkout", "disable")
    rig.use(test="test -e out/b")
    assert rig.step().result == "done"
    assert rig.git("ls-tree", "-r", "--name-only", "HEAD", "out", "later").split() == [
        "later/c", "out/b", "out/new",
    ]  # fmt: skip


@pytest.mark.parametrize("how", [["in"], ["--no-cone", "/*", "!/.piste/"]])
def test_a_sparse_checkout_without_the_records_is_named_first(rig: Rig, how: list[str]) -> None:
    parts(rig)
    rig.git("sparse-checkout", "set", *how)
    with pytest.raises(UserError, match=r"leaves out \.piste.*git sparse-checkout add \.piste"):
        rig.step()
    assert rig.calls() == []


# Hooks that do not judge the work ---------------------------------------------------------------

AFFAIRS = {
    "the message": ("commit-msg", 'grep -q "^feat: " "$1"', {"commit_subject": "feat: {title}"}),
    "the sign-off": ("commit-msg", 'grep -q "^Signed-off-by" "$1"', {"commit_sign_off": True}),
    "the trailers": ("commit-msg", '! grep -q "^Piste-" "$1"', {"commit_trailers": False}),
    "the branch": (
        "pre-commit", "git symbolic-ref HEAD | grep -q refs/heads/feature/",
        {"branches": "feature/piste"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", AFFAIRS)
def test_a_hook_that_judges(rig: Rig, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    hook, rule, way = AFFAIRS[what]
    path = rig.write(f".git/hooks/{hook}", f"#!/bin/sh\n{rule} || {{ echo not so; exit 1; }}\n")
    path.chmod(0o755)
    with pytest.raises(NeedsPerson, match=rf"is green and waits: your {hook} hook .*\(not so\)"):
        rig.step()
    assert "not so" in capsys.readouterr().err
    now = attempt.load(rig.root)
    assert now is not None
    assert (now.phase, now.number) == (attempt.COMMIT, 1)
    rig.use(**way)
    assert rig.step().result == "done"
    assert rig.calls() == ["1 first"]
    assert rig.branches() == ["main"]


@pytest.mark.parametrize("name", ["piste", "piste-attempts", "piste-attempts/main", "piste/main/x"])
def test_a_branch_in_the_way_is_named_before_an_agent_works(rig: Rig, name: str) -> None:
    rig.git("branch", name)
    with pytest.raises(UserError, match=rf"the branch {name} stands in the way of piste"):
        rig.step()
    assert rig.calls() == []
    rig.use(branches="steps")
    assert rig.step().result == "done"


@pytest.mark.parametrize("name", ["", "a b", "feature/", "a..b", "-x"])
def test_a_name_that_git_does_not_take_is_named(rig: Rig, name: str) -> None:
    rig.use(branches=name)
    with pytest.raises(UserError, match=r"branches = .* makes no name of a branch"):
        rig.step()


def test_branches_of_which_one_begins_as_the_other(rig: Rig) -> None:
    rig.use(land=False)
    for name in ("feature", "feature/login", "feature=login"):
        rig.git("branch", "-m", name)
        assert rig.step("1").result == "done"
    assert len(rig.branches()) == 4


def test_a_wrong_subject_costs_nothing(rig: Rig) -> None:
    rig.use(commit_subject="feat: {name}")
    with pytest.raises(UserError, match=r"commit_subject = .* may hold \{id\} and \{title\}"):
        rig.step()
    assert rig.calls() == []
