"""What a file needs around it: the files of the same tree that it imports, by name.

Direct imports only, found by their line's shape in Python, JavaScript, TypeScript, Go,
Rust, Java, Kotlin, C, C++, Ruby and PHP, and looked up among the names of the tree. It does
not know the languages: an import that is computed is not seen, and of several files that
could be meant the one nearest to the importing file is taken.
"""

import itertools
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence

from piste.system import file_reader

_MOST = 1 << 20  # bytes of a file that are searched

_PY = re.compile(
    r"^[ \t]*(?:from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+(\([^)]*|[^\n(#]+)"
    r"|import[ \t]+([\w., \t]+))",
    re.MULTILINE,
)
_JS = re.compile(r"(?:\bfrom|\bimport|\brequire\(|\bimport\()\s*['\"]([^'\"\n]+)['\"]")
_GO = re.compile(r'^\s*(?:import\s+)?(?:[\w.]+\s+)?"([\w./-]+)"\s*$', re.MULTILINE)
_RUST = re.compile(r"^\s*(?:pub(?:\([^)]*\))?\s+)?(?:mod|use)\s+([\w:]+)", re.MULTILINE)
_JVM = re.compile(r"^\s*import\s+(?:static\s+)?([\w.]+)", re.MULTILINE)
_C = re.compile(r'^\s*#\s*include\s+["<]([^">\n]+)[">]', re.MULTILINE)
_RUBY = re.compile(r"^\s*require(?:_relative)?\s*\(?['\"]([^'\"\n]+)['\"]", re.MULTILINE)
_PHP = re.compile(
    r"^\s*(?:use\s+([\w\\]+)|(?:require|include)(?:_once)?\s*\(?['\"]([^'\"]+))", re.M
)

_LANGUAGES: dict[str, tuple[re.Pattern[str], tuple[str, ...]]] = {
    **dict.fromkeys((".py", ".pyi"), (_PY, (".py", ".pyi", "/__init__.py", "/__init__.pyi"))),
    **dict.fromkeys(
        (".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".vue", ".svelte"),
        (
            _JS,
            ("", ".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".vue", ".svelte", ".json",
             "/index.ts", "/index.tsx", "/index.js", "/index.jsx"),
        ),
    ),
    ".go": (_GO, ("/",)),
    ".rs": (_RUST, (".rs", "/mod.rs", "/lib.rs")),
    **dict.fromkeys((".java", ".kt", ".scala"), (_JVM, (".java", ".kt", ".scala"))),
    **dict.fromkeys((".c", ".cc", ".cpp", ".h", ".hpp", ".hh", ".m"), (_C, ("",))),
    ".rb": (_RUBY, (".rb", "")),
    ".php": (_PHP, (".php", "")),
}  # fmt: skip


def needed(root: str, names: Sequence[bytes], by: Iterable[bytes]) -> set[bytes]:
    """Return those of `names` that the files `by` import."""
    index = _Index(names)
    found: set[bytes] = set()
    folders = file_reader.Folders(root)
    try:
        for name in sorted(by):
            path = name.decode("utf-8", "surrogateescape")
            extension = posixpath.splitext(path)[1].lower()
            if extension in _LANGUAGES:
                got = file_reader.read(folders, name, _MOST, cut=True)
                text = got.data.decode("utf-8", "replace")
                for asked in _imports(text, extension):
                    found |= index.look_up(asked, path, _LANGUAGES[extension][1])
    finally:
        folders.close()
    return found


def _imports(text: str, extension: str) -> Iterator[str]:
    """Return what a text imports, each as a path without its ending; `./` and `../` stay."""
    for match in _LANGUAGES[extension][0].finditer(text):
        if extension in (".py", ".pyi"):
            yield from _of_python(*match.groups())
            continue
        asked = next(group for group in match.groups() if group)
        if extension in (".rs", ".java", ".kt", ".scala", ".php"):
            asked = re.sub(r"::|\.|\\", "/", asked)
            asked = re.sub(r"^(?:crate|self|super)/", "", asked)
            yield posixpath.dirname(asked)  # the last part is mostly a name in the file
        yield asked


def _of_python(module: str | None, names: str | None, modules: str | None) -> Iterator[str]:
    if modules:
        for one in modules.split(","):
            yield one.split(" as ")[0].strip().replace(".", "/")
        return
    dots = len(module or "") - len((module or "").lstrip("."))
    base = (module or "").lstrip(".").replace(".", "/")
    if dots:
        base = "./" + "../" * (dots - 1) + base
    yield base
    for one in re.sub(r"[()\\]|#[^\n]*", "", names or "").split(","):
        yield posixpath.join(base, one.split(" as ")[0].strip())


class _Index:
    """The names of a tree by the ends of their paths."""

    def __init__(self, names: Sequence[bytes]) -> None:
        self._names = {name.decode("utf-8", "surrogateescape"): name for name in names}
        self._by_end: dict[str, list[str]] = {}
        self._by_folder: dict[str, list[str]] = {}
        for path in self._names:
            self._by_end.setdefault(posixpath.basename(path), []).append(path)
            self._by_folder.setdefault(posixpath.dirname(path), []).append(path)

    def look_up(self, asked: str, importer: str, endings: Sequence[str]) -> set[bytes]:
        """Return the files that an import of `importer` names; mostly one or none."""
        if not asked.strip("/. *"):
            return set()
        for ending in endings:
            if ending == "/":
                return self._package(asked)
            if path := self._file(asked + ending, importer):
                return {self._names[path]} - {self._names.get(importer, b"")}
        return set()

    def _file(self, asked: str, importer: str) -> str | None:
        here = posixpath.normpath(posixpath.join(posixpath.dirname(importer), asked))
        if here in self._names:
            return here
        if asked.startswith("."):
            return None
        ends = [
            path
            for path in self._by_end.get(posixpath.basename(asked), ())
            if path == asked or path.endswith(f"/{asked}")
        ]
        return min(ends, key=lambda path: (-_shared(path, importer), len(path), path), default=None)

    def _package(self, asked: str) -> set[bytes]:
        """Return the files of the folder that a Go import ends in."""
        parts = asked.split("/")
        for start in range(len(parts)):
            if found := self._by_folder.get("/".join(parts[start:])):
                return {
                    self._names[path]
                    for path in found
                    if path.endswith(".go") and not path.endswith("_test.go")
                }
        return set()


def _shared(one: str, other: str) -> int:
    """Return how many folders two paths have in common."""
    pairs = zip(one.split("/"), other.split("/"), strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
