"""The bundle as a target of the graph: when it is up to date, and making it.

It costs no money, so it needs no receipt and no store: what the last run left in
`.piste/bundle/` says whether it stands. How a repository is packed is `piste.bundle`'s.
"""

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from piste.engine import hashing, own_files, states, trust
from piste.engine.rules import Rule
from piste.engine.states import Decision, Reason
from piste.engine.world import Outcome, World
from piste.system import atomic_write, caches, paths, person, project_files
from piste.system.errors import UserError

if TYPE_CHECKING:
    from piste.bundle.outputs import Output
    from piste.bundle.report import Report

RUN = "bundle.run"  # as the setting is known to those who ask whether it may run
MADE = f"{paths.STATE}/bundle/made.json"
_AS_IT_STANDS = "taken as it stands (--overwrite packs anew)"
GIVEN = "PISTE_BUNDLE"  # variable; "given" says that the bundle is to be taken as it stands


def given() -> bool:
    """Whether another has made the bundle just now: a task of mise that a project redefined."""
    return os.environ.get(GIVEN) == "given"


def arguments(world: World) -> dict[str, Any]:
    """Return what `bundle.pack` and `bundle.unchanged` are told of this project.

    Raises UserError in a person's home folder: nobody means to pack all of that.
    """
    if world.root == Path(person.home()):
        raise UserError("this is your home folder, not a project; cd into one")
    trust.require_own_names(world.root)
    return {
        "root": world.root,
        "settings": world.config.bundle,
        "target": world.rules["bundle"].target,
        "exclude": unpacked(world),
        "own": own_files.lines(world),
        "cache_dir": caches.folder(world.root),
    }


def unpacked(world: World) -> list[str]:
    """Return what is never packed: what piste makes, or reviews would review reviews.

    A file that rules make beside a person's own (README.md) is packed while it is
    the person's: then the rule's target is another one.
    """
    names = {f"{paths.STATE}/", *(rule.target for rule in world.rules.values())}
    names |= {rule.beside for rule in world.rules.values() if rule.beside}
    names |= {*own_files.names(world)}  # settings that change the meaning are in the key already
    return sorted(names - {world.rules["bundle"].target})


def decide(world: World, rule: Rule, exact: bool = True) -> Decision:
    """Return the decision of `makers.decide` for the bundle.

    Where only the files' stamps tell of a change, `exact` packs without writing to see
    whether the text would be another one; a build leaves that to the packing itself.
    """
    from piste import bundle
    from piste.bundle.formats import is_bundle

    def about(text: str) -> tuple[Reason, ...]:
        return (Reason("target", rule.target, text),)

    path = world.root / rule.target
    if given():
        if os.path.lexists(path):
            return Decision(rule, states.FOREIGN, states.KEEP, about("taken as it stands"))
        said = (
            f"{rule.target} is missing, and {GIVEN}=given says that another task writes it; "
            "give that task a `run`"
        )
        return Decision(rule, states.MISSING, states.BLOCKED, about(said))
    if not os.path.lexists(path):
        return Decision(rule, states.MISSING, states.MAKE, about(f"{rule.target} is not there"))
    if bundle.unchanged(**arguments(world)):
        return Decision(rule, states.FRESH, states.KEEP)
    paths.writable(world.root, rule.target)
    if world.config.bundle.command:
        said = "another packer makes it, and only that knows whether it changed"
        return Decision(rule, states.STALE, states.MAKE, about(said))
    if not is_bundle(project_files.beginning(world.root, rule.target, 256)):
        said = f"piste did not make {rule.target}; it is {_AS_IT_STANDS}"
        return Decision(rule, states.FOREIGN, states.KEEP, about(said))
    if _edited(world):
        said = f"{rule.target} was changed since it was packed; it is {_AS_IT_STANDS}"
        return Decision(rule, states.EDITED, states.KEEP, about(said))
    if exact and _digest(world) == digest_now(world):
        return Decision(rule, states.FRESH, states.KEEP)
    return Decision(rule, states.STALE, states.MAKE, about("what is packed has changed"))


def make(world: World, rule: Rule, overwrite: bool) -> Outcome:
    """Pack the repository where it is not packed as it stands; see `makers.make`.

    Raises UserError, OverBudget, Failed, OSError as `bundle.pack` does.
    """
    from piste import bundle

    decision = decide(world, rule, exact=False)
    if decision.todo == states.BLOCKED:
        raise states.mistake_of(decision)
    persons = decision.state in (states.EDITED, states.FOREIGN)
    if decision.todo == states.KEEP and not (overwrite and persons):
        return Outcome("kept", states.kept_line(decision, world.door()))
    paths.writable(world.root, rule.target)
    found = outputs(world) if world.config.bundle.run else []
    report = bundle.pack(**arguments(world), overwrite=overwrite, found=found)
    if report.sha256 and recorded(world.root).get(rule.target) != report.sha256:
        note(world.root, rule.target, report.sha256)
    return Outcome("made", said(report))


