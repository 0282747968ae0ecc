"""git, asked: which repository a project lies in, what is in it, where its branches stand.

    piste-attempts/main/03.1     the branch of the first attempt at step 03; kept when it fails
    piste/main                   finished steps that are not in `main` yet

"piste" is the setting `branches`; a slash of the person's branch becomes "=", so that no two of
our names need a file and a folder of one name.

A branch moves only from the commit that it was seen at (`update-ref` with the old value), so
whoever was quicker is not overwritten. The person's checkout is read, and nothing more. This
module knows no plan, no agent and no tests.
"""

import contextlib
import os
import re
import stat
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from piste.system import atomic_write, git_look, paths, processes
from piste.system.errors import Failed, UserError, printable

BRANCHES = "piste"
_HEADS = "refs/heads/"
NOTHING = "0" * 40  # the old value of a ref that must not be there

# Hooks do not run for our own moves; they do for the one commit a step (`worktree.commit`).
_QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0",
          "-c", "maintenance.auto=false", "-c", "core.quotePath=false",
          "-c", "advice.detachedHead=false", "-c", "commit.gpgSign=false")  # fmt: skip


class GitFailed(Failed):
    """git said no; the line is its own."""


class Blocked(Failed):
    """Two sides changed the same lines; a person has to say which counts."""


class Repo(NamedTuple):
    """The repository that the project lies in, as it is now."""

    root: Path  # the project, in the person's checkout
    top: Path  # of the person's checkout
    prefix: str  # of the project below it: "" or "sub/dir/"
    common: Path  # git's own folder, shared by all worktrees
    branch: str  # that is checked out; "" when HEAD is detached
    head: str  # its commit
    branches: str = BRANCHES  # how the names of our branches begin

    @property
    def tree(self) -> Path:
        """The worktree of the steps."""
        return self.root / paths.RUN / "tree"

    @property
    def project(self) -> Path:
        """The project in that worktree."""
        return self.tree / self.prefix if self.prefix else self.tree

    @property
    def name(self) -> str:
        """The branch in our branches' names; two projects of one repository differ in it."""
        part = re.sub(r"[^\w-]+", "-", self.prefix.strip("/"))
        flat = (self.branch or "detached").replace("=", "==").replace("/", "=")
        return flat + (f"+{part}" if part else "")

    @property
    def line(self) -> str:
        """The branch of finished steps that are not in the person's branch yet."""
        return f"{self.branches}/{self.name}"

    @property
    def attempts(self) -> str:
        """How the names of the branches of attempts begin."""
        return f"{self.branches}-attempts/{self.name}"

    def owns(self, branch: str) -> bool:
        """Whether a branch is one of ours."""
        return branch.startswith((f"{self.branches}/", f"{self.branches}-attempts/"))


def git(
    folder: Path,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    data: bytes | None = None,
    look: bool = False,
) -> str:
    """Return what a git command prints. Raises GitFailed with git's own line.

    git runs in a session of its own: a signal to piste's group never cuts it in half. With
    `look` nothing that the repository names is run; see `git_look`.
    """
    code, out, said = ask(folder, arguments, env, data, look)
    if code:
        raise GitFailed(f"git {arguments[0]}: {said or f'exit code {code}'}")
    return out


def ask(
    folder: Path,
    arguments: Sequence[str],
    env: Mapping[str, str] | None = None,
    data: bytes | None = None,
    look: bool = False,
) -> tuple[int, str, str]:
    """Return a git command's exit code, what it prints, and its first line of complaint."""
    more = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true", **(env or {})}
    options: tuple[str, ...] = _QUIET
    if look:
        options, more = (*_QUIET, *git_look.OPTIONS), {**more, **git_look.environment()}
    try:
        done = subprocess.run(
            ["git", *options, *arguments], cwd=folder, env=processes.environment(more),
            input=data, stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True, check=False, start_new_session=True,
        )  # fmt: skip
    except FileNotFoundError:
        raise UserError("git is not installed; steps are carried out in a git worktree") from None
    said = done.stderr.decode("utf-8", "replace").strip()
    return done.returncode, os.fsdecode(done.stdout), printable(git_look.complaint(said, ""))


