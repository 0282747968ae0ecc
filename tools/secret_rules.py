"""Renew the rules of gitleaks that piste looks for secrets by, from a checkout of gitleaks.

    python tools/secret_rules.py PATH/TO/gitleaks [--version v8.30.1]

It writes `src/piste/system/secret_rules.json` and the licence beside it. Which rules stay out,
and why, stands below; what RE2 cannot read is named and left out. Nothing is downloaded.
"""

import argparse
import json
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import re2

HERE = Path(__file__).parent.parent / "src" / "piste" / "system"
RULES, LICENCE = HERE / "secret_rules.json", HERE / "secret_rules.LICENSE"

OURS = "a rule of piste's own sees the same and more"
NO_SECRET = "an id or a public key is no secret"
LEFT_OUT = {
    "authress-service-client-access-key": OURS,
    "aws-access-token": OURS,
    "aws-amazon-bedrock-api-key-short-lived": "it sees only the beginning of the key",
    "curl-auth-header": OURS,
    "curl-auth-user": OURS,
    "generic-api-key": OURS,
    "hashicorp-tf-password": "it is for files of one name, and names do not count here",
    "jwt": OURS,
    "kubernetes-secret-yaml": "it sees one value of a Secret; piste's own sees them all",
    "nuget-config-password": "it is for files of one name, and names do not count here",
    "lob-api-key": OURS,
    "pkcs12-file": "it is about a file's name",
    "private-key": OURS,
    "sourcegraph-access-token": "any hash of git counts where the word stands in the file",
    "twilio-api-key": OURS,
    "vault-service-token": "its keyword, `s.`, stands in nearly every file",
    "flutterwave-public-key": NO_SECRET,
    "lob-pub-api-key": NO_SECRET,
    "new-relic-user-api-id": NO_SECRET,
}
FAR = {
    "airtable-personnal-access-token",
    "cloudflare-origin-ca-key",
    "facebook-access-token",
    "intra42-client-secret",
}
"""Rules with a word that is no part of their pattern: it may stand anywhere in the file."""
ID_ENDINGS = ("-client-id", "-access-id", "-pub-key", "-publishable-key", "-key-id")
BEFORE = r"[\w.-]{0,50}?"  # in front of a name: it changes nothing of what is found, and costs


def main() -> None:
    """Write the rules and the licence."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("checkout", type=Path, help="a git repository of gitleaks, bare or not")
    parser.add_argument("--version", help="its version; else git's newest tag")
    args = parser.parse_args()
    version = args.version or _git(args.checkout, "describe", "--tags", "HEAD").strip()
    table = tomllib.loads(_git(args.checkout, "show", "HEAD:config/gitleaks.toml"))
    data = {"from": "https://github.com/gitleaks/gitleaks", "version": version, "licence": "MIT"}
    RULES.write_text(json.dumps(data | _taken(table), indent=1, ensure_ascii=False) + "\n")
    LICENCE.write_text(_git(args.checkout, "show", "HEAD:LICENSE"))


def _taken(table: dict[str, Any]) -> dict[str, Any]:
    rules = [_rule(rule) for rule in table["rules"] if _wanted(rule)]
    generic = next(rule for rule in table["rules"] if rule["id"] == "generic-api-key")
    allowed = [one for one in generic["allowlists"] if one.get("regexTarget") == "match"]
    return {
        "rules": rules,
        "no_names": [text for one in allowed for text in one["regexes"]],
        "stop_words": sorted({word for one in allowed for word in one["stopwords"]}),
        "no_values": table["allowlist"]["regexes"],
    }


def _wanted(rule: dict[str, Any]) -> bool:
    name = rule["id"]
    if name in LEFT_OUT or name.endswith(ID_ENDINGS):
        return False
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(rule["regex"].encode(), options)
    except re2.error as error:
        print(f"left out: {name}: {error}")
        return False
    return True


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    pattern = rule["regex"].replace(BEFORE, "")
    made: dict[str, Any] = {
        "name": rule["id"], "pattern": pattern, "keywords": sorted(rule["keywords"])
    }  # fmt: skip
    if rule["id"] in FAR:
        made["far"] = True
    if "entropy" in rule:
        made["entropy"] = rule["entropy"]
    if group := rule.get("secretGroup"):
        made["group"] = group
    if allow := [text for one in rule.get("allowlists", ()) for text in one.get("regexes", ())]:
        made["allow"] = allow
    return made


def _git(checkout: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(checkout), *words], check=True, capture_output=True, text=True
    ).stdout


if __name__ == "__main__":
    main()
