import pytest
from hypothesis import given
from hypothesis import strategies as st

from piste.bundle import encoding

from .conftest import examples

JAPANESE = "これは日本語のテキストです。ファイルの先頭。\n"

DECODED = {
    "ascii": (b"plain\n", "plain\n", {}),
    "utf-8": ("Grüße 日本\n".encode(), "Grüße 日本\n", {}),
    "empty": (b"", "", {}),
    "bom": (b"\xef\xbb\xbfx\n", "x\n", {"bom": "yes"}),
    "latin-1": ("café, Grüße\n".encode("latin-1"), "café, Grüße\n", {"encoding": "latin-1"}),
    "windows-1252": ("“café” – œuvre\n".encode("cp1252"), "“café” – œuvre\n",
                     {"encoding": "cp1252"}),
    "shift-jis": (JAPANESE.encode("shift_jis"), JAPANESE, {"encoding": "shift_jis"}),
    "euc-jp": (JAPANESE.encode("euc_jp"), JAPANESE, {"encoding": "euc_jp"}),
    "utf-16": ("\ufeffhé\n".encode("utf-16-le"), "hé\n", {"encoding": "utf-16-le", "bom": "yes"}),
    "utf-16-be": ("\ufeffhé\n".encode("utf-16-be"), "hé\n",
                  {"encoding": "utf-16-be", "bom": "yes"}),
    "utf-16 without a mark": ("hello, there\n".encode("utf-16-le"), "hello, there\n",
                              {"encoding": "utf-16-le"}),
    "utf-16 of other scripts": ("\ufeff日本".encode("utf-16-le"), "日本",
                                {"encoding": "utf-16-le", "bom": "yes"}),
    "utf-32": ("\ufeffhé".encode("utf-32-le"), "hé", {"encoding": "utf-32-le", "bom": "yes"}),
    "declared by Python": ("# -*- coding: koi8-r -*-\nx = 'привет'\n".encode("koi8-r"),
                           "# -*- coding: koi8-r -*-\nx = 'привет'\n", {"encoding": "koi8-r"}),
    "declared by XML": ('<?xml version="1.0" encoding="euc-kr"?>\n한국어\n'.encode("euc-kr"),
                        '<?xml version="1.0" encoding="euc-kr"?>\n한국어\n',
                        {"encoding": "euc_kr"}),
    "damaged utf-8": ("naïve Grüße ".encode() + b"\xff\n", "naïve Grüße \ufffd\n",
                      {"invalid": "1"}),
    "no encoding that is known": (b"ok \xff\xfe bad\n", "ok \ufffd\ufffd bad\n", {"invalid": "2"}),
    "a real U+FFFD": ("\ufffd\n".encode(), "\ufffd\n", {}),
    "crlf": (b"a\r\nb\r\n", "a\nb\n", {"newline": "crlf"}),
    "cr": (b"a\rb\r", "a\nb\n", {"newline": "cr"}),
    "a known bad sequence": (b"a \xc3( b\n", "a \ufffd( b\n", {"invalid": "1"}),
    "mixed": (b"a\r\nb\nc\r", "a\r\nb\nc\r", {}),
}  # fmt: skip


@pytest.mark.parametrize(("data", "body", "marks"), DECODED.values(), ids=DECODED)
def test_a_text_is_decoded_and_it_is_said_how(
    data: bytes, body: str, marks: encoding.Marks
) -> None:
    assert encoding.decode(data) == (body.encode(), marks)


@pytest.mark.parametrize(
    "data",
    [
        b"text\n" * 500 + b"\0",
        bytes(range(256)) * 4,
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"\x80\x01\x02\x03\xff\x04\x05" * 50,
        "nul in utf-16 \0".encode("utf-16"),
        b"\xff\xfe\0",
    ],
)
def test_a_binary_file_is_not_a_text(data: bytes) -> None:
    assert encoding.decode(data) is None


@examples
@given(
    st.one_of(
        st.binary(max_size=60),
        st.text(max_size=40).flatmap(
            lambda made: st.sampled_from(
                ("utf-8", "utf-8-sig", "utf-16", "cp1252", "shift_jis")
            ).map(lambda encoding: made.encode(encoding, "ignore"))
        ),
        st.lists(st.sampled_from([b"a", b"\r\n", b"\r", b"\n", b"\xe9", "日".encode()])).map(
            b"".join
        ),
    )
)
def test_a_text_leads_back_to_its_bytes(data: bytes) -> None:
    decoded = encoding.decode(data)

    if decoded is not None and "invalid" not in decoded.marks:
        assert encoding.encode(*decoded) == data


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (b"one\ntwo\nthr", "one\ntwo\n"),
        ("a long line of ééé".encode()[:-1], "a long line of éé"),
        ("\ufeffab".encode("utf-16-le")[:-1], "a"),
        ("日本".encode()[:4], "日"),
    ],
)
def test_the_beginning_of_a_file_ends_with_a_line_or_a_character(data: bytes, body: str) -> None:
    decoded = encoding.decode_start(data)

    assert decoded is not None
    assert decoded.body.decode() == body
    assert "invalid" not in decoded.marks


@pytest.mark.parametrize("declared", ["rot13", "utf-7", "nonsense", "unicode_escape", "hex"])
def test_a_declared_encoding_that_is_none_is_not_believed(declared: str) -> None:
    data = f"# coding: {declared}\ncaf\xe9 au lait\n".encode("latin-1")

    decoded = encoding.decode(data)

    assert decoded is not None
    assert decoded.marks == {"encoding": "latin-1"}
