"""Made secrets, each in the form in which such a one is found in a repository: (kind, text, secret).

They are put together when a test runs, so that this file holds nothing that looks alive.
"""

import base64
import random
import string
from typing import NamedTuple

LETTERS, DIGITS = string.ascii_letters, string.digits
WORD = LETTERS + DIGITS
LOWER, UPPER = string.ascii_lowercase + DIGITS, string.ascii_uppercase + DIGITS
HEX, URL, B64 = "0123456789abcdef", WORD + "-_", WORD + "+/"


class Planted(NamedTuple):
    """One secret and the text around it."""

    kind: str
    text: str
    secret: str


def forms(seed: int = 12) -> list[Planted]:
    """Return every form with values of its own; another seed gives other values."""
    rng = random.Random(seed)

    def some(length: int, letters: str = WORD) -> str:
        made = "".join(rng.choices(letters, k=length))
        return made if any(char in DIGITS for char in made) else some(length, letters)

    def word(signs: str = "") -> str:
        """A password as people make them, with these signs in it."""
        made = f"{some(3)}{rng.choice(LETTERS)}{rng.choice(DIGITS)}"
        return f"{made}{signs}{some(4)}"

    def b64(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    made: list[Planted] = []

    def add(kind: str, text: str, secret: str) -> None:
        made.append(Planted(kind, text.replace("{}", secret), secret))

    for kind, form in UNQUOTED.items():
        add(f"unquoted: {kind}", form, word())
    for kind, form in STRONG.items():
        add(f"assigned: {kind}", form, some(32))
    for signs in ("!", "#", "$", "%", "(", "!#", "$%(", "&*", "@!"):
        add(f"signs {signs}: yaml", "db:\n  password: {}\n  host: db1\n", word(signs))
        add(f"signs {signs}: quoted", "PASSWORD = '{}'\n", word(signs))
        if "@" not in signs:
            add(f"signs {signs}: url", "url: postgres://app:{}@db.internal:5432/app\n", word(signs))
    for kind, (form, make) in STRUCTURED.items():
        add(kind, form, b64(make.format(word())) if make != "{}" else word())
    for kind, form in HEADERS.items():
        add(f"header: {kind}", form, b64(f"deploy:{word()}") if "asic" in form else some(40, URL))
    add("curl -u", "curl -sS -u deploy:{} https://api.internal/v1\n", word())
    add("curl --user", "curl https://api.internal/v1 \\\n  --user 'deploy:{}'\n", word("!#"))
    for kind, (form, length, letters) in CLOUDS.items():
        add(f"cloud: {kind}", form, some(length, letters))
    for kind, (prefix, length, letters) in VENDORS.items():
        add(f"vendor: {kind}", "see {} there\n", prefix + some(length, letters))
    key = "\n".join(some(64, B64) for _ in range(3))
    for kind in ("RSA ", "EC ", "OPENSSH ", "", "ENCRYPTED "):
        begin = f"-----BEGIN {kind}PRIVATE KEY-----"
        add(f"key: {kind}", f"{begin}\n{{}}\n-----END {kind}PRIVATE KEY-----\n", key)
    return made


UNQUOTED = {
    "yaml": "db:\n  user: app\n  password: {}\n",
    "yaml list": "users:\n  - name: app\n    password: {}\n",
    "ansible": "ansible_become_password: {}\n",
    "ansible ini": "web1 ansible_host=10.0.0.1 ansible_ssh_pass={}\n",
    "compose map": "services:\n  db:\n    environment:\n      POSTGRES_PASSWORD: {}\n",
    "compose list": "    environment:\n      - MYSQL_ROOT_PASSWORD={}\n",
    "properties": "spring.datasource.password={}\n",
    "properties with spaces": "db.password = {}\n",
    "dockerfile": "FROM x\nENV DB_PASSWORD={}\n",
    "dockerfile with a space": "ENV DB_PASSWORD {}\n",
    "dockerfile arg": "ARG REDIS_PASSWORD={}\n",
    "indented": "if true; then\n    DB_PASSWORD={}\nfi\n",
    "export": "export PGPASSWORD={}\n",
    "before a command": "PGPASSWORD={} psql -h db\n",
    "dotenv": "A=1\nSMTP_PASS={}\nB=2\n",
    "powershell": '$env:DB_PASSWORD="{}"\n',
    "ini": "[client]\nuser=root\npassword={}\n",
    "toml": '[db]\npassword = "{}"\n',
    "json": '{"user": "app", "password": "{}"}\n',
    "comment": "# password: {}\n",
    "xml": "<server><username>x</username><password>{}</password></server>\n",
    "xml attribute": '<add key="DbPassword" value="{}" />\n',
    "kubernetes env": "env:\n  - name: DB_PASSWORD\n    value: {}\n",
    "ecs env": '{"name": "DB_PASSWORD", "value": "{}"}\n',
    "python": 'connect(host="db", password="{}")\n',
    "typed": 'DB_PASSWORD: str = "{}"\n',
    "getenv": 'os.environ.get("DB_PASSWORD", "{}")\n',
    "ruby": "config.password = '{}'\n",
    "php": "define('DB_PASSWORD', '{}');\n",
    "go": 'password := "{}"\n',
    "terraform": '  master_password = "{}"\n',
    "option": "mytool login --password {} --host x\n",
    "sshpass": "sshpass -p '{}' ssh root@host\n",
    "docker login": "docker login registry.internal -u ci -p {}\n",
    "sql": "CREATE USER app IDENTIFIED BY '{}';\n",
    "redis": "requirepass {}\n",
    "literal": "kubectl create secret generic db --from-literal=password={}\n",
}
STRONG = {
    "npmrc": "//registry.npmjs.org/:_authToken={}\n",
    "npmrc password": "//registry.internal/:_password={}\n",
    "yarnrc": "npmAuthToken: {}\n",
    "django": "SECRET_KEY = '{}'\n",
    "yaml token": "api:\n  token: {}\n",
    "yaml key": "  apiKey: {}\n",
    "github action": "    env:\n      API_TOKEN: {}\n",
    "properties": "stripe.api.secret={}\n",
    "env": "  SESSION_SECRET={}\n",
    "client secret": "client_secret: {}\n",
    "js": "const apiKey = `{}`;\n",
    "ts": "private readonly apiToken: string = '{}';\n",
    "json": '{"access_token": "{}"}\n',
    "query": "GET https://api.internal/v1/items?page=2&access_token={}\n",
    "heroku": "heroku config:set API_KEY={} --app x\n",
    "makefile": "API_TOKEN ?= {}\n",
    "travis": "  - export DEPLOY_TOKEN={} && ./deploy\n",
    "systemd": 'Environment="API_KEY={}"\n',
    "option": "    --api-key={} \\\n",
}
STRUCTURED = {
    "docker auths": (
        '{"auths": {"registry.internal": {\n\t"auth": "{}"\n}}}\n', "ci:{}"),
    "npm _auth": ("registry=https://r.internal\n_auth={}\n", "ci:{}"),
    "kubeconfig key": ("users:\n- user:\n    client-key-data: {}\n",
                       "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA{0}{0}{0}{0}{0}\n"),
    "kubeconfig password": ("users:\n- name: a\n  user:\n    username: a\n    password: {}\n", "{}"),
    "kubernetes data": (
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\ndata:\n  conn: {}\n", "{}-a"),
    "kubernetes stringData": (
        "kind: Secret\nstringData:\n  conn: {}\n---\nkind: Service\n", "{}"),
    "kubernetes, data first": ("data:\n  a.b: {}\nkind: Secret\n", "{}-a"),
    "netrc": ("machine api.internal login ci password {}\n", "{}"),
    "netrc on lines": ("machine api.internal\n  login ci\n  password {}\n", "{}"),
    "pgpass": ("db.internal:5432:app:app:{}\n", "{}"),
    "pypirc": ("[pypi]\nusername = x\npassword = {}\n", "{}"),
    "maven": ("<server>\n  <id>x</id>\n  <password>{}</password>\n</server>\n", "{}"),
}  # fmt: skip
HEADERS = {
    "bearer": "Authorization: Bearer {}\n",
    "bearer in python": 'headers = {"Authorization": "Bearer {}"}\n',
    "bearer in js": "headers: { Authorization: `Bearer {}` },\n",
    "bearer in curl": "curl -H 'Authorization: Bearer {}' https://api.internal\n",
    "basic": "Authorization: Basic {}\n",
    "basic in python": "{'Authorization': 'Basic {}'}\n",
    "token": "Authorization: token {}\n",
    "key": 'curl -H "X-Api-Key: {}" https://api.internal\n',
    "private token": "curl --header 'PRIVATE-TOKEN: {}' https://git.internal\n",
    "http file": "X-Auth-Token: {}\nAccept: */*\n",
    "git": "git -c http.extraheader='AUTHORIZATION: basic {}' fetch\n",
}
CLOUDS = {
    "aws key id": ("see AKIA{} here\n", 16, UPPER),
    "aws secret": ("aws_secret_access_key = {}\n", 40, B64),
    "aws secret env": ("  AWS_SECRET_ACCESS_KEY: {}\n", 40, B64),
    "aws session": ("aws_session_token = IQoJb3JpZ2luX2Vj{}\n", 300, B64),
    "bedrock long": ("ABSK{}\n", 128, B64),
    "bedrock short": ("AWS_BEARER_TOKEN_BEDROCK=bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t{}\n", 80, B64),
    "presigned": ("https://b.s3.amazonaws.com/x?X-Amz-Expires=9&X-Amz-Signature={}\n", 64, HEX),
    "azure storage": ("AccountName=x;AccountKey={}==;EndpointSuffix=y\n", 86, B64),
    "azure service bus": (
        "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={}=\n", 43, B64),
    "azure sas": ("https://x.blob.core.windows.net/c?sv=2024-11-04&sp=r&sig={}%3D\n", 43, WORD),
    "azure client": ("AZURE_CLIENT_SECRET={}\n", 40, WORD),
    "azure sql": (
        "Server=tcp:x.database.windows.net,1433;Database=a;User ID=app;Password={};Encrypt=True;\n", 14, WORD),
    "azure sql with signs": ('"Server=x;Uid=app;Pwd=!{}#%;"\n', 10, WORD),
    "odbc": ("Driver=x;Server=y;Database=z;UID=app;PWD={}\n", 12, WORD),
    "libpq": ("dsn: host=db user=app password={} dbname=x\n", 12, WORD),
    "jdbc": ("jdbc:mysql://db:3306/x?user=app&password={}\n", 14, WORD),
    "mongodb": ("MONGO=mongodb+srv://app:{}@c0.mongodb.net/x\n", 14, WORD),
    "redis": ("redis://:{}@cache:6379/0\n", 14, WORD),
    "amqp": ("amqps://app:{}@mq/v\n", 14, WORD),
    "google key": ("key=AIza{}\n", 35, URL),
    "google client": ("GOCSPX-{}\n", 28, URL),
}  # fmt: skip
VENDORS = {
    "nvidia": ("nvapi-", 64, URL),
    "langsmith": ("lsv2_pt_" + "a1b2c3d4" * 4 + "_", 10, HEX),
    "supabase": ("sb_secret_", 22, URL),
    "supabase with a dash": ("sb_secret_Ab3-", 30, WORD),
    "google ai": ("AQ.Ab8RN6", 44, URL),
    "vercel": ("vcp_", 56, WORD),
    "tavily": ("tvly-dev-", 32, WORD),
    "tavily plain": ("tvly-", 32, WORD),
    "fireworks": ("fw_", 24, WORD),
    "anthropic": ("sk-ant-api03-", 93, URL),
    "openai project": ("sk-proj-", 120, URL),
    "openai service": ("sk-svcacct-", 80, URL),
    "openrouter": ("sk-or-v1-", 64, HEX),
    "deepseek": ("sk-", 32, HEX),
    "langfuse": ("sk-lf-", 36, HEX),
    "cerebras": ("csk-", 48, LOWER),
    "together": ("tgp_v1_", 43, URL),
    "groq": ("gsk_", 52, WORD),
    "xai": ("xai-", 80, WORD),
    "pinecone": ("pcsk_", 70, WORD),
    "firecrawl": ("fc-", 32, HEX),
    "elevenlabs": ("sk_", 48, HEX),
    "jina": ("jina_", 60, WORD),
    "e2b": ("e2b_", 40, HEX),
    "wandb": ("wandb_v1_", 60, WORD),
    "hugging face": ("hf_", 34, LETTERS + "7"),
    "replicate": ("r8_", 37, WORD),
    "perplexity": ("pplx-", 48, WORD),
    "github": ("ghp_", 36, WORD),
    "github fine": ("github_pat_", 82, WORD),
    "gitlab": ("glpat-", 20, URL),
    "slack": ("xoxb-123456789012-", 24, WORD),
    "stripe": ("sk_live_", 24, WORD),
    "resend": ("re_Ab3dE6gH_", 24, WORD),
    "posthog": ("phx_", 44, WORD),
    "neon": ("napi_", 64, LOWER),
    "render": ("rnd_", 32, WORD),
    "circleci": ("CCIPAT_AbCdEf12345678901234_", 40, HEX),
    "buildkite": ("bkua_", 40, HEX),
    "cloudflare": ("cfut_", 48, WORD),
    "notion": ("ntn_12345678901", 35, WORD),
    "npm": ("npm_", 36, WORD),
    "pypi": ("pypi-AgEIcHlwaS5vcmc", 80, URL),
    "nuget": ("oy2", 43, LOWER),
    "docker": ("dckr_pat_", 27, URL),
    "atlassian": ("ATATT3x", 180, URL),
    "bitbucket": ("ATBB", 32, WORD),
    "databricks": ("dapi", 32, HEX),
    "dbt": ("dbtc_", 40, WORD),
    "figma": ("figd_", 40, URL),
    "grafana": ("glsa_" + "Ab3dEf6h" * 4 + "_", 8, HEX),
    "vault": ("hvs.", 95, WORD),
    "tailscale": ("tskey-auth-", 30, WORD),
    "telegram": ("123456789:AA", 33, WORD),
    "sendgrid": ("SG.Ab3dEf6hIj9lMn2pQr5tUv.", 43, URL),
    "apify": ("apify_api_", 36, WORD),
    "age": ("AGE-SECRET-KEY-1", 58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"),
    "jwt": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.", 43, URL),
}
