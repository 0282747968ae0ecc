"""Asking a model: every way in which a server fails, in both of OpenAI's protocols."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import llm
import pytest
from llm.plugins import pm
from support.standin import CASES, Fault, Request, StandIn, llm_user_dir, serving

from piste.model import asking
from piste.model.asking import CallFailed, Limits, Reply, ask, resolve
from piste.system.errors import UserError

PROTOCOLS = ("chat", "resp")
QUICK = Limits(retries=1, backoff=0)  # a second attempt, at once
ONCE = Limits(retries=0)

# Words for the server: requests that it takes until the reply is complete.
COMPLETE = {
    "ok": 1,
    "429x1": 2,
    "500x1": 2,
    "dropconnx1": 2,
    "cutresetx1": 2,
    "failedx1": 2,
    "nousage": 1,
    "latency=0.2": 1,
    "stall=0.2": 1,
    "words=200": 1,
}
NO_RESULT = {
    "cutclean": "cut",
    "nofinish": "cut",
    "length": "cut",
    "filter": "filtered",
    "refusal": "refused",
    "empty": "empty",
}
FAILURES = {  # kind, requests, a word of the line
    "429": ("rate", 2, "Rate limit reached"),
    "429,retryafter=300": ("rate", 1, "asks to wait 300 s"),
    "500": ("server", 2, "asked 2 times"),
    "401": ("auth", 1, "Incorrect API key"),
    "ctx": ("too_long", 1, "maximum context length"),
    "html502": ("server", 2, "502"),
    "okerror": ("server", 2, "Provider returned error"),
    "badjson": ("bad_reply", 1, "JSONDecodeError"),
    "badutf8": ("bad_reply", 1, "UnicodeDecodeError"),
    "dropconn": ("network", 2, "disconnected"),
    "cutreset": ("network", 2, "reset"),
    "resetafter=150": ("network", 2, "reset"),
    "badlength": ("network", 2, "without sending complete"),
    "errevent": ("server", 2, "had an error"),
    "failed": ("server", 2, "failed"),
    "huge=100": ("bad_reply", 1, "4,000,000 characters"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def folder(server: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of llm for all tests of this module: its models are found once."""
    folder = llm_user_dir(tmp_path_factory.mktemp("llm"), server, (*CASES, "script"))
    (folder / "logs-off").touch()
    return folder


@pytest.fixture(autouse=True)
def at_home(own_home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_USER_PATH", str(folder))


@pytest.fixture(params=PROTOCOLS)
def scripted(request: pytest.FixtureRequest, server: StandIn) -> Iterator[Any]:
    """A model that answers by the test's script."""
    yield resolve(f"{request.param}-script")
    server.script = None


def call(model: Any, **more: Any) -> Reply:
    return ask(model, **{"prompt": "a question", "limits": QUICK, **more})


def came(server: StandIn, before: int) -> list[Request]:
    return server.requests[before:]


# The table of faults --------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("words", "requests"), COMPLETE.items())
def test_a_complete_reply(server: StandIn, protocol: str, words: str, requests: int) -> None:
    before = len(server.requests)
    reply = call(resolve(f"{protocol}-{words}"))
    sent = came(server, before)
    assert reply.finish == "complete", reply.detail
    assert reply.text == sent[-1].text
    assert reply.requests == len(sent) == requests
    tokens = (None, None) if words == "nousage" else (3, len(reply.text) // 4 + 1)
    assert (reply.input_tokens, reply.output_tokens) == tokens
    assert reply.model == f"{protocol}-{words}"
    assert reply.resolved_model == f"{words}-2026"
    assert sum(one.finished for one in sent) == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("words", "finish"), NO_RESULT.items())
def test_a_reply_that_is_no_result(server: StandIn, protocol: str, words: str, finish: str) -> None:
    before = len(server.requests)
    reply = call(resolve(f"{protocol}-{words}"))
    assert reply.finish == finish
    assert reply.detail
    assert len(came(server, before)) == 1
    if words in ("length", "filter"):
        assert reply.text
        assert reply.output_tokens is not None


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("words", "expected"), FAILURES.items())
def test_a_failure(
    server: StandIn, protocol: str, words: str, expected: tuple[str, int, str]
) -> None:
    kind, requests, said = expected
    before = len(server.requests)
    with pytest.raises(CallFailed, match=said) as caught:
        call(resolve(f"{protocol}-{words}"))
    assert caught.value.kind == kind
    assert len(came(server, before)) == requests
    assert "\n" not in str(caught.value)
    if words in ("cutreset", "errevent", "failed", "huge=100"):
        partial = caught.value.partial
        assert partial
        texts = [one.text for one in came(server, before)]
        assert words == "huge=100" or any(text.startswith(partial) for text in texts)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("words", ["404", "400"])
