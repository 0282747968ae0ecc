"""opencode: the prompt on stdin, a line of JSON an event.

An argument with a space in it is put into literal quotes, so the prompt is never one.
Without `--auto` every permission is refused, with exit code 0.
"""

from piste.steps.agents import Agent, AgentOutput
from piste.steps.agents.events import events


def read(printed: str) -> AgentOutput:
    """Return what the events say; tokens and cost are the sum over the steps."""
    text = error = ""
    parts = []
    for event in events(printed):
        part = event.get("part") or {}
        if event.get("type") == "text":
            text = str(part.get("text", ""))
        elif event.get("type") == "step_finish":
            parts.append(part)
        elif event.get("type") == "error":
            about = event.get("error") or {}
            error = str((about.get("data") or {}).get("message") or about.get("name", about))[:300]
    tokens = [part.get("tokens") or {} for part in parts]
    return AgentOutput(
        text=text,
        error=error,
        input_tokens=sum(one.get("input", 0) for one in tokens) if tokens else None,
        output_tokens=sum(one.get("output", 0) for one in tokens) if tokens else None,
        cost=sum(part.get("cost", 0.0) for part in parts) if parts else None,
    )


AGENT = Agent(
    name="opencode",
    command="opencode run --dir {folder} --format json --auto [-m {model}]",
    install="npm install -g opencode-ai",
    version="opencode --version",
    read=read,
)
