"""Which requirements no step covers, in the forms in which people and models write both."""

import pytest

from piste.documents import coverage

SPEC = """\
# Tally

## Requirements

### Counting
1. It counts words.
2. It counts lines.
   1. an empty file has none

### Printing
3. It prints a table.
4. It prints JSON.

## Data
1. This is none.
"""
IDS = "# Tally\n\n## Requirements\n\n- **FR-001**: counts\n- FR-002: prints\n| FR-003 | sorts |\n"
KIRO = """\
# Requirements

### Requirement 1: Count

#### Acceptance Criteria

1. WHEN asked THEN it counts
2. WHEN empty THEN 0

### Requirement 2: Print

#### Acceptance Criteria

1. WHEN done THEN it prints
"""
HEADED = "# Tally\n\n## Features\n\n### Export to CSV\n\nAs a file.\n\n### Import\n\nOf files.\n"


def plan(*said: str) -> str:
    steps = (
        f"## Step {n}: Do it\n\n{one}\n\n```text\nBuild it.\n```\n" for n, one in enumerate(said, 1)
    )
    return "# Tally: plan\n\nRequirements 1 to 4 in order.\n\n" + "\n".join(steps)


def left(spec: str, *said: str) -> list[str]:
    found = coverage.of(spec, plan(*said))
    return [one.id for one in found.uncovered]


@pytest.mark.parametrize(
    "said",
    [
        "Covers: 1, 2, 4", "**Covers:** 1-2, 4", "First. Covers: 1–2 and 4.", "*Covers: 1, 2, 4*",
        "Covers requirements 1, 2 and 4.", "(Covers: R1, R2, R4)", "Covers: #1, #2, #4",
        "Covers: 1 (partly; see 3), 2 & 4", "- Covers: requirement 1 to 2; 4",
        "Requirements: 1, 2, 4", "Covers: [1](spec.md#1), 2, 4",
        "Builds on requirement 1, and satisfies requirements 2 and 4.",
        "Covers: Req. 1, req. 2, req. 4",
    ],
)  # fmt: skip
def test_a_step_names_what_it_covers(said: str) -> None:
    assert left(SPEC, said) == ["3"]


@pytest.mark.parametrize(
    "said", ["It covers 3 cases. Covers: 1, 2, 4", "Step 3 is next. Covers: 1, 2, 4\n\n3 files."]
)
def test_a_number_alone_claims_nothing(said: str) -> None:
    assert left(SPEC, said) == ["3"]


def test_all_steps_together_count() -> None:
    assert left(SPEC, "Covers: 1", "Covers: 2, 3", "Covers: none") == ["4"]
    assert left(SPEC, "Covers: 1, 2", "Covers: 3", "Covers: 4") == []
    assert left(SPEC, "Covers: 1, 2, 3", "Covers: all (end to end)") == ["4"]
    assert left(SPEC, "Covers: all") == []


def test_a_plan_that_says_nothing_of_it_is_not_judged() -> None:
    found = coverage.of(SPEC, plan("First.", "Second."))
    assert not found.claims
    assert coverage.phrase(found, "spec.md") == ""


def test_ids_are_named_anywhere_in_a_step() -> None:
    assert left(IDS, "For FR-001.", "Covers: FR-003") == ["FR-002"]
    assert left(IDS, "Covers: FR-1..FR-3") == []
    assert left(IDS, "Covers: 1, 2") == ["FR-003"]
    assert left(KIRO, "_Requirements: 1.1, 2.1_") == ["1.2"]
    assert left(KIRO, "_Requirements: 1_") == ["2.1"]


def test_a_heading_without_an_id_is_known_by_its_words() -> None:
    assert left(HEADED, "Write the export to CSV.") == ["Import"]


def test_a_line_covers_says_all_of_it() -> None:
    spec = "# T\n\n## Requirements\n\n- R1: counts\n- R2: prints\n- R3: sorts\n"
    assert left(spec, "After R2, before requirement 3. Covers: R1") == ["R2", "R3"]
    found = coverage.of(spec, plan("Covers: R1, R3", "Tidies up.", "Covers: R2 (see R1)"))
    assert found.by_step == (("1", ("R1", "R3")), ("2", ()), ("3", ("R2",)))


def test_what_the_specification_has_not_is_told() -> None:
    found = coverage.of(SPEC, plan("Covers: 1, 2, 3, 4, 9"))
    assert (found.uncovered, found.unknown) == ((), (("1", "9"),))


def test_items_that_markdown_numbers_by_itself_are_counted() -> None:
    assert left("# T\n\n## Requirements\n\n1. a\n1. b\n1. c\n", "Covers: 1, 3") == ["2"]


def test_it_is_said_in_one_phrase() -> None:
    found = coverage.of(SPEC, plan("Covers: 1"))
    assert coverage.phrase(found, "spec.md") == "no step covers 2, 3, 4 of spec.md"


@pytest.mark.parametrize(
    "unit", ["requirement ", "Covers: ", "1, ", "FR-1 ", "(", "1-", "covers req "]
)
def test_it_takes_time_in_proportion(unit: str) -> None:
    # Each would take minutes if the lists were read from each of their words on.
    coverage.of(SPEC + unit * 20_000, plan(unit * 50_000))
