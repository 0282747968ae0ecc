"""`piste attempts`."""

import json
from pathlib import Path

import pytest
from support.rig import GOOD, Rig

from piste.commands import attempts
from piste.steps import attempt
from piste.steps.commit_phases import NeedsPerson
from piste.system.errors import UserError


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    made = Rig.make(tmp_path, monkeypatch)
    made.use(attempts=1)
    for number, text in (("1", "bad"), ("1", "worse"), ("2", "bad")):
        made.agent(f"write(name, {text!r})")
        assert made.step(number).result == "failed"
    return made


def test_they_are_listed_and_removed(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    assert attempts.main([]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split("  ")[0] for row in rows] == [
        "piste-attempts/main/1.1", "piste-attempts/main/1.2", "piste-attempts/main/2.1",
    ]  # fmt: skip
    assert "1 file  step 1, try 1: what gemini left" in rows[0]
    attempts.main(["1", "--remove", "--json"])
    data = json.loads(capsys.readouterr().out)
    assert [one["branch"][-3:] for one in data["removed"]] == ["1.1", "1.2"]
    assert rig.branches() == ["main", "piste-attempts/main/2.1"]
    attempts.main(["--remove"])
    assert rig.branches() == ["main"]
    attempts.main([])
    assert "no attempt has left anything" in capsys.readouterr().err


def test_what_a_person_has_mended_in_the_worktree_stays(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    (rig.tree / "sum.txt").write_text("mended")
    attempts.main(["--remove"])
    assert rig.branches() == ["main", "piste-attempts/main/2.1"]
    assert rig.show("sum.txt", "piste-attempts/main/2.1") == "mended"
    assert "these stay" in capsys.readouterr().err


def test_the_attempt_under_way_stays(rig: Rig) -> None:
    rig.agent(GOOD)
    with pytest.raises(NeedsPerson):
        rig.step("1", review=True)
    attempts.main(["--remove"])
    now = attempt.load(rig.root)
    assert now is not None
    assert rig.step(
        "1", approve=now.work and rig.git("rev-parse", f"{now.work}^{{tree}}")
    ).result == ("done")


def test_a_step_without_any_is_named(rig: Rig) -> None:
    with pytest.raises(UserError, match=r"no attempt at step 3 has left .* of: 1, 2"):
        attempts.main(["3"])


def test_of_attempts_that_left_the_same_the_last_stays(rig: Rig) -> None:
    """Each try anew of a model that does not know better: two branches at most, not twenty."""
    for _ in range(3):
        assert rig.step("1").result == "failed"
    assert [name[-3:] for name in rig.branches()[1:]] == ["1.2", "1.4", "1.5", "2.1"]
    rig.agent("write(name, 'worst')")
    assert rig.step("1").result == "failed"
    assert [name[-3:] for name in rig.branches()[1:]] == ["1.2", "1.5", "1.6", "2.1"]


def test_attempts_with_nothing_on_them_are_not_kept(rig: Rig) -> None:
    attempts.main(["--remove"])
    rig.agent("pass")
    for _ in range(3):
        assert rig.step("1").result == "failed"
    assert rig.branches() == ["main", "piste-attempts/main/1.1"]
    rig.agent(GOOD)
    assert rig.step("1").result == "done"
    assert rig.branches() == ["main"]
