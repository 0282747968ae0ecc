"""What the durable writes cost: nothing where there is nothing to do, and how much in a build.

    python benchmarks/fsync.py [--targets 1000] [--runs 5] [--folder DIR]

A project of that many targets of the embedded model `outline`, built from nothing, once as it is
and once with os.fsync doing nothing, in turns; and once more with nothing to do. The calls of
os.fsync are counted. What SQLite does for `llm logs` is the same in both.

The folder has to lie on the disk that is meant: in memory an fsync costs nothing.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

# Runs doit as its own command does, with os.fsync counted, and left out where argv says so.
RUNNER = """
import os, runpy, sys
mode = sys.argv.pop(1)
real, calls = os.fsync, 0
def fsync(fd):
    global calls
    calls += 1
    if mode == "with":
        real(fd)
os.fsync = fsync
sys.argv[0] = "doit"
try:
    runpy.run_module("doit", run_name="__main__", alter_sys=True)
finally:
    print(calls, file=sys.stderr)
"""
PROMPT = '+++\ninputs = ["text"]\n+++\n{{ text }}\n\nDocument: note, for {{ target }}'


class Run(NamedTuple):
    """One run of doit."""

    seconds: float
    fsyncs: int


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--targets", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found: dict[str, list[Run]] = {"with": [], "without": []}
    nothing: list[Run] = []
    for number in range(args.runs):
        for mode in sorted(found, reverse=bool(number % 2)):
            with tempfile.TemporaryDirectory(dir=args.folder, prefix="piste-fsync-") as folder:
                root = lay_out(Path(folder), args.targets)
                found[mode].append(run(root, mode))
                assert len(list((root / "out").glob("*.md"))) == args.targets
                nothing.append(run(root, "with"))
    report(args.targets, found, nothing, args.json)
    if not args.json:
        print(f"{'file system':>28}  {where(args.folder)}")


def lay_out(folder: Path, count: int) -> Path:
    """Return a new project of so many targets, each of an input of its own."""
    root = folder / "project"
    (root / "prompts").mkdir(parents=True)
    (root / "in").mkdir()
    (root / "prompts/note.md.j2").write_text(PROMPT)
    (root / "dodo.py").write_text("from piste.tasks import *\n")
    tables = [
        f'[rules.t{n}]\ntarget = "out/t{n}.md"\ninputs = ["in/{n}.md"]\nprompt = "note.md.j2"\n'
        for n in range(count)
    ]
    (root / "piste.toml").write_text('model = "outline"\n' + "\n".join(tables))
    for n in range(count):
        text = f"# Input {n}\n\nWords of {n}.\n\n## Part\n\n- one\n- two {n}\n\n"
        (root / f"in/{n}.md").write_text(text * 5)
    return root


def run(root: Path, mode: str) -> Run:
    """Build every target; return what it took."""
    home = root.parent / "home"
    home.mkdir(exist_ok=True)
    own = ("PISTE_", "LLM_", "XDG_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    env.update(HOME=str(home), LLM_USER_PATH=str(home / "llm"))
    names = [f"t{n}" for n in range(len(list((root / "in").iterdir())))]
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, mode, *names], cwd=root, env=env, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"doit failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return Run(seconds, int(done.stderr.split()[-1]))


def report(count: int, found: dict[str, list[Run]], nothing: list[Run], as_json: bool) -> None:
    """Print medians, and the ratio of neighbours."""
    middle = {mode: statistics.median(run.seconds for run in runs) for mode, runs in found.items()}
    ratios = [
        one.seconds / other.seconds
        for one, other in zip(found["with"], found["without"], strict=True)
    ]
    figures = {
        "targets": count,
        "seconds": {mode: round(value, 3) for mode, value in middle.items()},
        "ratio": round(statistics.median(ratios), 2),
        "ratios": [round(ratio, 2) for ratio in sorted(ratios)],
        "fsyncs": max(run.fsyncs for run in found["with"]),
        "fsyncs with nothing to do": max(run.fsyncs for run in nothing),
        "seconds with nothing to do": round(statistics.median(r.seconds for r in nothing), 3),
    }
    if as_json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:>28}  {value}")


def where(folder: Path) -> str:
    """Return the folder and the type of its file system, where `df` tells that."""
    df = shutil.which("df")
    if df is None or sys.platform != "linux":
        return str(folder)
    done = subprocess.run([df, "--output=fstype", str(folder)], capture_output=True, text=True)
    return f"{folder}: {done.stdout.split()[-1] if done.stdout else 'unknown'}"


if __name__ == "__main__":
    main()
