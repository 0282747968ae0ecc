"""Judges: whether what a shape sees is a secret, or a placeholder, a template, a piece of code.

Each is told the least entropy of its shape, the value, and the name that it stands under (""
where there is none). It knows neither texts nor shapes; that a value looks made at random, or
stands where only a password does, is all that it has to go by.
"""

import base64
import binascii
import functools
import json
import math
import re
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from piste.system.re2_bytes import regex
from piste.system.secret_shapes import gitleaks

_SIGN = re.compile(rb"[0-9!@#$%^&*]")  # the filters of the shapes for telling names ask for one
_LONGEST = 4096  # bytes; what is longer is a document, not a value
_PLACEHOLDERS = frozenset(
    b"password passwd pass pwd secret secrets user username example changeme token tokens key keys "
    b"test tests testing foo bar baz foobar hunter admin guest anonymous pw userpass mypassword "
    b"mysecret mytoken mykey yourpassword secretkey secrettoken apikey accesskey passphrase "
    b"passw topsecret testpassword testsecret testtoken testkey none null true false default "
    b"string value credentials auth bearer basic root abc xyz qwerty passwordpassword postgres "
    b"postgresql mysql mariadb redis rabbitmq elastic minio minioadmin app db".split()
)
_NO_SECRET = re.compile(
    rb"(?i)example|change[_-]?(?:it|me|this)|placeholder|dummy|\byour[_-]?|redacted|x{4}|\*{3}|"
    rb"sample|lorem|fake|\bmock|insert[_-]|replace[_-]|\.\.\.|todo|masked|notreal|1234567|"
    rb"abcdef[^0-9]|(?:my[_-]|test[_-]?)(?:password|secret|token|key|api)|not[_-]?a[_-]|"
    rb"a-z|0-9|\(\?[:P=!]|\\[dws]|^=|aws4_request|"  # an operator, what a signature is for
    rb"^\w+(?:/|%2F)\d{8}(?:/|%2F)|^\d{4}-\d\d-\d\d(?:T|$)"
)
_SAID = re.compile(  # a word for what a password is, and nothing but such words around it
    rb"(?:a|an|the|my|your|our|some|new|old|other|another|super|very|top|strong|kind|of|for|here|"
    rb"must|be|at|least|chars|bob|user|username|admin|root|test|express|word|words|"
    rb"(?P<core>pass|passwd|password|pw|pwd|secret|sekret|private|privaate|token|foo|bar|baz)|"
    rb"key|access|aws|api)+"
)
_LEET = bytes.maketrans(b"013457@$", b"oieast" + b"as")
_TEMPLATE = re.compile(
    rb"^\$\{?[A-Za-z_][\w.:-]*\}?$|^\$\(|^\$\d+$|\$\{\{|\$\{\w|\{\{|\{\w*\}|^\{|"  # $NAME, ${{ }}
    rb"^<.*>$|<[\w -]+>|^\[.*\]$|^%[\w-]+%|%\(\w+\)|%[sdr](?:\W|$)|^@\w+@$|"  # <name>, %(name)s
    rb"^@[A-Z][A-Z0-9_]+$|\$\([^)]*\)$|"  # @NAME, $(command)
    rb"^!(?:vault|Ref|Sub|GetAtt|ENV|env_var|secret)\b|^ENC\[|^\$ANSIBLE|"  # YAML's tags
    rb"^(?:arn|ssm|secretsmanager|ref\+\w+|file|env|sops|gcp|sm|doppler|data|vault):|^projects/|"
    rb"^-?0x[0-9a-fA-F]+$|^\[\w[\w.]*\]|^[a-z][a-z0-9+.-]*://|"  # a number, a type, an address
    rb"^(?:\.{0,2}|~)/[\w.]|^[A-Za-z]:\\|"  # a path
    rb"^[\w.-]+\.(?:pem|key|txt|json|ya?ml|crt|p12|jks|env|py|js|go|md)$"
)
_ALGORITHM = re.compile(
    rb"(?i)^(?:base|sha|md|utf|u?int|float|rs|es|hs|ps|aes|ed|rsa|oauth|ipv|v|uuid|blake|sha3|pbkdf|bcrypt|s|x|h|n|"
    rb"p|secp)[_-]?\d+\w{0,8}(?:[_-]\w+)*$"
)
_CALL = re.compile(rb"^!?\*{0,2}&?([A-Za-z_]\w*(?:(?:\??\.|::|->)\w+)*)[(\[]")
_DOTTED = re.compile(rb"^!?&?[A-Za-z_]\w*(?:(?:\??\.|::|->)[A-Za-z_]\w*)+$")
_PIECES = re.compile(rb"[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^A-Za-z0-9]")
_PASSWORD_NAME = re.compile(rb"(?i)pass|pwd|psk|secret|creds|credential")
_GUARDED_NAME = re.compile(rb"(?i)pass|pwd|psk|secret|cred|key|auth|access")
_JWT = re.compile(rb"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+")
_UUID = re.compile(rb"(?i)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_NO_NAME = re.compile(
    rb"(?i)(?:ur[li]|path|file|filename|name|type|length|size|id|ids|header|field|param|params|hint|policy|"
    rb"regex|pattern|format|label|prompt|help|error|message|expir\w*|ttl|algorithm|class|count|limit|version|"
    rb"endpoint|host|port|kind|mode|scope|scopes|env|var|variable|index|offset|position|ref|arn|manager|provider|"
    rb"store|service|region|tokens|validator\w*|reset\w*|max|min|usage|budget|hash|hasher\w*|digest|title|text|desc\w*|last[_-]?used|"
    rb"startswith|endswith|contains|amz-credential|"
    # Where a list goes on, which of two requests is one, what stands in public in the DNS.
    rb"(?:next|continuation|page|pagination|resume|change|request|idempotency|verification)[_-]?token|"
    rb"cached?_(?:\w+_)?key)s?$"
)
_LOCAL = re.compile(
    rb"(?i)^(?:localhost|127\.0\.0\.1|host(?:name)?\d*|(?:.*\.)?example(?:\.\w+)?|.*\.test)$"
)


