"""Sixty canaries: in files, in the environment, in settings, in a server's errors.

None may turn up in a receipt, the store, a log, a report or a message, and none in what goes
to the model; the model's own key goes into its header and nowhere else.
"""

import json
import os
import random
import string
import subprocess
from collections.abc import Iterator

import pytest
from support import standin as standin_module
from support.standin import Fault, llm_user_dir

from fire.world import Done, World, world

_RNG = random.Random(11)
HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + string.digits


def some(length: int, letters: str = string.ascii_letters + string.digits) -> str:
    """Return a made token, so that this file holds nothing that looks like one."""
    return "".join(_RNG.choices(letters, k=length))


KEY = "sk-proj-" + some(60)  # the model's own

# In files that git lists: masked where they are packed.
PACKED = {
    "aws.py": ["AKIA" + some(16, UPPER)],
    "github.py": ["ghp_" + some(36), "github_pat_" + some(60)],
    "gitlab.yml": ["glpat-" + some(20)],
    "slack.js": ["xoxb-" + some(12, string.digits) + "-" + some(24)],
    "stripe.rb": ["sk_live_" + some(24)],
    "google.json": ["AIza" + some(35)],
    "jwt.txt": [f"eyJ{some(20)}.eyJ{some(30)}.{some(40)}"],
    "openai.toml": ["sk-proj-" + some(60)],
    "anthropic.toml": ["sk-ant-api03-" + some(93) + "AA"],
    "hf.py": ["hf_" + some(34, string.ascii_letters)],
    "npmrc.txt": ["npm_" + some(36)],
    "pypi.cfg": ["pypi-AgEIcHlwaS5vcmc" + some(70)],
    "mail.py": [f"SG.{some(22)}.{some(43)}"],
    "twilio.py": ["SK" + some(32, HEX)],
    "ocean.tf": ["dop_v1_" + some(64, HEX)],
    "vault.hcl": ["hvs." + some(90)],
    "shop.php": ["shpat_" + some(32, HEX)],
    "age.txt": ["AGE-SECRET-KEY-1" + some(58, UPPER)],
    "groq.env.sample": ["gsk_" + some(52)],
    "router.md": ["sk-or-v1-" + some(64, HEX)],
    "replicate.ts": ["r8_" + some(37)],
    "perplexity.kt": ["pplx-" + some(48)],
    "xai.go": ["xai-" + some(80)],
    "linear.swift": ["lin_api_" + some(40)],
    "postman.txt": ["PMAK-" + some(24, HEX) + "-" + some(34, HEX)],
    "docker.sh": ["dckr_pat_" + some(27)],
    "key.txt": [some(64) + "\n" + some(64)],
    "db.py": [some(14)],
    "client.yml": [some(30) + "7"],
}
FRAMES = {  # what makes a secret of a few letters one
    "key.txt": "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n",
    "db.py": "URL = 'postgres://admin:{}@db.example.org/x'\n",
    "client.yml": "client_secret: '{}'\n",
}
# In files that git ignores: never read at all, whatever their shape.
IGNORED = {
    ".env": some(20),
    "secrets/prod.txt": some(20),
    "id_rsa": some(20),
    "local.cfg": some(20),
}
ENVIRONMENT = {
    name: "env" + some(24)
    for name in (
        *(
            "AWS_SECRET_ACCESS_KEY",
            "GITHUB_TOKEN",
            "DATABASE_URL",
            "NPM_TOKEN",
            "SECRET",
            "PASSWORD",
        ),
        *("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "SLACK_TOKEN", "MY_PRIVATE_THING"),
    )
}
# In settings: a comment, a command, other keys of llm, a header of a model, git's remote.
COMMENT, COMMAND, OTHER, HEADER, REMOTE = (
    "ghp_" + some(36), "glpat-" + some(20), "sk-ant-api03-" + some(93) + "AA", "hdr" + some(24),
    some(14),
)  # fmt: skip
# Typed in the wrong place: a setting's value, a model's name, an option.
TYPED = {
    "model": "ghp_" + some(36),
    "retries": "sk_live_" + some(24),
    "store": "xoxb-" + some(12, string.digits) + "-" + some(24),
    "unknown": "AKIA" + some(16, UPPER),
    "option": "npm_" + some(36),
    "argument": "hf_" + some(34, string.ascii_letters),
}
# In what a server says of an error.
SERVER = {
    "500": "sk-proj-" + some(60),
    "400": "AKIA" + some(16, UPPER),
    "429": "xoxb-" + some(12, string.digits) + "-" + some(24),
    "401": "postgres://svc:" + some(18) + "@db.example.org/x",
    "404": "glpat-" + some(20),
    "ctx": "Bearer " + some(40),
}


def bare(secret: str) -> str:
    """The part of a canary that is secret."""
    return secret.removeprefix("postgres://svc:").partition("@")[0].removeprefix("Bearer ")


ALL = [
    *(secret for group in PACKED.values() for secret in group), *IGNORED.values(),
    *ENVIRONMENT.values(), COMMENT, COMMAND, OTHER, HEADER, REMOTE, *TYPED.values(),
    *map(bare, SERVER.values()),
]  # fmt: skip


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A repository with canaries everywhere, and a model that needs a key."""
    with world() as made:
        lay_out(made)
        for word, secret in SERVER.items():
            status, code, said = standin_module.STATUS_ERRORS[word]
            message = f"{said} Upstream said: {secret} (and your key: {{key}})"
            monkeypatch.setitem(standin_module.STATUS_ERRORS, word, (status, code, message))
        yield made


def lay_out(here: World) -> None:
    for name, secrets in PACKED.items():
        frame = FRAMES.get(name, "token = '{}'\n")
        (here.root / name).write_text("".join(frame.format(one) for one in secrets))
    for name, secret in IGNORED.items():
        (here.root / name).parent.mkdir(exist_ok=True)
        (here.root / name).write_text(f"PASSWORD={secret}\n")
    (here.root / ".gitignore").write_text(".env\nsecrets/\nlocal.cfg\nid_rsa\n.piste/*\n")
    here.settings(f"# {COMMENT}", model="chat-ok")
    llm_user_dir(here.home / "llm", here.server, ["ok", *SERVER], api_key_name="mine",
                 headers={"X-Token": HEADER})  # fmt: skip
    (here.home / "llm" / "keys.json").write_text(json.dumps({"mine": KEY, "anthropic": OTHER}))
    (here.home / "llm" / "logs-off").unlink()
    for args in (
        ["init", "-q"],
        ["remote", "add", "origin", f"https://me:{REMOTE}@example.org/x.git"],
        ["add", "-A"],
        ["-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-qm", "all"],
    ):
        subprocess.run(["git", *args], cwd=here.root, check=True, env=here.env())
    (here.folder / "tmp").mkdir()


def run(here: World, *argv: str) -> Done:
    """Run with the environment's canaries, and with reports going where they are looked at."""
    return here.run(*argv, env={**ENVIRONMENT, "TMPDIR": str(here.folder / "tmp")})


def found_in(here: World, secret: str) -> list[str]:
    """Return the files, beyond those it was planted in, that hold a secret."""
    planted = {*PACKED, *IGNORED, "piste.toml", ".git/config", "dodo.py"}
    return [
        str(path.relative_to(here.folder))
        for path in here.folder.rglob("*")
        if path.is_file()
        and os.path.relpath(path, here.root) not in planted
        and path != here.home / "llm" / "keys.json"
        and path.name != "extra-openai-models.yaml"
        and "/.git/" not in str(path)
        and secret.encode() in path.read_bytes()
    ]  # fmt: skip


def judge(here: World, secrets: list[str]) -> None:
    """Nothing is in any file, any message, or any request's body."""
    for secret in secrets:
        parts = secret.split("\n")
        for part in parts:
            assert found_in(here, part) == [], part
            assert not [one for one in here.server.requests if part in json.dumps(one.body)], part


def test_there_are_sixty_of_them() -> None:
    assert len(ALL) >= 60
    assert len(set(ALL)) == len(ALL)


def test_everyday_work_spreads_none(here: World) -> None:
    for argv in (
        *(
            ["piste", "spec"],
            ["piste", "bundle"],
            ["piste", "code_review"],
            ["piste", "status", "-a"],
        ),
        *(
            ["piste", "why", "spec"],
            ["piste", "check"],
            ["piste", "log"],
            ["piste", "status", "--json"],
        ),
        *(["piste", "prompt", "code_review"], ["piste", "list"], ["piste", "info", "spec"]),
        *(
            ["doit", "list", "-s"],
            ["piste", "diff", "spec"],
            ["piste", "restore", "spec", "--list"],
        ),
    ):
        run(here, *argv)
    assert len(here.server.requests) >= 2
    judge(here, [*ALL, KEY])
    for request in here.server.requests:
        assert request.authorization == f"Bearer {KEY}"
    packed = (here.root / "output.txt").read_text()
    assert packed.count("[masked: ") >= len(PACKED)


@pytest.mark.parametrize("protocol", ["chat", "resp"])
@pytest.mark.parametrize("word", SERVER)
def test_what_a_server_says_is_not_repeated(here: World, word: str, protocol: str) -> None:
    here.settings("retries = 0", model=f"{protocol}-{word}")
    here.server.reply(Fault(word))
    for door in ("piste", "doit"):
        done = run(here, door, "spec")
        assert done.code in (1, 2), done.said
        assert len(done.said.splitlines()) <= 4
    run(here, "piste", "log")
    run(here, "piste", "status")
    judge(here, [*ALL, KEY])


WRONG = {
    "model": f'model = "{TYPED["model"]}"',
    "retries": f'model = "chat-ok"\nretries = "{TYPED["retries"]}"',
    "store": f'model = "chat-ok"\nstore = "../{TYPED["store"]}"',
    "unknown": f'model = "chat-ok"\n"{TYPED["unknown"]}" = 1',
    "option": f'model = "chat-ok"\noptions = {{ temperature = "{TYPED["option"]}" }}',
    "command that fails": f'model = "chat-ok"\n[bundle]\ncommand = "echo no {COMMAND} >&2; exit 1"',
    "command without a bundle": f'model = "chat-ok"\n[bundle]\ncommand = "true {COMMAND}"',
}


@pytest.mark.parametrize("door", ["piste", "doit"])
@pytest.mark.parametrize("name", WRONG)
def test_what_is_typed_in_the_wrong_place_is_not_repeated(
    here: World, name: str, door: str
) -> None:
    (here.root / "piste.toml").write_text(WRONG[name])
    for argv in ([door, "spec"], [door, "bundle"], ["piste", "status"], ["piste", "check"]):
        done = run(here, *argv)
        assert "Traceback" not in done.said
    judge(here, [*TYPED.values(), COMMAND, KEY])


def test_an_argument_is_not_repeated(here: World) -> None:
    for argv in (["piste", "spec", "--model", TYPED["argument"]], ["piste", TYPED["argument"]],
                 ["piste", "why", TYPED["argument"]]):  # fmt: skip
        assert run(here, *argv).code == 2
    judge(here, [TYPED["argument"], KEY])


def test_a_report_of_a_bug_holds_none(here: World) -> None:
    """The one place with a traceback: no setting, no environment, no secret in it."""
    secret = TYPED["argument"]
    (here.root / "dodo.py").write_text(
        "from piste.tasks import *\nfrom piste.engine import freshness\n"
        f"def broken(*_):\n    raise RuntimeError('token: {secret}')\n"
        "freshness.decide = broken\n"
    )
    done = run(here, "piste", "spec")
    assert "a bug in piste" in done.said
    reports = list((here.folder / "tmp").glob("piste-report-*"))
    assert reports
    judge(here, [*ALL, KEY])
