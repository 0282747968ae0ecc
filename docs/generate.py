"""Keep what the pages quote true: the help of each verb, and what examples print.

    python docs/generate.py            rewrite the pages
    python docs/generate.py --check    exit 1 when one of them is out of date

Between `<!-- help: VERB -->` and `<!-- end -->` stands what `piste VERB --help` prints. A
```console block is an example: its `$ ` lines are run, one after another, all blocks of a page
in one shell, and what they print is compared with what the page says they print. The shell
stands in a small project as `piste demo` lays it out; the model is `outline`. In an example a
line "…" stands for any lines. It knows nothing of what the pages say.
"""

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parent
ROOT = DOCS.parent
_WIDTH = "88"  # columns, of a help text on a page
_HELP = re.compile(r"(<!-- help: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
_EXAMPLE = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_ANY = "…"  # on a line of its own: any lines
# What differs from one day, machine or wording of a prompt to the next.
_LOOSE = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+Z)?"), "DATE"),
    (re.compile(r"\b[0-9a-f]{12,64}\b"), "HASH"),
    (re.compile(r"\b[\d,]+ tokens in, [\d,]+ out\b"), "N in, N out"),
    (re.compile(r"\b[\d,]+ tokens\b"), "N tokens"),
    (re.compile(r"(?<=llm's default, )[^\s,]+"), "MODEL"),
    (re.compile(r"\b\d+\.\d s\b"), "N s"),
    (re.compile(r"(?<= )\d+[smhd](?= |$)", re.MULTILINE), "AGE"),
    (re.compile(r"(made|amended|rejected)( +[\d,]+){2}( +\S+) +\d+\.\d "), r"\1 N N\3 N "),
    (re.compile(r"\b\d{1,3}(,\d{3})+\b"), "N"),
    (re.compile(r"[ \t]+"), " "),
)


class Step(NamedTuple):
    """One command of an example, and what the page says that it prints."""

    command: str
    says: str


def pages() -> list[Path]:
    """Return every page: README.md and those of this folder."""
    return [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


def with_help(text: str) -> str:
    """Return a page with the help texts of now."""
    return _HELP.sub(lambda found: f"{found[1]}```text\n{help_of(found[2])}```\n{found[3]}", text)


def help_of(verb: str) -> str:
    """Return what `piste VERB --help` prints."""
    from piste import cli

    shown = io.StringIO()
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = _WIDTH
    try:
        with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
            cli.main([verb, "--help"])
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before
    return shown.getvalue()


def steps(example: str) -> Iterator[Step]:
    """Yield the commands of a console block; a line that begins with `> ` goes on with one."""
    for part in re.split(r"^\$ ", example, flags=re.MULTILINE)[1:]:
        lines = part.split("\n")
        more = next((n for n, line in enumerate(lines[1:], 1) if not line.startswith("> ")), 1)
        command = "\n".join([lines[0], *(line[2:] for line in lines[1:more])])
        yield Step(command, "\n".join(lines[more:]).strip("\n"))


def examples(text: str) -> list[list[Step]]:
    """Return the console blocks of a page."""
    return [list(steps(found[1])) for found in _EXAMPLE.finditer(text)]


_CODE = """\
\"\"\"Count the words of the files that are named.\"\"\"

import sys
from pathlib import Path

for name in sys.argv[1:]:
    print(len(Path(name).read_text().split()), name)
"""


def run(commands: list[str], folder: Path) -> list[str]:
    """Run commands in one shell in a fresh project below `folder`; return what each printed."""
    from piste.commands import demo

    project = folder / demo.FOLDER
    demo.lay_out(project)
    # What piste writes itself is not packed; a bundle needs something of the project's own.
    (project / "count.py").write_text(_CODE)
    mark = "=== the next command ==="
    script = "\n".join(["exec 2>&1", *(f"echo; echo '{mark}'\n{line}" for line in commands)])
    done = subprocess.run(
        ["bash", "-c", script], cwd=project, env=_environment(folder), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, timeout=900, check=False,
    )  # fmt: skip
    printed = done.stdout.decode("utf-8", "replace").split(f"\n{mark}\n")[1:]
    return [text.strip("\n") for text in printed]


def agrees(says: str, printed: str) -> bool:
    """Whether what a page says is what was printed, but for what differs every time."""
    lines = _loosely(says).split("\n")
    pattern = "".join("(.*\n)*" if line == _ANY else f"{re.escape(line)}\n" for line in lines)
    return re.fullmatch(pattern, f"{_loosely(printed)}\n") is not None


def with_output(text: str, printed: list[str]) -> str:
    """Return a page with what the commands of its examples print now, where it differs."""
    waiting = iter(printed)

    def example(found: re.Match[str]) -> str:
        lines = []
        for step in steps(found[1]):
            came = next(waiting)
            says = step.says if agrees(step.says, came) else came
            lines += ["$ " + step.command.replace("\n", "\n> "), *([says] if says else [])]
        return "```console\n" + "\n".join(lines) + "\n```"

    return _EXAMPLE.sub(example, text)


def generated(page: Path, text: str) -> str:
    """Return the text of a page as it should be."""
    text = with_help(text)
    commands = [step.command for example in examples(text) for step in example]
    if not commands:
        return text
    with tempfile.TemporaryDirectory(prefix="piste-docs-") as folder:
        return with_output(text, run(commands, Path(folder)))


def main() -> int:
    """Rewrite the pages, or only say which are out of date."""
    check = sys.argv[1:] == ["--check"]
    old = []
    for page in pages():
        text = page.read_text("utf-8")
        if (now := generated(page, text)) != text:
            old.append(page.name)
            if not check:
                page.write_text(now, "utf-8")
    if old:
        print(f"{'out of date' if check else 'rewritten'}: {', '.join(old)}")
    return 1 if check and old else 0


def _environment(folder: Path) -> Mapping[str, str]:
    """A person's environment on their first day: no key, no settings, no past."""
    home = folder / "home"
    home.mkdir()
    ours = ("PISTE_", "LLM_", "XDG_", "OPENAI_", "GIT_", "PYTEST_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    programs = str(Path(sys.executable).parent)
    return {
        **env,
        "HOME": str(home),
        "LLM_USER_PATH": str(home / "llm"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "PATH": f"{programs}{os.pathsep}{env.get('PATH', '')}",
        "PYTHONUNBUFFERED": "1",  # what goes to stderr stands where it belongs
        "COLUMNS": _WIDTH,
    }


def _loosely(text: str) -> str:
    for pattern, instead in _LOOSE:
        text = pattern.sub(instead, text)
    return "\n".join(line.rstrip() for line in text.split("\n"))


if __name__ == "__main__":
    sys.exit(main())
