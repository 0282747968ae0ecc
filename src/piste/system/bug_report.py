"""A bug of ours becomes a file to paste, and one line that names it.

The file holds versions, platform, command and traceback; no setting, no
environment, no text of a document. It knows nothing of what went wrong.
"""

import os
import platform
import sys
import tempfile
import traceback

from piste import __version__
from piste.system.errors import printable, redact


def write(error: BaseException) -> str:
    """Write the report; return the line that tells of it."""
    said = redact(printable(f"{type(error).__name__}: {error}".splitlines()[0]))
    line = f"a bug in piste ({said}); nothing is lost; please report it"
    try:
        fd, name = tempfile.mkstemp(prefix="piste-report-", suffix=".md")
        with os.fdopen(fd, "w", encoding="utf-8", errors="replace") as file:
            file.write(redact(_text(error)))
    except OSError:  # a full disk may be what went wrong
        return line
    return f"{line} with {name}"


def _text(error: BaseException) -> str:
    trace = "".join(traceback.format_exception(error)).replace(os.path.expanduser("~"), "~")
    return (
        f"# piste {__version__}\n\n"
        f"- python: {sys.version.split()[0]}\n"
        f"- platform: {platform.platform()}\n"
        f"- command: {' '.join(sys.argv)}\n\n"
        f"```\n{trace}```\n"
    )
