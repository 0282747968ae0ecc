"""A disk that is really full: a small tmpfs, in a mount namespace of our own.

    unshare -rm python small_disk.py PAGES…

For each number of pages it prints a line of JSON: what a build on a disk of that size did, and
what a second one did once there was room. `test_disk` judges.
"""

import contextlib
import ctypes
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from support.standin import StandIn

from fire.world import World, paid, paid_twice, scratch

PAGE = 4096  # bytes
ROOM = 4096  # pages
_REMOUNT, _DETACH = 32, 2
_libc = ctypes.CDLL(None, use_errno=True)


def mount(folder: Path, pages: int, flags: int = 0) -> None:
    """Mount a tmpfs of this size, or give it this size. Raises OSError."""
    options = f"size={pages * PAGE}".encode()
    done = _libc.mount(b"tmpfs", str(folder).encode(), b"tmpfs", flags, options)
    if done != 0:
        raise OSError(ctypes.get_errno(), "mount")


def files(here: World, said: str) -> list[str]:
    """Return what every file says that can hold a reply; one is named by what was said."""
    found = [path for folder in (here.root, here.home) for path in folder.rglob("*")]
    named = re.search(r"the paid reply is in (\S+)", said)
    texts = [path.read_text("utf-8", "replace") for path in found if path.is_file()]
    for text in texts[:]:
        with contextlib.suppress(ValueError, AttributeError):  # a record of the store
            texts.append(str(json.loads(text).get("text")))
    if named and (path := Path(named[1])).parent != here.root:  # another disk had room
        texts.append(path.read_text())
        path.unlink()
    return texts


def trial(pages: int) -> dict[str, Any]:
    """Build on a disk of that size, and again with room."""
    folder = scratch()
    (folder / "disk").mkdir()
    mount(folder / "disk", ROOM)
    try:
        return tried(folder, pages)
    finally:
        _libc.umount2(str(folder / "disk").encode(), _DETACH)
        shutil.rmtree(folder)


def tried(folder: Path, pages: int) -> dict[str, Any]:
    """The trial, in a folder with a disk."""
    with StandIn() as server:
        here = World(folder, server, disk="disk")
        used = (
            5 + 16
        )  # pages of the files that are there before the build, and of what is kept free
        mount(folder / "disk", used + pages, _REMOUNT)
        first = here.run("piste", "plan")
        sent = [one.text for one in paid(here)]
        kept = files(here, first.said)
        lost = [text for text in sent if not any(text.strip() in one for one in (*kept, first.err))]
        texts = {name: here.text(name) for name in ("spec.md", "prompt_plan.md")}
        mount(folder / "disk", ROOM, _REMOUNT)
        second = here.run("piste", "plan")
        check = here.run("piste", "check", "plan")
        return {
            "pages": pages, "code": first.code, "said": first.said, "requests": len(sent),
            "lost": lost, "wrong": [n for n, t in texts.items() if t is not None and t not in sent],
            "second": second.code, "second_said": second.said, "check": check.code,
            "twice": paid_twice(here),
        }  # fmt: skip


if __name__ == "__main__":
    for size in map(int, sys.argv[1:]):
        print(json.dumps(trial(size)), flush=True)
