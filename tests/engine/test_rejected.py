"""Rejected replies: kept as they came, and the newest says why."""

from pathlib import Path

import pytest

from piste.engine import log, rejected


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every look at the clock be a second later."""
    seconds = iter(range(10, 60))
    monkeypatch.setattr(log, "now", lambda: f"2026-01-02T03:04:{next(seconds)}.000Z")


def test_nothing_was_rejected(tmp_path: Path) -> None:
    assert rejected.last(tmp_path, "a.md") is None


def test_the_text_is_kept_as_it_came(tmp_path: Path) -> None:
    file = rejected.put(tmp_path, "docs/a.md", "key", "I\r\nrefuse \ud83d", "it refused")
    assert file.startswith(".piste/rejected/docs__a.md.")
    assert (tmp_path / file).read_bytes() == b"I\r\nrefuse ?"
    assert rejected.last(tmp_path, "docs/a.md") == ("key", "it refused", file)


def test_two_in_the_same_millisecond_are_both_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "now", lambda: "2026-01-02T03:04:05.000Z")
    files = {rejected.put(tmp_path, "a.md", "key", text, "no") for text in ("one", "two")}
    assert {(tmp_path / file).read_text() for file in files} == {"one", "two"}


def test_the_newest_counts(tmp_path: Path, clock: None) -> None:
    rejected.put(tmp_path, "a.md", "key", "one", "first")
    rejected.put(tmp_path, "a.md", "key", "two", "second")
    rejected.put(tmp_path, "a.md.md", "key", "three", "another target's")
    found = rejected.last(tmp_path, "a.md")
    assert found is not None
    assert found.reason == "second"


@pytest.mark.parametrize(
    "damaged", [b"", b"{", b"[]", b"3", b"{}", b"\xff", b"[" * 9999, b'{"target": "a.md"}']
)
def test_what_is_damaged_is_passed_over(tmp_path: Path, clock: None, damaged: bytes) -> None:
    rejected.put(tmp_path, "a.md", "key", "one", "first")
    newer = rejected.put(tmp_path, "a.md", "key", "two", "second")
    (tmp_path / newer).with_suffix(".json").write_bytes(damaged)
    found = rejected.last(tmp_path, "a.md")
    assert found is not None
    assert found.reason == "first"
