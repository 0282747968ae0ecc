"""The repository that a program sees in the worktree: one of its own, thrown away when it ends.

    .piste/run/tree/.git    a file, by which git finds the worktree of the person's repository;
                            while an agent or the tests run, a folder: a repository of their own

It has the person's history (read through `objects/info/alternates`, nothing is copied), their
branches and tags, the index of the worktree, and of their settings those that say how files are
stored. It has no stash, no remote and no hooks, and what is done to it reaches nobody: what a
program did is read from the files that it left. Killed in between, the next look at the worktree
puts the file back. This module knows no plan, no agent and no tests.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from piste.system import atomic_write, file_reader, git_whose, paths
from piste.system.git import Repo, git, settings

# Of the person's own settings: who commits, and how files are stored. No command but filters.
_SETTINGS = re.compile(
    r"(?:user|author|committer|filter|lfs|i18n)\..*|"
    r"core\.(?:autocrlf|eol|safecrlf|filemode|ignorecase|precomposeunicode|symlinks|longpaths|"
    r"quotepath|attributesfile|excludesfile|sparsecheckout|sparsecheckoutcone|"
    r"repositoryformatversion)|index\.sparse|extensions\.(?:objectformat|partialclone)"
)
_COPIED = ("info/exclude", "info/attributes", "shallow")  # from git's own folder


def git_folder(repo: Repo) -> Path | None:
    """Return git's own folder of the worktree, in the person's repository, or None."""
    tree = os.path.join(os.path.realpath(repo.root / paths.RUN), "tree")
    return git_whose.worktree_folder(repo.common, tree)


@contextlib.contextmanager
def lent(repo: Repo) -> Iterator[None]:
    """Let programs that run in the worktree meanwhile see a repository of their own there."""
    lend(repo)
    try:
        yield
    finally:
        take_back(repo)


def lend(repo: Repo) -> None:
    """Put a repository of its own into the worktree. Raises GitFailed where there is none."""
    folder = repo.root / paths.RUN / "lent"
    paths.remove_whatever(folder)
    own = Path(git(repo.tree, "rev-parse", "--absolute-git-dir").rstrip("\n"))
    for name in ("objects/info", "objects/pack", "refs/heads", "refs/tags", "info", "hooks"):
        (folder / name).mkdir(parents=True)
    (folder / "objects/info/alternates").write_bytes(os.fsencode(repo.common / "objects") + b"\n")
    (folder / "config").write_bytes(_settings(repo))
    (folder / "packed-refs").write_bytes(_refs(repo))
    file_reader.copy(own / "HEAD", folder / "HEAD")
    for source, name in [
        *((repo.common / name, name) for name in _COPIED),
        *((own / name, name) for name in ("index", "info/sparse-checkout")),
        *((path, path.name) for path in own.glob("sharedindex.*")),
    ]:
        with contextlib.suppress(FileNotFoundError):
            file_reader.copy(source, folder / name)
    (repo.tree / ".git").unlink()
    folder.rename(repo.tree / ".git")


def take_back(repo: Repo) -> None:
    """Let git find the person's repository from the worktree again, whatever is there now."""
    own, file = git_folder(repo), repo.tree / ".git"
    if own is None or repo.tree.is_symlink() or not repo.tree.is_dir():
        return
    wanted = b"gitdir: " + os.fsencode(own) + b"\n"
    with contextlib.suppress(OSError):
        if not file.is_symlink() and file_reader.beginning(file, len(wanted) + 1) == wanted:
            return
    paths.remove_whatever(file)
    atomic_write.write(file, wanted)


def _refs(repo: Repo) -> bytes:
    """The person's branches, tags and what they know of others', as git packs them; no stash."""
    kinds = ("refs/heads", "refs/tags", "refs/remotes")
    form = "%(objectname) %(refname)%(if)%(symref)%(then) ->%(end)"
    rows = git(repo.root, "for-each-ref", f"--format={form}", *kinds).splitlines()
    rows.sort(key=lambda row: row.partition(" ")[2])
    lines = ["# pack-refs with: sorted", *(row for row in rows if not row.endswith(" ->"))]
    return os.fsencode("\n".join(lines) + "\n")


def _settings(repo: Repo) -> bytes:
    """The settings of the person's repository, and of the worktree, that a program needs."""
    rows = settings(repo.tree)
    found = [(key, value) for scope, key, value in rows if scope in ("local", "worktree")]
    promisors = {key.rpartition(".")[0] for key, _ in found if key.endswith(".promisor")}
    kept = [
        (key, value)
        for key, value in found
        if _SETTINGS.fullmatch(key)
        or (key.startswith("remote.") and key.rpartition(".")[0] in promisors)
    ]
    more = [("core.bare", "false"), ("gc.auto", "0"), ("maintenance.auto", "false")]
    # Nothing goes out by itself; what a partial clone lacks has to be fetched all the same.
    more += [(f"{remote}.pushurl", "no-push:") for remote in sorted(promisors)]
    return os.fsencode("".join(_setting(key, value) for key, value in [*kept, *more]))


def _setting(key: str, value: str) -> str:
    section, _, rest = key.partition(".")
    part, dot, name = rest.rpartition(".")
    head = f'{section} "{_escaped(part)}"' if dot else section
    return f'[{head}]\n\t{name} = "{_escaped(value)}"\n'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
