from pathlib import Path

import pytest

from piste.bundle import cache
from piste.bundle.cache import ScanCache, key_of
from piste.system.secret_policy import BUILT_IN


def refuse(_: bytes) -> tuple[tuple[int, int, str], ...]:
    raise AssertionError("searched again")


def found_out(
    new: dict[bytes, int],
    scans: dict[bytes, cache.Findings] | None = None,
    counts: dict[bytes, int] | None = None,
) -> ScanCache:
    """Return what a run knows that found out this."""
    made = ScanCache(counts)
    made.take(new, scans or {})
    return made


def test_what_was_found_out_is_not_found_out_again(tmp_path: Path) -> None:
    first = cache.load(tmp_path, BUILT_IN)
    assert first.count(key_of(b"a"), lambda: b"hello world") == 2
    assert first.scan(key_of(b"b"), b"x", lambda _: [(0, 1, "rule")]) == ((0, 1, "rule"),)
    assert first.scan(key_of(b"c"), b"x", lambda _: []) == ()
    cache.save(tmp_path, BUILT_IN, first, 3)

    second = cache.load(tmp_path, BUILT_IN)

    assert second.count(key_of(b"a"), lambda: b"not counted: \xff") == 2
    assert second.scan(key_of(b"b"), b"x", refuse) == ((0, 1, "rule"),)
    assert second.scan(key_of(b"c"), b"x", refuse) == ()
    assert not second.new_counts
    assert not second.new_scans


def test_results_of_another_process_are_taken_over(tmp_path: Path) -> None:
    mine = ScanCache()
    mine.take({key_of(b"a"): 7}, {key_of(b"b"): ((0, 1, "rule"),)})
    cache.save(tmp_path, BUILT_IN, mine, 1)

    assert cache.load(tmp_path, BUILT_IN).counts == {key_of(b"a"): 7}
    assert cache.load(tmp_path, BUILT_IN).scans == {key_of(b"b"): ((0, 1, "rule"),)}


@pytest.mark.parametrize("damage", [b"", b"{}\n", b"nonsense", b"\xff\xff\n\xff", b"[]\n"])
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "bundle.known").write_bytes(damage)

    assert vars(cache.load(tmp_path, BUILT_IN)) == vars(ScanCache())


def test_a_file_that_is_cut_off_is_as_good_as_none(tmp_path: Path) -> None:
    cache.save(tmp_path, BUILT_IN, found_out({key_of(b"a"): 7}), 1)
    whole = (tmp_path / "bundle.known").read_bytes()

    for end in range(len(whole)):
        (tmp_path / "bundle.known").write_bytes(whole[:end])
        assert vars(cache.load(tmp_path, BUILT_IN)) == vars(ScanCache())


def test_results_of_other_rules_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.save(tmp_path, BUILT_IN, found_out({}, {key_of(b"a"): ()}), 1)

    monkeypatch.setattr("piste.system.secrets.version", lambda _: "another")

    assert vars(cache.load(tmp_path, BUILT_IN)) == vars(ScanCache())


def test_the_oldest_results_go_when_there_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_SPARE", 2)
    old = {key_of(b"%d" % n): n for n in range(10)}

    cache.save(tmp_path, BUILT_IN, found_out({key_of(b"new"): 99}, counts=old), 1)

    assert list(cache.load(tmp_path, BUILT_IN).counts.values()) == [5, 6, 7, 8, 9, 99]


def test_parts_of_a_key_are_kept_apart() -> None:
    assert key_of(b"ab", b"c") != key_of(b"a", b"bc")
