"""The settings: five layers, weakest first, checked key by key.

Built in; the person's own (`~/.config/piste/piste.toml`); the project's
(`piste.toml`, or `[tool.piste]` in pyproject.toml); `PISTE_*` variables; the
command line. This module knows what a setting is called and what it may be; it
does not know what any of them does. The commands in a project's settings are whoever wrote
them's, and count only where the person has allowed that (`trust`).
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from piste import __version__
from piste.bundle.settings import SECRET_LISTS
from piste.bundle.settings import Settings as BundleSettings
from piste.engine import rules as _rules
from piste.engine.rules import Rule
from piste.system import person, project_files, screen
from piste.system.errors import UserError, did_you_mean, printable, redact

FILE = "piste.toml"
PYPROJECT = "pyproject.toml"
_PROJECT = (FILE, PYPROJECT)  # names that the settings of a project have in messages
_NONE: Mapping[str, Any] = MappingProxyType({})
_TABLE = re.compile(rb"^\s*\[+tool\.piste[.\]]", re.MULTILINE)
_CACHED = 2  # the form of what is remembered of the files; another one is not looked at


class Cache(Protocol):
    """Where what the files of settings come to may be remembered."""

    def get(self, key: str) -> Any:
        """Return what was put under `key`, or None."""

    def put(self, key: str, value: object) -> None:
        """Remember `value`, of plain data, under `key`."""


class Config(NamedTuple):
    """What is set, after all layers."""

    model: str = ""  # "" leaves it to llm's own default
    options: Mapping[str, object] = _NONE  # of the model; part of the key
    language: str = ""  # of the documents; "" is the language of what they are made from
    focus: str = ""  # what reviews look at above all
    tests_first: bool = True  # the plan's steps begin with a failing test
    prompts: str = "prompts"  # the project's folder of templates
    store: str = ""  # where results are kept; "" is the person's own store
    in_flight: int = 8  # calls under way at once, for one model
    deadline: int = 600  # seconds that one call may take
    stall: int = 300  # seconds without a sign of life, after which a call is given up
    retries: int = 4  # after errors that pass: a busy server, a network away
    budget: str = ""  # of a run: "$2.50" or "200_000 tokens"; "" is without bounds
    budget_day: str = ""  # of a day in this project, likewise
    amend: bool = True  # whether a document that stands is amended, where it can be
    amend_limit: int = 50  # percent of what it was made from; where more changed, it is made whole
    amend_times: int = 8  # in a row, before it is made whole
    amend_unknown: bool = True  # also where the old text of an input is known nowhere
    max_input: int = 50_000_000  # bytes that the inputs of a target may have together
    ask_in_ci: bool = False  # whether a model may be asked where CI is set; not the project's
    trust: str = "folder"  # or "content": a yes is for what runs, as it was; the person's own
    # Of carrying the plan out; what they mean is said in `steps.Settings`.
    agent: str = "llm"
    test: str = ""
    setup: str = ""
    steps: str = ""
    attempts: int = 3
    agent_timeout: int = 1800
    test_timeout: int = 600
    writes: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    # Of what goes to a model or an agent: masked, or refused where there is a secret in it.
    secrets: str = "mask"
    secret_patterns: tuple[str, ...] = ()
    secret_allow: tuple[str, ...] = ()
    land: bool = True
    branches: str = "piste"
    commit_subject: str = "step {id}: {title}"
    commit_trailers: bool = True
    commit_sign_off: bool = False
    notify: str = ""
    safe_folders: tuple[str, ...] = ()  # of other accounts, that are obeyed; see `owners`
    agents: Mapping[str, Mapping[str, str]] = _NONE
    rules: Mapping[str, Rule] = _rules.BUILT_IN
    bundle: BundleSettings = BundleSettings()
    # False when the model is only this person's (or llm's) default: then a target
    # that another model made stands, whoever looks at it.
    model_pinned: bool = False
    origins: Mapping[str, str] = _NONE  # setting -> where it was set
    commands: Mapping[str, str] = _NONE  # that the project's settings name, counted or not
    left_out: bool = False  # whether these do not count, since nobody has allowed them


_PLAIN: dict[str, type] = {
    "model": str,
    "language": str,
    "focus": str,
    "tests_first": bool,
    "prompts": str,
    "store": str,
    "in_flight": int,
    "deadline": int,
    "stall": int,
    "retries": int,
    "budget": str,
    "budget_day": str,
    "amend": bool,
    "amend_limit": int,
    "amend_times": int,
    "amend_unknown": bool,
    "max_input": int,
    "ask_in_ci": bool,
    "agent": str,
    "test": str,
    "setup": str,
    "steps": str,
    "attempts": int,
    "agent_timeout": int,
    "test_timeout": int,
    "land": bool,
    "branches": str,
    "commit_subject": str,
    "commit_trailers": bool,
    "commit_sign_off": bool,
    "notify": str,
    "secrets": str,
}
CONTENT = "content"  # of `trust`: a yes is for the very words that were allowed
_TRUST = ("folder", CONTENT)
# Of the project's settings: what names a program, and runs only where that is allowed.
_COMMANDS = ("agent", "test", "setup", "notify")
_LISTS = ("writes", "allow", "safe_folders", *SECRET_LISTS)  # of texts; they have no variable
_OWN = ("safe_folders",)  # that only the person's own settings may hold
_SECRETS = ("mask", "refuse")  # the milder first
_AGENT = ("command", "version", "model")
_RULE: dict[str, type] = {
    "target": str,
    "inputs": tuple,
    "prompt": str,
    "check": str,
    "doc": str,
    "kind": str,
    "model": str,
    "options": dict,
    "amend": bool,
}
# Variables that are no settings: of a run, of what piste starts, of the tests.
OTHER_VARIABLES = (
    *("PISTE_BUNDLE", "PISTE_IGNORE", "PISTE_TRUST", "PISTE_ROOT", "PISTE_STEP", "PISTE_TARGET"),
    *("PISTE_SAFE_FOLDERS", "PISTE_SAMPLES", "PISTE_KILLED", "PISTE_RIG", "PISTE_WATCHER_LIFE"),
)
_told: set[str] = set()  # unknown variables that have been named
_BUDGETS = ("budget", "budget_day")
_LEAST = {"in_flight": 1, "deadline": 1, "stall": 1, "retries": 0, "max_input": 1,
          "amend_limit": 0, "amend_times": 0,
          "attempts": 1, "agent_timeout": 1, "test_timeout": 1}  # fmt: skip
_TYPE_NAMES = {str: "a text", bool: "true or false", int: "a whole number",
               tuple: "a list of texts", dict: "a table"}  # fmt: skip


def load(
    root: Path, command_line: Mapping[str, str] | None = None, cache: Cache | None = None
) -> Config:
    """Return the settings of the project at `root`.

    `command_line` holds settings by name, as text. `cache` may remember what the
    files of settings come to. Raises UserError for a file that cannot be read, an
    unknown key (with the nearest known one), or a wrong type.
    """
    merged, origins, rules, of_project = _from_files(root, cache)
    commands = _named(of_project)
    counts = bool(commands) and _may_run(root, merged.get("trust") == CONTENT, commands)
    if counts:
        _merge(merged, of_project, FILE, origins)
    _known_variables()
    for variable, name in ((f"PISTE_{name.upper()}", name) for name in _PLAIN):
        if value := os.environ.get(variable):
            _merge(merged, {name: _from_text(name, value, variable)}, variable, origins)
    for name, text in (command_line or {}).items():
        flag = f"--{name.replace('_', '-')}"
        _merge(merged, {name: _from_text(name, text, flag)}, flag, origins)
    if "model" in (command_line or {}):  # named for the whole run, whatever a rule names
        rules = {name: rule._replace(model="") for name, rule in rules.items()}
    merged["rules"] = rules
    merged |= {"commands": commands, "left_out": bool(commands) and not counts}
    return _config(merged, origins)


def _may_run(root: Path, strict: bool, commands: Mapping[str, str]) -> bool:
    from piste.engine import trust  # most projects name no command

    return trust.holds(root, strict, commands)


def _known_variables() -> None:
    """Say, once a process, which PISTE_ variable sets nothing, with the nearest that does."""
    known = {f"PISTE_{name.upper()}" for name in _PLAIN}
    for name in sorted(os.environ):
        if name.startswith("PISTE_") and name not in (*known, *OTHER_VARIABLES, *_told):
            _told.add(name)
            near = did_you_mean(name, sorted(known))
            screen.say(f"{printable(name)} is set, and is no setting of piste's{near}")


def own_folder() -> Path:
    """Return the person's own folder of settings and prompts (XDG; it may not exist)."""
    return person.folder("XDG_CONFIG_HOME", ".config") / "piste"


