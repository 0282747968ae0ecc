"""The person's own folders: whole paths, whatever HOME and XDG's variables say."""

import pytest

from piste.system import person

ODD = ["", "~", "rel", "./x", "~/x"]


@pytest.fixture
def no_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account without an entry, as in a container."""

    def getpwuid(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr("pwd.getpwuid", getpwuid)


@pytest.mark.parametrize("home", [None, *ODD])
def test_a_home_that_is_none_is_the_root(
    monkeypatch: pytest.MonkeyPatch, no_entry: None, home: str | None
) -> None:
    if home is None:
        monkeypatch.delenv("HOME")
    else:
        monkeypatch.setenv("HOME", home)
    given = {} if home is None else {"HOME": home}
    person.settle(given)
    assert given == {"HOME": "/"}
    assert person.home().startswith("/")


def test_a_home_is_the_entry_s_where_there_is_one() -> None:
    import os
    import pwd

    given = {"HOME": "~"}
    person.settle(given)
    assert given["HOME"] == pwd.getpwuid(os.getuid()).pw_dir


@pytest.mark.parametrize("value", ODD)
def test_a_relative_xdg_folder_is_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    given = {"HOME": "/h", "XDG_DATA_HOME": value, "XDG_CACHE_HOME": "/c"}
    person.settle(given)
    assert given == {"HOME": "/h", "XDG_CACHE_HOME": "/c"}
    monkeypatch.setenv("HOME", "/h")
    monkeypatch.setenv("XDG_DATA_HOME", value)
    assert str(person.folder("XDG_DATA_HOME", ".local/share")) == "/h/.local/share"
