"""Everything that reads a file of a person's, of git's or of a model's: only our own error leaves.

Texts come from nowhere, and from real documents cut up, repeated and mixed. A parser that needs
ten seconds of the processor for one of them hangs.
"""

import contextlib
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fire import scale
from piste import bundle as bundles
from piste.bundle.formats import SIGNATURES
from piste.documents import plan, replies, todo
from piste.engine import budget, caps, config, log, receipts, records, rules, templates
from piste.engine.receipts import Receipt
from piste.engine.rejected import last
from piste.engine.stat_cache import StatCache
from piste.engine.store import Store
from piste.engine.templates import Layer
from piste.interview import transcript
from piste.mise import definitions
from piste.system import caches
from piste.system.errors import PisteError

EXAMPLES = scale.count(100, 5_000)  # of each parser
HANG = 10  # seconds of the processor

RECEIPT = receipts.dump(
    Receipt("note.md", "note", {"model": "m", "prompt": "p"}, {"in.md": "1" * 64}, "2" * 64)
).decode()
SETTINGS = """model = "m"
options = { temperature = 0.5 }
budget = "$2.50"
retries = 3
[bundle]
include = ["*.py"]
form = "xml"
[rules.faq]
target = "docs/faq.md"
inputs = ["@spec", "in.md"]
prompt = "faq.md.j2"
kind = "todo"
"""
TEMPLATE = """+++
inputs = ["text"]
settings = ["language"]
description = "d"
+++
{% set tag = text|tag("in") %}
<{{ tag }}>{{ text }}</{{ tag }}>{% if language %}{{ language }}{% endif %}
{% include "part.j2" %}
"""
BUNDLES = (  # each goes on where a signature ends
    '<file path="x" end="no">\nwords\n</file>\n',
    '## `x` numbered="1" encoding="utf-16" bom="yes"\n\n```\n1: words\n```\n\n',
    '==== file path="a\\x41" escaped="yes"\n\\x41\n==== end\n',
    ', "text": ""}, {"kind": "file", "path": "x", "text": "words"}]',
)
PLAN = """# Plan

## Step 1: Begin [x]

```text
Do this.
~~~
and that
~~~
```

### Step 2.1 — Go on

> Prompt: do more

---

**Step 3**

<!-- step: 4 -->
```
x
```
<!-- /step -->
"""
TODO = """# Todo

- [ ] one
  - [x] two
    1. [ ] three
* [X] four
- [-] five

```
- [ ] no
```
"""
TALK = "# Idea\n\nWords.\n\n## Question 1\n\nWhat?\n\n### Answer\n\nThat.\n"
LOG = '{"date": "2026-01-01T00:00:00.000Z", "target": "a.md", "event": "made", "cost": 0.5}\n'
MISE = '[tasks."LLM:spec"]\nrun = "piste spec"\n\n[env]\nA = "b"\n'
PIECES = [
    *("\x00", "\r\n", "\r", "\n\n", "+++", "```", "~~~~", "- [ ] ", "    ", "\t", "# ", "[", "]"),
    *("{{", "}}", "{%", "%}", '"', "'''", '"""', "\\", "\u2028", "\ufeff", "\u202e", "é", "𝕏"),
    *("1e999", "-0", "null", "true", "NaN", "<!--", "-->", "</file>", "<<<<<<<", ">>>>>>>"),
    *("0" * 64, "..", "/", "99999999999"),
]  # fmt: skip


def mixed(*whole: str) -> st.SearchStrategy[str]:
    """Texts from nowhere, and real documents that were cut up, repeated and put together anew."""
    lines = [line for text in whole for line in text.splitlines(keepends=True)]
    piece = st.one_of(st.sampled_from(lines), st.sampled_from(PIECES), st.text(max_size=8))
    parts = st.lists(piece, max_size=30).map("".join)
    return st.one_of(
        parts, st.text(max_size=60), st.builds(_spliced, st.sampled_from(whole), st.data())
    )


