"""The records of steps: that one is done, of which prompt, by whom, and on what evidence.

    .piste/receipts/steps/03.json    sorted keys, one field a line, as receipts are

A record is known by what is in it, not by its file's name: the file has the step's id where that
is free. It holds the prompt itself, so that anybody can see how that was changed since, and what
was ticked for the step, so that just that can be taken back.
A record is never given to a step for its number alone: another step may have that by now.
"""

import hashlib
import json
import os
import re
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from piste.documents import plan
from piste.documents.plan import Step
from piste.engine import receipts
from piste.system import git, project_files
from piste.system.errors import UserError

SCHEMA = 1
FOLDER = f"{receipts.FOLDER}/steps"
HAND = "hand"


class Tick(NamedTuple):
    """A line that was changed to show that a step is done."""

    path: str  # project-relative
    line: int  # from 1, at that time
    before: str
    after: str
    section: str = ""  # of a todo list: the headings above it


class Record(NamedTuple):
    """That a step is done: which prompt, by whom, and on what evidence."""

    step: str  # its id in the plan
    title: str
    prompt: str  # digest of the prompt, marks stripped
    agent: str  # or "hand"
    version: str = ""  # of the agent
    model: str = ""
    tests: str = ""  # the command that passed; "" is a person's word
    text: str = ""  # the prompt, marks stripped
    plan: str = ""  # project-relative path of the plan that it is in
    ticked: tuple[Tick, ...] = ()  # what was changed to show it

    @property
    def key(self) -> str:
        """The key of this doing: prompt, agent, version and model."""
        return key(self.prompt, self.agent, self.version, self.model)


def key(prompt: str, agent: str, version: str, model: str) -> str:
    """Return the sha256, in hex, of what decides a step. `prompt` is its digest."""
    parts = {"schema": SCHEMA, "prompt": prompt, "agent": agent, "version": version, "model": model}
    return hashlib.sha256(receipts.canonical(parts).encode()).hexdigest()


def digest(prompt: str) -> str:
    """Return the sha256, in hex, of a step's prompt without marks and trailing blanks."""
    lines = (line.rstrip() for line in plan.strip_marks(prompt).split("\n"))
    return hashlib.sha256("\n".join(lines).strip("\n").encode("utf-8", "replace")).hexdigest()


def of(
    step: Step, path: str, agent: str, version: str = "", model: str = "", tests: str = ""
) -> Record:
    """Return the record that a step, as it stands in the plan at `path`, is done."""
    text = plan.strip_marks(step.prompt)
    return Record(step.id, step.title, digest(text), agent, version, model, tests, text, path)


def file_of(step_id: str) -> str:
    """Return the project-relative path that the record of a step has by itself."""
    name = urllib.parse.quote(step_id, safe="")
    if len(name) > 100:
        name = name[:60] + "-" + hashlib.sha256(step_id.encode()).hexdigest()[:16]
    return f"{FOLDER}/{name.replace('.', '_', 1) if name.startswith('.') else name}.json"


def second_file_of(record: Record) -> str:
    """Return the path of a record whose own place is needed for another step of that id."""
    about = hashlib.sha256(f"{record.plan}\0{record.title}\0{record.prompt}".encode()).hexdigest()
    return f"{file_of(record.step).removesuffix('.json')}~{about[:12]}.json"


def dump(record: Record) -> bytes:
    """Return a record as it stands in its file."""
    raw = {"schema": SCHEMA, "key": record.key, **record._asdict()}
    raw["text"] = record.text.split("\n")
    text = json.dumps(raw, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "surrogateescape")


