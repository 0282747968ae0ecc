"""The tree that breaks packers: a test for each thing in it."""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import AWS, FORMS, GITHUB, IGNORED, KEY_BODY, NASTY, Tree, git

# Files whose bytes do not come back, and why.
CHANGED = {"invalid.txt": "bytes that are not valid"}
LEFT = {"logo.bin", "late_nul.txt", "long_line.txt", ".env", "id_rsa"}


@pytest.mark.parametrize("form", FORMS)
def test_every_text_comes_back_with_its_name_and_bytes(nasty: Tree, form: str) -> None:
    files = nasty.packed(form=form)

    wanted = {
        name: content.encode() if isinstance(content, str) else content
        for name, content in NASTY.items()
        if name not in IGNORED | LEFT | set(CHANGED)
    }
    assert {name: files.pop(name) for name in wanted} == wanted
    assert set(files) == {"untracked.py", *CHANGED}


def test_what_git_ignores_stays_out_and_what_it_keeps_is_in(nasty: Tree) -> None:
    files = nasty.packed()

    assert not IGNORED & set(files)
    assert {
        "keep.log", "pkg/ok.py", "pkg/a/ok.py", "other/drop.py", "other/local/x.txt",
        "logs/important.txt", "special.bak", ".hidden", "pkg/only_root.txt",
    } <= set(files)  # fmt: skip


def test_without_git_the_same_files_are_found(nasty: Tree, tmp_path: Path) -> None:
    with_git = set(nasty.packed())
    for path in nasty.root.rglob(".git"):
        if path.is_dir():
            shutil.rmtree(path)

    without = set(nasty.packed())

    # What only git knows: a tracked file that is ignored, and `.git/info/exclude`. And without
    # its .git the repository inside is a folder like any other.
    assert with_git - without == {"special.bak"}
    assert without - with_git == {"excluded.txt", "embedded/inner.txt"}


def test_the_users_own_excludes_are_gits_too(nasty: Tree, own_home: Path) -> None:
    (own_home / "ignore").write_text("docs/\n")
    (own_home / ".gitconfig").write_text(f"[core]\n excludesFile = {own_home / 'ignore'}\n")
    (nasty.root / "docs/new.md").write_text("new")

    files = nasty.packed()

    assert "docs/new.md" not in files
    assert "docs/notes.md" in files  # it is tracked


@pytest.mark.parametrize("name", ["logo.bin", "late_nul.txt"])
def test_a_binary_file_is_named_and_not_packed(nasty: Tree, name: str) -> None:
    report = nasty.pack()

    assert name in report.left_out["binary"]
    assert f"{name}: binary, {len(NASTY[name])} bytes".encode() in nasty.output.read_bytes()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("invalid.txt", "naïve Grüße, à bientôt \ufffd\ufffd bad\n",
         "2 invalid bytes shown as U+FFFD"),
        ("latin1.txt", "café, Grüße\n", "decoded from latin-1"),
        ("sjis.txt", "これは日本語のテキストです。\n", "decoded from shift_jis"),
        ("utf16.txt", "deux octets\n", "decoded from utf-16-le, crlf line ends shown as lf, "
         "without its byte order mark"),
        ("utf16be.txt", "deux octets\n", "decoded from utf-16-be, without its byte order mark"),
        ("replacement.txt", "a valid file with \ufffd in it\n", None),
        ("crlf.txt", "one\ntwo\n", "crlf line ends shown as lf"),
        ("cr.txt", "one\ntwo\n", "cr line ends shown as lf"),
        ("mixed.txt", "one[U+000D]\ntwo\nthree[U+000D]\n",
         "invisible characters shown as [U+XXXX]"),
        ("bom.txt", "with a mark\n", "without its byte order mark"),
        ("empty.txt", "", None),
        ("no_newline.txt", "no newline at the end\n", None),
        ("control.txt", "bell [U+0007] escape [U+001B][31m\n",
         "invisible characters shown as [U+XXXX]"),
        ("bidi.txt", "access = '[U+202E]user[U+202C]'\n", "invisible characters shown as [U+XXXX]"),
    ],
)  # fmt: skip
def test_a_text_is_shown_as_utf_8_and_it_is_said_what_was_done(
    nasty: Tree, name: str, text: str, said: str | None
) -> None:
    report = nasty.pack()

    bundle = nasty.output.read_bytes().decode()
    opening = bundle.index(f'<file path="{name}"')
    start = bundle.index(">\n", opening) + 2
    assert bundle[start : bundle.index("</file>", start)] == text
    assert report.notes.get(name) == said


def test_a_symlink_is_named_and_never_followed(nasty: Tree, tmp_path: Path) -> None:
    report = nasty.pack()

    bundle = nasty.output.read_text("utf-8")
    assert set(report.left_out["symlink"]) == {"broken", "itself", "loop/back", "out", "out.txt"}
    assert f"out.txt: symlink to {tmp_path}/outside/secret.txt" in bundle
    assert "not of this tree" not in bundle
    assert bundle.count("kept by a negation") == 1


