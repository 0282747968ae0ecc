"""The settings: which layer wins, and what each mistake is told as."""

import json
import re
from pathlib import Path

import pytest

from piste.engine import caps, config, project, rules
from piste.engine.config import Config
from piste.system.errors import UserError


def _write(root: Path, text: str, name: str = "piste.toml") -> Path:
    (root / name).write_text(text)
    return root


def test_nothing_is_set(tmp_path: Path) -> None:
    found = config.load(tmp_path)
    assert found == Config(rules=found.rules)
    assert set(found.rules) == set(rules.BUILT_IN)


def test_the_layers(tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = own_home / ".config" / "piste"
    mine.mkdir(parents=True)
    _write(mine, 'model = "a"\nlanguage = "a"\nretries = 1\nin_flight = 1\noptions.x = 1')
    _write(tmp_path, 'model = "b"\nlanguage = "b"\nretries = 2\noptions.y = 2')
    monkeypatch.setenv("PISTE_LANGUAGE", "c")
    monkeypatch.setenv("PISTE_RETRIES", "3")
    found = config.load(tmp_path, {"retries": "4"})
    assert (found.in_flight, found.model, found.language, found.retries) == (1, "b", "c", 4)
    assert found.options == {"x": 1, "y": 2}
    assert found.origins == {
        "in_flight": str(mine / "piste.toml"),
        "model": "piste.toml",
        "language": "PISTE_LANGUAGE",
        "retries": "--retries",
        "options": "piste.toml",
    }


def test_a_table_of_a_rule_is_laid_over_another_key_by_key(tmp_path: Path, own_home: Path) -> None:
    mine = own_home / ".config" / "piste"
    mine.mkdir(parents=True)
    _write(mine, '[rules.plan]\nmodel = "a"\ntarget = "a.md"')
    _write(tmp_path, '[rules.plan]\ntarget = "b.md"')
    plan = config.load(tmp_path).rules["plan"]
    assert (plan.model, plan.target) == ("a", "b.md")


@pytest.mark.parametrize(
    ("where", "pinned"),
    [("nowhere", False), ("mine", False), ("project", True), ("variable", True), ("flag", True)],
)
def test_who_pins_the_model(
    tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch, where: str, pinned: bool
) -> None:
    mine = own_home / ".config" / "piste"
    mine.mkdir(parents=True)
    if where == "mine":
        _write(mine, 'model = "m"')
    if where == "project":
        _write(tmp_path, 'model = "m"')
    if where == "variable":
        monkeypatch.setenv("PISTE_MODEL", "m")
    found = config.load(tmp_path, {"model": "m"} if where == "flag" else {})
    assert found.model_pinned == pinned
    assert found.model == ("" if where == "nowhere" else "m")


def test_settings_in_pyproject(tmp_path: Path) -> None:
    _write(tmp_path, '[project]\nname = "x"\n[tool.piste]\nmodel = "m"\n', "pyproject.toml")
    assert config.load(tmp_path).model == "m"


def test_a_pyproject_without_our_table_is_nobodys_settings(tmp_path: Path) -> None:
    _write(tmp_path, "# see [tool.piste]\n[tool.pistestrap]\nx = 1\n", "pyproject.toml")
    _write(tmp_path, 'model = "m"')
    assert config.load(tmp_path).model == "m"
    assert project.root_of(tmp_path) == tmp_path


def test_a_byte_order_mark_is_no_setting(tmp_path: Path) -> None:
    (tmp_path / "piste.toml").write_bytes(b'\xef\xbb\xbfmodel = "m"\r\n')
    assert config.load(tmp_path).model == "m"


def test_settings_in_two_places(tmp_path: Path) -> None:
    _write(tmp_path, "[tool.piste]\n", "pyproject.toml")
    _write(tmp_path, "")
    with pytest.raises(UserError, match=r"in piste.toml and in \[tool.piste\] of pyproject.toml"):
        config.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("modle = 'x'", "piste.toml: unknown setting 'modle'; did you mean 'model'?"),
        ("model = 3", "piste.toml: model must be a text, not 3"),
        ("tests_first = 1", "tests_first must be true or false, not 1"),
        ("deadline = true", "deadline must be a whole number, not True"),
        ("deadline = 1.5", "deadline must be a whole number, not 1.5"),
        ("deadline = 0", "deadline must be at least 1, not 0"),
        ("retries = -1", "retries must be at least 0, not -1"),
        ("options = 3", "options must be a table, not 3"),
        ("options.seed = 2026-01-01", "options may hold texts, numbers, true, false, lists"),
        ("options.t = nan", "options may hold texts, numbers, true, false, lists"),
        ("options.a = [{b = inf}]", "options may hold texts, numbers, true, false, lists"),
        ("rules = 3", "rules must be a table, not 3"),
        ("rules.plan = 3", "rules.plan must be a table, not 3"),
        ("rules.plan.taget = 'x'", "'taget' in [rules.plan]; did you mean 'target'?"),
        ("rules.plan.inputs = 'x'", "rules.plan.inputs must be a list of texts, not 'x'"),
        ("rules.plan.inputs = [1]", "rules.plan.inputs must be a list of texts, not [1]"),
        ("rules.plan.kind = 'x'", 'rules.plan.kind: use "plan", "todo" or leave it out'),
        ("rules.plan.options.x = 2026-01-01", "rules.plan.options may hold texts"),
        ("rules.a-b.target = 'x'", "rules.'a-b': use letters, digits and _ in a rule's name"),
        ("writes = 'src'", "writes must be a list of texts, not 'src'"),
        ("attempts = 0", "attempts must be at least 1, not 0"),
        ("land = 'no'", "land must be true or false, not 'no'"),
        ("agents = 'claude'", "agents must be a table, not 'claude'"),
        (
            "agents.x.comand = 'a'",
            "unknown setting 'comand' in [agents.x]; did you mean 'command'?",
        ),
        ("agents.x.command = ['a']", "agents.x.command must be a text, not ['a']"),
        ("bundle.budgt = 1", "unknown setting 'budgt' in [bundle]; did you mean 'budget'?"),
        ("bundle.budget = 'x'", "bundle.budget must be a whole number, not 'x'"),
        ("model = ", "piste.toml: not valid TOML: "),
        ("model = 'a'\nmodel = 'b'", "piste.toml: not valid TOML: "),
        ("a = " + "[" * 9000, "piste.toml: "),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError) as raised:
        config.load(_write(tmp_path, text))
    assert said in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_settings_that_are_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "piste.toml").write_bytes(b'model = "\xff"\n')
    with pytest.raises(UserError, match=r"^piste.toml: byte 9 is not UTF-8"):
        config.load(tmp_path)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("PISTE_DEADLINE", "soon", "PISTE_DEADLINE: must be a whole number, not 'soon'"),
        ("PISTE_DEADLINE", "0", "PISTE_DEADLINE: deadline must be at least 1, not 0"),
        ("PISTE_TESTS_FIRST", "maybe", "PISTE_TESTS_FIRST: must be true or false, not 'maybe'"),
    ],
)
def test_variables_that_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UserError) as raised:
        config.load(tmp_path)
    assert str(raised.value) == said


