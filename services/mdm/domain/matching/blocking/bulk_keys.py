"""Block keys of many records at once: the same as one by one, made from columns."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from services.mdm.domain.matching.blocking.features import Features
from services.mdm.domain.matching.blocking.keys import IDENTIFIER, Part, block_keys, planned
from services.mdm.domain.matching.columns.hashing import combined_in_bulk, hashed_in_bulk
from services.mdm.domain.matching.columns.lists import (
    Lists,
    Numbers,
    in_a_row,
    lists,
    nothing,
    products,
    side_by_side,
    starts_of,
)
from services.mdm.domain.matching.columns.population import Population, population
from services.mdm.domain.matching.model import MatchModel
from services.mdm.domain.matching.standardising.profile import Profile

_EVERYBODY = slice(None)
_AT_ONCE = 100_000
"""So many records at a time: enough that values repeat, few enough for memory."""
_MANY = 40
"""From so many records on, columns are made sooner than keys one by one."""


def all_keys_in_bulk(of: Population, model: MatchModel, part: slice = _EVERYBODY) -> Lists:
    """Return what `all_keys` does of each record, or of those in a part of the places; in no order, each once."""
    start, stop, _ = part.indices(len(of))
    ends = [*range(start, stop, _AT_ONCE), stop]
    return (
        in_a_row([_keys(_RecordFeatures(of, model, *each)) for each in pairwise(ends)]) if start < stop else nothing()
    )


def _keys(features: "_RecordFeatures") -> Lists:
    return side_by_side([features.identifiers(), *(features.keys(*key) for key in features.planned)])


def block_keys_in_bulk(of: Population, model: MatchModel, part: slice = _EVERYBODY) -> Lists:
    """Return what `block_keys` does of each record, or of those in a part of the places; in no order."""
    found = all_keys_in_bulk(of, model, part)
    rare = np.isin(found.flat, np.fromiter(model.common_keys, np.int64, len(model.common_keys)), invert=True)
    return lists(found.owners()[rare], found.flat[rare], len(found))


def block_keys_of_each(profiles: Sequence[Profile], model: MatchModel) -> list[tuple[int, ...]]:
    """Return what `block_keys` does of each record."""
    if len(profiles) < _MANY:
        return [block_keys(each, model) for each in profiles]
    found = block_keys_in_bulk(population(profiles), model)
    flat = found.flat.tolist()
    return [tuple(sorted(flat[start:stop])) for start, stop in pairwise(found.starts.tolist())]


class _RecordFeatures:
    """What of records goes into their keys: each attribute's values are looked at once."""

    def __init__(self, of: Population, model: MatchModel, start: int, stop: int) -> None:
        self._of = of
        self._model = model
        self._start, self._stop = start, stop
        self.planned = planned(model.matching)
        self._values: dict[int, tuple[Features, Numbers, Numbers]] = {}
        self._found: dict[int, Lists] = {}

    def identifiers(self) -> Lists:
        """Return the keys of the strong identifiers."""
        held = [profile.identifiers for profile in self._of.profiles[self._start : self._stop]]
        kinds, values = (hashed_in_bulk([each[place] for of in held for each in of]) for place in (0, 1))
        sizes = np.fromiter(map(len, held), np.int64, len(held))
        return Lists(combined_in_bulk(IDENTIFIER, kinds, values), starts_of(sizes))

    def keys(self, limit: int, seed: int, first: Part, second: Part | None) -> Lists:
        """Return the keys of one kind."""
        ones = self._features(first)
        if second is None:
            found = ones.firsts(limit)
            return Lists(combined_in_bulk(seed, found.flat, np.zeros_like(found.flat)), found.starts)
        first_hashes, second_hashes, starts = products(ones, self._features(second), limit)
        return Lists(combined_in_bulk(seed, first_hashes, second_hashes), starts)

    def _features(self, part: Part) -> Lists:
        """Return the hashes of an attribute's features, of each record the rarest first."""
        found = self._found.get(part.number)
        if found is None:
            features, values, starts = self._texts(part.place)
            found = features.of(part.feature, part.limit).picked(values).joined(starts)
            if len(values) > np.count_nonzero(np.diff(starts)):
                found = found.distinct().firsts(part.limit)
            self._found[part.number] = found
        return found

    def _texts(self, place: int) -> tuple[Features, Numbers, Numbers]:
        """Return the features of the distinct values of an attribute, each record's values, and where they start."""
        found = self._values.get(place)
        if found is None:
            column = self._of.columns[place]
            starts = column.starts[self._start : self._stop + 1]
            used, values = np.unique(column.values[starts[0] : starts[-1]], return_inverse=True)
            texts = [column.vocabulary[value] for value in used.tolist()]
            features = Features(texts, self._model.rarity_of(place))
            found = self._values[place] = features, values, starts - starts[0]
        return found
