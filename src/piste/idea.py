"""`doit idea`: a conversation that asks one question at a time, saved at each turn.

Killed at any point it goes on where it stopped: a question is in the store before
it is shown, and in `brainstorm.md` before it is answered. How a model is asked is
`models`'; the form of the file is `brainstorm`'s.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from piste import brainstorm, content, durable, log, paths, receipts, screen, templates
from piste.brainstorm import Talk
from piste.errors import Failed, Mistake
from piste.freshness import World
from piste.rules import BRAINSTORM, IDEA
from piste.store import Record

PROMPT = "idea.md.j2"
HELP = (
    "Enter alone takes the suggestion; a line that ends in \\ goes on in the next; "
    "/done /undo /edit /quit"
)
Ask = Callable[[], str | None]  # the next answer; None: there are no more


def talk(world: World, answers: str = "") -> str:
    """Hold the conversation; return the line to say at its end.

    `answers` names a file with one answer a paragraph, "-" for standard input.
    Raises Mistake without a terminal and without answers, Failed when no question
    comes.
    """
    if not answers and not sys.stdin.isatty():
        raise Mistake(
            "idea is a conversation: run it in a terminal, or give it a file: --answers FILE"
        )
    path = paths.writable(world.root, BRAINSTORM)
    next_answer = _from_file(answers) if answers else _from_terminal
    said = _begin(world, path, next_answer)
    if said is None:
        return "no idea yet: write it into idea.md, or run this again"
    return _go_on(world, path, said, next_answer)


def _begin(world: World, path: Path, next_answer: Ask) -> Talk | None:
    """Return the talk as far as it has come: of the file, else of idea.md, else asked for."""
    if path.exists():
        said = brainstorm.parse(content.text(path.read_bytes(), BRAINSTORM))
        if said.idea:
            return said
    idea = world.root / IDEA
    if idea.is_file():
        return Talk(content.text(idea.read_bytes(), IDEA).strip())
    _show("What is your idea?")
    answer = next_answer()
    return Talk(answer) if answer and not answer.startswith("/") else None


def _go_on(world: World, path: Path, said: Talk, next_answer: Ask) -> str:
    _save(path, said)
    if sys.stdin.isatty():
        screen.say(screen.style(HELP, "dim", sys.stderr))
    shown = False
    while True:
        if not said.waiting:
            said = said.asked(_question(world, said))
            _save(path, said)
        elif not shown:
            _show(said.turns[-1].question)
        shown = True
        answer = next_answer()
        if answer is None or answer in ("/quit", "/done"):
            break
        if answer == "/undo":
            said, shown = said.undone(), False
        elif answer.startswith("/"):
            screen.say(f"no such command: {screen.safe(answer)}; {HELP}")
        else:
            said = said.answered(answer)
        _save(path, said)
    count = sum(1 for turn in said.turns if turn.answer)
    if answer == "/done":
        return f"{BRAINSTORM} holds {count} answers; next: doit spec"
    return f"{BRAINSTORM} holds {count} answers; doit idea goes on, doit spec makes spec.md of it"


def _save(path: Path, said: Talk) -> None:
    data = brainstorm.dump(said).encode("utf-8", "replace")
    try:
        if path.exists() and path.read_bytes() == data:
            return
        durable.write(path, data)
    except OSError as error:
        raise Failed(f"{path.name} cannot be written: {error.strerror}") from None


def _question(world: World, said: Talk) -> str:
    """Return the next question: the stored one for these very words, else a new one."""
    from piste import models

    template = world.memo.template(PROMPT, world.layers)
    settings = {name: getattr(world.config, name) for name in template.settings}
    system, prompt = templates.render(
        template, {"idea": said.idea, "idea_path": IDEA, "target": BRAINSTORM, **settings}
    )
    model = models.resolve(world.config.model or None)
    key = _key(template.digest, model.model_id, world, said, settings)
    for record in world.store.replies(key):
        data = world.store.blob(record.blob)
        if data is not None:
            _show(data.decode("utf-8", "replace"))
            return data.decode("utf-8", "replace")
    models.require_key(model)
    options = models.check_options(model, world.config.options)
    questions = [turn.question for turn in said.turns]
    words = [prompt, *(turn.answer for turn in said.turns)]
    return _ask(world, key, model, system, words, questions, options)


def _key(
    prompt: str, model: str, world: World, said: Talk, settings: dict[str, Any]
) -> str:
    action = {"model": model, "options": dict(world.config.options), "prompt_sha256": prompt,
              **settings}  # fmt: skip
    return receipts.key("idea", action, {BRAINSTORM: content.digest(brainstorm.dump(said).encode())})


def _ask(
    world: World, key: str, model: Any, system: str, words: list[str], questions: list[str],
    options: dict[str, Any],
) -> str:  # fmt: skip
    from piste import graph, make, models

    config = world.config
    limits = models.Limits(
        deadline=config.deadline, retries=config.retries, in_flight=config.in_flight
    )
    print(flush=True)
    reply = models.ask(
        model, prompt=words[-1], system=system or None, options=options, limits=limits,
        history=list(zip(words, questions, strict=False)), stop=graph.stop,
        on_text=lambda piece: print(_terminal(piece), end="", flush=True),
    )  # fmt: skip
    print("\n", flush=True)
    record = make.record_of(BRAINSTORM, reply)
    if reply.finish != "complete" or not reply.text.strip():
        raise Failed(f"no question came: {reply.finish}: {reply.detail}; doit idea tries again")
    world.store.put_reply(key, reply.text, record)
    log.add(world.root, make.log_entry("made", record, key))
    return str(reply.text)


def _terminal(piece: str) -> str:
    return "\n".join(screen.safe(line) for line in piece.split("\n"))


def _show(text: str) -> None:
    print(f"\n{_terminal(text.strip())}\n", flush=True)


def _from_file(name: str) -> Ask:
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise Mistake(f"--answers {name}: cannot be read: {error.strerror}") from None
    text = content.text(data, name)
    waiting: Iterator[str] = iter([part.strip() for part in text.split("\n\n") if part.strip()])
    return lambda: next(waiting, None)


def _from_terminal() -> str | None:
    """Read one answer: lines while they end in a backslash; ^D is /quit."""
    lines: list[str] = []
    try:
        import readline  # noqa: F401  # gives input() its line editing
    except ImportError:
        pass
    while True:
        try:
            line = input("… " if lines else "> ")
        except EOFError:
            return None
        if line.strip() == "/edit":
            answer = _from_editor("\n".join(lines))
            return answer or _from_terminal()
        if not line.endswith("\\"):
            break
        lines.append(line[:-1])
    return "\n".join([*lines, line]).strip() or "yes"  # which takes the suggested answer


def _from_editor(text: str) -> str:
    """Let the person write the answer in their own editor."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    fd, name = tempfile.mkstemp(prefix="piste-answer-", suffix=".md")
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
        subprocess.run([*shlex.split(editor), name], check=False)
        return Path(name).read_text("utf-8", "replace").strip()
    except OSError as error:
        screen.say(f"{editor}: {error.strerror}; set EDITOR to your editor")
        return ""
    finally:
        os.unlink(name)
