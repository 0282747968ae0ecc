"""What is other in one bundle than in an earlier one, and the passages that this concerns.

File by file and line by line: which lines changed, where a line is that only moved, and a short
bundle (`excerpt`) of what somebody has to read who knows the earlier one. Bundles of any packer
will do, as long as their files can be told apart. It does not know what is asked about them.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple

from piste.bundle import contents, outputs
from piste.bundle.escapes import hidden, quote, show
from piste.bundle.formats import FILE, HEAD, block

AROUND = 12  # lines above and below a change that are shown with it
_AROUND_PROSE = 4  # in a text for people, where a paragraph says what it is about
_PROSE = (".md", ".markdown", ".mdx", ".rst", ".txt", ".adoc")
_NEAR = 2  # lines around a place where a changed name is used
_USES = 40  # places at most where changed names are used
_LINES_A_USE = 300  # of the bundle, for each such place: in a small one everything is near
_WHOLE = 2 * AROUND + 10  # lines; a shorter file is shown whole
_GUIDE = 6_000  # characters of a guide of the team's that goes along
_LARGE = 20_000  # lines that differ, above which the quick way of telling has to do
_NAME = re.compile(r"[^\W\d]\w{3,}")
_KEYWORDS = frozenset((  # of common languages, with four letters or more: names of nothing
    *("assert", "async", "await", "bool", "break", "case", "catch", "class", "const", "continue"),
    *("default", "elif", "else", "enum", "except", "export", "extends", "False", "false", "final"),
    *("finally", "float", "func", "function", "global", "implements", "import", "interface"),
    *("lambda", "None", "null", "package", "pass", "private", "protected", "public", "raise"),
    *("return", "self", "static", "string", "struct", "super", "switch", "this", "throw", "throws"),
    *("trait", "True", "true", "type", "void", "while", "with", "yield"),
))  # fmt: skip


class Part(NamedTuple):
    """Lines of the earlier text, and what they are now; rows from 0, the last not included."""

    start: int
    end: int
    new_start: int
    new_end: int


class Changes(NamedTuple):
    """Two bundles, as files, and what is other."""

    old: Mapping[str, str]
    new: Mapping[str, str]
    parts: Mapping[str, tuple[Part, ...]]  # of each file that is other, new or gone

    def touched(self, path: str, first: int, last: int, around: int) -> bool:
        """Whether an old line of these (from 1), or one so near to them, is other or gone."""
        if path in self.old and path not in self.new:
            return True
        low, high = first - 1 - around, last + around
        return any(
            part.start < high and max(part.end, part.start + 1) > low
            for part in self.parts.get(path, ())
        )

    def moved(self, path: str, line: int) -> int:
        """Return the number that the old line (from 1) has now; 0 where it is other or gone."""
        if path not in self.new:
            return 0
        shift = 0
        for part in self.parts.get(path, ()):
            if part.end <= line - 1:
                shift = part.new_end - part.end
            elif part.start <= line - 1:
                return 0
        return line + shift


@lru_cache(maxsize=4)
def between(old: str, new: str) -> Changes:
    """Return what is other in the bundle `new` than in `old`."""
    before, after = contents.files_of(old), contents.files_of(new)
    parts: dict[str, tuple[Part, ...]] = {}
    for path in [*after, *(name for name in before if name not in after)]:
        if before.get(path) != after.get(path):
            parts[path] = tuple(_parts(_lines(before, path), _lines(after, path)))
    return Changes(before, after, parts)


def _lines(files: Mapping[str, str], path: str) -> list[str]:
    return files.get(path, "").split("\n")


def _parts(old: Sequence[str], new: Sequence[str]) -> Iterator[Part]:
    """The passages that differ; what is the same at both ends is not looked through."""
    head = _same(zip(old, new, strict=False))
    most = min(len(old), len(new)) - head
    tail = min(most, _same(zip(reversed(old), reversed(new), strict=False)))
    a, b = old[head : len(old) - tail], new[head : len(new) - tail]
    quick = len(a) + len(b) > _LARGE
    for what, i, j, k, n in SequenceMatcher(None, a, b, autojunk=quick).get_opcodes():
        if what != "equal":
            yield Part(i + head, j + head, k + head, n + head)


def _same(pairs: Iterable[tuple[str, str]]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def changed_words(changes: Changes) -> set[str]:
    """Return the names that stand in lines which came, went or became other."""
    found: set[str] = set()
    for path, parts in changes.parts.items():
        old, new = _lines(changes.old, path), _lines(changes.new, path)
        for part in parts:
            for line in (*old[part.start : part.end], *new[part.new_start : part.new_end]):
                found.update(_NAME.findall(line))
    return found - _KEYWORDS


def excerpt(
    bundle: str,
    changes: Changes,
    also: Mapping[str, Collection[int]],
    is_guide: Callable[[str], bool],
) -> str:
    """Return a short bundle: what changed with the lines around it, and what else is asked for.

    `bundle` is the present one. `also` names further lines, from 1, that are shown with some
    around them; `is_guide` tells the files in which a team says how its code is to be written.
    Where changed definitions are used elsewhere is shown too, and what commands print now.
    """
    wanted: dict[str, set[int]] = {}
    for path, parts in changes.parts.items():
        size = len(_lines(changes.new, path))
        rows = wanted.setdefault(path, set())
        lines = _AROUND_PROSE if path.endswith(_PROSE) else AROUND
        is_changed = path in changes.old and path in changes.new  # a new file is its own diff
        for part in parts if is_changed else ():
            rows |= _around(part.new_start, max(part.new_end, part.new_start + 1), lines, size)
    for path, numbers in also.items():
        size = len(_lines(changes.new, path))
        for number in numbers:
            wanted.setdefault(path, set()).update(_around(number - 1, number, AROUND, size))
    for path, row in _uses(changes):
        size = len(_lines(changes.new, path))
        wanted.setdefault(path, set()).update(_around(row, row + 1, _NEAR, size))
    for path, text in changes.new.items():
        if is_guide(path) and len(text) <= _GUIDE:
            wanted[path] = set(range(text.count("\n") + 1))
    head = b"Passages of the bundle alone: what a change concerns. All else is as it was.\n"
    blocks = [block("xml", HEAD, {"by": "piste"}, head)]
    for path in changes.new:
        if wanted.get(path):
            body = shown(_passages(_lines(changes.new, path), wanted[path])).encode()
            marks = {"path": quote(path.encode("utf-8", "replace"))}
            blocks.append(block("xml", FILE, marks, body))
    found = outputs.of(bundle.encode("utf-8", "replace"))
    for kind, told, printed in outputs.sections([one.command for one in found], found):
        blocks.append(block("xml", kind, told, printed))
    if said := contents.instruction_of(bundle):
        blocks.append(block("xml", "instruction", {}, said.encode() + b"\n"))
    return b"".join(blocks).decode("utf-8", "replace")


def shown(text: str) -> str:
    """Return a file's text as it may stand in a bundle: nothing hidden in it, UTF-8."""
    data = text.encode("utf-8", "replace")
    return show(data.decode()) if hidden(data) else data.decode()


