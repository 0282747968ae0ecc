"""The files of a bundle, whoever packed it."""

import pytest

from piste.bundle.contents import files_of
from piste.bundle.formats import block, closing

FILES = {"src/a.py": 'T = """\n<file path="none.py">\n"""\n', "my notes.md": "# N\n\n```\nx\n```\n"}


@pytest.mark.parametrize("form", ["xml", "markdown", "plain", "json"])
def test_our_own_in_each_form(form: str) -> None:
    parts = [block(form, "bundle", {"by": "piste"}, b"A note.\n")]
    parts += [block(form, "file", {"path": path}, text.encode()) for path, text in FILES.items()]
    assert files_of((b"".join(parts) + closing(form)).decode()) == FILES


RULE, LONG = "=" * 16, "=" * 48
OTHERS = {
    "repomix, xml": '<file path="a.py">\none\ntwo\n</file>\n\n<file path="b.py">\nx\n</file>\n',
    "repomix, markdown": "## File: a.py\n````py\none\ntwo\n````\n\n## File: b.py\n```\nx\n```\n",
    "repomix, plain": f"{RULE}\nFile: a.py\n{RULE}\none\ntwo\n{RULE}\nFile: b.py\n{RULE}\nx\n",
    "gitingest": f"{LONG}\nFILE: a.py\n{LONG}\none\ntwo\n\n{LONG}\nFILE: b.py\n{LONG}\nx\n",
    "code2prompt": "`a.py`:\n\n```py\none\ntwo\n```\n\n`b.py`:\n\n```py\nx\n```\n",
    "files-to-prompt": "a.py\n---\none\ntwo\n\n---\nb.py\n---\nx\n\n---\n",
    "files-to-prompt, cxml": '<documents>\n<document index="1">\n<source>a.py</source>\n'
    "<document_content>\none\ntwo\n</document_content>\n</document>\n"
    '<document index="2">\n<source>b.py</source>\n<document_content>\nx\n</document_content>\n',
}


@pytest.mark.parametrize("packer", OTHERS)
def test_those_of_others(packer: str) -> None:
    found = {path: text.strip() for path, text in files_of(OTHERS[packer]).items()}
    assert found == {"a.py": "one\ntwo", "b.py": "x"}


def test_what_is_no_bundle_has_no_files() -> None:
    assert files_of("# A text\n\nWords.\n") == {}
