"""A model from a population: how rare what it says is, which keys say nothing, what agreement weighs in it."""

import dataclasses
from collections.abc import Sequence

from services.mdm.domain.matching.defaults import default_model
from services.mdm.domain.matching.estimation import estimated
from services.mdm.domain.matching.keys import all_keys
from services.mdm.domain.matching.model import MatchModel
from services.mdm.domain.matching.population import candidates, common, population
from services.mdm.domain.matching.profile import Profile
from services.mdm.domain.matching.rarities import with_rarities
from services.mdm.domain.matching.scoring import MOST_HOLDERS
from services.mdm.domain.record_type import RecordType


def trained(record_type: RecordType, profiles: Sequence[Profile], sides: Sequence[int]) -> MatchModel:
    """Return a model of the population; two records of one side (0 or above) are never one thing.

    Raises ValueError for types that declare no matching.
    """
    model = dataclasses.replace(default_model(record_type), record_count=len(profiles))
    if not profiles:
        return dataclasses.replace(model, link_millibits=None)
    of = population(profiles, sides)
    model = with_rarities(model, of)
    keys = [sorted(all_keys(profile, model)) for profile in profiles]
    pairs = candidates(keys, of.sides, cap=MOST_HOLDERS)
    return estimated(dataclasses.replace(model, common_keys=common(keys, cap=MOST_HOLDERS)), of, pairs)
