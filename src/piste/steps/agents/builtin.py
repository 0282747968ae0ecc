"""The built-in agent: it asks a model for edits in one form, checks them, and applies them.

The model sees what the prompt holds, may ask for more files a few times, and answers as
`edit_blocks.FORM` says. A reply with a fault ends the try: what of it is good is carried out,
and the next try is told the rest, in a talk of its own, so that no model reads its own fault
as an example. Every paid reply is in the store before it is looked at, under a key of all that
was said before it: after a kill the same try costs nothing again. It runs no program.
"""

import contextlib
import hashlib
import time
from collections.abc import Sequence
from typing import Any, NoReturn

from piste.documents import edits, reasoning
from piste.engine import log, outgoing, receipts
from piste.engine.store import Record
from piste.engine.world import World
from piste.steps import context, edit_blocks
from piste.steps.agents import CALL, FORM, AgentOutput, AgentResult, Job
from piste.system import atomic_write, screen
from piste.system.errors import printable

_MOST_ASKING = 4  # replies that ask for files
_MOST_WORDS = 2_000  # characters of what the model says beside its blocks


def version(world: World, model_name: str) -> tuple[str, str]:
    """Return the version of the form, and the model's id. Raises UserError as `carry_out`."""
    from piste.model import asking

    model = asking.resolve(model_name or world.config.model or None)
    asking.require_key(model)
    return f"form {edit_blocks.VERSION}", model.model_id


# Of a call without a reply: what no other try would mend.
_FOR_A_PERSON = ("auth", "too_long")


def carry_out(world: World, job: Job) -> AgentResult:
    """Ask until there are edits, and apply them.

    Raises UserError for a model that cannot be asked, OverBudget before a call that may cost
    more than is left, Failed where no model may be asked, InterruptedError when stopped.
    """
    from piste.model import asking

    started = time.monotonic()
    talk = _Talk(world, job)
    text = error = why = quote = ""
    try:
        text = _edits(job, talk)
    except edits.Malformed as fault:
        talk.note("rejected", str(fault))
        why, error, quote = FORM, f"its reply cannot be carried out: {fault}", fault.quote
    except asking.CallFailed as failed:  # no reply came
        talk.note("failed", str(failed))
        why, error = "" if failed.kind in _FOR_A_PERSON else CALL, str(failed)
    said = AgentOutput(
        text or talk.last, error, talk.input_tokens, talk.output_tokens, talk.cost,
        talk.model_id, quote,
    )  # fmt: skip
    seconds = time.monotonic() - started
    replies, asked = tuple(talk.replies), tuple(talk.asked)
    return AgentResult(int(bool(error)), why, said, seconds, talk.log, replies, asked)


def _edits(job: Job, talk: "_Talk") -> str:
    """Talk until there are edits, and apply them; return what the model says of them.

    Raises Malformed when a reply, or a part of it, cannot be carried out; the rest of it is.
    """
    words = job.prompt
    for time_asked in range(1, _MOST_ASKING + 2):
        reply, problem = talk.ask(words)
        if problem:
            _keep_whole_blocks(job, reply, problem)
        blocks = edits.parse(reply)
        if why := next((block.path for block in blocks if block.kind == "cannot"), ""):
            if why in edit_blocks.FORM:
                raise edits.Malformed("it is a copy of the form's own example")
            return f"=== cannot: {why}"
        checked = edit_blocks.check(job.folder, blocks, job.may)
        edit_blocks.apply(job.folder, checked.writes)
        if checked.faults:
            raise _malformed(checked)
        needed = edit_blocks.needs(blocks)
        if not needed:
            return edits.around(reply)[:_MOST_WORDS]
        talk.asked += needed
        clear = outgoing.door(talk.world.config)
        words = _shown(job, needed, clear, time_asked, bool(checked.writes))
    raise edits.Malformed(f"it asked for files {time_asked} times, and never ended")


def _keep_whole_blocks(job: Job, reply: str, problem: str) -> NoReturn:
    """Carry out what is whole of a reply that is not, and raise Malformed."""
    kept = ""
    with contextlib.suppress(edits.Malformed):
        blocks = edits.parse(edits.whole_part(reply))
        checked = edit_blocks.check(job.folder, blocks, job.may)
        edit_blocks.apply(job.folder, checked.writes)
        kept = _kept(checked)
    raise edits.Malformed(problem + kept)


def _malformed(checked: edit_blocks.Checked) -> edits.Malformed:
    faults = checked.faults
    more = f" (and {len(faults) - 5} more)" if len(faults) > 5 else ""
    why = "; ".join(fault.why for fault in faults[:5]) + more
    quote = "\n".join(fault.quote for fault in faults[:5] if fault.quote)
    return edits.Malformed(why + _kept(checked), quote)


def _kept(checked: edit_blocks.Checked) -> str:
    names = ", ".join(printable(write.path) for write in checked.writes[:5])
    return f"; what it says of {names} is carried out, and stays" if names else ""


