"""Differences of two texts, as people and models are shown them."""

from piste.documents import diffs


def test_it_shows_what_differs_with_lines_around_it() -> None:
    old = "".join(f"{at}\n" for at in range(9))
    head = ["--- was", "+++ is"]
    shown = [" 3", "-4", "+four", " 5"]
    new = old.replace("4", "four")
    assert diffs.unified(old, new, "was", "is", 1) == [*head, "@@ -4,3 +4,3 @@", *shown]
    assert len(diffs.unified(old, new, "was", "is")) == 11


def test_line_ends_are_no_difference() -> None:
    assert diffs.unified("a\nb\n", "a\r\nb", "was", "is") == []
