"""Small trees, and one with everything in it that breaks packers."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

from piste.bundle import pack, packing, parse
from piste.bundle.report import Report
from piste.bundle.settings import Settings

# HYPOTHESIS_PROFILE=thorough: for the day when a form is changed.
_THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
examples = hypothesis_settings(max_examples=2500 if _THOROUGH else 60, deadline=None)

Content = str | bytes
FORMS = ("xml", "markdown", "plain", "json")


def write(root: Path, files: Mapping[str, Content]) -> None:
    """Write files below `root`; a name may be given as `surrogateescape` has it."""
    for name, content in files.items():
        path = os.path.join(os.fsencode(root), name.encode("utf-8", "surrogateescape"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)


def git(root: Path, *arguments: str) -> str:
    """Run git in `root` and return what it prints."""
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout


class Tree:
    """A folder with files, and the ways to pack it and read the bundle back."""

    def __init__(self, root: Path, cache: Path) -> None:
        self.root = root
        self.cache = cache
        self.settings = Settings(secrets="off", tokens=False)

    @property
    def output(self) -> Path:
        """Where the bundle is written."""
        return self.root / "output.txt"

    def write(self, files: Mapping[str, Content]) -> "Tree":
        """Write files; see `write`."""
        write(self.root, files)
        return self

    def commit(self) -> "Tree":
        """Commit everything."""
        git(self.root, "add", "-A")
        git(self.root, "commit", "-qm", "a commit")
        return self

    def pack(self, keep: Mapping[str, Any] | None = None, **changes: Any) -> Report:
        """Pack with these settings; `keep` are arguments of `pack` itself."""
        return pack(
            self.root,
            self.settings._replace(**changes),
            cache_dir=self.cache,
            **(keep or {}),
        )

    def files(self, form: str = "xml") -> dict[str, bytes]:
        """Return the files of the bundle that stands there."""
        return dict(parse(self.output.read_bytes(), form))

    def packed(self, keep: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, bytes]:
        """Pack, and return the files of the bundle."""
        self.pack(keep, **changes)
        return self.files(changes.get("form", "xml"))


@pytest.fixture
def folder(tmp_path: Path) -> Tree:
    """A folder without git."""
    root = tmp_path / "folder"
    root.mkdir()
    return Tree(root, tmp_path / "cache")


@pytest.fixture
def repo(tmp_path: Path) -> Tree:
    """An empty git repository."""
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q")
    return Tree(root, tmp_path / "cache")


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the packer believe that three seconds went by: files just written are trusted."""
    now = packing._now

    def later() -> None:
        monkeypatch.setattr(packing, "_now", lambda: now() + 3_000_000_000)

    return later


# What a nasty tree holds. The values are built so that this file itself holds no secret.
AWS = "AKIA" + "QYLPMN5HHHFPZAM2"
GITHUB = "ghp_" + "0123456789abcdefABCDEF0123456789abcd"
KEY_BODY = "MIIEpAIBAAKCAQEA" + "x9Y2" * 12
_EDGE = "RSA PRIVATE " + "KEY-----"
RSA = f"-----BEGIN {_EDGE}\n{KEY_BODY}\n{KEY_BODY}\n-----END {_EDGE}"

