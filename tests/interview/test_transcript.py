"""The file of a conversation: what is written is read back, and nothing is dropped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.interview import transcript
from piste.interview.transcript import Transcript, Turn

# Words, and all that could be taken for a mark, an escape or a line end.
PIECES = (
    *("## Idea", "## Question 1", "## Answer 12 \t", "\\## Answer 1", "\\", "## Ideas", "a"),
    *(" ", "\n", "\r\n", "\r", "\x0b", "\u2028", "\ufeff", "\ud800", "```", "# Brainstorm"),
)
TEXT = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=9).map("".join))
NORMAL = TEXT.map(transcript.normal)
TALK = st.builds(
    Transcript, NORMAL, st.lists(st.builds(Turn, NORMAL, NORMAL), max_size=4).map(tuple), NORMAL
)


@given(TALK)
def test_what_is_written_is_read_back(talk: Transcript) -> None:
    assert transcript.parse(transcript.dump(talk)) == talk


@given(TALK)
def test_other_line_ends_say_the_same(talk: Transcript) -> None:
    assert transcript.parse(transcript.dump(talk).replace("\n", "\r\n")) == talk


@given(TEXT)
def test_any_file_reads_and_then_stands_still(text: str) -> None:
    once = transcript.parse(text)
    assert transcript.parse(transcript.dump(once)) == once


@given(TEXT)
def test_normal_is_normal(text: str) -> None:
    normal = transcript.normal(text)
    assert transcript.normal(normal) == normal
    assert "\r" not in normal
    normal.encode()  # fits into a file


@given(TALK, TEXT, TEXT)
def test_a_turn_survives_the_file(talk: Transcript, question: str, answer: str) -> None:
    grown = talk.asked(question).answered(answer)
    assert transcript.parse(transcript.dump(grown)) == grown
    assert grown.turns[-1] == (transcript.normal(question), transcript.normal(answer))


def test_the_file_is_markdown_that_a_person_can_read() -> None:
    talk = (
        Transcript("A word counter.")
        .asked("Who?\n\nSuggested answer: I.")
        .answered("I.")
        .asked("Why?")
    )
    assert transcript.dump(talk) == (
        "# Brainstorm\n\n## Idea\n\nA word counter.\n\n## Question 1\n\nWho?\n\n"
        "Suggested answer: I.\n\n## Answer 1\n\nI.\n\n## Question 2\n\nWhy?\n"
    )


@pytest.mark.parametrize(
    ("text", "talk"),
    [
        pytest.param("", Transcript(head=""), id="empty"),
        pytest.param("My notes.", Transcript(head="My notes."), id="no conversation"),
        pytest.param("Notes\n## Idea\nx", Transcript("x", head="Notes"), id="notes above are kept"),
        pytest.param(
            "## Idea\na\n## Idea\nb", Transcript("a\n\nb", head=""), id="two ideas are one"
        ),
        pytest.param(
            "## Question 1\nq\n## Answer 1\na\n## Answer 1\nb",
            Transcript(turns=(Turn("q", "a\n\nb"),), head=""),
            id="a second answer joins the first",
        ),
        pytest.param(
            "## Answer 1\na", Transcript("a", head=""), id="an answer to nothing is an idea"
        ),
        pytest.param(
            "## Idea\n\\## Answer 1\n",
            Transcript("## Answer 1", head=""),
            id="a mark that is a text",
        ),
        pytest.param("## Ideas\n", Transcript(head="## Ideas"), id="almost a mark"),
    ],
)
def test_what_a_person_may_have_written(text: str, talk: Transcript) -> None:
    assert transcript.parse(text) == talk


@pytest.mark.parametrize(
    ("turns", "undone"),
    [
        ((), ()),
        ((Turn("1"),), (Turn("1"),)),
        ((Turn("1", "a"),), (Turn("1"),)),
        ((Turn("1", "a"), Turn("2")), (Turn("1"),)),
        ((Turn("1", "a"), Turn("2", "b"), Turn("3")), (Turn("1", "a"), Turn("2"))),
    ],
)
def test_undo_takes_back_the_last_answer(turns: tuple[Turn, ...], undone: tuple[Turn, ...]) -> None:
    assert Transcript("i", turns).undone() == Transcript("i", undone)
