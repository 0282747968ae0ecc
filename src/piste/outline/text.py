"""What the outline model writes from Markdown: skeletons of the documents about one text.

Headings, lists, paragraphs and code of the input are sorted into the sections that
the wanted document has. The sorting goes by English words in headings, and the words
of its own are English; what the text means, this module does not know. Whatever the
text, each document has the form that piste's template of that name asks for.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from piste.documents import markdown, plan
from piste.documents.requirements import without_id
from piste.interview import transcript
from piste.outline import plan_lines
from piste.system.errors import in_one_line

_CREDIT = "*A skeleton made by piste's outline model"


class Wanted(NamedTuple):
    """What a prompt asks for."""

    kind: str  # of document, as the template names it; "" is a plain outline
    tests_first: bool
    source: str  # the input's path, or what else it is called
    text: str  # the input
    beside: str = ""  # what else the prompt holds: a document that this one is made after

    @property
    def credit(self) -> str:
        """The line that says what the document is."""
        return f"{_CREDIT} from {self.source}, not by a language model.*"


class Section(NamedTuple):
    """A heading and what stands under it, up to the next heading."""

    title: str
    level: int  # 1 to 6; 0 is the head: the title of the whole, and what follows it
    said: list[tuple[str, str]]  # ("prose" or "item", words), one line each, in order
    code: list[str]  # the content of its code blocks

    @property
    def statements(self) -> list[str]:
        """Whatever is said in words."""
        return [text for _, text in self.said]

    @property
    def prose(self) -> list[str]:
        """The paragraphs."""
        return [text for kind, text in self.said if kind == "prose"]

    @property
    def items(self) -> list[str]:
        """The items of lists, and the rows of tables."""
        return [text for kind, text in self.said if kind == "item"]

    @property
    def topic(self) -> str:
        """Which part of a specification the heading announces, or ""."""
        title = self.title.lower() if self.level else ""
        return next((topic for topic, words in _TOPICS if words.search(title)), "")


# The first one that is found in a heading counts, so the narrower words come first.
_TOPICS = tuple(
    (topic, re.compile(rf"\b(?:{words})"))
    for topic, words in (
        ("open", "open question|open point|unclear|undecided|assumption"),
        ("non-goals", "non-?goals?|out of scope|leave out|left out"),
        ("users", "user|goal|audience|persona|who|problem"),
        ("errors", "error|edge case|failure|malformed|risk"),
        ("testing", "test|verif|acceptance|shown that it works"),
        ("data", "data|storage|schema|format"),
        ("architecture", "architect|stack|technolog|design|component|interface|platform|form"),
        ("requirements", "requirement|feature|function|behaviou?r|must be able"),
        ("overview", "overview|summary|introduction|about|purpose|vision|idea"),
    )
)


def sections(text: str) -> list[Section]:
    """Return the sections of a Markdown text, the head first.

    A first heading of level 1, if it is the only one, is the title of the whole.
    """
    found = [Section("", 0, [], [])]
    for kind, content in _blocks(text):
        if kind == "code":
            found[-1].code.append(content)
        elif (said := line(content)) and not said.startswith(_CREDIT):
            if kind.isdigit():
                found.append(Section(said, int(kind), [], []))
            else:
                found[-1].said.append((kind, said))
    if [s.level for s in found[:2]] == [0, 1] and all(s.level != 1 for s in found[2:]):
        before, under = found[:2]
        found[:2] = [
            Section(under.title, 0, before.said + under.said, before.code + under.code),
        ]
    return found


_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)]|\|)\s")


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield ("1" to "6", heading), ("prose" or "item", words) and ("code", content), in order."""
    rows = markdown.split(text)
    fences = markdown.fences(rows)
    inside = markdown.inside(rows, fences)
    gathered: list[str] = []  # rows of the paragraph or item under way
    kind = "prose"
    for number, row in enumerate(rows):
        fence = fences[inside[number]] if inside[number] >= 0 else None
        heading = None if fence else _heading(row)
        underline = len(gathered) == 1 and row and not row.strip("= ")
        item = _ITEM.match(row)
        if underline:
            kind = "1"
        if gathered and (fence or heading or item or underline or not row.strip()):
            yield kind, " ".join(gathered)
            gathered = []
        if fence:
            if number == fence.open:
                yield "code", "\n".join(rows[fence.open + 1 : fence.close])
        elif heading:
            yield str(heading[0]), heading[1]
        elif row.strip() and not underline:
            kind = kind if gathered else "item" if item else "prose"
            gathered.append(row.lstrip("> \t"))
    if gathered:
        yield kind, " ".join(gathered)


