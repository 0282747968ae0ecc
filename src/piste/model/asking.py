"""Asking a model through `llm`'s Python API, so that what comes back can be trusted.

`llm` returns normally after a reply that was cut off, filtered, refused or broken by
the server, sets no deadline, and leaves retries to each provider's library. Here every
call ends in a `Reply` that says whether it is complete, or in one line of error. It
knows no rules, targets, keys of results or files of a project. `llm` is imported by
the functions that need it (0.5 s), never by importing this module.

A call runs on a thread of its own and the caller's thread watches the clock: so no
provider's library can keep it past its deadline, or past a ^C.
"""

import contextlib
import itertools
import os
import random
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from piste.model import http, llm_home, llm_log, network_settings, prefix_cache, reply_status
from piste.model.prefix_cache import Beginning, Turn
from piste.model.reply_status import Kind, Trouble
from piste.system.errors import Failed, UserError, did_you_mean, printable

if TYPE_CHECKING:
    import llm

    AnyModel = llm.Model | llm.KeyModel

LONGEST_WAIT = 120.0  # seconds: openai-python's limit for a Retry-After as well
_TICK = 0.05  # seconds between two looks at a call in flight
_MOST_BYTES = 400_000_000  # of a reply: a million events of a stream, whether or not with text


class Reply(NamedTuple):
    """What a model answered. Only `finish == "complete"` is a result."""

    text: str
    finish: str  # complete | cut | filtered | refused | empty
    detail: str  # why it is not complete, in a few words; "" when it is
    model: str  # llm's model_id
    resolved_model: str | None  # the model that the server says it used
    input_tokens: int | None
    output_tokens: int | None
    seconds: float  # of the attempt that succeeded
    requests: int  # attempts, with that one
    turn_id: str | None  # in `llm logs`; None where logging is off
    cached_tokens: int = 0  # of the input: read from what the provider had kept
    written_tokens: int = 0  # of the input: kept by the provider from now on


@dataclass(frozen=True)
class Limits:
    """How long, how often and how much. Times are in seconds."""

    deadline: float = 600  # the whole call with its retries, from the first request on
    stall: float = 120  # without a byte; a model that cannot stream has only the deadline
    retries: int = 4  # after the first attempt
    in_flight: int = 8  # calls at once to one model, in this process
    max_chars: int = 4_000_000  # of a reply
    backoff: float = 0.5  # before the first retry; doubles each time, up to 8 s


