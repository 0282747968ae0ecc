"""Amending what is made of a bundle: reviews, their issues and prompts, a README.

A model is not sent the repository again. It gets what changed in the bundle, the passages around
that, and the document; findings whose lines are as they were are shown by their heads and may not
be touched, and lines that only moved have been renumbered before it sees them. All that is worked
out here from texts. How a reply is laid over a text is `documents.amendment`'s, what the sections
of a document are `documents.reported`'s. It asks no model and writes nothing.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from piste.engine import decisions, templates
from piste.engine.rules import Rule
from piste.system import project_files
from piste.system.errors import PisteError

if TYPE_CHECKING:
    from piste.bundle.changes import Changes
    from piste.documents.amendment import Frozen
    from piste.documents.findings import Place
    from piste.documents.reported import Finding
    from piste.engine.world import World

NEAR = 10  # lines around those of a finding: a change there may have mended it
_PREFIXES = {"code_review": "F", "github_issues": "I", "issue_prompts": "P", "missing_tests": "T"}


class Ground(NamedTuple):
    """The text that a document is amended in, and what of it may not change."""

    base: str  # digest of the text that stands
    text: str  # what the edits are found in
    frozen: "tuple[Frozen, ...]" = ()
    held: "tuple[Finding, ...]" = ()  # findings that are frozen
    open: "tuple[Finding, ...]" = ()  # findings that may change
    last: int = 0  # the highest number that a finding has had
    passages: bool = False  # whether of the bundle only what changed is sent


def bundle_of(world: "World", rule: Rule) -> str:
    """Return the input of a rule that is a bundle, or ""."""
    names = [name for names in rule.inputs for name in names]
    return next((name for name in names if world.kinds.get(name) == "raw"), "")


def source_of(world: "World", rule: Rule) -> Rule | None:
    """Return the rule whose findings this one is about, one by one: that of its second input."""
    if not bundle_of(world, rule):
        return None
    names = {name for names in rule.inputs for name in names}
    return next((one for one in world.rules.values() if one.target in names and finds(one)), None)


def reports(world: "World", rule: Rule) -> bool:
    """Whether the document of a rule is one of findings about a bundle."""
    if not bundle_of(world, rule):
        return False
    return finds(rule) or (rule.kind == "plan" and source_of(world, rule) is not None)


def counts(world: "World", rule: Rule) -> bool:
    """Whether new findings of a rule's document get their ids from us."""
    return reports(world, rule) and source_of(world, rule) is None


def finds(rule: Rule) -> bool:
    """Whether a document is one of findings, about whatever."""
    return rule.check in ("review", "issues")


def prefix(world: "World", rule: Rule) -> str:
    """Return the letters of the ids in a rule's document; a source's ids are taken over."""
    if source := source_of(world, rule):
        return prefix(world, source)
    words = rule.name.upper().split("_")
    own = "".join(word[:1] for word in words) if words[1:] else words[0][:2]
    return _PREFIXES.get(rule.name) or re.sub(r"[^A-Z]", "", own)[:3] or "F"


# ------------------------------------------------------------------ what changed


def changes(world: "World", rule: Rule, before: Mapping[str, str]) -> "Changes | None":
    """Return what is other in the bundle than when the document was made.

    `before` are the digests of the inputs at that time. None where the bundle of then, or that
    of now, is not to be had.
    """
    from piste.bundle import changes as bundles

    name = bundle_of(world, rule)
    old, new = _kept(world, before.get(name, "")), _present(world, name)
    return bundles.between(old, new) if old and new else None


def _kept(world: "World", digest: str) -> str:
    data = world.store.text(digest) if digest else None
    return "" if data is None else data.decode("utf-8", "replace").replace("\r\n", "\n")


def _present(world: "World", name: str) -> str:
    try:
        data = project_files.read(world.root, name, world.config.max_input)
    except (OSError, PisteError):
        return ""
    return data.decode("utf-8", "replace").replace("\r\n", "\n")