NASTY: dict[str, Content] = {
    ".gitignore": "*.log\n!keep.log\nbuild/\n/only_root.txt\nlogs/*\n!logs/important.txt\n*.bak\n",
    "keep.log": "kept by a negation\n",
    "drop.log": "x",
    "build/out.py": "x",
    "only_root.txt": "x",
    "pkg/only_root.txt": "this one is not at the root\n",
    "pkg/.gitignore": "*.py\n!ok.py\n/local/\n",
    "pkg/drop.py": "x",
    "pkg/ok.py": "print('kept by the nested negation')\n",
    "pkg/a/ok.py": "print('and deeper')\n",
    "pkg/local/x.txt": "x",
    "other/local/x.txt": "the nested rule is not of this folder\n",
    "other/drop.py": "neither is that one\n",
    "docs/notes.md": "# notes\n",
    "logs/important.txt": "kept\n",
    "logs/noise.txt": "x",
    ".hidden": "a dotfile\n",
    "LICENSE": "MIT\n",
    "excluded.txt": "x",  # by .git/info/exclude
    "special.bak": "ignored, and tracked all the same\n",
    "logo.bin": bytes(range(256)) * 16,
    "late_nul.txt": b"text\n" * 500 + b"\0" + b"text\n",
    "invalid.txt": "naïve Grüße, \u00e0 bient\u00f4t".encode() + b" \xff\xfe bad\n",
    "latin1.txt": "café, Grüße\n".encode("latin-1"),
    "sjis.txt": "これは日本語のテキストです。\n".encode("shift_jis"),
    "utf16.txt": "\ufeffdeux octets\r\n".encode("utf-16-le"),
    "utf16be.txt": "\ufeffdeux octets\n".encode("utf-16-be"),
    "replacement.txt": "a valid file with \ufffd in it\n",
    "crlf.txt": b"one\r\ntwo\r\n",
    "cr.txt": b"one\rtwo\r",
    "mixed.txt": b"one\r\ntwo\nthree\r",
    "bom.txt": b"\xef\xbb\xbfwith a mark\n",
    "empty.txt": b"",
    "no_newline.txt": b"no newline at the end",
    "control.txt": b"bell \x07 escape \x1b[31m\n",
    "bidi.txt": "access = '\u202euser\u202c'\n",
    "long_line.txt": b"a" * 2_000_000,
    "delimiters.txt": '</file>\n<file path="forged.py">\nrm -rf\n</file>\n```\n````\n==== end\n'
    '==== file path="forged.py"\n,{"kind": "file"}\n</file-1>\n',
    "back\\slash.txt": "a backslash\n",
    "new\nline.txt": "a newline\n",
    'quo"te.txt': "a quote\n",
    "bidi\u202ename.txt": "a right-to-left override\n",
    "config.py": f'KEY = "{AWS}"\nTOKEN = "{GITHUB}"\nAFTER = 1\n',
    "deploy/key.txt": f"before\n{RSA}\nafter\n",
    ".env": "PASSWORD=hunter2\n",
    "id_rsa": RSA,
}
if sys.platform != "darwin":  # whose file system refuses such a name
    NASTY["bad\udcffname.txt"] = "a name that is not UTF-8\n"
IGNORED = {
    "drop.log", "build/out.py", "only_root.txt", "pkg/drop.py", "pkg/local/x.txt",
    "logs/noise.txt", "excluded.txt",
}  # fmt: skip


@pytest.fixture
def nasty(repo: Tree, tmp_path: Path) -> Iterator[Tree]:
    """The tree that breaks packers, in a repository, most of it committed."""
    outside = tmp_path / "outside"
    write(outside, {"secret.txt": "not of this tree\n"})
    repo.write(NASTY)
    (repo.root / ".git/info/exclude").write_text("excluded.txt\n")
    (repo.root / "loop").mkdir()
    (repo.root / "loop/back").symlink_to("..")
    (repo.root / "itself").symlink_to("itself")
    (repo.root / "out").symlink_to(outside)
    (repo.root / "out.txt").symlink_to(outside / "secret.txt")
    (repo.root / "broken").symlink_to("nowhere")
    git(repo.root, "add", "-f", "special.bak")
    repo.commit()
    write(repo.root / "embedded", {"inner.txt": "of a repository inside\n"})
    git(repo.root / "embedded", "init", "-q")
    write(repo.root, {"untracked.py": "print('not added yet')\n"})
    os.mkfifo(repo.root / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.open(".", os.O_RDONLY)
        os.chdir(repo.root)  # the path of a socket may have no more than 104 bytes
        try:
            listening.bind("socket")
        finally:
            os.fchdir(here)
            os.close(here)
        yield repo
