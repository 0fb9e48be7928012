"""Weights as stewards' decisions bear them out: the weights from the population, moved by what was decided.

The decided pairs are fitted by logistic regression whose coefficients are the weights themselves, held to the ones
that the population gave. Stewards choose pairs by their scores and not by how they come out, so the point of even
odds is learnt from them as well, and the cuts move with it. Levels keep their order. What a rule says (a veto, an
exclusive identifier) is not learnt, and how far rarity moves a weight stays.

What was learnt counts only where it tells decisions that it has not seen better than the model before: by how sure it
is of each, and by what it would link (F1). Otherwise the weights stay, and the model's origin does not name decisions.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from concord.mdm.v1 import match_model_pb2 as pb
from services.mdm.domain.matching.columns.lists import Numbers
from services.mdm.domain.matching.columns.population import Pairs, Population
from services.mdm.domain.matching.comparing.comparisons import LEVELS, SAME
from services.mdm.domain.matching.declaration import DISCOUNT, Comparison
from services.mdm.domain.matching.learning.calibration import Label, calibrated
from services.mdm.domain.matching.learning.regression import Observations, Reals, fitted, rising
from services.mdm.domain.matching.model import MatchModel, Score, Weights, forbidding
from services.mdm.domain.matching.scoring.bulk import Flags, Likenesses, levels, likenesses, scores

_EVEN_BELOW_LINK, _EVEN_ABOVE_REVIEW = 2000, 5000
"""Where a pair is as probably one thing as not, seen from the cuts of a model that was estimated; millibits."""
_PRECISION = 4.0
"""How sure the weights of the population are: one over their variance, in natural units of evidence."""
_FOLDS = 5
_NONE = -(2**40)
"""Less than any score."""
_NAT = 1000 / float(np.log(2))
"""Millibits in one natural unit of evidence."""


class Decided(NamedTuple):
    """Pairs of a population that stewards decided on, ascending, and which of them are one thing."""

    pairs: Pairs
    same: Flags


def decided(pairs: Mapping[tuple[int, int], bool]) -> Decided:
    """Return decisions on pairs of places in a population; neither their order nor their direction matters."""
    ordered = sorted((min(pair), max(pair), same) for pair, same in pairs.items())
    table = np.asarray(ordered, dtype=np.int64).reshape(-1, 3)
    return Decided(Pairs(table[:, 0], table[:, 1]), table[:, 2] == 1)


def learnt(model: MatchModel, population: Population, known: Decided, precision: float) -> MatchModel:
    """Return the model with weights and cuts as decisions bear them out; `precision` is what its links promise.

    Without decisions it is the model as it was.
    """
    if not len(known.pairs):
        return model
    forbidden = [
        forbidding(model.exclusive, population.profiles[one], population.profiles[other])
        for one, other in zip(known.pairs.one.tolist(), known.pairs.other.tolist(), strict=True)
    ]
    free = np.asarray([not kind for kind in forbidden])
    better, told = _weighed(model, population, known, free)
    labels = [
        Label(Score(millibits, (), kind), same)
        for millibits, kind, same, linked in zip(
            told.tolist(),
            forbidden,
            known.same.tolist(),
            _linkable(model, population, known.pairs, told).tolist(),
            strict=True,
        )
        if linked
    ]
    return dataclasses.replace(calibrated(better, labels, precision), decision_count=len(known.pairs))


def _linkable(model: MatchModel, of: Population, pairs: Pairs, score: Numbers) -> Flags:
    """Tell which pairs would be linked if the cut let them: others are not, whatever it is.

    They are the best of both their records, by the margin where at most one of the candidates can be right.
    """
    ends = ((pairs.one, pairs.other), (pairs.other, pairs.one))
    first, second = _two_best(ends[0][0], ends[1][0], score, len(of))
    linkable = np.ones(len(score), dtype=np.bool_)
    for record, partner in ends:
        rival = np.where(score == first[record], second[record], first[record])
        linkable &= score >= rival + np.where(of.sides[partner] >= 0, model.margin_millibits, 0)
    return linkable


def _two_best(one: Numbers, other: Numbers, score: Numbers, records: int) -> tuple[Numbers, Numbers]:
    """Return the best and the second-best score of each record."""
    of, scored = np.concatenate((one, other)), np.concatenate((score, score))
    order = np.lexsort((-scored, of))
    of, scored = of[order], scored[order]
    begins = np.concatenate(([True], of[1:] != of[:-1]))
    follows = np.concatenate(([False], begins[:-1])) & ~begins
    best = np.full((2, records), _NONE, dtype=np.int64)
    best[0, of[begins]], best[1, of[follows]] = scored[begins], scored[follows]
    return best[0], best[1]


def _weighed(model: MatchModel, population: Population, known: Decided, free: Flags) -> tuple[MatchModel, Numbers]:
    """Return the model with learnt weights, if they are better, and what the decided pairs score.

    A pair's score comes from weights that were learnt without it, so that the cut is not judged by what made it.
    """
    found = likenesses(population, known.pairs, model)
    before = scores(found, model)
    design = _design(model, found, before)
    evidence = _Evidence(model, population, known, found, design, free & design.free)
    above = evidence.held_out()
    telling = evidence.usable & (evidence.linkable(before) | evidence.linkable(above))
    now = before - even_odds(model)
    if _loss(above, known.same, telling) >= _loss(now, known.same, telling) or evidence.f1(above) < evidence.f1(now):
        return model, before
    better = evidence.moved(evidence.usable)
    return better, above + even_odds(better)


def even_odds(model: MatchModel) -> int:
    """Return the score at which a pair is as probably one thing as not, millibits."""
    link = model.link_millibits
    return model.review_millibits + _EVEN_ABOVE_REVIEW if link is None else link - _EVEN_BELOW_LINK


def _loss(above: Numbers, same: Flags, usable: Flags) -> float:
    """Return how surprising decisions are to one who knows how far above even odds each pair is."""
    return float(np.logaddexp(0, np.where(same, -above, above)[usable] / _NAT).sum())


@dataclass(frozen=True)
class _Design:
    """Decided pairs as the regression sees them, in natural units of evidence.

    The last column is the point of even odds, the others are the levels of the attributes.
    """

    places: tuple[tuple[int, int], ...]
    """Attribute and level of each column but the last."""
    columns: Reals
    fixed: Reals
    """What of a score is no level's weight: rarity, rounding, vetoes."""
    prior: Reals
    free: Flags
    """Which pairs no veto decides."""

    def moved(self, model: MatchModel, same: Flags, of: Flags) -> MatchModel:
        """Return the model with weights learnt from some of the pairs, in whole millibits."""
        seen = Observations(self.columns[of], self.fixed[of], same[of].astype(np.float64))
        found = fitted(seen, self.prior, _PRECISION)
        mass = np.abs(seen.columns).sum(axis=0)
        weights = tuple(self._rising(place, weights, found * _NAT, mass) for place, weights in enumerate(model.weights))
        return dataclasses.replace(model, weights=weights, origin=pb.MatchModel.ORIGIN_DECISIONS)

    def _rising(self, place: int, weights: Weights, found: Reals, mass: Reals) -> Weights:
        values = np.asarray(weights.millibits, dtype=np.float64)
        heavy = np.full(len(values), _PRECISION)
        for column, (attribute, level) in enumerate(self.places):
            if attribute == place:
                values[level] = found[column]
                heavy[level] += mass[column]
        if not np.diff(values).min() < 0:
            return dataclasses.replace(weights, millibits=tuple(map(round, values.tolist())))
        return dataclasses.replace(weights, millibits=tuple(map(round, rising(values, heavy).tolist())))


