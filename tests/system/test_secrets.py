import importlib
import itertools
import json
import random
import re
import string
from pathlib import Path

import pytest
from bundle.conftest import AWS, GITHUB, RSA, examples
from hypothesis import given
from hypothesis import strategies as st
from support import secret_forms

from piste.system import secrets
from piste.system.re2_bytes import regex
from piste.system.secret_policy import BUILT_IN, Policy
from piste.system.secret_shapes import PRINTED, SHAPES

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
    "azure-key": "AccountKey=" + some(86) + "==",
    "digitalocean-token": "dop_v1_" + some(64, HEX),
    "databricks-token": "dapi" + some(32, HEX),
    "hashicorp-token": "hvs." + some(90),
    "shopify-token": "shpat_" + some(32, HEX),
    "age-secret-key": "AGE-SECRET-KEY-1" + some(58, UPPER),
    "private-key": RSA,
    "url-password": "postgres://admin:" + some(14) + "@db.example.org/x",
    "assigned-secret": f"client_secret: '{some(30)}7'",
    "set-secret": f"\nSESSION_SECRET={some(30)}7\n",
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


JWT = "eyJhbGciOiJIUzI1NiJ9.{}.9ynBhPJ3ElbZfd8TPPYVsWqdhxvtSpQmVxAiRqbrPzc"


@pytest.mark.parametrize(
    "harmless",
    [
        # What a manual or a test writes where a password would stand.
        'password = "MyS3cretPa$$word"',
        'secret_key = "EXPRESS_53cr37"',
        "password: VeryStrongPasswordHere!",
        "vcenter_password: @VMWARE_PASSWORD",
        f'token = "{JWT.format("eyJzdWIiOiJmb28ifQ")}"',  # {"sub": "foo"}
        f'{{"Authorization": "Bearer {JWT.format("eyJkYXRhIjoiZm9vIn0")}"}}',
        'f.write("machine example.org login aaaa password bbbb\\n")',
        # Addresses.
        "mysql://scott:tiger@localhost/foo",
        "redis://:mypass@cache1:6379/0",
        "sentinel://:secret1@h1:26379;sentinel://:secret2@h2:26379/0",
        "mongodb://user:pass1@host1:27017,user:pass2@host2:27017/db",
        "transport://userid:password@hostname:port//;transport://userid:password@hostname:port//",
        "http://foo:bar@baz@example.com",
        "https://jo:a%20secret@example.org:1234/",
        # Names of something else.
        '"ChangeToken": "abcd12f2-46da-4fdb-b8d5-fbd4c466928f"',
        '"NextToken": "JqBdtVdGsvMjUysyEgwy/jVBCGAjj9G4/ivkfsXHt9A="',
        "<nextToken>JqBdtVdGsvMjUysyEgwy/jVBCGAjj9G4/ivkfsXHt9A=</nextToken>",
        '"PasswordLastUsed": "2016-09-08T21:47:36Z"',
        "token_cache_key = '32096c2e0eff33d844ee6d675407ace18289357d'",
        "credential_scope_region = 'us-east-1'",
        "credential = 'access_key/20110909/us-west-2/ec2/aws4_request'",
        'filter(password__startswith="crypt$$")',
        # A list, a constraint, a constant and a refspec.
        '"access_token",\n"S3StagingLocation",\n',
        "pip install passlib==1.7.4",
        "f.write('aws_secret_access_key=FROM_CREDS_FILE_2\\n')",
        "git push upstream -u stable/5.2.x:stable/5.2.x",
    ],
)
def test_what_tests_and_manuals_are_full_of_is_left_alone(harmless: str) -> None:
    assert secrets.find(harmless.encode()) == ()


def test_an_example_of_its_vendor_is_no_key() -> None:
    assert secrets.find(b'"AccessKeyId": "AKIA' + b'IOSFODNN7EXAMPLE"') == ()


@pytest.mark.parametrize("value", sorted(PRINTED))
def test_what_a_manual_or_a_standard_prints_is_no_secret(value: bytes) -> None:
    """And with another end it is one."""
    text = b"SECRET_KEY = '%s'\nAuthorization: Bearer %s\n"

    assert secrets.find(text % (value, value)) == ()
    assert secrets.find(text % (value + b"7", value + b"7"))


@pytest.mark.parametrize(
    "text",
    [
        'os.environ.get(\n    "DB_PASSWORD",\n    "{}",\n)',  # on several lines, as Black has it
        "redis://:{}@h1:26379;redis://:secret2@h2:26379/0",
        "mysql://scott:{}@localhost/foo",
        "f.write('DB_PASSWORD={}\\n')",
        "change_token_secret: {}",
        'api_key = "0b1c2d3e-46da-4fdb-b8d5-{}00"',
    ],
)
def test_a_secret_beside_such_a_form_is_found(text: str) -> None:
    assert "[masked:" in masked(text.format("b81Tq4e7F2" if "0b1c" not in text else "fbd4c46692"))


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
    assert alone(text) <= set(secrets._worth_trying(text, ()))


def alone(text: bytes) -> set[int]:
    """Return the numbers of the rules that find something where each looks at all of a text."""
    rules = enumerate(secrets._rules(()))
    return {n for n, rule in rules if any(secrets._matches(rule, text, 0, len(text)))}


PLANTED = secret_forms.forms()


def masked(text: str, policy: Policy = BUILT_IN) -> str:
    data = text.encode()
    return secrets.mask(data, secrets.find(data, policy)).decode()


def test_there_are_forms_enough() -> None:
    assert len(PLANTED) >= 180
    assert len({one.kind for one in PLANTED}) == len(PLANTED)


