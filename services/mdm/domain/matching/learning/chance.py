"""What chance links: the same values dealt out anew, so that no two records are one thing any more.

Where a model links nearly as much in such a population as in the real one, the records say too little: what it found
are coincidences, however far the estimates agree (a permutation test; Fisher, The Design of Experiments, 1935).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from services.mdm.domain.matching.blocking.bulk_keys import block_keys_in_bulk
from services.mdm.domain.matching.columns.lists import Numbers
from services.mdm.domain.matching.columns.population import Pairs, Population, candidates, population, scattered
from services.mdm.domain.matching.model import MatchModel
from services.mdm.domain.matching.scoring.bulk import Comparer

_MOST_BY_CHANCE = 0.5
"""Which share of the pairs above the link cut chance may explain: the margin to the second best sorts these out."""


def beyond_chance(model: MatchModel, of: Population, pairs: Pairs) -> MatchModel:
    """Return the model, with automatic linking off when chance explains what it links; `pairs` are the candidates."""
    if model.link_millibits is None:
        return model
    anew = dealt_anew(of, model.matching.groups)
    keys = block_keys_in_bulk(anew, model)
    by_chance = _linked(model, anew, candidates(keys, anew.sides, cap=len(anew)))
    if by_chance > _MOST_BY_CHANCE * _linked(model, of, pairs):
        return dataclasses.replace(model, link_millibits=None)
    return model


def dealt_anew(of: Population, groups: Sequence[Sequence[int]]) -> Population:
    """Return records of which each group of attributes comes from another record of the same side."""
    orders = {place: _order(of.sides, number) for number, group in enumerate(groups) for place in group}
    profiles = [
        dataclasses.replace(
            profile,
            identifiers=(),
            values=tuple(of.profiles[orders[place][row]].values[place] for place in range(len(profile.values))),
        )
        for row, profile in enumerate(of.profiles)
    ]
    return population(profiles, of.sides.tolist())


def _order(sides: Numbers, number: int) -> Numbers:
    """Return for every record the one whose values it gets: a shuffle within each side, the same every time."""
    rows = np.arange(len(sides), dtype=np.uint64)
    shuffled = np.lexsort((scattered(rows + (np.uint64(number + 1) << np.uint64(40))), sides))
    order = np.empty(len(sides), dtype=np.int64)
    order[np.lexsort((rows, sides))] = shuffled
    return order


def _linked(model: MatchModel, of: Population, pairs: Pairs) -> int:
    return len(Comparer(of, model).strong(pairs, model.link_millibits or 0)[0])
