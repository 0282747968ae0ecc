"""Rendering templates that are not piste's own, in a process that may be ended at any time.

A template is a program: `{% for %}` in `{% for %}`, `"x" * 3000000000` or a filter can take all
time and memory there is, and nothing within a process bounds that. So whatever a project or a
person wrote is rendered by one child, which lives as long as we do: each text has its share of
memory and of computing time, and the system ends the child that takes more. It does not know
where a template came from.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from piste.system.errors import UserError

_MEMORY = 400 << 20  # bytes that the child may have, beside what its inputs take
_SECONDS = 1.5  # of computing, beside what its inputs take
_MOST = 16 << 20  # characters that a template may come to, beside its inputs
_CODE = """\
from piste.engine.template_child import serve
from piste.engine.templates import Template, rendered, shaped
serve(lambda fields, given, shape: (shaped if shape else rendered)(Template(*fields), given))
"""

_lock = threading.Lock()
_child: "subprocess.Popen[bytes] | None" = None


def render(
    label: str, template: tuple[Any, ...], variables: Mapping[str, object], shape: bool = False
) -> list[str]:
    """Return the texts of a template, its fields given as plain data.

    With `shape` it does what `templates.shape` says, and may return none.
    Raises UserError for what is wrong in it, or for one that takes more than its share.
    """
    global _child
    asked = json.dumps([template, dict(variables), shape], default=str).encode() + b"\n"
    with _lock:
        if _child is None or _child.poll() is not None:
            _child = _start()
        answer = _asked(_child, asked)
        if not answer.endswith(b"\n"):
            _end(_child)
            _child = None
            raise UserError(
                f"{label}: it takes more than {_SECONDS:g} s of computing or "
                f"{_MEMORY >> 20} MB to render; make it simpler"
            )
    texts, wrong = json.loads(answer)
    if wrong:
        raise UserError(wrong)
    return list(texts)


def _start() -> "subprocess.Popen[bytes]":
    # -P: nothing is imported from the folder that we are in.
    path = os.pathsep.join(one for one in sys.path if one)
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _CODE], env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


def _asked(child: "subprocess.Popen[bytes]", asked: bytes) -> bytes:
    assert child.stdin is not None and child.stdout is not None
    try:
        child.stdin.write(asked)
        child.stdin.flush()
        return child.stdout.readline()
    except BrokenPipeError:
        return b""
    except BaseException:
        child.kill()  # an answer that nobody waits for would be taken for the next one
        raise


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        assert pipe is not None
        with contextlib.suppress(OSError):
            pipe.close()


def serve(
    rendered: Callable[[list[Any], dict[str, Any], bool], tuple[str, ...] | None],
) -> None:
    """Be the child: a line of JSON asks, a line answers, until there are no more."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin.buffer:
        fields, variables, shape = json.loads(line)
        _share(len(line))
        texts: tuple[str, ...] = ()
        wrong = ""
        try:
            texts = rendered(fields, variables, shape) or ()
            if sum(map(len, texts)) > _MOST + 4 * len(line):
                texts, wrong = (), f"{fields[0]}: it comes to more than {_MOST:,} characters"
        except UserError as error:
            wrong = str(error)
        except MemoryError:
            os._exit(1)
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.write(json.dumps([texts, wrong]) + "\n")
        sys.stdout.flush()


def _share(size: int) -> None:
    """Bound memory, and the computing until the answer; what takes more ends the process."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    most = _MEMORY + 16 * size
    with contextlib.suppress(ValueError, OSError):  # a system that bounds no memory
        resource.setrlimit(resource.RLIMIT_AS, (most if hard < 0 else min(most, hard), hard))
    signal.setitimer(signal.ITIMER_PROF, _SECONDS + size / 4e6)
