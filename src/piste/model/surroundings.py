"""What this machine's variables say about the way to a server: proxies, certificates.

A call that fails for them fails with Python's own words, which name no variable. It looks only,
after a call has failed, and does not know what the call was.
"""

import importlib.util
import os
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

from piste.system.errors import printable

_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
_SCHEMES = ("http", "https")
_SOCKS = ("socks5", "socks5h")


def fault() -> str:
    """Return which variable stands in the way of every call, and what is wrong with it, or ""."""
    return next(_faults(), "")


def way(url: str, said: str) -> str:
    """Return which variable may be to blame for a connection to this URL that failed so, or ""."""
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return _certificates()
    parts = urlsplit(url or "https://")
    if proxy_bypass(parts.hostname or ""):
        return ""
    names = (f"{parts.scheme.upper()}_PROXY", "ALL_PROXY")
    for name, value in _proxies():
        if name.upper() in names and value:
            return f"it goes through the proxy {_shown(value)} of {name}: is that right?"
    return ""


def _faults() -> Iterator[str]:
    certificates = os.environ.get("SSL_CERT_FILE", "")
    if certificates and not os.path.isfile(certificates):
        yield (
            f"SSL_CERT_FILE is {printable(certificates)}, and there is no such file; "
            "mend or unset it"
        )
    elif certificates and not _loads(certificates):
        yield (
            f"SSL_CERT_FILE is {printable(certificates)}, which holds no certificates that can be "
            "read; mend or unset it"
        )
    for name, value in _proxies():
        if said := _wrong(value):
            yield f"{name} is {_shown(value)}, {said}"


def _certificates() -> str:
    """Say where the certificates come from that the server's own was compared with."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if value := os.environ.get(name):
            return f"certificates are those of {name}, {printable(value)}: is that right?"
    return "a network with a certificate of its own needs SSL_CERT_FILE, the file that holds it"


def _loads(path: str) -> bool:
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError):  # ssl's own errors are OSErrors
        return False
    return True


def _proxies() -> Iterator[tuple[str, str]]:
    """The variables that name a proxy, those that win first: of two cases the lower."""
    for name in _PROXIES:
        found = next((n for n in (name.lower(), name) if os.environ.get(n)), "")
        if found:
            yield found, os.environ[found]


def _wrong(value: str) -> str:
    """Say why no client takes this proxy; "" for one that it takes."""
    text = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return "which is no URL of a proxy; mend or unset it"
    if parts.scheme in _SOCKS and importlib.util.find_spec("socksio") is None:
        return (
            "a SOCKS proxy, which needs a library that is not there: pip install socksio where "
            "piste is installed, or unset it"
        )
    if parts.scheme not in (*_SCHEMES, *_SOCKS) or not parts.hostname:
        return "which is no URL of a proxy (http://host:port); mend or unset it"
    return ""


def _shown(value: str) -> str:
    """A proxy without the name and the password that may stand in it."""
    scheme, mark, rest = value.rpartition("://")
    return printable(f"{scheme}{mark}{rest.rpartition('@')[2]}")