class Source(NamedTuple):
    """The document that another one is made from, finding by finding."""

    old: str
    new: str
    same: "Mapping[str, Finding]"  # by id, as they were: those that say today what they said


def source(
    world: "World", rule: Rule, before: Mapping[str, str], change: "Changes"
) -> Source | None:
    """Return the rule's source as it was and as it is; None where it has none, or none is known."""
    one = source_of(world, rule)
    if one is None:
        return None
    old, new = _kept(world, before.get(one.target, "")), _present(world, one.target)
    if not old or not new:
        return None
    from piste.documents import reported

    letters = prefix(world, one)
    was = {each.id: each for each in reported.of(old, change.old, letters) if each.id}
    same = {
        each.id: was[each.id]
        for each in reported.of(new, change.new, letters)
        if each.id in was and _says(new, each) == _says(old, was[each.id])
    }
    return Source(old, new, same)


def _says(text: str, found: "Finding") -> str:
    """What a finding says, whatever the numbers of its lines are."""
    from piste.documents import reported

    head, *rest = reported.section(text, found).split("\n")
    fields = found.fold - found.start - 1
    return "\n".join([head, *(re.sub(r"\d+", "0", line) for line in rest[:fields]), *rest[fields:]])


# ------------------------------------------------------------------ the text that is amended


def ground(world: "World", rule: Rule, base: str, text: str, before: Mapping[str, str]) -> Ground:
    """Return the text that a reply is laid over: that of `base`, its lines renumbered.

    `before` are the digests of the inputs that it was made from.
    """
    change = changes(world, rule, before) if bundle_of(world, rule) else None
    if change is None or not reports(world, rule):
        return Ground(base, text, passages=change is not None)
    from piste.bundle import changes as bundles
    from piste.documents import reported
    from piste.documents.amendment import Frozen

    letters = prefix(world, rule)
    last = _last(world, text, letters)
    text = _without_decided(world, reported.bare(text), letters)
    found = reported.of(text, change.old, letters)
    from_source = source(world, rule, before, change)
    chained = source_of(world, rule) is not None
    words = bundles.changed_words(change)
    held = {
        each.start for each in found
        if _is_as_it_was(change, each, from_source, chained)
        and not (_is_about_tests(text, each) and words & reported.words(text, each))
    }  # fmt: skip
    text = reported.moved(text, found, change.old, change.moved)
    lines = text.split("\n")
    now = reported.of(text, change.new, letters)
    frozen = []
    for each in now:
        if each.start in held:
            end = _filled(lines, each.start, each.end)
            folded = each.fold if end - each.fold > 1 else -1
            frozen.append(Frozen(each.start, end, each.name, folded))
    return Ground(
        base, text, tuple(frozen), tuple(each for each in now if each.start in held),
        tuple(each for each in now if each.start not in held), last, passages=True,
    )  # fmt: skip


def _filled(lines: Sequence[str], start: int, end: int) -> int:
    """The row after the last that is not blank."""
    while end > start + 1 and not lines[end - 1].strip():
        end -= 1
    return end


def _is_as_it_was(
    change: "Changes", found: "Finding", from_source: Source | None, chained: bool
) -> bool:
    """Whether the lines of a finding are as they were, and what it was made from says the same."""
    places = found.places
    if chained:
        origin = from_source.same.get(found.id) if from_source else None
        if origin is None:
            return False
        places = (*places, *origin.places)
    return bool(places) and not any(_is_touched(change, place) for place in places)


def _is_touched(change: "Changes", place: "Place") -> bool:
    if place.path not in change.old:
        return place.path in change.new  # it was to be made, and has been
    if place.path in change.parts and not place.ranges:
        return True
    return any(change.touched(place.path, a, b, NEAR) for a, b in place.ranges)


def _is_about_tests(text: str, found: "Finding") -> bool:
    """Whether a finding is about tests that are missing: what mends it is elsewhere."""
    from piste.documents import findings, reported

    labels = findings.fields(reported.section(text, found), "labels?|tags?")
    return any(re.search(r"\btests?\b", label) for label in labels)