def safe_folders() -> Sequence[str]:
    """Return the folders of other accounts that the person's own settings allow."""
    where = own_folder() / FILE
    if not where.is_file():
        return ()
    table = _checked(_parsed(_read(where), str(where)), str(where))
    return tuple(table.get("safe_folders", ()))


def project_file(root: Path) -> Path | None:
    """Return the file that holds the project's settings, or None.

    Raises UserError when there are two.
    """
    found = _project_file(root)
    return root / found[0] if found else None


def _project_file(root: Path) -> tuple[str, bytes] | None:
    """Return the name and the bytes of the file with the project's settings, or None."""
    own = project_files.read_any(root, FILE, project_files.SETTINGS)
    shared = shared_table(root)
    if own is not None and shared is not None:
        raise UserError(f"settings stand in {FILE} and in [tool.piste] of {PYPROJECT}; keep one")
    if own is not None:
        return FILE, own
    return (PYPROJECT, shared) if shared is not None else None


def shared_table(root: Path) -> bytes | None:
    """Return the bytes of a pyproject.toml that has settings of ours, or None.

    Raises UserError for one that may have them and cannot be read.
    """
    data = project_files.read_any(root, PYPROJECT, project_files.SETTINGS)
    return data if data is not None and has_table(data) else None


def has_table(pyproject: bytes) -> bool:
    """Whether a pyproject.toml has settings of ours; it need not be valid."""
    return b"[tool.piste" in pyproject and bool(_TABLE.search(pyproject))


