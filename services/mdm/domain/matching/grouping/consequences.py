"""What becomes of golden records when source records are grouped anew, and which decisions a model speaks against."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from services.mdm.domain.matching.grouping.clustering import Join, Pair, Reason
from services.mdm.domain.matching.model import MatchModel, Score

Group = tuple[str, ...]


class Merge(NamedTuple):
    """Golden records that would become one, and all its source records."""

    goldens: Group
    sources: Group


class Joining(NamedTuple):
    """A pair that would bring golden records together: why, and what it scores (0 = no score decides)."""

    join: Join
    millibits: int


class Split(NamedTuple):
    """A golden record whose source records would be parted, and the parts."""

    golden: str
    parts: tuple[Group, ...]


class Against(Enum):
    """How a model speaks against a steward's decision; the decision holds all the same."""

    WOULD_LINK = "would_link"
    """The steward parts them; without that they would be linked."""
    WOULD_PART = "would_part"
    """The steward links them; without that they would not even be asked about."""


class Contradiction(NamedTuple):
    """A decision that a model speaks against."""

    one: str
    other: str
    millibits: int
    against: Against


def merges(before: Mapping[str, str], groups: Iterable[Sequence[str]]) -> list[Merge]:
    """Return the golden records that would become one; `before` tells each source record's golden record."""
    found = []
    for group in groups:
        goldens = tuple(sorted({before[source] for source in group}))
        if len(goldens) > 1:
            found.append(Merge(goldens, tuple(sorted(group))))
    return sorted(found)


def joinings(before: Mapping[str, str], joins: Iterable[Join], scores: Mapping[Pair, int]) -> list[Joining]:
    """Return what would bring golden records together, by pair; what joins what is together already is left out."""
    return [
        Joining(join, scores[join.one, join.other] if join.reason is Reason.MODEL else 0)
        for join in joins
        if before[join.one] != before[join.other]
    ]


def splits(before: Mapping[str, str], groups: Iterable[Sequence[str]]) -> list[Split]:
    """Return the golden records that would be parted."""
    parts: defaultdict[str, list[Group]] = defaultdict(list)
    for group in groups:
        for golden, sources in _by_golden(before, group).items():
            parts[golden].append(sources)
    return sorted(Split(golden, tuple(sorted(of))) for golden, of in parts.items() if len(of) > 1)


def regrouped(before: Mapping[str, str], groups: Iterable[Sequence[str]]) -> list[Group]:
    """Return the groups that are no golden record's source records as they are."""
    sources: defaultdict[str, set[str]] = defaultdict(set)
    for source, golden in before.items():
        sources[golden].add(source)
    return sorted(tuple(sorted(group)) for group in groups if set(group) != sources[before[group[0]]])


def contradictions(
    model: MatchModel, must: Iterable[tuple[Pair, Score]], cannot: Iterable[tuple[Pair, Score]]
) -> list[Contradiction]:
    """Return the decisions that a model speaks against, by pair."""
    return sorted(
        (*_parted(model, must), *_linked(model, cannot)), key=lambda found: (found.one, found.other, found.millibits)
    )


def _parted(model: MatchModel, must: Iterable[tuple[Pair, Score]]) -> Iterator[Contradiction]:
    for (one, other), score in must:
        if score.millibits < model.review_millibits:
            yield Contradiction(one, other, score.millibits, Against.WOULD_PART)


def _linked(model: MatchModel, cannot: Iterable[tuple[Pair, Score]]) -> Iterator[Contradiction]:
    for (one, other), score in cannot:
        if model.link_millibits is not None and score.millibits >= model.link_millibits and not score.forbidden:
            yield Contradiction(one, other, score.millibits, Against.WOULD_LINK)


def _by_golden(before: Mapping[str, str], group: Sequence[str]) -> dict[str, Group]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for source in sorted(group):
        found[before[source]].append(source)
    return {golden: tuple(sources) for golden, sources in found.items()}
