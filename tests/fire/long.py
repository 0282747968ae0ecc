"""The long form of the trials, and its table: `python -m tests.fire.long [--share 0.1]`.

It runs the same tests with ten times the trials and more, and prints the table that
docs/promises.md quotes. A trial that does not come out right fails its test, which is shown,
and the exit code is pytest's.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent


class Row(NamedTuple):
    """What a kind of trial came to."""

    trial: str
    trials: int
    twice: int
    more: str


def main(argv: Sequence[str] | None = None) -> int:
    """Run the trials and print the table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the long form, 1 is all")
    parser.add_argument("-n", default="auto", help="processes, as pytest-xdist has it")
    parser.add_argument("tests", nargs="*", help="files below tests/fire; without one, all")
    args = parser.parse_args(argv)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder, "results")
        results.touch()
        env = {**os.environ, "FIRE_SHARE": str(args.share), "FIRE_RESULTS": str(results)}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-n", args.n, "--timeout", "7200",
             *(str(HERE / name) for name in args.tests or [""])],
            env=env, cwd=HERE.parent.parent, check=False,
        )  # fmt: skip
        rows = summed(results.read_text("utf-8").splitlines())
    print(table(rows))
    minutes = (time.monotonic() - began) / 60
    print(f"\nshare {args.share:g}, {minutes:.0f} min, {os.cpu_count()} cores, {sys.platform}")
    return done.returncode


def summed(lines: Iterable[str]) -> list[Row]:
    """Return a row a kind of trial, in the order of their names."""
    found: dict[str, Row] = {}
    for line in lines:
        new = Row(**json.loads(line))
        old = found.get(new.trial, Row(new.trial, 0, 0, ""))
        more = "; ".join(dict.fromkeys(part for part in (old.more, new.more) if part))
        found[new.trial] = Row(new.trial, old.trials + new.trials, old.twice + new.twice, more)
    return [found[name] for name in sorted(found)]


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a table in Markdown."""
    lines = ["| trial | came out right | replies paid for twice | |", "|---|---|---|---|"]
    lines += [f"| {row.trial} | {row.trials:,} | {row.twice:,} | {row.more} |" for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
