"""The `Files:` line of a step, in the forms in which models write it."""

import pytest

from piste.documents import step_files

SAME = (("read a.py",), ("change b.py, c.py",), ("tests made wrong: tests/test_b.py",))
FORMS = [
    "Files: read a.py; change b.py, c.py; tests made wrong: tests/test_b.py",
    "**Files:** read a.py; change b.py, c.py; tests made wrong: tests/test_b.py",
    "- **Files**: read a.py; change b.py, c.py; tests made wrong: tests/test_b.py",
    "Files:\n- read a.py\n- change b.py, c.py\n- tests made wrong: tests/test_b.py\n\n- not.py",
]


@pytest.mark.parametrize("text", FORMS)
def test_it_is_read(text: str) -> None:
    assert step_files.parse(f"Do it.\n\n{text}\n\nProfiles: none.") == SAME


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ("src/x.py", "change"), ("new: src/x.py", "change"), ("Read: `src/x.py`", "read"),
        ("see src/x.py", "read"), ("earlier tests: tests/x.py", "wrong"),
        ("becomes wrong: tests/x.py", "wrong"), ("tests/x.py", "change"),
    ],
)  # fmt: skip
def test_a_part_is(part: str, kind: str) -> None:
    assert getattr(step_files.parse(f"Files: {part}"), kind) == (part,)


def test_what_is_only_read_is_not_named() -> None:
    text = "Mend b.py.\n\nFiles: read tests/test_a.py; change b.py"
    assert "test_a" not in step_files.without_read(text)
    assert step_files.lines(text) == ["Files: read tests/test_a.py; change b.py"]
    assert step_files.lines("A profile: x\nfiles are good") == []
