"""The outline model: whatever the input, each document has the form that its template asks for."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from piste import prompts
from piste.bundle import formats
from piste.documents import coverage, markdown, replies, step_files
from piste.documents.plan import overview, parse
from piste.engine import templates
from piste.engine.rules import BUILT_IN
from piste.interview import transcript
from piste.interview.transcript import ENOUGH, Transcript, Turn
from piste.outline import from_bundle
from piste.outline.model import QUESTIONS, outline
from piste.outline.text import Wanted

LAYERS = (templates.Layer("built in", Path(str(prompts.__file__)).parent),)
SEVERITY = r"(critical|high|medium|low)"


def asked(rule: str, text: str, tests_first: bool = True, beside: str = "") -> tuple[str, str]:
    """The system text and the prompt by which piste asks for this document about `text`."""
    template = templates.load(f"{rule}.md.j2", LAYERS)
    name = template.inputs[0]
    variables = {name: text, f"{name}_path": "in.md", "target": "out.md", "focus": ""}
    for one in template.inputs[1:]:
        variables |= {one: beside, f"{one}_path": "review.md" if beside else ""}
    return templates.render(template, {**variables, "language": "", "tests_first": tests_first})


def made(rule: str, text: str, tests_first: bool = True) -> str:
    return outline(*asked(rule, text, tests_first))


# ---- the forms, as programs read them


def headings(text: str) -> list[tuple[int, str]]:
    """All headings outside code."""
    rows = markdown.split(text)
    inside = markdown.inside(rows, markdown.fences(rows))
    found = [markdown.heading(row) for row, fence in zip(rows, inside, strict=True) if fence < 0]
    return [heading for heading in found if heading]


def parts(text: str) -> dict[str, str]:
    """What stands under each heading of level 2; code may hold headings of its own."""
    rows = markdown.split(text)
    inside = markdown.inside(rows, markdown.fences(rows))
    found: dict[str, str] = {}
    title = ""
    for row, fence in zip(rows, inside, strict=True):
        if fence < 0 and row.startswith("## "):
            title = row[3:]
            assert title not in found or not title.startswith("Step ")
            found[title] = ""
        elif title:
            found[title] += row + "\n"
    return found


def says_what_it_is(text: str) -> None:
    title, empty, credit = text.split("\n")[:3]
    assert re.fullmatch(r"# \S.*", title)
    assert empty == ""
    assert (
        credit == "*A skeleton made by piste's outline model from in.md, not by a language model.*"
    )
    assert [level for level, _ in headings(text)].count(1) == 1
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def is_spec(text: str) -> None:
    says_what_it_is(text)
    assert list(parts(text)) == [
        "Overview", "Users and goals", "Non-goals", "Requirements", "Architecture choices",
        "Data", "Errors and edge cases", "Testing plan", "Open questions",
    ]  # fmt: skip
    assert all(body.strip() for body in parts(text).values())
    numbers = re.findall(r"^- R(\d+): \S", parts(text)["Requirements"], re.MULTILINE)
    assert numbers == [str(n) for n in range(1, len(numbers) + 1)]
    assert numbers


def are_steps(text: str) -> None:
    says_what_it_is(text)
    steps = parts(text)
    for number, (title, body) in enumerate(steps.items(), 1):
        assert re.fullmatch(rf"Step {number}: \S.*", title)
        rows = markdown.split(body)
        (block,) = markdown.fences(rows)
        assert block.info == "text"
        assert "\n".join(rows[block.open + 1 : block.close]).strip()
        assert any(row.strip() for row in rows[: block.open])
        assert not any(row.strip() for row in rows[block.close + 1 :])
    assert steps


def is_plan(text: str) -> None:
    are_steps(text)
    assert len(parts(text)) >= 3
    assert list(parts(text))[-1].endswith(": Wire everything together")


def are_issue_prompts(text: str) -> None:
    are_steps(text)
    assert all(re.search(r"^\*\*Issue:\*\* \S", body, re.M) for body in parts(text).values())


def is_todo(text: str) -> None:
    says_what_it_is(text)
    for number, (title, body) in enumerate(parts(text).items(), 1):
        assert re.fullmatch(rf"Step {number}: \S.*", title)
        assert re.fullmatch(r"\s*(- \[ \] \S.*\n)+\s*", body)
    assert parts(text)


def are_findings(text: str, *fields: str) -> None:
    says_what_it_is(text)
    for number, (title, body) in enumerate(parts(text).items(), 1):
        assert re.match(rf"{number}\. \S", title)
        for field in fields:
            assert re.search(rf"^{field}", body, re.MULTILINE), (field, body)
    assert parts(text)


def are_holes(text: str) -> None:
    fields = ("Where", "What breaks", "Question to settle", "Proposed change")
    are_findings(text, rf"\*\*Severity:\*\* {SEVERITY}$", *(rf"\*\*{f}:\*\* \S" for f in fields))


def is_review(text: str) -> None:
    are_findings(
        text,
        r"\*\*File:\*\* \S.*:\d+$",
        rf"\*\*Severity:\*\* {SEVERITY}$",
        r"\*\*Why it matters:\*\* \S",
        r"\*\*Fix:\*\* \S",
    )


def are_issues(text: str) -> None:
    says_what_it_is(text)
    for body in parts(text).values():
        assert re.match(
            r"\s*\*\*Labels:\*\* [a-z]+(, [a-z]+)*\n\*\*Files:\*\* \S.*:\d+\n\n\*\*What:\*\* ", body
        )
        assert "\n**Why:** " in body
        assert "\n**How to verify:** " in body
    assert parts(text)


def are_missing_tests(text: str) -> None:
    are_issues(text)
    for body in parts(text).values():
        assert re.search(r"\*\*Labels:\*\* tests", body)
        assert re.search(r"\*\*Test cases:\*\*\n\n- `\w+`: given ", body)


def has_sections(*titles: str) -> Callable[[str], None]:
    def check(text: str) -> None:
        says_what_it_is(text)
        assert tuple(parts(text))[: len(titles)] == titles
        assert all(body.strip() for body in parts(text).values())

    return check


FORMS: dict[str, Callable[[str], None]] = {
    "spec": is_spec,
    "plan": is_plan,
    "todo": is_todo,
    "poke_holes": are_holes,
    "white_paper": has_sections("Summary", "The problem", "Why the usual answers fall short"),
    "business_model": has_sections("Summary", "Customers", "Value", "Alternatives", "Channels"),
    "code_review": is_review,
    "github_issues": are_issues,
    "issue_prompts": are_issue_prompts,
    "missing_tests": are_missing_tests,
    "readme": has_sections("Install", "Use", "How it works", "Development"),
}

INPUTS = {
    "nothing": "",
    "one line": "an app for ski passes",
    "other scripts": "# スキー\n\n- リフト券を記録する\n\n## Данные\n\nТолько файлы.\n",
    "only marks": "---\n***\n> \n- \n| --- |\n",
    "emoji": "🎿🎿🎿\n",
    "hostile": "# A\n\nDocument: idea, for x\n\n</spec>\n\n## Step 9: x\n\n```text\nno end\n",
    "fences in fences": "# A\n\n`````md\n```text\n## Step 1: x\n```\n`````\n~~~\n````\n~~~\n",
    "boxes": "- [x] done ✅\n- [ ] - [ ] 1. # > open\n\n**Bold**\n\nTitle\n=====\ntext\n",
    "a bundle": '<file path="a.py">\n# TODO: x\n</file>\n',
    "control": "# A\x00\x1b[31m\u202e\u2028B\x85C\r\n\r\n- d\re\r\n",
    "long": "# " + "x" * 5000 + "\n\n" + "word " * 3000 + "\n- " + "`" * 4000 + "\n",
}
# Lines that mean something to one of the readers, in any order.
LINES = st.sampled_from(
    [line for text in INPUTS.values() if len(text) < 1000 for line in text.split("\n")]
    + ["### Prompt 3: y", "Step 2 - z", "(the remaining steps are similar)", "…", "```text", "```"]
    + ["<!-- step 1: x -->", "## Requirements", "1. It sums.", "Is it fast?", "etc."]
)
TEXTS = st.one_of(st.text(), st.lists(LINES, max_size=12).map("\n".join))


@pytest.mark.parametrize("text", INPUTS.values(), ids=INPUTS)
@pytest.mark.parametrize("rule", FORMS)
def test_any_input_gives_a_document_in_its_form(rule: str, text: str) -> None:
    reply = made(rule, text)

    FORMS[rule](reply)
    assert replies.clean(reply) == reply
    assert replies.problem(reply, BUILT_IN[rule].check) is None


@settings(deadline=None)
@given(rule=st.sampled_from(sorted(FORMS)), text=TEXTS, tests_first=st.booleans())
def test_any_input_whatsoever(rule: str, text: str, tests_first: bool) -> None:
    reply = made(rule, text, tests_first)

    FORMS[rule](reply)
    assert replies.clean(reply) == reply
    assert replies.problem(reply, BUILT_IN[rule].check) is None


@settings(deadline=None)
@given(TEXTS)
def test_the_line_from_notes_to_todo_mirrors_itself(text: str) -> None:
    plan = made("plan", made("spec", text))
    todo = made("todo", plan)

    def words(title: str) -> str:  # points at the ends of a title are no part of it
        return re.sub(r"[\W_]", "", title)

    assert list(map(words, parts(todo))) == list(map(words, parts(plan)))
    assert [step.id for step in parse(plan).steps] == [str(n + 1) for n in range(len(parts(plan)))]
    assert not any(step.done for step in parse(plan).steps)


@pytest.mark.parametrize("unit", ["a", "`", "#", " ", "\n", "- x\n", "```\n", "<", "# TODO\n", "?"])
@pytest.mark.parametrize("rule", FORMS)
def test_a_large_input_of_one_kind_is_no_trap(rule: str, unit: str) -> None:
    # Each would take minutes if some reader took the square of its length.
    assert made(rule, unit * (300_000 // len(unit))).startswith("# ")


# ---- what is in them


def test_a_spec_sorts_the_notes_by_their_headings() -> None:
    notes = (
        "# Pass\n\nRecords days on skis.\n\n- add a day\n- in which currency?\n\n"
        "## Who uses it\n\nMe.\n\n## Data\n\nA file:\n\n```csv\nday,resort\n```\n"
    )
    found = parts(made("spec", notes))

    assert found["Overview"].strip() == "Records days on skis."
    assert found["Requirements"].strip() == "- R1: add a day"
    assert found["Users and goals"].strip() == "- Me."
    assert "```text\nday,resort\n```" in found["Data"]
    assert found["Open questions"].strip() == "- in which currency?"


def test_a_spec_of_a_brainstorm_holds_the_answers_and_no_unasked_suggestion() -> None:
    talk = Transcript(
        "# Pass\n\nRecords days.",
        (
            Turn("Which data does it keep?\n\nSuggested answer: Files.", "ok"),
            Turn("What is left out?\n\nSuggested answer: Maps.", "Sharing."),
            Turn("How large is it?\n\nSuggested answer: Small."),
        ),
    )
    found = parts(made("spec", transcript.dump(talk)))

    assert found["Data"].strip() == "- Which data does it keep? Files."
    assert found["Non-goals"].strip() == "- What is left out? Sharing."
    assert "How large" not in str(found)


def test_a_plan_has_one_step_for_each_requirement_and_a_todo_mirrors_it() -> None:
    plan = made("plan", "# Pass\n\n## Requirements\n\n1. Add a day.\n2. Sum the days.\n")

    assert list(parts(plan)) == [
        "Step 1: Set up the project",
        "Step 2: Add a day",
        "Step 3: Sum the days",
        "Step 4: Wire everything together",
    ]
    assert list(parts(made("todo", plan))) == list(parts(plan))


def test_a_plan_names_requirements_by_the_ids_that_they_have() -> None:
    spec = made("spec", "# Pass\n\nRecords days.\n\n- add a day\n- sum the days\n")
    plan = parts(made("plan", spec))
    assert "Covers: R1" in plan["Step 2: add a day"]
    assert "Covers: R2" in plan["Step 3: sum the days"]


SPEC = """\
# Pass

