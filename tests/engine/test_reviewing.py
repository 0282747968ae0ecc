"""What is made of a bundle is amended by the change alone: real commits, a model behind llm."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Small
from support.standin import Request, StandIn

from piste import prompts
from piste.documents import reported
from piste.engine import deciding, decisions, makers, receipts
from piste.engine.decisions import DECLINED, FIXED
from piste.engine.states import EDITED
from piste.system.errors import Failed, UserError

FILLER = "".join(f"\n\ndef helper_{n}(value):\n    return value + {n}\n" for n in range(200))
TALLY = f'''"""Count words."""


def count_words(text):
    return len(text.split(" "))
{FILLER}

def read_file(name):
    return open(name).read()
'''
MAIN = "import tally\n\n\ndef main(name):\n    print(tally.count_words(tally.read_file(name)))\n"
OPEN_AT = TALLY.split("\n").index("    return open(name).read()") + 1
REVIEW = f"""# Code review: tally

It counts words.

## 1. Two blanks count as a word

**File:** tally.py:5
**Line:** `    return len(text.split(" "))`
**Severity:** high

An empty word is counted.

**Fix:** split without an argument.

## 2. A file stays open

**File:** tally.py:{OPEN_AT}
**Line:** `    return open(name).read()`
**Severity:** low

Nobody closes it.

It is left to the collector.

**Fix:** use with.

## 3. No argument is a traceback

**File:** main.py:4
**Line:** `def main(name):`
**Severity:** medium

Words about it.

More of them.
"""
ISSUES = REVIEW.replace("# Code review", "# Issues").replace("**Severity:**", "**Labels:** bug,")
PROMPTS = "# Issue prompts: tally\n\nTwo words.\n" + "".join(
    f"\n## Step {n}: Mend {n}\n\n**Issue:** it is wrong\n\n```text\nMend it: {n}.\n```\n"
    for n in (1, 2, 3)
)
TESTS = """# Missing tests: tally

## Counting has no test

**Labels:** tests, core
**Files:** tally.py:4
**Line:** `def count_words(text):`

No test decides `count_words`.

## Reading has no test

**Labels:** tests, io
**Files:** tally.py:9
**Line:** `def helper_0(value):`

