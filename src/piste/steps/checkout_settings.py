"""What a git setting names relative to a work tree, looked for in the person's checkout.

Hooks (`core.hooksPath = .husky/_`), filters (`clean = tools/strip.sh`), files of attributes and
patterns, the sparse patterns, and the folders of installed programs that a hook needs may lie in
the person's checkout and in no commit. So in the worktree of the steps they are named by their
whole path, and the folders are lent to a hook while it runs. Nothing is written into the person's
settings. This module knows no plan, no agent and no tests.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from piste.steps import lent_repository
from piste.system import atomic_write, file_reader, paths, person
from piste.system.git import Repo, ask, git, settings

# Folders of installed programs that a hook may need.
INSTALLED = ("node_modules", ".venv", "venv")
_PATHS = ("core.hookspath", "core.attributesfile", "core.excludesfile")
_FILTER = re.compile(r"filter\..*\.(?:clean|smudge|process)")
_WORD = re.compile(r"(?<![^\s\"'=])(?!/)[\w.+@-]*/[\w./+@-]+")
_MOST_PATTERNS = 4_000_000  # bytes of a file of patterns
_SPARSE = ("core.sparsecheckout", "core.sparsecheckoutcone", "index.sparse")


def environment(repo: Repo, hooks: bool = False) -> dict[str, str]:
    """Return settings for git in the worktree, as its environment; with `hooks`, for those."""
    found: dict[str, str] = {}
    for _, key, value in settings(repo.top):
        if key in _PATHS:
            found[key] = os.path.join(repo.top, os.path.expanduser(value))
        elif _FILTER.fullmatch(key):
            found[key] = _WORD.sub(lambda word: _in_checkout(repo, word[0]), value)
    if hooks:
        found["core.excludesfile"] = str(_excludes(repo, found.get("core.excludesfile", "")))
    pairs = [*found.items()]
    numbered = {f"GIT_CONFIG_KEY_{at}": key for at, (key, _) in enumerate(pairs)}
    values = {f"GIT_CONFIG_VALUE_{at}": value for at, (_, value) in enumerate(pairs)}
    return {"GIT_CONFIG_COUNT": str(len(pairs)), **numbered, **values} if pairs else {}


def hooks(repo: Repo) -> Path | None:
    """Return the folder of the person's hooks, where they have set one."""
    found = [value for _, key, value in settings(repo.top) if key == "core.hookspath"]
    return Path(os.path.join(repo.top, os.path.expanduser(found[-1]))) if found else None


def _in_checkout(repo: Repo, word: str) -> str:
    path = repo.top / word
    return str(path) if path.is_file() else word


def _excludes(repo: Repo, own: str) -> Path:
    """A file with the person's own patterns, and with the folders that are lent to a hook."""
    config = person.folder("XDG_CONFIG_HOME", ".config")
    data = b""
    with contextlib.suppress(OSError):
        data = file_reader.beginning(own or config / "git/ignore", _MOST_PATTERNS)
    file = repo.root / paths.RUN / "excludes"
    lines = "".join(f"/{prefix}{name}\n" for prefix in _places(repo) for name in INSTALLED)
    atomic_write.write(file, data + b"\n" + os.fsencode(lines))
    return file


def _places(repo: Repo) -> list[str]:
    return list(dict.fromkeys(("", repo.prefix)))


@contextlib.contextmanager
def installed(repo: Repo) -> Iterator[None]:
    """Let the worktree have the installed programs of the checkout where it has none."""
    for prefix in _places(repo):
        for name in INSTALLED:
            path, own = repo.tree / prefix / name, repo.top / prefix / name
            if own.is_dir() and not os.path.lexists(path):
                path.symlink_to(own, target_is_directory=True)
    try:
        yield
    finally:
        return_installed(repo)


def return_installed(repo: Repo) -> None:
    """Take the links to the checkout's installed programs out of the worktree again."""
    for prefix in _places(repo):
        for name in INSTALLED:
            path = repo.tree / prefix / name
            if path.is_symlink() and os.readlink(path) == str(repo.top / prefix / name):
                path.unlink()


# ------------------------------------------------------------------ sparse checkouts


def follow_sparse(repo: Repo) -> None:
    """Let the worktree have the same part of the repository as the person's checkout.

    Raises GitFailed.
    """
    own = lent_repository.git_folder(repo)
    wanted = {key: value for _, key, value in settings(repo.top) if key in _SPARSE}
    if own is None or (not is_sparse(repo) and wanted.get(_SPARSE[0]) != "true"):
        return
    there = {key: value for _, key, value in settings(repo.tree) if key in _SPARSE}
    _, name, _ = ask(repo.top, ("rev-parse", "--git-path", "info/sparse-checkout"))
    source, target = repo.top / name.rstrip("\n"), own / "info/sparse-checkout"
    patterns = _patterns(source) or b""
    if there == wanted and _patterns(target) == patterns:
        return
    target.parent.mkdir(exist_ok=True)
    atomic_write.write(target, patterns)
    for key in _SPARSE:
        if (value := wanted.get(key, "false")) != there.get(key, "false"):
            git(repo.tree, "config", "--worktree", key, value)
    if wanted.get(_SPARSE[0]) == "true":
        git(repo.tree, "sparse-checkout", "reapply")
    else:
        git(repo.tree, "sparse-checkout", "disable")


def _patterns(path: Path) -> bytes | None:
    try:
        return file_reader.beginning(path, _MOST_PATTERNS)
    except OSError:
        return None


def leaves_out(repo: Repo, path: str) -> bool:
    """Whether a file of that name, from the top, would not be in the person's sparse checkout."""
    found = {key: value for _, key, value in settings(repo.top) if key in _SPARSE}
    if found.get(_SPARSE[0]) != "true":
        return False
    rows = git(repo.top, "-c", "core.quotePath=false", "sparse-checkout", "list").splitlines()
    if found.get(_SPARSE[1]) == "true":
        return not any(path.startswith(f"{row}/") for row in rows)
    from pathspec import GitIgnoreSpec

    return not GitIgnoreSpec.from_lines(rows).match_file(path)


def is_sparse(repo: Repo) -> bool:
    """Whether the worktree has a part of the repository only."""
    code, out, _ = ask(repo.tree, ("config", "--type=bool", "core.sparseCheckout"))
    return not code and out.strip() == "true"


def left_out(repo: Repo) -> list[str]:
    """Return the paths that the worktree has not, since the person's checkout has them not."""
    rows = git(repo.tree, "ls-files", "-t", "-z").split("\0")
    return [row[2:] for row in rows if row.startswith("S ")]
