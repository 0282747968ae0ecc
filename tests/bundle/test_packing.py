"""One run after another: what is written, what is copied, what is found unchanged."""

import contextlib
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from piste.bundle import packing, unchanged
from piste.system.errors import PisteError, UserError

from .conftest import AWS, FORMS, Tree, git

FILES = {
    "a.py": "a = 1\n",
    "b/c.py": "c = 1\n",
    "b/d.md": "# d\n",
    "z.txt": "last\n",
    "x.bin": b"\0",
}
Settled = Callable[[], None]


def same(tree: Tree, **changes: Any) -> bool:
    """Whether a run would find nothing changed."""
    return unchanged(tree.root, tree.settings._replace(**changes), cache_dir=tree.cache)


def afresh(tree: Tree, **changes: Any) -> bytes:
    """Return the bundle as a run without any memory makes it."""
    other = Tree(tree.root, tree.cache / "none")
    other.settings = tree.settings
    with tempfile.TemporaryFile() as file:
        other.pack({"to": file.fileno()}, **changes)
        file.seek(0)
        return file.read()


def files_below(*folders: Path) -> dict[Path, tuple[int, bytes]]:
    """Return every file with its time of change and content."""
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_first_run_writes_and_the_second_finds_it_the_same(
    repo: Tree, settled: Settled
) -> None:
    settled()
    repo.write(FILES)

    first = repo.pack()
    stamp = repo.output.stat()
    second = repo.pack()

    assert (first.wrote, second.wrote) == ("new", "same")
    assert repo.output.stat() == stamp
    assert same(repo)
    assert {**vars_of(first), "wrote": ""} == {**vars_of(second), "wrote": ""}


def vars_of(report: Any) -> dict[str, Any]:
    """Return the fields of a report."""
    fields = dict(report._asdict())
    return fields | {"table": vars(fields["table"]) | {"stamps": None}}