def _from_files(
    root: Path, cache: Cache | None
) -> tuple[dict[str, Any], dict[str, str], dict[str, Rule], dict[str, Any]]:
    """Return what the files set, where each was set, the rules, and the project's commands.

    To load the parser alone takes longer than all else that a build with nothing to do
    does, so what they come to is remembered by the hash of their bytes.
    """
    files = _files(root)
    key = ""
    if cache is not None and files:
        parts = (
            __version__,
            _CACHED,
            *(f"{where}\0{len(data)}\0".encode() + data for where, data in files),
        )
        key = hashlib.sha256(repr(parts).encode()).hexdigest()
        if found := cache.get(key):
            names = [name for name, _ in files]
            merged, origins, commands = _merged(names, found["layers"])
            for where, named in zip(names, found["named"], strict=True):
                origins.update((f"rules.{name}", where) for name in named)
            table = {row[0]: _rules.of_plain(row) for row in found["rules"]}
            return merged, origins, table, commands
    parsed = [_parsed(data, where) for where, data in files]
    merged, origins, commands = _merged([name for name, _ in files], parsed)
    rules = _rules.assemble(merged.pop("rules", {}))
    if key and cache is not None:
        # Where a setting comes from is never remembered: what a project may do hangs on it.
        plain = {
            "layers": [{**table, "rules": {}} for table in parsed],
            "named": [list(table.get("rules", ())) for table in parsed],
            "rules": [_rules.to_plain(rule) for rule in rules.values()],
        }
        if redact(said := json.dumps(plain)) == said:  # what looks like a key is copied nowhere
            cache.put(key, plain)
    return merged, origins, rules, commands


def _merged(
    names: Sequence[str], tables: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], dict[str, str], dict[str, Any]]:
    """Return what the files of these names set, where each was set, and the project's commands."""
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    commands: dict[str, Any] = {}
    for where, table in zip(names, tables, strict=True):
        layer = _checked(table, where)
        if where in _PROJECT:
            commands = _taken_out(layer)
        _merge(merged, layer, where, origins)
    return merged, origins, commands


def _taken_out(layer: dict[str, Any]) -> dict[str, Any]:
    """Take out of a layer of settings, and return, what names a program.

    `bundle.run` stays as well: a bundle names these commands, run or not, and is the same text in
    a clone that nobody has allowed anything.
    """
    taken = {name: layer.pop(name) for name in _COMMANDS if layer.get(name)}
    if taken.get("agent") == Config().agent:  # the built-in one is no program of theirs
        layer["agent"] = taken.pop("agent")
    bundle = layer.get("bundle", {})
    if named := {key: bundle[key] for key in ("command", "run") if bundle.get(key)}:
        taken["bundle"] = named
        layer["bundle"] = {key: value for key, value in bundle.items() if key != "command"}
    if "agents" in layer:
        taken["agents"] = layer.pop("agents")
    return taken


def _named(commands: Mapping[str, Any]) -> dict[str, str]:
    """Return the commands that `_taken_out` found by their full names."""
    flat = {name: value for name, value in commands.items() if isinstance(value, str)}
    for key, value in commands.get("bundle", {}).items():  # `run` is a list
        flat[f"bundle.{key}"] = value if isinstance(value, str) else "; ".join(value)
    for name, table in commands.get("agents", {}).items():
        flat |= {f"agents.{name}.{key}": value for key, value in table.items()}
    return {name: value for name, value in flat.items() if value}


