import pytest

from piste.bundle.imports import needed

from .conftest import Tree

TREES = {
    "python": ("pkg/main.py", "import os\nfrom . import near\nfrom .sub import thing\n"
               "from pkg.deep.mod import x\nimport pkg.other as o, json\n"
               "from ..top import (\n a,\n)\n",
               {"pkg/near.py", "pkg/sub/__init__.py", "pkg/sub/thing.py", "pkg/deep/mod.py",
                "pkg/other.py", "top.py"},
               {"pkg/unused.py", "lib/near.py", "json_schema.py"}),
    "javascript": ("web/app.ts", "import x from './x'\nimport { y } from \"../lib\"\n"
                   "const z = require('./z.js')\nexport * from './types'\nimport 'react'\n"
                   "const lazy = import('./lazy')\n",
                   {"web/x.tsx", "lib/index.ts", "web/z.js", "web/types.ts", "web/lazy.ts"},
                   {"web/react-helpers.ts", "x.ts"}),
    "go": ("cmd/main.go", 'package main\nimport (\n "fmt"\n u "example.org/app/internal/util"\n)\n',
           {"internal/util/a.go", "internal/util/b.go"}, {"internal/util/a_test.go", "fmtx/f.go"}),
    "rust": ("src/main.rs", "mod parse;\nuse crate::model::Thing;\nuse std::io;\n",
             {"src/parse.rs", "src/model.rs"}, {"src/unused.rs"}),
    "java": ("src/a/Main.java", "package a;\nimport a.b.Helper;\nimport java.util.List;\n",
             {"src/a/b/Helper.java"}, {"src/a/List.java"}),
    "c": ("src/main.c", '#include <stdio.h>\n#include "main.h"\n#include "util/list.h"\n',
          {"src/main.h", "include/util/list.h"}, {"src/list.h"}),
    "ruby": ("lib/a.rb", "require 'json'\nrequire_relative 'a/b'\n", {"lib/a/b.rb"}, {"lib/c.rb"}),
    "php": ("src/A.php", "<?php\nuse App\\Models\\User;\nrequire_once 'b.php';\n",
            {"app/App/Models/User.php", "src/b.php"}, {"src/User.php"}),
}  # fmt: skip


@pytest.mark.parametrize("language", TREES)
def test_what_a_file_imports_is_found_by_name_and_nothing_else(folder: Tree, language: str) -> None:
    name, text, wanted, others = TREES[language]
    folder.write({name: text, **dict.fromkeys(wanted | others, "")})
    names = sorted(path.encode() for path in {name, *wanted, *others})

    found = needed(str(folder.root), names, [name.encode()])

    assert {path.decode() for path in found} == wanted


def test_of_several_the_nearest_is_taken(folder: Tree) -> None:
    folder.write({"a/x/main.c": '#include "u.h"\n', "a/u.h": "", "b/u.h": ""})

    found = needed(str(folder.root), [b"a/u.h", b"a/x/main.c", b"b/u.h"], [b"a/x/main.c"])

    assert found == {b"a/u.h"}


def test_an_import_out_of_the_tree_finds_nothing(folder: Tree) -> None:
    folder.write(
        {"a.js": "import '../../etc/passwd'\nimport '/etc/passwd'\nimport '.'\n", "etc": ""}
    )

    assert needed(str(folder.root), [b"a.js", b"etc"], [b"a.js"]) == set()


def test_what_is_no_code_needs_nothing(folder: Tree) -> None:
    folder.write({"a.md": "import b\n", "b.py": "", "broken.py": b"\xff\0import b"})

    assert needed(str(folder.root), [b"a.md", b"b.py"], [b"a.md", b"gone.py"]) == set()
