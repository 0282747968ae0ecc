"""Clones of every kind are fresh and ask nothing; two branches that rebuilt other targets merge.

With real git, and with a home that has neither a store nor a key.
"""

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Small

from fire import scale
from fire.world import BUILD, MADE, World, no_traceback, world
from piste.commands.init import initialise
from piste.engine import makers, project, states


def git(root: Path, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def origin(own_home: Path) -> Iterator[World]:
    """A project that is made and committed, with the lines for git that `piste init` writes."""
    with world() as here:
        initialise(here.root)
        assert here.run(*BUILD).code == 0
        git(here.root, "init", "-q")
        git(here.root, "add", "-A")
        git(here.root, "commit", "-qm", "made")
        yield here


def plain(here: World) -> Path:
    clone(here, "clone")
    return here.folder / "clone"


def clone(here: World, name: str, *options: str) -> Path:
    git(here.folder, "clone", "-q", *options, here.root.as_uri(), name)
    return here.folder / name


def without_attributes(here: World) -> Path:
    """Line ends of Windows in every file, receipts with them."""
    git(here.root, "rm", "-q", ".gitattributes")
    git(here.root, "commit", "-qm", "no attributes")
    found = clone(here, "crlf", "-c", "core.autocrlf=true")
    assert b"\r\n" in (found / "spec.md").read_bytes()
    assert b"\r\n" in (found / ".piste/receipts/spec.md.json").read_bytes()
    return found


def worktree(here: World) -> Path:
    git(here.root, "worktree", "add", "-q", "--detach", str(here.folder / "tree"))
    return here.folder / "tree"


def for_all(here: World) -> Path:
    """Files of root's that everybody may read and nobody else may write."""
    found = plain(here)
    for path in (here.folder, found, *found.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return found


KINDS = {
    "a clone": plain,
    "core.autocrlf": lambda here: clone(here, "a", "-c", "core.autocrlf=true"),
    "core.autocrlf, no attributes": without_attributes,
    "depth 1": lambda here: clone(here, "b", "--depth", "1"),
    "a worktree": worktree,
    "a path with spaces": lambda here: clone(here, "my own  project (2)"),
    "a path in Unicode": lambda here: clone(here, "größe 計 🜁"),
    "files in mode 755": for_all,
    "another time zone": plain,
    "another locale": plain,
}
ENVIRONMENTS = {
    "another time zone": {"TZ": "Pacific/Kiritimati"},
    "another locale": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_clone_is_fresh_and_asks_nothing(origin: World, kind: str) -> None:
    root = KINDS[kind](origin)
    assert not list(origin.home.glob("elsewhere"))
    env = {"XDG_DATA_HOME": str(origin.home / "elsewhere"), **ENVIRONMENTS.get(kind, {})}
    asked = len(origin.server.requests)
    for argv in (("piste", "check", *MADE), BUILD, ("doit", *BUILD[1:]), ("piste", "status")):
        done = origin.run(*argv, cwd=root, env=env)
        assert done.code == 0, done.said
        no_traceback(done)
    assert len(origin.server.requests) == asked
    assert git(root, "status", "--porcelain") == ""
    scale.note("a clone, a worktree, another place", 1)


if os.geteuid() == 0:

    def test_another_user_reads_it(origin: World) -> None:
        """Whose files they are is nobody's business: `nobody` may only look."""
        root = for_all(origin)
        for path in (origin.home, *origin.home.rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o666)
        for argv in (("piste", "check", *MADE), ("piste", "status")):
            allowed = {"PISTE_SAFE_FOLDERS": str(root)}
            done = origin.run(*argv, cwd=root, uid=65534, env=allowed)
            assert done.code == 0, done.said
            no_traceback(done)


# Merges -------------------------------------------------------------------------------------

TARGETS = 10
TABLE = '[rules.t{n}]\ntarget = "out/t{n}.md"\ninputs = ["in{n}.md"]\nprompt = "note.md.j2"\n'


def build(root: Path, *names: str) -> None:
    found = project.world(root)
    for name in names:
        makers.make(found, found.rules[name])


@pytest.fixture
def branches(small: Small) -> Small:
    """A branch for each of ten targets, on which that one was rebuilt."""
    names = [f"t{n}" for n in range(TARGETS)]
    for n in range(TARGETS):
        small.write(f"in{n}.md", f"# In {n}\n\nWords.\n")
    small.write(
        "piste.toml", 'model = "outline"\n' + "".join(TABLE.format(n=n) for n in range(TARGETS))
    )
    initialise(small.root)
    build(small.root, *names)
    for args in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "base"]):
        git(small.root, *args)
    for n, name in enumerate(names):
        git(small.root, "checkout", "-qb", name, "main")
        small.write(f"in{n}.md", f"# In {n}\n\nOther words.\n\n## More\n\n- {n}\n")
        build(small.root, name)
        git(small.root, "commit", "-qam", name)
    return small


def test_branches_that_rebuilt_different_targets_merge(branches: Small) -> None:
    root = branches.root
    shutil.rmtree(root / ".piste" / "rejected", ignore_errors=True)
    conflicts = 0
    pairs = list(itertools.combinations(range(TARGETS), 2))
    for one, other in pairs:
        git(root, "checkout", "-q", "--detach", f"t{one}")
        done = subprocess.run(["git", "merge", "-q", "--no-edit", f"t{other}"], cwd=root)
        conflicts += done.returncode != 0
        found = project.world(root)
        found_states = {makers.decide(found, found.rules[f"t{n}"]).state for n in range(TARGETS)}
        assert found_states == {states.FRESH}, (one, other)
    assert (conflicts, len(pairs)) == (0, 45)
    scale.note("a merge of branches that rebuilt different targets", len(pairs))


def test_what_was_made_stays_made_where_a_commit_deleted_its_receipt(origin: World) -> None:
    git(origin.root, "rm", "-q", ".piste/receipts/prompt_plan.md.json")
    git(origin.root, "commit", "-qm", "no receipt")
    git(origin.root, "commit", "-q", "--allow-empty", "-m", "later")
    root = clone(origin, "without")
    env = {"XDG_DATA_HOME": str(origin.home / "elsewhere")}

    def said() -> str:
        return origin.run("piste", "why", "plan", cwd=root, env=env).said

    assert "its receipt is gone" in said()
    assert "its receipt is gone" in said()  # without git, of the answer that was kept
    git(root, "commit", "-q", "--allow-empty", "-m", "later still")
    assert "its receipt is gone" in said()
    assert origin.run("piste", "check", "plan", cwd=root, env=env).code == 1
    (root / "prompt_plan.md").write_text("# Mine\n\nWords of my own.\n")
    assert "it is a source" in said()