def parse(data: bytes, where: str) -> Record:
    """Return the record in `data`. Raises UserError, naming the file and the way out."""
    if any(line.startswith((b"<<<<<<<", b">>>>>>>")) for line in data.split(b"\n")):
        raise UserError(f"{where} holds conflict markers; keep either side whole")
    way_out = f"restore it (git checkout {where}), or delete it and do the step again"
    try:
        raw = json.loads(data.decode("utf-8", "surrogateescape"))
        schema, sealed = raw.pop("schema"), raw.pop("key")
        newer = schema > SCHEMA
        ticked = tuple(Tick(*row) for row in raw.pop("ticked", ()))
        text = "\n".join(raw.pop("text", ()))
        record = Record(**raw, text=text, ticked=ticked) if not newer else None
        sound = record is not None and sealed == record.key
        words = [*raw.values(), *(word for tick in ticked for word in (tick[0], *tick[2:]))]
        plain = all(isinstance(word, str) for word in words)
        plain = plain and all(isinstance(tick.line, int) for tick in ticked)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{where} is damaged; {way_out}") from None
    if newer:
        raise UserError(f"{where} was written by a newer piste; update piste to read it")
    if record is None or not sound or not plain:
        raise UserError(f"{where} does not agree with its own key; {way_out}")
    return record


def load(root: Path) -> Mapping[str, Record]:
    """Return the records in the project at `root`, by their paths.

    Raises UserError for a damaged one.
    """
    try:
        names = sorted(n for n in os.listdir(root / FOLDER) if n.endswith(".json"))
    except OSError:
        return {}
    found = {}
    for name in names:
        where = f"{FOLDER}/{name}"
        data = project_files.read_any(root, where, project_files.RECORD)
        if data is not None:
            found[where] = parse(data, where)
    return found


def unlanded(root: Path, branches: str) -> list[Record]:
    """Return the records of finished steps that are not in the person's branch yet.

    `branches` is how the names of our branches begin. There are none where there is no
    repository to speak of. Raises UserError for a damaged one.
    """
    try:
        repo = git.find(root, branches)
    except UserError:
        return []
    line = git.commit_of(root, f"refs/heads/{repo.line}")
    if not line or git.is_ancestor(root, line, repo.head):
        return []
    listed = ("ls-tree", "-r", "-z", "--name-only", "--full-tree", line, "--")
    out = git.git(repo.top, *listed, f"{repo.prefix}{FOLDER}/", look=True)
    shown = ("cat-file", "blob")
    return [
        parse(git.git(root, *shown, f"{line}:{path}", look=True).encode(), path)
        for path in out.split("\0")
        if path.endswith(".json")
    ]


# ------------------------------------------------------------------ whose a record is

# By what a record is given to a step, the surest first: by prompt, title, id.
_WAYS = [
    *((True, True, True), (True, True, False), (True, False, True), (True, False, False)),
    *((False, True, True), (False, True, False)),
]


def of_plan(root: Path, known: Iterable[Record], path: str) -> list[Record]:
    """Return the records that can be of the plan at `path`: not those of another that is there."""
    return [one for one in known if one.plan in ("", path) or not (root / one.plan).exists()]


def matched(steps: Sequence[Step], known: Iterable[Record]) -> list[Record | None]:
    """Return the record of each step: of its prompt, else of its title, else none.

    Where several steps have one prompt, or none, the title has to be the same as well. The id
    only decides among records that would do without it.
    """
    of = [digest(step.prompt) for step in steps]
    own = [bool(step.prompt.strip()) and of.count(of[at]) == 1 for at, step in enumerate(steps)]
    left = list(known)
    found: list[Record | None] = [None] * len(steps)
    for by_prompt, by_title, by_id in _WAYS:
        for at, step in enumerate(steps):
            if found[at] or not (by_title or own[at]) or (by_title and not step.title):
                continue
            for record in left:
                if (
                    (not by_prompt or record.prompt == of[at])
                    and (not by_title or same_title(record.title, step.title))
                    and (not by_id or record.step == step.id)
                ):
                    found[at] = record
                    left.remove(record)
                    break
    return found


def same_title(one: str, other: str) -> bool:
    """Whether two titles say the same, in whatever case and with whatever marks."""
    return _title(one) == _title(other)


def _title(title: str) -> str:
    return " ".join(re.findall(r"\w+", title.casefold())) or title.strip()
