"""The worktree in which steps are carried out: made, put in order, read, committed.

    .piste/run/tree        the worktree; agents work nowhere else
    .piste/run/index       an index of our own, for snapshots

What an agent did is taken from the files that it left, through an index of our own: what it
did to git's is no matter. Nothing here survives on purpose: whatever state the worktree is
found in, `ensure` puts it where it has to be. This module knows no plan, no agent and no
tests.
"""

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from piste.steps import checkout_settings, ignored, lent_repository
from piste.system import atomic_write, file_reader, paths, processes, project_files
from piste.system.errors import UserError
from piste.system.git import (
    Change,
    GitFailed,
    Repo,
    ask,
    attempts,
    commit_of,
    git,
    is_ancestor,
    move,
    own_folder,
    status,
    tree_of,
)

STASH = "the stash"
_MOST_HASHED = 4 << 20  # bytes of a file of the person's


def ensure(repo: Repo, commit: str, branch: str = "") -> None:
    """Make the worktree stand at `commit`, with nothing else in it but ignored files.

    Whatever state it is found in. With `branch` it stands on that, which is moved there;
    else on none. Raises GitFailed.
    """
    own_folder(repo.root)
    folder = _git_folder(repo)
    _unlock(repo, folder, branch or repo.line)
    try:
        if folder:
            _unflag(repo, folder)
        else:
            _rebuild(repo, commit)
        _put_in_order(repo, commit, branch)
    except GitFailed:  # what is broken can be made anew
        _rebuild(repo, commit)
        _put_in_order(repo, commit, branch)
    checkout_settings.follow_sparse(repo)
    _submodules(repo)


def _put_in_order(repo: Repo, commit: str, branch: str) -> None:
    on = ("--no-track", "-B", branch) if branch else ("--detach",)
    checkout_settings.return_installed(repo)
    git(
        repo.tree,
        "checkout",
        "--force",
        "--quiet",
        *on,
        commit,
        env=checkout_settings.environment(repo),
    )
    # What `setup` has installed stays, though the project may not ignore it.
    git(
        repo.tree, "clean", "-ffdq", *(f"--exclude={name}/" for name in checkout_settings.INSTALLED)
    )


def is_sound(repo: Repo) -> bool:
    """Whether there is a worktree of this repository where ours has to be."""
    return _git_folder(repo) is not None


def _git_folder(repo: Repo) -> Path | None:
    """git's own folder of the worktree; None where there is none, or not ours."""
    lent_repository.take_back(repo)
    if not (repo.tree / ".git").is_file():
        return None
    arguments = ("rev-parse", "--show-toplevel", "--git-common-dir", "--git-dir")
    code, out, _ = ask(repo.tree, arguments)
    if code:
        return None
    top, common, own = (os.path.realpath(repo.tree / row) for row in out.rstrip("\n").split("\n"))
    return Path(own) if (top, common) == (os.path.realpath(repo.tree), str(repo.common)) else None


def _rebuild(repo: Repo, commit: str) -> None:
    """Make the worktree anew, whatever a killed run has left of it."""
    with contextlib.suppress(OSError):
        atomic_write.remove(_ready_marker(repo))
    with contextlib.suppress(OSError):
        atomic_write.remove(repo.root / paths.RUN / "ignored")
    _drop(repo)
    git(repo.root, "worktree", "add", "--force", "--force", "--detach", "--quiet",
        str(repo.tree), commit)  # fmt: skip


def _drop(repo: Repo) -> None:
    # Twice --force: git locks a worktree while it makes it, and a killed git leaves that lock.
    ask(repo.root, ("worktree", "remove", "--force", "--force", str(repo.tree)))
    paths.remove_whatever(repo.tree)
    ask(repo.root, ("worktree", "unlock", str(repo.tree)))
    ask(repo.root, ("worktree", "prune"))


def take_down(repo: Repo) -> str:
    """Remove the worktree and our folder of the steps; return the branch of what was in it, or "".

    What is in the worktree and in no commit is committed to a branch first. Raises GitFailed
    where git cannot take that in: then nothing is removed.
    """
    kept = ""
    if is_sound(repo):
        head = commit_of(repo.tree, "HEAD")
        _unlock(repo, _git_folder(repo), _branch(repo))
        left = snapshot(repo, head, "left in the worktree\n", ())
        if left != head:
            kept = _branch(repo)
            if not kept.startswith(f"{repo.branches}-attempts/"):
                kept, head = attempts(repo, "left"), ""
            move(repo, kept, left, head)
    _drop(repo)
    paths.remove_whatever(repo.root / paths.RUN)
    return kept


