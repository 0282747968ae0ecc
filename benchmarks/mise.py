"""What mise costs on top of piste, and how long five documents take side by side.

    python benchmarks/mise.py [--runs 15]

Needs mise on PATH, or named by MISE_BIN. First a project whose README is fresh: `piste readme`
beside `mise run LLM:generate_readme`, which is two runs of piste, one for the bundle. What mise
itself takes is measured on the same two tasks with a `piste` that does nothing, and taken off.
Then the five documents of a project, from a server that takes 1 s for each reply, by `piste run
-n 5` and by `mise run 'LLM:generate_*'`, each time in a new project with a new store.

Runs are interleaved; the figures are medians, with the least and the most.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = 200  # in the project that is packed
LATENCY = 1.0  # seconds
FIVE = ("code_review", "github_issues", "issue_prompts", "missing_tests", "readme")


def main() -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    # With it a checkout is compiled anew at every start; an installed piste never is.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    mise = os.environ.get("MISE_BIN") or shutil.which("mise")
    if mise is None:
        raise SystemExit("mise is not there: put it on PATH, or name it by MISE_BIN")
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        shut_in(top)
        nothing_to_do(top, mise, runs)
        five_documents(top, mise, max(3, runs // 3))


def shut_in(top: Path) -> None:
    """Let everything that is started live in `top`, without a network."""
    for name in [name for name in os.environ if name.startswith(("MISE_", "PISTE_", "XDG_"))]:
        del os.environ[name]
    (top / "home").mkdir()
    (top / "idle").mkdir()
    (top / "idle/piste").write_text("#!/bin/sh\n")
    (top / "idle/piste").chmod(0o755)
    os.environ.update(
        HOME=str(top / "home"), LLM_USER_PATH=str(top / "home/llm"), MISE_OFFLINE="1",
        PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    )  # fmt: skip
    piste = subprocess.run(["piste", "mise", "--global"], cwd=top, capture_output=True, text=True)
    if piste.returncode:
        raise SystemExit(piste.stderr)


def nothing_to_do(top: Path, mise: str, runs: int) -> None:
    """A fresh README: piste alone, by mise, and mise alone."""
    root = lay_out(top / "fresh", "outline")
    by_mise = [mise, "run", "LLM:generate_readme"]
    timed(by_mise, root)
    time.sleep(2.1)  # files younger than the clock's tick are looked at again
    timed(by_mise, root)
    idle = {**os.environ, "PATH": f"{top / 'idle'}{os.pathsep}{os.environ['PATH']}"}
    times: dict[str, list[float]] = {"piste readme": [], "by mise": [], "mise, its own": []}
    for _ in range(runs):
        times["piste readme"].append(timed(["piste", "readme"], root))
        times["by mise"].append(timed(by_mise, root))
        times["mise, its own"].append(timed(by_mise, root, idle))
    print(f"\nLLM:generate_readme, fresh, {FILES} files packed, {runs} runs")
    show(times)
    middle = {name: statistics.median(values) for name, values in times.items()}
    ratio = (middle["by mise"] - middle["mise, its own"]) / middle["piste readme"]
    print(f"  by mise, without mise's own: {ratio:.2f} × piste readme")


def five_documents(top: Path, mise: str, runs: int) -> None:
    """The five documents, each call a second at the server."""
    sys.path.insert(0, str(ROOT / "tests"))
    from support.standin import StandIn, llm_user_dir

    from piste.outline.model import outline

    ways = {"piste run -n 5": ["piste", "run", "-n", "5", *FIVE],
            "mise run 'LLM:generate_*'": [mise, "run", "LLM:generate_*"]}  # fmt: skip
    times: dict[str, list[float]] = {name: [] for name in ways}
    with StandIn(latency=LATENCY) as server:
        server.reply(lambda request: outline(request.system, request.prompt, []))
        llm_user_dir(top / "home/llm", server, ["ok"])
        for number in range(runs):
            for name, command in ways.items():
                root = lay_out(top / f"five/{number}/{len(name)}", "chat-ok")
                times[name].append(timed(command, root))
        assert server.paid == runs * len(ways) * len(FIVE), "a document was not asked for once"
    print(f"\nfive documents side by side, {LATENCY:.0f} s a call, {runs} runs")
    show(times)


def lay_out(root: Path, model: str) -> Path:
    """Make a project of small files under git, with a store of its own."""
    (root / "src").mkdir(parents=True)
    (root / "piste.toml").write_text(f'model = "{model}"\nstore = ".piste/store"\n')
    for number in range(FILES):
        (root / f"src/part{number}.py").write_text(f"def part{number}():\n    return {number}\n")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root


def timed(command: Sequence[str], folder: Path, env: dict[str, str] | None = None) -> float:
    """Return the wall seconds of a command that must succeed."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return seconds


def show(times: dict[str, list[float]]) -> None:
    """Print a line for each way."""
    for name, values in times.items():
        print(f"  {name:26} {statistics.median(values) * 1000:8.1f} ms "
              f"({min(values) * 1000:.0f}–{max(values) * 1000:.0f})")  # fmt: skip


if __name__ == "__main__":
    main()
