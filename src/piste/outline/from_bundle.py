"""What the outline model writes from a bundle: documents about what patterns can see.

Every observation is real and has its file and line: notes of work to be done, errors
that are swallowed, long files, code that no test is named after. None of it
understands the code. Time is proportional to the size of the bundle. Besides piste's
own bundles it knows the frames of repomix; any other bundle counts as one file.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from piste.outline.text import Wanted, document, fenced, line, short


class File(NamedTuple):
    """One file of a bundle."""

    path: str  # fit for one line
    text: str


class Seen(NamedTuple):
    """One observation in the code."""

    path: str
    line: int  # from 1, in the file
    severity: str
    label: str  # for a tracker
    title: str
    what: str  # what is there
    why: str  # why it matters
    fix: str  # what to do


class Pattern(NamedTuple):
    """Something that can be seen by looking at one line, or a few."""

    look_for: re.Pattern[str]
    suffixes: tuple[str, ...]  # of the files in which it counts; () is all
    severity: str
    label: str
    title: str
    why: str
    fix: str


_SEVERITIES = ("critical", "high", "medium", "low")
_MOST = 50  # entries in one document; the rest is counted
_LONG = 1_000  # lines of a file that is worth dividing
_NEAR = 200  # characters around a hit that are looked at
_CODE = re.compile(
    r"\.(?:py|jsx?|mjs|tsx?|go|rs|rb|java|kt|swift|c|cc|cpp|cs|php|scala|ex|lua|pl|sh)$"
)
_COMMENT = re.compile(r"#|//|/\*|\*|--|;|%|<!--|\"\"\"|'''")

_NOTE = Pattern(
    re.compile(r"(?<!\w)(?:TODO|FIXME|XXX)\b"), (), "low", "docs",
    "Work is announced and not done", "Whoever relies on this code relies on what is missing.",
    "Do the work, or write down outside the code why it is not to be done.",
)  # fmt: skip
_PATTERNS = (
    _NOTE,
    Pattern(
        re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----"), (), "critical", "security",
        "A private key is in the repository", "Everybody who can read the repository has the key.",
        "Replace the key everywhere, then remove it from the repository and its history.",
    ),
    Pattern(
        re.compile(r"^<<<<<<< \S", re.MULTILINE), (), "high", "bug",
        "A merge conflict was committed", "The file is not what either side meant.",
        "Resolve the conflict.",
    ),
    Pattern(
        re.compile(r"except[ \t]*:"), (".py",), "medium", "bug",
        "A bare except catches everything", "It also hides interrupts and plain mistakes.",
        "Name the exceptions that are meant.",
    ),
    Pattern(
        re.compile(r"except [^\n:]{1,80}:[ \t]*\n[ \t]*pass\b"), (".py",), "medium", "bug",
        "An error is swallowed", "What failed goes on as if it had not.",
        "Handle the error, report it, or say in a comment why it may be ignored.",
    ),
    Pattern(
        re.compile(r"catch[ \t]*(?:\([^()\n]{0,80}\))?[ \t]*\{\s{0,80}\}"),
        (".js", ".jsx", ".mjs", ".ts", ".tsx", ".java", ".kt", ".cs", ".php", ".cpp", ".swift"),
        "medium", "bug", "An error is swallowed", "What failed goes on as if it had not.",
        "Handle the error, report it, or say in a comment why it may be ignored.",
    ),
    Pattern(
        re.compile(r"shell=True"), (".py",), "medium", "security",
        "A command goes through the shell", "Text from outside can become a command.",
        "Pass the command as a list, without a shell.",
    ),
)  # fmt: skip

_AFTER = re.compile(r"^<(?:review|issues)(?:-\d+)? path=", re.MULTILINE)
_PART = re.compile(r"\A.{0,1000}^A part of it: ", re.MULTILINE | re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def files(want: Wanted) -> list[File]:
    """Return the files of a bundle, in its order; all of it as one file if there are none."""
    from piste.bundle.contents import files_of

    found = [File(_CONTROL.sub("?", path), text) for path, text in files_of(want.text).items()]
    return found or [File(want.source.replace(" ", "-"), want.text)]


def observe(found: Sequence[File], whole: bool = True) -> list[Seen]:
    """Return what can be seen, the gravest first; at least one entry.

    What is missing can be seen in a whole repository only.
    """
    seen = [s for file in found for s in _in_file(file)]
    seen += _no_tests(found) if whole else ()
    seen.sort(key=lambda s: _SEVERITIES.index(s.severity))
    return seen or [
        Seen(
            path=found[0].path,
            line=1,
            severity="low",
            label="design",
            title="Nothing was found by patterns",
            what="None of the patterns of the outline model occurs in the bundle.",
            why="Patterns see few of the defects that a reader sees.",
            fix="Have the code read by a language model or by a person.",
        )
    ]


def _in_file(file: File) -> Iterator[Seen]:
    for pattern in _PATTERNS:
        if pattern.suffixes and not file.path.endswith(pattern.suffixes):
            continue
        for match, row in _matches(file.text, pattern.look_for):
            position = match.start()
            start = max(file.text.rfind("\n", 0, position) + 1, position - _NEAR)
            if pattern is _NOTE and not _COMMENT.search(file.text, start, position):
                continue
            quoted = line(file.text[start : position + _NEAR].partition("\n")[0]).replace("`", "'")
            detail = f": {short(quoted, 60)}" if pattern is _NOTE else ""
            yield Seen(
                path=file.path,
                line=row,
                severity=pattern.severity,
                label=pattern.label,
                title=pattern.title + detail,
                what=f"The line is `{short(quoted, _NEAR)}`.",
                why=pattern.why,
                fix=pattern.fix,
            )
    count = file.text.count("\n")
    if count > _LONG and _is_code(file.path):
        yield Seen(
            path=file.path,
            line=1,
            severity="low",
            label="design",
            title=f"{PurePosixPath(file.path).name} has {count} lines",
            what=f"The file has {count} lines.",
            why="What is hard to find is changed in the wrong place.",
            fix="Divide it along the things that it does.",
        )


def _matches(text: str, pattern: re.Pattern[str]) -> Iterator[tuple[re.Match[str], int]]:
    """Yield each match with the line of its last group, counting on from match to match."""
    at, row = 0, 1
    for match in pattern.finditer(text):
        start = match.start(match.lastindex or 0)
        row += text.count("\n", at, start)
        at = start
        yield match, row


def _no_tests(found: Sequence[File]) -> Iterator[Seen]:
    code = [file for file in found if _is_code(file.path)]
    if code and not any(_is_test(file.path) for file in code):
        yield Seen(
            path=code[0].path,
            line=1,
            severity="high",
            label="tests",
            title="There are no tests",
            what=f"None of the {len(code)} source files is named as a test.",
            why="Nothing shows that a change breaks something.",
            fix="Set up a test framework, and begin with the code that is changed most.",
        )


# ---- which code has tests


_TEST = re.compile(r"(?:^|[/_.-])(?:tests?|specs?)(?:[/_.-]|$)|(?:Tests?|Spec)\.\w+$")
_TEST_WORD = re.compile(r"(?:^|[_.-])(?:tests?|specs?)(?=[_.-]|$)|(?:Tests?|Spec)$")
_DEFINITION = re.compile(
    r"^[ \t]*(?:\d+[:|]?[ \t]+)?"  # a line number, where the packer prints them
    r"(?:(?:export|default|pub|public|static|async|final|abstract)[ \t]+)*"
    r"(?:def|func|fn|fun|function|class)[ \t]+(?:\([^()\n]{0,80}\)[ \t]*)?([A-Za-z]\w*)",
    re.MULTILINE,
)


def _is_code(path: str) -> bool:
    return bool(_CODE.search(path))


def _is_test(path: str) -> bool:
    return bool(_TEST.search(path))


def _untested(found: Sequence[File]) -> Iterator[tuple[File, list[tuple[str, int]]]]:
    """Yield the files that no test is named after, each with its first names and their lines."""
    stems = (PurePosixPath(file.path).stem for file in found if _is_test(file.path))
    tested = {_TEST_WORD.sub("", stem).strip("_.-").lower() for stem in stems}
    for file in found:
        if not _is_code(file.path) or _is_test(file.path):
            continue
        if PurePosixPath(file.path).stem.strip("_").lower() in tested:
            continue
        first = islice(_matches(file.text, _DEFINITION), 8)
        if names := [(match[1], row) for match, row in first]:
            yield file, names


# ---- the documents


def _code_review(want: Wanted, about: str = "Code review") -> str:
    title, seen, parts = _start(want)
    for number, s in seen[:_MOST]:
        parts.append(
            f"## {number}. {s.title}\n\n**File:** {s.path}:{s.line}\n**Severity:** {s.severity}\n\n"
            f"{s.what}\n\n**Why it matters:** {s.why}\n\n**Fix:** {s.fix}"
        )
    return document(f"{about}: {title}", want, *parts)


def _change_review(want: Wanted) -> str:
    return _code_review(want, "Change review")


def _github_issues(want: Wanted) -> str:
    title, seen, parts = _start(want)
    for number, s in seen[:_MOST]:
        parts.append(
            f"## {number}. {s.title} ({s.path}:{s.line})\n\n"
            f"**Labels:** {s.label}\n**Files:** {s.path}:{s.line}\n\n"
            f"**What:** {s.what} {s.fix}\n\n**Why:** {s.why}\n\n"
            f"**How to verify:** Look at line {s.line} of {s.path}: it is no longer so, and the "
            "tests pass."
        )
    return document(f"Issues: {title}", want, *parts)


def _issue_prompts(want: Wanted) -> str:
    title, seen, parts = _start(want)
    for number, s in seen[:_MOST]:
        prompt = (
            f"Write a failing test first that shows this, where a test can: {s.title}, in "
            f"{s.path}, line {s.line}.\n\n{s.what} {s.why}\n\n{s.fix} Change nothing else.\n\n"
            "Done when: this test and all earlier ones pass."
        )
        parts.append(f"## Step {number}: {s.title}")
        parts.append(f"**Issue:** {s.what} ({s.path}:{s.line})")
        parts.append(fenced(prompt))
    return document(f"Issue prompts: {title}", want, *parts)


def _start(want: Wanted) -> tuple[str, list[tuple[int, Seen]], list[str]]:
    found = files(want)
    seen = list(enumerate(observe(found, whole=not _PART.search(want.text)), 1))
    if _AFTER.search(want.beside):
        seen = _numbered_as_before(seen, want.beside)
    count = f"Found by patterns: {len(seen)}, of which {min(len(seen), _MOST)} follow. "
    return _facts(found).name, seen, [f"{count}Files looked at: {len(found)}."]


def _numbered_as_before(seen: list[tuple[int, Seen]], before: str) -> list[tuple[int, Seen]]:
    """Return what the sections of an earlier document name too, with the numbers it has there."""
    numbers: dict[tuple[str, str], int] = {}
    for section in re.split(r"^(?=## )", before, flags=re.MULTILINE):
        if heading := re.match(r"## [A-Z]?(\d+)\. (.*?)(?: \([^()]*:\d+\))?\n", section):
            for place in re.findall(r"^\*\*Files?:\*\* (.+)$", section, re.MULTILINE):
                numbers.setdefault((place, heading[2]), int(heading[1]))
    found = [(numbers.get((f"{s.path}:{s.line}", s.title), 0), s) for _, s in seen]
    return sorted((one for one in found if one[0]), key=lambda one: one[0]) or seen[:1]


def _missing_tests(want: Wanted) -> str:
    found = files(want)
    untested = list(_untested(found))
    parts = [
        f"Source files that no test is named after: {len(untested)}, of which "
        f"{min(len(untested), _MOST)} follow."
    ]
    for file, names in untested[:_MOST] or [(found[0], [])]:
        cases = [
            f"- `test_{name}`: given ordinary input, when `{name}` (line {row}) is used, then the "
            "result is what its documentation promises"
            for name, row in names
        ] or ["- `test_promises`: given the documentation, when each promise is tried, it holds"]
        parts.append(
            f"## Test {file.path}\n\n"
            f"**Labels:** tests\n**Files:** {file.path}:{names[0][1] if names else 1}\n\n"
            "**What:** No test file is named after it; a test elsewhere may reach it.\n\n"
            "**Why:** A mistake in it may go unnoticed.\n\n"
            "**Test cases:**\n\n" + "\n".join(cases) + "\n\n"
            "**How to verify:** The new tests pass, and fail when the code is made to do nothing."
        )
    return document(f"Missing tests: {_facts(found).name}", want, *parts)


# ---- the README


class Facts(NamedTuple):
    """What the metadata of a repository says about it."""

    name: str = "the repository"
    description: str = "What it is for is not said in its metadata."
    install: tuple[str, ...] = ()  # commands
    use: tuple[str, ...] = ()
    develop: tuple[str, ...] = ()


def _facts(found: Sequence[File]) -> Facts:
    """Return what the metadata at the top of the repository says; the first to say it counts."""
    facts = nothing = Facts()
    for file in found:
        if reader := _METADATA.get(file.path):
            said = reader(file.text)._asdict()
            unsaid = {
                key for key, value in nothing._asdict().items() if getattr(facts, key) == value
            }
            facts = facts._replace(**{key: said[key] for key in unsaid})
    return facts


def _from_pyproject(text: str) -> Facts:
    import tomllib

    project = _table(_parsed(tomllib.loads, text).get("project"))
    return _named(project, install=("pip install .",), use=_names(project, "scripts", ""))


def _from_cargo(text: str) -> Facts:
    import tomllib

    package = _table(_parsed(tomllib.loads, text).get("package"))
    return _named(package, install=("cargo build --release",), develop=("cargo test",))


def _from_package_json(text: str) -> Facts:
    import json

    package = _parsed(json.loads, text)
    return _named(package, install=("npm install",), develop=_names(package, "scripts", "npm run "))


def _from_go_mod(text: str) -> Facts:
    module = re.search(r"^module\s+(\S+)", text, re.MULTILINE)
    name = {"name": module[1].rpartition("/")[2]} if module else {}
    return _named(name, install=("go build ./...",), develop=("go test ./...",))


def _from_makefile(text: str) -> Facts:
    targets = re.findall(r"^([A-Za-z][\w-]*):(?!=)", text, re.MULTILINE)
    return Facts(develop=tuple(f"make {target}" for target in dict.fromkeys(targets)))


_METADATA: Mapping[str, Callable[[str], Facts]] = {
    "pyproject.toml": _from_pyproject,
    "Cargo.toml": _from_cargo,
    "package.json": _from_package_json,
    "go.mod": _from_go_mod,
    "Makefile": _from_makefile,
}


def _parsed(parse: Callable[[str], object], text: str) -> Mapping[str, Any]:
    try:
        return _table(parse(text))
    except (ValueError, RecursionError):  # not whole, with line numbers, or nested too deeply
        return {}


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _names(table: Mapping[str, Any], key: str, before: str) -> tuple[str, ...]:
    return tuple(before + name for key in _table(table.get(key)) if (name := line(key)))


def _named(
    table: Mapping[str, Any],
    install: tuple[str, ...] = (),
    use: tuple[str, ...] = (),
    develop: tuple[str, ...] = (),
) -> Facts:
    facts = Facts(install=install, use=use, develop=develop)
    name = short(line(str(table.get("name", ""))))
    description = line(str(table.get("description", "")))
    return facts._replace(name=name or facts.name, description=description or facts.description)


def _readme(want: Wanted) -> str:
    found = files(want)
    facts = _facts(found)
    folders = Counter(file.path.partition("/")[0] for file in found if "/" in file.path)
    single = [f"- `{file.path}`" for file in found if "/" not in file.path]
    tree = [f"- `{name}/`, files: {count}" for name, count in sorted(folders.items())] + single
    parts = [
        facts.description,
        f"## Install\n\n{_commands(facts.install)}",
        f"## Use\n\n{_commands(facts.use)}",
        "## How it works\n\nWhat lies where:\n\n" + "\n".join(tree[:_MOST]),
        f"## Development\n\n{_commands(facts.develop)}",
    ]
    licences = [file.path for file in found if file.path.upper().startswith(("LICENSE", "COPYING"))]
    if licences:
        parts.append(f"## License\n\nSee `{licences[0]}`.")
    return document(facts.name, want, *parts)


def _commands(commands: Sequence[str]) -> str:
    if not commands:
        return "The metadata in the bundle names no command for this."
    return "```sh\n" + "\n".join(commands) + "\n```"


DOCUMENTS: dict[str, Callable[[Wanted], str]] = {
    "change_review": _change_review,
    "code_review": _code_review,
    "github_issues": _github_issues,
    "issue_prompts": _issue_prompts,
    "missing_tests": _missing_tests,
    "readme": _readme,
}