def outputs(world: World) -> "list[Output]":
    """Return what the commands of `bundle.run` print: what the bundle that stands says, where it
    is of these very files, else what they print now. None where they may not run.

    Raises UserError as `bundle.pack` does, OSError.
    """
    from piste.bundle import outputs
    from piste.engine import environment

    config, root = world.config, world.root
    standing = project_files.read_any(root, world.rules["bundle"].target, hashing.MOST) or b""
    before = outputs.of(standing)
    if any(one.ran for one in before) and input_digest(world, standing) == digest_now(world):
        return before
    if config.left_out and RUN in config.commands:
        return []
    env = environment.of(root, root).variables
    return list(outputs.run(config.bundle.run, root, config.bundle.run_limit, env))


def digest_now(world: World) -> str:
    """Return the sha256 that the bundle would have, had it been packed; nothing is written or run.

    On a fresh clone the bundle itself is not there, and what was made from it is
    fresh all the same. Raises UserError as `bundle.pack` does.
    """
    from piste import bundle

    if world.config.bundle.command:
        way = f"{world.door()} bundle makes it"
        raise UserError(f"{world.rules['bundle'].target} is missing; {way}")
    return bundle.pack(**arguments(world), write=False).sha256


def input_digest(world: World, data: bytes) -> str:
    """Return the digest of a bundle as what is made from it sees it.

    What commands print is left out: it follows from the files, and has times in it.

    Another packer knows nothing of the graph and packs the reviews with the code, and their
    receipts: what they say is left out of the look, or each review would make the next one stale.
    """
    from piste.bundle import other_forms
    from piste.bundle.external import is_excluded
    from piste.bundle.formats import is_bundle

    if not is_bundle(data[:256]):
        names = [*unpacked(world), world.rules["bundle"].target]
        data = other_forms.without(data, lambda name: is_excluded(name, names), _made_here(world))
    elif world.config.bundle.run:
        from piste.bundle import outputs

        data = outputs.without(data)
    return hashlib.sha256(data).hexdigest()


def _made_here(world: World) -> dict[str, bytes]:
    """The targets and receipts as they stand; the bundle and `.piste` for the lines of a tree."""
    found = {f"{paths.STATE}/": b"", world.rules["bundle"].target: b""}
    for name in unpacked(world):
        for path in (name, f"{paths.RECEIPTS}/{name}.json"):
            with contextlib.suppress(OSError, UserError):
                found[path] = project_files.read(world.root, path, project_files.DOCUMENT)
    return found


def said(report: "Report") -> str:
    """Return one line about a bundle that was made."""
    files = f"{report.files:,} file{'s' * (report.files != 1)}"
    parts = [f"{report.target}: {files}, {report.bytes:,} bytes"]
    if report.tokens is not None:
        parts.append(f"{report.tokens:,} tokens")
    left = sum(len(names) for names in report.left_out.values())
    if left:
        parts.append(f"{left:,} left out (piste bundle -v names them)")
    if report.wrote == "same":
        parts.append("the same as before")
    return ", ".join([*parts, *report.warnings])


def note(root: Path, target: str, sha256: str) -> None:
    """Remember that piste wrote the bundle `target` with this text. Raises OSError."""
    paths.inside(root, (root / MADE).parent, MADE)
    made = {**recorded(root), target: sha256}
    atomic_write.write(root / MADE, (json.dumps(made, sort_keys=True, indent=1) + "\n").encode())


def recorded(root: Path) -> dict[str, str]:
    """Return the bundles that piste wrote in this project: path -> sha256 of the text."""
    try:
        found = json.loads(project_files.read(root, MADE, project_files.RECORD))
        return {str(name): str(digest) for name, digest in found.items()}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}


def remove_all(world: World) -> list[str]:
    """Delete the bundles that piste wrote in this project, and nothing else; return them.

    Raises OSError.
    """
    removed = standing(world)
    for name in removed:
        atomic_write.remove(world.root / name)
    return removed


def standing(world: World) -> list[str]:
    """Return the bundles that piste wrote in this project and that are that very text still."""
    from piste.bundle.formats import is_bundle

    found = []
    for name, digest in recorded(world.root).items():
        # What is recorded lies in the project, where anybody may have written it.
        with contextlib.suppress(UserError, OSError):
            if paths.is_linked(world.root, paths.relative(name, MADE)):
                continue
            head = project_files.beginning(world.root, name, 256)
            if is_bundle(head) and _sha256(world.root, name) == digest:
                found.append(name)
    return found


def _digest(world: World) -> str:
    """The digest of the bundle that stands, to be compared with `digest_now`."""
    target = world.rules["bundle"].target
    if not world.config.bundle.run:
        return _sha256(world.root, target)
    return input_digest(world, project_files.read(world.root, target, hashing.MOST))


def _edited(world: World) -> bool:
    """Whether the bundle is not the text that was written; where that is lost, it is not."""
    target = world.rules["bundle"].target
    digest = recorded(world.root).get(target)
    return digest is not None and _sha256(world.root, target) != digest


def _sha256(root: Path, name: str) -> str:
    with project_files.opened(root, name) as fd, open(fd, "rb", closefd=False) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