def test_a_request_that_is_wrong(server: StandIn, protocol: str, words: str) -> None:
    before = len(server.requests)
    with pytest.raises(UserError, match="the request was not accepted"):
        call(resolve(f"{protocol}-{words}"))
    assert len(came(server, before)) == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("words", ["latency=30", "stall=30"])
def test_silence_ends_the_call(server: StandIn, protocol: str, words: str) -> None:
    with pytest.raises(CallFailed, match="nothing came for 1 s") as caught:
        call(resolve(f"{protocol}-{words}"), limits=Limits(stall=1, retries=0))
    assert caught.value.kind == "network"
    assert bool(caught.value.partial) == (words == "stall=30")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_trickle_ends_at_the_deadline(server: StandIn, protocol: str) -> None:
    before = len(server.requests)
    with pytest.raises(CallFailed, match="no complete reply within 1 s") as caught:
        call(resolve(f"{protocol}-trickle=0.3"), limits=Limits(deadline=1))
    assert caught.value.kind == "deadline"
    assert len(came(server, before)) == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_endless_reply_is_stopped(server: StandIn, protocol: str) -> None:
    with pytest.raises(CallFailed, match="did not end within 5,000 characters") as caught:
        call(resolve(f"{protocol}-endless"), limits=Limits(max_chars=5000))
    assert caught.value.kind == "bad_reply"
    assert len(caught.value.partial) > 5000


def test_a_stream_without_text_is_stopped_too(
    server: StandIn, scripted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_MOST_BYTES", 100_000)
    server.reply(Fault("endless", ""))
    with pytest.raises(CallFailed, match="did not end within 100,000 bytes") as caught:
        call(scripted)
    assert caught.value.partial == ""


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("ok", "complete"),
        ("length", "cut"),
        ("filter", "filtered"),
        ("refusal", "refused"),
        ("empty", "empty"),
        ("cutclean", "network"),
        ("okerror", "server"),
        ("badjson", "bad_reply"),
        ("latency=30", "deadline"),
    ],
)
def test_a_model_that_cannot_stream(
    server: StandIn, unstreamed: Path, protocol: str, words: str, expected: str
) -> None:
    limits = Limits(deadline=20, retries=0)
    if expected == "deadline":
        limits = Limits(deadline=0.2, stall=0.1, retries=0)  # silence is no stall here
    try:
        reply = call(resolve(f"{protocol}-{words}"), limits=limits)
    except CallFailed as failed:
        assert failed.kind == expected
    else:
        assert reply.finish == expected
        assert server.requests[-1].stream is False


