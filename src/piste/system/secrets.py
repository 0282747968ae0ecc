"""Secrets in a text: found by the shapes of known tokens and by where a value stands, and masked.

The shapes are piste's own (`secret_shapes`) and those of gitleaks (`secret_rules.json`). What a
shape sees is judged: by its entropy, by the name that it is assigned to, and by whether it is a
placeholder or a piece of code. The engine is RE2: one pass says which shapes are worth a look,
in time linear in the text whatever a hostile file holds.

It does not know whether a secret is alive, nor what a file is called; a secret without a known
shape that is not assigned to a telling name is not found.
"""

import functools
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from piste.system import secret_filters
from piste.system.re2_bytes import regex, shape_set
from piste.system.secret_policy import BUILT_IN, Policy
from piste.system.secret_shapes import NAMED, PRINTED, RULES_FILE, SHAPES, TELLING, gitleaks

if TYPE_CHECKING:
    import re2

ALLOWED = b"piste:allow"
"""In a line, it says that what stands there is no secret."""
OWN = "own-pattern"
"""The rule of what a person's own patterns find."""
_PIECE = 16 << 10  # bytes; halved, the calls cost more than is saved
_REACH = 512  # bytes that a secret may begin before its place, or a cue go on behind a piece
_TAIL = 256  # bytes at the end of what was looked at: a match there may go on behind


class Finding(NamedTuple):
    """A secret: where it stands in the text (bytes), and the rule that found it."""

    start: int
    end: int
    rule: str


class _Rule(NamedTuple):
    name: str
    pattern: bytes
    cue: bytes  # what a text has to hold, said so that all cues go into one pass
    likely: Callable[[bytes, bytes], bool]  # (the secret, the name it stands under)
    group: int = 0  # of the pattern that is the secret; 0: the first that took part
    far: bool = False  # whether the cue may stand anywhere in the text, and not beside the secret


def find(body: bytes, policy: Policy = BUILT_IN) -> tuple[Finding, ...]:
    """Return the secrets of a UTF-8 text, in their order, none overlapping another.

    Where two rules see one secret it is called by the more telling of them. The patterns of
    the policy have been checked by whoever read them.
    """
    places = _worth_trying(body, policy.patterns)
    if not places:
        return ()
    rules = _rules(policy.patterns)
    found: list[tuple[int, int, int]] = []
    for index, stretches in places.items():
        for stretch in stretches:
            found += ((start, end, index) for start, end in _matches(rules[index], body, *stretch))
    merged: list[tuple[int, int, int]] = []
    for start, end, index in sorted(found):
        if merged and start < merged[-1][1]:
            first, last, other = merged[-1]
            merged[-1] = (first, max(last, end), min(other, index))
        else:
            merged.append((start, end, index))
    result = (Finding(start, end, rules[index].name) for start, end, index in merged)
    return tuple(one for one in result if not _allowed(body, one, policy))


def prepare(policy: Policy = BUILT_IN) -> None:
    """Have ready what every search needs: once, before processes are made from this one."""
    find(b'password = "x1"\n', policy)


def mask(body: bytes, findings: Iterable[tuple[int, int, str]]) -> bytes:
    """Return the text with each secret replaced; its line ends stay, so lines keep their number."""
    parts: list[bytes] = []
    at = 0
    for start, end, rule in findings:
        lines = body.count(b"\n", start, end)
        parts += [body[at:start], f"[masked: {rule}]".encode(), b"\n" * lines]
        at = end
    return b"".join([*parts, body[at:]])


@functools.cache
def version(policy: Policy = BUILT_IN) -> str:
    """Return what changes when the rules do: what was kept for other rules is not used."""
    code = (Path(str(module)).read_bytes() for module in (__file__, secret_filters.__file__))
    own = (*code, RULES_FILE.read_bytes(), repr((SHAPES, sorted(PRINTED), policy)).encode())
    return hashlib.sha256(b"\0".join(own)).hexdigest()[:16]


def _matches(rule: _Rule, body: bytes, at: int, to: int) -> Iterator[tuple[int, int]]:
    """Yield what a rule finds between two places; what begins there may end behind."""
    if rule.name == _KUBERNETES:
        yield from _in_kubernetes(body)
        return
    pattern = regex(rule.pattern)
    named = pattern.groupindex.get(b"key", 0)
    groups = [rule.group] if rule.group else [n for n in range(1, pattern.groups + 1) if n != named]
    for match in pattern.finditer(body, at, to):
        if match.end() > to - _TAIL and to < len(body):
            match = pattern.match(body, match.start()) or match
        start, end = next((match.span(n) for n in groups if match.start(n) >= 0), match.span())
        if rule.likely(body[start:end], (named and match.group(named)) or b""):
            yield start, end


def _allowed(body: bytes, finding: Finding, policy: Policy) -> bool:
    line = body[body.rfind(b"\n", 0, finding.start) + 1 :]
    if ALLOWED in line.partition(b"\n")[0]:
        return True
    secret = body[finding.start : finding.end]
    return secret in PRINTED or any(regex(text.encode()).search(secret) for text in policy.allow)


# Rules ----------------------------------------------------------------------------------


@functools.cache
def _rules(patterns: tuple[str, ...]) -> list[_Rule]:
    """Return all rules, the most telling first."""
    told = [text.encode() for text in patterns]
    own = [_Rule(OWN, text, text, secret_filters.always) for text in told]
    return [*own, *_ours(), *_theirs()]


