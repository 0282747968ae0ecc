"""What is left out unasked, in groups with their reason, and what goes first over a budget.

Only what is a copy, a product or a picture: a default that is too broad loses source
files (a Go project keeps its code in `pkg/`), so there is no `engine/` or `out/` below the
root, and nothing that git's own rules already keep away. Each pattern can be brought back
by `!pattern` in `bundle.ignore` or in `.pisteignore`, all but the secret files by
`bundle.defaults = false`. It does not know which of them a project tracks on purpose.
"""

SECRET_FILES = "secret files"
BUILD_OUTPUT = "build output"

GROUPS: dict[str, tuple[str, ...]] = {
    "lock files": (
        "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock",
        "bun.lockb", "deno.lock", "Cargo.lock", "poetry.lock", "pdm.lock", "uv.lock",
        "Pipfile.lock", "composer.lock", "Gemfile.lock", "go.sum", "flake.lock", "mix.lock",
        "pubspec.lock", "Podfile.lock", "Package.resolved", "gradle.lockfile",
        "packages.lock.json", "mise.lock",
    ),
    BUILD_OUTPUT: (
        "__pycache__/", "*.pyc", "*.pyo", "*.pyd", "*.egg-info/", ".eggs/", ".tox/", ".nox/",
        ".venv/", ".mypy_cache/", ".pytest_cache/", ".ruff_cache/", ".hypothesis/", "htmlcov/",
        ".nyc_output/", ".next/", ".nuxt/", ".svelte-kit/", ".gradle/", ".terraform/", "dist/",
        "/build/", "/out/", "/target/", ".doit.db*", ".DS_Store", ".coverage", ".coverage.*",
        "!.coveragerc",
    ),
    "vendored trees": (
        "node_modules/", "bower_components/", "vendor/", "third_party/", "/Pods/", ".yarn/",
    ),
    "minified files": (
        "*.min.js", "*.min.mjs", "*.min.css", "*.js.map", "*.mjs.map", "*.css.map",
    ),
    "images": (
        "*.png", "*.jpg", "*.jpeg", "*.gif", "*.bmp", "*.ico", "*.webp", "*.avif", "*.tif",
        "*.tiff", "*.svg", "*.eps", "*.psd", "*.woff", "*.woff2", "*.ttf", "*.otf", "*.eot",
    ),
    SECRET_FILES: (
        ".env", ".env.*", "!.env.example", "!.env.sample", "!.env.template", "*.pem", "*.key",
        "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk", "id_rsa", "id_dsa",
        "id_ecdsa", "id_ed25519", ".netrc", ".pgpass", ".htpasswd", ".pypirc",
        ".git-credentials", ".aws/credentials",
    ),
}  # fmt: skip

# Over the budget with `fit = "auto"`: in this order, the biggest of each first.
FIT_ORDER: dict[str, tuple[str, ...]] = {
    "test data": (
        "testdata/", "test_data/", "test-data/", "fixtures/", "__fixtures__/", "__snapshots__/",
        "*.snap", "cassettes/", "golden/", "corpus/", "test/data/", "tests/data/",
        "**/tests/**/*.json", "**/tests/**/*.xml", "**/tests/**/*.csv", "**/tests/**/*.txt",
        "**/test/**/*.json", "**/test/**/*.xml", "**/test/**/*.csv", "**/test/**/*.txt",
    ),
    "generated": (
        "*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*.pb.go", "*.pb.cc", "*.pb.h",
        "*.generated.*", "*_generated.*", "*.g.dart", "*.designer.cs", "generated/",
        "__generated__/", "*.po", "*.pot", "configure", "aclocal.m4",
    ),
    "docs": (
        "doc/", "docs/", "Doc/", "documentation/", "*.md", "*.rst", "*.adoc", "CHANGELOG*",
        "NEWS*", "changelog*",
    ),
}  # fmt: skip
