import pytest

from piste.bundle import own_lines

OWN = (("# ours", "one", "two"), ("common",))


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("a\n", "a\n"),
        ("a\n\n# ours\none\ncommon\n", "a\n"),
        ("a\n\n\n# ours\none\n\nb\n", "a\n\n\nb\n"),
        ("# ours\none\na\n", "a\n"),
        ("# ours\none\n\n\na\n", "\na\n"),
        ("\na\n", "\na\n"),
        ("common\n\n# ours\none\n", "common\n"),
        ("a\n two \nb", "a\nb\n"),
        ("a\none more\n", "a\none more\n"),
        ("a\r\nb\r\n\r\none\r\n", "a\r\nb\r\n"),
        ("a\r\nb", "a\r\nb\r\n"),
        ("# ours\none\ntwo\ncommon\n", ""),
        ("", ""),
    ],
)
def test_what_is_left_is_the_same_with_our_lines_and_without(text: str, rest: str) -> None:
    assert own_lines.rest(text.encode(), OWN) == rest.encode()


def test_what_is_no_text_stays_as_it_is() -> None:
    assert own_lines.rest(b"\xff\xfe\n\none\n", OWN) == b"\xff\xfe\n"
