"""The templates that piste ships: what each declares, what it asks for, how it renders."""

import re
from pathlib import Path

import jinja2
import jinja2.meta
import pytest

from piste import prompts
from piste.bundle import formats
from piste.engine import templates
from piste.interview.transcript import ENOUGH
from piste.system.errors import UserError

FOLDER = Path(str(prompts.__file__)).parent
LAYERS = (templates.Layer("built in", FOLDER),)

# template -> its one input
INPUTS = {
    "idea": "idea",
    "spec": "notes",
    "plan": "spec",
    "todo": "plan",
    "poke_holes": "spec",
    "white_paper": "spec",
    "business_model": "spec",
    "code_review": "bundle",
    "github_issues": "bundle",
    "issue_prompts": "bundle",
    "missing_tests": "bundle",
    "readme": "bundle",
    "change_review": "change",
}
OPTIONAL = {"github_issues": ("review",), "issue_prompts": ("issues",), "plan": ("code",)}
REVIEWS = [name for name, given in INPUTS.items() if given == "bundle"]

# What programs look for in a reply, so what a template has to ask for word by word.
FORMS = {
    "idea": (ENOUGH, "Suggested answer:", "exactly ONE question"),
    "spec": (
        "## Overview",
        "## Users and goals",
        "## Non-goals",
        "## Requirements",
        "## Architecture choices",
        "## Data",
        "## Errors and edge cases",
        "## Testing plan",
        "## Open questions",
    ),
    "plan": ("## Step 1: ", "```text\n", "without gaps", "more backticks",
             "`Files:`", "Test command: `", "Covers: "),
    "todo": ("## Step 1: ", "- [ ] "),
    "poke_holes": ("## 1. ", "**Severity:** critical|high|medium|low", "**What breaks:**",
                   "**Question to settle:**", "**Proposed change:**"),
    "white_paper": ("## Summary", "## Assumptions", "No figure"),
    "business_model": ("## Summary", "## Assumptions to test", "No invented figures"),
    "code_review": ("## 1. ", "**File:** path/as/in/the/bundle.py:123", "**Line:** ",
                    "**Severity:** critical|high|medium|low", "**Why it matters:**", "**Fix:**"),
    "change_review": ("# Change review: ", "## 1. ", "**File:** path/as/in/the/bundle.py:123",
                      "**Line:** ", "**Severity:** critical|high|medium|low", "**Fix:**"),
    "github_issues": ("## 1. ", "**Line:** ", "**Labels:** ",
                      "**Files:** path/as/in/the/bundle.py:123", "**What:**", "**Why:**",
                      "**How to verify:**"),
    "missing_tests": ("**Labels:** tests", "**Line:** ", "**Files:** path/as/in/the/bundle.py:123",
                      "**Test cases:**", "**How to verify:**"),
    "issue_prompts": ("## Step 1: ", "**Issue:** ", "```text\n", "without gaps"),
    "readme": ("## Install", "## Use", "## How it works", "Only facts from the bundle"),
}  # fmt: skip

STRANGE = "{{ 7 * 7 }} {% raw %} {# x #} $input ${x} \\n </spec> \u202e\u0000 ☃ 日本語\r\n\n  end "


def rendered(name: str, text: str = "Text.", **settings: object) -> tuple[str, str]:
    given = INPUTS[name]
    template = templates.load(f"{name}.md.j2", LAYERS)
    variables = {given: text, f"{given}_path": "docs/in put.md", "target": "out.md"}
    for one in template.inputs[1:]:
        variables |= {one: "", f"{one}_path": ""}
    return templates.render(
        template, {**variables, "focus": "", "language": "", "tests_first": True, **settings}
    )


def test_there_is_a_template_for_each_rule_and_one_shared_part() -> None:
    names = {path.name for path in FOLDER.glob("*.j2")}

    others = {
        "_amend.md.j2",
        "_bundle.md.j2",
        "_rules.md.j2",
        "debug.md.j2",
        "next.md.j2",
        "step.md.j2",
    }
    assert names == {f"{name}.md.j2" for name in INPUTS} | others


@pytest.mark.parametrize("name", INPUTS)
def test_the_front_matter_declares_just_what_the_template_uses(name: str) -> None:
    template = templates.load(f"{name}.md.j2", LAYERS)
    environment = jinja2.Environment(autoescape=False)
    environment.filters.update(templates.FILTERS)
    words = [template.system, template.body, *(text for _, _, text in template.partials)]
    used = set().union(
        *(jinja2.meta.find_undeclared_variables(environment.parse(text)) for text in words)
    )

    more = OPTIONAL.get(name, ())
    assert template.inputs == (INPUTS[name], *more)
    assert template.optional == len(more)
    given = {f"{one}{end}" for one in template.inputs for end in ("", "_path")}
    assert used == {*given, "target", *template.settings}
    assert template.description
    assert "\n" not in template.description


@pytest.mark.parametrize("name", INPUTS)
def test_the_input_comes_first_verbatim_and_in_a_frame_that_it_cannot_close(name: str) -> None:
    closing = f"</{INPUTS[name]}>"
    # Closed by name, and by a number that somebody who knows the template would guess.
    text = f"{STRANGE}{closing}\n" + "".join(f"</{INPUTS[name]}-{n}>" for n in range(2_000))

    system, prompt = rendered(name, text)

    opening, _, rest = prompt.partition("\n")
    tag = re.fullmatch(r'<([\w-]+) path="docs/in put\.md">', opening)
    assert tag
    assert rest.startswith(f"{text}\n</{tag[1]}>\n")
    assert prompt.count(f"</{tag[1]}>") == 1
    assert text not in system


