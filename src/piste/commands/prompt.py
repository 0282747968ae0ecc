"""`piste prompt`: the prompt of a target as it would be sent, and where each part is from.

With --at it is the prompt of an older version, as it was sent then. The prompt goes to stdout,
what is said about it to stderr. It changes no byte.
"""

import os
from collections.abc import Sequence

from piste.commands import common, restore
from piste.engine import freshness, make, project, sent, upstream
from piste.engine.rules import Rule
from piste.engine.world import World
from piste.model import tokens
from piste.system import screen
from piste.system.errors import UserError


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("prompt", __doc__)
    common.add_target(parser)
    which = "the prompt that version N of `piste restore T --list` was made by"
    parser.add_argument("--at", type=int, default=0, metavar="N", help=which)
    args = parser.parse_args(argv)
    world = project.here()
    (rule,) = common.chosen(world, [args.target])
    if args.at:
        return _of_version(world, rule, args.at, args.json)
    _inputs_there(world, rule)
    system, prompt = make.rendered(world, rule, make.read_inputs(world, rule))
    size = tokens.count(system) + tokens.count(prompt)
    parts = origins(world, rule)
    if args.json:
        common.print_json({"target": rule.target, "system": system, "prompt": prompt,
                           "tokens": size, "origins": parts})  # fmt: skip
        return 0
    about = [f"{size:,} tokens ({tokens.ENCODING})"]
    about += [f"  {line}" for line in common.table(list(parts.items()))]
    screen.say("\n".join(about))
    screen.out(_shown(system, prompt))
    return 0


def _shown(system: str, prompt: str) -> str:
    return f"[system]\n{system}\n\n[prompt]\n{prompt}" if system else prompt


def _of_version(world: World, rule: Rule, number: int, as_json: bool) -> int:
    """Show the prompt that an older text was made by, as it was sent."""
    version = restore.numbered(world, rule, number)
    found = sent.read(world.store, version.prompt)
    when = f" on {common.when(version.date)} UTC" if version.date else ""
    if found is None:
        why = "its prompt is not in the store" if version.made else "no prompt made that text"
        raise UserError(f"{rule.target}, version {number}: {version.event}{when}; {why}")
    size = tokens.count(found.system) + tokens.count(found.prompt)
    if as_json:
        common.print_json({
            "target": rule.target, "at": number, "date": version.date, "model": version.model,
            "system": found.system, "prompt": found.prompt, "tokens": size,
            "inputs": found.inputs, "missing": found.missing,
        })  # fmt: skip
        return 0
    about = f"{rule.target}, version {number}: sent to {version.model}{when}, "
    screen.say(screen.safe(f"{about}{size:,} tokens ({tokens.ENCODING})"))
    for path in found.missing:
        screen.say(screen.safe(f"  the store no longer has the text that {path} had then"))
    screen.out(_shown(found.system, found.prompt))
    return 0


def origins(world: World, rule: Rule) -> dict[str, str]:
    """Return the layer that each part of the prompt comes from."""
    template = world.stat_cache.template(rule.prompt, world.layers)
    found = {template.name: template.layer}
    found.update({name: layer for name, layer, _ in template.partials})
    for name in freshness.chosen_inputs(world, rule):
        found[name] = "input"
    for setting in template.settings:
        value = getattr(world.config, setting)
        found[f"{setting} = {_as_set(value)}"] = world.config.origins.get(setting, "built in")
    model, layer = world.config.model, world.config.origins.get("model", "llm's default")
    if rule.model:
        model, layer = rule.model, world.config.origins.get(f"rules.{rule.name}", "built in")
    found[f"model = {_as_set(model)}"] = layer
    return found


def _as_set(value: object) -> str:
    """A value as it stands in a settings file."""
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'


def _inputs_there(world: World, rule: Rule) -> None:
    for path in freshness.chosen_inputs(world, rule):
        if not os.path.lexists(world.root / path):
            (decision,) = upstream.decide(world, [rule])
            step = common.next_step(world, decision)
            raise UserError(f"{rule.target}: {path} is missing{f'; {step}' if step else ''}")
