"""What a run found and did, as plain data, and as a person reads it.

It does not know where it is printed, and decides nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from piste.bundle.escapes import quote, quote_all
from piste.bundle.manifest import DROPPED, KINDS, PACKED, State, Table

_BIGGEST = 10
IGNORED = "ignored"  # by a pattern of the project's
_FOLD = 0.01  # of the whole: what is smaller is folded into one line of the tree


class Report(NamedTuple):
    """One bundle. Names are as `visible.quote` shows them; tokens are None where not counted."""

    target: str
    wrote: str  # new, patched (most of it copied from the old one), same, or "" (not written)
    files: int
    bytes: int
    tokens: int | None
    sha256: str  # of the text; "" where it was not asked for
    table: Table  # of the names that were looked at
    left_out: Mapping[str, list[str]]  # reason: names
    secrets: Mapping[str, Mapping[str, int]]  # name: how many by rule
    notes: Mapping[str, str]  # name: what was done to its text
    warnings: Sequence[str] = ()
    saved: int = 0  # tokens (bytes, where tokens are not counted), by `compress`

    @property
    def sizes(self) -> dict[str, tuple[int, int]]:
        """Return (bytes, tokens) of the block of each file that is packed, by its name."""
        table = self.table
        rows = zip(quote_all(table.names), table.kinds, table.lengths, table.tokens, strict=True)
        return {name: (length, count) for name, kind, length, count in rows if kind == PACKED}

    def biggest(self, most: int = _BIGGEST) -> list[tuple[str, int]]:
        """Return the files with the most tokens (bytes, where tokens are not counted)."""
        table = self.table
        column = table.lengths if self.tokens is None else table.tokens
        rows = [index for index, kind in enumerate(table.kinds) if kind == PACKED]
        rows.sort(key=lambda index: (-column[index], table.names[index]))
        return [(quote(table.names[index]), column[index]) for index in rows[:most]]


def of_state(state: State, target: str, wrote: str, tokens: bool) -> Report:
    """Return the report of a run from what its state holds."""
    table = state.table
    left: dict[str, list[str]] = {}
    files = counted = 0
    for name, kind, count in zip(table.names, table.kinds, table.tokens, strict=True):
        if kind == PACKED:
            files += 1
            counted += count
        else:
            left.setdefault(KINDS[kind], []).append(quote(name))
    for reason, pattern, names in state.left:
        where = f"{reason}: {pattern}" if reason == IGNORED else reason
        left.setdefault(where, []).extend(names)
    secrets = {
        quote(table.names[index]): dict(note["secrets"])
        for index, note in table.notes.items()
        if "secrets" in note
    }
    dropped = table.kinds.count(DROPPED)
    total = counted + state.head[1] + state.tail[1]
    warnings = list(state.notes)
    if secrets:
        warnings.append(f"secrets were masked in {_files(len(secrets))}")
    if dropped:
        warnings.append(f"{_files(dropped)} dropped to fit the budget")
    return Report(
        target=target,
        wrote=wrote,
        files=files,
        bytes=sum(table.lengths) + state.head[0] + state.tail[0],
        tokens=total if tokens else None,
        sha256=state.sha256,
        table=table,
        left_out=left,
        secrets=secrets,
        notes=dict(_said(state)),
        warnings=warnings,
        saved=sum(note.get("saved", 0) for note in table.notes.values()),
    )


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


def _said(state: State) -> Iterator[tuple[str, str]]:
    for index, note in state.table.notes.items():
        said = ", ".join(_phrases(note))
        if said:
            yield quote(state.table.names[index]), said


def _phrases(note: Mapping[str, Any]) -> Iterator[str]:
    if "encoding" in note:
        yield f"decoded from {note['encoding']}"
    if "licence" in note:
        yield f"the {note['licence']} licence, as a line"
    if "invalid" in note:
        yield f"{note['invalid']} invalid bytes shown as U+FFFD"
    if "escaped" in note:
        yield "invisible characters shown as [U+XXXX]"
    if "cut" in note:
        yield f"cut: {note['cut']}"
    if "newline" in note:
        yield f"{note['newline']} line ends shown as lf"
    if "bom" in note:
        yield "without its byte order mark"
    if "why" in note:
        yield str(note["why"])


def as_data(report: Report) -> dict[str, Any]:
    """Return the report as plain data for JSON."""
    return {
        "target": report.target,
        "wrote": report.wrote,
        "files": report.files,
        "bytes": report.bytes,
        "tokens": report.tokens,
        "encoding": "o200k",
        "sha256": report.sha256,
        "sizes": {
            name: {"bytes": size, "tokens": tokens if report.tokens is not None else None}
            for name, (size, tokens) in report.sizes.items()
        },
        "left_out": {reason: list(names) for reason, names in report.left_out.items()},
        "secrets": {name: dict(rules) for name, rules in report.secrets.items()},
        "notes": dict(report.notes),
        "warnings": list(report.warnings),
        "saved": report.saved,
    }


def summary(report: Report, verbose: bool = False) -> list[str]:
    """Return the lines that a person reads after a run."""
    size = f"{_files(report.files)}, {report.bytes:,} bytes"
    if report.tokens is not None:
        size += f", {report.tokens:,} tokens (o200k)"
    how = {"new": "written", "patched": "written", "same": "unchanged", "": "not written"}
    lines = [f"{report.target}: {size}; {how[report.wrote]}"]
    lines += _left_lines(report, verbose)
    lines += [f"warning: {warning}" for warning in report.warnings]
    for name, rules in sorted(report.secrets.items()):
        found = ", ".join(f"{rule} × {n}" if n > 1 else rule for rule, n in sorted(rules.items()))
        lines.append(f"  {name}: {found}")
    if verbose:
        lines += [f"  {name}: {said}" for name, said in sorted(report.notes.items())]
    elif report.notes:
        lines.append(f"{_files(len(report.notes))} decoded, shown or cut (-v names them)")
    unit = "bytes" if report.tokens is None else "tokens"
    if report.saved:
        lines.append(f"compressed: {report.saved:,} {unit} saved")
    if biggest := report.biggest():
        lines.append(f"most {unit}:")
        lines += [f"  {amount:>11,}  {name}" for name, amount in biggest]
    return lines


def _left_lines(report: Report, verbose: bool) -> Iterator[str]:
    total = sum(map(len, report.left_out.values()))
    if not total:
        return
    yield f"left out: {_files(total)}"
    for reason, names in sorted(report.left_out.items(), key=lambda item: (-len(item[1]), item[0])):
        yield f"  {len(names):>11,}  {reason}"
        if verbose:
            yield from (f"{'':15}{name}" for name in names)


def tree_lines(report: Report) -> list[str]:
    """Return the folders and files as a tree with their tokens, the small ones folded."""
    column = 0 if report.tokens is None else 1
    root: dict[str, Any] = {}
    for name, size in report.sizes.items():
        here = root
        *folders, base = name.split("/")
        for folder in folders:
            here = here.setdefault(f"{folder}/", {})
        here[base] = size[column]
    total = max(1, _weigh(root))
    return list(_branches(root, total, 0))


def _weigh(node: Any) -> int:
    return sum(map(_weigh, node.values())) if isinstance(node, dict) else int(node)


def _branches(node: Mapping[str, Any], total: int, depth: int) -> Iterator[str]:
    weights = {name: _weigh(child) for name, child in node.items()}
    small = [name for name, weight in weights.items() if weight < total * _FOLD]
    if len(small) < 2:
        small = []
    for name in sorted(set(weights) - set(small), key=lambda name: (-weights[name], name)):
        child, shown, level = node[name], name, depth
        while isinstance(child, dict) and len(child) == 1:  # a/ b/ c.py in one line
            ((inner, child),) = child.items()
            shown += inner
        percent = weights[name] * 100 / total
        yield f"{weights[name]:>11,} {percent:5.1f} %  {'  ' * level}{shown}"
        if isinstance(child, dict):
            yield from _branches(child, total, depth + 1)
    if small:
        weight = sum(weights[name] for name in small)
        percent = weight * 100 / total
        yield f"{weight:>11,} {percent:5.1f} %  {'  ' * depth}… {len(small)} more"


def savings(sizes: Mapping[str, tuple[int, int]]) -> list[tuple[str, int]]:
    """Return the folders of a bundle with the tokens that leaving each out would save.

    The most first; a folder is named where it holds more than any one part of it does.
    """
    weights: dict[str, int] = {}
    children: dict[str, set[str]] = {}
    for name, (_, tokens) in sizes.items():
        parts = name.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth]) + "/"
            weights[folder] = weights.get(folder, 0) + tokens
            if depth > 1:
                children.setdefault("/".join(parts[: depth - 1]) + "/", set()).add(folder)
        if len(parts) == 1:
            weights[name] = weights.get(name, 0) + tokens
    told = _not_only_one_part(weights, children)
    return sorted(((name, weights[name]) for name in told), key=lambda item: (-item[1], item[0]))


def _not_only_one_part(
    weights: Mapping[str, int], children: Mapping[str, Iterable[str]]
) -> list[str]:
    return [
        name
        for name, weight in weights.items()
        if not any(weights[child] > 0.9 * weight for child in children.get(name, ()))
    ]
