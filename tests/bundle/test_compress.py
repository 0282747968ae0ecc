import sys

import pytest

from piste.bundle import compress as module
from piste.bundle.compress import compress
from piste.system.errors import UserError

from .conftest import Tree

LONG = "do_something_with(first_of_all, and_then_the_second)"
SOURCES = {
    "a.py": (
        f'"""Doc."""\nimport os\n\n\n@dec\nclass A(B):\n    """Class."""\n\n    x: int = 1\n\n'
        f'    async def f(self, a: int = 1) -> str:\n        """What f does."""\n        # why\n'
        f"        return {LONG}\n\n\ndef g():\n    {LONG}\n",
        '"""Doc."""\nimport os\n\n\n@dec\nclass A(B):\n    """Class."""\n\n    x: int = 1\n\n'
        '    async def f(self, a: int = 1) -> str:\n        """What f does."""\n        ...\n\n\n'
        "def g():\n    ...\n",
    ),
    "a.js": (
        f"/** Doc. */\nexport function f(a) {{ return {LONG}; }}\nclass A {{ m() {{ {LONG} }} }}\n"
        f"export const g = (x) => {{ {LONG} }};\nconst short = () => {{}};\n",
        "/** Doc. */\nexport function f(a) { ... }\nclass A { m() { ... } }\n"
        "export const g = (x) => { ... };\nconst short = () => {};\n",
    ),
    "a.ts": (
        f"export interface I {{ a: 1 }}\nfunction f<T>(a: T): Promise<T> {{ return {LONG}; }}\n",
        "export interface I { a: 1 }\nfunction f<T>(a: T): Promise<T> { ... }\n",
    ),
    "a.tsx": (
        f"export const V = (p: P) => {{ {LONG}; return <b>{{p.x}}</b>; }};\n",
        "export const V = (p: P) => { ... };\n",
    ),
    "a.go": (
        f"package a\n\n// F does.\nfunc (s *S) F(a int) error {{\n\treturn {LONG}\n}}\n",
        "package a\n\n// F does.\nfunc (s *S) F(a int) error { ... }\n",
    ),
    "a.rs": (
        f"/// Doc.\nimpl S {{ pub fn new() -> Self {{ {LONG} }} }}\nstruct S {{ a: i32 }}\n",
        "/// Doc.\nimpl S { pub fn new() -> Self { ... } }\nstruct S { a: i32 }\n",
    ),
    "A.java": (
        f"class A {{\n  /** Doc. */\n  int m() throws E {{ return {LONG}; }}\n"
        f"  A() {{ {LONG}; }}\n}}\n",
        "class A {\n  /** Doc. */\n  int m() throws E { ... }\n  A() { ... }\n}\n",
    ),
    "a.c": (
        f"#include <a.h>\nstruct s {{ int a; }};\nstatic int f(int a) {{ return {LONG}; }}\n"
        "int g(void);\n",
        "#include <a.h>\nstruct s { int a; };\nstatic int f(int a) { ... }\nint g(void);\n",
    ),
    "a.hpp": (
        f"template <class T> class A : B {{ public: A() : x(1) {{ {LONG}; }} int x; }};\n",
        "template <class T> class A : B { public: A() : x(1) { ... } int x; };\n",
    ),
    "a.h": (
        f"namespace n {{ class A {{ int f() {{ return {LONG}; }} }}; }}\n",
        "namespace n { class A { int f() { ... } }; }\n",
    ),
    "a.rb": (
        f"# Doc.\nclass A\n  def f(a)\n    {LONG}\n  end\n  attr_reader :x\nend\n",
        "# Doc.\nclass A\n  def f(a)\n    ...\n  end\n  attr_reader :x\nend\n",
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_signatures_and_docstrings_stay_and_bodies_go(name: str) -> None:
    source, short = SOURCES[name]

    assert compress(name.encode(), source.encode()) == short.encode()


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("a.txt", f"def f():\n    {LONG}\n"),
        ("a.py", "x = 1\n"),
        ("a.py", "def f():\n    return 1\n"),
        ("a.py", "((((\n"),
        ("a.py", ""),
    ],
)
def test_what_is_not_known_or_not_understood_stays_whole(name: str, source: str) -> None:
    assert compress(name.encode(), source.encode()) is None


def test_a_function_that_is_not_understood_stays_whole_beside_one_that_is() -> None:
    source = f"def good():\n    {LONG}\n\n\ndef bad():\n    x = = {LONG}\n"

    assert compress(b"a.py", source.encode()) == (
        f"def good():\n    ...\n\n\ndef bad():\n    x = = {LONG}\n".encode()
    )


def test_the_wrapper_of_a_whole_script_is_not_its_body() -> None:
    source = f"(function() {{\n  function f() {{ {LONG} }}\n}})();\n"

    assert compress(b"a.js", source.encode()) == b"(function() {\n  function f() { ... }\n})();\n"


def test_a_bundle_says_what_it_saved(folder: Tree) -> None:
    folder.write({"a.py": SOURCES["a.py"][0], "b.txt": "text\n"})

    whole = folder.pack(tokens=True)
    short = folder.pack(tokens=True, compress=True)

    assert whole.tokens is not None
    assert short.tokens is not None
    assert 0 < short.saved < whole.tokens
    text = folder.output.read_text("utf-8")
    assert '<file path="a.py" compressed="signatures and docstrings">' in text
    assert folder.files()["a.py"].decode() == SOURCES["a.py"][1]
    assert folder.files()["b.txt"] == b"text\n"


def test_without_the_grammars_it_is_said_how_to_get_them(
    folder: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write({"a.py": ""})
    monkeypatch.setitem(sys.modules, "tree_sitter_ruby", None)

    with pytest.raises(UserError, match=r"tree_sitter_ruby.*pip install 'piste\[compress\]'"):
        folder.pack(compress=True)


def test_every_ending_leads_to_a_grammar_that_loads() -> None:
    for language in set(module._ENDINGS.values()):
        assert module._engine(language)
