"""Reasoning: taken out in the marks of every family, and left alone where it is the subject."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.documents.reasoning import removed

ANSWER = "# Title\n\nWords.\n"
THOUGHT = "Let me see.\n\n# A draft\n\n=== delete: keep.py\n\nNo, better so."

# One reply of each family, as its servers pass it on: {t} is the thought, {a} the answer.
FAMILIES = {
    "DeepSeek, Qwen, GLM, MiniMax": "<think>\n{t}\n</think>\n\n{a}",
    "an empty one": "<think>\n\n</think>\n\n{a}",
    "with an attribute": '<think time="3s">{t}</think>{a}',
    "Claude by prompt": "<thinking>\n{t}\n</thinking>\n{a}",
    "Claude's own": "<antThinking>{t}</antThinking>\n{a}",
    "Exaone": "<thought>\n{t}\n</thought>\n\n{a}",
    "by prompt": "<reasoning>{t}</reasoning>\n{a}",
    "by prompt, two": "<analysis>{t}</analysis>\n<reflection>So.</reflection>\n{a}",
    "Seed": "<seed:think>{t}</seed:think>{a}",
    "in capitals": "<THINK>{t}</THINK>\n{a}",
    "Magistral": "[THINK]{t}[/THINK]{a}",
    "Kimi": "◁think▷{t}◁/think▷\n{a}",
    "OpenThinker": "<|begin_of_thought|>\n{t}\n<|end_of_thought|>\n\n"
                   "<|begin_of_solution|>\n{a}\n<|end_of_solution|>",
    "Command A": "<|START_THINKING|>{t}<|END_THINKING|><|START_RESPONSE|>{a}<|END_RESPONSE|>",
    "gpt-oss": "<|channel|>analysis<|message|>{t}<|end|><|start|>assistant<|channel|>final"
               "<|message|>{a}<|return|>",
    "gpt-oss, marks half dropped": "<|channel|>analysis\n{t}\n<|channel|>final\n{a}",
    "gpt-oss, marks dropped": "analysisWe need it. {t}assistantfinal{a}",
    "Gemma": "<|channel>thought\n{t}\n<channel|>{a}",
    "MedGemma": "<unused94>thought\n{t}<unused95>{a}",
    "Granite": "Here is my thought process:\n{t}\n\nHere is my response:\n{a}",
    "Apriel": "Here are my reasoning steps:\n{t}\n[BEGIN FINAL RESPONSE]\n{a}"
              "\n[END FINAL RESPONSE]\n<|end|>",
    "ollama's command": "Thinking...\n{t}\n...done thinking.\n\n{a}",
    "Open WebUI": '<details type="reasoning" done="true">\n<summary>Thought</summary>\n{t}\n'
                  "</details>\n{a}",
    "the template has the opening mark": "{t}\n</think>\n\n{a}",
    "the same, run together": "{t}</think>{a}",
    "a nested one": "<think>\n{t}\n<think>\nmore\n</think>\nand on\n</think>\n\n{a}",
    "closed by a brother": "<think>\n{t}\n</thinking>\n\n{a}",
    "a fence in the thought is never closed": "<think>\n```python\n{t}\n</think>\n\n{a}",
    "the same, without the opening mark": "```python\n{t}\n</think>\n\n{a}",
    "it speaks of the mark": "<think>\nI end with `</think>`, then:\n{t}\n</think>\n{a}",
    "a fence with a word": "```thinking\n{t}\n```\n\n{a}",
    "a comment": "<!--\n{t}\n-->\n\n{a}",
    "marks of the chat": "<|im_start|>assistant\n<think>{t}</think>\n{a}<|im_end|>",
    "an empty tag": "<think/>\n{a}",
    "in between": "{a}\n<think>\n{t}\n</think>\n",
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("answer", [ANSWER, "=== file: a.py\nx = 1\n=== end\n"])
def test_the_reasoning_of_each_family_goes_and_the_answer_stays(family: str, answer: str) -> None:
    reply = FAMILIES[family].format(t=THOUGHT, a=answer)

    assert removed(reply).strip() == answer.strip()


@pytest.mark.parametrize(
    "reply",
    [
        f"<think>\n{THOUGHT}",
        f"[THINK]{THOUGHT}",
        f"◁think▷{THOUGHT}",
        f"<|channel|>analysis<|message|>{THOUGHT}",
        f"<|begin_of_thought|>{THOUGHT}",
        f"{THOUGHT}\n</think>",
    ],
)
def test_what_is_never_closed_is_all_thought(reply: str) -> None:
    assert removed(reply).strip() == ""


SUBJECT = (
    "# How models think\n\nThey write `<think>` and `</think>` around it; raw: <think>so</think>.\n"
    "\n```\n<think>\nA draft.\n</think>\nThe answer.\n```\n\nThe server keeps the first mark:\n\n"
    "```\nA draft.\n</think>\nThe answer.\n```\n\n"
    "~~~python\nMARKS = ['◁think▷', '[THINK]']\n~~~\n\n"
    "<thinking> is another one, and `<|channel|>analysis` too; it stops at </think>\nor before.\n"
    "\n<!-- a note -->\n\n- `[THINK]`\n"
)


@pytest.mark.parametrize(
    "text",
    [
        SUBJECT,
        "=== file: marks.py\nTEXT = '''\n<think>\nno\n</think>\nyes\n'''\n=== end\n",
        "=== edit: a.py\n<think>\n=== with\n</think>\n=== end\n\nDone.\n",
        "<!-- markdownlint-disable -->\n# Title\n",
        "<!--\nSPDX-License-Identifier: MIT\n-->\n# Title\n",
        '<p align="center">\n  <img src="a.png">\n</p>\n\n# Title\n',
        "# Title\n\n<details>\n<summary>More</summary>\n</details>\n",
        "# Analysis\n\nanalysis of <reason>.\n",
        "Thinking about it: done.\n",
        "",
    ],
)
def test_what_is_the_subject_of_a_text_stays(text: str) -> None:
    assert removed(text) == text
    assert removed(f"<think>\n{THOUGHT}\n</think>\n\n{text}") == text


_PIECES = st.lists(
    st.sampled_from(
        ["<think>", "</think>", "[THINK]", "[/THINK]", "◁think▷", "```", "```py", "# A", "words",
         "\n", "`", "=== file: a", "=== end", "<|channel|>final", "<|message|>", "<!--", "-->"]
    )
).map("".join)  # fmt: skip


@given(st.text() | _PIECES)
def test_any_reply_is_taken_and_clean_ones_stay(reply: str) -> None:
    once = removed(reply)
    assert len(once) <= len(reply) + 1
    assert removed("# T\n\nwords\n") == "# T\n\nwords\n"
