"""How well a type's default matching does on a labelled set: the same path as ingest."""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from services.mdm.domain.matching.columns.lists import Numbers
from services.mdm.domain.matching.columns.population import Pairs, Population, population
from services.mdm.domain.matching.grouping.clustering import Cuts, Edge, Node, Partition, clusters, pair_of
from services.mdm.domain.matching.learning.training import candidate_pairs, trained
from services.mdm.domain.matching.learning.weights import decided as decided_pairs
from services.mdm.domain.matching.learning.weights import learnt
from services.mdm.domain.matching.measuring.labels import Decisions, LabelledSet, Pair, decisions
from services.mdm.domain.matching.model import MatchModel, forbidding
from services.mdm.domain.matching.scoring.bulk import likenesses, scores
from services.mdm.domain.matching.standardising.code_token import Token
from services.mdm.domain.matching.standardising.profile import profile
from services.mdm.domain.record_type import RecordType

PROMISE = 0.99
"""The precision that links are to keep where stewards' decisions move the cut."""


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


def measured(record_type: RecordType, labelled: LabelledSet, token: Token, labels_share: float = 0.0) -> Figures:
    """Return the figures of a type's default matching. Raises ValueError for types that declare no matching.

    With `labels_share` above 0 that share of the records, drawn evenly, counts as decided on by stewards: weights and
    cuts are learnt from them, what was decided stands as it does in the hub, and the figures are of the other pairs.
    """
    of = population(
        [profile(record_type, content, token) for content in (*labelled.left, *labelled.right)], labelled.sides()
    )
    model, pairs = trained(record_type, of)
    automatic = model.link_millibits is not None
    decided = decisions(labelled, labels_share)
    if labels_share:
        model = learnt(model, of, decided_pairs(decided.on(_pairs(pairs))), PROMISE)
        of = dataclasses.replace(of, sides=decided.sides())
        pairs = candidate_pairs(model, of)
    found = scores(likenesses(of, pairs, model), model)
    partition = _partition(model, of, pairs, found, decided)
    linked = _linked(partition) if automatic else _best_candidates(pairs, found, model.review_millibits, decided)
    reviewed = [(int(each.one), int(each.other)) for each in partition.reviews]
    told = (decided.across(each) for each in (_pairs(pairs), linked, reviewed))
    return _figures(decided.truth(), *told, automatic=automatic)


def _pairs(pairs: Pairs) -> Iterable[Pair]:
    return zip(pairs.one.tolist(), pairs.other.tolist(), strict=True)


def _partition(model: MatchModel, of: Population, pairs: Pairs, found: Numbers, decided: Decisions) -> Partition:
    names = [f"{place:09d}" for place in range(len(of))]
    nodes = [
        Node(name, str(side), decided.labelled.one_to_one, _exclusive(model, record.identifiers))
        for name, side, record in zip(names, of.sides.tolist(), of.profiles, strict=True)
    ]
    kept = np.flatnonzero(found >= model.review_millibits)
    scored = zip(pairs.one[kept].tolist(), pairs.other[kept].tolist(), found[kept].tolist(), strict=True)
    edges = [
        Edge(names[one], names[other], score, forbidding(model.exclusive, of.profiles[one], of.profiles[other]))
        for one, other, score in scored
    ]
    cuts = Cuts(model.review_millibits, model.link_millibits, model.margin_millibits)
    return clusters(
        nodes,
        edges,
        cuts,
        identifier_links=_identifier_links(names, of),
        must_links=[(names[one], names[other]) for one, other in decided.links()],
        cannot_links=[
            (names[one], names[other])
            for (one, other), same in decided.on(_pairs(Pairs(pairs.one[kept], pairs.other[kept]))).items()
            if not same
        ],
    )


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


def _linked(partition: Partition) -> Iterable[Pair]:
    return ((int(one), int(other)) for group in partition.groups for one, other in combinations(group, 2))


def _best_candidates(pairs: Pairs, found: Numbers, cut: int, decided: Decisions) -> Iterable[Pair]:
    """Return for each record of the left that nobody decided on its best candidate at or above a cut."""
    best: dict[int, tuple[int, int]] = {}
    for pair, score in zip(_pairs(pairs), found.tolist(), strict=True):
        if score >= cut and not decided.knows(pair):
            one, other = pair[::-1] if decided.drawn[pair[0]] else pair
            best[one] = max(best.get(one, (cut, -other)), (score, -other))
    return [(one, -other) for one, (_, other) in best.items()]


def _figures(
    truth: set[Pair], candidates: set[Pair], linked: set[Pair], reviewed: set[Pair], *, automatic: bool
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
