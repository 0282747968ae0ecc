"""What a build with nothing to do costs, beside its peers in the same run.

    python benchmarks/noop.py [--sizes 3,1000,10000] [--runs 15]

Each size is a project of that many targets with three inputs of 2 KiB each (size 3 is
the line spec → plan → todo), made once and then run with nothing changed. Stock
doit has plain tasks with the same files, on its dbm backend: it looks at no target
and at no action. make, ninja and DVC are measured where they are installed. The
floor is a Python program that loads the receipts and stats every file.

Runs are interleaved; the figures are medians, with the least and the most.
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

FLOOR = """
import json, os, sys
for folder, _, names in os.walk(".piste/receipts"):
    for name in names:
        with open(os.path.join(folder, name)) as file:
            receipt = json.load(file)
        os.stat(receipt["target"])
        for path in receipt["inputs"]:
            os.stat(path)
"""
RULES = "from piste.tasks import *\n"
PLAIN = """
from doit.tools import config_changed
def task_plain():
    for i in range({size}):
        yield {{"basename": f"t{{i}}", "actions": ["true"],
               "targets": [f"out/{{i // 100}}/t{{i}}.md"],
               "file_dep": [f"in/{{i // 100}}/{{i}}{{x}}.txt" for x in "abc"]}}
"""
PLAIN_LINE = """
def task_line():
    for target, source in (("spec.md", "idea.md"), ("prompt_plan.md", "spec.md"),
                           ("todo.md", "prompt_plan.md")):
        yield {"basename": target.split(".")[0], "actions": ["true"], "targets": [target],
               "file_dep": [source]}
