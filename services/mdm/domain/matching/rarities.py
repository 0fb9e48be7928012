"""How rare the tokens and values of a population are."""

import dataclasses
from collections import Counter
from math import log2

from services.mdm.domain.matching.comparisons import trigrams
from services.mdm.domain.matching.declaration import Comparison
from services.mdm.domain.matching.model import MatchModel, rarity_key
from services.mdm.domain.matching.population import Column, Population

_TOKENISED = {Comparison.TEXT, Comparison.CODES}
_LARGEST_TABLE = 200_000


def with_rarities(model: MatchModel, population: Population) -> MatchModel:
    """Return the model with how rare the population's tokens and values are: those that several records share."""
    shared: Counter[int] = Counter()
    said: dict[int, int] = {}
    weights = list(model.weights)
    for place, attribute in enumerate(model.matching.attributes):
        column = population.columns[place]
        records = int((column.counts() > 0).sum())
        if not records:
            continue
        weights[place] = dataclasses.replace(weights[place], unseen_rarity=_millibits(1, records))
        for token, count in _counts(column, tokenised=attribute.comparison in _TOKENISED).items():
            if count > 1:
                key = rarity_key(attribute.name, token)
                shared[key], said[key] = count, records
    rarities = {key: _millibits(count, said[key]) for key, count in shared.most_common(_LARGEST_TABLE)}
    return dataclasses.replace(model, rarities=rarities, weights=tuple(weights), record_count=len(population))


def _millibits(count: int, records: int) -> int:
    return max(1, round(1000 * log2(max(records, 2) / count)))


def _counts(column: Column, *, tokenised: bool) -> Counter[str]:
    times: Counter[int] = Counter(column.values.tolist())
    if not tokenised:
        return Counter({column.vocabulary[place]: count for place, count in times.items()})
    counts: Counter[str] = Counter()
    for place, value in enumerate(column.vocabulary):
        for token in {*value.split(), *trigrams(value)}:
            counts[token] += times[place]
    return counts
