"""Plans whose fences are broken: no step and no word of a prompt is ever lost in silence.

What is tried is made of four parts: how titles look, how prompts are fenced, what is wrong with
the fences of one step, and which step that is.
"""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from piste.documents.plan import Plan, parse

TITLES = {
    "h3 prompt": "### Prompt {n}: {t}",
    "h2 step": "## Step {n}: {t}",
    "h2 task": "## Task {n} — {t}",
    "bold": "**Prompt {n}: {t}**",
    "numbered": "### {n}. {t}",
    "russian": "## Шаг {n}: {t}",
}
FENCES = {
    "bare": ("```", "```"), "text": ("```text", "```"), "four": ("````markdown", "````"),
    "four bare": ("````", "````"), "tildes": ("~~~", "~~~"), "prompt": ("```prompt", "```"),
}  # fmt: skip
Words = Callable[[str, str], Sequence[str]]


def inner(lead: str, before: str, after: str, opened: str = "", ends: str = "") -> Words:
    """A fence within the prompt, of the same sort as the one around it."""

    def lines(start: str, end: str) -> Sequence[str]:
        return [
            start, f"ALPHA like this{lead}", *before, f"{opened}{end}", "BETA", f"{opened}{end}",
            *after, "GAMMA", end, *ends,
        ]  # fmt: skip

    return lines


# What is wrong with a step, with the words ALPHA, BETA, GAMMA where they belong to its prompt.
FAULTS: dict[str, Words] = {
    "nothing": lambda start, end: [start, "ALPHA", "", "BETA", "GAMMA", end],
    "inner, touching": inner(":", "", ""),
    "inner, blank lines around": inner(":", ["", ""], [""]),
    "inner, after a sentence": inner(".", [""], [""]),
    "inner, indented": inner("", "", "", "   "),
    "inner, indented, after a colon": inner(":", "", [""], "  "),
    "inner, with a language": lambda start, end: [
        start, "ALPHA", "```json", "BETA", "```", "GAMMA", end,
    ],
    "two inner": lambda start, end: [
        start, "ALPHA:", end, "a", end, "", "BETA:", end, "b", end, "", "GAMMA", end,
    ],
    "inner, and the outer one is not closed": lambda start, end: [
        start, "ALPHA:", "", end, "BETA", end, "", "GAMMA",
    ],
    "two fences": lambda start, end: [start, "ALPHA", end, "", start, "BETA", "GAMMA", end],
    "two fences, text between": lambda start, end: [
        start, "ALPHA", end, "", "BETA, then:", "", start, "GAMMA", end,
    ],
    "three fences": lambda start, end: [
        start, "ALPHA", end, "", start, "BETA", end, "", start, "GAMMA", end,
    ],
    "not closed": lambda start, end: [start, "ALPHA", "", "BETA", "GAMMA"],
    "closed by too few": lambda start, end: [start, "ALPHA", "BETA", "GAMMA", end[:3]],
    "one too many after it": lambda start, end: [start, "ALPHA", "BETA", "GAMMA", end, "", end],
    "one too many, far after it": lambda start, end: [
        start, "ALPHA", "BETA", "GAMMA", end, "", "Deliver it.", end,
    ],
}  # fmt: skip
SURE = {"nothing", "inner, with a language"}


def plan_of(title: str, fence: str, fault: str, at: int, numbers: Sequence[int]) -> str:
    start, end = FENCES[fence]
    parts = ["# House: plan", "", "Four steps.", ""]
    for place, number in enumerate(numbers):
        parts += [TITLES[title].format(n=number, t=f"Part {place}"), ""]
        good = [start, f"Do {place}.", end]
        parts += [*(FAULTS[fault](start, end) if place == at else good), ""]
    return "\n".join(parts)


def check(plan: Plan, text: str, fault: str, at: int, count: int) -> None:
    assert [step.title for step in plan.steps] == [f"Part {place}" for place in range(count)]
    for place, step in enumerate(plan.steps):
        if place == at:
            words = [step.prompt.find(word) for word in ("ALPHA", "BETA", "GAMMA")]
            assert -1 not in words and words == sorted(words), step.prompt
        else:
            assert step.prompt == f"Do {place}."
    lines = [problem.line for problem in plan.problems]
    begin = plan.steps[at].line
    end = plan.steps[at + 1].line if at + 1 < count else len(text)
    if fault in SURE:
        assert not lines, plan.problems
    else:
        assert any(begin <= line < end for line in lines), plan.problems


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("fence", FENCES)
@pytest.mark.parametrize("title", TITLES)
def test_no_word_and_no_step_is_lost(title: str, fence: str, fault: str) -> None:
    if fault == "closed by too few" and len(FENCES[fence][1]) == 3:
        return  # three are enough
    for at in range(4):
        text = plan_of(title, fence, fault, at, [1, 2, 3, 4])
        check(parse(text), text, fault, at, 4)


@example("numbered", "bare", ["nothing", "one too many after it",
                               "inner, and the outer one is not closed"])  # fmt: skip
@example("numbered", "bare", ["inner, with a language", "nothing", "three fences"])
@example("numbered", "four", ["inner, with a language"] * 2 + ["three fences"])
@example("numbered", "bare", ["inner, with a language",
                               "inner, and the outer one is not closed",
                               "inner, with a language"])  # fmt: skip
@given(
    st.sampled_from(sorted(TITLES)), st.sampled_from(sorted(FENCES)),
    st.lists(st.sampled_from(sorted({*FAULTS} - {"closed by too few"})), min_size=3, max_size=6),
)  # fmt: skip
def test_with_faults_in_many_steps_each_keeps_its_own_words(
    title: str, fence: str, faults: list[str]
) -> None:
    start, end = FENCES[fence]
    parts = ["# House: plan", ""]
    for place, fault in enumerate(faults):
        parts += [TITLES[title].format(n=place + 1, t=f"Part {place}"), ""]
        parts += [*(line.replace("A", f"A{place}") for line in FAULTS[fault](start, end)), ""]
    plan = parse("\n".join(parts))
    if [step.title for step in plan.steps] != [f"Part {place}" for place in range(len(faults))]:
        assert plan.problems
        return
    for place, step in enumerate(plan.steps):
        others = [f"GA{other}" for other in range(len(faults)) if other != place]
        assert not any(other in step.prompt for other in others)
        if not all(
            word in step.prompt for word in (f"A{place}LPH", f"BETA{place}", f"GA{place}MM")
        ):
            assert plan.problems


@pytest.mark.parametrize("fence", FENCES)
@pytest.mark.parametrize("title", TITLES)
def test_a_stray_fence_before_numbers_that_begin_again(title: str, fence: str) -> None:
    fault = "one too many, far after it"
    text = plan_of(title, fence, fault, 1, [1, 2, 1, 2])
    plan = parse(text)
    assert [step.id for step in plan.steps] == ["1", "2", "1#2", "2#2"]
    check(plan, text, fault, 1, 4)
