"""The log: lines that are added and read, and damage that is passed over."""

import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.engine import log
from piste.engine.log import Entry

ONE = Entry("2026-01-02T03:04:05.678Z", "a.md", "made", "m", "key", "out", "blob", 1, 2, 0.5, 1.5)
TWO = Entry("2026-01-02T03:04:06.678Z", "b.md", "failed", reason="a line\nanother \x1b ä")


def test_there_and_back(tmp_path: Path) -> None:
    assert list(log.entries(tmp_path)) == []
    log.add(tmp_path, ONE)
    log.add(tmp_path, TWO)
    assert list(log.entries(tmp_path)) == [ONE, TWO]
    assert list(log.entries(tmp_path, "b.md")) == [TWO]
    assert len((tmp_path / log.FILE).read_bytes().splitlines()) == 2


def test_a_cost_of_nothing_is_not_an_unknown_cost(tmp_path: Path) -> None:
    log.add(tmp_path, ONE._replace(cost=0.0))
    log.add(tmp_path, ONE._replace(cost=None))
    assert [entry.cost for entry in log.entries(tmp_path)] == [0.0, None]


def test_now_is_in_utc() -> None:
    now = datetime.datetime.now(datetime.UTC)
    said = log.now()
    assert said.endswith("Z")
    assert abs(datetime.datetime.fromisoformat(said) - now) < datetime.timedelta(minutes=1)


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[]", b"3", b"null", b"{}", b'{"x": 1}', b"\xff", b"[" * 99999]
)
def test_a_damaged_line_is_passed_over(tmp_path: Path, line: bytes) -> None:
    log.add(tmp_path, ONE)
    path = tmp_path / log.FILE
    path.write_bytes(path.read_bytes() + line)  # as a crash may leave it
    log.add(tmp_path, TWO)
    assert list(log.entries(tmp_path)) == [ONE, TWO]


@given(st.binary())
def test_any_bytes_can_be_read(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    root = tmp_path_factory.mktemp("log")
    (root / ".piste").mkdir()
    (root / log.FILE).write_bytes(data)
    assert all(isinstance(entry, Entry) for entry in log.entries(root))
