"""Templates: found in three layers, read, rendered.

A template is one file: TOML front matter between `+++` lines (description, system
text, the inputs and settings it takes), then the prompt. The nearest file of a
name wins: the project's, the person's own, the built-in one. Rendering is
sandboxed and strict. This module knows neither rules nor models.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from piste.system import project_files
from piste.system.errors import UserError, did_you_mean, printable

if TYPE_CHECKING:
    from jinja2 import Undefined
    from jinja2.sandbox import SandboxedEnvironment

BUILT_IN = "built in"
MARK, MARK_END = "\ue000", "\ue001"  # for private use: no letters of any text


class Layer(NamedTuple):
    """A folder in which templates are looked for."""

    name: str  # as the person knows it
    folder: Path
    root: Path | None = None  # of the project that it belongs to; `name` is its path there


class Template(NamedTuple):
    """One template, read and checked."""

    name: str
    layer: str
    description: str
    system: str
    body: str
    inputs: tuple[str, ...]  # names of its variables, in the order of the rule's inputs
    optional: int  # so many of them, the last ones, may be left out of a rule
    settings: tuple[str, ...]  # settings it uses; only these are part of the action
    partials: tuple[tuple[str, str, str], ...]  # (name, layer, text) of what it includes
    body_line: int = 1  # line of the file on which the body begins

    @property
    def words(self) -> bytes:
        """Every word that can reach the model; not the description."""
        parts = [self.system, self.body, *(text for _, _, text in self.partials)]
        return "\n\f\n".join(parts).encode()

    @property
    def digest(self) -> str:
        """sha256, in hex, of `words`."""
        return hashlib.sha256(self.words).hexdigest()


SETTINGS = ("focus", "language", "tests_first")
# What an expression in a template can raise beside Jinja's own errors.
_RENDERING = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError,
              ValueError)  # fmt: skip
_GUIDE = (  # compiled where it is used: most runs never do
    r"(?i:(?:.*/)?(?:AGENTS|CLAUDE|GEMINI|CONTRIBUTING|CONVENTIONS|STYLE_?GUIDE)"
    r"(?:\.(?:md|rst|txt))?|\.github/copilot-instructions\.md|\.cursorrules)"
)
_OPENED = re.compile(r"<([A-Za-z][\w-]*)[^>\n]*>\n")
_INCLUDE = re.compile(r"""\{%-?\s*include\s+["']([^"']+)["']""")
_FRONT = {"description": str, "system": str, "inputs": list, "settings": list}
_TYPE_NAMES = {str: "a text", list: "a list of texts"}


def layers(root: Path, folder: str, own: Path) -> tuple[Layer, ...]:
    """Return where templates are looked for, strongest first."""
    import piste.prompts

    built_in = Path(str(piste.prompts.__file__)).parent
    return (
        Layer(folder, root / folder, root),
        Layer(str(own / "prompts"), own / "prompts"),
        Layer(BUILT_IN, built_in),
    )


def raw(name: str, where: Sequence[Layer]) -> tuple[str, bytes]:
    """Return the layer and the bytes of the template `name`.

    Raises UserError, with the nearest name, where no layer has it.
    """
    _plain_name(name)
    for layer in where:
        try:
            return layer.name, _bytes(layer, name)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise UserError(
                f"{layer.folder / name}: the template cannot be read: {error.strerror}"
            ) from None
    known = {path.name for layer in where for path in layer.folder.glob("*.j2")}
    raise UserError(f"no template {name!r} in {_folders(where)}{did_you_mean(name, known)}")


def _bytes(layer: Layer, name: str) -> bytes:
    """Return a file of a layer. Raises OSError; UserError for a project's that is refused."""
    if layer.root is not None:
        return project_files.read(layer.root, f"{layer.name}/{name}", project_files.TEMPLATE)
    return (layer.folder / name).read_bytes()


def fingerprint(name: str, where: Sequence[Layer]) -> bytes:
    """Return a hash of the template's files, cheaply: the front matter is not read.

    Equal fingerprints mean equal templates; unequal ones may still ask the same.
    """
    state = hashlib.sha256()
    for text in _with_partials(name, where):
        state.update(b"%d:" % len(text))
        state.update(text)
    return state.digest()


def load(name: str, where: Sequence[Layer]) -> Template:
    """Return the template `name`. Raises UserError naming the file and what is wrong in it."""
    from piste.engine.hashing import text as as_text

    layer, data = raw(name, where)
    label = _label(name, layer)
    front, body, line = _split(as_text(data, label), label)
    partials = []
    for partial in _included(name, data, where):
        its_layer, its_data = raw(partial, where)
        partials.append((partial, its_layer, as_text(its_data, _label(partial, its_layer))))
    inputs = tuple(front.get("inputs", ()))
    return Template(
        name, layer, front.get("description", ""), front.get("system", ""), body,
        tuple(one.removesuffix("?") for one in inputs), sum(one.endswith("?") for one in inputs),
        tuple(front.get("settings", ())), tuple(partials), line,
    )  # fmt: skip


def render(template: Template, variables: Mapping[str, object]) -> tuple[str, str]:
    """Return the system text and the prompt.

    What is not built in is rendered in a process of its own, with bounds. Raises UserError
    naming template and line for a variable that is not there, for anything else that Jinja
    finds wrong, or for a template that takes more than its share.
    """
    if _is_built_in(template):
        return rendered(template, variables)
    from piste.engine import template_child

    label = _label(template.name, template.layer)
    system, prompt = template_child.render(label, tuple(template), variables)
    return system, prompt


def _is_built_in(template: Template) -> bool:
    return {template.layer, *(layer for _, layer, _ in template.partials)} == {BUILT_IN}


def mark(name: str) -> str:
    """Return what stands in a `shape` for a text of this name."""
    return f"{MARK}{name}{MARK_END}"


def shape(template: Template, variables: Mapping[str, object]) -> tuple[str, str] | None:
    """Return what `render` does of variables that are marks, or None where these will not do.

    They do where the template only puts the texts in, or asks whether they are there: then the
    rest is the same for any text. Raises UserError as `render` does.
    """
    if _is_built_in(template):
        return shaped(template, variables)
    from piste.engine import template_child

    label = _label(template.name, template.layer)
    texts = template_child.render(label, tuple(template), variables, shape=True)
    return (texts[0], texts[1]) if texts else None


def shaped(template: Template, variables: Mapping[str, object]) -> tuple[str, str] | None:
    """Do what `shape` does, in this process and without bounds."""
    marked = {name for name, value in variables.items() if str(value).startswith(MARK)}
    texts = [template.system, template.body, *(text for _, _, text in template.partials)]
    if any(MARK in text or not _only_puts_in(text, marked) for text in texts):
        return None
    return rendered(template, variables)


def _only_puts_in(text: str, names: Collection[str]) -> bool:
    """Whether a template takes these variables as they are, wherever it takes them."""
    from jinja2 import Environment, TemplateSyntaxError, nodes

    try:
        tree = Environment(trim_blocks=True, lstrip_blocks=True).parse(text)
    except TemplateSyntaxError:
        return False  # rendering says what is wrong
    # These take what has been put in and may do something with it.
    if next(tree.find_all((nodes.AssignBlock, nodes.Block, nodes.CallBlock, nodes.FilterBlock,
                           nodes.FromImport, nodes.Import, nodes.Macro)), None):  # fmt: skip
        return False
    fine: set[int] = set()
    for node in tree.find_all((nodes.Output, nodes.Filter, nodes.If, nodes.Not)):
        if isinstance(node, nodes.Output):
            fine.update(map(id, node.nodes))
        elif isinstance(node, nodes.If):
            fine.add(id(node.test))
        elif isinstance(node, nodes.Not) or (isinstance(node, nodes.Filter) and node.name == "tag"):
            fine.add(id(node.node))
    return all(id(node) in fine for node in tree.find_all(nodes.Name) if node.name in names)


def rendered(template: Template, variables: Mapping[str, object]) -> tuple[str, str]:
    """Do what `render` does, in this process and without bounds."""
    from jinja2 import StrictUndefined, TemplateError

    environment = _environment(template, StrictUndefined)
    rendered = []
    for part, text, first in (
        ("system", template.system, 1),
        ("body", template.body, template.body_line),
    ):
        try:
            rendered.append(environment.from_string(text).render(variables).strip())
        except TemplateError as error:
            where = _place(error, template, part, first)
            known = [*variables]
            raise UserError(f"{where}: {_said(error, known)}") from None
        except _RENDERING as error:
            where = _place(error, template, part, first)
            said = printable(str(error))[:200]
            raise UserError(f"{where}: {type(error).__name__}: {said}") from None
    return rendered[0], rendered[1]


def _environment(template: Template, undefined: "type[Undefined]") -> "SandboxedEnvironment":
    from jinja2 import FunctionLoader
    from jinja2.sandbox import SandboxedEnvironment

    # (source, file name, is it still so): the file name is what `_place` looks for.
    files = {name: (text, name, lambda: True) for name, _, text in template.partials}
    environment = SandboxedEnvironment(
        loader=FunctionLoader(files.get), undefined=undefined,
        keep_trailing_newline=False, trim_blocks=True, lstrip_blocks=True, autoescape=False,
    )  # fmt: skip
    environment.filters.update(FILTERS)
    return environment


def own_words(template: Template, variables: Mapping[str, object]) -> str:
    """Return about what a prompt says beside its texts: what has no value is not there.

    Of a template that is not built in, all that it could say.
    """
    from jinja2 import Undefined

    if not _is_built_in(template):
        return template.body
    return _environment(template, Undefined).from_string(template.body).render(variables)


def material_end(prompt: str) -> int:
    """Return how many characters of a prompt are the material with which it begins, or 0.

    A template puts it first, between a tag and its end: so prompts about the same material
    begin alike, which providers bill for less.
    """
    tag = _OPENED.match(prompt)
    end = f"\n</{tag[1]}>" if tag else ""
    at = prompt.find(end) if end else -1
    return at + len(end) if at >= 0 else 0


def _guides(bundle: str) -> list[str]:
    """Return the files of a bundle in which a team says how its code is to be written."""
    from piste.bundle.contents import files_of

    return [path for path in files_of(bundle) if is_guide(path)]


def is_guide(path: str) -> bool:
    """Whether a file is one in which a team says how its code is to be written."""
    return bool(re.fullmatch(_GUIDE, path))


def _instruction(bundle: str) -> str:
    from piste.bundle.contents import instruction_of

    return instruction_of(bundle)


def _without_instruction(bundle: str) -> str:
    from piste.bundle.contents import without_instruction

    return without_instruction(bundle)


def _signatures(bundle: str) -> str:
    from piste.bundle.contents import signatures

    return signatures(bundle)


def _named_in(bundle: str, document: str) -> str:
    """Return the bundle with those files alone that a document about it names, where it does."""
    from piste.bundle.contents import files_of, narrowed
    from piste.documents.findings import named

    return narrowed(bundle, named(document, files_of(bundle))) if document.strip() else bundle


def tag(text: str, name: str) -> str:
    """Return `name`, or `name` and a number: a tag that nothing in `text` closes.

    In a template: `{% set tag = spec|tag("spec") %}`.
    """
    closed = set(re.findall(rf"</{re.escape(name)}(?:-(\d{{1,9}}))?", text, re.IGNORECASE))
    number = next(n for n in range(1, len(closed) + 2) if str(n) not in closed)
    return f"{name}-{number}" if closed else name


FILTERS: Mapping[str, Callable[..., object]] = {
    "tag": tag,
    "guides": _guides,
    "instruction": _instruction,
    "without_instruction": _without_instruction,
    "named_in": _named_in,
    "signatures": _signatures,
}
"""What a template can call beside Jinja's own."""


def _plain_name(name: str) -> None:
    if not re.fullmatch(r"[\w][\w.-]*\.j2|_[\w.-]*\.j2", name):
        raise UserError(f"{name!r} is no name of a template; they look like 'plan.md.j2'")


def _with_partials(name: str, where: Sequence[Layer]) -> Iterable[bytes]:
    data = raw(name, where)[1]
    yield data
    for partial in _included(name, data, where):
        yield raw(partial, where)[1]


def _included(name: str, data: bytes, where: Sequence[Layer]) -> list[str]:
    """Names of the partials that a template includes, each once, in order, all the way down."""
    found: list[str] = []
    waiting = [data]
    while waiting:
        for partial in _INCLUDE.findall(waiting.pop().decode("utf-8", "replace")):
            if partial not in found and partial != name:
                found.append(partial)
                waiting.append(raw(partial, where)[1])
    return found


def _split(text: str, label: str) -> tuple[dict[str, Any], str, int]:
    if not text.startswith("+++\n"):
        return {}, text, 1
    front, mark, body = text[4:].partition("\n+++\n")
    if not mark:
        raise UserError(
            f"{label}: the front matter begins with '+++' and never ends; end it with '+++'"
        )
    import tomllib

    try:
        table = tomllib.loads(front)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{label}: front matter: {error}") from None
    for key, value in table.items():
        if key not in _FRONT:
            raise UserError(
                f"{label}: unknown {key!r} in the front matter{did_you_mean(key, _FRONT)}"
            )
        texts = value if isinstance(value, list) else ()
        if not isinstance(value, _FRONT[key]) or not all(isinstance(text, str) for text in texts):
            raise UserError(f"{label}: {key} must be {_TYPE_NAMES[_FRONT[key]]}")
    for name in table.get("settings", ()):
        if name not in SETTINGS:
            raise UserError(
                f"{label}: no setting {name!r} for templates{did_you_mean(name, SETTINGS)}"
            )
    return table, body, front.count("\n") + 4


def _label(name: str, layer: str) -> str:
    return f"{name} ({layer})"


def _folders(where: Sequence[Layer]) -> str:
    return ", ".join(layer.name for layer in where)


def _place(error: Exception, template: Template, part: str, first: int) -> str:
    """The file and line in which rendering failed, as the person sees them."""
    line = getattr(error, "lineno", None)
    name = getattr(error, "name", None) or None
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file == "<template>" or file in {n for n, _, _ in template.partials}:
            line, name = trace.tb_lineno, None if file == "<template>" else file
        trace = trace.tb_next
    if name:
        return f"{name}, line {line}"
    if part == "system":
        return f"{_label(template.name, template.layer)}, system text, line {line or 1}"
    return f"{_label(template.name, template.layer)}, line {first + (line or 1) - 1}"


def _said(error: Exception, known: Sequence[str]) -> str:
    message = str(error).strip().rstrip(".")
    missing = re.match(r"'(\w+)' is undefined", message)
    if type(error).__name__ == "TemplateNotFound":
        return f'there is no template {message!r}; write the name out: {{% include "_x.md.j2" %}}'
    if missing:
        return f"there is no variable {missing[1]!r}{did_you_mean(missing[1], known)}"
    return message.splitlines()[0] if message else type(error).__name__
