"""A whole run, from an idea to the last tick, with a model that has its answers in a folder.

    python examples/tally/run.py [FOLDER]    a new folder; without one it is a temporary one

It lays out a project in FOLDER, starts the stand-in server of the tests as the model, and types
what a person would type: `doit idea`, `doit todo`, `piste run --all`. The model's second step is
red at first and mended when it is shown the failure; for the third it asks to see a file before
it writes. What comes out is a little program that works, each step one commit.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "tests"))

from support.standin import Request, StandIn, llm_user_dir  # noqa: E402

MODEL = "chat-scripted"
SETTINGS = f'model = "{MODEL}"\ntest = "{{python}} -m pytest -q -p no:cacheprovider"\n'

GIT = "[user]\n name = Example\n email = example@example.org\n[init]\n defaultBranch = main\n"


def answer(request: Request) -> str:
    """Return what the model says: the file of its replies for what it is asked."""
    step = re.search(r'<step[^>]* id="(\d+)"', request.turns[0][1])
    asked = sum(role == "user" for role, _ in request.turns)
    if step:
        again = "An earlier try" in request.turns[0][1]
        name = f"step-{step[1]}" + ("-again" if again else "-files" if asked > 1 else "")
    elif "ask exactly ONE question" in request.system:
        name = f"question-{asked}"
    else:
        document = re.search(r"^Document: (\w+)", request.prompt, re.MULTILINE)
        assert document, request.prompt[-300:]
        name = document[1]
    return (HERE / "replies" / f"{name}.md").read_text()


def main() -> int:
    """Run it; return the exit code."""
    if len(sys.argv) > 1:
        return whole_run(Path(sys.argv[1]).absolute())
    with tempfile.TemporaryDirectory(prefix="piste-tally-") as folder:
        return whole_run(Path(folder) / "tally")


def whole_run(root: Path) -> int:
    """Make the project in `root`, from the idea to the last tick."""
    root.mkdir(parents=True)
    with StandIn() as server:
        server.reply(answer)
        home = root.parent / f"{root.name}-home"
        llm_user_dir(home / "llm", server, ["scripted"])
        env = {
            **os.environ, "PISTE_ASK_IN_CI": "1", "PISTE_TRUST": "1",
            "LLM_USER_PATH": str(home / "llm"), "XDG_DATA_HOME": str(home / "data"),
            "XDG_CONFIG_HOME": str(home / "config"), "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
        }  # fmt: skip
        (home / "gitconfig").write_text(GIT)
        lay_out(root, env)
        say(root, env, "doit", "idea", "--answers", str(HERE / "answers.txt"))
        say(root, env, "doit", "todo")
        say(root, env, "piste", "steps")
        say(root, env, "git", "add", "--all")
        say(root, env, "git", "commit", "--quiet", "--message", "The plan")
        say(root, env, "piste", "run", "--all")
        say(root, env, "git", "log", "--oneline")
        say(root, env, "git", "--no-pager", "diff", "--stat", "HEAD~3")
        say(root, env, sys.executable, "tally.py", "spec.md", "todo.md")
        print(f"\nthe model was asked {len(server.requests)} times; the program is in {root}")
    return 0


def lay_out(root: Path, env: dict[str, str]) -> None:
    """Make a project of `root`: the idea, the settings, git."""
    (root / "idea.md").write_bytes((HERE / "idea.md").read_bytes())
    (root / "piste.toml").write_text(SETTINGS.format(python=sys.executable))
    (root / "dodo.py").write_text("from piste.tasks import *\n")
    (root / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    (root / ".gitignore").write_text("__pycache__/\n/.piste/*\n!/.piste/receipts/\n")
    subprocess.run(["git", "init", "--quiet"], cwd=root, env=env, check=True)


def say(root: Path, env: dict[str, str], *command: str) -> None:
    """Run a command as a person would type it, and show both."""
    shown = " ".join("python" if word == sys.executable else word for word in command)
    print(f"\n$ {shown}", flush=True)
    program = {"doit": [sys.executable, "-m", "doit"], "piste": [sys.executable, "-m", "piste.cli"]}
    words = [*program.get(command[0], [command[0]]), *command[1:]]
    subprocess.run(words, cwd=root, env=env, check=True, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
