"""The rules: what each target is made from, by which prompt, checked how.

Plain data and the questions that can be asked of it without touching a disk.
It knows no files, no models and no doit.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from piste.system import paths
from piste.system.errors import UserError, did_you_mean

DOCUMENT = "document"  # a model writes it
BUNDLE = "bundle"  # it is packed from the repository


class Rule(NamedTuple):
    """How one target is made."""

    name: str  # of the task, and of [rules.NAME] in the settings
    target: str  # project-relative, with '/'
    inputs: tuple[tuple[str, ...], ...]  # each one is the first of its names that exists
    prompt: str  # file name of the template
    check: str  # the shape that a reply must have; a name in `CHECKS`
    doc: str  # one line for `doit list`
    kind: str = ""  # "plan", "todo", "findings": marks of progress are no content; "raw": all is
    model: str = ""  # "" is the model of the settings
    options: tuple[tuple[str, object], ...] = ()  # over the options of the settings
    stage: str = "own"  # "line", "document", "bundle", "review"; "own" is the project's
    beside: str = ""  # where the new text goes when a person's own file stands at `target`
    amend: bool | None = None  # whether a text that stands is amended; None: as the settings say
    maker: str = DOCUMENT  # what kind of thing makes it: a row of `makers.TABLE`


def to_plain(rule: Rule) -> list[Any]:
    """Return a rule as JSON can hold it, without the last fields that are as in any rule."""
    row: list[Any] = list(rule)
    row[_INPUTS] = [names[0] if len(names) == 1 else names for names in rule.inputs]
    while row[-1] == Rule._field_defaults.get(Rule._fields[len(row) - 1]):
        row.pop()
    return row


def of_plain(row: Sequence[Any]) -> Rule:
    """Return the rule of which `to_plain` made a row."""
    whole = list(row)
    whole[_INPUTS] = tuple([
        (names,) if names.__class__ is str else tuple(names) for names in row[_INPUTS]
    ])  # fmt: skip
    if len(row) > _OPTIONS:
        whole[_OPTIONS] = tuple([(key, value) for key, value in row[_OPTIONS]])
    return Rule(*whole)


_INPUTS, _OPTIONS = Rule._fields.index("inputs"), Rule._fields.index("options")


CHECKS = (
    "document",
    "spec",
    "plan",
    "todo",
    "review",
    "issues",
)  # each is a function of that name in `replies`

CHANGE = f"{paths.STATE}/bundle/change.txt"
"""What `piste review` packs: the change that is reviewed, on this machine only."""

# An input "@spec" is the target of the rule spec, wherever the settings put it.
_TABLE = (
    Rule("spec", "spec.md", (("brainstorm.md", "idea.md"),), "spec.md.j2", "spec",
         "the specification, from the conversation or from idea.md", stage="line"),
    Rule("plan", "prompt_plan.md", (("@spec",),), "plan.md.j2", "plan",
         "the plan: one prompt a step, for a coding agent", kind="plan", stage="line"),
    Rule("todo", "todo.md", (("@plan",),), "todo.md.j2", "todo",
         "the check list of the plan", kind="todo", stage="line"),
    Rule("poke_holes", "spec-holes.md", (("@spec",),), "poke_holes.md.j2", "document",
         "what is missing, vague or wrong in the specification", stage="document"),
    Rule("white_paper", "white-paper.md", (("@spec",),), "white_paper.md.j2", "document",
         "the idea as a white paper", stage="document"),
    Rule("business_model", "business-model.md", (("@spec",),), "business_model.md.j2", "document",
         "how the idea could earn its keep", stage="document"),
    Rule("bundle", "output.txt", (), "", "document",
         "the repository in one file, for a model", kind="raw", stage="bundle", maker=BUNDLE),
    Rule("code_review", "code-review.md", (("@bundle",),), "code_review.md.j2", "review",
         "a review of the code, with file and line", kind="findings", stage="review"),
    Rule("github_issues", "issues.md", (("@bundle",), ("@code_review",)), "github_issues.md.j2",
         "issues", "what is wrong with the code, one issue a section", kind="findings",
         stage="review"),
    Rule("issue_prompts", "issue-prompts.md", (("@bundle",), ("@github_issues",)),
         "issue_prompts.md.j2", "plan", "a prompt an issue, for a coding agent", kind="plan",
         stage="review"),
    Rule("missing_tests", "missing-tests.md", (("@bundle",),), "missing_tests.md.j2", "issues",
         "the tests that the code lacks, as issues", kind="findings", stage="review"),
    Rule("change_review", "change-review.md", ((CHANGE,),), "change_review.md.j2", "review",
         "a review of a change alone (piste review)", stage="review", amend=False),
    Rule("readme", "README.md", (("@bundle",),), "readme.md.j2", "document",
         "a README for the repository", stage="review", beside="README.new.md"),
)  # fmt: skip

BUILT_IN: Mapping[str, Rule] = {rule.name: rule for rule in _TABLE}

# What `piste NAME` or `doit NAME` means already; a rule of that name could not be run.
TAKEN = frozenset((
    *("clean_bundles", "copy_bundle", "idea", "line"),
    *("accept", "check", "demo", "diff", "init", "log", "prompt", "restore", "status", "why"),
    *("mise", "prompt_plan_status", "steps", "next", "step", "done", "undo", "debug", "attempts"),
    "trace",
    *("doctor", "store", "trust", "uninstall", "decline", "fixed", "review"),
    *("clean", "dumpdb", "forget", "help", "ignore", "info", "list", "run", "strace"),
    "tabcompletion",
))  # fmt: skip

IDEA = "idea.md"
BRAINSTORM = "brainstorm.md"


def assemble(tables: Mapping[str, Mapping[str, object]]) -> dict[str, Rule]:
    """Return all rules: the built-in ones, changed and joined by the `[rules.*]` tables.

    `tables` has been checked for its keys and types by `config`. Raises UserError for
    a rule that is incomplete, a path that is not allowed, an input that names no
    rule, two rules for one target, or a cycle.
    """
    rules = dict(BUILT_IN)
    for name, table in tables.items():
        rules[name] = _changed(name, table)
    rules = {name: _with_references(rule, rules) for name, rule in rules.items()}
    _one_rule_a_target(rules.values())
    _no_cycle(rules)
    return rules


def find(rules: Mapping[str, Rule], word: str) -> Rule:
    """Return the rule that a person means by its name or its target.

    Raises UserError, with the nearest name.
    """
    if word in rules:
        return rules[word]
    path = word[2:] if word.startswith("./") else word
    for rule in rules.values():
        if path in (rule.target, rule.name.replace("_", "-")):
            return rule
    known = [*rules, *(rule.target for rule in rules.values())]
    raise UserError(f"no rule makes {word!r}{did_you_mean(word, known) or '; see `piste list`'}")


def _changed(name: str, table: Mapping[str, object]) -> Rule:
    where = f"rules.{name}"
    base = BUILT_IN.get(name)
    if base is None and name in TAKEN:
        raise UserError(
            f"{where}: the name is taken, by a command or another task; name it otherwise"
        )
    if base is None:
        for need in ("target", "inputs", "prompt"):
            if need not in table:
                raise UserError(f"[{where}] is a new rule and needs `{need} = …`{_near_rule(name)}")
        base = Rule(name, "", (), "", "document", f"made by [{where}]")
    fields: dict[str, Any] = {
        key: value for key, value in table.items() if key not in ("inputs", "options")
    }
    if "target" in table:
        fields["target"] = paths.output(str(table["target"]), f"{where}.target")
    if (check := str(table.get("check", base.check))) not in CHECKS:
        raise UserError(f"{where}.check: no check {check!r}{did_you_mean(check, CHECKS)}")
    if "inputs" in table:
        fields["inputs"] = _inputs(table["inputs"], f"{where}.inputs")
    if "options" in table:
        options = table["options"]
        assert isinstance(options, Mapping)
        fields["options"] = tuple(sorted(options.items()))
    return base._replace(**fields)


def _inputs(value: object, where: str) -> tuple[tuple[str, ...], ...]:
    assert isinstance(value, tuple)
    names = (text if text.startswith("@") else paths.relative(text, where) for text in value)
    return tuple((name,) for name in names)


def _near_rule(name: str) -> str:
    return did_you_mean(name, BUILT_IN)


def _with_references(rule: Rule, rules: Mapping[str, Rule]) -> Rule:
    if not any(name.startswith("@") for names in rule.inputs for name in names):
        return rule

    def target_of(name: str) -> str:
        if not name.startswith("@"):
            return name
        if name[1:] not in rules:
            near = did_you_mean(name[1:], rules)
            raise UserError(f"rules.{rule.name}.inputs: no rule is named {name[1:]!r}{near}")
        return rules[name[1:]].target

    return rule._replace(inputs=tuple(tuple(map(target_of, names)) for names in rule.inputs))


def _one_rule_a_target(rules: Iterable[Rule]) -> None:
    makers: dict[str, str] = {}
    for rule in rules:
        # Two names that differ only in case are one file on macOS and Windows.
        other = makers.setdefault(rule.target.casefold(), rule.name)
        if other != rule.name:
            raise UserError(
                f"{rule.target} would be made by two rules, {other} and {rule.name}; "
                f"give one of them another `target` in piste.toml"
            )


def _no_cycle(rules: Mapping[str, Rule]) -> None:
    from graphlib import CycleError, TopologicalSorter

    maker = {rule.target: rule.name for rule in rules.values()}
    graph = {
        rule.name: [maker[path] for names in rule.inputs for path in names if path in maker]
        for rule in rules.values()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        chain = " → ".join(reversed(error.args[1]))
        raise UserError(f"these rules need each other: {chain}; change `inputs` of one") from None
