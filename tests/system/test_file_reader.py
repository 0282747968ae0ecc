import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from bundle.conftest import write

from piste.system import file_reader
from piste.system.file_reader import Folders, read


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Folders]:
    with closing(Folders(str(tmp_path))) as opened:
        yield opened


def test_a_file_is_read_whole(folders: Folders, tmp_path: Path) -> None:
    write(tmp_path, {"a/b/c.txt": "hello", "a/d.txt": "there", "e.txt": ""})

    found = [
        read(folders, name, 100) for name in (b"a/b/c.txt", b"a/d.txt", b"e.txt", b"a/b/c.txt")
    ]

    assert [got.data for got in found] == [b"hello", b"there", b"", b"hello"]
    assert {got.kind for got in found} == {file_reader.FILE}
    assert found[0].stamp == file_reader.stamp_of(os.stat(tmp_path / "a/b/c.txt"))


@pytest.mark.parametrize("settled", [0, 1, 1 << 62])
def test_whether_a_file_is_long_unchanged_or_not_it_is_read_the_same(
    folders: Folders, tmp_path: Path, settled: int
) -> None:
    big = b"more than is read at once\n" * 9999
    write(tmp_path, {"small": "hello", "empty": "", "big": big})
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")

    def got(name: bytes, limit: int = 1 << 20, cut: bool = False) -> tuple[int, bytes]:
        return read(folders, name, limit, cut, settled)[:2]

    assert got(b"small") == (file_reader.FILE, b"hello")
    assert got(b"empty") == (file_reader.FILE, b"")
    assert got(b"big") == (file_reader.FILE, big)
    assert got(b"big", 100) == (file_reader.LARGE, b"")
    assert got(b"big", 100, cut=True) == (file_reader.FILE, big[:100])
    assert got(b"small", 2) == (file_reader.LARGE, b"")
    assert got(b"small", 2, cut=True) == (file_reader.FILE, b"he")
    assert got(b"folder") == (file_reader.FOLDER, b"")
    assert got(b"fifo") == (file_reader.SPECIAL, b"")


@pytest.mark.parametrize(
    ("cut", "kind", "data"), [(False, file_reader.LARGE, b""), (True, file_reader.FILE, b"01234")]
)
def test_a_large_file_is_left_or_cut(
    folders: Folders, tmp_path: Path, cut: bool, kind: int, data: bytes
) -> None:
    write(tmp_path, {"a": "0123456789"})

    got = read(folders, b"a", 5, cut)

    assert (got.kind, got.data, got.size) == (kind, data, 10)


def test_what_is_no_file_is_told_apart(folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "device").symlink_to("/dev/zero")

    kinds = {name: read(folders, name, 9).kind for name in (b"folder", b"fifo", b"link", b"device")}

    assert kinds == {
        b"folder": file_reader.FOLDER,
        b"fifo": file_reader.SPECIAL,
        b"link": file_reader.SYMLINK,
        b"device": file_reader.SYMLINK,
    }
    assert read(folders, b"link", 9).data == b"folder"


@pytest.mark.parametrize("name", [b"nothing", b"no/such/folder/x", b"file/x", b"link/x"])
def test_what_is_not_there_or_behind_a_link_has_vanished(
    folders: Folders, tmp_path: Path, name: bytes
) -> None:
    write(tmp_path, {"file": "", "real/x": "not through the link"})
    (tmp_path / "link").symlink_to("real")

    assert read(folders, name, 9).kind == file_reader.VANISHED


def test_a_name_that_cannot_be_opened_is_unreadable_and_says_why(
    folders: Folders, tmp_path: Path
) -> None:
    got = read(folders, b"x" * 300, 9)

    assert (got.kind, got.why) == (file_reader.UNREADABLE, "File name too long")


def test_a_file_that_changes_while_it_is_read_is_read_again(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_text("before")
    later = iter(["after, and longer"])
    real = os.read

    def while_reading(fd: int, size: int) -> bytes:
        data = real(fd, size)
        for text in later:
            path.write_text(text)
        return data

    monkeypatch.setattr(os, "read", while_reading)

    assert read(folders, b"a", 100).data == b"after, and longer"


def test_a_file_that_never_stops_changing_is_left_out(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_text("0")
    real = os.read

    def while_reading(fd: int, size: int) -> bytes:
        data = real(fd, size)
        path.write_bytes(data + b"1")
        return data

    monkeypatch.setattr(os, "read", while_reading)

    assert read(folders, b"a", 100) == file_reader.FileRead(file_reader.CHANGING)


def test_no_more_folders_are_open_than_lie_above_one_file(tmp_path: Path) -> None:
    write(tmp_path, {f"{folder}/b/{n}": "" for folder in "acd" for n in range(3)})
    fds = Path("/dev/fd")

    with closing(Folders(str(tmp_path))) as folders:
        before = len(list(fds.iterdir()))
        for name in sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file()):
            read(folders, os.fsencode(name), 9)
        assert len(list(fds.iterdir())) - before == 2


def test_a_file_beside_the_tree_is_plain_and_bounded(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"beginning, end")
    (tmp_path / "link").symlink_to("file")
    assert file_reader.beginning(tmp_path / "link", 9) == b"beginning"
    assert file_reader.beginning(tmp_path / "file", 99) == b"beginning, end"
    assert file_reader.end(tmp_path / "file", 3) == b"end"
    assert file_reader.end(tmp_path / "file", 99) == b"beginning, end"
    file_reader.copy(tmp_path / "link", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"beginning, end"
    with pytest.raises(FileExistsError):
        file_reader.copy(tmp_path / "file", tmp_path / "link")


@pytest.mark.parametrize("kind", ["a pipe", "a device", "a folder", "nothing"])
def test_what_is_no_file_beside_the_tree_is_an_error_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "it"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    elif kind == "a folder":
        path.mkdir()
    for look in (file_reader.beginning, file_reader.end):
        with pytest.raises(OSError):
            look(path, 9)
    with pytest.raises(OSError):
        file_reader.copy(path, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
