"""`doit idea`: a conversation that asks one question at a time, saved at each turn.

Killed at any point it goes on where it stopped: a question is in the store before
it is written into `brainstorm.md`, and there before it is answered. How a model is
asked is `asking`'; the form of the file is `transcript`'s.
"""

import contextlib
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from piste.documents import reasoning
from piste.engine import hashing, log, outgoing, receipts, templates
from piste.engine.rules import BRAINSTORM, IDEA
from piste.engine.world import World
from piste.interview import transcript
from piste.interview.transcript import ENOUGH, Transcript
from piste.system import atomic_write, locks, paths, project_files, screen
from piste.system.errors import Failed, UserError, did_you_mean, in_one_line

PROMPT = "idea.md.j2"
COMMANDS = ("/done", "/undo", "/edit", "/quit", "/help")
HELP = """\
Enter alone takes the suggested answer; a line that ends in \\ goes on in the next.
/edit opens your editor, /undo takes the last answer back, /done or /quit ends it."""
_SUGGESTION = re.compile(r"^\W*Suggested answer:\W*(\S.*?)[ \t*_]*$", re.MULTILINE | re.IGNORECASE)
_RECAP = 5  # answers that are said again when a conversation goes on
_SHORT = 70  # characters of each
_PASTED = 0.05  # seconds; a terminal hands over a long paste in pieces


class Answers(Protocol):
    """Where the answers come from: a person at a terminal, or a file."""

    def resume(self, said: Transcript) -> None:
        """Be told how far the conversation has come already."""

    def spent(self) -> bool:
        """Whether it is known that no answer will come any more."""

    def next(self) -> str | None:
        """The next answer, "" for Enter alone, or a command; None: there are no more."""


def talk(world: World, answers: str = "") -> str:
    """Hold the conversation; return the line to say at its end.

    `answers` names a file with one answer a paragraph, "-" for standard input.
    Raises UserError without a terminal and without answers, and for a `brainstorm.md`
    that is something else; Failed when no question comes or ^C is pressed.
    """
    if not answers and (sys.stdin is None or not sys.stdin.isatty()):
        raise UserError("a conversation needs a terminal, or a file of answers: --answers FILE")
    path = paths.writable(world.root, BRAINSTORM)
    for folder in (world.root / paths.STATE, world.store.folder):
        paths.writable_folder(folder, str(folder))
    source: Answers = FromFile(answers) if answers else FromTerminal()
    lock = world.root / paths.STATE / "idea.lock"
    with locks.hold(lock, f"a conversation about {BRAINSTORM}", _refuse):
        try:
            page = _begin(world, path, source)
            if page is None:
                return f"no idea yet: write it into {IDEA}, or run this again"
            end = _go_on(world, page, source)
        except KeyboardInterrupt:
            screen.out(flush=True)
            raise Failed(
                f"stopped; {BRAINSTORM} goes on where it is when you run it again"
            ) from None
    count = len(page.said.answers)
    left = source.left() if isinstance(source, FromFile) else ""
    return f"{BRAINSTORM} holds {count} answer{'' if count == 1 else 's'}{left}; {end}"


def _refuse(holder: str) -> None:
    raise UserError(f"another conversation is open: {holder}; end that one first")


class Page:
    """`brainstorm.md`: what is said in it, and the bytes that we know to stand there."""

    def __init__(self, path: Path, said: Transcript, known: bytes | None) -> None:
        self.path, self.said, self.known = path, said, known

    def keep(self, said: Transcript) -> None:
        """Write the conversation, as it is now. Raises Failed."""
        self.said = said
        data = transcript.dump(said).encode()
        try:
            if data != self.known:
                atomic_write.write(self.path, data)
        except OSError as error:
            raise Failed(f"{self.path.name} cannot be written: {error.strerror}") from None
        self.known = data

    def changed(self) -> bool:
        """Whether a person has edited the file meanwhile; then that is what is said."""
        try:
            data = project_files.read(self.path.parent, self.path.name, project_files.DOCUMENT)
        except FileNotFoundError:
            return False
        if data == self.known:
            return False
        self.said, self.known = transcript.parse(hashing.text(data, BRAINSTORM)), data
        screen.say(f"{BRAINSTORM} has been edited meanwhile; it goes on from there")
        return True


