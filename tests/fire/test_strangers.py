"""Repositories of strangers: whoever looks into one gives nothing away, runs nothing, never waits.

A row of the tables below is a hostile repository: a name that piste reads, and what lies there
instead of what piste expects. Every verb that reads the name is run in it. The judge looks for
canaries (a key and a variable outside the project) in all that was said, written or sent; for the
trace of a program that no verb may start; for a command that takes long, or much memory; and for
how it ends: an exit code from 0 to 3, one line where it is a mistake, no traceback.

A new kind of file, name or verb is a new row.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from fire.world import Done, World, world
from piste.engine import receipts
from piste.steps import attempt

CANARY = "CANARY-5d41402abc4b2a76"
MEMORY = 300 << 20  # bytes beyond what a command begins with
SECONDS = 2.0  # of the processor; a command that waits for something is ended by the clock
RAN = "ran-by-a-stranger"
RECEIPT = ".piste/receipts/prompt_plan.md.json"

Lay = Callable[[Path], object]


def outside(path: Path) -> Path:
    """The file of the machine that no repository may reach."""
    top = next(folder for folder in path.parents if (folder / "home").is_dir())
    return top / "home" / "id_canary"


def huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 3 << 30)  # no byte of it is on the disk


KINDS: dict[str, Lay] = {
    "a link to a key": lambda path: path.symlink_to(outside(path)),
    "a link to the environment": lambda path: path.symlink_to("/proc/self/environ"),
    "a link to /dev/zero": lambda path: path.symlink_to("/dev/zero"),
    "a link to /dev/stdin": lambda path: path.symlink_to("/dev/stdin"),
    "a link into .git": lambda path: path.symlink_to(path.parent / ".git/config"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a huge file": huge,
    "bytes": lambda path: path.write_bytes(b"\x1b]0;t\x07\xff\0" * 999),
    "a million brackets": lambda path: path.write_bytes(b"[" * 1_000_000),
}

LOOK = ("status", "check")
PLAN = ("status", "why plan", "diff plan", "prompt todo")
STEPS = ("steps", "next --full", "prompt_plan_status")
PACK = ("bundle --dry",)
BUILDS = ("plan", "code_review", "clean_bundles")  # doit tells of each task
NAMES: dict[str, tuple[str, ...]] = {
    "piste.toml": ("status", "list", "doctor"),
    "pyproject.toml": ("check", "list"),
    "dodo.py": ("status", "list"),
    "doit.cfg": ("status", "list"),
    "idea.md": ("status -a", "prompt spec"),
    "brainstorm.md": ("status -a", "prompt spec"),
    "spec.md": ("status", "check", "plan"),
    "prompt_plan.md": (*PLAN, *STEPS),
    "todo.md": ("status", "diff todo", "restore todo --list"),
    "prompts/plan.md.j2": ("why plan", "prompt plan", "plan"),
    "prompts/_rules.md.j2": ("prompt plan", "plan"),
    "prompts": ("status", "plan"),
    ".piste/receipts": ("check", "why plan"),
    RECEIPT: ("status", "why plan", "store gc --dry", "doctor"),
    ".piste/receipts/steps": ("steps", "status"),
    ".piste/receipts/steps/01.json": ("steps", "next", "doctor"),
    ".piste/log.jsonl": ("log", "restore plan --list"),
    ".piste/rejected": ("status", "why plan"),
    ".piste/memo": ("status",),
    ".piste/bundle": PACK,
    ".piste/bundle/made.json": PACK,
    ".piste/run/state.json": ("steps", "status", "next"),
    ".gitignore": PACK,
    ".pisteignore": PACK,
    ".ignore": PACK,
    "output.txt": ("status -a", *PACK, "prompt code_review"),
    "mise.toml": ("doctor", "mise --project --check"),
    "src/main.py": PACK,
    "st": ("store", "store verify", "store gc --dry"),
}
# A folder under these names is what belongs there.
FOLDERS = {"prompts", ".piste/receipts", ".piste/receipts/steps", ".piste/rejected",
           ".piste/bundle", "st"}  # fmt: skip


@pytest.fixture(scope="module")
def made() -> Iterator[World]:
    """A project whose line is made, with a key and a variable outside that nobody may see."""
    with world() as here:
        (here.home / "id_canary").write_text(f"{CANARY}\n")
        here.settings(
            f'test = "touch {here.folder}/{RAN}"', f'notify = "touch {here.folder}/{RAN}"'
        )
        (here.root / "src").mkdir()
        (here.root / "src/main.py").write_text("print('hello')\n")
        (here.root / ".git").mkdir()
        (here.root / ".git/config").write_text(f"# {CANARY}\n")
        done = here.run("piste", "todo")
        assert done.code == 0, done.said
        yield here


@pytest.fixture
def copied(made: World) -> Iterator[Path]:
    """A copy of it, for a row to spoil."""
    root = made.folder / "stranger"
    shutil.copytree(made.root, root, symlinks=True)
    yield root
    shutil.rmtree(root)


def put(root: Path, name: str, lay: Lay) -> None:
    """Let a name of the project be what a row says."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    lay(path)


