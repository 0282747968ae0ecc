"""The memo: what was found fresh, and the files' signatures at that moment.

It makes a build with nothing to do cost a few `stat` calls a target. It is local,
throw-away, and only ever answers "this very state was found fresh before": a lost
or damaged memo costs time. It does not know why anything is fresh.

    .piste/memo    blake2b of the rest (16 bytes), then a marshalled dict
"""

import contextlib
import hashlib
import marshal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from piste import __version__
from piste.engine import templates
from piste.engine.config import Config
from piste.engine.rules import Rule
from piste.model.llm_home import model_named
from piste.system import atomic_write
from piste.system.paths import STATE

_SETTINGS = ""  # no target has this name
_CHECK = 16  # bytes of checksum: marshal must never see damaged bytes


class StatCache:
    """The memo of one project, and what one process has worked out so far."""

    def __init__(self, root: Path) -> None:
        self._path = root / STATE / "memo"
        self._found: dict[str, Any] = _load(self._path)
        self._changed = False
        self._templates: dict[str, templates.Template] = {}
        self._prints: dict[str, bytes] = {}
        self._shared: tuple[Config | None, bytes] = (None, b"")

    def hit(self, target: str, fingerprint: bytes | None) -> bool:
        """Whether `target` was found fresh in just this state."""
        return fingerprint is not None and self._found.get(target) == fingerprint

    def note(self, target: str, fingerprint: bytes | None) -> None:
        """Remember that `target` is fresh in this state."""
        if fingerprint is not None and self._found.get(target) != fingerprint:
            self._found[target] = fingerprint
            self._changed = True

    def get(self, key: str) -> Any:
        """Return what was put under `key` (see `config.Cache`), or None."""
        found = self._found.get(_SETTINGS)
        return found[1] if isinstance(found, tuple) and found[0] == key else None

    def put(self, key: str, value: object) -> None:
        """Remember one value of plain data, in place of the one before."""
        self._found[_SETTINGS] = (key, value)
        self._changed = True

    def save(self) -> None:
        """Write what is new, if anything. A failure is no matter: it costs time only."""
        if not self._changed:
            return
        data = marshal.dumps(self._found)
        if not self._path.parent.is_dir():  # nothing was made here: leave no trace
            return
        with contextlib.suppress(OSError):
            # Not durable on purpose: nothing rests on it, and fsync costs more than it saves.
            with atomic_write.stream(self._path, sync=False) as fd:
                atomic_write.write_all(fd, _checksum(data) + data)
            self._changed = False

    def template(self, name: str, layers: Sequence[templates.Layer]) -> templates.Template:
        """Return the template, read once a process. Raises UserError."""
        if name not in self._templates:
            self._templates[name] = templates.load(name, layers)
        return self._templates[name]

    def settings(self, config: Config, rule: Rule, layers: Sequence[templates.Layer]) -> bytes:
        """Return, as bytes, all that decides a target and is not a file of the project."""
        if rule.prompt not in self._prints:
            self._prints[rule.prompt] = templates.fingerprint(rule.prompt, layers)
        if self._shared[0] is not config:
            self._shared = (config, _shared(config))
        # repr, not marshal: what marshal writes depends on who else holds the same object.
        own = repr((*rule, model_named(rule.model) if rule.model else "")).encode()
        return b"%b|%b|%b" % (self._prints[rule.prompt], self._shared[1], own)


def _shared(config: Config) -> bytes:
    model = model_named(config.model) if config.model else ""
    options = sorted(config.options.items())
    # The kind of a rule decides how its target is hashed as another rule's input.
    kinds = [(rule.target, rule.kind) for rule in config.rules.values() if rule.kind]
    return repr((__version__, model, config.model_pinned, options, config.language,
                 config.tests_first, kinds)).encode()  # fmt: skip


def _load(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except OSError:
        return {}
    if len(data) <= _CHECK or _checksum(data[_CHECK:]) != data[:_CHECK]:
        return {}
    try:
        found: Any = marshal.loads(data[_CHECK:])
    except (ValueError, EOFError, TypeError):  # written by another version of Python
        return {}
    return found if isinstance(found, dict) else {}


def _checksum(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_CHECK).digest()
