"""In which order attributes are weighed, so that what can't reach a cut any more is given up soon."""

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from services.mdm.domain.matching.comparing.comparisons import DEAR
from services.mdm.domain.matching.comparing.gauge import Gauge
from services.mdm.domain.matching.declaration import DISCOUNT, Comparison, Matching


class Told(Enum):
    """What a step tells of an attribute."""

    WHOLE = "whole"
    """What it weighs."""
    CEILING = "ceiling"
    """What its texts weigh at most, for a fraction of the cost."""
    BEYOND = "beyond"
    """How far its texts weigh less than that."""


class Step(NamedTuple):
    """An attribute that is compared."""

    place: int
    share: int
    """What its weight is divided by: further evidence of a group counts less."""
    most: int
    """What it was taken for before, millibits."""
    told: Told = Told.WHOLE


class Plan(NamedTuple):
    """What two records weigh at most that both say something of some attributes, and what tells step by step."""

    most: int
    steps: tuple[Step, ...]


def planned(matching: Matching, gauges: Sequence[Gauge], places: Sequence[int]) -> Plan:
    """Return how records are weighed that both say something of the attributes in these places, ascending.

    What may lose most in the shortest time comes first.
    """
    whole = [Step(place, share, gauges[place].most // share) for place, share in _shares(matching, places)]
    of = [matching.attributes[step.place].comparison for step in whole]
    cheap = [step for step, comparison in zip(whole, of, strict=True) if comparison not in DEAR]
    texts = [step for step, comparison in zip(whole, of, strict=True) if comparison is Comparison.TEXT]
    others = [step for step in whole if step not in cheap and step not in texts]
    first = sorted([*cheap, *(step._replace(told=Told.CEILING) for step in texts)], key=_turn)
    last = [*sorted(others, key=_turn), *(step._replace(told=Told.BEYOND, most=0) for step in texts)]
    return Plan(sum(step.most for step in whole), (*first, *last))


def _turn(step: Step) -> float:
    """Return the turn of a step: what may lose most in the shortest time comes first; a ceiling takes twice as long."""
    return -step.most / (2 if step.told is Told.CEILING else 1)


def _shares(matching: Matching, places: Sequence[int]) -> Iterator[tuple[int, int]]:
    groups: set[tuple[int, ...]] = set()
    for place in places:
        group = next(each for each in matching.groups if place in each)
        yield place, DISCOUNT if group in groups else 1
        groups.add(group)
