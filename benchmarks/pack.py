"""How fast and how light the bundle is, beside its peers, on the same trees in one run.

    python benchmarks/pack.py [--runs 5] [--work DIR] [--trees django,cpython] [--grow 4]

The trees are django's source as pip has it and CPython's as Debian has it (`apt-get source`;
else the library of this Python), each committed into a fresh repository. Each row is a whole
process, start-up included, on a warm page cache; rows are interleaved and the figures are
medians with the least and the most, wall time in seconds. "cold" has no cache of its own,
"warm" one from a run before; "one file" has one file changed since.

The plain loop is what no packer can be much quicker than and stay Python: git's list, each
file read, those with a NUL skipped, one join, one write: no check, no tree, no report.
repomix comes from npm, files-to-prompt and gitingest from pip. yek and the code2prompt of
mufeedvh are in neither (the packages of those names are other programs), so they are not
here. What cannot be installed is said and left out.

Memory is the peak of the largest process, and on Linux the peak of all together (PSS).
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

OUT = "output.txt"
PISTE = str(Path(sys.executable).parent / "piste")
PLAIN = """
import subprocess, sys
listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], stdout=-1)
parts = []
for name in sorted(listed.stdout.split(b"\\0")[:-1]):
    if name == b"output.txt":
        continue
    try:
        with open(name, "rb") as file:
            data = file.read()
    except OSError:
        continue
    if b"\\0" not in data:
        parts += [b'<file path="', name, b'">\\n', data, b"</file>\\n"]
with open("output.txt", "wb") as out:
    out.write(b"".join(parts))
"""
DOIT = str(Path(sys.executable).parent / "doit")
STOCK = """
def task_one():
    return {"actions": ["cp in.txt out.txt"], "file_dep": ["in.txt"], "targets": ["out.txt"]}
"""
IGNORED = "*.py[co]\n__pycache__/\n*.egg-info/\n*.o\n*.so\n/build/\n.venv/\n"
# The same files as the plain loop: no default left out, none too large.
EVERYTHING = ("--no-defaults", "--max-file", "1_000_000_000")


class Row(NamedTuple):
    """A command that is measured, and what is done before each of its runs."""

    name: str
    command: Sequence[str]
    before: Callable[[Path], object]


class Run(NamedTuple):
    """What one run took."""

    wall: float  # seconds
    cpu: float  # seconds, of all its processes
    peak: float  # MiB, of the largest process


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--work", type=Path, help="where trees and peers are kept for the next time"
    )
    parser.add_argument("--trees", default="django,cpython")
    parser.add_argument("--grow", type=int, default=4, help="memory also on so many copies")
    args = parser.parse_args()
    # With it a checkout is compiled anew at every start; an installed piste never is.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    work = args.work or Path(tempfile.mkdtemp(prefix="piste-pack-"))
    work.mkdir(parents=True, exist_ok=True)
    os.environ["XDG_CACHE_HOME"] = str(work / "cache")
    peers = installed(work)
    for name in args.trees.split(","):
        tree = TREES[name](work)
        files = git(tree, "ls-files").count("\n")
        print(f"\n{name}: {files:,} files, {size_of(tree) / 1e6:.0f} MB, {os.cpu_count()} cores")
        compare(tree, [*own_rows(work), *peers], args.runs)
        by_doit(tree, work, 3 * args.runs)
        memory(tree, work, args.grow)
    if args.work is None:
        shutil.rmtree(work)


def own_rows(work: Path) -> list[Row]:
    """Return the rows of the plain loop and of piste."""
    cache = work / "cache"
    bare = (PISTE, "bundle", "--no-tokens", "--no-secrets", *EVERYTHING)
    full = (PISTE, "bundle", *EVERYTHING)

    def cold(tree: Path) -> None:
        shutil.rmtree(cache, ignore_errors=True)
        (tree / OUT).unlink(missing_ok=True)

    def settled(tree: Path) -> None:
        run(full, tree)
        time.sleep(2.1)  # a file that was changed less than two seconds ago is read again
        run(full, tree)

    def one_changed(tree: Path) -> None:
        settled(tree)
        change_one(tree)

    return [
        Row("plain loop", (sys.executable, "-c", PLAIN), cold),
        Row("piste cold, no tokens, no secrets", bare, cold),
        Row("piste cold", full, cold),
        Row("piste warm, one file", full, one_changed),
        Row("piste, nothing changed", full, settled),
        Row("git status, twice", ("sh", "-c", "git status -s; git status -s"), lambda _: None),
    ]


def by_doit(tree: Path, work: Path, runs: int) -> None:
    """Print what a `doit bundle` that finds nothing to do takes beside stock doit's one task."""
    stock = work / "stock"
    stock.mkdir(exist_ok=True)
    (stock / "in.txt").write_text("in\n")
    (stock / "dodo.py").write_text(STOCK)
    (tree / "dodo.py").write_text("from piste.tasks import *\n")
    rows = {
        "doit bundle": ((DOIT, "bundle"), tree),
        "stock doit, one task": ((DOIT,), stock),
        "git status, twice": (("sh", "-c", "git status -s; git status -s"), tree),
    }
    took: dict[str, list[float]] = {name: [] for name in rows}
    for command, folder in rows.values():
        run(command, folder)
    time.sleep(2.1)
    for number in range(runs + 1):
        for name, (command, folder) in rows.items():
            wall = run(command, folder).wall
            if number:
                took[name].append(wall)
    (tree / "dodo.py").unlink()
    for left in tree.glob(".doit.db*"):
        left.unlink()
    shutil.rmtree(tree / ".piste", ignore_errors=True)
    middle = {name: statistics.median(walls) for name, walls in took.items()}
    for name, seconds in middle.items():
        print(f"nothing to do, {name:21}{seconds:9.3f}")
    ours, *theirs = middle.values()
    print(f"nothing to do, doit bundle by stock doit and git status: {ours / sum(theirs):.2f} ×")


