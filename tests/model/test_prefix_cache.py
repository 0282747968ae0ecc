"""Calls that begin alike: the first goes alone, the others always follow."""

import threading
import time
import types
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.standin import Fault, Request, StandIn, llm_user_dir, serving

from piste.model import prefix_cache, prices
from piste.model.asking import CallFailed, Limits, Reply, ask, resolve
from piste.model.prefix_cache import Beginning, Tokens

ONCE = Limits(retries=0)
MATERIAL = "a line of code\n" * 400


@pytest.fixture
def server(own_home: Path) -> Iterator[StandIn]:
    with serving() as running:
        llm_user_dir(own_home / "llm", running, ["script"])
        yield running


def at_once(server: StandIn, tasks: int, material: str, **more: Any) -> list[Reply | Exception]:
    """Ask several things about one material, all at the same moment."""
    prefix_cache._turns.clear()  # those of another test
    model = resolve("chat-script")
    begins = Beginning(len(material), others=True)

    def one(task: int) -> Reply | Exception:
        try:
            return ask(model, prompt=f"{material}task {task}", beginning=begins, **more)
        except CallFailed as error:
            return error

    with ThreadPoolExecutor(tasks) as pool:
        return list(pool.map(one, range(tasks)))


@pytest.fixture
def alone(server: StandIn) -> list[int]:
    """How many requests were there when the first was about to be answered."""
    seen: list[int] = []

    def answer(request: Request) -> str:
        if request.number == 1:
            time.sleep(0.3)
            seen.append(len(server.requests))
        return "fine"

    server.caching = True
    server.reply(answer)
    return seen