"""


class Case(NamedTuple):
    """One command to be timed."""

    name: str
    folder: Path
    command: list[str]


def main() -> None:
    """Measure and print a table for each size."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", default="3,1000,10000")
    parser.add_argument("--runs", type=int, default=15)
    args = parser.parse_args()
    # With it a checkout is compiled anew at every start; an installed piste never is.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        home.mkdir()
        os.environ.update(HOME=str(home), LLM_USER_PATH=str(home / "llm"))
        for size in map(int, args.sizes.split(",")):
            cases = line(Path(folder)) if size == 3 else many(Path(folder, str(size)), size)
            report(size, cases, args.runs if size < 5000 else max(3, args.runs // 3))


def line(top: Path) -> list[Case]:
    """Return the cases of the greenfield line, everything made."""
    ours, plain = top / "line", top / "plain-line"
    for root in (ours, plain):
        root.mkdir(parents=True)
        (root / "idea.md").write_text("# Tally\n\nA tool that counts words.\n\n- counts\n- sums\n")
    (ours / "piste.toml").write_text('model = "outline"\n')
    (ours / "dodo.py").write_text(RULES)
    run([python(), "-m", "doit", "todo"], ours)
    for name in ("spec.md", "prompt_plan.md", "todo.md"):
        shutil.copy(ours / name, plain / name)
    (plain / "dodo.py").write_text(PLAIN_LINE)
    run([python(), "-m", "doit", "todo"], plain)
    return [
        Case("stock doit todo", plain, [script("doit"), "todo"]),
        Case("doit todo", ours, [script("doit"), "todo"]),
        Case("piste status", ours, [script("piste"), "status"]),
        Case("piste check", ours, [script("piste"), "check"]),
    ]


def many(top: Path, size: int) -> list[Case]:
    """Return the cases of `size` targets with three inputs each, all fresh."""
    ours, plain = top / "ours", top / "plain"
    for root in (ours, plain):
        for group in range((size + 99) // 100):
            (root / "in" / str(group)).mkdir(parents=True)
            (root / "out" / str(group)).mkdir(parents=True)
        for i in range(size):
            for letter in "abc":
                (root / f"in/{i // 100}/{i}{letter}.txt").write_text(f"{i}{letter} " * 256)
    (plain / "dodo.py").write_text(PLAIN.format(size=size))
    for i in range(size):
        (plain / f"out/{i // 100}/t{i}.md").write_text(f"# {i}\n")
    run([python(), "-m", "doit"], plain)
    rules(ours, size)
    cases = [
        Case("stock doit", plain, [script("doit")]),
        Case("doit", ours, [script("doit")]),
        Case("piste check", ours, [script("piste"), "check"]),
        Case("floor: load receipts, stat", ours, [python(), "-c", FLOOR]),
    ]
    return [*cases, *peers(plain, size)]


def rules(root: Path, size: int) -> None:
    """Lay out a project of `size` rules, with receipts as a build would have left them."""
    (root / "prompts").mkdir()
    (root / "prompts/each.md.j2").write_text(
        '+++\ninputs = ["a", "b", "c"]\n+++\n# Of three\n\n{{ a }}{{ b }}{{ c }}\n'
    )
    tables = [
        f'[rules.t{i}]\ntarget = "out/{i // 100}/t{i}.md"\nprompt = "each.md.j2"\n'
        f"inputs = [{', '.join(repr(f'in/{i // 100}/{i}{x}.txt') for x in 'abc')}]\n"
        for i in range(size)
    ]
    (root / "piste.toml").write_text('model = "outline"\n' + "\n".join(tables))
    (root / "dodo.py").write_text(RULES)
    from piste.engine import freshness, hashing, project, receipts

    world = project.world(root)
    for rule in world.rules.values():
        if not rule.name.startswith("t") or rule.name == "todo":
            continue
        (root / rule.target).write_text(f"# {rule.name}\n")
        inputs = {
            name: hashing.digest((root / name).read_bytes())
            for name in freshness.chosen_inputs(world, rule)
        }
        action = freshness.action(world, rule, None)
        output = hashing.digest((root / rule.target).read_bytes())
        path = receipts.path(root, rule.target)
        path.parent.mkdir(parents=True, exist_ok=True)
        receipt = receipts.Receipt(rule.target, rule.name, action, inputs, output)
        path.write_bytes(receipts.dump(receipt))
    time.sleep(2.1)  # files younger than the clock's tick are looked at again
    run([python(), "-m", "doit"], root)


def peers(plain: Path, size: int) -> list[Case]:
    """Return make, ninja and DVC on the same files, where they are installed."""
    found = []
    targets = [f"out/{i // 100}/t{i}.md" for i in range(size)]
    sources = [" ".join(f"in/{i // 100}/{i}{x}.txt" for x in "abc") for i in range(size)]
    for target in targets:
        os.utime(plain / target)
    if shutil.which("make"):
        text = "all: " + " ".join(targets) + "\n"
        text += "".join(f"{t}: {s}\n\ttrue\n" for t, s in zip(targets, sources, strict=True))
        (plain / "Makefile").write_text(text)
        found.append(Case("make -r", plain, ["make", "-r", "-s"]))
    if shutil.which("ninja"):
        text = "rule touch\n command = touch $out\n"
        text += "".join(f"build {t}: touch {s}\n" for t, s in zip(targets, sources, strict=True))
        (plain / "build.ninja").write_text(text)
        run(["ninja", "--quiet"], plain)
        found.append(Case("ninja", plain, ["ninja", "--quiet"]))
    if shutil.which("dvc") and size <= 1000:
        found.append(dvc(plain, targets, sources))
    return found


def dvc(plain: Path, targets: list[str], sources: list[str]) -> Case:
    """Return `dvc status` over the same targets; at 10,000 it takes more than a minute."""
    stages = {
        f"t{i}": {"cmd": "true", "deps": source.split(), "outs": [{target: {"cache": False}}]}
        for i, (target, source) in enumerate(zip(targets, sources, strict=True))
    }
    (plain / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    run(["dvc", "init", "--no-scm", "-q"], plain)
    run(["dvc", "commit", "-f", "-q"], plain)
    return Case("dvc status", plain, ["dvc", "status", "-q"])


def report(size: int, cases: list[Case], runs: int) -> None:
    """Time the cases, interleaved, and print them beside the first."""
    times: dict[str, list[float]] = {case.name: [] for case in cases}
    memory: dict[str, float] = {}
    for case in cases:
        memory[case.name] = peak(case)
    for _ in range(runs):
        for case in cases:
            times[case.name].append(timed(case))
    base = statistics.median(times[cases[0].name])
    floor = next((statistics.median(t) for name, t in times.items() if "floor" in name), None)
    print(f"\n{size} targets, {runs} runs: median (least–most)")
    for case in cases:
        mine = times[case.name]
        middle = statistics.median(mine)
        ratio = f"{middle / base:5.2f} × {cases[0].name}"
        if floor and case.name == "piste check":
            ratio += f", {middle / floor:.2f} × floor"
        print(
            f"  {case.name:28} {middle * 1000:8.1f} ms "
            f"({min(mine) * 1000:.0f}–{max(mine) * 1000:.0f})"
            f"  {memory[case.name]:6.0f} MB   {ratio}"
        )


def timed(case: Case) -> float:
    """Return the wall seconds of one run of a case."""
    start = time.perf_counter()
    run(case.command, case.folder)
    return time.perf_counter() - start


def peak(case: Case) -> float:
    """Return the peak memory in MB of one run: measured in a child, which starts small."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=-3, stderr=-3);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    out = subprocess.run(
        [python(), "-c", code, *case.command], cwd=case.folder, capture_output=True, text=True
    ).stdout
    return int(out) / (1024 if sys.platform != "darwin" else 1024**2)


def run(command: list[str], folder: Path) -> None:
    """Run a command that must succeed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} in {folder}: {done.stdout}{done.stderr}")


def script(name: str) -> str:
    """Return the path of a command of this very environment."""
    return str(Path(sys.executable).parent / name)


def python() -> str:
    """Return this very interpreter."""
    return sys.executable


if __name__ == "__main__":
    main()