def test_a_folder_that_was_replaced_by_a_symlink_leads_nowhere(nasty: Tree, tmp_path: Path) -> None:
    (tmp_path / "outside/notes.md").write_text("from outside")
    shutil.rmtree(nasty.root / "docs")
    (nasty.root / "docs").symlink_to(tmp_path / "outside")

    report = nasty.pack()

    assert "docs/notes.md" in report.left_out["vanished"]
    assert b"from outside" not in nasty.output.read_bytes()


def test_fifos_and_sockets_are_said_and_nothing_waits_for_them(nasty: Tree) -> None:
    assert nasty.pack().left_out["special file"] == ["fifo", "socket"]


def test_a_tracked_file_that_became_a_fifo_is_said(nasty: Tree) -> None:
    (nasty.root / "LICENSE").unlink()
    os.mkfifo(nasty.root / "LICENSE")

    assert "LICENSE" in nasty.pack().left_out["special file"]


def test_an_unreadable_file_and_folder_are_said(nasty: Tree) -> None:
    (nasty.root / "LICENSE").chmod(0)
    (nasty.root / "docs").chmod(0)
    (nasty.root / "other").chmod(0)

    done = _as_nobody_special(nasty)
    for name in ("docs", "other", "LICENSE"):
        (nasty.root / name).chmod(0o755)

    assert done.returncode == 0, done.stderr
    assert "LICENSE: unreadable" in (bundle := nasty.output.read_text("utf-8"))
    assert "docs/notes.md: unreadable" in bundle
    assert "could not open directory 'docs/': Permission denied" in done.stdout
    assert "kept by a negation" in bundle


def _as_nobody_special(tree: Tree) -> "subprocess.CompletedProcess[str]":
    """Pack in a process that may not read what its owner may not, also where root runs it."""
    code = (
        "import sys; from pathlib import Path; from piste.bundle import pack, Settings\n"
        "settings = Settings(tokens=False, secrets='off')\n"
        f"report = pack(Path({str(tree.root)!r}), settings, cache_dir=Path({str(tree.cache)!r}))\n"
        "print(report.warnings, report.left_out)"
    )
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, preexec_fn=_drop_override
    )


def _drop_override() -> None:
    if sys.platform == "linux" and os.geteuid() == 0:
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


@pytest.mark.parametrize(("oversize", "kept"), [("leave", None), ("cut", b"a line\n" * 100)])
def test_a_file_of_200_megabytes_is_left_out_or_cut(
    nasty: Tree, oversize: str, kept: bytes | None
) -> None:
    with (nasty.root / "huge.txt").open("wb") as file:
        file.write(b"a line\n" * 200)
        file.truncate(200_000_000)  # sparse: it costs no disk

    report = nasty.pack(oversize=oversize, max_file=705)

    if kept is None:
        assert "huge.txt" in report.left_out["too large"]
        assert b"huge.txt: too large, 200000000 bytes" in nasty.output.read_bytes()
    else:
        assert nasty.files()["huge.txt"] == kept
        assert report.notes["huge.txt"] == "cut: 700 of 200000000 bytes"


def test_a_line_of_two_million_letters_is_counted(nasty: Tree) -> None:
    report = nasty.pack(max_file=3_000_000, tokens=True, include=("long_line.txt",))

    assert report.sizes["long_line.txt"][1] > 200_000


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("back\\slash.txt", r"back\\slash.txt"),
        ("new\nline.txt", r"new\nline.txt"),
        ('quo"te.txt', r"quo\"te.txt"),
        ("bidi\u202ename.txt", r"bidi\u202ename.txt"),
        ("bad\udcffname.txt", r"bad\xffname.txt"),
    ],
)
def test_an_odd_name_is_shown_on_one_line(nasty: Tree, name: str, shown: str) -> None:
    nasty.pack()

    assert (name in NASTY) == (f'<file path="{shown}">\n'.encode() in nasty.output.read_bytes())


@pytest.mark.parametrize("form", FORMS)
def test_a_file_with_every_delimiter_in_it_closes_no_frame(nasty: Tree, form: str) -> None:
    files = nasty.packed(form=form)

    assert "forged.py" not in files
    assert files["delimiters.txt"].decode() == NASTY["delimiters.txt"]


def test_a_repository_inside_is_named_and_packed_on_request(nasty: Tree) -> None:
    report = nasty.pack()
    assert report.left_out["submodule"] == ["embedded"]
    assert b"embedded/: submodule" in nasty.output.read_bytes()

    files = nasty.packed(submodules=True)
    assert files["embedded/inner.txt"] == b"of a repository inside\n"


