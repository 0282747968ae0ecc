"""A real aider against the stand-in server: three steps, the first of them red at first.

    python -m support.realaider [ENVIRONMENT]    in tests/; an environment that has aider-chat

It is no part of the tests, since aider needs a hundred packages of its own; it was last run with
aider 0.86.2. It fails where aider is not found, or where one of its answers is not read.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from support.rig import FILES, Rig
from support.standin import Request, StandIn

GIT = "[user]\n name = Test\n email = test@example.org\n[init]\n defaultBranch = main\n"


def answer(request: Request) -> str:
    """Return a file as aider's form `whole` has it."""
    said = "\n".join(text for _, text in request.turns)
    step = re.search(r'<step[^>]* id="(\d)"', said)
    assert step, said
    word = "bad" if step[1] == "1" and "An earlier try" not in said else "good"
    return f"Here it is.\n\n{FILES[int(step[1])]}\n```\n{word}\n```\n"


def main() -> int:
    """Run it; return the exit code."""
    with (
        tempfile.TemporaryDirectory(prefix="piste-aider-") as folder,
        pytest.MonkeyPatch.context() as patched,
        StandIn() as server,
    ):
        home = Path(folder)
        (home / "gitconfig").write_text(GIT)
        named = f"{sys.argv[1]}/bin{os.pathsep}" if len(sys.argv) > 1 else ""
        for name, value in {
            "HOME": folder, "GIT_CONFIG_GLOBAL": str(home / "gitconfig"), "CI": "",
            "PATH": named + os.environ["PATH"],
            "OPENAI_API_BASE": server.url, "OPENAI_API_KEY": "none",
        }.items():  # fmt: skip
            patched.setenv(name, value)
        server.reply(answer)
        rig = Rig.make(home, patched)
        rig.use(agent="aider", agents={"aider": {"model": "openai/any"}}, agent_timeout=300)
        outcomes = [rig.step() for _ in range(3)]
        print("\n".join(map(str, outcomes)))
        subprocess.run(["git", "log", "--stat"], cwd=rig.root, check=True)
        assert [(one.result, one.tries) for one in outcomes] == [
            ("done", 2), ("done", 1), ("done", 1),
        ]  # fmt: skip
        assert all(one.input_tokens and one.output_tokens for one in outcomes)
        assert rig.git("status", "--porcelain") == ""
    return 0


if __name__ == "__main__":
    sys.exit(main())
