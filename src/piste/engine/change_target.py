"""The change that `change_review` is made from: packed, with the specification, for one review.

It lies in piste's own folder and not in git. It is written only where it is other than what
stands there, so its content alone says whether a review of it is up to date.
"""

import os
import tempfile

from piste.bundle import escapes, formats
from piste.engine import bundle_target, hashing
from piste.engine.rules import CHANGE
from piste.engine.world import World
from piste.system import atomic_write, paths, project_files
from piste.system.errors import UserError, printable


def pack(world: World, since: str) -> str:
    """Pack what is here and not at `since`; return one line about it.

    A branch is reviewed by what it has beyond the point where it left the other one; what is not
    committed yet counts, too. Raises UserError where nothing has changed, as `bundle.pack` does.
    """
    from piste import bundle
    from piste.bundle import history

    root = os.fspath(world.root)
    commit = history.fork(root, since)
    if not history.changed(root, commit):
        raise UserError(f"nothing has changed since {printable(since)}")
    arguments = bundle_target.arguments(world)
    # Another packer knows nothing of a revision, and of what changed every line counts.
    settings = arguments["settings"]._replace(command="", compress=False)
    with tempfile.TemporaryFile() as file:
        report = bundle.pack(
            **{**arguments, "settings": settings, "target": CHANGE},
            since=commit, diff=True, to=file.fileno(),
        )  # fmt: skip
        file.seek(0)
        data = file.read()
    data, spec = _with_spec(world, data, settings.form)
    if project_files.read_any(world.root, CHANGE, hashing.MOST) != data:
        paths.inside(world.root, (world.root / CHANGE).parent, CHANGE)
        atomic_write.write(world.root / CHANGE, data)
    tokens = f", {report.tokens:,} tokens" if report.tokens is not None else ""
    more = f"; {spec} goes along" if spec else ""
    files = f"{report.files:,} file{'s' * (report.files != 1)}"
    return f"changed since {printable(since)}: {files}{tokens}{more}"


def _with_spec(world: World, data: bytes, form: str) -> tuple[bytes, str]:
    """The bundle with the specification in a block of its own, and that one's path, or ""."""
    path = world.rules["spec"].target
    spec = project_files.read_any(world.root, path, project_files.DOCUMENT) or b""
    text = spec.decode("utf-8", "replace").replace("\r\n", "\n")
    if not text.strip():
        return data, ""
    marks = {"path": escapes.quote(path.encode())}
    added = formats.block(form, "spec", marks, escapes.show(text).encode())
    end = formats.closing(form)
    return data.removesuffix(end) + added + end, path
