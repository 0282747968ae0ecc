"""Characters that cannot be seen, and how they are shown to a person at a terminal.

Control characters can move a terminal's cursor, and bidirectional marks, tags and
zero-width characters can show a reader other text than a model gets (Trojan Source,
CVE-2021-42574; "ASCII smuggling" by tag characters). The set is written out here and not
taken from the interpreter's Unicode tables, which change between versions. It does not know
which ranges later versions of Unicode may make invisible, nor where a text is printed.
"""

import re

# C0 without tab and newline, DEL, C1; Arabic letter mark; zero-width space; directional
# marks; bidirectional embeddings and isolates; word joiner and invisible operators; byte
# order mark; interlinear annotation; noncharacters; tags and variation selectors of plane 14.
CHARACTERS = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e01ef"
)
# Patterns stand here as text: `re` compiles and keeps each when it is first needed, and most
# runs need none of them.
UNSEEN = f"[{CHARACTERS}]"
# On a terminal also what separates lines in Unicode's eyes, and what is no character at all;
# a carriage return before a newline moves nothing that the newline does not.
ON_SCREEN = f"\r(?!\n)|(?!\r)[{CHARACTERS}\u2028\u2029\ud800-\udfff]"


def visible(text: str) -> str:
    """Return a text with nothing in it that moves a terminal: such characters as `\\x1b`."""
    if text.isascii() and text.isprintable():
        return text
    return re.sub(ON_SCREEN, lambda found: shown(found[0]), text)


def shown(char: str) -> str:
    """Return one character as a backslash escape; a byte that was no text, as that byte."""
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape", "backslashreplace").decode()
