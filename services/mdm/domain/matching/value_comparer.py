"""How alike many pairs of one attribute's values are: the same numbers as `comparisons.likeness`, one by one."""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from rapidfuzz.distance import OSA, JaroWinkler
from rapidfuzz.process import cpdist

from services.mdm.domain.matching.comparisons import (
    SAME,
    SHORTEST_TYPO,
    Rarity,
    likeness,
    shared_rarity,
)
from services.mdm.domain.matching.declaration import Comparison
from services.mdm.domain.matching.vectors import Numbers, Texts, prepared

_LOCAL = 7
"""So many digits at the end of a phone number are the number without its area code."""


class ValueComparer:
    """The values of one attribute, by their places in its vocabulary."""

    def __init__(self, comparison: Comparison, vocabulary: Sequence[str], rarity: Rarity) -> None:
        self.comparison = comparison
        self._words = vocabulary
        self._rarity = rarity

    def prepare(self) -> None:
        """Make now what is else made when it is first needed."""
        if self.comparison is Comparison.TEXT and self._words:
            assert self._texts  # noqa: S101 - made by being asked for

    def likenesses(self, ones: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        """Return how alike the values of each pair are and what they share, as `Likeness` has it."""
        similarity, shared = np.full(len(ones), SAME), np.zeros(len(ones), dtype=np.int64)
        same = ones == others
        shared[same] = self._of_each(lambda word: shared_rarity(self.comparison, word, self._rarity), ones[same])
        if same.all():
            return similarity, shared
        unique, back = np.unique(ones[~same] * len(self._words) + others[~same], return_inverse=True)
        found = self._different(*np.divmod(unique, len(self._words)))
        similarity[~same], shared[~same] = found[0][back], found[1][back]
        return similarity, shared

    def _different(self, ones: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        at_once = {
            Comparison.EXACT: self._nothing,
            Comparison.CODE: self._code,
            Comparison.PHONE: self._phone,
            Comparison.PERSON: self._person,
            Comparison.TEXT: self._text,
        }
        return at_once.get(self.comparison, self._one_by_one)(ones, others)

    def _of_each(self, number: Callable[[str], int], places: Numbers) -> Numbers:
        unique, back = np.unique(places, return_inverse=True)
        found = np.fromiter((number(self._words[place]) for place in unique.tolist()), np.int64, len(unique))
        return found[back]

    def _one_by_one(self, ones: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        pairs = zip(self._named(ones), self._named(others), strict=True)
        found = [likeness(self.comparison, one, other, self._rarity) for one, other in pairs]
        table = np.asarray(found, dtype=np.int64).reshape(-1, 2)
        return table[:, 0], table[:, 1]

    def _named(self, places: Numbers) -> list[str]:
        return [self._words[place] for place in places.tolist()]

    def _nothing(self, ones: Numbers, _others: Numbers) -> tuple[Numbers, Numbers]:
        return np.zeros_like(ones), np.zeros_like(ones)

    def _code(self, ones: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        typos = _typos(self._named(ones), self._named(others), most=2)
        shorter = np.minimum(self._lengths[ones], self._lengths[others])
        found = np.select([typos == 1, (typos == 2) & (shorter > SHORTEST_TYPO + 2)], [900, 800], 0)  # noqa: PLR2004 - as `comparisons` has it
        return np.where(shorter < SHORTEST_TYPO, 0, found), np.zeros_like(ones)

    def _phone(self, ones: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        """Compare whole numbers that end differently at once, the others one by one."""
        similarity, shared = np.zeros_like(ones), np.zeros_like(ones)
        ends, areas = self._ends, self._areas
        rest = (np.minimum(self._lengths[ones], self._lengths[others]) < _LOCAL) | (ends[0][ones] == ends[0][others])
        similarity[rest], shared[rest] = self._one_by_one(ones[rest], others[rest])
        whole, theirs = ones[~rest], others[~rest]
        first, second = ([ends[1][place] for place in of.tolist()] for of in (whole, theirs))
        areas_equal = areas[whole] == areas[theirs]
        similarity[~rest] = np.select([_typos(first, second, most=1) == 1, areas_equal], [850, 600], 0)
        return similarity, shared

    def _person(self, ones: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        found = cpdist(self._named(ones), self._named(others), scorer=JaroWinkler.similarity, dtype=np.float64)
        return (found * (SAME - 1)).astype(np.int64), np.zeros_like(ones)

    def _text(self, ones: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        return self._texts.similarity(ones, others), self._texts.shared(ones, others)

    @cached_property
    def _texts(self) -> Texts:
        return prepared(self._words, self._rarity)

    @cached_property
    def _lengths(self) -> Numbers:
        return np.fromiter(map(len, self._words), np.int64, len(self._words))

    @cached_property
    def _ends(self) -> tuple[Numbers, list[str]]:
        ends = [word[-_LOCAL:] for word in self._words]
        return _coded(ends), ends

    @cached_property
    def _areas(self) -> Numbers:
        return _coded([word[:-4][-3:] for word in self._words])


def _coded(texts: Sequence[str]) -> Numbers:
    places: dict[str, int] = {}
    return np.fromiter((places.setdefault(text, len(places)) for text in texts), np.int64, len(texts))


def _typos(ones: Sequence[str], others: Sequence[str], *, most: int) -> Numbers:
    """Return how many typing errors lie between each pair of texts; `most` + 1 = more."""
    return cpdist(ones, others, scorer=OSA.distance, score_cutoff=most, dtype=np.int32).astype(np.int64)
