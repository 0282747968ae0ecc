"""Where the person's own folders are: the home folder, and XDG's in it or elsewhere.

What HOME says is believed where it is a whole path. In a container HOME may be missing, "~" or
relative, and the account without an entry; Python would then make a folder `~` in the project.
XDG's variables count where they are whole paths, as the standard says. It does not know what
lies in the folders, nor whether they can be written.
"""

import os
from collections.abc import MutableMapping
from pathlib import Path

XDG = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")


def settle(environ: MutableMapping[str, str] = os.environ) -> None:
    """Put HOME and XDG's variables right, for this process and for all that it starts.

    `llm`, git and agents look into them as well, and some obey a relative one.
    """
    for name in XDG:
        if not Path(environ.get(name, "/")).is_absolute():
            del environ[name]
    if os.name == "posix" and not Path(environ.get("HOME", "")).is_absolute():
        environ["HOME"] = _entry() or os.sep  # as container runtimes do it


def folder(variable: str, under_home: str) -> Path:
    """Return the folder that an XDG variable names, else the one under the home folder."""
    named = os.environ.get(variable, "")
    return Path(named if Path(named).is_absolute() else os.path.join(home(), under_home))


def home() -> str:
    """Return the person's home folder, always as a whole path; it may not be there."""
    found = os.path.expanduser("~")
    return found if Path(found).is_absolute() else _entry() or os.sep


def said(path: Path) -> str:
    """Return a path as a person would write it: with ~ for the home folder."""
    try:
        return f"~/{path.relative_to(home()).as_posix()}"
    except ValueError:
        return str(path)


def _entry() -> str:
    """The home folder of the account's entry, or "": there is none."""
    try:
        import pwd

        found = pwd.getpwuid(os.getuid()).pw_dir
    except (ImportError, KeyError):  # Windows has no such list
        return ""
    return found if Path(found).is_absolute() else ""
