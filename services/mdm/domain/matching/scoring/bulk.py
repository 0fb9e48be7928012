"""Scores of many pairs at once: the same whole numbers as one by one, from columns."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.mdm.domain.matching.columns.lists import Numbers, starts_of
from services.mdm.domain.matching.columns.population import Column, Pairs, Population
from services.mdm.domain.matching.comparing.comparisons import DEAR, LEVELS, SAME
from services.mdm.domain.matching.comparing.value_comparer import ValueComparer
from services.mdm.domain.matching.declaration import DISCOUNT, Comparison
from services.mdm.domain.matching.model import MatchModel

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Likenesses:
    """How alike the values of one attribute are, for each pair of values of each pair of records.

    Pair p has those from `starts[p]` to `starts[p + 1]`; none = one of the records says nothing.
    """

    comparison: Comparison
    similarity: Numbers
    shared: Numbers
    starts: Numbers

    def known(self) -> Flags:
        """Tell for which pairs both records say something."""
        return np.diff(self.starts) > 0

    def best(self) -> Numbers:
        """Return the highest similarity of each pair, -1 where one of the records says nothing."""
        return highest(self.similarity, self.starts, nothing=-1)


def highest(values: Numbers, starts: Numbers, *, nothing: int) -> Numbers:
    """Return the highest value of each run; `nothing` for empty ones."""
    found = np.full(len(starts) - 1, nothing, dtype=np.int64)
    filled = np.diff(starts) > 0
    if filled.any():
        found[filled] = np.maximum.reduceat(values, starts[:-1][filled])
    return found


class Comparer:
    """Compares records of one population under one model, as many pairs at a time as is wanted."""

    def __init__(self, population: Population, model: MatchModel) -> None:
        self._model = model
        self._compared = [
            _Compared(column, ValueComparer(attribute.comparison, column.vocabulary, model.rarity_of(place)))
            for place, (column, attribute) in enumerate(zip(population.columns, model.matching.attributes, strict=True))
        ]

    def prepare(self) -> None:
        """Make now what is else made when it is first needed: for processes that are to share it."""
        for each in self._compared:
            each.prepare()

    def likenesses(self, pairs: Pairs) -> list[Likenesses]:
        """Return how alike the pairs are, attribute by attribute."""
        return [each.likenesses(pairs) for each in self._compared]

    def strong(self, pairs: Pairs, cut: int) -> tuple[Numbers, Numbers]:
        """Return which pairs score at or above a cut, and their scores, millibits.

        A pair is given up, as `Weighing` does, once it can't reach the cut any more.
        """
        known = [each.known(pairs) for each in self._compared]
        further = _further(known, self._model.matching.groups)
        # Short numbers, added one attribute after the other: most of this is waiting for memory.
        most = [
            each * np.where(later, np.int32(gauge.most // DISCOUNT), np.int32(gauge.most))
            for each, later, gauge in zip(known, further, self._model.gauges, strict=True)
        ]
        reachable = np.zeros(len(pairs), dtype=np.int64)
        for each in most:
            reachable += each
        alive = np.flatnonzero(reachable >= cut)
        for place, weigh in self._steps():
            compared = alive[known[place][alive]]
            if not len(compared):
                continue
            weight = weigh(place, Pairs(pairs.one[compared], pairs.other[compared]))
            weight = np.where(further[place][compared], weight // DISCOUNT, weight)
            reachable[compared] += weight - most[place][compared]
            most[place][compared] = weight
            alive = alive[reachable[alive] >= cut]
        return alive, reachable[alive]

    def _steps(self) -> Iterator[tuple[int, Callable[[int, Pairs], Numbers]]]:
        """Give what to weigh, and how: what is cheap, then what texts weigh at most, then what is dear."""
        attributes = self._model.matching.attributes
        heavy_first = sorted(range(len(attributes)), key=lambda place: -self._model.gauges[place].most)
        yield from ((place, self._weight) for place in heavy_first if attributes[place].comparison not in DEAR)
        texts = (place for place in heavy_first if attributes[place].comparison is Comparison.TEXT)
        yield from ((place, self._ceiling) for place in texts)
        yield from ((place, self._weight) for place in heavy_first if attributes[place].comparison in DEAR)

    def _weight(self, place: int, pairs: Pairs) -> Numbers:
        return weighed(place, self._compared[place].likenesses(pairs), self._model)

    def _ceiling(self, place: int, pairs: Pairs) -> Numbers:
        return np.asarray(self._model.gauges[place].heaviest)[self._compared[place].ceilings(pairs)]


def _further(known: Sequence[Flags], groups: Sequence[Sequence[int]]) -> list[Flags]:
    """Tell for which pairs each attribute is further evidence only: one of its group before it is known."""
    further = list(known)
    for group in groups:
        said = np.zeros(len(known[group[0]]), dtype=np.bool_)
        for place in group:
            further[place] = said
            said = said | known[place]
    return further


def likenesses(population: Population, pairs: Pairs, model: MatchModel) -> list[Likenesses]:
    """Return how alike the pairs are, attribute by attribute."""
    return Comparer(population, model).likenesses(pairs) if len(population) else []


class _Compared:
    """One attribute of a population."""

    def __init__(self, column: Column, values: ValueComparer) -> None:
        self._column = column
        self._values = values
        self._counts = column.counts()
        self._said = self._counts > 0
        self._at_most_one = bool(self._counts.max(initial=0) <= 1)
        self.prepare = values.prepare

    def known(self, pairs: Pairs) -> Flags:
        """Tell for which pairs both records say something."""
        if not len(self._column.values):
            return np.zeros(len(pairs), dtype=np.bool_)
        both: Flags = self._said[pairs.one] & self._said[pairs.other]
        return both

    def likenesses(self, pairs: Pairs) -> Likenesses:
        ours, theirs, starts = self._products(pairs)
        similarity, shared = self._values.likenesses(np.minimum(ours, theirs), np.maximum(ours, theirs))
        return Likenesses(self._values.comparison, similarity, shared, starts)

    def ceilings(self, pairs: Pairs) -> Numbers:
        """Return a similarity that no texts of each pair exceed; both records say something."""
        ours, theirs, starts = self._products(pairs)
        return highest(self._values.ceilings(ours, theirs), starts, nothing=0)

    def _products(self, pairs: Pairs) -> tuple[Numbers, Numbers, Numbers]:
        """Return the pairs of values of each pair of records, as places in the vocabulary, and each one's first."""
        column = self._column
        ours, theirs = self._counts[pairs.one], self._counts[pairs.other]
        starts = starts_of(ours * theirs)
        if self._at_most_one:
            both = np.flatnonzero(ours & theirs)
            first, second = column.starts[pairs.one[both]], column.starts[pairs.other[both]]
        else:
            of = np.repeat(np.arange(len(pairs)), ours * theirs)
            within = np.arange(starts[-1]) - starts[of]
            first = column.starts[pairs.one][of] + within // theirs[of]
            second = column.starts[pairs.other][of] + within % theirs[of]
        return column.values[first], column.values[second], starts


