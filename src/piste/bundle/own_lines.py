"""A file of the project in which a tool keeps lines of its own, without those lines.

For files of git's, in which lines of a person's and of a tool stand together. What is left is the
same text whether the tool has added its lines or not. It does not know which lines those are.
"""

Own = tuple[tuple[str, ...], tuple[str, ...]]
"""Lines that are the tool's wherever they stand, and lines that are where they follow one of its.

Plain tuples: it crosses to other processes.
"""


def rest(data: bytes, own: Own) -> bytes:
    """Return the lines that are not the tool's, with a line end after the last.

    The empty line that sets its lines off goes with them: the one above, or at the beginning of
    the file the one below.
    """
    anywhere, after = own
    kept: list[bytes] = []
    follows = False
    for line in data.splitlines(keepends=True):
        said = line.strip().decode("utf-8", "replace")
        ours = said in anywhere or (follows and said in after)
        if ours and not follows and kept and not kept[-1].strip():
            kept.pop()
        if not ours and (said or kept or not follows):
            kept.append(line)
        follows = ours
    if kept and not kept[-1].endswith((b"\n", b"\r")):
        kept[-1] += b"\r\n" if b"\r\n" in data else b"\n"
    return b"".join(kept)
