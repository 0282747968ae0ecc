"""The definitions of piste's tasks for mise: what each is called and what it runs.

Plain data, the text that it comes to, and that text put into a person's own configuration.
Nothing here knows where mise looks for files, or whether mise is there; and the tasks decide
nothing: they have no `sources` and no `outputs`, because piste alone says what is fresh.

The form is one that every mise since 2024.11 reads the same way, in a project and in
`~/.config/mise`: only keys of that time, and none of mise's template syntax, for which newer
versions ask whether the file is to be trusted.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from typing import Any, NamedTuple

from piste.system.errors import UserError

BUNDLE = "generate_bundle"
"""The task that a project redefines to have another packer write the bundle."""

GIVEN = {"PISTE_BUNDLE": "given"}
"""Tells piste to take the bundle as it stands: `LLM:generate_bundle` has just written it."""

# Where a task runs by itself depends on mise's version and on the file it stands in: since
# 2026.5.16 one of ~/.config/mise runs in $HOME. This variable is the folder that the person
# stands in, in all of them. Without `exec` a signal of mise's would end the shell alone, and
# piste would go on, and pay, unseen.
_HERE = 'cd "$MISE_ORIGINAL_CWD" && exec '

_OWNED = "# Tasks for mise, written by `piste mise`."
_HEADER = """\
{owned} It replaces this file whole: put your own tasks into a
# mise.toml, which wins over what stands here. Redefine LLM:generate_bundle there, with any `run`
# that writes output.txt, and all the other tasks use what it wrote.
# Text below: sha256 {digest}
"""
_DIGEST = re.compile(r"^# Text below: sha256 (\w+)\r?$", re.MULTILINE)


class Task(NamedTuple):
    """One task of mise."""

    name: str  # after `LLM:`
    command: str  # what it runs
    doc: str
    bundled: bool = False  # it reads the bundle
    more: tuple[tuple[str, object], ...] = ()  # further keys of mise


TASKS = (
    Task(BUNDLE, "piste bundle", "Pack the repository into output.txt", more=(("hide", True),)),
    Task("clean_bundles", "piste clean_bundles",
         "Remove the bundles that piste made in this project, and nothing else"),
    Task("copy_buffer_bundle", "piste copy_bundle", "Put output.txt on the clipboard", True),
    Task("generate_code_review", "piste code_review",
         "Write code-review.md, findings with file and line, from output.txt", True),
    Task("generate_github_issues", "piste github_issues",
         "Write issues.md, one issue a section, from output.txt", True),
    Task("generate_issue_prompts", "piste issue_prompts",
         "Write issue-prompts.md, one prompt an issue, from output.txt", True),
    Task("generate_missing_tests", "piste missing_tests",
         "Write missing-tests.md, one missing test a section, from output.txt", True),
    Task("generate_readme", "piste readme",
         "Write README.md from output.txt, or README.new.md beside a person's own", True),
    Task("review_change", "piste review",
         "Write change-review.md, on what changed; --since REV names with what to compare"),
    Task("idea", "piste idea", "Talk the idea through, question by question, into brainstorm.md",
         more=(("raw", True),)),
    Task("spec", "piste spec", "Write spec.md from brainstorm.md, or from idea.md alone"),
    Task("plan", "piste plan", "Write prompt_plan.md, one prompt a step, from spec.md"),
    Task("todo", "piste todo", "Write todo.md, the check list of prompt_plan.md"),
    Task("poke_holes", "piste poke_holes", "Write spec-holes.md, what spec.md lacks"),
    Task("white_paper", "piste white_paper", "Write white-paper.md from spec.md"),
    Task("business_model", "piste business_model", "Write business-model.md from spec.md"),
    Task("step", "piste run", "Carry out the next step of prompt_plan.md", more=(("raw", True),)),
    Task("next", "piste next", "Print the next step of prompt_plan.md"),
    Task("prompt_plan_status", "piste prompt_plan_status",
         "Say how many steps of prompt_plan.md are left, and which is next"),
)  # fmt: skip


def tables() -> dict[str, dict[str, object]]:
    """Return the tables of mise: the full name of each task, and its keys."""
    return {f"LLM:{task.name}": _table(task) for task in TASKS}


def text() -> str:
    """Return the file of definitions, whole."""
    body = "\n" + _toml({"tasks": tables()})
    return _HEADER.format(owned=_OWNED, digest=_digest(body)) + body


def is_owned(found: str) -> bool:
    """Whether a file with this text is piste's, edited by somebody or not."""
    return found.startswith(_OWNED)


def is_edited(found: str) -> bool:
    """Whether an owned file is no longer what some version of piste wrote."""
    mark = _DIGEST.search(found)
    return mark is None or mark[1] != _digest(found[mark.end() + 1 :])


