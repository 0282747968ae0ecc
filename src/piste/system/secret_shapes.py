"""The shapes of secrets that piste knows of itself: plain data for `secrets`.

`secret_rules.json` beside it holds those of gitleaks (`tools/secret_rules.py` renews them). It
does not know how a text is searched; the names of the judges are functions there.
"""

import functools
import json
from pathlib import Path
from typing import Any, NamedTuple

RULES_FILE = Path(__file__).parent / "secret_rules.json"


@functools.cache
def gitleaks() -> dict[str, Any]:
    """Return the rules of gitleaks, and what it takes for no name and no value."""
    found: dict[str, Any] = json.loads(RULES_FILE.read_bytes())
    return found


class Shape(NamedTuple):
    """What one kind of secret looks like."""

    pattern: bytes
    """RE2. The first group that took part is the secret, but `key`: the name it stands under."""
    cue: bytes = b""
    """What a text has to hold for the pattern to be tried; "" is the pattern itself. All cues go
    into one automaton, where counted repetitions, and what may go on for long, multiply."""
    judge: str = "token"
    """How a value is told from what only looks like one."""
    entropy: float = 0.0
    """Bits per character that the value needs; hex has 4 at most, words stay below 3.5."""


_KEY = rb"(?:\\[nrt]|[\s\"'+\\,;#*>|])"  # what may stand between the lines of a key in code
_NAME = (
    rb"(?:secret|token|passwd|password|passphrase|pwd|(?-i:[a-z]Pass|_pass|\bpass|PASS)|"
    rb"(?:api|access|account|app|auth|client|private|crypt(?:o)?|encryption|signing|signature|master|"
    rb"shared|session|license|subscription|storage|service|webhook|hmac|jwt|cookie|deploy|admin)"
    rb"[_-]?key|apikey|psk|credentials?|creds|_auth\b)"
)
_TELLING = rb"(?P<key>[\w.-]*" + _NAME + rb"[\w.-]*)"
_VALUE = rb"([^\s\"'`]+[^\s\"'`,;)\]}>\\])"  # not quoted, to the next space
_TEXT = rb"(?:\"((?:[^\"\\\n]|\\.)+)\"|'((?:[^'\\\n]|\\.)+)'|`([^`\n]+)`)"
_ARGUMENT = rb"(?:\"([^\"\n]+)\"|'([^'\n]+)'|" + _VALUE + rb")"
_SIGN = rb"[0-9!@#$%^&*]"  # what their judges ask of the value that a name is given
_SIGNED = b"(?:" + b"|".join(q + b"[^" + q + rb"\n]*" + _SIGN for q in (b'"', b"'", b"`")) + b")"
_CONNECTED = (
    rb"(?:server|data source|host|hostname|addr|address|endpoint|initial catalog|database|dbname|"
    rb"user ?id|uid|user|user ?name|accountname|sharedaccesskeyname|driver|port)"
)
_GUARD = rb"(?:password|pwd|accountkey|sharedaccesskey|sharedsecretvalue)"

# No counts where a name may stand anywhere: RE2 is linear without them, and the judges look at
# the length.
TELLING = (
    rb"(?i)(?:"
    + _NAME
    + rb"[\w.-]*(?:['\"`\]]*\s*(?:[:=]|\|\||\?[?=]|\+=)|[\"']\s*,|[\"']?[\s,]+[\"']?value)|"
    rb"<[\w:.-]*" + _NAME + rb"|\s--[\w-]*" + _NAME + rb"|"
    rb"(?:ENV[ \t]+|config set )[\w./:-]*" + _NAME + rb"|auth[\w-]*:[ \t])"
)
"""The cue of all shapes that rest on a telling name: it and what must stand beside it."""