@pytest.fixture
def unstreamed(server: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = llm_user_dir(tmp_path / "unstreamed", server, can_stream=False)
    (folder / "logs-off").touch()
    monkeypatch.setenv("LLM_USER_PATH", str(folder))
    return folder


def test_a_server_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as gone:
        folder = llm_user_dir(tmp_path, gone, ["ok"])
    monkeypatch.setenv("LLM_USER_PATH", str(folder))
    with pytest.raises(CallFailed, match="refused") as caught:
        call(resolve("chat-ok"), limits=ONCE)
    assert caught.value.kind == "network"


def test_the_longest_partial_text_is_kept(server: StandIn, scripted: Any) -> None:
    answers = iter([Fault("errevent", "word " * 10), Fault("dropconn")])
    server.reply(lambda _: next(answers))
    with pytest.raises(CallFailed) as caught:
        call(scripted)
    assert caught.value.partial == "word " * 5


# Retries --------------------------------------------------------------------------------


def test_retry_after_is_honoured(server: StandIn, scripted: Any) -> None:
    answers = iter([Fault("429,retryafter=0.4"), "the answer"])
    server.reply(lambda _: next(answers))
    told: list[tuple[str, float]] = []
    reply = call(scripted, on_retry=lambda why, wait: told.append((why, wait)))
    assert reply.text == "the answer"
    [(why, wait)] = told
    assert "too many requests" in why
    assert 0.4 <= wait <= 0.5


def test_a_retry_after_beyond_the_deadline_gives_up(server: StandIn, scripted: Any) -> None:
    server.reply(Fault("429,retryafter=100"))
    before = len(server.requests)
    with pytest.raises(CallFailed) as caught:
        call(scripted, limits=Limits(deadline=50))
    assert (caught.value.kind, caught.value.retry_after) == ("rate", 100)
    assert len(came(server, before)) == 1


def test_each_attempt_tells_its_own_text(server: StandIn, scripted: Any) -> None:
    answers = iter([Fault("cutreset", "first " * 9), "second"])
    server.reply(lambda _: next(answers))
    told: list[str] = []
    reply = call(scripted, on_text=told.append, on_retry=lambda *_: told.append("|"))
    assert reply.text == "second"
    first, _, second = "".join(told).partition("|")
    assert 0 < len(first) < len("first " * 9)
    assert ("first " * 9).startswith(first)
    assert second == "second"


# Many calls at once ---------------------------------------------------------------------


def test_many_threads_share_a_model(server: StandIn, scripted: Any) -> None:
    server.reply(lambda request: f"answer to {request.prompt}")
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda n: call(scripted, prompt=f"q{n}").text, range(40)))
    assert replies == [f"answer to q{n}" for n in range(40)]


def test_no_more_calls_in_flight_than_allowed(server: StandIn, scripted: Any) -> None:
    inside, most, lock, full = 0, 0, threading.Lock(), threading.Event()

    def answer(request: Request) -> str:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
            if inside == 3:
                full.set()
        full.wait(10)  # so that the first ones are surely in flight together
        with lock:
            inside -= 1
        return request.prompt

    server.reply(answer)
    with ThreadPoolExecutor(12) as pool:
        calls = [
            pool.submit(call, scripted, prompt=f"q{n}", limits=Limits(in_flight=3))
            for n in range(12)
        ]
    assert [one.result().text for one in calls] == [f"q{n}" for n in range(12)]
    assert most == 3


# Stopping -------------------------------------------------------------------------------


def stopped(model: Any, stop: threading.Event, **more: Any) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        call(model, stop=stop, **more)
    assert caught.value.kind == "stopped"
    return caught.value


def test_stop_while_the_text_comes(server: StandIn, scripted: Any) -> None:
    server.reply(Fault("stall=30", "one two three four five six seven eight"))
    stop = threading.Event()
    error = stopped(scripted, stop, on_text=lambda _: stop.set())
    assert error.partial.startswith("one")


def test_stop_before_the_reply_begins(server: StandIn, scripted: Any) -> None:
    stop = threading.Event()

    def answer(_: Request) -> Fault:
        stop.set()
        return Fault("latency=30")

    server.reply(answer)
    assert stopped(scripted, stop).partial == ""


def test_stop_between_two_attempts(server: StandIn, scripted: Any) -> None:
    server.reply(Fault("500"))
    stop = threading.Event()
    before = len(server.requests)
    stopped(scripted, stop, limits=Limits(backoff=60), on_retry=lambda *_: stop.set())
    assert len(came(server, before)) == 1


def test_stop_before_anything_is_sent(server: StandIn, scripted: Any) -> None:
    stop = threading.Event()
    stop.set()
    before = len(server.requests)
    stopped(scripted, stop)
    assert came(server, before) == []


def test_stop_while_waiting_for_a_place(server: StandIn, scripted: Any) -> None:
    arrived, stop, waiting = threading.Event(), threading.Event(), threading.Event()

    def answer(_: Request) -> str:
        arrived.set()
        waiting.wait(10)
        return "the first"

    server.reply(answer)
    limits = Limits(in_flight=1)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(call, scripted, limits=limits)
        arrived.wait(10)
        second = pool.submit(call, scripted, limits=limits, stop=stop)
        stop.set()
        error = second.exception(10)
        waiting.set()
        assert first.result(10).text == "the first"
    assert isinstance(error, CallFailed)
    assert error.kind == "stopped"


