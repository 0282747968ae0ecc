"""One HTTP client for all of llm's OpenAI models, and what can be seen through it.

`llm` makes a client for each prompt, which costs 20 ms for its SSL context alone; it
sets no timeout and leaves openai-python's two retries on; and of the events that end
a stream it keeps only the good ones. So `get_client` of a model object is replaced by
one that hands out clients over a common `httpx2.Client`, whose hooks and streams fill
the `Watch` of the thread that reads.

It asks nobody anything, and judges nothing that it sees: that is for `reply_status`.
"""

import contextlib
import functools
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_CONNECT = 10.0  # seconds for a connection to be made
_ERROR_BODY = 100_000  # bytes; whatever is longer is no error message


@dataclass
class Watch:
    """What has been seen of one attempt. One thread fills it, another looks."""

    patience: float  # seconds without a byte that are allowed
    cancelled: bool = False
    http: Any = None  # the httpx2.Response
    streamed: bool = False  # did a stream of events begin?
    events: int = 0
    finish: str | None = None  # a chat's finish_reason
    refusal: str = ""
    final: Any = None  # the object in the event that ends a stream of the Responses API
    error: Mapping[str, Any] | None = None  # what the server reported with HTTP 200

    @property
    def downloaded(self) -> int:
        """Bytes of the reply that have come."""
        return self.http.num_bytes_downloaded if self.http is not None else 0

    def cancel(self) -> None:
        """End the attempt, whatever its thread is doing.

        Closing a socket does not wake who reads from it; shutting it down does. Before
        the headers have come there is no socket to be had, and the read times out.
        """
        self.cancelled = True
        if self.http is None or self.http.is_closed:
            return
        stream = self.http.extensions.get("network_stream")
        sock = stream.get_extra_info("socket") if stream else None
        if sock is not None:
            with contextlib.suppress(OSError):
                # Of the plain socket: ssl.SSLSocket's own takes the encryption away first.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


here = threading.local()  # .watch: of the attempt that this thread carries out
_lock = threading.Lock()


def share_client(model: Any) -> None:
    """Replace `get_client` of this model object; one that has none is left as it is.

    `get_client` is no part of llm's documented API. Without it a model works, with a
    client and openai-python's own retries for each call.
    """
    original = getattr(model, "get_client", None)
    if original is None:
        return
    clients: dict[str | None, Any] = {}

    def get_client(key: str | None, *, async_: bool = False) -> Any:
        if async_:
            return original(key, async_=True)
        with _lock:
            if key not in clients:
                clients[key] = _watched(original(key))
            return clients[key]

    model.get_client = get_client


def _watched(client: Any) -> Any:
    import openai

    if not isinstance(client, openai.OpenAI):
        return client
    client.close()
    # Retries are the caller's: two layers of them multiply.
    ours = client.with_options(http_client=_http_client(), max_retries=0)
    for resource in (ours.chat.completions, ours.completions, ours.responses):
        _tap(resource)
    return ours


@functools.cache
def _http_client() -> Any:
    import openai

    return openai.DefaultHttpxClient(
        event_hooks={"request": [_on_request], "response": [_on_response]}
    )


def _on_request(request: Any) -> None:
    watch: Watch | None = getattr(here, "watch", None)
    if watch is not None:
        # Whoever watches decides; this only ends a thread that has been given up.
        wait = watch.patience + 1
        request.extensions["timeout"] = {
            **dict.fromkeys(("read", "write", "pool"), wait),
            "connect": min(wait, _CONNECT),
        }


def _on_response(response: Any) -> None:
    watch: Watch | None = getattr(here, "watch", None)
    if watch is None:
        return
    watch.http = response
    if watch.cancelled:
        raise ConnectionAbortedError("nobody waits for this reply any more")
    if response.status_code == 200 and "json" in response.headers.get("content-type", ""):
        # Some gateways report a failure with HTTP 200, of which llm makes an empty reply.
        body = response.read()
        with contextlib.suppress(ValueError, RecursionError):
            found = json.loads(body) if len(body) < _ERROR_BODY else None
            if isinstance(found, dict) and isinstance(found.get("error"), dict):
                watch.error = found["error"]


def _tap(resource: Any) -> None:
    """Have the events of the streams that this resource creates pass under our eyes."""
    create: Callable[..., Any] = resource.create

    def tapped(*args: Any, **kwargs: Any) -> Any:
        result = create(*args, **kwargs)
        watch: Watch | None = getattr(here, "watch", None)
        return _passing(result, watch) if watch and kwargs.get("stream") else result

    resource.create = tapped


def _passing(events: Any, watch: Watch) -> Iterator[Any]:
    watch.streamed = True
    for event in events:
        watch.events += 1
        kind = getattr(event, "type", None)
        if choices := getattr(event, "choices", None):
            _note_choices(choices, watch)
        elif kind in ("response.completed", "response.incomplete", "response.failed"):
            watch.final = event.response
            if error := getattr(event.response, "error", None):
                watch.error = error.model_dump()
        elif kind == "error":
            watch.error = {"code": event.code, "message": event.message}
        yield event


def _note_choices(choices: Any, watch: Watch) -> None:
    """Keep of a chunk of a chat what llm drops: refusals; of old completions, the finish too."""
    for choice in choices:
        watch.finish = choice.finish_reason or watch.finish
        delta = getattr(choice, "delta", None)
        watch.refusal += getattr(delta, "refusal", None) or ""