def _let_us_in(folder: Path) -> None:
    """Make a folder one that we may change: an agent may leave others, and git knows no such."""
    with contextlib.suppress(OSError):
        if not folder.is_symlink():
            folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IRWXU)


def _unflag(repo: Repo, folder: Path) -> None:
    """Let git forget its index where files in it are marked as not to be looked at."""
    code, out, _ = ask(repo.tree, ("ls-files", "-v", "-z"))
    hidden = any(row[0] == "S" or row[0].islower() for row in out.split("\0") if row)
    if code or (hidden and not checkout_settings.is_sparse(repo)):
        (folder / "index").unlink(missing_ok=True)


def _unlock(repo: Repo, folder: Path | None, branch: str) -> None:
    """Remove the lock files that a killed git left where only we work.

    Whoever calls this holds the lock of the run, so none of them is in use.
    """
    locks = [repo.common / "refs/heads" / f"{name}.lock" for name in (branch, repo.line)]
    locks.append(repo.root / paths.RUN / "index.lock")
    if folder:
        locks += folder.glob("*.lock")
    for lock in locks:
        with contextlib.suppress(OSError):
            os.unlink(lock)


def _submodules(repo: Repo) -> None:
    """Check out the submodules that the person has, from the person's copy: no network."""
    if not (repo.tree / ".gitmodules").is_file():
        return
    out = git(repo.tree, "config", "--file", ".gitmodules", "--get-regexp", r"\.path$")
    for line in out.splitlines():
        key, _, path = line.partition(" ")
        name = key.removeprefix("submodule.").removesuffix(".path")
        copy = repo.common / "modules" / name
        if not copy.is_dir() or not (repo.tree / path).is_dir():
            continue  # the person has not got it either
        git(
            repo.tree, "-c", f"submodule.{name}.url={copy}", "-c", "protocol.file.allow=always",
            "submodule", "--quiet", "update", "--init", "--force", "--", path,
        )  # fmt: skip


def _ready_marker(repo: Repo) -> Path:
    return repo.root / paths.RUN / "ready"


def is_set_up(repo: Repo, command: str) -> bool:
    """Whether the setup command has run in this worktree."""
    with contextlib.suppress(UserError):
        said = project_files.read_any(repo.root, f"{paths.RUN}/ready", project_files.RECORD)
        return said == command.encode()
    return False


def note_set_up(repo: Repo, command: str) -> None:
    """Remember that it has."""
    atomic_write.write(_ready_marker(repo), command.encode())


# ------------------------------------------------------------------ snapshots


def snapshot(repo: Repo, parent: str, message: str, keep: Iterable[str]) -> str:
    """Return a commit of the files in the worktree; git's own index and branches stay as they are.

    `keep` are paths (from the top) that stay as they are in `parent`, whatever is in the
    worktree. Raises GitFailed where git cannot take the files in: a repository within the
    tree, a file that cannot be read.
    """
    file = repo.root / paths.RUN / "index"
    index = {"GIT_INDEX_FILE": str(file)}
    # With -m it keeps what it knows of unchanged files; without an index, or with a damaged
    # one, it has to begin anew.
    if not file.exists() or ask(repo.tree, ("read-tree", "-m", "-i", parent), index)[0]:
        file.unlink(missing_ok=True)
        git(repo.tree, "read-tree", parent, env=index)
    _add(repo, index, keep)
    tree = git(repo.tree, "write-tree", env=index).strip()
    if tree == tree_of(repo.tree, parent):
        return parent
    return git(repo.tree, "commit-tree", tree, "-p", parent, data=message.encode()).strip()


def _add(repo: Repo, index: Mapping[str, str], keep: Iterable[str] = ()) -> None:
    """Take all that is in the worktree into an index, but litter, and what is to stay as it is."""
    if checkout_settings.is_sparse(repo):  # what is not checked out is not deleted
        known = {*git(repo.tree, "ls-files", "-z", env=index).split("\0")}
        absent = "\0".join(name for name in checkout_settings.left_out(repo) if name in known)
        data = os.fsencode(absent)
        git(repo.tree, "update-index", "-z", "--skip-worktree", "--stdin", env=index, data=data)
    left = [*_without_litter(), *(f":(exclude,top,literal){path}" for path in keep)]
    env = {**checkout_settings.environment(repo), **index}
    git(repo.tree, "add", "--all", "--sparse", "--", ":(top)", *left, env=env)


def stands_on(repo: Repo, branch: str) -> bool:
    """Whether there is a worktree, and it stands on that branch."""
    return _branch(repo) == branch


