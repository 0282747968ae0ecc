"""A seal is the person's, and the folder's."""

import os
from pathlib import Path

import pytest

from piste.system import own_seal


@pytest.fixture(autouse=True)
def person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A person with a state folder of their own, where no key is yet."""
    folder = tmp_path / "state"
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    own_seal._key.cache_clear()
    return folder


def test_it_holds_in_this_folder_for_this_text(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.symlink_to(one)
    seal = own_seal.seal(one, "text")
    own_seal._key.cache_clear()  # a later process
    assert own_seal.holds(one, "text", seal)
    assert own_seal.holds(two, "text", seal)
    assert not own_seal.holds(one, "another", seal)
    assert not own_seal.holds(tmp_path, "text", seal)
    for nothing in ("", None, 7, "é" * 64):
        assert not own_seal.holds(one, "text", nothing)


def test_another_person_has_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seal = own_seal.seal(tmp_path, "text")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    assert not own_seal.holds(tmp_path, "text", seal)


def test_the_key_is_for_this_account_alone(tmp_path: Path) -> None:
    own_seal.seal(tmp_path, "text")
    assert own_seal.place().stat().st_mode & 0o777 == 0o600
    assert os.listdir(own_seal.place().parent) == ["key"]


def test_where_no_key_can_be_kept_it_holds_for_a_process(person: Path, tmp_path: Path) -> None:
    person.write_text("no folder")
    seal = own_seal.seal(tmp_path, "text")
    assert own_seal.holds(tmp_path, "text", seal)
    own_seal._key.cache_clear()
    assert not own_seal.holds(tmp_path, "text", seal)