class CallFailed(Failed):
    """A call that brought no reply, in one line.

    `kind` says why, `partial` holds the longest text that an attempt brought, and
    `retry_after` the seconds that the server asked to wait.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: Kind = "server",
        partial: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.partial = partial
        self.retry_after = retry_after


# Finding a model ------------------------------------------------------------------------

_lock = threading.RLock()
_models: dict[tuple[str, str | None], "AnyModel"] = {}
_broken: list[str] = []  # why llm cannot be used, once that is known


def resolve(name: str | None) -> "AnyModel":
    """Return llm's model of this name or alias; None is llm's default model.

    The object may be used by many threads; the same name gives the same object.

    Raises UserError for a name that llm does not know, with the nearest one, and for an
    llm that cannot be used at all, with the plugin or file that is to blame.
    """
    with _lock:  # of several threads that are the first to use llm, all but one find no models
        where = (llm_home.folder(), name)
        if where not in _models:
            model = _find(name)
            http.share_client(model)
            prefix_cache.move_mark(model)
            _models[where] = model
        return _models[where]


def _find(name: str | None) -> "AnyModel":
    _load_plugins()
    import llm

    try:
        known = llm.get_model_aliases()
        wanted = name or str(llm.get_default_model())  # type: ignore[no-untyped-call]
    except (Exception, SystemExit) as error:  # a plugin may do anything when it is asked
        raise UserError(_culprit(error)) from error
    if wanted not in known:
        default = "" if name else "llm's default model cannot be found: "
        raise UserError(
            f"{default}there is no model {printable(wanted)!r}{did_you_mean(wanted, known)}; "
            "`llm models` lists them"
        )
    return known[wanted]


def _load_plugins() -> None:
    if not _broken:
        try:
            from llm.plugins import load_plugins

            load_plugins()  # type: ignore[no-untyped-call]
        except (Exception, SystemExit) as error:
            # llm notes that its plugins are loaded before it loads them: a second try
            # would find half of them, and report every other model as unknown.
            _broken.append(_broken_plugin(error))
    if _broken:
        raise UserError(_broken[0])


def _broken_plugin(error: BaseException) -> str:
    from importlib.metadata import entry_points

    for entry in entry_points(group="llm"):
        try:
            entry.load()
        except (Exception, SystemExit) as found:
            name = entry.dist.name if entry.dist else entry.name
            return (
                f"the llm plugin {name} cannot be loaded ({reply_status.line(found)}); "
                "repair or uninstall it: no llm command works with it"
            )
    return f"llm cannot be loaded ({reply_status.line(error)})"


def _culprit(error: BaseException) -> str:
    """Name the file or plugin to blame for an error while llm listed its models."""
    from llm.plugins import pm

    frames = traceback.walk_tb(error.__traceback__)
    modules = {frame.f_globals.get("__name__") for frame, _ in frames}
    said = reply_status.line(error)
    for plugin, dist in pm.list_plugin_distinfo():
        module = getattr(plugin, "__name__", "")
        if module in modules and not module.startswith("llm.default_plugins"):
            name = dist.metadata["Name"]
            return f"the llm plugin {name} cannot list its models ({said}); repair or uninstall it"
    if isinstance(error, OSError):
        return (
            f"llm cannot use its folder {llm_home.folder()} ({error.strerror}): "
            "set LLM_USER_PATH to one that can be written"
        )
    if "llm.default_plugins.openai_models" in modules:
        path = os.path.join(llm_home.folder(), "extra-openai-models.yaml")
        return (
            f"{path} cannot be used ({said}); it has to be a list of entries with a model_id "
            "and a model_name each"
        )
    if isinstance(error, ValueError):  # the one file that llm itself reads for this
        path = os.path.join(llm_home.folder(), "aliases.json")
        return f"{path} cannot be read ({said}); repair or remove it"
    return f"llm cannot list its models ({said})"


# Keys and options -----------------------------------------------------------------------


def require_key(model: "AnyModel") -> None:
    """Return if the model has the key that it needs, or needs none.

    Raises UserError that names the ways to one. A key that llm would send to a server
    that it is not for counts as none.
    """
    _key(model)


def has_key(model: "AnyModel") -> bool:
    """Return whether `require_key` passes."""
    try:
        _key(model)
    except UserError:
        return False
    return True


def _key(model: "AnyModel") -> str | None:
    import llm

    if not model.needs_key:
        return None
    try:
        key = model.get_key()
        own = model.key or llm.load_keys().get(model.needs_key)  # type: ignore[no-untyped-call]
    except llm.NeedsKeyException:
        raise UserError(
            f"{model.model_id} needs a key: `llm keys set {model.needs_key}`, or use a model on "
            'this machine (`llm install llm-ollama`), or model = "outline" to try without one'
        ) from None
    except (OSError, ValueError) as error:
        path = os.path.join(llm_home.folder(), "keys.json")
        raise UserError(f"{path} cannot be read ({reply_status.line(error)}); repair it") from None
    elsewhere = getattr(model, "api_base", None)
    if elsewhere and not own and model.key_env_var == "OPENAI_API_KEY":
        # An entry of extra-openai-models.yaml inherits the variable of OpenAI's own models.
        raise UserError(
            f"{model.model_id} has no key of its own, and llm would send $OPENAI_API_KEY to "
            f"{elsewhere}: `llm keys set {model.needs_key}`"
        )
    return key


def check_options(model: "AnyModel", options: Mapping[str, object]) -> dict[str, object]:
    """Return the options as the model understands them ("0.5" is 0.5), as plain JSON values.

    Nothing is sent. Raises UserError that names the option, and its allowed values or the
    nearest known option.
    """
    from pydantic import ValidationError

    if "chat_completions" in options:
        # llm answers this one with a new model object, which would know none of our limits,
        # and which sends OpenAI's key to whatever api_base the first one had.
        raise UserError(
            "option chat_completions cannot be used here: give the model an entry without "
            "`responses: true` in extra-openai-models.yaml"
        )
    known = model.Options.model_fields
    for name in options:
        if name not in known:
            near = did_you_mean(name, known) or f"; it has {', '.join(known) or 'none'}"
            raise UserError(f"{model.model_id} has no option {printable(name)!r}{near}")
    try:
        checked = model.Options(**options)
    except ValidationError as error:
        first = error.errors()[0]
        name, said = ".".join(map(str, first["loc"])), reply_status.one_line(first["msg"])
        raise UserError(
            f"option {name} of {model.model_id} cannot be {first['input']!r}: {said}"
        ) from None
    return checked.model_dump(mode="json", include=set(options))


# Asking ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Call:
    """What is asked, within which limits, and who wants to hear of it."""

    model: Any
    prompt: str
    system: str | None
    options: dict[str, object]
    history: Sequence[tuple[str, str]]
    limits: Limits
    on_text: Callable[[str], None] | None
    on_retry: Callable[[str, float], None] | None
    stop: threading.Event
    key: str | None
    beginning: Beginning | None


def ask(
    model: "AnyModel",
    *,
    prompt: str,
    system: str | None = None,
    options: Mapping[str, object] | None = None,
    history: Sequence[tuple[str, str]] = (),
    limits: Limits | None = None,
    on_text: Callable[[str], None] | None = None,
    on_retry: Callable[[str, float], None] | None = None,
    stop: threading.Event | None = None,
    beginning: Beginning | None = None,
) -> Reply:
    """Ask a model, and again where that is worth it, until there is a reply.

    `history` holds the earlier turns, (what the user said, what the model answered);
    they go out in the same request. `on_text` gets the text as it comes, and `on_retry`
    why and in how many seconds it will be asked again, after which the text starts
    anew; both are called on the caller's thread. The reply also goes to `llm logs`,
    a moment later (`llm_log.flush` waits for that). Of calls with the same `beginning`
    the first goes alone, until its answer has begun.

    Raises CallFailed when there is no reply: after the retries, at the deadline, or
    soon after `stop` was set. KeyboardInterrupt passes, and ends the call as well.
    Raises UserError for a missing key, an option, or a request that the server refuses.
    """
    begins = prefix_cache.key(model.model_id, system, prompt, beginning)
    call = _Call(
        model=model,
        prompt=prompt,
        system=system or None,
        options=check_options(model, options or {}),
        history=history,
        limits=limits or Limits(),
        on_text=on_text,
        on_retry=on_retry,
        stop=stop or threading.Event(),
        key=_key(model),
        beginning=beginning if begins else None,
    )
    # Who waits for the first must not hold a place that the first needs.
    with prefix_cache.turn(begins, call.stop) as turn, _slot(call):
        return _until_answered(call, turn)


class _Gate:
    """How many calls to one model are in flight."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.taken = 0


