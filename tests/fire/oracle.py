"""What should happen, as a model in memory: no files, no hashes, no piste.

A key is the tuple of what is asked, a reply is a function of its key, and texts are without
ticks. `Oracle.build` returns the keys that a model is asked for.
"""

from collections.abc import Callable
from typing import NamedTuple

Key = tuple[str, str, str, str]  # target, model, prompt, input without ticks
Call = tuple[str, str, str, str, str]  # a key, and the text that is amended, "" for none
CHAIN = {"note.md": "in.md", "list.md": "note.md"}


class Receipt(NamedTuple):
    key: Key
    output: str  # without ticks
    hand: bool = False


def norm(text: str) -> str:
    """A text without its ticks."""
    return text.replace("[x]", "[ ]")


class Oracle:
    def __init__(self, reply: Callable[[Key], str]) -> None:
        self.reply = reply
        self.model, self.prompt = "m1", "p1"
        self.files = {"in.md": "# In\n\nWords 0.\n"}
        self.receipts: dict[str, Receipt] = {}
        self.stored: set[Call] = set()  # replies that were paid for
        self.texts: set[str] = set()  # of targets, as receipts had them
        # (target, text, text that was amended or ""): what was made in this folder
        self.made: set[tuple[str, str, str]] = set()

    def key(self, target: str) -> Key | None:
        source = self.files.get(CHAIN[target])
        return None if source is None else (target, self.model, self.prompt, norm(source))

    def state(self, target: str) -> tuple[str, str]:
        """The table of docs/design.md: the state, and what a build does."""
        key, receipt, text = self.key(target), self.receipts.get(target), self.files.get(target)
        out = None if text is None else norm(text)
        mine = receipt and out is not None and (receipt.hand or receipt.output != out)
        if key is None:
            if out is not None and not receipt:
                return "foreign", "keep"
            return ("edited" if mine else "stale" if text else "missing"), "blocked"
        if receipt and out == receipt.output:
            if receipt.key == key:
                return "fresh", "keep"
            return ("edited", "conflict") if receipt.hand else ("stale", "make")
        if out is not None and norm(self.reply(key)) == out and self.adopted(target, key, out):
            return "stale", "adopt"
        if out is not None and receipt:
            return "edited", "keep" if receipt.key == key else "conflict"
        if out is not None:
            made = any(one[:2] == (target, out) for one in self.made)
            return ("stale", "make") if made else ("foreign", "keep")
        known = receipt and receipt.key == key and receipt.output in self.texts
        return "missing", "restore" if known else "make"

    def adopted(self, target: str, key: Key, out: str) -> bool:
        """Whether `out` is what a stored reply comes to: a whole one, or one that amends."""
        receipt = self.receipts.get(target)
        logged = [base for name, text, base in self.made if (name, text) == (target, out)]
        bases = ["", receipt.output] if receipt else ["", *logged]
        return any((*key, base) in self.stored for base in bases)

    def base(self, target: str, key: Key, amend: bool) -> str:
        """The text that a making amends: one that piste made of this model, "" for none."""
        receipt, text = self.receipts.get(target), self.files.get(target)
        if amend:
            return norm(text or "")
        if not receipt or text is None or receipt.hand or norm(text) != receipt.output:
            return ""
        return receipt.output if receipt.key[1] == key[1] else ""

    def build(
        self, target: str, overwrite: bool = False, amend: bool = False
    ) -> tuple[bool, list[Call]]:
        """Bring one target up to date; return whether that went well, and what was asked."""
        state, todo = self.state(target)
        key, old = self.key(target), self.files.get(target, "")
        if overwrite and state in ("edited", "foreign"):
            todo = "make" if key else "blocked"
        if amend and (state == "foreign" or todo == "conflict"):
            todo = "make" if key else "blocked"
        if todo == "adopt" and key:
            self.receipts[target] = Receipt(key, norm(old))
            self.made.add((target, norm(old), ""))
        if todo == "restore":
            self.files[target] = self.receipts[target].output
            self.made.add((target, self.files[target], ""))
        if todo != "make" or key is None:
            return todo not in ("blocked", "conflict"), []
        base = self.base(target, key, amend)
        known = next((b for b in (base, "") if (*key, b) in self.stored), None)
        asked: list[Call] = [(*key, base)] if known is None else []
        base = base if known is None else known
        self.stored.add((*key, base))
        text = self.reply(key)
        self.files[target], self.receipts[target] = text, Receipt(key, text)
        self.texts.add(text)
        self.made.add((target, text, base))
        return True, asked
