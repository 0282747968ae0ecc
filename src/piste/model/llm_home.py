"""llm's own folder, read without importing llm: the default model and the aliases.

It finds what the person calls a model; whether there is such a model only llm and
its plugins know (`asking`).
"""

import os
import sys

from piste.system import person
from piste.system.errors import UserError


def folder() -> str:
    """Return llm's folder, as llm and click find it; it may not exist."""
    if path := os.environ.get("LLM_USER_PATH"):
        return path
    if sys.platform == "win32":
        base = os.environ.get("APPDATA") or person.home()
    elif sys.platform == "darwin":
        base = os.path.join(person.home(), "Library/Application Support")
    else:
        base = str(person.folder("XDG_CONFIG_HOME", ".config"))
    return os.path.join(base, "io.datasette.llm")


def model_named(name: str) -> str:
    """Return the model id of a configured name; "" is the person's default.

    "" comes back when they have set no default. A name that only a plugin knows as
    an alias (`4o`) is returned as it is.

    Raises UserError for an `aliases.json` that cannot be read: llm cannot work with it.
    """
    if not name:
        try:
            with open(os.path.join(folder(), "default_model.txt"), encoding="utf-8") as file:
                name = file.read().strip()
        except (OSError, UnicodeDecodeError):
            return ""
    known = _aliases().get(name)
    return known if isinstance(known, str) else name


def _aliases() -> dict[str, object]:
    path = os.path.join(folder(), "aliases.json")
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error}); repair or remove it") from None
    import json

    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON ({error}); repair or remove it") from None
    return found if isinstance(found, dict) else {}