_gates: dict[str, _Gate] = {}


@contextlib.contextmanager
def _slot(call: _Call) -> Iterator[None]:
    """Wait for a place among the calls to this model.

    It is kept through the retries: a server that asks for fewer calls gets fewer.
    """
    gate = _gates.setdefault(call.model.model_id, _Gate())
    places = max(call.limits.in_flight, 1)
    with gate.changed:
        while gate.taken >= places and not call.stop.is_set():
            gate.changed.wait(_TICK * 4)
        gate.taken += 1
    try:
        yield
    finally:
        with gate.changed:
            gate.taken -= 1
            gate.changed.notify()


def _until_answered(call: _Call, turn: Turn) -> Reply:
    end = time.monotonic() + call.limits.deadline
    partial = ""
    for attempt in itertools.count(1):
        if call.stop.is_set():
            raise _failure(call, Trouble("stopped", ""), attempt - 1, partial)
        started = time.monotonic()
        # Always a new response: to read one again after a failure sends the request again
        # and appends the new text to the old.
        flight = _Flight(_response(call, turn), call.limits)
        trouble = _fly(call, flight, turn, end)
        if trouble is None:
            return _reply(call, flight, time.monotonic() - started, attempt)
        turn.failed()
        partial = max(partial, flight.text, key=len)
        wait = _wait(call.limits, trouble, attempt)
        if wait is None or time.monotonic() + wait > end:
            raise _failure(call, trouble, attempt, partial)
        if call.on_retry:
            said = f"{_WHAT[trouble.kind]}: {trouble.said}"
            call.on_retry(reply_status.without_key(said, call.key), wait)
        call.stop.wait(wait)
    raise AssertionError("itertools.count ended")


