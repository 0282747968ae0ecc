"""What a review costs after a commit, beside the whole: the tokens that are sent.

    python benchmarks/reviews.py REPOSITORY [--commits 10] [--path src]

REPOSITORY is a git repository, of which a copy is made. For each of its last commits to the path,
the code before it is packed and reviewed by the embedded model; then the commit is made, and a
row says what a paid model would be sent to amend that review, and to write it whole. No model is
asked: the tokens are counted as `piste status` counts them.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock


def git(root: Path, *args: str) -> str:
    """Return what git says."""
    done = subprocess.run(["git", *args], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout


def sent(root: Path, commit: str) -> tuple[int, int] | None:
    """Return the tokens that are sent to amend a review by this commit, and to make it whole."""
    from piste.engine import amending, makers, project
    from piste.engine.estimate import Estimates

    git(root, "checkout", "-qf", f"{commit}^")
    git(root, "clean", "-qfdx")
    (root / "piste.toml").write_text('model = "outline"\n')
    world = project.world(root)
    for name in ("bundle", "code_review"):
        makers.make(world, world.rules[name])
    git(root, "checkout", "-qf", commit)
    world = project.world(root)
    makers.make(world, world.rules["bundle"])
    with mock.patch.object(amending, "FREE", ()):  # what costs nothing is never amended
        found = Estimates(world).of(makers.decide(world, world.rules["code_review"]))
    return (found.tokens, found.whole.tokens) if found and found.whole else None


def main() -> int:
    """Print a row for each commit, and the sum."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("repository", type=Path)
    parser.add_argument("--commits", type=int, default=10)
    parser.add_argument("--path", default="src")
    args = parser.parse_args()
    total = [0, 0]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PISTE_STORE"] = f"{folder}/store"
        root = Path(folder, "copy")
        git(Path.cwd(), "clone", "-q", str(args.repository), str(root))
        asked = ("--first-parent", "--no-merges", "--format=%H", f"-{args.commits}")
        for commit in reversed(git(root, "log", *asked, "--", args.path).split()):
            found = sent(root, commit)
            subject = git(root, "show", "-s", "--format=%s", commit).strip()[:50]
            if found is None:
                print(f"{commit[:9]}  written whole               {subject}")
                continue
            total = [total[0] + found[0], total[1] + found[1]]
            share = found[0] / found[1]
            print(f"{commit[:9]}  {found[0]:>7,} of {found[1]:>9,}  {share:5.3f}  {subject}")
    if total[1]:
        print(f"together   {total[0]:>7,} of {total[1]:>9,}  {total[0] / total[1]:5.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
