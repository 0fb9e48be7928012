"""Keyed tokens of codes that nobody may read: they tell equal codes, and codes of which neighbours changed places.

Beside the token of a code stand two of its characters taken two by two, each pair in ascending order: from the first
character on, and from the second on. Neighbours that changed places are a pair in one of the two, whose token stays.
Of n characters 2**(n // 2) codes at most share such a token, sixteen of nine digits: how many records share one tells
hardly anything of the digits. The token of all characters in order would be shared by up to 9! codes, and would.
"""

from collections.abc import Callable
from itertools import zip_longest

Token = Callable[[str, str], str]
"""Makes a keyed token of a RESTRICTED value, for a purpose such as `match`; of 11 characters at least."""

_PURPOSE = "match"
_PAIR_PURPOSES = ("match pairs from the first", "match pairs from the second")
"""Purposes of their own: no token tells that the characters of a code stand in order anyway."""
_SEPARATOR = "~"
_KEPT = 11
"""So many characters of a token of pairs are kept, 64 bits: it is compared with few others and found by nobody."""
_FIRST, _MARK, _SECOND = slice(-2 * _KEPT - 1, -_KEPT - 1), slice(-_KEPT - 1, -_KEPT), slice(-_KEPT, None)
"""Where the two tokens of pairs lie, and what parts them: sixty candidates are compared in each decision."""
_SHORTEST = 4
"""In shorter codes changed places tell nothing."""


def code_token(code: str, token: Token) -> str:
    """Return what stands for a code: the same for the same code."""
    found = [token(code, _PURPOSE)]
    if len(code) >= _SHORTEST:
        found += [token(_in_pairs(code, start), purpose)[-_KEPT:] for start, purpose in enumerate(_PAIR_PURPOSES)]
    return _SEPARATOR.join(found)


def token_of_all(text: str) -> str:
    """Return the token of the code itself; a text that stands for none comes back as it is."""
    return text.partition(_SEPARATOR)[0]


def tokens_of_pairs(text: str) -> tuple[str, str]:
    """Return the tokens of pairs; of a text without them both are the whole, which equals no other."""
    return (text[_FIRST], text[_SECOND]) if text[_MARK] == _SEPARATOR else (text, text)


def neighbours_swapped(one: str, other: str) -> bool:
    """Tell whether one of the tokens of pairs equals the other code's in its place; the codes differ."""
    alike = one[_SECOND] == other[_SECOND] or one[_FIRST] == other[_FIRST]
    return alike and one[_MARK] == other[_MARK] == _SEPARATOR


def _in_pairs(code: str, start: int) -> str:
    pairs = zip_longest(code[start::2], code[start + 1 :: 2], fillvalue="")
    return code[:start] + "".join([one + other if one <= other else other + one for one, other in pairs])
