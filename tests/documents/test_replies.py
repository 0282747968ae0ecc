"""Replies: what is chat and what is the document, and what is no result at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.documents import replies

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
    ],
)
def test_the_document_is_found_in_the_chat(reply: str) -> None:
    assert replies.clean(reply) == DOCUMENT


@pytest.mark.parametrize(
    "text",
    [
        "# A\n\nThis is no chat, it is the text.\n",
        "Plain words before.\n\n# A\n",  # not chatty: they may belong to it
        f"Sure, {'long ' * 200}\n\n# A\n",  # too long for chat
        "```python\nprint()\n```\n\n# A\n\n```python\nprint()\n```\n",
        "```\none\n```\n\nWords.\n\n# A\n\n```\ntwo\n```\n",
        "# A\n\nHere is how:\n\n## B\n",
        "- a list\n- and no heading\n",
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
        ("# Todo\n\n- one\n- two", "todo", "no check box is found"),
    ],
)
def test_what_is_no_result(text: str, check: str, said: str) -> None:
    problem = replies.problem(text, check)
    assert problem is not None
    assert said in problem
    assert problem.isprintable()
    assert replies.usable(text, check, str) is None


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
    assert replies.usable(text, check, str) == text + "\n" * (not text.endswith("\n"))


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
