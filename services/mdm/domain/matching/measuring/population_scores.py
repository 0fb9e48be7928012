"""Scores of a whole population: the pairs that share a block key, and those of them at or above the review cut."""

from collections.abc import Iterator, Mapping

from services.mdm.domain.matching.blocking.bulk_keys import block_keys_in_bulk
from services.mdm.domain.matching.columns.population import Pairs, candidates, population
from services.mdm.domain.matching.grouping.clustering import Edge
from services.mdm.domain.matching.learning.training import MOST_HOLDERS
from services.mdm.domain.matching.model import MatchModel, forbidding
from services.mdm.domain.matching.scoring.bulk import Comparer
from services.mdm.domain.matching.standardising.profile import Profile


class Scoring:
    """One population under one model; `pairs` are its candidates."""

    def __init__(self, model: MatchModel, profiles: Mapping[str, Profile]) -> None:
        self._model = model
        self._names = sorted(profiles)
        self._profiles = [profiles[name] for name in self._names]
        self._population = population(self._profiles)
        self._comparer = Comparer(self._population, model)
        keys = block_keys_in_bulk(self._population, model)
        self.pairs: Pairs = candidates(keys, self._population.sides, cap=MOST_HOLDERS)

    def edges(self, at_once: int) -> Iterator[list[Edge]]:
        """Score all pairs, `at_once` at a time; give those at or above the review cut."""
        for start in range(0, len(self.pairs), at_once):
            part = slice(start, start + at_once)
            yield list(self._edges(Pairs(self.pairs.one[part], self.pairs.other[part])))

    def _edges(self, pairs: Pairs) -> Iterator[Edge]:
        strong, millibits = self._comparer.strong(pairs, self._model.review_millibits)
        ends = pairs.one[strong].tolist(), pairs.other[strong].tolist()
        for one, other, score in zip(*ends, millibits.tolist(), strict=True):
            forbidden = forbidding(self._model.exclusive, self._profiles[one], self._profiles[other])
            yield Edge(self._names[one], self._names[other], score, forbidden)