def installed(work: Path) -> list[Row]:
    """Install the peers that can be had and return their rows; say which cannot."""
    rows: list[Row] = []
    node = work / "node"
    tools = node / "node_modules" / ".bin"
    # Its newer versions, which keep a token cache, want a newer node than most machines have.
    npm = ["npm", "install", "--silent", "--no-audit", "--prefix", str(node), "node@22", "repomix"]
    if (tools / "repomix").exists() or attempt("repomix", npm):

        def counted(tree: Path) -> None:
            run(pack, tree)  # leaves its token cache
            remove(tree)

        repomix = (str(tools / "node"), str(tools / "repomix"))
        pack = (*repomix, "--quiet", "-o", OUT, "--no-default-patterns")
        rows += [
            Row("repomix cold", ("env", "REPOMIX_TOKEN_CACHE=0", *pack), remove),
            Row("repomix warm", pack, counted),
        ]
    for package, command in {
        "files-to-prompt": ("files-to-prompt", ".", "--cxml", "-o", "../peer.txt"),
        "gitingest": ("gitingest", ".", "-o", "../peer.txt"),
    }.items():
        venv = work / "venv" / package
        program = venv / "bin" / command[0]
        steps = [sys.executable, "-m", "venv", str(venv)]
        pip = [str(venv / "bin/pip"), "install", "-q", package]
        if program.exists() or (attempt(package, steps) and attempt(package, pip)):
            rows.append(Row(package, (str(program), *command[1:]), remove))
    return rows


def attempt(what: str, command: Sequence[str]) -> bool:
    """Run an installation; say so where it cannot be done."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError as error:
        print(f"{what} could not be had: {error.filename} is not here")
        return False
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "?").splitlines()[-1]
        print(f"{what} could not be had: {last}")
    return done.returncode == 0


def compare(tree: Path, rows: Sequence[Row], runs: int) -> None:
    """Run the rows in turn and print a table. The first round warms the page cache."""
    found: dict[str, list[Run]] = {row.name: [] for row in rows}
    for number in range(runs + 1):
        for row in rows:
            row.before(tree)
            result = run(row.command, tree)
            if number:
                found[row.name].append(result)
    plain = statistics.median(result.wall for result in found["plain loop"])
    heads = ("median s", "least", "most", "× plain", "cpu s", "peak MiB")
    print(f"{'':36}" + "".join(f"{head:>9}" for head in heads))
    for name, results in found.items():
        walls = [result.wall for result in results]
        middle = statistics.median(walls)
        peak = max(result.peak for result in results)
        cpu = statistics.median(result.cpu for result in results)
        print(
            f"{name:36}{middle:9.3f}{min(walls):9.3f}{max(walls):9.3f}{middle / plain:9.2f}"
            f"{cpu:9.3f}{peak:9.0f}"
        )


def run(command: Sequence[str], tree: Path) -> Run:
    """Run a command in the tree."""
    begin = time.perf_counter()
    with open(os.devnull, "wb") as nothing:
        process = subprocess.Popen(command, cwd=tree, stdout=nothing, stderr=nothing)
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command[:4])} ended with {process.returncode} in {tree}")
    peak = usage.ru_maxrss / (1024 if sys.platform == "linux" else 1 << 20)
    return Run(wall, usage.ru_utime + usage.ru_stime, peak)


def memory(tree: Path, work: Path, times: int) -> None:
    """Print the peak of all of piste's processes, on the tree and on copies of it."""
    if sys.platform != "linux":
        return
    grown = work / f"{tree.name}-{times}"
    if not grown.exists():
        for number in range(times):
            shutil.copytree(
                tree, grown / str(number), ignore=shutil.ignore_patterns(".git", OUT), symlinks=True
            )
        commit(grown)
    for what, where in (("as it is", tree), (f"{times} ×", grown)):
        shutil.rmtree(work / "cache", ignore_errors=True)
        (where / OUT).unlink(missing_ok=True)
        peak = all_together((PISTE, "bundle", *EVERYTHING), where)
        print(f"memory, all processes together, {what}: {peak:.0f} MiB")


