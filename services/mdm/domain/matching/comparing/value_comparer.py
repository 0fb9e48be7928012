"""How alike many pairs of one attribute's values are: the same numbers as `comparisons.likeness`, one by one."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from rapidfuzz.distance import JaroWinkler
from rapidfuzz.process import cpdist

from services.mdm.domain.matching.columns.lists import Numbers
from services.mdm.domain.matching.columns.numbering import numbered
from services.mdm.domain.matching.comparing.comparisons import (
    SAME,
    SHORTEST_TYPO,
    SWAPPED,
    Rarity,
    likeness,
    shared_rarity,
)
from services.mdm.domain.matching.comparing.sketches import Sketches
from services.mdm.domain.matching.comparing.typos import Typos
from services.mdm.domain.matching.comparing.vectors import prepared
from services.mdm.domain.matching.declaration import Comparison
from services.mdm.domain.matching.standardising.code_token import tokens_of_pairs

_LOCAL = 7
"""So many digits at the end of a phone number are the number without its area code."""


class ValueComparer:
    """The values of one attribute, by their places in its vocabulary."""

    def __init__(self, comparison: Comparison, vocabulary: Sequence[str], rarity: Rarity) -> None:
        self.comparison = comparison
        self._words = vocabulary
        self._rarity = rarity
        self._rarity_of = np.full(len(vocabulary), -1, dtype=np.int64)

    def prepare(self) -> None:
        """Make now what is else made when it is first needed."""
        if not self._words:
            return
        match self.comparison:
            case Comparison.TEXT:
                _ = self._sketches
            case Comparison.CODE:
                _ = self._typos
            case Comparison.RESTRICTED_CODE:
                _ = self._tokens_of_pairs
            case Comparison.PHONE:
                _ = self._ends, self._numbered_ends, self._areas
            case _:
                pass

    def likenesses(self, ones: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        """Return how alike the values of each pair are and what they share, as `Likeness` has it."""
        similarity, shared = np.full(len(ones), SAME), np.zeros(len(ones), dtype=np.int64)
        same = ones == others
        shared[same] = self._rarities(ones[same])
        if not same.all():
            similarity[~same], shared[~same] = self._different(ones[~same], others[~same])
        return similarity, shared

    def ceilings(self, ones: Numbers, others: Numbers) -> Numbers:
        """Return a similarity that the texts of each pair do not exceed, for a fraction of the cost."""
        found = np.full(len(ones), SAME)
        different = ones != others
        found[different] = self._sketches.ceilings(ones[different], others[different])
        return found

    def _different(self, ones: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        at_once = {
            Comparison.EXACT: self._nothing,
            Comparison.CODE: self._code,
            Comparison.RESTRICTED_CODE: self._code_token,
            Comparison.PHONE: self._phone,
        }
        if self.comparison in at_once:
            return at_once[self.comparison](ones, others)
        unique, back = np.unique(ones * len(self._words) + others, return_inverse=True)
        compare = {Comparison.PERSON: self._person, Comparison.TEXT: self._text}.get(self.comparison, self._one_by_one)
        similarity, shared = compare(*np.divmod(unique, len(self._words)))
        return similarity[back], shared[back]

    def _rarities(self, places: Numbers) -> Numbers:
        """Return how rare values are that two records share; what was asked for once is remembered."""
        fresh, _ = numbered(places[self._rarity_of[places] < 0])
        rare = [shared_rarity(self.comparison, self._words[place], self._rarity) for place in fresh.tolist()]
        self._rarity_of[fresh] = rare
        return self._rarity_of[places]

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
        similarity = np.zeros_like(ones)
        shorter = np.minimum(self._typos.lengths[ones], self._typos.lengths[others])
        two_allowed = shorter > SHORTEST_TYPO + 2
        for of, told in (((shorter >= SHORTEST_TYPO) & ~two_allowed, (900, 0)), (two_allowed, (900, 800, 0))):
            errors = self._typos.between(ones[of], others[of], most=len(told) - 1)
            similarity[of] = np.asarray(told)[errors - 1]
        return similarity, np.zeros_like(ones)

    def _code_token(self, ones: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        swapped = np.any([each[ones] == each[others] for each in self._tokens_of_pairs], axis=0)
        shared = np.zeros_like(ones)
        shared[swapped] = np.minimum(self._rarities(ones[swapped]), self._rarities(others[swapped]))
        return np.where(swapped, SWAPPED, 0), shared

    def _phone(self, ones: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        """Compare whole numbers that end differently at once, the others one by one."""
        similarity, shared = np.zeros_like(ones), np.zeros_like(ones)
        numbers, ends, areas = self._ends, self._numbered_ends, self._areas
        rest = (np.minimum(numbers.lengths[ones], numbers.lengths[others]) < _LOCAL) | (ends[ones] == ends[others])
        similarity[rest], shared[rest] = self._one_by_one(ones[rest], others[rest])
        ours, theirs = ones[~rest], others[~rest]
        areas_equal = areas[ours] == areas[theirs]
        similarity[~rest] = np.select([numbers.between(ours, theirs, most=1) == 1, areas_equal], [850, 600], 0)
        return similarity, shared

    def _person(self, ones: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        found = cpdist(self._named(ones), self._named(others), scorer=JaroWinkler.similarity, dtype=np.float64)
        return (found * (SAME - 1)).astype(np.int64), np.zeros_like(ones)

    def _text(self, ones: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        """Make vectors of those texts that are compared: of a large vocabulary most never are."""
        used, places = numbered(np.concatenate((ones, others)))
        texts = prepared(self._named(used), self._rarity)
        return texts.compared(places[: len(ones)], places[len(ones) :])

    @cached_property
    def _sketches(self) -> Sketches:
        return Sketches(self._words, self._rarity)

    @cached_property
    def _typos(self) -> Typos:
        return Typos(self._words)

    @cached_property
    def _tokens_of_pairs(self) -> list[Numbers]:
        return [_coded(texts) for texts in zip(*map(tokens_of_pairs, self._words), strict=True)]

    @cached_property
    def _ends(self) -> Typos:
        return Typos([word[-_LOCAL:] for word in self._words])

    @cached_property
    def _numbered_ends(self) -> Numbers:
        return _coded([word[-_LOCAL:] for word in self._words])

    @cached_property
    def _areas(self) -> Numbers:
        return _coded([word[:-4][-3:] for word in self._words])


def _coded(texts: Sequence[str]) -> Numbers:
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    return np.fromiter(map(places.__getitem__, texts), np.int64, len(texts))