# The most telling first: where two see one secret, the first gives it its name.
SHAPES: dict[str, Shape] = {
    "private-key": Shape(
        rb"-----BEGIN[ A-Z0-9_-]{0,60}PRIVATE KEY(?: BLOCK)?-----" + _KEY + rb"{1,40}"
        rb"(?:(?:Proc-Type|DEK-Info|Version|Comment|Hash): [^\n]{0,100}" + _KEY + rb"{1,40}){0,4}"
        rb"[A-Za-z0-9+/=]{32,}(?:" + _KEY + rb"{1,40}[A-Za-z0-9+/=]+)*" + _KEY + rb"{0,40}"
        rb"(?:-----END[ A-Z0-9_-]{0,60}PRIVATE KEY(?: BLOCK)?-----)?",
        rb"-----BEGIN[ A-Z0-9_-]*PRIVATE KEY",
    ),
    "private-key-base64": Shape(
        rb"\b(LS0tLS1CRUdJTi[A-Za-z0-9+/]{0,40}(?:UFJJVkFURSBLRVkt|QUklWQVRFIEtFWS0|BSSVZBVEUgS0VZL)"
        rb"[A-Za-z0-9+/\n ]{40,}={0,2})",
        rb"LS0tLS1CRUdJTi",
    ),
    "putty-key": Shape(
        rb"Private-Lines: \d+\r?\n((?:[A-Za-z0-9+/=]{4,}\r?\n?)+)", rb"Private-Lines: "
    ),
    "age-secret-key": Shape(rb"AGE-SECRET-KEY-1[A-Z0-9]{58}", rb"AGE-SECRET-KEY-1"),
    "aws-access-key": Shape(rb"\b(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b", rb"\b(?:A3T|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]"),
    "aws-secret-key": Shape(
        rb"(?i)aws[\w.\"' -]{0,30}?(?:secret|private)[^\n]{0,20}?[\s'\"=:>]{1,5}"
        rb"([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)",
        rb"(?i)aws[\w.\"' -]*(?:secret|private)",
        "strong",
    ),
    "aws-session-token": Shape(
        rb"\b((?:IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz)[A-Za-z0-9+/=]{80,})",
        rb"IQoJb3JpZ2lu|F[wQ]oGZXIvYXdz",
    ),
    "bedrock-key": Shape(
        rb"\b(?:bedrock-api-key-[A-Za-z0-9+/=]{20,}|ABSK[A-Za-z0-9+/]{60,}={0,2})",
        rb"bedrock-api-key-|\bABSK",
    ),
    "github-token": Shape(
        rb"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{40,255})\b",
        rb"\b(?:gh[pousr]_[A-Za-z0-9]|github_pat_)",
    ),
    "gitlab-token": Shape(
        rb"\b(?:gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat|ffct)-|GR1348941)[\w.-]{19,}[\w-]",
        rb"\bgl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat|ffct)-[\w.-]|GR1348941",
    ),
    "slack-token": Shape(
        rb"\b(?:xox[abeoprs]-(?:\d-)?[A-Za-z0-9-]{10,}|xoxe\.xox[bp]-\d-[A-Za-z0-9]{50,}|"
        rb"xapp-\d-[A-Z0-9]+-\d+-[a-z0-9]+)",
        rb"\bxox[abeoprs][-.]|xapp-\d",
    ),
    "slack-webhook": Shape(
        rb"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9+/]{40,60})",
        rb"hooks\.slack\.com/",
    ),
    "stripe-key": Shape(
        rb"\b(?:[rs]k_(?:live|test|prod)_[A-Za-z0-9]{10,99}|whsec_[A-Za-z0-9+/]{32,64}={0,2})",
        rb"\b(?:[rs]k_(?:live|test|prod)_|whsec_)",
    ),
    "google-api-key": Shape(rb"\b(AIza[\w-]{35})(?:[^\w-]|$)", rb"\bAIza"),
    "google-api-key-2": Shape(rb"\b(AQ\.[A-Za-z0-9][\w-]{30,})", rb"\bAQ\.[A-Za-z0-9]", "strong"),
    "google-oauth": Shape(
        rb"\b(?:ya29\.[\w-]{30,}|GOCSPX-[\w-]{28}|1//0[\w-]{40,})", rb"\b(?:ya29\.|GOCSPX-|1//0)"
    ),
    "jwt": Shape(
        rb"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}", rb"\beyJ[\w-]", "jwt"
    ),
    "openai-key": Shape(
        rb"\bsk-(?:[\w-]{0,120}T3BlbkFJ[\w-]{20,}|(?:proj|svcacct|admin)-[\w-]{40,}|"
        rb"[A-Za-z0-9]{48}\b)",
        rb"\bsk-[\w-]*(?:T3BlbkFJ|proj-|svcacct-|admin-)|\bsk-[A-Za-z0-9]",
    ),
    "anthropic-key": Shape(rb"\bsk-ant-[a-z0-9]{3,12}-[\w-]{20,}", rb"\bsk-ant-"),
    "openrouter-key": Shape(rb"\bsk-or-v1-[a-f0-9]{64}\b", rb"\bsk-or-v1-"),
    "langfuse-key": Shape(rb"\bsk-lf-[a-f0-9-]{32,40}", rb"\bsk-lf-"),
    "deepseek-key": Shape(rb"\bsk-[a-f0-9]{32}\b", rb"\bsk-[a-f0-9]", entropy=3.0),
    "helicone-key": Shape(rb"\bsk-helicone-[a-z0-9-]{24,}", rb"\bsk-helicone-"),
    "litellm-key": Shape(
        rb"\bsk-[A-Za-z0-9_-]{20,47}\b", rb"\bsk-[A-Za-z0-9_-]", "strong", 4.0
    ),
    "groq-key": Shape(rb"\bgsk_[A-Za-z0-9]{52}\b", rb"\bgsk_"),
    "cerebras-key": Shape(rb"\bcsk-[a-z0-9]{40,}\b", rb"\bcsk-"),
    "together-key": Shape(rb"\btgp_v1_[\w-]{40,}", rb"\btgp_v1_"),
    "nvidia-key": Shape(rb"\bnvapi-[\w-]{40,}", rb"\bnvapi-"),
    "langsmith-key": Shape(rb"\blsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}\b", rb"\blsv2_"),
    "fireworks-key": Shape(rb"\b(fw_[A-Za-z0-9]{20,40})\b", rb"\bfw_[A-Za-z0-9]", "strong"),
    "tavily-key": Shape(rb"\btvly-(?:dev-|prod-)?[A-Za-z0-9-]{28,}", rb"\btvly-"),
    "firecrawl-key": Shape(rb"\bfc-[a-f0-9]{32}\b", rb"\bfc-[a-f0-9]"),
    "elevenlabs-key": Shape(rb"\bsk_[a-f0-9]{48}\b", rb"\bsk_[a-f0-9]"),
    "pinecone-key": Shape(rb"\bpcsk_[A-Za-z0-9_]{40,}", rb"\bpcsk_"),
    "voyage-key": Shape(rb"\bpa-[\w-]{40,50}\b", rb"\bpa-[\w-]", "strong", 4.0),
    "jina-key": Shape(rb"\bjina_[A-Za-z0-9_-]{40,}", rb"\bjina_[\w-]", "strong"),
    "e2b-key": Shape(rb"\be2b_[a-f0-9]{40}\b", rb"\be2b_[a-f0-9]"),
    "apify-key": Shape(rb"\bapify_api_[A-Za-z0-9]{34,}", rb"\bapify_api_"),
    "brave-key": Shape(rb"\b(BSA[\w-]{28})\b", rb"\bBSA[\w-]", "strong", 4.0),
    "wandb-key": Shape(rb"\bwandb_v1_[\w-]{40,}", rb"\bwandb_v1_"),
    "kaggle-key": Shape(rb"\bKGAT_[a-f0-9]{32}\b", rb"\bKGAT_"),
    "anyscale-key": Shape(rb"\b(?:esecret_[a-zA-Z0-9]{26,}|aph0_[\w-]{30,})", rb"\b(?:esecret_|aph0_)"),
    "huggingface-token": Shape(
        rb"\b(?:hf|api_org)_[A-Za-z]{34}\b|\bhf_[A-Za-z0-9]{34,40}\b", rb"\b(?:hf|api_org)_[A-Za-z0-9]"
    ),
    "perplexity-key": Shape(rb"\bpplx-[A-Za-z0-9]{48}\b", rb"\bpplx-"),
    "replicate-token": Shape(rb"\br8_[A-Za-z0-9]{37}\b", rb"\br8_[A-Za-z0-9]"),
    "xai-key": Shape(rb"\bxai-[A-Za-z0-9]{70,}\b", rb"\bxai-[A-Za-z0-9]"),
    "npm-token": Shape(rb"\bnpm_[A-Za-z0-9]{36}\b", rb"\bnpm_[A-Za-z0-9]"),
    "pypi-token": Shape(rb"\bpypi-Ag[A-Za-z0-9][\w-]{50,}", rb"\bpypi-Ag"),
    "rubygems-token": Shape(rb"\brubygems_[a-f0-9]{48}\b", rb"\brubygems_[a-f0-9]"),
    "nuget-key": Shape(rb"\b(oy2[a-z0-9]{43})\b", rb"\boy2[a-z0-9]"),
    "cargo-token": Shape(rb"\bcio[A-Za-z0-9]{32}\b", rb"\bcio[A-Za-z0-9]", "strong"),
    "jsr-token": Shape(rb"\b(?:jsr[pt]|dd[po])_[A-Za-z0-9]{36,}\b", rb"\b(?:jsr[pt]|dd[po])_[A-Za-z0-9]"),
    "clojars-token": Shape(rb"\bCLOJARS_[a-z0-9]{60}\b", rb"\bCLOJARS_"),
    "docker-token": Shape(rb"\bdckr_(?:pat|oat)_[\w-]{27,}", rb"\bdckr_"),
    "sendgrid-key": Shape(rb"\bSG\.[\w-]{16,32}\.[\w-]{16,64}", rb"\bSG\.[\w-]"),
    "resend-key": Shape(rb"\b(re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,28})\b", rb"\bre_[A-Za-z0-9]+_", "strong"),
    "brevo-key": Shape(rb"\bxkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}\b", rb"\bxkeysib-"),
    "mailchimp-key": Shape(rb"\b[a-f0-9]{32}-us[0-9]{1,2}\b", rb"[a-f0-9]-us[0-9]"),
    "mailgun-key": Shape(rb"\b(?:key|pubkey)-[a-f0-9]{32}\b", rb"\b(?:key|pubkey)-[a-f0-9]"),
    "mailersend-key": Shape(rb"\bmlsn\.[a-f0-9]{60,}", rb"\bmlsn\."),
    "twilio-key": Shape(rb"\bSK[a-f0-9]{32}\b", rb"\bSK[a-f0-9][a-f0-9][a-f0-9][a-f0-9]"),
    "telegram-token": Shape(rb"\b[0-9]{8,10}:AA[\w-]{33}\b", rb"[0-9]:AA[\w-]"),
    "discord-token": Shape(  # it begins with a number of some eighteen digits in base64
        rb"\b[MNO][DTjz][AEIMQUYcgk][w-z0-5][\w-]{20,22}\.[\w-]{6}\.[\w-]{27,38}\b",
        rb"\b[MNO][DTjz][AEIMQUYcgk][w-z0-5]",
        "token",
        3.5,
    ),
    "discord-webhook": Shape(
        rb"discord(?:app)?\.com/api/webhooks/([0-9]{17,20}/[\w-]{60,})", rb"com/api/webhooks/"
    ),
    "azure-key": Shape(
        rb"(?i)(?:AccountKey|SharedAccessKey|AccessKey)=([A-Za-z0-9+/]{43,86}={1,2})",
        rb"(?i)(?:AccountKey|AccessKey)=[A-Za-z0-9+/]",
    ),
    "azure-sas": Shape(
        rb"(?i)[?&; ]sig=([A-Za-z0-9%+/]{40,}(?:%3D|=){0,2})", rb"(?i)[?&; ]sig=[A-Za-z0-9%+/]"
    ),
    "azure-client-secret": Shape(
        rb"\b([\w~.]{3}[0-9]Q~[\w~.-]{31,34})(?:[^\w~.-]|$)", rb"[0-9]Q~[\w~.-]", "token", 3.0
    ),
    "azure-key-2": Shape(
        rb"\b([A-Za-z0-9]{70,80}(?:JQQJ99|AAAAAC|ACOG|AZDO)[A-Za-z0-9+/]{4,30}={0,2})",
        rb"JQQJ99|AAAAAC|ACOG|AZDO",
        "strong",
    ),
    "presigned-url": Shape(
        rb"(?i)[?&]X-(?:Amz|Goog)-(?:Signature|Security-Token)=([A-Za-z0-9%+/]{40,}(?:%3D|=){0,2})",
        rb"(?i)X-(?:Amz|Goog)-S",
    ),
    "alibaba-key": Shape(rb"\bLTAI[A-Za-z0-9]{12,26}\b", rb"\bLTAI[A-Za-z0-9]", "strong", 3.0),
    "tencent-key": Shape(rb"\bAKID[A-Za-z0-9]{32}\b", rb"\bAKID[A-Za-z0-9]"),
    "digitalocean-token": Shape(rb"\bdo[opr]_v1_[a-f0-9]{64}\b", rb"\bdo[opr]_v1_"),
    "cloudflare-key": Shape(
        rb"\bv1\.0-[a-f0-9]{24}-[a-f0-9]{146}\b|\bcf[au]t_[A-Za-z0-9]{40,}", rb"\bv1\.0-[a-f0-9]|\bcf[au]t_"
    ),
    "databricks-token": Shape(rb"\bdapi[a-f0-9]{32}(?:-[0-9])?\b", rb"\bdapi[a-f0-9]"),
    "doppler-token": Shape(
        rb"\bdp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._-]{40,60}", rb"\bdp\.(?:pt|st|ct|sa|scim|audit)\."
    ),
    "dynatrace-token": Shape(rb"\bdt0c01\.[A-Z0-9]{24}\.[A-Z0-9]{64}\b", rb"\bdt0c01\."),
    "grafana-token": Shape(
        rb"\b(?:glc_[A-Za-z0-9+/]{32,}={0,2}|glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8})", rb"\bgl(?:c|sa)_"
    ),
    "hashicorp-token": Shape(
        rb"\b(?:hv[sbr]\.[\w-]{24,}|[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,70})", rb"\bhv[sbr]\.|\.atlasv1\."
    ),
    "heroku-key": Shape(rb"\bHRKU-AA[\w-]{58}\b", rb"\bHRKU-AA"),
    "linear-key": Shape(rb"\blin_(?:api|oauth)_[A-Za-z0-9]{40,}\b", rb"\blin_(?:api|oauth)_"),
    "netlify-token": Shape(rb"\bnf[pcob]_[A-Za-z0-9_-]{36,}\b", rb"\bnf[pcob]_[\w-]"),
    "vercel-token": Shape(rb"\b(?:vc[pkiar]_[A-Za-z0-9_-]{24,}|vercel_blob_rw_\w{20,})", rb"\bvc[pkiar]_|vercel_blob_rw_"),
    "neon-key": Shape(rb"\b(?:napi_[a-z0-9]{40,}|npg_[A-Za-z0-9]{10,16})\b", rb"\b(?:napi|npg)_[A-Za-z0-9]", "strong", 3.0),
    "render-key": Shape(rb"\brnd_[A-Za-z0-9]{28,}\b", rb"\brnd_[A-Za-z0-9]"),
    "newrelic-key": Shape(rb"\bNR(?:AK-[A-Z0-9]{27}|JS-[a-f0-9]{19}|II-[\w-]{32})", rb"\bNR(?:AK|JS|II)-"),
    "notion-token": Shape(
        rb"\b(?:ntn_[A-Za-z0-9]{40,50}|secret_[A-Za-z0-9]{43})\b", rb"\bntn_|\bsecret_[A-Za-z0-9]"
    ),
    "planetscale-token": Shape(rb"\bpscale_(?:tkn|oauth|pw)_[\w=.-]{32,64}", rb"\bpscale_"),
    "posthog-key": Shape(rb"\bph[xs]_[A-Za-z0-9]{40,50}\b", rb"\bph[xs]_[A-Za-z0-9]"),
    "postman-key": Shape(rb"\bPMAK-[a-f0-9]{24}-[a-f0-9]{34}\b", rb"\bPMAK-"),
    "pulumi-token": Shape(rb"\bpul-[a-f0-9]{40}\b", rb"\bpul-[a-f0-9]"),
    "sentry-token": Shape(
        rb"\b(?:sntryu_[a-f0-9]{64}|sntrys_eyJ[\w=/+-]{60,})", rb"\bsntry[us]_"
    ),
    "shippo-token": Shape(rb"\bshippo_(?:live|test)_[a-fA-F0-9]{40}\b", rb"\bshippo_"),
    "shopify-token": Shape(rb"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b", rb"\bshp(?:at|ca|pa|ss)_"),
    "sonar-token": Shape(rb"\bsq[upa]_[a-f0-9]{40}\b", rb"\bsq[upa]_[a-f0-9]"),
    "square-token": Shape(
        rb"\b(?:EAAA[\w-]{60}|sq0(?:atp|csp|idp)-[\w-]{22,43})\b", rb"\b(?:EAAA|sq0(?:atp|csp|idp)-)"
    ),
    "supabase-token": Shape(rb"\bsb(?:p|_secret)_[\w-]{20,}", rb"\bsb(?:p|_secret)_"),
    "tailscale-key": Shape(
        rb"\btskey-(?:auth|api|client|scim|webhook)-[A-Za-z0-9-]{20,}", rb"\btskey-"
    ),
    "buildkite-token": Shape(rb"\bbk[ua]{1,2}_[a-f0-9]{40}\b", rb"\bbk[ua]+_[a-f0-9]"),
    "circleci-token": Shape(rb"\bCCI(?:PAT|PRJ)_[A-Za-z0-9]{16,}_[a-f0-9]{40}\b", rb"\bCCI(?:PAT|PRJ)_"),
    "dbt-token": Shape(rb"\bdbt[cu]_[\w-]{30,}={0,2}", rb"\bdbt[cu]_[\w-]"),
    "razorpay-key": Shape(rb"\brzp_(?:live|test)_[A-Za-z0-9]{14}\b", rb"\brzp_"),
    "woocommerce-key": Shape(rb"\bc[sk]_[a-f0-9]{40}\b", rb"\bc[sk]_[a-f0-9]"),
    "paddle-key": Shape(rb"\bpdl_(?:live|sdbx)_apikey_\w{40,}", rb"\bpdl_(?:live|sdbx)_"),
    "polar-token": Shape(rb"\bpolar_(?:oat|pat|whs)_\w{30,}", rb"\bpolar_(?:oat|pat|whs)_"),
    "honeycomb-key": Shape(rb"\bhc[a-z]ik_[a-z0-9]{50,}\b", rb"\bhc[a-z]ik_"),
    "axiom-token": Shape(rb"\bxa[ap]t-[a-f0-9-]{36}\b", rb"\bxa[ap]t-[a-f0-9-]"),
    "contentful-token": Shape(rb"\bCFPAT-[\w-]{40,}", rb"\bCFPAT-"),
    "infisical-token": Shape(rb"\bst\.[a-f0-9-]{24,36}\.[a-f0-9]{32}\.[a-f0-9]{32}\b", rb"\bst\.[a-f0-9-]"),
    "airtable-token": Shape(rb"\bpat[A-Za-z0-9]{14}\.[a-f0-9]{64}\b", rb"\bpat[A-Za-z0-9]{14}\."),
    "atlassian-token": Shape(
        rb"\bAT(?:ATT|CTT)3[\w=-]{60,}|\bATBB[A-Za-z0-9]{32}\b", rb"\bAT(?:ATT3|CTT3|BB[A-Za-z0-9])"
    ),
    "artifactory-key": Shape(
        rb"\b(?:AKCp[A-Za-z0-9]{69}|cmVmd[A-Za-z0-9]{59})\b", rb"\b(?:AKCp|cmVmd)[A-Za-z0-9]"
    ),
    "authress-key": Shape(
        rb"\b(?:sc|ext|scauth|authress)_[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\."
        rb"[a-z0-9+/_=-]{30,120}",
        rb"\.acc[_-][a-z0-9-]+\.[a-z0-9+/_=-]",
    ),
    "lob-key": Shape(rb"\b(?:live|test)_[a-f0-9]{35}\b", rb"\b(?:live|test)_[a-f0-9]{8}"),
    "dropbox-token": Shape(rb"\bsl\.(?:u\.)?[\w-]{130,}", rb"\bsl\.[\w.-]", "token", 3.5),
    "facebook-token": Shape(rb"\bEAA[A-Z][A-Za-z0-9]{100,}\b", rb"\bEAA[A-Z][A-Za-z0-9]"),
    "figma-token": Shape(rb"\bfig[dour]h?_[\w-]{40,}", rb"\bfig[dour]h?_[\w-]"),
    "onepassword-token": Shape(rb"\bops_eyJ[A-Za-z0-9+/]{250,}", rb"\bops_eyJ"),
    "url-password": Shape(
        rb"\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s:/@'\"<>`{}()\[\]\\]{0,64}:"
        rb"([^\s/@'\"<>`\\]{3,100}(?:[@/][^\s@'\"<>`\\]{1,60}){0,2})@(?P<key>[\w.-]+)",
        rb"://[^\s:/@'\"<>`{}()\[\]\\]*:[^\s'\"<>`\\]+@[\w.-]",
        "url",
    ),
    "jdbc-password": Shape(
        rb"jdbc:oracle:thin:[^\s/'\"]{1,60}/([^\s@'\"]{4,80})@", rb"jdbc:oracle:thin:", "password"
    ),
    "docker-auth": Shape(
        rb"\"(?:auth|_auth)\"\s{0,5}:\s{0,5}\"([A-Za-z0-9+/]{8,}={0,2})\"",
        rb"auth\"\s*:\s*\"[A-Za-z0-9+/]",
        "pair",
    ),
    "registry-auth": Shape(
        rb"(?m)(?:^|[\s:])_auth\s{0,5}=\s{0,5}\"?([A-Za-z0-9+/]{8,}={0,2})", rb"_auth\s*=", "pair"
    ),
    "basic-auth": Shape(
        rb"(?i)\bbasic[ \t]{1,5}([A-Za-z0-9+/]{8,}={0,2})", rb"(?i)\bbasic[ \t]+[a-z0-9+/]{8}", "pair"
    ),
    "bearer-token": Shape(
        rb"(?i)\b(?:bearer|authorization['\"]?\s{0,3}[:=,]\s{0,3}['\"]?(?:token|apikey|api-key|key)?)"
        rb"[ \t]{1,5}([\w.~+/=-]{16,})",
        rb"(?i)bearer[ \t]+[\w.~+/=-]|authorization['\"]?\s*[:=,]",
        "strong",
        3.2,
    ),
    "curl-user": Shape(
        rb"(?:^|\s)(?:-u|--user|--proxy-user)[ \t=]{1,3}(?:\"[^\s:\"'$/]{1,64}:([^\"\n]{3,100})\"|"
        rb"'[^\s:\"'$/]{1,64}:([^'\n]{3,100})'|[^\s:\"'$/]{1,64}:([^\s\"']{3,100}))",
        rb"(?:^|\s)(?:-u|--user|--proxy-user)[ \t=]+[\"']?[^\s:\"'$]+:[^\"'\n]",
        "password",
    ),
    "netrc-password": Shape(
        rb"\b(?:machine\s{1,20}\S{1,100}|default)\s{1,20}(?:(?:login|account)\s{1,20}\S{1,100}\s{1,20}){1,2}"
        rb"password\s{1,20}(\S{3,200})",
        rb"\b(?:login|account)\s+\S+\s+password\s+\S",
        "plain",
    ),
    "pgpass-password": Shape(
        rb"(?m)^[\w.*-]{1,100}:(?:\d{4,5}|\*):[\w*-]{1,60}:[\w*-]{1,60}:(\S{4,200})$",
        rb":(?:\d\d\d\d\d?|\*):[\w*-]+:[\w*-]",
        "password",
    ),
    "password-hash": Shape(
        rb"(?m)^[\w.@-]{1,60}:(\$(?:apr1|2[aby]|[156y])\$[./A-Za-z0-9$=,]{20,200})",
        rb":\$[a-z0-9]",
        "plain",
    ),
    "wireguard-key": Shape(
        rb"(?i)\b(?:PrivateKey|PresharedKey)\s{0,3}=\s{0,3}([A-Za-z0-9+/]{43}=)",
        rb"(?i)\b(?:Private|Preshared)Key\s*=\s*[A-Za-z0-9+/]",
    ),
    "connection-string": Shape(
        rb"(?i)\b" + _CONNECTED + rb"\s{0,2}=[^\n\"']*?(?:;\s{0,3}" + _GUARD + rb"\s{0,2}=\s{0,2}|[ \t]" + _GUARD + rb"=)"
        rb"('[^'\n]{3,200}'|[^;\"'\s]{4,200})",
        rb"(?i)(?:;\s*" + _GUARD + rb"\s*=|[ \t]" + _GUARD + rb"=\S)",
        "password",
    ),
    "connection-string-2": Shape(
        rb"(?i)\b" + _GUARD + rb"=([^;\"'\n]{4,200});\s{0,3}" + _CONNECTED + rb"=",
        rb"(?i)" + _GUARD + rb"=[^;\"'\n]+;",
        "password",
    ),
    "query-secret": Shape(
        rb"(?i)[?&](?P<key>[\w.-]{0,30}(?:token|key|secret|password|passwd|pwd|signature|auth))="
        rb"([^\s&\"'<>`#]{8,300})",
        rb"(?i)[?&][\w.-]*(?:token|key|secret|password|passwd|pwd|signature|auth)=",
        "named",
    ),
    "xml-secret": Shape(
        rb"(?i)<(?P<key>[\w:.-]*" + _NAME + rb"[\w.-]*)(?:\s[^<>\n]*)?>\s{0,3}([^<>\s]+)\s{0,3}</",
        rb"(?i)" + _NAME + rb"[\w.-]*(?:\s[^<>\n]*)?>\s*[^<>\s]*" + _SIGN + rb"[^<>\s]*\s*</",
        "named",
    ),
    "attribute-secret": Shape(
        rb"(?i)\b(?:key|name)[\"']?\s{0,3}[=:]\s{0,3}[\"']?(?P<key>[\w:.-]*" + _NAME + rb"[\w.-]*)[\"']?"
        rb"[\s,]+[\"']?value[\"']?\s{0,3}[=:]\s{0,3}(?:\"([^\"\n]+)\"|'([^'\n]+)'|" + _VALUE + rb")",
        rb"(?i)" + _NAME + rb"[\w.-]*[\"']?[\s,]+[\"']?value[\"']?\s*[=:][^\n]*?" + _SIGN,
        "named",
    ),
    "option-secret": Shape(
        rb"(?i)\s--(?P<key>[\w-]*" + _NAME + rb"[\w-]*)[ =]" + _ARGUMENT,
        rb"(?i)\s--[\w-]*" + _NAME + rb"[\w-]*[ =]\S",
        "option",
    ),
    "command-password": Shape(
        rb"(?:\bsshpass\s{1,3}-p\s?|\bmysql[\w-]*\s[^\n]*?-p|\bredis-cli\s[^\n]*?-a\s{1,3}|"
        rb"\b(?:docker|podman|helm|az)\s[^\n]*?login\s[^\n]*?\s-p\s{1,3})" + _ARGUMENT,
        rb"\b(?:sshpass|mysql[\w-]*|redis-cli|docker|podman|helm|az)\s",
        "option",
    ),
    "sql-password": Shape(
        rb"(?i)\b(?:identified\s+(?:with\s+\w+\s+)?by|(?:encrypted\s+)?password)\s+'([^'\n]+)'",
        rb"(?i)(?:\bby|password)\s+'[^'\n]",
        "password",
    ),
    "server-password": Shape(
        rb"(?m)^[ \t]*(?:requirepass|masterauth|rootpw)[ \t]+\"?([^\s\"]+)",
        rb"(?:requirepass|masterauth|rootpw)[ \t]",
        "password",
    ),
    "header-secret": Shape(
        rb"(?i)[\"'](?P<key>[\w-]*(?:" + _NAME + rb"|auth)[\w-]*):[ \t]{1,3}([^\s\"']+)[\"']",
        rb"(?i)[\"'][\w-]*(?:" + _NAME + rb"|auth)[\w-]*:[ \t]+[^\s\"']*" + _SIGN,
        "named",
    ),
    "assigned-secret": Shape(
        rb"(?i)" + _TELLING + rb"(?:['\"`\]]{0,3}(?:[ \t]{0,3}:[ \t]{0,3}[\w\[\]|. ]+?)?\s*(?::=|\?=|=>|=|:|\|\||\?\?)\s*|"
        rb"['\"]\s{0,3},[ \t]*)[a-z]{0,2}" + _TEXT,
        rb"(?i)" + _NAME + rb"[\w.-]*['\"`\]]*(?:[ \t]*:[ \t]*[\w\[\]|. ]+)?\s*[:=,|?][=>|?]?\s*[a-z]*"
        + _SIGNED,
        "quoted",
    ),
    "argument-secret": Shape(  # of a call that is written on several lines; a list is none
        rb"(?i)\(\s*['\"]" + _TELLING + rb"['\"]\s{0,3},\s*[a-z]{0,2}" + _TEXT,
        rb"(?i)\(\s*['\"][\w.-]*" + _NAME + rb"[\w.-]*['\"]\s*,\s*[a-z]*" + _SIGNED,
        "quoted",
    ),
    "set-secret": Shape(
        rb"(?im)^[ \t#/*;]*(?:(?:-|export|set|setx|env|arg|-e|--env|readonly|declare -x)[ \t=]+){0,2}"
        rb"[\"']?(?P<key>[\w./:@$-]*" + _NAME + rb"[\w.-]*)[\"']?[ \t]*(?::=|\+=|\?=|[:=])[ \t]*"
        + _VALUE + rb"[ \t]*(?:[ \t][#;][^\n]*)?[,;\\]{0,2}\r?$",
        rb"(?i)" + _NAME + rb"[\w.-]*[\"']?[ \t]*[:?+]?[:=][ \t]*[^\s\"'`]*" + _SIGN,
        "line",
    ),
    "set-in-environment": Shape(
        rb"(?i)(?:^|[\s;,{(&\"'=:/-])(?P<key>[\w.-]*" + _NAME + rb"[\w.-]*)=" + _VALUE + rb"(?:[\s;&\"'\\]|$)",
        rb"(?i)" + _NAME + rb"[\w.-]*=[^\s\"'`]*" + _SIGN,
        "inline",
    ),
    "set-in-dockerfile": Shape(
        rb"(?im)^[ \t]*(?:ENV[ \t]+|[^\n#]*config set )(?P<key>[\w./:-]*" + _NAME + rb"[\w.-]*)[ \t]+"
        + _VALUE + rb"[ \t]*$",
        rb"(?i)(?:ENV[ \t]+|config set )[\w./:-]*" + _NAME + rb"[\w.-]*[ \t]+\S",
        "line",
    ),
}  # fmt: skip

PRINTED = frozenset({
    # Flask's manual: "Configuration Handling" and "Deploy to Production".
    b"192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
    b"5f352379324c22463451387a0aec5d2f",
    # RFC 6750, "The OAuth 2.0 Authorization Framework: Bearer Token Usage".
    b"mF_9.B5f-4.1JqM",
    # RFC 7617, "The 'Basic' HTTP Authentication Scheme": Aladdin:open sesame.
    b"QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
    # The first page of jwt.io.
    b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    b"eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ."
    b"SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
})  # fmt: skip
"""Values that a manual or a standard prints. They are nobody's secret, and where one is used in
earnest a review should see it."""

NAMED = frozenset(
    name for name, shape in SHAPES.items() if _NAME in shape.pattern or _GUARD in shape.pattern
)
"""The shapes that rest on a telling name: `TELLING` is the cue of them all."""