def all_together(command: Sequence[str], tree: Path) -> float:
    """Return the peak of the PSS of a command and its children, in MiB, sampled every 10 ms."""
    process = subprocess.Popen(command, cwd=tree, stdout=subprocess.DEVNULL)
    peaks = [0]
    done = threading.Event()

    def sample() -> None:
        while not done.wait(0.01):
            peaks.append(sum(pss(pid) for pid in family(process.pid)))

    watching = threading.Thread(target=sample)
    watching.start()
    process.wait()
    done.set()
    watching.join()
    return max(peaks) / 1024


def family(pid: int) -> list[int]:
    """Return a process and its children."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(one for child in children for one in family(int(child)))]


def pss(pid: int) -> int:
    """Return a process's share of memory, in KiB."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except (OSError, ValueError):
        pass
    return 0


def django(work: Path) -> Path:
    """Return django's source as a repository."""
    tree = work / "django"
    if not tree.exists():
        sources = work / "sources"
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:",
             "-d", str(sources), "django==5.2"],
            check=True,
        )  # fmt: skip
        unpack(next(sources.glob("[Dd]jango-*.tar.gz")), tree)
        commit(tree)
    return tree


def cpython(work: Path) -> Path:
    """Return CPython's source as a repository; where Debian's cannot be had, its library."""
    tree = work / "cpython"
    if tree.exists():
        return tree
    sources = work / "sources"
    sources.mkdir(exist_ok=True)
    fetch = ["apt-get", "source", "--download-only", "python3.11"]
    if (
        shutil.which("apt-get")
        and not subprocess.run(fetch, cwd=sources, capture_output=True).returncode
    ):
        unpack(next(sources.glob("python3.11_*.orig.tar.*")), tree)
    else:
        print("Debian's source of CPython could not be had (a deb-src line is needed)")
        print(f"in its place: the library of Python {sys.version.split()[0]}")
        shutil.copytree(
            os.path.dirname(os.__file__), tree,
            ignore=shutil.ignore_patterns("site-packages", "__pycache__", "*.so", "*.a"),
        )  # fmt: skip
    commit(tree)
    return tree


TREES = {"django": django, "cpython": cpython}


def unpack(archive: Path, tree: Path) -> None:
    """Unpack an archive that holds one folder."""
    tree.mkdir()
    subprocess.run(
        # As root they would stay their packer's, and piste obeys no settings of a stranger.
        ["tar", "xf", str(archive), "--no-same-owner", "-C", str(tree), "--strip-components", "1"],
        check=True,
    )


def commit(tree: Path) -> None:
    """Make a repository of a folder."""
    (tree / ".gitignore").write_text(IGNORED)
    git(tree, "init", "-q")
    (tree / ".git/info/exclude").write_text(f"/{OUT}\n/dodo.py\n/.doit.db*\n/.piste/\n")
    git(tree, "add", "-A")
    git(tree, "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-qm", "x")
    time.sleep(2.1)  # so that git and piste may trust what they stat


def git(tree: Path, *arguments: str) -> str:
    """Run git and return what it prints."""
    done = subprocess.run(["git", *arguments], cwd=tree, check=True, capture_output=True)
    return done.stdout.decode("utf-8", "replace")


def size_of(tree: Path) -> int:
    """Return the bytes of the files that git lists."""
    names = git(tree, "ls-files", "-z").split("\0")[:-1]
    return sum((tree / name).lstat().st_size for name in names)


def change_one(tree: Path) -> None:
    """Change a file in the middle."""
    names = [name for name in git(tree, "ls-files", "*.py").splitlines() if "/" in name]
    with (tree / names[len(names) // 2]).open("a") as file:
        file.write("# changed\n")


def remove(tree: Path) -> None:
    """Remove the bundle."""
    (tree / OUT).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
