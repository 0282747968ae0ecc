"""The door through which words leave for a model, an agent or a chat window.

Whatever is sent passes here: a secret in it is masked, or, with `secrets = "refuse"`, nothing
is sent. What was found is said once, with the file and the line, never the secret itself.
The key of a target is that of its inputs as they are: masking makes nothing stale. It does not
know how words are sent, and not what a program that an agent is reads by itself.
"""

import functools
from collections.abc import Callable

from piste.engine.config import Config
from piste.system import screen
from piste.system.errors import UserError, printable
from piste.system.secret_policy import Policy

_said: set[str] = set()


def cleared(config: Config, name: str, text: str) -> str:
    """Return the text as it may leave; `name` is what a person knows it by.

    Raises UserError for a secret, where secrets are refused.
    """
    from piste.system.secrets import find, mask

    body = text.encode("utf-8", "surrogatepass")
    found = find(body, Policy(config.secret_patterns, config.secret_allow))
    if not found:
        return text
    places = [f"{printable(name)}:{_line(body, one.start)} ({one.rule})" for one in found]
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


def _line(body: bytes, at: int) -> int:
    return body.count(b"\n", 0, at) + 1
