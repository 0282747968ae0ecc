"""Calls that begin alike: providers keep a long beginning for some minutes, and bill it for less.

They keep it from the moment on at which the first such call is answered. So that one goes
alone, and the others follow when its answer has begun, or when it has failed. Anthropic's
models keep only what is marked; `llm-anthropic` can mark the end of the last message alone,
so the mark is moved to the end of the beginning. It does not know what is asked, by whom,
or what another process asks.
"""

import contextlib
import hashlib
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

SHORTEST = 4_096  # characters, some 1,024 tokens: no provider keeps less
_KEPT = 240.0  # seconds; the shortest time for which a provider keeps a beginning is five minutes
_TICK = 0.2  # seconds between two looks at whether a run was stopped


class Beginning(NamedTuple):
    """The part of a prompt with which other prompts begin as well."""

    chars: int  # of the prompt
    others: bool  # whether another call with it is sure to come: to be kept may cost extra


class Turn:
    """How far the call is that goes first; for many threads."""

    def __init__(self) -> None:
        self._go = threading.Event()
        self._until = 0.0  # by time.monotonic(): until then the provider keeps it

    @property
    def is_kept(self) -> bool:
        """Whether the provider has the beginning by now."""
        return time.monotonic() < self._until

    @property
    def is_over(self) -> bool:
        """Whether nobody has to wait for it, and nothing came of it, or not any more."""
        return self._go.is_set() and not self.is_kept

    def answered(self) -> None:
        """Let the others follow: an answer has begun."""
        self._until = time.monotonic() + _KEPT
        self._go.set()

    def failed(self) -> None:
        """Let the others follow: this one brought nothing."""
        self._go.set()

    def wait(self, stop: threading.Event) -> None:
        """Return when the others may follow, or `stop` is set."""
        while not self._go.wait(_TICK) and not stop.is_set():
            pass


_turns: dict[str, Turn] = {}
_lock = threading.Lock()


def key(model: str, system: str | None, prompt: str, beginning: Beginning | None) -> str:
    """Return what tells beginnings apart; "" for one that is too short to be kept."""
    shared = f"{system or ''}\0{prompt[: beginning.chars]}" if beginning else ""
    if len(shared) < SHORTEST:
        return ""
    return hashlib.sha256(f"{model}\0{shared}".encode("utf-8", "replace")).hexdigest()


@contextlib.contextmanager
def turn(beginning: str, stop: threading.Event) -> Iterator[Turn]:
    """Wait for the call that goes first with this key, or be it; "" waits for nobody."""
    if not beginning:
        yield Turn()
        return
    with _lock:
        found = _turns.get(beginning)
        first = found is None or found.is_over
        if found is None or first:
            found = _turns[beginning] = Turn()
    if not first:
        found.wait(stop)
    try:
        yield found
    finally:
        if first:
            found.failed()  # says nothing new where it has been answered


# Anthropic's mark -----------------------------------------------------------------------


def worth_a_mark(
    model: Any, options: Mapping[str, object], beginning: Beginning, turn: Turn
) -> bool:
    """Whether the end of a beginning is to be marked, in this call of the turn.

    It has to be possible, not be decided by the person's own options, and pay: what is kept
    for nobody costs a quarter more.
    """
    known = "cache" in model.Options.model_fields and hasattr(model, "build_messages")
    return known and "cache" not in options and (beginning.others or turn.is_kept)


def move_mark(model: Any) -> None:
    """Have this model object mark the first part of the last message, not its last.

    `build_messages` is no part of llm's documented API. Without it a model works, and
    nothing is marked.
    """
    build = getattr(model, "build_messages", None)
    if build is None:
        return

    def build_messages(*args: Any, **kwargs: Any) -> Any:
        messages = build(*args, **kwargs)
        for message in messages if isinstance(messages, list) else ():
            parts = message.get("content")
            if isinstance(parts, list) and len(parts) > 1 and "cache_control" in parts[-1]:
                parts[0]["cache_control"] = parts[-1].pop("cache_control")
        return messages

    model.build_messages = build_messages


# What was billed as kept ----------------------------------------------------------------


class Tokens(NamedTuple):
    """The tokens of a prompt as a provider counts them."""

    input: int | None  # all of them
    cached: int = 0  # of these, read from what the provider had kept
    written: int = 0  # of these, kept from now on, at a price of its own


def tokens(input_tokens: int | None, details: Mapping[str, Any] | None) -> Tokens:
    """Return the tokens of a prompt, from what llm has of a provider's words about it."""
    found = details or {}
    of_prompt: dict[str, Any] = {}
    for name in ("prompt_tokens_details", "input_tokens_details"):
        if isinstance(found.get(name), dict):
            of_prompt.update(found[name])
    read = _count(found, "cache_read_input_tokens")
    written = _count(found, "cache_creation_input_tokens")
    if input_tokens is not None and (read or written):  # Anthropic leaves both out of its sum
        return Tokens(input_tokens + read + written, read, written)
    read = max(
        _count(of_prompt, "cached_tokens"),  # OpenAI, Mistral, OpenRouter
        _count(found, "cachedContentTokenCount"),  # Gemini
        _count(found, "prompt_cache_hit_tokens"),  # DeepSeek
    )
    most = input_tokens or 0
    return Tokens(input_tokens, min(read, most), min(_count(of_prompt, "cache_write_tokens"), most))


def _count(found: Mapping[str, Any], name: str) -> int:
    value = found.get(name)
    return value if isinstance(value, int) and value > 0 else 0
