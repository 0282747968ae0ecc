"""The built-in agent: it asks a model for edits in one form, checks them, applies all or none.

The model sees the tree and the files that the step names, may ask for more files a few times,
and answers as `edit_blocks.FORM` says. A reply that cannot be carried out is sent back once
with the reason. Every paid reply is in the store before it is looked at, under a key of all
that was said before it: after a kill the same try costs nothing again. It runs no program.
"""

import hashlib
import time
from collections.abc import Sequence
from typing import Any

from piste.documents import reasoning
from piste.engine import log, receipts
from piste.engine.store import Record
from piste.engine.world import World
from piste.steps import context, edit_blocks
from piste.steps.agents import AgentOutput, AgentResult, Job
from piste.system import atomic_write

_MOST_ASKING = 4  # replies that only ask for files


def version(world: World, model_name: str) -> tuple[str, str]:
    """Return the version of the form, and the model's id. Raises UserError as `carry_out`."""
    from piste.model import asking

    model = asking.resolve(model_name or world.config.model or None)
    asking.require_key(model)
    return f"form {edit_blocks.VERSION}", model.model_id


def carry_out(world: World, job: Job) -> AgentResult:
    """Ask until edits can be applied, and apply them.

    Raises UserError for a model that cannot be asked, OverBudget before a call that may cost
    more than is left, Failed where no model may be asked, InterruptedError when stopped.
    """
    from piste.model import asking

    started = time.monotonic()
    talk = _Talk(world, job)
    try:
        text = _edits(job, talk)
        code, error = 0, ""
    except edit_blocks.Malformed as fault:
        text, code, error = talk.last, 1, f"its reply cannot be carried out: {fault}"
        talk.forget()
    except asking.CallFailed as failed:  # no reply came
        text, code, error = talk.last, 1, str(failed)
    said = AgentOutput(text, error, talk.input_tokens, talk.output_tokens, talk.cost, talk.model_id)
    seconds = time.monotonic() - started
    return AgentResult(code, "", said, seconds, talk.log, tuple(talk.replies))


def _edits(job: Job, talk: "_Talk") -> str:
    """Talk until there are edits, and apply them; return what the model says of them."""
    asking = 0
    sent_back = False
    words = job.prompt
    while True:
        try:
            reply = talk.ask(words)
            blocks = edit_blocks.parse(reply)
            if needed := edit_blocks.needs(blocks):
                asking += 1
                words = _shown(job, needed, asking)
                continue
            writes = edit_blocks.check(job.folder, blocks, job.may)
        except edit_blocks.Malformed as fault:
            if sent_back:
                raise
            sent_back = True
            talk.note_rejected(str(fault))
            words = (
                f"Your reply could not be carried out: {fault}. Nothing was changed. "
                "Send the whole of it again, in the form that you were given."
            )
            continue
        edit_blocks.apply(job.folder, writes)
        return _around(reply)


def _shown(job: Job, names: Sequence[str], asking: int) -> str:
    if asking > _MOST_ASKING:
        raise edit_blocks.Malformed(f"it asked for files {asking} times and changed none")
    last = " This was the last time: now make the changes." if asking == _MOST_ASKING else ""
    return f"{context.framed(job.folder, names)}\nThese are the files as they are now.{last}"


def _around(reply: str) -> str:
    """What the model says beside its blocks: the beginning and the end of the reply."""
    before = reply.partition("\n===")[0] if not reply.startswith("===") else ""
    after = reply.rpartition("\n=== end")[2]
    return "\n".join(part.strip() for part in (before, after) if part.strip())[:2000]


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
        self.last = ""
        self.input_tokens = self.output_tokens = 0
        self.cost: float | None = 0.0
        self.log = job.file("talk.md")
        self._key = ""
        self._record = Record("", job.what, "")

    def ask(self, words: str) -> str:
        """Return the model's reply, from the store where it has been paid for.

        Raises Failed where none comes, Malformed where it is not a whole one.
        """
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
        if problem:
            raise edit_blocks.Malformed(problem)
        return text

    def note_rejected(self, reason: str) -> None:
        """Write into the log that the last reply cannot be carried out."""
        who = (self.job.what, "rejected", self.model_id, self._key)
        log.add(self.job.home, log.Entry(
            log.now(), *who, reason=reason, input_tokens=0, output_tokens=0, cost=0.0,
        ))  # fmt: skip  # the line of the reply has what it cost
        if self.job.on_line:
            self.job.on_line(reason)

    def forget(self) -> None:
        """Drop the replies: they led to nothing that can be used, so a new try asks anew."""
        for key, name in self.replies:
            self.world.store.drop(key, Record("", "", "", file=name))
        self.replies.clear()

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
        purse = budget.tracker(self.world.root)
        with purse.call(config, self.job.what, self.model_id, sent, self.options) as paid:
            try:
                reply = asking.ask(
                    self.model, prompt=words, options=self.options, history=self.turns,
                    limits=limits, on_text=on_text, stop=self.job.stop,
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
