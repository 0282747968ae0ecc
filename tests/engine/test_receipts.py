"""Receipts: the key, the file, and everything that can be wrong with it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.engine import receipts
from piste.engine.receipts import Receipt
from piste.system import atomic_write
from piste.system.errors import UserError

ACTION = {"check": "document", "language": "", "model": "m", "options": {"t": 0.5}, "prompt": "p"}
RECEIPT = Receipt("docs/ä.md", "faq", ACTION, {"b.md": "22" * 32, "a.md": "11" * 32}, "33" * 32)
WHERE = ".piste/receipts/docs/ä.md.json"


def test_there_and_back(tmp_path: Path) -> None:
    assert receipts.read(tmp_path, RECEIPT.target) is None
    for receipt in (RECEIPT, RECEIPT._replace(hand=True)):
        receipts.write(tmp_path, receipt)
        assert receipts.read(tmp_path, RECEIPT.target) == receipt
    assert (tmp_path / WHERE).is_file()


def test_the_file_has_one_field_a_line_and_no_time(tmp_path: Path) -> None:
    lines = receipts.dump(RECEIPT).decode().splitlines()
    fields = [line.strip().partition(":")[0] for line in lines]
    assert fields.count('"output"') == fields.count('"a.md"') == fields.count('"model"') == 1
    assert lines.index(' "action": {') < lines.index(' "inputs": {')
    assert set(json.loads(receipts.dump(RECEIPT))) == {
        *("schema", "key", "target", "rule", "action", "inputs", "output", "seal"),
    }


@pytest.mark.parametrize(
    "other",
    [
        RECEIPT._replace(rule="other"),
        RECEIPT._replace(action={**ACTION, "model": "n"}),
        RECEIPT._replace(action={**ACTION, "options": {"t": 0.5, "u": 1}}),
        RECEIPT._replace(inputs={"a.md": "11"}),
        RECEIPT._replace(inputs={"a.md": "22", "b.md": "11"}),
    ],
)
def test_what_decides_is_in_the_key(other: Receipt) -> None:
    assert other.key != RECEIPT.key


@pytest.mark.parametrize(
    "other",
    [
        RECEIPT._replace(target="elsewhere.md"),
        RECEIPT._replace(output="44", hand=True),
        RECEIPT._replace(inputs={"a.md": "11" * 32, "b.md": "22" * 32}),
        RECEIPT._replace(action={**ACTION, "model_asked": "alias"}),
    ],
)
def test_what_does_not_decide_is_not_in_the_key(other: Receipt) -> None:
    assert other.key == RECEIPT.key


def test_a_receipt_that_stands_word_for_word_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipts.write(tmp_path, RECEIPT)
    path = tmp_path / WHERE
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))  # as git may check it out
    monkeypatch.setattr(atomic_write, "write", lambda *_, **__: pytest.fail("written"))
    receipts.write(tmp_path, RECEIPT)
    assert receipts.read(tmp_path, RECEIPT.target) == RECEIPT


def test_cut_at_every_length(tmp_path: Path) -> None:
    data = receipts.dump(RECEIPT)
    for length in range(len(data) - 1):  # without its last byte it is still whole
        with pytest.raises(
            UserError, match=r"^\.piste/receipts/docs/ä\.md\.json is damaged; restore"
        ):
            receipts.parse(data[:length], RECEIPT.target, WHERE)


def _altered(**fields: Any) -> bytes:
    return json.dumps({**json.loads(receipts.dump(RECEIPT)), **fields}).encode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is damaged"),
        (b"[]", "is damaged"),
        (b"3", "is damaged"),
        (b"null", "is damaged"),
        (b"{}", "is damaged"),
        (b"[" * 100_000, "is damaged"),
        (b"9" * 5_000, "is damaged"),
        (b"\xff\xfe\xfd", "is damaged"),
        (_altered(schema=2), "was written by a newer piste; update piste to read it"),
        (_altered(schema="1"), "is damaged"),
        (_altered(schema=None), "is damaged"),
        (_altered(action=[]), "does not agree with its own key"),
        (_altered(inputs=[]), "does not agree with its own key"),
        (_altered(inputs={"a.md": 3}), "does not agree with its own key"),
        (_altered(rule="other"), "does not agree with its own key"),
        (_altered(rule={}), "does not agree with its own key"),
        (_altered(output=3), "does not agree with its own key"),
        (_altered(hand="yes"), "does not agree with its own key"),
        (_altered(key=""), "does not agree with its own key"),
        (_altered(target="x" * 500), "is the receipt of 'xxx"),
        (_altered(target="\x1b[2J"), "is the receipt of '\\x1b[2J'"),
        (
            b"{\n<<<<<<< HEAD\n}\n=======\n}\n>>>>>>> other\n",
            f"holds conflict markers; keep either side whole: git checkout --ours {WHERE}",
        ),
    ],
)
def test_what_can_be_wrong(data: bytes, said: str) -> None:
    with pytest.raises(UserError) as raised:
        receipts.parse(data, RECEIPT.target, WHERE)
    assert str(raised.value).startswith(WHERE)
    assert said in str(raised.value)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 300


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(field=st.sampled_from([*RECEIPT._fields, "schema", "key"]), value=_JSON)
def test_any_value_in_any_field_is_read_or_refused(field: str, value: object) -> None:
    try:
        found = receipts.parse(_altered(**{field: value}), RECEIPT.target, WHERE)
    except UserError:
        return
    assert found.key == RECEIPT.key
    assert found.target == RECEIPT.target


@given(place=st.integers(0, len(receipts.dump(RECEIPT)) - 1), bit=st.integers(0, 7))
def test_no_flipped_bit_makes_another_receipt(place: int, bit: int) -> None:
    data = bytearray(receipts.dump(RECEIPT))
    data[place] ^= 1 << bit
    try:
        found = receipts.parse(bytes(data), RECEIPT.target, WHERE)
    except UserError:
        return
    assert found == RECEIPT


def test_a_folder_where_a_receipt_should_be(tmp_path: Path) -> None:
    (tmp_path / WHERE).mkdir(parents=True)
    with pytest.raises(UserError, match="is a folder; a file was expected"):
        receipts.read(tmp_path, RECEIPT.target)


def test_forget(tmp_path: Path) -> None:
    receipts.write(tmp_path, RECEIPT)
    assert receipts.forget(tmp_path, RECEIPT.target)
    assert not receipts.forget(tmp_path, RECEIPT.target)


@pytest.mark.parametrize("hand", [False, True])
def test_what_a_person_accepted_is_on_the_disk_under_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hand: bool
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(atomic_write, "_sync_folder", synced.append)
    receipts.write(tmp_path, RECEIPT._replace(hand=hand))
    assert synced == [receipts.path(tmp_path, RECEIPT.target).parent] * hand


def test_the_records_of_steps_are_no_receipts(tmp_path: Path) -> None:
    receipts.write(tmp_path, RECEIPT)
    receipts.write(tmp_path, RECEIPT._replace(target="steps/03"))
    folder = tmp_path / receipts.FOLDER
    (folder / "steps" / "04.json").write_text('{"schema": 1, "step": "04"}')
    (folder / "damaged.md.json").write_text("{")
    assert receipts.targets(tmp_path) == ["damaged.md", "docs/ä.md", "steps/03"]
