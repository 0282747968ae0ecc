"""`piste prompt`: the prompt of a target as it would be sent, and where each part is from.

The prompt goes to stdout, what is said about it to stderr. It changes no byte.
"""

import sys
from collections.abc import Sequence

from piste import freshness, make, project, tokens
from piste.commands import common
from piste.freshness import World
from piste.rules import Rule


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("prompt", __doc__.split("\n")[0].partition(": ")[2])
    parser.add_argument("target", metavar="T", help="a target or the name of its rule")
    args = parser.parse_args(argv)
    world = project.here()
    (rule,) = common.chosen(world, [args.target])
    system, prompt = make.rendered(world, rule, make.read_inputs(world, rule))
    size = tokens.count(system) + tokens.count(prompt)
    parts = origins(world, rule)
    if args.json:
        common.print_json({"target": rule.target, "system": system, "prompt": prompt,
                           "tokens": size, "origins": parts})  # fmt: skip
        return 0
    print(f"{size:,} tokens ({tokens.ENCODING})", file=sys.stderr)
    for part, where in parts.items():
        print(f"  {part}: {where}", file=sys.stderr)
    if system:
        print(f"[system]\n{system}\n\n[prompt]")
    print(prompt)
    return 0


def origins(world: World, rule: Rule) -> dict[str, str]:
    """Return the layer that each part of the prompt comes from."""
    template = world.memo.template(rule.prompt, world.layers)
    found = {template.name: template.layer}
    found.update({name: layer for name, layer, _ in template.partials})
    for name in freshness.chosen_inputs(world, rule):
        found[name] = "input"
    for setting in (*template.settings, "model"):
        layer = world.config.origins.get(setting, "built in")
        if setting == "model" and rule.model:
            layer = world.config.origins.get(f"rules.{rule.name}", "built in")
        value = rule.model if setting == "model" and rule.model else getattr(world.config, setting)
        found[f"{setting} = {value!r}"] = layer
    return found
