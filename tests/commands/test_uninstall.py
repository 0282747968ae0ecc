"""`piste uninstall`: what is piste's goes after a yes; documents and a person's own stay."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.rig import Rig
from support.terminal import Terminal

from piste.commands import uninstall
from piste.engine import own_files, project, receipts, trust
from piste.system import caches

from .conftest import Say, build, tree

WRITTEN = {"piste.toml", "dodo.py", ".gitignore", ".gitattributes", ".piste"}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, say: Say) -> Path:
    """A project that `piste init` laid out, with its documents, the bundle and mise's tasks."""
    root = tmp_path / "fresh"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv("PISTE_MODEL", "outline")
    (root / "spec.md").write_text("# Tally\n\nCounts.\n\n## Requirements\n\n1. Count.\n")
    (root / "app.py").write_text("x = 1\n")
    assert say("init").code == 0
    build(root, "plan", "bundle")
    assert say("mise").code == 0
    return root


def goes(say: Say) -> dict[str, str]:
    return {one["name"]: one["about"] for one in say("uninstall", "--json").json["goes"]}


def stays(say: Say) -> dict[str, str]:
    return {one["name"]: one["about"] for one in say("uninstall", "--json").json["stays"]}


def test_a_look_changes_nothing_and_names_the_way(
    installed: Path, own_home: Path, say: Say
) -> None:
    before = tree(installed, own_home)
    said = say("uninstall")
    assert said.code == 0
    assert said.out.endswith("nothing was removed; piste uninstall --yes removes it\n")
    assert tree(installed, own_home) == before


def test_all_of_it_goes_and_the_documents_stay(installed: Path, own_home: Path, say: Say) -> None:
    cache, answer = caches.folder(installed), trust.place(installed)
    assert cache.is_dir()
    assert answer.is_file()
    plan = (installed / "prompt_plan.md").read_bytes()
    assert say("uninstall", "--yes").out.splitlines()[-1] == "removed"
    assert sorted(os.listdir(installed)) == ["app.py", "prompt_plan.md", "spec.md"]
    assert (installed / "prompt_plan.md").read_bytes() == plan
    assert not cache.exists()
    assert not answer.exists()
    assert (own_home / ".local/share/piste/store/replies").is_dir()
    assert "nothing of piste's that could go is here" in say("uninstall").out