@pytest.mark.parametrize("seed", range(4))
def test_nearly_every_planted_secret_is_found(seed: int) -> None:
    planted = secret_forms.forms(seed)

    shown = [
        one.kind
        for one in planted
        if any(line in masked(one.text) for line in one.secret.split("\n"))
    ]

    assert len(shown) <= len(planted) // 50, shown  # chance makes a value now and then a word


@pytest.mark.parametrize("planted", PLANTED, ids=lambda one: one.kind)
def test_what_was_masked_is_not_masked_again(planted: secret_forms.Planted) -> None:
    once = masked(planted.text)

    assert masked(once) == once


@pytest.mark.parametrize("planted", PLANTED, ids=lambda one: one.kind)
def test_a_filter_lets_through_what_its_rule_finds(planted: secret_forms.Planted) -> None:
    text = planted.text.encode()

    assert alone(text) <= set(secrets._worth_trying(text, ()))


@pytest.mark.parametrize("planted", PLANTED, ids=lambda one: one.kind)
@pytest.mark.parametrize("seam", [1, 100, 700])
def test_in_a_long_text_the_same_is_found(planted: secret_forms.Planted, seam: int) -> None:
    """Where the first piece of a long text ends within the secret, too."""
    text = b"\n" + planted.text.encode() + b"\n"
    before = b"x = y\n" * ((secrets._PIECE - min(seam, len(text))) // 6)
    found = [(a + len(before), b + len(before), rule) for a, b, rule in secrets.find(text)]

    assert list(secrets.find(before + text + b"x = y\n" * secrets._PIECE)) == found


def test_in_a_long_line_a_token_at_a_seam_is_found() -> None:
    for at in range(secrets._PIECE - len(GITHUB) - 2, secrets._PIECE + 2):
        line = b"." * at + GITHUB.encode() + b"." * 4 * secrets._PIECE

        assert secrets.find(line) == ((at, at + len(GITHUB), "github-token"),)


def test_what_goes_on_for_long_is_masked_to_its_end() -> None:
    head, *_, end = RSA.splitlines()
    lines = f"{'MIIB' * 16}\n" * 1000
    text = f"{head}\n{lines}{end}\n" + "x = y\n" * secrets._PIECE

    assert secrets.find(text.encode()) == ((0, text.index("\nx = y"), "private-key"),)


def test_a_word_that_may_stand_anywhere_counts_for_the_whole_text() -> None:
    token = some(16, "56789") + "|" + some(30, string.ascii_lowercase + string.digits)
    text = "# facebook\n" + "x = y\n" * secrets._PIECE + f'"{token}"\n'

    assert token not in masked(text)


def test_a_persons_own_pattern_may_go_on_for_long() -> None:
    own = Policy(patterns=("(?s)BEGIN OURS.*END OURS",))
    text = "BEGIN OURS\n" + "x = y\n" * secrets._PIECE + "END OURS\n"

    assert masked(text, own) == "[masked: own-pattern]" + "\n" * (text.count("\n") - 1) + "\n"


_ASCII = st.characters(codec="ascii")


@pytest.mark.parametrize("name", SHAPES)
def test_the_cue_of_a_shape_is_in_all_that_the_shape_finds(name: str) -> None:
    rules = secrets._rules(())
    number = next(n for n, rule in enumerate(rules) if rule.name == name)
    written = re.compile(SHAPES[name].pattern.decode(), re.ASCII)

    @examples
    @given(st.from_regex(written, fullmatch=True, alphabet=_ASCII))
    def tried_where_it_finds(made: str) -> None:
        text = f"\n{made}\n".encode()
        if any(secrets._matches(rules[number], text, 0, len(text))):
            assert number in set(secrets._worth_trying(text, ()))

    tried_where_it_finds()


def test_in_the_text_of_real_packages_next_to_nothing_is_masked() -> None:
    """At most one in a hundred files: what is masked there is no secret of anybody's."""
    texts = []
    for name in ("click", "doit", "jinja2", "llm", "markdown_it", "pathspec", "pygments", "rich"):
        folder = Path(str(importlib.import_module(name).__file__)).parent
        texts += [path.read_bytes() for path in sorted(folder.rglob("*.py"))]

    found = [one for text in texts for one in secrets.find(text)]

    assert len(texts) > 500
    assert len(found) <= len(texts) // 100, found


def test_a_line_that_says_so_holds_no_secret() -> None:
    allowed = f'token = "{GITHUB}"  # piste:allow\n'

    assert masked(allowed) == allowed
    assert GITHUB not in masked(f"{allowed}other = '{GITHUB}'\n").removeprefix(allowed)


def test_a_persons_own_patterns_find_more_and_allow_less() -> None:
    own = Policy(patterns=("ACME-[0-9]{6}", "(?i)badge: ([a-z]+)"), allow=("^ghp_",))

    assert masked(f"ACME-123456, badge: blue, {GITHUB}", own) == (
        f"[masked: own-pattern], badge: [masked: own-pattern], {GITHUB}"
    )


def test_another_policy_has_another_version() -> None:
    assert secrets.version() == secrets.version(Policy())
    assert secrets.version() != secrets.version(Policy(allow=("x",)))


def test_the_rules_of_gitleaks_come_with_their_licence_and_version() -> None:
    folder = Path(secrets.__file__).parent
    data = json.loads((folder / "secret_rules.json").read_bytes())

    assert "MIT License" in (folder / "secret_rules.LICENSE").read_text()
    assert data["version"].startswith("v8.")
    assert len(data["rules"]) > 150
    assert all(regex(rule["pattern"].encode()) for rule in data["rules"])
