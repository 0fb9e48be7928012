"""How similar two standard values are, in thousandths, and how much they share.

Similarities are whole numbers from exact arithmetic or from one and the same library call, so that a pair has the
same similarity whenever and wherever it is compared.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache
from math import isqrt
from typing import NamedTuple

from rapidfuzz.distance import OSA, JaroWinkler

from services.mdm.domain.matching.declaration import Comparison
from services.mdm.domain.matching.standardising.code_token import neighbours_swapped

SAME = 1000
SWAPPED = 900
"""The similarity of codes of which neighbours changed places."""
Rarity = Callable[[str], int]
"""How rare a token or value is: millibits, -1000 log2 of its share of the records."""


class Likeness(NamedTuple):
    """How alike two values are."""

    similarity: int
    """Thousandths; 1000 = the same."""
    shared: int
    """How rare what they share is, millibits; 0 = they share nothing whose rarity counts."""


NOTHING = Likeness(0, 0)
_SHORT_CODES = Likeness(SAME, 0), Likeness(900, 0), NOTHING, NOTHING
_LONG_CODES = Likeness(SAME, 0), Likeness(900, 0), Likeness(800, 0), NOTHING
"""By the number of typing errors."""
_SAME_LOCALLY, _MISTYPED, _SAME_AREA = Likeness(950, 0), Likeness(850, 0), Likeness(600, 0)
_LOCAL, _BEFORE_LINE = 7, -4
"""So many digits at the end of a phone number are the number without its area code; the last four are the line's."""

LEVELS: dict[Comparison, tuple[int, ...]] = {
    Comparison.EXACT: (0, SAME),
    Comparison.CODE: (0, 800, 900, SAME),
    Comparison.RESTRICTED_CODE: (0, SWAPPED, SAME),
    Comparison.PHONE: (0, 600, 850, 950, SAME),
    Comparison.DATE: (0, 700, 900, SAME),
    Comparison.PERSON: (0, 700, 800, 880, 940, SAME),
    Comparison.TEXT: (0, 150, 300, 450, 600, 700, 800, 900, SAME),
    Comparison.CODES: (0, 500, 700, SAME),
    Comparison.NUMBER: (0, 700, 850, 950, SAME),
}
"""The lowest similarity of each level, thousandths."""

DEAR = frozenset({Comparison.TEXT, Comparison.CODES, Comparison.PERSON})
"""What takes longest to compare comes last: most pairs are given up before."""

SHORTEST_TYPO = 4
_SHORTEST_MODEL = 4
_STRETCH = 5


def level(comparison: Comparison, similarity: int) -> int:
    """Return the level of a similarity: the highest whose lowest similarity it reaches."""
    return bisect_right(LEVELS[comparison], similarity) - 1


def likeness(comparison: Comparison, one: str, other: str, rarity: Rarity) -> Likeness:
    """Return how alike two standard values are."""
    if one == other:
        return Likeness(SAME, shared_rarity(comparison, one, rarity))
    return COMPARE[comparison](one, other, rarity)


def shared_rarity(comparison: Comparison, value: str, rarity: Rarity) -> int:
    """Return how rare a value is that two records share."""
    if comparison is Comparison.TEXT:
        return sum(map(rarity, set(value.split())))
    if comparison is Comparison.CODES:
        return max(map(rarity, value.split()))
    return rarity(value)


def _exact(_one: str, _other: str, _rarity: Rarity) -> Likeness:
    return NOTHING


def _code(one: str, other: str, _rarity: Rarity) -> Likeness:
    shorter = min(len(one), len(other))
    if shorter < SHORTEST_TYPO:
        return NOTHING
    typos = OSA.distance(one, other, score_cutoff=2)
    return (_LONG_CODES if shorter > SHORTEST_TYPO + 2 else _SHORT_CODES)[typos]


def _code_token(one: str, other: str, rarity: Rarity) -> Likeness:
    """Compare what stands for codes; codes whose neighbours changed places share what is as common as the commoner."""
    return Likeness(SWAPPED, min(rarity(one), rarity(other))) if neighbours_swapped(one, other) else NOTHING


def _phone(one: str, other: str, rarity: Rarity) -> Likeness:
    end, other_end = one[-_LOCAL:], other[-_LOCAL:]
    if end == other_end or len(end) < _LOCAL or len(other_end) < _LOCAL:
        short, long = (one, other) if len(one) <= len(other) else (other, one)
        if long.endswith(short) and len(short) > SHORTEST_TYPO:
            return Likeness(950, rarity(short))
        if end == other_end:
            return _SAME_LOCALLY
    if OSA.distance(end, other_end, score_cutoff=1) == 1:
        return _MISTYPED
    return _SAME_AREA if one[-_LOCAL:_BEFORE_LINE] == other[-_LOCAL:_BEFORE_LINE] else NOTHING