def _branch(repo: Repo) -> str:
    if not is_sound(repo):
        return ""
    _, ref, _ = ask(repo.tree, ("symbolic-ref", "--quiet", "HEAD"))
    return ref.strip().removeprefix("refs/heads/")


def rescue(repo: Repo, message: str, branch: str = "") -> str:
    """Commit what is in the worktree and in no commit onto `branch`; return it, or "".

    Without a name it is the branch that the worktree stands on, if that is one of attempts.
    What git cannot take in stays where it is.
    """
    folder = _git_folder(repo)
    if folder is None:
        return ""
    branch = branch or _branch(repo)
    tip = commit_of(repo.tree, f"refs/heads/{branch}") if branch else ""
    if not branch.startswith(f"{repo.branches}-attempts/") or not tip:
        return ""
    _unlock(repo, folder, branch)
    try:
        left = snapshot(repo, tip, message, ())
    except GitFailed:
        return ""
    if left == tip:
        return ""
    git(repo.tree, "update-ref", "-m", "piste", f"refs/heads/{branch}", left, tip)
    return branch


def _without_litter() -> list[str]:
    return [f":(exclude,top,glob)**/{name}{end}" for name in ignored.LITTER for end in ("", "/**")]


def link_target(repo: Repo, commit: str, path: str) -> str:
    """Return where a symlink in a commit points to."""
    return git(repo.tree, "cat-file", "blob", f"{commit}:{path}")


def touched_submodules(repo: Repo) -> list[str]:
    """Return the submodules whose own files or commit were changed in the worktree."""
    if not (repo.tree / ".gitmodules").is_file():
        return []
    out = git(repo.tree, "--no-optional-locks", "status", "--porcelain=v2", "-z", "--no-renames")
    rows = (row.split(" ", 8) for row in out.split("\0") if row.startswith("1 "))
    return [row[8] for row in rows if row[2].startswith("S") and row[2] != "S..."]


def put_back(repo: Repo, base: str, changed: Iterable[Change]) -> None:
    """Make paths of the worktree what they are in `base`; what is not there in it is removed."""
    real = repo.tree.resolve()
    for change in changed:
        path = repo.tree / change.path
        if change.old_mode == "160000":
            continue
        # Behind a link in place of a folder nothing is ours; git puts the folder back.
        if os.path.realpath(path.parent) == str(real / Path(change.path).parent):
            _let_us_in(path.parent)
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                paths.remove_whatever(path)
        if change.status != "A":
            name = f":(top,literal){change.path}"
            env = checkout_settings.environment(repo)
            git(repo.tree, "checkout", "--force", "--quiet", base, "--", name, env=env)


# ------------------------------------------------------------------ the one commit of a step


class Committed(NamedTuple):
    """What came of a commit with the person's hooks."""

    commit: str  # "" when a hook said no
    said: str  # what was printed
    hook: str = ""  # that said no


