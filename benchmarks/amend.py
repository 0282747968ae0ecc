"""What a change costs: a document amended beside the same written whole, in one run.

    python benchmarks/amend.py [--trial]

Plans: the five largest of PISTE_SAMPLES (real plans that people have published), or five of its
own. A specification is made of each, a requirement a step; a third of the steps is done, with
records. Then come changes of the kinds that people make: a word, a sentence more, a requirement
more, one less, another one for something that is built, a name that changes everywhere. Each is
made twice, amended and with `amend = false`, each from the same start. The model is a stand-in
behind the real llm that knows which lines of the plan are wrong then. Its edits are as short as
they can be and still name one place ("short"), or give each step that they touch from its first
line to its last, old and new ("long"): real models are between the two. Written whole every line
is another one, as with a real model.

`--trial`: by what share of the requirements that change, and after how many amendments in a row,
writing it whole costs less. Costs count a token received as five sent, which is common.

Tokens are o200k's, of the very prompts and replies. Lines are compared byte for byte. What is sent
of reviews after a commit, `reviews.py` measures.
"""

import argparse
import contextlib
import os
import re
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PLANS = 5
STEPS = 4  # that a plan has to have
DEARER = 5  # a token received, in tokens sent
LIMITS = (10, 25, 50, 75, 100)
TIMES = (1, 2, 4, 8, 12, 16, 32)


class Plan(NamedTuple):
    """A plan, and the specification that it could have been made from."""

    name: str
    text: str
    titles: list[str]
    parts: list[tuple[int, int]]  # of each step its first row and the one after its last

    def spec(self, titles: Sequence[str]) -> str:
        """Return a specification with these requirements."""
        said = (f"{number}. {title}" for number, title in enumerate(titles, 1))
        return "\n".join(["# The project", "", "## Requirements", "", *said, ""])


class Change(NamedTuple):
    """A change of a specification, and the plan that is right then."""

    kind: str
    titles: list[str]  # of the requirements
    lines: list[str]  # of the plan


class Row(NamedTuple):
    """What one change came to, amended in a way or written whole."""

    kind: str
    how: str
    sent: int
    received: int
    kept: float  # of the lines that the change does not concern, in percent
    done: bool  # whether each finished step is what it was, byte for byte
    share: int  # of the specification that is other, as `amend_limit` counts it, in percent


# ------------------------------------------------------------------ plans and changes


def plans() -> list[Plan]:
    """Return the plans, the largest first."""
    samples = os.environ.get("PISTE_SAMPLES", "")
    texts = {
        path.stem: path.read_text("utf-8", "replace")
        for path in sorted(Path(samples, "plans").glob("*.md") if samples else ())
    }
    texts = texts or {f"own {size}": _own(size) for size in (6, 9, 12, 16, 20)}
    found = [plan for name, text in texts.items() if (plan := _plan(name, text))]
    return sorted(found, key=lambda plan: -len(plan.text))[:PLANS]


def _own(size: int) -> str:
    said = "It reads the input line by line, and says in one line what is wrong with it."
    steps = (
        f"## Step {number}: Part {number} of the tool\n\nBuilds on what is there.\n\n```text\n"
        + "\n".join(f"Rule {number}.{at}: part {number} keeps item {at}. {said}" for at in range(9))
        + f"\nDone when: the tests of part {number} pass.\n```\n"
        for number in range(1, size + 1)
    )
    return "# Tool: plan\n\nStep by step.\n\n" + "\n".join(steps)


def _plan(name: str, text: str) -> Plan | None:
    from piste.documents import parts, plan, replies

    text = plan.strip_marks(replies.clean(text))  # who has done what of it is not what is tried
    found = parts.steps(text)
    if len(found) < STEPS or replies.problem(text, "plan") or replies.clean(text) != text:
        return None
    titles = [f"{step.title or 'it works'} ({step.id})" for step, _ in found]
    return Plan(name, text, titles, [(part.start, part.end) for _, part in found])


