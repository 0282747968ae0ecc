"""The prompts that were sent, kept in the store so that one can be looked at later.

    {"schema", "inputs": {path: sha256}, "system": PIECES, "prompt": PIECES}

A piece is words, or the sha256 of an input that stands there as it is: its text is in the store
for `why` already, so that five reviews of one bundle keep it once. An input in which a secret was
masked stands among the words, masked. What is lost here costs nothing but that look.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from piste.engine.receipts import canonical
from piste.engine.store import Store
from piste.system import paths

SCHEMA = 1
_LEAST = 200  # characters of an input that is worth a piece of its own

_Piece = str | dict[str, str]


class Sent(NamedTuple):
    """A prompt as it was sent."""

    system: str
    prompt: str
    inputs: Mapping[str, str]  # path -> sha256 of the text, by which the store has it
    missing: tuple[str, ...]  # inputs whose texts are no longer in the store


def packed(system: str, prompt: str, texts: Sequence[tuple[str, str]]) -> bytes:
    """Return a prompt as it is kept, to be found by the sha256 of these bytes.

    `texts` are the inputs with their paths. They are named by their own bytes: a digest that
    leaves out marks would later stand for another text.
    """
    named = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in texts}
    known = sorted(
        ((text.strip(), named[path]) for path, text in texts if len(text.strip()) >= _LEAST),
        key=lambda one: len(one[0]), reverse=True,
    )  # fmt: skip
    about = {"schema": SCHEMA, "inputs": named, "system": _cut(system, known),
             "prompt": _cut(prompt, known)}  # fmt: skip
    return canonical(about).encode()


def inputs(store: Store, name: str) -> Mapping[str, str]:
    """Return the inputs of the prompt of that name, path -> sha256; none where it is not there."""
    return dict(_table(store, name).get("inputs", {}))


def read(store: Store, name: str) -> Sent | None:
    """Return the prompt of that name, or None: it was not kept, or has gone."""
    found = _table(store, name)
    if not found:
        return None
    path_of = {digest: path for path, digest in found["inputs"].items()}
    missing: list[str] = []

    def joined(pieces: Sequence[_Piece]) -> Iterator[str]:
        for piece in pieces:
            if isinstance(piece, str):
                yield piece
                continue
            path = path_of.get(piece["input"], piece["input"])
            data = store.blob(piece["input"])
            if data is None:
                missing.append(path)
                yield f"[{path} as it was then: its text is not in the store]"
            else:
                yield data.decode("utf-8", "replace").strip()

    system, prompt = ("".join(joined(found[part])) for part in ("system", "prompt"))
    return Sent(system, prompt, found["inputs"], tuple(dict.fromkeys(missing)))


def _cut(text: str, known: Sequence[tuple[str, str]]) -> list[_Piece]:
    """A text in pieces, its inputs by their digests."""
    pieces: list[_Piece] = [text]
    for words, digest in known:
        cut: list[_Piece] = []
        for piece in pieces:
            if not isinstance(piece, str):
                cut.append(piece)
                continue
            first, *others = piece.split(words)
            cut.append(first)
            for other in others:
                cut += [{"input": digest}, other]
        pieces = cut
    return pieces


def _table(store: Store, name: str) -> dict[str, Any]:
    """What was kept under a name, checked: the name stands in a log, which anybody may write."""
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(store.blob(name) or b"null")
        if isinstance(found, dict) and found.get("schema") == SCHEMA and _is_sound(found):
            return found
    return {}


def _is_sound(found: Mapping[str, Any]) -> bool:
    named, pieces = found.get("inputs"), (found.get("system"), found.get("prompt"))
    return (
        isinstance(named, dict)
        and all(map(paths.is_digest, named.values()))
        and all(isinstance(part, list) and all(map(_is_piece, part)) for part in pieces)
    )


def _is_piece(piece: object) -> bool:
    return isinstance(piece, str) or (
        isinstance(piece, dict) and paths.is_digest(piece.get("input"))
    )