def test_what_init_wrote_is_all_known(
    tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that `init` begins to write has to go as well."""
    root = tmp_path / "bare"
    root.mkdir()
    assert say("init", str(root)).code == 0
    monkeypatch.chdir(root)
    assert say("uninstall", "--yes").code == 0
    assert os.listdir(root) == []


def test_a_persons_lines_stay_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, say: Say
) -> None:
    monkeypatch.chdir(tmp_path)
    quoted = b"'''\nfrom piste.tasks import *  # noqa: F403\n'''\n\n"
    mine = {
        ".gitignore": b"# mine\r\n*.log\r\n/output.txt\r\n",
        ".gitattributes": b"*.png binary\n/spec.md text eol=lf\n",
        "dodo.py": quoted + b"def task_x():\n    pass\n",
    }
    for name, data in mine.items():
        (tmp_path / name).write_bytes(data)
    say("init")
    own = own_files.DODO.encode() + b"\n\ndef task_y():\n    pass\n"
    for name, data in mine.items():
        assert (tmp_path / name).read_bytes() != data or name == "dodo.py"
    assert "may be yours: /output.txt" in stays(say)[".gitignore"]
    say("uninstall", "--yes")
    for name, data in mine.items():
        assert (tmp_path / name).read_bytes() == data
    (tmp_path / "dodo.py").write_bytes(own)
    say("uninstall", "--yes")
    assert (tmp_path / "dodo.py").read_bytes() == b"def task_y():\n    pass\n"


def test_a_line_that_a_person_wrote_is_named(installed: Path, say: Say) -> None:
    (installed / "dodo.py").write_text("from piste.tasks import *\n\ndef task_y():\n    pass\n")
    assert "dodo.py" not in goes(say)
    assert "fail once piste is gone" in stays(say)["dodo.py"]


@pytest.mark.parametrize(
    ("name", "line"),
    [("piste.toml", 'test = "make check"\n'), (".config/mise/conf.d/piste.toml", "# mine\n"),
     ("output.txt", "mine\n")],
)  # fmt: skip
def test_a_file_that_was_edited_stays(installed: Path, say: Say, name: str, line: str) -> None:
    path = installed / name
    path.write_text(path.read_text() + line)
    data = path.read_bytes()
    assert name in stays(say)
    say("uninstall", "--yes")
    assert path.read_bytes() == data


def test_a_model_that_a_person_chose_stays(
    tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("init", str(tmp_path), "--model", "outline")
    monkeypatch.chdir(tmp_path)
    assert stays(say)["piste.toml"] == "your settings"


def test_a_file_of_somebody_else_in_the_folder_stays(installed: Path, say: Say) -> None:
    note = installed / ".piste/note.md"
    note.write_text("mine")
    assert stays(say)[".piste"] == "not written by piste: .piste/note.md"
    say("uninstall", "--yes")
    assert os.listdir(installed / ".piste") == ["note.md"]


def test_what_a_person_said_of_a_finding_stays(installed: Path, say: Say) -> None:
    word = installed / receipts.FINDINGS / "review/F1.json"
    word.parent.mkdir(parents=True)
    word.write_text("{}")
    assert "1 word of yours on findings" in stays(say)[receipts.FINDINGS]
    say("uninstall", "--yes")
    assert word.read_text() == "{}"
    assert os.listdir(installed / ".piste/receipts") == ["findings"]


@pytest.mark.parametrize(
    "name", [".piste", ".piste/receipts", ".piste/log.jsonl", ".gitignore", ".gitattributes",
             "dodo.py", "piste.toml", ".config", ".config/mise/conf.d/piste.toml", "output.txt"],
)  # fmt: skip
@pytest.mark.parametrize("inside", [True, False])
def test_nothing_behind_a_link_is_touched(
    installed: Path, tmp_path: Path, say: Say, name: str, inside: bool
) -> None:
    """A repository may hold any of them as a link, to a folder of the person's."""
    elsewhere = (installed if inside else tmp_path) / "elsewhere"
    (installed / name).rename(elsewhere)
    (installed / name).symlink_to(elsewhere)
    before = tree(elsewhere) if elsewhere.is_dir() else elsewhere.read_bytes()
    say("uninstall", "--yes")
    assert (installed / name).is_symlink()
    assert (tree(elsewhere) if elsewhere.is_dir() else elsewhere.read_bytes()) == before


@pytest.mark.parametrize("name", ["../victim.txt", "link/victim.txt", "/etc/passwd", "spec.md"])
def test_a_record_of_bundles_that_somebody_made_up_removes_nothing(
    installed: Path, tmp_path: Path, say: Say, name: str
) -> None:
    (installed / "link").symlink_to(tmp_path)
    victim = installed / name
    if not victim.exists():
        victim.write_bytes((installed / "output.txt").read_bytes())
    digest = hashlib.sha256(victim.read_bytes()).hexdigest()
    (installed / ".piste/bundle/made.json").write_text(json.dumps({name: digest}))
    assert say("uninstall", "--yes").code == 0
    assert victim.exists()


def test_a_file_that_changes_meanwhile_stays(installed: Path) -> None:
    world = project.world(installed)
    found = uninstall.look(world)
    (installed / ".gitignore").write_text("mine\n")
    with pytest.raises(Exception, match=r"\.gitignore was changed meanwhile: it stays"):
        uninstall.remove(world, found)
    assert (installed / ".gitignore").read_text() == "mine\n"


def test_tasks_among_a_persons_are_named(installed: Path, say: Say) -> None:
    (installed / "mise.toml").write_text("[tools]\nnode = '22'\n")
    assert say("mise", "--merge", "mise.toml", "--yes").code == 0
    data = (installed / "mise.toml").read_bytes()
    assert "tasks of piste's in it: LLM:" in stays(say)["mise.toml"]
    say("uninstall", "--yes")
    assert (installed / "mise.toml").read_bytes() == data


def test_a_terminal_is_asked(installed: Path) -> None:
    command = [sys.executable, "-m", "piste.cli", "uninstall"]
    with Terminal(command, cwd=installed, env=os.environ) as terminal:
        terminal.see("Remove what goes? [y/N]")
        terminal.enter("n")
        terminal.see("nothing was removed")
    assert {*os.listdir(installed)} >= WRITTEN


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    made = Rig.make(tmp_path, monkeypatch)
    made.agent("write(name, 'bad')")
    made.use(attempts=1)
    assert made.step("1").result == "failed"
    return made


def test_unfinished_work_is_kept_on_its_branch(rig: Rig, say: Say) -> None:
    (rig.tree / "sum.txt").write_text("mended by hand")
    assert ".piste/run" in goes(say)
    said = say("uninstall", "--yes")
    assert "unfinished work is kept on the branch piste-attempts/main/1.1" in said.out
    assert rig.show("sum.txt", "piste-attempts/main/1.1") == "mended by hand"
    assert not (rig.root / ".piste").exists()
    assert str(rig.tree) not in rig.git("worktree", "list")
    assert "piste-attempts/main/1.1" in rig.branches()


def test_no_git_runs_in_a_folder_that_nobody_allowed(
    rig: Rig, say: Say, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rig.git("config", "filter.evil.clean", f"touch {tmp_path}/ran; cat")
    (rig.tree / ".gitattributes").write_text("* filter=evil\n")
    monkeypatch.delenv("PISTE_TRUST")
    trust.forget(rig.root)
    assert "nobody has allowed" in stays(say)[".piste/run"]
    say("uninstall", "--yes")
    assert not (tmp_path / "ran").exists()
    assert rig.tree.is_dir()


def test_receipts_that_are_in_git_are_said(installed: Path, say: Say) -> None:
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=installed, check=True)
    assert "commit that they are gone" in say("uninstall").out
    assert say("uninstall", "--yes").out.endswith("removed; what was in git is in its history\n")
