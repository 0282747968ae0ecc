"""What should happen, as a model in memory: no files, no hashes, no piste.

A key is the tuple of what is asked, a reply is a function of its key, and texts are without
ticks. `Oracle.build` returns the keys that a model is asked for.
"""

from collections.abc import Callable
from typing import NamedTuple

Key = tuple[str, str, str, str]  # target, model, prompt, input without ticks
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
        self.stored: set[Key] = set()  # replies that were paid for
        self.texts: set[str] = set()  # of targets, as receipts had them
        self.made: set[tuple[str, str]] = set()  # (target, text) that were made in this folder

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
        if out is not None and key in self.stored and norm(self.reply(key)) == out:
            return "stale", "adopt"
        if out is not None and receipt:
            return "edited", "keep" if receipt.key == key else "conflict"
        if out is not None:
            return ("stale", "make") if (target, out) in self.made else ("foreign", "keep")
        known = receipt and receipt.key == key and receipt.output in self.texts
        return "missing", "restore" if known else "make"

    def build(self, target: str, overwrite: bool = False) -> tuple[bool, list[Key]]:
        """Bring one target up to date; return whether that went well, and what was asked."""
        state, todo = self.state(target)
        key, old = self.key(target), self.files.get(target, "")
        if overwrite and state in ("edited", "foreign"):
            todo = "make" if key else "blocked"
        if todo == "adopt" and key:
            self.receipts[target] = Receipt(key, norm(old))
            self.made.add((target, norm(old)))
        if todo == "restore":
            self.files[target] = self.receipts[target].output
            self.made.add((target, self.files[target]))
        if todo != "make" or key is None:
            return todo not in ("blocked", "conflict"), []
        asked = [] if key in self.stored else [key]
        self.stored.add(key)
        text = self.reply(key)
        self.files[target], self.receipts[target] = text, Receipt(key, text)
        self.texts.add(text)
        self.made.add((target, text))
        return True, asked
