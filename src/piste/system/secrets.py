"""Secrets in a text: found by the shapes of known tokens, and masked.

The shapes are those that gitleaks and detect-secrets look for: what each vendor says of
its tokens (a prefix, an alphabet, a length), private keys, passwords in URLs, and values
of high entropy that are assigned to a name such as `api_key`. The engine is RE2: all shapes
in one pass, in time linear in the text whatever a hostile file holds, where `re` needs
fifteen times as long for as many shapes.

It does not know whether a secret is alive, and a secret without a known shape that is not
assigned to a telling name is not found.
"""

import functools
import hashlib
import math
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import re2

_KEY = rb"(?:\\[nrt]|[\s\"'+\\,;#*>|])"  # what may stand between the lines of a key in code
_NAMES = (
    rb"(?:secret|token|passwd|password|passphrase|api[_-]?key|apikey|access[_-]?key|"
    rb"auth[_-]?key|private[_-]?key|encryption[_-]?key|signing[_-]?key|credentials?)"
)

# The most telling first. The pattern's group, where it has one, is the secret; else all of it.
_RULES: dict[str, bytes] = {
    "private-key": rb"-----BEGIN[ A-Z0-9_-]{0,60}PRIVATE KEY(?: BLOCK)?-----" + _KEY + rb"{1,40}"
    rb"(?:(?:Proc-Type|DEK-Info|Version|Comment|Hash): [^\n]{0,100}" + _KEY + rb"{1,40}){0,4}"
    rb"[A-Za-z0-9+/=]{32,}(?:" + _KEY + rb"{1,40}[A-Za-z0-9+/=]+)*" + _KEY + rb"{0,40}"
    rb"(?:-----END[ A-Z0-9_-]{0,60}PRIVATE KEY(?: BLOCK)?-----)?",
    "age-secret-key": rb"AGE-SECRET-KEY-1[A-Z0-9]{58}",
    "aws-access-key": rb"\b(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    "aws-secret-key": rb"(?i)aws[^\n]{0,30}?(?:secret|private)[^\n]{0,20}?[\s'\"=:>]{1,5}"
    rb"([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)",
    "github-token": rb"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{40,255})\b",
    "gitlab-token": rb"\b(?:gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat)-|GR1348941)[\w-]{20,}",
    "slack-token": rb"\b(?:xox[abeoprs]-(?:\d-)?[A-Za-z0-9-]{10,}|xapp-\d-[A-Z0-9]+-\d+-[a-z0-9]+)",
    "slack-webhook": rb"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9+/]{40,60})",
    "stripe-key": rb"\b(?:[rs]k_(?:live|test|prod)_[A-Za-z0-9]{10,99}|whsec_[A-Za-z0-9]{32,64})\b",
    "google-api-key": rb"\b(AIza[\w-]{35})(?:[^\w-]|$)",
    "google-oauth": rb"\b(?:ya29\.[\w-]{30,}|GOCSPX-[\w-]{28}|1//0[\w-]{40,})",
    "jwt": rb"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "openai-key": rb"\bsk-(?:[\w-]{0,120}T3BlbkFJ[\w-]{20,}|proj-[\w-]{40,}|[A-Za-z0-9]{48}\b)",
    "anthropic-key": rb"\bsk-ant-[a-z0-9]{3,12}-[\w-]{20,}",
    "openrouter-key": rb"\bsk-or-v1-[a-f0-9]{64}\b",
    "groq-key": rb"\bgsk_[A-Za-z0-9]{52}\b",
    "huggingface-token": rb"\b(?:hf|api_org)_[A-Za-z]{34}\b",
    "perplexity-key": rb"\bpplx-[A-Za-z0-9]{48}\b",
    "replicate-token": rb"\br8_[A-Za-z0-9]{37}\b",
    "xai-key": rb"\bxai-[A-Za-z0-9]{80}\b",
    "npm-token": rb"\bnpm_[A-Za-z0-9]{36}\b",
    "pypi-token": rb"\bpypi-Ag[A-Za-z0-9][\w-]{50,}",
    "rubygems-token": rb"\brubygems_[a-f0-9]{48}\b",
    "cargo-token": rb"\bcio[A-Za-z0-9]{32}\b",
    "clojars-token": rb"\bCLOJARS_[a-z0-9]{60}\b",
    "docker-token": rb"\bdckr_(?:pat|oat)_[\w-]{27,}",
    "sendgrid-key": rb"\bSG\.[\w-]{16,32}\.[\w-]{16,64}",
    "brevo-key": rb"\bxkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}\b",
    "mailchimp-key": rb"\b[a-f0-9]{32}-us[0-9]{1,2}\b",
    "mailgun-key": rb"\b(?:key|pubkey)-[a-f0-9]{32}\b",
    "twilio-key": rb"\bSK[a-f0-9]{32}\b",
    "telegram-token": rb"\b[0-9]{8,10}:AA[\w-]{33}\b",
    "discord-token": rb"\b[MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27,38}\b",
    "discord-webhook": rb"discord(?:app)?\.com/api/webhooks/([0-9]{17,20}/[\w-]{60,})",
    "azure-storage-key": rb"(?i)AccountKey=([A-Za-z0-9+/]{86}==)",
    "azure-client-secret": rb"\b([\w~.]{3}[0-9]Q~[\w~.-]{31,34})(?:[^\w~.-]|$)",
    "alibaba-key": rb"\bLTAI[A-Za-z0-9]{20}\b",
    "digitalocean-token": rb"\bdo[opr]_v1_[a-f0-9]{64}\b",
    "cloudflare-key": rb"\bv1\.0-[a-f0-9]{24}-[a-f0-9]{146}\b",
    "databricks-token": rb"\bdapi[a-f0-9]{32}(?:-[0-9])?\b",
    "doppler-token": rb"\bdp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._-]{40,60}",
    "dynatrace-token": rb"\bdt0c01\.[A-Z0-9]{24}\.[A-Z0-9]{64}\b",
    "grafana-token": rb"\b(?:glc_[A-Za-z0-9+/]{32,}={0,2}|glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8})",
    "hashicorp-token": rb"\b(?:hv[sbr]\.[\w-]{24,}|[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,70})",
    "heroku-key": rb"\bHRKU-AA[\w-]{58}\b",
    "linear-key": rb"\blin_(?:api|oauth)_[A-Za-z0-9]{40,}\b",
    "netlify-token": rb"\bnf[pcob]_[A-Za-z0-9_-]{36,}\b",
    "newrelic-key": rb"\bNR(?:AK-[A-Z0-9]{27}|JS-[a-f0-9]{19}|II-[\w-]{32})",
    "notion-token": rb"\bntn_[0-9]{11}[A-Za-z0-9]{32,35}\b",
    "planetscale-token": rb"\bpscale_(?:tkn|oauth|pw)_[\w=.-]{32,64}",
    "postman-key": rb"\bPMAK-[a-f0-9]{24}-[a-f0-9]{34}\b",
    "pulumi-token": rb"\bpul-[a-f0-9]{40}\b",
    "sentry-token": rb"\b(?:sntryu_[a-f0-9]{64}|sntrys_eyJ[\w=/+-]{60,})",
    "shippo-token": rb"\bshippo_(?:live|test)_[a-fA-F0-9]{40}\b",
    "shopify-token": rb"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b",
    "sonar-token": rb"\bsq[upa]_[a-f0-9]{40}\b",
    "square-token": rb"\b(?:EAAA[\w-]{60}|sq0(?:atp|csp|idp)-[\w-]{22,43})\b",
    "supabase-token": rb"\bsb(?:p|_secret)_[A-Za-z0-9_]{31,}\b",
    "tailscale-key": rb"\btskey-(?:auth|api|client|scim|webhook)-[A-Za-z0-9-]{20,}",
    "airtable-token": rb"\bpat[A-Za-z0-9]{14}\.[a-f0-9]{64}\b",
    "atlassian-token": rb"\bAT(?:ATT|CTT)3[\w=-]{60,}",
    "artifactory-key": rb"\b(?:AKCp[A-Za-z0-9]{69}|cmVmd[A-Za-z0-9]{59})\b",
    "dropbox-token": rb"\bsl\.[\w-]{130,}",
    "facebook-token": rb"\bEAA[MC][A-Za-z0-9]{100,}\b",
    "figma-token": rb"\bfig[dour]h?_[\w-]{40,}",
    "onepassword-token": rb"\bops_eyJ[A-Za-z0-9+/]{250,}",
    "url-password": rb"\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s:/@'\"<>{}$%*()\[\]\\]{0,64}:"
    rb"([^\s:/@'\"<>{}$%*()\[\]\\]{3,100})@[\w.-]+",
    "assigned-secret": rb"(?i)[\w.-]{0,40}" + _NAMES + rb"[\w.-]{0,20}['\"]?\]?\s{0,5}"
    rb"(?::=|=>|=|:)\s{0,5}[a-z]{0,2}['\"]([\w+/=.~-]{16,150})['\"]",
    "assigned-in-environment": rb"(?m)^(?:export )?[A-Z0-9_]{0,40}(?:SECRET|TOKEN|PASSWORD|"
    rb"PASSWD|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY)[A-Z0-9_]{0,20}=([\w+/=.~-]{16,150})$",
}

# For the one pass over everything: looser shapes of these, without counted repetitions. The
# counts of several rules multiply in one automaton; with these it is seven times quicker.
_LOOSE = {
    "aws-secret-key": rb"(?i)aws[^\n]*?(?:secret|private)[^\n]*?[\s'\"=:>][A-Za-z0-9/+]{40}",
    "url-password": rb"://[^\s:/@'\"<>{}$%*()\[\]\\]*:[^\s:/@'\"<>{}$%*()\[\]\\]+@\w",
    "assigned-secret": rb"(?i)" + _NAMES + rb"[\w.-]*['\"]?\]?\s*[:=][=>]?\s*[a-z]*['\"]"
    rb"[\w+/=.~-]{16}",
    "assigned-in-environment": rb"(?:SECRET|TOKEN|PASSWORD|PASSWD|API_?KEY|ACCESS_?KEY|"
    rb"PRIVATE_?KEY)[A-Z0-9_]*=[\w+/=.~-]{16}",
}

# Bits per character that a value needs to be taken for random; hex has 4 at most, and the
# words of a program stay below 3.5 in this length (the threshold of gitleaks' generic rule).
_ENTROPY = {
    "assigned-secret": 3.5,
    "assigned-in-environment": 3.5,
    "aws-secret-key": 3.5,
    "cargo-token": 3.5,
    "discord-token": 3.5,
    "azure-client-secret": 3.0,
    "dropbox-token": 3.5,
}
_NEED_DIGIT = {"assigned-secret", "assigned-in-environment", "aws-secret-key", "cargo-token"}
_PLACEHOLDERS = frozenset(
    b"password passwd pass pwd secret user username example changeme token key test xxx foo bar "
    b"baz hunter2 *** ... 123456 admin guest anonymous pw passw0rd mypassword userpass".split()
)
# RE2's bound on the automaton, in bytes; it is used as the texts need it. Below some 10 MiB
# the states of all shapes are thrown away and built again without end.
_MEMORY = 48 << 20

VERSION = hashlib.sha256(repr((_RULES, _ENTROPY, sorted(_PLACEHOLDERS))).encode()).hexdigest()[:16]
"""Changes when the rules do: results that were kept for other rules are not used."""


class Finding(NamedTuple):
    """A secret: where it stands in the text (bytes), and the rule that found it."""

    start: int
    end: int
    rule: str


def find(body: bytes) -> tuple[Finding, ...]:
    """Return the secrets of a UTF-8 text, in their order, none overlapping another.

    Where two rules see one secret it is called by the more telling of them.
    """
    shapes, rules = _compiled()
    found: list[tuple[int, int, int]] = []
    for index in shapes.Match(body) or ():
        name, rule = rules[index]
        for match in rule.finditer(body):
            start, end = match.span(1 if rule.groups else 0)
            if _likely(name, body[start:end]):
                found.append((start, end, index))
    merged: list[tuple[int, int, int]] = []
    for start, end, index in sorted(found):
        if merged and start < merged[-1][1]:
            first, last, other = merged[-1]
            merged[-1] = (first, max(last, end), min(other, index))
        else:
            merged.append((start, end, index))
    return tuple(Finding(start, end, rules[index][0]) for start, end, index in merged)


def mask(body: bytes, findings: Iterable[tuple[int, int, str]]) -> bytes:
    """Return the text with each secret replaced; its line ends stay, so lines keep their number."""
    parts: list[bytes] = []
    at = 0
    for start, end, rule in findings:
        lines = body.count(b"\n", start, end)
        parts += [body[at:start], f"[masked: {rule}]".encode(), b"\n" * lines]
        at = end
    return b"".join([*parts, body[at:]])


@functools.cache
def _compiled() -> tuple["re2.Set[Any]", list[tuple[str, "re2._Regexp[bytes]"]]]:
    import re2

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes as they are: offsets are ours
    options.max_mem = _MEMORY
    options.log_errors = False
    shapes = re2.Set.SearchSet(options)
    for name, pattern in _RULES.items():
        shapes.Add(_LOOSE.get(name, pattern))
    shapes.Compile()
    return shapes, [(name, re2.compile(pattern, options)) for name, pattern in _RULES.items()]


def _likely(rule: str, secret: bytes) -> bool:
    if rule == "url-password":
        return secret.lower() not in _PLACEHOLDERS and len(set(secret)) > 2
    if rule in _NEED_DIGIT and not any(char in b"0123456789" for char in secret):
        return False
    return _entropy(secret) >= _ENTROPY.get(rule, 0.0)


def _entropy(value: bytes) -> float:
    """Return Shannon's entropy of a value, in bits per character."""
    total = len(value)
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values())