def test_an_interrupt_in_the_callback_ends_the_call(server: StandIn, scripted: Any) -> None:
    server.reply(Fault("stall=30", "one two three four five six seven eight"))

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call(scripted, on_text=interrupt)
    server.reply("still in order")
    assert call(scripted).text == "still in order"


def test_control_c_ends_a_process_that_waits() -> None:
    code = """
import sys, threading
from piste.model import asking
try:
    asking.ask(asking.resolve("chat-script"), prompt="x")
except KeyboardInterrupt:
    print("interrupted")
"""
    with serving() as server:
        arrived = threading.Event()

        def answer(_: Request) -> Fault:
            arrived.set()
            return Fault("latency=100")

        server.reply(answer)
        llm_user_dir(Path(os.environ["LLM_USER_PATH"]) / "own", server, ["script"])
        env = {**os.environ, "LLM_USER_PATH": os.environ["LLM_USER_PATH"] + "/own"}
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, env=env, text=True
        )
        assert arrived.wait(30)
        process.send_signal(signal.SIGINT)
        # The server would hold it for 100 seconds.
        assert process.communicate(timeout=30)[0] == "interrupted\n"


# What is sent ---------------------------------------------------------------------------


def test_the_turns_of_a_conversation_go_out_together(server: StandIn, scripted: Any) -> None:
    server.reply("and then?")
    history = [("an idea", "which one?"), ("this one", "why?")]
    before = len(server.requests)
    assert call(scripted, prompt="because", system="ask!", history=history).finish == "complete"
    [sent] = came(server, before)
    assert sent.system == "ask!"
    assert sent.turns == [
        ("user", "an idea"),
        ("assistant", "which one?"),
        ("user", "this one"),
        ("assistant", "why?"),
        ("user", "because"),
    ]


def test_the_options_go_out(server: StandIn, scripted: Any) -> None:
    server.reply("yes")
    before = len(server.requests)
    call(scripted, options={"temperature": "0.5", "max_tokens": 9})
    [sent] = came(server, before)
    assert sent.body["temperature"] == 0.5
    assert 9 in (sent.body.get("max_tokens"), sent.body.get("max_output_tokens"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"temprature": 1}, r"no option 'temprature'; did you mean 'temperature'\?"),
        ({"temperature": 3}, "temperature of chat-ok cannot be 3: Input should be less than or"),
        ({"max_tokens": "many"}, "max_tokens of chat-ok cannot be 'many'"),
        ({"chat_completions": True}, "extra-openai-models.yaml"),
    ],
)
def test_a_wrong_option_sends_nothing(
    server: StandIn, options: dict[str, object], said: str
) -> None:
    before = len(server.requests)
    with pytest.raises(UserError, match=said):
        call(resolve("chat-ok"), options=options)
    assert came(server, before) == []


def test_an_option_with_choices_names_them() -> None:
    with pytest.raises(UserError, match="'none', 'minimal', 'low'"):
        asking.check_options(resolve("gpt-5.6-luna"), {"reasoning_effort": "huge"})


def test_checked_options_are_plain_values() -> None:
    model = resolve("gpt-5.6-luna")
    checked = asking.check_options(model, {"reasoning_effort": "low", "temperature": "1"})
    assert checked == json.loads(json.dumps({"reasoning_effort": "low", "temperature": 1.0}))


# Keys -----------------------------------------------------------------------------------


