"""The memo: what was found fresh, and the files' signatures at that moment.

It makes a build with nothing to do cost a few `stat` calls a target. It is the person's
own (see `caches`), throw-away, and only ever answers "this very state was found fresh
before": a lost or damaged memo costs time. It does not know why anything is fresh.

    fresh       blake2b of the rest (16 bytes), then JSON: target -> fingerprint
    settings    likewise: what one set of settings files comes to, under the hash of them
"""

import contextlib
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from piste import __version__
from piste.engine import templates
from piste.engine.config import Config
from piste.engine.rules import Rule
from piste.model.llm_home import model_named
from piste.system import atomic_write, caches
from piste.system.paths import STATE

_FRESH, _SETTINGS = "fresh", "settings"
_CHECK = 16  # bytes of checksum: a flipped bit is no fingerprint
_MOST = 32_000_000  # bytes of one of the two; 10,000 targets have a twentieth of it


class StatCache:
    """The memo of one project, and what one process has worked out so far."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = caches.folder(root)
        self._found: dict[str, Any] = _load(self._folder, _FRESH)
        self._changed: dict[str, dict[str, Any]] = {}  # file -> what goes into it
        self._templates: dict[str, templates.Template] = {}
        self._prints: dict[str, bytes] = {}
        self._shared: tuple[Config | None, bytes] = (None, b"")

    def hit(self, target: str, fingerprint: bytes | None) -> bool:
        """Whether `target` was found fresh in just this state."""
        return fingerprint is not None and self._found.get(target) == fingerprint.hex()

    def knows(self, target: str) -> bool:
        """Whether `target` was ever found fresh."""
        return target in self._found

    def note(self, target: str, fingerprint: bytes | None) -> None:
        """Remember that `target` is fresh in this state."""
        if fingerprint is not None and not self.hit(target, fingerprint):
            self._found[target] = fingerprint.hex()
            self._changed[_FRESH] = self._found

    def get(self, key: str) -> Any:
        """Return what was put under `key` (see `config.Cache`), or None."""
        return _load(self._folder, _SETTINGS).get(key)

    def put(self, key: str, value: object) -> None:
        """Remember one value of what JSON can hold, in place of the one before."""
        self._changed[_SETTINGS] = {key: value}

    def save(self) -> None:
        """Write what is new, if anything. A failure is no matter: it costs time only."""
        if not self._changed or not (self._root / STATE).is_dir():
            return  # nothing was made here: leave no trace
        # What TOML can hold and JSON cannot is refused by the settings, so is not remembered.
        with contextlib.suppress(OSError, TypeError, ValueError, RecursionError):
            caches.make(self._folder)
            for name, value in self._changed.items():
                data = json.dumps(value, separators=(",", ":")).encode()
                # Not durable on purpose: nothing rests on it, and fsync costs more than it saves.
                with atomic_write.stream(self._folder / name, sync=False) as fd:
                    atomic_write.write_all(fd, _checksum(data) + data)
            self._changed = {}

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


def _load(folder: Path, name: str) -> dict[str, Any]:
    data = caches.read(folder, name, _MOST)
    if len(data) <= _CHECK or _checksum(data[_CHECK:]) != data[:_CHECK]:
        return {}
    try:
        found: Any = json.loads(data[_CHECK:])
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _checksum(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_CHECK).digest()