@pytest.mark.parametrize(("value", "on"), [("no", False), ("0", False), ("True", True)])
def test_a_variable_that_is_true_or_false(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, on: bool
) -> None:
    monkeypatch.setenv("PISTE_TESTS_FIRST", value)
    assert config.load(tmp_path).tests_first is on


def test_a_flag_that_is_no_setting(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--modle: no such setting; did you mean 'model'"):
        config.load(tmp_path, {"modle": "x"})


class _Cache(dict[str, object]):
    """A cache that counts what is put into it, as plain data."""

    def put(self, key: str, value: object) -> None:
        self[key] = value


def test_large_settings_are_remembered_by_their_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = "".join(
        f'[rules.r{n}]\ntarget = "{n}.md"\ninputs = ["@spec"]\nprompt = "x.md.j2"\n'
        f"options.n = {n}\n"
        for n in range(200)
    )
    _write(tmp_path, 'model = "a"\n' + tables)
    cache = _Cache()
    first = config.load(tmp_path, None, cache)
    monkeypatch.setattr("tomllib.loads", lambda _: pytest.fail("parsed again"))
    assert config.load(tmp_path, None, cache) == first
    assert config.load(tmp_path, {"model": "b"}, cache).model == "b"
    assert config.load(tmp_path, None, cache) == first
    monkeypatch.undo()
    _write(tmp_path, 'model = "c"\n' + tables)
    assert config.load(tmp_path, None, cache).model == "c"
    assert len(cache) == 2
    assert json.dumps(list(cache.values()))


def test_command_lines_of_agents_are_laid_over_each_other_field_by_field(
    project: Path, own_home: Path
) -> None:
    personal = own_home / ".config/piste"
    personal.mkdir(parents=True)
    (personal / "piste.toml").write_text("[agents.x]\ncommand = 'x --mine'\nmodel = 'small'\n")
    (project / "piste.toml").write_text("agent = 'x'\n[agents.x]\nmodel = 'large'\n")
    found = config.load(project)
    assert (found.agent, dict(found.agents)) == (
        "x", {"x": {"command": "x --mine", "model": "large"}},
    )  # fmt: skip
    assert found.origins["agents.x"] == "piste.toml"


def test_a_clone_can_be_stricter_about_secrets_than_oneself_and_not_laxer(
    project: Path, own_home: Path
) -> None:
    personal = own_home / ".config/piste"
    personal.mkdir(parents=True)
    (personal / "piste.toml").write_text('secrets = "refuse"\nsecret_patterns = ["mine"]\n')
    (project / "piste.toml").write_text('secrets = "mask"\nsecret_patterns = ["theirs"]\n')

    found = config.load(project)

    assert found.secrets == "refuse"
    assert found.secret_patterns == found.bundle.secret_patterns == ("mine", "theirs")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('secrets = "off"', 'secrets must be "mask" or "refuse", not \'off\''),
        ("secret_patterns = ['(?=x)']", "secret_patterns: '(?=x)' is no pattern of RE2: "),
        ("secret_allow = ['[']", "secret_allow: '[' is no pattern of RE2: "),
        ("bundle.secret_allow = []", "unknown setting 'secret_allow' in [bundle]"),
    ],
)
def test_a_wrong_setting_about_secrets_is_named(project: Path, line: str, said: str) -> None:
    (project / "piste.toml").write_text(line)

    with pytest.raises(UserError) as raised:
        config.load(project)

    assert said in str(raised.value)


def test_a_budget_may_be_a_number(tmp_path: Path) -> None:
    (tmp_path / "piste.toml").write_text("budget = 2\nbudget_day = 0.5\n")
    found = config.load(tmp_path)
    assert caps.parse(found.budget, "budget") == caps.Cap(dollars=2.0)
    assert caps.parse(found.budget_day, "budget_day") == caps.Cap(dollars=0.5)
    (tmp_path / "piste.toml").write_text("budget = true\n")
    with pytest.raises(UserError, match="budget must be a text"):
        config.load(tmp_path)


def test_a_variable_that_sets_nothing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PISTE_MODLE", "outline")
    config.load(tmp_path)
    config.load(tmp_path)
    said = "PISTE_MODLE is set, and is no setting of piste's; did you mean 'PISTE_MODEL'?\n"
    assert capsys.readouterr().err == said


def test_every_variable_that_the_code_reads_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    house = Path(config.__file__).parents[1]
    read = {name for path in house.rglob("*.py") for name in
            re.findall(r"\"(PISTE_[A-Z_]+)\"", path.read_text())}  # fmt: skip
    for name in read:
        monkeypatch.setenv(name, "")
    config.load(tmp_path)
    assert len(read) > 5
    assert capsys.readouterr().err == ""
