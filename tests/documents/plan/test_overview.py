"""The test command of a plan's overview."""

import pytest

from piste.documents import plan
from piste.documents.plan import overview

STEPS = "## Step 1: Begin\n\nTest command: `not this`\n\n```text\nTest command: `nor this`\n```\n"


def command(said: str) -> str:
    text = f"# Tally: plan\n\nAn overview.\n\n{said}\n\n{STEPS}"
    return overview.test_command(text, plan.parse(text).steps)


@pytest.mark.parametrize(
    "said",
    [
        "Test command: `pytest -q`", "**Test command:** `pytest -q`", "**Test command**: pytest -q",
        "- Test command: `pytest -q` (from step 1 on)", "Tests command: pytest -q",
        "The test command is `pytest -q`.", "Test command (all tests): pytest -q.",
        "Test command:\n\n```sh\n$ pytest -q\n```", "Test command:\n\n`pytest -q`",
        "### Test command\n\n`pytest -q`", "## **Test command:**\n\n```\npytest -q\n```",
        "Test command — `pytest -q`", "**Test command** - `pytest -q`",
        "Test command: ``pytest -q``", "> *Test command*: `pytest -q`, nothing else",
    ],
)  # fmt: skip
def test_it_is_read(said: str) -> None:
    assert command(said) == "pytest -q"


def test_two_commands_are_one() -> None:
    assert command("Test command: `pytest -q` and `npm test`") == "pytest -q && npm test"
    assert command("Test command: `go test ./...`") == "go test ./..."
    assert command("Test command: pytest .") == "pytest ."


@pytest.mark.parametrize(
    "said", ["", "Test command: none", "Test command: <the command>", "Test command: …",
             "Test command:", "We test. Command: x", "Test command: a\x1b[31mb"],
)  # fmt: skip
def test_what_is_no_command_is_none(said: str) -> None:
    assert command(said) == ""


def test_each_step_has_its_part_of_the_plan() -> None:
    text = f"# P\n\n{STEPS}\n{STEPS.replace('1', '2')}"
    first, second = overview.sections(text, plan.parse(text).steps)
    assert first.startswith("## Step 1") and "Step 2" not in first
    assert second.startswith("## Step 2") and second.endswith("```\n")
