"""A server on loopback that speaks OpenAI's two protocols, and fails when told to.

It answers `POST /v1/chat/completions` and `POST /v1/responses`, streamed and whole, with usage.
Each reply of its own is different, so that the calls that were paid for can be counted and told
apart. It knows nothing of piste, needs the standard library only, and checks no key.

What a request gets is chosen by the model's name on the wire, which is a list of words joined
by commas; a word that is not in the table is only a name. `xN` after a word: for the first N
requests of that model only (`500x1`).

    429 500 401 404 400 ctx html502   an error instead of a reply; with retryafter=S its header
    okerror badjson badutf8           HTTP 200, and a body that is an error, no JSON, no UTF-8
    dropconn                          the connection is closed before any answer
    cutclean cutreset resetafter=N    the reply ends early: politely, by a reset, after N bytes
    badlength                         Content-Length promises more than comes
    errevent failed                   an error in the middle; `response.failed` in Responses
    length filter refusal empty       the ways in which a reply is complete and no result
    nofinish nousage                  a reply without finish_reason, without usage
    latency=S stall=S trickle=S       S seconds before, in the middle, between any two events
    endless huge=MB words=N           how long the reply is

`StandIn.script` takes the model's place in this: a function from the request to a text, or to
`Fault(words, text)`. Alone, `python tests/support/standin.py --latency 0.2 --log calls.jsonl`
prints its URL and serves other processes.
"""

import argparse
import contextlib
import json
import re
import signal
import socket
import struct
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

CASES = (  # the models of `llm_user_dir`; one word more makes a model with a history of its own
    *("ok", "429", "429x1", "429,retryafter=300", "500", "500x1", "401", "404", "400", "ctx"),
    *("html502", "okerror", "badjson", "badutf8", "dropconn", "dropconnx1", "cutclean"),
    *("cutreset", "cutresetx1", "resetafter=150", "badlength", "errevent", "failed", "failedx1"),
    *("length", "filter", "refusal", "empty", "nofinish", "nousage", "latency=0.2", "latency=30"),
    *("stall=0.2", "stall=30", "trickle=0.3", "endless", "huge=100", "words=200"),
)

STATUS_ERRORS: dict[str, tuple[int, str, str]] = {  # word: HTTP status, code, message
    "429": (429, "rate_limit_exceeded", "Rate limit reached for requests"),
    "500": (500, "server_error", "The server had an error while processing your request"),
    "401": (401, "invalid_api_key", "Incorrect API key provided: {key}. Find yours online."),
    "404": (404, "model_not_found", "The model does not exist or you do not have access to it."),
    "400": (400, "unsupported_parameter", "Unsupported parameter: 'temperature'"),
    "ctx": (400, "context_length_exceeded", "This model's maximum context length is 8192 tokens."),
}
REFUSAL = "I'm sorry, but I can't help with that."
MEGABYTE = 1_000_000


class Fault(NamedTuple):
    """What a script returns for a reply that goes wrong: the words above, and its text."""

    words: str
    text: str | None = None


@dataclass
class Request:
    """One request as it came, and what became of it."""

    number: int
    path: str
    model: str
    stream: bool
    turns: list[tuple[str, str]]  # (role, text), as sent, without the system text
    system: str
    authorization: str
    body: dict[str, Any]
    text: str = ""  # of the whole reply, even when only a part was sent
    sent: int = 0  # bytes of body that were written
    cached: int = 0  # tokens of its beginning that the server had kept
    finished: bool = False  # the reply went out whole, and was a result
    ended: float = 0.0  # when its last byte was about to go, by time.monotonic()

    @property
    def prompt(self) -> str:
        """The last thing that the user said."""
        return next((text for role, text in reversed(self.turns) if role == "user"), "")

    def as_line(self) -> dict[str, Any]:
        """The request as a line of the `--log` file."""
        names = ("number", "path", "model", "stream", "system", "authorization", "text", "sent")
        return {name: getattr(self, name) for name in (*names, "finished", "prompt")}


Script = Callable[[Request], "str | Fault"]