def changes(plan: Plan) -> Iterator[Change]:
    """Yield a change of each kind. The first third of the steps is finished."""
    lines = plan.text.split("\n")
    done = len(plan.parts) // 3
    rest = range(done, len(plan.parts))
    at = rest[len(rest) // 2]
    row = _prose(plan, lines, at)

    def titled(number: int, title: str) -> list[str]:
        return [title if one == number else old for one, old in enumerate(plan.titles)]

    new = [*lines]
    new[row] = re.sub(r"\w+(?=\W*$)", "otherwise", lines[row], count=1)
    yield Change("a word", titled(at, f"{plan.titles[at]}, otherwise"), new)
    more = [*lines[: row + 1], "It also holds for an empty input.", *lines[row + 1 :]]
    yield Change("a sentence more", titled(at, f"{plan.titles[at]}, empty input too"), more)
    yield Change("one more", [*plan.titles, "it exports"], _with_step(plan, lines, at, "Export"))
    start, end = plan.parts[at]
    less = [*lines[:start], *lines[end:]]
    yield Change("one less", [*plan.titles[:at], *plan.titles[at + 1 :]], less)
    changed = _with_step(plan, lines, 0, "Change what step 1 built")
    yield Change("of what is built", titled(0, f"{plan.titles[0]}, twice as fast"), changed)
    old, name = _word(plan, lines, rest), "Renamed"
    named = [*lines]
    for number in rest:
        for here in range(*plan.parts[number]):
            named[here] = re.sub(rf"\b{old}\b", name, lines[here])
    yield Change("a name", [re.sub(rf"\b{old}\b", name, one) + "." for one in plan.titles], named)


def _prose(plan: Plan, lines: Sequence[str], number: int) -> int:
    """The row of the longest line of a step behind its title."""
    start, end = plan.parts[number]
    return max(range(start + 1, end), key=lambda row: (len(lines[row]), -row), default=start)


def _word(plan: Plan, lines: Sequence[str], steps: Sequence[int]) -> str:
    """A word of six letters or more that is in some lines of the open steps, and not in most."""
    counts: dict[str, int] = {}
    for number in steps:
        for row in range(plan.parts[number][0] + 1, plan.parts[number][1]):
            for word in {*re.findall(r"\b[A-Za-z]{6,}\b", lines[row])}:
                counts[word] = counts.get(word, 0) + 1
    return min(counts, key=lambda word: (abs(counts[word] - 8), word))


def _with_step(plan: Plan, lines: Sequence[str], like: int, title: str) -> list[str]:
    """The plan with one step more behind the last, as long as another of it."""
    (start, end), last = plan.parts[like], plan.parts[-1][1]
    numbers = [int(one) for text in plan.titles for one in re.findall(r"\((\d+)\)$", text)]
    head = re.sub(r"\d+", str(max(numbers, default=0) + 1), lines[start], count=1)
    head = re.sub(r"([:\N{EN DASH}\N{EM DASH}-]\s*).*", rf"\1{title}", head, count=1)
    return [*lines[:last], "", head, *lines[start + 1 : end], *lines[last:]]


def many(plan: Plan, percent: int) -> Change:
    """Return the change of so many of the open requirements, every line of their steps."""
    lines = plan.text.split("\n")
    rest = range(len(plan.parts) // 3, len(plan.parts))
    count = max(1, round(len(rest) * percent / 100))
    titles = [*plan.titles]
    for number in [*rest][:count]:
        titles[number] += ", and otherwise"
        start, end = plan.parts[number]
        for row in range(start + 1, end):
            lines[row] = _otherwise(lines[row])
    return Change(f"{percent} %", titles, lines)


def _otherwise(line: str) -> str:
    """A line of prose in other words, as long; titles and fences stay."""
    if not re.search(r"\w{4}", line) or line.lstrip().startswith(("#", "```", "<", "**")):
        return line
    return re.sub(r"[A-Za-z]{4,}", lambda word: word[0][::-1].lower(), line, count=1)


# ------------------------------------------------------------------ the model


class Model:
    """The stand-in's script: it knows the plan that is right now, and how long its edits are."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.lines, self.long = plan, plan.text.split("\n"), False
        self.first = True

    def __call__(self, request: Any) -> str:
        from piste.documents import amendment
        from piste.outline import amending

        asked = amending.read(request.prompt)
        if asked is None:
            heads = {self.plan.text.split("\n")[start] for start, _ in self.plan.parts}
            return "\n".join(
                line if self.first or line in heads else _otherwise(line) for line in self.lines
            )
        old, new = asked.document, amendment.shown("\n".join(self.lines), "plan")
        if not self.long:
            return amending.edits_between(asked, old, new)
        return _long(asked.name, old.rstrip("\n"), new.rstrip("\n"))


def _long(name: str, old: str, new: str) -> str:
    """Edits that give each step they touch whole, as it was and as it is."""
    from piste.documents import parts

    before = ["\n".join(part.lines) for _, part in parts.steps(old)]
    after = ["\n".join(part.lines) for _, part in parts.steps(new)]
    if len(after) < len(before):
        gone = next(at for at, one in enumerate(before) if at == len(after) or after[at] != one)
        after = [*after[:gone], "", *after[gone:]]
    blocks = [
        f"====== edit: {name}\n{one}\n====== with\n{other}\n====== end\n"
        for one, other in zip(before, after, strict=False)
        if one != other
    ]
    for more in after[len(before) :]:
        last = before[-1]
        blocks.append(f"====== edit: {name}\n{last}\n====== with\n{last}\n\n{more}\n====== end\n")
    return "\n".join(blocks)


class Project:
    """A folder with a specification, a plan made from it and its first third done."""

    def __init__(self, folder: Path, plan: Plan, standin: Any) -> None:
        from piste.documents import plan as plans_of
        from piste.engine import records

        self.root, self.plan = folder, plan
        self.standin, self.model = standin, Model(plan)
        folder.mkdir(parents=True)
        settle(folder, amend=True)
        (folder / "spec.md").write_text(plan.spec(plan.titles))
        self.make()
        self.model.first = False
        steps = plans_of.parse(plan.text).steps
        for step in steps[: len(steps) // 3]:
            record = records.of(step, "prompt_plan.md", records.HAND)
            path = folder / records.file_of(step.id)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(records.dump(record))

    def make(self) -> tuple[int, int]:
        """Bring the plan up to date; return the tokens that were sent and received."""
        from piste.model import tokens

        self.standin.reply(self.model)
        before = len(self.standin.requests)
        make(self.root, "plan")
        asked = self.standin.requests[before:]
        assert len(asked) == 1, f"{self.plan.name}: asked {len(asked)} times"
        sent = sum(tokens.count(one.system) + tokens.count(one.prompt) for one in asked)
        return sent, sum(tokens.count(one.text) for one in asked)

    def change(self, to: Change, how: str) -> Row:
        """Make a change in a way, in a copy; the start stays as it is."""
        start = self.root
        self.root = Path(shutil.copytree(start, f"{start}-{to.kind}-{how}"))
        settle(self.root, amend=how != "whole")
        self.model.lines, self.model.long = to.lines, how == "long"
        (self.root / "spec.md").write_text(self.plan.spec(to.titles))
        old, other = (self.root / "prompt_plan.md").read_text(), self.share()
        sent, received = self.make()
        new = (self.root / "prompt_plan.md").read_text()
        share, done = _compared(
            self.plan, old, new, to.lines if how != "whole" else new.split("\n")
        )
        shutil.rmtree(self.root)
        self.root = start
        return Row(to.kind, how, sent, received, share, done, other)

    def share(self) -> int:
        """Return how much of the specification has changed, in percent."""
        from piste.engine import amending, makers, project

        world = project.world(self.root)
        return amending.measured(world, makers.decide(world, world.rules["plan"]).reasons)[0]


def _compared(plan: Plan, old: str, new: str, right: Sequence[str]) -> tuple[float, bool]:
    """The share of the lines to be left alone that are there, and whether what is done is."""
    from difflib import SequenceMatcher

    from piste.documents import parts

    was, now = old.split("\n"), new.split("\n")
    wanted = [part for _, part in parts.steps(old)][: len(plan.parts) // 3]
    done = parts.changed(wanted, [part for _, part in parts.steps(new)]) is None
    if now == [*right]:
        return 100.0, done
    alone = _same(SequenceMatcher(None, was, right, autojunk=False))
    there = _same(SequenceMatcher(None, was, now, autojunk=False))
    return 100 * len(alone & there) / max(len(alone), 1), done


def _same(found: Any) -> set[int]:
    opcodes = found.get_opcodes()
    return {row for what, a, b, _, _ in opcodes if what == "equal" for row in range(a, b)}


# ------------------------------------------------------------------ the tables


def plan_table(projects: Sequence[Project]) -> None:
    """Make each change in each way; print the sums by kind."""
    rows = [
        project.change(change, how)
        for project in projects
        for change in changes(project.plan)
        for how in ("whole", "short", "long")
    ]
    print("| change | sent | received, short edits | long edits | lines kept | finished kept |")
    print("|---|---|---|---|---|---|")
    for kind in [*dict.fromkeys(row.kind for row in rows), "all"]:
        some = [row for row in rows if kind in (row.kind, "all")]
        whole, short, long = ([row for row in some if row.how == how] for how in _HOWS)
        amended = [*short, *long]
        print(
            f"| {kind} | {_times(short, whole, 'sent')} | {_times(short, whole, 'received')} "
            f"| {_times(long, whole, 'received')} | {min(row.kept for row in amended):.0f} % "
            f"| {100 * sum(row.done for row in amended) // len(amended)} % |"
        )
    whole = [row for row in rows if row.how == "whole"]
    print(
        f"\n{len(whole)} changes of {len(projects)} plans. Written whole: "
        f"{sum(row.sent for row in whole):,} tokens sent, {sum(row.received for row in whole):,} "
        f"received, "
        f"{100 * sum(row.done for row in whole) // len(whole)} % of the finished steps."
    )


_HOWS = ("whole", "short", "long")


def _times(some: Sequence[Row], whole: Sequence[Row], what: str) -> str:
    return f"{sum(getattr(r, what) for r in some) / sum(getattr(r, what) for r in whole):.2f} ×"


def trial(projects: Sequence[Project]) -> None:
    """Print what amending costs by the share of what changed, and by how often in a row."""
    print("| of the open requirements change | of the specification | short edits | long edits |")
    print("|---|---|---|---|")
    for percent in LIMITS:
        rows = [p.change(many(p.plan, percent), how) for p in projects for how in _HOWS]
        costs = {how: sum(_cost(row) for row in rows if row.how == how) for how in _HOWS}
        short, long = (costs[how] / costs["whole"] for how in _HOWS[1:])
        share = statistics.mean(row.share for row in rows)
        print(f"| {percent} % | {share:.0f} % | {short:.2f} × | {long:.2f} × |", flush=True)
    kinds = [
        project.change(change, how)
        for project in projects for change in changes(project.plan) for how in _HOWS
    ]  # fmt: skip
    one = {how: sum(_cost(row) for row in kinds if row.how == how) for how in _HOWS}
    print("\n| amended in a row, then whole | cost of a change, short edits | long edits |")
    print("|---|---|---|")
    for times in TIMES:
        short, long = ((times * one[how] / one["whole"] + 1) / (times + 1) for how in _HOWS[1:])
        print(f"| {times} | {short:.2f} × | {long:.2f} × |")


def _cost(row: Row) -> int:
    return row.sent + DEARER * row.received


# ------------------------------------------------------------------ what they stand on


def in_projects(do: Callable[[Sequence[Project]], None]) -> None:
    """Lay the projects out beside a stand-in, and do this with them."""
    with standing_in() as (folder, standin):
        do([Project(folder / str(at), plan, standin) for at, plan in enumerate(plans())])


@contextlib.contextmanager
def standing_in() -> Iterator[tuple[Path, Any]]:
    """Give a folder, and a stand-in for the server that llm knows as `chat-ok`."""
    sys.path.insert(0, str(ROOT / "tests"))
    from support.standin import StandIn, llm_user_dir

    with tempfile.TemporaryDirectory() as name, StandIn() as standin:
        folder = Path(name)
        os.environ["LLM_USER_PATH"] = str(llm_user_dir(folder / "llm", standin, ["ok"]))
        os.environ["XDG_DATA_HOME"] = str(folder / "data")
        os.environ["PISTE_ASK_IN_CI"] = "1"
        (folder / "llm/logs-off").touch()
        yield folder, standin


def settle(root: Path, amend: bool) -> None:
    """Write the settings of a project in which nothing but the size of a change is tried."""
    said = f"amend = {str(amend).lower()}\namend_limit = 100\namend_times = 1000\nretries = 0\n"
    (root / "piste.toml").write_text(f'model = "chat-ok"\nstore = ".store"\n{said}')


def make(root: Path, name: str) -> None:
    """Bring one target up to date."""
    from piste.engine import makers, project

    world = project.world(root)
    makers.make(world, world.rules[name])


def main() -> None:
    """The tables that are asked for; without a word that of the plans."""
    parser = argparse.ArgumentParser(description="What a change costs.")
    parser.add_argument("--trial", action="store_true")
    options = parser.parse_args()
    in_projects(trial if options.trial else plan_table)


if __name__ == "__main__":
    main()
