"""New files that git ignores: named, and not there when the tests run."""

from pathlib import Path

import pytest
from support.rig import GOOD, Killed, Rig, killing

from piste.steps import attempt

MAIN = "write('main.sh', '. ./lib/used.sh')\nwrite('lib/used.sh', 'true')\n"


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    made = Rig.make(tmp_path, monkeypatch)
    made.write(".gitignore", made.read(".gitignore") + "lib/\n*.log\nenv/\ncache/\n")
    made.commit("ignore")
    made.use(test="test ! -e main.sh || sh main.sh")
    return made


def test_what_works_only_with_an_ignored_file_is_red_and_says_why(rig: Rig) -> None:
    rig.agent(MAIN + GOOD)
    rig.use(attempts=2)
    outcome = rig.step()
    assert outcome.result == "failed"
    assert "they are no part of it, and were not there: lib/used.sh (.gitignore:4 lib/)" in (
        outcome.said
    )
    prompt = (rig.root / ".piste/run/logs/1.1-2.prompt.md").read_text()
    assert "lib/used.sh (.gitignore:4 lib/)" in prompt
    assert (rig.root / ".piste/run/aside/1.1-2/lib/used.sh").read_text() == "true"


def test_an_agent_that_takes_another_place_goes_on(rig: Rig) -> None:
    rig.agent(MAIN.replace("lib/", "' + ('src/' if again else 'lib/') + '") + GOOD)
    outcome = rig.step()
    assert (outcome.result, outcome.tries) == ("done", 2)
    assert rig.show("src/used.sh") == "true"


def test_what_does_not_need_it_lands_and_it_is_named(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.agent(GOOD + "\nwrite('made.log', 'x')")
    assert rig.step().result == "done"
    assert (
        "step 1: git ignores new files, so they are no part of it: made.log (.gitignore:5 *.log)"
        in (capsys.readouterr().err)
    )
    assert rig.step().result == "done"
    assert rig.step().result == "done"


@pytest.mark.parametrize("where", [".gitignore", ".git/info/exclude"])
def test_nothing_but_ignored_files(rig: Rig, where: str) -> None:
    path = rig.root / where
    path.write_text((path.read_text() if path.exists() else "") + "count.txt\n")
    rig.commit("ignore")
    rig.agent(GOOD)
    rig.use(attempts=1)
    said = rig.step().said
    assert "nothing was changed but files that git ignores: count.txt (" in said
    assert "count.txt); give them another place" in said


TOOLS = {
    "by its name": "write('lib/node_modules/x.js', 'x')",
    "by its mark": "write('env/pyvenv.cfg', ''); write('env/bin/x', 'x')",
    "by its tag": "write('cache/CACHEDIR.TAG', ''); write('cache/x', 'x')",
    "by what it ignores": "write('cache/.gitignore', '*'); write('cache/x', 'x')",
}


@pytest.mark.parametrize("how", TOOLS)
def test_what_a_tool_has_installed_stays(
    rig: Rig, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.agent(GOOD + f"\n{TOOLS[how]}")
    rig.use(test="test ! -e count.txt || test -e */x || test -e */*/x || test -e */*/x.js")
    assert rig.step().result == "done"
    assert "git ignores" not in capsys.readouterr().err


def test_what_setup_and_tests_have_made_stays(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.agent(GOOD)
    rig.use(
        setup="mkdir -p lib node_modules && echo 1 > lib/made && echo 1 > node_modules/x",
        test="test -e lib/made && test -e node_modules/x && echo x >> lib/built",
    )
    assert rig.step().result == "done"
    assert rig.step().result == "done"
    assert (rig.tree / "lib/built").read_text() == "x\n" * 4
    assert "git ignores" not in capsys.readouterr().err


def test_killed_meanwhile_the_names_are_not_forgotten(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.agent(MAIN + GOOD)
    rig.use(attempts=1)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(attempt, "save", killing(3, attempt.save))  # what `look` has found
        rig.step("1")
    assert "lib/used.sh" in rig.step("1").said
    assert rig.calls() == ["1 first"]
