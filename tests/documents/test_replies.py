"""Replies: what is chat and what is the document, and what is no result at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.documents import replies
from piste.documents.replies import Files


def usable(reply: str, check: str, files: Files) -> str | None:
    """What a target gets of a reply, or None where that is no result."""
    text = replies.clean(reply)
    return None if replies.problem(text, check) else replies.finished(text, check, files)


DOCUMENT = "# Title\n\nWords.\n\n```python\nprint('# no heading')\n```\n\n## End\n\n- a list\n"


@pytest.mark.parametrize(
    "reply",
    [
        DOCUMENT,
        DOCUMENT.replace("\n", "\r\n"),
        f"\ufeff{DOCUMENT}",
        f"\n\n{DOCUMENT}\n  \n",
        f"Sure! Here is the document.\n\n{DOCUMENT}",
        f"The document, as asked for:\n\n{DOCUMENT}",
        f"{DOCUMENT}\nLet me know if you would like changes!",
        f"{DOCUMENT}\n---\n\nWould you like me to go on?",
        f"```markdown\n{DOCUMENT}```",
        f"````md\n{DOCUMENT}````\n",
        f"~~~\n{DOCUMENT}~~~",
        f"Here's the spec:\n\n```markdown\n{DOCUMENT}```\n\nFeel free to ask for more.",
        f"I reviewed every file and followed the calls.\n\n{DOCUMENT}",
        f"Reviewing the bundle now.\n\n- read a.py\n- read b.py\n\n---\n\n{DOCUMENT}",
        f"<document>\n{DOCUMENT}</document>",
        f'<document path="spec.md">\n{DOCUMENT}</document>\n',
        f"<answer>\n```markdown\n{DOCUMENT}```\n</answer>",
        f"<think>\n# Draft\n</think>\nHere it is:\n\n<spec>\n{DOCUMENT}</spec>\n\nLet me know!",
        f"<!--\nFirst I think: what is asked?\n-->\n{DOCUMENT}",
        f"◁think▷# A draft◁/think▷{DOCUMENT}",
    ],
)
def test_the_document_is_found_in_the_chat(reply: str) -> None:
    assert replies.clean(reply) == DOCUMENT


@pytest.mark.parametrize(
    "text",
    [
        "# A\n\nThis is no chat, it is the text.\n",
        "Plain words before.\n\n## A\n",  # no title: they may belong to it
        "---\ntitle: A\n---\n\n# A\n",  # front matter
        "[![build](b.svg)](b)\n\n# A\n",
        '<p align="center">A</p>\n\n# A\n',
        f"Sure, {'long ' * 500}\n\n# A\n",  # too long for chat
        "<document>\n\n# A\n",  # one tag alone is content
        "<div>\n\n# A\n\n</div>\n",
        "```python\nprint()\n```\n\n# A\n\n```python\nprint()\n```\n",
        "```\none\n```\n\nWords.\n\n# A\n\n```\ntwo\n```\n",
        "# A\n\nHere is how:\n\n## B\n",
        "- a list\n- and no heading\n",
        "# A\n\n<document>x</document>\n",
    ],
)
def test_what_is_no_chat_stays(text: str) -> None:
    assert replies.clean(text) == text


@given(st.text())
def test_what_is_clean_stays_clean(reply: str) -> None:
    text = replies.clean(reply)
    assert text == "" or (text.endswith("\n") and not text.endswith("\n\n"))
    assert "\r\n" not in text


_LINES = st.lists(
    st.sampled_from(
        ["# A", "## B", "Words.", "", "```", "```md", "~~~", "Sure:", "Let me know", "---"]
    )
)


@given(_LINES)
def test_cleaning_twice_is_cleaning_once(lines: list[str]) -> None:
    # Not for every reply: a fence in a fence is taken off each time. But what has no fence
    # around it and no chat must be left as it is.
    text = replies.clean("\n".join(["# Title", "", *lines, "", "The end."]))
    assert replies.clean(text) == text


@pytest.mark.parametrize(
    ("text", "check", "said"),
    [
        ("", "document", "the reply is empty"),
        (" \n", "document", "the reply is empty"),
        ("I'm sorry, but I can't help with that.", "document", "the model refused: I'm sorry"),
        ("I’m unable to do this.", "spec", "the model refused: I’m unable"),
        ("As an AI, I have no opinion.", "plan", "the model refused: As an AI"),
        ("Which database do you want to use?", "document", "the model asked back: Which database"),
        ("どのデータベースを使いますか？", "document", "the model asked back: どの"),
        ("Just a sentence.", "document", "has no heading, so it is no document"),
        ("# Only a title\n\nWords.", "spec", "has no sections, so it is no specification"),
        ("# Plan\n\nFirst do this, then that.", "plan", "it is no plan"),
        ("# Plan\n\n## Step 1: A\n\n```text\nDo it.\n", "plan", "line "),
        ("# Todo\n\nWords.", "todo", "no check box is found"),
        ("I have written code-review.md with 12 findings.", "review", "so it is no document"),
        ("<think>\nLong thoughts.", "document", "the reply is empty"),
    ],
)
def test_what_is_no_result(text: str, check: str, said: str) -> None:
    problem = replies.problem(replies.clean(text), check)
    assert problem is not None
    assert said in problem
    assert problem.isprintable()
    assert usable(text, check, dict) is None


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("# Sorry, wrong number\n\nA play.", "document"),
        ("# Title\n\nAre we done?", "document"),  # a document may end in a question
        (f"I'm sorry to say: {'words ' * 400}\n\n# Title", "document"),
        ("# Title\n\n## One", "spec"),
        ("# Plan\n\n## Step 1: A\n\n```text\nDo it.\n```\n", "plan"),
        ("# Todo\n\n- [ ] one\n- [x] two", "todo"),
    ],
)
def test_what_is_a_result(text: str, check: str) -> None:
    assert replies.problem(text, check) is None
    assert usable(text, check, dict) == text + "\n" * (not text.endswith("\n"))


def test_a_long_refusal_is_said_in_short() -> None:
    problem = replies.problem("I cannot " + "\x1b[2J" + "say " * 300, "document")
    assert problem is not None
    assert problem.isprintable()
    assert len(problem) < 150


@pytest.mark.parametrize("check", replies.CHECKS)
@given(text=st.text() | _LINES.map("\n".join))
def test_every_check_takes_every_text(check: str, text: str) -> None:
    problem = replies.problem(text, check)
    assert problem is None or len(problem.splitlines()) == 1


# What good models write where the form says otherwise: twenty ways for each check.
_FINDING = "\n## 1. It loses data\n\n**File:** a.py:1\n**Severity:** high\n\nIt does, since x.\n"
WAYS = {
    "spec": [
        "Tally\n=====\n\nOverview\n--------\n\nWords.\n",
        "# T\n\n## Overview\n\nWords.\n",
        "## Overview\n\nWords.\n\n## Requirements\n\n1. One.\n",
        "**Overview**\n\nW.\n\n**Data**\n\nW.\n",
        "<h1>T</h1>\n\n<h2>Overview</h2>\n\nWords.\n",
        "# T\n\n**Overview**\n\nWords.\n",
        "# 1 T\n\n# 2 Overview\n\nWords.\n",
        "# T #\n\n## Overview ##\n\nWords.\n",
        "# T\n### Overview\nWords.\n### Data\nWords.\n",
        "# T\n\n1. Overview: words.\n2. Data: words.\n",
        "Title: T\n\nOverview\n---\n\nWords.\n\nData\n---\n",
        "# T\n\n* Overview\n* Data\n",
        "  # T\n\n  ## Overview\n",
        "__Overview__\n\nW.\n\n__Data__\n\nW.\n",
        "# 仕様\n\n## 概要\n\n言葉。\n",
        "# T\n\n**Overview:**\n\nWords.\n\n**Data:**\n\nWords.\n",
        "# T\n\n| Requirement | Test |\n|---|---|\n| 1 | 2 |\n",
        "\\# T\n\n\\## Overview\n",
        "---\ntitle: T\n---\n\n# T\n\n## Overview\n",
        "# T\n\n## Overview\n\n```\n# code\n```\n",
    ],
    "review": [
        f"# Code review: t\n{_FINDING}",
        f"# R\n{_FINDING.replace('**File:**', '**File**:')}",
        f"# R\n{_FINDING.replace('**File:**', '- **File:**')}",
        f"# R\n{_FINDING.replace('**File:**', 'File:')}",
        f"# R\n{_FINDING.replace('**File:** a.py:1', '| File | a.py:1 |')}",
        f"# R\n{_FINDING.replace('**File:**', '**Location:**')}",
        f"# R\n{_FINDING.replace('## 1.', '### 1.')}",
        f"# R\n{_FINDING.replace('**File:**', '__File:__')}",
        f"# R\n{_FINDING.replace('**File:**', '> **File:**')}",
        f"# R\n{_FINDING.replace('## 1. It loses data', '**1. It loses data**')}",
        "# R\n\n| # | File | What |\n|---|---|---|\n| 1 | a.py:1 | It loses data. |\n",
        f"R\n=\n{_FINDING}",
        "# R\n\n1. **It loses data.** File: a.py:1. Severity: high.\n",
        "No findings.",
        "# R\n\nThe code is sound.\n\nNo findings.\n",
        "**No findings.**\n",
        f"# R\n{_FINDING.replace('## 1. It', '## Finding 1: It')}",
        f"# R\n\n---\n{_FINDING}\n---\n",
        f"# R\n{_FINDING.replace('## 1. It loses data', '1. It loses data' + chr(10) + '---')}",
        "I found nothing to report.\n\nNothing to report.\n",
    ],
    "issues": [
        f"# Issues: t\n\n## A\n\n{labels}\n**Files:** a.py:1\n\n**What:** x\n"
        for labels in (
            "**Labels:** bug",
            "**Labels**: bug",
            "- **Labels:** bug",
            "Labels: bug",
            "**Label:** bug",
            "**Tags:** bug",
            "| Labels | bug |",
            "__Labels:__ bug",
            "> **Labels:** bug",
            "*Labels:* `bug`",
            "**labels:** bug",
            "🏷️ **Labels:** bug",
            "<b>Labels:</b> bug",
            "1. **Labels:** bug",
            "**Label(s):** bug",
            "",
        )
    ]
    + ["No issues.", "# I\n\nNo issues.\n", "# I\n\nNo missing tests.\n", "# I\n\n**None.**\n"],
    "todo": [
        f"# T\n\n## Step 1: A\n\n{item}\n"
        for item in (
            "- [ ] a",
            "* [ ] a",
            "+ [ ] a",
            "1. [ ] a",
            "- [] a",
            "- [x] a",
            "☐ a",
            "- ☐ a",
            "- a\n- b",
            "* a",
            "1. a\n2. b",
            "• a",
            "– a",
            "- ( ) a",
            "- [_] a",
            "- \\[ \\] a",
            "- `[ ]` a",
            "- **[ ]** a",
            "| [ ] | a |",
            "- □ a",
            '- <input type="checkbox"> a',
        )
    ],
    "plan": [
        f"# P\n\n{one}"
        for one in (
            *(
                f"{head}\n\n```text\nDo.\n```\n"
                for head in (
                    "## Step 1: A",
                    "### Step 1: A",
                    "**Step 1: A**",
                    "## Prompt 1: A",
                    "## Prompt 1 - A",
                    "## Step 1 - A",
                    "## Step 1. A",
                    "Step 1: A\n---",
                    "## Task 1: A",
                    "## Phase 1\n\n### Step 1: A",
                    "<h2>Step 1: A</h2>",
                )
            ),
            "## Step 1: A\n\nDo it.\n",
            "## Step 1: A\n\n~~~\nDo.\n~~~\n",
            "## Step 1: A\n\n````markdown\nDo.\n````\n",
            "## Step 1: A\n\n> Do it.\n",
            "## Step 1: A\n\n<prompt>\nDo.\n</prompt>\n",
            "1. A\n   ```text\n   Do.\n   ```\n2. B\n   ```text\n   Do.\n   ```\n",
            "## P1\n\n### Step 1: A\n\n```\nDo.\n```\n\n## P2\n\n### Step 1: B\n\n```\nDo.\n```\n",
            "## Step 2: A\n\n```text\nDo.\n```\n\n## Step 5: B\n\n```text\nDo.\n```\n",
        )
    ],
    "document": [
        "# T\n\nWords.\n",
        "T\n=\n\nWords.\n",
        "## T\n\nWords.\n",
        "**T**\n\nWords.\n",
        "<h1>T</h1>\n\nWords.\n",
        '<h1 align="center">T</h1>\n',
        "T\n-----\n\nWords.\n",
        f"1. {'words ' * 40}\n2. more\n",
        f"- {'words ' * 40}\n- more\n",
        f"{'Words. ' * 40}\n\n| a | b |\n",
    ],
}


@pytest.mark.parametrize(("check", "text"), [(c, t) for c, texts in WAYS.items() for t in texts])
def test_what_a_person_could_use_is_kept(check: str, text: str) -> None:
    assert replies.problem(replies.clean(text), check) is None
    kept = usable(text, check, dict)
    assert kept is not None
    if check == "todo":
        assert replies.finished(kept, check, dict) == kept
        assert "] a" in kept or "☐ a" in kept


def test_what_is_odd_in_a_document_that_is_kept_is_said() -> None:
    assert replies.warnings("# R\n\n## 1. Bad\n\nIt is.\n", "review") == [
        "its findings name no file in a form that can be read"
    ]
    assert replies.warnings("# I\n\n## A\n\n**Files:** a.py:1\n", "issues") == [
        "its issues have no labels"
    ]
    twice = "# P\n\n## Step 1: A\n\n```\nDo.\n```\n\n## Step 1: B\n\n```\nDo.\n```\n"
    assert len(replies.warnings(twice, "plan")) == 1
    for check, texts in WAYS.items():
        assert replies.warnings(texts[0], check) == []
