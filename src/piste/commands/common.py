"""What the verbs share: their arguments, the targets they are asked about, the next step.

No verb of its own, and nothing here decides anything.
"""

import argparse
import os
import re
import sys
from collections.abc import Container, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from piste.engine import freshness, receipts, rules, states, upstream
from piste.engine.rules import CHANGE, Rule
from piste.engine.states import Decision
from piste.engine.world import World
from piste.system import screen
from piste.system.errors import EXIT_MISTAKE, UserError

_WIDTH = 88  # of help texts, in columns, at most
_INDENT = 2  # columns, of tables that stand below a line
_LEAST = 10  # columns, in which what is wrapped stands at the least
_NARROW = 4  # columns, below which no column of a table is cut
LINE = "line"  # the stage of the rules from idea to todo
_SOURCES = (rules.BRAINSTORM, rules.IDEA)  # what the conversation begins with and makes


class _Help(argparse.HelpFormatter):
    def __init__(self, prog: str, width: int = _WIDTH) -> None:
        super().__init__(prog, max_help_position=26, width=width)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        # As Python 3.13 has it, in every version: the pages quote these texts.
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


def _columns() -> int:
    import shutil

    return shutil.get_terminal_size((_WIDTH, 24)).columns


class _Parser(argparse.ArgumentParser):
    def format_help(self) -> str:
        """Return the help; its first line names what must be given, the options stand below."""
        shapes = {None: "{0}", "?": "[{0}]", "*": "[{0} ...]", "+": "{0} [{0} ...]"}
        words = [
            shapes[action.nargs].format(action.metavar or action.dest)  # type: ignore[index]
            for action in self._get_positional_actions()
        ]
        self.usage = " ".join([self.prog, "[options]", *words])
        # argparse makes one for each argument that is added; the terminal matters to this one.
        self.formatter_class = partial(_Help, width=min(_columns(), _WIDTH))
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line, with the nearest option, and where to look; exit 2."""
        from piste.system.errors import did_you_mean, redact

        near = ""
        start, _, rest = message.partition(": ")
        if start == "the following arguments are required":
            message = f"{rest} is missing"
        elif start == "unrecognized arguments" and rest.startswith("-"):
            message = f"there is no option {rest}"
            known = [name for action in self._actions for name in action.option_strings]
            near = did_you_mean(rest.split()[0].partition("=")[0], known)
        elif start == "unrecognized arguments":
            message = f"one word too many: {rest}"
        elif found := re.fullmatch(r"invalid choice: '(.*)' \(choose from (.*)\)", rest):
            known = [word.strip(" '") for word in found[2].split(",")]
            message = f"{start} is one of {', '.join(known)}, and not {found[1]}"
            near = did_you_mean(found[1], known)
        line = f"{self.prog}: {message}{near or f'; see {self.prog} --help'}"
        screen.say(redact(line))
        sys.exit(EXIT_MISTAKE)


def parser(verb: str, about: str | None, *, codes: str = "", json_too: bool = True) -> _Parser:
    """Return the argument parser of a verb.

    `about` is what it does: a sentence, or the docstring of its module, of which the
    first paragraph counts; Python without docstrings has none. `codes` is what its exit
    codes mean, where there is more to say than 0 and 2.
    """
    about = " ".join((about or verb).split("\n\n")[0].removeprefix(f"`piste {verb}`: ").split())
    made = _Parser(
        prog=f"piste {verb}",
        description=about[:1].upper() + about[1:],
        epilog=f"Exit codes: {codes or '0 done, 2 something you can mend'}.",
        formatter_class=_Help,
        allow_abbrev=False,
    )
    if json_too:
        made.add_argument("--json", action="store_true", help="print JSON, for programs")
    return made


def add_target(made: argparse.ArgumentParser, nargs: str | None = None, more: str = "") -> None:
    """Let the verb take one target, or as many as `nargs` says."""
    name = "target" if nargs in (None, "?") else "targets"
    about = f"a target (todo.md) or the name of its rule (todo){more}"
    made.add_argument(name, nargs=nargs, metavar="T", help=about)


def chosen(world: World, names: Sequence[str]) -> list[Rule]:
    """Return the rules that are named, by target or by rule, each once.

    Raises UserError, with the nearest name, for a name that is none.
    """
    found = [_named(world, name) for name in names]
    return list({rule.name: rule for rule in found}.values())


def decisions(world: World, names: Sequence[str], everything: bool = False) -> list[Decision]:
    """Return a decision for each target that is named, else for those that matter here.

    What a target is made from counts in its decision (`upstream`). What matters is the line, and
    beside it whatever piste has made: a README.md that somebody wrote is none of its business, and
    neither is the line where code is only reviewed.
    Raises UserError for a name that is none.
    """
    if names or everything:
        rules = chosen(world, names) if names else list(world.rules.values())
        return upstream.decide(world, rules)
    # What was fresh before is mostly so now, and then it is there: its own look tells.
    likely = [
        rule
        for rule in world.rules.values()
        if rule.stage == LINE or world.stat_cache.knows(rule.target) or _is_there(world, rule)
    ]
    found = [
        one
        for one in upstream.decide(world, likely)
        if one.rule.stage == LINE
        or one.state == states.FRESH
        or (one.state != states.FOREIGN and _is_there(world, one.rule))
    ]
    # Nobody shares the change that a review is about: elsewhere there is nothing to say of it.
    found = [
        one for one in found
        if one.todo != states.BLOCKED or all(part.name != CHANGE for part in one.reasons)
    ]  # fmt: skip
    others = [one for one in found if one.rule.stage != LINE]
    return found if not others or _has_line(world) else others


def _has_line(world: World) -> bool:
    """Whether anything of the line from idea to todo is there, or what it begins with."""
    line = (rule for rule in world.rules.values() if rule.stage == LINE)
    return any(_is_there(world, rule) for rule in line) or any(
        os.path.exists(world.root / name) for name in _SOURCES
    )


def _is_there(world: World, rule: Rule) -> bool:
    return os.path.exists(world.root / rule.target) or receipts.exists(world.root, rule.target)


def hidden_receipts(world: World, found: Sequence[Decision]) -> str:
    """Say which line hides the receipts from git, where that may be why a target is no fresh one.

    git is asked only where something is not as a build leaves it; "" else.
    """
    foreign = any(d.state == states.FOREIGN for d in found)
    lost = foreign and not os.path.isdir(world.root / receipts.FOLDER)
    if not lost and all(d.up_to_date for d in found):
        return ""
    from piste.engine import own_files

    return own_files.hidden_receipts(world.root)


def cut_off(world: World, found: Sequence[Decision]) -> str:
    """Say which targets count as sources only as far as a shallow clone tells; "" for none."""
    from piste.engine import receipt_history

    known = {one.rule.target for one in found if one.state != states.FOREIGN}
    names = [
        rule.target
        for rule in world.rules.values()
        if rule.target not in known
        and rule.maker == rules.DOCUMENT
        and os.path.lexists(world.root / rule.target)
        and not receipts.exists(world.root, rule.target)
    ]
    if not names or not receipt_history.is_cut(world.root):
        return ""
    return (
        f"{', '.join(names)}: without a receipt, and this clone is shallow: a commit that deleted "
        "one may not be here; git fetch --unshallow tells more"
    )


def hidden_inputs(world: World, stale: Sequence[Decision]) -> list[str]:
    """Say which inputs of stale targets git ignores: a clone may lack them, or have others."""
    if not stale:
        return []
    from piste.engine import own_files

    return own_files.hidden_inputs(world, [decision.rule for decision in stale])


def present_inputs(world: World) -> list[str]:
    """Say which inputs that are there git ignores: whoever clones this project will not have them.

    Of a rule that makes nothing here yet as well: it is known before anything is paid.
    """
    from piste.engine import own_files

    there = [
        rule for rule in world.rules.values()
        if any(os.path.exists(world.root / p) for p in freshness.chosen_inputs(world, rule))
    ]  # fmt: skip
    return own_files.hidden_inputs(world, there)


def _named(world: World, word: str) -> Rule:
    try:
        return rules.find(world.rules, word)
    except UserError:
        # A path as the person sees it, from a folder inside the project.
        path = Path(os.path.abspath(word))
        if not path.is_relative_to(world.root):
            raise
        target = path.relative_to(world.root).as_posix()
        if found := [rule for rule in world.rules.values() if rule.target == target]:
            return found[0]
        raise


def next_step(world: World, decision: Decision) -> str:
    """Return what a person can do about a target, as one phrase; "" when there is nothing.

    `decision` is one of `upstream`: what stops a build before the target comes first.
    """
    stops = (states.CONFLICT, states.BLOCKED)
    stuck = next((other for other in decision.before if other.todo in stops), decision)
    name, target = stuck.rule.name, stuck.rule.target
    build = f"{world.door()} {name}"
    if stuck.todo == states.CONFLICT:
        return (
            f"piste diff {target} shows your text, piste accept {target} keeps it, "
            f"{build} --amend has it amended, {build} --overwrite replaces it"
        )
    if stuck.todo == states.BLOCKED:
        return _unblocked(world, stuck)
    if stuck.todo == states.WAIT:
        first = stuck.before[0].rule.target
        return f"{build} brings {first} up to date first, then looks at {target} again"
    if stuck.state == states.EDITED:
        return f"piste diff {target} shows your edits; they stay"
    if stuck.todo == states.ADOPT:
        return f"{build} records it, at no cost"
    if stuck.todo == states.RESTORE:
        return f"{build} brings it back from the store, at no cost"
    if stuck.todo == states.MAKE and stuck.stored:
        return f"{build} takes it from the store, at no cost"
    if stuck.todo == states.MAKE:
        return f"{build} {'makes' if stuck.whole or not stuck.base else 'amends'} it"
    return ""


def _unblocked(world: World, decision: Decision) -> str:
    """The way to what is missing, where nothing before that stops a build."""
    build = f"{world.door()} {decision.rule.name}"
    if any(reason.part == "error" for reason in decision.reasons):
        return f"mend that, then {build}"
    missing = decision.reasons[0].name
    if missing in _SOURCES:
        return f"{world.door()} idea talks the idea through; or write {rules.IDEA}"
    if missing == CHANGE:
        return "piste review --since REV packs what changed, and reviews it"
    if any(rule.target == missing for rule in world.rules.values()):
        return f"{build} makes {missing} first, then {decision.rule.target}"
    return f"write {missing}, then {build}"


def as_dict(world: World, decision: Decision) -> dict[str, Any]:
    """Return a decision as plain data for JSON."""
    key = decision.key
    if not key and (decision.state == states.FRESH or decision.todo == states.WAIT):
        # Found fresh without a look at the files: then the key is the receipt's.
        receipt = receipts.read(world.root, decision.rule.target)
        key = receipt.key if receipt else ""
    return {
        "target": decision.rule.target,
        "rule": decision.rule.name,
        "state": decision.state,
        "todo": decision.todo,
        "said": decision.line(),
        "reasons": [reason._asdict() for reason in decision.reasons],
        "key": key or None,
        "in_store": decision.stored,
        "amends": decision.base if decision.base and not decision.whole else None,
        "whole_because": decision.whole or None,
        "up_to_date": decision.up_to_date,
        "before": [other.rule.target for other in decision.before],
        "next": next_step(world, decision) or None,
    }


def print_json(data: object) -> None:
    """Print `data` as JSON on stdout."""
    import json

    screen.out(json.dumps(data, indent=1, ensure_ascii=False))


def table(rows: Sequence[Sequence[str]], right: Container[str] = ()) -> list[str]:
    """Return the rows as lines of aligned columns, cut to fit where stdout is a terminal.

    The first row is the head; the columns whose head is in `right` end flush.
    """
    rows = [[screen.safe(cell) for cell in row] for row in rows]
    widths = [max(_width(row[column]) for row in rows) for column in range(len(rows[0]))]
    if sys.stdout.isatty():
        widths = _fitting(widths, _columns() - _INDENT)
    lines = []
    for row in rows:
        cells = []
        for head, whole, width in zip(rows[0], row, widths, strict=True):
            cell = _cut(whole, width)
            gap = " " * (width - _width(cell))
            cells.append(gap + cell if head in right else cell + gap)
        line = "  ".join(cells).rstrip()
        lines.append(_cut(line, _columns() - _INDENT) if sys.stdout.isatty() else line)
    return lines


def hanging(text: str, indent: int) -> str:
    """Return a line whose first `indent` columns are printed already, wrapped at a terminal.

    What is to be done stands in it: unlike a cell it is never cut, and a path is never broken.
    """
    if not sys.stdout.isatty():
        return text
    import textwrap

    room = max(_columns() - indent, _LEAST)
    rows = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
    return f"\n{' ' * indent}".join(rows)


def _fitting(widths: list[int], room: int) -> list[int]:
    """The widths of columns that fit into the room: the widest give first, none below `_NARROW`."""
    over = sum(widths) + 2 * (len(widths) - 1) - room
    while over > 0 and max(widths) > _NARROW:
        widest = widths.index(max(widths))
        widths = [width - (at == widest) for at, width in enumerate(widths)]
        over -= 1
    return widths


def _cut(text: str, width: int) -> str:
    """A text of no more columns than `width`; what was cut off is an ellipsis."""
    if _width(text) <= width:
        return text
    while text and _width(text) > width - 1:
        text = text[:-1]
    return f"{text}…"


_NO_WIDTH = ("Mn", "Me", "Cf")  # what combines with the letter before it, and joiners


def _width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0
        if unicodedata.category(c) in _NO_WIDTH
        else 2
        if unicodedata.east_asian_width(c) in "WF"
        else 1
        for c in text
    )


def when(date: str) -> str:
    """Return an ISO date of the log as it is shown: to the second, in UTC."""
    return date[:19].replace("T", " ")
