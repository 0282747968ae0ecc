"""Codex: the prompt on stdin (`-`), a line of JSON an event, its own sandbox.

With a prompt as an argument it waits for stdin to end all the same, so it gets none.
"""

from piste.steps.agents import Agent, AgentOutput
from piste.steps.agents.events import events


def read(printed: str) -> AgentOutput:
    """Return what the events say; tokens are the sum over the turns."""
    text = error = ""
    used: list[dict[str, int]] = []
    for event in events(printed):
        kind = event.get("type")
        item = event.get("item") or {}
        if kind == "item.completed" and item.get("type") in ("agent_message", "assistant_message"):
            text = str(item.get("text", ""))
        elif kind == "turn.completed":
            used.append(event.get("usage") or {})
        elif kind in ("turn.failed", "error"):
            about = event.get("error") or event
            error = str(about.get("message", "it says that it failed"))[:300]
    return AgentOutput(
        text=text,
        error=error,
        input_tokens=sum(one.get("input_tokens", 0) for one in used) if used else None,
        output_tokens=sum(one.get("output_tokens", 0) for one in used) if used else None,
    )


AGENT = Agent(
    name="codex",
    command=(
        "codex exec - -C {folder} -s workspace-write --skip-git-repo-check --ephemeral --json "
        "-o {last} [-m {model}]"
    ),
    install="npm install -g @openai/codex",
    version="codex --version",
    read=read,
)