def weighed(place: int, found: Likenesses, model: MatchModel) -> Numbers:
    """Return what one attribute weighs for each pair, millibits: `MatchModel.part` in bulk."""
    weights = model.weights[place]
    base = _between(found.comparison, np.asarray(weights.millibits, dtype=np.int64), found.similarity)
    low, high = weights.rarity_range
    moved = base + np.clip(found.shared - weights.usual_rarity, low, high)
    each = np.where((found.shared == 0) | (base <= 0), base, moved)
    return np.where(found.known(), highest(each, found.starts, nothing=0), 0)


def scores(found: Sequence[Likenesses], model: MatchModel) -> Numbers:
    """Return the score of each pair, millibits: `MatchModel.score` in bulk."""
    weights = [weighed(place, each, model) for place, each in enumerate(found)]
    known = [each.known() for each in found]
    whole: Numbers = np.sum([total(weights, known, group) for group in model.matching.groups], axis=0, dtype=np.int64)
    return whole


def total(weights: Sequence[Numbers], known: Sequence[Flags], group: tuple[int, ...]) -> Numbers:
    """Return what the attributes of a group weigh together: in full only the first that both records know."""
    whole = np.zeros_like(weights[group[0]])
    said = np.zeros(len(whole), dtype=np.bool_)
    for place in group:
        whole += np.where(said, weights[place] // DISCOUNT, weights[place])
        said |= known[place]
    return whole


def levels(comparison: Comparison, similarity: Numbers) -> Numbers:
    """Return the level of each similarity, -1 where one of the records says nothing."""
    return np.searchsorted(np.asarray(LEVELS[comparison]), similarity, side="right") - 1


def _between(comparison: Comparison, millibits: Numbers, similarity: Numbers) -> Numbers:
    places = levels(comparison, similarity)
    if comparison is not Comparison.TEXT:
        return millibits[places]
    edges = np.asarray(LEVELS[comparison], dtype=np.int64)
    middles = np.append((edges[:-1] + edges[1:]) // 2, SAME)
    last = len(edges) - 2
    lower = np.clip(np.where(similarity >= middles[places], places, places - 1), 0, last)
    upper = np.minimum(lower + 1, last)
    span = np.maximum(middles[upper] - middles[lower], 1)
    between = millibits[lower] + (millibits[upper] - millibits[lower]) * (similarity - middles[lower]) // span
    flat = (upper == lower) | (similarity < middles[0])
    return np.where(similarity >= SAME, millibits[-1], np.where(flat, millibits[np.minimum(places, last)], between))
