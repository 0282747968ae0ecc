"""git, asked only to look: nothing that a repository's own configuration names is run.

A `.git/config` that came in an archive, or that of a bare repository within a clone, can name
programs for a dozen occasions (fsmonitor, filters, textconv, external diffs, hooks, a remote's
ssh). What is here turns them off by git's own switches, for every command that reads and
changes nothing. It imports next to nothing: the packer asks git before all else.
"""

import os

OPTIONS = (
    "--no-pager", "--no-optional-locks",
    "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
    "-c", "safe.bareRepository=explicit", "-c", "log.showSignature=false",
    "-c", "diff.ignoreSubmodules=dirty", "-c", "diff.submodule=short",
    "-c", "status.submoduleSummary=false", "-c", "core.alternateRefsCommand=true",
)  # fmt: skip
"""What stands between `git` and the name of the command."""

NO_PROGRAMS = ("--no-ext-diff", "--no-textconv")
"""What stands behind `diff`, `log` and `show`."""

LOCAL = frozenset((
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_CONFIG", "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS", "GIT_DIR", "GIT_GRAFT_FILE", "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE", "GIT_INTERNAL_SUPER_PREFIX", "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_REPLACE_REF_BASE", "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
))  # fmt: skip
"""What git sets for its hooks (git rev-parse --local-env-vars): of another folder than ours."""

# Objects that a partial clone has not got are not fetched: a remote may name any program.
_NO_NETWORK = {"GIT_ALLOW_PROTOCOL": "", "GIT_NO_LAZY_FETCH": "1"}


def complaint(said: str, failed: str = "git failed") -> str:
    """Return git's complaint as one line, with git's own way out where it names one.

    `said` is what it printed on stderr, `failed` what is returned where it printed nothing.
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    first = next((line for line in lines if line.startswith(("fatal:", "error:"))), "")
    line = (first or next(iter(lines), failed)).removeprefix("fatal: ").removeprefix("error: ")
    way = next((text for text in lines if text.startswith("git config --global --add safe.")), "")
    return f"{line}; if you trust it: {way}" if way else line


def environment() -> dict[str, str]:
    """Return the environment for git: plain messages, no network, the folder's own repository."""
    own = {name: value for name, value in os.environ.items() if name not in LOCAL}
    quiet = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
    return own | quiet | _NO_NETWORK


def without_filters(folder: str | os.PathLike[str]) -> dict[str, str]:
    """Return `environment`, with the filters that a repository itself names turned off.

    For commands that read files of the work tree: `status`, and `diff` against it. Filters of
    the person's own configuration stay, or all that git-lfs keeps would seem changed.
    """
    import subprocess

    quiet = environment()
    listed = subprocess.run(
        ["git", *OPTIONS, "config", "-z", "--show-scope", "--name-only", "--get-regexp",
         r"^filter\."], cwd=folder, env=quiet, capture_output=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    fields = os.fsdecode(listed.stdout).split("\0")
    names = {name for scope, name in zip(fields[::2], fields[1::2], strict=False)
             if scope in ("local", "worktree")}  # fmt: skip
    # Not by -c: the name of a filter may hold a "=".
    for number, name in enumerate(sorted(names)):
        quiet[f"GIT_CONFIG_KEY_{number}"] = name
        quiet[f"GIT_CONFIG_VALUE_{number}"] = "false" if name.endswith(".required") else ""
    return quiet | {"GIT_CONFIG_COUNT": str(len(names))}
