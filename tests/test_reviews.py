"""The five documents of real repositories: packages as they are installed, and this one.

The model behind the real `llm` answers with what the embedded one would say, so that its
replies are about the very files it was sent; the judge is the stand-in's log and the parsers.
"""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Run
from support.standin import Request, StandIn

from piste.documents import plan
from piste.model import prices
from piste.outline.model import outline

REVIEWS = ("code_review", "github_issues", "issue_prompts", "missing_tests", "readme")
FILES = ("code-review.md", "issues.md", "issue-prompts.md", "missing-tests.md", "README.new.md")
ISSUE = re.compile(r"^## (.+)\n(?s:.*?)^\*\*Files:\*\* (.+)$", re.MULTILINE)


def installed(name: str, root: Path) -> None:
    """Copy an installed package, which has no README, into a repository."""
    spec = importlib.util.find_spec(name)
    assert spec and spec.origin
    shutil.copytree(
        Path(spec.origin).parent, root / name, ignore=shutil.ignore_patterns("__pycache__")
    )


@pytest.fixture(params=["doit", "piste"])
def repository(request: pytest.FixtureRequest, project: Path, standin: StandIn) -> Path:
    """A project with a real package in it, a README of a person, and a model that is paid."""
    (project / "spec.md").unlink()
    installed(request.param, project)
    (project / "piste.toml").write_text('model = "chat-ok"\n')
    (project / "README.md").write_text("# By hand\n")
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    standin.reply(lambda asked: outline(asked.system, asked.prompt, []))
    return project


def test_five_documents_are_paid_once_and_name_files_that_are_there(
    repository: Path, run: Run, standin: StandIn
) -> None:
    done = run("doit", "-n", "5", *REVIEWS)

    assert done.returncode == 0, done.stderr
    assert standin.paid == len(REVIEWS)
    bundle = (repository / "output.txt").read_text().strip()
    whole = [bundle in request.prompt for request in standin.requests]
    assert sum(whole) == len(REVIEWS) - 2  # the two that are made after a review see less
    assert (repository / "README.md").read_text() == "# By hand\n"
    for name in FILES:
        assert "**Not in the bundle:**" not in (repository / name).read_text()
    review = (repository / "code-review.md").read_text()
    places = re.findall(r"^\*\*File:\*\* (.+):(\d+)$", review, re.MULTILINE)
    assert len(places) == len(re.findall(r"^\*\*Severity:", review, re.MULTILINE)) > 0
    for path, line in places:
        assert 1 <= int(line) <= len((repository / path).read_text().splitlines())

    for path in repository.rglob("*.py"):
        path.touch()
    again = run("doit", "-n", "5", *REVIEWS)
    assert again.returncode == 0, again.stderr
    assert standin.paid == len(REVIEWS)


def test_five_reviews_of_one_bundle_begin_alike_and_the_first_goes_alone(
    repository: Path, run: Run, standin: StandIn, own_home: Path
) -> None:
    rules = "".join(f'[rules.{name}]\ninputs = ["output.txt"]\n' for name in REVIEWS)
    (repository / "piste.toml").write_text(f'model = "local/gpt-4.1"\n{rules}')
    (repository / "AGENTS.md").write_text("Write short functions.\n")
    entry = {"model_id": "local/gpt-4.1", "model_name": "ok", "api_base": standin.url}
    (own_home / "llm" / "extra-openai-models.yaml").write_text(json.dumps([entry]))
    there: list[int] = []

    def answer(asked: Request) -> str:
        if asked.number == 1:
            time.sleep(0.5)
            there.append(len(standin.requests))
        return outline(asked.system, asked.prompt, [])

    standin.caching = True
    standin.reply(answer)

    done = run("doit", "-n", "5", *REVIEWS)

    assert done.returncode == 0, done.stderr
    assert there == [1]
    assert len(standin.requests) == 5
    bundle = (repository / "output.txt").read_text().strip()
    ends = {request.prompt.index(bundle) + len(bundle) for request in standin.requests}
    assert len({(r.system, r.prompt[: max(ends)]) for r in standin.requests}) == len(ends) == 1
    rows = json.loads(run("piste", "log", "--json").stdout)
    cached = [row["cached_tokens"] or 0 for row in rows if row["event"] == "made"]
    assert sum(tokens >= max(ends) // 4 for tokens in cached) == 4
    assert min(cached) == 0
    for row in rows:
        if row["event"] == "made" and row["model"] != "":
            costs = prices.price(
                "gpt-4.1", row["input_tokens"], row["output_tokens"], row["cached_tokens"] or 0
            )
            assert row["cost"] == costs.dollars
    shown = run("piste", "log").stdout.splitlines()
    assert "CACHED" in shown[0]
    assert "tokens in were cached by the provider" in shown[-1]


def test_the_issue_prompts_are_a_plan_with_a_step_for_each_issue(
    repository: Path, run: Run
) -> None:
    assert run("doit", "github_issues", "issue_prompts").returncode == 0

    issues = (repository / "issues.md").read_text()
    sections = re.findall(r"^## (.+)$", issues, re.MULTILINE)
    steps = plan.parse((repository / "issue-prompts.md").read_text()).steps
    assert len(ISSUE.findall(issues)) == len(sections) == len(steps) > 0
    assert all(step.prompt.strip() for step in steps)


@pytest.mark.parametrize("name", ["code-review", "readme-gen"])
def test_llm_itself_makes_a_document_from_a_pipe(
    repository: Path, run: Run, standin: StandIn, name: str
) -> None:
    assert run("piste", "bundle").returncode == 0
    bundle = (repository / "output.txt").read_bytes()

    llm = [sys.executable, "-m", "llm", "-m", "chat-ok", "-t", f"piste:{name}"]
    done = subprocess.run(llm, input=bundle, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr
    assert standin.paid == 1
    assert bundle.decode().strip() in standin.requests[0].prompt
    assert done.stdout.decode().startswith("# ")
