"""The HTTP client that all OpenAI models share. What it sees is tested in test_models."""

from pathlib import Path
from typing import Any

import openai
import pytest
from support.standin import StandIn

from piste.model import http
from piste.model.asking import resolve


@pytest.fixture
def two(standin: StandIn) -> tuple[Any, Any]:
    return resolve("chat-ok"), resolve("resp-ok")


def test_all_models_share_one_client_and_no_retries(two: tuple[Any, Any]) -> None:
    clients = [model.get_client(None) for model in two]
    assert clients[0]._client is clients[1]._client
    assert [client.max_retries for client in clients] == [0, 0]


def test_a_model_has_one_client_for_each_key(two: tuple[Any, Any]) -> None:
    model = two[0]
    model.needs_key = "some"
    assert model.get_client("a") is model.get_client("a")
    assert model.get_client("a").api_key == "a"
    assert model.get_client("b").api_key == "b"


def test_an_async_client_is_left_as_it_was(two: tuple[Any, Any]) -> None:
    client = two[0].get_client(None, async_=True)
    assert isinstance(client, openai.AsyncOpenAI)
    assert client.max_retries == openai.DEFAULT_MAX_RETRIES


def test_what_is_no_openai_client_is_left_as_it_was() -> None:
    class Model:
        def get_client(self, key: str | None, *, async_: bool = False) -> str:
            return f"a client of another kind for {key}"

    model, plain = Model(), object()
    http.share_client(model)
    http.share_client(plain)
    assert model.get_client("k") == "a client of another kind for k"
    assert not hasattr(plain, "get_client")


def test_the_client_serves_who_does_not_watch(two: tuple[Any, Any], own_home: Path) -> None:
    assert [model.prompt("hello").text()[:5] for model in two] == ["reply", "reply"]


def test_cancelling_before_anything_was_sent_does_nothing() -> None:
    watch = http.Watch(patience=1)
    watch.cancel()
    assert watch.cancelled
    assert watch.downloaded == 0