def test_the_first_goes_alone_and_the_others_find_its_beginning(
    server: StandIn, alone: list[int]
) -> None:
    replies = at_once(server, 5, MATERIAL, limits=ONCE)

    assert alone == [1]
    cached = sorted(reply.cached_tokens for reply in replies if isinstance(reply, Reply))
    assert cached[0] == 0
    assert len(cached) == 5
    assert all(tokens >= len(MATERIAL) // 4 for tokens in cached[1:])


def test_they_follow_a_long_answer_when_it_begins(server: StandIn) -> None:
    """The first would never end: only what it has begun to say can let the others go."""
    others_came = threading.Event()

    def answer(request: Request) -> str | Fault:
        if request.number > 1:
            others_came.set()
        return Fault("trickle=0.2", "word " * 10_000) if request.number == 1 else "fine"

    stop = threading.Event()
    server.reply(answer)
    threading.Thread(target=lambda: (others_came.wait(30), stop.set())).start()
    at_once(server, 2, MATERIAL, limits=ONCE, stop=stop)

    assert others_came.is_set()


@pytest.mark.parametrize("words", ["500", "401", "dropconn", "cutreset", "badjson"])
def test_a_first_that_fails_lets_the_others_go(server: StandIn, words: str) -> None:
    server.reply(lambda request: Fault(words) if request.number == 1 else "fine")

    replies = at_once(server, 4, MATERIAL, limits=ONCE)

    assert sum(isinstance(reply, Reply) for reply in replies) == 3
    assert sum(isinstance(reply, CallFailed) for reply in replies) == 1


def test_one_place_for_all_of_them_is_no_deadlock(server: StandIn) -> None:
    server.reply("fine")
    replies = at_once(server, 4, MATERIAL, limits=Limits(retries=0, in_flight=1))
    assert all(isinstance(reply, Reply) for reply in replies)


def test_stop_ends_those_that_wait(server: StandIn) -> None:
    stop = threading.Event()

    def answer(_: Request) -> str:
        stop.set()
        server.closing.wait(30)
        return "too late"

    server.reply(answer)
    replies = at_once(server, 4, MATERIAL, limits=ONCE, stop=stop)
    assert [getattr(reply, "kind", "") for reply in replies] == ["stopped"] * 4
    assert len(server.requests) == 1


def test_a_short_beginning_waits_for_nobody(server: StandIn) -> None:
    together = threading.Barrier(3, timeout=30)

    def answer(_: Request) -> str:
        together.wait()  # breaks where fewer than three are under way
        return "fine"

    server.reply(answer)
    assert all(isinstance(reply, Reply) for reply in at_once(server, 3, "short\n", limits=ONCE))


def test_who_asks_later_waits_no_more(server: StandIn) -> None:
    server.reply("fine")
    at_once(server, 1, MATERIAL, limits=ONCE)
    key = prefix_cache.key("chat-script", None, MATERIAL, Beginning(len(MATERIAL), others=False))
    with prefix_cache.turn(key, threading.Event()) as turn:
        assert turn.is_kept


# Anthropic's mark, by what llm-anthropic's model object has --------------------------------


class Claude:
    """As much of llm-anthropic's model as the mark needs: it marks the last part of all."""

    Options = types.SimpleNamespace(model_fields={"cache": None})

    def build_messages(self, texts: list[str], cache: bool) -> list[dict[str, Any]]:
        content: list[dict[str, Any]] = [{"type": "text", "text": text} for text in texts]
        if cache:
            content[-1]["cache_control"] = {"type": "ephemeral"}
        return [{"role": "user", "content": content}]


def test_the_mark_stands_at_the_end_of_the_beginning() -> None:
    model = Claude()
    prefix_cache.move_mark(model)

    def marked(texts: list[str], cache: bool = True) -> list[bool]:
        return ["cache_control" in p for p in model.build_messages(texts, cache)[0]["content"]]

    assert marked(["material", "task"]) == [True, False]
    assert marked(["one"]) == [True]
    assert marked(["material", "task"], cache=False) == [False, False]


def test_nothing_is_marked_that_nobody_reads_or_that_the_person_decided() -> None:
    model, turn = Claude(), prefix_cache.Turn()
    alone, shared = Beginning(9, others=False), Beginning(9, others=True)
    assert prefix_cache.worth_a_mark(model, {}, shared, turn)
    assert not prefix_cache.worth_a_mark(model, {}, alone, turn)
    assert not prefix_cache.worth_a_mark(model, {"cache": False}, shared, turn)
    other = types.SimpleNamespace(Options=types.SimpleNamespace(model_fields={}))
    assert not prefix_cache.worth_a_mark(other, {}, shared, turn)
    turn.answered()  # what is kept can be read, and only a marked call reads it
    assert prefix_cache.worth_a_mark(model, {}, alone, turn)


# Tokens and prices ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "details", "found"),
    [
        (100, None, Tokens(100)),
        (100, {"prompt_tokens_details": {"cached_tokens": 64}}, Tokens(100, 64)),
        (100, {"input_tokens_details": {"cached_tokens": 64}}, Tokens(100, 64)),
        (100, {"input_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 9}},
         Tokens(100, 64, 9)),
        (100, {"cache_read_input_tokens": 900, "cache_creation_input_tokens": 50},
         Tokens(1050, 900, 50)),
        (100, {"cachedContentTokenCount": 64}, Tokens(100, 64)),
        (100, {"prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36}, Tokens(100, 64)),
        (100, {"prompt_tokens_details": None, "cached_tokens": "many"}, Tokens(100)),
        (100, {"prompt_tokens_details": {"cached_tokens": 1000}}, Tokens(100, 100)),
        (None, {"prompt_tokens_details": {"cached_tokens": 64}}, Tokens(None)),
        (None, None, Tokens(None)),
    ],
)  # fmt: skip
def test_tokens_in_the_words_of_each_provider(given: Any, details: Any, found: Tokens) -> None:
    assert prefix_cache.tokens(given, details) == found


@pytest.mark.parametrize("model", ["gpt-5", "claude-sonnet-4-5", "gemini-2.5-pro"])
def test_what_was_kept_costs_less_and_to_keep_it_no_less(model: str) -> None:
    def cost(cached: int = 0, written: int = 0) -> float:
        found = prices.price(model, 10_000, 0, cached, written).dollars
        assert found is not None
        return found

    assert 0 < cost(cached=9_000) < 0.3 * cost()
    assert cost(written=9_000) >= cost()
