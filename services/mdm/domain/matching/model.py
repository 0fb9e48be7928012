"""The match model: what agreement and disagreement weigh, frozen in one revision."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from concord.mdm.v1 import match_model_pb2 as pb
from services.mdm.domain.matching.columns.hashing import hashed
from services.mdm.domain.matching.comparing.gauge import Gauge
from services.mdm.domain.matching.comparing.weighing_plan import Plan, planned
from services.mdm.domain.matching.declaration import DISCOUNT, Attribute, Matching
from services.mdm.domain.matching.standardising.profile import Profile

MISSING = -1
"""The level of an attribute that one of the records says nothing of: it weighs nothing."""


MOST_REMEMBERED = 1 << 16
"""Of so many tokens of an attribute at most a model remembers how rare they are: 10 MB or so."""


class Part(NamedTuple):
    """What one attribute says about a pair."""

    attribute: str
    level: int
    """Index into the levels of its comparison; `MISSING` = one of the two says nothing."""
    millibits: int


class Score(NamedTuple):
    """How strong the evidence is that two source records are one thing."""

    millibits: int
    """Thousandths of a bit of evidence, positive for the same thing."""
    parts: tuple[Part, ...]
    forbidden: str
    """The kind of exclusive identifier in which they differ: they are never linked automatically; "" = none."""


@dataclass(frozen=True)
class Weights:
    """What one attribute's levels weigh."""

    millibits: tuple[int, ...]
    """Per level of the comparison."""
    usual_rarity: int
    """How rare what two agreeing records share usually is, millibits."""
    unseen_rarity: int
    """How rare a token or value is that the population did not show twice, millibits."""
    rarity_range: tuple[int, int] = (0, 0)
    """How far a rarity other than the usual moves the weight, down and up, millibits."""


@dataclass(frozen=True)
class MatchModel:
    """What matching of one record type needs to know, frozen: arrival order cannot matter."""

    record_type: str
    matching: Matching
    exclusive: frozenset[str]
    """Kinds of identifiers of which a thing has one at most."""
    weights: tuple[Weights, ...]
    """Per attribute of the declaration."""
    review_millibits: int
    margin_millibits: int
    link_millibits: int | None
    """None = nothing is linked automatically."""
    rarities: Mapping[int, int] = field(default_factory=dict)
    """By hash of attribute and token or value: how rare it is, millibits."""
    common_keys: frozenset[int] = frozenset()
    """Block keys that so many records hold that they say nothing."""
    revision: int = 0
    origin: "pb.MatchModel.Origin.ValueType" = pb.MatchModel.ORIGIN_DEFAULT
    record_count: int = 0
    decision_count: int = 0

    @property
    def name(self) -> str:
        """The name of the record that it is stored in."""
        return f"matchModels/{self.record_type}-{self.revision}"

    def rarity_of(self, place: int) -> Callable[[str], int]:
        """Return how rare the tokens and values of an attribute are."""
        return self.gauges[place].rarity

    def score(self, one: Profile, other: Profile) -> Score:
        """Return the evidence that two records are one thing; their order does not matter."""
        parts = [
            self.part(place, one.values[place], other.values[place]) for place in range(len(self.matching.attributes))
        ]
        for group in self.matching.groups:
            if len(group) > 1:
                _discount(parts, group)
        return Score(sum(part.millibits for part in parts), tuple(parts), forbidding(self.exclusive, one, other))

    def part(self, place: int, ours: tuple[str, ...], theirs: tuple[str, ...]) -> Part:
        """Return what one attribute says: the heaviest of all pairs of values."""
        name = self.matching.attributes[place].name
        return Part(name, *self.gauges[place].part(ours, theirs)) if ours and theirs else Part(name, MISSING, 0)

    @cached_property
    def gauges(self) -> tuple[Gauge, ...]:
        """What weighs each attribute, in the order of the declaration."""
        return tuple(
            Gauge(
                attribute.comparison,
                weights.millibits,
                weights.usual_rarity,
                weights.rarity_range,
                self._rarity_within(attribute, weights.unseen_rarity),
            )
            for attribute, weights in zip(self.matching.attributes, self.weights, strict=True)
        )

    def plan(self, places: tuple[int, ...]) -> Plan:
        """Return how records are weighed that both say something of the attributes in these places, ascending."""
        known = self._plans.get(places)
        if known is None:
            known = self._plans[places] = planned(self.matching, self.gauges, places)
        return known

    @cached_property
    def _plans(self) -> dict[tuple[int, ...], Plan]:
        return {}

    def _rarity_within(self, attribute: Attribute, unseen: int) -> Callable[[str], int]:
        return _Rarities(attribute.name, self.rarities, unseen).__getitem__


class _Rarities(dict[str, int]):
    """How rare an attribute's tokens and values are; what was asked for is remembered, up to a bound."""

    def __init__(self, attribute: str, rarities: Mapping[int, int], unseen: int) -> None:
        super().__init__()
        self._attribute = attribute
        self._rarities = rarities
        self._unseen = unseen

    def __missing__(self, token: str) -> int:
        # Most are asked for once: to forget all of them now and then costs less than to know the oldest.
        if len(self) >= MOST_REMEMBERED:
            self.clear()
        found = self[token] = self._rarities.get(rarity_key(self._attribute, token), self._unseen)
        return found


def _discount(parts: list[Part], group: tuple[int, ...]) -> None:
    """Count in full only the first attribute of a group that both records say something of."""
    said = [place for place in group if parts[place].level != MISSING]
    for place in said[1:]:
        parts[place] = parts[place]._replace(millibits=parts[place].millibits // DISCOUNT)


def rarity_key(attribute: str, token: str) -> int:
    """Return the key of a token or value of an attribute among a model's rarities."""
    return hashed(f"{attribute}\x1f{token}")


def forbidding(exclusive: frozenset[str], one: Profile, other: Profile) -> str:
    """Return the first kind of exclusive identifier in which two records differ; "" = in none."""
    for kind in sorted(exclusive):
        ours, theirs = ({value for of, value in each.identifiers if of == kind} for each in (one, other))
        if ours and theirs and not ours & theirs:
            return kind
    return ""
