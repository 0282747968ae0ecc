import pytest

from piste.bundle import parse
from piste.system.errors import UserError

from .conftest import FORMS
from .test_formats import made


@pytest.mark.parametrize("form", FORMS)
def test_a_bundle_that_is_cut_off_is_not_read_as_a_whole_one(form: str) -> None:
    whole = made(form, [(b"a.txt", b"one\n"), (b"b.txt", b"two\n")])
    last = whole.rindex(b"Review this.")

    # Between two blocks alone a cut does not show.
    for end in range(last, len(whole) - 1):
        with pytest.raises(UserError, match=r"cut off|changed"):
            parse(whole[:end], form)


@pytest.mark.parametrize("form", FORMS)
def test_what_is_no_bundle_of_that_form_is_a_mistake(form: str) -> None:
    other = FORMS[FORMS.index(form) - 1]

    for text in (b"", b"hello\n", made(other, [(b"a", b"b")])):
        with pytest.raises(UserError, match="not a bundle in the form"):
            parse(text, form)


def test_the_line_where_it_went_wrong_is_named() -> None:
    text = made("xml", [(b"a.txt", b"one\n")]).replace(b"</file>\n", b"</file>\nhello\n")

    with pytest.raises(UserError, match="line 7 should open a block"):
        parse(text, "xml")
