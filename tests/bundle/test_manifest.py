import os
from pathlib import Path

import pytest

from piste.bundle import manifest
from piste.bundle.manifest import State, Table
from piste.system.file_reader import NO_STAMP

NOW = 9_000_000_000  # ns


def made(target: Path) -> State:
    table = Table([b"a", b"bad\xff\nname"])
    table.add(0, 10, 3, (1, 2, 3, 4), {"encoding": "latin-1"}, NOW)
    table.add(8, 0, 0, NO_STAMP, None, NOW)
    return State(
        key="key",
        mark="mark",
        table=table,
        left=[("images", "*.png", ["a.png"])],
        notes=["could not open"],
        watched={".ignore": NO_STAMP},
        target=manifest.stamp(str(target)),
        head=(100, 20),
        tail=(5, 1),
        sha256="ab",
    )


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "output.txt"
    path.write_text("a bundle")
    return path


def test_a_state_comes_back_whole(target: Path, tmp_path: Path) -> None:
    path = manifest.file_of(tmp_path / "cache", "output.txt")
    saved = made(target)

    manifest.save(path, saved)

    loaded = manifest.load(path, "key")
    assert loaded is not None
    assert loaded._replace(table=saved.table) == saved
    assert vars(loaded.table) == vars(saved.table)
    assert manifest.load(path, "another key") is None


def test_a_bundle_younger_than_its_state_is_not_trusted(target: Path, tmp_path: Path) -> None:
    path = tmp_path / "state"
    manifest.save(path, made(target))
    os.utime(path, ns=(0, 0))

    loaded = manifest.load(path, "key")

    assert loaded is not None
    assert loaded.target == NO_STAMP


def test_a_damaged_state_is_as_good_as_none(target: Path, tmp_path: Path) -> None:
    path = tmp_path / "state"
    manifest.save(path, made(target))
    whole = path.read_bytes()

    for end in range(0, len(whole), 7):
        path.write_bytes(whole[:end])
        assert manifest.load(path, "key") is None
    path.write_bytes(whole + b"x")
    assert manifest.load(path, "key") is None
    assert manifest.load(tmp_path / "none", "key") is None


@pytest.mark.parametrize(
    ("stamp", "now", "trusted"),
    [
        ((5_000, 5_000, 1, 1), 3_000_000_000, True),
        ((2_000_000_000, 5_000, 1, 1), 3_000_000_000, False),
        ((5_000, 2_000_000_000, 1, 1), 3_000_000_000, False),
        ((9_000_000_000, 0, 1, 1), 3_000_000_000, False),
    ],
)
def test_a_file_changed_within_two_seconds_is_not_trusted(
    stamp: tuple[int, int, int, int], now: int, trusted: bool
) -> None:
    assert manifest.trusted(stamp, now) == (stamp if trusted else NO_STAMP)


def test_stamps_are_those_of_the_names_and_nothing_where_there_is_nothing(target: Path) -> None:
    found = manifest.stamps(os.fsencode(target.parent), [b"output.txt", b"none"])

    assert tuple(found[:4]) == manifest.stamp(str(target))
    assert tuple(found[4:]) == NO_STAMP


def test_targets_do_not_share_a_state(tmp_path: Path) -> None:
    assert manifest.file_of(tmp_path, "a.txt") != manifest.file_of(tmp_path, "b.txt")
