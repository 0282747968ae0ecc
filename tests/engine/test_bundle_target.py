"""The bundle as a target: real processes of doit and piste, the embedded model, a real tree."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Run

from piste.engine import bundle_target, makers, states, upstream
from piste.engine import project as piste_project

REVIEWS = ("code_review", "github_issues", "issue_prompts", "missing_tests", "readme")
DOCUMENTS = ("code-review.md", "issues.md", "issue-prompts.md", "missing-tests.md")


@pytest.fixture
def code(project: Path) -> Path:
    """The project with a program in it, under git."""
    (project / "count.py").write_text("def count(text):\n    return len(text.split())\n")
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    return project


def test_five_documents_from_one_bundle_and_none_again(code: Path, run: Run) -> None:
    done = run("doit", "-n", "5", *REVIEWS)
    assert done.returncode == 0, done.stderr
    assert all((code / name).is_file() for name in (*DOCUMENTS, "README.md"))
    assert "count.py" in (code / "output.txt").read_text()
    again = run("doit", *REVIEWS)
    assert "made by" not in again.stderr


def test_reviews_never_see_reviews(code: Path, run: Run) -> None:
    run("doit", "code_review")
    first = (code / "output.txt").read_bytes()
    run("doit", *REVIEWS)
    assert (code / "output.txt").read_bytes() == first
    assert b"code-review.md" not in first


def test_only_what_is_packed_makes_a_review_stale(code: Path, run: Run) -> None:
    (code / "picture.png").write_bytes(b"\x89PNG\0")
    run("doit", "code_review")
    (code / "count.py").touch()
    (code / "picture.png").write_bytes(b"\x89PNG\0another")
    assert "made by" not in run("doit", "code_review").stderr
    (code / "count.py").write_text("def count(text):\n    return 0\n")
    assert "code-review.md made by" in run("doit", "code_review").stderr


def test_what_python_leaves_behind_makes_nothing_stale(code: Path, run: Run) -> None:
    run("piste", "code_review")
    (code / "__pycache__").mkdir()
    (code / "__pycache__/count.pyc").write_bytes(b"\0")
    assert "made by" not in run("doit", "code_review").stderr


def test_a_readme_that_a_person_wrote_stays(code: Path, run: Run) -> None:
    (code / "README.md").write_text("# Mine\n")
    done = run("doit", "readme")
    assert "README.md is yours and stays" in done.stderr
    assert (code / "README.md").read_text() == "# Mine\n"
    assert (code / "README.new.md").is_file()
    replaced = run("doit", "readme", "--overwrite")
    assert "your text is kept" in replaced.stderr
    assert (code / "README.md").read_text() != "# Mine\n"


def test_the_bundle_of_another_packer_is_taken_as_it_stands(code: Path, run: Run) -> None:
    (code / "output.txt").write_text("count.py\n--------\ndef other(): ...\n")
    done = run("doit", "code_review")
    assert done.returncode == 0
    assert "piste did not make output.txt; it is taken as it stands (--overwrite" in done.stdout
    assert "def other" in (code / "output.txt").read_text()


# Packers that know nothing of the graph, as a shell would have them; `$f` is each file below ".".
_EACH = (
    "for f in $(find . -type f -not -path './.git/*' -not -path './.piste/[!r]*' "
    "-not -name output.txt -not -name o | sort); do f=${f#./}; "
)
_JSON = (
    "import json, pathlib; "
    "found = [f for f in pathlib.Path().rglob('*') if f.suffix in ('.py', '.md', '.json')]; "
    "tree = chr(10).join(f.name for f in found); files = {str(f): f.read_text() for f in found}; "
    "print(json.dumps({'directoryStructure': tree, 'files': files}))"
)
_PACKED = "; done > output.txt"
PACKERS = {
    "cat": "cat count.py *.md .piste/receipts/*.json > output.txt; true",
    "xml": f'{_EACH} printf "<file path=\\"%s\\">\\n%s\\n</file>\\n\\n" $f "$(cat $f)"{_PACKED}',
    "markdown": f"{_EACH} printf '## File: %s\\n````\\n%s\\n````\\n\\n' $f \"$(cat $f)\"{_PACKED}",
    "bars": f"{_EACH} b=================; "
    f'printf "$b\\nFile: %s\\n$b\\n%s\\n\\n" $f "$(cat $f)"{_PACKED}',
    "json": f'{sys.executable} -c "{_JSON}" > output.txt',
    "a tree and counts": "{ echo Files: $(find . -type f | wc -l); "
    "find . -not -path './.git*' -not -path './.piste/[!r]*' | sort | sed 's,^.*/,├── ,'; "
    "cat count.py *.md; } > o; mv o output.txt",
    "what it was told": f'{_EACH} case ",$PISTE_IGNORE," in *,$f,*) ;; *) cat $f;; esac; '
    "done > o; grep -v receipt o > output.txt; rm o",
}


@pytest.mark.parametrize("command", PACKERS.values(), ids=PACKERS)
def test_a_packer_that_packs_the_reviews_makes_none_stale(
    code: Path, run: Run, command: str
) -> None:
    with (code / "piste.toml").open("a") as settings:
        settings.write(f"[bundle]\ncommand = {json.dumps(command)}\n")
    first = run("piste", "code_review", "missing_tests")
    assert first.returncode == 0, first.stderr
    assert first.stderr.count(" made by outline") == 2
    for _ in range(2):
        again = run("piste", "code_review", "missing_tests")
        assert " made by outline" not in again.stderr, again.stderr
    (code / "count.py").write_text("def count(text):\n    return 0\n")
    assert run("piste", "code_review").stderr.count(" made by outline") == 1


def test_a_given_bundle_is_not_packed_again(code: Path, run: Run) -> None:
    assert run("piste", "bundle").returncode == 0
    packed = (code / "output.txt").read_bytes()
    (code / "count.py").write_text("changed = True\n")
    assert run("doit", "code_review", PISTE_BUNDLE="given").returncode == 0
    assert (code / "output.txt").read_bytes() == packed
    (code / "output.txt").unlink()
    missing = run("doit", "issue_prompts", PISTE_BUNDLE="given")
    assert (missing.returncode, "another task writes it" in missing.stdout) == (2, True)


def test_clean_bundles_removes_what_piste_made_and_nothing_else(code: Path, run: Run) -> None:
    (code / "sub").mkdir()
    (code / "sub/output.txt").write_text("mine\n")
    run("doit", "bundle")
    done = run("doit", "clean_bundles")
    assert "removed output.txt" in done.stderr
    assert not (code / "output.txt").exists()
    assert (code / "sub/output.txt").read_text() == "mine\n"
    (code / "output.txt").write_text("mine too\n")
    assert "no bundle of piste's is here" in run("doit", "clean_bundles").stderr
    assert (code / "output.txt").read_text() == "mine too\n"


def test_a_clone_without_the_bundle_is_fresh(code: Path, run: Run, tmp_path: Path) -> None:
    (code / ".gitignore").write_text("/output.txt\n/.piste/*\n!/.piste/receipts/\n")
    assert run("doit", "code_review").returncode == 0
    for command in (["add", "-A"], ["commit", "-qm", "All"]):
        subprocess.run(["git", *command], cwd=code, check=True)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(code), str(clone)], check=True)
    assert not (clone / "output.txt").exists()
    done = run("piste", "check", "code_review", cwd=clone)
    assert done.returncode == 0, done.stdout


def test_an_empty_bundle_is_said_and_asks_nobody(code: Path, run: Run) -> None:
    (code / "output.txt").write_text("\n")
    done = run("doit", "code_review")
    assert (done.returncode, "output.txt is empty" in done.stdout) == (2, True)


def test_what_piste_wrote_is_no_part_of_the_code(project: Path, run: Run) -> None:
    for name in ("piste.toml", "dodo.py", "spec.md"):
        (project / name).unlink()
    (project / "a.py").write_text("x = 1\n")
    subprocess.run(["git", "init", "-q", "."], cwd=project, check=True)
    assert run("piste", "init", "--model", "outline").returncode == 0
    subprocess.run(["git", "add", "-A"], cwd=project, check=True)
    assert run("piste", "code_review").returncode == 0
    packed = re.findall('<file path="(.*?)"', (project / "output.txt").read_text())
    assert packed == ["a.py"]
    (project / "piste.toml").write_text((project / "piste.toml").read_text() + "# a comment\n")
    assert run("piste", "mise", "--project").returncode == 0
    found = run("piste", "check", "code_review")
    assert (found.returncode, found.stdout) == (0, "")


def test_a_line_of_ones_own_is_packed(project: Path, run: Run) -> None:
    (project / "dodo.py").unlink()
    assert run("piste", "init").returncode == 0
    for name, line in ((".gitignore", "*.o\n"), ("dodo.py", "DOIT_CONFIG = {}\n")):
        (project / name).write_text((project / name).read_text() + line)
    assert run("piste", "bundle").returncode == 0
    packed = re.findall('<file path="(.*?)"', (project / "output.txt").read_text())
    assert packed == [".gitignore", "dodo.py"]


PERSONS = {
    "lines": "*.o\n\n# mine\n/build/  # not piste\n",
    "no end": "*.o\n*.a",
    "a gap at the end": "*.o\n\n\n",
    "windows": "*.o\r\n\r\n*.a\r\n",
    "windows, no end": "*.o\r\n*.a",
    "a comment": "# nothing yet\n",
    "what we write too": "__pycache__/\n*.o\n",
    "nothing": "",
}


@pytest.mark.parametrize("text", PERSONS.values(), ids=PERSONS)
def test_our_lines_among_a_persons_change_no_byte_of_the_bundle(
    project: Path, run: Run, text: str
) -> None:
    def packed() -> bytes:
        assert run("piste", "bundle").returncode == 0
        return (project / "output.txt").read_bytes()

    files = [project / name for name in (".gitignore", ".gitattributes")]
    for file in files:
        file.write_bytes(text.encode())
    (project / "a.py").write_text("x = 1\n")
    before = packed()
    assert (b"*.o" in before) == ("*.o" in text)
    assert run("piste", "init").returncode == 0
    written = [file.read_bytes() for file in files]
    assert b"/.piste/*" in written[0] and b"text eol=lf" in written[1]
    assert packed() == before
    for file, both in zip(files, written, strict=True):  # ours first
        ours = both[len(text) :].strip() + b"\n\n"
        file.write_bytes(ours + text.encode())
    assert packed() == before
    for file in files:
        file.write_bytes(text.encode())
    assert packed() == before


def test_a_setting_that_adds_a_line_of_ours_makes_no_review_stale(project: Path, run: Run) -> None:
    (project / ".gitattributes").write_text("*.png binary\n")
    assert run("piste", "init").returncode == 0
    assert run("piste", "code_review").returncode == 0
    with (project / "piste.toml").open("a") as settings:
        settings.write('[rules.faq]\ntarget = "faq.md"\ninputs = ["in.md"]\nprompt = "f.md.j2"\n')
    (project / "prompts").mkdir()
    (project / "prompts/f.md.j2").write_text('+++\ninputs = ["a"]\n+++\n{{ a }}\n')
    (project / ".gitignore").write_text("prompts/\n" + (project / ".gitignore").read_text())
    assert run("piste", "code_review").returncode == 0
    assert run("piste", "init").returncode == 0
    assert "/faq.md text eol=lf" in (project / ".gitattributes").read_text()
    found = run("piste", "check", "code_review")
    assert (found.returncode, found.stdout) == (0, "")


MOVES = {
    "a README of one's own": ("README.md", "# Mine\n"),
    "a target of another name": (
        "piste.toml",
        'model = "outline"\n[rules.missing_tests]\ntarget = "more-tests.md"\n',
    ),
}


@pytest.mark.parametrize(("name", "text"), MOVES.values(), ids=MOVES)
def test_our_lines_stay_ours_when_a_target_gets_another_name(
    project: Path, run: Run, name: str, text: str
) -> None:
    (project / ".gitattributes").write_text("*.png binary\n")
    assert run("piste", "init").returncode == 0
    (project / name).write_text(text)
    assert run("piste", "bundle").returncode == 0
    packed = (project / "output.txt").read_text()
    assert "*.png binary" in packed
    assert "eol=lf" not in packed


# ------------------------------------------------------------------ what commands print

RUN = 'bundle.run = ["date +%s%N; echo run >> ../ran", "exit 4"]\n'


@pytest.fixture
def running(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project with two commands, of which the first prints another text each time."""
    (project / "piste.toml").write_text(f'model = "outline"\n{RUN}')
    (project / "app.py").write_text("x = 1\n")
    return project