@dataclass
class Reply:
    """A reply before it is put into a protocol's words."""

    text: str
    model: str
    faults: dict[str, str]
    prompt_size: int
    cached: int = 0
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def printable(self) -> str:
        """The text that goes out: the half of it where the reply is to be incomplete."""
        if "empty" in self.faults or "refusal" in self.faults:
            return ""
        half = {"length", "filter", "failed", "errevent"} & self.faults.keys()
        return self.text[: len(self.text) // 2] if half else self.text

    @property
    def tokens(self) -> tuple[int, int]:
        """Input and output tokens, by a rule of thumb that a test can repeat."""
        return self.prompt_size // 4 + 1, len(self.text) // 4 + 1

    def pieces(self) -> list[str]:
        """The text as it is streamed: by words, a document by lines, or by megabytes."""
        if "huge" in self.faults:
            return ["x" * MEGABYTE] * int(self.faults["huge"])
        if self.printable.count("\n") > 20:
            return self.printable.splitlines(keepends=True)
        return re.findall(r"\S*\s*", self.printable)[:-1]


# Chat completions ---------------------------------------------------------------------------


def chat_body(reply: Reply) -> dict[str, Any]:
    """A whole `chat.completion`."""
    refusal = REFUSAL if "refusal" in reply.faults else None
    message = {"role": "assistant", "content": "".join(reply.pieces()), "refusal": refusal}
    choice = {"index": 0, "message": message, "finish_reason": _finish(reply)}
    body = {**_chat_head(reply, "chat.completion"), "choices": [choice]}
    return body if "nousage" in reply.faults else {**body, "usage": _chat_usage(reply)}


def chat_events(reply: Reply) -> Iterator[bytes]:
    """The stream of a `chat.completion`, event by event."""
    head = _chat_head(reply, "chat.completion.chunk")

    def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _sse({**head, "choices": [choice]})

    yield event({"role": "assistant", "content": ""})
    if "refusal" in reply.faults:
        yield event({"refusal": REFUSAL})
    for piece in reply.pieces():
        yield event({"content": piece})
    if "errevent" in reply.faults or "failed" in reply.faults:
        yield _sse({"error": {"message": "The server had an error", "type": "server_error"}})
        return
    yield event({}, _finish(reply))
    if "nousage" not in reply.faults:
        yield _sse({**head, "choices": [], "usage": _chat_usage(reply)})
    yield b"data: [DONE]\n\n"


def _finish(reply: Reply) -> str | None:
    named = {"length": "length", "filter": "content_filter", "nofinish": None}
    return next((named[word] for word in named if word in reply.faults), "stop")


def _chat_head(reply: Reply, kind: str) -> dict[str, Any]:
    return {"id": reply.id, "object": kind, "created": 1, "model": reply.model + "-2026"}


def _chat_usage(reply: Reply) -> dict[str, Any]:
    asked, answered = reply.tokens
    return {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
        **({"prompt_tokens_details": {"cached_tokens": reply.cached}} if reply.cached else {}),
    }


# Responses ----------------------------------------------------------------------------------


def responses_body(reply: Reply, *, done: bool = True) -> dict[str, Any]:
    """A whole `response`; `done` false: as `response.created` shows it."""
    status, reason, error = "completed", None, None
    if {"length", "filter"} & reply.faults.keys():
        status = "incomplete"
        reason = {"reason": "max_output_tokens" if "length" in reply.faults else "content_filter"}
    if "failed" in reply.faults:
        status, error = "failed", {"code": "server_error", "message": "The model failed"}
    body: dict[str, Any] = {
        "id": "resp_" + reply.id,
        "object": "response",
        "created_at": 1,
        "model": reply.model + "-2026",
        "status": status if done else "in_progress",
        "output": [_item(reply)] if done else [],
        "error": error if done else None,
        "incomplete_details": reason if done else None,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    if done and "nousage" not in reply.faults:
        asked, answered = reply.tokens
        body["usage"] = {
            "input_tokens": asked,
            "output_tokens": answered,
            "total_tokens": asked + answered,
            "input_tokens_details": {"cached_tokens": reply.cached},
            "output_tokens_details": {"reasoning_tokens": 0},
        }
    return body


def responses_events(reply: Reply) -> Iterator[bytes]:
    """The stream of a `response`, event by event, in the documented order."""
    count = iter(range(1_000_000_000))

    def event(kind: str, **fields: Any) -> bytes:
        data = {"type": kind, "sequence_number": next(count), **fields}
        return b"event: " + kind.encode() + b"\n" + _sse(data)

    where = {"item_id": "msg_" + reply.id, "output_index": 0, "content_index": 0}
    yield event("response.created", response=responses_body(reply, done=False))
    empty = {**_item(reply), "content": [], "status": "in_progress"}
    yield event("response.output_item.added", output_index=0, item=empty)
    if "refusal" in reply.faults:
        yield event("response.refusal.delta", **where, delta=REFUSAL)
        yield event("response.refusal.done", **where, refusal=REFUSAL)
    for piece in reply.pieces():
        yield event("response.output_text.delta", **where, delta=piece, logprobs=[])
    if "errevent" in reply.faults:
        yield event("error", code="server_error", message="The server had an error", param=None)
        return
    yield event("response.output_item.done", output_index=0, item=_item(reply))
    if "nofinish" not in reply.faults:
        body = responses_body(reply)
        yield event("response." + body["status"], response=body)


def _item(reply: Reply) -> dict[str, Any]:
    content: dict[str, Any] = {
        "type": "output_text",
        "text": "".join(reply.pieces()),
        "annotations": [],
    }
    if "refusal" in reply.faults:
        content = {"type": "refusal", "refusal": REFUSAL}
    return {
        "id": "msg_" + reply.id,
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [content],
    }


def _sse(data: object) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


# The server ---------------------------------------------------------------------------------


class StandIn:
    """The server, its script and its record. `with StandIn() as server:`, or `start`, `stop`.

    Where `caching` is set, it keeps the words of each request that it begins to answer, and says
    of a later one how many tokens of its beginning it had. `url` is the api_base.
    `requests` holds every request in the order of arrival; `paid` counts the replies that went out
    whole; `high_water` is the most that were in flight at once.
    """

    def __init__(self, *, port: int = 0, latency: float = 0, log: Path | None = None) -> None:
        self.requests: list[Request] = []
        self.high_water = 0
        self.script: Script | None = None
        self.latency = latency
        self.caching = False
        self._kept: list[str] = []  # words of the requests whose answer has begun
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self._in_flight = 0
        self._seen: Counter[tuple[str, str]] = Counter()
        self._log = log
        self._http = _Server(("127.0.0.1", port), _Handler)
        self._http.standin = self
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> "StandIn":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> "StandIn":
        """Begin to answer, on a thread of its own."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop, and let go of whoever still waits for an answer."""
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()

    @property
    def paid(self) -> int:
        """How many replies went out whole and were a result."""
        with self.lock:
            return sum(request.finished for request in self.requests)

    def reply(self, answer: "str | Fault | Script") -> None:
        """From now on answer with this text, this fault, or by this function."""
        self.script = answer if callable(answer) else lambda _request: answer

    def arrived(self, path: str, authorization: str, body: dict[str, Any]) -> Request:
        """Note a request. Its place in the record is its number."""
        turns, system = _turns(body)
        words = "\0".join([system, *(text for _, text in turns)])
        with self.lock:
            known = [_shared(words, kept) for kept in self._kept]
            request = Request(
                cached=max(known, default=0) // 4,
                number=len(self.requests) + 1,
                path=path,
                model=str(body.get("model", "")),
                stream=bool(body.get("stream")),
                turns=turns,
                system=system,
                authorization=authorization,
                body=body,
            )
            self.requests.append(request)
            self._in_flight += 1
            self.high_water = max(self.high_water, self._in_flight)
        return request

    def left(self, request: Request, finished: bool) -> None:
        """Note that the last byte of an answer is about to go, or never will."""
        with self.lock:
            self._in_flight -= 1
            request.finished, request.ended = finished, time.monotonic()
            if self._log:
                with self._log.open("a") as file:
                    file.write(json.dumps(request.as_line()) + "\n")

    def plan(self, request: Request) -> Reply:
        """Decide what a request gets, from the script or from the model's name."""
        said = self.script(request) if self.script else Fault(request.model)
        words, text = ("", said) if isinstance(said, str) else said
        faults = self._faults(words, request.path)
        if text is None:
            filler = " word" * int(faults.get("words", "4"))
            text = f"reply {request.number} {uuid.uuid4()}{filler}\n"
        request.text = text
        size = sum(len(words) for _, words in request.turns) + len(request.system)
        return Reply(text, request.model, faults, size, request.cached)

    def begins(self, request: Request) -> None:
        """Note that the first byte of an answer is about to go."""
        if self.caching:
            with self.lock:
                self._kept.append("\0".join([request.system, *(text for _, text in request.turns)]))

    def _faults(self, words: str, path: str) -> dict[str, str]:
        with self.lock:
            self._seen[path, words] += 1
            nth = self._seen[path, words]
        faults = {}
        for word in words.split(","):
            name, _, value = word.partition("=")
            limited = re.fullmatch(r"(.+)x(\d+)", name)
            if not limited:
                faults[name] = value
            elif nth <= int(limited[2]):
                faults[limited[1]] = value
        return faults


def _turns(body: dict[str, Any]) -> tuple[list[tuple[str, str]], str]:
    told = body.get("messages") or body.get("input") or []
    turns = [(str(one["role"]), str(one["content"])) for one in told if "content" in one]
    system = body.get("instructions") or next((text for r, text in turns if r == "system"), "")
    return [turn for turn in turns if turn[0] != "system"], system


def _shared(one: str, other: str) -> int:
    """How many characters two texts have in common before they differ."""
    least, most = 0, min(len(one), len(other))
    while least < most:
        half = (least + most + 1) // 2
        least, most = (half, most) if one[:half] == other[:half] else (least, half - 1)
    return least


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512  # 5 in the standard library: too few for a burst of connections
    standin: StandIn

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what these tests are about, not news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        """`/stats`, for a benchmark in another process."""
        standin = self._standin()
        stats = {
            "requests": len(standin.requests),
            "paid": standin.paid,
            "high_water": standin.high_water,
        }
        self._whole(200, json.dumps(stats).encode(), "application/json")
        self.wfile.flush()

    def do_POST(self) -> None:
        standin = self._standin()
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        request = standin.arrived(self.path, self.headers.get("Authorization", ""), body)
        whole = False
        try:
            reply = standin.plan(request)
            standin.closing.wait(float(reply.faults.get("latency", standin.latency)))
            standin.begins(request)
            whole = self._answer(request, reply)
        finally:
            standin.left(request, whole)
            with contextlib.suppress(OSError):
                self.wfile.flush()

    def _standin(self) -> StandIn:
        assert isinstance(self.server, _Server)
        return self.server.standin

    def _answer(self, request: Request, reply: Reply) -> bool:
        """Write the answer but for its last bytes, which are still in the buffer; is it whole?"""
        faults = reply.faults
        if "dropconn" in faults:
            self.close_connection = True
            return False
        if self._error(faults):
            return False
        chat = self.path.endswith("/chat/completions")
        if request.stream:
            events = chat_events(reply) if chat else responses_events(reply)
            return self._stream(request, self._spoiled(events, faults), faults)
        body = json.dumps(chat_body(reply) if chat else responses_body(reply)).encode()
        return self._body(request, next(iter(self._spoiled([body], faults))), faults)

    def _error(self, faults: dict[str, str]) -> bool:
        """Answer with an error, where that is what is asked for."""
        if "html502" in faults:
            self._whole(502, b"<html><h1>502 Bad Gateway</h1></html>", "text/html")
            return True
        if "okerror" in faults:
            body = {"error": {"message": "Provider returned error", "code": 502}}
            self._whole(200, json.dumps(body).encode(), "application/json")
            return True
        word = next((word for word in STATUS_ERRORS if word in faults), None)
        if word is None:
            return False
        status, code, message = STATUS_ERRORS[word]
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        error = {"message": message.format(key=key), "type": "error", "param": None, "code": code}
        after = {"Retry-After": faults["retryafter"]} if "retryafter" in faults else {}
        self._whole(status, json.dumps({"error": error}).encode(), "application/json", after)
        return True

    def _spoiled(self, parts: Iterable[bytes], faults: dict[str, str]) -> Iterable[bytes]:
        if "badjson" in faults:
            return [b"data: {this is no json\n\n"]
        if "badutf8" in faults:
            return [part.replace(b"reply", b"repl\xff\xfe") for part in parts]
        return parts

    def _whole(
        self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None
    ) -> None:
        self._head(status, kind, {"Content-Length": str(len(body)), **(headers or {})})
        self.wfile.write(body)

    def _head(self, status: int, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _body(self, request: Request, body: bytes, faults: dict[str, str]) -> bool:
        """A reply in one piece. A clean early end is, without a stream, a short body."""
        short = {"cutclean", "cutreset", "badlength", "resetafter"} & faults.keys()
        self._head(200, "application/json", {"Content-Length": str(len(body))})
        request.sent = len(body) // 2 if short else len(body)
        self.wfile.write(body[: request.sent])
        if "cutclean" in faults or "badlength" in faults:
            self.close_connection = True
        elif short:
            self._reset()
        return not short and _is_result(faults)

    def _stream(self, request: Request, events: Iterable[bytes], faults: dict[str, str]) -> bool:
        """A reply as server-sent events in chunks. The end of the last chunk is not flushed."""
        if "badlength" in faults:
            self._head(200, "text/event-stream", {"Content-Length": "1000000"})
            self.wfile.write(next(iter(events)))
            self.close_connection = True
            return False
        self._head(200, "text/event-stream", {"Transfer-Encoding": "chunked"})
        events = iter(events)
        if {"cutclean", "cutreset", "stall"} & faults.keys():
            known = list(events)
            half = len(known) // 2  # before the events that end a reply, however short it is
            self._chunks(request, known[:half], faults)
            events = iter(known[half:])
            self.wfile.flush()
        if "cutreset" in faults:
            return self._reset()
        if "cutclean" in faults:
            self.wfile.write(b"0\r\n\r\n")
            return False
        if "stall" in faults:
            self._standin().closing.wait(float(faults["stall"]))
        if "endless" in faults:
            self._endless(request, events)
        if not self._chunks(request, events, faults):
            return self._reset()
        self.wfile.write(b"0\r\n\r\n")
        return _is_result(faults)

    def _chunks(self, request: Request, events: Iterable[bytes], faults: dict[str, str]) -> bool:
        """Write events; false where `resetafter` says that it is time for a reset."""
        pause = float(faults.get("trickle", 0))
        limit = int(faults.get("resetafter", 0))
        for event in events:
            if pause:
                self.wfile.flush()
                self._standin().closing.wait(pause)
            if limit and request.sent + len(event) > limit:
                event = event[: limit - request.sent]
            request.sent += len(event)
            self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
            if limit and request.sent >= limit:
                self.wfile.flush()
                return False
        return True

    def _endless(self, request: Request, events: Iterator[bytes]) -> None:
        shown = [next(events) for _ in range(3)]
        self._chunks(request, shown, {})
        while not self._standin().closing.is_set():
            self._chunks(request, [shown[-1]] * 100, {})

    def _reset(self) -> bool:
        """Close with a TCP reset instead of a goodbye."""
        self.wfile.flush()
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        # The file objects hold the socket open: all of them have to go for the reset to be sent.
        self.rfile.close()
        self.connection.close()
        self.close_connection = True
        return False


def _is_result(faults: dict[str, str]) -> bool:
    spoiled = {"badjson", "badutf8", "errevent", "failed", "length", "filter", "refusal", "empty"}
    return not spoiled & faults.keys()


# For tests and for the shell ----------------------------------------------------------------


def llm_user_dir(
    path: Path, server: StandIn | str, models: Iterable[str] = CASES, **fields: object
) -> Path:
    """Fill a folder for `LLM_USER_PATH`: each word list becomes the models `chat-…` and `resp-…`.

    `server` is a stand-in or its URL; `fields` go into each entry (`api_key_name="x"`).
    """
    url = server if isinstance(server, str) else server.url
    entries = [
        {"model_id": f"{kind}-{name}", "model_name": name, "api_base": url, **more, **fields}
        for kind, more in (("chat", {}), ("resp", {"responses": True}))
        for name in models
    ]
    path.mkdir(parents=True, exist_ok=True)
    # JSON is YAML, and needs no library.
    (path / "extra-openai-models.yaml").write_text(json.dumps(entries, indent=1))
    return path


@contextlib.contextmanager
def serving(**options: Any) -> Iterator[StandIn]:
    """A running stand-in, as a fixture wants it."""
    with StandIn(**options) as server:
        yield server


def main() -> None:
    """Serve until SIGTERM or ^C; print the URL first."""
    parser = argparse.ArgumentParser(description="A stand-in for an OpenAI-compatible server.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0, help="seconds before each reply")
    parser.add_argument("--log", type=Path, help="a JSONL file, one line for each request")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), StandIn(**vars(options)) as server:
        print(server.url, flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
