"""Prompts that were sent: kept with their inputs once, read back as they were."""

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from piste.engine import sent
from piste.engine.store import Store

LONG = "word " * 60 + "end"


def kept(store: Store, prompt: str, **texts: str) -> str:
    for text in texts.values():
        store.put_blob(text.encode())
    return store.put_blob(sent.packed("be brief", prompt, list(texts.items())))


def test_an_input_is_kept_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    name = kept(store, f"Read:\n{LONG}\nand once more: {LONG}!", a=f"{LONG}\n")
    assert LONG.encode() not in (store.blob(name) or b"")
    found = sent.read(store, name)
    assert found is not None
    assert (found.system, found.prompt) == ("be brief", f"Read:\n{LONG}\nand once more: {LONG}!")
    assert found.missing == ()


@settings(deadline=None, max_examples=50)
@given(pieces=st.lists(st.sampled_from(["a", " ", "\n", LONG, "x" * 250, f"{LONG} {LONG}"])))
def test_whatever_was_sent_comes_back(tmp_path_factory: object, pieces: list[str]) -> None:
    store = Store(tmp_path_factory.mktemp("store"))  # type: ignore[attr-defined]
    prompt = "".join(pieces)
    found = sent.read(store, kept(store, prompt, a=LONG, b=f"\n{LONG} {LONG}\n", c="x" * 250))
    assert found is not None
    assert found.prompt == prompt


def test_an_input_that_has_gone_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    asked = sent.packed("", f"Read {LONG}", [("in.md", LONG)])
    name = store.put_blob(asked)
    found = sent.read(store, name)
    assert found is not None
    assert found.missing == ("in.md",)
    assert "[in.md as it was then: its text is not in the store]" in found.prompt


def test_what_is_no_prompt_is_none(tmp_path: Path) -> None:
    store = Store(tmp_path)
    sound = {"schema": 1, "inputs": {}, "system": [], "prompt": ["x"]}
    bad: list[object] = [
        None, [], "x", {}, {**sound, "schema": 2}, {**sound, "inputs": []},
        {**sound, "inputs": {"a": "../../x"}}, {**sound, "prompt": "x"},
        {**sound, "prompt": [{"input": "x"}]}, {**sound, "system": [1]}, {**sound, "prompt": [{}]},
    ]  # fmt: skip
    for table in bad:
        name = store.put_blob(json.dumps(table).encode())
        assert sent.read(store, name) is None
        assert sent.inputs(store, name) == {}
    assert sent.read(store, store.put_blob(b"\xff")) is None
    assert sent.read(store, "") is None
    assert sent.read(store, store.put_blob(json.dumps(sound).encode())) == ("", "x", {}, ())