def _heading(row: str) -> tuple[int, str] | None:
    bold = len(row) > 4 and row[:2] == row[-2:] == "**" and "**" not in row[2:-2]
    found = (6, row[2:-2]) if bold else markdown.heading(row)  # chats make headings of bold lines
    return (found[0], markdown.split_state(found[1])[0]) if found else None


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LEADING = re.compile(r"(?:(?:[-*+>#|]|\d{1,9}[.)]|\[[ xX~]\])\s+)+")
_RUNS = re.compile(r"([`~])\1{2,}")
_LONGEST = 2_000  # characters of one statement


def line(text: str) -> str:
    """Return `text` as one line that is plain wherever it is put; "" if it says nothing.

    No line breaks, no control characters, nothing at its beginning that Markdown
    reads as a heading, a list or a box, no fence. Cut after 2,000 characters.
    """
    text = in_one_line(text[: 4 * _LONGEST])
    text = _RUNS.sub(r"\1", _CONTROL.sub("", text))
    text = text[match.end() :] if (match := _LEADING.match(text)) else text
    if not any(character.isalnum() for character in text):
        return ""
    return text.strip() if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def cut(text: str, limit: int) -> str:
    """Return the beginning of a line: whole words, at most `limit` characters."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    return (head.rpartition(" ")[0] or head).rstrip(" ,;:") + "…"


def short(text: str, limit: int = 70) -> str:
    """Return the beginning of a line, fit for a heading or a quotation; see `cut`."""
    return cut(text.strip(" *_").rstrip(" .:") or text, limit)


def _step_title(text: str) -> str:
    """Return the beginning of a line as the title of a step: no marks of progress, no escapes."""
    text = markdown.split_state(short(text).replace("\\", ""))[0]
    text = line(text.lstrip(" :–—-|*_~#>+").rstrip(" :–—-|*_~([")) or "Untitled"
    whole = f"Step 1: {text}"  # where a lone word such as "Done" would be a mark
    return text if markdown.split_state(whole)[0] == whole else f'"{text}"'


def fenced(text: str) -> str:
    """Return `text` as a ```text block that nothing in it can close."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def document(title: str, want: Wanted, *parts: str) -> str:
    """Return a whole document: title, the line that says what it is, the parts."""
    return "\n\n".join([f"# {title}", want.credit, *parts]) + "\n"


def title_of(found: Sequence[Section]) -> str:
    """The name of the thing that a text is about."""
    heading = next((s.title for s in found if s.title and not s.topic), "")
    statement = next((s.statements[0] for s in found if s.statements), "")
    name = short(found[0].title or heading or statement) or "Untitled"
    return re.sub(r"(?<=\w)(?:: | [–—-] )(?:plan|todo|spec\w*)$", "", name, flags=re.IGNORECASE)


def _bullets(statements: Iterable[str]) -> str:
    return "\n".join(f"- {statement}" for statement in statements)


def _about(found: Sequence[Section], *topics: str) -> list[str]:
    """The statements of all sections on these topics, the head left out."""
    return [text for s in found if s.level and s.topic in topics for text in s.statements]


def _everything(found: Sequence[Section]) -> list[str]:
    """All statements; if there is none, the title."""
    return [text for section in found for text in section.statements] or [title_of(found)]


def plain(want: Wanted) -> str:
    """Return an outline of whatever it is: the headings with their first words."""
    found = sections(want.text)
    parts = []
    for section in found:
        if section.level:
            parts.append(f"{'#' * max(2, section.level)} {section.title}")
        if section.statements:
            parts.append(_bullets(short(text, 200) for text in section.statements))
    return document(title_of(found), want, *(parts or ["- Nothing is said in it."]))


# ---- from notes to a todo


_TAKEN = frozenset(("", "y", "yes", "ok", "okay"))  # answers that take what was suggested


def taken(answer: str, suggestion: str) -> str:
    """Return what an answer decides: itself, or the suggestion that it agrees to."""
    return suggestion if answer.lower().strip(".! ") in _TAKEN else answer


_SPEC = (  # (heading, topic, what is put where the notes say nothing)
    ("Users and goals", "users", "Users: one person who runs it (assumption)."),
    ("Non-goals", "non-goals", "Nothing is built that is not a requirement (assumption)."),
    ("Requirements", "requirements", ""),
    ("Architecture choices", "architecture", "The simplest architecture (assumption)."),
    ("Data", "data", "Formats are as given here; nothing else is kept (assumption)."),
    ("Errors and edge cases", "errors", "Malformed input is refused by name (assumption)."),
    ("Testing plan", "testing", "One automated test for each requirement (assumption)."),
    ("Open questions", "open", "None."),
)


def _spec(want: Wanted) -> str:
    found = _from_talk(want.text) or sections(want.text)
    title, head = title_of(found), found[0]
    code = [fenced(block) for s in found for block in s.code if block.strip()]
    listed = [*_about(found, "requirements", ""), *head.items]
    asked = [text for text in listed if text.endswith("?")]
    required = [text for text in listed if not text.endswith("?")] or head.prose
    overview = [*head.prose, *_about(found, "overview")] or [title]
    parts = ["## Overview\n\n" + "\n\n".join(overview)]
    for heading, topic, missing in _SPEC:
        said = _about(found, topic) + (asked if topic == "open" else [])
        if topic == "requirements":
            bare = map(without_id, required or _everything(found))
            parts.append(
                f"## {heading}\n\n" + "\n".join(f"- R{n}: {text}" for n, text in enumerate(bare, 1))
            )
        else:
            parts.append(f"## {heading}\n\n{_bullets(said or [missing])}")
        if topic == "data":
            parts += code
    return document(title, want, *parts)


def _from_talk(text: str) -> list[Section]:
    """The sections of a brainstorm: the idea's, and one for each answered question."""
    talk = transcript.parse(text)
    if not talk.turns and not text.startswith("# Brainstorm\n"):
        return []
    found = sections(talk.idea)
    for turn in talk.turns:
        rows = [line(row) for row in turn.question.split("\n")]
        suggested = [row[len(_SUGGESTED) :] for row in rows if row.startswith(_SUGGESTED)]
        question = next((row for row in reversed(rows) if row.endswith("?")), "")
        answer = taken(line(turn.answer), "".join(suggested[-1:]).strip())
        if turn.answer and answer:
            found.append(Section(question, 2, [("item", f"{question} {answer}".strip())], []))
    return found


_SUGGESTED = "Suggested answer:"


class Step(NamedTuple):
    """One step of a plan, before it is written as a prompt."""

    title: str
    details: Sequence[str]
    code: Sequence[str] = ()


_NO_WORK = {"overview", "users", "non-goals", "open", "testing"}
_FIRST = (
    "A program that starts and does nothing else yet.",
    "A command that runs the tests.",
)
_LAST = (
    "Every part that the earlier steps made is called from the entry point.",
    "One test runs the whole, from input to output.",
)


def _plan(want: Wanted) -> str:
    found = sections(want.text)
    title = title_of(found)
    first = Step("Set up the project", [*_FIRST, *_about(found, "architecture")])
    steps = [first, *_work(found), Step("Wire everything together", _LAST)]
    about = (_about(found, "overview") or found[0].prose or [title])[0]
    parts = [
        "One step sets up the project, one follows for each requirement or section of the "
        "specification, and the last wires everything together.",
        f"Test command: {plan_lines.test_command(want.text)}",
    ]
    known, numbers = plan_lines.known_files(want.beside), plan_lines.numbers(want.text)
    for number, step in enumerate(steps, 1):
        covers = plan_lines.covers(step.details, numbers)
        why = f"Builds on step {number - 1}." if number > 1 else "All others build on it."
        parts.append(f"## Step {number}: {step.title}")
        parts.append(f"{why} Covers: {covers}")
        project = f"{title}. {cut(about, 300)}"
        parts.append(fenced(_prompt(project, step, want.tests_first, known)))
    return document(f"{title}: plan", want, *parts)


def _work(found: Sequence[Section]) -> list[Step]:
    """A step for each requirement and each section of an unknown kind.

    Without any: for each section that is about the thing itself; else for all that is said.
    """
    steps = [Step(_step_title(without_id(text)), [text]) for text in _about(found, "requirements")]
    others = [s for s in found if s.level and (s.statements or s.code)]
    known = {topic for topic, _ in _TOPICS} if steps else _NO_WORK
    steps += [
        Step(_step_title(s.title), s.statements, s.code) for s in others if s.topic not in known
    ]
    return steps or [
        Step(_step_title(text), [text]) for text in found[0].items or _everything(found)
    ]


def _prompt(project: str, step: Step, tests_first: bool, known: Mapping[str, list[str]]) -> str:
    begin = (
        "Write failing tests first, one for each point of this step, and see them fail."
        if tests_first
        else "Build this step, with a test for each of its points."
    )
    code = [f"As the specification has it:\n\n{code}" for code in step.code if code.strip()]
    return "\n\n".join(
        [
            begin,
            f"Project: {project}",
            f"This step: {step.title}\n\n{_bullets(step.details or [step.title])}",
            *code,
            plan_lines.files([step.title, *step.details], step.code, known),
            "Done when: these tests and all earlier ones pass, and nothing that was made is idle.",
        ]
    )


_NO_BOX = re.compile(r"(?:Project|This step|Files): |Build this step")  # of our own prompts


def _todo(want: Wanted) -> str:
    found = sections(want.text)
    parts = []
    for number, (name, prompt) in enumerate(_steps(want.text, found), 1):
        title = short(line(name), 300) or f"Part {number}"
        items = [text for s in sections(prompt) for text in s.statements]
        items = [text for text in items if not _NO_BOX.match(text)]
        items = [cut(text, 300) for text in items] or [f"{title}: done and tested"]
        boxes = "\n".join(f"- [ ] {text}" for text in items)
        parts.append(f"## Step {number}: {title}\n\n{boxes}")
    return document(f"{title_of(found)}: todo", want, *parts)


def _steps(text: str, found: Sequence[Section]) -> list[tuple[str, str]]:
    """(title, what is to be done) of each step; of each section, where no step is found."""
    steps = [(step.title, step.prompt) for step in plan.parse(text).steps]
    said = [(s.title, "\n\n".join([_bullets(s.statements), *s.code])) for s in found if s.level]
    said = [(title, words) for title, words in said if words.strip()]
    return steps or said or [(short(text), text) for text in _everything(found)]


# ---- about a specification


_VAGUE = re.compile(
    r"\b(?:fast|quick(?:ly)?|eas(?:y|ily)|simpl[ey]|user-friendly|robust|scalable|intuitive|"
    r"flexible|appropriate(?:ly)?|reasonabl[ey]|as needed|if possible|etc|tbd|to be decided)\b",
    re.IGNORECASE,
)
_EXPECTED = (
    ("requirements", "high", "the requirements"),
    ("errors", "high", "what happens when something goes wrong"),
    ("users", "medium", "who uses it and what for"),
    ("data", "medium", "data: formats, limits and where it is kept"),
    ("testing", "medium", "how it is shown that it works"),
    ("non-goals", "low", "what it will not do"),
)
_SEVERITIES = ("high", "medium", "low")
_MOST = 50  # findings in one document; the rest is counted


class Hole(NamedTuple):
    """One finding about a specification."""

    title: str
    severity: str
    where: str
    breaks: str
    question: str
    change: str


def _poke_holes(want: Wanted) -> str:
    found = sections(want.text)
    holes = [*_unsaid(found), *_unsettled(found)] or [_NO_HOLE]
    holes.sort(key=lambda hole: _SEVERITIES.index(hole.severity))
    parts = [
        f"Findings: {len(holes)}, of which {min(len(holes), _MOST)} follow. They come from looking "
        "for headings that are missing, for questions, and for words that no test can decide."
    ]
    for number, hole in enumerate(holes[:_MOST], 1):
        parts.append(
            f"## {number}. {hole.title}\n\n"
            f"**Severity:** {hole.severity}\n**Where:** {hole.where}\n\n"
            f"**What breaks:** {hole.breaks}\n\n**Question to settle:** {hole.question}\n\n"
            f"**Proposed change:** {hole.change}"
        )
    return document(f"Holes in {title_of(found)}", want, *parts)


def _unsaid(found: Sequence[Section]) -> Iterator[Hole]:
    topics = {section.topic for section in found if section.statements or section.code}
    for topic, severity, what in _EXPECTED:
        if topic not in topics:
            yield Hole(
                title=f"No heading for {what}",
                severity=severity,
                where="the whole text",
                breaks="Each developer decides it alone, and each differently.",
                question=f"What holds for {what}?",
                change=f"Add a section: {what}.",
            )


def _unsettled(found: Sequence[Section]) -> Iterator[Hole]:
    for section in found:
        for text in section.statements:
            where = f'{section.title or "the beginning"}: "{short(text, 200)}"'
            if text.endswith("?"):
                yield Hole(
                    title=f"Not settled: {short(text, 60)}",
                    severity="high",
                    where=where,
                    breaks="What depends on the answer is built on a guess.",
                    question=short(text, 200),
                    change="Put the answer in the place of the question.",
                )
            elif vague := _VAGUE.search(text):
                yield Hole(
                    title=f'"{vague[0]}" cannot be tested',
                    severity="medium",
                    where=where,
                    breaks="Two developers read it differently, and neither can be shown wrong.",
                    question=f'What is "{vague[0]}" here, in numbers or cases?',
                    change=f'Replace "{vague[0]}" by what is measured.',
                )


_NO_HOLE = Hole(
    title="Nothing found by words alone",
    severity="low",
    where="the whole text",
    breaks="A skeleton sees what is missing by name; it does not see a contradiction.",
    question="Who has read the requirements against each other?",
    change="None.",
)


# (heading, topics of the specification that belong under it)
_WHITE_PAPER = (
    ("Summary", ("overview",)),
    ("The problem", ("users",)),
    ("Why the usual answers fall short", ()),
    ("The approach", ("architecture",)),
    ("How it works", ("requirements", "data")),
    ("Limits and risks", ("non-goals", "errors")),
    ("What would prove it", ("testing",)),
    ("Assumptions", ("open",)),
)
_BUSINESS_MODEL = (
    ("Summary", ("overview",)),
    ("Customers", ("users",)),
    ("Value", ("requirements",)),
    ("Alternatives", ()),
    ("Channels", ()),
    ("Revenue", ()),
    ("Costs", ("architecture", "data")),
    ("Unit economics", ()),
    ("Risks", ("errors",)),
    ("Assumptions to test", ("open",)),
)


def _white_paper(want: Wanted) -> str:
    found = sections(want.text)
    return document(title_of(found), want, *_sorted_into(_WHITE_PAPER, found, want))


def _business_model(want: Wanted) -> str:
    found = sections(want.text)
    parts = _sorted_into(_BUSINESS_MODEL, found, want)
    return document(f"{title_of(found)}: business model", want, *parts)


def _sorted_into(
    headings: Sequence[tuple[str, tuple[str, ...]]], found: Sequence[Section], want: Wanted
) -> Iterator[str]:
    for heading, topics in headings:
        said = _about(found, *topics)
        if heading == "Summary":
            said = said or found[0].prose
        missing = f"Assumption: to be found out; {want.source} does not say it."
        yield f"## {heading}\n\n{_bullets(said or [missing])}"


DOCUMENTS: dict[str, Callable[[Wanted], str]] = {
    "spec": _spec,
    "plan": _plan,
    "todo": _todo,
    "poke_holes": _poke_holes,
    "white_paper": _white_paper,
    "business_model": _business_model,
}