def look(here: World, root: Path, verb: str, seconds: float = SECONDS, **more: object) -> Done:
    """Run a verb there and judge it; return what it said."""
    before = len(here.server.requests)
    env = {"CANARY": CANARY, **more.pop("env", {})}  # type: ignore[dict-item]
    done = here.run("piste", *verb.split(), cwd=root, env=env, memory=MEMORY, **more)
    assert done.code in range(4), (verb, done)
    assert "Traceback" not in done.said, (verb, done.said)
    assert CANARY not in done.said, (verb, done.said)
    assert done.seconds < seconds, (verb, done.seconds)
    assert "\x1b]" not in done.err, (verb, done.err)  # stdout is a file: as it is
    if done.code >= 2 and verb not in BUILDS:
        assert len(done.err.strip().splitlines()) == 1, (verb, done.err)
    for request in here.server.requests[before:]:
        assert CANARY not in request.prompt, verb
    assert not (here.folder / RAN).exists(), verb
    return done


def gives_nothing_away(root: Path) -> None:
    """No file of the project holds the canary afterwards."""
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink() and ".git" not in path.parts:
            with path.open("rb") as file:
                assert CANARY.encode() not in file.read(1 << 20), path


# A dodo.py is a program: what Python says of one that is none is Python's.
EXPECTED = {(name, "a folder") for name in FOLDERS} | {("dodo.py", "a million brackets")}
ROWS = [(name, kind) for name in NAMES for kind in KINDS if (name, kind) not in EXPECTED]


@pytest.mark.parametrize("name", NAMES)
def test_whatever_lies_under_a_name(made: World, copied: Path, name: str) -> None:
    if name == "st":
        with (copied / "piste.toml").open("a") as file:
            file.write('store = "st"\n')
    for kind in [kind for of, kind in ROWS if of == name]:
        put(copied, name, KINDS[kind])
        for verb in NAMES[name]:
            look(made, copied, verb)
        gives_nothing_away(copied)


def test_there_are_enough_rows() -> None:
    assert len(ROWS) >= 250


# Forged ----------------------------------------------------------------------------------


def receipt(**changes: object) -> Callable[[bytes], bytes]:
    """A receipt that agrees with its own key and seal, with other fields than before."""

    def forged(old: bytes) -> bytes:
        raw = {**json.loads(old), **changes}
        fields = {name: raw[name] for name in ("target", "rule", "action", "inputs", "output")}
        return receipts.dump(receipts.Receipt(**fields))

    return forged


def plain(data: bytes) -> Callable[[bytes], bytes]:
    return lambda old: data


