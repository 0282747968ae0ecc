"""Claude Code: the prompt on stdin, one JSON object at the end.

A tool that is not allowed is refused with exit code 0, so what it may use is named. Without
`--bare` it reads the project's own settings of it, hooks and MCP servers with them.
"""

import json

from piste.steps.agents import Agent, AgentOutput


def read(printed: str) -> AgentOutput:
    """Return what the object at the end of the output says."""
    found = json.loads(printed[printed.index("{") :])
    usage = found.get("usage") or {}
    cached = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    given = [usage[name] for name in cached if isinstance(usage.get(name), int)]
    models = list(found.get("modelUsage") or {})
    text = str(found.get("result") or "")
    return AgentOutput(
        text=text,
        error=text[:300] or "it says that it failed" if found.get("is_error") else "",
        input_tokens=sum(given) if given else None,
        output_tokens=usage.get("output_tokens"),
        cost=found.get("total_cost_usd"),
        model=models[0] if len(models) == 1 else "",
    )


AGENT = Agent(
    name="claude",
    command=(
        "claude -p --output-format json --permission-mode acceptEdits "
        '--allowedTools "Read,Edit,Write,Glob,Grep[,Bash({test}),Bash({test} *)]" '
        "--no-session-persistence "
        "[--model {model}] [--max-budget-usd {money}]"
    ),
    install="npm install -g @anthropic-ai/claude-code",
    version="claude --version",
    read=read,
)