def always(_secret: bytes, _name: bytes) -> bool:
    return True


def _token(least: float, secret: bytes, _name: bytes) -> bool:
    """Whether a token of a known form is more than its vendor's example of one."""
    return _entropy(secret) >= least and b"EXAMPLE" not in secret


def _jwt(least: float, secret: bytes, name: bytes) -> bool:
    """Whether a signed token says more than `{"sub": "foo"}`."""
    claims = secret.split(b".")[1]
    try:
        said = json.loads(base64.urlsafe_b64decode(claims + b"=" * (-len(claims) % 4)))
    except (ValueError, RecursionError):
        return _token(least, secret, name)
    values = list(said.values()) if isinstance(said, dict) else []
    words = [one.encode() for one in values if isinstance(one, str) and one.isascii()]
    return not words or len(words) < len(values) or not all(_said(one) for one in words)


def of_theirs(least: float, allow: Iterable[str], secret: bytes, _name: bytes) -> bool:
    if _entropy(secret) < least or (not least and not _has_digit(secret)):
        return False
    if _NO_SECRET.search(secret):
        return False
    return not any(regex(text.encode()).search(secret) for text in allow)


def _strong(least: float, secret: bytes, name: bytes) -> bool:
    """Whether a long value is random, whatever it stands under."""
    if len(secret) < 16 or not _has_digit(secret) or not re.search(rb"[A-Za-z]", secret):
        return False
    hexadecimal = re.fullmatch(rb"[0-9a-f-]+|[0-9A-F-]+", secret)
    if _entropy(secret) < (3.0 if hexadecimal else max(least, 3.5)) or _not_a_value(secret):
        return False
    return bool(hexadecimal) or not _wordy(secret)