def _begin(world: World, path: Path, source: Answers) -> Page | None:
    """Return the talk as far as it has come: of the file, else of idea.md, else asked for."""
    written = project_files.read_any(world.root, IDEA, project_files.DOCUMENT) or b""
    idea = transcript.normal(hashing.text(written, IDEA))
    known = project_files.read_any(world.root, BRAINSTORM, project_files.DOCUMENT)
    before = transcript.parse(hashing.text(known or b"", BRAINSTORM))
    begun = bool(before.idea or before.turns)
    if not begun:
        _may_begin(world, before)
        before = Transcript()
    elif idea and before.idea not in (idea, ""):
        screen.say(f"{BRAINSTORM} keeps the idea it began with; {IDEA} says something else by now")
    said = before._replace(idea=before.idea or idea)
    source.resume(said)
    if not said.idea:
        _show("What is your idea?")
        answer = source.next()
        if not answer or answer in COMMANDS:
            return None
        said = said._replace(idea=transcript.normal(answer))
    page = Page(path, said, known)
    if said != before:
        page.keep(said)
    return page


def _may_begin(world: World, found: Transcript) -> None:
    """Raise UserError when a conversation cannot begin here; nothing has been written yet."""
    from piste.model import asking

    if found.head and found.head != transcript.HEAD:
        raise UserError(
            f"{BRAINSTORM} is not a conversation of piste's, and stays as it is; rename it "
            f"to begin one, or make spec.md of it: {world.door()} spec"
        )
    model = asking.resolve(world.config.model or None)
    asking.require_key(model)
    asking.check_options(model, world.config.options)


def _go_on(world: World, page: Page, source: Answers) -> str:
    """Ask and be answered until one of both has enough; return what comes next."""
    if isinstance(source, FromTerminal):
        _recap(page.said)
        _help()
    door = world.door()
    more = f"{door} idea goes on, {door} spec makes spec.md of it"
    shown = False
    while True:
        if not page.said.waiting:
            if source.spent():
                return more
            question = _question(world, page.said)
            shown = True
            if page.changed():
                continue  # what was asked is about words that no longer stand there
            page.keep(page.said.asked(question))
        question = page.said.turns[-1].question
        if not shown:
            _show(question)
        enough = question.lstrip("*_# ").startswith(ENOUGH)
        answer = _answer(source, enough)
        if answer is None or answer == "/quit":
            return more
        if answer == "/done":
            return f"next: {door} spec"
        shown = answer != "/undo" and not page.changed()
        if answer == "/undo":
            page.keep(page.said.undone())
        elif answer == "/help":
            _help()
        elif re.fullmatch(r"/[a-z]+", answer):
            screen.say(f"there is no {answer}{did_you_mean(answer, COMMANDS) or '; see /help'}")
        else:
            said = page.said if page.said.waiting else page.said.asked(question)
            if not answer:
                answer = _suggested(question)
                screen.say(f"taken: {answer}")
            page.keep(said.answered(answer))


def _answer(source: Answers, enough: bool) -> str | None:
    """The next answer; when the model has `enough`, no answer is "/done"."""
    if isinstance(source, FromFile):
        answer = "/done" if enough else source.next()
        if answer is not None:
            screen.out(f"> {answer}", flush=True)
        return answer
    if enough:
        screen.say("Enter or /done ends it here; or write what is missing.")
    answer = source.next()
    return "/done" if enough and answer == "" else answer


def _recap(said: Transcript) -> None:
    """Say what was decided before, the last of it, a line each: it is gone from the screen."""
    count = len(said.answers)
    for number, answer in list(enumerate(said.answers, 1))[-_RECAP:]:
        if number == max(1, count - _RECAP + 1):
            screen.say(f"so far, {count} answer{'' if count == 1 else 's'} ({BRAINSTORM}):")
        line = in_one_line(answer)
        screen.say(f"  {number}. {line if len(line) <= _SHORT else f'{line[: _SHORT - 1]}…'}")


def _help() -> None:
    for line in HELP.splitlines():
        screen.say(screen.style(line, "dim", sys.stderr))


def _suggested(question: str) -> str:
    """The answer that Enter alone gives: the suggested one, where there is one."""
    found = _SUGGESTION.findall(question)
    return str(found[-1]) if found else "yes"


