"""`piste init`: make a folder a project: settings, dodo.py, lines for git.

Nothing that is there is overwritten; run twice, it changes nothing.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from piste import config, durable, project
from piste.commands import common
from piste.errors import Mistake

DODO = "from piste.tasks import *  # noqa: F403\n\n# Your own doit tasks go below.\n"
IGNORE = ("/.piste/*", "!/.piste/receipts/", "/output.txt")
_COMMENT = "# piste: receipts are shared, the rest of .piste is local"
SETTINGS = """\
# Settings of piste. All of them, with their defaults, are in docs/settings.md.
{model}
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
    parser = common.parser("init", __doc__.split("\n")[0].partition(": ")[2], json_too=False)
    parser.add_argument("folder", nargs="?", default=".", metavar="DIR", help="the project")
    parser.add_argument("--model", default="", help="the model to set; see `llm models`")
    args = parser.parse_args(argv)
    root = Path(args.folder).absolute()
    if not root.is_dir():
        raise Mistake(f"{args.folder} is not a folder; mkdir {args.folder}")
    if not os.access(root, os.W_OK):
        raise Mistake(f"{args.folder} is read-only; nothing was written")
    for line in initialise(root, args.model):
        print(line)
    return 0


def initialise(root: Path, model: str = "") -> list[str]:
    """Make `root` a project; return what was done, a line each. Raises OSError."""
    said = []
    if config.project_file(root) is None:
        line, about = _model_line(model)
        durable.write(root / config.FILE, SETTINGS.format(model=line).encode())
        said.append(f"wrote {config.FILE}: {about}")
    elif model:
        raise Mistake(f"{config.FILE} is there already; set `model = …` in it")
    if not (root / "dodo.py").exists():
        durable.write(root / "dodo.py", DODO.encode())
        said.append("wrote dodo.py: with it, `doit` knows the tasks; `piste` needs none")
    said += _add_lines(root / ".gitignore", _COMMENT, IGNORE)
    said += _add_lines(root / ".gitattributes", _COMMENT, _attributes(root))
    if not said:
        return ["nothing to do: this is a project already"]
    return [*said, "", *_next(root)]


def _model_line(model: str) -> tuple[str, str]:
    """The line of the settings that names the model, and what to say of it."""
    if model:
        return f'model = "{model}"', f"the model is {model}"
    from piste import models

    try:
        default = models.resolve(None)
    except Mistake:
        default = None
    if default is not None and models.has_key(default):
        about = f"the model is llm's default, {default.model_id}"
        return f'# model = "{default.model_id}"  # without it, the default of llm', about
    about = (
        "llm has no key for its default model, so the model is outline, which needs none and "
        "writes skeletons; set another when you have one"
    )
    return 'model = "outline"  # skeletons, without a key; `llm models` lists real models', about


def _attributes(root: Path) -> tuple[str, ...]:
    targets = sorted(rule.target for rule in project.world(root).rules.values())
    return ("/.piste/receipts/** text eol=lf", *(f"/{target} text eol=lf" for target in targets))


def _add_lines(path: Path, comment: str, wanted: Sequence[str]) -> list[str]:
    old = path.read_text("utf-8") if path.exists() else ""
    there = {line.strip() for line in old.splitlines()}
    missing = [line for line in wanted if line not in there]
    if not missing:
        return []
    gap = "" if not old or old.endswith("\n\n") else "\n" if old.endswith("\n") else "\n\n"
    head = [] if comment in there else [comment]
    durable.write(path, (old + gap + "\n".join([*head, *missing]) + "\n").encode())
    return [f"{'added to' if old else 'wrote'} {path.name}: {', '.join(missing[:2])}, …"]


def _next(root: Path) -> list[str]:
    if (root / "spec.md").exists():
        return ["next:", "  doit plan       the plan, from your spec.md",
                "  doit todo       the check list of the plan",
                "  piste status    what is fresh, what a rebuild would cost"]  # fmt: skip
    return ["next:", "  doit idea       talk your idea through, one question at a time",
            "  doit todo       spec.md, prompt_plan.md and todo.md from it",
            "  piste status    what is fresh, what a rebuild would cost"]  # fmt: skip