def _plain(_least: float, secret: bytes, _name: bytes) -> bool:
    """Whether a value that can be nothing but a secret is more than a placeholder."""
    return not _not_a_value(secret.partition(b"\\n")[0])


def _url(least: float, secret: bytes, host: bytes) -> bool:
    """Whether what stands between `:` and `@host` is a password that somebody uses."""
    several = re.split(rb"@[\w.-]+(?::\w+)?[/\w]*[;,](?:[\w+.-]+://)?[^:@]*:", secret)
    if len(several) > 1:  # of an address with a list of hosts
        return any(_url(least, one, host) for one in several)
    plain = urllib.parse.unquote_to_bytes(secret)
    if re.fullmatch(rb"[a-z]{3,6}", plain) and _sayable(plain):
        return False  # a word as in a manual, scott:tiger
    if _LOCAL.search(host) and not _has_digit(plain) and _wordy(plain):
        return False
    if _not_a_value(secret) or _not_a_value(plain) or re.match(rb"\d{1,5}(?:[/?#]|$)", secret):
        return False
    return not re.search(rb"[(){}<>\[\]]", secret) or _mixed(secret)


def _password(_least: float, secret: bytes, _name: bytes) -> bool:
    """Whether a value that stands where a password does is one."""
    return (
        len(secret) >= 4 and not _not_a_value(secret) and _kinds(secret) >= 2 and not _code(secret)
    )


def _pair(_least: float, secret: bytes, _name: bytes) -> bool:
    """Whether a value is `user:password` in base64."""
    try:
        said = base64.b64decode(secret + b"=" * (-len(secret) % 4), validate=True)
    except (ValueError, binascii.Error):
        return False
    user, colon, guard = said.partition(b":")
    return bool(colon and guard and said.isascii() and said.decode().isprintable()) and not (
        _not_a_value(guard) or (_not_a_value(user) and user.lower() == guard.lower())
    )


def _named(_least: float, secret: bytes, name: bytes) -> bool:
    """Whether a value under a telling name is a secret; no program's code stands here."""
    if not _SIGN.search(secret) or _not_a_value(secret) or _an_id(secret, name) or _no_name(name):
        return False
    if _strong(0.0, secret, name):
        return True
    if _PASSWORD_NAME.search(name):
        return len(secret) >= 6 and _kinds(secret) >= 2 and not _code(secret)
    return len(secret) >= 10 and _has_digit(secret) and _mixed(secret) and not _code(secret)


def _quoted(_least: float, secret: bytes, name: bytes) -> bool:
    """Whether a literal that is assigned to a telling name is a secret."""
    if b" " in secret or b"\\" in secret or not _SIGN.search(secret):  # the quickest first
        return False
    if _not_a_value(secret) or _an_id(secret, name) or _no_name(name):
        return False
    if _code(secret) or re.fullmatch(rb"[A-Z]+(?:_[A-Z0-9]+)+", secret):
        return False
    if _strong(0.0, secret, name):
        return True
    if _PASSWORD_NAME.search(name):
        return len(secret) >= 7 and (_mixed(secret) or _kinds(secret) >= 3) and _kinds(secret) >= 2
    return len(secret) >= 12 and _has_digit(secret) and _mixed(secret)


def _line(_least: float, secret: bytes, name: bytes) -> bool:
    """Whether an unquoted value that is alone in its line, after a telling name, is a secret."""
    secret = re.sub(rb"(?:\\[nrt])+$", b"", secret)  # a line in a text of code
    if not _named(0.0, secret, name):
        return False
    return _mixed(secret) or not _wordy(secret) or not re.fullmatch(rb"[A-Za-z_.]*\d?", secret)


def _inline(_least: float, secret: bytes, name: bytes) -> bool:
    """Whether what follows `NAME=` in the middle of a line is a secret: in code it seldom is."""
    plain = re.sub(rb"(?:\\[nrt])+$", b"", secret)
    return _line(0.0, secret, name) and (_mixed(plain) or name.isupper())