# Questions ----------------------------------------------------------------------------------


def _question(world: World, said: Transcript) -> str:
    """Return the next question, which has been shown: the stored one, else a new one."""
    from piste.engine import make
    from piste.model import asking

    template = world.stat_cache.template(PROMPT, world.layers)
    settings = {name: getattr(world.config, name) for name in template.settings}
    model = asking.resolve(world.config.model or None)
    action = {"model": model.model_id, "options": dict(world.config.options),
              "prompt_sha256": template.digest, **settings}  # fmt: skip
    words = transcript.dump(said._replace(head=transcript.HEAD))
    key = receipts.key("idea", action, {BRAINSTORM: hashing.digest(words.encode())})
    for record in world.store.replies(key):
        question = reasoning.removed(record.text)
        if not question.strip():
            continue
        world.store.used(key, record)
        _show(question)
        free = record._replace(cost=0.0, seconds=None)
        _note(world, make.log_entry("taken", free, key))
        return question
    asking.require_key(model)
    options = asking.check_options(model, world.config.options)
    idea = outgoing.cleared(world.config, IDEA, said.idea)
    system, prompt = (
        outgoing.cleared(world.config, template.name, text)
        for text in templates.render(
            template, {"idea": idea, "idea_path": IDEA, "target": BRAINSTORM, **settings}
        )
    )
    return _ask(world, key, _Asked(model, system, prompt, options, said))


class _Asked(NamedTuple):
    """All that goes to the model."""

    model: Any
    system: str
    prompt: str
    options: dict[str, object]
    said: Transcript

    @property
    def words(self) -> list[str]:
        """What the person has said, oldest first."""
        return [self.prompt, *(turn.answer for turn in self.said.turns)]


def _ask(world: World, key: str, asked: _Asked) -> str:
    """Ask the model, once more if what comes is no question; return what is stored."""
    from piste.engine import budget, make, rejected

    model_id = asked.model.model_id
    sent = "\n".join([asked.system, *asked.words, *(turn.question for turn in asked.said.turns)])
    for _ in range(2):
        with budget.call(world, BRAINSTORM, model_id, sent, asked.options) as paid:
            reply = _stream(world, asked)
            record = make.record_of(BRAINSTORM, reply)
            paid.append(record)
        question = reasoning.removed(reply.text)
        if reply.finish == "complete" and question.strip():
            try:
                record = world.store.put_reply(key, reply.text, record)
            except OSError as error:  # it still goes into the file
                screen.say(f"{error.filename or 'the store'} cannot be written: {error.strerror}")
            _note(world, make.log_entry("made", record, key))
            return question
        reason = f"{reply.finish}: {reply.detail}" if reply.detail else reply.finish
        if reply.finish == "complete":
            reason = "it is all reasoning"
        screen.say(f"that was no question ({reason})")
        with contextlib.suppress(OSError):
            file = rejected.put(world.root, BRAINSTORM, key, reply.text, reason)
            screen.say(f"it is kept in {file}")
        _note(world, make.log_entry("rejected", record, key, reason=reason))
    raise Failed(f"no question came from {asked.model.model_id}, twice: {reason}")


def _note(world: World, entry: log.Entry) -> None:
    with contextlib.suppress(OSError):  # the log decides nothing
        log.add(world.root, entry)


def _stream(world: World, asked: _Asked) -> Any:
    """Ask, and show the reply as it comes."""
    from piste.doit_graph import graph
    from piste.engine import make
    from piste.model import asking

    def clear(text: str) -> str:
        return outgoing.cleared(world.config, BRAINSTORM, text)

    questions = [clear(turn.question) for turn in asked.said.turns]
    words = [clear(text) for text in asked.words]
    screen.out(flush=True)
    with contextlib.ExitStack() as waiting:
        waiting.enter_context(screen.progress(f"{asked.model.model_id} thinks"))

        came = shown = ""

        def on_text(piece: str) -> None:
            nonlocal came, shown
            came += piece
            answer = reasoning.so_far(came)
            if len(answer) > len(shown):
                waiting.close()
                screen.out(answer[len(shown) :], end="", flush=True)
                shown = answer

        def on_retry(why: str, seconds: float) -> None:
            nonlocal came, shown
            came = shown = ""
            screen.say(f"\n{why}; asking again in {seconds:.0f} s")

        try:
            reply = asking.ask(
                asked.model, prompt=words[-1], system=asked.system or None,
                options=asked.options, history=list(zip(words, questions, strict=False)),
                limits=make.limits_of(world), stop=graph.stop, on_text=on_text, on_retry=on_retry,
            )  # fmt: skip
        except Failed:
            screen.out(flush=True)  # what comes next is not part of the reply
            raise
    rest = reasoning.removed(reply.text)[len(shown) :]
    screen.out(rest + "\n" * (not reply.text.endswith("\n")), flush=True)
    return reply