def _date(one: str, other: str, _rarity: Rarity) -> Likeness:
    if OSA.distance(one, other, score_cutoff=1) == 1:
        return Likeness(900, 0)
    parts = [(date[:4], date[4:6], date[6:]) for date in (one, other)]
    if parts[0][0] == parts[1][0] and parts[0][1:] == parts[1][:0:-1]:
        return Likeness(900, 0)
    return Likeness(700, 0) if sum(map(str.__eq__, *parts)) == 2 else NOTHING  # noqa: PLR2004 - two of three


def _person(one: str, other: str, _rarity: Rarity) -> Likeness:
    return Likeness(int(JaroWinkler.similarity(one, other) * 999), 0)


def _text(one: str, other: str, rarity: Rarity) -> Likeness:
    (ours, length), (theirs, other_length) = _vector(one, rarity), _vector(other, rarity)
    grams = ours.keys() & theirs.keys()
    if not grams:
        return NOTHING
    across = sum([ours[gram] * theirs[gram] for gram in grams])
    both = set(one.split()) & set(other.split())
    return Likeness(similarity_of_vectors(across, length * other_length), sum(map(rarity, both)))


class Ceilings:
    """Similarities that texts do not exceed with one text: that of it with as much of it as the other has, too.

    By Cauchy's inequality; the other's own weights are not needed.
    """

    def __init__(self, text: str, rarity: Rarity) -> None:
        self._text = text
        self._rarity = rarity

    @cached_property
    def _squares(self) -> tuple[list[tuple[str, int]], int]:
        """The square of what each run of characters weighs, and the length of the whole; many are never asked for."""
        weights, squares = _vector(self._text, self._rarity)
        return [(gram[1:], weight * weight) for gram, weight in weights.items()], isqrt(squares) or 1

    def most_alike(self, other: str) -> int:
        """Return what the similarity with another text is not above, thousandths."""
        if self._text == other:
            return SAME
        padded, (squares, length) = _padded(other), self._squares
        shared = sum([square for run, square in squares if run in padded])
        return min(SAME - 1, SAME * (isqrt(shared) + 1) // length)


def similarity_of_vectors(across: int, squares: int) -> int:
    """Return the cosine of two vectors, thousandths below 1000: their product, and that of their sums of squares."""
    return min(SAME - 1, SAME * across // (isqrt(squares) or 1))


@lru_cache(maxsize=1 << 16)
def _vector(text: str, rarity: Rarity) -> tuple[dict[str, int], int]:
    """Return how much each run of three characters of a text weighs, and the sum of the squares."""
    weights = {gram: rarity(gram) * times for gram, times in trigrams(text).items()}
    return weights, sum([weight * weight for weight in weights.values()])


def trigrams(text: str) -> Counter[str]:
    """Return the runs of three characters of a text, each behind a `#`, and how often each comes."""
    return Counter(_grams(text))


def _grams(text: str) -> list[str]:
    padded = _padded(text)
    return [f"#{padded[start : start + 3]}" for start in range(len(padded) - 2)]


def _padded(text: str) -> str:
    return f"  {text} "


def _codes(one: str, other: str, rarity: Rarity) -> Likeness:
    first, second = one.split(), other.split()
    both = set(first) & set(second)
    if both:
        return Likeness(SAME, max(map(rarity, both)))
    begun = [
        min(mine, theirs, key=len)
        for mine in first
        for theirs in second
        if min(len(mine), len(theirs)) >= _SHORTEST_MODEL and (mine.startswith(theirs) or theirs.startswith(mine))
    ]
    if begun:
        return Likeness(700, max(map(rarity, begun)))
    return Likeness(500, 0) if _stretches(first) & _stretches(second) else NOTHING


def _stretches(codes: Iterable[str]) -> set[str]:
    """Return the runs of five characters, one a digit at least, within codes."""
    runs = (code[start : start + _STRETCH] for code in codes for start in range(len(code) - _STRETCH + 1))
    return {run for run in runs if any(character.isdecimal() for character in run)}


def _number(one: str, other: str, _rarity: Rarity) -> Likeness:
    smaller, larger = sorted((float(one), float(other)))
    difference = (larger - smaller) / larger
    return Likeness(950 if difference <= 0.02 else 850 if difference <= 0.1 else 700 if difference <= 0.3 else 0, 0)  # noqa: PLR2004 - the levels


COMPARE: dict[Comparison, Callable[[str, str, Rarity], Likeness]] = {
    Comparison.EXACT: _exact,
    Comparison.CODE: _code,
    Comparison.RESTRICTED_CODE: _code_token,
    Comparison.PHONE: _phone,
    Comparison.DATE: _date,
    Comparison.PERSON: _person,
    Comparison.TEXT: _text,
    Comparison.CODES: _codes,
    Comparison.NUMBER: _number,
}
"""How two values that differ are compared."""