def _spliced(text: str, data: st.DataObject) -> str:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    piece = data.draw(st.one_of(st.just(""), st.sampled_from(PIECES), st.text(max_size=5)))
    return text[:start] + piece * data.draw(st.integers(0, 3)) + text[end:]


class Hangs(BaseException):
    """It takes so long that a person would give it up."""


@contextlib.contextmanager
def in_time() -> Iterator[None]:
    """Let nothing take longer than HANG."""

    def stop(*_: object) -> None:
        raise Hangs

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, HANG)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def data(text: str) -> bytes:
    """What stands in the file: some texts have bytes that are no UTF-8."""
    return text.encode("utf-8", "surrogatepass")


def of_settings(folder: Path, text: str) -> object:
    (folder / "piste.toml").write_bytes(data(text))
    return config.load(folder)


def of_shared_settings(folder: Path, text: str) -> object:
    (folder / "pyproject.toml").write_bytes(data(f"[tool.piste]\n{text}"))
    return config.load(folder)


def of_environment(folder: Path, text: str) -> object:
    value = text.replace("\0", "").encode("utf-8", "replace").decode()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("RETRIES", "BUDGET", "TESTS_FIRST"):
            patch.setenv(f"PISTE_{name}", value)
        return config.load(folder)


def of_receipt(folder: Path, text: str) -> object:
    found = receipts.parse(data(text), "note.md", "note.md.json")
    assert found.target == "note.md"
    return found


def of_template(folder: Path, text: str) -> object:
    (folder / "a.md.j2").write_bytes(data(text))
    (folder / "part.j2").write_text("part")
    where = (Layer("prompts", folder),)
    templates.fingerprint("a.md.j2", where)
    found = templates.load("a.md.j2", where)
    variables = dict.fromkeys((*found.inputs, *found.settings, "target"), "words")
    variables |= {f"{name}_path": "in.md" for name in found.inputs}
    return templates.render(found, variables)


def of_plan(folder: Path, text: str) -> object:
    found = plan.parse(text)
    assert plan.strip_marks(plan.strip_marks(text)) == plan.strip_marks(text)
    if step := plan.next_step(found):
        plan.mark_done(text, step.id)
    return found


def of_todo(folder: Path, text: str) -> object:
    items = todo.parse(text)
    todo.counts(items)
    assert todo.strip_marks(todo.strip_marks(text)) == todo.strip_marks(text)
    todo.carry_ticks(text, TODO)
    return todo.carry_ticks(TODO, text)


def of_reply(folder: Path, text: str) -> object:
    found = replies.clean(text)
    for check in rules.CHECKS:
        if replies.problem(found, check) is None:
            replies.finished(found, check, lambda: text)
    return found


def of_store(folder: Path, text: str) -> object:
    store = Store(folder / "store")
    for name in ("replies/k/x.json", "kept/x.json", f"texts/{'0' * 64}", f"blobs/00/{'0' * 64}"):
        path = store.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data(text))
    assert store.replies("k") == []
    return store.text("0" * 64), store.kept("p", "t")


def of_rejected(folder: Path, text: str) -> object:
    path = folder / ".piste/rejected/a.md.20260101T000000.000Z-0.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data(text))
    return last(folder, "a.md")


def of_memo(folder: Path, text: str) -> object:
    caches.make(caches.folder(folder))
    (caches.folder(folder) / "fresh").write_bytes(data(text))
    return StatCache(folder).hit("a.md", b"0")


def of_bundle(folder: Path, text: str) -> object:
    return [_bundle(start + data(text), form) for form, start in SIGNATURES.items()]


def _bundle(text: bytes, form: str) -> object:
    with contextlib.suppress(PisteError):
        return bundles.parse(text, form)
    return None


def of_log(folder: Path, text: str) -> object:
    return budget.of_entries(log.parsed(data(text)), "")


