"""What a reply of a model is worth, and what an error of a provider's library means.

Functions of plain data only: the words and classes by which the providers say that a
reply is whole, or that it is worth asking again. It calls nobody, waits for nothing
and knows neither threads nor `llm`.
"""

import contextlib
import math
import re
import time
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from piste.system.errors import in_one_line, printable, redact

Kind = Literal["rate", "server", "network", "auth", "too_long", "bad_reply", "stopped", "deadline"]

_FINISHES = {  # what the words of the providers mean, all of them in lower case
    "complete": {"stop", "end_turn", "stop_sequence", "completed", "complete", "eos", "eos_token"},
    "filtered": {
        *("content_filter", "content_filtered", "safety", "recitation"),
        *("blocklist", "prohibited_content", "spii"),
    },
    "refused": {"refusal"},
}
_TOO_LONG = re.compile(
    r"context[_ ](length|window)|maximum context|too many tokens|(prompt|input) is too long", re.I
)
# By name, as each provider's library has classes of its own for the same things.
_NETWORK = {"APIConnectionError", "TransportError", "ConnectionError", "TimeoutError", "Timeout"}
_KEY_LIKE = re.compile(r"\bBearer\s+\S+|\b(?:sk|pk)-[\w*-]{6,}|(?<=[?&]key=)[^&\s]+")


class Trouble(NamedTuple):
    """Why an attempt brought no reply. "mistake" is a request that no retry can mend."""

    kind: Kind | Literal["mistake"]
    said: str  # in the server's or the library's words
    again: bool = False  # is it worth another attempt?
    retry_after: float | None = None  # seconds, where the server asked for some


# Was it whole? --------------------------------------------------------------------------


def finish(
    text: str, record: object, *, streamed: bool, word: str | None = None, refusal: str = ""
) -> tuple[str, str]:
    """Say whether a reply is complete | cut | filtered | refused | empty, and why.

    `record` is llm's `response_json`; `word` and `refusal` are what was seen on the
    wire of an OpenAI `streamed` reply. Such a server always says how a reply ended,
    while the plugin of another provider may keep no word of it. A word that is not
    known counts as cut: what is not known to be whole is no result.
    """
    where, recorded = _finish_word(record if isinstance(record, dict) else {})
    refusal = refusal or refusal_in(record)
    word = word or recorded
    if refusal:
        return "refused", f"the model refused: {refusal[:200]}"
    if word:
        found = next((one for one, words in _FINISHES.items() if word.lower() in words), "cut")
        if found != "complete":
            return found, f"{where} is {word!r}"
    elif streamed:
        return "cut", "the stream ended early"
    if not text.strip():
        return "empty", "the reply has no text"
    return "complete", ""


def _finish_word(record: Mapping[str, Any]) -> tuple[str, str | None]:
    """Find the provider's word for how a reply ended, and the name of its field."""
    for part in ("choices", "candidates"):  # OpenAI's chat, in one piece; Gemini
        record = next(iter(_dicts(record.get(part))), record)
    details = record.get("incomplete_details")  # OpenAI's Responses
    if isinstance(details, dict) and details.get("reason"):
        return "incomplete_details", str(details["reason"])
    # OpenAI's chat, streamed; Anthropic; Ollama; Gemini; OpenAI's Responses
    for name in ("finish_reason", "stop_reason", "done_reason", "finishReason", "status"):
        if isinstance(record.get(name), str):
            return name, record[name]
    return "finish_reason", None


def refusal_in(record: object) -> str:
    """Return the words of a refusal, which has a field of its own in OpenAI's protocols."""
    if not isinstance(record, dict):
        return ""
    parts = [part for item in _dicts(record.get("output")) for part in _dicts(item.get("content"))]
    parts += _dicts([choice.get("message") for choice in _dicts(record.get("choices"))])
    return "".join(str(part.get("refusal") or "") for part in parts)


def _dicts(found: object) -> list[dict[str, Any]]:
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


# What went wrong? -----------------------------------------------------------------------


def of_error(error: BaseException) -> Trouble:
    """Classify what a provider's library raised: by status, code and names of classes."""
    response = getattr(error, "response", None)
    status = getattr(error, "status_code", None) or getattr(response, "status_code", None)
    names = {one.__name__ for one in type(error).__mro__}
    if names & _NETWORK:
        return Trouble("network", line(_root(error)), again=True)
    if status or "APIError" in names:  # without a status: an error event in a stream
        code = str(getattr(error, "code", None) or "")
        return of_server(status, code, _said(error), getattr(response, "headers", None))
    if isinstance(error, NotImplementedError):  # "Model does not support system prompts"
        return Trouble("mistake", one_line(str(error)))
    return Trouble("bad_reply", line(error))


def of_body(body: Mapping[str, Any]) -> Trouble:
    """Classify an error object that a server sent with HTTP 200."""
    code = body.get("code")
    said = str(body.get("message") or "it gave no reason")
    return of_server(code if isinstance(code, int) else None, str(code or ""), said)


def of_server(
    status: int | None, code: str, said: str, headers: Mapping[str, str] | None = None
) -> Trouble:
    """Classify what a server said; `status` is None where it said so in a stream."""
    if status == 413 or (status in (None, 400, 422) and _TOO_LONG.search(f"{code} {said}")):
        return Trouble("too_long", said)
    if status in (401, 403):
        return Trouble("auth", said)
    if status == 429 or "rate_limit" in code:
        again = code != "insufficient_quota"  # no waiting fills an empty account
        return Trouble("rate", said, again, retry_after(headers or {}))
    if status is None or status >= 500 or status in (408, 409):
        return Trouble("server", said, True, retry_after(headers or {}))
    return Trouble("mistake", said)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait: RFC 9110, or OpenAI's milliseconds."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        with contextlib.suppress(KeyError, ValueError):
            seconds = float(headers[name]) * unit
            return seconds if math.isfinite(seconds) else None
    with contextlib.suppress(KeyError, ValueError, OverflowError):
        from email.utils import parsedate_to_datetime

        return parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time()
    return None


def _said(error: BaseException) -> str:
    body = getattr(error, "body", None)
    if isinstance(body, Mapping) and body.get("message"):
        return str(body["message"])
    return str(getattr(error, "message", None) or error)


def _root(error: BaseException) -> BaseException:
    """The first cause: `Connection refused`, where the library says `Connection error`."""
    seen = {id(error)}
    while (cause := error.__cause__ or error.__context__) and id(cause) not in seen:
        seen.add(id(cause))
        error = cause
    return error


# In one line ----------------------------------------------------------------------------


def line(error: BaseException) -> str:
    """Return `Class: message`, as it may stand in a line for a person."""
    said = one_line(str(error))
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def one_line(text: str) -> str:
    """Return foreign text as the part of a line: no breaks, no control characters, bounded."""
    return printable(in_one_line(text))[:400]


def without_key(text: str, key: str | None) -> str:
    """Return one line without the key, or what looks like one: servers repeat it in a 401."""
    if key and len(key) > 5:
        text = text.replace(key, "…")
    return redact(one_line(_KEY_LIKE.sub("…", text)))
