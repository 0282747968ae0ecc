"""`piste review`: the review of a branch alone, by its diff, and paid for once."""

import subprocess
from pathlib import Path

import pytest
from conftest import Run
from support.standin import StandIn

from .conftest import Say

REVIEW = """# Change review: it adds one

It adds one. Not to be merged before finding 1 is mended.

## 1. Nobody expects one more

**File:** a.py:3
**Line:** `    return x + 1`
**Severity:** high

f(1) is 2.

**Fix:** do not.
"""


def git(root: Path, *args: str) -> None:
    author = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    subprocess.run(["git", *author, *args], cwd=root, check=True, capture_output=True)


def commit(root: Path, name: str, text: str) -> None:
    (root / name).write_text(text)
    git(root, "add", "-A")
    git(root, "commit", "-qm", name)


@pytest.fixture
def branch(project: Path, standin: StandIn) -> Path:
    """A repository with a branch of one commit, and a model that is paid."""
    (project / "piste.toml").write_text('model = "chat-ok"\nretries = 0\n')
    git(project, "init", "-qb", "main")
    (project / ".gitignore").write_text("/.piste/*\n!/.piste/receipts/\n")
    commit(project, "a.py", "import b\n\n\ndef f(x):\n    return x\n")
    commit(project, "b.py", "y = 1\n")
    commit(project, "c.py", "z = 1\n")
    git(project, "checkout", "-qb", "feature")
    commit(project, "a.py", "import b\n\n\ndef f(x):\n    return x + 1\n")
    standin.reply(REVIEW)
    return project


def test_the_model_gets_the_diff_what_is_around_it_and_the_specification(
    branch: Path, run: Run, standin: StandIn
) -> None:
    done = run("piste", "review", "--since", "main")
    assert done.returncode == 0, done.stderr
    assert "changed since main: 2 files" in done.stderr
    assert "; spec.md goes along" in done.stderr
    asked = standin.requests[-1].prompt
    assert "-    return x\n+    return x + 1\n" in asked
    assert '<file path="b.py">' in asked  # which the changed one imports
    assert '<file path="c.py">' not in asked
    assert f'<spec path="spec.md">\n{(branch / "spec.md").read_text()}' in asked
    text = (branch / "change-review.md").read_text()
    assert text == REVIEW.replace("a.py:3", "a.py:5")  # by the line that it quotes


def test_the_second_time_nothing_is_paid(branch: Path, run: Run, standin: StandIn) -> None:
    for words in (("--since", "main"), (), ("--since", "main~1")):
        done = run("piste", "review", *words)
        assert done.returncode == 0, done.stderr
    assert standin.paid == 2  # since the commit before main more has changed
    assert run("piste", "review", "--since", "main").returncode == 0
    assert standin.paid == 2
    assert run("piste", "review", "--since", "main", "--again").returncode == 0
    assert standin.paid == 3


def test_what_the_other_branch_has_got_since_is_no_change(
    branch: Path, run: Run, standin: StandIn
) -> None:
    assert run("piste", "review").returncode == 0
    git(branch, "checkout", "-q", "main")
    commit(branch, "c.py", "z = 2\n")
    git(branch, "checkout", "-q", "feature")
    assert run("piste", "review").returncode == 0
    assert standin.paid == 1


def test_what_is_not_committed_counts(branch: Path, run: Run, standin: StandIn) -> None:
    (branch / "c.py").write_text("z = 3\n")
    assert run("piste", "review").returncode == 0
    assert "+z = 3" in standin.requests[-1].prompt


def test_it_is_a_target_like_others(branch: Path, run: Run, say: Say) -> None:
    assert run("piste", "review").returncode == 0
    rows = {row["target"]: row["state"] for row in say("status", "--json").json}
    assert rows["change-review.md"] == "fresh"
    assert run("piste", "change_review").returncode == 0
    (branch / ".piste/bundle/change.txt").unlink()  # as in a clone: nobody shares it
    assert "change-review.md" not in {row["target"] for row in say("status", "--json").json}
    assert say("check", "change_review").code == 1
    shown = say("why", "change_review")
    assert "piste review --since REV packs what changed" in shown.out


MISTAKES = {
    ("--since", "nope"): "nope is no revision of this repository",
    ("--since", "feature"): "nothing has changed since feature",
    ("--since",): "expected one argument",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_one_line(branch: Path, say: Say, words: tuple[str, ...]) -> None:
    done = say("review", *words)
    assert done.code == 2
    assert MISTAKES[words] in done.err
    assert len(done.err.splitlines()) == 1


def test_without_a_branch_to_compare_with_one_is_asked_for(branch: Path, say: Say) -> None:
    git(branch, "checkout", "-q", "main")
    git(branch, "branch", "-D", "feature")
    done = say("review")
    assert done.code == 2
    assert "name a branch, tag or commit to compare with: piste review --since REV" in done.err


def test_a_declined_finding_is_not_reported_here_either(
    branch: Path, run: Run, say: Say, standin: StandIn
) -> None:
    standin.reply(REVIEW.replace("# Change", "# Code"))
    assert run("piste", "code_review").returncode == 0
    assert say("decline", "F1", "it is what we want").code == 0
    standin.reply(REVIEW)
    assert run("piste", "review").returncode == 0
    assert "The team says: it is what we want" in standin.requests[-1].prompt
    assert "Nobody expects" not in (branch / "change-review.md").read_text()
