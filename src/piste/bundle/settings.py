"""The `[bundle]` settings of piste.toml: each key, its type and its default.

The types are plain, so that whoever reads the configuration can check them from the
annotations alone; `check` holds what a type cannot say. It does not know where a value
came from, and not the path of the bundle: that is the target of the graph's rule.
"""

from typing import NamedTuple

from piste.system.errors import UserError, did_you_mean
from piste.system.secret_policy import Policy

CHOICES = {
    "form": ("xml", "markdown", "plain", "json"),
    "oversize": ("leave", "cut"),
    "fit": ("off", "auto"),
    "secrets": ("mask", "refuse", "off"),
    "licences": ("line", "whole"),
}
OWN_PATTERN_FILES = (".ignore", ".repomixignore", ".pisteignore")
PATTERN_FILES = {name.encode() for name in (*OWN_PATTERN_FILES, ".gitignore")}
"""The names of files that hold patterns, in any folder."""

SECRET_LISTS = ("secret_patterns", "secret_allow")
"""Fields that hold for prompts too, and are set outside of `[bundle]`."""


class Settings(NamedTuple):
    """What is packed and how. Every field but those in `SECRET_LISTS` is a key of `[bundle]`."""

    include: tuple[str, ...] = ()
    """Only what matches one of these is packed (gitignore syntax); empty: everything."""
    ignore: tuple[str, ...] = ()
    """Left out (gitignore syntax, one list, the last match wins; `!x` brings x back)."""
    defaults: bool = True
    """Whether lock files, build output, vendored trees, minified files and images stay out."""
    form: str = "xml"
    """xml, markdown, plain or json."""
    line_numbers: int = 10
    """Every so many-th line of a file carries its number; 1: each line, 0: none."""
    tree: bool = True
    """Whether the bundle begins with the tree of the packed files."""
    header: str = ""
    """A text of your own, put before the files."""
    instruction: str = ""
    """A file of the project whose text ends the bundle."""
    max_file: int = 1_048_576
    """The largest file that is packed whole, in bytes."""
    oversize: str = "leave"
    """What becomes of a larger one: leave it out, or cut it at `max_file`."""
    budget: int = 0
    """The most tokens that the bundle may have; 0: no limit."""
    fit: str = "off"
    """Over the budget: off fails; auto drops test data, generated files, then docs."""
    secrets: str = "mask"
    """What becomes of a secret: mask it, refuse to pack, or off (do not look)."""
    licences: str = "line"
    """What becomes of a file that is a known licence, word for word: a line, or its whole text."""
    tokens: bool = True
    """Whether tokens are counted."""
    compress: bool = False
    """Whether only signatures and docstrings are kept, in the languages that are known."""
    submodules: bool = False
    """Whether submodules and repositories inside this one are packed too."""
    secret_patterns: tuple[str, ...] = ()
    """What is a secret beyond the rules: the setting of that name, outside of `[bundle]`."""
    secret_allow: tuple[str, ...] = ()
    """What is none: likewise."""
    command: str = ""
    """Another packer: a shell command that writes the bundle in place of piste."""
    run: tuple[str, ...] = ()
    """Shell commands whose output goes into the bundle: tests, a report of coverage."""
    run_limit: int = 600
    """The most that each of them may take, in seconds."""


def policy(settings: Settings) -> Policy:
    """Return what counts as a secret."""
    return Policy(settings.secret_patterns, settings.secret_allow)


def check(settings: Settings) -> None:
    """Raise UserError where a value is not one of those allowed, or two do not go together."""
    for key, known in CHOICES.items():
        value = getattr(settings, key)
        if value not in known:
            raise UserError(
                f"bundle.{key} is {value!r}, which is not one of {', '.join(known)}"
                f"{did_you_mean(value, known)}"
            )
    if settings.max_file < 1:
        raise UserError(f"bundle.max_file is {settings.max_file}; it must be 1 byte or more")
    if settings.run_limit < 1:
        raise UserError(f"bundle.run_limit is {settings.run_limit}; it must be 1 second or more")
    if settings.run and settings.command:
        raise UserError(
            "bundle.run and bundle.command do not go together: the other packer writes the whole "
            "bundle, so let it run them"
        )
    if settings.budget < 0:
        raise UserError(f"bundle.budget is {settings.budget}; it must be 0 (no limit) or more")
    if settings.line_numbers < 0:
        raise UserError(
            f"bundle.line_numbers is {settings.line_numbers}; it must be 0 (none), 1 (each line) "
            "or more"
        )
    if settings.budget and not settings.tokens:
        raise UserError("bundle.budget needs bundle.tokens = true: nothing is counted without it")