def runs(project: Path) -> int:
    ran = project.parent / "ran"
    return len(ran.read_text().splitlines()) if ran.exists() else 0


def built(root: Path, *names: str) -> list[str]:
    """Build in a new world each time; return what happened."""
    events = []
    for name in names:
        world = piste_project.world(root)
        events.append(makers.make(world, world.rules[name]).event)
    return events


def test_what_commands_print_is_in_the_bundle_and_decides_nothing(running: Path) -> None:
    names = ("bundle", "missing_tests")
    assert built(running, *names) == ["made", "made"]
    text = (running / "output.txt").read_text()
    assert '<run command="exit 4" exit="4">\n</run>' in text
    assert runs(running) == 1
    for _ in range(2):
        assert built(running, *names)[1] == "kept"
    os.utime(running / "app.py", (1, 1))  # touched, and the same
    assert built(running, *names)[1] == "kept"
    assert (running / "output.txt").read_text() == text
    assert runs(running) == 1
    (running / "app.py").write_text("x = 2\n")
    assert built(running, *names) == ["made", "made"]
    assert runs(running) == 2


def test_a_look_runs_nothing(running: Path) -> None:
    world = piste_project.world(running)
    rules = [world.rules[name] for name in ("bundle", "missing_tests")]
    upstream.decide(world, rules)
    built(running, "bundle", "missing_tests")
    (running / "app.py").write_text("x = 2\n")
    upstream.decide(piste_project.world(running), rules)
    assert runs(running) == 1


