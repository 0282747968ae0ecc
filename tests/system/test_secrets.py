import itertools
import random
import string

import pytest
from bundle.conftest import AWS, GITHUB, RSA, examples
from hypothesis import given
from hypothesis import strategies as st

from piste.system import secrets

_RNG = random.Random(7)


def some(length: int, letters: str = string.ascii_letters + string.digits) -> str:
    """Return a made token, so that this file holds nothing that looks like one."""
    return "".join(_RNG.choices(letters, k=length))


HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + string.digits
TOKENS = {
    "aws-access-key": AWS,
    "github-token": GITHUB,
    "gitlab-token": "glpat-" + some(20),
    "slack-token": "xoxb-" + some(12, string.digits) + "-" + some(24),
    "stripe-key": "sk_live_" + some(24),
    "google-api-key": "AIza" + some(35),
    "jwt": f"eyJ{some(20)}.eyJ{some(30)}.{some(40)}",
    "openai-key": "sk-proj-" + some(60),
    "anthropic-key": "sk-ant-api03-" + some(93) + "AA",
    "huggingface-token": "hf_" + some(34, string.ascii_letters),
    "npm-token": "npm_" + some(36),
    "pypi-token": "pypi-AgEIcHlwaS5vcmc" + some(70),
    "sendgrid-key": f"SG.{some(22)}.{some(43)}",
    "twilio-key": "SK" + some(32, HEX),
    "telegram-token": some(9, "123456789") + ":AA" + some(33),
    "azure-storage-key": "AccountKey=" + some(86) + "==",
    "digitalocean-token": "dop_v1_" + some(64, HEX),
    "databricks-token": "dapi" + some(32, HEX),
    "hashicorp-token": "hvs." + some(90),
    "shopify-token": "shpat_" + some(32, HEX),
    "age-secret-key": "AGE-SECRET-KEY-1" + some(58, UPPER),
    "private-key": RSA,
    "url-password": "postgres://admin:" + some(14) + "@db.example.org/x",
    "assigned-secret": f"client_secret: '{some(30)}7'",
    "assigned-in-environment": f"\nSESSION_SECRET={some(30)}7\n",
    "aws-secret-key": f"aws_secret_access_key = {some(38)}7/",
}


@pytest.mark.parametrize("rule", TOKENS)
@pytest.mark.parametrize("around", ["{}", "x = {}\n", "before\n{}\nafter", "({})"])
def test_a_token_is_found_and_called_by_its_rule(rule: str, around: str) -> None:
    text = around.format(TOKENS[rule]).encode()
    if rule == "aws-secret-key" and around == "({})":
        text = text.replace(b")", b" )")

    assert [found.rule for found in secrets.find(text)] == [rule]


@pytest.mark.parametrize(
    "harmless",
    [
        "https://user:password@example.org/",
        "https://${USER}:${PASSWORD}@example.org/",
        'password = "correct horse battery staple"',
        "password = get_password(request.user.password_hash)",
        'token = "AnonymousUserTokenName"',
        'secret_key = "xxxxxxxxxxxxxxxxxxxxxxxx"',
        "-----BEGIN PUBLIC KEY-----\n" + "A" * 64,
        '"-----BEGIN PRIVATE KEY-----" in text and text.endswith("-----END PRIVATE KEY-----")',
        "AKIA is what an access key begins with",
        "sk_live_ and ghp_ are prefixes",
        "sha256:" + "0123456789abcdef" * 4,
        "commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
    ],
)
def test_what_only_looks_a_little_like_a_secret_is_left_alone(harmless: str) -> None:
    assert secrets.find(harmless.encode()) == ()


def test_two_rules_that_see_one_secret_mask_it_once_under_the_more_telling_name() -> None:
    text = f'token = "{GITHUB}"\n'.encode()

    assert secrets.mask(text, secrets.find(text)) == b'token = "[masked: github-token]"\n'


def test_a_private_key_in_code_is_masked_without_the_code_around_it() -> None:
    in_code = "KEY = (\n" + "".join(f'    "{line}\\n"\n' for line in RSA.split("\n")) + ")\nx = 1\n"
    in_json = '{"private_key": "' + RSA.replace("\n", "\\n") + '", "other": 1}'

    masked = [
        secrets.mask(text.encode(), secrets.find(text.encode())) for text in (in_code, in_json)
    ]

    assert masked[0].startswith(b'KEY = (\n    "[masked: private-key]\n')
    assert masked[0].endswith(b'\\n"\n)\nx = 1\n')
    assert masked[0].count(b"\n") == in_code.count("\n")
    assert masked[1] == b'{"private_key": "[masked: private-key]", "other": 1}'


@examples
@given(st.binary(max_size=200), st.sampled_from(sorted(TOKENS)), st.binary(max_size=200))
def test_masking_takes_out_what_was_found_and_nothing_else(
    before: bytes, rule: str, after: bytes
) -> None:
    text = before + b"\n" + TOKENS[rule].encode() + b"\n" + after
    found = secrets.find(text)

    masked = secrets.mask(text, found)

    assert masked.count(b"\n") == text.count(b"\n")
    kept = [
        text[a:b]
        for a, b in zip(
            [0, *(f.end for f in found)], [*(f.start for f in found), None], strict=True
        )
    ]
    assert all(part in masked for part in kept)
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))


@examples
@given(
    st.lists(
        st.one_of(
            st.sampled_from([text.encode() for text in TOKENS.values()]),
            st.sampled_from([b"token = '", b"'", b"\n", b"://", b"@", b"aws secret ", b"SECRET="]),
            st.binary(max_size=30),
        ),
        max_size=12,
    ).map(b"".join)
)
def test_all_shapes_at_once_find_what_each_finds_alone(text: bytes) -> None:
    shapes, rules = secrets._compiled()

    together = set(shapes.Match(text) or ())

    alone = {index for index, (_, rule) in enumerate(rules) if rule.search(text)}
    assert alone <= together


def test_every_loose_shape_lets_through_what_its_rule_finds() -> None:
    for rule in secrets._LOOSE:
        text = TOKENS[rule].encode()
        assert any(found.rule == rule for found in secrets.find(text))
