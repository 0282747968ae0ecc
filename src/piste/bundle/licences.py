"""Known licence texts: told by what they say, sentence by sentence, and never by a file's name.

A file is a licence where each of its sentences is one of that licence and few are missing;
who holds the copyright does not count. One sentence of somebody's own, and it is a text like any
other: nothing but the known words is ever left out. The sentences are known by short hashes
(`licences.json`, renewed by `tools/licence_texts.py`), so no text has to be carried along.
"""

import functools
import hashlib
import json
import re
from pathlib import Path

DATA = Path(__file__).with_name("licences.json")
NAMES = re.compile(rb"licen[cs]|copying|(?:^|/)unlicen|(?:^|/)(?:mit|apache|l?gpl|bsd)\b", re.I)
"""Where looking for a licence is worth the time: the path of nearly every one matches."""
_LEAST, _MOST = 300, 64_000  # bytes of a licence
_WHOLE = 0.7  # so much of the licence has to be there: Apache's is often without its appendix
_TITLE_LINES = 3
_HOLDER = re.compile(
    r"^\W*(?:(?:portions\s+)?copyrights?\b(?!\s+(?:holders?|owners?|notices?|licen[cs]es?|laws?|"
    r"interests?|permissions?|statements?|treaty|protection|control|and|or|in|on|for|does|is|the|"
    r"if|to|of|as|with|under|that|those)\b)|\(c\)\s|©|all rights reserved\W*$|"
    r"\W*https?://\S+$|\W*$|spdx-license-identifier)"
)
_TITLE = re.compile(r"^\W*[\w.,'’ -]{0,60}licen[cs]e\b.{0,40}$|^\W*version \d[\d.]*,.{0,40}$")
_NAMED = re.compile(
    r"(neither the names? of )(?:.{1,120}?)( nor the names? of )(?:.{1,60}?)( may be used)"
)
_PARTY = re.compile(
    r"\b(?:the )?(?:copyright (?:owner|holder)s?|isc(?= disclaims| be liable)|"
    r"regents(?: of the university(?: of california)?)?|"
    r"authors?(?: and (?:copyright holders?|contributors))?|foundation)\b"
)
_LIST_MARK = re.compile(r"^(?:[*#>\-–•]+|\(?[a-z0-9]{1,2}[.)])\s+")
_SENTENCE = re.compile(r"(?<=[.:;])\s+|\n\s*\n")
_NO_WORD = re.compile(r"[^a-z0-9]+")
_COPYRIGHT = re.compile(rb"^\W*((?:portions )?copyright\b[^\n]{0,160})", re.I | re.M)


def name_of(text: bytes) -> str:
    """Return the name of the licence that a file's text is, whole and unchanged, or ``""``."""
    if not _LEAST <= len(text) <= _MOST:
        return ""
    found = [short(one) for one in sentences(text.decode("utf-8", "replace"))]
    for name, (least, known) in _known().items():
        if found and all(one in known for one in found) and len(set(found)) >= _WHOLE * least:
            return name
    return ""


def line(name: str, text: bytes) -> bytes:
    """Return what stands for the text: the licence's name, its size, the first holder."""
    holder = _COPYRIGHT.search(text)
    said = b"; " + b" ".join(holder[1].split()) if holder else b""
    return b"The known text of the %s licence, %d bytes%s.\n" % (name.encode(), len(text), said)


def sentences(text: str) -> list[str]:
    """Return the sentences of a licence in lower case and plain words, less titles and holders."""
    paragraphs = re.split(r"\n\s*\n", text.lower().replace("\r\n", "\n"))
    found: list[str] = []
    for paragraph in paragraphs:
        lines = [_LIST_MARK.sub("", line.strip()) for line in paragraph.strip().split("\n")]
        lines = [line for line in lines if not _HOLDER.match(line)]
        if len(lines) <= _TITLE_LINES and all(map(_TITLE.match, lines)):
            continue
        kept = _PARTY.sub("holder", " ".join(lines))
        for one in _SENTENCE.split(_NAMED.sub(r"\1\2\3", kept)):
            words = _NO_WORD.sub(" ", one).strip()
            if words:
                found.append(words)
    return found


def short(sentence: str) -> str:
    """Return the short hash of a sentence."""
    return hashlib.sha256(sentence.encode()).hexdigest()[:10]


@functools.cache
def _known() -> dict[str, tuple[int, frozenset[str]]]:
    data = json.loads(DATA.read_text())
    return {name: (one["least"], frozenset(one["sentences"])) for name, one in data.items()}