def _option(_least: float, secret: bytes, name: bytes) -> bool:
    """Whether what follows an option of a command is a secret."""
    return (
        not _no_name(name)
        and _password(0.0, secret, name)
        and (_mixed(secret) or not _wordy(secret))
    )


JUDGES: dict[str, Callable[[float, bytes, bytes], bool]] = {
    "token": _token, "jwt": _jwt, "strong": _strong, "plain": _plain, "url": _url,
    "password": _password, "pair": _pair, "named": _named, "quoted": _quoted, "line": _line,
    "inline": _inline, "option": _option,
}  # fmt: skip


def _no_name(name: bytes) -> bool:
    """Whether a name that holds a telling word is about something else: token_url, key_id."""
    return bool(_NO_NAME.search(name) or _no_names().search(name))


@functools.cache
def _no_names() -> Any:
    return regex("|".join(f"(?:{text})" for text in gitleaks()["no_names"]).encode())


def _an_id(secret: bytes, name: bytes) -> bool:
    """Whether a value is the id of a request that is called its token."""
    return bool(_UUID.fullmatch(secret)) and not _GUARDED_NAME.search(name)


def empty(secret: bytes) -> bool:
    """Whether a value says itself that it is none: a placeholder or a template."""
    return bool(_NO_SECRET.search(secret) or _TEMPLATE.search(secret))


def _not_a_value(secret: bytes) -> bool:
    """Whether a value is a placeholder, a template or the name of where the secret is."""
    if len(secret) > _LONGEST or empty(secret):
        return True
    if _ALGORITHM.search(secret) and not _mixed(secret):
        return True
    if _JWT.fullmatch(secret) and not _jwt(0.0, secret, b""):
        return True
    return _said(secret) or len(set(secret)) < 3


def _said(secret: bytes) -> bool:
    """Whether a value is a word for what would stand there: password, MyS3cret!, secret1."""
    letters = re.sub(rb"[^a-z]", b"", secret.lower())
    if letters in _PLACEHOLDERS:
        return True
    ways = (letters, re.sub(rb"[^a-z]", b"", secret.lower().translate(_LEET)))
    found = (_SAID.fullmatch(one) for one in ways if len(one) <= 40)
    return any(one and one["core"] for one in found)


def _code(secret: bytes) -> bool:
    """Whether an unquoted value is a call, an item or an attribute rather than a word."""
    call = _CALL.match(secret)
    if call:
        return not _mixed(call[1])
    return bool(_DOTTED.match(secret.rstrip(b")],;"))) and not _mixed(secret)


def _kinds(secret: bytes) -> int:
    """How many of small letters, capitals, digits and other characters there are."""
    patterns = (rb"[a-z]", rb"[A-Z]", rb"[0-9]", rb"[^A-Za-z0-9_.-]")
    return sum(bool(re.search(pattern, secret)) for pattern in patterns)


def _has_digit(secret: bytes) -> bool:
    return any(char in b"0123456789" for char in secret)


def _mixed(secret: bytes) -> bool:
    """Whether letters, digits and signs change as often as in what nobody says aloud."""
    pieces = _PIECES.findall(secret)
    return len(pieces) >= 3 and _kinds(secret) >= 2 and len(secret) / len(pieces) <= 2.4


def _wordy(secret: bytes) -> bool:
    """Whether most of a value is words: pieces of four letters and more."""
    words = sum(len(one) for one in _PIECES.findall(secret) if len(one) >= 4 and _sayable(one))
    return words > len(secret) / 2


def _sayable(piece: bytes) -> bool:
    """Whether a run of letters has as many vowels as words have."""
    return piece.isalpha() and 4 * len(re.findall(rb"(?i)[aeiouy]", piece)) >= len(piece)


def _entropy(value: bytes) -> float:
    """Return Shannon's entropy of a value, in bits per character."""
    total = len(value)
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values())