def commit(
    repo: Repo, branch: str, base: str, message: str, limit: float, sign_off: bool = False
) -> Committed:
    """Commit all that is in the worktree, but litter, onto `base`, with the person's hooks.

    `limit` is in seconds. The worktree stands on `branch` before and after. Raises GitFailed.
    """
    git(repo.tree, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
    git(repo.tree, "reset", "--soft", base)
    if not checkout_settings.is_sparse(repo):  # else the index has what is not checked out
        git(repo.tree, "read-tree", "--empty")  # with it go marks such as skip-worktree
        git(repo.tree, "read-tree", base)
    _add(repo, {})
    folder = repo.root / paths.RUN
    atomic_write.write(folder / "message", message.encode())
    more = ["--signoff"] if sign_off else []
    ended, said, hook = _with_hooks(
        repo, ["commit", "--quiet", "--cleanup=verbatim", "--file", str(folder / "message"), *more],
        limit,
    )  # fmt: skip
    head = commit_of(repo.tree, "HEAD")
    return Committed("" if ended or head == base else head, said, hook)


def hook_says(repo: Repo, hook: str, limit: float) -> str:
    """Return the words with which a hook says no to what the worktree stands at, else "".

    With nothing changed in it. A git before 2.36 cannot run one by itself: then it says nothing.
    """
    code, said, _ = _with_hooks(repo, ["hook", "run", "--ignore-missing", hook], limit)
    return said if code and "is not a git command" not in said else ""


def _with_hooks(repo: Repo, arguments: list[str], limit: float) -> tuple[int, str, str]:
    """Run git with the person's hooks; return its code, what was printed, and who said no."""
    folder = repo.root / paths.RUN
    trace = folder / "hooks.trace"
    trace.unlink(missing_ok=True)
    with checkout_settings.installed(repo):
        ended = processes.run(processes.Program(
            ["git", "-c", "commit.gpgSign=false", *arguments], repo.tree, folder / "commit.log",
            limit=limit, lock=folder / "busy", what="git commit, with your hooks",
            env={"GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true", "LC_ALL": "C",
                 "GIT_TRACE2_EVENT": str(trace), **checkout_settings.environment(repo, hooks=True)},
        ))  # fmt: skip
    said = processes.printed(folder / "commit.log").decode("utf-8", "replace")
    if ended.why:
        said += f"\ngit commit did not end within {limit:g} s\n"
    return ended.code, said, _who_said_no(trace)


def _who_said_no(trace: Path) -> str:
    """Return the last hook that ended badly, from git's own account of what it ran."""
    hooks: dict[int, str] = {}
    no = ""
    for line in processes.printed(trace).splitlines():
        with contextlib.suppress(ValueError, KeyError):
            row = json.loads(line)
            if "/" in row["sid"]:  # a git that a hook has run
                continue
            if row["event"] == "child_start" and row["child_class"] == "hook":
                hooks[row["child_id"]] = row["hook_name"]
            elif row["event"] == "child_exit" and row["child_id"] in hooks and row["code"]:
                no = hooks[row["child_id"]]
    return no


# ------------------------------------------------------------------ what must not change


def guarded(repo: Repo) -> dict[str, str]:
    """Return a hash of each file of git's that can make a program run, or misdirect git."""
    folder = repo.common
    wanted = [folder / "config", repo.tree / ".git"]
    if own := _git_folder(repo):
        wanted.append(own / "config.worktree")
    for part in (folder / "hooks", folder / "info", checkout_settings.hooks(repo)):
        if part is not None:
            wanted += [Path(top, name) for top, _, names in paths.walk(part) for name in names]
    return {str(path): stamp(path) for path in sorted(wanted) if os.path.lexists(path)}


def refs(repo: Repo) -> dict[str, str]:
    """Return where the person's branches and tags stand, their stash, and their worktrees.

    Not ours, nor what is known of others' repositories: an editor fetches as it likes.
    """
    form = "--format=%(refname) %(objectname)"
    rows = git(repo.root, "for-each-ref", form, "refs/heads", "refs/tags", "refs/notes")
    found = dict(row.split(" ", 1) for row in rows.splitlines())
    found = {name: at for name, at in found.items() if not repo.owns(name[11:])}
    _, stash, _ = ask(repo.root, ("log", "--walk-reflogs", "--format=%H", "refs/stash", "--"))
    own = _git_folder(repo)
    for folder in sorted((repo.common / "worktrees").glob("*/gitdir")):
        if folder.parent != own:
            found[f"worktree {folder.parent.name}"] = stamp(folder)
    return {**found, STASH: " ".join(stash.split())}


def moved(repo: Repo, before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return what of `refs` is not as it was, each with what becomes of it.

    What is gone is put back at once (`put_back`). That the person's branch has gone on is no
    change: they commit while an agent works.
    """
    found = []
    for name in differences(before, after):
        old, new = before.get(name, ""), after.get(name, "")
        if name == STASH:
            gone = [entry for entry in old.split() if entry not in new.split()]
            found.append(f"{name} ({'put back' if gone else 'new'})")
        elif not name.startswith("refs/"):
            found.append(name)
        elif not old:
            found.append(f"{name} (new)")
        elif not new:
            found.append(f"{name} (put back)")
        elif name != f"refs/heads/{repo.branch}" or not (new and is_ancestor(repo.root, old, new)):
            found.append(f"{name} (was {old[:12]})")
    return found


def checkout(repo: Repo) -> dict[str, str]:
    """Return what tells whether a file of the person's checkout was changed since."""
    return {path: f"{state} {stamp(repo.top / path)}" for state, path in status(repo, "all")}


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return the names that are not the same in both, sorted."""
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))


def stamp(path: Path) -> str:
    """A hash of a file, or for what is large or no file, what is known without reading it."""
    try:
        st = os.lstat(path)
        if stat.S_ISLNK(st.st_mode):
            data = os.fsencode(path.readlink())
        elif stat.S_ISREG(st.st_mode) and st.st_size <= _MOST_HASHED:
            data = file_reader.beginning(path, _MOST_HASHED)
        else:
            return f"{st.st_mtime_ns} {st.st_size} {st.st_ino} {st.st_mode}"
    except OSError:
        return ""
    return f"{st.st_mode:o} {hashlib.sha256(data).hexdigest()}"
