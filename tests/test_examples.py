"""The examples run, from their first line to their last."""

import re
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_tally_from_the_idea_to_the_last_tick(tmp_path: Path) -> None:
    root = tmp_path / "tally"
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "tally/run.py"), str(root)], capture_output=True,
        text=True, stdin=subprocess.DEVNULL, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 3 steps done, 4 tries, tests passed 3 times" in done.stdout
    assert re.search(r"step 2: try 1: 1 tests? failed: \S*test_\w+", done.stderr), done.stderr

    todo = (root / "todo.md").read_text()
    assert (todo.count("- [x] "), todo.count("- [ ] ")) == (9, 0)
    log = subprocess.run(
        ["git", "log", "--format=%s"], cwd=root, capture_output=True, text=True, check=True
    )
    assert re.sub(r":.*", "", log.stdout).split("\n")[:4] == [
        "step 3",
        "step 2",
        "step 1",
        "The plan",
    ]
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True, check=True
    )
    assert status.stdout == ""
    made = [sys.executable, "tally.py", "idea.md", "nothing"]
    counted = subprocess.run(made, cwd=root, capture_output=True, text=True, check=False)
    assert (counted.stdout, counted.returncode) == ("     16 idea.md\n", 1)
