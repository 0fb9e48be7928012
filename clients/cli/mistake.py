"""What a person got wrong on the command line: told with what to do instead."""

import difflib
from collections.abc import Iterable


class Mistake(Exception):  # noqa: N818 - it is the person's, not the program's
    """A command that can't be carried out as it stands; `hint` says what would work."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def nearest(given: str, known: Iterable[str]) -> str:
    """Return a hint: what was probably meant, else everything that there is."""
    names = sorted(known)
    close = difflib.get_close_matches(given, names, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(close)}?" if close else f"there is {', '.join(names) or 'none'}"