def _worth_trying(body: bytes, patterns: tuple[str, ...]) -> dict[int, list[tuple[int, int]]]:
    """Return, for each rule that the text may hold something for, the stretches to try it on.

    One pass says which cues are in which piece of the text; what is dearer is tried on those
    pieces alone.
    """
    rules = _rules(patterns)
    cues, named = _cues(patterns), _named(patterns)
    whole = len(body)
    places: dict[int, list[tuple[int, int]]] = {}
    if patterns:  # they may go on for as long as a person likes
        places |= {number: [(0, whole)] for number in _own(patterns).Match(body) or ()}
    for at, to in _pieces(body):
        piece = body if to - at == whole else body[at:to]
        for cue in cues.shapes.Match(piece) or ():
            if cue:
                numbers = cues.numbers[cue]
            else:
                numbers = [named.numbers[one][0] for one in named.shapes.Match(piece) or ()]
            near = (max(0, at - _REACH), min(whole, to + _REACH))
            for number in numbers:
                stretches = places.setdefault(number, [])
                if rules[number].far:
                    stretches[:] = [(0, whole)]
                elif stretches and near[0] <= stretches[-1][1]:
                    stretches[-1] = (stretches[-1][0], near[1])
                else:
                    stretches.append(near)
    return places


def _pieces(body: bytes) -> Iterator[tuple[int, int]]:
    """Yield the pieces of a text, each a little into the next, so that no cue is cut in two."""
    at, whole = 0, len(body)
    while whole - at > 2 * _PIECE:
        to = body.rfind(b"\n", at, at + _PIECE) + 1 or at + _PIECE
        yield at, min(whole, to + _REACH)
        at = to
    yield at, whole


class _Pass(NamedTuple):
    """One pass over a text: what it looks for, and the numbers of the rules of each of that."""

    shapes: "re2.Set[Any]"
    numbers: list[list[int]]


@functools.cache
def _cues(patterns: tuple[str, ...]) -> _Pass:
    """Return the pass over everything; its first cue is that of all who rest on a telling name."""
    numbers: dict[bytes, list[int]] = {TELLING: []}
    for number, rule in enumerate(_rules(patterns)):
        if rule.name not in NAMED and rule.name != OWN:
            numbers.setdefault(rule.cue, []).append(number)
    return _Pass(shape_set(numbers), list(numbers.values()))


@functools.cache
def _named(patterns: tuple[str, ...]) -> _Pass:
    """Return the pass over texts with a telling name."""
    chosen = [(n, rule) for n, rule in enumerate(_rules(patterns)) if rule.name in NAMED]
    return _Pass(shape_set(rule.cue for _, rule in chosen), [[n] for n, _ in chosen])


@functools.cache
def _own(patterns: tuple[str, ...]) -> "re2.Set[Any]":
    return shape_set(text.encode() for text in patterns)


def _ours() -> Iterator[_Rule]:
    for name, shape in SHAPES.items():
        likely = functools.partial(secret_filters.JUDGES[shape.judge], shape.entropy)
        yield _Rule(name, shape.pattern, shape.cue or shape.pattern, likely)
    cue = rb"kind[\"']?\s*:\s*[\"']?Secret\b"
    yield _Rule(_KUBERNETES, b"", cue, secret_filters.always, far=True)


def _theirs() -> Iterator[_Rule]:
    for rule in gitleaks()["rules"]:
        words = b"(?i)" + b"|".join(re.escape(word).encode() for word in rule["keywords"])
        allow = tuple(rule.get("allow", ()))
        likely = functools.partial(secret_filters.of_theirs, float(rule.get("entropy", 0)), allow)
        pattern, group, far = rule["pattern"].encode(), rule.get("group", 0), "far" in rule
        yield _Rule(rule["name"], pattern, words, likely, group, far)


# Kubernetes -----------------------------------------------------------------------------

_KUBERNETES = "kubernetes-secret"
_KIND = re.compile(rb"(?m)^\s*(?:-\s+)?[\"']?kind[\"']?\s*:\s*[\"']?Secret[\"']?\s*,?\s*(?:#.*)?$")
_DATA = re.compile(rb"(?m)^([ ]*)[\"']?(?:data|stringData)[\"']?\s*:[ \t]*\{?[ \t]*\r?$")
_ENTRY = re.compile(rb"^[ \t]+[\"']?[\w./-]+[\"']?\s*:\s*[\"']?([^\s\"'|>{\[][^\n\"']*)")


def _in_kubernetes(body: bytes) -> Iterator[tuple[int, int]]:
    """Yield each value of `data` and `stringData` in a document whose kind is Secret."""
    at = 0
    for document in re.split(rb"(?m)(?=^---[ \t]*$)", body):
        if _KIND.search(document):
            for block in _DATA.finditer(document):
                for start, end in _entries(document, block.end() + 1, len(block[1])):
                    yield at + start, at + end
        at += len(document)


def _entries(document: bytes, at: int, indent: int) -> Iterator[tuple[int, int]]:
    """Yield the values of a block that begins at `at`, as long as lines stand deeper than it."""
    inside = False  # a block of text, which follows `name: |`
    while at < len(document):
        end = document.find(b"\n", at)
        end = len(document) if end < 0 else end
        line = document[at:end]
        words, deep = line.strip(), len(line) - len(line.lstrip(b" "))
        if words and deep <= indent:
            return
        entry = _ENTRY.match(line)
        if entry and not secret_filters.empty(entry[1].strip()):
            yield at + entry.start(1), at + entry.start(1) + len(entry[1].rstrip())
        elif inside and len(words) > 3 and not secret_filters.empty(words):
            yield at + deep, at + deep + len(words)
        inside = bool(re.search(rb":\s*[|>][+-]?\s*$", line)) or (inside and not entry)
        at = end + 1