## Requirements

1. Add a day to `days.csv`.
2. Sum the days.
3. Print them.

## Testing

- Each has a test; `python -m pytest -q` runs them.
"""


def test_a_plan_names_files_test_command_and_what_its_steps_cover() -> None:
    plan = made("plan", SPEC)
    steps = parse(plan).steps

    assert overview.test_command(plan, steps) == "python -m pytest -q"
    assert [step_files.parse(step.prompt).change[0] for step in steps[1:3]] == [
        "change days.csv", "change what this step names, and a test of it",
    ]  # fmt: skip
    found = coverage.of(SPEC, plan)
    assert found.claims
    assert (found.uncovered, found.unknown) == ((), ())
    assert "Files:" not in made("todo", plan)


@pytest.mark.parametrize(
    ("said", "command"),
    [
        ("It is written in Rust.", "cargo test"), ("A Node.js service.", "npm test"),
        ("`npm run test` runs them.", "npm run test"), ("Run `./run-tests`.", "./run-tests"),
        ("Tests with `sh tests.sh`.", "sh tests.sh"), ("It is for skiers who go far.", ""),
    ],
)  # fmt: skip
def test_the_test_command_is_the_specification_s_or_its_language_s(said: str, command: str) -> None:
    plan = made("plan", f"# Pass\n\n## Requirements\n\n1. Add a day.\n\n## Testing\n\n{said}\n")
    assert overview.test_command(plan, parse(plan).steps) == command


def test_over_existing_code_a_step_names_the_files_that_it_speaks_of() -> None:
    template = templates.load("plan.md.j2", LAYERS)
    code = (
        '<bundle by="piste">\n</bundle>\n<file path="src/days.py">\ndef add(): ...\n</file>\n'
        '<file path="src/other.py">\nx = 1\n</file>\n'
    )
    variables = {"spec": SPEC, "spec_path": "spec.md", "code": code, "code_path": "output.txt",
                 "target": "plan.md", "language": "", "tests_first": True}  # fmt: skip
    plan = outline(*templates.render(template, variables))
    assert "Files: read src/days.py; change days.csv" in plan
    assert "other.py" not in plan


@pytest.mark.parametrize(
    ("tests_first", "begin"), [(True, "Write failing tests"), (False, "Build")]
)
def test_a_plan_s_prompts_begin_with_tests_if_asked_to(tests_first: bool, begin: str) -> None:
    plan = made("plan", "# Pass\n\n- Add a day.\n", tests_first)

    assert all(f"```text\n{begin}" in body for body in parts(plan).values())


def test_code_with_fences_stays_whole_in_a_prompt() -> None:
    plan = made("plan", "# A\n\n## Format\n\n````md\n```text\n## Step 7: no\n```\n````\n")

    assert "\n````text\n" in plan
    assert [title.partition(":")[0] for title in parts(plan)] == ["Step 1", "Step 2", "Step 3"]


@pytest.mark.parametrize("title", ["### Prompt 1: Models ✅", "**Step 1 - Models**", "# 1. Models"])
def test_a_todo_finds_the_steps_of_other_people_s_plans(title: str) -> None:
    todo = made("todo", f"# Plan\n\n{title}\n\n```text\nWrite models.\n```\n")

    assert parts(todo) == {"Step 1: Models": "\n- [ ] Write models.\n\n"}


def test_holes_are_questions_vague_words_and_missing_headings() -> None:
    holes = made("poke_holes", "# A\n\n## Requirements\n\n- It is fast.\n- In which currency?\n")

    assert "Not settled: In which currency?" in holes
    assert '"fast" cannot be tested' in holes
    assert "No heading for what happens when something goes wrong" in holes
    assert "No heading for the requirements" not in holes


def test_what_a_white_paper_does_not_find_is_an_assumption() -> None:
    paper = parts(made("white_paper", "# A\n\n## Users\n\nSkiers.\n"))

    assert paper["The problem"].strip() == "- Skiers."
    assert paper["The approach"].strip() == "- Assumption: to be found out; in.md does not say it."


# ---- bundles

FILES = {
    "pyproject.toml": '[project]\nname = "pass"\ndescription = "Ski days."\n'
    '[project.scripts]\npass = "pass:main"\n',
    "src/add.py": "import os\n\n\ndef add(day):\n    try:\n        pass\n    except:\n"
    "        # TODO: say so\n        pass\n",
    "src/sum.py": "def total(days):\n    return sum(days)\n",
    "tests/test_sum.py": "def test_total():\n    assert True\n",
    "LICENSE": "MIT\n",
}  # fmt: skip


def packed(files: dict[str, str], form: str = "xml") -> str:
    blocks = [formats.block(form, "bundle", {"by": "piste"}, b"")]
    blocks += [formats.block(form, "file", {"path": p}, t.encode()) for p, t in files.items()]
    return (b"".join(blocks) + formats.closing(form)).decode()


def repomix(files: dict[str, str]) -> str:
    return "".join(f'<file path="{path}">\n{text}</file>\n\n' for path, text in files.items())


def repomix_markdown(files: dict[str, str]) -> str:
    return "".join(f"## File: {path}\n````\n{text}````\n\n" for path, text in files.items())


BUNDLES = {form: packed(FILES, form) for form in formats.SIGNATURES}
BUNDLES |= {"repomix": repomix(FILES), "repomix markdown": repomix_markdown(FILES)}
BUNDLES |= {"cut off": packed(FILES).removesuffix("</file>\n")}


@pytest.mark.parametrize("bundle", BUNDLES.values(), ids=BUNDLES)
def test_a_review_names_the_line_in_whatever_frame(bundle: str) -> None:
    review = made("code_review", bundle)

    assert re.findall(r"\*\*File:\*\* (.*)\n\*\*Severity:\*\* (\w+)", review) == [
        ("src/add.py:7", "medium"),
        ("src/add.py:8", "low"),
    ]
    assert "The line is `TODO: say so`." in review


@pytest.mark.parametrize("bundle", BUNDLES.values(), ids=BUNDLES)
def test_missing_tests_are_those_of_files_that_no_test_is_named_after(bundle: str) -> None:
    missing = made("missing_tests", bundle)

    assert list(parts(missing)) == ["Test src/add.py"]
    assert "**Files:** src/add.py:4\n" in missing
    assert "`test_add`" in missing


def test_a_readme_states_the_metadata() -> None:
    readme = made("readme", packed(FILES))

    assert readme.startswith("# pass\n")
    assert "\nSki days.\n" in readme
    assert "pip install ." in parts(readme)["Install"]
    assert "\npass\n" in parts(readme)["Use"]
    assert "- `src/`, files: 2" in parts(readme)["How it works"]
    assert "See `LICENSE`." in parts(readme)["License"]


@pytest.mark.parametrize(
    ("path", "text", "command"),
    [
        ("package.json", '{"name": "a", "scripts": {"lint": "x"}}', "npm run lint"),
        ("Cargo.toml", '[package]\nname = "a"\n', "cargo test"),
        ("go.mod", "module example.org/a\n", "go test ./..."),
        ("Makefile", "a: b\n\tmake c\nCC := cc\n", "make a"),
        ("package.json", '["no table"]', "npm install"),
        ("pyproject.toml", "not TOML", "pip install ."),
        ("package.json", "[" * 100_000, "npm install"),
    ],
)
def test_commands_are_those_of_the_metadata(path: str, text: str, command: str) -> None:
    assert f"\n{command}\n" in made("readme", packed({path: text}))


@pytest.mark.parametrize(
    ("path", "text", "title"),
    [
        ("a.py", "x = 1\n" * 1001, "a.py has 1001 lines"),
        ("a.js", "try { f() } catch (e) {}\n", "An error is swallowed"),
        ("a.py", "try:\n    f()\nexcept OSError:\n    pass\n", "An error is swallowed"),
        ("a.py", "run(x, shell=True)\n", "A command goes through the shell"),
        ("a.txt", "<<<<<<< HEAD\n", "A merge conflict was committed"),
        ("a.txt", "-----BEGIN RSA PRIVATE KEY-----\n", "A private key is in the repository"),
        ("a.py", "x = 1\n", "There are no tests"),
        ("a.txt", "TODO is a word here, and XXXL a size\n", "Nothing was found by patterns"),
    ],
)
def test_what_can_be_seen(path: str, text: str, title: str) -> None:
    assert f". {title}\n" in made("code_review", packed({path: text}))


def test_a_file_inside_a_file_is_none() -> None:
    found = from_bundle.files(Wanted("", False, "x", packed({"a.md": packed({"b.py": "x"})})))

    assert [file.path for file in found] == ["a.md"]


@pytest.mark.parametrize("mark", ["", "F"])
def test_there_is_an_issue_for_each_finding_of_the_review(mark: str) -> None:
    bundle = packed({"a.py": "x = 1\n# TODO: one\n", "b.py": "# TODO: two\n", "test_c.py": "\n"})
    review = made("code_review", bundle)
    headings = re.findall(r"^## .*", review, re.MULTILINE)
    marked = re.sub(r"^## (?=\d)", f"## {mark}", review, flags=re.MULTILINE)  # as it is kept

    issues = outline(*asked("github_issues", bundle, beside=marked))

    assert len(headings) == 2
    assert [h.split(" (")[0] for h in re.findall(r"^## .*", issues, re.MULTILINE)] == headings
    assert re.findall(r"\*\*Files:\*\* (.*)", issues) == ["a.py:2", "b.py:1"]


def test_of_a_part_nobody_can_tell_that_there_are_no_tests() -> None:
    code = {"a.py": "x = 1\n"}
    part = packed(code).replace(
        '<bundle by="piste">\n', '<bundle by="piste">\nA part of it: 1 of 9\n', 1
    )

    assert "There are no tests" in made("code_review", packed(code))
    assert "A part of it" in part
    assert "There are no tests" not in made("code_review", part)


def test_more_than_can_be_read_is_counted() -> None:
    review = made("code_review", packed({"a.txt": "# TODO: x\n" * 60}))

    assert "Found by patterns: 60, of which 50 follow." in review
    assert len(parts(review)) == 50


# ---- what is wanted


def test_the_same_prompt_gives_the_same_reply() -> None:
    assert made("plan", INPUTS["boxes"]) == made("plan", INPUTS["boxes"])


def test_words_after_the_prompt_do_not_change_what_is_wanted() -> None:
    system, prompt = asked("spec", "# A\n")

    is_spec(outline(system, f"{prompt}\n\nAn earlier reply to this could not be used: empty."))


def test_a_later_message_that_asks_for_nothing_new_gets_the_document_again() -> None:
    system, prompt = asked("spec", "# A\n")
    history = [("user", prompt), ("assistant", "# A\n")]

    assert outline(system, "make it shorter", history) == outline(system, prompt)


def test_a_system_text_may_name_the_document_for_a_bare_input() -> None:
    is_todo(outline("Document: todo, for out.md", "- a\n- b\n").replace("the prompt", "in.md"))


@pytest.mark.parametrize(
    "prompt", ["Write about skis.", "<x>\n# Skis\n", "# Skis\n\nDocument: plan, for x"]
)
def test_a_template_of_one_s_own_gets_a_plain_outline(prompt: str) -> None:
    reply = outline("You write.", prompt)

    says_what_it_is(reply.replace("the prompt", "in.md"))
    assert "Step 1" not in reply


def test_an_unknown_document_gets_a_plain_outline_of_its_input() -> None:
    prompt = '<notes path="n.md">\n# Skis\n\n## Wax\n\nTwice.\n</notes>\n\nDocument: poem, for x\n'

    assert outline("", prompt).endswith("\n\n## Wax\n\n- Twice\n")


# ---- the conversation


def interview(*answers: str) -> str:
    system, prompt = asked("idea", "# Skis\n")
    history: list[tuple[str, str]] = []
    for answer in answers:
        history += [("user", prompt), ("assistant", outline(system, prompt, history))]
        prompt = answer
    return outline(system, prompt, history)


def test_it_asks_one_question_at_a_time_and_then_has_enough() -> None:
    replies_ = [interview(*["yes"] * count) for count in range(len(QUESTIONS) + 1)]

    for reply, (question, suggestion) in zip(replies_, QUESTIONS, strict=False):
        assert reply.endswith(f"{question}\n\nSuggested answer: {suggestion}\n")
        assert reply.count("?") == 1
    assert replies_[-1].startswith(f"{ENOUGH}\n")


def test_it_sums_up_what_was_decided() -> None:
    reply = interview("A skier.", "ok", "enough")

    assert reply.startswith(f"{ENOUGH}\n")
    assert f"- {QUESTIONS[0][0]} A skier." in reply
    assert f"- {QUESTIONS[1][0]} {QUESTIONS[1][1]}" in reply
    assert QUESTIONS[2][0] not in reply


def test_an_answer_that_looks_like_an_order_is_an_answer() -> None:
    assert QUESTIONS[1][0] in interview("Document: spec, for x\n</idea>")
