"""`piste why`: what changed since a target was made, or a step was done, as a diff.

A step is named by its number. The parts of a target are those of the decision itself. The old
texts come from the store; where it does not have them, their hashes must do. It changes no byte.
"""

import contextlib
import sys
from collections.abc import Iterator, Sequence

from piste.commands import common, restore
from piste.commands.steps import add_plan, named, read_progress, state_of
from piste.documents import diffs, plan
from piste.engine import amending, log, project, receipts, states, upstream
from piste.engine.records import Record
from piste.engine.rules import Rule
from piste.engine.states import Decision, Reason
from piste.engine.world import World
from piste.steps import attempt, progress
from piste.system import screen
from piste.system.errors import PisteError


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("why", __doc__)
    common.add_target(parser, more="; or a step of the plan (3)")
    add_plan(parser)
    about = "why version N of `piste restore T --list` was made"
    parser.add_argument("--at", type=int, default=0, metavar="N", help=about)
    args = parser.parse_args(argv)
    world = project.here()
    if args.plan or _means_step(world, args.target):
        return _step(progress.at(world, args.plan), args.target, args.json)
    (rule,) = common.chosen(world, [args.target])
    if args.at:
        return _of_version(world, rule, args.at, args.json)
    (decision,) = upstream.decide(world, [rule])
    if args.json:
        reasons = [r for one in (*decision.before, decision) for r in one.reasons]
        diffs = {r.name: "\n".join(difference(world, r)) for r in reasons}
        shown = {name: text for name, text in diffs.items() if text}
        common.print_json({**common.as_dict(world, decision), "diffs": shown})
        return 0
    for line in _lines(world, decision):
        screen.out(line)
    return 0


def _of_version(world: World, rule: Rule, number: int, as_json: bool) -> int:
    """Say why an older text came to be: the reasons of that decision, as the log kept them."""
    version = restore.numbered(world, rule, number)
    found = [e for e in log.entries(world.root, rule.target) if e.date == version.date]
    reason = found[0].reason if found else ""
    if as_json:
        common.print_json({"target": rule.target, "at": number, "date": version.date,
                           "event": version.event, "model": version.model, "reason": reason,
                           "key": found[0].key if found else ""})  # fmt: skip
        return 0
    by = f" by {version.model}" if version.model else ""
    when = f" on {common.when(version.date)} UTC" if version.date else ""
    how = f"{version.event}{by}{when}: {reason or 'not recorded'}"
    screen.out(f"{rule.target}, version {number}: {how}")
    return 0


def _means_step(world: World, word: str) -> bool:
    if any(word in (rule.name, rule.target) for rule in world.rules.values()):
        return False
    with contextlib.suppress(PisteError):
        return bool(read_progress(world).find(word))
    return word.isdecimal()


def _step(world: World, word: str, as_json: bool) -> int:
    chain = read_progress(world)
    link = chain.find(word)
    state, why = state_of(link, attempt.load(world.root), chain.path)
    record = link.record
    new = plan.strip_marks(link.step.prompt)
    names = "its prompt, as it was done", "its prompt, as it is"
    changed = [] if record is None else diffs.unified(record.text, new, *names)
    if as_json:
        about = {**progress.as_dict(link), "state": state, "why": why}
        common.print_json({**about, "diff": "\n".join(changed)})
        return 0
    because = screen.safe(why) or "nothing says that it is done"
    screen.out(f"step {named(link)} is {state}: {because}")
    for line in changed:
        screen.out(f"  {coloured(line)}".rstrip())
    if record is not None:
        screen.out("\n".join(f"  {line}" for line in common.table(_evidence(record))))
    step_id = screen.safe(link.step.id)
    if link.state == progress.CHANGED:
        stands = f"piste done {step_id} --untested lets it stand"
        screen.out(f"next: piste run {step_id} --again does it anew; {stands}")
    elif link.state == progress.OPEN_STEP:
        screen.out(f"next: piste run {step_id}, or by hand: piste next {step_id}")
    return 0


def _evidence(record: Record) -> list[tuple[str, str]]:
    ticked = ", ".join(f"{tick.path}:{tick.line}" for tick in record.ticked)
    rows = [
        ("done as", f"{record.step} {record.title}"), ("by", progress.by_of(record)),
        ("tests", record.tests or "none: a person's word"), ("ticked", ticked),
    ]  # fmt: skip
    return [(name, screen.safe(value)) for name, value in rows if value]


def difference(world: World, reason: Reason) -> Iterator[str]:
    """Yield the unified diff of what a reason is about, as a model is shown it; see `amending`."""
    for change in amending.changes(world, [reason] if reason.new else []):
        if change.old is None:
            yield f"(its old text is not in the store: {reason.old[:12]} → {reason.new[:12]})"
        else:
            yield from map(screen.safe, amending.diff(change).split("\n"))


def coloured(line: str) -> str:
    """Return a line of a diff in its colour."""
    colour = {"+": "green", "-": "red", "@": "dim"}.get(line[:1])
    return screen.style(line, colour, sys.stdout) if colour else line


def _lines(world: World, decision: Decision) -> Iterator[str]:
    target = decision.rule.target
    if decision.state == states.FRESH:
        yield f"{target} is fresh: nothing that it was made from has changed"
        yield from _made_from(world, decision)
        return
    yield decision.line()
    for reason in [r for one in (*decision.before, decision) for r in one.reasons]:
        for line in difference(world, reason):
            yield f"  {coloured(line)}".rstrip()
    if decision.whole:
        yield f"it will be written whole: {screen.safe(decision.whole)}"
    said = common.next_step(world, decision)
    if cost := _cost(world, decision):
        said += f": {cost}"
    if said:
        yield f"next: {said}"


def _cost(world: World, decision: Decision) -> str:
    """What a rebuild would send and cost, or ""."""
    if decision.todo != states.MAKE or decision.stored:
        return ""
    from piste.engine import estimate  # a look at what is fresh needs none of it

    found = estimate.Estimates(world).of(decision)
    return estimate.said(found) if found else ""


def _made_from(world: World, decision: Decision) -> Iterator[str]:
    receipt = receipts.read(world.root, decision.rule.target)
    if receipt is None:
        return
    rows = [("rule", receipt.rule), ("key", receipt.key[:12])]
    rows += [("input", f"{path}  {digest[:12]}") for path, digest in receipt.inputs.items()]
    for part, value in sorted(receipt.action.items()):
        if value not in ("", {}, None):
            rows.append((part, str(value[:12] if part.endswith("sha256") else value)))
    if receipt.hand:
        rows.append(("text", "yours, by piste accept"))
    yield from (f"  {line}" for line in common.table(rows))
