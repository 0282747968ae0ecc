"""Proxies and certificates of this machine: the variable that is wrong is named."""

from pathlib import Path

import pytest
from support.standin import StandIn

from piste.model import network_settings
from piste.model.asking import CallFailed, Limits, ask, resolve
from piste.system.errors import UserError

VARIABLES = (
    "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
)  # fmt: skip


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SSL_CERT_FILE", "/nope/x.pem", "there is no such file"),
        ("SSL_CERT_FILE", __file__, "no certificates that can be read"),
        ("SSL_CERT_FILE", "/", "a folder and no file"),
        ("HTTPS_PROXY", "foo://127.0.0.1:9", "no URL of a proxy"),
        ("HTTPS_PROXY", "http://[bad", "no URL of a proxy"),
        ("HTTP_PROXY", "http://127.0.0.1:notaport", "no URL of a proxy"),
        ("https_proxy", "http://", "no URL of a proxy"),
    ],
)
def test_a_variable_that_stops_every_call_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    fault = network_settings.fault()
    assert fault.startswith(f"{name} is {value}")
    assert said in fault


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_what_few_libraries_read_is_named_where_it_matters(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "/nope.pem")
    assert network_settings.fault("Connection refused") == ""
    said = "OSError: Could not find a suitable TLS CA certificate bundle, invalid path: /nope.pem"
    assert network_settings.fault(said).startswith(
        f"{name} is /nope.pem, and there is no such file"
    )
    monkeypatch.setenv(name, __file__)
    failed = "[SSL: CERTIFICATE_VERIFY_FAILED] unable to get local issuer certificate"
    assert f'SSL_CERT_FILE="${name}"' in network_settings.hint("https://x", failed)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SSL_CERT_FILE", "/nope.pem", "no such file"),
        ("SSL_CERT_DIR", "/nope", "no such folder"),
        ("REQUESTS_CA_BUNDLE", "/nope.pem", "no such file"),
        ("HTTP_PROXY", "http://127.0.0.1:9", "cannot be reached (Connection refused)"),
        ("https_proxy", "127.0.0.1:9", "cannot be reached (Connection refused)"),
        ("ALL_PROXY", "socks4://127.0.0.1", "no URL of a proxy"),
    ],
)
def test_doctor_names_each(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    assert list(network_settings.look()) == []
    monkeypatch.setenv(name, value)
    (line,) = network_settings.look()
    assert line.startswith(f"{name} is {value}, ")
    assert said in line


def test_what_a_proxy_answers_in_the_servers_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy:3128")
    assert "of ALL_PROXY" in network_settings.hint("http://localhost:11434", "403", answered=True)
    assert network_settings.hint("https://example.invalid", "403", answered=True) == ""


def test_socks_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("ALL_PROXY", "socks5://me:secret@127.0.0.1:9")
    assert network_settings.fault().startswith("ALL_PROXY is socks5://127.0.0.1:9, a SOCKS proxy")


@pytest.mark.parametrize("value", ["http://proxy:3128", "proxy:3128", "https://u:p@proxy"])
def test_a_proxy_that_may_be_right_is_no_fault(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    assert network_settings.fault() == ""
    way = network_settings.hint("https://example.invalid/v1", "Connection refused")
    assert "of HTTPS_PROXY" in way
    assert "u:p" not in way
    assert network_settings.hint("http://example.invalid/v1", "Connection refused") == ""
    monkeypatch.setenv("NO_PROXY", "example.invalid")
    assert network_settings.hint("https://example.invalid/v1", "Connection refused") == ""


def test_whose_certificates_did_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "SSLError: [SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate"
    assert "needs SSL_CERT_FILE" in network_settings.hint("https://x", said)
    monkeypatch.setenv("SSL_CERT_DIR", "/nope")
    assert "those of SSL_CERT_DIR, /nope" in network_settings.hint("https://x", said)


def test_a_call_says_it_in_its_one_line(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch, own_home: Path
) -> None:
    from piste.model import http

    (own_home / "llm" / "logs-off").touch()
    http._http_client.cache_clear()
    monkeypatch.setenv("HTTP_PROXY", "foo://127.0.0.1:9")
    with pytest.raises(UserError, match="chat-ok cannot be asked: HTTP_PROXY is foo://127"):
        ask(resolve("chat-ok"), prompt="hello", limits=Limits(retries=0))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with pytest.raises(CallFailed, match=r"through the proxy http://127\.0\.0\.1:9 of HTTP_PROXY"):
        ask(resolve("chat-ok"), prompt="hello", limits=Limits(retries=0))
    assert standin.requests == []
    http._http_client.cache_clear()
