"""aider: edits the files that it is given, and says its tokens and cost in text.

`--yes-always` answers no to running shell commands, and exit code 0 comes also when the
model could not be asked (aider 0.86), so what it says of errors is read. It would commit on its
own, write to .gitignore and open pages about the model; that is switched off. Every file that a
prompt names it takes in whole: the plan and the list are kept from it by `--aiderignore`, below the
lines of the project's own .aiderignore.
"""

import re

from piste.steps.agents import Agent, AgentOutput
from piste.system.errors import in_one_line

_USED = re.compile(r"Tokens: ([\d.,]+[kM]?) sent,(?: [^.]*?,)? ?([\d.,]+[kM]?) received")
_COST = re.compile(r"Cost: \$([\d.]+) message")
_MODEL = re.compile(r"^(?:Main model|Model): (\S+)", re.MULTILINE)
# A paragraph, since aider breaks its lines.
_ERROR = re.compile(r"^(?:litellm\.\S*Error|The API provider).*(?:\n.*\S.*)*", re.MULTILINE)


def read(printed: str) -> AgentOutput:
    """Return what aider says of a run: sums over its calls."""
    used = _USED.findall(printed)
    costs = _COST.findall(printed)
    model = _MODEL.search(printed)
    error = _ERROR.search(printed)
    return AgentOutput(
        text=printed[-2000:],
        error=in_one_line(error[0])[:300] if error and not used else "",
        input_tokens=sum(_number(sent) for sent, _ in used) if used else None,
        output_tokens=sum(_number(received) for _, received in used) if used else None,
        cost=sum(map(float, costs)) if costs else None,
        model=model[1] if model else "",
    )


def _number(text: str) -> int:
    scale = {"k": 1000, "M": 1_000_000}.get(text[-1], 1)
    return round(float(text.rstrip("kM").replace(",", "")) * scale)


AGENT = Agent(
    name="aider",
    command=(
        "aider --message-file {prompt} --yes-always --no-stream --no-pretty --no-check-update "
        "--no-show-release-notes --analytics-disable --no-auto-commits --no-dirty-commits "
        "--no-gitignore --no-suggest-shell-commands --no-detect-urls --no-show-model-warnings "
        "--aiderignore {kept} [--model {model}] {files}"
    ),
    install="python -m pip install aider-install && aider-install",
    version="aider --version",
    ignores=".aiderignore",
    read=read,
)
