"""`piste why`: what changed since a target was made, part by part, as a diff.

The parts are those of the decision itself. The old texts come from the store; where
it does not have them, their hashes must do. It changes no byte.
"""

import difflib
import sys
from collections.abc import Iterator, Sequence

from piste import content, freshness, project, receipts, screen
from piste.commands import common
from piste.commands.status import estimate
from piste.freshness import Decision, Reason, World

_NEXT = {
    freshness.KEEP: "nothing to do",
    freshness.ADOPT: "the next doit {name} records it, at no cost",
    freshness.RESTORE: "doit {name} brings it back from the store, at no cost",
    freshness.MAKE: "doit {name} makes it anew",
    freshness.CONFLICT: "piste diff {target}; piste accept {target}; doit {name} --overwrite",
    freshness.BLOCKED: "mend that, then doit {name}",
}


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("why", __doc__.split("\n")[0].partition(": ")[2])
    parser.add_argument("target", metavar="T", help="a target or the name of its rule")
    args = parser.parse_args(argv)
    world = project.here()
    (rule,) = common.chosen(world, [args.target])
    decision = freshness.decide(world, rule)
    if args.json:
        diffs = {r.name: "\n".join(difference(world, r)) for r in decision.reasons}
        common.print_json({**common.as_dict(decision), "diffs": diffs})
        return 0
    for line in _lines(world, decision):
        print(line)
    return 0


def difference(world: World, reason: Reason) -> Iterator[str]:
    """Yield the unified diff of what a reason is about, where both texts are known."""
    if reason.part not in ("input", "prompt") or not (reason.old and reason.new):
        return
    old = world.store.text(reason.old)
    if old is None:
        yield f"(its old text is not in the store: {reason.old[:12]} → {reason.new[:12]})"
        return
    new = _present(world, reason)
    yield from diff(old, new, f"{reason.name}, as it was", reason.name)


def diff(old: bytes, new: bytes, old_name: str, new_name: str) -> Iterator[str]:
    """Yield the lines of a unified diff of two texts."""
    lines = difflib.unified_diff(
        old.decode("utf-8", "replace").splitlines(), new.decode("utf-8", "replace").splitlines(),
        old_name, new_name, lineterm="",
    )  # fmt: skip
    for line in lines:
        yield screen.safe(line)


def _present(world: World, reason: Reason) -> bytes:
    if reason.part == "prompt":
        return world.memo.template(reason.name, world.layers).words
    data = (world.root / reason.name).read_bytes()
    return content.text(data, reason.name).encode()


def _lines(world: World, decision: Decision) -> Iterator[str]:
    target = decision.rule.target
    if decision.state == freshness.FRESH:
        yield f"{target} is fresh: nothing that it was made from has changed"
        yield from _made_from(world, decision)
        return
    yield f"{target} is {decision.state}: {decision.why()}"
    for reason in decision.reasons:
        for line in difference(world, reason):
            colour = {"+": "green", "-": "red"}.get(line[:1])
            yield "  " + (screen.style(line, colour, sys.stdout) if colour else line)
    names = {"name": decision.rule.name, "target": target}
    said = _NEXT[decision.todo].format(**names)
    if decision.todo == freshness.MAKE and decision.stored:
        said = f"doit {decision.rule.name} takes it from the store, at no cost"
    found = estimate(world, decision)
    if found:
        from piste import prices

        said += f" ({found.tokens:,} tokens to {found.model}, {prices.said(found.dollars)})"
    yield f"next: {said}"


def _made_from(world: World, decision: Decision) -> Iterator[str]:
    receipt = receipts.read(world.root, decision.rule.target)
    if receipt is None:
        return
    yield f"  rule {receipt.rule}, key {receipt.key[:12]}" + (
        ", adopted as you wrote it" if receipt.hand else ""
    )
    for path, digest in receipt.inputs.items():
        yield f"  input {path}  {digest[:12]}"
    for part, value in sorted(receipt.action.items()):
        if value not in ("", {}, None):
            yield f"  {part} {value[:12] if part.endswith('sha256') else value}"
