"""What an agent may change, as a table."""

import pytest

from piste.steps import change_policy
from piste.steps.change_policy import LINK, SUBMODULE, Allowed
from piste.system.git import Change

ALL = Allowed("")
PART = Allowed("apps/one/")
SRC = Allowed("", writes=("src", "./tests/"))
NAMED = Allowed("", named=(".github/workflows/ci.yml", ".husky/"))

# What is allowed, a path, and why it may not be changed ("" is: it may).
TABLE = [
    (ALL, "src/a.py", ""),
    (ALL, ".gitignore", ""),
    (ALL, ".github/ISSUE_TEMPLATE.md", ""),
    (ALL, ".github/workflows/ci.yml", ".github/workflows is protected"),
    (ALL, ".GitHub/Workflows/ci.yml", ".github/workflows is protected"),
    (ALL, "apps/two/.github/workflows/ci.yml", ".github/workflows is protected"),
    (ALL, ".git/hooks/pre-commit", ".git is protected"),
    (ALL, "sub/.git/config", ".git is protected"),
    (ALL, ".husky/pre-commit", ".husky is protected"),
    (ALL, ".pre-commit-config.yaml", ".pre-commit-config.yaml is protected"),
    (ALL, ".gitmodules", ".gitmodules is protected"),
    (ALL, ".piste/receipts/steps/1.json", ".piste is protected"),
    (ALL, "piste.toml", "piste.toml is protected"),
    (ALL, "docs/hooks.md", ""),
    (PART, "apps/one/a.py", ""),
    (PART, "apps/onerous/a.py", "is outside of the project's folder apps/one/"),
    (PART, "README.md", "is outside of the project's folder apps/one/"),
    (PART, "apps/one/piste.toml", "piste.toml is protected"),
    (SRC, "src/a.py", ""),
    (SRC, "tests/a.py", ""),
    (SRC, "srcs/a.py", "is not below src, ./tests/"),
    (NAMED, ".github/workflows/ci.yml", ""),
    (NAMED, ".github/workflows/cd.yml", ".github/workflows is protected"),
    (NAMED, ".husky/pre-push", ""),
]


@pytest.mark.parametrize(("allowed", "path", "why"), TABLE)
def test_paths(allowed: Allowed, path: str, why: str) -> None:
    said = change_policy.why_not(allowed, path)
    assert (why in said) if why else said == ""


def change(path: str, mode: str = "100644", old_mode: str = "000000") -> Change:
    return Change(path, "A", mode, old_mode, "", "")


@pytest.mark.parametrize(
    ("path", "target", "out"),
    [
        ("link", "/etc/passwd", True),
        ("link", "../secret", True),
        ("a/link", "../b", False),
        ("a/link", "../../b", True),
        ("a/link", "../.git/hooks", True),
        ("link", "docs/../README.md", False),
    ],
)
def test_links_out_of_the_repository(path: str, target: str, out: bool) -> None:
    found = change_policy.judge(ALL, [change(path, LINK)], lambda _: target)
    assert [violation.why for violation in found] == (
        [f"{path} is a link out of the repository, to {target}"] if out else []
    )


def test_repositories_within_and_submodules() -> None:
    rows = [change("vendor/x", SUBMODULE), change("lib", SUBMODULE, SUBMODULE), change("fine")]
    found = change_policy.judge(ALL, rows, lambda _: "")
    assert [violation.change.path for violation in found] == ["vendor/x", "lib"]


LEFT_OUT = {
    "migrations/0001.py": ["!migrations/", "!migrations", "!./migrations/", "!Migrations"],
    "app/migrations/0001.py": ["!migrations/", "!app/migrations/", "!app/mig*/", "!app/*/0001.py"],
    "src/a.lock": ["!*.lock"],
}


@pytest.mark.parametrize("path", LEFT_OUT)
def test_what_writes_leaves_out(path: str) -> None:
    for row in LEFT_OUT[path]:
        assert change_policy.why_not(Allowed("", (row,)), path), row
        assert change_policy.why_not(Allowed("", ("src", "app", "migrations", row)), path), row
        assert not change_policy.why_not(Allowed("", (row,)), "src/b.py"), row
    assert not change_policy.why_not(Allowed("", ("!other/migrations",)), path)