def is_settled(world: "World", rule: Rule, on: Ground, before: Mapping[str, str]) -> bool:
    """Whether nothing of a document can change, so that no model has to be asked.

    That is so where it is made finding by finding of another one that says what it said, and the
    code of each is as it was. A template of somebody's own may ask for more than ours does.
    """
    change = changes(world, rule, before) if on.passages and on.held and not on.open else None
    known = source(world, rule, before, change) if change else None
    one = source_of(world, rule)
    if change is None or known is None or one is None:
        return False
    from piste.documents import reported

    letters = prefix(world, one)
    old = {each.id for each in reported.of(known.old, change.old, letters)}
    new = {each.id for each in reported.of(known.new, change.new, letters)}
    ours = world.stat_cache.template(rule.prompt, world.layers).layer == templates.BUILT_IN
    return ours and old == new == set(known.same)


def narrowed(
    world: "World", rule: Rule, texts: Sequence[tuple[str, str]], on: Ground,
    before: Mapping[str, str],
) -> list[tuple[str, str]]:  # fmt: skip
    """Return the inputs as they are sent to amend: of a bundle and a source what is concerned.

    `texts` are pairs of path and text, in the rule's order.
    """
    from piste.bundle import changes as bundles

    name, one = bundle_of(world, rule), source_of(world, rule)
    change = changes(world, rule, before) if on.passages else None
    if change is None:
        return [*texts]
    also: dict[str, set[int]] = {}
    for each in on.open:
        for place in each.places:
            if place.path in change.new:
                numbers = {number for ends in place.ranges for number in ends}
                also.setdefault(place.path, set()).update(numbers)
    found: list[tuple[str, str]] = []
    for path, text in texts:
        if path == name:
            found.append((path, bundles.excerpt(text, change, also, templates.is_guide)))
        elif one is not None and path == one.target:
            found.append((path, _source_folded(world, rule, text, before, change)))
        else:
            found.append((path, text))
    return found


def _source_folded(
    world: "World", rule: Rule, text: str, before: Mapping[str, str], change: "Changes"
) -> str:
    """The source with the findings that say what they said shown by their heads."""
    from piste.documents import amendment, reported

    known, one = source(world, rule, before, change), source_of(world, rule)
    if known is None or one is None:
        return text
    lines = text.split("\n")
    frozen = []
    for each in reported.of(text, change.new, prefix(world, one)):
        end = _filled(lines, each.start, each.end)
        if each.id in known.same and end - each.fold > 1:
            frozen.append(amendment.Frozen(each.start, end, each.name, each.fold))
    return amendment.shown(text, "", frozen)


# ------------------------------------------------------------------ what a reply comes to


def put_back(world: "World", rule: Rule, on: Ground, text: str, files: Mapping[str, str]) -> str:
    """Return a document that was written whole, with what may not change as it was."""
    from piste.documents import reported

    if not on.held:
        return text
    found = reported.of(text, files, prefix(world, rule))
    return reported.put_back(text, found, on.text, on.held)


def amended(world: "World", rule: Rule, on: Ground, text: str, files: Mapping[str, str]) -> str:
    """Return a document with the edits of a reply in it, its findings numbered.

    Raises Malformed where a finding is other that has to stay.
    """
    if not reports(world, rule):
        return text
    from piste.documents import reported
    from piste.documents.edits import Malformed

    letters = prefix(world, rule)
    found = reported.of(text, files, letters)
    if other := next(reported.changed(on.text, on.held, text, found), ""):
        raise Malformed(f"an edit changes {other}, which has to stay as it is")
    known = {each.id for each in (*on.held, *on.open) if each.id}
    text = _without_declined(world, text, known, letters, files)
    return _numbered(world, rule, text, known, on.last)


