"""The requirements of a specification, and whether their ids keep their meaning."""

import pytest

from piste.documents import requirements
from piste.documents.requirements import broken, repeated, used

SPEC = """\
# Tally

## Requirements

### Counting
- **R1:** It counts the words of each file, a word being a run without white space.
- **R2:** It counts lines.
  An empty file has none:
  1. not even one

### Printing
- **R3:** It prints a table, right-aligned in seven columns.
- **R4:** It prints JSON when `--json` is given.

## Testing plan

- R1: a unit test
- R3 and R4: a run of the program
"""


def ids(spec: str) -> list[str]:
    return [one.id for one in requirements.requirements(spec)]


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        (SPEC, ["R1", "R2", "R3", "R4"]),
        (SPEC.replace("- **R", "- [R").replace(":**", "]"), ["R1", "R2", "R3", "R4"]),
        ("# T\n\n## Requirements\n\n1. counts\n   - R2 is the other\n2. prints\n", ["1", "2"]),
        ("# T\n\n## User stories\n\n### US1: Count\n\n1. WHEN\n\n### US2: Sum\n\n1. WHEN\n",
         ["US1", "US2"]),
    ],
)  # fmt: skip
def test_ids_that_are_written_out_come_before_numbers(spec: str, wanted: list[str]) -> None:
    assert ids(spec) == wanted


def test_an_id_that_is_used_twice_is_told_with_its_lines() -> None:
    assert repeated(SPEC) == []
    assert repeated(SPEC.replace("**R4", "**R2")) == [("R2", [7, 13])]
    assert repeated(SPEC.replace("## Testing plan", "## Features for later")) == [
        ("R1", [6, 17]),
        ("R3", [12, 18]),
    ]
    assert repeated("# T\n\n## Needs\n\n- FR-001: a\n- FR-1: b\n\n## Open\n\n- FR-001: how?\n") == [
        ("FR-001", [5, 6])
    ]


@pytest.mark.parametrize("spec", ["", "# T\n\nProse.\n", "# T\n\n## Requirements\n\n1. a\n1. b\n"])
def test_a_specification_without_ids_has_none_to_keep(spec: str) -> None:
    assert repeated(spec) == []
    assert used(spec) == ("", [])
    assert broken(SPEC, spec) == ""


# What a person or a model does to a requirement without making another one of it.
EDITS = {
    "limits": ("seven columns", "nine columns, cut with an ellipsis"),
    "whole again": ("It counts lines.", "The lines of a file are counted, the last one too."),
    "less": (", a word being a run without white space", ""),
    "gone": ("- **R2:** It counts lines.\n  An empty file has none:\n  1. not even one\n", ""),
    "moved": ("## Testing plan", "- **R5:** It sorts by name.\n\n## Testing plan"),
    "otherwise": ("- **R4:** It prints JSON when", "| R4 | It prints JSON if"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_edited_words_keep_an_id(edit: str) -> None:
    before, after = EDITS[edit]
    assert before in SPEC
    assert broken(SPEC.replace(before, after), SPEC) == ""


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("It counts lines.\n  An empty file has none:\n  1. not even one",
         "Users log in with a password.", "R2 has the words of another"),
        ("- **R2:** It counts lines.\n  An empty file has none:\n  1. not even one\n\n"
         "### Printing\n- **R3:** It prints a table, right-aligned in seven columns.\n- **R4:**",
         "- **R2:** It prints a table, right-aligned in seven columns.\n- **R3:**",
         "R2 has the words of another"),
        ("**R4:** It prints JSON", "**R3:** It prints JSON", "two requirements have the id R3"),
    ],
)  # fmt: skip
def test_an_id_is_not_given_to_another_requirement(before: str, after: str, said: str) -> None:
    assert before in SPEC
    assert broken(SPEC.replace(before, after), SPEC).startswith(said)


def test_requirements_that_are_numbered_anew_are_noticed() -> None:
    rows = ["Words are counted.", "Lines are counted.", "Bytes are counted.", "Sums are printed."]
    spec = "# T\n\n## Requirements\n\n" + "".join(f"- R{n}: {r}\n" for n, r in enumerate(rows, 1))
    fewer = "# T\n\n## Requirements\n\n" + "".join(
        f"- R{n}: {r}\n" for n, r in enumerate([rows[0], *rows[2:]], 1)
    )
    assert broken(fewer, spec).startswith("R2 has the words of another now (it was: 'Lines")


def test_one_that_has_gone_comes_back_with_its_own_words_only() -> None:
    without = SPEC.replace("- **R4:** It prints JSON when `--json` is given.\n", "")
    assert used(without, [SPEC]) == ("R5", ["R4"])
    assert broken(SPEC, without, [SPEC]) == ""
    other = without.replace("columns.\n", "columns.\n- **R4:** Users log in with a password.\n")
    assert broken(other, without, [SPEC]).startswith("R4 has the words of another")
    assert broken(other, without) == ""  # nobody knows any more that there was one
    added = other.replace("**R4", "**R5")
    assert broken(added, without, [SPEC]) == ""


def test_a_gap_stays_one_though_nobody_knows_what_it_was() -> None:
    gap = SPEC.replace("**R2", "**R9")
    filled = gap.replace("### Printing", "- **R2:** It draws a chart.\n\n### Printing")
    assert broken(filled, gap).startswith("R2 is an id that was left free")
    assert used(gap)[0] == "R10"
    assert used("# T\n\n## Requirements\n\n- FR-009: a\n- FR-010: b\n- US1: c\n")[0] == "FR-011"


def test_scripts_without_spaces_are_compared_by_their_signs() -> None:
    spec = "# T\n\n## Requirements\n\n- R1: 単語の数を数える。\n- R2: 行数を印刷する。\n"
    assert broken(spec.replace("数える。", "数え、合計する。"), spec) == ""
    assert broken(spec.replace("単語の数を数える。", "利用者がログインできること。"), spec)


@pytest.mark.parametrize("unit", ["- R1: a ", "- R1: a\n", "R1 ", "| R1 | ", "## R1\n"])
def test_it_takes_time_in_proportion(unit: str) -> None:
    spec = f"# T\n\n## Requirements\n\n{unit * 3_000}\n"
    repeated(spec)
    broken(spec, spec)