# 21 bytes that ask marshal for gigabytes, and 29 that end the process.
BOMBS = (b"[" + (2**31 - 1).to_bytes(4, "little"), b"(\xff\xff\xff\x7f" * 4, b"r\xff\xff\xff\xff")
STATE = json.dumps({"schema": 1, "step": "01", "phase": "landed", "branch": "../../x"}).encode()
LINES = (
    b'{"date": {}, "target": 7}\n[]\nnull\n{"date": "\x1b[2J", "target": "x", "event": "made"}\n'
)
FORGED: dict[str, tuple[str, Callable[[bytes], bytes], tuple[str, ...]]] = {
    "an output that is a path": (RECEIPT, receipt(output="../../home/id_canary"), PLAN),
    "an input's digest that is a path": (
        RECEIPT, receipt(inputs={"spec.md": "../../../home/id_canary"}), (*PLAN, "store gc --dry"),
    ),
    "an input that is a path": (RECEIPT, receipt(inputs={"../home/id_canary": "0" * 64}), PLAN),
    "a prompt's digest that is a path": (
        RECEIPT, receipt(action={"prompt": "x", "prompt_sha256": "../../home/id_canary"}), PLAN,
    ),
    "another target": (RECEIPT, receipt(target="../home/id_canary"), PLAN),
    "a number without end": (RECEIPT, plain(b'{"schema": ' + b"9" * 9_000 + b"}"), PLAN),
    **{
        f"a memo, {number}": (".piste/memo", plain(bomb), (*LOOK, "list", "log", "why plan"))
        for number, bomb in enumerate(BOMBS)
    },
    "a log": (".piste/log.jsonl", plain(LINES), ("log", "status", "restore plan --list")),
    "bundles elsewhere": (
        ".piste/bundle/made.json", plain(b'{"../home/id_canary": "0", "/etc/passwd": "0"}'),
        ("status -a", "clean_bundles"),
    ),
    "an attempt": (".piste/run/state.json", plain(STATE), (*STEPS, "status")),
    "a record": (
        ".piste/receipts/steps/01.json", plain(b'{"schema": 1, "key": "0", "step": "../x"}'),
        (*STEPS, "status"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FORGED)
def test_what_is_forged_leads_nowhere(made: World, copied: Path, what: str) -> None:
    name, forge, verbs = FORGED[what]
    path = copied / name
    old = path.read_bytes() if path.exists() else b""
    put(copied, name, lambda path: path.write_bytes(forge(old)))
    for verb in verbs:
        look(made, copied, verb)
    assert (made.home / "id_canary").read_text() == f"{CANARY}\n"
    gives_nothing_away(copied)


def test_a_cache_in_the_repository_is_not_believed(made: World, copied: Path) -> None:
    """Whatever an earlier run could have left there, the answer is that of a fresh look."""
    honest = look(made, copied, "bundle --stdout").out
    for name in ("memo", "fresh", "settings", "bundle/bundle.known", "bundle/bundle-0.state"):
        put(copied, f".piste/{name}", lambda path: path.write_bytes(b"\0" * 100))
    assert look(made, copied, "bundle --stdout").out == honest
    assert list((made.home / ".cache/piste/projects").iterdir()) != []


def test_a_store_that_is_a_link_is_refused_and_nothing_goes(made: World, copied: Path) -> None:
    outside = made.folder / "theirs"
    (outside / "blobs/ab").mkdir(parents=True)
    for name in ("notes.md", "blobs/notes.md", f"blobs/ab/{'ab' * 32}"):
        (outside / name).write_text("theirs")
        os.utime(outside / name, (0, 0))
    (copied / "piste.toml").write_text('model = "chat-ok"\nstore = "st"\n')
    before = sorted(outside.rglob("*"))
    for link, to in (("st", outside), ("st/blobs", outside / "blobs")):
        put(copied, link, lambda path, to=to: path.symlink_to(to))  # type: ignore[misc]
        done = look(made, copied, "store gc")
        assert "leads out of the project" in done.err
        (copied / link).unlink()
        (copied / "st").mkdir(exist_ok=True)
    assert sorted(outside.rglob("*")) == before
    shutil.rmtree(outside)


def test_inputs_of_more_than_any_model_takes_are_named(made: World, copied: Path) -> None:
    put(copied, "spec.md", huge)
    done = look(made, copied, "prompt plan")
    assert done.code == 2
    assert "spec.md with 3.22 GB" in done.err
    assert "max_input" in done.err


DEEP = ("status -a", "check", "why plan", "doctor", "steps", "log", "bundle --dry", "prompt plan")


@pytest.mark.parametrize("top", [".piste/receipts", "prompts", "src"])
def test_a_folder_two_thousand_deep(made: World, copied: Path, top: str) -> None:
    (copied / top).mkdir(parents=True, exist_ok=True)
    here = os.open(copied / top, os.O_RDONLY)
    for _ in range(2000):
        os.mkdir("d", dir_fd=here)
        here, above = os.open("d", os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.close(os.open("x.json", os.O_CREAT, dir_fd=here))
    os.close(here)
    try:
        for verb in DEEP:
            assert "a bug in piste" not in look(made, copied, verb).said
    finally:
        subprocess.run(["rm", "-r", copied / top], check=True)


# What piste writes in a folder that came along ---------------------------------------------

RUN = ".piste/run"
WRITTEN = ("state.json", "ready", "ignored", "index", "message", "commit.log", "hooks.trace",
           "excludes", "lock", "busy", "lent", "aside", "logs", "logs/debug.tests",
           "logs/1.1.tests", "")  # fmt: skip


# Its agent writes a file, and its tests are red at first: all files of a try are written.
WORKS = """model = "chat-ok"
test = "test -e made"
agent = "own"
[agents.own]
command = "touch made"
"""


def in_git(root: Path) -> None:
    shutil.rmtree(root / ".git")
    (root / ".gitignore").write_text(".piste/*\n!.piste/receipts/\n")
    git(root, "init", "-q")
    git(root, "config", "user.name", "a")
    git(root, "config", "user.email", "a@b.c")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "x")


@pytest.mark.parametrize("kind", ["a link to a key", "a link to a folder", "a pipe", "a huge file"])
def test_what_piste_writes_goes_nowhere_else(made: World, copied: Path, kind: str) -> None:
    """Also where the person has said yes: that was for what runs, and not for what is read."""
    (copied / "piste.toml").write_text(WORKS)
    in_git(copied)
    first = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=copied, text=True).strip()
    theirs = made.home / "theirs"
    theirs.mkdir(exist_ok=True)
    for name in WRITTEN:
        place = f"{RUN}/{name}".rstrip("/")
        lay = KINDS.get(kind, lambda path: path.symlink_to(theirs))
        put(copied, place, lay)
        for verb in ("debug", "run"):
            look(made, copied, verb, seconds=6.0)
        assert (made.home / "id_canary").read_text() == f"{CANARY}\n", name
        assert not list(theirs.iterdir()), name
        git(copied, "reset", "--hard", "-q", first)
        shutil.rmtree(copied / RUN) if name else (copied / RUN).unlink()
    theirs.rmdir()


def test_a_program_that_is_a_link_out_is_named_and_not_read(made: World, copied: Path) -> None:
    put(copied, "dodo.py", KINDS["a link to a key"])
    done = look(made, copied, "trust --show", env={"PISTE_TRUST": ""})
    assert "dodo.py" in done.out
    look(made, copied, "trust", env={"PISTE_TRUST": ""})
    for answer in (made.home / ".local/state/piste/trust").iterdir():
        assert CANARY not in answer.read_text()
        answer.unlink()


# Owners ----------------------------------------------------------------------------------

SOMEBODY = 12345


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("mark", ["piste.toml", "dodo.py", ".piste", ".git", "pyproject.toml"])
def test_a_project_of_another_account(made: World, mark: str) -> None:
    """In a shared folder above: refused in one line, by every verb, until it is allowed."""
    shared = made.folder / "shared"
    below = shared / "mine" / "deeper"
    below.mkdir(parents=True)
    path = shared / mark
    table = "[tool.piste]\n" if mark == "pyproject.toml" else ""
    path.mkdir() if mark in (".piste", ".git") else path.write_text(table)
    os.chown(path, SOMEBODY, SOMEBODY)
    for verb in ("status", "check", "list", "log", "steps", "bundle --dry", "doctor", "store"):
        done = look(made, below, verb)
        assert done.code == 2, (verb, done)
        assert "belongs to" in done.err
        assert "safe_folders" in done.err
    for env in ({"PISTE_SAFE_FOLDERS": str(shared)}, {"SUDO_UID": str(SOMEBODY)}):
        assert "belongs to" not in look(made, below, "status", env=env).said
    shutil.rmtree(shared)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_roots_own_project_is_not_anothers_to_obey(made: World, copied: Path) -> None:
    for path in (made.folder, copied, *copied.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    done = look(made, copied, "status", uid=65534)
    assert done.code == 2
    assert "belongs to" in done.err


# git's own folder ------------------------------------------------------------------------

LOOKS = ("status", "check", "steps", "trace", "next --full", "bundle --dry", "bundle --stdout",
         "bundle --stdout --diff", "bundle --stdout --log 5", "bundle --stdout --since HEAD",
         "doctor", "log", "prompt code_review", "plan", "code_review")  # fmt: skip


def git(root: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)


def theirs(root: Path) -> Path:
    """A repository of the person's, outside; its files and its history hold the canary."""
    top = outside(root).parent / "theirs"
    top.mkdir()
    for name in ("secret.md", "spec.md", "src.py", f"{CANARY}.md"):
        (top / name).write_text(f"{CANARY}\n")
    git(top, "init", "-q")
    git(top, "add", "-A")
    git(top, "commit", "-qm", f"say {CANARY}")
    (top / "src.py").write_text(f"changed {CANARY}\n")
    return top


def setting(text: str) -> Callable[[Path, Path], object]:
    def lay(root: Path, top: Path) -> None:
        with (root / ".git/config").open("a") as file:
            file.write(text.format(root=root, top=top, ran=root.parent / RAN))

    return lay


def waits(root: Path, name: str) -> Path:
    path = root / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    return path


def gitfile(root: Path, top: Path) -> None:
    shutil.rmtree(root / ".git")
    (root / ".git").write_text(f"gitdir: {top}/.git\n")


def linked(root: Path, top: Path) -> None:
    shutil.rmtree(root / ".git")
    (root / ".git").symlink_to(top / ".git")


def alternates(root: Path, top: Path) -> None:
    """Objects of theirs, and a HEAD at their commit."""
    (root / ".git/objects/info/alternates").write_text(f"{top}/.git/objects\n")
    at_their_commit(root, top)


def alternates_of_alternates(root: Path, top: Path) -> None:
    """Objects that lie in the folder, and take from theirs in turn."""
    (root / "more/info").mkdir(parents=True)
    (root / "more/info/alternates").write_text(f"../../theirs/.git/objects\n{top}/.git/objects\n")
    (root / ".git/objects/info/alternates").write_text("../../more\n")
    at_their_commit(root, top)


def linked_objects(name: str) -> Callable[[Path, Path], None]:
    """Links of their objects, of those folders of them that have this name."""

    def lay(root: Path, top: Path) -> None:
        git(top, "gc", "-q") if name == "pack/*" else None
        for path in sorted((top / ".git").glob(f"objects/{name}".rstrip("/"))):
            here = root / path.relative_to(top)
            if here.is_dir():
                shutil.rmtree(here)
            here.parent.mkdir(parents=True, exist_ok=True)
            here.symlink_to(path)
        at_their_commit(root, top)

    return lay


def common(root: Path, top: Path) -> None:
    (root / ".git/commondir").write_text(f"{top}/.git\n")


def of_a_worktree(root: Path, top: Path) -> None:
    """A folder like that of a worktree or submodule, brought along, that names theirs."""
    (root / ".git").rename(root / "g")
    (root / ".git").write_text("gitdir: g\n")
    (root / "g/commondir").write_text(f"{top}/.git\n")
    (root / "g/gitdir").write_text(f"{root}/.git\n")
    setting_of = root / "g/config"
    setting_of.write_text(f"{setting_of.read_text()}[core]\n worktree = {root}\n")


def their_index(name: str) -> Callable[[Path, Path], None]:
    """Their list of files, or the part of it that does not change."""

    def lay(root: Path, top: Path) -> None:
        if name == "sharedindex.*":
            git(top, "update-index", "--split-index")
            shutil.copy(top / ".git/index", root / ".git/index")
        for path in (top / ".git").glob(name):
            (root / ".git" / path.name).unlink(missing_ok=True)
            (root / ".git" / path.name).symlink_to(path)

    return lay


def inside(root: Path, top: Path) -> None:
    """A repository within this one, which is entered, and leads to theirs."""
    (root / "sub").mkdir()
    (root / "sub/.git").write_text(f"gitdir: {top}/.git\n")
    with (root / "piste.toml").open("a") as file:
        file.write("[bundle]\nsubmodules = true\n")


def at_their_commit(root: Path, top: Path) -> None:
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=top, text=True)
    (root / ".git/HEAD").write_text(head)


def hooks(root: Path, top: Path) -> None:
    folder = root / "hooks"
    folder.mkdir()
    for name in ("post-checkout", "pre-commit", "post-index-change", "reference-transaction"):
        (folder / name).write_text(f"#!/bin/sh\ntouch {root.parent / RAN}\n")
        (folder / name).chmod(0o755)
    setting("[core]\n hooksPath = hooks\n")(root, top)


GIT: dict[str, Callable[[Path, Path], object]] = {
    "a worktree elsewhere": setting("[core]\n worktree = {top}\n"),
    "a worktree at the root of all": setting("[core]\n worktree = /\n"),
    "a gitfile that leads out": gitfile,
    "a .git that is a link": linked,
    "alternates that lead out": alternates,
    "alternates of alternates": alternates_of_alternates,
    "objects that are a link": linked_objects(""),
    "folders of objects that are links": linked_objects("??"),
    "objects that are links": linked_objects("??/*"),
    "packs that are links": linked_objects("pack/*"),
    "a repository with the refs and objects of another": common,
    "an index that is a link": their_index("index"),
    "a shared index that is a link": their_index("sharedindex.*"),
    "a repository inside that leads out": inside,
    "a worktree's folder that came along": of_a_worktree,
    "ignored names from a pipe": lambda root, top: (
        waits(root, "pipe"), setting("[core]\n excludesFile = {root}/pipe\n")(root, top),
    ),
    "ignored names without end": setting("[core]\n excludesFile = /dev/zero\n"),
    "info/exclude is a pipe": lambda root, top: waits(root, ".git/info/exclude"),
    "info/exclude is without end": lambda root, top: (
        (root / ".git/info/exclude").unlink(missing_ok=True),
        (root / ".git/info/exclude").symlink_to("/dev/zero"),
    ),
    "attributes from a pipe": lambda root, top: (
        waits(root, "pipe"), setting("[core]\n attributesFile = {root}/pipe\n")(root, top),
    ),
    "info/attributes is a pipe": lambda root, top: waits(root, ".git/info/attributes"),
    "an include from a pipe": lambda root, top: (
        waits(root, "pipe"), setting("[include]\n path = {root}/pipe\n")(root, top),
    ),
    "an include of a key": setting("[include]\n path = {top}/secret.md\n"),
    "hooks": hooks,
    "an index that is a pipe": lambda root, top: waits(root, ".git/index"),
    "a HEAD that is a pipe": lambda root, top: waits(root, ".git/HEAD"),
    "a branch that is a pipe": lambda root, top: (
        (root / ".git/HEAD").write_text("ref: refs/heads/slow\n"),
        waits(root, ".git/refs/heads/slow"),
    ),
    "an include of an include of a pipe": lambda root, top: (
        waits(root, "pipe"), (root / "more").write_text("[include]\n path = pipe\n"),
        setting("[include]\n path = ../more\n")(root, top),
    ),
    "a repository elsewhere that waits": lambda root, top: (
        gitfile(root, top), waits(top, ".git/info/exclude"),
    ),
    "a config that is a pipe": lambda root, top: waits(root, ".git/config"),
}  # fmt: skip


@pytest.mark.parametrize("what", GIT)
def test_whatever_stands_in_gits_own_folder(made: World, copied: Path, what: str) -> None:
    top = theirs(copied)
    shutil.rmtree(copied / ".git")
    git(copied, "init", "-q")
    git(copied, "add", "-A")
    git(copied, "commit", "-qm", "x")
    GIT[what](copied, top)
    try:
        for verb in LOOKS:
            look(made, copied, verb, env={"PISTE_TRUST": ""})  # nobody has said yes
        gives_nothing_away(copied)
    finally:
        shutil.rmtree(top)


WORDS = ("../../home/id_canary", "--output=/dev/stdout", "\x1b]0;x\x07", "HEAD")


@pytest.mark.parametrize("phase", [attempt.AGENT, attempt.REVIEW, attempt.LAND, attempt.BLOCKED])
def test_an_attempt_that_came_along_counts_for_nothing(
    made: World, copied: Path, phase: str
) -> None:
    """All of its fields are there and say something; nothing moves, and nothing is run."""
    in_git(copied)
    refs = subprocess.check_output(["git", "show-ref"], cwd=copied)
    for word in WORDS:
        texts = {one.name: word for one in fields(attempt.Attempt) if one.type is str}
        forged = attempt.Attempt(**{**texts, "phase": phase}, landing=(word, word), asked=(word,))  # type: ignore[arg-type]
        attempt.save(copied, forged)  # with the key of whoever runs the tests
        assert attempt.load(copied) == forged
        for verb in (*STEPS, "status", "attempts", "run", "done", "why 1"):
            done = look(made, copied, verb, env={"PISTE_TRUST": ""})
            assert word not in done.said or word == "HEAD", (verb, done)
        assert subprocess.check_output(["git", "show-ref"], cwd=copied) == refs
    gives_nothing_away(copied)


@pytest.mark.parametrize("phase", [attempt.LAND, attempt.COMMIT, attempt.GREEN, attempt.REVIEW])
def test_nothing_lands_that_the_person_has_not_made(made: World, copied: Path, phase: str) -> None:
    """Though the folder was allowed: a commit that came along, said to be finished and approved."""
    (copied / "piste.toml").write_text(
        WORKS.replace("touch made", "true").replace("test -e made", "true")
    )
    in_git(copied)
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=copied, text=True).strip()
    (copied / "evil").write_text("x")
    git(copied, "checkout", "-q", "-b", "piste-attempts/x/1.1")
    git(copied, "add", "evil")
    git(copied, "commit", "-qm", "evil")
    evil = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=copied, text=True).strip()
    tree = subprocess.check_output(["git", "rev-parse", "HEAD^{tree}"], cwd=copied, text=True)
    git(copied, "checkout", "-q", "-")
    link = json.loads(look(made, copied, "next --json").out)
    attempt.save(copied, attempt.Attempt(
        step="1", title="Count", digest=link["digest"], prompt=link["prompt"], agent="own",
        version="", model="", test="true", branch="piste-attempts/x/1.1", base=head, start=head,
        phase=phase, work=evil, commit=evil, approved=tree.strip(),
    ))  # fmt: skip
    look(made, copied, "run", seconds=6.0)
    where = ("--branches=ma*", "--branches=piste/*")
    tips = subprocess.check_output(["git", "log", "--format=%H", *where], cwd=copied, text=True)
    assert head in tips
    assert evil not in tips
    assert not (copied / "evil").exists()
