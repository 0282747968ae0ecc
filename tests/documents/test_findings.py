"""Findings that name what is not in the bundle are marked, and nothing else is touched."""

import pytest

from piste.documents.findings import MARK, marked

BUNDLE = '<files>\n<file path="src/a.py">\none\ntwo\n</file>\n<file path="b.md">\n# B\n</file>\n'


def _finding(place: str) -> str:
    return f"# Review\n\n## 1. Wrong\n\n**File:** {place}\n**Severity:** high\n\nWords.\n"


@pytest.mark.parametrize(
    ("place", "doubtful"),
    [
        ("src/a.py:2", ""),
        ("`src/a.py:2`", ""),
        ("b.md:1", ""),
        ("src/none.py:1", "src/none.py:1"),
        ("src/a.py:900", "src/a.py:900"),
        ("a.py:1", "a.py:1"),
    ],
)
def test_a_finding_that_is_not_in_the_bundle_is_marked(place: str, doubtful: str) -> None:
    found = marked(_finding(place), BUNDLE)
    assert (found.doubtful, found.findings) == (bool(doubtful), 1)
    assert (f"{MARK} {doubtful}" in found.text) == bool(doubtful)
    assert found.text.replace(f"{MARK} {doubtful}\n", "") == _finding(place)


def test_marking_twice_is_marking_once() -> None:
    once = marked(_finding("none.py:1"), BUNDLE).text
    assert marked(once, BUNDLE).text == once


def test_an_issue_may_name_several_files() -> None:
    text = "## Title\n\n**Labels:** bug\n**Files:** src/a.py:1, none.py:3\n"
    assert f"{MARK} none.py:3\n" in marked(text, BUNDLE).text


@pytest.mark.parametrize("bundle", ["## `src/a.py`\n\n```\none\n```\n", "src/a.py\n----\none\n"])
def test_the_bundle_of_another_packer_will_do(bundle: str) -> None:
    assert marked(_finding("src/a.py:7"), bundle).doubtful == 0
    assert marked(_finding("none.py:7"), bundle).doubtful == 1