CHANGES: dict[str, Callable[[Tree], object]] = {
    "a file changed": lambda tree: tree.write({"a.py": "a = 22\n"}),
    "a file changed and kept its size": lambda tree: tree.write({"b/c.py": "c = 2\n"}),
    "a file grew a lot": lambda tree: tree.write({"b/c.py": "c = 2\n" * 9999}),
    "the first file went": lambda tree: (tree.root / "a.py").unlink(),
    "the last file went": lambda tree: (tree.root / "z.txt").unlink(),
    "a file came at the front": lambda tree: tree.write({"a": "new\n"}),
    "a file came at the end": lambda tree: tree.write({"zz": "new\n"}),
    "a file was renamed": lambda tree: (tree.root / "a.py").rename(tree.root / "m.py"),
    "a text became binary": lambda tree: tree.write({"a.py": b"\0"}),
    "a binary file became a text": lambda tree: tree.write({"x.bin": "text\n"}),
    "a file became a symlink": lambda tree: (
        (tree.root / "a.py").unlink(), (tree.root / "a.py").symlink_to("z.txt")
    ),
    "a file became a folder": lambda tree: (
        (tree.root / "a.py").unlink(), tree.write({"a.py/x": "x\n"})
    ),
    "a pattern came": lambda tree: tree.write({".pisteignore": "b/\n"}),
    "everything changed": lambda tree: tree.write(dict.fromkeys(FILES, "new\n")),
    "the bundle went": lambda tree: tree.output.unlink(),
    "the bundle was changed": lambda tree: tree.output.write_bytes(
        tree.output.read_bytes().replace(b"a = 1", b"a = 7")
    ),
    "the bundle was cut off": lambda tree: os.truncate(tree.output, 99),
    "git ignores a file now": lambda tree: tree.write({".gitignore": "z.txt\n"}),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", CHANGES)
def test_after_any_change_the_bundle_is_the_one_that_is_made_afresh(
    repo: Tree, settled: Settled, what: str, form: str
) -> None:
    settled()
    repo.write(FILES).pack(form=form)

    CHANGES[what](repo)

    assert not same(repo, form=form)
    report = repo.pack(form=form)
    assert repo.output.read_bytes() == afresh(repo, form=form)
    assert report.bytes == len(repo.output.read_bytes())
    assert same(repo, form=form)


def test_one_changed_file_is_put_between_what_is_copied(
    repo: Tree, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled()
    repo.write(FILES).pack()
    repo.write({"b/c.py": "c = 3\n"})
    read: list[bytes] = []
    real = packing.file_reader.read

    def reading(folders: Any, name: bytes, *rest: Any, **named: Any) -> Any:
        read.append(name)
        return real(folders, name, *rest, **named)

    monkeypatch.setattr(packing.file_reader, "read", reading)

    report = repo.pack()

    assert report.wrote == "patched"
    assert [name for name in read if name != b"output.txt"] == [b"b/c.py"]


@pytest.mark.parametrize(
    "touch",
    [
        lambda tree: os.utime(tree.root / "a.py", (1, 1)),
        lambda tree: tree.write(FILES),
        lambda tree: git(tree.root, "add", "-A"),
        lambda tree: (tree.root / "a.py").chmod(0o600),
    ],
)
def test_what_changes_no_content_leaves_the_bundle_alone(
    repo: Tree, settled: Settled, touch: Callable[[Tree], object]
) -> None:
    settled()
    repo.write(FILES).pack()
    stamp = repo.output.stat()

    touch(repo)

    assert repo.pack().wrote == "same"
    assert repo.output.stat() == stamp
    assert same(repo)


def test_a_file_that_was_just_written_is_read_again(repo: Tree) -> None:
    """git's racy entries: changed in the tick in which it was read, its stamp stays the same."""
    repo.write(FILES).pack()
    assert not same(repo)
    path = repo.root / "a.py"
    before = path.stat()
    path.write_text("a = 2\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    repo.pack()

    assert repo.files()["a.py"] == b"a = 2\n"


def test_a_file_of_patterns_that_is_packed_itself_still_decides(
    repo: Tree, settled: Settled
) -> None:
    settled()
    repo.write({**FILES, "b/.pisteignore": "c.py\n"}).pack()

    repo.write({"b/.pisteignore": "d.md\n"}).pack()

    assert set(repo.files()) == {"a.py", "b/.pisteignore", "b/c.py", "z.txt"}
    assert repo.output.read_bytes() == afresh(repo)


def test_an_ignored_file_that_is_asked_for_is_seen_when_it_comes(
    repo: Tree, settled: Settled
) -> None:
    settled()
    repo.write({**FILES, ".gitignore": "secret/\n"}).pack(ignore=("!/secret/plan.md",))

    repo.write({"secret/plan.md": "the plan\n"})

    assert not same(repo, ignore=("!/secret/plan.md",))
    assert "secret/plan.md" in repo.packed(ignore=("!/secret/plan.md",))


@pytest.mark.parametrize(
    "changes", [{"form": "plain"}, {"line_numbers": 1}, {"secrets": "mask"}, {"max_file": 3}]
)
def test_other_settings_make_another_bundle(
    repo: Tree, settled: Settled, changes: dict[str, Any]
) -> None:
    settled()
    repo.write(FILES).pack()

    assert not same(repo, **changes)


def test_a_lost_or_damaged_cache_costs_time_only(repo: Tree, settled: Settled) -> None:
    settled()
    repo.write(FILES).pack(tokens=True, secrets="mask")
    before = repo.output.read_bytes()

    for path in repo.cache.iterdir():
        path.write_bytes(b"\0 damage\n" * 9)
    again = repo.pack(tokens=True, secrets="mask")

    assert again.wrote == "same"
    assert repo.output.read_bytes() == before


def test_a_cache_that_cannot_be_written_stops_nothing(repo: Tree) -> None:
    repo.write(FILES)
    repo.cache.write_text("a file where the folder should be")

    assert repo.pack().wrote == "new"
    assert set(repo.files()) == {"a.py", "b/c.py", "b/d.md", "z.txt"}


@pytest.mark.parametrize("digest", [True, False])
def test_a_dry_run_says_the_same_and_changes_no_byte(repo: Tree, digest: bool) -> None:
    repo.write(FILES)
    before = files_below(repo.root)

    dry = repo.pack({"write": False, "digest": digest})

    assert files_below(repo.root) == before
    assert not repo.cache.exists()
    wet = repo.pack()
    assert {**vars_of(dry), "wrote": "new", "sha256": wet.sha256} == vars_of(wet)
    assert dry.sha256 == (wet.sha256 if digest else "")
    before = files_below(repo.root, repo.cache)
    assert repo.pack({"write": False}).wrote == ""
    assert files_below(repo.root, repo.cache) == before


def test_the_text_goes_to_a_descriptor_instead(repo: Tree) -> None:
    repo.write(FILES)

    text = afresh(repo)

    assert not repo.output.exists()
    repo.pack()
    assert repo.output.read_bytes() == text


def test_paths_narrow_and_lead_nowhere_else(repo: Tree) -> None:
    repo.write(FILES)

    assert set(repo.packed({"paths": ["b", "z.txt"]})) == {"b/c.py", "b/d.md", "z.txt"}
    for path in ("../x", "/etc/passwd", "b/../../x", "a\0b"):
        with pytest.raises(UserError, match="lies outside the project"):
            repo.pack({"paths": [path]})
        with pytest.raises(UserError, match="lies outside the project"):
            repo.pack({"target": path})


@pytest.mark.parametrize("content", [b"what a person wrote\n", b"<bundle> of shares\n", b"\0"])
def test_a_file_that_is_no_bundle_is_left_alone_unless_it_is_said(
    repo: Tree, content: bytes
) -> None:
    repo.write({**FILES, "output.txt": content})

    with pytest.raises(UserError, match="is there and is not a bundle of piste; move it away"):
        repo.pack()
    assert repo.output.read_bytes() == content

    assert repo.pack({"overwrite": True}).wrote == "new"


@pytest.mark.parametrize("made", ["folder", "symlink"])
def test_a_target_that_is_no_file_is_left_alone(repo: Tree, made: str, tmp_path: Path) -> None:
    repo.write(FILES)
    (tmp_path / "elsewhere").write_text("mine")
    if made == "folder":
        repo.output.mkdir()
    else:
        repo.output.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(UserError, match=r"output\.txt is"):
        repo.pack()
    assert (tmp_path / "elsewhere").read_text() == "mine"


def test_an_empty_target_is_written(repo: Tree) -> None:
    repo.write({**FILES, "output.txt": "\n"})

    assert repo.pack().wrote == "new"


def test_a_secret_stops_the_run_where_that_is_asked(repo: Tree) -> None:
    repo.write(FILES).pack(secrets="refuse")
    before = repo.output.read_bytes()
    repo.write({"b/c.py": f"key = '{AWS}'\n"})

    with pytest.raises(UserError, match=r"b/c.py holds a secret \(aws-access-key\); remove it"):
        repo.pack(secrets="refuse")

    assert repo.output.read_bytes() == before
    assert [path.name for path in repo.root.iterdir() if "piste" in path.name] == []


def test_results_are_kept_by_content_wherever_it_goes(
    repo: Tree, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled()
    repo.write({**FILES, "key.py": f"'{AWS}'"}).pack(tokens=True, secrets="mask")
    asked: list[bytes] = []
    monkeypatch.setattr("piste.system.secrets.prepare", lambda _: None)
    monkeypatch.setattr("piste.system.secrets.find", lambda body, _: asked.append(body) or ())
    monkeypatch.setattr("piste.model.tokens.count", lambda text: asked.append(text.encode()) or 1)

    repo.write({"a.py": "a = 2\n"}).pack(tokens=True, secrets="mask")
    repo.write({"a.py": "a = 1\n"})
    os.utime(repo.root / "z.txt", (5, 5))
    asked.clear()
    report = repo.pack(tokens=True, secrets="mask")

    assert [body for body in asked if body] == []  # an empty one only loads the vocabulary
    assert report.secrets == {"key.py": {"aws-access-key": 1}}


@contextlib.contextmanager
def full_disk(size: int) -> Any:
    """Let no file grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("workers", [1, 3])
def test_a_disk_that_fills_leaves_the_old_bundle(
    repo: Tree, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.write(FILES).pack()
    before = files_below(repo.root)[repo.output]
    repo.write({f"big/{n}.txt": "much more text\n" * 2000 for n in range(9)})
    monkeypatch.setattr("piste.bundle.workers._BATCH", 2)

    with full_disk(100_000), pytest.raises(OSError, match="File too large"):
        repo.pack({"workers": workers})

    assert files_below(repo.root)[repo.output] == before
    assert not [path for path in repo.root.iterdir() if path.name.startswith(".piste-")]
    assert repo.pack().files == 13


def test_a_run_that_is_killed_leaves_the_old_bundle_and_the_next_one_cleans_up(repo: Tree) -> None:
    repo.write(FILES).pack()
    before = repo.output.read_bytes()
    repo.write({"a.py": "a = 2\n"})
    code = (
        "import os, signal; from pathlib import Path; from piste.bundle import packing, Settings\n"
        "packing.equal = packing._equal = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"packing.pack(Path({str(repo.root)!r}), Settings(tokens=False, secrets='off'),"
        f" cache_dir=Path({str(repo.cache)!r}))"
    )

    done = subprocess.run([sys.executable, "-c", code], check=False)

    assert done.returncode == -9
    assert repo.output.read_bytes() == before
    (left,) = [path for path in repo.root.iterdir() if path.name.startswith(".piste-")]
    os.utime(left, (1, 1))
    assert "a.py" in repo.packed()
    assert not left.exists()
    assert left.name.encode() not in repo.output.read_bytes()


def test_helpers_and_one_process_write_the_same_bytes(
    repo: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("piste.bundle.workers._BATCH", 3)
    repo.write({f"d{n % 7}/f{n}.txt": f"text {n}\n" * n for n in range(40)})

    repo.pack({"workers": 1}, tokens=True)
    alone = repo.output.read_bytes()
    repo.output.unlink()
    together = repo.pack({"workers": 4}, tokens=True)

    assert repo.output.read_bytes() == alone
    assert together.files == 40


def test_a_mistake_is_one_line(repo: Tree) -> None:
    for wrong in ({"form": "pdf"}, {"ignore": ("[z-a]",)}, {"include": ("*.none",)}):
        with pytest.raises(PisteError) as caught:
            repo.write(FILES).pack(**wrong)
        assert "\n" not in str(caught.value)


def test_nothing_heavy_is_imported_where_nothing_changed(repo: Tree, settled: Settled) -> None:
    settled()
    repo.write(FILES).pack(tokens=True, secrets="mask")
    code = (
        "import sys; from pathlib import Path; from piste.bundle import Settings, unchanged, pack\n"
        f"where = dict(root=Path({str(repo.root)!r}), cache_dir=Path({str(repo.cache)!r}))\n"
        "assert unchanged(settings=Settings(), **where)\n"
        "assert pack(settings=Settings(), **where).wrote == 'same'\n"
        "heavy = {'pathspec', 're2', 'rs_bpe', 'bpe_openai', 'rich', 'tomllib', 'llm'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout == "[]\n"
