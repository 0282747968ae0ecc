"""A bundle against its budget of tokens: what to leave out, or what is dropped unasked.

It knows tokens, names and folders, not what a file is worth to its reader: test data,
generated files and docs come before code by their names alone.
"""

import re
from collections.abc import Mapping, Sequence

from piste.bundle.defaults import FIT_ORDER
from piste.bundle.report import savings
from piste.system.errors import OverBudget

_MOST_SHOWN = 8
# Folders that one can mostly do without are proposed before code.
_SPARE = re.compile(
    r"(?:^|/)(?:tests?|testing|__tests__|spec|specs|fixtures?|testdata|docs?|documentation|"
    r"examples?|samples?|bench|benchmarks?|locale|locales|i18n|l10n|data|generated|misc|"
    r"migrations|snapshots|assets|static)/$",
    re.IGNORECASE,
)


class TooManyTokens(OverBudget):
    """The bundle is over `bundle.budget`. `ranking`: (folder, tokens it would save)."""

    def __init__(self, line: str, ranking: Sequence[tuple[str, int]]) -> None:
        """Keep the ranking beside the line that a person reads."""
        super().__init__(line)
        self.ranking = ranking


def exceeded(
    target: str, tokens: int, budget: int, sizes: Mapping[str, tuple[int, int]]
) -> TooManyTokens:
    """Return the error for a bundle of `tokens`, with the ready line that brings it down."""
    ranking = savings(sizes)
    setting, saved = left_out(ranking, tokens - budget)
    line = f"{target} would have {tokens:,} tokens, over bundle.budget of {budget:,}"
    if setting:
        line += f"; {setting} saves {saved:,}"
    if saved < tokens - budget:
        line += "; raise the budget, narrow bundle.include, or set bundle.compress = true"
    return TooManyTokens(line, ranking[:_MOST_SHOWN])


def left_out(ranking: Sequence[tuple[str, int]], surplus: int) -> tuple[str, int]:
    """Return the setting that saves `surplus` tokens of a bundle, or most of them, and how many.

    The ranking is that of `report.savings`. "" where nothing can be named.
    """
    chosen, saved = _enough(ranking, surplus)
    patterns = ", ".join(f'"/{_literal(name)}"' for name in chosen)
    return (f"bundle.ignore = [{patterns}]" if chosen else ""), saved


def _enough(ranking: Sequence[tuple[str, int]], surplus: int) -> tuple[list[str], int]:
    """Choose folders that together save `surplus` tokens: spare ones first, biggest first."""
    chosen: list[str] = []
    saved = 0
    spare = [item for item in ranking if _SPARE.search(item[0])]
    for name, tokens in [*spare, *(item for item in ranking if item not in spare)]:
        if saved >= surplus or len(chosen) == _MOST_SHOWN:
            break
        if not any(name.startswith(one) or one.startswith(name) for one in chosen):
            chosen.append(name)
            saved += tokens
    return chosen, saved


def _literal(name: str) -> str:
    """Return a name as a gitignore pattern inside a TOML string."""
    return re.sub(r"([*?\[\\])", r"\\\1", name).replace("\\", "\\\\").replace('"', '\\"')


def dropped(
    names: Sequence[bytes], tokens: Sequence[int], lengths: Sequence[int], wanted: int
) -> list[int]:
    """Return the indices of the packed names to drop, to save `wanted` tokens or all that may go.

    The order is that of `defaults.FIT_ORDER`, the biggest of each group first.
    """
    gone: list[int] = []
    saved = 0
    for index in _candidates(names, tokens):
        if saved >= wanted:
            break
        if lengths[index]:
            gone.append(index)
            saved += tokens[index]
    return gone


def _candidates(names: Sequence[bytes], tokens: Sequence[int]) -> list[int]:
    from piste.bundle.ignore import Line, compiled, matchable

    order: list[int] = []
    left = set(range(len(names)))
    for group, patterns in FIT_ORDER.items():
        spec = compiled([Line(pattern, group) for pattern in patterns])
        found = [index for index in left if spec.match_file(matchable(names[index]))]
        order += sorted(found, key=lambda index: (-tokens[index], names[index]))
        left -= set(found)
    return order
