"""A difference of two texts as a unified diff, as people and models are shown it."""

_AROUND = 3  # lines that are the same, around those that are not


def unified(old: str, new: str, old_name: str, new_name: str, around: int = _AROUND) -> list[str]:
    """Return the lines of the diff, without what ends them; none where the texts say the same."""
    import difflib  # here: a build that only looks needs none of it

    lines = old.splitlines(), new.splitlines()
    return [*difflib.unified_diff(*lines, old_name, new_name, lineterm="", n=around)]
