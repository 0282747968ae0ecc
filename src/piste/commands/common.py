"""What the verbs share: their arguments, the targets they are asked about, JSON.

No verb of its own, and nothing here decides or prints on its own account.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from piste import receipts, rules
from piste.errors import EXIT_MISTAKE
from piste.freshness import Decision, World
from piste.rules import Rule


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line, and where to look; exit 2."""
        print(f"{self.prog}: {message}; see {self.prog} --help", file=sys.stderr)
        sys.exit(EXIT_MISTAKE)


def parser(verb: str, about: str, *, json_too: bool = True) -> argparse.ArgumentParser:
    """Return the argument parser of a verb."""
    made = _Parser(prog=f"piste {verb}", description=about, allow_abbrev=False)
    if json_too:
        made.add_argument("--json", action="store_true", help="print JSON, for machines")
    return made


def add_targets(made: argparse.ArgumentParser) -> None:
    """Let the verb take any number of targets."""
    made.add_argument("targets", nargs="*", metavar="T", help="a target or the name of its rule")


def chosen(world: World, names: Sequence[str], everything: bool = False) -> list[Rule]:
    """Return the rules that are meant: those named, else those that matter here.

    What matters is the line, and whatever has a receipt or stands there already.
    Raises Mistake, with the nearest name, for a name that is none.
    """
    if names:
        return [rules.find(world.rules, name) for name in names]
    root = world.root
    return [
        rule
        for rule in world.rules.values()
        if everything
        or rule.greenfield
        or os.path.exists(root / rule.target)
        or os.path.exists(receipts.path(root, rule.target))
    ]


def as_dict(decision: Decision) -> dict[str, Any]:
    """Return a decision as plain data for JSON."""
    return {
        "target": decision.rule.target,
        "rule": decision.rule.name,
        "state": decision.state,
        "todo": decision.todo,
        "reasons": [reason._asdict() for reason in decision.reasons],
        "key": decision.key or None,
        "in_store": decision.stored,
    }


def print_json(data: object) -> None:
    """Print `data` as JSON on stdout."""
    print(json.dumps(data, indent=1, ensure_ascii=False))


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows as lines of aligned columns; the first row is the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