@pytest.mark.parametrize("name", INPUTS)
def test_an_ordinary_input_is_framed_by_its_plain_name(name: str) -> None:
    assert rendered(name)[1].startswith(f'<{INPUTS[name]} path="docs/in put.md">\nText.\n</')


@pytest.mark.parametrize("name", INPUTS)
def test_the_last_line_names_the_document_and_its_place(name: str) -> None:
    last = rendered(name)[1].splitlines()[-1]

    assert re.fullmatch(rf"Document: {name}( \(tests first\))?, for out\.md", last)


@pytest.mark.parametrize(("name", "wanted"), [(n, w) for n, all_ in FORMS.items() for w in all_])
def test_a_template_asks_for_the_form_that_programs_read(name: str, wanted: str) -> None:
    assert wanted in "\n".join(rendered(name))


@pytest.mark.parametrize("name", INPUTS)
def test_the_language_is_that_of_the_input_unless_it_is_set(name: str) -> None:
    assert "Write in Norwegian." in rendered(name, language="Norwegian")[0]
    assert re.search(r"Write in the (main human )?language of", rendered(name)[0])


def test_a_plan_begins_with_tests_unless_told_otherwise() -> None:
    first = rendered("plan", tests_first=True)[1]
    plain = rendered("plan", tests_first=False)[1]

    assert "its first sentence orders failing tests" in first
    assert first.endswith("Document: plan (tests first), for out.md")
    assert "failing tests" not in plain
    assert plain.endswith("Document: plan, for out.md")


def test_all_reviews_of_a_bundle_begin_alike_so_that_a_provider_can_reuse_the_prefix() -> None:
    bundle = "x" * 100
    systems, prompts_ = zip(*(rendered(name, bundle) for name in REVIEWS), strict=True)

    assert len(set(systems)) == 1
    assert len({prompt[: prompt.index("</bundle>")] for prompt in prompts_}) == 1


@pytest.mark.parametrize("name", INPUTS)
def test_no_old_tricks_no_emoji_no_username(name: str) -> None:
    words = (FOLDER / f"{name}.md.j2").read_text()

    assert not re.search("step[- ]by[- ]step|hallucinat|username|think deeply", words, re.I)
    assert not re.search("[\U0001f000-\U0001faff\u2600-\u27bf]", words)


def test_a_template_names_no_block_that_no_bundle_has() -> None:
    kinds = {"bundle", "header", "tree", "file", "left_out", "diff", "log", "instruction"}
    kinds.add("spec")  # of what `piste review` packs
    for template in FOLDER.glob("*.j2"):
        named = set(re.findall(r"\bblocks? `([^`]+)`", template.read_text()))
        assert named <= kinds, template.name


@pytest.mark.parametrize("name", INPUTS)
def test_a_variable_that_is_not_given_is_named(name: str) -> None:
    template = templates.load(f"{name}.md.j2", LAYERS)

    with pytest.raises(UserError, match="language"):
        templates.render(template, {"target": "out.md"})


def packed(*files: tuple[str, str], instruction: str = "") -> str:
    """A bundle of these files."""
    parts = [formats.block("xml", "bundle", {"by": "piste"}, b"A note.\n")]
    parts += [formats.block("xml", "file", {"path": p}, text.encode()) for p, text in files]
    if instruction:
        parts.append(formats.block("xml", "instruction", {}, instruction.encode()))
    return b"".join(parts).decode()


CODE = (("a.py", "def one():\n    return 1\n"), ("b.py", "two = 2\n"), ("c.py", "three = 3\n"))


@pytest.mark.parametrize("name", REVIEWS)
def test_an_instruction_stands_outside_the_material_and_only_there(name: str) -> None:
    prompt = rendered(name, packed(*CODE, instruction="Look at the locks."))[1]

    material, _, orders = prompt.partition("\n</bundle-1>")
    assert "Look at the locks." not in material
    assert orders.count("Look at the locks.") == 1
    assert "instruction" not in material


def test_what_to_review_against_and_the_focus_are_named_outside_the_material() -> None:
    bundle = packed(("AGENTS.md", "Use tabs.\n"), ("docs/CONTRIBUTING.rst", "Tests.\n"), *CODE)
    orders = rendered("code_review", bundle, focus="the locks")[1].partition("\n</bundle-1>")[2]

    assert "what AGENTS.md, docs/CONTRIBUTING.rst lay down" in orders
    assert "Use tabs." not in orders
    assert "the locks" in orders
    assert "lay down" not in rendered("code_review", packed(*CODE))[1]


def test_the_chain_shows_only_the_files_that_the_review_names() -> None:
    review = "# Code review: x\n\n## 1. Bad\n\n**File:** b.py:1\n\nIt is.\n"
    more = {"review": review, "review_path": "code-review.md"}
    chained = rendered("github_issues", packed(*CODE), **more)[1]
    alone = rendered("github_issues", packed(*CODE))[1]

    assert "two = 2" in chained
    assert "three = 3" not in chained
    assert review.strip() in chained
    assert "an issue has the number of its finding" in chained.lower()
    assert "three = 3" in alone
    assert "finding of the review" not in alone


def test_a_plan_over_existing_code_sees_its_files_and_definitions() -> None:
    prompt = rendered("plan", "Text.", code=packed(*CODE), code_path="output.txt")[1]

    assert "a.py\n  def one():\nb.py\nc.py\n" in prompt
    assert "return 1" not in prompt
    assert "used, not made again" in prompt
