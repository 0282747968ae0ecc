"""A source file without the bodies of its functions: signatures and docstrings.

tree-sitter's packaged grammars find the bodies (the extra `piste[compress]`); what is
around them stays as it is: imports, comments, types, fields, constants, docstrings. A
function that the grammar did not understand stays whole, and so does a file in a language
that is not known here. It does not know tokens, nor whether the result would run.
"""

import functools
import importlib
import re
from typing import TYPE_CHECKING, NamedTuple

from piste.system.errors import UserError

if TYPE_CHECKING:
    from tree_sitter import Node, Parser, Query


class _Language(NamedTuple):
    module: str  # the package of the grammar
    bodies: tuple[str, ...]  # queries that capture a body, or with @doc a docstring in it
    put: bytes  # in the place of a body
    function: str = "language"  # of the package


_CPP = re.compile(rb"^\s*(?:namespace|class|template|using)\b", re.MULTILINE)
_BRACES = b"{ ... }"
_ECMA = (
    "(function_declaration body: (_) @body)",
    "(generator_function_declaration body: (_) @body)",
    "(function_expression body: (_) @body)",
    "(generator_function body: (_) @body)",
    "(method_definition body: (_) @body)",
    "(arrow_function body: (statement_block) @body)",
    "(class_static_block body: (_) @body)",
)
_C = ("(function_definition body: (compound_statement) @body)",)
_LANGUAGES = {
    "python": _Language(
        "tree_sitter_python",
        (
            "(function_definition body: (block) @body)",
            "(function_definition body: (block . (expression_statement (string)) @doc))",
        ),
        b"...",
    ),
    "javascript": _Language("tree_sitter_javascript", _ECMA, _BRACES),
    "typescript": _Language("tree_sitter_typescript", _ECMA, _BRACES, "language_typescript"),
    "tsx": _Language("tree_sitter_typescript", _ECMA, _BRACES, "language_tsx"),
    "go": _Language(
        "tree_sitter_go",
        (
            "(function_declaration body: (_) @body)",
            "(method_declaration body: (_) @body)",
            "(func_literal body: (_) @body)",
        ),
        _BRACES,
    ),
    "rust": _Language("tree_sitter_rust", ("(function_item body: (_) @body)",), _BRACES),
    "java": _Language(
        "tree_sitter_java",
        (
            "(method_declaration body: (_) @body)",
            "(constructor_declaration body: (_) @body)",
            "(compact_constructor_declaration body: (_) @body)",
            "(static_initializer (block) @body)",
        ),
        _BRACES,
    ),
    "c": _Language("tree_sitter_c", _C, _BRACES),
    "cpp": _Language("tree_sitter_cpp", (*_C, "(lambda_expression body: (_) @body)"), _BRACES),
    "ruby": _Language(
        "tree_sitter_ruby",
        ("(method body: (_) @body)", "(singleton_method body: (_) @body)"),
        b"...",
    ),
}
_ENDINGS = {
    b"py": "python", b"pyi": "python", b"js": "javascript", b"jsx": "javascript",
    b"mjs": "javascript", b"cjs": "javascript", b"ts": "typescript", b"mts": "typescript",
    b"cts": "typescript", b"tsx": "tsx", b"go": "go", b"rs": "rust", b"java": "java", b"c": "c",
    b"h": "c", b"cc": "cpp", b"cpp": "cpp", b"cxx": "cpp", b"hh": "cpp", b"hpp": "cpp",
    b"hxx": "cpp", b"rb": "ruby", b"rake": "ruby",
}  # fmt: skip


def require() -> None:
    """Raise UserError where the grammars are not installed."""
    try:
        for module in ("tree_sitter", *(language.module for language in _LANGUAGES.values())):
            importlib.import_module(module)
    except ImportError as error:
        raise UserError(
            f"bundle.compress needs tree-sitter's grammars ({error.name} is missing): "
            "pip install 'piste[compress]'"
        ) from None


def compress(name: bytes, body: bytes) -> bytes | None:
    """Return a UTF-8 text without function bodies; None where there is nothing to take out."""
    language = _ENDINGS.get(name.rpartition(b"/")[2].rpartition(b".")[2].lower())
    if language is None:
        return None
    if language == "c" and name.endswith(b".h") and _CPP.search(body):
        language = "cpp"  # the ending says nothing of which of the two it is
    parts: list[bytes] = []
    at = 0
    for start, end, put in _cuts(language, _parsed(language, body), body):
        if start >= at:
            parts += [body[at:start], put]
            at = end
    return b"".join([*parts, body[at:]]) if parts else None


def _cuts(language: str, root: "Node", body: bytes) -> list[tuple[int, int, bytes]]:
    """Return (start, end, replacement) of the bodies, an outer one before those inside it."""
    from tree_sitter import QueryCursor

    found = QueryCursor(_engine(language)[1]).captures(root)
    docs = {_block_of(doc).id: doc.end_byte for doc in found.get("doc", [])}
    put = _LANGUAGES[language].put
    cuts: list[tuple[int, int, bytes]] = []
    for node in found.get("body", []):
        start, text = node.start_byte, put
        if node.id in docs:
            start = docs[node.id]
            text = b"\n" + b" " * node.start_point.column + put
        # What is hardly longer than its replacement, or not understood, stays.
        if node.end_byte - start > len(text) + 16 and not node.has_error and not _called(node):
            cuts.append((start, node.end_byte, text))
    return sorted(cuts)


def _called(body: "Node") -> bool:
    """Whether the function is called where it stands: JavaScript's wrapper of a whole file."""
    around = body.parent.parent if body.parent else None
    while around is not None and around.type == "parenthesized_expression":
        around = around.parent
    return around is not None and around.type == "call_expression"


def _block_of(doc: "Node") -> "Node":
    node = doc
    while node.type != "block" and node.parent is not None:
        node = node.parent
    return node


def _parsed(language: str, body: bytes) -> "Node":
    return _engine(language)[0].parse(body).root_node


@functools.cache
def _engine(language: str) -> "tuple[Parser, Query]":
    from tree_sitter import Language, Parser, Query

    known = _LANGUAGES[language]
    grammar = Language(getattr(importlib.import_module(known.module), known.function)())
    return Parser(grammar), Query(grammar, "\n".join(known.bodies))