def of_budget(folder: Path, text: str) -> object:
    return caps.parse(text, "budget")


PARSERS: dict[str, tuple[Callable[[Path, str], object], tuple[str, ...]]] = {
    "settings": (of_settings, (SETTINGS,)),
    "pyproject.toml": (of_shared_settings, (SETTINGS,)),
    "the environment": (of_environment, ("3", "true", "$2.50", "200kt")),
    "a receipt": (of_receipt, (RECEIPT,)),
    "a template": (of_template, (TEMPLATE,)),
    "a plan": (of_plan, (PLAN, TODO)),
    "a todo": (of_todo, (TODO, PLAN)),
    "a conversation": (lambda folder, text: transcript.parse(text), (TALK,)),
    "a reply": (of_reply, (PLAN, TODO, TALK)),
    "the store": (of_store, (json.dumps({"schema": 1, "seal": "0", "blob": "0" * 64}),)),
    "a rejected reply": (of_rejected, (json.dumps({"target": "a.md", "key": "0", "reason": "r"}),)),
    "the memo": (of_memo, ("0" * 40,)),
    "the log": (of_log, (LOG,)),
    "a bundle": (of_bundle, BUNDLES),
    "a budget": (of_budget, ("$2.50", "200_000 tokens")),
    "a step's record": (lambda folder, text: records.parse(data(text), "x.json"), (RECEIPT,)),
    "mise's settings": (lambda folder, text: definitions.merge(text), (MISE,)),
}


def read(parser: Callable[[Path, str], object], folder: Path, text: str) -> None:
    """Parse; an error of ours is one line that moves no cursor."""
    try:
        with in_time():
            parser(folder, text)
    except PisteError as error:
        said = str(error)
        assert len(said.splitlines()) == 1, said
        assert said.isprintable(), said


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", PARSERS)
def test_only_our_own_error_leaves(name: str, tmp_path: Path) -> None:
    parser, whole = PARSERS[name]

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=not scale.SHARE,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(mixed(*whole))
    def trial(text: str) -> None:
        read(parser, tmp_path, text)

    trial()
    scale.note("a text that no parser expects", EXAMPLES)


# By repetition: what is quadratic or worse in one of these takes minutes.
LONG = {
    "brackets": "[" * 50_000, "braces": "{" * 50_000, "nested": '{"a":' * 50_000,
    "tables": "[a.b]\n" * 5_000, "dots": "a." * 5_000 + "b = 1", "backticks": "`" * 100_000,
    "fences": "```\n~~~\n" * 3_000, "headings": "# Step 1\n" * 3_000,
    "boxes": "- [ ] a\n" * 3_000, "depth": "".join(f"{' ' * n}- [ ] a\n" for n in range(1_000)),
    "blanks": " " * 100_000 + "x", "lines": "\n" * 50_000, "comments": "<!--" * 20_000,
    "tags": "{{ a }}" * 5_000, "blocks": "{% if a %}" * 2_000, "quotes": '"' * 50_001,
    "plus": "+++\n" * 6_000, "marks": "<<<<<<<\n" * 10_000, "one line": "x" * 500_000,
    "numbers": "9" * 20_000, "stars": "**a" * 20_000, "rules": "---\n" * 6_000,
    "links": "[a](" * 20_000, "files": "<file path=x>\n" * 10_000, "quoted": "> " * 20_000 + "a",
}  # fmt: skip


@pytest.mark.parametrize("name", LONG)
def test_nothing_hangs(name: str, tmp_path: Path) -> None:
    slow = []
    for parser_name, (parser, _) in PARSERS.items():
        try:
            read(parser, tmp_path, LONG[name])
        except Hangs:
            slow.append(parser_name)
    assert slow == []


def test_a_hang_would_be_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("fire.test_parsers.HANG", 0.05)

    def endless(*_: Any) -> object:
        while True:
            pass

    with pytest.raises(Hangs):
        read(endless, tmp_path, "")
