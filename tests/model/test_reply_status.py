"""The words and errors of the providers: tables, and no surprise from any JSON."""

import time
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.model import reply_status
from piste.model.reply_status import Trouble

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("choices", "candidates", "output", "content", "message", "refusal"),
                    *("status", "finish_reason", "stop_reason", "incomplete_details", "reason"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def finish(record: object, text: str = "text", **more: Any) -> tuple[str, str]:
    return reply_status.finish(text, record, **{"streamed": False, **more})


@pytest.mark.parametrize(
    ("record", "more", "expected"),
    [
        ({"finish_reason": "stop"}, {}, "complete"),
        ({"finish_reason": "STOP"}, {}, "complete"),
        ({"choices": [{"finish_reason": "length"}]}, {}, "cut"),
        ({"choices": [{"finish_reason": "stop"}]}, {"text": " \n"}, "empty"),
        ({"choices": [{"finish_reason": "length"}]}, {"text": ""}, "cut"),
        ({"status": "completed", "incomplete_details": None}, {}, "complete"),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            {},
            "filtered",
        ),
        ({"status": "failed"}, {}, "cut"),
        ({"output": [{"content": [{"refusal": "no"}]}], "status": "completed"}, {}, "refused"),
        ({"choices": [{"message": {"refusal": "no"}, "finish_reason": "stop"}]}, {}, "refused"),
        ({"stop_reason": "refusal"}, {}, "refused"),
        (None, {}, "complete"),
        (None, {"streamed": True}, "cut"),
        (None, {"streamed": True, "word": "stop"}, "complete"),
        ({"finish_reason": "stop"}, {"refusal": "no"}, "refused"),
        ([{"finish_reason": "length"}], {}, "complete"),
    ],
)
def test_the_finish(record: object, more: dict[str, Any], expected: str) -> None:
    found, detail = finish(record, **more)
    assert found == expected
    assert bool(detail) == (expected != "complete")


@given(JSON, st.text(max_size=3), st.booleans())
def test_any_json_has_a_finish(record: object, text: str, streamed: bool) -> None:
    found, _ = finish(record, text, streamed=streamed)
    assert found in ("complete", "cut", "filtered", "refused", "empty")
    assert not (found == "complete" and not text.strip())


@pytest.mark.parametrize(
    ("status", "code", "said", "kind", "again"),
    [
        (429, "", "slow down", "rate", True),
        (429, "insufficient_quota", "pay first", "rate", False),
        (None, "rate_limit_exceeded", "", "rate", True),
        (500, "", "", "server", True),
        (503, "", "maximum context length", "server", True),
        (408, "", "", "server", True),
        (None, "", "overloaded", "server", True),
        (401, "", "", "auth", False),
        (403, "", "", "auth", False),
        (400, "context_length_exceeded", "", "too_long", False),
        (400, "", "prompt is too long: 210000 tokens", "too_long", False),
        (413, "", "", "too_long", False),
        (400, "", "no such option", "mistake", False),
        (404, "", "no such model", "mistake", False),
    ],
)
def test_what_a_server_says(
    status: int | None, code: str, said: str, kind: str, again: bool
) -> None:
    trouble = reply_status.of_server(status, code, said)
    assert (trouble.kind, trouble.again) == (kind, again)


def test_an_error_object_with_http_200() -> None:
    assert reply_status.of_body({"code": 429, "message": "slow"}) == Trouble("rate", "slow", True)
    assert reply_status.of_body({}).kind == "server"


class APIConnectionError(Exception):
    """As openai-python and anthropic name theirs."""


def test_the_first_cause_of_a_lost_connection_is_named() -> None:
    try:
        try:
            raise ConnectionRefusedError(111, "Connection refused")
        except OSError as error:
            raise APIConnectionError("Connection error.") from error
    except APIConnectionError as error:
        trouble = reply_status.of_error(error)
    assert trouble.kind == "network"
    assert "Connection refused" in trouble.said


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert reply_status.retry_after(headers) == seconds


def test_retry_after_as_a_date() -> None:
    found = reply_status.retry_after({"retry-after": formatdate(time.time() + 3600, usegmt=True)})
    assert found is not None
    assert 3000 < found <= 3600


@given(st.text())
def test_any_retry_after_is_read_or_left(value: str) -> None:
    found = reply_status.retry_after({"retry-after": value})
    assert found is None or isinstance(found, float)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("bad key my-secret-key.", "bad key …."),
        ("Incorrect API key provided: sk-proj-*****1234", "Incorrect API key provided: …"),
        ("sent Bearer abc.def", "sent …"),
        ("GET /v1?key=abcdef&x=1", "GET /v1?key=…&x=1"),
        ("two\nlines\x1b[2J", "two lines\\x1b[2J"),
        ("a task-oriented asking", "a task-oriented asking"),
    ],
)
def test_a_key_is_never_shown(text: str, shown: str) -> None:
    assert reply_status.without_key(text, "my-secret-key") == shown


def test_a_key_too_short_to_be_one_does_not_eat_the_message() -> None:
    assert reply_status.without_key("a bad gateway", "a") == "a bad gateway"
