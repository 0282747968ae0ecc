"""The memo: what was noted is found, and damage costs time only."""

import os
import stat
from pathlib import Path

import pytest
from conftest import Small
from hypothesis import given
from hypothesis import strategies as st

from piste.engine.stat_cache import StatCache
from piste.system import caches


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".piste").mkdir()
    memo = StatCache(tmp_path)
    memo.note("a.md", b"1")
    memo.note("b.md", b"2")
    memo.save()
    return tmp_path


def test_there_and_back(root: Path) -> None:
    memo = StatCache(root)
    assert memo.hit("a.md", b"1")
    assert not memo.hit("a.md", b"2")
    assert not memo.hit("c.md", b"1")
    assert not memo.hit("a.md", None)
    assert os.listdir(root / ".piste") == []
    assert stat.S_IMODE(caches.folder(root).stat().st_mode) == 0o700


def test_without_news_nothing_is_written(root: Path) -> None:
    (caches.folder(root) / "fresh").unlink()
    memo = StatCache(root)
    memo.note("a.md", None)
    memo.save()
    assert os.listdir(caches.folder(root)) == []


def test_without_a_folder_of_ours_none_is_made(tmp_path: Path) -> None:
    memo = StatCache(tmp_path)
    memo.note("a.md", b"1")
    memo.save()
    assert not caches.folder(tmp_path).exists()


def test_a_folder_in_its_place_is_no_matter(root: Path) -> None:
    (caches.folder(root) / "fresh").unlink()
    (caches.folder(root) / "fresh").mkdir()
    memo = StatCache(root)
    memo.note("a.md", b"1")
    memo.save()
    assert os.listdir(caches.folder(root)) == ["fresh"]


def test_cut_at_every_length_it_is_empty(root: Path) -> None:
    path = caches.folder(root) / "fresh"
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        assert not StatCache(root).hit("a.md", b"1")


@given(st.data())
def test_no_flipped_bit_makes_a_hit(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("memo")
    (root / ".piste").mkdir()
    memo = StatCache(root)
    memo.note("a.md", b"1")
    memo.save()
    path = caches.folder(root) / "fresh"
    spoiled = bytearray(path.read_bytes())
    spoiled[data.draw(st.integers(0, len(spoiled) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(spoiled)
    assert not StatCache(root).hit("a.md", b"1")


def test_a_value_of_plain_data_is_remembered_under_its_key(root: Path) -> None:
    memo = StatCache(root)
    memo.put("k", {"a": [["b", None]]})
    memo.save()
    assert StatCache(root).get("k") == {"a": [["b", None]]}
    assert StatCache(root).get("l") is None
    assert StatCache(root).hit("a.md", b"1")


SETTINGS = {
    "model": lambda small: small.settings(model="another"),
    "options": lambda small: small.settings("options.x = 1"),
    "language": lambda small: small.settings('language = "Latin"'),
    "tests_first": lambda small: small.settings("tests_first = false"),
    "the rule's model": lambda small: small.settings(rule='model = "m"'),
    "the rule's options": lambda small: small.settings(rule="options.x = 1"),
    "the rule's check": lambda small: small.settings(rule='check = "spec"'),
    "the prompt": lambda small: small.write("prompts/note.md.j2", "other"),
    "a kind": lambda small: small.settings("[rules.spec]\nkind = 'todo'"),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_all_that_decides_and_is_no_file_is_in_the_settings(small: Small, what: str) -> None:
    def settings() -> bytes:
        world = small.world()
        return world.stat_cache.settings(world.config, world.rules["note"], world.layers)

    before = settings()
    assert settings() == before
    SETTINGS[what](small)
    assert settings() != before