def test_in_a_clone_without_the_bundle_all_is_fresh(
    running: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has allowed anything there, so nothing runs, and nothing is stale for that."""
    built(running, "bundle", "missing_tests")
    (running / "output.txt").unlink()
    shutil.rmtree(running / ".piste/bundle")
    monkeypatch.setenv("PISTE_TRUST", "0")
    world = piste_project.world(running)
    assert world.config.left_out
    (decision,) = upstream.decide(world, [world.rules["missing_tests"]])
    assert decision.state == states.FRESH
    assert runs(running) == 1


def test_without_a_yes_the_commands_stand_there_as_not_run(
    running: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PISTE_TRUST", "0")
    built(running, "bundle")
    assert '<run command="exit 4" exit="not run">' in (running / "output.txt").read_text()
    assert runs(running) == 0
    monkeypatch.setenv("PISTE_TRUST", "1")
    (running / "app.py").write_text("x = 2\n")
    built(running, "bundle")
    assert runs(running) == 1


def test_another_command_makes_stale(running: Path) -> None:
    built(running, "bundle", "missing_tests")
    settings = running / "piste.toml"
    settings.write_text(settings.read_text().replace('"exit 4"', '"exit 5"'))
    assert built(running, "bundle", "missing_tests") == ["made", "made"]


def test_the_commands_have_the_projects_environment(running: Path) -> None:
    venv = running / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "pyvenv.cfg").write_text("")
    tool = venv / "bin/its-own-tool"
    tool.write_text("#!/bin/sh\necho its own\n")
    tool.chmod(0o755)
    (running / "piste.toml").write_text('bundle.run = ["its-own-tool"]\n')
    built(running, "bundle")
    assert "its own\n" in (running / "output.txt").read_text()


def test_what_tests_leave_behind_is_not_packed(running: Path) -> None:
    """Else the bundle of a clone, in which nothing was run, would be another one."""
    left = "mkdir -p .pytest_cache htmlcov; touch .coverage .coverage.host.1 .pytest_cache/x"
    (running / "piste.toml").write_text(f'model = "outline"\nbundle.run = ["{left}"]\n')
    before = bundle_target.digest_now(piste_project.world(running))
    built(running, "bundle")
    assert bundle_target.digest_now(piste_project.world(running)) == before
