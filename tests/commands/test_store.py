"""`piste store`: how much there is, what is damaged, what goes."""

import os
import time
from pathlib import Path

import pytest

from .conftest import Say, build, tree


def store_of(home: Path) -> Path:
    return home / ".local/share/piste/store"


def age(home: Path, days: int) -> None:
    """Let everything have been of use so long ago."""
    for path in store_of(home).rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - days * 86_400,) * 2)


def test_size(made: Path, own_home: Path, say: Say) -> None:
    said = say("store")
    assert said.rows[0] == str(store_of(own_home))
    assert said.rows[1] == "WHAT COUNT BYTES"
    assert said.rows[2].startswith("replies 2 ")
    assert said == say("store", "size")
    as_json = say("store", "--json").json
    assert as_json["replies"]["count"] == 2
    assert as_json["kept"] == {"count": 0, "bytes": 0}


def test_an_empty_store_is_none(project: Path, own_home: Path, say: Say) -> None:
    assert say("store").rows[-1] == "in all 0 0"
    assert say("store", "verify").out == "0 of 0 are whole\n"
    assert say("store", "gc").out == "nothing removed, 0 bytes: not used for 90 days\n"
    assert not store_of(own_home).exists()


def test_verify(made: Path, own_home: Path, say: Say) -> None:
    assert say("store", "verify").code == 0
    blob = next(store_of(own_home).glob("blobs/*/*"))
    blob.write_bytes(b"damaged")
    said = say("store", "verify")
    assert said.code == 1
    assert f"damaged: blobs/{blob.parent.name}/{blob.name}" in said.rows
    assert say("store", "verify", "--json").json["damaged"] == [str(blob)]
    assert (
        f"removed: blobs/{blob.parent.name}/{blob.name}" in say("store", "verify", "--remove").rows
    )
    assert not blob.exists()
    assert say("store", "verify").code == 0


def test_a_damaged_text_of_a_persons_is_not_removed(made: Path, own_home: Path, say: Say) -> None:
    (made / "todo.md").write_text("# Mine\n")
    build(made, "todo", overwrite=True)
    (kept,) = (
        path for path in store_of(own_home).glob("blobs/*/*") if path.read_text() == "# Mine\n"
    )
    kept.write_text("# Min\n")
    assert say("store", "verify", "--remove").code == 1
    assert kept.exists()


def test_what_receipts_name_stays_and_is_said(made: Path, own_home: Path, say: Say) -> None:
    age(own_home, 100)
    before = tree(made, own_home)
    said = say("store", "gc", "--keep", "90d", "--dry")
    assert said.rows[0] == "nothing would be removed, 0 bytes: not used for 90 days"
    assert "2 replies and" in said.rows[1]
    assert said.rows[1].endswith("as old stay: the receipts of 1 project name them")
    assert tree(made, own_home) == before


def test_what_nothing_names_goes(made: Path, own_home: Path, say: Say) -> None:
    age(own_home, 100)
    (made / "spec.md").write_text("# Other\n\nText.\n\n## Requirements\n\n1. One.\n")
    build(made)
    dry = say("store", "gc", "--dry", "--json").json
    assert dry["removed"]["replies"]["count"] == 2
    assert say("store", "size", "--json").json["replies"]["count"] == 4
    done = say("store", "gc", "--json").json
    assert done == {**dry, "dry": False}
    assert done["freed_bytes"] > 0
    assert say("store", "size", "--json").json["replies"]["count"] == 2
    assert say("check").code == 0


def test_a_damaged_receipt_stops_it(made: Path, own_home: Path, say: Say) -> None:
    age(own_home, 100)
    receipt = made / ".piste/receipts/todo.md.json"
    receipt.write_text("{")
    before = tree(own_home)
    said = say("store", "gc")
    assert said.code == 2
    assert f"in {made}: .piste/receipts/todo.md.json is damaged" in said.err
    assert tree(own_home) == before


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["gcc"], "piste: there is no piste store 'gcc'; did you mean 'gc'?\n"),
        (["xyzzy"], "piste: there is no piste store 'xyzzy'; it does size, gc, verify\n"),
        (["gc", "--keep", "long"], "piste: --keep 'long' is no time; write 90d, 12w or 1y\n"),
        (["--keep", "1d"], "piste: --keep and --dry go with `piste store gc`\n"),
        (["gc", "--remove"], "piste: --remove goes with `piste store verify`\n"),
        (["verify", "--dry"], "piste: --keep and --dry go with `piste store gc`\n"),
    ],
)
def test_what_is_wrong_is_one_line(project: Path, say: Say, args: list[str], said: str) -> None:
    assert say("store", *args) == (2, "", said)


@pytest.mark.parametrize(("text", "days"), [("7d", 7), ("2w", 14), ("1y", 365)])
def test_times(made: Path, own_home: Path, say: Say, text: str, days: int) -> None:
    assert say("store", "gc", "--dry", "--keep", text, "--json").json["days"] == days