def _holds(folder: Path, *arguments: str) -> bool:
    """Whether a git command that answers by its exit code says yes."""
    code, _, said = ask(folder, arguments, look=True)
    if code > 1:
        raise GitFailed(f"git {arguments[0]}: {said}")
    return code == 0


def commit_of(folder: Path, name: str) -> str:
    """Return the commit that a name stands for, or ""."""
    _, out, _ = ask(folder, ("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"), look=True)
    return out.strip()


def tree_of(folder: Path, commit: str) -> str:
    """Return the hash of the content of a commit."""
    return git(folder, "rev-parse", "--verify", f"{commit}^{{tree}}", look=True).strip()


def is_ancestor(folder: Path, older: str, newer: str) -> bool:
    """Whether `newer` holds all of `older`'s history."""
    return _holds(folder, "merge-base", "--is-ancestor", older, newer)


def settings(folder: Path) -> list[tuple[str, str, str]]:
    """Return (scope, key, value) of git's settings in a folder; of one key the last one counts."""
    fields = git(folder, "config", "--list", "-z", "--show-scope", look=True).split("\0")
    found = []
    for scope, row in zip(fields[0::2], fields[1::2], strict=False):
        key, sign, value = row.partition("\n")
        if scope != "command":  # those are ours
            found.append((scope, key, value if sign else "true"))
    return found


def in_the_way(repo: Repo) -> str:
    """Return a line on a branch that does not let git make one of ours, or ""."""
    if ask(repo.root, ("check-ref-format", "--branch", repo.line))[0]:
        return f'branches = {repo.branches!r} makes no name of a branch; try "steps"'
    for name in (repo.line, f"{repo.attempts}/1.1"):
        parts = name.split("/")
        above = ["/".join(parts[:end]) for end in range(1, len(parts))]
        refs = [f"refs/heads/{one}" for one in above]
        found = git(repo.root, "for-each-ref", "--format=%(refname)", *refs, f"refs/heads/{name}/")
        taken = {row.removeprefix("refs/heads/") for row in found.splitlines()}
        if stands := sorted(one for one in taken if one in above or one.startswith(f"{name}/")):
            return (
                f"the branch {printable(stands[0])} stands in the way of {printable(name)}, as "
                f"git cannot have both; git branch -m {printable(stands[0])} ANOTHER, or set "
                'branches = "…" in piste.toml'
            )
    return ""


def find(root: Path, branches: str = BRANCHES) -> Repo:
    """Return the repository of the project at `root`.

    Raises UserError where there is none, where it has no commit or no files of its own, and
    while a rebase is under way.
    """
    under_way = ("--git-path", "rebase-merge", "--git-path", "rebase-apply")
    head_and_name = ("HEAD", "--symbolic-full-name", "HEAD", "--")
    asked = ("rev-parse", "--show-toplevel", "--git-common-dir", *under_way, *head_and_name)
    code, out, said = ask(root, asked, look=True)
    if "not a git repository" in said:
        way = "git init && git add -A && git commit"
        raise UserError(f"{root} is not in a git repository; {way}")
    if code and not out:
        raise UserError(f"git: {said}")
    top, common, *rebases = out.rstrip("\n").split("\n")[:4]
    real, above = Path(os.path.realpath(root)), os.path.realpath(top)
    if not real.is_relative_to(above):
        raise UserError(
            f"the repository here has its files in {printable(top)}, and not in this folder; "
            "git config --unset core.worktree"
        )
    prefix = real.relative_to(above).as_posix()
    if code:
        raise UserError("the repository has no commit yet; git add -A && git commit, then again")
    head, name = out.rstrip("\n").split("\n")[4:6]
    # Not `symbolic-ref --short`: where a tag has the same name, that says heads/NAME.
    branch = name.removeprefix(_HEADS) if name.startswith(_HEADS) else ""
    folder = Path(os.path.realpath(root / common))
    below = "" if prefix == "." else f"{prefix}/"
    if any((root / rebase).exists() for rebase in rebases):
        raise UserError("a rebase is under way; finish it first: git rebase --continue")
    paths.inside(root, root / paths.RUN, paths.STATE)
    return Repo(root, Path(top), below, folder, branch, head, branches)


def require_committer(repo: Repo) -> None:
    """Raise UserError where git does not know who commits."""
    code, _, _ = ask(repo.root, ("var", "GIT_COMMITTER_IDENT"))
    if code:
        raise UserError(
            'git does not know who commits; git config user.name "…" && git config user.email "…"'
        )