def _around(start: int, end: int, lines: int, size: int) -> set[int]:
    if size <= min(_WHOLE, 3 * lines):
        return set(range(size))
    return set(range(max(0, start - lines), min(size, end + lines)))


def _passages(lines: Sequence[str], rows: Collection[int]) -> str:
    """The wanted rows, with a number before the first of each passage and every tenth line."""
    last = len(lines) - (not lines[-1])  # what follows the last line's end is no line
    said: list[str] = []
    before = -1
    for row in sorted(row for row in rows if row < last):
        if row - before > 1:
            said.append(_left_out(before + 2, row))
        first = row - before > 1 and row
        said.append(f"{row + 1}: {lines[row]}" if first or (row + 1) % 10 == 0 else lines[row])
        before = row
    if before < last - 1:
        said.append(_left_out(before + 2, last))
    return "".join(f"{line}\n" for line in said)


def _left_out(first: int, last: int) -> str:
    return f"[line {first} is not shown]" if first == last else (
        f"[lines {first} to {last} are not shown]"
    )  # fmt: skip


def _uses(changes: Changes) -> list[tuple[str, int]]:
    """Where what is defined on changed lines, or around them, is used in other passages."""
    names: set[str] = set()
    for path, parts in changes.parts.items():
        for files, spans in (
            (changes.old, [(part.start, part.end) for part in parts]),
            (changes.new, [(part.new_start, part.new_end) for part in parts]),
        ):
            names |= contents.defined(files.get(path, ""), spans)
    if not names:
        return []
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(names)))})\b")
    found: dict[str, list[tuple[str, int]]] = {}
    for path, text in changes.new.items():
        if path in changes.parts or path.endswith(_PROSE):
            continue
        for row, line in enumerate(text.split("\n")):
            for name in set(pattern.findall(line)):
                found.setdefault(name, []).append((path, row))
    most = max(
        5, min(_USES, sum(text.count("\n") for text in changes.new.values()) // _LINES_A_USE)
    )
    # What is used everywhere says little about where to look.
    rare = sorted(found.values(), key=len)
    return [place for places in rare for place in places][:most]
