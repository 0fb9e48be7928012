"""How rare the tokens and values of a population are."""

import dataclasses
from collections.abc import Iterator, Sequence
from math import log2

import numpy as np

from services.mdm.domain.matching.columns.lists import Numbers
from services.mdm.domain.matching.columns.numbering import ascending
from services.mdm.domain.matching.columns.population import Column, Population
from services.mdm.domain.matching.columns.tokens import tokens_of
from services.mdm.domain.matching.comparing.vectors import grams_of
from services.mdm.domain.matching.declaration import Comparison
from services.mdm.domain.matching.model import MatchModel, rarity_key

_TOKENISED = {Comparison.TEXT, Comparison.CODES}
_LARGEST_TABLE = 200_000


def with_rarities(model: MatchModel, population: Population) -> MatchModel:
    """Return the model with how rare the population's tokens and values are: those that several records share."""
    shared: dict[int, int] = {}
    weights = list(model.weights)
    for place, attribute in enumerate(model.matching.attributes):
        column = population.columns[place]
        records = int((column.counts() > 0).sum())
        if not records:
            continue
        weights[place] = dataclasses.replace(weights[place], unseen_rarity=_millibits(1, records))
        for tokens, counts in _counts(column, tokenised=attribute.comparison in _TOKENISED):
            several = np.flatnonzero(counts > 1)
            for token, count in zip(several.tolist(), counts[several].tolist(), strict=True):
                shared[rarity_key(attribute.name, tokens[token])] = _millibits(count, records)
    # The commonest, whatever order they came in.
    kept = sorted(shared.items(), key=lambda each: each[::-1])[:_LARGEST_TABLE]
    return dataclasses.replace(model, rarities=dict(kept), weights=tuple(weights), record_count=len(population))


def _millibits(count: int, records: int) -> int:
    return max(1, round(1000 * log2(max(records, 2) / count)))


def _counts(column: Column, *, tokenised: bool) -> Iterator[tuple[Sequence[str], Numbers]]:
    """Give what a column's values consist of, and how often records have it: each value counts it once."""
    times = np.bincount(column.values, minlength=len(column.vocabulary))
    if not tokenised:
        yield column.vocabulary, times
        return
    tokens, of = tokens_of(column.vocabulary)
    yield tokens, _counted(of.owners(), of.flat, len(tokens), times)
    grams = grams_of(column.vocabulary)
    runs = grams.tokens()
    yield runs, _counted(grams.owners, grams.numbers, len(runs), times)


def _counted(owners: Numbers, numbers: Numbers, count: int, times: Numbers) -> Numbers:
    of, held = np.divmod(ascending(owners * count + numbers), count)
    return np.bincount(held, weights=times[of], minlength=count).astype(np.int64)
