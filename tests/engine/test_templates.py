"""Templates: which layer wins, what they may hold, where a mistake is."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from piste.engine import templates
from piste.engine.templates import Layer
from piste.system.errors import UserError

FRONT = '+++\ninputs = ["spec"]\n+++\n'


@pytest.fixture
def where(tmp_path: Path) -> Sequence[Layer]:
    found = (Layer("prompts", tmp_path / "project"), Layer("mine", tmp_path / "mine"))
    for layer in found:
        layer.folder.mkdir()
    return found


def _put(layer: Layer, text: str | bytes, name: str = "a.md.j2") -> None:
    (layer.folder / name).write_bytes(text.encode() if isinstance(text, str) else text)


def _rendered(where: Sequence[Layer], text: str, **variables: object) -> str:
    _put(where[0], text)
    return templates.render(templates.load("a.md.j2", where), {"spec": "S", **variables})[1]


def test_the_nearest_file_wins(where: Sequence[Layer]) -> None:
    _put(where[1], "far")
    assert templates.load("a.md.j2", where).layer == "mine"
    _put(where[0], "near")
    found = templates.load("a.md.j2", where)
    assert (found.layer, found.body) == ("prompts", "near")


def test_the_layers_of_a_project(tmp_path: Path, own_home: Path) -> None:
    near, mine, built_in = templates.layers(tmp_path, "words", own_home)
    assert (near.folder, mine.folder) == (tmp_path / "words", own_home / "prompts")
    assert built_in.name == "built in"
    assert templates.load("spec.md.j2", (near, mine, built_in)).inputs == ("notes",)


def test_a_whole_template(where: Sequence[Layer]) -> None:
    _put(where[0], "[{{ target }}]", "_part.md.j2")
    _put(
        where[0],
        '+++\ndescription = "D"\ninputs = ["spec"]\nsettings = ["language"]\n'
        'system = """Be {{ language }}."""\n+++\nMake {% include "_part.md.j2" %} of {{ spec }}\n',
    )
    found = templates.load("a.md.j2", where)
    assert (found.description, found.inputs, found.settings) == ("D", ("spec",), ("language",))
    variables = {"spec": "{{ no }}", "language": "terse", "target": "x.md"}
    assert templates.render(found, variables) == ("Be terse.", "Make [x.md] of {{ no }}")


def test_every_word_is_in_the_digest_and_the_description_is_not(where: Sequence[Layer]) -> None:
    def digest(description: str, system: str, body: str, part: str) -> str:
        _put(where[0], part, "_part.md.j2")
        front = f'+++\ndescription = "{description}"\nsystem = "{system}"\n+++\n'
        _put(where[0], front + body + '{% include "_part.md.j2" %}')
        return templates.load("a.md.j2", where).digest

    first = digest("d", "s", "b", "p")
    assert digest("other", "s", "b", "p") == first
    others = [digest("d", "x", "b", "p"), digest("d", "s", "x", "p"), digest("d", "s", "b", "x")]
    assert len({first, *others}) == 4


def test_line_ends_are_not_in_the_digest(where: Sequence[Layer]) -> None:
    _put(where[0], FRONT + "a\nb")
    first = templates.load("a.md.j2", where)
    _put(where[0], b"\xef\xbb\xbf" + (FRONT + "a\nb").replace("\n", "\r\n").encode())
    assert templates.load("a.md.j2", where) == first


def test_the_fingerprint_changes_with_a_partial_of_a_partial(where: Sequence[Layer]) -> None:
    _put(where[0], '{% include "_b.md.j2" %}')
    _put(where[0], "{%- include '_c.md.j2' -%}", "_b.md.j2")
    _put(where[1], "far", "_c.md.j2")
    first = templates.fingerprint("a.md.j2", where)
    assert [p[:2] for p in templates.load("a.md.j2", where).partials] == [
        ("_b.md.j2", "prompts"), ("_c.md.j2", "mine"),
    ]  # fmt: skip
    _put(where[0], "near", "_c.md.j2")
    assert templates.fingerprint("a.md.j2", where) != first


@pytest.mark.parametrize("name", ["", "a", "../a.md.j2", "/etc/a.j2", "a/b.j2", ".a.j2", "a.j2\n"])
def test_a_name_that_is_no_templates(where: Sequence[Layer], name: str) -> None:
    with pytest.raises(UserError, match="is no name of a template"):
        templates.load(name, where)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("+++\ninputs = []\n", "a.md.j2 (prompts): the front matter begins with '+++' and never"),
        ("+++\ninputs = \n+++\n", "a.md.j2 (prompts): front matter: "),
        ("+++\ninput = []\n+++\n", "unknown 'input' in the front matter; did you mean 'inputs'?"),
        ("+++\ninputs = 'x'\n+++\n", "inputs must be a list of texts"),
        ("+++\ninputs = [1]\n+++\n", "inputs must be a list of texts"),
        ("+++\nsystem = 1\n+++\n", "system must be a text"),
        ("+++\nsettings = ['langage']\n+++\n", "no setting 'langage' for templates; did you mean"),
        ("+++\nsettings = [['x']]\n+++\n", "settings must be a list of texts"),
        ("{% include '_b.md.j2' %}", "no template '_b.md.j2' in prompts, mine"),
        ("{% include '../x.j2' %}", "'../x.j2' is no name of a template"),
        (b"a\n\xff", "a.md.j2 (prompts): byte 2 (line 2) is not UTF-8; save the file as UTF-8"),
    ],
)
def test_a_template_that_cannot_be_loaded(
    where: Sequence[Layer], text: str | bytes, said: str
) -> None:
    _put(where[0], text)
    with pytest.raises(UserError) as raised:
        templates.load("a.md.j2", where)
    assert said in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("one\n{{ spce }}", "line 5: there is no variable 'spce'; did you mean 'spec'?"),
        ("{{ spec.nothing }}", "line 4: 'str object' has no attribute 'nothing'"),
        ("{% if %}", "line 4: Expected an expression, got 'end of statement block'"),
        ("{{ spec }}\n\n{% for x in spec %}", "line 6: Unexpected end of template"),
        ("{{ 1 / 0 }}", "line 4: ZeroDivisionError: division by zero"),
        ("{{ spec + 1 }}", "line 4: TypeError: "),
        ("{{ spec.encode('nope') }}", "line 4: LookupError: unknown encoding: nope"),
        ("{{ spec.__class__.__mro__ }}", "line 4: access to attribute '__class__'"),
        ("{% for i in range(1000000000) %}{% endfor %}", "line 4: OverflowError: Range too big"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "RecursionError: "),
        ("{% include spec %}", "line 4: there is no template 'S'; write the name out"),
        ("{% extends 'a.md.j2' %}", "line 4: there is no template 'a.md.j2'; write"),
    ],
)
def test_a_mistake_in_a_template_is_named_to_the_line(
    where: Sequence[Layer], body: str, said: str
) -> None:
    with pytest.raises(UserError) as raised:
        _rendered(where, FRONT + body)
    assert said in str(raised.value)
    assert str(raised.value).startswith("a.md.j2 (prompts), line ")
    assert len(str(raised.value).splitlines()) == 1


def test_a_mistake_in_the_system_text(where: Sequence[Layer]) -> None:
    with pytest.raises(UserError, match=r"^a.md.j2 \(prompts\), system text, line 2: there is no"):
        _rendered(where, '+++\nsystem = """\none\n{{ spce }}"""\n+++\n')


def test_a_mistake_in_a_partial(where: Sequence[Layer]) -> None:
    _put(where[0], "one\n{{ spce }}", "_b.md.j2")
    with pytest.raises(UserError, match=r"^_b.md.j2, line 2: there is no variable 'spce'"):
        _rendered(where, '{% include "_b.md.j2" %}')


def test_partials_that_include_each_other(where: Sequence[Layer]) -> None:
    _put(where[0], '{% include "_c.md.j2" %}', "_b.md.j2")
    _put(where[0], '{% include "_b.md.j2" %}', "_c.md.j2")
    with pytest.raises(UserError, match=r"_[bc].md.j2, line 1: RecursionError: "):
        _rendered(where, '{% include "_b.md.j2" %}')


def test_what_an_input_says_is_not_carried_out(where: Sequence[Layer]) -> None:
    text = "{{ 1 / 0 }} {% include 'x' %} {# c #} <b>&amp;</b>"
    assert _rendered(where, "{{ spec }}", spec=text) == text


def test_a_folder_in_place_of_a_template(where: Sequence[Layer]) -> None:
    (where[0].folder / "a.md.j2").mkdir()
    with pytest.raises(UserError, match=r"a\.md\.j2: the template cannot be read: Is a directory"):
        templates.load("a.md.j2", where)


def test_the_nearest_name_of_a_template_that_is_not_there(where: Sequence[Layer]) -> None:
    _put(where[1], "", "plan.md.j2")
    with pytest.raises(
        UserError, match=r"no template 'paln.md.j2' in .*; did you mean 'plan.md.j2'"
    ):
        templates.load("paln.md.j2", where)


# Each takes all time or memory there is, where nothing bounds it.
GREEDY = {
    "loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "words": "{{ lipsum(10**7) }}",
    "a power": "{{ 10 ** (10 ** 9) }}",
    "a text": "{{ 'x' * (3 * 10**9) }}",
    "a list": "{{ [0] * 10**10 }}",
    "a wide text": "{{ 'x'.center(5 * 10**9) }}",
    "a format": "{{ '%9999999999d' % 1 }}",
    "another format": "{{ '{:>4000000000}'.format(1) }}",
    "indents": "{{ ('a\n' * 10**5)|indent(10**6) }}",
    "replaced": "{{ ('a' * 10**6).replace('a', 'a' * 10**6) }}",
    "doubled": "{% set n = namespace(t='xx') %}{% for i in range(60) %}{% set n.t = n.t ~ n.t %}"
    "{% endfor %}{{ n.t }}",
    "a macro": "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(1) }}",
    "macros": "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}"
    "{{ m(60) }}",
    "itself": "{% include 'a.md.j2' %}",
    "sorted": "{{ range(99999)|map('string')|list|batch(1)|list * 99999 }}",
    "much": "{% for a in range(90) %}{{ 'x' * 10**6 }}{% endfor %}",
    "deep": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
}


@pytest.mark.parametrize("text", GREEDY.values(), ids=GREEDY)
def test_a_template_has_its_share_of_time_and_memory(where: Sequence[Layer], text: str) -> None:
    with pytest.raises(UserError) as said:
        _rendered(where, text)
    assert "a.md.j2" in str(said.value)
    assert len(str(said.value)) < 400
    assert "\n" not in str(said.value)
    assert _rendered(where, "next: {{ spec }}") == "next: S"  # and the next one works


@pytest.mark.parametrize(
    "text",
    [
        "{% import 'os' as x %}", "{% extends '../a.md.j2' %}", "{% include '/etc/passwd' %}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ lipsum.__globals__['os'].environ }}",
        "{{ self.__init__.__globals__ }}", "{{ cycler.__init__.__globals__.os }}",
        "{{ spec|attr('__class__') }}", "{{ '{0.__class__}'.format(spec) }}",
        "{{ spec.__class__.__base__ }}", "{{ namespace.__init__ }}",
        "{% include ['..', '/dev/zero'] %}", "{% from 'posix' import system %}",
    ],
)  # fmt: skip
def test_a_template_reaches_nothing_outside(where: Sequence[Layer], text: str) -> None:
    with pytest.raises(UserError, match=r"a\.md\.j2|no template|no name of a template"):
        _rendered(where, text)


def test_what_is_large_and_given_is_no_ones_fault(where: Sequence[Layer]) -> None:
    large = "word " * 4_000_000
    assert _rendered(where, "{{ spec }}{{ spec }}", spec=large).startswith("word")
