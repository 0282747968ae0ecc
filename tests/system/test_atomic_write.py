"""The one way to write: the old file or the new one, and nothing beside it."""

import os
import stat
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.system import atomic_write


def test_write_makes_the_folder(tmp_path: Path) -> None:
    atomic_write.write(tmp_path / "a" / "b", b"x")
    assert (tmp_path / "a" / "b").read_bytes() == b"x"
    assert os.listdir(tmp_path / "a") == ["b"]


def test_write_replaces_and_keeps_the_mode(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o640)
    atomic_write.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_write_does_not_follow_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"other")
    (tmp_path / "a").symlink_to("b")
    atomic_write.write(tmp_path / "a", b"new")
    assert (tmp_path / "b").read_bytes() == b"other"
    assert not (tmp_path / "a").is_symlink()


def test_write_takes_the_longest_name_that_there_is(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    atomic_write.write(path, b"x")
    assert path.read_bytes() == b"x"


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_whatever_fails_the_old_file_stands_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="No space"):
        atomic_write.write(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_what_was_written_is_on_disk_before_its_name_and_then_the_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    real = os.replace

    def fsync(fd: int) -> None:
        order.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file")

    def replace(*args: Path) -> None:
        order.append("rename")
        real(*args)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    atomic_write.write(tmp_path / "a", b"x")
    assert order == ["file", "rename", "folder"]
    atomic_write.append(tmp_path / "a", b"y")
    assert order[3:] == ["file"]
    with atomic_write.stream(tmp_path / "a", sync=False):
        pass
    assert order[4:] == ["rename"]
    atomic_write.remove(tmp_path / "a")
    assert order[5:] == ["folder"]


def test_a_folder_in_the_way_stays(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError):
        atomic_write.write(tmp_path / "a", b"x")
    assert os.listdir(tmp_path) == ["a"]


def test_a_stream_that_is_broken_off_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), atomic_write.stream(path) as fd:
        os.write(fd, b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data[:3])))
    atomic_write.write(tmp_path / "a", b"0123456789")
    atomic_write.append(tmp_path / "b", b"0123456789")
    assert (tmp_path / "a").read_bytes() == b"0123456789"
    assert (tmp_path / "b").read_bytes() == b"0123456789\n"


@given(st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line)), st.binary())
def test_appended_lines_survive_a_line_cut_short(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], cut: bytes
) -> None:
    path = tmp_path_factory.mktemp("append") / "log"
    path.write_bytes(cut)
    for line in lines:
        atomic_write.append(path, line)
    whole = path.read_bytes()
    assert whole.startswith(cut)
    if lines:
        assert whole.split(b"\n")[-len(lines) - 1 :] == [*lines, b""]


def test_append_does_not_follow_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"other")
    (tmp_path / "a").symlink_to("b")
    with pytest.raises(OSError):
        atomic_write.append(tmp_path / "a", b"line")
    assert (tmp_path / "b").read_bytes() == b"other"


def test_remove(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    atomic_write.remove(tmp_path / "a")
    atomic_write.remove(tmp_path / "a")
    assert os.listdir(tmp_path) == []


def test_sweep_takes_old_leftovers_only(tmp_path: Path) -> None:
    old = f"{atomic_write.PREFIX}1-old{atomic_write.SUFFIX}"
    new = f"{atomic_write.PREFIX}2-new{atomic_write.SUFFIX}"
    for name in (old, new, "mine.tmp", ".piste-toml"):
        (tmp_path / name).write_text("")
        if name != new:
            os.utime(tmp_path / name, (1, 1))
    atomic_write.sweep(tmp_path, time.time() - 3600)
    assert sorted(os.listdir(tmp_path)) == sorted([new, "mine.tmp", ".piste-toml"])
    atomic_write.sweep(tmp_path / "no such folder", 0)
