"""Gemini CLI: the prompt on stdin, one JSON object at the end.

`auto_edit` lets it change files and run nothing. Empty output with exit code 0 has been
seen; it then has said nothing, and what it left behind decides.
"""

import json

from piste.steps.agents import Agent, AgentOutput


def read(printed: str) -> AgentOutput:
    """Return what the object in the output says; tokens are the sum over its models."""
    if "{" not in printed:
        return AgentOutput(printed[-2000:])
    found = json.loads(printed[printed.index("{") :])
    models = (found.get("stats") or {}).get("models") or {}
    tokens = [one.get("tokens") or {} for one in models.values()]
    error = found.get("error") or {}
    return AgentOutput(
        text=str(found.get("response") or ""),
        error=str(error.get("message", error))[:300] if error else "",
        input_tokens=sum(one.get("prompt", 0) for one in tokens) if tokens else None,
        output_tokens=sum(one.get("candidates", 0) for one in tokens) if tokens else None,
        model=next(iter(models)) if len(models) == 1 else "",
    )


AGENT = Agent(
    name="gemini",
    command='gemini -p "" --approval-mode auto_edit -o json --skip-trust [-m {model}]',
    install="npm install -g @google/gemini-cli",
    version="gemini --version",
    read=read,
)
