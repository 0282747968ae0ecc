"""A process that has imported all that piste imports, and forks a child for each command.

    python zygote.py SOCKET

A new interpreter needs 0.7 s to begin; a fork needs 10 ms, so hundreds of trials fit into a
minute. At its end the child does what the interpreter does: threads, atexit, flushing.

One connection is one command: a line of JSON comes in (see `Order`), the child's pid goes
out, and when it has ended, its exit status as `os.wait4` has it, and the seconds of the processor
that it took with all that it started and waited for. Many may run at once.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import random
import resource
import select
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

sys.path.insert(0, str(Path(__file__).parents[1]))


class Order(NamedTuple):
    """One command, as it comes over the socket."""

    argv: list[str]  # the program (piste or doit) and its arguments
    cwd: str
    env: dict[str, str]
    out: str  # files for stdout and stderr
    err: str
    hold: bool = False  # wait for a byte before beginning: a tracer wants to attach
    uid: int = -1  # become this user first
    mortal: bool = False  # permissions hold, even for root
    memory: int = 0  # bytes that it may take beyond what it begins with


def preload(folder: Path) -> None:
    """Import what a build imports, at its first call too, and leave no thread behind."""
    import difflib
    import graphlib

    import doit.cmd_run
    import doit.doit_cmd
    import genai_prices
    import jinja2.sandbox
    import sqlite_utils

    import piste
    from piste.model import asking, http
    from support.standin import StandIn, llm_user_dir

    for module in pkgutil.walk_packages(piste.__path__, "piste."):
        importlib.import_module(module.name)
    # A child that becomes another user may not be able to read the interpreter's own files.
    _ = difflib, graphlib, doit, jinja2, sqlite_utils, "".encode("utf-8-sig"), "".encode("idna")
    genai_prices.calc_price(genai_prices.Usage(input_tokens=1), model_ref="gpt-5")
    with StandIn() as server:
        (llm_user_dir(folder, server, ["ok"]) / "logs-off").touch()
        os.environ["LLM_USER_PATH"] = str(folder)
        asking.ask(asking.resolve("chat-ok"), prompt="hello")
        http._http_client().close()
    http._http_client.cache_clear()
    asking._models.clear()
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(10)
    assert threading.active_count() == 1, threading.enumerate()
    gc.collect()
    gc.freeze()  # a child that collects garbage would copy every page of this process


def main(path: str) -> Order:
    """Serve until stdin is closed. Only a child returns from here, with its order."""
    preload(Path(path).with_name("llm"))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(128)
    ended, wake = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    children: dict[int, socket.socket] = {}
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([listener, ended, 0], [], [])
        if 0 in ready:
            os._exit(0)
        if ended in ready:
            ended.recv(4096)
            reap(children)
        if listener in ready:
            connection, _ = listener.accept()
            with connection.makefile("r") as lines:
                order = Order(**json.loads(lines.readline()))
            if (pid := os.fork()) == 0:
                become(order, connection)
                return order
            children[pid] = connection
            connection.sendall(b"%d\n" % pid)


def reap(children: dict[int, socket.socket]) -> None:
    """Tell whoever asked for a child how it ended."""
    while children:
        pid, status, used = os.wait4(-1, os.WNOHANG)
        if pid == 0:
            return
        with children.pop(pid) as connection, contextlib.suppress(OSError):
            connection.sendall(b"%d %.3f\n" % (status, used.ru_utime + used.ru_stime))


def become(order: Order, connection: socket.socket) -> None:
    """Be what a shell would have started."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(order.env)
    time.tzset()
    tempfile.tempdir = None  # TMPDIR is another one
    random.seed()
    for fd, name, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, order.out, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        (2, order.err, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    ):
        os.dup2(os.open(name, flags, 0o666), fd)
    os.closerange(3, connection.fileno())
    os.closerange(connection.fileno() + 1, 4096)
    if order.uid >= 0:
        os.setgroups([])
        os.setgid(order.uid)
        os.setuid(order.uid)
    if order.mortal and os.geteuid() == 0:
        let_permissions_hold()
    if order.memory:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + order.memory
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    os.chdir(order.cwd)
    if order.hold:
        connection.recv(1)
    connection.close()
    sys.path[:2] = []  # the folders of these tests
    sys.argv = order.argv


def let_permissions_hold() -> None:
    """Give up the capabilities by which root passes over permissions (Linux)."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice
    if libc.capget(header, sets) == 0:
        for index in range(3):
            sets[index] &= ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        libc.capset(header, sets)


def program(name: str) -> Any:
    """Return the main function of a command."""
    if name == "doit":
        from doit.__main__ import main as doit_main

        return doit_main
    from piste.cli import script

    return script


def end(run: Callable[[], object]) -> NoReturn:
    """Run a program and end as the interpreter does, but for tearing 2,000 modules down."""
    code: object = 0
    try:
        code = run()
    except SystemExit as error:
        code = error.code
    except KeyboardInterrupt:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        code = 128 + signal.SIGINT
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        code = 1
    if not isinstance(code, int | None):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except OSError:
        code = 120
    os._exit(code or 0)


if __name__ == "__main__":
    end(program(main(sys.argv[1]).argv[0]))
