"""The clipboard: of this machine, or of the terminal at the other end of an SSH connection.

On the machine pyperclip knows the ways (Wayland, X11, macOS, Windows, WSL). Over SSH the
clipboard that a person means is the one at home, which a terminal fills when it is sent
the sequence OSC 52; whether it does cannot be asked, and some take no more than 100 kB.
"""

import base64
import os
import sys

from piste.system.errors import Failed

# What xterm takes; other terminals take more, and a longer text may come out cut off.
_SURE = 74_994  # bytes of base64


def copy(text: str) -> str:
    """Put `text` on the clipboard; return how, as a phrase for the person.

    Raises Failed where there is none.
    """
    if os.environ.get("SSH_TTY") or os.environ.get("SSH_CONNECTION"):
        return _to_terminal(text)
    import pyperclip

    try:
        pyperclip.copy(text)
    except pyperclip.PyperclipException:
        if _terminal() is None:
            raise Failed(
                "there is no clipboard here; install wl-clipboard (Wayland) or xclip (X11)"
            ) from None
        return _to_terminal(text)
    except (OSError, UnicodeError) as error:
        raise Failed(f"the clipboard did not take it: {error}") from None
    return "copied to the clipboard"


def found() -> str:
    """Return how `copy` would do it, as a phrase for the person; "" where there is no way."""
    if not (os.environ.get("SSH_TTY") or os.environ.get("SSH_CONNECTION")):
        import pyperclip

        # What it returns where there is none is false.
        if pyperclip.determine_clipboard()[0]:
            return "this machine's"
    return "the terminal's, by OSC 52" if _terminal() is not None else ""


def _to_terminal(text: str) -> str:
    """Send the text by OSC 52. Raises Failed where there is no terminal."""
    where = _terminal()
    if where is None:
        raise Failed("there is no clipboard here, and no terminal to send it to")
    data = base64.b64encode(text.encode("utf-8", "replace"))
    sequence = b"\033]52;c;" + data + b"\a"
    if os.environ.get("TMUX"):
        sequence = b"\033Ptmux;" + sequence.replace(b"\033", b"\033\033") + b"\033\\"
    try:
        with open(where, "wb", buffering=0) as terminal:
            at = 0
            while at < len(sequence):
                at += terminal.write(sequence[at:]) or 0
    except OSError as error:
        raise Failed(f"the terminal did not take it: {error.strerror}") from None
    if len(data) > _SURE:
        return f"sent to the terminal's clipboard; of {len(text):,} characters it may keep a part"
    return "sent to the terminal's clipboard"


def _terminal() -> str | None:
    """Return the device of the terminal, or None where there is none."""
    for stream in (sys.stderr, sys.stdout, sys.stdin):
        try:
            return os.ttyname(stream.fileno())
        except (OSError, ValueError, AttributeError):
            continue
    return None