def _show(text: str) -> None:
    screen.out(f"\n{text.strip()}\n", flush=True)


# Answers ------------------------------------------------------------------------------------


class FromFile:
    """Answers from a file, one a paragraph, for scripts; commands may stand among them.

    Without an idea in the project the first paragraph is the idea. Those that the
    conversation holds already are passed over, so that a killed run goes on.
    """

    def __init__(self, name: str) -> None:
        from doit import loader

        # Relative to where the person stands, not to the project's root.
        path = Path(loader.initial_workdir or "", name)
        try:
            data = sys.stdin.buffer.read() if name == "-" else path.read_bytes()
        except OSError as error:
            raise UserError(f"--answers {name}: cannot be read: {error.strerror}") from None
        text = transcript.normal(hashing.text(data, name))
        self._name = name
        self._waiting = [part.strip() for part in re.split(r"\n[ \t]*\n", text) if part.strip()]

    def resume(self, said: Transcript) -> None:
        """Pass over what has been said already."""
        if self._waiting and self._waiting[0] == said.idea:
            del self._waiting[0]
        answers: list[str] = []
        passed = 0
        for number, answer in enumerate(self._waiting, 1):
            if answer == "/undo":
                answers = answers[:-1]
            elif answer not in COMMANDS:
                answers = [*answers, answer]
            if answers == said.answers:
                passed = number
        del self._waiting[:passed]

    def spent(self) -> bool:
        """Whether all have been given."""
        return not self._waiting

    def next(self) -> str | None:
        """The next one."""
        return self._waiting.pop(0) if self._waiting else None

    def left(self) -> str:
        """Say how many were not asked for."""
        count = len(self._waiting)
        return f" ({count} more in {self._name} not asked for)" if count else ""


class FromTerminal:
    """Answers from a person."""

    def __init__(self) -> None:
        self._next = ""  # a command that came in one go with an answer

    def resume(self, said: Transcript) -> None:
        """Nothing to do: a person knows."""

    def spent(self) -> bool:
        """Never known."""
        return False

    def next(self) -> str | None:
        """Read one answer: lines while they end in a backslash; ^D is None."""
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401  # gives input() its line editing
        if self._next:
            command, self._next = self._next, ""
            return command
        lines: list[str] = []
        try:
            for line in self._lines():
                if line.strip() == "/edit":
                    return _from_editor("\n".join(lines)) or self.next()
                if lines and line.strip() in COMMANDS:
                    self._next = line.strip()
                    break
                lines.append(line)
        except EOFError:
            screen.out(flush=True)
            return None
        return "\n".join(lines).strip()

    def _lines(self) -> Iterator[str]:
        """Lines of one answer: while they end in a backslash, and while a paste brings more."""
        line = input("> ")
        while line.endswith("\\") or _more_waits():
            yield line.removesuffix("\\")
            line = input("… " if line.endswith("\\") else "")
        yield line


def _more_waits() -> bool:
    """Whether more has been pasted than the line that was read."""
    import select

    try:
        return bool(select.select([sys.stdin], [], [], _PASTED)[0])
    except (OSError, ValueError):  # Windows can ask this of sockets only
        return False


def _from_editor(text: str) -> str:
    """Let the person write the answer in their own editor."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    fd, name = tempfile.mkstemp(prefix="piste-answer-", suffix=".md")
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
        subprocess.run([*shlex.split(editor), name], check=False)
        answer = Path(name).read_text("utf-8", "replace").strip()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        screen.say(f"{editor}: {why}; set EDITOR to your editor")
        return ""
    finally:
        os.unlink(name)
    screen.say(answer or "the answer is empty; type it, or /edit again")
    return answer
