"""What of an agent's output is worth showing while it works."""

import pytest

from piste.steps.agents.events import briefly, events


def test_lines_that_are_no_events_are_left_out() -> None:
    assert list(events('warning\n{"a": 1}\n[2]\n{broken\n  {"b": 2}\n')) == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("  plain words ", "plain words"),
        ('{"type": "text", "part": {"text": "I read\\nthe file"}}', "I read the file"),
        ('{"item": {"type": "command_execution", "command": "pytest -q"}}', "pytest -q"),
        ('{"type": "step_finish", "part": {"cost": 1}}', ""),
        ("{not json", ""),
    ],
)
def test_briefly(line: str, shown: str) -> None:
    assert briefly(line) == shown
