"""Cursor's agent: the prompt as an argument, one JSON object, and only on success.

It may print nothing until the end, and has been seen not to exit: the time limit is ours.
"""

import json

from piste.steps.agents import Agent, AgentOutput


def read(printed: str) -> AgentOutput:
    """Return what the object in the output says. It knows no tokens and no cost."""
    found = json.loads(printed[printed.index("{") :])
    text = str(found.get("result") or "")
    return AgentOutput(
        text, text[:300] or "it says that it failed" if found.get("is_error") else ""
    )


AGENT = Agent(
    name="cursor-agent",
    command=(
        "cursor-agent -p --trust --approve-mcps --force --output-format json [--model {model}] "
        "{text}"
    ),
    install="curl https://cursor.com/install -fsS | bash",
    version="cursor-agent --version",
    read=read,
)
