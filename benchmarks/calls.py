"""How fast and how light many calls at once are: piste beside plain `llm`, in one run.

    python benchmarks/calls.py

A stand-in for the server runs in a process of its own and answers after 200 ms. Each row
runs in a fresh process. The peer is `llm`'s Python API as its documentation shows it, from
as many threads: a model resolved once, `model.prompt(...).text()`, nothing logged. The rows of
piste do write every call into `llm logs`; "log" is how long that took after the last reply.
"ideal" is the time of the server alone. Memory is the peak of the process (Linux and macOS).
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LATENCY = 0.2  # seconds
THREADS = 64
SIZES = (64, 1000)
PROTOCOLS = {"chat": "chat-ok", "responses": "resp-ok"}


def with_piste(name: str) -> tuple[Callable[[int], str], Callable[[], object]]:
    """One call, and what is to be done after the last."""
    from piste.model import asking, llm_log

    model = asking.resolve(name)
    limits = asking.Limits(in_flight=THREADS)

    def call(number: int) -> str:
        reply = asking.ask(model, prompt=f"question {number}", limits=limits)
        assert reply.finish == "complete", reply.detail
        return reply.text

    return call, llm_log.flush


def with_llm(name: str) -> tuple[Callable[[int], str], Callable[[], object]]:
    """The same with nothing but llm."""
    import llm

    model = llm.get_model(name)
    return lambda number: model.prompt(f"question {number}").text(), lambda: None


def measure(who: str, name: str, calls: int) -> dict[str, float]:
    """Run one row in this process. The first call, which loads everything, is not counted."""
    call, finish = (with_piste if who == "piste" else with_llm)(name)
    call(0)
    finish()
    with ThreadPoolExecutor(THREADS) as pool:
        started, cpu = time.perf_counter(), time.process_time()
        replies = list(pool.map(call, range(1, calls + 1)))
        wall = time.perf_counter() - started
        finish()
        logged = time.perf_counter() - started - wall
        cpu = time.process_time() - cpu
    assert len(set(replies)) == calls, "a reply was lost or came twice"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    megabytes = peak / (1024 if sys.platform == "linux" else 1024 * 1024)
    return {"wall": wall, "log": logged, "cpu": cpu / calls * 1000, "memory": megabytes}


def row(who: str, name: str, calls: int, folder: Path) -> dict[str, Any]:
    """Run one row in a process of its own."""
    command = [sys.executable, __file__, "--row", who, name, str(calls)]
    env = {**os.environ, "LLM_USER_PATH": str(folder)}
    found: dict[str, Any] = json.loads(subprocess.check_output(command, env=env, text=True))
    return found


def table() -> None:
    """Start the server, run all rows, print them."""
    sys.path.insert(0, str(ROOT / "tests"))
    from support.standin import llm_user_dir

    command = [
        sys.executable,
        str(ROOT / "tests" / "support" / "standin.py"),
        "--latency",
        str(LATENCY),
    ]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    print("| calls | protocol | who | wall s | ideal s | log s | CPU ms a call | peak MB |")
    print("|---|---|---|---|---|---|---|---|")
    try:
        with tempfile.TemporaryDirectory() as folder:
            llm_user_dir(Path(folder), url, ["ok"])
            for calls in SIZES:
                ideal = -(-calls // THREADS) * LATENCY
                for protocol, name in PROTOCOLS.items():
                    for who in ("piste", "llm"):
                        got = row(who, name, calls, Path(folder))
                        print(
                            f"| {calls} | {protocol} | {who} | {got['wall']:.2f} | {ideal:.1f} "
                            f"| {got['log']:.2f} | {got['cpu']:.1f} | {got['memory']:.0f} |",
                            flush=True,
                        )
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    """The table, or one row of it."""
    parser = argparse.ArgumentParser(description="Many calls at once.")
    parser.add_argument("--row", nargs=3, metavar=("WHO", "MODEL", "CALLS"))
    options = parser.parse_args()
    # With it a checkout is compiled anew at every start; an installed piste never is.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if options.row:
        who, name, calls = options.row
        print(json.dumps(measure(who, name, int(calls))))
    else:
        table()


if __name__ == "__main__":
    main()
