"""A match model from a population: rarities, common keys, weights, cuts."""

import dataclasses
from collections.abc import Sequence

from services.mdm.domain.matching.chance import beyond_chance
from services.mdm.domain.matching.defaults import default_model
from services.mdm.domain.matching.estimation import estimated
from services.mdm.domain.matching.keys import all_keys, block_keys
from services.mdm.domain.matching.model import MatchModel
from services.mdm.domain.matching.population import Pairs, Population, candidates, common
from services.mdm.domain.matching.rarities import with_rarities
from services.mdm.domain.record_type import RecordType

MOST_HOLDERS = 100
"""A key that more records hold says nothing."""


def trained(record_type: RecordType, population: Population) -> tuple[MatchModel, Pairs]:
    """Return a model made for a population, without labels, and the population's candidates under it.

    Raises ValueError for types that declare no matching.
    """
    model = default_model(record_type)
    if not population.profiles:
        return dataclasses.replace(model, link_millibits=None), candidates([], population.sides, cap=MOST_HOLDERS)
    model = with_rarities(model, population)
    keys = [sorted(all_keys(profile, model)) for profile in population.profiles]
    model = dataclasses.replace(model, common_keys=common(keys, cap=MOST_HOLDERS))
    pairs = candidates(keys, population.sides, cap=MOST_HOLDERS)
    return beyond_chance(estimated(model, population, pairs), population, pairs), pairs


def candidate_pairs(model: MatchModel, population: Population) -> Pairs:
    """Return a population's candidates under a model."""
    keys: Sequence[Sequence[int]] = [block_keys(profile, model) for profile in population.profiles]
    return candidates(keys, population.sides, cap=len(population))