def own_folder(root: Path) -> Path:
    """Return our folder in a project, made so that git does not see what is in it.

    Raises UserError where it, or what piste writes in it, leads elsewhere or waits.
    """
    folder = root / paths.RUN
    paths.inside(root, folder, paths.RUN)
    for path in (folder, folder / "logs"):
        with contextlib.suppress(FileNotFoundError), os.scandir(path) as entries:
            for entry in entries:
                mode = entry.stat(follow_symlinks=False).st_mode
                plain = stat.S_ISREG(mode) or stat.S_ISDIR(mode)
                if not plain and entry.name != "tree":  # that is made anew
                    name = f"{path.relative_to(root)}/{printable(entry.name)}"
                    what = "a symlink" if stat.S_ISLNK(mode) else "no plain file"
                    raise UserError(f"{name} is {what}, and piste writes there; remove it")
    if not (folder / ".gitignore").exists():
        atomic_write.write(folder / ".gitignore", b"*\n")
    return folder


def uncommitted(repo: Repo, untracked: bool = False) -> list[str]:
    """Return the paths of the person's checkout that differ from its last commit."""
    return [path for _, path in status(repo, "normal" if untracked else "no")]


def status(repo: Repo, untracked: str) -> Iterator[tuple[str, str]]:
    """Yield (state, path) of what is not committed in the person's checkout.

    `untracked` is git's: no, normal or all.
    """
    out = git(
        repo.top, "--no-optional-locks", "status", "--porcelain=v1", "-z", "--no-renames",
        f"--untracked-files={untracked}", "--ignore-submodules=dirty",
    )  # fmt: skip
    ours, records = f"{repo.prefix}{paths.STATE}/", f"{repo.prefix}{paths.RECEIPTS}/"
    for entry in out.split("\0"):
        if entry[3:] and (not entry[3:].startswith(ours) or entry[3:].startswith(records)):
            yield entry[:2], entry[3:]


class Change(NamedTuple):
    """One path in which two commits differ. Of what is not there, mode and blob are zeros."""

    path: str  # from the top of the repository
    status: str  # A, M, D or T (another type)
    mode: str  # in the later commit, as git writes it
    old_mode: str
    blob: str
    old_blob: str


def changes(folder: Path, older: str, newer: str) -> list[Change]:
    """Return the paths in which two commits differ, sorted."""
    out = git(folder, "diff-tree", "-r", "-z", "--raw", "--no-renames", older, newer, look=True)
    fields = out.split("\0")
    found = []
    for about, path in zip(fields[0::2], fields[1::2], strict=False):
        old_mode, mode, old_blob, blob, state = about.lstrip(":").split(" ")
        found.append(Change(path, state[0], mode, old_mode, blob, old_blob))
    return sorted(found)


def diff(folder: Path, older: str, newer: str, *options: str, pathspecs: Sequence[str] = ()) -> str:
    """Return git's diff of two commits as text; `pathspecs` are paths from the top, or none."""
    those = [f":(top,literal){path}" for path in pathspecs]
    plain = ("--no-color", *git_look.NO_PROGRAMS, *options)
    return git(folder, "diff", *plain, older, newer, "--", *those)


def move(repo: Repo, branch: str, new: str, old: str) -> None:
    """Move a branch from `old` to `new`; "" makes, or removes, it. Raises GitFailed.

    Never the branch of the worktree or of the person's checkout.
    """
    ref = f"refs/heads/{branch}"
    if new:
        git(repo.root, "update-ref", "-m", "piste", ref, new, old or NOTHING)
    else:
        git(repo.root, "update-ref", "-d", ref, old)


def attempts(repo: Repo, step_id: str) -> str:
    """Return the name of the next free branch for an attempt at a step."""
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", step_id).strip("-") or "step"
    stem = f"{repo.attempts}/{slug}"
    out = git(repo.root, "for-each-ref", "--format=%(refname)", f"refs/heads/{stem}.*")
    taken = {line.rpartition(".")[2] for line in out.split()}
    numbers = [int(number) for number in taken if number.isdigit()]
    return f"{stem}.{max(numbers, default=0) + 1}"
