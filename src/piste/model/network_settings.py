"""What this machine's variables say about the way to a server: proxies, certificates.

A call that fails for them fails with Python's own words, which name no variable. After a call
has failed it looks at the variables alone; for `piste doctor` it also knocks at each proxy. It
does not know what the call was.
"""

import importlib.util
import os
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit
from urllib.request import proxy_bypass

from piste.system.errors import printable

_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}  # where none is named
_SOCKS = ("socks5", "socks5h")
# Only the library `requests` reads these; some plugins of llm use it.
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_PATIENCE = 3.0  # seconds for a proxy to take a connection


def fault(said: str = "") -> str:
    """Return which variable stands in the way of every call, and what is wrong with it, or "".

    `said` is what the failed call said: a path in it tells of a variable that few libraries read.
    """
    few = (line for name, line in _bundles() if os.environ[name] in said)
    return next(few, "") or next(_faults(), "")


def hint(url: str, said: str, answered: bool = False) -> str:
    """Return which variable may be to blame for a connection to this URL that failed so, or "".

    `answered` is whether something answered it: by https that is the server itself, by http it
    may be the proxy.
    """
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return _certificates()
    parts = urlsplit(url or "https://")
    if proxy_bypass(parts.hostname or "") or (answered and parts.scheme != "http"):
        return ""
    names = (f"{parts.scheme.upper()}_PROXY", "ALL_PROXY")
    for name, value in _proxies():
        if name.upper() in names and value:
            return f"it goes through the proxy {_shown(value)} of {name}: is that right?"
    return ""


def look() -> Iterator[str]:
    """Yield all that is wrong with the variables; each proxy is asked for a connection."""
    yield from _faults()
    yield from (line for _, line in _bundles())
    folder = os.environ.get("SSL_CERT_DIR", "")
    if folder and not any(os.path.isdir(one) for one in folder.split(os.pathsep)):
        yield f"SSL_CERT_DIR is {printable(folder)}, and there is no such folder; mend or unset it"
    for name, value in _proxies():
        if not _wrong(value) and (said := _unreached(_parts(value))):
            yield f"{name} is {_shown(value)}, which cannot be reached ({said}); mend or unset it"


def _faults() -> Iterator[str]:
    if said := _no_certificates("SSL_CERT_FILE"):
        yield said
    for name, value in _proxies():
        if said := _wrong(value):
            yield f"{name} is {_shown(value)}, {said}"


def _bundles() -> Iterator[tuple[str, str]]:
    for name in _BUNDLES:
        if not os.path.isdir(os.environ.get(name, "")) and (said := _no_certificates(name)):
            yield name, said


def _no_certificates(name: str) -> str:
    """Say what is wrong with a variable that names a file of certificates, or ""."""
    path = os.environ.get(name, "")
    if not path or (os.path.isfile(path) and _loads(path)):
        return ""
    said = "which holds no certificates that can be read"
    if os.path.isdir(path):
        said = "which is a folder and no file"
    elif not os.path.exists(path):
        said = "and there is no such file"
    return f"{name} is {printable(path)}, {said}; mend or unset it"


def _certificates() -> str:
    """Say where the certificates come from that the server's own was compared with."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if value := os.environ.get(name):
            return f"certificates are those of {name}, {printable(value)}: is that right?"
    for name in _BUNDLES:
        if os.path.isfile(os.environ.get(name, "")):
            return f'{name} is not read here; SSL_CERT_FILE="${name}" uses the same certificates'
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


def _parts(value: str) -> SplitResult:
    """The parts of a proxy's URL. Raises ValueError where it is none."""
    parts = urlsplit(value if "://" in value else f"http://{value}")
    _ = parts.port
    return parts


def _wrong(value: str) -> str:
    """Say why no client takes this proxy; "" for one that it takes."""
    try:
        parts = _parts(value)
    except ValueError:
        return "which is no URL of a proxy; mend or unset it"
    if parts.scheme in _SOCKS and importlib.util.find_spec("socksio") is None:
        return (
            "a SOCKS proxy, which needs a library that is not there: pip install socksio where "
            "piste is installed, or unset it"
        )
    if parts.scheme not in _PORTS or not parts.hostname:
        return "which is no URL of a proxy (http://host:port); mend or unset it"
    return ""


def _unreached(parts: SplitResult) -> str:
    """Say why nothing takes a connection there; "" where something does."""
    place = (parts.hostname or "", parts.port or _PORTS[parts.scheme])
    try:
        socket.create_connection(place, timeout=_PATIENCE).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _shown(value: str) -> str:
    """A proxy without the name and the password that may stand in it."""
    scheme, mark, rest = value.rpartition("://")
    return printable(f"{scheme}{mark}{rest.rpartition('@')[2]}")
