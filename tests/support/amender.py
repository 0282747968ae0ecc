"""What models reply that are asked to amend a document: well, and in the ways that go wrong.

An `Amender` is a script for the stand-in server. It writes its document where it is asked for
one; where it is asked for edits it makes one change in the ways named, one after the other, and
the last of them from then on. It knows of piste only what a model sees: the prompt.

    right       one edit, its old lines as they stand, which are in it once
    chatty      the same with words around it
    fenced      the same in a fence
    twice       its old lines are in the document more than once
    missing     they are nowhere in it
    spaced      they are indented otherwise, and end in blanks
    whole       the whole document, in place of edits
    wrapped     the same in a fence, with words before it
    file        the same in a block of its own
    finished    one that changes a step that is carried out
    nothing     nothing has to change
    cannot      it cannot be done
    asks        a question back
"""

import re
from typing import NamedTuple

from support.standin import Request

RIGHT = ("right", "chatty", "fenced", "spaced")  # what comes to the change that is wanted
WHOLE = ("whole", "wrapped", "file")
WRONG = ("twice", "missing", "finished", "cannot", "asks")
WAYS = (*RIGHT, *WHOLE, *WRONG, "nothing")


class Asked(NamedTuple):
    """What a prompt that shows a document asks for."""

    name: str
    document: str
    finished: list[str]  # steps that are carried out, as the prompt calls them
    edits: bool  # and not the whole


def read(prompt: str) -> Asked | None:
    """Return what a prompt asks for that shows a document; None for one that does not."""
    shown = [*re.finditer(r'^<(document[\w-]*) path="([^\n]*)">\n', prompt, re.MULTILINE)]
    if not shown:
        return None
    opening = shown[-1]
    end = prompt.index(f"\n</{opening[1]}>", opening.end() - 1)
    asks = re.search(r"^Amend: \S", prompt[end:], re.MULTILINE)
    finished = re.findall(r"^- (step .*)$", prompt[end:], re.MULTILINE)
    return Asked(opening[2], prompt[opening.end() : end] + "\n", finished, bool(asks))


def edit(name: str, old: str, new: str) -> str:
    """Return an edit as a model writes it."""
    return f"=== edit: {name}\n{old}\n=== with\n{new}\n=== end\n"


class Amender:
    """A model that writes `document`, and later changes the lines `old` of it into `new`."""

    def __init__(self, document: str, old: str, new: str, *ways: str) -> None:
        self.document, self.old, self.new = document, old, new
        self.ways = [*ways]

    def __call__(self, request: Request) -> str:
        asked = read(request.prompt)
        if asked is None:
            return self.document
        if not asked.edits:
            return asked.document.replace(self.old, self.new)
        return self.reply(asked, self.ways.pop(0) if len(self.ways) > 1 else self.ways[0])

    def reply(self, asked: Asked, way: str) -> str:
        """Return the reply of one of the ways."""
        name, text = asked.name, asked.document
        right = edit(name, self.old, self.new)
        whole = text.replace(self.old, self.new)
        indented = "\n".join(f"  {line} " for line in self.old.split("\n"))
        again = next((one for one in text.split("\n") if one and text.count(f"\n{one}\n") > 1), "")
        done = asked.finished[0].split(" ", 2)[2] if asked.finished else text.split("\n")[0]
        title = next(line for line in text.split("\n") if done in line)
        replies = {
            "right": right,
            "chatty": f"Here is the one edit that it takes:\n\n{right}\nThat is all.\n",
            "fenced": f"```\n{right}```\n",
            "twice": edit(name, again, "x"),
            "missing": edit(name, f"Never was there {self.old}", self.new),
            "spaced": edit(name, indented, "\n".join(f"  {one}" for one in self.new.split("\n"))),
            "whole": whole,
            "wrapped": f"Here is the document.\n\n````markdown\n{whole}````\n",
            "file": f"=== file: {name}\n{whole}=== end\n",
            "finished": edit(name, title, f"{title} anew"),
            "nothing": "=== nothing: it says so already\n",
            "cannot": "=== cannot: the two contradict each other\n",
            "asks": "Shall I also change the tests?",
        }
        return replies[way]
