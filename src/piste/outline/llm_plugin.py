"""What piste adds to `llm`: the model `outline`, the templates `piste:NAME`, `llm piste`.

`llm` loads this module in every run of every command that it has, so it imports
nothing but `llm` itself until it is asked for something. It knows no rules, no
project and no freshness: `cat output.txt | llm -t piste:code-review` sends the
same words as `piste code_review` and keeps no receipt. Of the layers of templates
it sees the built-in one and the person's own; `llm` knows no project, and what
lies in the current folder should not change what a template of that name says.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llm

if TYPE_CHECKING:
    import click

    from piste.engine.templates import Layer

_SUFFIX = ".md.j2"

# The names of the widely copied templates for `llm`, where ours is not NAME-gen.
_OTHER_NAMES = {"github_issue": "github_issues"}
_INSTALLED_AS = {rule: f"{name.replace('_', '-')}-gen" for name, rule in _OTHER_NAMES.items()}
_SLOT = "\ue000input\ue000"  # stands for the input until `$` has been doubled
_PIECE = 4096  # characters in one piece of a streamed reply


class Outline(llm.Model):
    """The model `outline`: no key, no network, the same reply for the same prompt."""

    model_id = "outline"
    can_stream = True

    def execute(
        self,
        prompt: llm.Prompt,
        stream: bool,
        response: llm.Response,
        conversation: llm.Conversation | None = None,
    ) -> Iterator[str]:
        """Yield the reply, in pieces when it is streamed.

        The usage is an estimate, four characters a token: nothing is paid for it.
        """
        from piste.outline.model import outline

        messages = [(message.role, _text_of(message)) for message in prompt.messages]
        system = "\n\n".join(text for role, text in messages if role == "system")
        turns = [(role, text) for role, text in messages if role in ("user", "assistant")]
        last = turns.pop()[1] if turns and turns[-1][0] == "user" else ""
        reply = outline(system, last, turns)
        size = _PIECE if stream else len(reply)
        for start in range(0, len(reply), size):
            yield reply[start : start + size]
        response.set_usage(input=sum(len(t) for _, t in messages) // 4, output=len(reply) // 4)
        # The form of the chat models, so that a caller sees that nothing was cut off.
        response.response_json = {"model": self.model_id, "finish_reason": "stop"}


@llm.hookimpl
def register_models(register: Callable[..., None]) -> None:
    """Make `llm -m outline` work."""
    register(Outline())


@llm.hookimpl
def register_template_loaders(register: Callable[..., None]) -> None:
    """Make `llm -t piste:NAME` work."""
    register("piste", template)


@llm.hookimpl
def register_commands(cli: "click.Group") -> None:
    """Add the group `llm piste`."""
    import click

    @cli.group(name="piste")
    def piste() -> None:
        """The prompts of piste, for use with llm alone"""

    @piste.command(name="install-templates")
    def install_templates() -> None:
        """Copy piste's prompts into llm's folder of templates, as NAME-gen"""
        from piste.system import screen
        from piste.system.errors import PisteError

        try:
            done = install()
        except PisteError as error:
            raise click.ClickException(str(error)) from None
        except OSError as error:
            raise click.ClickException(f"{error.filename}: {error.strerror}") from None
        screen.out("\n".join(done))


def template(name: str) -> llm.Template:
    """Return piste's template `name` in llm's form, with `$input` for the input.

    `name` is a rule with `-` or `_` (`code-review`), with or without `-gen`.
    Raises piste.errors.UserError for an unknown name (with the nearest one), and for
    a template that takes more or fewer than the one input that llm can give.
    """
    from piste.engine import templates
    from piste.system.errors import UserError, did_you_mean

    layers = _layers()
    rule = name.replace("-", "_").removesuffix("_gen")
    rule = _OTHER_NAMES.get(rule, rule)
    known = sorted({path.name.split(".")[0] for layer in layers for path in _files(layer)})
    if rule not in known:
        shown = [stem.replace("_", "-") for stem in known]
        near = did_you_mean(name, shown) or f"; there are {', '.join(shown)}"
        raise UserError(f"piste has no template {name!r}{near}")
    found = templates.load(rule + _SUFFIX, layers)
    if len(found.inputs) - found.optional != 1:
        raise UserError(f"{found.name} takes {len(found.inputs)} inputs and llm gives one")
    variables = {
        **dict.fromkeys((one + end for one in found.inputs[1:] for end in ("", "_path")), ""),
        found.inputs[0]: _SLOT,
        f"{found.inputs[0]}_path": "standard input",
        "target": "standard output",
        "focus": "",
        "language": "",
        "tests_first": True,
    }
    system, prompt = (
        text.replace("$", "$$").replace(_SLOT, "$input")
        for text in templates.render(found, variables)
    )
    return llm.Template(name=name, prompt=prompt, system=system)  # type: ignore[no-untyped-call]


def install() -> list[str]:
    """Write each built-in template as YAML into llm's folder; return what was done, in lines.

    A file that is there already is kept, and a template that needs more than one input to say
    something, such as that of a step, is left out. Raises OSError and UserError.
    """
    from piste.engine import templates
    from piste.system import atomic_write

    folder = llm.user_dir() / "templates"  # type: ignore[no-untyped-call]
    done = []
    layers = _layers()[-1:]
    for path in sorted(_files(layers[0])):
        found = templates.load(path.name, layers)
        if len(found.inputs) - found.optional != 1:
            continue
        rule = path.name.removesuffix(_SUFFIX)
        file = folder / f"{_INSTALLED_AS.get(rule, rule.replace('_', '-') + '-gen')}.yaml"
        if file.exists():
            done.append(f"kept {file}: it was there already; remove it to get piste's")
        else:
            atomic_write.write(file, _as_yaml(template(rule)).encode())
            done.append(f"wrote {file}")
    return done


def _layers() -> "tuple[Layer, ...]":
    from piste.engine import config, templates

    return templates.layers(Path(), "", config.own_folder())[1:]


def _files(layer: "Layer") -> Iterator[Path]:
    return layer.folder.glob("[!_]*" + _SUFFIX)


def _text_of(message: llm.Message) -> str:
    from llm.parts import TextPart

    return "".join(part.text for part in message.parts if isinstance(part, TextPart))


def _as_yaml(found: llm.Template) -> str:
    """The template as a person would write it: block text, system first."""
    import yaml  # type: ignore[import-untyped]  # llm reads its templates with it

    class Dumper(yaml.SafeDumper):  # type: ignore[misc]
        pass

    def block(dumper: Any, text: str) -> Any:
        style = "|" if "\n" in text else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, block)
    fields = {"system": found.system, "prompt": found.prompt}
    return str(yaml.dump(fields, Dumper=Dumper, sort_keys=False, allow_unicode=True))