@dataclass(frozen=True)
class _Evidence:
    """What stewards decided, beside what the model thought of it."""

    model: MatchModel
    population: Population
    known: Decided
    found: list[Likenesses]
    design: _Design
    usable: Flags

    def linkable(self, score: Numbers) -> Flags:
        return _linkable(self.model, self.population, self.known.pairs, score)

    def f1(self, above: Numbers) -> float:
        """Return how well decisions are met by what would be linked, given how far above even odds each pair is."""
        linked = self.usable & self.linkable(above) & (above >= _EVEN_BELOW_LINK)
        same = self.usable & self.known.same
        return 2 * float((linked & same).sum()) / max(float(linked.sum() + same.sum()), 1.0)

    def held_out(self) -> Numbers:
        """Return how far above even odds each pair is by weights learnt from other records' pairs, millibits."""
        fold = self.known.pairs.one % _FOLDS
        above = np.zeros(len(fold), dtype=np.int64)
        for out in np.unique(fold):
            other = self.moved(self.usable & (fold != out))
            above[fold == out] = (scores(self.found, other) - even_odds(other))[fold == out]
        return above

    def moved(self, of: Flags) -> MatchModel:
        """Return the model with weights and cuts learnt from some of the pairs, in whole millibits.

        Weights are learnt from all of them, the point of even odds from those that could be links.
        """
        model, same = self.design.moved(self.model, self.known.same, of), self.known.same
        score = scores(self.found, model)
        rivals = of & self.linkable(score)
        seen = Observations(-np.ones((int(rivals.sum()), 1)), score[rivals] / _NAT, same[rivals].astype(np.float64))
        (even,) = fitted(seen, np.asarray([even_odds(model) / _NAT]), _PRECISION).tolist()
        shift, link = round(even * _NAT) - even_odds(model), model.link_millibits
        return dataclasses.replace(
            model,
            link_millibits=None if link is None else link + shift,
            review_millibits=model.review_millibits + shift,
        )


