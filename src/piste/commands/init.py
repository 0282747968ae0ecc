"""`piste init`: make a folder a project: settings, dodo.py, lines for git.

Nothing that is there is overwritten; run twice, it changes nothing.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from piste.commands import common
from piste.engine import config, gate, own_files, project, trust
from piste.engine.world import door
from piste.system import atomic_write, project_files, screen
from piste.system.errors import PisteError, UserError

_REPLY = 2_000  # tokens of a review, about
_NO_TEST = '# test = "…"            # the test command, for `piste run`'

SETTINGS = """\
# Settings of piste. All of them, with their defaults, are in docs/settings.md.
{model}
{test}
# language = "English"     # of the documents; without it, that of your own text
# tests_first = false      # a plan whose steps do not begin with failing tests

# One rule may have its own model and options:
# [rules.plan]
# model = "…"
# options = {{ reasoning_effort = "high" }}

# A rule of your own; its template is prompts/faq.md.j2:
# [rules.faq]
# target = "faq.md"
# inputs = ["spec.md"]
# prompt = "faq.md.j2"
"""


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("init", __doc__, json_too=False)
    parser.add_argument("folder", nargs="?", default=".", metavar="DIR", help="the project")
    parser.add_argument("--model", default="", metavar="M", help="one that `llm models` lists")
    args = parser.parse_args(argv)
    root = Path(args.folder).absolute()
    if not root.is_dir():
        raise UserError(f"{args.folder} is not a folder; mkdir {args.folder}")
    if not os.access(root, os.W_OK):
        raise UserError(f"{args.folder} is read-only; nothing was written")
    for line in initialise(root, args.model):
        screen.out(line)
    return 0


def initialise(root: Path, model: str = "", more: str = "") -> list[str]:
    """Make `root` a project; return what was done, a line each.

    `more` is added to the line of the settings that names the model. Raises OSError,
    and UserError for a model that llm does not know.
    """
    said = []
    attributes = own_files.attributes(
        project.world(root)
    )  # first of all: it reads the settings that are there
    new = config.project_file(root) is None
    if new:
        line, about = _model_line(model)
        test, tests = _test_line(root)
        settings = SETTINGS.format(model=line + more, test=test)
        atomic_write.write(root / config.FILE, settings.encode())
        said.append(f"wrote {config.FILE}: {about}{tests}")
    elif model:
        raise UserError(f"the settings are there already; set `model = {model!r}` in them")
    dodo = root / "dodo.py"
    if not os.path.lexists(dodo):
        atomic_write.write(dodo, own_files.DODO.encode())
        said.append("wrote dodo.py: with it, `doit` knows the tasks; `piste` needs none")
    elif b"piste.tasks" not in project_files.read(root, dodo.name, project_files.DOCUMENT):
        said.append("kept dodo.py; `from piste.tasks import *` in it lets `doit` know the tasks")
    said += _allow(root, new)
    written = len(said)
    said += _add_lines(root / ".gitignore", own_files.COMMENT, own_files.IGNORE)
    said += _add_lines(root / ".gitattributes", own_files.COMMENT, attributes)
    hidden = own_files.hidden_receipts(root)
    inputs = common.present_inputs(project.world(root))
    if len(said) == written and not any(line.startswith("wrote") for line in said):
        nothing = "nothing to do: this is a project already"
        return [*said, *(inputs if hidden or inputs else [nothing]), *([hidden] if hidden else [])]
    said += [*inputs, *([hidden] if hidden else [])]
    return [*said, "", *_next(root)]


def is_untouched(root: Path, data: bytes) -> bool:
    """Whether settings say nothing but what `initialise` writes when nobody tells it anything."""
    from piste.engine import environment

    found = environment.find(root)
    tests = (_NO_TEST, f"test = {json.dumps(found.command)}" if found else _NO_TEST)
    said = data.decode("utf-8", "replace").splitlines()
    written = SETTINGS.format(model="", test="").splitlines()
    model, test = written.index(""), written.index("") + 1
    if len(said) != len(written) or said[test] not in tests:
        return False
    if not said[model].startswith('# model = "'):
        return False
    return said[:model] + said[test + 1 :] == written[:model] + written[test + 1 :]


def _allow(root: Path, new: bool) -> list[str]:
    """Keep, on this machine, that what the person made a project may run here.

    Where the settings were there already, somebody else may have written them.
    """
    world = project.world(root)
    runs, named = gate.runs(world), gate.documents(world)
    if (said := trust.answer(root)) and said.answer == trust.YES:
        return []
    names = ", ".join((*runs, *named))
    if names and not new:
        return [f"not allowed here: {names}; piste trust shows and allows it"]
    try:
        trust.remember(root, trust.YES, runs, named)
    except UserError as error:  # the project is laid out all the same
        return [f"not allowed here: {error}"] if names else []
    return [f"allowed here: {names}"] if names else []


def _model_line(model: str) -> tuple[str, str]:
    """The line of the settings that names the model, and what to say of it.

    Without a word of the person's none is set, key or no key: it would outlast the day on which
    a key is there.
    """
    from piste.model import asking

    if model:
        asking.resolve(model)
        return f'model = "{model}"', f"the model is {model}"
    try:
        default = asking.resolve(None)
    except UserError as error:
        return '# model = "…"  # without it, the default of llm', f"no model yet: {error}"
    line = f'# model = "{default.model_id}"  # without it, the default of llm'
    about = f"the model is llm's default, {default.model_id}"
    if not asking.has_key(default):
        line += '; "outline" writes skeletons, without a key'
        about += (
            f", which has no key yet: `llm keys set {default.needs_key}`, or "
            'model = "outline" for skeletons without one'
        )
    return line, about


def _test_line(root: Path) -> tuple[str, str]:
    """The line of the settings with the test command, confirmed at a terminal, and what to say."""
    from piste.engine import environment

    found = environment.find(root)
    if found is None:
        return _NO_TEST, ""
    command = found.command
    if sys.stdin.isatty() and sys.stderr.isatty():
        ask = f"the tests run with `{command}` (from {found.why}); Enter, or another command: "
        command = screen.ask(ask).strip() or command
    return f"test = {json.dumps(command)}", f"; the tests run with `{command}`"


def _add_lines(path: Path, comment: str, wanted: Sequence[str]) -> list[str]:
    """Add to a file the lines that it does not have; what is in it stays byte for byte."""
    old = project_files.read_any(path.parent, path.name, project_files.DOCUMENT) or b""
    there = {line.strip() for line in old.decode("utf-8", "replace").splitlines()}
    missing = [line for line in wanted if line not in there]
    if not missing:
        return []
    end = b"\r\n" if b"\r\n" in old else b"\n"
    gap = b"" if not old else end if old.endswith(b"\n") else end + end
    head = [] if comment in there else [comment]
    added = [line.encode() for line in [*head, *missing]]
    atomic_write.write(path, old + gap + end.join(added) + end)
    return [f"{'added to' if old else 'wrote'} {path.name}: {_few(missing)}"]


def _few(lines: Sequence[str]) -> str:
    return ", ".join(lines[:3]) + (f" and {len(lines) - 3} more" if len(lines) > 3 else "")


def _next(root: Path) -> list[str]:
    build = door(root)
    status = ("piste status", "what is fresh, and what a rebuild would cost")
    if (root / "spec.md").exists():
        first = (f"{build} plan", "the plan, from your spec.md")
        rows = [first, (f"{build} todo", "the check list of the plan"), status]
    else:
        first = (f"{build} idea", "talk your idea through, one question at a time")
        second = (f"{build} todo", "spec.md, prompt_plan.md and todo.md from it")
        rows = [*_about_code(root, build), first, second, status]
    return ["next:", *(f"  {line}" for line in common.table(rows))]


def _about_code(root: Path, build: str) -> list[tuple[str, str]]:
    """Return what can be done with the code that is here, with its tokens and the price."""
    from piste import bundle
    from piste.engine import bundle_target
    from piste.model import llm_home, prices

    world = project.world(root)
    if world.config.bundle.command:  # only that packer knows, and it has not been asked
        return []
    try:
        report = bundle.pack(**bundle_target.arguments(world), write=False, digest=False)
    except PisteError:  # there is nothing to pack yet
        return []
    tokens = report.tokens or 0
    model = llm_home.model_named(world.config.model)
    cost = prices.said(prices.price(model, tokens, _REPLY).dollars)
    by = f", {cost} with {model}" if model else ""
    return [
        (f"{build} bundle", f"the code in one file, for a model: {tokens:,} tokens"),
        (f"{build} code_review", f"a review of the code: some {tokens:,} tokens{by}"),
    ]
