"""The lines of a plan that programs read, as the outline model writes them.

`Test command:` is the command that the specification shows, or the usual one of a language that it
names; `Covers:` the numbers that the specification gives its requirements; `Files:` the files that
a step's own words name, and those of the code that is there whose names they speak. It guesses no
file.
"""

import re
from collections.abc import Mapping, Sequence

from piste.documents import requirements

_CODE = re.compile(r"`([^`\n]{2,200})`")
_RUNS_TESTS = re.compile(
    r"^(?:\S*python3?(?:\.\d+)? -m (?:pytest|unittest)|pytest|tox|nox|(?:npm|pnpm|yarn|bun|deno|"
    r"cargo|go|make|just|mix|dotnet|mvn|gradle|\./gradlew|swift|dart|rake|bundle exec|uv run|"
    r"poetry run|hatch)\b.*\b(?:tests?|check|pytest|rspec)\b|(?:sh |bash )?\S*\btests?(?:\.\w+)?$)"
)
_USUAL = (  # a word of the specification, and the command that is usual then
    (re.compile(r"\bpython\b", re.I), "python -m pytest"),
    (re.compile(r"\b(?:node(?:\.js)?|typescript|javascript|npm)\b", re.I), "npm test"),
    (re.compile(r"\brust\b|\bcargo\b", re.I), "cargo test"),
    (re.compile(r"\bGolang\b|\bin Go\b|\bGo \d"), "go test ./..."),
)
_PATH = re.compile(r"(?<![\w./-])((?:[\w.-]+/)*[\w-]+\.[a-z][a-z0-9]{0,4})(?![\w/])")
_NO_PATH = re.compile(r"\.(?:com|org|net|io|dev)$|^\d|^(?:e\.g|i\.e)$", re.I)
_SHORTEST = 4  # letters of a name that a word can mean
_MOST = 10  # files that one step names
_KNOWN_BY = 60  # characters; `coverage` cuts the words of a requirement


def test_command(text: str) -> str:
    """Return what follows `Test command:` for a specification."""
    for code in _CODE.findall(text):
        if _RUNS_TESTS.match(code.strip()):
            return f"`{code.strip()}`"
    for word, command in _USUAL:
        if found := word.search(text):
            return f"`{command}` (assumption: {found[0]})"
    return "none is named; step 1 makes one"


def numbers(text: str) -> dict[str, str]:
    """Return the number of each requirement of a specification, by its words (see `covers`)."""
    found: dict[str, str] = {}
    for one in requirements.requirements(text):
        if words := _bare(one.text):
            found.setdefault(words, one.id)
    return found


def covers(statements: Sequence[str], known: Mapping[str, str]) -> str:
    """Return what follows `Covers:` for a step of these statements; `known` are the `numbers`."""
    ids = [known[words] for words in map(_bare, statements) if words in known]
    return ", ".join(dict.fromkeys(ids)) or "no numbered requirement"


def files(statements: Sequence[str], code: Sequence[str], known: Mapping[str, list[str]]) -> str:
    """Return the `Files:` line of a step; `known` are the files that are there, by their stems."""
    words = "\n".join([*statements, *code])
    named = [path for path in _PATH.findall(words) if not _NO_PATH.search(path)][:_MOST]
    spoken = dict.fromkeys(word for word in re.findall(r"\w+", words.lower()) if word in known)
    there = [path for word in spoken for path in known[word] if path not in named]
    read = f"read {', '.join(there[:_MOST])}; " if there else ""
    change = ", ".join(dict.fromkeys(named)) or "what this step names, and a test of it"
    return f"Files: {read}change {change}; earlier tests made wrong: none"


def known_files(beside: str) -> dict[str, list[str]]:
    """Return the files that a prompt names beside the specification, by their stems.

    They stand there as a tree with signatures.
    """
    found = re.search(r'^<code[\w-]* path="[^\n]*">\n(.*?)^</code', beside, re.M | re.S)
    known: dict[str, list[str]] = {}
    for row in found[1].split("\n") if found else []:
        stem = row.rpartition("/")[2].partition(".")[0].lower()
        if len(stem) >= _SHORTEST and not row[0].isspace():
            known.setdefault(stem, []).append(row)
    return known


def _bare(text: str) -> str:
    """The first words of a statement, by which it is known again."""
    return re.sub(r"\W+", " ", requirements.without_id(text)).strip().lower()[:_KNOWN_BY]
