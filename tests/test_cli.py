"""The `piste` command as a whole: what it calls, what it says, how it ends."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Run
from support.standin import StandIn

from piste import __version__, cli
from piste.engine import rules
from piste.system.errors import did_you_mean


def said(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    """Run in this process; return the exit code, stdout and stderr."""
    code = cli.main(args)
    out, err = capsys.readouterr()
    return code, out, err


# Help ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("args", [(), ("-h",), ("--help",), ("help",)])
def test_the_usage_names_every_verb(capsys: pytest.CaptureFixture[str], args: tuple[str]) -> None:
    code, out, err = said(capsys, *args)
    assert (code, err) == (0, "")
    for verb, line in cli.VERBS.items():
        assert f"  piste {verb} " in out
        assert line in out
    assert all(len(line) <= 100 for line in out.splitlines())


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version(capsys: pytest.CaptureFixture[str], flag: str) -> None:
    assert said(capsys, flag) == (0, f"piste {__version__}\n", "")


@pytest.mark.parametrize("verb", cli.VERBS)
def test_each_verb_is_a_module_that_explains_itself(
    capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    assert importlib.import_module(f"piste.commands.{verb}").main
    helps = []
    for args in (("help", verb), (verb, "--help"), (verb, "-h")):
        with pytest.raises(SystemExit, match="0"):
            cli.main(args)
        helps.append(capsys.readouterr().out)
    assert helps[0] == helps[1] == helps[2]
    assert helps[0].startswith(f"usage: piste {verb} ")
    assert "Exit codes: 0 " in helps[0]


def test_no_rule_can_take_the_name_of_a_verb() -> None:
    built_in = {"bundle"}  # a verb and a rule, which make the same
    assert cli.VERBS.keys() <= rules.TAKEN | built_in
    assert built_in <= rules.BUILT_IN.keys()


def test_help_for_a_task(run: Run, project: Path) -> None:
    done = run("piste", "help", "plan")
    assert done.returncode == 0, done
    assert done.stdout == run("piste", "plan", "--help").stdout
    assert done.stdout == (
        "piste plan: the plan: one prompt a step, for a coding agent → prompt_plan.md\n\n"
        "  from  spec.md\n"
        "  makes prompt_plan.md\n\n"
        "options:\n"
        "  --overwrite    replace a text that a person wrote (it is kept in the store)\n"
        "  --again        ask the model anew, though an answer is known\n"
        "  --amend        amend the text that stands, your own too (it is kept in the store)\n"
        "  -m, --model X  the model to ask, for this run\n"
        "  --budget X     the most that this run may cost: $2.50, or '200_000 tokens'\n"
        "  --frozen       ask no model: what is not as it should be fails\n"
    )


def test_help_for_a_command_of_doit(run: Run) -> None:
    done = run("piste", "help", "forget")
    assert done.returncode == 0
    assert "piste forget [TASK ...]" in done.stdout


def test_help_for_a_task_of_ones_own(run: Run, project: Path) -> None:
    (project / "dodo.py").write_text(
        'def task_deploy():\n    """ship it"""\n    return {"actions": ["echo shipped"]}\n'
    )
    assert run("piste", "help", "deploy").stdout == "piste deploy: ship it\n\n"
    assert run("piste", "deploy").stdout == ".  deploy\nshipped\n"


# Words that are nothing ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["stauts"], "there is no task, target or verb 'stauts'; did you mean 'status'?"),
        (["plna"], "there is no task, target or verb 'plna'; did you mean 'plan'?"),
        (["poke-holes"], "there is no task, target or verb 'poke-holes'; "
                         "did you mean 'poke_holes'?"),
        (["prompt_paln.md"], "there is no task, target or verb 'prompt_paln.md'; "
                             "did you mean 'prompt_plan.md'?"),
        (["xyzzy"], "there is no task, target or verb 'xyzzy'; "
                    "`piste list` has the tasks, `piste help` the verbs"),
        (["help", "plna"], "there is no task, target or verb 'plna'; did you mean 'plan'?"),
        (["help", "plan", "todo"], "help is about one word at a time: piste help plan"),
        (["plna", "--help"], "there is no task, target or verb 'plna'; did you mean 'plan'?"),
        (["run", "plna"], "there is no task, target or verb 'plna'; did you mean 'plan'?"),
        (["list", "plna"], "there is no task, target or verb 'plna'; did you mean 'plan'?"),
        (["info", "plna"], "there is no task, target or verb 'plna'; did you mean 'plan'?"),
        (["forget", "plna"], "there is no task, target or verb 'plna'; did you mean 'plan'?"),
        (["clean", "plna"], "there is no task, target or verb 'plna'; did you mean 'plan'?"),
        (["plan", "--modle", "x"], "option --modle not recognized; did you mean '--model'?"),
        (["plan", "--model"], "option --model requires argument; see piste help plan"),
        (["list", "--qiet"], "option --qiet not recognized; did you mean '--quiet'?"),
        (["-x"], "option -x not recognized; see piste help run"),
    ],
)  # fmt: skip
def test_a_word_that_is_nothing_is_one_line_with_the_nearest(
    run: Run, args: list[str], line: str
) -> None:
    done = run("piste", *args)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"piste: {line}\n")


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["why"], "piste why: T is missing; see piste why --help"),
        (["why", "a", "b"], "piste why: one word too many: b; see piste why --help"),
        (["status", "--jsn"], "piste status: there is no option --jsn; did you mean '--json'?"),
        (["restore", "todo", "--at", "x"],
         "piste restore: argument --at: invalid int value: 'x'; see piste restore --help"),
    ],
)  # fmt: skip
def test_arguments_of_a_verb_that_are_wrong(
    capsys: pytest.CaptureFixture[str], args: list[str], line: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(args)
    assert capsys.readouterr() == ("", f"{line}\n")


def test_the_name_of_no_rule(capsys: pytest.CaptureFixture[str], project: Path) -> None:
    line = "piste: no rule makes 'tood'; did you mean 'todo'?\n"
    assert said(capsys, "why", "tood") == (2, "", line)


# Settings and dodo.py that are wrong --------------------------------------------------------


@pytest.mark.parametrize("args", [("status",), ("plan",), ("list",), ("help", "plan")])
def test_wrong_settings_are_one_line_whatever_is_run(
    run: Run, project: Path, args: tuple[str]
) -> None:
    (project / "piste.toml").write_text('modle = "outline"\n')
    done = run("piste", *args)
    line = "piste: piste.toml: unknown setting 'modle'; did you mean 'model'?\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense here\n", "line 1: SyntaxError: invalid syntax"),
        (
            "import no_such_module\n",
            "line 1: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("\ndef task_x():\n    return nope\n", "line 3: NameError: name 'nope' is not defined"),
        ("raise SystemExit('no')\n", "line 1: SystemExit: no"),
        ("def task_x():\n    return {'actons': []}\n", "'actons'"),
        (
            "def task_readme():\n    return {'actions': ['true']}\n",
            "its task 'readme' is one of piste's",
        ),
    ],
)
def test_a_dodo_that_is_wrong_is_left_out_in_one_line(
    run: Run, project: Path, text: str, said: str
) -> None:
    (project / "dodo.py").write_text(text)
    done = run("piste", "list")
    assert done.returncode == 0, done.stderr
    assert "plan " in done.stdout
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("dodo.py is left out: ")
    assert said in done.stderr
    assert run("piste", "plan").returncode == 0


def test_a_dodo_whose_tasks_do_not_fit_together_is_left_out(run: Run, project: Path) -> None:
    text = "def task_x():\n    return {'actions': None, 'task_dep': ['nope']}\n"
    (project / "dodo.py").write_text(text)
    done = run("piste", "plan")
    assert done.returncode == 0, done.stderr
    assert "dodo.py is left out: " in done.stderr
    assert (project / "prompt_plan.md").exists()


def test_what_a_dodo_sets_for_doit_is_joined_with_ours(run: Run, project: Path) -> None:
    (project / "dodo.py").write_text(
        "from piste.tasks import *\nDOIT_CONFIG = {'default_tasks': ['hi']}\n"
        "def task_hi():\n    return {'actions': ['echo hi'], 'verbosity': 2}\n"
    )
    assert "hi" in run("piste", "hi").stdout
    assert run("piste", "plan").returncode == 0
    assert run("piste", "check", "plan").returncode == 0


# Both doors ---------------------------------------------------------------------------------


def test_tasks_run_from_any_folder_of_the_project(run: Run, project: Path) -> None:
    (project / "a/b").mkdir(parents=True)
    done = run("piste", "todo", cwd=project / "a/b")
    assert done.returncode == 0, done
    assert (project / "todo.md").exists()
    assert run("piste", "check", cwd=project / "a").stderr == "3 of 3 fresh\n"
    # A target is named as it is seen from there, too.
    assert run("piste", "why", "../todo.md", cwd=project / "a").stdout.startswith(
        "todo.md is fresh"
    )


def test_without_a_dodo_file_piste_still_has_its_tasks(run: Run, project: Path) -> None:
    (project / "dodo.py").unlink()
    assert run("piste", "plan").returncode == 0
    assert (project / "prompt_plan.md").exists()


def test_both_doors_make_the_same(run: Run, project: Path) -> None:
    assert run("piste", "plan").returncode == 0
    done = run("doit", "plan")
    assert "-- plan\n" in done.stdout


def test_a_model_for_one_run_stands_before_or_after_the_task(run: Run, project: Path) -> None:
    (project / "piste.toml").write_text('model = "no-such-model"\n')
    assert run("piste", "-m", "outline", "plan").returncode == 0
    (project / "prompt_plan.md").unlink()
    (project / ".piste/receipts/prompt_plan.md.json").unlink()
    assert run("piste", "plan", "--model", "outline").returncode == 0


# The end of it ------------------------------------------------------------------------------


def test_a_model_named_before_the_task_is_the_one_that_is_asked(
    run: Run, project: Path, standin: StandIn
) -> None:
    (project / "piste.toml").write_text('model = "chat-ok"\n[rules.plan]\nmodel = "chat-ok"\n')
    for args in (["-m", "outline", "plan"], ["plan", "-m", "outline"]):
        assert "prompt_plan.md made by outline" in run("piste", *args, "--again").stderr
    assert standin.requests == []


def test_a_reader_that_goes_away_is_no_error(project: Path) -> None:
    command = f"{sys.executable} -m piste.cli prompt plan 2>&1 | head -c 1; exit ${{PIPESTATUS[0]}}"
    (project / "spec.md").write_text("# Long\n\n" + "Words of a requirement.\n" * 20_000)
    done = subprocess.run(
        ["bash", "-c", command], cwd=project, env=os.environ, capture_output=True, timeout=60
    )
    assert done.returncode == 141
    assert done.stderr == b""


def test_a_terminal_without_our_characters_shows_others(run: Run, project: Path) -> None:
    done = run("piste", "list", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "? prompt_plan.md" in done.stdout


def test_a_bug_of_ours_is_one_line_and_a_report(
    capsys: pytest.CaptureFixture[str], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("piste.engine.project.here", lambda: 1 / 0)
    code, out, err = said(capsys, "status")
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("piste: a bug in piste (ZeroDivisionError: division by zero)")
    report = Path(line.rpartition(" ")[2])
    assert "ZeroDivisionError" in report.read_text()
    report.unlink()


def test_a_disk_that_says_no_is_no_bug(
    capsys: pytest.CaptureFixture[str], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device", "store/blobs")

    monkeypatch.setattr("piste.engine.project.here", full)
    line = "piste: store/blobs: No space left on device\n"
    assert said(capsys, "status") == (2, "", line)


@pytest.mark.parametrize("args", [("status",), ("plan",), ("init",), ("demo",)])
def test_a_folder_that_has_gone(
    capsys: pytest.CaptureFixture[str],
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    args: tuple[str],
) -> None:
    (project / "gone").mkdir()
    monkeypatch.chdir(project / "gone")
    (project / "gone").rmdir()
    line = "piste: this folder is no longer there; cd into one that is\n"
    assert said(capsys, *args) == (2, "", line)
    monkeypatch.chdir(project)


def test_interrupted(
    capsys: pytest.CaptureFixture[str], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("piste.engine.project.here", interrupted)
    line = "piste: interrupted; what was finished is recorded\n"
    assert said(capsys, "status") == (130, "", line)


def test_the_nearest_word_is_offered_only_when_it_is_near() -> None:
    assert did_you_mean("stauts", cli.VERBS) == "; did you mean 'status'?"
    assert did_you_mean("zzzz", cli.VERBS) == ""


@pytest.mark.parametrize("level", ["1", "2"])
def test_every_verb_has_help_where_python_drops_docstrings(tmp_path: Path, level: str) -> None:
    code = (
        "from piste import cli\n"
        "for verb in cli.VERBS:\n"
        "    try:\n        assert_ok = cli.main([verb, '--help'])\n"
        "    except SystemExit as ended:\n        assert_ok = ended.code\n"
        "    if assert_ok: raise SystemExit(f'{verb} {assert_ok}')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONOPTIMIZE": level}, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
