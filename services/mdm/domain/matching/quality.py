"""How well a type's default matching does on a labelled set: the same path as ingest, without labels."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from google.protobuf.message import Message

from services.mdm.domain.matching.bulk import likenesses, scores
from services.mdm.domain.matching.clustering import Cuts, Edge, Node, Partition, clusters, pair_of
from services.mdm.domain.matching.model import MatchModel, forbidding
from services.mdm.domain.matching.population import Numbers, Pairs, Population, population
from services.mdm.domain.matching.profile import Token, profile
from services.mdm.domain.matching.training import trained
from services.mdm.domain.record_type import RecordType

Pair = tuple[int, int]
_LEFT, _RIGHT, _ANY = 0, 1, -1


@dataclass(frozen=True)
class LabelledSet:
    """Records and which of them are one thing, by place: first those of the left, then those of the right."""

    left: Sequence[Message]
    right: Sequence[Message]
    """Empty: duplicates are looked for within the left."""
    truth: frozenset[Pair]
    one_to_one: bool = False
    """Whether both sides are free of duplicates."""

    def sides(self) -> list[int]:
        """Return for each record which side it is of."""
        return [_LEFT] * len(self.left) + [_RIGHT] * len(self.right) if self.right else [_ANY] * len(self.left)


@dataclass(frozen=True)
class Figures:
    """What came out. Shares are from 0 to 1."""

    candidate_recall: float
    precision: float
    recall: float
    f1: float
    """Of automatic links; of each record's best candidate where nothing is linked automatically."""
    recall_with_reviews: float
    reviews: int
    automatic: bool
    """Whether the records say enough for automatic links."""
    links: int
    candidates: int


def measured(record_type: RecordType, labelled: LabelledSet, token: Token) -> Figures:
    """Return the figures of a type's default matching. Raises ValueError for types that declare no matching."""
    records = [profile(record_type, content, token) for content in (*labelled.left, *labelled.right)]
    of = population(records, labelled.sides())
    model, pairs = trained(record_type, of)
    found = scores(likenesses(of, pairs, model), model)
    linked, reviewed = _linked(model, of, pairs, found, labelled)
    if model.link_millibits is None:
        linked = _best_candidates(pairs, found, model.review_millibits)
    return _figures(labelled.truth, set(_pairs(pairs)), linked, reviewed, automatic=model.link_millibits is not None)


def _pairs(pairs: Pairs) -> Iterable[Pair]:
    return zip(pairs.one.tolist(), pairs.other.tolist(), strict=True)


def _linked(
    model: MatchModel, of: Population, pairs: Pairs, found: Numbers, labelled: LabelledSet
) -> tuple[set[Pair], set[Pair]]:
    names = [f"{place:09d}" for place in range(len(of))]
    nodes = [
        Node(name, str(side), labelled.one_to_one, _exclusive(model, record.identifiers))
        for name, side, record in zip(names, of.sides.tolist(), of.profiles, strict=True)
    ]
    kept = np.flatnonzero(found >= model.review_millibits)
    scored = zip(pairs.one[kept].tolist(), pairs.other[kept].tolist(), found[kept].tolist(), strict=True)
    edges = [
        Edge(names[one], names[other], score, forbidding(model.exclusive, of.profiles[one], of.profiles[other]))
        for one, other, score in scored
    ]
    cuts = Cuts(model.review_millibits, model.link_millibits, model.margin_millibits)
    partition = clusters(nodes, edges, cuts, identifier_links=_identifier_links(names, of))
    return _across(partition, labelled), {(int(each.one), int(each.other)) for each in partition.reviews}


def _exclusive(model: MatchModel, identifiers: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    return frozenset(each for each in identifiers if each[0] in model.exclusive)


def _identifier_links(names: Sequence[str], of: Population) -> list[tuple[str, str]]:
    first: dict[tuple[str, str], str] = {}
    return [
        pair_of(first[identifier], name)
        for name, record in zip(names, of.profiles, strict=True)
        for identifier in record.identifiers
        if first.setdefault(identifier, name) != name
    ]


def _across(partition: Partition, labelled: LabelledSet) -> set[Pair]:
    """Return the pairs of each group, with two sides only those across."""
    sides = labelled.sides()
    found = ((int(one), int(other)) for group in partition.groups for one, other in combinations(group, 2))
    return {pair for pair in found if sides[pair[0]] == _ANY or sides[pair[0]] != sides[pair[1]]}


def _best_candidates(pairs: Pairs, found: Numbers, cut: int) -> set[Pair]:
    """Return for each record of the left its best candidate at or above a cut."""
    best: dict[int, tuple[int, int]] = {}
    for (one, other), score in zip(_pairs(pairs), found.tolist(), strict=True):
        if score >= cut:
            best[one] = max(best.get(one, (cut, -other)), (score, -other))
    return {(one, -other) for one, (_, other) in best.items()}


def _figures(
    truth: frozenset[Pair], candidates: set[Pair], linked: set[Pair], reviewed: set[Pair], *, automatic: bool
) -> Figures:
    right = len(linked & truth)
    precision, recall = right / max(len(linked), 1), right / max(len(truth), 1)
    return Figures(
        candidate_recall=len(candidates & truth) / max(len(truth), 1),
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if right else 0.0,
        recall_with_reviews=len((linked | reviewed) & truth) / max(len(truth), 1),
        reviews=len(reviewed),
        automatic=automatic,
        links=len(linked) if automatic else 0,
        candidates=len(candidates),
    )