def _response(call: _Call, turn: Turn) -> "llm.Response":
    """A new response of llm; nothing is sent before it is read."""
    import llm

    messages, prompt, options = None, call.prompt, call.options
    if call.history:
        messages = [llm.system(call.system)] if call.system else []
        for asked, answered in call.history:
            messages += [llm.user(asked), llm.assistant(answered)]
    if (begins := call.beginning) and prefix_cache.worth_a_mark(call.model, options, begins, turn):
        messages = [llm.system(call.system)] if call.system else []
        messages.append(llm.user(prompt[: begins.chars]))
        prompt, options = prompt[begins.chars :], {**options, "cache": True}
    try:
        found: llm.Response = call.model.prompt(
            prompt,
            system=call.system,  # beside messages= it is not sent, but some plugins read it
            messages=messages,
            options=options,
            stream=call.model.can_stream,
        )
    except llm.ConversationNotSupported:
        raise UserError(f"{call.model.model_id} cannot hold a conversation; name another") from None
    return found


class _Flight:
    """One attempt: filled by its own thread, looked at by the caller's."""

    def __init__(self, response: "llm.Response", limits: Limits) -> None:
        self.response: Any = response
        self.limits = limits
        self.watch = http.Watch(limits.stall if response.stream else limits.deadline)
        self.done = threading.Event()
        self.begun = False  # an event has come
        self.error: BaseException | None = None
        self.pieces: list[str] = []
        self.chars = 0
        self.last_sign = time.monotonic()
        self.downloaded = 0

    @property
    def text(self) -> str:
        return "".join(self.pieces)


def _fly(call: _Call, flight: _Flight, turn: Turn, end: float) -> Trouble | None:
    """Carry out one attempt; return what went wrong."""
    threading.Thread(target=_run, args=(flight,), name="piste call", daemon=True).start()
    told = 0
    try:
        while not flight.done.wait(_TICK):
            if flight.begun or flight.watch.events:
                turn.answered()
            told = _tell(call, flight, told)
            if trouble := _overdue(call, flight, end):
                flight.watch.cancel()
                return trouble
        _tell(call, flight, told)
    except BaseException:  # ^C, or whatever on_text raises
        flight.watch.cancel()
        raise
    trouble = _trouble(flight)
    if trouble is None:
        turn.answered()
    return trouble


def _run(flight: _Flight) -> None:
    """Read a response to its end, on a thread of its own."""
    http.here.watch = flight.watch
    try:
        with contextlib.closing(flight.response.stream_events()) as events:
            for event in events:
                flight.last_sign, flight.begun = time.monotonic(), True
                if event.type == "text":
                    flight.pieces.append(event.chunk)
                    flight.chars += len(event.chunk)
                if flight.watch.cancelled or flight.chars > flight.limits.max_chars:
                    break
        _complete_the_record(flight)
    except BaseException as error:
        flight.error = error
    finally:
        flight.done.set()


def _complete_the_record(flight: _Flight) -> None:
    """Fill in what llm leaves out of a Responses stream that did not end in `completed`."""
    final, response = flight.watch.final, flight.response
    if final is None or response.response_json is not None:
        return
    record = final.model_dump(mode="json", exclude_none=True, warnings=False)
    response.response_json = record
    if usage := record.get("usage"):
        response.set_usage(
            input=usage.get("input_tokens"),
            output=usage.get("output_tokens"),
            details={"input_tokens_details": usage.get("input_tokens_details")},
        )


def _tell(call: _Call, flight: _Flight, told: int) -> int:
    new = flight.pieces[told:]
    if new and call.on_text:
        call.on_text("".join(new))
    return told + len(new)


def _overdue(call: _Call, flight: _Flight, end: float) -> Trouble | None:
    """Say why an attempt that is still under way has to end."""
    limits, now = call.limits, time.monotonic()
    if flight.watch.downloaded != flight.downloaded:
        flight.downloaded = flight.watch.downloaded
        flight.last_sign = now
    if call.stop.is_set():
        return Trouble("stopped", "")
    if flight.downloaded > _MOST_BYTES:
        return _too_much(_MOST_BYTES, "bytes")
    if now > end:
        return Trouble("deadline", f"no complete reply within {limits.deadline:g} s")
    if now - flight.last_sign > flight.watch.patience:
        return Trouble("network", f"nothing came for {limits.stall:g} s", again=True)
    return None


