from pathlib import Path

import pytest
from support.secret_forms import forms

from piste.engine import make, outgoing
from piste.engine.config import Config
from piste.engine.project import world
from piste.system.errors import UserError

GITHUB = next(one.secret for one in forms() if one.kind == "vendor: github")


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "_said", set())


def test_a_secret_is_masked_and_said_once_with_file_and_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for _ in range(2):
        text = outgoing.cleared(Config(), "idea.md", f"one\nuse {GITHUB}\n")
        assert text == "one\nuse [masked: github-token]\n"

    assert capsys.readouterr().err == "masked in what is sent: idea.md:2 (github-token)\n"


def test_where_secrets_are_refused_nothing_leaves() -> None:
    with pytest.raises(UserError, match=r"a secret in idea\.md:2 \(github-token\)") as raised:
        outgoing.cleared(Config(secrets="refuse"), "idea.md", f"one\nuse {GITHUB}\n")

    assert GITHUB not in str(raised.value)


def test_a_persons_own_patterns_count() -> None:
    config = Config(secret_patterns=("ACME-[0-9]+",), secret_allow=("^ghp_",))

    assert outgoing.cleared(config, "x", f"ACME-1 {GITHUB}") == f"[masked: own-pattern] {GITHUB}"


def test_a_document_s_prompt_holds_none_and_its_key_is_that_of_the_input_as_it_is(
    project: Path,
) -> None:
    (project / "idea.md").write_text(f"An idea.\nThe key is {GITHUB}.\n")
    here = world(project)
    rule = here.rules["spec"]
    sources = make.read_inputs(here, rule)

    _, prompt = make.rendered(here, rule, sources)

    assert GITHUB not in prompt
    assert "The key is [masked: github-token]." in prompt
    assert GITHUB in sources.texts[0][1]
