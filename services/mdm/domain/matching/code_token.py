"""Keyed tokens of codes that nobody may read: they tell equal codes, and codes of which neighbours changed places.

Beside the token of a code stand two of its characters taken two by two, each pair in ascending order: from the first
character on, and from the second on. Neighbours that changed places are a pair in one of the two, whose token stays.
Of n characters 2**(n // 2) codes at most share such a token, sixteen of nine digits: how many records share one tells
hardly anything of the digits. The token of all characters in order would be shared by up to 9! codes, and would.
"""

from collections.abc import Callable
from itertools import chain

Token = Callable[[str, str], str]
"""Makes a keyed token of a RESTRICTED value, for a purpose such as `match`."""

_PURPOSE = "match"
_PAIR_PURPOSES = ("match pairs from the first", "match pairs from the second")
"""Purposes of their own: no token tells that the characters of a code stand in order anyway."""
_SEPARATOR = "~"
_KEPT = 11
"""So many characters of a token of pairs are kept, 64 bits: it is compared with few others and found by nobody."""
_SHORTEST = 4
"""In shorter codes changed places tell nothing."""


def code_token(code: str, token: Token) -> str:
    """Return what stands for a code: the same for the same code, and what `token_of_all` and `tokens_of_pairs` tell."""
    found = [token(code, _PURPOSE)]
    if len(code) >= _SHORTEST:
        found += [token(_in_pairs(code, start), purpose)[-_KEPT:] for start, purpose in enumerate(_PAIR_PURPOSES)]
    return _SEPARATOR.join(found)


def token_of_all(text: str) -> str:
    """Return the token of the code itself; a text that stands for none comes back as it is."""
    return text.partition(_SEPARATOR)[0]


def tokens_of_pairs(text: str) -> tuple[str, str]:
    """Return the tokens of pairs: where one equals another code's in its place, neighbours have changed places.

    Of a text without them both are the whole, which equals no other.
    """
    _, *found = text.split(_SEPARATOR)
    first, second = found or (text, text)
    return first, second


def _in_pairs(code: str, start: int) -> str:
    pairs = (sorted(code[place : place + 2]) for place in range(start, len(code), 2))
    return code[:start] + "".join(chain.from_iterable(pairs))