No test decides `helper_0`.
"""
READY = {
    "code_review": REVIEW, "github_issues": ISSUES, "issue_prompts": PROMPTS,
    "missing_tests": TESTS, "readme": "# tally\n\nIt counts words.\n\n## Use\n\n`main.py FILE`\n",
}  # fmt: skip
MOVED = TALLY.replace("    return value + 99\n", "    # more\n    return value + 99\n")
MENDED = TALLY.replace('split(" ")', "split()")


def git(small: Small, *args: str) -> None:
    author = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    subprocess.run(["git", *author, *args], cwd=small.root, check=True, capture_output=True)


def commit(small: Small, **files: str) -> None:
    for name, text in files.items():
        small.write(f"{name}.py", text)
    git(small, "add", "-A")
    git(small, "commit", "-qm", "a change")
    small.make("bundle")


def wanted(request: Request) -> str:
    return next(name for name in READY if f"Document: {name}, for" in request.prompt)


def answers(*edits: "str | Callable[[str], str]") -> Callable[[Request], str]:
    """A model that writes each document whole, and gives these replies when it amends."""
    left = list(edits)

    def script(request: Request) -> str:
        if "\nAmend: " not in request.prompt:
            return READY[wanted(request)]
        reply = left.pop(0)
        return reply if isinstance(reply, str) else reply(request.prompt)

    return script


def edit(old: str, new: str, name: str = "code-review.md") -> str:
    return f"=== edit: {name}\n{old}\n=== with\n{new}\n=== end\n"


def section(text: str, number: int, prefix: str = "F") -> str:
    return next(
        reported.section(text, one) for one in reported.of(text, {}, prefix) if one.number == number
    )


@pytest.fixture
def repo(small: Small, standin: StandIn) -> Small:
    """A repository of two files with its bundle, and a model that is paid."""
    git(small, "init", "-q")
    (small.root / "in.md").unlink()
    small.settings("retries = 0", model="chat-ok")
    small.write(".gitignore", "/.piste/*\n!/.piste/receipts/\n/output.txt\n")
    commit(small, tally=TALLY, main=MAIN)
    standin.reply(answers())
    return small


@pytest.fixture
def reviewed(repo: Small) -> Small:
    repo.make("code_review")
    return repo


NOTHING = "=== nothing: it holds\n"


def test_findings_have_ids_from_the_first_time_on(reviewed: Small) -> None:
    text = reviewed.read("code-review.md")
    assert text == REVIEW.replace("## 1.", "## F1.").replace("## 2.", "## F2.").replace(
        "## 3.", "## F3."
    )


def test_after_a_commit_the_change_is_sent_and_not_the_repository(
    reviewed: Small, standin: StandIn
) -> None:
    commit(reviewed, tally=MENDED)
    mended = section(reviewed.read("code-review.md"), 1)
    standin.reply(
        answers(edit(f"{mended}\n\n## F2. A file stays open", "## F2. A file stays open"))
    )
    before = reviewed.read("code-review.md")

    assert reviewed.make("code_review").said.startswith("code-review.md amended by chat-ok")

    asked = standin.requests[-1].prompt
    assert len(asked) < len(standin.requests[0].prompt) / 2  # most of it is the order itself
    assert '\n-    return len(text.split(" "))\n+    return len(text.split())\n' in asked
    assert "tally.count_words" in asked  # where the changed name is used
    assert "helper_40" not in asked
    assert "[F2 goes on unchanged; 6 lines are not shown]" in asked
    assert (
        "These may not be touched, since nothing that they are about has changed: F2, F3." in asked
    )
    after = reviewed.read("code-review.md")
    assert section(after, 2) == section(before, 2)
    assert section(after, 3) == section(before, 3)
    assert [one.id for one in reported.of(after, {}, "F")] == ["F2", "F3"]
    assert reviewed.make("code_review").event == "kept"


def test_a_new_file_is_sent_once_and_of_one_that_is_gone_only_that(
    reviewed: Small, standin: StandIn
) -> None:
    (reviewed.root / "main.py").unlink()
    commit(reviewed, other="NEW_WORD = 1\n")
    standin.reply(answers(NOTHING))
    reviewed.make("code_review")
    asked = standin.requests[-1].prompt
    assert asked.count("NEW_WORD") == 1
    assert "-(5 lines; the file is gone)" in asked
    assert "def main(name):" not in asked.partition("What has changed in")[2]


def test_lines_that_only_moved_are_renumbered_and_words_stay(
    reviewed: Small, standin: StandIn
) -> None:
    before = reviewed.read("code-review.md")
    commit(reviewed, tally=f"# A note.\n# More.\n{TALLY}")
    standin.reply(answers(NOTHING))
    assert "needs no change" in reviewed.make("code_review").said
    at = f"tally.py:{OPEN_AT}"
    moved = before.replace("tally.py:5", "tally.py:7").replace(at, f"tally.py:{OPEN_AT + 2}")
    assert reviewed.read("code-review.md") == moved


def test_an_edit_of_a_finding_whose_lines_are_as_they_were_goes_back_once(
    reviewed: Small, standin: StandIn
) -> None:
    commit(reviewed, tally=MENDED)
    bad = edit("**Severity:** medium", "**Severity:** critical")
    standin.reply(answers(bad, NOTHING))
    before = reviewed.read("code-review.md")
    reviewed.make("code_review")
    assert "an edit changes F3, which has to stay as it is" in standin.requests[-1].prompt
    assert section(reviewed.read("code-review.md"), 3) == section(before, 3)
    commit(reviewed, tally=MENDED.replace("Count words", "Count all words"))
    standin.reply(answers(bad, bad))
    with pytest.raises(Failed, match="no result, twice: an edit changes F3"):
        reviewed.make("code_review")


def test_what_is_added_to_the_end_of_one_is_a_change_of_it(
    reviewed: Small, standin: StandIn
) -> None:
    commit(reviewed, tally=MENDED)
    shown = "## F3. No argument is a traceback"
    standin.reply(answers(edit(shown, f"So there.\n\n{shown}"), NOTHING))
    reviewed.make("code_review")
    assert "an edit changes F2, which has to stay as it is" in standin.requests[-1].prompt


def test_in_a_whole_document_the_findings_that_stay_are_put_back(
    reviewed: Small, standin: StandIn
) -> None:
    before = reviewed.read("code-review.md")
    commit(reviewed, tally=MENDED)
    whole = (
        "# Code review: tally\n\nBetter now.\n\n## F3. Other words\n\n**File:** main.py:1\n\nNo.\n"
    )
    standin.reply(answers(whole))
    assert "written whole in place of edits" in reviewed.make("code_review").said
    after = reviewed.read("code-review.md")
    assert "Better now." in after
    assert [one.id for one in reported.of(after, {}, "F")] == ["F2", "F3"]
    assert section(after, 3) == section(before, 3)


def new_finding(heading: str) -> Callable[[str], str]:
    last = "[F3 goes on unchanged; 4 lines are not shown]"
    said = f"{heading}\n\n**File:** tally.py:5\n**Line:** `    return len(text.split())`\n\nNo."
    return lambda _: edit(last, f"{last}\n\n{said}")


@pytest.mark.parametrize("heading", ["## F4. New", "## 9. New", "## New", "## F1. New"])
def test_a_new_finding_has_the_next_id_whatever_the_model_calls_it(
    reviewed: Small, standin: StandIn, heading: str
) -> None:
    commit(reviewed, tally=MENDED)
    standin.reply(answers(new_finding(heading)))
    reviewed.make("code_review")
    text = reviewed.read("code-review.md")
    assert [one.id for one in reported.of(text, {}, "F")] == ["F1", "F2", "F3", "F4"]


def test_an_id_is_never_given_again(reviewed: Small, standin: StandIn) -> None:
    text = reviewed.read("code-review.md")
    commit(reviewed, main=MAIN.replace("def main(name)", "def main(name=None)"))
    standin.reply(answers(edit(f"\n{section(text, 3)}", "")))
    reviewed.make("code_review")
    assert reviewed.read("code-review.md").endswith("\n\n<!-- next: F4 -->\n")
    commit(reviewed, tally=MENDED)
    last = "[F2 goes on unchanged; 6 lines are not shown]"
    said = "## New\n\n**File:** tally.py:5\n\nNo."
    standin.reply(answers(edit(last, f"{last}\n\n{said}")))
    reviewed.make("code_review")
    assert "next: F" not in standin.requests[-1].prompt
    text = reviewed.read("code-review.md")
    assert [one.id for one in reported.of(text, {}, "F")] == ["F1", "F2", "F4"]
    assert "<!--" not in text


def test_written_whole_again_the_findings_keep_their_ids(reviewed: Small, standin: StandIn) -> None:
    commit(reviewed, tally=MENDED)
    first = REVIEW[: REVIEW.index("## 1.")]
    third, second = REVIEW[REVIEW.index("## 3.") :], REVIEW[REVIEW.index("## 2.") :]
    second = second[: second.index("## 3.")]
    new = third.replace("## 3. No argument", "## 1. NO argument")
    other = "## 3. New\n\n**File:** tally.py:5\n\nx\n"
    standin.reply(f"{first}{new}\n{second}{other}")
    reviewed.settings("retries = 0", "amend_times = 0", model="chat-ok")
    reviewed.make("code_review")
    text = reviewed.read("code-review.md")
    assert [one.id for one in reported.of(text, {}, "F")] == ["F3", "F2", "F4"]
    receipt = reviewed.root / ".piste/receipts/code-review.md.json"
    receipt.unlink()
    assert reviewed.make("code_review").event in ("adopted", "taken")
    assert (reviewed.read("code-review.md"), len(standin.requests)) == (text, 2)


def test_a_kill_between_target_and_receipt_costs_nothing(reviewed: Small, standin: StandIn) -> None:
    old = reviewed.read(".piste/receipts/code-review.md.json")
    commit(reviewed, tally=MENDED)
    standin.reply(answers(new_finding("## New")))
    reviewed.make("code_review")
    text = reviewed.read("code-review.md")
    reviewed.write(".piste/receipts/code-review.md.json", old)
    assert reviewed.make("code_review").event == "adopted"
    assert reviewed.read("code-review.md") == text
    assert len(standin.requests) == 2


def test_where_the_old_bundle_is_nowhere_it_is_written_whole(
    reviewed: Small, standin: StandIn
) -> None:
    receipt = receipts.read(reviewed.root, "code-review.md")
    assert receipt
    digest = receipt.inputs["output.txt"]
    (reviewed.world().store.folder / "blobs" / digest[:2] / digest).unlink()
    commit(reviewed, tally=MENDED)
    said = reviewed.make("code_review").said
    assert "(whole: the old text of output.txt is not in the store)" in said
    assert "helper_40" in standin.requests[-1].prompt


@pytest.mark.parametrize(
    ("line", "said"),
    [("amend_limit = 1", "% of what it was made from has changed, more than 1 %"),
     ("amend_times = 0", "it has been amended 0 times in a row")],
)  # fmt: skip
def test_where_too_much_or_too_often_it_is_written_whole(
    reviewed: Small, line: str, said: str
) -> None:
    reviewed.settings("retries = 0", line, model="chat-ok")
    commit(reviewed, tally=MENDED.replace("return value", "return 1 + value"))
    made = reviewed.make("code_review").said
    assert f"{said})" in made
    text = reviewed.read("code-review.md")
    assert [one.id for one in reported.of(text, {}, "F")] == ["F1", "F2", "F3"]


# The chain ----------------------------------------------------------------------------------


@pytest.fixture
def chain(reviewed: Small) -> Small:
    reviewed.make("github_issues")
    reviewed.make("issue_prompts")
    return reviewed


def test_issues_and_prompts_follow_the_review(chain: Small, standin: StandIn) -> None:
    before = {name: chain.read(name) for name in ("issues.md", "issue-prompts.md")}
    review = chain.read("code-review.md")
    commit(chain, tally=MENDED)
    gone = section(review, 1)
    issue = section(before["issues.md"], 1)
    step = section(before["issue-prompts.md"], 1)
    standin.reply(
        answers(
            edit(f"{gone}\n\n## F2. A file stays open", "## F2. A file stays open"),
            edit(f"{issue}\n", "", "issues.md"),
            edit(f"{step}\n", "", "issue-prompts.md"),
        )
    )
    for name in ("code_review", "github_issues", "issue_prompts"):
        chain.make(name)
    for prompt, name in zip(standin.requests[-2:], before, strict=True):
        assert "These may not be touched" in prompt.prompt
        assert "[F2 goes on unchanged" in prompt.prompt
        text = chain.read(name)
        assert [one.id for one in reported.of(text, {}, "F")] == ["F2", "F3"]
        assert section(text, 3) == section(before[name], 3)


def test_a_prompt_of_an_issue_that_says_the_same_may_not_be_touched(
    chain: Small, standin: StandIn
) -> None:
    commit(chain, main=MAIN.replace("def main(name)", "def main(name=None)"))
    other = edit("Words about it.", "Other words about it.")
    bad = edit("## Step 2: Mend 2", "## Step 2: Mend 22", "issue-prompts.md")
    standin.reply(answers(other, NOTHING, bad, NOTHING))
    for name in ("code_review", "github_issues", "issue_prompts"):
        chain.make(name)
    assert "an edit changes F2, which has to stay as it is" in standin.requests[-1].prompt


def test_where_nothing_can_change_no_model_is_asked(chain: Small, standin: StandIn) -> None:
    names = ("issues.md", "issue-prompts.md")
    before = {name: chain.read(name) for name in names}
    commit(chain, tally=MOVED)
    standin.reply(answers(NOTHING))
    chain.make("code_review")
    paid = len(standin.requests)
    world = chain.world()
    assert makers.decide(world, world.rules["github_issues"]).stored
    old = chain.read(".piste/receipts/issues.md.json")
    for rule in ("github_issues", "issue_prompts"):
        assert "stays as it is: nothing that it is about changed" in chain.make(rule).said
        assert chain.make(rule).event == "kept"
    assert len(standin.requests) == paid
    moved = f"tally.py:{OPEN_AT + 1}"
    assert chain.read("issues.md") == before["issues.md"].replace(f"tally.py:{OPEN_AT}", moved)
    assert chain.read("issue-prompts.md") == before["issue-prompts.md"]
    chain.write(".piste/receipts/issues.md.json", old)  # killed between target and receipt
    assert chain.make("github_issues").event == "adopted"


def test_a_template_of_ones_own_is_asked_for_all_the_same(chain: Small, standin: StandIn) -> None:
    chain.write("prompts/github_issues.md.j2", chain_template())
    standin.reply(answers(NOTHING, NOTHING))
    chain.make("github_issues", again=True)
    commit(chain, tally=MOVED)
    standin.reply(answers(NOTHING, NOTHING))
    chain.make("code_review")
    paid = len(standin.requests)
    chain.make("github_issues")
    assert len(standin.requests) == paid + 1


def chain_template() -> str:
    folder = Path(str(prompts.__file__)).parent
    return (folder / "github_issues.md.j2").read_text() + "\nLook for more.\n"


# Others -------------------------------------------------------------------------------------


def test_missing_tests_are_amended_where_a_test_has_come(repo: Small, standin: StandIn) -> None:
    repo.make("missing_tests")
    text = repo.read("missing-tests.md")
    assert [one.id for one in reported.of(text, {}, "T")] == ["T1", "T2"]
    commit(repo, test_tally="def test_it():\n    assert tally.count_words('a b') == 2\n")
    gone = section(text, 1, "T")
    standin.reply(answers(edit(f"{gone}\n", "", "missing-tests.md")))
    repo.make("missing_tests")
    assert "has changed: T2." in standin.requests[-1].prompt
    assert [one.id for one in reported.of(repo.read("missing-tests.md"), {}, "T")] == ["T2"]


def test_a_readme_is_amended_by_the_change(repo: Small, standin: StandIn) -> None:
    repo.make("readme")
    text = repo.read("README.md")
    commit(repo, main=MAIN.replace("def main(name)", "def main(name, count)"))
    standin.reply(answers(edit("`main.py FILE`", "`main.py FILE COUNT`", "README.md")))
    repo.make("readme")
    assert repo.read("README.md") == text.replace("FILE`", "FILE COUNT`")
    assert "helper_40" not in standin.requests[-1].prompt


def test_a_review_without_ids_is_read_as_before(reviewed: Small, standin: StandIn) -> None:
    old = REVIEW.replace("## 1. ", "## ").replace("## 2. ", "## ").replace("## 3. ", "## ")
    reviewed.write("code-review.md", old)
    commit(reviewed, tally=MENDED)
    gone = old[old.index("## Two") : old.index("## A file")]
    shown = "## A file stays open"
    standin.reply(answers(edit(f"{gone}{shown}", shown)))
    reviewed.make("code_review", amend=True)
    asked = standin.requests[-1].prompt
    assert "has changed: 'A file stays open', 'No argument is a traceback'." in asked
    assert [one.id for one in reported.of(reviewed.read("code-review.md"), {}, "F")] == ["F1", "F2"]


def test_the_model_that_costs_nothing_reads_all_of_it(repo: Small) -> None:
    repo.settings(model="outline")
    repo.make("code_review")
    commit(repo, tally=f"{TALLY}# TODO: more\n")
    assert "made by outline" in repo.make("code_review").said
    assert "more" in repo.read("code-review.md")


# The team's word ----------------------------------------------------------------------------


def decide(repo: Small, word: str, own: str, why: str = "") -> deciding.Decided:
    return deciding.decide(repo.world(), word, own, why)


def test_a_declined_finding_goes_from_the_whole_chain_at_no_cost(
    chain: Small, standin: StandIn
) -> None:
    names = ("code_review", "github_issues", "issue_prompts")
    paid = len(standin.requests)
    done = decide(chain, DECLINED, "f2", "the process ends at once")
    assert done.documents == ["code-review.md", "issues.md", "issue-prompts.md"]
    for name in names:
        assert chain.make(name).event == "kept"
    for file in done.documents:
        assert [one.id for one in reported.of(chain.read(file), {}, "F")] == ["F1", "F3"]
    assert "*Decided by the team: 1 declined.*" in chain.read("code-review.md")
    assert len(standin.requests) == paid


def test_it_is_not_reported_again_and_the_model_is_told(reviewed: Small, standin: StandIn) -> None:
    decide(reviewed, DECLINED, "F2", "the process ends at once")
    commit(reviewed, tally=MENDED.replace("Count words", "Count all words"))
    again = "## F4. Somebody has to close it\n\n**File:** tally.py:9\n"
    again += "**Line:** `    return open(name).read()`\n\nIt leaks.\n"
    last = "[F3 goes on unchanged; 4 lines are not shown]"
    standin.reply(answers(edit(last, f"{last}\n\n{again}")))
    assert reviewed.make("code_review").said.count("; 1 declined")
    asked = standin.requests[-1].prompt
    assert "- F2, declined: A file stays open (tally.py). The team says: the process ends" in asked
    text = reviewed.read("code-review.md")
    assert [one.id for one in reported.of(text, {}, "F")] == ["F1", "F3"]
    assert "leaks" not in text


@pytest.mark.parametrize("lines", [("amend = false",), ()])
def test_written_whole_it_is_not_reported_again(
    reviewed: Small, standin: StandIn, lines: tuple[str, ...]
) -> None:
    decide(reviewed, DECLINED, "F2", "the process ends at once")
    reviewed.settings("retries = 0", *lines, model="chat-ok")
    commit(reviewed, tally=MENDED)
    standin.reply(REVIEW)
    reviewed.make("code_review", again=not lines)
    text = reviewed.read("code-review.md")
    assert "The team has decided on these findings of before" in standin.requests[-1].prompt
    assert [one.id for one in reported.of(text, {}, "F")] == ["F1", "F3"]


def test_what_was_fixed_is_reported_under_another_id_where_it_is_seen_again(
    reviewed: Small, standin: StandIn
) -> None:
    decide(reviewed, FIXED, "F3")
    assert reviewed.read("code-review.md").endswith(
        "\n\n*Decided by the team: 1 fixed.*\n\n<!-- next: F4 -->\n"
    )
    reviewed.settings("retries = 0", "amend = false", model="chat-ok")
    commit(reviewed, tally=MENDED)
    standin.reply(REVIEW)
    reviewed.make("code_review")
    text = reviewed.read("code-review.md")
    assert [one.id for one in reported.of(text, {}, "F")] == ["F1", "F2", "F4"]


def test_a_word_that_came_by_a_merge_counts_with_the_next_commit(
    reviewed: Small, standin: StandIn
) -> None:
    text = reviewed.read("code-review.md")
    receipt = reviewed.read(".piste/receipts/code-review.md.json")
    decide(reviewed, DECLINED, "F2", "no")
    reviewed.write("code-review.md", text)  # as it is on the branch without that word
    reviewed.write(".piste/receipts/code-review.md.json", receipt)
    commit(reviewed, tally=MENDED)
    standin.reply(answers(NOTHING))
    reviewed.make("code_review")
    text = reviewed.read("code-review.md")
    assert [one.id for one in reported.of(text, {}, "F")] == ["F1", "F3"]


def test_a_text_of_a_persons_stays_theirs(reviewed: Small) -> None:
    reviewed.write("code-review.md", reviewed.read("code-review.md").replace("Nobody", "No one"))
    decide(reviewed, DECLINED, "F1", "no")
    world = reviewed.world()
    assert makers.decide(world, world.rules["code_review"]).state == EDITED
    assert "No one closes it." in reviewed.read("code-review.md")


def test_one_that_is_nowhere_is_said_with_those_that_are(reviewed: Small) -> None:
    with pytest.raises(UserError, match=r"there is no F9 in code-review.md; it has F1, F2, F3"):
        decide(reviewed, DECLINED, "F9", "no")
    with pytest.raises(UserError, match=r"there is no T1: missing-tests.md is not there"):
        decide(reviewed, DECLINED, "T1", "no")
    with pytest.raises(UserError, match=r"no document has ids that begin with XY"):
        decide(reviewed, DECLINED, "XY1", "no")
    decide(reviewed, DECLINED, "F2", "no")
    assert decide(reviewed, FIXED, "F2").documents == []
    assert [one.word for one in decisions.load(reviewed.root)] == [FIXED]