@pytest.fixture
def keyed(server: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of llm whose models name a key that is not there."""
    folder = llm_user_dir(tmp_path / "keyed", server, ["ok", "401"], api_key_name="elsewhere")
    (folder / "logs-off").touch()
    monkeypatch.setenv("LLM_USER_PATH", str(folder))
    return folder


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_key_of_openai_is_never_sent_elsewhere(
    server: StandIn, keyed: Path, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    before = len(server.requests)
    model = resolve(f"{protocol}-ok")
    with pytest.raises(UserError, match=r"`llm keys set elsewhere`"):
        call(model)
    assert not asking.has_key(model)
    assert came(server, before) == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_stored_key_is_sent_and_not_shown(server: StandIn, keyed: Path, protocol: str) -> None:
    (keyed / "keys.json").write_text('{"elsewhere": "my-own-secret"}')
    before = len(server.requests)
    assert call(resolve(f"{protocol}-ok")).finish == "complete"
    with pytest.raises(CallFailed, match="llm keys set elsewhere") as caught:
        call(resolve(f"{protocol}-401"))
    assert [one.authorization for one in came(server, before)] == ["Bearer my-own-secret"] * 2
    assert "my-own-secret" not in str(caught.value)


def test_a_missing_key_names_the_ways_to_one() -> None:
    model = resolve("gpt-5.6-luna")
    with pytest.raises(UserError, match=r"`llm keys set openai`.*llm-ollama.*model = \"outline\""):
        asking.require_key(model)


@pytest.mark.parametrize("name", ["outline", "chat-ok"])
def test_a_model_may_need_no_key(name: str) -> None:
    asking.require_key(resolve(name))
    assert asking.has_key(resolve(name))


def test_keys_that_cannot_be_read(keyed: Path) -> None:
    (keyed / "keys.json").write_text("{")
    with pytest.raises(UserError, match=r"keys\.json cannot be read"):
        asking.require_key(resolve("chat-ok"))


# Finding a model ------------------------------------------------------------------------


def test_a_name_gives_the_same_object() -> None:
    assert resolve("chat-ok") is resolve("chat-ok")


def test_the_default_and_the_aliases(keyed: Path) -> None:
    assert resolve(None).model_id == "gpt-5.6-luna"  # llm's own
    (keyed / "aliases.json").write_text('{"writer": "chat-ok"}')
    assert resolve("writer").model_id == "chat-ok"


def test_the_default_of_the_person(keyed: Path) -> None:
    (keyed / "default_model.txt").write_text("resp-ok\n")
    assert resolve(None).model_id == "resp-ok"


def test_an_unknown_name() -> None:
    with pytest.raises(UserError, match=r"no model 'outlin'; did you mean 'outline'\?"):
        resolve("outlin")


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("extra-openai-models.yaml", "", "extra-openai-models.yaml cannot be used"),
        ("extra-openai-models.yaml", "- model_id: x", "KeyError: 'model_name'"),
        ("extra-openai-models.yaml", "- [", "extra-openai-models.yaml cannot be used"),
        ("aliases.json", "{", "aliases.json"),
        ("default_model.txt", "nonesuch", "llm's default model"),
    ],
)
def test_a_broken_file_of_llm_is_named(keyed: Path, file: str, text: str, said: str) -> None:
    (keyed / file).write_text(text)
    with pytest.raises(UserError, match=said) as caught:
        resolve(None)
    assert "\n" not in str(caught.value)


def test_a_folder_that_llm_cannot_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LLM_USER_PATH", str(tmp_path / "file" / "llm"))
    with pytest.raises(UserError, match="set LLM_USER_PATH"):
        resolve("outline")


def python(code: str, **env: str) -> str:
    """Run code in a process where llm is not loaded yet."""
    return subprocess.check_output(
        [sys.executable, "-c", code], env={**os.environ, **env}, text=True
    )


def test_importing_the_module_does_not_import_llm() -> None:
    assert python("import piste.model.asking, sys; print('llm' in sys.modules)") == "False\n"


def test_sixteen_threads_are_the_first_to_use_llm() -> None:
    code = """
import threading
from piste.model import asking
start, found = threading.Barrier(16), []
def first():
    start.wait()
    found.append(asking.resolve("chat-ok").model_id)
threads = [threading.Thread(target=first) for _ in range(16)]
[one.start() for one in threads], [one.join() for one in threads]
print(found == ["chat-ok"] * 16)
"""
    assert python(code) == "True\n"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import nothing_like_this", "the llm plugin llm-wrong cannot be loaded"),
        (
            "import llm\n@llm.hookimpl\ndef register_models(register): 1 / 0",
            "the llm plugin llm-wrong cannot list its models (ZeroDivisionError",
        ),
        (
            "import llm\n@llm.hookimpl\ndef register_models(register): raise OSError(5, '')",
            "the llm plugin llm-wrong cannot list its models (OSError",
        ),
        (
            "import llm, sys\n@llm.hookimpl\ndef register_models(register): sys.exit('no key')",
            "the llm plugin llm-wrong cannot list its models (SystemExit",
        ),
        ("raise SystemExit(3)", "the llm plugin llm-wrong cannot be loaded (SystemExit"),
    ],
)
def test_a_broken_plugin_is_named(tmp_path: Path, source: str, said: str) -> None:
    (tmp_path / "llm_wrong.py").write_text(source)
    info = tmp_path / "llm_wrong-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: llm-wrong\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[llm]\nwrong = llm_wrong\n")
    code = """
from piste.model import asking
from piste.system.errors import UserError
for _ in range(2):
    try:
        asking.resolve("outline")
    except UserError as mistake:
        print(mistake)
"""
    first, second = python(code, PYTHONPATH=str(tmp_path)).splitlines()
    assert said in first
    assert first == second


# Models of other plugins ----------------------------------------------------------------


class Other(llm.Model):
    """A model of a plugin that has its own client, or none."""

    can_stream = True

    def __init__(self, does: Any, record: Any = None, *, talks: bool = True) -> None:
        self.model_id = "other"
        self.does = does
        self.record = record
        self.supports_conversation = talks

    def execute(self, prompt: Any, stream: bool, response: Any, conversation: Any) -> Any:
        response.response_json = self.record
        yield from self.does()


@pytest.mark.parametrize(
    ("record", "finish"),
    [
        (None, "complete"),
        ({"whatever": 1}, "complete"),
        ({"stop_reason": "end_turn"}, "complete"),
        ({"stop_reason": "max_tokens"}, "cut"),
        ({"candidates": [{"finishReason": "SAFETY"}]}, "filtered"),
        ({"done_reason": "length"}, "cut"),
        ({"stop_reason": "something new"}, "cut"),
    ],
)
def test_the_finish_of_another_plugin(record: Any, finish: str) -> None:
    assert call(Other(lambda: ["some ", "text"], record)).finish == finish


def test_a_plugin_that_says_nothing_is_left() -> None:
    release = threading.Event()

    def silent() -> Iterator[str]:
        yield "begun"
        release.wait(30)

    with pytest.raises(CallFailed, match=r"nothing came for 0\.1 s") as caught:
        call(Other(silent), limits=Limits(stall=0.1, retries=0))
    release.set()
    assert caught.value.partial == "begun"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionResetError("gone"), "network"),
        (TimeoutError(), "network"),
        (llm.ModelError("the model\nis overloaded"), "bad_reply"),
        (KeyError("choices"), "bad_reply"),
    ],
)
def test_an_error_of_another_plugin(error: Exception, kind: str) -> None:
    def fails() -> Iterator[str]:
        yield "begun"
        raise error

    with pytest.raises(CallFailed) as caught:
        call(Other(fails), limits=ONCE)
    assert caught.value.kind == kind
    assert caught.value.partial == "begun"
    assert "\n" not in str(caught.value)


def test_a_model_that_takes_no_system_text() -> None:
    def fails() -> Iterator[str]:
        yield from ()
        raise NotImplementedError("Model does not support system prompts")

    with pytest.raises(UserError, match="does not support system prompts"):
        call(Other(fails))


def test_a_model_that_cannot_hold_a_conversation() -> None:
    with pytest.raises(UserError, match="cannot hold a conversation"):
        call(Other(lambda: ["x"], talks=False), history=[("a", "b")])


def test_a_plugin_that_comes_later_is_found() -> None:
    class Plugin:
        __name__ = "later"

        @llm.hookimpl
        def register_models(self, register: Any) -> None:
            register(Other(lambda: ["x"]))

    plugin = Plugin()
    with pytest.raises(UserError):
        resolve("other")
    pm.register(plugin)
    try:
        assert resolve("other").model_id == "other"
    finally:
        pm.unregister(plugin)
        asking._models.pop((os.environ["LLM_USER_PATH"], "other"))
