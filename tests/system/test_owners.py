"""Whose a project is: as git asks it, for the account that runs and the one that called sudo."""

import os
from pathlib import Path

import pytest

from piste.system import owners
from piste.system.errors import UserError

MARKS = ("piste.toml", "dodo.py")


def _ask(root: Path, *safe: str) -> None:
    owners.require_own(root, MARKS, lambda: safe)


@pytest.fixture
def strange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that lies there for another account than the one that asks."""
    (tmp_path / "piste.toml").write_text("")
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 7)
    return tmp_path


def test_ones_own_is_obeyed(tmp_path: Path) -> None:
    (tmp_path / "piste.toml").write_text("")
    _ask(tmp_path)


def test_where_nothing_is_obeyed_the_owner_is_no_matter(strange: Path) -> None:
    (strange / "piste.toml").unlink()
    _ask(strange)


def test_anothers_is_refused_in_one_line_with_the_way(strange: Path) -> None:
    with pytest.raises(UserError) as raised:
        _ask(strange)
    said = str(raised.value)
    assert said.startswith(f"{strange}/piste.toml belongs to ")
    assert f'safe_folders = ["{strange}"]' in said
    assert "\n" not in said


def test_a_link_counts_as_its_own_owners_and_not_as_its_ends(strange: Path) -> None:
    (strange / "piste.toml").unlink()
    (strange / "piste.toml").symlink_to("/nowhere")
    with pytest.raises(UserError, match="belongs to"):
        _ask(strange)


@pytest.mark.parametrize("how", ["settings", "variable", "all"])
def test_the_way_works(strange: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    if how == "variable":
        monkeypatch.setenv("PISTE_SAFE_FOLDERS", f"/elsewhere{os.pathsep}{strange}")
    _ask(strange, *{"settings": [str(strange)], "all": ["*"]}.get(how, []))


def test_another_folder_that_is_safe_is_another(strange: Path) -> None:
    with pytest.raises(UserError, match="belongs to"):
        _ask(strange, str(strange.parent), str(strange / "below"))


@pytest.mark.parametrize(("euid", "caller", "refused"), [(0, 1, False), (0, 2, True), (7, 1, True)])
def test_under_sudo_the_callers_counts_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, euid: int, caller: int, refused: bool
) -> None:
    (tmp_path / "piste.toml").write_text("")
    monkeypatch.setattr(owners, "_owner", lambda path: 1 if os.path.lexists(path) else None)
    monkeypatch.setattr(os, "geteuid", lambda: euid)
    monkeypatch.setenv("SUDO_UID", str(caller))
    if refused:
        with pytest.raises(UserError, match="belongs to"):
            _ask(tmp_path)
    else:
        _ask(tmp_path)
