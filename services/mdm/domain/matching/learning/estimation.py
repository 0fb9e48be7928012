"""Weights from a population without labels: what agreement is worth among these records.

Two estimates are made of the same pairs:

- *anchored*: how often levels come about among different things is counted in random pairs and in candidates that
  the other attributes speak against; how often among the same thing in pairs that are each other's best candidate,
  as far as the *other* attributes speak for them (an attribute never vouches for itself);
- *expectation*: expectation maximisation over all candidates, which sees what depends on what.

The second collapses on some populations. Alone it counts only where it links nearly what the first links; where it
links mostly that, the two are averaged; elsewhere the first counts alone. A population whose records say too little
supports neither: then nothing is linked automatically.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from concord.mdm.v1 import match_model_pb2 as pb
from services.mdm.domain.matching.columns.lists import Numbers
from services.mdm.domain.matching.columns.population import Pairs, Population, random_pairs
from services.mdm.domain.matching.comparing.comparisons import LEVELS
from services.mdm.domain.matching.declaration import DISCOUNT
from services.mdm.domain.matching.learning.defaults import MILLIBITS, VETO
from services.mdm.domain.matching.model import MatchModel, Weights
from services.mdm.domain.matching.scoring.bulk import Flags, Likenesses, levels, likenesses

Reals = npt.NDArray[np.float64]
_RANDOM_PAIRS = 30_000
_ANCHOR_ROUNDS, _EXPECTATION_ROUNDS = 6, 30
_PRIOR_PAIRS = 8.0
"""How many pairs the experience of the defaults counts as."""
_FEWEST_PAIRS = 20.0
"""With less evidence of an attribute its default weights stay."""
_FEWEST_SEEN = 0.5
"""With fewer pairs of a level nobody knows what it weighs."""
_LOWEST, _HIGHEST = -10.0, 16.0
_LINK_BITS, _REVIEW_BITS, _MARGIN_BITS = 2.0, -5.0, 1.0
"""Above and below the prior: linked from odds of 4 to 1 on, reviewed from 1 to 32."""
_LEAST_AGREEMENT, _FULL_AGREEMENT = 0.5, 0.95
"""Which share of what either estimate links both have to link for the second to count at all, and to count alone."""
_LEAST_SHARE = 0.05
_LEAST_GROUPS = 2
_RARITY_RANGE = (-1500, 750)


@dataclasses.dataclass(frozen=True)
class _Evidence:
    """The levels of candidates and of random pairs, by attribute; -1 = one of the two says nothing."""

    groups: tuple[tuple[int, ...], ...]
    experience: list[Reals]
    """What the levels of each attribute share among pairs of the same thing, from experience."""
    levels: list[Numbers]
    random: list[Numbers]
    pairs: Pairs
    records: int
    all_pairs: float

    def group_of(self, place: int) -> tuple[int, ...]:
        return next(group for group in self.groups if place in group)

    def weigh(self, weights: Sequence[Reals], group: tuple[int, ...]) -> Reals:
        """Return what the attributes of a group weigh in each candidate, bits."""
        total = np.zeros(len(self.pairs))
        said = np.zeros(len(self.pairs), dtype=np.bool_)
        for place in group:
            known = self.levels[place] >= 0
            weight = np.where(known, weights[place][self.levels[place]], 0.0)
            total += np.where(said, weight / DISCOUNT, weight)
            said |= known
        return total

    def mutual_best(self, totals: Reals) -> Flags:
        """Tell which pairs are the best of both their records."""
        best = np.full(self.records, -np.inf)
        np.maximum.at(best, self.pairs.one, totals)
        np.maximum.at(best, self.pairs.other, totals)
        return (totals >= best[self.pairs.one]) & (totals >= best[self.pairs.other])


@dataclasses.dataclass(frozen=True)
class _Estimate:
    weights: list[Reals]
    prior: float
    """Bits that a pair needs to be as probably one thing as not."""


def estimated(model: MatchModel, population: Population, pairs: Pairs) -> MatchModel:
    """Return the model with weights and cuts from the population; `pairs` are its candidates.

    `model` is a default model with the population's rarities. It comes back with automatic linking off when the
    records say too little.
    """
    if not len(pairs):
        return dataclasses.replace(model, link_millibits=None)
    found = likenesses(population, pairs, model)
    evidence = _evidence(model, population, pairs, found)
    if not _supports_links(evidence):
        return dataclasses.replace(model, link_millibits=None)
    anchored = _anchored(evidence, [_bits(weights.millibits) for weights in model.weights])
    expected = _expected(evidence, [_bits(weights.millibits) for weights in model.weights])
    agreement = _agreement(evidence, anchored, expected)
    if agreement < _LEAST_AGREEMENT:
        return _with(model, evidence, anchored, found, pb.MatchModel.ORIGIN_ANCHORED)
    chosen = expected if agreement >= _FULL_AGREEMENT else _pooled(anchored, expected)
    return _with(model, evidence, chosen, found, pb.MatchModel.ORIGIN_EXPECTATION)


def _bits(millibits: Sequence[int]) -> Reals:
    return np.asarray(millibits, dtype=np.float64) / 1000


def _evidence(model: MatchModel, population: Population, pairs: Pairs, found: list[Likenesses]) -> _Evidence:
    drawn = likenesses(population, random_pairs(population, _RANDOM_PAIRS), model)
    sizes = np.unique(population.sides[population.sides >= 0], return_counts=True)[1].astype(np.float64)
    records = float(len(population))
    return _Evidence(
        groups=model.matching.groups,
        experience=[_experience(_bits(MILLIBITS[attribute.comparison])) for attribute in model.matching.attributes],
        levels=[levels(each.comparison, each.best()) for each in found],
        random=[levels(each.comparison, each.best()) for each in drawn],
        pairs=pairs,
        records=len(population),
        all_pairs=max((records * (records - 1) - float((sizes * (sizes - 1)).sum())) / 2, 1.0),
    )


def _experience(default: Reals) -> Reals:
    shares: Reals = np.exp2(np.minimum(default, 8) / 2.5)
    shares /= shares.sum()
    return shares


def _supports_links(evidence: _Evidence) -> bool:
    """Tell whether two independent groups of attributes are known often enough."""
    known = [max(float((evidence.levels[place] >= 0).mean()) for place in group) for group in evidence.groups]
    return sum(share >= _LEAST_SHARE for share in known) >= _LEAST_GROUPS


def _anchored(evidence: _Evidence, weights: list[Reals]) -> _Estimate:
    prior = float(np.log2(evidence.all_pairs / (evidence.records * 0.4)))
    for _ in range(_ANCHOR_ROUNDS):
        by_group = {group: evidence.weigh(weights, group) for group in evidence.groups}
        totals = np.sum(list(by_group.values()), axis=0)
        best = evidence.mutual_best(totals)
        prior = float(np.log2(evidence.all_pairs / max(float((_probability(totals - prior) * best).sum()), 2.0)))
        for place in range(len(weights)):
            others = _probability(totals - by_group[evidence.group_of(place)] - prior)
            weights[place] = _anchored_weights(evidence, place, others * best, 1 - others, weights[place])
    return _Estimate(weights, prior)


def _anchored_weights(evidence: _Evidence, place: int, same: Reals, different: Reals, old: Reals) -> Reals:
    matches = _histogram(evidence.levels[place], same, len(old))
    drawn = _histogram(evidence.random[place], np.ones(len(evidence.random[place])), len(old))
    if matches.sum() < _FEWEST_PAIRS or not drawn.sum():
        return _no_more_than_by_chance(old, drawn)
    known = evidence.all_pairs * drawn.sum() / len(evidence.random[place])
    others = _histogram(evidence.levels[place], different, len(old))
    chance = np.maximum(drawn / drawn.sum(), np.maximum(others, 0.3) / known)
    return _weights(matches, evidence.experience[place], chance / chance.sum(), matches + others + drawn)


def _no_more_than_by_chance(weights: Reals, drawn: Reals) -> Reals:
    """Return weights of which none is above what random pairs leave room for; `drawn` counts these by level.

    A level that every second of them has speaks for the same thing with one bit at most, whatever experience says.
    """
    if not drawn.sum():
        return weights
    most = -np.log2((drawn + 0.5) / (drawn.sum() + 0.5 * len(drawn)))
    bounded: Reals = np.minimum.accumulate(np.minimum(weights, most)[::-1])[::-1]
    return bounded


def _weights(matches: Reals, experience: Reals, chance: Reals, seen: Reals) -> Reals:
    """Return what levels weigh, bits; `seen` is how many pairs there are of each."""
    shares = (matches + _PRIOR_PAIRS * experience) / (matches.sum() + _PRIOR_PAIRS)
    known = _with_unseen_levels(zip(shares.tolist(), chance.tolist(), seen.tolist(), strict=True))
    weights: Reals = np.clip(np.maximum.accumulate(known), _LOWEST, _HIGHEST)
    return weights


def _with_unseen_levels(levels: Iterable[tuple[float, float, float]]) -> Reals:
    """Return what levels weigh, bits; one that hardly a pair has counts as one with the next that would weigh less.

    Nobody knows what it weighs: by itself it would lift all levels above it.
    """
    pools: list[tuple[float, float, float, int]] = []
    for share, by_chance, seen in levels:
        pool = (share, by_chance, seen, 1)
        while pools and pools[-1][2] < _FEWEST_SEEN and pools[-1][0] * pool[1] > pool[0] * pools[-1][1]:
            before = pools.pop()
            pool = (before[0] + pool[0], before[1] + pool[1], before[2] + pool[2], before[3] + pool[3])
        pools.append(pool)
    return np.concatenate([np.full(size, np.log2(share / by_chance)) for share, by_chance, _, size in pools])


def _expected(evidence: _Evidence, weights: list[Reals]) -> _Estimate:
    prior = float(np.log2(max(len(evidence.pairs) / (evidence.records * 0.4), 1.1))) + 4
    for _ in range(_EXPECTATION_ROUNDS):
        totals = np.sum([evidence.weigh(weights, group) for group in evidence.groups], axis=0)
        same = _probability(totals - prior)
        prior = float(np.log2(max(float((1 - same).sum()), 1.0) / max(float(same.sum()), 2.0)))
        for place, old in enumerate(weights):
            matches = _histogram(evidence.levels[place], same, len(old))
            rest = _histogram(evidence.levels[place], 1 - same, len(old))
            if matches.sum() >= _FEWEST_PAIRS:
                weights[place] = _weights(
                    matches,
                    evidence.experience[place],
                    (rest + 0.5) / (rest.sum() + 0.5 * len(old)),
                    matches + rest,
                )
            else:
                drawn = _histogram(evidence.random[place], np.ones(len(evidence.random[place])), len(old))
                weights[place] = _no_more_than_by_chance(old, drawn)
    return _Estimate(weights, prior)


def _probability(bits: Reals) -> Reals:
    probability: Reals = 1 / (1 + np.exp2(-np.clip(bits, -60, 60)))
    return probability


def _histogram(of: Numbers, weight: Reals, size: int) -> Reals:
    known = of >= 0
    return np.bincount(of[known], weights=weight[known], minlength=size).astype(np.float64)


def _agreement(evidence: _Evidence, one: _Estimate, other: _Estimate) -> float:
    """Return which share of what either estimate links both link."""
    ours, theirs = (_linked(evidence, estimate) for estimate in (one, other))
    return float((ours & theirs).sum()) / max(float((ours | theirs).sum()), 1.0)


def _linked(evidence: _Evidence, estimate: _Estimate) -> Flags:
    totals = np.sum([evidence.weigh(estimate.weights, group) for group in evidence.groups], axis=0)
    linked: Flags = evidence.mutual_best(totals) & (totals >= estimate.prior)
    return linked


def _pooled(one: _Estimate, other: _Estimate) -> _Estimate:
    weights = [(ours + theirs) / 2 for ours, theirs in zip(one.weights, other.weights, strict=True)]
    return _Estimate(weights, (one.prior + other.prior) / 2)


def _with(
    model: MatchModel,
    evidence: _Evidence,
    estimate: _Estimate,
    found: list[Likenesses],
    origin: "pb.MatchModel.Origin.ValueType",
) -> MatchModel:
    linked = _linked(evidence, estimate)
    weights = [
        _frozen(model.weights[place], estimate.weights[place], found[place], linked, essential=attribute.essential)
        for place, attribute in enumerate(model.matching.attributes)
    ]
    return dataclasses.replace(
        model,
        weights=tuple(weights),
        link_millibits=round(1000 * (estimate.prior + _LINK_BITS)),
        review_millibits=round(1000 * (estimate.prior + _REVIEW_BITS)),
        margin_millibits=round(1000 * _MARGIN_BITS),
        origin=origin,
    )


def _frozen(old: Weights, bits: Reals, found: Likenesses, linked: Flags, *, essential: bool) -> Weights:
    """Return the weights in whole millibits, with how rare what linked pairs share usually is."""
    millibits = [round(1000 * float(each)) for each in bits]
    if essential:
        millibits[0] = min(millibits[0], VETO)
    of = (
        np.repeat(linked, np.diff(found.starts))
        & (found.shared > 0)
        & (found.similarity >= LEVELS[found.comparison][-1])
    )
    usual = int(np.median(found.shared[of])) if of.any() else old.unseen_rarity
    return dataclasses.replace(old, millibits=tuple(millibits), usual_rarity=usual, rarity_range=_RARITY_RANGE)
