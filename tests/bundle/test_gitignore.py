"""What git ignores, held to git itself: made-up sets of patterns over one tree."""

import random
import subprocess
from pathlib import Path

import pytest

from piste.bundle import listing

NAMES = ("a", "b.txt", "c.log", "A", "x1", "[q]", "é.md", "sp ace", "!bang", "#hash", "t\\s", "-d")
FOLDERS = ("", "d", "d/e", "lib", "lib/d", "d/e/lib", "[q] dir")
PIECES = (
    *("*", "**", "?", "a", "b", "d", "e", "lib", "txt", ".log", ".", "x", "1", "[a-c]", "[!a]"),
    *("[^x]", "[[:alpha:]]", "[[:digit:]]", "[]a]", "[a-]", "[z-a]", "[", "]", "\\", "\\*"),
    *("\\ ", " ", "é"),
    *("/", "/", "/", "**/", "/**", "/**/", "[[:nope:]]", "[a\\]b]", "[!]a]", "[.-0]", "q"),
)  # fmt: skip


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            (root / folder / name).touch()
    return root


def patterns(seed: int) -> list[str]:
    dice = random.Random(seed)
    made = []
    for _ in range(dice.randint(1, 5)):
        body = "".join(dice.choice(PIECES) for _ in range(dice.randint(1, 4)))
        made.append(
            dice.choice(("", "", "", "!", "/", "!/")) + body + dice.choice(("", "", "/", " "))
        )
    return made if dice.random() < 0.8 else ["*", "!*/", *made, "!*.txt"]


def by_git(root: Path) -> list[bytes]:
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-per-directory=.gitignore"],
        cwd=root, capture_output=True, check=True,
    )  # fmt: skip
    return sorted(name for name in listed.stdout.split(b"\0") if name)


def by_us(root: Path) -> list[bytes]:
    # The walk that there is for a tree without git; git's own folder is passed over.
    return sorted(listing._walk(str(root), True, None)[0])


@pytest.mark.parametrize("block", range(6))
def test_the_walk_ignores_what_git_ignores(tree: Path, block: int, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tree, check=True)
    for seed in range(block * 60, block * 60 + 60):
        top, deep = patterns(seed), patterns(seed + 100_000)
        (tree / ".gitignore").write_text("\n".join(top) + "\n")
        (tree / "d/.gitignore").write_text("\r\n".join(deep))
        assert by_us(tree) == by_git(tree), (top, deep)


def test_the_trial_can_tell(tree: Path) -> None:
    (tree / ".gitignore").write_text("*.txt\n")
    (tree / "d/.gitignore").unlink(missing_ok=True)
    assert b"b.txt" not in by_us(tree)
    assert b"d/a" in by_us(tree)