def _trouble(flight: _Flight) -> Trouble | None:
    """Say what was wrong with an attempt that has ended; None when there is a reply."""
    if flight.chars > flight.limits.max_chars:
        return _too_much(flight.limits.max_chars, "characters")
    if flight.watch.error is not None:
        return reply_status.of_body(flight.watch.error)
    if flight.error is not None:
        return reply_status.of_error(flight.error)
    if flight.watch.streamed and not flight.watch.events:
        return Trouble("bad_reply", "no event came where a stream of them was asked for")
    return None


def _too_much(most: int, unit: str) -> Trouble:
    return Trouble("bad_reply", f"it did not end within {most:,} {unit}")


def _reply(call: _Call, flight: _Flight, seconds: float, attempts: int) -> Reply:
    response, watch = flight.response, flight.watch
    record = response.response_json if isinstance(response.response_json, dict) else {}
    finish, detail = reply_status.finish(
        flight.text,
        record,
        streamed=watch.streamed,
        word=watch.finish,
        refusal=watch.refusal,
    )
    used = prefix_cache.tokens(response.input_tokens, response.token_details)
    return Reply(
        text=flight.text or watch.refusal or reply_status.refusal_in(record),
        finish=finish,
        detail=reply_status.without_key(detail, call.key),
        model=call.model.model_id,
        resolved_model=response.resolved_model or record.get("model"),
        input_tokens=used.input,
        output_tokens=response.output_tokens,
        seconds=seconds,
        requests=attempts,
        turn_id=response.id if llm_log.log(response) else None,
        cached_tokens=used.cached,
        written_tokens=used.written,
    )


def _wait(limits: Limits, trouble: Trouble, attempt: int) -> float | None:
    """Seconds until the next attempt; None where there is to be none."""
    asked = trouble.retry_after or 0
    if not trouble.again or attempt > limits.retries or asked > LONGEST_WAIT:
        return None
    own = min(limits.backoff * 2.0 ** (attempt - 1), 8.0)
    return max(asked, own) * random.uniform(1, 1.25)  # so that calls do not return in step


_WHAT = {
    "rate": "too many requests",
    "server": "the server failed",
    "network": "the connection failed",
    "auth": "the key was not accepted",
    "too_long": "the prompt is too long for it",
    "bad_reply": "the reply cannot be used",
    "stopped": "stopped",
    "deadline": "given up",
    "mistake": "the request was not accepted",
}
# What a proxy that stands between may answer in the server's place: 403, 404, 407, 502, a page.
_BY_A_PROXY = ("server", "auth", "mistake", "bad_reply")


def _address(model: Any) -> str:
    """Where a model is asked, as far as its object tells; "" is somewhere by https."""
    return str(getattr(model, "api_base", None) or "")


def _failure(call: _Call, trouble: Trouble, attempts: int, partial: str) -> CallFailed | UserError:
    unreached = trouble.kind in ("network", "bad_reply")
    if unreached and (fault := network_settings.fault(trouble.said)):
        return UserError(f"{call.model.model_id} cannot be asked: {fault}")
    line = f"{call.model.model_id}: {_WHAT[trouble.kind]}"
    if trouble.said:
        line += f": {trouble.said}"
    answered = trouble.kind in _BY_A_PROXY
    if trouble.kind == "network" or answered:
        way = network_settings.hint(_address(call.model), trouble.said, answered)
        line += f"; {way}" if way else ""
    if trouble.kind == "auth" and call.model.needs_key:
        line += f"; `llm keys set {call.model.needs_key}`"
    if trouble.kind == "rate" and trouble.retry_after:
        line += f"; it asks to wait {trouble.retry_after:.0f} s"
    if attempts > 1:
        line += f" (asked {attempts} times)"
    line = reply_status.without_key(line, call.key)
    if trouble.kind == "mistake":
        return UserError(line)
    return CallFailed(line, kind=trouble.kind, partial=partial, retry_after=trouble.retry_after)
