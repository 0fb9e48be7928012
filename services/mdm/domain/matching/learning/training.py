"""A match model from a population: rarities, common keys, weights, cuts."""

import dataclasses

import numpy as np

from services.mdm.domain.matching.blocking.bulk_keys import all_keys_in_bulk, block_keys_in_bulk
from services.mdm.domain.matching.columns.population import Pairs, Population, candidates, common, scattered
from services.mdm.domain.matching.columns.population import population as population_of
from services.mdm.domain.matching.learning.chance import beyond_chance
from services.mdm.domain.matching.learning.defaults import default_model
from services.mdm.domain.matching.learning.estimation import estimated
from services.mdm.domain.matching.learning.rarities import with_rarities
from services.mdm.domain.matching.model import MatchModel
from services.mdm.domain.record_type import RecordType

MOST_HOLDERS = 100
"""A key that more records hold says nothing."""
MOST_SAMPLED = 100_000
"""From so many records weights and cuts are estimated at most; how rare things are is counted in all of them."""


def trained(record_type: RecordType, population: Population) -> tuple[MatchModel, Pairs]:
    """Return a model made for a population, without labels, and the population's candidates under it.

    Raises ValueError for types that declare no matching.
    """
    model = default_model(record_type)
    if not population.profiles:
        none = np.zeros(0, dtype=np.int64)
        return dataclasses.replace(model, link_millibits=None), Pairs(none, none)
    model = with_rarities(model, population)
    keys = all_keys_in_bulk(population, model)
    model = dataclasses.replace(model, common_keys=common(keys, cap=MOST_HOLDERS))
    pairs = candidates(keys, population.sides, cap=MOST_HOLDERS)
    sample, among = sampled(population, pairs, MOST_SAMPLED)
    return beyond_chance(estimated(model, sample, among), sample, among), pairs


def sampled(of: Population, pairs: Pairs, most: int) -> tuple[Population, Pairs]:
    """Return about `most` records of a larger population, drawn by the hashes of their names, and the pairs of these.

    Whether a record is drawn depends on its name and on how many there are. Pairs that are one thing and pairs that
    are not become fewer alike, so that weights and cuts hold for the whole population.
    """
    if len(of) <= most:
        return of, pairs
    drawn = scattered(of.marks.view(np.uint64)) < np.uint64(most * 2**64 // len(of))
    places = np.where(drawn, np.cumsum(drawn) - 1, -1)
    both = drawn[pairs.one] & drawn[pairs.other]
    records = np.flatnonzero(drawn)
    sample = population_of([of.profiles[place] for place in records.tolist()], of.sides[records].tolist())
    return sample, Pairs(places[pairs.one[both]], places[pairs.other[both]])


def candidate_pairs(model: MatchModel, population: Population) -> Pairs:
    """Return a population's candidates under a model."""
    return candidates(block_keys_in_bulk(population, model), population.sides, cap=len(population))
