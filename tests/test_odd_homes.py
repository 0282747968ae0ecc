"""Every main verb in every odd environment: no traceback, nothing strange in the project.

One process an environment: it has all loaded, and forks for each verb. The account's entry is
taken away in it, as in a container that runs under a number of its own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

VERBS = [
    ["status"], ["check"], ["why", "plan"], ["plan"], ["log"], ["list"], ["prompt", "plan"],
    ["doctor"], ["store"], ["steps"], ["next"], ["prompt_plan_status"], ["bundle"], ["trust"],
    ["diff", "plan"], ["restore", "plan"], ["mise", "--check"], ["mise", "--global", "--check"],
    ["run"], ["attempts"], ["init"],
]  # fmt: skip
PROGRAM = """
import json, os, pwd, sys
def gone(uid):
    raise KeyError(uid)
pwd.getpwuid = gone
from piste import cli
import llm, doit
for words in json.loads(sys.argv[1]):
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        os.dup2(os.open("../said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.dup2(1, 2)
        try:
            code = cli.main(words)
        except SystemExit as ended:
            code = ended.code
        except BaseException:
            import traceback
            traceback.print_exc()
            code = 99
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    said = open("../said", encoding="utf-8", errors="replace").read()
    print(json.dumps([words, code, said, sorted(os.listdir("."))]))
"""
NOWHERE = "/dev/null/home"  # nothing can be made there, by nobody
ODD = ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")
ENVIRONMENTS: dict[str, dict[str, str | None]] = {
    "no HOME": {"HOME": None},
    "an empty HOME": {"HOME": ""},
    "HOME=/": {"HOME": "/"},
    "HOME=~": {"HOME": "~"},
    "a relative HOME": {"HOME": "rel"},
    "a HOME that cannot be": {"HOME": NOWHERE, **dict.fromkeys(ODD)},
    "a HOME that is not there yet": {"HOME": "{base}/new", **dict.fromkeys(ODD)},
    "relative XDG": {"HOME": "{base}/h", **dict.fromkeys(ODD, "rel")},
    "XDG with ~": {"HOME": "{base}/h", **dict.fromkeys(ODD, "~/x")},
    "empty XDG": {"HOME": "{base}/h", **dict.fromkeys(ODD, "")},
    "XDG that cannot be": {"HOME": "{base}/h", **dict.fromkeys(ODD, NOWHERE)},
    "no docstrings": {"HOME": "{base}/h", "PYTHONOPTIMIZE": "2"},
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_verb(project: Path, tmp_path: Path, name: str) -> None:
    (project / "a.py").write_text("print(1)\n")
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    left_out = ("HOME", "XDG_", "LLM_USER_PATH", "PISTE_")
    env = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
    # Where the home folder is "/", a test has no business in it.
    env |= {variable: f"{tmp_path}/xdg/{variable}" for variable in ODD}
    for key, value in ENVIRONMENTS[name].items():
        env.pop(key, None)
        if value is not None:
            env[key] = value.replace("{base}", str(tmp_path))

    command = [sys.executable, "-c", PROGRAM, json.dumps(VERBS)]
    done = subprocess.run(
        command, cwd=project, env=env, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=300, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [words for words, *_ in rows] == VERBS
    for words, code, said, names in rows:
        assert code in (0, 1, 2), (words, code, said)
        assert "Traceback" not in said, (words, said)
        assert "a bug in piste" not in said, (words, said)
        assert {"~", "rel"}.isdisjoint(names), words
    codes = {words[0]: code for words, code, *_ in rows}
    assert codes["status"] == 0 or "cannot" in name or "that is not" in name