def test_a_submodule_is_named_and_packed_on_request(nasty: Tree, tmp_path: Path) -> None:
    source = Tree(tmp_path / "source", tmp_path).write(
        {"sub.txt": "of a submodule\n", "x.log": "x"}
    )
    source.write({".gitignore": "*.log\n"})
    git(source.root, "init", "-q")
    source.commit()
    git(nasty.root, "-c", "protocol.file.allow=always", "submodule", "add", "-q",
        str(source.root), "libs/sub")  # fmt: skip

    assert "libs/sub" in nasty.pack().left_out["submodule"]
    assert nasty.packed(submodules=True)["libs/sub/sub.txt"] == b"of a submodule\n"
    assert "libs/sub/x.log" not in nasty.files()


def test_the_repositorys_own_folder_is_never_packed(nasty: Tree) -> None:
    files = nasty.packed(include=("*",), submodules=True, defaults=False)

    assert not [name for name in files if ".git" in name.split("/")]


def test_secrets_are_masked_and_the_rest_of_the_file_stays(nasty: Tree) -> None:
    report = nasty.pack(secrets="mask")

    bundle = nasty.output.read_text("utf-8")
    assert not [secret for secret in (AWS, GITHUB, KEY_BODY) if secret in bundle]
    assert 'KEY = "[masked: aws-access-key]"\n' in bundle
    assert "AFTER = 1\n" in bundle
    assert "before\n[masked: private-key]\n\n\n\nafter\n" in bundle  # as many lines as before
    assert report.secrets == {
        "config.py": {"aws-access-key": 1, "github-token": 1},
        "deploy/key.txt": {"private-key": 1},
    }


def test_key_files_and_dotenv_are_packed_only_where_they_are_named(nasty: Tree) -> None:
    report = nasty.pack(defaults=False)
    assert report.left_out["secret files"] == [".env", "id_rsa"]
    assert b"hunter2" not in nasty.output.read_bytes()

    assert ".env" in nasty.packed(ignore=("!.env",))
    assert nasty.packed({"paths": [".env"]}) == {".env": b"PASSWORD=hunter2\n"}


def test_a_second_run_does_not_pack_the_first_ones_bundle(nasty: Tree) -> None:
    first = nasty.pack()
    nasty.output.rename(nasty.root / "earlier.txt")

    second = nasty.pack()

    assert "earlier.txt" in second.left_out["an earlier bundle"]
    assert second.files == first.files


def _touched(tree: Tree, _: Path) -> Path:
    for path in tree.root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.utime(path, (1_000_000_000, 1_000_000_000))
    return tree.root


def _in_another_order(tree: Tree, other: Path) -> Path:
    other.mkdir()
    names = [name for name in os.listdir(tree.root) if name not in (".git", "output.txt")]
    git(other, "init", "-q")
    for name in sorted(names, reverse=True):
        source, to = tree.root / name, other / name
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, to, symlinks=True)
        elif source.is_file() or source.is_symlink():
            shutil.copy2(source, to, follow_symlinks=False)
    git(other, "add", "-f", "special.bak")
    shutil.copy2(tree.root / ".git/info/exclude", other / ".git/info/exclude")
    return other


def _moved(tree: Tree, other: Path) -> Path:
    return tree.root.rename(other)


def _with_more_history(tree: Tree, _: Path) -> Path:
    git(tree.root, "commit", "-q", "--allow-empty", "-m", "another")
    return tree.root


@pytest.mark.parametrize("change", [_touched, _in_another_order, _moved, _with_more_history])
def test_the_same_tree_gives_the_same_bytes(
    nasty: Tree, tmp_path: Path, change: Callable[[Tree, Path], Path]
) -> None:
    nasty.pack(secrets="mask", tokens=True)
    before = nasty.output.read_bytes()
    nasty.output.unlink()

    moved = Tree(change(nasty, tmp_path / "elsewhere"), tmp_path / "another cache")
    moved.pack(secrets="mask", tokens=True)

    assert moved.output.read_bytes() == before


@pytest.mark.parametrize(
    "given",
    [
        {"environment": {"LC_ALL": "C", "LANG": "C"}},
        {"environment": {"LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"}},
        {"umask": 0o077},
        {"workers": 3},
    ],
)
def test_neither_locale_nor_umask_nor_processes_show_in_the_bytes(
    nasty: Tree, given: dict[str, Any]
) -> None:
    nasty.pack()
    before = nasty.output.read_bytes()
    nasty.output.unlink()

    code = (
        "import os, sys; from pathlib import Path; from piste.bundle import pack, Settings\n"
        f"os.umask({given.get('umask', 0o022)})\n"
        f"pack(Path({str(nasty.root)!r}), Settings(tokens=False, secrets='off'),"
        f" cache_dir=Path({str(nasty.cache / 'other')!r}), workers={given.get('workers', 1)})"
    )
    environment = os.environ | given.get("environment", {})
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)

    assert nasty.output.read_bytes() == before