class Merged(NamedTuple):
    """What putting the tasks into a configuration comes to."""

    text: str
    kept: tuple[str, ...]  # tasks of the person's own that stand in place of ours


def merge(found: str) -> Merged:
    """Return the configuration `found` with our tasks in it, all else as it was.

    What an earlier `piste mise` put there is replaced. A task of the person's own stands,
    whether it has the name of ours or, as in the configuration that these tasks are modelled
    on, the name of ours in small letters. Raises UserError for what is no TOML, and for the few
    layouts into which no task can be put.
    """
    before = _parsed(found)
    tasks = before.get("tasks", {})
    wanted, kept = _wanted(tasks)
    stale = {name: table for name, table in wanted.items() if tasks.get(name, table) != table}
    new = {name: table for name, table in wanted.items() if name not in tasks}
    result = _replaced(found, stale) if stale else found
    if new:
        # At the end, as text: tomlkit would put them beside other tasks, and move those for it.
        gap = "" if not result else "\n" if result.endswith("\n") else "\n\n"
        result += gap + _toml({"tasks": new})
    if 0 < found.count("\n") == found.count("\r\n"):
        result = result.replace("\r\n", "\n").replace("\n", "\r\n")
    # A person's file: nothing goes into it that has not been read back.
    if not _same(_parsed(result, _CLOSED), {**before, "tasks": {**tasks, **wanted}}):
        raise UserError(f"its layout is one into which tasks cannot be put safely{_OTHERWISE}")
    return Merged(result, kept)


def merged_in(found: str) -> list[str]:
    """Return the names of piste's tasks in a person's configuration; none where it is no TOML."""
    try:
        tasks = _parsed(found).get("tasks", {})
    except UserError:
        return []
    return [name for name, table in tasks.items() if _is_ours(table)]


_OTHERWISE = ", or let `piste mise --project` or `--global` write a file of their own"
_CLOSED = (
    "`tasks = {…}` in it is an inline table, to which TOML lets nothing be added: "
    f"write it as [tasks]{_OTHERWISE}"
)


def _table(task: Task) -> dict[str, object]:
    return {
        "alias": f"llm:{task.name}",
        "description": task.doc,
        **({"depends": [f"LLM:{BUNDLE}"]} if task.bundled else {}),
        **dict(task.more),
        "run": f"{_HERE}{task.command}",
        **({"env": GIVEN} if task.bundled else {}),
    }


def _toml(tables: Mapping[str, Any]) -> str:
    import tomli_w

    dumped = tomli_w.dumps(tables, multiline_strings=True)
    # tomli-w breaks every array into lines; `mise fmt` wants short ones in one.
    return re.sub(r'\[\n +("[^"\n]*"),\n\]', r"[\1]", dumped)


def _digest(body: str) -> str:
    return hashlib.sha256(body.replace("\r\n", "\n").encode()).hexdigest()[:16]


def _parsed(found: str, otherwise: str = "") -> dict[str, Any]:
    """Return what the text says; `otherwise` is the error where it is no TOML."""
    try:
        table = tomllib.loads(found)
    except tomllib.TOMLDecodeError as error:
        raise UserError(otherwise or f"not valid TOML: {error}") from None
    except RecursionError:
        raise UserError("nested too deeply to be a configuration of mise") from None
    if not isinstance(table.get("tasks", {}), dict):
        raise UserError("`tasks` in it is no table; mise reads none of its tasks either")
    return table


def _same(one: object, other: object) -> bool:
    try:
        return one == other
    except RecursionError:  # a key of thousands of parts
        return False


def _replaced(found: str, stale: Mapping[str, object]) -> str:
    """Return the text with the tables of tasks that it has replaced, each where it stands."""
    import tomlkit

    document = tomlkit.parse(found)
    # It moves tables that stand apart and belong together, even when nothing is changed.
    if tomlkit.dumps(document) != found:
        names = ", ".join(stale)
        raise UserError(f"its layout is one that tomlkit cannot keep; remove {names} and try again")
    into: Any = document["tasks"]
    for name, table in stale.items():
        into[name] = table
    return tomlkit.dumps(document)


def _wanted(tasks: Mapping[str, Any]) -> tuple[dict[str, dict[str, object]], tuple[str, ...]]:
    """Return which tables go in beside the person's `tasks`, and which of those stand."""
    theirs = {name for name, table in tasks.items() if not _is_ours(table)}
    wanted = {name: table for name, table in tables().items() if name not in theirs}
    for table in wanted.values():
        # Two tasks that answer to one name are an error to `mise tasks validate`.
        if table["alias"] in theirs:
            del table["alias"]
    names = {*tables(), *(f"llm:{task.name}" for task in TASKS)}
    return wanted, tuple(sorted(theirs & names))


def _is_ours(table: object) -> bool:
    run = table.get("run") if isinstance(table, dict) else None
    return isinstance(run, str) and run.startswith(_HERE)