def _files(root: Path) -> list[tuple[str, bytes]]:
    """Return (name, bytes) of each file of settings that there is, weakest first."""
    person = own_folder() / FILE
    found = [(str(person), _read(person))] if person.is_file() else []
    project = _project_file(root)
    return [*found, project] if project else found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None


def _parsed(data: bytes, where: str) -> Mapping[str, Any]:
    import tomllib

    try:
        table = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UserError(
            f"{where}: byte {error.start} is not UTF-8; save the file as UTF-8"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{where}: not valid TOML: {error}") from None
    except RecursionError:
        raise UserError(f"{where}: nested too deeply; settings are two levels deep") from None
    if where == PYPROJECT:
        table = table.get("tool", {}).get("piste", {})
    return table


def _checked(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    checked: dict[str, Any] = {}
    for key, value in table.items():
        if key in _BUDGETS and isinstance(value, int | float) and not isinstance(value, bool):
            checked[key] = f"{value:f}"  # `budget_day = 1` is a dollar, as it reads
            _is_budget(key, checked[key], where)
        elif key in _PLAIN:
            checked[key] = _typed(value, _PLAIN[key], key, where)
            _at_least(key, checked[key], where)
            _is_budget(key, checked[key], where)
            _is_choice(key, checked[key], where)
        elif key in _OWN and where in _PROJECT:
            raise UserError(
                f"{where}: {key} counts only in your own settings, {own_folder() / FILE}"
            )
        elif key in _LISTS:
            checked[key] = _typed(value, tuple, key, where)
            _are_patterns(key, checked[key], where)
        elif key == "agents":
            checked[key] = {
                name: _agent(name, agent, where)
                for name, agent in _typed(value, dict, key, where).items()
            }
        elif key == "trust":
            checked[key] = _trust_of(value, where)
        elif key == "options":
            checked[key] = _options(value, dict, key, where)
        elif key == "bundle":
            checked[key] = _bundle(value, where)
        elif key == "rules":
            checked[key] = {
                name: _rule(name, rule, where)
                for name, rule in _typed(value, dict, key, where).items()
            }
        else:
            tables = ("agents", "options", "bundle", "rules", "trust")
            near = did_you_mean(key, [*_PLAIN, *_LISTS, *tables])
            raise UserError(f"{where}: unknown setting {key!r}{near}")
    return checked


def _trust_of(value: object, where: str) -> str:
    if where in _PROJECT:
        own = own_folder() / FILE
        raise UserError(f"{where}: trust counts only in your own settings, {own}; take it out here")
    if value not in _TRUST:
        raise UserError(f"{where}: trust is {' or '.join(map(repr, _TRUST))}, not {value!r:.60}")
    return str(value)


def _rule(name: str, table: object, where: str) -> dict[str, Any]:
    if not name.isidentifier():
        raise UserError(f"{where}: rules.{name!r}: use letters, digits and _ in a rule's name")
    checked = {}
    for key, value in _typed(table, dict, f"rules.{name}", where).items():
        if key not in _RULE:
            near = did_you_mean(key, _RULE)
            raise UserError(f"{where}: unknown setting {key!r} in [rules.{name}]{near}")
        wanted = _RULE[key]
        check = _options if wanted is dict else _typed
        checked[key] = check(value, wanted, f"rules.{name}.{key}", where)
    if checked.get("kind", "") not in ("", "plan", "todo"):
        raise UserError(f'{where}: rules.{name}.kind: use "plan", "todo" or leave it out')
    return checked


def _agent(name: str, table: object, where: str) -> dict[str, str]:
    checked = {}
    for key, value in _typed(table, dict, f"agents.{name}", where).items():
        if key not in _AGENT:
            near = did_you_mean(key, _AGENT)
            raise UserError(f"{where}: unknown setting {key!r} in [agents.{name}]{near}")
        checked[key] = _typed(value, str, f"agents.{name}.{key}", where)
    return checked


def _bundle(table: object, where: str) -> dict[str, Any]:
    known = [key for key in BundleSettings._fields if key not in SECRET_LISTS]
    checked = {}
    for key, value in _typed(table, dict, "bundle", where).items():
        if key not in known:
            near = did_you_mean(key, known)
            raise UserError(f"{where}: unknown setting {key!r} in [bundle]{near}")
        default = getattr(BundleSettings(), key)
        checked[key] = _typed(value, type(default), f"bundle.{key}", where)
    return checked


def _typed(value: object, wanted: type, key: str, where: str) -> Any:
    if wanted is tuple and isinstance(value, list) and all(isinstance(x, str) for x in value):
        return tuple(value)
    # In Python a bool is an int; in a settings file it is a mistake.
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise UserError(f"{where}: {key} must be {_TYPE_NAMES[wanted]}, not {value!r:.60}")
    return value


def _options(value: object, wanted: type, key: str, where: str) -> Any:
    """Check options of a model: they go into the key, so they must be plain data."""
    table = _typed(value, wanted, key, where)
    try:
        json.dumps(table, allow_nan=False)  # nan is not even equal to itself
    except (TypeError, ValueError, RecursionError):
        raise UserError(f"{where}: {key} may hold texts, numbers, true, false, lists") from None
    return table


def _at_least(key: str, value: int, where: str) -> None:
    if key in _LEAST and value < _LEAST[key]:
        raise UserError(f"{where}: {key} must be at least {_LEAST[key]}, not {value}")


def _from_text(name: str, text: str, where: str) -> object:
    if name not in _PLAIN:
        raise UserError(f"{where}: no such setting{did_you_mean(name, _PLAIN)}")
    wanted = _PLAIN[name]
    _is_budget(name, text, where)
    _is_choice(name, text, where)
    if wanted is bool:
        if text.lower() not in ("true", "false", "1", "0", "yes", "no"):
            raise UserError(f"{where}: must be true or false, not {text!r:.60}")
        return text.lower() in ("true", "1", "yes")
    if wanted is int:
        try:
            number = int(text)
        except ValueError:
            raise UserError(f"{where}: must be a whole number, not {text!r:.60}") from None
        _at_least(name, number, where)
        return number
    return text


def _is_budget(key: str, value: object, where: str) -> None:
    if key in _BUDGETS and value:
        from piste.engine import caps

        caps.parse(str(value), f"{where}: {key}")


def _is_choice(key: str, value: object, where: str) -> None:
    if key == "secrets" and value not in _SECRETS:
        near = did_you_mean(str(value), _SECRETS)
        raise UserError(f'{where}: secrets must be "mask" or "refuse", not {value!r:.60}{near}')


def _are_patterns(key: str, value: tuple[str, ...], where: str) -> None:
    if key in SECRET_LISTS and value:
        from piste.system.re2_bytes import trouble

        for pattern in value:
            if why := trouble(pattern):
                raise UserError(f"{where}: {key}: {pattern!r:.60} is no pattern of RE2: {why}")


def _counts(key: str, layer: Any, before: Any, where: str) -> bool:
    """Whether a layer counts: a repository that one clones may only be stricter than oneself."""
    if where not in _PROJECT:
        return True
    if key == "ask_in_ci":
        return not layer
    if key == "max_input":
        return bool(layer < (before or Config().max_input))
    if key == "secrets":
        return bool(layer == _SECRETS[-1])
    if key not in _BUDGETS or before is None:
        return True
    from piste.engine import caps

    own, theirs = caps.parse(str(before), key), caps.parse(str(layer), key)
    return theirs.lower(own) == theirs


def _merge(
    into: dict[str, Any], layer: Mapping[str, Any], where: str, origins: dict[str, str]
) -> None:
    for key, value in layer.items():
        if key == "rules":
            mine = into.setdefault("rules", {})
            for name, table in value.items():
                mine[name] = {**mine.get(name, {}), **table}
                origins[f"rules.{name}"] = where
        elif key == "agents":
            mine = into.setdefault("agents", {})
            for name, table in value.items():
                mine[name] = {**mine.get(name, {}), **table}
                origins[f"agents.{name}"] = where
        elif isinstance(value, dict):
            into[key] = {**into.get(key, {}), **value}
            origins[key] = where
        elif key in SECRET_LISTS:  # nobody's patterns take another's away
            into[key] = tuple(dict.fromkeys((*into.get(key, ()), *value)))
            origins[key] = where
        elif _counts(key, value, into.get(key), where):
            into[key] = value
            origins[key] = where


def _config(merged: dict[str, Any], origins: dict[str, str]) -> Config:
    shared = {key: merged[key] for key in SECRET_LISTS if key in merged}
    merged["bundle"] = BundleSettings(**merged.get("bundle", {}), **shared)
    personal = str(own_folder() / FILE)
    pinned = bool(merged.get("model")) and origins["model"] != personal
    return Config(**merged, model_pinned=pinned, origins=origins)
