"""Output that is a line of JSON an event, as several agents print it."""

import json
from collections.abc import Iterator
from typing import Any

from piste.system.errors import in_one_line


def events(printed: str) -> Iterator[dict[str, Any]]:
    """Yield the events; lines that are none, such as warnings, are left out."""
    for line in printed.split("\n"):
        if line.lstrip().startswith("{"):
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                yield event


def briefly(line: str) -> str:
    """Return what of a line is worth showing while an agent works; "" is nothing.

    Of an event its text or its command, of any other line the line.
    """
    if not line.lstrip().startswith("{"):
        return line.strip()
    for event in events(line):
        parts = [event, *(value for value in event.values() if isinstance(value, dict))]
        for part in parts:
            for name in ("text", "command", "message", "result", "response", "tool", "path"):
                if isinstance(part.get(name), str) and part[name].strip():
                    return in_one_line(part[name])
    return ""
