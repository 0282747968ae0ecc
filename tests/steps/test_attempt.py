"""Where an attempt stands, written down."""

from dataclasses import replace
from pathlib import Path

import pytest

from piste.steps import attempt, runner
from piste.steps.attempt import Attempt

ONE = Attempt("1", "T", "d", "p", "claude", "1", "m", "pytest", "b", "base", "start")


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    now = replace(
        ONE, landing=("a", "b"), replies=(("k", "r"),), guarded={"x": "y"}, cost=None, failure="é\n"
    )
    assert attempt.save(tmp_path, now) == now
    assert attempt.load(tmp_path) == now
    attempt.forget(tmp_path)
    assert attempt.load(tmp_path) is None


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"schema": 2}', b'{"schema": 1}'])
def test_what_cannot_be_read_is_no_attempt(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / attempt.FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    assert attempt.load(tmp_path) is None


@pytest.mark.parametrize(
    "forged", [{"phase": "landed"}, {"step": 7}, {"branch": None}, {"commit": ["x"]}]
)
def test_what_has_another_type_is_no_attempt(tmp_path: Path, forged: dict[str, object]) -> None:
    attempt.save(tmp_path, replace(ONE, **forged))  # type: ignore[arg-type]
    assert attempt.load(tmp_path) is None


def test_every_phase_is_carried_out_or_is_an_end() -> None:
    texts = {name: value for name, value in vars(attempt).items() if isinstance(value, str)}
    named = {texts[name] for name in texts if name.isupper() and name not in ("FILE", "FOLDER")}
    assert named == {*runner.PHASES, *attempt.OVER}
    assert ONE.phase == attempt.AGENT
    assert not ONE.over
    assert replace(ONE, phase=attempt.BLOCKED).over
