"""The door through which words leave for a model, an agent or a chat window.

Whatever is sent passes here: a secret in it is masked, or, with `secrets = "refuse"`, nothing
is sent. What was found is said once, with the file and the line, never the secret itself.
The key of a target is that of its inputs as they are: masking makes nothing stale. It does not
know how words are sent, and not what a program that an agent is reads by itself.
"""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from piste.engine.config import Config
from piste.system import project_files, screen
from piste.system.errors import UserError, printable
from piste.system.secret_policy import Policy

if TYPE_CHECKING:
    from piste.engine.world import World

_said: set[str] = set()


Place = Callable[[int], str]
"""What a person knows a line of a text by, counted from 1."""


def cleared(config: Config, name: str, text: str, place: Place | None = None) -> str:
    """Return the text as it may leave; `name` is what a person knows it by, `place` a line of it.

    Raises UserError for a secret, where secrets are refused.
    """
    from piste.system.secrets import find, mask

    body = text.encode("utf-8", "surrogatepass")
    found = find(body, Policy(config.secret_patterns, config.secret_allow))
    if not found:
        return text
    lines = [(body.count(b"\n", 0, one.start) + 1, one.rule) for one in found]
    at = place or (lambda line: f"{name}:{line}")
    places = [f"{printable(at(line))} ({rule})" for line, rule in lines]
    if config.secrets == "refuse":
        raise UserError(
            f"there is a secret in {places[0]}, and it is not sent; take it out, allow it by "
            'secret_allow or piste:allow in its line, or set secrets = "mask"'
        )
    if new := [place for place in places if place not in _said]:
        _said.update(new)
        more = f" and {len(new) - 3} more" if len(new) > 3 else ""
        screen.say(f"masked in what is sent: {', '.join(new[:3])}{more}")
    return mask(body, found).decode("utf-8", "surrogatepass")


def door(config: Config) -> Callable[[str, str], str]:
    """Return `cleared` with these settings, for those who read files beside a prompt."""
    return functools.partial(cleared, config)


def prompt_of_step(world: "World", text: str) -> str:
    """Return a step's prompt as it may leave; a secret is named by the line of the plan."""
    path = world.rules["plan"].target
    try:
        plan = project_files.read_any(world.root, path, project_files.DOCUMENT) or b""
    except UserError:  # it is named where it is read as a plan
        plan = b""
    return cleared(world.config, path, text, _part_of(path, plan.decode("utf-8", "replace"), text))


def output_of_tests(world: "World", text: str) -> str:
    """Return what tests have printed as it may leave."""
    return cleared(world.config, "", text, lambda line: f"the test output, line {line}")


def _part_of(name: str, whole: str, part: str) -> Place:
    """Return how a person knows the lines of a part of a file: by the lines of the whole."""

    def place(line: int) -> str:
        wanted = part.split("\n")[line - 1].strip()
        rows = enumerate(whole.split("\n"), 1)
        return f"{name}:{next((number for number, row in rows if wanted in row), line)}"

    return place
