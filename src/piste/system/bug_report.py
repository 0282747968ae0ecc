"""A bug of ours becomes a file to paste, and one line that names it.

The file holds versions, platform, command and traceback; no setting, no
environment, no text of a document. It knows nothing of what went wrong.
"""

import os
import platform
import re
import sys
import tempfile
import traceback

from piste import __version__
from piste.system.errors import printable, redact

# How libraries, the loader and the system say that there is no memory left.
_SHORT = re.compile(
    "cannot allocate memory|failed to map segment|can't start new thread|out of memory", re.I
)


def write(error: BaseException) -> str:
    """Write the report; return the line that tells of it. Too little memory is no bug."""
    if _short_of_memory(error):
        return (
            "there is too little memory for this; end other programs, or allow more "
            "(ulimit -v, the container's limit)"
        )
    said = redact(printable(f"{type(error).__name__}: {error}".splitlines()[0]))
    line = f"a bug in piste ({said}); nothing is lost; please report it"
    try:
        fd, name = tempfile.mkstemp(prefix="piste-report-", suffix=".md")
        with os.fdopen(fd, "w", encoding="utf-8", errors="replace") as file:
            file.write(redact(_text(error)))
    except OSError:  # a full disk may be what went wrong
        return line
    return f"{line} with {name}"


def _short_of_memory(error: BaseException | None) -> bool:
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, MemoryError) or _SHORT.search(str(error)):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False


def _text(error: BaseException) -> str:
    trace = "".join(traceback.format_exception(error)).replace(os.path.expanduser("~"), "~")
    return (
        f"# piste {__version__}\n\n"
        f"- python: {sys.version.split()[0]}\n"
        f"- platform: {platform.platform()}\n"
        f"- command: {' '.join(sys.argv)}\n\n"
        f"```\n{trace}```\n"
    )