def _shown(
    job: Job, needed: Sequence[str], clear: context.Clear, time_asked: int, changed: bool
) -> str:
    """Return the files that were asked for, those that are in the prompt already named only."""
    last = " This was the last time: now make the changes." if time_asked == _MOST_ASKING else ""
    done = "The changes of your reply are carried out. " if changed else ""
    above = [] if changed else [name for name in needed if context.is_shown(job.prompt, name)]
    rest = [context.lines_of(job.folder, name) for name in needed if name not in above]
    said = f"{', '.join(above)}: shown above, whole, as it is now.\n" if above else ""
    files = context.framed(job.folder, rest, clear)
    return f"{files}\n{said}{done}These are the files as they are now.{last}"


def _sum(one: float | None, other: float | None) -> float | None:
    """Of two prices; unknown when one of them is."""
    return None if one is None or other is None else one + other


class _Talk:
    """A conversation with a model, each reply of which is kept."""

    def __init__(self, world: World, job: Job) -> None:
        from piste.model import asking

        self.world, self.job = world, job
        self.model: Any = asking.resolve(job.model or world.config.model or None)
        asking.require_key(self.model)
        self.options = asking.check_options(self.model, world.config.options)
        self.model_id: str = self.model.model_id
        self.turns: list[tuple[str, str]] = []
        self.replies: list[tuple[str, str]] = []
        self.asked: list[str] = []  # files
        self.last = ""
        self.input_tokens = self.output_tokens = 0
        self.cost: float | None = 0.0
        self.log = job.file("talk.md")
        self._key = ""
        self._record = Record("", job.what, "")

    def ask(self, words: str) -> tuple[str, str]:
        """Return the model's reply, from the store where it has been paid for.

        And why it is no whole one, or "". Raises CallFailed where none comes.
        """
        words = outgoing.cleared(self.world.config, f"the prompt of {self.job.what}", words)
        self._key = self._key_of(words)
        text, problem = self._stored(), ""
        if text is None:
            text, problem = self._paid(words)
        whole, text = text, reasoning.removed(text)  # an edit in a thought is none
        self.input_tokens += self._record.input_tokens or 0
        self.output_tokens += self._record.output_tokens or 0
        self.cost = _sum(self.cost, self._record.cost)
        self.turns.append((words, text or "(nothing)"))
        if self._record.file:
            self.replies.append((self._key, self._record.file))
        self.last = text
        said = f"\n\n<<< asked\n\n{words}\n\n>>> answered\n\n{whole}"
        atomic_write.append(self.log, said.encode("utf-8", "replace"))
        return text, problem

    def note(self, event: str, reason: str) -> None:
        """Write into the log, and say, what came of the last call beside its reply."""
        who = (self.job.what, event, self.model_id, self._key)
        log.add(self.job.home, log.Entry(
            log.now(), *who, reason=reason, input_tokens=0, output_tokens=0, cost=0.0,
        ))  # fmt: skip  # the line of the reply has what it cost

    def _again(self, why: str, wait: float) -> None:
        """Say that the model is asked once more after a stall, a limit or a fault of the server."""
        self.note("retried", f"{why}; again in {wait:.0f} s")
        screen.say(f"{self.job.what}: {self.model_id}: {screen.safe(why)}; again in {wait:.0f} s")

    def _key_of(self, words: str) -> str:
        parts = {
            "schema": 1, "agent": "llm", "form": edit_blocks.VERSION, "model": self.model_id,
            "options": self.options, "salt": self.job.salt, "turns": [*self.turns, words],
        }  # fmt: skip
        return hashlib.sha256(receipts.canonical(parts).encode()).hexdigest()

    def _stored(self) -> str | None:
        for record in self.world.store.replies(self._key):
            self._record = record
            self._log("taken")
            return record.text
        return None

    def _paid(self, words: str) -> tuple[str, str]:
        """Ask the model; return what it says, and why that is no whole reply, or ""."""
        from piste.engine import budget, make
        from piste.model import asking

        config = self.world.config
        limits = asking.Limits(
            deadline=min(config.deadline, self.job.limit), stall=config.stall,
            retries=config.retries, in_flight=config.in_flight,
        )  # fmt: skip
        came = 0

        def on_text(piece: str) -> None:
            nonlocal came
            came += len(piece)
            if self.job.came:
                self.job.came(came)

        sent = "\n".join([*(text for turn in self.turns for text in turn), words])
        with budget.call(self.world, self.job.what, self.model_id, sent, self.options) as paid:
            try:
                reply = asking.ask(
                    self.model, prompt=words, options=self.options, history=self.turns,
                    limits=limits, on_text=on_text, on_retry=self._again, stop=self.job.stop,
                )  # fmt: skip
            except asking.CallFailed as error:
                if error.kind == "stopped":
                    raise InterruptedError("stopped while the model was asked") from None
                raise
            self._record = make.record_of(self.job.what, reply)
            paid.append(self._record)
        problem = "" if reply.finish == "complete" else f"it is {reply.finish}: {reply.detail}"
        if not problem:
            self._record = self.world.store.put_reply(self._key, reply.text, self._record)
        self._log("rejected" if problem else "made", problem)
        return reply.text, problem

    def _log(self, event: str, reason: str = "") -> None:
        from piste.engine import make

        record = self._record._replace(target=self.job.what)
        log.add(self.job.home, make.log_entry(event, record, self._key, reason=reason))
