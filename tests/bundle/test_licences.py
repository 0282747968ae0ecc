"""Known licence texts: told word for word, whatever the file's name and the width of its lines."""

import importlib.metadata
import json
import textwrap

import pytest

from piste.bundle import licences
from piste.bundle.parser import blocks

from .conftest import FORMS, Tree

MIT = """\
MIT License

Copyright (c) 2026 A. Person

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT
OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""
LINE = b"The known text of the MIT licence, 1066 bytes; Copyright (c) 2026 A. Person.\n"


def rewrapped(width: int) -> str:
    return "\n\n".join(textwrap.fill(part, width) for part in MIT.split("\n\n"))


@pytest.mark.parametrize(
    "text",
    [MIT, MIT.replace("\n", "\r\n"), f"# {MIT}", MIT.replace("MIT License", "(The MIT License)"),
     MIT.partition("\n\n")[2], *map(rewrapped, range(40, 90, 7))],
)  # fmt: skip
def test_it_is_told_by_its_words(text: str) -> None:
    assert licences.name_of(text.encode()) == "MIT"


@pytest.mark.parametrize(
    "text",
    [
        f"{MIT}\nThe Software must not be sold.\n", f"Read this first.\n\n{MIT}",
        MIT.replace("free of charge", "for a fee"), MIT.partition("THE SOFTWARE")[0], "MIT\n", "",
        MIT.replace("without restriction", "without restriction, but for war"),
    ],
)  # fmt: skip
def test_one_word_of_somebodys_own_makes_it_another_text(text: str) -> None:
    assert licences.name_of(text.encode()) == ""


@pytest.mark.parametrize(
    ("package", "file", "name"),
    [
        ("packaging", "LICENSE.APACHE", "Apache-2.0"), ("packaging", "LICENSE.BSD", "BSD-2-Clause"),
        ("pytest", "LICENSE", "MIT"), ("jinja2", "LICENSE.txt", "BSD-3-Clause"),
        ("pathspec", "LICENSE", "MPL-2.0"),
    ],
)  # fmt: skip
def test_as_packages_carry_them(package: str, file: str, name: str) -> None:
    found = importlib.metadata.distribution(package)
    path = next(one for one in found.files or [] if one.name == file)
    assert licences.name_of(found.locate_file(path).read_bytes()) == name  # type: ignore[attr-defined]


def test_the_ones_that_are_promised_are_known() -> None:
    known = json.loads(licences.DATA.read_text())
    promised = {"MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "GPL-2.0", "GPL-3.0",
                "LGPL-2.1", "LGPL-3.0", "AGPL-3.0", "MPL-2.0", "ISC", "Unlicense"}  # fmt: skip
    assert promised <= set(known)
    assert all(one["least"] >= 3 for one in known.values())


@pytest.mark.parametrize("form", FORMS)
def test_it_is_a_line_of_the_bundle(folder: Tree, form: str) -> None:
    folder.write({"LICENSE": MIT, "a.py": "x = 1\n", "web/COPYING": f"{MIT}\nNot for sale.\n"})

    report = folder.pack(form=form)

    assert folder.files(form)["LICENSE"] == LINE
    assert folder.files(form)["web/COPYING"].endswith(b"Not for sale.\n")
    marks = {b.marks["path"]: b.marks for b in blocks(folder.output.read_bytes(), form)
             if b.kind == "file"}  # fmt: skip
    assert marks["LICENSE"]["licence"] == "MIT"
    assert report.notes == {"LICENSE": "the MIT licence, as a line"}


def test_it_can_be_had_whole(folder: Tree) -> None:
    folder.write({"LICENSE": MIT.replace("\n", "\r\n")})

    assert folder.packed(licences="whole", secrets="mask")["LICENSE"].count(b"\r\n") == 18
    assert folder.packed(secrets="mask")["LICENSE"].startswith(b"The known text of the MIT licence")
    assert folder.packed(licences="whole", secrets="mask")["LICENSE"].count(b"\r\n") == 18