def anew(world: "World", rule: Rule, text: str, earlier: str, files: Mapping[str, str]) -> str:
    """Return a document that was written whole, its findings numbered.

    `earlier` is the text of before: what is in it keeps its id, and no number is given again.
    """
    if not reports(world, rule):  # one of something else, that has no ids
        return _without_declined(world, text, (), "", files) if finds(rule) else text
    from piste.documents import reported

    letters = prefix(world, rule)
    old = reported.of(earlier, files, letters)
    last = _last(world, earlier, letters)
    if counts(world, rule):
        text = reported.renamed(text, letters, files, old) if old else _unnumbered(text, letters)
    known = {each.id for each in old if each.id}
    text = _without_decided(world, text, letters)
    text = _without_declined(world, text, known, letters, files)
    return _numbered(world, rule, text, known, last)


def _unnumbered(text: str, letters: str) -> str:
    """A first document: what numbers a model gave are not ids."""
    from piste.documents import reported

    return reported.renamed(text, letters, {}, [])


def _numbered(world: "World", rule: Rule, text: str, known: Collection[str], last: int) -> str:
    from piste.documents import reported

    letters, own = prefix(world, rule), counts(world, rule)
    said = decided(world, rule)
    return reported.numbered(text, letters, known, last, given=not own, decided=said)


# ------------------------------------------------------------------ the team's word


def _decided(world: "World", letters: str) -> list[decisions.Decision]:
    return [one for one in decisions.load(world.root) if one.id.rstrip("0123456789") == letters]


def _last(world: "World", text: str, letters: str) -> int:
    """The highest number that is taken: in the document, or by a finding that is gone from it."""
    from piste.documents import reported

    given = reported.highest(text, reported.of(text, {}, letters))
    return max(given, decisions.highest(decisions.load(world.root), letters))


def _without_decided(world: "World", text: str, letters: str) -> str:
    """The text without the findings that the team has decided on, by their ids."""
    from piste.documents import reported

    gone = {one.id for one in _decided(world, letters)}
    if not gone:
        return text
    return reported.without(text, [one for one in reported.of(text, {}, letters) if one.id in gone])


def _without_declined(
    world: "World", text: str, known: Collection[str], letters: str, files: Mapping[str, str]
) -> str:
    """The text without new findings that the team has declined before, in whatever words."""
    from piste.documents import reported

    said = [one for one in decisions.load(world.root) if one.word == decisions.DECLINED]
    if not said:
        return text
    gone = [
        each for each in reported.of(text, files, letters)
        if each.id not in known and any(decisions.concerns(one, each) for one in said)
    ]  # fmt: skip
    return reported.without(text, gone)


def without_one(world: "World", rule: Rule, text: str, found: "Finding") -> str:
    """Return a document without one of its findings, on which the team has just decided."""
    from piste.documents import reported

    letters = prefix(world, rule)
    last = _last(world, text, letters)
    known = {each.id for each in reported.of(text, {}, letters) if each.id}
    return _numbered(world, rule, reported.without(reported.bare(text), [found]), known, last)


def decided(world: "World", rule: Rule) -> str:
    """Return on how many findings of a rule's document the team has decided; "" for none."""
    if not counts(world, rule):
        return ""
    return decisions.phrase(_decided(world, prefix(world, rule)))


def told(world: "World", rule: Rule) -> str:
    """Return what a model is told of the team's word on earlier findings, or ""."""
    said = _decided(world, prefix(world, rule)) if counts(world, rule) else []
    if finds(rule) and not bundle_of(world, rule):
        said = decisions.load(world.root)
    if not said:
        return ""
    lines = [
        f"- {one.id}, {one.word}: {one.title} ({', '.join(one.places)})"
        + (f". The team says: {one.why}" if one.why else "")
        for one in said
    ]
    material = "\n".join(" ".join(line.split()) for line in lines)
    tag = templates.tag(material, "decided")
    return (
        f"The team has decided on these findings of before:\n\n<{tag}>\n{material}\n</{tag}>\n\n"
        "Do not report again what was declined, in whatever words. What was fixed is reported only "
        "if you see in the code that it is not."
    )
