"""An attempt at a step, as it is written down: where it stands, so that a kill loses nothing.

    .piste/run/state.json     the one attempt that is under way, or the last one that was

    phase      what is true on disk                              what the next run does there
    ---------  ------------------------------------------------  ------------------------------
    agent      the agent is at work, or about to be              keeps what it left on its branch,
                                                                 and lets it begin that try again
    left       the agent has ended; its work is in the worktree  looks at what it left
    tests      its work is commit `work`                         runs the tests on it
    red        `work` is not good; `reason` says why             next try, from `work`, or gives up
    green      the tests passed on `work`                        review, or commit
    review     a person has to say yes to `work`                 asks
    commit     yes was said, or was not needed                   ticks and commits anew
    land       the step's commit is `commit`                     moves the branches there
    done, failed, blocked, skipped                               the attempt is over

Every phase can be gone through again from its start: what it needs is in this file and in
commits that it names. The file is local and may be deleted; then the attempt begins anew. It
bears a seal (`own_seal`): one that came along with the project is none of ours.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from piste.engine.rules import BUILT_IN
from piste.system import atomic_write, own_seal, paths, project_files
from piste.system.errors import printable

SCHEMA = 1
FILE = f"{paths.RUN}/state.json"

AGENT, LEFT, TESTS, RED, GREEN = "agent", "left", "tests", "red", "green"
REVIEW, COMMIT, LAND = "review", "commit", "land"
DONE, FAILED, BLOCKED, SKIPPED = "done", "failed", "blocked", "skipped"
OVER = (DONE, FAILED, BLOCKED, SKIPPED)
_PHASES = (AGENT, LEFT, TESTS, RED, GREEN, REVIEW, COMMIT, LAND, *OVER)


@dataclass(frozen=True)
class Attempt:
    """Where an attempt at a step stands. Commits are their hashes; times are in seconds."""

    step: str
    title: str
    digest: str  # of the prompt
    prompt: str
    agent: str
    version: str
    model: str
    test: str
    branch: str
    base: str  # the commit that the step begins from
    start: str  # the commit that this try begins from
    plan: str = ""  # project-relative path of the plan that the step is in
    phase: str = AGENT
    number: int = 1  # of the try
    salt: str = ""  # of an attempt whose model is asked anew though an answer is known
    work: str = ""  # commit of what the agent left
    ended: str = ""  # how the agent ended, where that was not well
    why: str = ""  # it ended before it was finished: one of `agents.ENDED`
    words: str = ""  # its last ones
    cannot: str = ""  # why it says that the step cannot be carried out
    asked: tuple[str, ...] = ()  # files that it wanted to see
    guarded: Mapping[str, str] = field(default_factory=dict)  # `worktree.guarded` before it began
    checkout: Mapping[str, str] = field(default_factory=dict)  # `worktree.checkout` likewise
    refs: Mapping[str, str] = field(default_factory=dict)  # `worktree.refs` likewise
    reason: str = ""  # why the last try was no good, in one line
    failure: str = ""  # of its output, what is worth reading
    files: str = ""  # the `Files:` lines that stand beside the prompt in the plan
    weakened: tuple[str, ...] = ()  # earlier tests that were changed unasked, red as they were
    before: str = ""  # the same of the run before the step, where that was red
    fault: str = ""  # why the last reply could not be carried out, or did not come
    quote: str = ""  # what is in the files instead
    asks: str = ""  # what a person asks for
    granted: bool = False  # whether that buys a try
    doubt: str = ""  # why a person has to look though the tests are green
    outside: str = ""  # what of the person's own has changed while an agent worked
    left_out: str = ""  # new files that git ignores, in one line
    approved: str = ""  # the content that a person said yes to: hash of git's tree
    hooked: int = 0  # how often hooks have changed what was to be committed
    commit: str = ""
    landing: tuple[str, str] | None = None  # from which commit to which
    said_model: str = ""  # that the agent says it asked
    replies: tuple[tuple[str, str], ...] = ()  # of this try, in the store: key and record
    input_tokens: int | None = 0
    output_tokens: int | None = 0
    cost: float | None = 0.0  # US dollars
    seconds: float = 0.0

    @property
    def doubts(self) -> str:
        """Return why a person has to look, in one line, or ""."""
        return "; ".join(filter(None, (self.doubt, self.outside)))

    @property
    def named(self) -> str:
        """Return what names the step on the command line of `piste run` and `piste done`."""
        elsewhere = self.plan not in ("", BUILT_IN["plan"].target)
        return printable(f"--from {self.plan} {self.step}" if elsewhere else self.step)

    @property
    def over(self) -> bool:
        """Whether nothing is left to be done."""
        return self.phase in OVER


def load(root: Path) -> Attempt | None:
    """Return the attempt that is written down, or None: there is none of ours, or no whole one."""
    try:
        raw = json.loads(project_files.read(root, FILE, project_files.RECORD))
        if not own_seal.holds(root, _text({**raw, "seal": ""}), raw.pop("seal")):
            return None
        if raw.pop("schema") != SCHEMA or {*raw} != {one.name for one in fields(Attempt)}:
            return None
        words = [raw[one.name] for one in fields(Attempt) if one.type is str]
        if raw["phase"] not in _PHASES or not all(isinstance(word, str) for word in words):
            return None
        raw["landing"] = tuple(raw["landing"]) if raw["landing"] else None
        raw["weakened"] = tuple(raw["weakened"])
        raw["asked"] = tuple(raw["asked"])
        raw["replies"] = tuple((key, name) for key, name in raw["replies"])
        return Attempt(**raw)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def save(root: Path, attempt: Attempt) -> Attempt:
    """Write the attempt down, durably; return it. Raises OSError."""
    raw = {"schema": SCHEMA, **asdict(attempt), "seal": ""}
    raw["seal"] = own_seal.seal(root, _text(raw))
    atomic_write.write(root / FILE, _text(raw).encode("utf-8", "surrogatepass"))
    return attempt


def is_strange(root: Path) -> bool:
    """Whether there is a file of an attempt that is none of ours."""
    return os.path.lexists(root / FILE) and load(root) is None


def _text(raw: Mapping[str, object]) -> str:
    return json.dumps(raw, indent=1, ensure_ascii=False)


def forget(root: Path) -> None:
    """Let no attempt be written down; its branch stays. Raises OSError."""
    atomic_write.remove(root / FILE)
