"""The caches: the person's own, and never what somebody else can write."""

import os
from pathlib import Path

import pytest

from piste.system import caches


@pytest.fixture
def place(tmp_path: Path) -> Path:
    found = caches.folder(tmp_path)
    caches.make(found)
    (found / "a").write_bytes(b"known")
    return found


def test_it_lies_with_the_person_and_not_in_the_project(
    tmp_path: Path, own_home: Path, place: Path
) -> None:
    assert place.parent == own_home / ".cache/piste/projects"
    assert caches.read(place, "a", 5) == b"known"
    assert os.listdir(tmp_path) == []


def test_the_name_is_that_of_the_folder_and_not_of_its_path(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("a")
    before = caches.folder(tmp_path / "a")
    assert caches.folder(tmp_path / "link") == before
    (tmp_path / "a").rename(tmp_path / "old")
    (tmp_path / "a").mkdir()
    assert caches.folder(tmp_path / "a") != before


def test_more_than_is_allowed_is_not_read(place: Path) -> None:
    assert caches.read(place, "a", 4) == b""


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "nothing"])
def test_what_is_no_file_is_nothing(place: Path, tmp_path: Path, kind: str) -> None:
    (place / "a").unlink()
    (tmp_path / "forged").write_bytes(b"forged")
    lay = {
        "link": lambda: (place / "a").symlink_to(tmp_path / "forged"),
        "pipe": lambda: os.mkfifo(place / "a"),
        "folder": (place / "a").mkdir,
        "nothing": lambda: None,
    }
    lay[kind]()
    assert caches.read(place, "a", 100) == b""


@pytest.mark.parametrize("mode", [0o720, 0o702])
def test_a_folder_that_others_may_write_is_not_believed(place: Path, mode: int) -> None:
    place.chmod(mode)
    assert caches.read(place, "a", 100) == b""


def test_a_folder_of_another_account_is_not_believed(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: place.stat().st_uid + 7)
    assert caches.read(place, "a", 100) == b""


def test_what_nobody_has_used_for_long_goes(place: Path, tmp_path: Path) -> None:
    os.utime(place, (0, 0))
    (tmp_path / "b").mkdir()
    caches.make(caches.folder(tmp_path / "b"))
    assert not place.exists()
