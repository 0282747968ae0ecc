"""Whose a project is: the files of another account are not obeyed.

The root of a project is looked for upwards, through folders that others may write into: /tmp, a
shared disk, a lecture hall's home. A `piste.toml` or a `dodo.py` that somebody has put there would
be obeyed in every folder below. git asks the same of a repository since CVE-2022-24765, and this
follows its rules, those for sudo included. It does not know what is done with a project.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from piste.system.errors import UserError, printable

VARIABLE = "PISTE_SAFE_FOLDERS"  # paths, divided as in PATH; "*" is every folder


def require_own(root: Path, names: Iterable[str], safe: Callable[[], Iterable[str]]) -> None:
    """Raise UserError where something of another account under one of `names` makes a project.

    The folder itself counts as well, once one of the names is there. `safe` returns the folders
    that the person's own settings allow; it is asked only when there is something to allow.
    """
    if not hasattr(os, "geteuid"):  # Windows
        return
    mine = _mine()
    found = {name: uid for name in names if (uid := _owner(root / name)) is not None}
    if found:
        found["."] = _owner(root) or 0
    others = [name for name, uid in found.items() if uid not in mine]
    if not others or _is_safe(root, safe):
        return
    what = root / others[0] if others[0] != "." else root
    raise UserError(
        f"{printable(str(what))} belongs to {_name(found[others[0]])}, and not to you: it is not "
        f"obeyed; {_way(root)}"
    )


def _way(root: Path) -> str:
    shown = printable(str(root))
    return (
        f'if you trust it: safe_folders = ["{shown}"] in your own settings '
        f"(~/.config/piste/piste.toml), or {VARIABLE}={shown}"
    )


def _mine() -> set[int]:
    """Return the accounts that count as this one: under sudo also the one that called it."""
    uid = os.geteuid()
    caller = os.environ.get("SUDO_UID", "")
    return {uid, int(caller)} if uid == 0 and caller.isdecimal() else {uid}


def _owner(path: Path) -> int | None:
    try:
        return os.lstat(path).st_uid
    except OSError:
        return None


def _is_safe(root: Path, safe: Callable[[], Iterable[str]]) -> bool:
    named = [name for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name]
    named += safe()
    real = os.path.realpath(root)
    return any(name == "*" or os.path.realpath(os.path.expanduser(name)) == real for name in named)


def _name(uid: int) -> str:
    try:
        import pwd

        return printable(pwd.getpwuid(uid).pw_name)
    except (ImportError, KeyError):
        return f"the account {uid}"