def _design(model: MatchModel, found: list[Likenesses], score: Numbers) -> _Design:
    parts = _discounted(model, found)
    free = np.ones(len(score), dtype=np.bool_)
    places, columns = [], []
    for place, shares in enumerate(parts):
        essential = model.matching.attributes[place].essential
        free &= ~(shares[:, 0] > 0) if essential else True
        for level in range(int(essential), shares.shape[1]):
            if shares[:, level].any():
                places.append((place, level))
                columns.append(shares[:, level])
    prior = np.asarray([model.weights[place].millibits[level] for place, level in places]) / _NAT
    table = np.asarray(columns, dtype=np.float64).reshape(len(places), len(score)).T
    even = -np.ones((len(score), 1))
    fixed = score / _NAT - table @ prior
    return _Design(tuple(places), np.hstack([table, even]), fixed, np.append(prior, even_odds(model) / _NAT), free)


def _discounted(model: MatchModel, found: list[Likenesses]) -> list[Reals]:
    """Return for each attribute how much of each of its levels is in each pair."""
    parts = [_shares(each) for each in found]
    for group in model.matching.groups:
        said = np.zeros(len(parts[group[0]]), dtype=np.bool_)
        for place in group:
            parts[place][said] /= DISCOUNT
            said |= found[place].known()
    return parts


def _shares(found: Likenesses) -> Reals:
    """Return how much of each level's weight the most similar values have: one level's, of texts two levels'."""
    edges = np.asarray(LEVELS[found.comparison])
    best = found.best()
    shares = np.zeros((len(best), len(edges)))
    known = np.flatnonzero(best >= 0)
    if found.comparison is not Comparison.TEXT:
        shares[known, levels(found.comparison, best)[known]] = 1
        return shares
    middles, between = (edges[:-1] + edges[1:]) / 2, best[known]
    for level, unit in enumerate(np.eye(len(middles))):
        shares[known, level] = np.where(between < SAME, np.interp(between, middles, unit), 0)
    shares[known, -1] = between >= SAME
    return shares
